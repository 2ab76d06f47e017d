"""Open the console: ``labeltui`` alone and ``open``. Nothing is imported here that the first paint could do without."""

from __future__ import annotations

import argparse
import gc
import locale
import os
import signal
import sys
from pathlib import Path

from core.engine import Engine
from core.model import exits
from core.settings import Settings, load_settings
from tui.commands.printing import has_terminal, say
from tui.terminal.terminal import terminal


def console_on_runs(given: argparse.Namespace) -> int:
    """Run ``labeltui`` without a command."""
    return console(None, read_only=given.read_only)


def console(
    path: Path | None,
    *,
    settings: Settings | None = None,
    read_only: bool = False,
    review: tuple[str, int] | None = None,
) -> int:
    """Open the console, on one run or on the list of runs; with ``review`` (annotator, batch size) on its review."""
    here = terminal(os.environ, locale.getencoding())
    if not has_terminal() and not here.browser:
        print("labeltui: the console needs a terminal; `labeltui status` prints where runs are.", file=sys.stderr)  # noqa: T201
        return exits.USAGE
    gc.disable()  # until the first paint (`LabeltuiApp._begin`): an eighth of the time that imports take
    from tui.app import LabeltuiApp  # noqa: PLC0415 - Textual, for those who open a console

    app = LabeltuiApp(
        settings or load_settings(),
        run=path,
        read_only=read_only,
        terminal=here,
        tour=os.environ.get("LABELTUI_TOUR", "1") != "0" and review is None,
        review=review,
    )
    if hasattr(signal, "SIGHUP") and not here.browser:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup leaves it ignored; without a terminal nobody is here
    try:
        app.run()
    finally:
        gc.enable()
    if app.leave_message and not here.browser:
        say(app.leave_message)
    return app.return_code or exits.DONE


def open_run(given: argparse.Namespace) -> int:
    """Run ``labeltui open RUN``."""
    settings = load_settings()
    path = Engine(settings).find(given.run)
    return console(path, settings=settings.for_run(path), read_only=given.read_only)
