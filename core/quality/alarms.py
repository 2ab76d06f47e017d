"""Watch a run's answers for collapse, drift and trouble; each watch has a stated rate of false alarms.

The streams are settled asks (distinct texts), not emails: copies settle in bursts. A watch is a pure state machine: it
takes one observation at a time and gives a :class:`Reading`. Simulated on healthy runs of 5,000 asks, an alarm is false
in at most 0.93 of 100 runs over all watches (``tests/programs/truth.py`` measures it).
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from core.quality.intervals import log_hypergeometric_tail
from core.quality.packing import FALSE_ALARMS_PER_100_RUNS as PACKS_FALSE_ALARMS

RUN_ALPHA = 0.003
"""False alarms of the run rule over all labels of a run: 0.0015 for each of two."""
WINDOWS = (60, 90, 135, 200, 300, 450, 700, 1_000, 1_500)
WINDOW_LIMIT = -13.5
SLOW_LIMIT = -14.0
"""Limits of ln P: chosen by simulation so that windows, looked at every five asks, alarm in under 0.5 % of runs."""
WINDOW_EVERY = 5
ARMED_AFTER = 100
SLOW_ARMED_AFTER = 200
SLOW_LEAST_S = 0.001
"""A call that took no more than this longer than nine in ten of the first ones is not slow."""
_STEADY = 0.75
"""About as many calls are out where the tenth part with the fewest has no fewer than this share of the most."""
CUSUM_LIMIT = 7.0
FAILURES_IN_A_ROW = 25
"""So many different emails failing one after another, for a reason that is not quota, pause the run (a promise)."""


_CAP_TEXTS, _CAP_KEPT = 5, 200
_CAP_WIDER = 1.3
_CAP_SLACK = 2
"""Tokens by which two counts at a server's context may differ."""
_SHORT_TEXTS, _SHORT_SPAN = 12, 24
"""Short texts beside a long rubric: so many of one count, over so many characters (at least four tokens of English)."""


class Watch(StrEnum):
    """Name the watches, by the letter of the design's list."""

    RUN = "run of one label"
    SHARES = "shares"
    CANARIES = "canaries"
    REASKED = "re-asked"
    FAILED = "empty or failed"
    IDENTITY = "model"
    SLOW = "slowness"
    TRUNCATED = "cut prompts"
    PACKS = "packs"


PAUSING = frozenset({Watch.RUN, Watch.CANARIES, Watch.FAILED})
"""Watches that pause a run by themselves; the others only report."""

FALSE_ALARMS_PER_100_RUNS = {
    Watch.RUN: 0.2,
    Watch.SHARES: 0.45,
    Watch.CANARIES: 0.32,
    Watch.REASKED: 0.02,
    Watch.FAILED: 0.02,
    Watch.IDENTITY: 0.04,
    Watch.SLOW: 0.13,
    Watch.TRUNCATED: 0.0,
    Watch.PACKS: PACKS_FALSE_ALARMS,
}
"""At worst, for healthy runs of 5,000 asks."""


class WatchState(StrEnum):
    """Name what a watch says now."""

    ARMING = "arming"
    STEADY = "steady"
    ALARM = "alarm"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Reading:
    """Hold what one watch says: ``statistic`` against ``limit``, and the asks of an alarm (from 1, inclusive)."""

    watch: Watch
    state: WatchState
    statistic: float
    limit: float
    sentence: str
    from_ask: int = 0
    to_ask: int = 0


