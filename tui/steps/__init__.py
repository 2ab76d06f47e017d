"""The steps to a new run, one module each."""
