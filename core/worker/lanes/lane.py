"""Define the protocol of a lane (a way of sending questions), and what it reports to the worker's loop.

A lane takes emails from the queue, asks about them with leave of a pacer, settles them by :mod:`core.worker.settle`,
and commits each answer before it gives an email back or drops it. :class:`core.worker.lanes.online.OnlineLane` makes
one call for each email. To add a lane, write a class with these methods and have the worker build it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.model import Wait
from core.worker.settle import Fleet


@dataclass(frozen=True, slots=True)
class Listener:
    """Hold callbacks for what a lane does.

    ``labeled`` and ``failed`` are called for each email that was settled, ``run_over`` for an error that ends the run,
    ``noted`` with a sentence for people, ``landed`` for each call that ended, with the error that is no email's fault,
    and ``grown`` before more calls are out at once than ever were.
    """

    labeled: Callable[[], None]
    failed: Callable[[str], None]
    run_over: Callable[[str], None]
    noted: Callable[[str], None]
    landed: Callable[[BaseException | None], None]
    grown: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Sent:
    """Hold why a lane sent no more: nothing is left that may be asked (``idle``), a quota, or no usable key."""

    idle: bool = False
    wait: Wait | None = None
    no_keys: str = ""


class Lane(Protocol):
    """Describe one way of asking."""

    @property
    def ready(self) -> bool:
        """Return whether :meth:`begin` was called."""

    @property
    def bound(self) -> int:
        """Return how many calls were ever out at once, rounded up: as many may be asked again after a kill."""

    @property
    def tokens(self) -> tuple[float, float]:
        """Return tokens that the calls in flight may take, and those of answers among them."""

    def __len__(self) -> int:
        """Return how many calls are in flight."""

    def by_key(self) -> Mapping[str, int]:
        """Return how many are in flight with each key."""

    def begin(self, fleet: Fleet) -> None:
        """Take what makes the calls, which is loaded beside the loop; from now on questions may go out."""

    def send(self, held: Callable[[], bool]) -> Sent:
        """Let every call go out that may, asking ``held`` before each whether to stop, and return why no more."""

    def cut_off(self) -> None:
        """Cancel the calls in flight; nothing of them is recorded."""

    async def drain(self) -> None:
        """Wait until no call is in flight."""
