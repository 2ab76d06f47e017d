"""Draw widgets: each has one reactive with its facts and draws lines of text that are already inert."""
