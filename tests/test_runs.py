"""What making, checking and exporting a run counts and says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.commands.review import WithdrawReview
from core.engine import Engine
from core.runs.plan import Asking
from core.runs.requests import _task_files
from core.runs.save import export_run
from core.settings import Settings
from tests.conftest import MakeRun
from tui.cli import main

BEYOND_NUMBERS = "What is not a number cannot be put right"


def test_tokens_that_count_leave_out_what_is_cached() -> None:
    """Of a call: 400 of the prompt, 100 of them cached, and 40 of the answer, in four calls."""
    assert Asking(4.0, (400.0, 100.0, 40.0), 0.0, 0.0, learned=True).counted == 85.0
    assert Asking(0.0, (0.0, 0.0, 0.0), 0.0, 0.0, learned=True).counted == 0.0


def test_task_files_that_are_hidden_or_cannot_be_shown_are_not_offered(tmp_path: Path) -> None:
    """An editor's leftovers, and names with control characters."""
    for name in ("good.toml", ".hidden.toml", "bad\x1b.toml", "notes.txt"):
        (tmp_path / name).write_text('name = "x"\nrubric = "y"\n[[labels]]\nvalue = "1"\nname = "one"\n', "utf-8")
    assert [path.name for path in _task_files(tmp_path)] == ["good.toml"]


def test_an_export_tells_how_many_rows_it_has_written(make_run: MakeRun, tmp_path: Path) -> None:
    """The last number is that of the rows."""
    told: list[int] = []
    assert export_run(make_run(["one", "two", "three"]), tmp_path / "labels.csv", progress=told.append) == 3
    assert told[-1] == 3


def test_an_answer_that_was_never_given_cannot_be_taken_back(settings: Settings, make_run: MakeRun) -> None:
    """It says so, and that nothing changed."""
    sent = Engine(settings).send(make_run(["one"]), WithdrawReview("ana"))
    assert sent.sentence.startswith("nothing to take back")
    assert not sent.changed


def test_a_check_tells_of_a_copy_only_where_rows_are_damaged(
    home: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers can be counted again; an email that is labeled without a label cannot."""
    path = make_run(["one", "two"])
    assert main(["check", str(path)]) == 0
    assert BEYOND_NUMBERS not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE total SET value = value + 1 WHERE name = 'state:pending'")
    assert main(["check", str(path)]) == 1
    assert BEYOND_NUMBERS not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM body")
    assert main(["check", str(path)]) == 1
    assert BEYOND_NUMBERS in capsys.readouterr().out
