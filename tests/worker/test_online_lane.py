"""The online lane call by call: what it offers, what goes out together, and what becomes of each answer."""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import (
    CallError,
    KeyRefusedError,
    ModelGoneError,
    PlaceLostError,
    RequestRefusedError,
    ServerFailedError,
    TooLargeError,
)
from core.llm.packs import pack_chars, shuffled
from core.llm.task import builtin_task, fixed_chars
from core.model import Outcome, PendingEmail, Reply, Usage, Verdict, Wait
from core.quality.packing import ControlAnswer
from core.quota.pacing.grants import Candidate, Consequence, Never, NoKeys
from core.worker.lanes.lane import Listener, Sent
from core.worker.lanes.online import LOOK_AHEAD, OnlineLane, _Front
from core.worker.pacer import Slot
from core.worker.queue import FirstN, Queue
from core.worker.settle import Answered

TASK = replace(builtin_task(), version="v1", max_reasks=1)
PACKED = replace(TASK, pack=4)


def email(number: int, text: str = "", **more: Any) -> PendingEmail:
    return PendingEmail(
        number, number, f"mail-{number}", "", text or f"text {number}", text or f"text {number}", **more
    )


class Again:
    """Emails to be asked again, as canaries or as the control of packs: numbers with a round, in order."""

    def __init__(self, *due: tuple[int, Any], size: int = 1) -> None:
        self._due, self.size, self.told = list(due), size, list[str]()

    @property
    def waiting(self) -> int:
        return len(self._due)

    def due(self) -> tuple[int, Any] | None:
        return self._due[0] if self._due else None

    def sent(self, number: int, round_: int = 0) -> None:
        self.told.append(f"sent {number}")
        self._due.pop(0)

    def given_up(self, number: int, round_: int = 0) -> None:
        self.told.append(f"given up {number}")

    def drop(self, number: int) -> None:
        self.told.append(f"dropped {number}")
        self._due.pop(0)


class Paces:
    """A pacer that grants the first it is offered, or what a test wants, and keeps what it was offered."""

    def __init__(self, room: Room) -> None:
        self.room, self.out = room, 0

    def next(self, front: Sequence[Candidate]) -> Any:
        room = self.room
        room.candidates = list(front)
        room.offered.append([each.email_id for each in room.candidates])
        if room.decisions:
            return room.decisions.pop(0)
        if self.out >= room.at_once:
            return Wait(None, "", "", "enough")
        self.out += 1
        key = room.keys[(self.out - 1) % len(room.keys)]
        return Slot(room.candidates[0].email_id, key, "org_1", (100.0, 30.0), in_flight=self.out)

    def answered(self, *_words: Any) -> None:
        self.out -= 1

    def failed(self, _grant: Slot, _error: CallError, _latency_s: float, *, spare_key: bool = False) -> Consequence:
        self.out -= 1
        return self.room.consequence

    def cancelled(self, grant: Slot, *, sent: bool = True) -> None:
        self.out -= 1
        self.room.said.append(f"cancelled {grant.email_id} {grant.alias}{'' if sent else ' unsent'}")


