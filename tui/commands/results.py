"""What a run has come to, for people and programs: ``status`` and ``export``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from core import exits
from core.engine import Engine
from core.errors import FolderError, KeysError, QuotaFileError
from core.model import KeyStatus, Snapshot
from core.settings import load_settings
from core.text import one_line
from tui.commands import status as words
from tui.commands.printing import say, say_hung
from tui.text.numbers import number, percent


def status(given: argparse.Namespace) -> int:
    """``labeltui status [RUN] [--json]``."""
    engine = Engine(load_settings())
    if given.run is None:
        return _status_of_all(engine, as_json=given.json)
    path = engine.find(given.run)
    if not given.json:
        say_status(engine, path)
        return exits.DONE
    snapshot = engine.snapshot(path)
    print(json.dumps(words.as_json(snapshot, *_keys_of(engine, path, snapshot))))  # noqa: T201
    return exits.DONE


def say_status(engine: Engine, path: Path) -> None:
    """Print where the run is, for people."""
    snapshot = engine.snapshot(path)
    for line in words.as_lines(snapshot, *_keys_of(engine, path, snapshot)):
        say_hung(line)


def _keys_of(engine: Engine, path: Path, snapshot: Snapshot) -> tuple[tuple[KeyStatus, ...], str]:
    """Return the keys, and why there are none to show: where a run is does not depend on the operator's files."""
    try:
        with engine.keys(path) as keys:
            return keys.statuses(snapshot.run.task.model.model, time.time()), ""
    except (FolderError, KeysError, QuotaFileError) as error:
        return (), str(error)


def _status_of_all(engine: Engine, *, as_json: bool) -> int:
    found = [run for run in engine.runs(time.time()) if not run.archived]
    if as_json:
        listed = [
            {
                "run": run.name,
                "path": run.path,
                "state": run.state.value,
                "total": run.total,
                "settled": run.settled,
                "failed": run.failed,
                "error": run.error,
            }
            for run in found
        ]
        print(json.dumps({"runs": listed}))  # noqa: T201
        return exits.DONE
    if not found:
        say("There are no runs yet. `labeltui demo` shows one; `labeltui new FILE` makes one from your emails.")
    for run in found:
        if run.error:
            say(f"{run.name:<24} {one_line(run.error)}")
            continue
        done = f"{number(run.settled)} of {number(run.total)} ({percent(run.settled, run.total)})"
        failed = f", {number(run.failed)} failed" if run.failed else ""
        say(f"{run.name:<24} {run.state.value:<8} {done}{failed}")
    return exits.DONE


def export(given: argparse.Namespace) -> int:
    """``labeltui export RUN FILE``."""
    engine = Engine(load_settings())
    path = engine.find(given.run)
    count = engine.export(path, given.file, raw=given.raw)
    snapshot = engine.snapshot(path)
    say(f"{number(count)} rows written to {given.file}, {number(snapshot.labeled)} of them with a label.")
    if snapshot.run.simulated:
        say("The labels of this run are simulated.")
    return exits.DONE
