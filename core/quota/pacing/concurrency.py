"""Find how many calls should be in flight at once: of an organization with quotas, and on a server without any.

With quotas (:class:`Concurrency`) the number grows by one with each answer while every slot is in demand (so it doubles
in a round trip), after the first push-back (429 or 498) by one in a round trip, and halves with each. Growth stops
while answers get slower instead of more. Quotas bound it from above: more calls than refill while one is under way only
make errors cost more.

A server without quotas (:class:`Knee`) has a knee: up to it more calls at once bring more answers a second, beyond it
each call only takes longer. By Little's law the answers a second at ``width`` calls are ``width / latency``, so
latencies show the speed. The search goes in laps: a width is held until the calls that were asked at it are answered,
then the next one is chosen.

- Two calls go out first, then 16, or 64 where a server of one's own answered the two side by side: elsewhere limits may
  be hidden, which refuse all that is out when they are met.
- It opens up to eightfold a lap while answers keep up. Where they do not, the width goes back to what the server
  answered a second times the latency before: the bandwidth-delay product, by which BBR paces (Cardwell et al., ACM
  Queue 2016). Where that many do not bring as many answers, the server has a cliff, which is searched for below.
- Then it rests, and tries a little more and a little less now and then, as gradient limits do (Netflix,
  concurrency-limits). The noisier the latencies, the larger the step, so that noise does not decide.
- Latencies that change at rest mean that the server did: fewer calls at once are tried, and where they only bring
  fewer answers, the server is slower and the width was right.

Moments and latencies are in seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from core.model import MOST_EVER

FIRST_CONCURRENCY = 4.0
_HEAD_ROOM = 1.5
_SPARE_CALLS = 2
_SLOWER = 2.5
_SLOWER_S = 0.2
_LATENCY_GAIN = 0.1
_BASE_ANSWERS = 20
_BASE_GAIN = 0.0005
_ASSUMED_LATENCY_S = 1.0


class Concurrency:
    """Adapt the concurrency of one organization, between 1 and ``cap``."""

    __slots__ = ("_answers", "_base_s", "_cap", "_grown_steeply", "_shrunk_at", "_width", "latency_s")

    def __init__(self, cap: int) -> None:
        """Begin with a few."""
        self._cap = float(cap)
        self._width = min(FIRST_CONCURRENCY, self._cap)
        self._grown_steeply = True
        self._shrunk_at = -math.inf
        self._answers = 0
        self._base_s = _ASSUMED_LATENCY_S
        self.latency_s = _ASSUMED_LATENCY_S

    def allowed(self, call_rate: float) -> int:
        """Return how many calls may be in flight where quotas refill ``call_rate`` calls a second (or ``inf``)."""
        bound = self._cap
        if not math.isinf(call_rate):
            bound = min(bound, math.ceil(call_rate * self.latency_s * _HEAD_ROOM) + _SPARE_CALLS)
        return max(1, int(min(self._width, bound)))

    def answered(self, latency_s: float, *, in_demand: bool) -> None:
        """Take in an answer; ``in_demand`` means that all slots were taken when it was asked for."""
        self._answers += 1
        self.latency_s += max(_LATENCY_GAIN, 1.0 / self._answers) * (latency_s - self.latency_s)
        base_gain = 1.0 / self._answers if self._answers <= _BASE_ANSWERS else _BASE_GAIN
        self._base_s += base_gain * (latency_s - self._base_s)
        if in_demand and self.latency_s <= _SLOWER * self._base_s + _SLOWER_S:
            self._width = min(self._cap, self._width + (1.0 if self._grown_steeply else 1.0 / self._width))

    def pushed_back(self, asked_at: float, now: float) -> None:
        """Shrink after a 429 or 498. Calls asked before the last shrinking belong to the same crowd and count once."""
        if asked_at < self._shrunk_at <= now:
            return
        self._shrunk_at = now
        self._grown_steeply = False
        self._width = max(1.0, self._width / 2.0)

    def restart(self) -> None:
        """Begin with a few calls again, after an outage."""
        self._width = min(FIRST_CONCURRENCY, self._width)
        self._grown_steeply = True


MOST_AT_ONCE = 128
"""The search for the knee goes so far: one process makes some 400 to 900 calls a second. A person may allow more."""
FIRST_WIDTH = 16
CAREFUL_WIDTH = 2
WIDE_WIDTH = 64
_SIDE_BY_SIDE = 1.7
"""Two calls at once of which the second takes at most so many times as long as the first are answered side by side.

