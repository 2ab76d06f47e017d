"""Show screens, one a module or folder; each is given the newest data."""
