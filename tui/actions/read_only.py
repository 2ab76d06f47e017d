"""What a console that only looks on says to whoever wants to change something."""

from __future__ import annotations

from typing import NoReturn

from core.errors import UsageError

READ_ONLY = "This console is read-only (--read-only, or served without --writable): it changes nothing."


def refuse() -> NoReturn:
    """Raise the UsageError that says so."""
    raise UsageError(READ_ONLY)
