"""Show the list of runs, and its windows."""