class LabelRun:
    """Watch for a run of answers without one label: the minority has vanished, or the majority.

    With k of the n answers before the run carrying the label and p ~ Beta(k + 1/2, n − k + 1/2), a run of length L
    alarms if the expected number of such runs among N asks is below the limit:

        ln(N a / (a + b)) + ln E[(1 − p)^L] ≤ ln(α / K),    E[(1 − p)^L] = B(a, b + L) / B(a, b)
    """

    def __init__(self, label: str, *, labels: int, expected: int) -> None:
        self.label = label
        self._limit = math.log(RUN_ALPHA / max(2, labels))
        self._expected = max(1, expected)
        self._asks = 0
        self._seen = 0
        self._length = 0
        self._statistic = 0.0

    def observe(self, label: str) -> bool:
        """Take the next answer; return whether it alarms."""
        self._asks += 1
        if label == self.label:
            self._seen += 1
            self._length, self._statistic = 0, 0.0
            return False
        self._length += 1
        before = self._asks - self._length
        if before < ARMED_AFTER:
            return False
        a, b = self._seen + 0.5, before - self._seen + 0.5
        runs = math.log(self._expected * a / (a + b))
        self._statistic = runs + _log_beta_ratio(a, b, self._length)
        return self._statistic <= self._limit

    def restart(self) -> None:
        """Begin anew after a dismissal: all answers up to now become the reference."""
        self._length, self._statistic = 0, 0.0

    def skip(self, hits: int, asks: int) -> None:
        """Count answers of before, without their order."""
        self._asks += asks
        self._seen += hits

    def reading(self) -> Reading:
        """Return what the watch says now."""
        first = self._asks - self._length + 1
        if self._statistic <= self._limit:
            rate = self._seen / max(1, first - 1)
            text = f"no {self.label} among the last {self._length:,} answers ({rate:.1%} before)"
            return Reading(Watch.RUN, WatchState.ALARM, self._statistic, self._limit, text, first, self._asks)
        armed = first - 1 >= ARMED_AFTER
        state = WatchState.STEADY if armed else WatchState.ARMING
        text = f"{self._length:,} answers since the last {self.label}" if armed else f"begins after {ARMED_AFTER} asks"
        return Reading(Watch.RUN, state, self._statistic, self._limit, text)


class WindowScan:
    """Watch the rate of hits in the last w answers against all before, for windows of 60 to 1,500.

    The tail of the hypergeometric distribution needs no assumption on the rate. ``upwards`` looks for more hits only.
    """

    def __init__(
        self, watch: Watch, name: str, *, limit: float = WINDOW_LIMIT, armed_after: int = ARMED_AFTER,
        upwards: bool = False,
    ) -> None:  # fmt: skip
        self._watch, self._name, self._limit, self._armed_after = watch, name, limit, armed_after
        self._upwards = upwards
        self._asks = 0
        self._hits = 0
        self._sums: deque[int] = deque([0], maxlen=WINDOWS[-1] + 1)
        self._reference = 0
        self._worst = (0.0, 0, 0)

    def observe(self, hit: int) -> bool:
        """Take the next observation; return whether it alarms (looked at every five)."""
        self._asks += 1
        self._hits += hit
        self._sums.append(self._hits)
        if self._asks % WINDOW_EVERY:
            return False
        self._worst = self._scan()
        return self._worst[0] <= self._limit

    def restart(self) -> None:
        """Begin anew after a dismissal: windows begin after the answers seen up to now."""
        self._reference = self._asks
        self._worst = (0.0, 0, 0)

    def skip(self, hits: int, asks: int) -> None:
        """Count observations of before, without their order."""
        self._asks += asks
        self._hits += hits
        self._sums.clear()
        self._sums.append(self._hits)

    def reading(self) -> Reading:
        """Return what the watch says now."""
        statistic, window, hits = self._worst
        if statistic <= self._limit:
            before = (self._hits - hits) / max(1, self._asks - window)
            text = f"{self._name}: {hits:,} of the last {window:,} asks ({before:.1%} before)"
            first = self._asks - window + 1
            return Reading(self._watch, WatchState.ALARM, statistic, self._limit, text, first, self._asks)
        if self._asks < self._armed_after + WINDOWS[0]:
            text = f"begins after {self._armed_after + WINDOWS[0]} asks"
            return Reading(self._watch, WatchState.ARMING, statistic, self._limit, text)
        return Reading(self._watch, WatchState.STEADY, statistic, self._limit, f"steady over {self._asks:,} asks")

    def _scan(self) -> tuple[float, int, int]:
        worst = (0.0, 0, 0)
        since = self._asks - self._reference
        for window in WINDOWS:
            if window >= len(self._sums) or window > since or self._asks < max(self._armed_after + window, 2 * window):
                break
            hits = self._hits - self._sums[-1 - window]
            mean = window * self._hits / self._asks
            upper = hits > mean
            if self._upwards and not upper:
                continue
            # A tail of e^-13.5 is at least 3.5 standard deviations away for every rate and window looked at.
            variance = mean * (1 - self._hits / self._asks) * (self._asks - window) / self._asks
            if (hits - mean) ** 2 <= 12.0 * variance:
                continue
            tail = log_hypergeometric_tail(hits, self._asks, self._hits, window, upper=upper)
            if tail < worst[0]:
                worst = (tail, window, hits)
        return worst


