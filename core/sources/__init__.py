"""Read emails from files and folders: one module a format behind one registry."""
