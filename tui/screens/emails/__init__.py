"""Show the texts of a run: the list, one record, windows for causes and order, and actions on them."""