class Room:
    """A lane with all around it in plain values. ``answers`` is what each email is answered: a label, or an error."""

    def __init__(
        self, *emails: PendingEmail, task: Any = TASK, answers: dict[int, Any] | None = None, at_once: int = 99,
        size: int = 1, canaries: Again | None = None, packs: Again | None = None, dedupe: bool = True,
    ) -> None:  # fmt: skip
        self.answers, self.at_once, self.held = answers or {}, at_once, lambda: False
        self.asked: list[Any] = []
        self.committed: list[Any] = []
        self.said: list[str] = []
        self.offered: list[list[int]] = []
        self.candidates: list[Candidate] = []
        self.decisions: list[Any] = []
        self.keys = ["main"]
        self.most: int | None = None
        self.fleet_most = 99
        self.twins: set[int] = set()
        self.broken: set[int] = set()
        self.known: dict[int, tuple[PendingEmail, str]] = {}
        self.labeled: list[PendingEmail] = []
        self.probes: list[int] = []
        self.consequence = Consequence("", counts_against_email=True, retry_elsewhere=True)
        pending = {each.id: each for each in emails}
        store = SimpleNamespace(
            dedupe=dedupe, seed=lambda: 7, pack_size=lambda: size, copy_from_twin=self._copied,
            answered_email=self._answered, labeled_email=self.known.get, fail=self._fail,
        )  # fmt: skip
        self.queue = Queue(
            lambda after, limit: [each for each in pending.values() if each.position > after][:limit], dedupe=dedupe
        )
        self.canaries, self.packs = canaries, packs
        self.lane = OnlineLane(
            task=task,
            store=store,  # type: ignore[arg-type]
            pacer=Paces(self),  # type: ignore[arg-type]
            queue=self.queue,
            committer=SimpleNamespace(commit=self._commit),  # type: ignore[arg-type]
            clock=lambda: 100.0,
            listener=Listener(
                labeled=lambda: self.said.append("labeled"),
                failed=lambda why: self.said.append(f"failed: {why}"),
                run_over=lambda why: self.said.append(f"run over: {why}"),
                noted=lambda what: self.said.append(f"noted: {what}"),
                landed=lambda error: self.said.append(f"broke: {error}") if error else None,
                grown=lambda: self.said.append(f"bound {self.lane.bound}"),
            ),
            canaries=lambda: self.canaries,  # type: ignore[arg-type, return-value]
            packs=lambda: self.packs,  # type: ignore[arg-type, return-value]
            most_texts=lambda: self.most,
        )

    # -- the run file

    def _copied(self, one: PendingEmail, *, now: float) -> bool:
        if one.id in self.broken:
            raise sqlite3.OperationalError("disk is full")
        return one.id in self.twins

    def _answered(self, number: int) -> PendingEmail | None:
        self.probes.append(number)
        return self.labeled[number] if number < len(self.labeled) else None

    def _fail(self, number: int, reason: str, *, reasks: int, now: float) -> None:
        self.said.append(f"stored {number} {reason} {reasks}")

    async def _commit(self, *answers: Any) -> None:
        self.committed += answers

    # -- the calls

    def _reply(self, number: int) -> tuple[Reply, Verdict]:
        said = self.answers.get(number, "1")
        if isinstance(said, BaseException):
            raise said
        verdict = Verdict(Outcome.ANSWERED, said) if said in "01" else Verdict(Outcome.INVALID, None, "neither")
        return Reply(said, "stop", Usage(50, 2), "", {}), verdict

    async def ask(self, permit: Slot, _conversation: Any, _settings: Any) -> Answered:
        self.asked.append(f"{permit.email_id} {permit.alias}")
        return Answered(*self._reply(permit.email_id))

    async def ask_pack(self, permit: Slot, conversation: Any, _settings: Any, *, size: int, form: Any) -> Answered:
        order = [int(number) for number in re.findall(r"text (\d+)", conversation[-1].content)]
        self.asked.append(order)
        if isinstance(said := self.answers.get(permit.email_id), BaseException):
            raise said
        parts = tuple(self._reply(number) for number in order)
        assert len(parts) == size
        return Answered(*parts[0], parts)

    def round(self) -> Sent:
        """Let all go out that may, and wait until it has ended."""

        async def go() -> Sent:
            self.lane.begin(
                SimpleNamespace(  # type: ignore[arg-type]
                    ask=self.ask,
                    ask_pack=self.ask_pack,
                    most=lambda: self.fleet_most,
                    why_full=lambda: "places are full",
                )
            )
            sent = self.lane.send(self.held)
            self.out, self.tokens, self.by_key = len(self.lane), self.lane.tokens, dict(self.lane.by_key())
            await self.lane.drain()
            await asyncio.sleep(0)
            return sent

        return asyncio.run(go())

    @property
    def kinds(self) -> list[str]:
        return [
            f"{each.attempt.email_id} {each.attempt.kind.value} {each.attempt.outcome.value}" for each in self.committed
        ]


# -- what goes out ----------------------------------------------------------------------------------------------------------


def test_calls_go_out_until_nothing_is_left() -> None:
    """They are counted by key with what they may take; once all have landed nothing is out."""
    room = Room(email(1), email(2), email(3))
    room.keys = ["main", "spare"]
    assert not room.lane.ready
    assert room.lane.send(lambda: False) == Sent()
    assert room.round() == Sent(idle=True)
    assert room.lane.ready
    assert (room.out, room.tokens, room.by_key) == (3, (300.0, 90.0), {"main": 2, "spare": 1})
    assert room.asked == ["1 main", "2 spare", "3 main"]
    assert room.said == ["bound 8", "labeled", "labeled", "labeled"]
    assert (len(room.lane), room.lane.tokens, room.queue.exhausted) == (0, (0.0, 0.0), True)


