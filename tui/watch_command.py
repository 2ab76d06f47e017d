"""``labeltui watch RUN``: a run in one line that is redrawn in place; plain lines where stdout is no terminal."""

from __future__ import annotations

import argparse
import sys
import time

from core import exits, runs
from core.model import RunState
from core.settings import load_settings
from core.storage.reader import RunReader
from tui import status as words
from tui.printing import redraw, say

EVERY_S = 1.0
"""Between two looks; without a terminal a line is printed only when something changed."""


def watch(given: argparse.Namespace) -> int:
    """Look on until no worker has the run; the exit code says how it stands then."""
    path = runs.find_run(load_settings(), given.run)
    live, shown = sys.stdout.isatty(), ""
    with RunReader(path) as reader:
        while True:
            snapshot = reader.snapshot(time.time())
            line = words.progress_line(snapshot)
            if live:
                redraw(line)
            elif line != shown:
                say(line)
                sys.stdout.flush()
            shown = line
            if not snapshot.worker.alive:
                break
            time.sleep(EVERY_S)
    if live:
        say("")
    if snapshot.state is not RunState.DONE:
        return exits.FAILED
    return exits.EMAILS_FAILED if snapshot.failed else exits.DONE
