"""List what can be done in the console: keys, when each is possible, and who does it."""
