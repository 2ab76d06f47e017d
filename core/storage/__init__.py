"""Store runs: tables of the run file, its one writer, its readers, and the control file for commands to the worker."""
