"""A console in a real terminal over a run in which everything from outside is hostile, and who reads what comes out."""
