"""Print lines for people, inert."""

from __future__ import annotations

import contextlib
import shutil
import sys
from collections.abc import Iterator
from typing import Protocol

from core.text import inert, one_line

NOTHING_CHANGED = "Nothing was changed: this was a dry run."
"""What a dry run ends with."""

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


class Counting(Protocol):
    """Show the number so far and, where that is known better by now, of how many."""

    def __call__(self, count: int, expected: int | None = None, /) -> None:
        """Show it."""


@contextlib.contextmanager
def counting(what: str, total: int | None = None) -> Iterator[Counting | None]:
    """Show a growing number on stderr with its rate and the time left, in place; None without a terminal.

    Without any total there is no time left to show.
    """
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console  # noqa: PLC0415 - for terminals alone
    from rich.progress import BarColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    class Counted(ProgressColumn):
        def render(self, task: Task) -> Text:
            rate = f", {task.speed:,.0f} a second" if task.speed else ""
            known = f" of {task.total:,.0f}" if task.total is not None else ""
            return Text(f"{task.completed:,.0f}{known} {what}{rate}")

    left = TextColumn("left", style="progress.remaining")
    columns = (BarColumn(bar_width=20), Counted(), TimeRemainingColumn(compact=True), left)
    with Progress(*columns, console=Console(stderr=True), transient=True, refresh_per_second=4) as shown:
        task = shown.add_task("", total=total)

        def show(count: int, expected: int | None = None) -> None:
            if expected is not None:
                shown.update(task, completed=count, total=max(count, expected))
            else:
                shown.update(task, completed=count)

        yield show
