"""Keeping Python's collector of garbage from holding up a key.

A full collection walks every object there is. Those that come with imports, themes and styles are three quarters of a
console's and never become garbage, so they are set aside once; and collections come less often than the default.
"""

from __future__ import annotations

import gc

YOUNG = 5_000
"""New objects after which the youngest generation is looked through."""


def breathe_easily() -> None:
    """Set aside what is there by now. Once for each process, when everything is imported that most keys need."""
    if gc.get_freeze_count() == 0:
        gc.freeze()
        gc.set_threshold(YOUNG, 20, 20)
