"""The engine of labeltui: everything but the screen. Knows nothing of ``tui`` and of Textual."""
