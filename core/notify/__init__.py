"""Notify a person who is elsewhere: on which occasions, by which settings, through which services."""
