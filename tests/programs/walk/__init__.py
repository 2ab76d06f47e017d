"""A walk of random steps through the command line, workers, faults, a small disk and lost files: what may never break."""
