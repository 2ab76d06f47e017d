"""Ask a few emails again and again (canaries), and tell from answers that change whether another model answers. Pure.

Shares of labels show a collapse only after hundreds of asks where one label is rare, and show nothing where changes
cancel out. A canary is an email with three equal answers at the start, half of them of each label; later answers that
differ are summed by a CUSUM (Page 1954):

    S ← max(0, S + ln(p1/p0)) for a changed answer, max(0, S + ln((1 − p1)/(1 − p0))) for an equal one,

with p0 = 0.02 and p1 = 0.2, against a limit of 6.5. ``tests/programs/truth.py`` measures false alarms and delays.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

MOST = 60
"""Canaries of a run, all labels together."""
FEWEST_ARMED = 10
"""Canaries of each of two labels from which the watch is armed; fewer where many labels share the 60."""
FEWEST_TEXTS = 1_000
TEXTS_PER_CANARY = 50
"""A smaller run has none: finding out what a canary answers would cost more than a tenth of the run."""
CALIBRATIONS = 2
"""Further answers, beside its label, that must be equal before an email becomes a canary."""
EVERY, EVERY_SUSPECTED, EVERY_CALIBRATION = 15, 2, 3
"""Asks between two canaries, between two while S is above 0, and between two calibrating questions."""
MOST_SAVED = 30
"""Asks that count towards the next question at most, where many are settled at once."""
HEALTHY, TROUBLED = 0.02, 0.2
"""Rates p0 and p1 of changed answers."""
LIMIT, LIMIT_NOISY, NOISY = 6.5, 8.0, 0.01
"""The limit of S, and that where more than a hundredth of the calibrating answers changed."""
NOISIEST = 0.1
"""Where more than this share of calibrating answers changes, the model is too unsteady to be watched so."""
ROUND_LIMIT = 5
"""Changed answers of 60 canaries asked at once that show another model."""


@dataclass(frozen=True, slots=True)
class CanaryAnswer:
    """Hold an answer to a canary: ``label`` is what its email was labeled, ``value`` what it was answered now.

    ``round`` is 0 for a calibration, 1 for a question of the regular watch, and larger for a round of all at once.
    """

    email_id: int
    label: str
    value: str
    round: int


def count_for(texts: float, most: int = MOST) -> int:
    """Return how many canaries a run of so many texts has."""
    return 0 if texts < FEWEST_TEXTS else min(most, int(texts / TEXTS_PER_CANARY))


def expected_asks(texts: float, *, total: float, most: int = MOST) -> float:
    """Return about how many questions the canaries add to ``texts`` that are left to ask, of ``total`` in the run.

    Calibration comes with the first tenth of the run or so, the regular watch with 1 question for 15 asks.
    """
    count = count_for(total, most)
    if not count or texts <= 0:
        return 0.0
    begun = CALIBRATIONS * count * EVERY_CALIBRATION
    calibrating = min(texts, max(0.0, begun - (total - texts)))
    return calibrating / EVERY_CALIBRATION + (texts - calibrating) / EVERY


@dataclass(slots=True)
class _Canary:
    email_id: int
    label: str
    asked: int = 0
    turn: int = 0
    dropped: bool = False

    @property
    def armed(self) -> bool:
        """Return whether its three first answers were equal."""
        return not self.dropped and self.asked >= CALIBRATIONS


class ChangeSum:
    """Compute the CUSUM of changed answers. ``noise`` is the share that changed while the model was healthy."""

    def __init__(self, *, noise: float = 0.0) -> None:
        self.limit = LIMIT
        self.set_noise(noise)
        self.sum = 0.0
        self.since = self.changed = 0

    def set_noise(self, noise: float) -> None:
        """Take the noise that calibration measured."""
        self.limit = LIMIT if noise <= NOISY else LIMIT_NOISY
        healthy = HEALTHY if noise <= HEALTHY else 1.5 * noise
        self._up = math.log(TROUBLED / healthy)
        self._down = math.log((1 - TROUBLED) / (1 - healthy))

    def observe(self, changed: int) -> bool:
        """Take the next canary's answer; return whether it alarms."""
        self.sum = max(0.0, self.sum + (self._up if changed else self._down))
        if self.sum <= 0.0:
            self.since = self.changed = 0
        else:
            self.since += 1
            self.changed += bool(changed)
        return self.sum >= self.limit

    @property
    def every(self) -> int:
        """Return how many asks may pass until the next canary."""
        return EVERY_SUSPECTED if self.sum > 0.0 else EVERY


