"""Kills: of workers, imports, exports and migrations, at random and at every chosen moment."""

from __future__ import annotations

import csv
import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run, run_files
from core.runs.save import export_run
from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.writing.check import check_run
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from tests.conftest import emails
from tests.programs.crash.harness import ONCE, Rounds, Zygote, scratch
from tests.programs.crash.points import ARM, STATEMENT
from tests.storage.test_check import as_format_1, copies_before
from tests.storage.test_store import labeled, recount

KILLED = -9
EMAILS = 40
KILLS = 85
"""With one at each chosen moment that makes a hundred."""


# -- workers ----------------------------------------------------------------------------------------------------------


def test_no_kill_anywhere_loses_or_doubles_anything() -> None:
    """Kills at random moments, each followed by a look at every promise; ``python -m tests.programs.crash`` makes a thousand."""
    with scratch() as folder:
        report = Rounds(Path(folder) / "home", seed=int(time.time()), emails=100).play(KILLS)
    assert report.broken == []
    assert report.killed == KILLS
    assert report.acknowledged > 2 * KILLS


@pytest.mark.slow
def test_a_thousand_kills() -> None:
    """The same, a thousand times."""
    with scratch() as folder:
        report = Rounds(Path(folder) / "home", seed=int(time.time()), emails=250).play(1000)
    assert report.broken == []


def test_every_chosen_moment_is_survived() -> None:
    """A worker dies at each of them; the next one finds all as promised, and ends the run."""
    with scratch() as folder:
        rounds = Rounds(Path(folder) / "home", seed=3, emails=40)
        report = rounds.at_each([(point, 1 if point in ONCE else 2) for point in ARM])
    assert report.broken == []
    assert set(report.kills) == set(ARM)


# -- imports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nth", [1, 2, 5, 9, 30, 60, 90, 140, 141, 142, 143, 144, 145, 146, 147, 148, 149, 150])
def test_a_killed_import_leaves_no_run_or_a_whole_one(zygote: Zygote, home: Path, nth: int) -> None:
    """Whichever statement it died at; asking again makes the run, as if nothing had been."""
    path = home / "runs" / f"import-{nth}.db"
    code = zygote.run("new", path, point=STATEMENT, nth=nth, source=str(home / "emails.csv"))
    assert code in (KILLED, 0)
    settings = load_settings({"LABELTUI_HOME": str(home)})
    if path in run_files(settings):
        assert check_run(path).emails == 40
    options = RunOptions(name=path.stem, seed=1)
    made = create_run(settings, home / "emails.csv", builtin_task(), options, now=time.time())
    assert made.taken == 40
    assert check_run(path).sound
    assert check_run(path).emails == 40


def test_what_a_killed_import_left_is_swept_away_a_day_later(zygote: Zygote, home: Path) -> None:
    """Its unfinished file is no run, and does not stay for ever."""
    path = home / "runs" / "swept.db"
    assert zygote.run("new", path, point=STATEMENT, nth=60, source=str(home / "emails.csv")) == KILLED
    left = list((home / "runs").glob(".swept.*.part*"))
    assert left
    settings = load_settings({"LABELTUI_HOME": str(home)})
    options = RunOptions(name="later", seed=1)
    create_run(settings, home / "emails.csv", builtin_task(), options, now=time.time() + 3600)
    assert all(file.exists() for file in left)
    create_run(
        settings, home / "emails.csv", builtin_task(), RunOptions(name="much-later", seed=1), now=time.time() + 90_000
    )
    assert not any(file.exists() for file in left)


# -- exports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_killed_export_leaves_the_old_file_or_a_whole_new_one(zygote: Zygote, home: Path, suffix: str) -> None:
    """Whichever row it died at, and however little time it had."""
    settings = load_settings({"LABELTUI_HOME": str(home)})
    name = f"exported-{suffix[1:]}"
    path = create_run(
        settings, home / "emails.csv", builtin_task(), RunOptions(name=name, seed=1), now=time.time()
    ).path
    target = home / f"labels{suffix}"
    export_run(path, target)
    whole = target.read_bytes()
    killed = 0
    for nth in range(1, 12):
        target.write_text("the old one")
        code = zygote.run("export", path, point=STATEMENT, nth=nth, target=str(target))
        killed += code == KILLED
        assert target.read_bytes() in (b"the old one", whole)
    for milliseconds in range(1, 16, 2):
        target.write_text("the old one")
        zygote.run("export", path, after_s=milliseconds / 1000, target=str(target))
        assert target.read_bytes() in (b"the old one", whole)
    assert killed > 3
    rows = csv.DictReader(whole.decode().splitlines()) if suffix == ".csv" else map(json.loads, whole.splitlines())
    assert len(list(rows)) == 40


# -- migrations -------------------------------------------------------------------------------------------------------


def test_a_killed_migration_is_gone_through_again(zygote: Zygote, home: Path) -> None:
    """At each statement of it: the next writer finds the old format or the new one, and no row has changed."""
    path = home / "older.db"
    with Store.create(path, NewRun("older", "s", "d", 1.0), replace(builtin_task(), version="v1")) as store:
        store.add_emails(emails([str(n) for n in range(40)]))
        store.set_order("source", 0)
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=1.0, pid=1, host="h")
        store.commit([labeled(n) for n in range(1, 21)], now=1.0)
    older = as_format_1(path)
    rows = recount(path)
    killed = 0
    for nth in range(1, 200):
        for file in path.parent.glob("older.db-*"):
            file.unlink()
        path.write_bytes(older)
        for copy in copies_before(path):
            copy.unlink()
        code = zygote.run("open", path, point=STATEMENT, nth=nth)
        if code == 0:
            break
        assert code == KILLED
        killed += 1
        assert all(check_run(copy).sound for copy in copies_before(path))
        with RunLock(path) as lock, Store.open(path, lock):
            pass
        counted = recount(path)
        assert counted.pop("by_model:v1:model:1") == 20
        assert counted == rows
        with closing(sqlite3.connect(path)) as db:
            assert db.execute("SELECT count(*) FROM email WHERE flags IS NULL").fetchone() == (40,)
        found = check_run(path)
        assert (found.sound, found.notes) == (True, ())
    else:
        raise AssertionError("the migration never came to its end")
    assert killed > 10
