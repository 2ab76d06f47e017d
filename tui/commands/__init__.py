"""The command line's answers, a module for each group of commands; each is imported when its command is given."""
