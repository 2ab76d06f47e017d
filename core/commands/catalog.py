"""Define every command, with what it does where a worker has the run and where none does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from core.commands.command import Command, Outcome, Run, numbers, texts
from core.errors import UnknownNameError, UsageError
from core.model import LANES, MOST_BATCHES, MOST_EVER, MOST_LINES, UNCHANGED, Budget, LaneChoice, Task
from core.text import one_line

if TYPE_CHECKING:
    from core.storage.reading.reader import RunReader

# -- the worker ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Let no new call go out; calls in flight finish."""

    kind = "pause"
    by_signal = "SIGUSR1"

    def apply(self, run: Run) -> Outcome:
        """Pause the worker."""
        if run.worker is None:
            return Outcome(f"{run.name} has no worker: nothing is being asked, so nothing needs a pause")
        run.worker.pause(f"paused by {run.by}")
        return Outcome(_after(run.worker.in_flight, "paused"), wanted="pause")


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """Go on; a run without a worker gets one."""

    kind = "resume"
    starts_work = True
    by_signal = "SIGUSR2"

    def apply(self, run: Run) -> Outcome:
        """Resume the worker, or start one."""
        if run.worker is None:
            return Outcome(run.start(None))
        run.worker.resume()
        return Outcome("going on", wanted="run")


@dataclass(frozen=True, slots=True)
class FirstN(Command):
    """Ask about the next ``count`` different texts, then pause."""

    kind = "try"
    starts_work = True
    count: int

    def __post_init__(self) -> None:
        if type(self.count) is not int or self.count < 1:
            raise ValueError(f"{self.count!r} is no number of texts to try")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"first {self.count:,}, then a pause"

    def apply(self, run: Run) -> Outcome:
        """Let the worker go on for so long, or start one."""
        if run.worker is None:
            return Outcome(run.start(self.count))
        run.worker.try_out(self.count)
        return Outcome(f"trying {self.count:,}, then pausing", wanted="run")


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End the worker after the calls in flight have finished; asked again, cancel them.

    ``cancel_batches`` asks the server first to end the batches that are open.
    """

    kind = "stop"
    by_signal = "SIGTERM"
    cancel_batches: bool = False

    def encode(self) -> str:
        """Return the fields as JSON; an empty text for a plain stop, as every version reads it."""
        return '{"cancel_batches": true}' if self.cancel_batches else ""

    def apply(self, run: Run) -> Outcome:
        """Stop the worker."""
        if run.worker is None:
            return Outcome(f"{run.name} has no worker: there is nothing to stop")
        again = run.worker.stopping
        ended = run.worker.cancel_batches() if self.cancel_batches else ""
        run.worker.stop()
        stopping = "canceling the calls in flight" if again else _after(run.worker.in_flight, "stopping")
        return Outcome(f"{stopping}{ended}", "stop")


@dataclass(frozen=True, slots=True)
class SetBudget(Command):
    """Let the run spend so much before it pauses itself."""

    kind = "budget"
    budget: Budget

    def __post_init__(self) -> None:
        for cap in (self.budget.tokens, self.budget.money, self.budget.hours):
            if cap is not None and not (type(cap) in (int, float) and 0 <= cap < 1e18):
                raise ValueError(f"{cap!r} is no cap of a budget")

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the command that :meth:`encode` wrote."""
        return cls(Budget(**json.loads(text)["budget"]))

    def apply(self, run: Run) -> Outcome:
        """Write the budget into the run file, or give it to the worker."""
        if run.worker is None:
            run.store.set_budget(self.budget, now=run.now)
        else:
            run.worker.allow(self.budget)
        return Outcome(f"{run.name} may spend: {self.budget.words}")


