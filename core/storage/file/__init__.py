"""Open, lock, check, upgrade and back up a run file, and the control file beside it."""
