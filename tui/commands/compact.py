"""Lay a run out in a few lines, and redraw them in place at the cursor without taking the whole screen."""

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

from core.model import KeyStatus, RunState, Snapshot
from core.text import one_line
from tui.terminal.glyphs import plain
from tui.terminal.terminal import size_of
from tui.text.numbers import both_ends, countdown, end_of, fit, foreign, join, number, percent, rail, share
from tui.text.rates import rate
from tui.text.state_sentence import GLYPHS
from tui.widgets.panes.keys import STATES, organizations

Piece = tuple[str, str]
"""A text and its tone: a meaning such as ``running``, or "" for plain."""

Line = tuple[Piece, ...]

LEAST = 30
"""Columns from which on every line says what it should."""

MOST_ORGANIZATIONS = 4
NAMED = 12


def compact_view(snapshot: Snapshot, keys: Sequence[KeyStatus], *, width: int, height: int, now: float) -> list[Line]:
    """Return at most ``height`` lines of exactly ``width`` cells, without the less important ones in few rows."""
    ranked: list[tuple[int, Line]] = [(0, _head(snapshot, width, now)), (1, _bar(snapshot, width))]
    ranked += [(2, line) for line in _state_sentence(snapshot, width, now)]
    ranked += [(3 + n, line) for n, line in enumerate(_organizations(keys, snapshot, width))]
    ranked.append((4, _labels(snapshot, width)))
    ranked += [(2, line) for line in _failed(snapshot, width)]
    kept = sorted(sorted(range(len(ranked)), key=lambda place: (ranked[place][0], place))[: max(1, height)])
    return [ranked[place][1] for place in kept]


def _head(snapshot: Snapshot, width: int, now: float) -> Line:
    glyph, tone = GLYPHS[snapshot.state]
    word = f"{glyph} {snapshot.state.value.upper()}"
    live = snapshot.state in (RunState.RUNNING, RunState.WAITING)
    pace = f"{number(rate(snapshot.pace, now).now)}/min" if live else ""
    name = foreign(snapshot.run.name, max(6, min(cell_len(snapshot.run.name), width - len(word) - len(pace) - 4)))
    left = width - cell_len(name) - 2 - len(word)
    return (name, "bold"), ("  ", ""), (word, tone), (fit(pace, max(0, left), right=True), "")


def _bar(snapshot: Snapshot, width: int) -> Line:
    whole = percent(snapshot.settled, snapshot.total)
    counted = f"{number(snapshot.settled)}/{number(snapshot.total)}"
    room = width - len(whole) - len(counted) - 2
    done, left = rail(snapshot.settled / snapshot.total if snapshot.total else 0.0, max(4, room))
    return (done, "running"), (left, "quiet"), (f" {whole}", "bold"), (f" {counted}", "")


def _state_sentence(snapshot: Snapshot, width: int, now: float) -> list[Line]:
    """Return what the run waits for, why it stopped, and when it ends."""
    lines: list[Line] = []
    wait = snapshot.wait
    if wait is not None and wait.until_at is not None:
        what = join((one_line(wait.limit, limit=12), one_line(wait.organization, limit=24)), " of ")
        lines.append(((foreign(f"waits {countdown(wait.until_at - now)} for {what}", width), "waiting"),))
    elif snapshot.reason and snapshot.state is not RunState.RUNNING:
        lines.append(((foreign(snapshot.reason, width), GLYPHS[snapshot.state][1]),))
    forecast = snapshot.forecast
    if forecast is not None and forecast.eta_s is not None and snapshot.pending and snapshot.worker.alive:
        when = end_of(forecast, snapshot.taken_at, now).replace(" – ", "–")
        lines.append(((foreign(join((f"ends {when}", forecast.binding_limit)), width), ""),))
    return lines


def _organizations(keys: Sequence[KeyStatus], snapshot: Snapshot, width: int) -> list[Line]:
    groups = organizations(keys, ())
    lines: list[Line] = []
    for group in groups[:MOST_ORGANIZATIONS]:
        name = both_ends(group.name or "unknown", min(NAMED, width // 3))
        pieces: list[Piece] = [(name, "quiet")]
        for state, (glyph, _, tone) in STATES.items():
            count = sum(1 for key in group.keys if key.state is state)
            pieces += [(f" {glyph}{count}", tone)] if count else []
        waits = min((key for key in group.keys if key.cooldown_s > 0), key=lambda key: key.cooldown_s, default=None)
        if waits is not None and group.wait_s:
            pieces.append((f" {countdown(waits.cooldown_s)} {one_line(waits.limit, limit=4)}".rstrip(), "cooling"))
        pinned = next((key.alias for key in group.keys if key.pinned), "")
        pieces += [(f" ↑{one_line(pinned, limit=16)}", "")] if pinned else []
        lines.append(_cut(pieces, width))
    if len(groups) > MOST_ORGANIZATIONS:
        more = f"{len(groups) - MOST_ORGANIZATIONS} more organizations"
        lines.append(((foreign(more, width), "quiet"),))
    if not keys and snapshot.worker.alive:
        lines.append(((fit("no key is known here", width), "quiet"),))
    return lines


def _labels(snapshot: Snapshot, width: int) -> Line:
    whose = "simulated: " if snapshot.run.simulated else ""
    counts = sorted(snapshot.labels.items(), key=lambda item: -item[1])
    names = [one_line(snapshot.run.task.name_of(value), limit=12) for value, _ in counts]
    if not snapshot.labeled:
        return ((fit("nothing is labeled yet", width), "quiet"),)
    said = join(f"{name} {share(count, snapshot.labeled)}" for name, (_, count) in zip(names, counts, strict=True))
    if cell_len(whose + said) > width:
        said = join(
            f"{name} {percent(count, snapshot.labeled)}" for name, (_, count) in zip(names, counts, strict=True)
        )
    return ((foreign(whose + said, width), ""),)


def _failed(snapshot: Snapshot, width: int) -> list[Line]:
    if not snapshot.failed:
        return []
    last = next((it.text for it in snapshot.recent if it.kind == "failed"), "")
    return [((foreign(join((f"✕ {number(snapshot.failed)} failed", last)), width), "failed"),)]


def _cut(pieces: Sequence[Piece], width: int) -> Line:
    """Return the pieces in exactly ``width`` cells."""
    fitted: list[Piece] = []
    left = width
    for text, tone in pieces:
        fitted += [(fit(text, min(left, cell_len(text))), tone)] if left > 0 else []
        left -= min(left, cell_len(text))
    return (*fitted, (" " * left, ""))


_TONES = {
    "bold": "1", "quiet": "2", "running": "32", "waiting": "33", "cooling": "36", "failed": "31", "accent": "36",
}  # fmt: skip
_LOOK_S = 0.2
"""How often a key and a new size of the terminal are looked for."""


def painted(line: Line, *, colors: bool, ascii_only: bool) -> str:
    """Return the line as it is written; its texts are inert already."""
    texts = ((plain(text) if ascii_only else text, tone) for text, tone in line)
    return "".join(f"\x1b[{_TONES[tone]}m{text}\x1b[0m" if colors and tone in _TONES else text for text, tone in texts)


class Inline:
    """Draw lines in place, and count how they wrapped where the terminal became narrower."""

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
    """Yield a function that waits at most so many seconds and returns the key, ``again`` after a job stop, or "".

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
    """Return (restore, read keys unechoed); both do little where stdin is no terminal."""
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
