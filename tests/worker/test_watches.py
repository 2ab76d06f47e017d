"""Watches in the worker: fed by what is committed, taken up again after a restart, and ended by a dismissal."""

from __future__ import annotations

import random
import sqlite3
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.command import UsageError, decode
from core.commands.review import DismissAlarm
from core.llm.task import builtin_task
from core.model import AskKind, Attempt, Outcome, PackPlace, Settled
from core.quality.alarms import Watch
from core.quality.watch_set import Ask
from core.runs.send import send
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.reading.reviews import read_alarms, read_audit, read_window
from core.storage.writing.check import check_run
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from core.worker.watches import RunWatches
from tests.conftest import NOW, MakeRun
from tui.commands.status import as_json, as_lines

ASKS = 700


def answer(store: Store, number: int, label: str | None) -> Answer:
    attempt = Attempt(
        number, 1, AskKind.ASK, "key", "org", "m", store.task_version, NOW + number, 1.0, Outcome.ANSWERED, label,
        reply_model="m", system_fingerprint="fp",
    )  # fmt: skip
    failure = None if label is not None else "no valid label"
    return Answer(attempt, Settled(number, 0, label, failure))


def ask(store: Store, watches: RunWatches, numbers: range, label_of: dict[int, str | None]) -> None:
    for number in numbers:
        committed = [answer(store, number, label_of.get(number, "1"))]
        store.commit(committed, now=NOW + number)
        watches.observe(committed)


@pytest.fixture
def run(make_run: MakeRun) -> Path:
    """A run of 700 texts in shuffled order."""
    return make_run([f"text {number}" for number in range(ASKS)], order="shuffled")


def healthy(count: int) -> dict[int, str | None]:
    rng = random.Random(3)
    return {number: "0" if rng.random() < 0.2 else "1" for number in range(1, count + 1)}


def test_a_server_that_cuts_prompts_is_reported_and_the_run_goes_on(make_run: MakeRun) -> None:
    """Texts of 500 to 6,000 characters that all took 1,024 tokens: an alarm in status, and no pause."""
    texts = [f"{number} " + "word " * (100 * number) for number in range(1, 13)]
    path = make_run(texts)
    reasons: list[str] = []
    with RunLock(path) as lock, Store.open(path, lock) as store:
        watches = RunWatches(store, lambda: NOW, reasons.append, fixed_chars=2_300)
        for number in range(1, 13):
            committed = [replace(replace_tokens(answer(store, number, "1"), 1_024), chars=len(texts[number - 1]))]
            store.commit(committed, now=NOW + number)
            watches.observe(committed)
    with RunReader(path) as reader:
        [alarm] = reader.snapshot(NOW + 20).alarms
    assert "cut prompts: questions of" in alarm
    assert reasons == []


def replace_tokens(given: Answer, tokens: int) -> Answer:
    return replace(given, attempt=replace(given.attempt, prompt_tokens=tokens))


def test_a_vanished_label_pauses_the_run_and_is_recorded(run: Path) -> None:
    """No label 0 after ask 400: an alarm is recorded with its sentence and the run pauses with the reason."""
    reasons: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        watches = RunWatches(store, lambda: NOW, reasons.append)
        ask(store, watches, range(1, 401), healthy(400))
        assert reasons == []
        ask(store, watches, range(401, 481), {})
    assert len(reasons) == 1
    assert "no 0 among the last" in reasons[0]
    [alarm] = [row for row in read_alarms(run) if row.watch == "run of one label"]
    assert (alarm.state, alarm.to_ask) == ("raised", alarm.to_ask)
    states = {watch["name"]: watch["state"] for watch in read_audit(run).watches}
    assert states["run of one label"] == "alarm"
    assert states["empty or failed"] == "steady"
    with RunReader(run) as reader:
        snapshot = reader.snapshot(NOW)
    assert any("no 0 among the last" in alarm for alarm in as_json(snapshot, ())["alarms"])
    assert any("alarm" in told and "no 0 among" in told for told in as_lines(snapshot, ()))


def test_a_restart_in_the_middle_changes_nothing(run: Path) -> None:
    """Watches that are taken up from the run file in each of ten places raise what one uninterrupted worker raises."""
    labels = healthy(400)
    reasons: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        for begin in range(1, 481, 48):
            ask(store, RunWatches(store, lambda: NOW, reasons.append), range(begin, begin + 48), labels)
    assert len(reasons) == 1
    assert len([row for row in read_alarms(run) if row.watch == "run of one label"]) == 1


