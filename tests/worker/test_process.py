"""Real workers, real processes, a real simulator over loopback: what an operator can rely on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from core.commands.catalog import LookAtKeys, Pause, Resume, SetConcurrency, Stop, SwapKey
from core.llm.task import builtin_task, with_model
from core.model import RunState, Snapshot, exits
from core.quota.keys.store import KeyStore
from core.runs import find as runs
from core.runs import send as commands
from core.runs.find import RunOptions
from core.runs.send import SentCommand, await_answer
from core.settings import Settings, load_settings
from core.simulator.child import SimulatorChild, start_child
from core.sources.demo_emails import write_demo_csv
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store
from core.worker import process, supervisor
from core.worker.heartbeat import Tempo
from core.worker.loop import Ending
from tests.programs.kills import kill_and_check

PATIENCE_S = 120.0
"""Bound for whatever a process is waited for, on a machine that does much else."""
SOON_S = 5.0
"""Bound for the acknowledgement of a command on a busy machine. A second on a quiet one follows from the worker's tempo."""


@contextmanager
def simulator(monkeypatch: pytest.MonkeyPatch, *options: str) -> Iterator[SimulatorChild]:
    """A simulator whose keys are in the environment."""
    with start_child([*options]) as child:
        monkeypatch.setenv("GROQ_API_KEYS", ",".join(f"k{n}={key}" for n, key in enumerate(child.keys, 1)))
        monkeypatch.setenv("GROQ_BASE_URL", child.base_url)
        yield child


def make(settings: Settings, tmp_path: Path, emails: int, *, model: str | None = None, name: str = "real") -> Path:
    source = tmp_path / f"{emails}.csv"
    write_demo_csv(source, emails)
    task = builtin_task() if model is None else with_model(builtin_task(), model)
    path = runs.create_run(settings, source, task, RunOptions(name=name, seed=1), now=time.time()).path
    commands.send(path, SetConcurrency(4))  # the simulator tells no limit, so the run would be over in no time
    return path


def now(path: Path) -> Snapshot:
    with RunReader(path) as reader:
        return reader.snapshot(time.time())


def until(path: Path, condition: Callable[[Snapshot], bool]) -> Snapshot:
    """The first snapshot that fulfills the condition; looks often, and gives up after a while."""
    deadline = time.monotonic() + PATIENCE_S
    with RunReader(path) as reader:
        while time.monotonic() < deadline:
            snapshot = reader.snapshot(time.time())
            if condition(snapshot):
                return snapshot
            time.sleep(0.02)
    raise AssertionError(f"not reached: {snapshot.state} {snapshot.reason} {snapshot.settled} of {snapshot.total}")


def work(path: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "core.worker", str(path)], env=dict(os.environ))


def acknowledged(path: Path, requested: SentCommand) -> tuple[float, str]:
    """Seconds until the worker answered, and its answer."""
    answer = await_answer(path, requested)
    assert answer is not None
    assert answer.acknowledged_at is not None
    return answer.acknowledged_at - answer.requested_at, answer.result


def test_a_worker_looks_for_commands_so_often_that_each_is_acknowledged_within_a_second() -> None:
    """Five times a second, whatever it waits for."""
    assert Tempo().tick_s <= 0.2


def test_a_detached_worker_is_paused_resumed_stopped_and_started_again(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command is acknowledged within a second and shows; starting again goes on from where it was."""
    with simulator(monkeypatch, "--keys", "2", "--latency", "0.2", "--rpm", "300"):
        path = make(settings, tmp_path, 300)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 5)
        took_s, _ = acknowledged(path, commands.send(path, Pause()))
        assert took_s < SOON_S
        paused = until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        attempts = paused.attempts
        took_s, _ = acknowledged(path, commands.send(path, Resume(), settings))
        assert took_s < SOON_S
        until(path, lambda snapshot: snapshot.attempts > attempts)
        took_s, _ = acknowledged(path, commands.send(path, Stop()))
        assert took_s < SOON_S
        stopped = until(path, lambda snapshot: snapshot.state is RunState.STOPPED and not snapshot.worker.alive)
        assert stopped.reason == "stopped by the operator"
        assert stopped.worker.in_flight == 0
        commands.start(path, settings)
        done = until(path, lambda snapshot: snapshot.state is RunState.DONE)
        assert done.settled == 300
        assert done.resumption is not None
        assert (done.resumption.kept, done.resumption.cursor) == (stopped.settled, stopped.cursor)


def test_a_swap_is_handled_within_a_second_and_the_next_key_asks(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key in use goes out, the other one works on alone, and the answer to the command says which is which."""
    with simulator(monkeypatch, "--keys", "2", "--latency", "0.2", "--rpm", "300"):
        settings = load_settings()  # with the simulator's address
        path = make(settings, tmp_path, 300)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 5)
        took_s, said = acknowledged(path, commands.send(path, SwapKey(), settings))
        assert took_s < SOON_S
        out, into = said.split(" disabled; switched to ")
        until(path, lambda snapshot: set(snapshot.asking) == {into})
        with KeyStore.from_settings(settings) as store:
            states = {key.alias: (key.state.value, key.pinned) for key in store.statuses("m", time.time())}
        assert states[out] == ("disabled", False)
        assert states[into][1]
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)


