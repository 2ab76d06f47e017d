"""How a command reaches a run: its worker, the control file, a signal, or the file itself; processes that stand for real ones."""

from __future__ import annotations

import io
import json
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import catalog
from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, RunFileError, UnknownNameError, UsageError
from core.llm.taskfile import builtin_task, task_to_json
from core.model import DryRunResult, KeyState, PlacesWanted, RunState, SampledEmail, exits
from core.runs import archive, dry_run, send, series
from core.runs.plan import Cost
from core.settings import Settings, load_settings
from core.storage.file.lock import RunLock
from tests.conftest import MakeRun
from tests.tui.fakes import NOW, key, running

PATH = Path("/runs/mail.db")
SHOT = running(40, 20).snapshot(NOW)
SETTINGS: Any = SimpleNamespace(name="settings")
TASK = builtin_task()


def shot(**given: Any) -> Any:
    """What is read of a run."""
    worker = {name: given.pop(name) for name in ("alive", "pid") if name in given}
    simulated = given.pop("simulated", False)
    return replace(SHOT, run=replace(SHOT.run, simulated=simulated), worker=replace(SHOT.worker, **worker), **given)


@pytest.mark.parametrize(
    ("now", "only", "sent", "said"),
    [
        (shot(state=RunState.STALE, reason="not heard of", pid=7), None, None, "A worker has mail already (pid 7). It is silent: not heard of. `labeltui stop mail --force` ends it."),
        (shot(state=RunState.RUNNING), 5, catalog.FirstN(5), ""), (shot(state=RunState.PAUSED), None, catalog.Resume(), ""), (shot(state=RunState.WAITING, wanted="pause"), None, catalog.Resume(), ""),
        (shot(state=RunState.RUNNING, wanted="run", pid=7), None, None, "A worker has mail already (pid 7)."), (shot(state=RunState.PAUSED), 5, catalog.FirstN(5), ""),
        (shot(state=RunState.STALE, pid=7), 5, None, "A worker has mail already (pid 7). It is silent: "),
    ],
)  # fmt: skip
def test_a_worker_that_is_there_goes_on(
    now: Any, only: int | None, sent: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that hangs is named; one that is paused resumes."""
    told: list[Any] = []
    monkeypatch.setattr(send, "send", lambda path, command, settings: told.append((path, command, settings)) or "sent")
    found: Any = send._go_on(PATH, SETTINGS, now, only)
    assert told == ([] if sent is None else [(PATH, sent, SETTINGS)])
    assert found == "sent" if sent is not None else found.sentence.startswith(said)


@pytest.mark.parametrize(
    ("before", "proven", "ended", "only", "said", "called"),
    [
        (shot(alive=False), True, False, None, "The worker of mail works (pid 9); it outlives this terminal.", ["start"]), (shot(alive=True), True, False, None, "went on", []),
        (shot(alive=True), False, False, 1_200, "The worker of mail works (pid 9); it outlives this terminal. It tries 1,200 and pauses.", ["start"]),
        (shot(alive=False, simulated=True), True, True, None, "Nothing is left to ask in mail.", ["simulator", "start"]),
    ],
)  # fmt: skip
def test_a_worker_is_started_where_none_is_proven(
    before: Any, proven: bool, ended: bool, only: int | None, said: str, called: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """With the simulator of a simulated run; places are looked at before anything else."""
    told: list[str] = []
    given: list[Any] = []
    monkeypatch.setattr(send, "when_ended", lambda _: before)
    monkeypatch.setattr(send.supervisor, "is_proven", lambda *_: proven)
    monkeypatch.setattr(send, "_go_on", lambda *_: SimpleNamespace(sentence="went on"))
    monkeypatch.setattr(send, "check_places", lambda _: told.append("places"))
    monkeypatch.setattr("core.runs.demo.ensure_simulator", lambda *_: told.append("simulator"))

    def start(path: Path, settings: Any, **more: Any) -> Any:
        told.append("start")
        given.append((path, settings, more))
        return SimpleNamespace(ended=ended, pid=9)

    monkeypatch.setattr(send.supervisor, "start", start)
    assert send.start(PATH, SETTINGS, only=only).sentence == said
    assert told == called
    if called:
        assert given[0] == (PATH, SETTINGS, {"only": only, "places": None, "ahead": None})
    told.clear()
    send.start(PATH, SETTINGS, places=PlacesWanted())
    assert told[:1] == ["places"]


@pytest.mark.parametrize(
    ("command", "pid", "said"),
    [
        (catalog.Pause(), 7, "mail: pause was sent to its worker (pid 7) by SIGUSR1, since the control file cannot be written (disk full)."), (catalog.Stop(), 7, "mail: stop was sent to its worker (pid 7) by SIGTERM,"),
        (catalog.Resume(), None, RunBusyError), (catalog.SwapKey(), 7, RunFileError),
    ],
)  # fmt: skip
def test_a_full_disk_keeps_no_worker_from_a_signal(
    command: Any, pid: int | None, said: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a signal says the same."""
    signals: list[Any] = []

    def refuses(*_: Any, **__: Any) -> str:
        raise OSError("disk full")

    monkeypatch.setattr(send.control, "post", refuses)
    monkeypatch.setattr("core.worker.kill.signal_holder", lambda path, what: signals.append((path, what)) or pid)
    if isinstance(said, str):
        found = send._post(PATH, command)
        assert found.sentence.startswith(said)
        assert (found.at_once, found.command) == (True, command)
        assert signals == [(PATH, signal.Signals[command.by_signal])]
    else:
        with pytest.raises(said) as caught:
            send._post(PATH, command)
        words = (
            "The worker of mail has just ended. Ask again."
            if pid is None
            else "swap of keys could not be sent to the worker of mail"
        )
        assert words in str(caught.value)
        assert len(signals) == (pid is None)  # fmt: skip


def test_a_command_is_posted_with_who_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is on its way then."""
    monkeypatch.setattr(send, "operator", lambda: "anna")
    monkeypatch.setattr(send.control, "post", lambda path, kind, text, *, now, by: f"{kind} {text} {by}")
    found = send._post(PATH, catalog.FirstN(5))
    assert found == send.SentCommand(
        'try {"count": 5} anna', "mail: first 5, then a pause requested.", catalog.FirstN(5)
    )
    assert (found.at_once, found.changed) == (False, True)
    assert not send.SentCommand(None, "nothing was there; nothing was changed.").changed  # fmt: skip


@pytest.mark.parametrize(("holds", "error"), [(True, None), (None, None), (False, None)])
def test_a_command_goes_to_the_worker_or_is_applied(holds: Any, error: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it cannot be known whether there is one, it is applied."""
    monkeypatch.setattr(send, "is_locked", lambda _: holds)
    monkeypatch.setattr(send, "RunReader", reader_of(SHOT))
    monkeypatch.setattr(send, "is_ending", lambda _: False)
    monkeypatch.setattr(send, "_post", lambda *given: ("posted", *given))
    monkeypatch.setattr(send, "_apply", lambda *given: ("applied", *given))
    command = catalog.Pause()
    assert send.send(PATH, command, SETTINGS) == (
        ("posted", PATH, command) if holds else ("applied", PATH, command, SETTINGS)
    )


def reader_of(*shots: Any, answers: Any = ()) -> Any:
    """Readers of a run that is in these states, one after the other."""
    left, said = list(shots), list(answers)

    class Reader:
        def __init__(self, _: Path) -> None:
            pass

        def __enter__(self) -> Any:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def snapshot(self, _: float) -> Any:
            return left.pop(0) if len(left) > 1 else left[0]

        def command(self, _: str) -> Any:
            return said.pop(0) if said else None

        def base_url(self) -> str:
            return "http://h"

    return Reader


def test_who_is_ending_is_waited_for_by_what_starts_work(monkeypatch: pytest.MonkeyPatch) -> None:
    """And a lock that is kept for five seconds is told."""
    ending = iter([True, True, False])
    waited: list[Path] = []
    monkeypatch.setattr(send, "is_locked", lambda _: True)
    monkeypatch.setattr(send, "RunReader", reader_of(SHOT))
    monkeypatch.setattr(send, "is_ending", lambda _: next(ending))
    monkeypatch.setattr(send, "when_ended", waited.append)
    monkeypatch.setattr(send, "_post", lambda *_: "posted")
    assert send.send(PATH, catalog.Resume()) == "posted"
    assert waited == [PATH, PATH]
    assert send.send(PATH, catalog.Pause()) == "posted"
    clock = iter([100.0, 104.9, 105.0, 105.1])
    tries: list[int] = []

    def busy(*_: Any) -> Any:
        tries.append(1)
        raise RunBusyError("busy")

    monkeypatch.setattr(send, "_post", busy)
    monkeypatch.setattr(send.time, "monotonic", lambda: next(clock))
    with pytest.raises(RunBusyError):
        send.send(PATH, catalog.Pause())
    assert len(tries) == 3


@pytest.mark.parametrize(
    ("answers", "locked", "found", "slept"),
    [
        (["done"], [True], "done", 0), ([None, "done"], [True, True], "done", 1), ([None], [False], None, 0), ([None, None, None, None], [True] * 4, None, 3),
        ([None, None], [None, False], None, 1), (["last"], [False], "last", 0),
    ],
)  # fmt: skip
def test_an_answer_is_waited_for_until_the_worker_is_gone(
    answers: list[Any], locked: list[Any], found: Any, slept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or ten seconds are over; what was done at once has none."""
    states, sleeps, clock = list(locked), [], iter([0.0, 1.0, 2.0, 9.9, 10.0])
    monkeypatch.setattr(send, "is_locked", lambda _: states.pop(0))
    monkeypatch.setattr(send, "RunReader", reader_of(SHOT, answers=answers))
    monkeypatch.setattr(send.time, "sleep", sleeps.append)
    monkeypatch.setattr(send.time, "monotonic", lambda: next(clock))
    assert send.await_answer(PATH, send.SentCommand("7", "x")) == found
    assert sleeps == [0.05] * slept
    assert send.await_answer(PATH, send.SentCommand(None, "x")) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (sqlite3.OperationalError("full"), "/runs/mail.db cannot be written (full). Check the space on the disk"), (sqlite3.IntegrityError("bad"), "/runs/mail.db is damaged: it takes no such row (bad). `labeltui check mail`"),
        (OverflowError("big"), "is damaged"), (sqlite3.DataError("x"), "is damaged"),
    ],
)  # fmt: skip
def test_a_file_that_takes_nothing_is_told_in_a_sentence(error: Exception, words: str) -> None:
    """What to do depends on why."""
    with pytest.raises(RunFileError) as caught, send.writing(PATH):
        raise error
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("pid", "said"), [(None, "mail has no worker: there is nothing to kill."), (7, "The worker of mail (pid 7) was killed.")]
)  # fmt: skip
def test_a_kill_says_what_it_costs(pid: int | None, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or that there was nothing to do."""
    monkeypatch.setattr("core.worker.kill.kill_holder", lambda _: pid)
    assert send.kill(PATH).sentence.startswith(said)


def test_commands_are_tried_on_a_copy(make_run: MakeRun) -> None:
    """One after the other; the run is as it was, and a refusal is one."""
    path = make_run(["one", "two"])
    before = path.read_bytes()
    settings = load_settings({"LABELTUI_HOME": str(path.parent)})
    assert send.dry_run(path, [catalog.Skip([1]), catalog.Skip([1])], settings) == [
        "1 text skipped.", "nothing to skip was found; nothing was changed.",
    ]  # fmt: skip
    with pytest.raises(UsageError):
        send.dry_run(path, [catalog.Label([1], "nope")], settings)
    assert path.read_bytes() == before
    assert send.send(path, catalog.Skip([1])) == send.SentCommand(None, "1 text skipped.", catalog.Skip([1]))


# -- trials ---------------------------------------------------------------------------------------------------------------


class Process:
    """A trial in its process: what it prints, and its exit code."""

    def __init__(self, lines: list[Any], code: int) -> None:
        self.stdout = io.StringIO("".join(json.dumps(each) + "\n" for each in lines))
        self.written = ""
        self.code, self.killed, self.words = code, 0, ([], {})
        self.stdin = SimpleNamespace(write=self._write, close=lambda: self._write("|"))

    def _write(self, text: str) -> None:
        self.written += text

    def wait(self) -> int:
        return self.code

    def kill(self) -> None:
        self.killed += 1


RESULT = DryRunResult(SampledEmail(1, "m1", "s", "1", None), "0", "0", "", 1, 100)


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A function that begins a trial which prints these lines and ends with that code."""
    told: list[str] = []

    def begin(
        lines: list[Any], code: int = 0, *, simulated: bool = False
    ) -> tuple[dry_run.RunningDryRun, Process, list[str]]:
        process = Process(lines, code)
        told.clear()

        def popen(words: list[str], **named: Any) -> Process:
            process.words = (words, named)
            return process

        monkeypatch.setattr(dry_run.subprocess, "Popen", popen)
        monkeypatch.setattr(dry_run, "environment_of", lambda _: {"A": "b"})
        monkeypatch.setattr(dry_run, "RunReader", reader_of(shot(simulated=simulated)))
        monkeypatch.setattr("core.runs.demo.ensure_simulator", lambda *_: told.append("simulator"))
        return dry_run.RunningDryRun(PATH, SETTINGS, TASK, 7), process, told

    return begin  # fmt: skip


def test_a_trial_gets_the_task_and_gives_results(trial: Any) -> None:
    """As they come; a simulated run has its simulator started."""
    lines = [asdict(RESULT), asdict(replace(RESULT, label=None))]
    running_trial, process, told = trial(lines, simulated=True)
    assert list(running_trial.results()) == [RESULT, replace(RESULT, label=None)]
    assert process.written == f"{task_to_json(TASK)}|"
    assert process.words[0][1:] == ["-P", "-m", "core.worker.dry_run", str(PATH), "7"]
    assert process.words[1]["env"] == {"A": "b"}
    assert told == ["simulator"]
    assert trial([])[2] == []


@pytest.mark.parametrize(
    ("lines", "code", "cancelled", "error", "words"),
    [
        ([{"error": "no key"}], exits.NO_KEY, False, NoUsableKeyError, "no key"), ([{"error": "broke"}], 1, False, LabeltuiError, "broke"), ([], 9, False, LabeltuiError, "The trial ended without a word (code 9)."),
        ([], 9, True, None, ""), ([], 0, False, None, ""),
    ],
)  # fmt: skip
def test_a_trial_that_ends_badly_says_why(
    lines: list[Any], code: int, cancelled: bool, error: Any, words: str, trial: Any
) -> None:
    """Unless it was cancelled."""
    running_trial, process, _ = trial(lines, code)
    if cancelled:
        running_trial.cancel()
    assert process.killed == cancelled
    if error is None:
        assert list(running_trial.results()) == []
    else:
        with pytest.raises(LabeltuiError) as caught:
            list(running_trial.results())
        assert type(caught.value) is error
        assert words in str(caught.value)


@pytest.mark.parametrize(
    ("price", "money"), [(None, None), (SimpleNamespace(of=lambda *totals: sum(totals)), 5 * 127.0)]
)
def test_the_cost_of_a_trial_is_that_of_its_first_answers(
    price: Any, money: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Of the texts that there are, cut to what is sent; keys that are out are not counted."""
    asked: list[Any] = []
    store = SimpleNamespace(statuses=lambda *_: (key("a", "o"), key("b", "o", KeyState.DISABLED)), database=None)

    @contextmanager
    def opened(_settings: Any, base_url: str) -> Iterator[Any]:
        asked.append(base_url)
        yield store

    monkeypatch.setattr(dry_run.KeyStore, "from_settings", opened)
    monkeypatch.setattr(dry_run, "RunReader", reader_of(SHOT))
    monkeypatch.setattr(dry_run, "mean_chars", lambda _, count: (min(count, 5), 9_000.0))
    monkeypatch.setattr(dry_run, "learned_estimate", lambda *_: None)
    monkeypatch.setattr(dry_run, "price_of", lambda *_: price)
    monkeypatch.setattr(dry_run.Estimator, "recall", lambda *_: None)

    def cost(_estimator: Any, _model: Any, shared: int, chars: float) -> Cost:
        asked.append(chars)
        return Cost(100.0, 20.0, 7.0, learned=True)

    monkeypatch.setattr(dry_run, "cost_of_call", cost)
    settings: Any = SimpleNamespace(prices_path=None)
    assert dry_run.cost(PATH, settings, TASK, 7) == dry_run.DryRunCost(5, 535, money, 1, learned=True)
    assert asked == ["http://h", 6_000]


# -- archive and series -----------------------------------------------------------------------------------------------------


def test_a_run_is_moved_and_deleted_whole(make_run: MakeRun, tmp_path: Path) -> None:
    """With all that belongs to it, and nothing else; only where no worker has it and no other is in the way."""
    path = make_run(["one"])
    mine = [
        "small.control.db",
        "small.copied.txt",
        "small.log",
        "small.log.1",
        "small.search.db",
        "small.task-draft.toml",
    ]
    others = ["small.csv", "small2.log", "smallXlog", "small.log.x"]
    for name in (*mine, *others):
        (tmp_path / name).write_text("12345")
    assert [each.name for each in archive.belongings(path)] == sorted(["small.db", *mine])
    going = archive.what_goes(path)
    assert (going.names, going.size_bytes) == (tuple(sorted(["small.db", *mine])), 30 + path.stat().st_size)
    with pytest.raises(UsageError, match="small is not archived"):
        archive.bring_back(path)
    target = tmp_path / "archive" / "small.db"
    assert archive.archive(path, dry_run=True) == target
    assert not target.parent.exists()
    assert archive.archive(path) == target
    assert sorted(each.name for each in target.parent.iterdir() if "lock" not in each.name) == sorted(
        ["small.db", *mine]
    )
    with pytest.raises(UsageError, match="small is archived already"):
        archive.archive(target)
    again = make_run(["one"])
    for dry in (True, False):
        with pytest.raises(UsageError, match=r"There is a run small in .* already"):
            archive.bring_back(target, dry_run=dry)
        with pytest.raises(UsageError, match=r"There is a run small in .*archive already"):
            archive.archive(again, dry_run=dry)
    with RunLock(again), pytest.raises(RunBusyError):
        archive.archive(again, dry_run=True)
    for typed in ("", "Small", "small.db"):
        with pytest.raises(UsageError, match=r"is not the name of the run, which is 'small'\. Nothing was deleted"):
            archive.delete(again, typed)
    assert "small.db" in archive.delete(again, "small").names
    assert not again.exists()
    assert archive.bring_back(target) == path
    assert path.exists()
    assert sorted(each.name for each in tmp_path.iterdir() if each.name in others) == sorted(others)
    link = tmp_path / "link.db"
    link.symlink_to(path)
    for dry in (True, False):
        with pytest.raises(UsageError, match=r"is a link to .*: archive that run\. Nothing was moved"):
            archive.archive(link, dry_run=dry)
        with pytest.raises(RunFileError, match="There is no run file at"):
            archive.archive(tmp_path / "none.db", dry_run=dry)
    assert archive.what_goes(link) == archive.Going(("link.db",), 0)
    assert archive.delete(link, "link") == archive.Going(("link.db",), 0)
    assert (path.exists(), link.is_symlink()) == (True, False)
    with pytest.raises(RunFileError, match="There is no run file at"):
        archive.delete(link, "link")  # fmt: skip


@pytest.mark.parametrize(
    ("states", "turn"),
    [
        ([(False, 0), (True, 0), (False, 5)], 1), ([(False, 0), (False, 5), (False, 6)], 1), ([(False, 0), (False, 0)], 1), ([(False, 5), (True, 0)], 1), ([(False, 7), (False, 5)], 0),
    ],
)  # fmt: skip
def test_a_part_is_at_its_turn(states: list[tuple[bool, int]], turn: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one with a worker, else the first with anything pending, else the last."""
    parts = [Path(f"/runs/{at}.db") for at in range(len(states))]
    monkeypatch.setattr(
        series, "RunReader", reader_of(*[shot(alive=alive, pending=pending) for alive, pending in states])
    )
    assert series.its_turn(parts, NOW) == parts[turn]  # fmt: skip


def test_a_dry_run_refuses_what_the_command_refuses(make_run: MakeRun, settings: Settings) -> None:
    """Before anything is applied to the copy."""
    path = make_run(["one", "two"])
    before = path.read_bytes()
    with pytest.raises(UnknownNameError, match="'9' is no label of any version of the task of small"):
        send.dry_run(path, [catalog.Relabel(label="9")], settings)
    assert path.read_bytes() == before
