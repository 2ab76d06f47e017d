"""The run file: its tables, its one writer, its readers, and the control file by which wishes reach the worker."""
