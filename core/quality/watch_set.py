"""Run all watches of a run on its stream of settled asks, live or replayed from its run file."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from core.model.value import value
from core.quality.alarms import (
    FAILURES_IN_A_ROW,
    WINDOW_LIMIT,
    Identity,
    LabelRun,
    PromptCap,
    RateCounter,
    Reading,
    Slowness,
    Watch,
    WatchState,
    WindowScan,
)
from core.quality.canaries import Canaries, CanaryAnswer
from core.quality.packing import LIMIT as PACKS_LIMIT


@value(frozen=True, slots=True)
class Ask:
    """Hold one settled ask as the watches see it: ``label`` is None where it failed; an identity may be empty.

    ``chars`` is the length of its question, ``tokens`` what the server counted for it; 0 where either is not known.
    """

    label: str | None
    reasked: bool
    failed: bool
    latency_s: float | None = None
    in_flight: int | None = None
    model: str = ""
    fingerprint: str = ""
    email_id: int = 0
    chars: int = 0
    tokens: int = 0


class WatchSet:
    """Run all watches of one run on its stream of settled asks.

    An alarm is kept until it is dismissed. ``expected`` asks the run is going to have; ``shuffled`` says whether the
    work order is random: in the source's order the scan of shares is off, because topics change along a mailbox.
    """

    def __init__(
        self,
        labels: Sequence[str],
        *,
        expected: int,
        shuffled: bool,
        canaries: Callable[[], Canaries] | None = None,
    ) -> None:
        """Make empty watches; ``canaries`` makes those of the run, at the beginning and anew after a dismissal."""
        self._labels = tuple(labels)
        self._make_canaries = canaries
        self.canaries = canaries() if canaries is not None else None
        self._shuffled = shuffled
        self._runs = [LabelRun(label, labels=len(labels), expected=expected) for label in labels]
        # With two labels the second stream is the first one's mirror image.
        streams = self._labels[1:] if len(labels) == 2 else self._labels
        limit = WINDOW_LIMIT - math.log(max(1, len(streams)))
        self._scans = {label: WindowScan(Watch.SHARES, label, limit=limit) for label in streams}
        self._reasked = RateCounter(Watch.REASKED, healthy=0.05, trouble=0.15)
        self._failed = RateCounter(Watch.FAILED, healthy=0.01, trouble=0.05, streak=FAILURES_IN_A_ROW)
        self._slow = Slowness()
        self._identity = Identity()
        self._cap = PromptCap()
        self._raised: dict[Watch, Reading] = {}
        self._asks = 0

    @property
    def raised(self) -> tuple[Reading, ...]:
        """Return the alarms that nobody dismissed yet."""
        return tuple(self._raised.values())

    def observe(self, ask: Ask) -> tuple[Reading, ...]:
        """Take the next settled ask; return the alarms that it raises, each only once."""
        self._asks += 1
        found: list[Reading] = []
        if ask.label is not None:
            if self.canaries is not None:
                self.canaries.offer(ask.email_id, ask.label)
            found += [run.reading() for run in self._runs if run.observe(ask.label)]
            if self._shuffled:
                found += [scan.reading() for label, scan in self._scans.items() if scan.observe(ask.label == label)]
        for counter, hit in ((self._reasked, ask.reasked), (self._failed, ask.failed)):
            if counter.observe(hit):
                found.append(counter.reading())
        if self._slow.observe(ask.latency_s, ask.in_flight):
            found.append(self._slow.reading())
        if self._cap.observe(ask.chars, ask.tokens):
            found.append(self._cap.reading())
        if self._identity.observe(ask.model, ask.fingerprint):
            found.append(self._identity.reading())
            if self.canaries is not None:
                self.canaries.begin_round()
        return self._raise(found)

    def observe_canary(self, answer: CanaryAnswer, *, restored: bool = False) -> tuple[Reading, ...]:
        """Take the answer to an email asked again, ``restored`` from the run file or new; return the alarm it raises.

        It counts for no other watch.
        """
        if self.canaries is None:
            return ()
        alarms = self.canaries.restore(answer) if restored else self.canaries.answered(answer)
        return self._raise([self._canary_reading(self.canaries, alarm=True)]) if alarms else ()

    def alarm_of_packs(self, sentence: str, packed: int, statistic: float) -> tuple[Reading, ...]:
        """Take the alarm of the control of packs, over so many packed texts; return it where none stands."""
        first = max(1, self._asks - packed + 1)
        return self._raise(
            [Reading(Watch.PACKS, WatchState.ALARM, statistic, PACKS_LIMIT, sentence, first, self._asks)]
        )

    def _canary_reading(self, canaries: Canaries, *, alarm: bool = False) -> Reading:
        statistic, limit = canaries.statistic
        if alarm:
            return Reading(Watch.CANARIES, WatchState.ALARM, statistic, limit, canaries.alarm, 0, self._asks)
        state = WatchState.OFF if canaries.off else WatchState.STEADY if canaries.armed else WatchState.ARMING
        return Reading(Watch.CANARIES, state, statistic, limit, canaries.sentence)

    def _raise(self, found: Sequence[Reading]) -> tuple[Reading, ...]:
        new = [reading for reading in found if reading.watch not in self._raised]
        for reading in new:
            self._raised.setdefault(reading.watch, reading)
        return tuple({reading.watch: reading for reading in reversed(new)}.values())

    def skip(self, labels: Mapping[str, int]) -> None:
        """Count the answers of before, whose order is not known: how many had which label."""
        asks = sum(labels.values())
        self._asks += asks
        for run in self._runs:
            run.skip(labels.get(run.label, 0), asks)
        for label, scan in self._scans.items():
            scan.skip(labels.get(label, 0), asks)
        for counter in (self._reasked, self._failed):
            counter.skip(asks)
        self._identity.skip(asks)
        self._cap.skip(asks)

    def restart(self, watch: Watch) -> None:
        """Begin a watch anew after its alarm was dismissed: all asks up to now become its reference.

        The two watches of labels begin anew together, since what raised one soon raises the other.
        """
        if watch in {Watch.RUN, Watch.SHARES}:
            for run in self._runs:
                run.restart()
            for scan in self._scans.values():
                scan.restart()
        if watch is Watch.CANARIES and self._make_canaries is not None:
            self.canaries = self._make_canaries()
        self._raised.pop(watch, None)
        by_watch: dict[Watch, RateCounter | Slowness | Identity | PromptCap] = {
            Watch.TRUNCATED: self._cap,
            Watch.REASKED: self._reasked,
            Watch.FAILED: self._failed,
            Watch.SLOW: self._slow,
            Watch.IDENTITY: self._identity,
        }
        if watch in by_watch:
            by_watch[watch].restart()

    def readings(self) -> tuple[Reading, ...]:
        """Return what each watch says now; a raised alarm stays as it was when it was raised."""
        runs = max(self._runs, key=lambda run: -run.reading().statistic).reading() if self._runs else None
        scans = [scan.reading() for scan in self._scans.values()]
        shares = min(scans, key=lambda reading: reading.statistic, default=None)
        if not self._shuffled:
            text = "off: texts are asked about in the source's order"
            shares = Reading(Watch.SHARES, WatchState.OFF, 0.0, WINDOW_LIMIT, text)
        found = [
            runs, shares, self._reasked.reading(), self._failed.reading(), self._identity.reading(),
            self._slow.reading(), self._cap.reading() if self._cap.counts else None,
        ]  # fmt: skip
        if self.canaries is not None:
            found.insert(2, self._canary_reading(self.canaries))
        return tuple(self._raised.get(reading.watch, reading) for reading in found if reading is not None)


REPLAYED = 3_000
"""Asks that are replayed to take the watches up again: twice the longest window."""


def replayed(
    watches: WatchSet,
    before: Mapping[str, int],
    asks: Iterable[tuple[float, Ask | CanaryAnswer]],
    dismissed: Iterable[tuple[float, str]],
) -> WatchSet:
    """Return watches that have seen a run's asks: ``before`` by label only, then the newest ones in their order.

    ``asks``, with answers to canaries among them, and ``dismissed`` alarms (by the watch's name) come with their time:
    a dismissal restarts its watch there.
    """
    watches.skip(before)
    known = {watch.value: watch for watch in Watch}
    ends = sorted((at, known[name]) for at, name in dismissed if name in known)
    for at, ask in asks:
        while ends and ends[0][0] <= at:
            watches.restart(ends.pop(0)[1])
        if isinstance(ask, CanaryAnswer):
            watches.observe_canary(ask, restored=True)
        else:
            watches.observe(ask)
    for _, watch in ends:
        watches.restart(watch)
    return watches
