"""The console and the command line under a pseudo-terminal."""
