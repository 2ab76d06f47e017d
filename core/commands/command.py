"""Define a command: what a person asks of a run, one value that travels as text and is applied in one place.

A command is a frozen dataclass with a ``kind``, which registers it. It is written to the control file by
:meth:`Command.encode`, read there by :func:`decode`, and applied by :meth:`Command.apply`: in the worker, or under the
run's lock where the run has none. A new command is one class; nothing else has to know of it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, Self

from core.errors import UsageError
from core.model import MOST_IN_A_COMMAND

if TYPE_CHECKING:
    from core.model import Budget, Task
    from core.storage.reading.reader import RunReader
    from core.storage.writing.store import Store
    from core.storage.writing.tasks import ViewOf


@dataclass(frozen=True, slots=True)
class Outcome:
    """Hold what came of a command: a sentence, and the state it wants of the run (``run``, ``pause``, ``stop``).

    A sentence that ends with :data:`core.model.UNCHANGED` says that there was nothing to do.
    """

    sentence: str
    wanted: str | None = None


class WorkerControl(Protocol):
    """Describe what a command may do to a living worker."""

    @property
    def in_flight(self) -> int:
        """Return calls in flight."""

    @property
    def stopping(self) -> bool:
        """Return whether the worker was asked to stop before."""

    def pause(self, reason: str) -> None:
        """Let no new call go out."""

    def resume(self) -> None:
        """Go on."""

    def try_out(self, emails: int) -> None:
        """Go on with so many different texts, then pause."""

    def stop(self) -> None:
        """End after the calls in flight; asked again, cancel them."""

    def allow(self, budget: Budget) -> None:
        """Check this budget from now on."""

    def choose_concurrency(self, most: int | None) -> None:
        """Have so many calls at once from now on; None lets the number be found."""

    def activate(self, task: Task, *, by: str, command_id: str) -> str:
        """Activate a version of the task, and say what that means."""

    def cancel_batches(self) -> str:
        """Ask the server to end the open batches, and say how many."""

    def choose_lane(self, *, cancel: bool) -> str:
        """Ask in the way that the run file says from now on, and say how many batches are open."""

    def look_at_keys(self) -> list[str]:
        """Read what an operator did to keys, and say it."""

    def swap(self) -> str:
        """Disable the key in use and prefer the next one; raises KeysError where there is no other."""

    def restart_watch(self, watch: str) -> None:
        """Begin a watch anew after its alarm was dismissed."""

    def forget(self, email_ids: Sequence[int]) -> None:
        """Take emails out of the queue."""

    def rescan(self) -> None:
        """Read the queue anew: emails were requeued."""


class Run(Protocol):
    """Describe the run that a command is applied to, with who asked for it and when (seconds since the epoch)."""

    name: str
    by: str
    now: float
    command_id: str | None

    @property
    def worker(self) -> WorkerControl | None:
        """Return the worker that applies the command, or None where the run has none."""

    @property
    def store(self) -> Store:
        """Return the run file, open for writing under the run's lock."""

    def start(self, only: int | None) -> str:
        """Start a worker where the run has none, and say so."""

    def swap_keys(self) -> str:
        """Swap keys where no worker does it, and say which; raises KeysError where there is no other."""

    def views_of(self, task: Task) -> ViewOf:
        """Return what makes the text that is sent from a message, under that task."""


class Command:
    """Serve as the base of all commands. Subclasses are frozen dataclasses whose fields JSON can hold.

    ``what`` names the command for people. ``changes_emails`` says that lists of emails are to be read anew,
    ``reversible`` that the person can take it back, ``starts_work`` that a worker that is ending would take it in vain.
    ``by_signal`` is the signal that says the same to a worker where the control file cannot be written, or nothing.
    """

    kind: ClassVar[str] = ""
    changes_emails: ClassVar[bool] = False
    reversible: ClassVar[bool] = False
    starts_work: ClassVar[bool] = False
    by_signal: ClassVar[str] = ""
    known: ClassVar[dict[str, type[Command]]] = {}

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if cls.kind:
            Command.known[cls.kind] = cls

    @property
    def what(self) -> str:
        """Return the command in a few words, such as ``label 1 for 3 emails``."""
        return self.kind

    def encode(self) -> str:
        """Return the fields as JSON; an empty text where there are none."""
        fields = self._fields()
        return json.dumps(fields) if fields else ""

    def _fields(self) -> dict[str, Any]:
        return asdict(self)  # type: ignore[call-overload, no-any-return]  # each subclass is a dataclass

    @classmethod
    def decode(cls, text: str) -> Self:
        """Return the command that :meth:`encode` wrote. Raises ValueError, TypeError or UsageError on other text."""
        fields = json.loads(text) if text else {}
        if not isinstance(fields, dict):
            raise TypeError("not a JSON object")
        return cls(**fields)

    def recorded(self) -> str:
        """Return what the run file keeps of the fields."""
        return self.encode()

    def check(self, reader: RunReader, *, worked: bool) -> None:
        """Refuse, before anything is sent, what the run cannot do; ``worked`` says that it has a worker.

        Raises:
            UsageError: with what can be done instead.
        """

    def apply(self, run: Run) -> Outcome:
        """Do it, and say what came of it.

        Raises:
            LabeltuiError: it cannot be done; nothing was changed.
        """
        raise NotImplementedError


def decode(kind: str, text: str) -> Command:
    """Return the command of that kind.

    Raises:
        UsageError: the kind is not known here, or the text is not what this kind writes.
    """
    command = Command.known.get(kind)
    if command is None:
        raise UsageError(f"this version of labeltui has no command {kind!r}")
    try:
        return command.decode(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise UsageError(f"the command {kind} cannot be read: {error}") from error


def numbers(email_ids: Sequence[int]) -> tuple[int, ...]:
    """Return the numbers of emails that a command names.

    Raises:
        UsageError: there are more than one command can name.
        TypeError, ValueError: one of them is no number of a text.
    """
    if len(email_ids) > MOST_IN_A_COMMAND:
        raise UsageError(
            f"{len(email_ids):,} texts are too many for one command: the maximum is {MOST_IN_A_COMMAND:,}."
        )
    for number in email_ids:
        if type(number) is not int:
            raise TypeError(f"{number!r} is no number of a text")
        if not 0 <= number < 1 << 63:
            raise ValueError(f"{number} is no number of a text")
    return tuple(email_ids)


def texts(count: int, kind: str = "") -> str:
    """Return ``1 failed text``, ``2,000 failed texts``."""
    return f"{count:,} {kind}text{'' if count == 1 else 's'}"
