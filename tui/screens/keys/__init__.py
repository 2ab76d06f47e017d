"""The keys of this machine: the list, one key, and what a person does to them."""
