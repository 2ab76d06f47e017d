"""Find, build, copy, list, archive, delete and save runs."""
