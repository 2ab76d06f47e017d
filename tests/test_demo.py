"""The demo: a run of its own, apart from everything real, that goes on where it was."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.model import RunState
from core.runs import demo
from core.settings import Settings
from core.simulator.child import adopt
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store


@pytest.fixture
def stage(settings: Settings) -> Iterator[Settings]:
    """Settings whose demo simulator is ended afterwards."""
    yield settings
    demo._end_simulator(settings)


def labeltui(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tui", *arguments],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, timeout=120, env=dict(os.environ),
    )  # fmt: skip


def test_without_a_terminal_the_demo_runs_to_its_end(stage: Settings) -> None:
    """Progress lines, then the final status, and exit code 0; the labels are called simulated."""
    ended = labeltui("demo", "--emails", "40")
    assert ended.returncode == 0, ended.stderr
    assert "DONE" in ended.stdout
    assert "40 of 40" in ended.stdout
    assert "simulated" in ended.stdout
    assert "DONE" in labeltui("status", "demo").stdout, "it is found by name like any run"
    again = labeltui("demo", "--emails", "40")
    assert again.returncode == 0
    assert "going on with the last one" in again.stdout


def test_a_demo_that_ends_with_failed_emails_says_so_by_its_code(stage: Settings) -> None:
    """3, as for any run, so that a script learns on it what it has to reckon with."""
    path, _ = demo.prepare(stage, 3, now=time.time())
    with RunLock(path) as lock, Store.open(path, lock) as store:
        store.fail(1, "no valid label", reasks=0, now=time.time())
    ended = labeltui("demo", "--emails", "3", "--json")
    assert ended.returncode == 3, ended.stderr
    assert json.loads(ended.stdout)["failed"] == 1, "one object, and no progress lines"
    assert "1 failed email" in labeltui("status", "demo").stdout


def test_a_demo_that_is_interrupted_says_so_by_its_code(stage: Settings) -> None:
    """As a worker in the foreground does: 130, and the final status."""
    with subprocess.Popen(
        [sys.executable, "-m", "tui", "demo", "--emails", "300"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, env=dict(os.environ),
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("demo running"):
                break
        process.send_signal(signal.SIGINT)
        assert "STOPPED · stopped by SIGINT" in process.stdout.read()
    assert process.returncode == 130


def test_the_demo_uses_no_key_and_no_file_of_the_operator(stage: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Real keys in the environment are not sent to a simulator, and the operator's ledger is not touched."""
    monkeypatch.setenv("GROQ_API_KEYS", "real=gsk_a_real_key_of_somebody_1234")
    assert labeltui("demo", "--emails", "10").returncode == 0
    assert not stage.quota_path.exists()
    assert not stage.keys_path.exists()
    with RunReader(stage.demo_dir / "runs" / "demo.db") as reader:
        used = {one.key_alias for row in reader.emails() for one in reader.record(row.id).attempts}
    assert "real" not in used
    assert used


def test_a_demo_whose_simulator_ended_gets_it_back(stage: Settings) -> None:
    """The run goes on against a new simulator, wherever that listens."""
    path, existed = demo.prepare(stage, 10, now=time.time())
    assert not existed
    demo._end_simulator(stage)
    demo.ensure_simulator(path, stage.for_run(path))
    simulator = adopt(stage.demo_dir / "simulator.json")
    assert simulator is not None
    with RunReader(path) as reader:
        assert reader.base_url() == simulator.base_url
        assert reader.snapshot(time.time()).state is RunState.NEW


def test_the_demos_secrets_are_private(stage: Settings) -> None:
    """Its keys are worth nothing, but habits are."""
    path, _ = demo.prepare(stage, 5, now=time.time())
    keys: Path = stage.for_run(path).keys_path
    assert keys.stat().st_mode & 0o077 == 0
