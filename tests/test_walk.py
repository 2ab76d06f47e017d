"""The walk through commands, workers and faults: a short share of it, and that it sees what is broken."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from core.storage.file.lock import RunLock
from core.storage.writing.store import Store
from tests.conftest import MakeRun
from tests.programs.walk.__main__ import minimized, walk
from tests.programs.walk.invariants import Seen, check, secrets_in
from tests.programs.walk.processes import ENVIRONMENT, Zygote
from tests.programs.walk.steps import KINDS, Step, drawn
from tests.storage.test_store import labeled

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks and /proc as on Linux")


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of four emails, two of them labeled."""
    path = make_run(["one", "two", "three", "four"])
    with RunLock(path, wait_s=1) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=1.0, pid=1, host="h")
        store.commit([labeled(1), labeled(2)], now=2.0)
    return path


def changed(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def test_a_sound_run_breaks_nothing(run: Path) -> None:
    """Looked at twice, since the second look compares with the first."""
    seen = Seen()
    assert check(run, seen) == []
    assert check(run, seen) == []
    assert (seen.emails, len(seen.labels), len(seen.attempts)) == (4, 2, 2)


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE total SET value = value + 1 WHERE name = 'state:pending'", "the total state:pending is 3, its rows are 2"),
        ("UPDATE total SET value = 7 WHERE name = 'attempts'", "the total attempts is 7, its rows are 2"),
        ("UPDATE run SET cursor = 3", "the cursor is 3, the first pending email of 4 is at 2"),
        ("UPDATE label SET value = 'x' WHERE email_id = 1", "mail-1 is labeled without a row that says so"),
        ("UPDATE email SET label = NULL WHERE id = 1", "mail-1 shows the label None, its rows give 1"),
        ("UPDATE email SET state = 'failed' WHERE id = 1", "mail-1 is failed beside a label of the active version"),
        ("DELETE FROM label WHERE email_id = 1", "the answer of call 1 about email 1 gave no label"),
        ("UPDATE attempt SET email_id = 1 WHERE id = 2", "email 1 was answered twice in one version of the task"),
        ("UPDATE email SET state = 'skipped', settled_at = 0 WHERE id = 1", "s after it was skipped"),
        ("DELETE FROM label WHERE email_id = 2", "mail-2 is labeled without a row that says so"),
        ("UPDATE attempt SET raw_answer = 'x' WHERE email_id = 2", "call row 2 was"),
    ],
)  # fmt: skip
def test_what_is_broken_is_seen(run: Path, statement: str, sentence: str) -> None:
    """A wrong total, cursor, label or row that was changed is named."""
    seen = Seen()
    check(run, seen)
    changed(run, statement)
    assert any(sentence in each for each in check(run, seen))


def test_a_secret_is_seen_in_any_file_but_that_of_the_keys(tmp_path: Path) -> None:
    """Also in the middle of a file that is no text."""
    (tmp_path / "keys.toml").write_bytes(b"gsk_secret")
    assert list(secrets_in(tmp_path, ("gsk_secret",))) == []
    (tmp_path / "a.db").write_bytes(b"\0\xff gsk_secret \0")
    assert list(secrets_in(tmp_path, ("gsk_secret",))) == ["a.db holds a secret"]


def test_a_seed_draws_the_same_steps() -> None:
    """A walk can be repeated; other seeds walk elsewhere."""
    assert drawn(5, 80) == drawn(5, 80)
    assert drawn(5, 80) != drawn(6, 80)
    assert {step.kind for step in drawn(5, 2000)} == {"server", *(kind for _, kind in KINDS)}


def test_fewer_steps_that_break_the_same_are_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a hundred steps the two that matter are left."""

    def breaks(steps: list[Step], *_: object) -> bool:
        return {"7", "50"} <= {step.argument for step in steps}

    monkeypatch.setattr("tests.programs.walk.__main__._breaks", breaks)
    steps = [Step("time", argument=str(number)) for number in range(100)]
    assert [step.argument for step in minimized(steps, "any", tmp_path)] == ["7", "50"]


@pytest.fixture(scope="module")
def zygote() -> Iterator[Zygote]:
    """Yield one process that the command lines of all walks are forked from."""
    with Zygote(ENVIRONMENT) as begun:
        yield begun


def test_a_run_that_pauses_itself_for_an_alarm_is_resumed_in_the_end(tmp_path: Path, zygote: Zygote) -> None:
    """Nine of ten answers are bad: the worker waits for a person, which is no hanging."""
    steps = [Step("server", argument="0.01 0.9 0"), Step("command", (("new", "mails.csv", "--name", "a"),))]
    _, broken = walk(steps, tmp_path, zygote=zygote)
    assert broken is None, str(broken)
    assert "resume requested" in (tmp_path / "out.txt").read_text()


def test_a_short_walk_breaks_nothing(tmp_path: Path, zygote: Zygote) -> None:
    """Commands, signals, a full disk and lost files; every run is worked to its end afterwards."""
    done, broken = walk(drawn(2, 22), tmp_path, zygote=zygote)
    assert broken is None, str(broken)
    assert done["command"] > 5