@dataclass(frozen=True, slots=True)
class SetConcurrency(Command):
    """Have ``most`` calls at once: exactly so many on a server without quotas, at most so many where quotas pace.

    None lets the number be found.
    """

    kind = "concurrency"
    most: int | None

    def __post_init__(self) -> None:
        if self.most is not None and not (type(self.most) is int and 1 <= self.most <= MOST_EVER):
            raise UsageError(f"{self.most!r} is no number of calls at once: choose 1 to {MOST_EVER}, or auto.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "calls at once: automatic" if self.most is None else f"{self.most} calls at once"

    def apply(self, run: Run) -> Outcome:
        """Write the number into the run file, or give it to the worker; calls in flight finish."""
        if run.worker is None:
            run.store.set_concurrency(self.most, now=run.now)
        else:
            run.worker.choose_concurrency(self.most)
        if self.most is None:
            return Outcome("calls at once are found by the server's answers")
        return Outcome(f"{self.most} call{'' if self.most == 1 else 's'} at once, fewer where quotas allow fewer")


@dataclass(frozen=True, slots=True)
class ChooseLane(Command):
    """Ask with live calls, in the flex tier, with batches, or with batches until time is short (``auto``).

    ``by_at`` is when an *auto* run should be done, in seconds since the epoch; ``cancel`` ends open batches. A batch
    has ``size`` questions from now on, and ``most_open`` batches are at the server at once; None keeps what holds.
    """

    kind = "lane"
    lane: str
    by_at: float | None = None
    cancel: bool = False
    size: int | None = None
    most_open: int | None = None

    def __post_init__(self) -> None:
        for what, value, most in (
            ("Questions in a batch", self.size, MOST_LINES),
            ("Batches at the server at once", self.most_open, MOST_BATCHES),
        ):
            if value is not None and not (type(value) is int and 1 <= value <= most):
                raise UsageError(f"{what} must lie between 1 and {most:,}.")
        if self.lane not in LANES:
            raise UsageError(f"There is no lane {self.lane!r}. Choose {', '.join(LANES)}.")
        if self.by_at is not None and self.lane != "auto":
            raise UsageError("A time to be done by goes with the lane auto: it decides when the rest is asked live.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"lane {self.lane}"

    def apply(self, run: Run) -> Outcome:
        """Write the lane into the run file; batches that are open are gathered whatever the lane."""
        if self.cancel and run.worker is None:
            raise UsageError(f"{run.name} has no worker to end its batches. Start it: `labeltui start {run.name}`.")
        sentence = {
            "live": "asks with live calls",
            "flex": "asks with calls in the flex tier: ten times the limits, refused when it is full",
            "batch": "asks with batches at half the price, after the first texts",
            "auto": "asks with batches at half the price, and with the fastest calls when time is short",
        }[self.lane]
        if self.size is not None:
            sentence += f", {self.size:,} questions a batch"
        if self.most_open is not None:
            sentence += f", {self.most_open:,} open at once"
        choice = LaneChoice(self.lane, self.by_at, self.size, self.most_open)
        run.store.choose_lane(choice, f"{run.name} {sentence} (by {run.by})", now=run.now)
        opened = run.worker.choose_lane(cancel=self.cancel) if run.worker is not None else ""
        ended = "; its open batches are ended" if self.cancel else f"; batches: {opened}" if opened else ""
        return Outcome(f"{run.name} {sentence}{ended}")


@dataclass(frozen=True, slots=True)
class SwapKey(Command):
    """Disable the key in use and prefer the next one."""

    kind = "swap"

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "swap of keys"

    def apply(self, run: Run) -> Outcome:
        """Swap the keys; calls in flight keep the key that they have."""
        return Outcome(run.swap_keys() if run.worker is None else run.worker.swap())


@dataclass(frozen=True, slots=True)
class LookAtKeys(Command):
    """Read at once what was done to keys; a worker would notice within a second anyway."""

    kind = "keys"

    def apply(self, run: Run) -> Outcome:
        """Let the worker read the keys; without one there is nothing to do."""
        seen = run.worker.look_at_keys() if run.worker is not None else []
        return Outcome("; ".join(seen) or f"keys looked at; {UNCHANGED}")


# -- the task --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ActivateTask(Command):
    """Activate a version of the task: pending emails are asked with it from now on, and no label is touched."""

    kind = "task"
    changes_emails = True
    task: Task

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"version {self.task.version[:8]} of the task"

    def encode(self) -> str:
        """Return the task as JSON."""
        from core.llm.task import task_to_json  # noqa: PLC0415 - for a new version only

        return task_to_json(self.task)

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the command that :meth:`encode` wrote."""
        from core.llm.task import task_from_json  # noqa: PLC0415

        return cls(task_from_json(text))

    def recorded(self) -> str:
        """Return the version: the run file has the task in a table of its own."""
        return self.task.version

    def check(self, reader: RunReader, *, worked: bool) -> None:
        """Refuse the active version, and one that sends other texts while a worker has the run."""
        before = reader.task()
        if self.task == before:
            raise UsageError(
                f"This is the active task of {reader.path.stem} already ({self.task.version[:8]}). Nothing was changed."
            )
        if worked and self.task.sends_otherwise(before):
            raise UsageError(self._resends(reader.path.stem))

    def apply(self, run: Run) -> Outcome:
        """Activate the version, and make the texts anew where it sends others."""
        resent = self.task.sends_otherwise(run.store.task())
        if run.worker is not None:
            if resent:
                raise UsageError(self._resends(run.name))
            return Outcome(run.worker.activate(self.task, by=run.by, command_id=run.command_id or ""))
        view_of = run.views_of(self.task) if resent else None
        return Outcome(run.store.activate(self.task, by=run.by, now=run.now, view_of=view_of).sentence)

    def _resends(self, name: str) -> str:
        return (
            f"this version sends other parts of each text (fields, truncate_at), and all texts of {name} are made"
            f" again for that. Stop its worker first (`labeltui stop {name}`), activate it, then start again."
        )


@dataclass(frozen=True, slots=True)
class Relabel(Command):
    """Requeue emails that an older version of the task labeled: all, those of ``label``, or those with these numbers.

    Their labels stay on record; emails that a person labeled are left alone.
    """

    kind = "relabel"
    changes_emails = True
    label: str | None = None
    email_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _set_numbers(self, self.email_ids)

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        if self.email_ids is not None:
            return f"re-labeling of {texts(len(self.email_ids))}"
        return "re-labeling" if self.label is None else f"re-labeling of {one_line(self.label, limit=20)}"

    def check(self, reader: RunReader, *, worked: bool) -> None:  # noqa: ARG002 - the same with a worker
        """Refuse a label that no version of the task has: a mistyped one would look like an empty one."""
        if self.label is not None and not any(each.task.knows(self.label) for each in reader.versions(counted=False)):
            raise UnknownNameError(f"{self.label!r} is no label of any version of the task of {reader.path.stem}.")

    def recorded(self) -> str:
        """Return nothing: thousands of numbers would only fill the record."""
        return ""

    def apply(self, run: Run) -> Outcome:
        """Requeue the emails that an older version labeled."""
        moved = run.store.relabel(by=run.by, now=run.now, label=self.label, email_ids=self.email_ids)
        if run.worker is not None:
            run.worker.rescan()
        if not moved:
            return Outcome(f"no label by an older version of the task was found there; {UNCHANGED}")
        return Outcome(f"{texts(moved)} requeued; earlier labels stay on record")


@dataclass(frozen=True, slots=True)
class Rejudge(Command):
    """Judge stored answers of failed emails again, without a call; ``tolerant`` becomes the rule of the task first."""

    kind = "rejudge"
    changes_emails = True
    tolerant: bool = False

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "judging stored answers again"

    def apply(self, run: Run) -> Outcome:
        """Judge them by the task's rule, and say how many more the tolerant rule would accept."""
        from core.llm.answers import judge_of  # noqa: PLC0415 - for this command only

        task = run.store.task()
        accepting = replace(task, judge="tolerant")
        if self.tolerant and task != accepting:
            task = accepting
            if run.worker is not None:
                run.worker.activate(task, by=run.by, command_id="")
            else:
                run.store.activate(task, by=run.by, now=run.now)
        moved, failed = run.store.rejudge(judge_of(task), by=run.by, now=run.now)
        more = run.store.rejudgeable(judge_of(accepting)) if task != accepting else 0
        hint = (
            f"; {more:,} hold a label in another form, which `labeltui rejudge {run.name} --tolerant` accepts"
            if more
            else ""
        )
        if not moved:
            return Outcome(
                f"no answer of {texts(failed, 'failed ')} is a label by the {task.judge} rule"
                + (hint or f"; {UNCHANGED}")
            )
        return Outcome(f"{moved:,} of {texts(failed, 'failed ')} labeled from stored answers, without a call{hint}")


# -- emails ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Retry(Command):
    """Requeue failed emails: those with these numbers, or all."""

    kind = "retry"
    changes_emails = True
    reversible = True
    email_ids: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _set_numbers(self, self.email_ids)

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return "retry of all that failed" if self.email_ids is None else f"retry of {texts(len(self.email_ids))}"

    def apply(self, run: Run) -> Outcome:
        """Requeue the failed emails."""
        moved = run.store.requeue(now=run.now, by=run.by, email_ids=self.email_ids)
        if run.worker is not None:
            run.worker.rescan()
        return Outcome(
            f"{texts(moved, 'failed ')} requeued" if moved else f"nothing that failed was found; {UNCHANGED}"
        )


@dataclass(frozen=True, slots=True)
class Skip(Command):
    """Take emails out of the model's work, those in flight too, or requeue skipped ones (``back``)."""

    kind = "skip"
    changes_emails = True
    reversible = True
    email_ids: Sequence[int]
    back: bool = False

    def __post_init__(self) -> None:
        _set_numbers(self, self.email_ids)

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"{'return' if self.back else 'skip'} of {texts(len(self.email_ids))}"

    def apply(self, run: Run) -> Outcome:
        """Skip the emails, or requeue those that were skipped."""
        moved = run.store.skip(self.email_ids, back=self.back, by=run.by, now=run.now)
        if run.worker is not None:
            if self.back:
                run.worker.rescan()
            else:
                run.worker.forget(self.email_ids)
        if not moved:
            return Outcome(f"nothing to {'requeue' if self.back else 'skip'} was found; {UNCHANGED}")
        return Outcome(f"{texts(moved)} {'requeued' if self.back else 'skipped'}")


@dataclass(frozen=True, slots=True)
class Label(Command):
    """Give emails a person's label. ``annotator`` names the person where it is not who asks."""

    kind = "label"
    changes_emails = True
    reversible = True
    email_ids: Sequence[int]
    value: str
    note: str = ""
    annotator: str = ""

    def __post_init__(self) -> None:
        _set_numbers(self, self.email_ids)
        if not all(isinstance(text, str) for text in (self.value, self.note, self.annotator)):
            raise TypeError("a label, a note and a name are texts")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"label {one_line(self.value, limit=20)} for {texts(len(self.email_ids))}"

    def check(self, reader: RunReader, *, worked: bool) -> None:  # noqa: ARG002 - the same with a worker
        """Refuse a label that the task does not know."""
        self._check_value(reader.task())

    def apply(self, run: Run) -> Outcome:
        """Label them; the model's label stays on record, and pending emails stay pending."""
        self._check_value(run.store.task())
        return Outcome(
            run.store.label_by_person(
                self.email_ids, self.value, annotator=self.annotator or run.by, note=self.note, now=run.now
            )
        )

    def _check_value(self, task: Task) -> None:
        if not task.knows(self.value):
            allowed = [meaning.value for meaning in task.labels]
            raise UnknownNameError(f"{self.value!r} is no label of this task. Choose {' or '.join(allowed)}.")


@dataclass(frozen=True, slots=True)
class Note(Command):
    """Put a person's note on emails; nothing else about them changes."""

    kind = "note"
    changes_emails = True
    reversible = True
    email_ids: Sequence[int]
    text: str

    def __post_init__(self) -> None:
        _set_numbers(self, self.email_ids)
        if not isinstance(self.text, str):
            raise TypeError("a note is a text")
        if not self.text.strip():
            raise UsageError("The note is empty. Say what should stand there.")

    @property
    def what(self) -> str:
        """Return the command in a few words."""
        return f"note on {texts(len(self.email_ids))}"

    def apply(self, run: Run) -> Outcome:
        """Write the note on each email."""
        return Outcome(run.store.note_by_person(self.email_ids, self.text, author=run.by, now=run.now))


@dataclass(frozen=True, slots=True)
class Undo(Command):
    """Take back what the person who asks did last to emails of this run: a label, a note, a skip, a retry."""

    kind = "undo"
    changes_emails = True

    def apply(self, run: Run) -> Outcome:
        """Take back all emails of the last change together."""
        undone = run.store.undo(by=run.by, now=run.now)
        if undone is None:
            return Outcome(f"you have done nothing to texts of {run.name} that could be undone; {UNCHANGED}")
        if run.worker is not None:
            run.worker.forget(undone.email_ids)
            run.worker.rescan()
        return Outcome(undone.sentence)


def _set_numbers(command: Command, email_ids: Sequence[int] | None) -> None:
    """Keep the numbers as a tuple, checked; a frozen dataclass allows it this way only."""
    if email_ids is not None:
        object.__setattr__(command, "email_ids", numbers(email_ids))


def _after(in_flight: int, word: str) -> str:
    if not in_flight:
        return word
    return (
        f"{word} when the call in flight has finished"
        if in_flight == 1
        else (f"{word} when {in_flight} calls in flight have finished")
    )