class Canaries:
    """Choose the canaries of a run, say which is due, and watch their answers.

    ``texts`` are the different texts of the run, ``most`` what the task allows (0 turns canaries off). One question
    about an email is out at a time: :meth:`sent`, then :meth:`answered` or, where the call gave no label,
    :meth:`given_up`.
    """

    def __init__(self, labels: Sequence[str], *, texts: int, most: int = MOST) -> None:
        self._count = count_for(texts, most)
        self._per_label = max(1, self._count // max(2, len(labels)))
        self._off = (
            "off: the task sets canaries = 0" if most <= 0
            else f"off: they need {FEWEST_TEXTS:,} different texts or more" if not self._count
            else ""
        )  # fmt: skip
        self._known: dict[int, _Canary] = {}
        self._calibrating: set[int] = set()
        self._kept: Counter[str] = Counter()
        self._tried: Counter[str] = Counter()
        self._enough = False
        self._change = ChangeSum()
        self._calibrated = self._unsteady = 0
        self._since_canary = self._since_calibration = 0
        self._out: set[int] = set()
        self._turn = 0
        self._round: list[int] = []
        self.round = 1
        self._round_size = self._round_asked = self._round_changed = 0
        self._alarm = ""
        self.asked = self.changed = 0

    # -- choosing ------------------------------------------------------------------------------------------------------

    def offer(self, email_id: int, label: str) -> None:
        """Take a freshly labeled email as a candidate, where its label still needs some."""
        self._since_canary = min(MOST_SAVED, self._since_canary + 1)
        self._since_calibration = min(MOST_SAVED, self._since_calibration + 1)
        if self._off or email_id in self._known or len(self._known) >= 2 * self._count:
            return
        kept, tried = self._kept[label], self._tried[label]
        if kept < self._per_label and tried < 2 * self._per_label:
            self._add(email_id, label)

    def _add(self, email_id: int, label: str) -> None:
        self._known[email_id] = _Canary(email_id, label)
        self._calibrating.add(email_id)
        self._kept[label] += 1
        self._tried[label] += 1

    @property
    def noise(self) -> float:
        """Return the share of calibrating answers that changed; the first few count as if there were more."""
        return self._unsteady / max(self._calibrated, self._count) if self._count else 0.0

    @property
    def armed(self) -> bool:
        """Return whether enough canaries of two labels gave three equal answers."""
        return self._enough and self.noise <= NOISIEST

    def _arm(self) -> None:
        enough = min(FEWEST_ARMED, self._per_label)
        counts = Counter(each.label for each in self._known.values() if each.armed)
        self._enough = sum(count >= enough for count in counts.values()) >= 2

    # -- asking --------------------------------------------------------------------------------------------------------

    def due(self) -> tuple[int, int] | None:
        """Return the email to ask about now and the number of its round, or None; in a round all are due at once."""
        waiting = next((each for each in self._round if each not in self._out), None)
        if waiting is not None:
            return waiting, self.round
        if self._since_canary >= self._change.every and self.armed:
            found = self._next([each for each in self._known.values() if each.armed])
            if found is not None:
                return found, 1
        if self._calibrating and self._since_calibration >= EVERY_CALIBRATION and self.noise <= NOISIEST:
            candidates = [self._known[each] for each in sorted(self._calibrating)]
            begun = [each for each in candidates if each.asked]
            found = self._next(begun) or self._next(candidates)
            if found is not None:
                return found, 0
        return None

    @property
    def waiting(self) -> int:
        """Return about how many are due now."""
        if self._round:
            return len(self._round) - len(self._out.intersection(self._round))
        regular = self._since_canary // self._change.every if self.armed else 0
        calibrating = self._since_calibration // EVERY_CALIBRATION if self.noise <= NOISIEST else 0
        return regular + min(calibrating, len(self._calibrating - self._out))

    def sent(self, email_id: int, round_: int) -> None:
        """Note that a question about a canary goes out."""
        self._out.add(email_id)
        self._turn += 1
        self._known[email_id].turn = self._turn
        if round_ == 0:
            self._since_calibration = max(0, self._since_calibration - EVERY_CALIBRATION)
        elif round_ == 1:
            self._since_canary = max(0, self._since_canary - self._change.every)
        elif email_id in self._round:
            self._round.remove(email_id)

    def given_up(self, email_id: int, round_: int) -> None:
        """Note that the question gave no label: nothing is said about the canary, which is asked again later."""
        self._out.discard(email_id)
        if round_ > 1 and round_ == self.round:
            self._round_size -= 1
            self._end_round()

    def restore(self, answer: CanaryAnswer) -> bool:
        """Take an answer that an earlier worker got, as :meth:`answered` does."""
        if answer.email_id not in self._known:
            self._add(answer.email_id, answer.label)
        self.sent(answer.email_id, answer.round)
        return self.answered(answer)

    def answered(self, answer: CanaryAnswer) -> bool:
        """Take an answer; return whether it alarms."""
        self._out.discard(answer.email_id)
        known = self._known.get(answer.email_id)
        if known is None:  # it was out when a dismissal began all canaries anew
            return False
        changed = answer.value != answer.label
        known.asked += 1
        if answer.round == 0:
            self._calibrated += 1
            self._unsteady += changed
            if changed:
                self.drop(answer.email_id)
            elif known.armed:
                self._calibrating.discard(answer.email_id)
            self._arm()
            self._change.set_noise(self.noise)
            return False
        self.asked += 1
        self.changed += changed
        if answer.round > 1:
            self.round = max(self.round, answer.round)
            self._round_asked += 1
            self._round_changed += changed
            if answer.email_id in self._round:
                self._round.remove(answer.email_id)
            ended = self._end_round()
        else:
            ended = False
        if self._change.observe(changed):
            self._alarm = f"{self._change.changed} of the last {self._change.since} texts asked again changed"
            return True
        return ended

    def drop(self, email_id: int) -> None:
        """Ask no more about an email: its answers vary, it has no label of this task any more, or is too large."""
        known = self._known[email_id]
        self._kept[known.label] -= not known.dropped
        known.dropped = True
        self._calibrating.discard(email_id)
        if email_id in self._round:
            self._round.remove(email_id)
            self._round_size -= 1

    def begin_round(self) -> None:
        """Make every canary due at once, because another model may answer."""
        if not self.armed:
            return
        self.round += 1
        self._round = [each.email_id for each in self._known.values() if each.armed]
        self._round_size, self._round_asked, self._round_changed = len(self._round), 0, 0

    def _end_round(self) -> bool:
        """Return whether the round is through and shows another model."""
        if self._round_asked < self._round_size or not round_changed(self._round_changed, self._round_asked):
            return False
        self._alarm = f"{self._round_changed} of {self._round_asked} asked again at once changed"
        return True

    def _next(self, these: Sequence[_Canary]) -> int | None:
        """Return the canary whose turn it is: of the label that was asked about longest ago, the one that was."""
        last: dict[str, int] = {}
        for each in these:
            last[each.label] = max(last.get(each.label, 0), each.turn)
        free = [each for each in these if each.email_id not in self._out]
        return min(free, key=lambda each: (last[each.label], each.turn)).email_id if free else None

    # -- what is said --------------------------------------------------------------------------------------------------

    @property
    def off(self) -> str:
        """Return why there are none, or nothing."""
        if not self._off and self._calibrated >= FEWEST_ARMED and self.noise > NOISIEST:
            return f"off: {self.noise:.0%} of the first repeated answers changed by themselves"
        return self._off

    @property
    def statistic(self) -> tuple[float, float]:
        """Return S and its limit."""
        return self._change.sum, self._change.limit

    @property
    def alarm(self) -> str:
        """Return what the alarm says, or nothing."""
        return self._alarm

    @property
    def sentence(self) -> str:
        """Return how it stands."""
        if self.off:
            return self.off
        if not self.armed:
            ready = sum(each.armed for each in self._known.values())
            return f"{ready} of {self._count} texts gave 3 equal answers"
        share = f" ({self.changed / self.asked:.1%})" if self.asked else ""
        return f"{self.asked:,} asked again, {self.changed:,} changed{share}"


def round_changed(changed: int, asked: int) -> bool:
    """Return whether a round of canaries shows another model: at least 5 of 60, or as large a share of fewer."""
    return asked > 0 and changed >= math.ceil(ROUND_LIMIT * asked / 60) and changed >= 2
