"""An import that is cut off goes on where it was, and makes the same run as one that never was."""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.mail import message
from core.model import Task
from core.runs import build
from core.runs.find import Created, RunOptions, create_run
from core.settings import Settings
from core.storage.writing.check import check_run
from core.storage.writing.intake import IMPORTING, note_progress, progress_noted
from tests.conftest import NOW

ROWS = 60


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of sixty emails, every tenth of which cannot be taken; ten go into a batch."""
    monkeypatch.setattr(build, "_BATCH", 10)
    monkeypatch.setattr(build, "_TOLD_EVERY", 5)
    path = tmp_path / "emails.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["id", "message", "stars"])
        for number in range(ROWS):
            writer.writerow([f"m{number - number % 10 // 9}", f"Subject: s{number}\n\nbody {number}", number % 5])
    return path


def made(settings: Settings, task: Task, source: Path, stop_at: int | None = None, **options: object) -> Created:
    def progress(count: int, _: int | None) -> None:
        if stop_at is not None and count >= stop_at:
            raise KeyboardInterrupt

    chosen = replace(RunOptions(name="r"), **options)  # type: ignore[arg-type]
    return create_run(settings, source, task, chosen, now=NOW, progress=progress)


def rows(path: Path) -> list[list[object]]:
    with closing(sqlite3.connect(path)) as db:
        seed = "UPDATE run SET seed = 0"
        db.execute(seed)
        return [
            db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("body", "skipped", "source_column", "total", "gold", "sqlite_master")
        ] + [db.execute("SELECT id, source_id, content_hash, state FROM email ORDER BY id").fetchall()]


def test_an_interrupted_import_goes_on_where_it_was(
    settings: Settings, task: Task, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is in the file already is not parsed again, and nothing is lost or doubled."""
    with pytest.raises(KeyboardInterrupt):
        made(settings, task, source, stop_at=35)
    assert not (settings.runs_dir / "r.db").exists()
    parsed: list[str] = []
    real = message.view_by
    monkeypatch.setattr(
        "core.mail.message.view_by",
        lambda task, raw, read_as: (parsed.append(raw), real(task, raw, read_as))[1],  # type: ignore[func-returns-value]
    )
    created = made(settings, task, source)
    assert (created.taken, sum(created.skipped.values())) == (54, 6)
    assert len(parsed) == 54 - 30
    assert check_run(created.path).sound
    whole = made(settings, task, source, name="other")
    assert rows(created.path) == rows(whole.path)
    assert sorted(path.name for path in settings.runs_dir.iterdir()) == ["other.db", "r.db"]


@pytest.mark.parametrize("change", ["source", "task", "options"])
def test_an_import_of_something_else_begins_anew(change: str, settings: Settings, task: Task, source: Path) -> None:
    """A changed source, task or option of the same name takes nothing from the one that was cut off."""
    with pytest.raises(KeyboardInterrupt):
        made(settings, task, source, stop_at=35)
    if change == "source":
        source.write_text("id,message\na,b\n", encoding="utf-8")
    if change == "task":
        task = replace(task, version="other", truncate_at=9)
    created = made(settings, task, source, **({"dedupe": False} if change == "options" else {}))
    assert created.taken == (1 if change == "source" else 54)
    assert check_run(created.path).sound


def test_an_error_leaves_nothing(settings: Settings, task: Task, source: Path) -> None:
    """Only an interruption or a kill leaves what may go on."""

    def progress(count: int, _: int | None) -> None:
        if count >= 35:
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        create_run(settings, source, task, RunOptions(name="r"), now=NOW, progress=progress)
    assert list(settings.runs_dir.iterdir()) == []


def test_how_far_an_import_is_is_noted_in_one_event() -> None:
    """What is to be made and how many texts could not be parsed whole; the newest note replaces the one before."""
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE event(at, kind, text)")
        assert progress_noted(db) == ("", 0)
        for unparsed in (0, 2):
            note_progress(db, "plan", unparsed, NOW + unparsed)
        assert progress_noted(db) == ("plan", 2)
        assert db.execute("SELECT at, kind FROM event").fetchall() == [(NOW + 2, IMPORTING)]
