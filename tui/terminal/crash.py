"""Write crash reports of the console: where an error happened, without the values of variables, keys or emails."""

from __future__ import annotations

import os
import re
import traceback
from collections.abc import Iterable
from pathlib import Path

from core.text import inert, one_line

_KEY = re.compile(r"\b(gsk|sk|key)[_-][A-Za-z0-9_-]{12,}")
_LONGEST = 100_000
_SHOWN = 200


def report(error: BaseException, secrets: Iterable[str] = ()) -> str:
    """Return the traceback without values of variables, inert, without ``secrets`` and what looks like a key."""
    return inert(without("".join(traceback.format_exception(error)), secrets), limit=_LONGEST)


def without(text: str, secrets: Iterable[str]) -> str:
    """Return the text with these secrets, and whatever looks like one, replaced."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "(a secret)")
    return _KEY.sub("(a secret)", text)


def quoted(message: str) -> str:
    """Return an error's message inert and without what looks like a key: it may quote what was typed."""
    return inert(without(message, ()))


def keep(path: Path, text: str) -> bool:
    """Write the report over the last one, readable by its owner only; return whether that was possible."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return False
    return True


def sentence(error: BaseException, path: Path, secrets: Iterable[str] = (), *, kept: bool) -> str:
    """Return what to print when the console ends by an unexpected error, inert."""
    words = without(f"{type(error).__name__}: {error}", secrets)
    place = one_line(str(path))
    where = f"The traceback is in {place}." if kept else f"{place} cannot be written."
    return (
        f"labeltui: the console ended by an unexpected error ({one_line(words, limit=_SHOWN)}). {where}"
        " Workers are not affected; `labeltui` opens the console again."
    )