def test_an_alarm_that_was_lost_by_a_kill_is_raised_at_the_next_start(run: Path) -> None:
    """Answers were committed and the worker died before their alarm: the next worker records it."""
    labels = healthy(400)
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.commit([answer(store, number, labels.get(number, "1")) for number in range(1, 481)], now=NOW)
    assert read_alarms(run) == ()
    reasons: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        RunWatches(store, lambda: NOW, reasons.append)
        RunWatches(store, lambda: NOW, reasons.append)
    assert len(reasons) == 1
    assert {row.state for row in read_alarms(run)} == {"raised"}


def test_a_dismissed_alarm_does_not_come_back_for_the_same_asks(run: Path) -> None:
    """Dismissed with a note, the watch begins anew, also in a worker that starts later."""
    reasons: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        watches = RunWatches(store, lambda: NOW, reasons.append)
        ask(store, watches, range(1, 481), healthy(400))
    sent = send(run, DismissAlarm("run of one label", "the source turned"))
    assert "dismissed" in sent.sentence
    assert [row.note for row in read_alarms(run) if row.watch == "run of one label"] == ["the source turned"]
    again: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        watches = RunWatches(store, lambda: NOW, again.append)
        ask(store, watches, range(481, 500), {})
    assert again == []
    assert "nothing was changed" in send(run, DismissAlarm("run of one label")).sentence


def test_failures_pause_and_follow_up_questions_only_tell(run: Path) -> None:
    """Every eighth answer failing is an alarm that pauses."""
    reasons: list[str] = []
    with RunLock(run) as lock, Store.open(run, lock) as store:
        watches = RunWatches(store, lambda: NOW, reasons.append)
        ask(store, watches, range(1, 121), {n: None if n % 8 == 0 else "1" for n in range(1, 121)})
    assert len(reasons) == 1
    assert "tolerated" in reasons[0]


def test_a_reply_keeps_the_model_that_it_names(run: Path) -> None:
    """The model and fingerprint of a reply are kept with its attempt."""
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.commit([answer(store, 1, "1")], now=NOW)
    with RunReader(run) as reader:
        [attempt] = reader.record(1).attempts
    assert (attempt.reply_model, attempt.system_fingerprint) == ("m", "fp")


def test_commands_about_quality_survive_their_own_text() -> None:
    """What is encoded is decoded to an equal command; what is no such command is refused."""
    command = DismissAlarm("shares", "x")
    assert decode("dismiss", command.encode()) == command
    with pytest.raises(UsageError):
        DismissAlarm("no such watch")
    for kind, text in (
        ("review", '{"answers": [{"email_id": 1, "annotator": ""}]}'),
        ("review", '{"answers": [{"email_id": "x", "annotator": "a"}]}'),
        ("review", '{"answers": [{"email_id": 1, "annotator": "a", "value": 3}]}'),
        ("sample", '{"goal": 0}'),
        ("gold", '{"name": "g", "labels": [[1, 2]]}'),
    ):
        with pytest.raises(UsageError):
            decode(kind, text)


def test_the_window_of_an_alarm_is_labeled_again(run: Path) -> None:
    """What was labeled since it began is taken back and pending, a person's label stays, and the alarm is dismissed."""
    now = [NOW]
    with RunLock(run) as lock, Store.open(run, lock) as store:
        watches = RunWatches(store, lambda: now[0], lambda _: None)
        for number in range(1, 481):
            now[0] = NOW + number
            ask(store, watches, range(number, number + 1), healthy(400))
        [reading] = [row for row in read_alarms(run) if row.watch == "run of one label"]
        window = reading.to_ask - reading.from_ask + 1
        store.label_by_person([450], "0", annotator="anna", note="", now=now[0])
        doubted, _, mean_chars = read_window(run, reading.watch)
        assert window <= doubted <= window + 480 - reading.to_ask
        assert mean_chars > 0
        moved = store.relabel_window(reading.watch, by="anna", now=now[0] + 1)
        assert moved == doubted
        assert store.relabel_window(reading.watch, by="anna", now=now[0] + 2) == 0, "it is dismissed"
        with RunReader(run) as reader:
            assert reader.count("pending") == ASKS - 480 + moved
            assert [(label.value, label.source) for label in reader.record(450).labels] == [
                ("1", "undone"),
                ("0", "human"),
            ]
        again = RunWatches(store, lambda: now[0], lambda _: None)
        ask(store, again, range(450, 451), {450: "0"})
        with RunReader(run) as reader:
            assert reader.record(450).row.label == "0"
    [dismissed] = [row for row in read_alarms(run) if row.watch == "run of one label"]
    assert (dismissed.state, dismissed.note) == ("dismissed", f"{moved} requeued")
    assert check_run(run).sound


