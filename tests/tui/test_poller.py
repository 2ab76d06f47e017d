"""The threads beside the screen: they read and run background jobs, survive errors, and end when asked."""

from __future__ import annotations

import queue
from pathlib import Path

import pytest
from textual.message import Message

from core.errors import LabeltuiError
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, FakeRun, running, settings_in
from tui.live.jobs import Answered, BackgroundJobs
from tui.live.poller import Poller, ViewStateTaken

PATIENCE_S = 10.0


class Box:
    """Collects what is posted."""

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()

    def post(self, message: Message) -> bool:
        self.messages.put(message)
        return True

    def next(self, kind: type[Message]) -> Message:
        while not isinstance(message := self.messages.get(timeout=PATIENCE_S), kind):
            pass
        return message


def engine(tmp_path: Path, run: FakeRun | None = None) -> FakeEngine:
    return FakeEngine(settings_in(tmp_path), run or running(40, 20))


def still(tmp_path: Path, run: FakeRun | None = None) -> tuple[Poller, Box, FakeEngine]:
    """A poller without a thread."""
    box, its = Box(), engine(tmp_path, run)
    return Poller(its, box.post, lambda: its.now, threaded=False), box, its


def test_a_thread_reads_answers_and_ends(tmp_path: Path) -> None:
    """The poller's thread posts pictures, answers questions with the same reader, and ends when it is closed."""
    box, its = Box(), engine(tmp_path)
    poller = Poller(its, box.post, lambda: its.now)
    poller.watch(its.run.path, runs=False)
    poller.start()
    taken = box.next(ViewStateTaken)
    assert isinstance(taken, ViewStateTaken)
    got: list[int] = []
    poller.ask(lambda view: view.count("failed"), got.append)
    answer = box.next(Answered)
    assert isinstance(answer, Answered)
    answer.then(answer.result)
    assert got == [1]
    poller.close()
    assert not poller._thread.is_alive()


def test_a_question_is_no_reason_to_read(tmp_path: Path) -> None:
    """A list that asks for a page after each picture does not bring the next picture about by that."""
    box, its = Box(), engine(tmp_path)
    poller = Poller(its, box.post, lambda: its.now)
    poller.watch(its.run.path, runs=False)
    poller.start()
    box.next(ViewStateTaken)
    for _ in range(200):
        poller.ask(lambda view: view.count(None), lambda _: None)
    seen = [box.messages.get(timeout=PATIENCE_S) for _ in range(200)]
    poller.close()
    assert sum(isinstance(message, ViewStateTaken) for message in seen) < 20


def test_a_newer_picture_replaces_an_unseen_one(tmp_path: Path) -> None:
    """Pictures do not queue up before a busy screen."""
    poller, box, _ = still(tmp_path)
    poller.start()
    poller.read()
    first, second = box.next(ViewStateTaken), box.next(ViewStateTaken)
    assert second.can_replace(first)
    assert not second.can_replace(Answered(print, None, ""))


def test_trouble_keeps_the_last_facts(tmp_path: Path) -> None:
    """A failed reading keeps the snapshot with the moment at which it was true, and the next one tries again."""
    poller, box, its = still(tmp_path)
    poller.watch(its.run.path, runs=False)
    good = box.next(ViewStateTaken)
    its.run.trouble = "gone"
    its.now += 3
    poller.read()
    bad = box.next(ViewStateTaken)
    assert isinstance(good, ViewStateTaken)
    assert isinstance(bad, ViewStateTaken)
    assert bad.view_state.trouble == "gone"
    assert bad.view_state.snapshot == good.view_state.snapshot
    assert bad.view_state.read_at == NOW
    its.run.trouble = ""
    poller.read()
    healed = box.next(ViewStateTaken)
    assert isinstance(healed, ViewStateTaken)
    assert healed.view_state.trouble == ""
    assert healed.view_state.read_at == NOW + 3


