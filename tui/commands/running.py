"""Work on a run in this process, or watch a worker that is another: ``demo`` and ``work``."""

from __future__ import annotations

import argparse
import gc
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine import Engine
from core.errors import RunBusyError, UsageError
from core.model import PlacesWanted, exits
from core.settings import load_settings
from tui.commands import status as words
from tui.commands.console import console
from tui.commands.printing import end_redrawn, has_terminal, redraw, say
from tui.commands.status import print_status, say_status

if TYPE_CHECKING:
    from core.engine import RunReader

_LINE_EVERY_S = 2.0


def demo(given: argparse.Namespace) -> int:
    """Run ``labeltui demo``: in the console; without a terminal the same job with progress lines."""
    if given.read_only:
        raise UsageError(
            "A demo starts a worker, which --read-only rules out. `labeltui --read-only open demo` shows one."
        )
    settings = load_settings()
    engine = Engine(settings)
    if has_terminal() and not given.json:
        return _demo_in_console(engine, given)
    path, existed = engine.prepare_demo(given.emails, fresh=given.fresh)
    if not given.json:
        went_on = ", going on with the last one" if existed else ""
        say(f"A simulated run on invented emails{went_on}; nothing leaves here.")
    try:
        code = _work(engine, path, quiet=given.json)
    except RunBusyError:
        code = _follow(engine, path, quiet=given.json)
    if given.json:
        print_status(engine, path)
    else:
        say_status(engine, path)
    return code


def _demo_in_console(engine: Engine, given: argparse.Namespace) -> int:
    """Show the demo at once: its worker imports what it needs while the run is made, and takes it while this does."""
    gc.disable()  # as :func:`console` does
    try:
        with engine.worker_ahead() as ahead, ThreadPoolExecutor(1) as pool:
            path, _ = engine.prepare_demo(given.emails, fresh=given.fresh)
            starting = pool.submit(engine.start, path, ahead=ahead)
            import_module("tui.app")
            starting.result()
        return console(path, settings=engine.settings.for_run(path))
    finally:
        gc.enable()


def work(given: argparse.Namespace) -> int:
    """Run ``labeltui work RUN``."""
    from tui.commands.control import choose_concurrency, places_of  # noqa: PLC0415 - only here

    places = places_of(given)
    if (code := choose_concurrency(given)) != exits.DONE:
        return code
    engine = Engine(load_settings(), read_only=given.read_only)
    parts, code = engine.series(given.run), exits.DONE
    for path in parts:
        if len(parts) > 1 and not engine.snapshot(path).pending:
            continue
        ended = _work(engine, path, places, quiet=given.json)
        if ended not in (exits.DONE, exits.EMAILS_FAILED):
            code = ended
            break
        code = max(code, ended)
    turn = parts[0] if len(parts) == 1 else engine.find(given.run)
    if given.json:
        print_status(engine, turn, given.run, parts)
    else:
        end_redrawn()
        say_status(engine, turn, given.run, parts)
    return code


def _work(engine: Engine, path: Path, places: PlacesWanted | None = None, *, quiet: bool = False) -> int:
    with engine.view(path) as reader:
        return engine.work(path, (lambda: None) if quiet else _progress(reader), places)


def _follow(engine: Engine, path: Path, *, quiet: bool = False) -> int:
    """Print the progress of a worker that is another process; returns the exit code for how it left the run."""
    from tui.commands.watch import code_of  # noqa: PLC0415 - only here

    with engine.view(path) as reader:
        show: Callable[[], None] = (lambda: None) if quiet else _progress(reader)
        while (snapshot := reader.snapshot(time.time())).worker.alive:
            show()
            time.sleep(0.5)
        return code_of(snapshot)


def _progress(reader: RunReader) -> Callable[[], None]:
    """Return a function that prints where the run is: in place on a terminal, a line every few seconds elsewhere."""
    live = sys.stdout.isatty()
    shown_at, shown = 0.0, ""

    def show() -> None:
        nonlocal shown_at, shown
        now = time.time()
        if not live and now - shown_at < _LINE_EVERY_S:
            return
        line = words.progress_line(reader.snapshot(now))
        if line == shown:
            return
        shown_at, shown = now, line
        if live:
            redraw(line)
        else:
            print(line, flush=True)  # noqa: T201

    return show