@pytest.mark.parametrize(
    ("change", "settled", "expected"),
    [
        ({}, {}, {}),
        ({"reply_model": None, "system_fingerprint": None}, {}, {"model": "", "fingerprint": ""}),
        ({"lane": "batch"}, {}, {"latency_s": None}),
        ({"lane": "flex"}, {}, {"latency_s": None}),
        ({"pack": PackPlace("p", 1, 2)}, {}, {"latency_s": None, "chars": 0}),
        ({"kind": AskKind.REASK}, {"reasks": 1}, {"chars": 0, "reasked": True}),
        ({"email_id": 2}, {"reasks": 1}, {"email_id": 2, "reasked": False}),
        ({}, {"label": None, "failure": "no"}, {"label": None, "failed": True}),
    ],
)
def test_what_a_watch_sees_of_an_answer(
    change: dict[str, object], settled: dict[str, object], expected: dict[str, object]
) -> None:
    """No latency but of single live calls, no length but of first questions, no follow-up where a batch answered."""
    seen: list[object] = []
    taken = SimpleNamespace(observe=lambda ask: seen.append(ask) or (), observe_canary=lambda _: ())
    store = SimpleNamespace(
        watches=lambda: taken, raised_watches=frozenset, pack_control=lambda: None,
        was_in_batch=lambda number: number == 2, task=builtin_task,
    )  # fmt: skip
    taken.replay = taken.readings = lambda *_: ()
    attempt = Attempt(
        1,
        1,
        AskKind.ASK,
        "k",
        "o",
        "m",
        "v",
        NOW,
        1.5,
        Outcome.ANSWERED,
        "1",
        None,
        70,
        2,
        None,
        "m-1",
        "fp",
        in_flight=4,
    )
    watches = object.__new__(RunWatches)
    watches._store, watches._watches, watches._fixed_chars, watches.packs = store, taken, 100, None  # type: ignore[assignment]
    made = Settled(**{"email_id": 1, "reasks": 0, "label": "1", "failure": None, **settled})  # type: ignore[arg-type]
    watches.observe([Answer(replace(attempt, **change), made, chars=40), Answer(attempt)])  # type: ignore[arg-type]
    usual = Ask(
        "1", reasked=False, failed=False, latency_s=1.5, in_flight=4, model="m-1", fingerprint="fp", email_id=1, chars=140,
        tokens=70,
    )  # fmt: skip
    assert seen == [replace(usual, **expected)]  # type: ignore[arg-type]


class Packs:
    """The control of packs: what it was offered, and whether an answer makes it alarm."""

    size, packed, sum, sentence = 10, 40, 5.5, "4 of 40 differ"

    def __init__(self, *, alarms: bool, smaller: int | None) -> None:
        self._alarms, self._smaller = alarms, smaller
        self.seen: list[object] = []

    def offer(self, *given: object) -> None:
        self.seen.append(given)

    def answered(self, control: object) -> bool:
        self.seen.append(control)
        return self._alarms

    def lower(self) -> int | None:
        self.size, self.packed, self.sum, self.sentence = 0, 0, 0.0, "nothing yet"
        return self._smaller

    def restart(self) -> None:
        self.seen.append("restarted")


class Kept:
    """A run file that keeps alarms and sizes of packs; ``full`` refuses both."""

    def __init__(self, packs: Packs | None = None, raised: tuple[Watch, ...] = (), known: tuple[str, ...] = ()) -> None:
        self.kept: list[Any] = []
        self.full = False
        self.watched: list[object] = []
        self.packs, self.known = packs, known
        self.set = SimpleNamespace(
            raised=tuple(reading(each) for each in raised), canaries="canaries",
            observe=lambda ask: [reading(Watch.FAILED)] if ask.failed else [],
            observe_canary=lambda canary: [reading(Watch.CANARIES)] if canary == "changed" else [],
            alarm_of_packs=self._alarm_of_packs,
            restart=self.watched.append,
        )  # fmt: skip

    def watches(self) -> object:
        return self.set

    def _alarm_of_packs(self, *given: object) -> list[Any]:
        self.watched.append(given)
        return [reading(Watch.PACKS)]

    def pack_control(self) -> Packs | None:
        return self.packs

    def raised_watches(self) -> frozenset[str]:
        return frozenset(self.known)

    def was_in_batch(self, _: int) -> bool:
        return False

    def set_pack_size(self, size: int, reason: str, *, now: float) -> None:
        self._keep(size, reason, now)

    def raise_alarm(self, raised: object, *, now: float) -> None:
        self._keep(raised, now)

    def _keep(self, *what: object) -> None:
        if self.full:
            raise sqlite3.OperationalError("database or disk is full")
        self.kept.append(what)


