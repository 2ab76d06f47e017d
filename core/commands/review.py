"""Define the commands about quality: blind answers, second looks, the sample, labels from elsewhere, alarms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from core.commands.command import Command, Outcome, Run, numbers, texts
from core.errors import UsageError
from core.model import MOST_IN_A_COMMAND, UNCHANGED
from core.quality.alarms import Watch
from core.storage.writing.reviews import ReviewAnswer
from core.text import counted

if TYPE_CHECKING:
    from core.storage.reading.reader import RunReader

KINDS = frozenset({"first", "second", "adjudicated"})


@dataclass(frozen=True, slots=True)
class Review(Command):
    """Record blind answers of people. Each is a mapping with the fields of :class:`ReviewAnswer`."""

    kind = "review"
    changes_emails = True
    answers: Sequence[Mapping[str, Any]]

    def __post_init__(self) -> None:
        numbers([answer["email_id"] for answer in self.answers])
        for answer in self.answers:
            if not isinstance(answer.get("annotator"), str) or not answer["annotator"].strip():
                raise UsageError("An answer needs the name of who gave it.")
            if answer.get("kind", "first") not in KINDS or not isinstance(answer.get("value"), (str, type(None))):
                raise TypeError(f"{answer!r} is no answer")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"review of {texts(len(self.answers))}"

    def recorded(self) -> str:
        """Return nothing: the answers have a table of their own."""
        return ""

    def check(self, reader: RunReader, *, worked: bool) -> None:  # noqa: ARG002 - the same with a worker
        """Refuse a label that the task does not know."""
        task = reader.task()
        for answer in self.answers:
            if answer.get("value") is not None and not task.knows(answer["value"]):
                allowed = " or ".join(meaning.value for meaning in task.labels)
                raise UsageError(f"{answer['value']!r} is no label of this task. Choose {allowed}.")

    def apply(self, run: Run) -> Outcome:
        """Record the answers; the model's labels stay, and pending emails stay pending."""
        added = run.store.review([ReviewAnswer(**answer) for answer in self.answers], now=run.now)
        return Outcome(f"{texts(added)} reviewed" if added else f"answered before; {UNCHANGED}")


@dataclass(frozen=True, slots=True)
class WithdrawReview(Command):
    """Take an annotator's newest answer back."""

    kind = "withdraw_review"
    changes_emails = True
    annotator: str

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "withdrawal of an answer"

    def apply(self, run: Run) -> Outcome:
        """Mark the newest answer as taken back."""
        email_id = run.store.withdraw_review(self.annotator, now=run.now)
        return Outcome(f"nothing to take back; {UNCHANGED}" if email_id is None else "one answer taken back")


@dataclass(frozen=True, slots=True)
class PlanSecondLooks(Command):
    """Keep which emails of a batch come back, so that a restart shows the same ones."""

    kind = "second_looks"
    annotator: str
    batch: int
    email_ids: Sequence[int]

    def __post_init__(self) -> None:
        object.__setattr__(self, "email_ids", numbers(self.email_ids))

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "second looks"

    def recorded(self) -> str:
        """Return nothing: which emails come back, and how many, is not to be read before they are answered."""
        return ""

    def apply(self, run: Run) -> Outcome:
        """Write the plan into the run file."""
        run.store.plan_second_looks(self.annotator, self.batch, self.email_ids)
        return Outcome(f"batch {self.batch} of {self.annotator} answered")


@dataclass(frozen=True, slots=True)
class GrowSample(Command):
    """Raise the sample's goal, or the rates of rare labels (``top_up``)."""

    kind = "sample"
    goal: int | None = None
    top_up: bool = False

    def __post_init__(self) -> None:
        if self.goal is not None and (type(self.goal) is not int or not 1 <= self.goal < 1 << 40):
            raise UsageError(f"{self.goal!r} is no size of a sample.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "top-up of rare labels" if self.top_up else f"sample of {self.goal:,}"

    def apply(self, run: Run) -> Outcome:
        """Raise goal or rates; rates never shrink, so that what was drawn stays drawn."""
        sample = run.store.grow_sample(goal=self.goal, top_up=self.top_up, now=run.now)
        rates = "".join(f", {rate:.1%} of {label}" for label, rate in sorted(sample.rates.items()))
        return Outcome(f"the sample holds {sample.base_rate:.1%} of all{rates}")


@dataclass(frozen=True, slots=True)
class AddGold(Command):
    """Keep labels from elsewhere under a name: pairs of an email's number and its label."""

    kind = "gold"
    name: str
    labels: Sequence[Sequence[Any]]

    def __post_init__(self) -> None:
        numbers([number for number, _ in self.labels])
        if not all(isinstance(value, str) for _, value in self.labels):
            raise TypeError("a label is a text")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"{len(self.labels):,} labels from elsewhere"

    def recorded(self) -> str:
        """Return nothing: the labels have a table of their own."""
        return ""

    def apply(self, run: Run) -> Outcome:
        """Write the labels into the run file; they override and audit nothing."""
        added = run.store.add_gold(self.name, [(number, value) for number, value in self.labels], now=run.now)
        return Outcome(f"{counted(added, 'label')} of {self.name} added" if added else f"all were known; {UNCHANGED}")


@dataclass(frozen=True, slots=True)
class DismissAlarm(Command):
    """Dismiss the alarm of a watch, with a note; the watch begins anew."""

    kind = "dismiss"
    watch: str
    note: str = ""

    def __post_init__(self) -> None:
        if self.watch not in {watch.value for watch in Watch}:
            raise UsageError(f"There is no watch {self.watch!r}.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"dismissal of the alarm {self.watch}"

    def apply(self, run: Run) -> Outcome:
        """Mark the alarm as dismissed, and begin the watch anew."""
        if not run.store.dismiss_alarm(self.watch, by=run.by, note=self.note, now=run.now):
            return Outcome(f"no alarm of {self.watch} stands; {UNCHANGED}")
        if run.worker is not None:
            run.worker.restart_watch(self.watch)
        return Outcome(f"alarm of {self.watch} dismissed; the watch begins anew")


@dataclass(frozen=True, slots=True)
class RelabelWindow(Command):
    """Requeue the emails that the open alarm of a watch casts doubt on, and dismiss the alarm.

    They are those labeled (or failed) since its window began. Their labels are taken back, and stay on record.
    """

    kind = "relabel_window"
    changes_emails = True
    watch: str

    def __post_init__(self) -> None:
        if self.watch not in {watch.value for watch in Watch}:
            raise UsageError(f"There is no watch {self.watch!r}.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"re-labeling of the window of {self.watch}"

    def apply(self, run: Run) -> Outcome:
        """Requeue the emails behind the alarm; the watch begins anew."""
        moved = run.store.relabel_window(self.watch, by=run.by, now=run.now)
        if not moved:
            return Outcome(f"no alarm of {self.watch} stands with texts behind it; {UNCHANGED}")
        if run.worker is not None:
            run.worker.restart_watch(self.watch)
            run.worker.rescan()
        return Outcome(f"{texts(moved)} requeued; the alarm of {self.watch} is dismissed")


MOST_GOLD = MOST_IN_A_COMMAND
"""Labels from elsewhere that one command carries."""
