"""Answer the command line, a module for each group of commands; each is imported when its command is given."""
