"""What is kept and said of an error that nobody expected: where it happened, and neither a key nor an email.

Textual would print every local variable, and a key that was being typed in or an email may be among them.
"""

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
    """The traceback without the values of variables, inert. What looks like a key, and ``secrets``, are taken out."""
    return inert(without("".join(traceback.format_exception(error)), secrets), limit=_LONGEST)


def without(text: str, secrets: Iterable[str]) -> str:
    """The text without these secrets, and without what looks like one."""
    for secret in sorted(filter(None, secrets), key=len, reverse=True):
        text = text.replace(secret, "(a secret)")
    return _KEY.sub("(a secret)", text)


def quoted(message: str) -> str:
    """The message of an error inert, and without what looks like a key: it may quote what was typed."""
    return inert(without(message, ()))


def keep(path: Path, text: str) -> bool:
    """Write it over the report of the last crash, private to its owner; tells whether that was possible."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_CREAT | os.O_WRONLY | os.O_TRUNC
        with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8", errors="replace") as file:
            file.write(text)
    except OSError:
        return False
    return True


def sentence(error: BaseException, path: Path, secrets: Iterable[str] = (), *, kept: bool) -> str:
    """What to say when the console ends by an error, inert."""
    words = without(f"{type(error).__name__}: {error}", secrets)
    place = one_line(str(path))
    where = f"Where it happened stands in {place}." if kept else f"{place} cannot be written."
    return (
        f"labeltui: the console met an error that it does not know ({one_line(words, limit=_SHOWN)}). {where}"
        " Workers go on; `labeltui` opens the console again."
    )