class RateCounter:
    """Watch a rate against a fixed tolerance: a CUSUM of log-likelihood ratios (Page 1954), healthy p0, trouble p1.

    With ``streak`` a rule of its own looks after hits in a row: while they go on nothing alarms here, and after so many
    of them the sum begins anew, because that rule has paused the run.
    """

    def __init__(
        self, watch: Watch, *, healthy: float, trouble: float, limit: float = CUSUM_LIMIT, streak: int = 0
    ) -> None:
        self._watch, self._healthy, self._limit = watch, healthy, limit
        self._streak = streak
        self._in_a_row = 0
        self._up = math.log(trouble / healthy)
        self._down = math.log((1 - trouble) / (1 - healthy))
        self._sum = 0.0
        self._asks = self._since = self._hits = 0

    def observe(self, hit: int) -> bool:
        """Take the next observation; return whether it alarms."""
        self._asks += 1
        self._sum += self._up if hit else self._down
        self._in_a_row = self._in_a_row + 1 if hit and self._streak else 0
        if self._in_a_row and self._in_a_row == self._streak:
            self._sum, self._in_a_row = 0.0, 0
        if self._sum <= 0.0:
            self._sum, self._since, self._hits = 0.0, self._asks, 0
        else:
            self._hits += hit
        return self._sum >= self._limit and not self._in_a_row

    def restart(self) -> None:
        """Begin anew after a dismissal."""
        self._sum, self._since, self._hits = 0.0, self._asks, 0

    def skip(self, asks: int) -> None:
        """Count observations of before, which were healthy."""
        self._asks += asks
        self._since = self._asks

    def reading(self) -> Reading:
        """Return what the watch says now."""
        last = self._asks - self._since
        tolerated = f"{self._healthy * 100:.0f} % tolerated"
        if self._sum >= self._limit and not self._in_a_row:
            text = f"{self._hits:,} of the last {last:,} asks ({tolerated})"
            return Reading(self._watch, WatchState.ALARM, self._sum, self._limit, text, self._since + 1, self._asks)
        return Reading(self._watch, WatchState.STEADY, self._sum, self._limit, f"{self._asks:,} asks, {tolerated}")


