"""Show the keys of this machine: the list, one key, and actions on them."""