@pytest.mark.parametrize(
    ("given", "sent", "asked"),
    [
        ({"at_once": 2}, Sent(wait=Wait(None, "", "", "enough")), 2),
        ({"most": 2}, Sent(wait=Wait(None, "", "", "batches follow once the first texts are answered")), 2),
        ({"fleet_most": 2}, Sent(wait=Wait(None, "", "", "places are full")), 2),
        ({"decisions": [NoKeys("none")]}, Sent(no_keys="none"), 0),
        ({"decisions": [Never(1, "too large")]}, Sent(idle=True), 2),
        ({"broken": {2}}, Sent(), 1),
    ],
)
def test_why_no_more_goes_out(given: dict[str, Any], sent: Sent, asked: int) -> None:
    """The quotas, the trial, the places, no key; an email that no key takes lets the others go; a disk that refuses none."""
    room = Room(email(1), email(2), email(3))
    for name, each in given.items():
        setattr(room, name, each)
    assert room.round() == sent
    assert len(room.asked) == asked


def test_each_call_is_held_where_the_worker_says_so() -> None:
    """It is asked before each."""
    room = Room(*map(email, range(1, 6)))
    answers = iter([False, False, True])
    room.held = lambda: next(answers)
    assert room.round() == Sent()
    assert room.asked == ["1 main", "2 main"]


def test_the_bound_on_calls_at_once_grows_before_it_is_reached() -> None:
    """8, 16, 32: it is written down each time, and not again for as many."""
    room = Room(*map(email, range(1, 50)), at_once=17)
    for _ in range(3):
        room.round()
    assert [each for each in room.said if each != "labeled"] == ["bound 8", "bound 16", "bound 32"]
    assert room.lane.bound == 32


@pytest.mark.parametrize(
    ("answers", "said", "again"),
    [
        ({1: "0"}, ["labeled"], []),
        ({1: "maybe"}, [], [1]),
        ({1: ServerFailedError("500")}, [], [1]),
        ({1: RequestRefusedError("400", conclusive=True)}, ["failed: refused by the server: 400"], []),
        ({1: ValueError("odd")}, ["cancelled 1 main", "broke: odd"], [1]),
    ],
)
def test_what_becomes_of_an_answer(answers: dict[int, Any], said: list[str], again: list[int]) -> None:
    """A label or a failure settles its email; else it is in line again, also where the call broke off."""
    room = Room(email(1), answers=answers)
    room.round()
    assert room.said[1:] == said
    assert [each.id for each in room.queue.front(9)] == again
    if again and isinstance(answers[1], str):
        assert room.queue.front(9)[0].bad_answers == (("maybe", "neither"),)


def test_an_email_whose_text_has_a_label_by_now_is_not_asked_about() -> None:
    """Unless a conversation about it has begun; its permit is given back."""
    room = Room(email(1), email(2, "other"), email(3))
    room.twins = {1, 3}
    room.queue.front(9)
    room.queue.give_back(replace(room.queue.take(3), bad_answers=(("x", "y"),)))
    room.round()
    assert room.asked == ["3 main", "2 main"]
    assert "cancelled 1 main unsent" in room.said
    assert room.queue.exhausted


def test_a_key_that_was_in_vain_is_not_tried_again_where_there_is_another() -> None:
    """The other permit is given back, whichever it is."""
    room = Room(email(1), email(2), answers={1: "maybe"})
    room.keys = ["main", "spare"]
    room.round()
    room.answers = {}
    room.round()
    assert room.asked == ["1 main", "2 spare", "1 spare"]
    assert room.said[-2:] == ["cancelled 1 main unsent", "labeled"]
    assert room.offered[-2] == [1]
    room = Room(email(1), answers={1: "maybe"})
    room.round()
    room.answers, room.decisions = {}, []
    room.round()
    assert room.asked == ["1 main", "1 main"]
    assert room.said[-2:] == ["cancelled 1 main unsent", "labeled"]


