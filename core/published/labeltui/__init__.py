"""Offer labeltui to Python: label a data frame, open and make runs, read their labels.

    import labeltui

    labeled = labeltui.label(frame, task="task.toml")
    for row in labeltui.Run.open("mail"):
        print(row["id"], row["label"])

This package is installed as ``labeltui``; what it offers is :mod:`labeltui.api`, imported when it is first asked for.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

__all__ = ["Format", "Found", "Layout", "Run", "Server", "Source", "label"]

_HOME = {
    "Format": "core.sources.source",
    "Found": "core.sources.source",
    "Layout": "core.exports.registry",
    "Run": "labeltui.api",
    "Server": "core.server_address",
    "Source": "core.sources.source",
    "label": "labeltui.api",
}


_CALLED = {"Server": "Preset"}
"""What is called otherwise where it is from."""

_MARKS = {"core": "engine.py", "tui": "start.py"}
"""A file by which each package of ours is known from another one of its name."""


def _check(package: str) -> None:
    """Look whether a package of ours is the one that Python finds, without importing it.

    Raises:
        ImportError: another package of that name comes first on the path; names it.
    """
    found = importlib.util.find_spec(package)
    places = [Path(place) for place in (found.submodule_search_locations or ())] if found else []
    if not any((place / _MARKS[package]).is_file() for place in places):
        first = next(iter(places), found.origin if found else "nothing")
        raise ImportError(
            f"labeltui needs its own package {package!r}, but Python finds another one first: {first}. Install labeltui"
            " into an environment of its own (uv tool install, pipx or a virtual environment), or start Python"
            " in another folder."
        )


def __getattr__(name: str) -> Any:
    """Import what is offered when it is first asked for."""
    if name not in _HOME:
        raise AttributeError(f"module 'labeltui' has no attribute {name!r}")
    _check("core")
    return getattr(importlib.import_module(_HOME[name]), _CALLED.get(name, name))


def main() -> int:
    """Answer the command line: what the script ``labeltui`` and ``python -m labeltui`` do; returns the exit code."""
    try:
        _check("core")
        _check("tui")
    except ImportError as error:
        print(f"labeltui: {error}", file=sys.stderr)  # noqa: T201 - nothing of ours can be imported
        return 1
    return int(importlib.import_module("tui.start").main())
