"""Hold the engine of labeltui: everything but the screen. Imports nothing of ``tui`` and of Textual."""