def test_broken_keys_do_not_hide_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the keys cannot be read the run is shown all the same, with the reason in the pane of keys."""
    poller, box, its = still(tmp_path)

    def broken(run: Path | None) -> None:
        raise LabeltuiError("keys.toml can be read by others.")

    monkeypatch.setattr(its, "keys", broken)
    poller.watch(its.run.path, runs=False)
    taken = box.next(ViewStateTaken)
    assert isinstance(taken, ViewStateTaken)
    assert taken.view_state.keys_trouble == "keys.toml can be read by others."
    assert taken.view_state.snapshot is not None


def test_a_question_that_fails_is_answered_with_a_sentence(tmp_path: Path) -> None:
    """An error in a question comes back as text, errors of others with their kind."""
    poller, box, its = still(tmp_path)
    poller.watch(its.run.path, runs=False)
    poller.ask(lambda view: view.record(1)[0], print)  # type: ignore[index]
    answer = box.next(Answered)
    assert isinstance(answer, Answered)
    assert answer.error.startswith("TypeError: ")


def test_reading_is_quick_only_where_something_may_change(tmp_path: Path) -> None:
    """A living worker is looked at twice a second, a command on its way more often, a quiet run less."""
    poller, _, its = still(tmp_path)
    poller.watch(its.run.path, runs=False)
    assert poller._pause_s() == 0.5
    poller.hurry()
    assert poller._pause_s() == 0.15
    its.now += 60
    its.run.alive = False
    poller.read()
    assert poller._pause_s() == 1.0


def test_a_first_answer_is_looked_for_more_often(tmp_path: Path) -> None:
    """For ten seconds after a worker's start, until there is an attempt: whoever starts a run waits for that."""
    poller, _, its = still(tmp_path, running(40, 0))
    its.run.started_at = NOW - 9.9
    poller.watch(its.run.path, runs=False)
    assert poller._pause_s() == 0.15
    its.now += 0.1
    poller.read()
    assert poller._pause_s() == 0.5
    its.run.emails, its.run.started_at = running(40, 1).emails, its.now
    poller.read()
    assert poller._pause_s() == 0.5


def test_a_run_that_cannot_be_read_is_tried_once_a_second(tmp_path: Path) -> None:
    """Also where it could never be read; once it can be, it is shown."""
    poller, box, its = still(tmp_path)
    its.run.trouble = "It is damaged."
    poller.watch(its.run.path, runs=False)
    poller.read()
    assert poller._pause_s() == 1.0
    its.run.trouble = ""
    poller.read()
    while not box.messages.empty():
        last = box.messages.get()
    assert isinstance(last, ViewStateTaken)
    assert last.view_state.trouble == ""
    assert last.view_state.snapshot is not None


def test_the_list_of_runs_is_read_every_two_seconds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often a run is looked at meanwhile."""
    poller, _, its = still(tmp_path)
    read_at: list[float] = []
    runs = its.runs

    def counted(now: float) -> object:
        read_at.append(now)
        return runs(now)

    monkeypatch.setattr(its, "runs", counted)
    poller.watch(its.run.path, runs=True)
    began = its.now
    read_at.clear()
    for step in range(1, 41):
        its.now = began + 0.25 * step
        poller.read()
    assert [at - began for at in read_at] == [2.0, 4.0, 6.0, 8.0, 10.0]


def test_jobs_run_in_order_and_tell_errors() -> None:
    """BackgroundJobs keep their order; a failed one is reported and the next one runs."""
    box = Box()
    jobs = BackgroundJobs(box.post)
    jobs.start()
    done: list[object] = []

    def fails() -> None:
        raise LabeltuiError("no such run")

    jobs.send(lambda: 1, done.append)
    jobs.send(fails, done.append, done.append)
    jobs.send(lambda: 3, done.append)
    for _ in range(3):
        answer = box.next(Answered)
        assert isinstance(answer, Answered)
        if answer.error and answer.failed is not None:
            answer.failed(answer.error)
        else:
            answer.then(answer.result)
    assert done == [1, "no such run", 3]
    jobs.close()
    jobs._thread.join(PATIENCE_S)
    assert not jobs._thread.is_alive()
