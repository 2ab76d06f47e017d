"""Telling a person who is elsewhere: what deserves it, how it is set up, and services that carry it."""