def test_the_characters_of_a_question() -> None:
    """What all have in common, its text and, of a follow-up, each answer up to 500, each reason and 120 more."""
    room = Room(email(1, "x" * 40, bad_answers=(("a" * 600, "b" * 10), ("c" * 5, "d"))))
    assert room.lane._prompt_chars(email(1, "x" * 40)) == fixed_chars(TASK) + 40
    room.decisions = [Wait(None, "", "", "later")]
    room.round()
    assert room.candidates == [Candidate(1, fixed_chars(TASK) + 40 + 500 + 10 + 120 + 5 + 1 + 120)]


def test_the_pacer_looks_at_the_first_and_at_more_where_it_wants() -> None:
    """They are read when it does, up to 24, and those that are asked again come first."""
    read: list[int] = []

    def more(count: int) -> list[PendingEmail]:
        read.append(count)
        return [email(each) for each in range(1, 31)][:count]

    front = _Front([email(99)], [email(1)], lambda one: one.id, more)
    assert (bool(front), front[0].email_id, front[1].email_id, read) == (True, 99, 1, [])
    assert [each.email_id for each in front[:2]] == [99, 1]
    assert read == []
    assert front[2].email_id == 2
    assert read == [LOOK_AHEAD]
    assert (len(front), front[-1].email_id) == (24, 23)
    assert [each.prompt_chars for each in front[21:]] == [21, 22, 23]
    assert read == [LOOK_AHEAD]
    assert not _Front([], [], lambda one: one.id)
    assert len(_Front([], [email(each) for each in range(30)], lambda one: one.id)) == 24
    assert [each.email_id for each in _Front([], [email(1)], lambda one: one.id, more)[:]] == list(range(1, 25))


# -- probes, canaries and controls ----------------------------------------------------------------------------------------


def test_emails_that_are_stuck_wait_for_a_probe() -> None:
    """Another email goes first; where there is none, one that was answered before, and nobody else until it has ended."""
    broken = ServerFailedError("500")
    room = Room(email(1), email(2), answers={1: broken, 2: broken})
    room.labeled = [email(50), email(51)]
    for _ in range(2):
        room.round()
    assert room.asked == ["1 main", "2 main"] * 2
    room.asked.clear()
    for _ in range(2):
        room.round()
    assert room.asked == ["50 main", "1 main", "2 main"], "the answer to the probe frees them"
    assert room.kinds[-3:] == ["50 probe answered", "1 ask server_error", "2 ask server_error"]


def test_the_worker_probes_with_one_of_twenty_in_turn() -> None:
    """Where there are fewer, with the first; without any, those that are stuck are asked about."""
    broken = ServerFailedError("500")
    room = Room(email(1), answers={1: broken, 50: broken, 51: broken}, at_once=1)
    room.labeled = [email(50), email(51)]
    for _ in range(25):
        room.round()
    assert room.probes[:4] == [0, 1, 2, 0]
    assert room.asked[:6] == ["1 main", "1 main", "50 main", "51 main", "50 main", "50 main"]
    assert max(room.probes) == 19
    none = Room(email(1), answers={1: broken}, at_once=1)
    for _ in range(4):
        none.round()
    assert none.asked == ["1 main"] * 4


def test_a_canary_goes_out_before_pending_emails_and_keeps_its_label() -> None:
    """What it is answered is recorded beside its label; one that has none any more is dropped."""
    canaries = Again((50, 1), (51, 2), (52, 3))
    room = Room(email(1), email(2), canaries=canaries, answers={50: "0", 52: "maybe"})
    room.known |= {50: (email(50), "1"), 52: (email(52), "0")}
    room.round()
    assert room.asked == ["50 main", "1 main", "52 main", "2 main"]
    assert canaries.told == ["sent 50", "dropped 51", "sent 52", "given up 52"]
    told = {each.attempt.email_id: each for each in room.committed}
    assert told[50].attempt.kind.value == told[52].attempt.kind.value == "canary"
    assert told[50].canary is not None
    assert (told[50].canary.label, told[50].canary.value, told[50].canary.round) == ("1", "0", 1)
    assert told[52].canary is None
    assert told[50].settled is None
    first = Room(email(1), canaries=Again((50, 1)))
    first.known[50] = (email(50), "1")
    first.queue.first_n = FirstN(5, dedupe=True)
    first.round()
    assert first.asked == ["1 main"], "while a first N is tried, nobody else is"


