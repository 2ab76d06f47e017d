"""A worker that is told of another version of the task in the middle of its run."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.commands.catalog import ActivateTask, Pause, Relabel, Resume, SetConcurrency, Stop
from core.llm.task import versioned
from core.model import REFUSED, LabelMeaning, ModelSettings, RunState, Task
from core.runs import send as commands
from core.runs.send import SentCommand
from core.settings import Settings
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from tests.worker.test_process import SOON_S, acknowledged, make, simulator, until


def active(path: Path) -> Task:
    with RunReader(path) as reader:
        return reader.task()


def rows(path: Path, query: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as db:
        return db.execute(query).fetchall()


def test_a_worker_changes_to_another_version_in_mid_run(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It answers within a second, finishes what is out under the old version, and asks the rest with the new one."""
    with simulator(monkeypatch, "--keys", "2", "--latency", "0.3", "--rpm", "600"):
        path = make(settings, tmp_path, 200)
        commands.send(path, SetConcurrency(4))  # so few calls of the old version are out when the new one begins
        old = active(path)
        new = versioned(
            replace(
                old,
                rubric=old.rubric + "\nWhere in doubt, it is 1.",
                labels=(LabelMeaning("1", "business"), LabelMeaning("0", "private"), LabelMeaning("2", "neither")),
                model=ModelSettings(model="openai/gpt-oss-120b"),
            )
        )
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 30)
        took_s, sentence = acknowledged(path, commands.send(path, ActivateTask(new)))
        assert took_s < SOON_S
        assert f"version {new.version[:8]} of the task is active" in sentence
        given = until(path, lambda snapshot: "2" in snapshot.labels).labeled
        until(path, lambda snapshot: snapshot.labeled > given + 20)
        took_s, sentence = acknowledged(path, commands.send(path, Relabel(label="1")))
        assert took_s < SOON_S
        assert sentence.endswith("requeued; earlier labels stay on record")
        done = until(path, lambda snapshot: snapshot.state is RunState.DONE)
    assert done.worker.epoch == 1
    assert done.settled == 200
    assert check_run(path).findings == ()
    in_force_by = "SELECT task_version FROM label AS l WHERE l.email_id = email.id ORDER BY l.id DESC LIMIT 1"
    given = dict(rows(path, f"SELECT label, group_concat(DISTINCT ({in_force_by})) FROM email GROUP BY label"))
    assert given["1"] == new.version
    assert old.version in str(given["0"])
    models = dict(rows(path, "SELECT task_version, group_concat(DISTINCT model) FROM attempt GROUP BY 1"))
    assert models == {old.version: "openai/gpt-oss-20b", new.version: "openai/gpt-oss-120b"}
    with RunReader(path) as reader:
        versions = {version.task.version: version for version in reader.versions()}
    assert versions[new.version].by == commands.operator()
    assert versions[old.version].both > 0


def test_a_paused_worker_stays_paused_under_the_new_version(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version that becomes active is no reason to go on; resuming asks with it, and stopping works as ever."""
    with simulator(monkeypatch, "--latency", "0.2", "--rpm", "600"):
        path = make(settings, tmp_path, 150)
        new = versioned(replace(active(path), rubric="Say 1."))
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 3)
        commands.send(path, Pause())
        until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        acknowledged(path, commands.send(path, ActivateTask(new)))
        paused = until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        time.sleep(0.3)
        assert until(path, lambda _: True).attempts == paused.attempts
        acknowledged(path, commands.send(path, Resume(), settings))
        until(path, lambda snapshot: snapshot.attempts > paused.attempts + 3)
        commands.send(path, Stop())
        stopped = until(path, lambda snapshot: not snapshot.worker.alive)
    assert stopped.reason == "stopped by the operator"
    last = rows(path, "SELECT task_version FROM attempt ORDER BY id DESC LIMIT 1")
    assert last == [(new.version,)]
    assert check_run(path).findings == ()


def test_a_version_that_sends_other_texts_is_refused_by_a_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends the command past the first refusal gets the sentence from the worker, and it goes on as it was."""
    from core.llm.task import task_to_json
    from core.storage.file import control

    with simulator(monkeypatch, "--latency", "0.2", "--rpm", "60"):
        path = make(settings, tmp_path, 150)
        old = active(path)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 3)
        for argument in (task_to_json(replace(old, truncate_at=200)), "not a task", '{"rubric": ""}'):
            command = SentCommand(control.post(path, "task", argument, now=time.time(), by="ada"), "")
            _, sentence = acknowledged(path, command)
            assert sentence.startswith(REFUSED)
        assert active(path) == old
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)
