"""Show a run in a console and on the command line, while a worker of its own works on it."""
