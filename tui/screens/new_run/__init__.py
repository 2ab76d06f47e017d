"""Make a new run in five steps, one module each."""
