"""A real worker asks labeled emails again, records the answers apart, and pauses when they change."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from core.quality import canaries
from core.storage.reading.reader import RunReader
from core.storage.reading.reviews import emails_of_alarm, read_alarms, read_audit
from tests.programs.faults.matrix import answers
from tests.programs.faults.world import Call, play
from tui.commands.status import as_json


@pytest.fixture(autouse=True)
def small_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let runs of 100 texts have canaries, one for 35 texts."""
    monkeypatch.setattr(canaries, "FEWEST_TEXTS", 100)
    monkeypatch.setattr(canaries, "TEXTS_PER_CANARY", 35)


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def test_a_change_of_the_model_is_found_and_pauses_the_run(tmp_path: Path) -> None:
    """From the 480th call on every answer is the other label: the canaries alarm, and no label is lost or doubled."""
    count = [0]

    def zero(call: Call, before: int) -> bool:
        del before
        count[0] += 1
        return (call.email % 2 == 0) != (count[0] > 480)

    acts = {0.01: lambda worker: worker.choose_concurrency(16)}
    seen = play(tmp_path, answers("0"), zero, emails=700, closes_at_s=15.0, keys={"one": "org_1"}, acts=acts)
    path = tmp_path / "run.db"
    assert "canaries" in {row.watch for row in read_alarms(path)}
    assert seen.was_shown("paused", "texts asked again changed")
    kinds = dict(rows(path, "SELECT kind, count(*) FROM attempt GROUP BY kind"))
    asked = rows(path, "SELECT count(*), sum(value <> label), sum(round > 0) FROM canary")[0]
    assert kinds["canary"] == asked[0]
    assert rows(path, "SELECT count(*) FROM label GROUP BY email_id HAVING count(*) > 1") == []
    assert rows(path, "SELECT count(*) FROM label")[0][0] == kinds["ask"] == seen.snapshot.labeled
    assert seen.snapshot.canaries[0] == asked[2]
    assert as_json(seen.snapshot, ())["canaries"]["changed"] >= 3
    behind = emails_of_alarm(path, "canaries")
    assert 3 <= len(behind) <= as_json(seen.snapshot, ())["canaries"]["changed"]
    [watch] = [watch for watch in read_audit(path).watches if watch["name"] == "canaries"]
    assert watch["state"] == "alarm"


def test_a_steady_model_costs_a_few_questions_and_no_alarm(tmp_path: Path) -> None:
    """A tenth and a bit more calls than labels; every email is labeled once, and its attempts keep their kind."""
    seen = play(tmp_path, answers("0"), lambda call, _: call.email % 2 == 0, emails=200)
    path = tmp_path / "run.db"
    assert set(seen.states.values()) == {"labeled"}
    assert read_alarms(path) == ()
    assert 200 < len(seen.server.calls) <= 260
    email = rows(path, "SELECT email_id FROM canary LIMIT 1")[0][0]
    with RunReader(path) as reader:
        record = reader.record(email)
    assert record is not None
    assert [attempt.kind.value for attempt in record.attempts][:2] == ["ask", "canary"]


def test_a_task_turns_them_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With canaries = 0 no labeled email is asked again."""
    from dataclasses import replace

    from tests.programs.faults import world

    monkeypatch.setattr(world, "TASK", replace(world.TASK, canaries=0))
    seen = play(tmp_path, answers("0"), lambda call, _: call.email % 2 == 0, emails=150)
    assert len(seen.server.calls) == 150
