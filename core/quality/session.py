"""Decide what a person reviews next: batches, second looks and taking back, as a pure state machine.

A batch is up to 25 first answers. Then the emails on which person and model differ come back among agreeing ones, and
only when those are answered again is anything revealed. All that is needed to go on after a kill is in the run file.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import blake2b

from core.quality.audit import Audit, Member
from core.quality.sampling import BATCH, due, second_looks


class Phase(StrEnum):
    """Name the phases of a review. ``PLAN``: the second looks of the batch are to be drawn from fresh facts."""

    FIRST = "first"
    PLAN = "plan"
    SECOND = "second"
    REVEALED = "revealed"
    DONE = "done"


@dataclass
class Session:
    """Hold one annotator's batch: ``queue`` has the emails left in this phase, ``given`` the answers in order."""

    annotator: str
    batch: int
    phase: Phase
    queue: list[int]
    given: list[tuple[int, str | None]] = field(default_factory=list)
    size: int = BATCH
    waiting: int = 0

    @property
    def current(self) -> int | None:
        """Return the email to show, None where the phase has none."""
        return self.queue[0] if self.queue and self.phase in {Phase.FIRST, Phase.SECOND} else None

    @property
    def place(self) -> tuple[int, int]:
        """Return how many of this phase's emails are answered, and how many there are."""
        return len(self.given), len(self.given) + len(self.queue)

    def answer(self, value: str | None) -> int:
        """Take the answer to the current email and go on; returns the email."""
        email_id = self.queue.pop(0)
        self.given.append((email_id, value))
        if self.phase is Phase.FIRST:
            self.waiting = max(0, self.waiting - 1)
        if not self.queue:
            self.phase = Phase.PLAN if self.phase is Phase.FIRST else Phase.REVEALED
        return email_id

    def withdraw(self) -> int | None:
        """Take the newest answer of this phase back; returns its email, None at the beginning of the phase."""
        if not self.given or self.phase not in {Phase.FIRST, Phase.PLAN, Phase.SECOND}:
            return None
        email_id, _ = self.given.pop()
        self.queue.insert(0, email_id)
        if self.phase is Phase.PLAN:
            self.phase = Phase.FIRST
        if self.phase is Phase.FIRST:
            self.waiting += 1
        return email_id

    def look_again(self, email_ids: Sequence[int]) -> None:
        """Go on with the second looks that were planned; without any the batch is revealed."""
        self.queue, self.given = list(email_ids), []
        self.phase = Phase.SECOND if email_ids else Phase.REVEALED


def begin(audit: Audit, annotator: str, *, size: int = BATCH) -> Session:
    """Return the session that this annotator goes on with."""
    own = [a for m in audit.members for a in m.answers if a.annotator == annotator and a.kind != "adjudicated"]
    batch = max([a.batch for a in own], default=1)
    plan = next((b.second for b in audit.batches if (b.annotator, b.number) == (annotator, batch)), None)
    waiting = [c.email_id for c in due(audit.sample, audit.candidates, annotator)]
    waiting = _distinct(audit, waiting)
    seconds = {a.email_id: a.value for a in own if a.batch == batch and a.kind == "second"}
    if plan is not None and all(email_id in seconds for email_id in plan):
        batch += 1
        return Session(annotator, batch, Phase.FIRST if waiting else Phase.DONE, waiting[:size], [], size, len(waiting))
    if plan is not None:
        left = [email_id for email_id in plan if email_id not in seconds]
        return Session(annotator, batch, Phase.SECOND, left, list(seconds.items()), size, len(waiting))
    firsts = {a.email_id: a.value for a in own if a.batch == batch and a.kind == "first"}
    queue = waiting[: max(0, size - len(firsts))]
    phase = Phase.FIRST if queue else Phase.PLAN if firsts else Phase.DONE
    return Session(annotator, batch, phase, queue, list(firsts.items()), size, len(waiting))


def held_back(audit: Audit, annotator: str) -> frozenset[int]:
    """Return the emails of this annotator's batch that is not revealed yet, copies included.

    Whoever could read where the model differs before the second looks are answered would not look blind any more.
    """
    own = [a for m in audit.members for a in m.answers if a.annotator == annotator and a.kind != "adjudicated"]
    batch = max((a.batch for a in own), default=0)
    plan = next((b.second for b in audit.batches if (b.annotator, b.number) == (annotator, batch)), None)
    seconds = {a.email_id for a in own if a.batch == batch and a.kind == "second"}
    if plan is not None and seconds.issuperset(plan):
        return frozenset()
    return frozenset(
        m.email_id for m in audit.members if any(a.annotator == annotator and a.batch == batch for a in m.answers)
    )


def plan(audit: Audit, annotator: str, batch: int) -> tuple[int, ...]:
    """Return the second looks of a batch, in random order, from what the model has said by now."""
    given: dict[int, tuple[str, str]] = {}
    for member in _members(audit, annotator, batch):
        answer = next(a for a in member.answers if (a.annotator, a.batch, a.kind) == (annotator, batch, "first"))
        if answer.value is not None and member.model_label is not None:
            given[answer.email_id] = (answer.value, member.model_label)
    text = f"{audit.sample.seed} {annotator} {batch}"
    return second_looks(given, int.from_bytes(blake2b(text.encode(), digest_size=8).digest()))


@dataclass(frozen=True, slots=True)
class Revealed:
    """Hold what is shown after a batch: how many of the compared emails agree, and those that do not."""

    compared: int
    agree: int
    waiting_for_model: int
    cannot_tell: int
    differing: tuple[tuple[int, str, str], ...]


def reveal(audit: Audit, annotator: str, batch: int) -> Revealed:
    """Return how a finished batch compares with the model; ``differing`` holds (email, person's label, model's)."""
    differing, agree, pending, unsure = [], 0, 0, 0
    seen: set[int] = set()
    for member in _members(audit, annotator, batch):
        answer = [a for a in member.answers if a.annotator == annotator and a.batch == batch][-1]
        if answer.email_id in seen:
            continue
        seen.add(answer.email_id)
        if answer.value is None:
            unsure += 1
        elif member.model_label is None:
            pending += 1
        elif answer.value == member.model_label:
            agree += 1
        else:
            differing.append((answer.email_id, answer.value, member.model_label))
    return Revealed(agree + len(differing), agree, pending, unsure, tuple(differing))


def _members(audit: Audit, annotator: str, batch: int) -> list[Member]:
    return [
        m for m in audit.members
        if any((a.annotator, a.batch, a.kind) == (annotator, batch, "first") for a in m.answers)
    ]  # fmt: skip


def _distinct(audit: Audit, email_ids: list[int]) -> list[int]:
    """Leave out all but the first email of each text: an answer to one answers its copies."""
    contents = {m.email_id: m.content for m in audit.members}
    seen: set[str] = set()
    found = []
    for email_id in email_ids:
        content = contents[email_id]
        if content not in seen:
            seen.add(content)
            found.append(email_id)
    return found