class Slowness:
    """Watch for answers that take longer than nine in ten of the first ones, with no more calls out than then.

    On a server without quotas each call takes longer the more are out, and how many are is the worker's choice. So the
    first 200 answers in a row with about as many out are the reference, and those with more are left out. Once that is
    the rule, or a quarter fewer are out, another reference is taken. Under quotas the number is None: there more calls
    are out because the server is slow.
    """

    def __init__(self) -> None:
        self._answers = 0
        self._begin()

    def _begin(self) -> None:
        self._scan = WindowScan(
            Watch.SLOW, "slow answers", limit=SLOW_LIMIT, armed_after=SLOW_ARMED_AFTER, upwards=True
        )
        self._first: deque[tuple[float, int]] = deque(maxlen=SLOW_ARMED_AFTER)
        self._above_s = math.inf
        self._most = self._others = 0

    def observe(self, latency_s: float | None, in_flight: int | None) -> bool:
        """Take the next answer's time and the calls that were out when it was asked for; return whether it alarms."""
        if latency_s is None:
            return False
        self._answers += 1
        if self._above_s == math.inf:
            self._first.append((latency_s, in_flight or 0))
            self._try_reference()
            return False
        if in_flight is not None and self._is_other(in_flight):
            return False
        return self._scan.observe(latency_s > self._above_s)

    def _try_reference(self) -> None:
        """Take the last 200 answers as the reference where about as many calls were out for all of them."""
        if len(self._first) < SLOW_ARMED_AFTER or self._answers % WINDOW_EVERY:
            return
        loads = sorted(load for _, load in self._first)
        tenth, self._most = loads[SLOW_ARMED_AFTER // 10], loads[9 * SLOW_ARMED_AFTER // 10]
        if tenth < _STEADY * self._most:
            return
        self._above_s = sorted(latency for latency, _ in self._first)[9 * SLOW_ARMED_AFTER // 10] + SLOW_LEAST_S
        for latency, _ in self._first:
            self._scan.observe(latency > self._above_s)

    def _is_other(self, in_flight: int) -> bool:
        """Return whether a call with so many out is not to be compared; begin anew where most are not."""
        is_more = in_flight > self._most
        self._others = self._others + 1 if is_more or in_flight < _STEADY * self._most else max(0, self._others - 1)
        if self._others == SLOW_ARMED_AFTER:
            self._begin()
        return is_more

    def restart(self) -> None:
        """Begin anew after a dismissal."""
        self._scan.restart()

    def reading(self) -> Reading:
        """Return what the watch says now."""
        if self._above_s == math.inf and len(self._first) == SLOW_ARMED_AFTER:
            text = f"begins after {SLOW_ARMED_AFTER} asks with about as many calls out"
            return Reading(Watch.SLOW, WatchState.ARMING, 0.0, SLOW_LIMIT, text)
        found = self._scan.reading()
        if not found.to_ask:
            return found
        return replace(found, from_ask=self._answers - found.to_ask + found.from_ask, to_ask=self._answers)


class Identity:
    """Watch the model's name and fingerprint in each reply: a new one means that another model may answer."""

    def __init__(self, known: Sequence[tuple[str, str]] = ()) -> None:
        self._known = set(known)
        self._asks = 0
        self._new: tuple[str, str] | None = None
        self._at = 0

    def observe(self, model: str, fingerprint: str) -> bool:
        """Take the identity of the next reply; return whether it is new. An empty identity says nothing."""
        self._asks += 1
        identity = (model, fingerprint)
        if not model and not fingerprint:
            return False
        if not self._known:
            self._known.add(identity)
            return False
        if identity in self._known:
            return False
        if any(model == name for name, _ in self._known) and self._asks <= ARMED_AFTER:
            # A server behind a load balancer has several fingerprints of one model: they are learned at first.
            self._known.add(identity)
            return False
        self._known.add(identity)
        self._new, self._at = identity, self._asks
        return True

    def restart(self) -> None:
        """Begin anew after a dismissal: the new identity is known."""
        self._new = None

    def skip(self, asks: int) -> None:
        """Count replies of before."""
        self._asks += asks

    def reading(self) -> Reading:
        """Return what the watch says now."""
        if self._new is not None:
            model, fingerprint = self._new
            text = f"answers come from {model or 'an unnamed model'}" + (f" ({fingerprint})" if fingerprint else "")
            return Reading(Watch.IDENTITY, WatchState.ALARM, 1.0, 1.0, text, self._at, self._asks)
        models = sorted({model for model, _ in self._known if model})
        prints = len({fingerprint for _, fingerprint in self._known if fingerprint})
        named = ", ".join(models) or "not named by the server"
        counted = f", {prints} fingerprint{'' if prints == 1 else 's'}" if prints else ""
        text = f"{named}{counted}, none new"
        return Reading(Watch.IDENTITY, WatchState.STEADY, 0.0, 1.0, text)


class PromptCap:
    """Watch for prompts that the server cuts in silence: as many tokens, and never more, for texts of other lengths.

    A context that is too small (Ollama's ``num_ctx``) makes every longer prompt take exactly the same number of tokens.
    Five texts alarm, the longest of them by three tenths longer than the shortest. Healthy counts grow with the text.
    Short texts never make questions so different: there twelve alarm that took exactly the same number of tokens over
    24 characters or more, where no question as long took fewer. Texts of nearly one length can raise no alarm.
    """

    def __init__(self) -> None:
        self._asks = self._cap = self._counted = 0
        self._at_cap: list[int] = []
        self._most = self._longest_below = 0
        self._at_most: list[int] = []
        self._span = (0, 0)
        self._first = 0
        self._alarmed = False
        self._dismissed_cap = 0

    def observe(self, chars: int, tokens: int) -> bool:
        """Take a question's characters and its tokens as the server counts them, or 0; return whether to alarm."""
        self._asks += 1
        if not chars or not tokens:
            return False
        self._counted += 1
        if tokens > self._cap + _CAP_SLACK:
            self._at_cap.clear()
            self._first = self._asks
        if tokens >= self._cap - _CAP_SLACK:
            self._cap = max(self._cap, tokens)
            self._at_cap.append(chars)
        del self._at_cap[: max(0, len(self._at_cap) - _CAP_KEPT)]
        self._note_largest(chars, tokens)
        if self._alarmed or self._cap <= self._dismissed_cap + _CAP_SLACK:
            return False
        wide = len(self._at_cap) >= _CAP_TEXTS and max(self._at_cap) >= _CAP_WIDER * min(self._at_cap)
        if wide or self._is_of_one_count():
            of = self._at_cap if wide else self._at_most
            self._span = (min(of), max(of))
            self._alarmed = True
        return self._alarmed

    def _note_largest(self, chars: int, tokens: int) -> None:
        """Keep the lengths of questions with the largest number of tokens that are longer than all with fewer."""
        if tokens > self._most:
            self._longest_below = max(self._longest_below, *self._at_most, 0)
            self._most = tokens
            self._at_most.clear()
        if chars <= self._longest_below:
            return
        if tokens == self._most:
            self._at_most.append(chars)
            del self._at_most[: max(0, len(self._at_most) - _CAP_KEPT)]
        else:
            self._longest_below = chars
            self._at_most = [each for each in self._at_most if each > chars]

    def _is_of_one_count(self) -> bool:
        """Return whether short texts of different lengths took exactly the largest number of tokens, and none fewer."""
        return len(self._at_most) >= _SHORT_TEXTS and max(self._at_most) - min(self._at_most) >= _SHORT_SPAN

    @property
    def counts(self) -> bool:
        """Return whether the server counted the tokens of any question."""
        return self._counted > 0

    def restart(self) -> None:
        """Keep quiet about this number of tokens after a dismissal, also where that was before this worker began."""
        self._dismissed_cap = self._cap or 10**9
        self._alarmed = False

    def skip(self, asks: int) -> None:
        """Count asks of before."""
        self._asks += asks

    def reading(self) -> Reading:
        """Return what the watch says now."""
        if self._alarmed:
            text = (
                f"questions of {self._span[0]:,} to {self._span[1]:,} characters all took {self._cap:,} tokens:"
                " the server cuts long ones in silence. Raise its context (Ollama: OLLAMA_CONTEXT_LENGTH), or lower"
                " truncate_at in the task"
            )
            return Reading(Watch.TRUNCATED, WatchState.ALARM, 1.0, 1.0, text, self._first, self._asks)
        armed = self._counted >= _CAP_TEXTS
        text = f"{self._cap:,} tokens at most" if armed else f"begins after {_CAP_TEXTS} asks with a count of tokens"
        return Reading(Watch.TRUNCATED, WatchState.STEADY if armed else WatchState.ARMING, 0.0, 1.0, text)


def _log_beta_ratio(a: float, b: float, length: int) -> float:
    return math.lgamma(b + length) - math.lgamma(b) + math.lgamma(a + b) - math.lgamma(a + b + length)