One after the other it takes twice as long; latencies that vary by 30 % are told from that in four of five cases."""
_PATIENCE_S = 48.0
"""No more calls go out at first than a server that answers one by one manages in four fifths of the usual time-out."""
_LEAST_OPENING = 8
_OPENING, _OPENING_S = 8.0, 20.0
"""The width grows eightfold a lap, or by less where calls that only wait longer would take more than this."""
_LAP_MOST = 128
_LAP_LEAST = 4
_EARLY_LEAST = 8
"""A lap that is clearly too slow is decided after so many answers, before all of its calls have taken that long."""
_LATE_SHARE, _LATE_SHARE_OPENING = 0.1, 0.25
"""A lap ends when all but this share of its calls are answered: the rest count as slower than the others."""
_HOLDS = 0.75
"""A width that is to answer as many a second as a larger one did must reach this share, for that one is overrated."""
_WORTH = 0.55
"""More calls at once are worth it where a tenth more of them bring at least so much of a tenth more answers."""
_CLOSE = 1.2
"""A good width this near to a bad one is the knee."""
_STEP, _STEP_MOST = 1.1, 1.5
_CHANGED = 1.2
_FULL = 0.9
"""Calls asked while fewer than this share of the width are out say nothing of it."""
_SPREADS = 2.0
_TIMED_OUT_SHARE = 4
_REST_S, _REST_MOST_S = 4.0, 6.0


@dataclass(frozen=True, slots=True)
class _Lap:
    """Hold what a lap measured: the width, the mean latency of its calls, and the relative error of that mean."""

    width: int
    latency_s: float
    error: float

    @property
    def rate(self) -> float:
        """Return answers a second."""
        return self.width / self.latency_s


class Knee:
    """Search between 1 and ``most``. ``width`` is how many calls may be in flight now."""

    __slots__ = (
        "_asked",
        "_bad",
        "_before",
        "_best",
        "_ended",
        "_first",
        "_first_s",
        "_halved_at",
        "_lap",
        "_larger_next",
        "_needed",
        "_opening",
        "_overshot",
        "_rest_s",
        "_rests_until_at",
        "_searching",
        "_skipped",
        "_squares",
        "_streak",
        "_sum",
        "_suspect",
        "_timeouts",
        "_untried",
        "_wide",
        "most",
        "width",
    )

    def __init__(self, most: int, first: int = FIRST_WIDTH, *, wide: bool = False) -> None:
        """Begin with ``first`` calls at once; ``wide``: with 64 where the first two are answered side by side."""
        self.most = most
        self._wide = wide
        self._first = first
        self._untried = first <= FIRST_WIDTH
        self._first_s = 0.0
        self.restart()

    def restart(self) -> None:
        """Forget what was found, but not that calls timed out with so many out."""
        self.width = min(self._first, self.most)
        self._best: _Lap | None = None
        self._before: _Lap | None = None
        self._streak = 0
        self._bad: int | None = None
        self._suspect: _Lap | None = None
        self._overshot: _Lap | None = None
        self._opening = self._first >= _LEAST_OPENING
        self._searching = True
        self._larger_next = True
        self._rest_s = _REST_S
        self._rests_until_at = -math.inf
        self._halved_at = -math.inf
        self._timeouts = 0
        self._lap = 0
        self._begin_lap(self.width)

    def limit(self, most: int) -> None:
        """Search up to another maximum from now on."""
        self.most = most
        if self.width > most:
            self._go_to(most)
            self._best = None
        self._bad = None

    def asked(self, out: int) -> int:
        """Count a call that goes out, with which ``out`` are; return the lap that it belongs to, or 0."""
        self._skipped -= 1
        if self._skipped >= 0 or self._asked >= self._needed or (not self._opening and out < _FULL * self.width):
            return 0
        self._asked += 1
        return self._lap

    def ended(self, lap: int, latency_s: float, now: float) -> None:
        """Count a call of that lap that has ended, answered or not."""
        if self._untried:
            self._untried, self._first_s = False, latency_s if self._wide else 0.0
            first = int(_PATIENCE_S / max(latency_s, 0.001))
            if first < self._first:
                self._first = first if first >= _LEAST_OPENING else CAREFUL_WIDTH
                self.restart()
                return
        elif self._first_s:
            side_by_side, self._first_s = latency_s <= _SIDE_BY_SIDE * self._first_s, 0.0
            if side_by_side and self._first == FIRST_WIDTH and latency_s * WIDE_WIDTH <= _PATIENCE_S:
                self._first = WIDE_WIDTH
                self.restart()
                return
        if lap == 0 or lap != self._lap:
            return
        self._ended += 1
        self._sum += latency_s
        self._squares += latency_s * latency_s
        late_share = _LATE_SHARE_OPENING if self._opening else _LATE_SHARE
        if self._asked >= self._needed and self._ended >= math.ceil(self._needed * (1.0 - late_share)):
            self._decide(self._measured(), now)
        elif self._ended >= _EARLY_LEAST and self._is_clear(early := self._at_least()):
            self._decide(early, now)

    @property
    def open_width(self) -> int:
        """Return how many calls may be in flight: few until the first answer, as a laptop's server queues the rest."""
        return min(CAREFUL_WIDTH, self.width) if self._untried else self.width

    def dropped(self, lap: int) -> None:
        """Leave a call out that shows nothing of the server's speed; another takes its place."""
        if lap and lap == self._lap:
            self._asked -= 1

    def pushed_back(self, asked_at: float, now: float) -> None:
        """Halve after a refusal for want of room. Calls asked before the last halving count once."""
        if asked_at < self._halved_at <= now:
            return
        self._halved_at = now
        self._timeouts = 0
        self._bad, self._best, self._suspect, self._opening = self.width, None, None, False
        self._overshot = None
        self._searching = True
        self._go_to(self.width // 2)
        self._rests_until_at = now + self._rest_s

    def timed_out(self, asked_at: float, now: float) -> None:
        """Count a call that was cut off unanswered. Where it is one in four of those out, the server queues them.

        Half as many go out then, also after an outage. A single one among many shows nothing of the server.
        """
        if asked_at < self._halved_at <= now:
            return
        self._timeouts += 1
        if self._timeouts * _TIMED_OUT_SHARE < self.open_width:
            return
        self._first = max(1, min(self._first, self.open_width // 2))
        if self._untried:
            self.restart()
        self.pushed_back(asked_at, now)

    # --- inside --------------------------------------------------------------------------------------------------

    def _begin_lap(self, fresh: int) -> None:
        """Measure the next calls: while it opens the ``fresh`` ones, which all go out now, later two rounds of them."""
        self._lap += 1
        self._asked = self._ended = 0
        self._sum = self._squares = 0.0
        # Calls that go out while few are out say little of the width; of the first one nothing else is known.
        self._skipped = 3 * fresh // 4 if self._opening and self._best is not None else 0
        rounds = fresh - self._skipped if self._opening else self.width if self._overshot else 2 * self.width
        self._needed = max(_LAP_LEAST, min(rounds, _LAP_MOST))

    def _go_to(self, width: float) -> None:
        before, self.width = self.width, max(1, min(self.most, round(width)))
        self._begin_lap(self.width - before if self.width > before else self.width)

    def _moments(self) -> tuple[float, float]:
        """Return mean and spread of the latencies of the lap's calls that ended."""
        mean = self._sum / self._ended
        return mean, math.sqrt(max(0.0, self._squares / self._ended - mean * mean))

    def _measured(self) -> _Lap:
        late = self._asked - self._ended  # they take longer than those that ended
        longest = math.sqrt(self._squares / self._ended)
        count = self._ended + late
        mean = max(1e-6, (self._sum + late * longest) / count)
        _, spread = self._moments()
        return _Lap(self.width, mean, spread / mean / math.sqrt(count))

    def _at_least(self) -> _Lap:
        """Return the lap with a latency that its calls hardly come in under: those that ended first are the fastest."""
        mean, spread = self._moments()
        return _Lap(self.width, max(1e-6, mean - _SPREADS * spread / math.sqrt(self._ended)), 0.0)

    def _is_clear(self, lap: _Lap) -> bool:
        """Return whether a lap is decided before its calls have ended, as they take so long at least."""
        if self._best is None or self._opening:
            return False
        if self._suspect is not None:
            return self._worth(self._suspect, lap)
        if self._overshot is not None:
            return lap.rate < _HOLDS * self._overshot.rate
        return lap.width > self._best.width and not self._worth(self._best, lap)

    def _decide(self, lap: _Lap, now: float) -> None:
        best = self._best
        if self._suspect is not None:
            self._judge_change(lap, self._suspect, now)
        elif self._overshot is not None:
            self._settle(lap, self._overshot, now)
        elif best is None:
            self._best = lap
            self._grow(now)
        elif lap.width == best.width:
            self._at_rest(lap, best, now)
        elif self._worth(best, lap):
            if lap.width > best.width:
                self._before, self._best = best, lap
                self._streak += 1
                if self._opening or self._searching or self._bad is None:
                    self._grow(now)
                else:
                    self._rest(now)
            else:
                self._rest(now)
        elif lap.width > best.width:
            self._too_many(lap, best, now)
        else:
            self._best = lap  # fewer at once bring as much: perhaps even fewer do
            self._larger_next = False
            self._rest(now)
            self._rests_until_at = now

    @staticmethod
    def _worth(one: _Lap, other: _Lap) -> bool:
        """Return whether the larger of two widths is worth its calls."""
        small, large = (one, other) if one.width < other.width else (other, one)
        ratio = math.log(large.width / max(1, small.width))
        return math.log(large.latency_s / small.latency_s) <= (1.0 - _WORTH) * ratio + 1e-9

    @staticmethod
    def _step(lap: _Lap) -> float:
        """Return by how much to change the width so that noise does not decide what comes of it."""
        return min(max(_STEP, math.exp(2.0 * _SPREADS * lap.error)), _STEP_MOST)

    def _grow(self, now: float) -> None:
        """Go on to a larger width: a multiple while it opens, half way to one that was too large, a step beyond."""
        best = self._best
        assert best is not None
        wider = float(best.width)
        if self._opening:
            wider *= max(1.0, min(_OPENING, _OPENING_S / best.latency_s))
        elif self._bad is None:
            wider = wider * min(self._step(best) ** (1 + self._streak), _STEP_MOST) + 0.5
        elif self._searching and self._bad > wider * max(_CLOSE, self._step(best)):
            wider = math.sqrt(wider * self._bad)
        if min(self.most, round(wider)) > best.width:
            self._go_to(wider)
        elif self._opening and self._before is not None and best.rate * self._before.latency_s * _CLOSE < best.width:
            self._fall_back(self._before, best)
        else:
            self._rest(now)

    def _too_many(self, lap: _Lap, best: _Lap, now: float) -> None:
        """Go back: at first to what the server answered a second times the latency of before."""
        self._bad = lap.width
        if self._opening and round(lap.rate * best.latency_s) != best.width:
            self._fall_back(best, lap)
        elif self._searching or math.isinf(self._rests_until_at):
            self._opening, self._searching = False, True
            self._grow(now)
        else:
            self._rest_s = min(1.5 * self._rest_s, _REST_MOST_S)
            self._rest(now)

    def _fall_back(self, before: _Lap, overshot: _Lap) -> None:
        """Go back to what the server answered a second times the latency of before."""
        self._opening = self._searching = False
        self._best, self._overshot = before, overshot
        self._go_to(overshot.rate * before.latency_s)

    def _settle(self, lap: _Lap, overshot: _Lap, now: float) -> None:
        """Stay at the width that was gone back to, or search below it where it is slower than it was."""
        self._overshot = None
        if lap.rate >= _HOLDS * overshot.rate:
            self._before, self._best, self._bad = self._best, lap, None
            self._rest(now)
            return
        self._bad, self._searching = lap.width, True
        self._go_to(_HOLDS * lap.width)

    def _rest(self, now: float) -> None:
        """Stay at the best width for a while."""
        self._opening = self._searching = False
        self._streak = 0
        self._go_to(self._best.width if self._best is not None else self.width)
        self._rests_until_at = now + self._rest_s

    def _at_rest(self, lap: _Lap, best: _Lap, now: float) -> None:
        noise = _SPREADS * math.hypot(lap.error, best.error)
        change = math.log(lap.latency_s / best.latency_s)
        if change > math.log(_CHANGED) + noise and lap.width > 1:
            self._suspect = lap
            self._go_to(lap.width * best.latency_s / lap.latency_s)
            return
        if change < -math.log(_CHANGED) - noise:  # it became faster: there may be room for many more
            self._best, self._bad, self._rest_s = lap, None, _REST_S
            self._go_to(lap.width * _STEP_MOST)
            return
        gain = 0.3
        self._best = _Lap(
            lap.width, best.latency_s + gain * (lap.latency_s - best.latency_s), min(lap.error, best.error)
        )
        if now < self._rests_until_at:
            self._begin_lap(self.width)
            return
        larger, self._larger_next = self._larger_next or lap.width == 1, not self._larger_next
        self._bad = None
        if larger and lap.width < self.most:
            self._go_to(lap.width * self._step(lap) + 0.5)
        elif not larger:
            self._go_to(lap.width / self._step(lap) - 0.5)
        else:
            self._rest(now)

    def _judge_change(self, lap: _Lap, before: _Lap, now: float) -> None:
        """Decide what slower answers mean, by whether fewer calls at once made them faster."""
        self._suspect, self._bad, self._rest_s = None, None, _REST_S
        if self._worth(before, lap):  # fewer bring fewer answers: the server itself is slower
            self._best = before
            self._rest(now)
        else:
            self._best = lap
            self._larger_next = False
            self._rest(now)
            self._rests_until_at = now


class Room:
    """Bound calls at once on one server, over all its organizations: the knee's width, or a person's ``chose``.

    ``own``: the server is on this machine or in its network, so that quotas are not to be expected.
    """

    __slots__ = ("chosen", "in_flight", "knee", "own", "trusted")

    def __init__(self, *, own: bool = False, chosen: int | None = None, most: int = MOST_AT_ONCE) -> None:
        self.own = own
        self.trusted = False
        self.in_flight = 0
        self.knee = Knee(most, wide=own)
        self.chosen: int | None = None
        self.choose(chosen)

    def choose(self, most: int | None) -> None:
        """Have so many calls in flight, never more; None lets the knee be searched."""
        self.chosen = None if most is None else max(1, min(most, MOST_EVER))

    def trust(self, trusted: bool) -> None:  # noqa: FBT001 - trust(True) reads well
        """Begin with as many calls as a client has connections for, as the operator's own plan says, or with a few.

        The search for the knee goes on from there: answers that only take longer, and refusals, narrow it.
        """
        if trusted != self.trusted:
            self.trusted = trusted
            self.knee = Knee(MOST_EVER, MOST_EVER) if trusted else Knee(MOST_AT_ONCE, wide=self.own)

    @property
    def width(self) -> int:
        """Return how many calls may be in flight where no quota says otherwise."""
        return self.knee.open_width if self.chosen is None else self.chosen

    @property
    def free(self) -> int:
        """Return how many more calls may go out where no quota is known."""
        return max(0, self.width - self.in_flight)

    @property
    def left(self) -> float:
        """Return how many more may go out where quotas pace: as a person capped them, else as many as quotas let."""
        return math.inf if self.chosen is None else max(0, self.chosen - self.in_flight)
