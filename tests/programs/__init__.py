"""Programs that test labeltui and are started by hand: ``python -m tests.programs.NAME``."""