def test_a_packed_text_is_asked_about_alone_as_the_control_of_packs() -> None:
    """Before canaries; what it is answered is recorded beside its label; one without a label is dropped."""
    known = ControlAnswer(50, "1", "", 1, 4, 2)
    packs = Again((49, known), (50, known), size=4)
    room = Room(email(1), task=PACKED, packs=packs, answers={50: "0"}, at_once=1)
    room.known[50] = (email(50), "1")
    room.round()
    room.round()
    assert (room.asked, packs.told) == (["1 main", "50 main"], ["dropped 49", "sent 50"])
    assert room.kinds[-1] == "50 control answered"
    assert room.committed[-1].control == replace(known, value="0")
    again = Again((50, known), size=4)
    lost = Room(email(1), task=PACKED, packs=again, answers={50: "maybe"}, at_once=1)
    lost.known[50] = (email(50), "1")
    lost.round()
    assert (again.told, lost.committed[-1].control) == (["sent 50", "given up 50"], None)


@pytest.mark.parametrize("broken", [RuntimeError("odd"), ServerFailedError("500")])
def test_what_is_asked_again_is_given_up_where_its_call_fails(broken: BaseException) -> None:
    """So that it is due once more."""
    canaries, packs = Again((50, 1)), Again((50, ControlAnswer(50, "1", "", 1, 4, 2)), size=4)
    for room, again in (
        (Room(email(1), canaries=canaries, answers={50: broken}, at_once=1), canaries),
        (Room(email(1), task=PACKED, packs=packs, answers={50: broken}, at_once=1), packs),
    ):
        room.known[50] = (email(50), "1")
        room.round()
        assert again.told == ["sent 50", "given up 50"]


# -- packs ------------------------------------------------------------------------------------------------------------------


def packed(*emails: PendingEmail, size: int = 4, **more: Any) -> Room:
    return Room(*emails, task=PACKED, size=size, **more)


def test_emails_go_out_in_packs_of_the_size_in_force() -> None:
    """In an order of their own; each candidate counts its texts, characters and the room for its answer."""
    room = packed(*map(email, range(1, 11)))
    room.round()
    assert [sorted(each) if isinstance(each, list) else each for each in room.asked] == [
        [1, 2, 3, 4],
        [5, 6, 7, 8],
        [9, 10],
    ]
    assert room.asked[0] == shuffled([1, 2, 3, 4], [1, 2, 3, 4], 7)
    assert room.offered[0] == [-1, -5, -9]
    first = room.candidates
    assert first == [
        Candidate(-9, round(pack_chars(PACKED, 13, 2)), texts=2, completion=PACKED.model.max_completion_tokens + 64)
    ]
    assert room.said == ["bound 8", "bound 16", *["labeled"] * 10]
    assert (room.out, room.tokens) == (3, (300.0, 90.0))


def test_the_control_of_packs_sets_their_size() -> None:
    """It is the run file's before it knows."""
    room = packed(*map(email, range(1, 8)), packs=Again(size=2))
    room.round()
    assert [len(each) if isinstance(each, list) else 1 for each in room.asked] == [2, 2, 2, 1]


def test_some_emails_share_no_call() -> None:
    """Those that a pack was asked about in vain, that were answered badly, that give orders, that are long, and copies."""
    room = packed(
        email(1), email(2, alone=True), email(3, bad_answers=(("x", "y"),)), email(4, flagged=True),
        email(5, "text 5" + "x" * 10_000), email(6, "text 6"), email(7, "text 6"), email(8),
    )  # fmt: skip
    room.decisions = [Wait(None, "", "", "later")]
    room.round()
    assert room.offered == [[-1, 2, 3, 4, 5]]
    assert room.candidates[0].texts == 3
    room.round()
    assert sorted(room.asked[0]) == [1, 6, 8]
    several = packed(email(1), email(2, "text 1"), dedupe=False)
    several.round()
    assert several.asked[0] == [1, 1]