def test_a_command_made_while_a_worker_opens_the_run_is_handled(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the moment in which others see the lock taken, a command is this worker's, though it has not begun yet."""
    begin = Store.begin_epoch

    def begin_later(self: Store, **given: Any) -> Any:
        assert commands.send(path, Stop()).id is not None
        return begin(self, **given)

    monkeypatch.setattr(Store, "begin_epoch", begin_later)
    with simulator(monkeypatch, "--latency", "0.3", "--rpm", "30"):
        path = make(settings, tmp_path, 200)
        process.work(path, load_settings())
    (stop,) = now(path).commands
    assert (stop.kind, stop.acknowledged_at is None) == ("stop", False)
    assert now(path).settled == 0


def test_starting_twice_finds_the_first_worker(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second start adopts it, and a second worker by hand ends with code 4."""
    with simulator(monkeypatch, "--latency", "0.3", "--rpm", "30"):
        path = make(settings, tmp_path, 200)
        first = supervisor.start(path, settings)
        second = supervisor.start(path, settings)
        assert second.adopted
        assert second.pid == first.pid
        assert work(path).wait(PATIENCE_S) == 4
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)


def test_a_command_is_acknowledged_within_a_second_while_the_worker_waits_for_a_quota(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The wait is shown with its limit and its end, and does not hold up a pause."""
    with simulator(monkeypatch, "--latency", "0", "--rpm", "2"):
        path = make(settings, tmp_path, 50)
        commands.start(path, settings)
        waiting = until(path, lambda snapshot: snapshot.state is RunState.WAITING)
        assert waiting.wait is not None
        assert waiting.wait.limit == "RPM"
        assert waiting.wait.until_at is not None
        took_s, _ = acknowledged(path, commands.send(path, Pause()))
        assert took_s < SOON_S
        until(path, lambda snapshot: snapshot.state is RunState.PAUSED)
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)


def test_keys_are_disabled_enabled_and_added_while_the_worker_runs(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disabled key is asked with no more; a key that is added is asked with."""
    with simulator(monkeypatch, "--keys", "3", "--organizations", "3", "--latency", "0.1", "--rpm", "240") as child:
        monkeypatch.setenv("GROQ_API_KEYS", f"one={child.keys[0]},two={child.keys[1]}")
        path = make(settings, tmp_path, 400)
        commands.start(path, settings)
        until(path, lambda snapshot: snapshot.labeled > 5)
        with KeyStore.from_settings(settings) as store:
            store.set_enabled("one", False)
            store.add(child.keys[2], alias="three")
        told = commands.send(path, LookAtKeys())
        assert told is not None
        took_s, _ = acknowledged(path, told)
        assert took_s < SOON_S
        mark = until(path, lambda snapshot: "one" not in snapshot.asking).attempts
        until(path, lambda snapshot: snapshot.attempts > mark + 30)
        with RunReader(path) as reader:
            used = [
                attempt.key_alias
                for row in reader.emails(state="labeled", limit=400)
                for attempt in reader.record(row.id).attempts
            ]
        assert "three" in used
        served = child.stats()["by_key"]
        commands.send(path, Stop())
        until(path, lambda snapshot: not snapshot.worker.alive)
        assert child.stats()["by_key"][child.keys[0][-4:]] == served[child.keys[0][-4:]]


def test_without_a_key_the_worker_says_so_and_ends_with_code_5(home: Path, settings: Settings, tmp_path: Path) -> None:
    """Nothing is asked, and the run says what is missing."""
    path = make(settings, tmp_path, 5)
    assert work(path).wait(PATIENCE_S) == 5
    assert "key" in now(path).reason


@pytest.mark.skipif(not hasattr(signal, "SIGUSR1"), reason="this system has no such signals")
def test_each_signal_does_what_a_command_would() -> None:
    """SIGUSR1 pauses and SIGUSR2 resumes; the first of SIGINT, SIGTERM and SIGHUP drains, the second cancels calls."""
    done: list[str] = []

    class Loop:
        stopping = False

        def pause(self, reason: str) -> None:
            done.append(reason)

        def resume(self) -> None:
            done.append("resumed")

        def stop(self, ending: Ending | None = None) -> None:
            done.append(ending.reason if ending else "cut off")
            self.stopping = True

    async def hear() -> None:
        worker, interrupts = Loop(), list[int]()
        process._handle_signals(worker, interrupts)  # type: ignore[arg-type]
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(os.getpid(), number)
            await asyncio.sleep(0.01)
        assert interrupts == [signal.SIGINT]

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        process.ignore_early_signals()
        asyncio.run(hear())
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert done == ["paused by SIGUSR1", "resumed", "stopped by SIGTERM", "cut off", "cut off"]


def test_when_every_key_is_refused_the_worker_ends_with_code_5(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A 401 takes a key out; with the last one gone no email has failed for it."""
    with simulator(monkeypatch, "--latency", "0"):
        monkeypatch.setenv("GROQ_API_KEYS", "bad=gsk_this_key_was_never_given_to_anyone")
        path = make(settings, tmp_path, 20)
        assert work(path).wait(PATIENCE_S) == 5
        snapshot = now(path)
        assert (snapshot.failed, snapshot.pending) == (0, 20)
        with KeyStore.from_settings(load_settings()) as store:
            assert [key.state.value for key in store.statuses("openai/gpt-oss-20b", time.time())] == ["invalid"]


def test_a_model_that_is_gone_stops_the_run_with_its_name(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No email fails for it: the run waits for another model."""
    with simulator(monkeypatch, "--latency", "0"):
        path = make(settings, tmp_path, 20, model="llama3-70b-8192")
        assert work(path).wait(PATIENCE_S) == 1
        snapshot = now(path)
        assert snapshot.failed == 0
        assert "llama3-70b-8192" in snapshot.reason


def test_sigterm_drains_and_sigkill_is_noticed(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminated worker says goodbye; a killed one is shown as ended without a word."""
    with simulator(monkeypatch, "--latency", "0.2", "--rpm", "300"):
        path = make(settings, tmp_path, 300)
        worker = work(path)
        until(path, lambda snapshot: snapshot.labeled > 3)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(PATIENCE_S) == exits.STOPPED
        assert now(path).reason == "stopped by SIGTERM"
        worker = work(path)
        until(path, lambda snapshot: snapshot.worker.in_flight > 0)
        worker.kill()
        worker.wait()
        killed = now(path)
        assert killed.state is RunState.STOPPED
        assert "without a word" in killed.reason
        worker = work(path)
        resumed = until(path, lambda snapshot: snapshot.resumption is not None and snapshot.resumption.epoch == 3)
        assert resumed.resumption is not None
        assert resumed.resumption.ended == "killed"
        assert resumed.resumption.asked_again > 0
        worker.terminate()
        worker.wait(PATIENCE_S)


def test_no_kill_loses_or_doubles_anything(tmp_path: Path) -> None:
    """Two workers are killed at random moments; the third finds everything as promised."""
    source = tmp_path / "emails.csv"
    write_demo_csv(source, 400)
    report = kill_and_check(
        source,
        tmp_path / "home",
        kills=2,
        seed=5,
        simulator_options=(
            "--keys",
            "4",
            "--organizations",
            "2",
            "--latency",
            "0.05",
            "--faults",
            "mild",
            "--hang",
            "2",
        ),
        between_s=(0.02, 0.3),
    )
    assert report.broken == []
    assert report.kills > 0


def test_status_as_json_agrees_with_the_tables(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The counts that other programs read are those of the rows, and every field is there."""

    with simulator(monkeypatch, "--latency", "0", "--keys", "3", "--faults", "harsh", "--hang", "0.5"):
        path = make(settings, tmp_path, 150)
        work(path).wait(PATIENCE_S)
    said = subprocess.run(
        [sys.executable, "-m", "tui", "status", "real", "--json"], capture_output=True, check=True, env=dict(os.environ)
    )
    status = json.loads(said.stdout)
    with closing(sqlite3.connect(path)) as db:
        states = dict(db.execute("SELECT state, count(*) FROM email GROUP BY state"))
        labels = dict(db.execute("SELECT label, count(*) FROM email WHERE state = 'labeled' GROUP BY label"))
        reasks = dict(
            db.execute("SELECT reasks, count(*) FROM email WHERE state IN ('labeled', 'failed') GROUP BY reasks")
        )
        attempts = db.execute("SELECT count(*) FROM attempt").fetchone()[0]
    assert {name: status[name] for name in ("labeled", "failed", "pending", "skipped")} == {
        "labeled": states.get("labeled", 0), "failed": states.get("failed", 0), "pending": 0, "skipped": 0,
    }  # fmt: skip
    assert {value: count for value, count in status["labels"].items() if count} == labels
    assert {int(n): count for n, count in status["reasks"].items()} == reasks
    assert status["attempts"] == attempts
    assert status["cursor"] == status["total"] == 150
    assert set(status) == {
        "run", "path", "state", "reason", "worker", "total", "labeled", "failed", "skipped", "pending", "cursor",
        "labels", "reasks", "attempts", "tokens", "rate_per_min", "eta_s", "binding_limit", "keys", "alarms", "canaries",
        "batches", "concurrency", "lane", "lane_by", "lanes", "places", "not_taken",
    }  # fmt: skip
    assert set(status["worker"]) == {"pid", "alive", "heartbeat_age_s"}
    assert set(status["keys"][0]) == {
        "alias", "last4", "organization", "state", "reason", "cooldown_s", "requests", "errors_429", "tokens",
    }  # fmt: skip
