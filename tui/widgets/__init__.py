"""Panes and lists: each is fed by one reactive and draws lines of text that are already inert."""
