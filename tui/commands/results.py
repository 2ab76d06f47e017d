"""What a run has come to, for people and programs: ``status`` and ``export``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from core import exits
from core.errors import FolderError, KeysError, QuotaFileError
from core.model import KeyStatus, Snapshot
from core.quota.keys.store import KeyStore
from core.runs import find as runs
from core.runs.listing import list_runs
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from core.text import one_line
from tui.commands import status as words
from tui.commands.printing import say, say_hung
from tui.text.numbers import number, percent


def status(given: argparse.Namespace) -> int:
    """``labeltui status [RUN] [--json]``."""
    settings = load_settings()
    if given.run is None:
        return _status_of_all(settings, as_json=given.json)
    path = runs.find_run(settings, given.run)
    settings = settings.for_run(path)
    if not given.json:
        say_status(path, settings)
        return exits.DONE
    snapshot = snapshot_of(path)
    print(json.dumps(words.as_json(snapshot, *_keys_of(snapshot, settings))))  # noqa: T201
    return exits.DONE


def say_status(path: Path, settings: Settings) -> None:
    """Where the run is, for people."""
    snapshot = snapshot_of(path)
    for line in words.as_lines(snapshot, *_keys_of(snapshot, settings)):
        say_hung(line)


def _keys_of(snapshot: Snapshot, settings: Settings) -> tuple[tuple[KeyStatus, ...], str]:
    """The keys, and why there are none to show: where a run is does not depend on the operator's files."""
    try:
        with KeyStore.from_settings(settings, snapshot.run.base_url) as store:
            return store.statuses(snapshot.run.task.model.model, time.time()), ""
    except (FolderError, KeysError, QuotaFileError) as error:
        return (), str(error)


def _status_of_all(settings: Settings, *, as_json: bool) -> int:
    found = list_runs(settings, time.time())
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
    path = runs.find_run(load_settings(), given.run)
    count = runs.export_run(path, given.file, raw=given.raw)
    snapshot = snapshot_of(path)
    say(f"{number(count)} rows written to {given.file}, {number(snapshot.labeled)} of them with a label.")
    if snapshot.run.simulated:
        say("The labels of this run are simulated.")
    return exits.DONE


def snapshot_of(path: Path) -> Snapshot:
    """The run as it stands now."""
    with RunReader(path) as reader:
        return reader.snapshot(time.time())
