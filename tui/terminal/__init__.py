"""Adapt to the terminal: abilities, themes, preferences, clipboard, streams, crash reports, fixes of Textual."""
