"""Run the watches of a run beside its worker: fed by committed answers, taken up again after a restart.

The state of the watches is not kept: it follows from the run file, whose newest asks are replayed when a worker begins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from core.model import AskKind
from core.quality.alarms import PAUSING, Reading, Watch
from core.quality.canaries import Canaries
from core.quality.packing import PackControl
from core.quality.watch_set import Ask, WatchSet
from core.storage.writing.settle import Answer
from core.worker.commit import best_effort


class KeepsAlarms(Protocol):
    """Describe what the watches need of a store."""

    def watches(self) -> WatchSet:
        """Return the watches as the run file's asks leave them."""

    def raised_watches(self) -> frozenset[str]:
        """Return the watches whose alarm is recorded and stands."""

    def pack_control(self) -> PackControl | None:
        """Return the control of packs as the run file leaves it."""

    def set_pack_size(self, size: int, reason: str, *, now: float) -> None:
        """Let packs hold so many emails from now on."""

    def was_in_batch(self, email_id: int) -> bool:
        """Return whether a batch answered about an email."""

    def raise_alarm(self, reading: Reading, *, now: float) -> None:
        """Record an alarm."""


class RunWatches:
    """Run the watches of one run; ``pause`` holds new calls back, with a reason. Questions share ``fixed_chars``."""

    def __init__(
        self, store: KeepsAlarms, clock: Callable[[], float], pause: Callable[[str], None], *, fixed_chars: int = 0
    ) -> None:
        self._fixed_chars = fixed_chars
        self._store, self._clock, self._pause = store, clock, pause
        self._watches = store.watches()
        self.packs = store.pack_control()
        known = store.raised_watches()
        for reading in self._watches.raised:
            if reading.watch.value not in known:  # a worker was killed between an answer and its alarm
                self._raise(reading)

    @property
    def canaries(self) -> Canaries | None:
        """Return the emails that are asked again and again."""
        return self._watches.canaries

    def observe(self, answers: Sequence[Answer]) -> None:
        """Take answers that were committed; record the alarms that they raise, and pause where one says so."""
        for answer in answers:
            if answer.canary is not None:
                for reading in self._watches.observe_canary(answer.canary):
                    self._raise(reading)
            self._observe_packs(answer)
            if answer.settled is None:
                continue
            attempt = answer.attempt
            first = attempt.kind is AskKind.ASK and attempt.pack is None  # tokens of a pack are shared out
            ask = Ask(
                answer.settled.label,
                # Unusable answers of a batch are followed up all at once: in their row they would look like a change.
                reasked=answer.settled.reasks > 0 and not self._store.was_in_batch(attempt.email_id),
                failed=answer.settled.failure is not None,
                latency_s=attempt.latency_s if attempt.lane == "live" and attempt.pack is None else None,
                in_flight=attempt.in_flight,
                model=attempt.reply_model or "",
                fingerprint=attempt.system_fingerprint or "",
                email_id=attempt.email_id,
                chars=self._fixed_chars + answer.chars if first else 0,
                tokens=attempt.prompt_tokens,
            )
            for reading in self._watches.observe(ask):
                self._raise(reading)

    def _observe_packs(self, answer: Answer) -> None:
        """Let the control of packs see an answer; where packs color labels, raise its alarm and go to smaller ones."""
        packs, settled, place = self.packs, answer.settled, answer.attempt.pack
        if packs is None:
            return
        if settled is not None and settled.label is not None and place is not None:
            packs.offer(settled.email_id, settled.label, place.size, place.position)
        if answer.control is None or not packs.answered(answer.control):
            return
        size, packed, said = packs.size, packs.packed, packs.sentence
        statistic, smaller = packs.sum, packs.lower()
        reason = f"{said}: packs of {size} color labels"
        if smaller is not None:
            now_asked = "every text is asked about alone" if smaller == 1 else f"packs hold {smaller}"
            reason += f"; from now on {now_asked}"
            with best_effort("note the size of packs"):
                self._store.set_pack_size(smaller, reason, now=self._clock())
        else:
            packs.restart()
        for reading in self._watches.alarm_of_packs(reason, packed, statistic):
            self._raise(reading)

    def restart(self, watch: str) -> None:
        """Begin a watch anew after its alarm was dismissed."""
        self._watches.restart(Watch(watch))
        if watch == Watch.PACKS and self.packs is not None:
            self.packs.restart()

    def _raise(self, reading: Reading) -> None:
        with best_effort("record an alarm"):
            self._store.raise_alarm(reading, now=self._clock())
        if reading.watch in PAUSING:
            self._pause(f"alarm: {reading.sentence}. Look into the labels, then dismiss the alarm and resume.")
