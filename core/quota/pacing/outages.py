"""Count streaks of errors of a key or an organization, and probe it at growing intervals until it answers again.

Errors that say nothing about an email (5xx, timeouts, broken connections, no capacity) on three different emails in a
row, with no answer in between, are an outage. Then one call at a time goes out, after 1, 2, 4 … 60 seconds, and such
errors do not count against the emails that happened to be asked.
"""

from __future__ import annotations

import math
import random

OUTAGE_STREAK = 3
FIRST_PROBE_S = 1.0
LONGEST_PROBE_S = 60.0
_JITTER = 0.2


class Health:
    """Count the streak of errors of one key or organization. ``now`` is in seconds."""

    __slots__ = ("_delay_s", "_emails", "_probe_at", "_probes", "reason", "since_at")

    def __init__(self) -> None:
        """Begin well."""
        self._emails: set[int] = set()
        self._delay_s = 0.0
        self._probe_at = -math.inf
        self._probes = 0
        self.reason = ""
        self.since_at = 0.0

    @property
    def out(self) -> bool:
        """Return whether it is being probed instead of used."""
        return self._delay_s > 0

    @property
    def stumbling(self) -> bool:
        """Return whether the last call failed too."""
        return bool(self._emails)

    @property
    def probe_at(self) -> float:
        """Return when the next probe is due."""
        return self._probe_at

    def open_at(self, now: float) -> float:
        """Return when a call may go out: ``now`` while all is well, infinity while a probe is under way."""
        if not self.out:
            return now
        if self._probes:
            return math.inf
        return min(max(now, self._probe_at), now + LONGEST_PROBE_S * (1.0 + _JITTER))

    def asked(self) -> bool:
        """Note a call that goes out. Returns whether it is a probe; then :meth:`ended` must follow."""
        if self.out:
            self._probes += 1
        return self.out

    def ended(self, *, probe: bool) -> None:
        """Note that a call that went out is over, whatever became of it."""
        if probe:
            self._probes = max(0, self._probes - 1)

    def answered(self) -> bool:
        """Note an answer of the server. Returns whether it ended an outage."""
        was_out = self.out
        self._emails.clear()
        self._delay_s = 0.0
        self._probes = 0
        return was_out

    def failed(self, email_id: int, reason: str, now: float, rng: random.Random, *, probe: bool) -> bool:
        """Note a failure that is no fault of the email's, as far as is known. Returns whether it began an outage."""
        if len(self._emails) < OUTAGE_STREAK:
            self._emails.add(email_id)
        if self.out:
            if probe:
                self._delay_s = min(2.0 * self._delay_s, LONGEST_PROBE_S)
                self._schedule(now, rng)
            self.reason = reason
            return False
        if len(self._emails) < OUTAGE_STREAK:
            return False
        self._delay_s = FIRST_PROBE_S
        self._schedule(now, rng)
        self.reason, self.since_at = reason, now
        return True

    def _schedule(self, now: float, rng: random.Random) -> None:
        self._probe_at = now + self._delay_s * (1.0 + rng.uniform(-_JITTER, _JITTER))
