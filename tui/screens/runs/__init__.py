"""The list of runs, and its windows."""
