"""Some lines at the place of the cursor, redrawn in place: no full screen, no history spoiled."""

from __future__ import annotations

import contextlib
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from rich.cells import cell_len

from tui.commands.compact import Line
from tui.terminal.terminal import size_of
from tui.text.glyphs import plain

_TONES = {
    "bold": "1", "quiet": "2", "running": "32", "waiting": "33", "cooling": "36", "failed": "31", "accent": "36",
}  # fmt: skip
_LOOK_S = 0.2
"""How often a key and a new size of the terminal are looked for."""


def painted(line: Line, *, colors: bool, ascii_only: bool) -> str:
    """The line as it is written; its texts are inert already."""
    texts = ((plain(text) if ascii_only else text, tone) for text, tone in line)
    return "".join(f"\x1b[{_TONES[tone]}m{text}\x1b[0m" if colors and tone in _TONES else text for text, tone in texts)


class Inline:
    """The lines on the screen. Where the terminal became narrower they have wrapped: that is reckoned with."""

    def __init__(self, write: Callable[[str], object], *, colors: bool, ascii_only: bool) -> None:
        self._write = write
        self._colors = colors
        self._ascii_only = ascii_only
        self._drawn: list[int] = []

    def draw(self, lines: Sequence[Line], width: int) -> None:
        """Put these lines in the place of those before, in a terminal of so many columns."""
        rows = sum(max(1, math.ceil(cells / max(1, width))) for cells in self._drawn)
        up = f"\x1b[{rows - 1}A" if rows > 1 else ""
        texts = [painted(line, colors=self._colors, ascii_only=self._ascii_only) for line in lines]
        self._write(f"\r{up}" + "\x1b[K\r\n".join(texts) + "\x1b[K\x1b[J")
        self._drawn = [sum(cell_len(text) for text, _ in line) for line in lines]

    def forget(self) -> None:
        """Begin anew below: something else was written."""
        self._drawn = []


@contextlib.contextmanager
def listening() -> Iterator[Callable[[float], str]]:
    """A function that waits so many seconds at most and says what came: a key, ``again`` after a stop of the job, "".

    Keys come one by one and unseen while this lasts; the cursor is hidden. All of it is put back at the end, also where
    a signal ends it.
    """
    woken: list[str] = []
    restore, unseen = _terminal_modes()

    def continued(_: int, __: FrameType | None) -> None:
        unseen()
        woken.append("again")

    def ended(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    handlers = {signal.SIGCONT: continued, signal.SIGTERM: ended, signal.SIGHUP: ended}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    unseen()

    def wait(seconds: float) -> str:
        deadline = time.monotonic() + seconds
        size = size_of(sys.stdout.fileno())
        while (left := deadline - time.monotonic()) > 0 and not woken:
            if size_of(sys.stdout.fileno()) != size:
                return "size"
            if not sys.stdin.isatty():
                time.sleep(min(left, _LOOK_S))
            elif select.select([sys.stdin], [], [], min(left, _LOOK_S))[0]:
                return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace")
        return woken.pop() if woken else ""

    try:
        yield wait
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        restore()


def _terminal_modes() -> tuple[Callable[[], None], Callable[[], None]]:
    """(put back what was, read keys unseen); both do little where stdin is no terminal."""
    show, hide = "\x1b[?25h", "\x1b[?25l"

    def say(text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone
            sys.stdout.write(text)
            sys.stdout.flush()

    if not sys.stdin.isatty():
        return (lambda: say(show)), (lambda: say(hide))
    import termios  # noqa: PLC0415 - only where there is a terminal
    import tty  # noqa: PLC0415

    before = termios.tcgetattr(sys.stdin)

    def restore() -> None:
        say(show)
        with contextlib.suppress(termios.error, OSError):
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)

    def unseen() -> None:
        tty.setcbreak(sys.stdin)
        say(hide)

    return restore, unseen
