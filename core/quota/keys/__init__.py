"""Find, store and identify API keys."""
