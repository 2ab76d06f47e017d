"""Run the background worker of one run, and the supervisor that starts, finds and stops it."""