def reading(watch: Watch) -> Any:
    return SimpleNamespace(watch=watch, sentence=f"sentence of {watch.value}")


def made(store: Kept) -> tuple[RunWatches, list[str]]:
    paused: list[str] = []
    given: Any = store
    return RunWatches(given, lambda: 9.0, paused.append, fixed_chars=100), paused


def one(settled: Settled | None = None, *, pack: PackPlace | None = None, **given: Any) -> Answer:
    attempt = Attempt(1, 1, AskKind.ASK, "k", "o", "m", "v", NOW, 1.0, Outcome.ANSWERED, "1", pack=pack)
    return Answer(attempt, settled, **given)


def test_alarms_that_were_lost_are_recorded_and_pause() -> None:
    """Those that are known are left alone; some watches only tell."""
    store = Kept(raised=(Watch.FAILED, Watch.PACKS, Watch.CANARIES), known=(Watch.CANARIES.value,))
    watches, paused = made(store)
    assert [(each.watch, at) for each, at in store.kept] == [(Watch.FAILED, 9.0), (Watch.PACKS, 9.0)]
    words = f"alarm: sentence of {Watch.FAILED.value}. Look into the labels, then dismiss the alarm and resume."
    assert paused == [words]
    assert watches.canaries is store.set.canaries
    assert watches.packs is None


def test_each_answer_is_seen_once_by_what_it_is_for() -> None:
    """An ask that settles nothing is no ask of the watches; an alarm that cannot be written pauses all the same."""
    store = Kept()
    watches, paused = made(store)
    watches.observe([one(canary="changed"), one(canary="same"), one(), one(Settled(1, 0, "1", None))])
    assert [each.watch for each, _ in store.kept] == [Watch.CANARIES]
    store.full = True
    before = len(paused)
    watches.observe([one(Settled(1, 0, None, "no")), one(Settled(2, 0, None, "no"))])
    assert len(paused) == before + 2
    assert len(store.kept) == 1


@pytest.mark.parametrize(
    ("settled", "place", "offered"),
    [
        (Settled(3, 0, "1", None), PackPlace("p", 2, 10), [(3, "1", 10, 2)]),
        (Settled(3, 0, None, "no"), PackPlace("p", 2, 10), []),
        (Settled(3, 0, "1", None), None, []),
        (None, PackPlace("p", 2, 10), []),
    ],
)
def test_labels_of_packs_may_be_taken_into_the_control_sample(
    settled: Settled | None, place: PackPlace | None, offered: list[object]
) -> None:
    """Labels alone, of packs alone."""
    store = Kept(Packs(alarms=True, smaller=5))
    watches, _ = made(store)
    watches.observe([one(settled, pack=place)])
    assert store.packs is not None
    assert store.packs.seen == offered
    assert store.watched == []


@pytest.mark.parametrize(
    ("alarms", "smaller", "full", "reason"),
    [
        (False, 5, False, None),
        (True, 5, False, "4 of 40 differ: packs of 10 color labels; from now on packs hold 5"),
        (True, 1, False, "4 of 40 differ: packs of 10 color labels; from now on every text is asked about alone"),
        (True, None, False, "4 of 40 differ: packs of 10 color labels"),
        (True, 5, True, "4 of 40 differ: packs of 10 color labels; from now on packs hold 5"),
    ],
)
def test_packs_that_color_labels_become_smaller(
    alarms: bool, smaller: int | None, full: bool, reason: str | None
) -> None:
    """Where no smaller size is left the control begins anew; the alarm has the figures of the size before."""
    store = Kept(packs := Packs(alarms=alarms, smaller=smaller))
    store.full = full
    watches, paused = made(store)
    watches.observe([one(control="answer")])
    assert packs.seen == ["answer", *(["restarted"] if alarms and smaller is None else [])]
    assert store.watched == ([(reason, 40, 5.5)] if reason else [])
    sizes = [(smaller, reason, 9.0)] if smaller and alarms and not full else []
    assert [each for each in store.kept if isinstance(each, tuple) and len(each) == 3] == sizes
    assert len(store.kept) == (0 if full or not alarms else 1 + len(sizes))
    assert paused == []


@pytest.mark.parametrize(("watch", "packs"), [(Watch.PACKS, True), (Watch.FAILED, True), (Watch.PACKS, False)])
def test_a_dismissed_watch_begins_anew(watch: Watch, packs: bool) -> None:
    """That of packs with its control."""
    store = Kept(control := Packs(alarms=False, smaller=None) if packs else None)
    watches, _ = made(store)
    watches.restart(watch.value)
    assert store.watched == [watch]
    if control is not None:
        assert control.seen == (["restarted"] if watch is Watch.PACKS else [])
