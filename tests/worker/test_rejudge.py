"""Stored answers are judged again without a call: exactly as the task says, and never by a guess."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest

from core.commands.catalog import Rejudge
from core.model import AskKind, Attempt, Outcome, RunState, Settled
from core.runs import send as commands
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.storage.writing.store import Answer, Store
from tests.conftest import NOW, MakeRun
from tui.cli import main


def failed(store: Store, email_id: int, answers: Sequence[str], outcome: Outcome = Outcome.INVALID) -> None:
    """Fail an email with these answers, as a worker does."""
    for n, answer in enumerate(answers, 1):
        attempt = Attempt(
            email_id, n, AskKind.REASK if n > 1 else AskKind.ASK, "main", "org", "m", store.task_version, NOW, 1.0,
            outcome, answer, "no label", 10, 2,
        )  # fmt: skip
        last = n == len(answers)
        settled = Settled(email_id, n - 1, failure="no valid label") if last else None
        store.commit([Answer(attempt, settled)], now=NOW)


@pytest.fixture
def path(make_run: MakeRun) -> Path:
    """A run whose emails failed with answers in other forms; 1 and 5 have the same text."""
    path = make_run(["a", "b", "c", "d", "a", "e"])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=NOW, pid=1, host="h")
        failed(store, 1, ["It is work.", "Label: 1", "**1**"])
        failed(store, 2, ["<think>0</think>\n0"])
        failed(store, 3, ["Label: 1", "Label: 0"])
        failed(store, 4, ["1."], Outcome.TRUNCATED)
        failed(store, 6, ["I cannot say"])
        store.end_epoch(RunState.DONE, "done", now=NOW)
    return path


def labels(path: Path) -> dict[int, tuple[str, str | None, str | None]]:
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT id, state, label, label_source FROM email ORDER BY id").fetchall()
    return {row[0]: row[1:] for row in rows}


def test_the_rule_of_the_task_decides(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By the exact rule a label after its reasoning counts; how many more the tolerant rule would accept is said."""
    assert main(["rejudge", str(path)]) == 0
    out = capsys.readouterr().out
    assert "1 of 6 failed texts labeled from stored answers" in out
    assert "1 hold a label in another form, which `labeltui rejudge run --tolerant` accepts" in out.replace(
        path.stem, "run"
    )
    assert labels(path)[2] == ("labeled", "0", "model")
    assert labels(path)[1][0] == "failed"
    assert check_run(path).sound


def test_the_tolerant_rule_labels_without_a_call_and_never_guesses(path: Path) -> None:
    """Copies get the label of their text; answers that contradict each other, or were cut off, stay failed."""
    calls = attempts(path)
    assert "3 of 6 failed texts labeled" in commands.send(path, Rejudge(tolerant=True)).sentence
    assert labels(path) == {
        1: ("labeled", "1", "model"),
        2: ("labeled", "0", "model"),
        3: ("failed", None, None),
        4: ("failed", None, None),
        5: ("labeled", "1", "copy"),
        6: ("failed", None, None),
    }
    assert attempts(path) == calls
    assert check_run(path).sound
    with RunReader(path) as reader:
        assert reader.task().judge == "tolerant"
        assert reader.snapshot(time.time()).failed == 3
        (label,) = reader.record(1).labels
        assert label.value == "1"
    again = commands.send(path, Rejudge())
    assert not again.changed
    assert check_run(path).sound


def attempts(path: Path) -> int:
    with closing(sqlite3.connect(path)) as db:
        return int(db.execute("SELECT count(*) FROM attempt").fetchone()[0])
