"""The emails of a run: the list, one record, causes, sorting, and what a person does to them."""
