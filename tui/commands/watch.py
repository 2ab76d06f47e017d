"""Run ``labeltui watch RUN``: a run in a few lines, redrawn in place; plain lines where stdout is no terminal."""

from __future__ import annotations

import argparse
import contextlib
import locale
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine import NO_KEY, STOPPED_BY, Engine, KeyView
from core.errors import LabeltuiError
from core.model import KeyStatus, RunState, Snapshot, exits
from core.settings import load_settings
from tui.commands import status as words
from tui.commands.compact import Inline, compact_view, listening
from tui.commands.printing import say
from tui.terminal.terminal import NONE, size_of, terminal

if TYPE_CHECKING:
    from core.engine import RunReader

EVERY_S = 1.0
"""Between two looks; without a terminal a line is printed only when something changed."""


def watch(given: argparse.Namespace) -> int:
    """Look on until no worker has the run; the exit code says how it stands then, and with ``--json`` its status."""
    engine = Engine(load_settings())
    path = engine.find(given.run)
    every_s = given.every or EVERY_S
    with engine.view(path) as reader:
        if given.json:
            while (snapshot := reader.snapshot(time.time())).worker.alive:
                time.sleep(every_s)
            words.print_status(engine, path)
            return code_of(snapshot)
        if sys.stdout.isatty():
            return _live(engine, path, reader, every_s)
        return _plain(reader, every_s)


def _plain(reader: RunReader, every_s: float) -> int:
    shown = ""
    while True:
        snapshot = reader.snapshot(time.time())
        line = words.progress_line(snapshot)
        if line != shown:
            say(line)
            sys.stdout.flush()
        shown = line
        if not snapshot.worker.alive:
            return code_of(snapshot)
        time.sleep(every_s)


def _live(engine: Engine, path: Path, reader: RunReader, every_s: float) -> int:
    """Draw in place, until no worker has the run or ``q`` is pressed."""
    shows = terminal(os.environ, locale.getpreferredencoding(do_setlocale=False))
    colors = not shows.no_color and shows.colors != NONE
    view = Inline(_to_stdout, colors=colors, ascii_only=bool(shows.ascii_because))
    with contextlib.ExitStack() as stack:
        keys = _keys(stack, engine, path)
        stack.callback(_to_stdout, "\r\n")
        wait = stack.enter_context(listening())
        while True:
            now = time.time()
            snapshot = reader.snapshot(now)
            columns, rows = size_of(sys.stdout.fileno())
            statuses = _in_use(keys(snapshot.run.task.model.model, now), snapshot)
            lines = compact_view(snapshot, statuses, width=max(1, columns - 1), height=max(1, rows - 1), now=now)
            view.draw(lines, columns)
            if not snapshot.worker.alive:
                return code_of(snapshot)
            came = wait(every_s)
            if came == "again":
                view.forget()
            if came in ("q", "Q"):
                return exits.DONE


def _keys(stack: contextlib.ExitStack, engine: Engine, path: Path) -> Callable[[str, float], Sequence[KeyStatus]]:
    """Return a function that reads the keys; none where they cannot be read, for the run is still worth a look."""
    keys: KeyView | None = None
    with contextlib.suppress(LabeltuiError):
        keys = stack.enter_context(engine.keys(path))

    def read(model: str, now: float) -> Sequence[KeyStatus]:
        with contextlib.suppress(LabeltuiError):
            return keys.statuses(model, now) if keys is not None else ()
        return ()

    return read


def _in_use(keys: Sequence[KeyStatus], snapshot: Snapshot) -> list[KeyStatus]:
    from dataclasses import replace  # noqa: PLC0415 - only here

    return [replace(key, state=state) for key, state in words.in_use(keys, snapshot)]


def code_of(snapshot: Snapshot) -> int:
    """Return the exit code for a run that no worker has."""
    if snapshot.state is RunState.DONE:
        return exits.EMAILS_FAILED if snapshot.failed else exits.DONE
    if NO_KEY in snapshot.reason or "there is no key" in snapshot.reason:
        return exits.NO_KEY
    return exits.STOPPED if snapshot.reason.startswith(STOPPED_BY) else exits.FAILED


def _to_stdout(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