@pytest.mark.parametrize(
    ("most", "first_n", "offered"),
    [(None, None, [4, 4, 4]), (6, None, [4, 2]), (None, 3, [3]), (None, 5, [4, 1]), (1, None, [1])],
)
def test_no_more_texts_are_packed_than_may_be_asked(most: int | None, first_n: int | None, offered: list[int]) -> None:
    """Three packs ahead, within what is left of a trial or of a first N."""
    room = packed(*map(email, range(1, 31)))
    room.most, room.queue.first_n = most, None if first_n is None else FirstN(first_n, dedupe=True)
    room.decisions = [Wait(None, "", "", "later")]
    room.round()
    assert [each.texts for each in room.candidates] == offered


def test_a_trial_counts_the_texts_that_are_out() -> None:
    """Of six, four and two go out, and nothing more."""
    room = packed(*map(email, range(1, 31)))
    room.most = 6
    sent = room.round()
    assert [len(each) for each in room.asked] == [4, 2]
    assert sent.wait == Wait(None, "", "", "batches follow once the first texts are answered")


def test_texts_that_have_a_label_by_now_leave_their_pack() -> None:
    """One that is left alone goes back to where it was, and no call is made."""
    room = packed(*map(email, range(1, 5)))
    room.twins = {2}
    room.round()
    assert sorted(room.asked[0]) == [1, 3, 4]
    room = packed(*map(email, range(1, 5)), at_once=1)
    room.twins = {1, 2, 4}
    room.round()
    assert room.asked == ["3 main"]
    assert room.said[0] == "cancelled -1 main unsent"


