"""The run file: its tables, its one writer, its readers, and the control file by which commands reach the worker."""
