"""Print lines for people, inert."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Callable

from core.text import inert, one_line
from tui.text.numbers import countdown

_REDRAW_S = 0.1

_collected: list[str] | None = None
"""Lines for people that are kept for one JSON object instead of being printed."""


def collect() -> list[str]:
    """Keep what :func:`say` is given from now on in the list that is returned, instead of printing it."""
    global _collected  # noqa: PLW0603 - stdout is one for the process as well
    _collected = []
    return _collected


def release() -> None:
    """Print again what :func:`say` is given."""
    global _collected  # noqa: PLW0603
    _collected = None


def say(text: str) -> None:
    """Print a line on stdout, inert."""
    if _collected is not None:
        _collected.append(inert(text))
    else:
        print(inert(text))  # noqa: T201 - this is the command line


def say_hung(text: str) -> None:
    """Print a line with its name in front, inert; in a terminal it is wrapped so that the name stands alone."""
    if _collected is not None or not sys.stdout.isatty():
        say(text)
        return
    from tui.text.clauses import indented  # noqa: PLC0415 - brings rich, which piped commands do without

    for row in indented(inert(text), shutil.get_terminal_size().columns):
        print(row)  # noqa: T201


def complain(text: str) -> None:
    """Print a line on stderr, inert."""
    print(f"labeltui: {inert(text)}", file=sys.stderr)  # noqa: T201


def redraw(line: str) -> None:
    """Show a line in place of the one before, cut to the terminal: a line that wraps cannot be taken back."""
    width = shutil.get_terminal_size().columns - 1
    print(f"\r\x1b[K{one_line(line, limit=width)}", end="", flush=True)  # noqa: T201


def end_redrawn() -> None:
    """Take back the line that was redrawn in place, so that what follows begins a line of its own."""
    if sys.stdout.isatty():
        print("\r\x1b[K", end="", flush=True)  # noqa: T201


def has_terminal() -> bool:
    """Return whether stdin and stdout are terminals."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def importing() -> Callable[[int], None] | None:
    """Return a function that shows how many items were read, in place; None without a terminal."""
    return counting("read")


def counting(what: str, total: int | None = None) -> Callable[[int], None] | None:
    """Return a function that shows a growing number, its rate and, of a ``total``, the time left; in place.

    None without a terminal.
    """
    if not sys.stderr.isatty():
        return None
    begun_at, told_at = time.monotonic(), 0.0

    def show(count: int) -> None:
        nonlocal told_at
        now = time.monotonic()
        if now - told_at < _REDRAW_S:
            return
        told_at = now
        rate = count / max(now - begun_at, 0.001)
        left = f", {countdown((total - count) / rate)} left" if total is not None and count < total and rate else ""
        print(f"\r\x1b[K{count:,} {what}, {rate:,.0f} a second{left}", end="", file=sys.stderr, flush=True)  # noqa: T201
        print("\r\x1b[K", end="", file=sys.stderr)  # noqa: T201 - what comes next stands in its place

    return show
