"""The screens on which people label blind and see what the labels are worth."""