def test_a_disk_that_refuses_puts_a_pack_back_before_all_others(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing goes out; the one that could not be settled is the first, and the log says why."""
    room = packed(*map(email, range(1, 5)))
    room.queue.front(9)
    room.broken = {3}
    assert room.round() == Sent()
    assert (room.asked, room.said) == ([], ["cancelled -1 main unsent"])
    assert [each.id for each in room.queue.front(9)] == [3, 1, 2, 4]
    assert "could not settle a text: disk is full" in caplog.messages


def test_a_pack_settles_what_it_labels_and_leaves_the_rest_in_line() -> None:
    """All of it is committed at once; what was unusable is asked about alone."""
    room = packed(*map(email, range(1, 5)), answers={3: "maybe"}, at_once=1)
    room.round()
    assert [
        each.settled.label if each.settled else None
        for each in sorted(room.committed, key=lambda each: each.attempt.email_id)
    ] == ["1", "1", None, "1"]
    (left,) = room.queue.front(9)
    assert (left.id, left.alone, left.bad_answers, left.attempts) == (3, True, (), 1)
    assert room.said.count("labeled") == 3
    assert (room.queue.in_flight, room.queue.is_busy(email(1)), room.queue.is_busy(left)) == (0, False, True)


@pytest.mark.parametrize(
    ("error", "chars", "alone", "said"),
    [
        (TooLargeError("413", status=413), 10_000, False, []),
        (RequestRefusedError("400"), 20_000, True, []),
        (ServerFailedError("500"), 20_000, False, []),
        (RuntimeError("odd"), 20_000, False, ["cancelled -1 main", "broke: odd"]),
    ],
)
def test_a_pack_that_fails_leaves_all_of_its_emails_in_line(
    error: BaseException, chars: int, alone: bool, said: list[str]
) -> None:
    """One that was too large makes smaller ones of those that follow."""
    room = packed(*map(email, range(1, 5)), answers={-1: error}, at_once=1)
    room.round()
    assert room.lane._pack_chars == chars
    left = room.queue.front(9)
    assert (sorted(each.id for each in left), {each.alone for each in left}) == ([1, 2, 3, 4], {alone})
    assert room.said[1:] == said


@pytest.mark.parametrize(("size", "emails", "riders"), [(4, 6, 1), (10, 10, 3), (10, 8, 3), (3, 3, 0), (7, 7, 2)])
def test_canaries_ride_with_packs(size: int, emails: int, riders: int) -> None:
    """Up to three tenths of a pack, for which it leaves room; what they are answered changes no label of theirs."""
    canaries = Again(*((50 + each, 1) for each in range(5)))
    room = packed(*map(email, range(1, emails + 1)), size=size, canaries=canaries, at_once=1)
    room.known |= {50 + each: (email(50 + each), "0") for each in range(5)}
    room.round()
    first = room.asked[0]
    assert len([each for each in first if each >= 50]) == riders
    assert len(first) <= size
    assert canaries.told == [f"sent {50 + each}" for each in range(riders)]
    heard = [each.canary for each in room.committed if each.canary is not None]
    assert [(each.label, each.value, each.round) for each in heard] == [("0", "1", 1)] * riders
    assert room.said.count("labeled") == len(first) - riders


def test_riders_that_are_long_or_have_no_label_are_dropped_and_those_unheard_given_up() -> None:
    """A text of more than a quarter of what a pack holds rides with none."""
    canaries = Again((50, 1), (51, 1), (52, 1))
    room = packed(*map(email, range(1, 8)), size=10, canaries=canaries, answers={52: "maybe"}, at_once=1)
    room.known |= {51: (email(51, "text 51" + "x" * 5_000), "0"), 52: (email(52), "0")}
    room.round()
    assert canaries.told == ["dropped 50", "dropped 51", "sent 52", "given up 52"]
    lost = Again((52, 1))
    room = packed(*map(email, range(1, 8)), size=10, canaries=lost, answers={-1: ServerFailedError("500")}, at_once=1)
    room.known[52] = (email(52), "0")
    room.round()
    assert lost.told == ["sent 52", "given up 52"]


def test_a_pack_that_no_key_takes_is_made_smaller() -> None:
    """Until each text goes alone, which is where packs hold less than 2,000 characters."""
    room = packed(*map(email, range(1, 3)))
    room.decisions = [Never(-1, "too large")] * 4
    room.round()
    assert room.lane._pack_chars == 1_250
    assert room.offered[:5] == [[-1], [-1], [-1], [-1], [1, 2]]


def test_a_pack_that_ends_the_run_says_so_once() -> None:
    """Its emails stay in line."""
    room = packed(*map(email, range(1, 5)), answers={-1: ModelGoneError("404 gone", conclusive=True)}, at_once=1)
    room.round()
    assert [each for each in room.said if each.startswith("run over")] == ["run over: 404 gone"]
    assert len(room.queue.front(9)) == 4


def test_a_first_n_ends_when_so_many_texts_were_asked_about() -> None:
    """A call counts when it goes out, alone or in a pack; where one text is left no pack is made."""
    for room in (Room(*map(email, range(1, 6))), packed(*map(email, range(1, 6)), at_once=9)):
        room.queue.first_n = FirstN(3, dedupe=True)
        room.round()
        assert room.queue.first_n.full
        assert len(room.committed) == 3
    one = packed(*map(email, range(1, 6)))
    one.queue.first_n = FirstN(1, dedupe=True)
    one.round()
    assert one.asked == ["1 main"]
    riders = packed(*map(email, range(1, 9)), size=10, canaries=Again((50, 1)))
    riders.known[50] = (email(50), "1")
    riders.queue.first_n = FirstN(8, dedupe=True)
    riders.round()
    assert sorted(riders.asked[0]) == list(range(1, 9))


def test_a_probe_that_no_key_takes_is_the_last_one() -> None:
    """From then on those that are stuck are asked about."""
    broken = ServerFailedError("500")
    room = Room(email(1), answers={1: broken}, at_once=1)
    room.labeled = [email(50), email(51)]
    room.round()
    room.round()
    room.decisions = [Never(50, "too large")]
    room.round()
    room.asked.clear()
    room.probes.clear()
    for _ in range(3):
        room.round()
    assert room.asked == ["1 main"] * 3
    assert room.probes == []


def test_a_canary_or_a_control_that_no_key_takes_is_dropped() -> None:
    """And fails nobody."""
    canaries = Again((50, 1))
    room = Room(email(1), canaries=canaries)
    packs = Again((50, ControlAnswer(50, "1", "", 1, 4, 2)), size=4)
    control = Room(email(1), task=PACKED, packs=packs)
    for each, again in ((room, canaries), (control, packs)):
        each.known[50] = (email(50), "1")
        each.decisions = [Never(50, "too large")]
        each.round()
        assert again.told == ["dropped 50"]
        assert each.asked == ["1 main"]
        assert not [said for said in each.said if said.startswith(("failed", "stored"))]


def test_an_email_that_no_key_takes_fails_unasked() -> None:
    """With how often it was asked before; where the disk refuses that, it is where it was, and nothing more goes out."""
    room = Room(email(1, bad_answers=(("x", "y"),)), email(2))
    room.decisions = [Never(1, "too large")]
    room.round()
    assert room.said[:2] == ["stored 1 too large 1", "failed: too large"]
    assert room.asked == ["2 main"]
    full = Room(email(1), email(2))
    full.decisions = [Never(1, "too large")]

    def refuse(*_: Any, **__: Any) -> None:
        raise sqlite3.OperationalError("disk is full")

    full.lane._store.fail = refuse  # type: ignore[method-assign]
    assert full.round() == Sent()
    assert full.asked == []
    assert [each.id for each in full.queue.front(9)] == [1, 2]


def test_what_is_wrong_with_a_key_is_noted() -> None:
    """In the run's events, also where a pack or what is asked again found it out."""
    room = Room(email(1))
    room.lane._report("", "")
    room.lane._report("the model is gone", "a key was refused")
    assert room.said == ["noted: a key was refused", "run over: the model is gone"]
    refused = KeyRefusedError("403 no", status=403)
    room = Room(email(1), email(2), answers={1: refused})
    room.round()
    assert [said for said in room.said if said.startswith("noted")] == [
        "noted: main was refused for one text and is asked about another before it is out: 403 no"
    ]


def test_calls_that_are_cut_off_are_waited_for_and_break_nothing() -> None:
    """Their emails are in line again, and nothing is committed."""
    room = Room(email(1), email(2))

    async def ask(*_: Any) -> Answered:
        await asyncio.Event().wait()
        raise AssertionError

    async def go() -> None:
        room.lane.begin(SimpleNamespace(ask=ask, most=lambda: 9, why_full=str))  # type: ignore[arg-type]
        room.lane.send(room.held)
        await asyncio.sleep(0)
        room.lane.cut_off()
        await room.lane.drain()
        await asyncio.sleep(0)

    asyncio.run(go())
    assert len(room.lane) == 0
    assert room.said == ["bound 8", "cancelled 1 main", "cancelled 2 main"]
    assert [each.id for each in room.queue.front(9)] == [1, 2]
    assert room.committed == []


def test_a_place_that_was_lost_before_its_call_left_breaks_nothing() -> None:
    """The email is asked about again."""
    room = Room(email(1), answers={1: PlaceLostError("gone", sent=False)})
    room.round()
    assert room.said == ["bound 8", "cancelled 1 main unsent"]
    assert [each.id for each in room.queue.front(9)] == [1]
    assert room.committed == []


def test_a_permit_is_given_back_where_the_disk_refuses_or_a_text_has_a_label() -> None:
    """No call was made with it."""
    room = Room(email(1), email(2))
    room.broken = {1}
    assert room.round() == Sent()
    assert room.said == ["cancelled 1 main unsent"]
    assert [each.id for each in room.queue.front(9)] == [1, 2]


@pytest.mark.parametrize(("chars", "rides"), [(5_000, True), (5_001, False)])
def test_a_text_of_a_quarter_of_a_pack_rides_with_it(chars: int, rides: bool) -> None:
    """A longer one does not."""
    canaries = Again((50, 1))
    room = packed(*map(email, range(1, 8)), size=10, canaries=canaries, at_once=1)
    room.known[50] = (email(50, "text 50" + "x" * (chars - 7)), "0")
    room.round()
    assert canaries.told == (["sent 50"] if rides else ["dropped 50"])


def test_a_call_that_landed_leaves_the_tokens_of_those_that_are_out() -> None:
    """Each counts once, and no more."""
    room = Room(email(1), email(2), email(3))

    async def go() -> list[tuple[float, float]]:
        gates = {number: asyncio.Event() for number in (1, 2, 3)}

        async def ask(permit: Slot, *_: Any) -> Answered:
            await gates[permit.email_id].wait()
            return Answered(*room._reply(permit.email_id))

        room.lane.begin(SimpleNamespace(ask=ask, most=lambda: 9, why_full=str))  # type: ignore[arg-type]
        room.lane.send(room.held)
        found = [room.lane.tokens]
        for number in (1, 2, 3):
            gates[number].set()
            for _ in range(9):
                await asyncio.sleep(0)
            found.append(room.lane.tokens)
        return found

    assert asyncio.run(go()) == [(300.0, 90.0), (200.0, 60.0), (100.0, 30.0), (0.0, 0.0)]
