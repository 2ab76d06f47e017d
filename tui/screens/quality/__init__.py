"""Show the screens on which people label blind and read what the labels are worth."""
