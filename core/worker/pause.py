"""What holds new calls back: a person's pause, the budget, a trial that is through, too many failures in a row.

The calls that are out come home all the same. Each reason is a sentence, shown until somebody resumes.
"""

from __future__ import annotations

from collections.abc import Callable

from core.model import Budget
from core.quota.forecast.plans import Price
from core.storage.writing.store import Store
from core.worker.budget import Spent, exceeded
from core.worker.commit import best_effort
from core.worker.queue import Line
from core.worker.reasons import FAILURES_IN_A_ROW, failures_in_a_row


class Brake:
    """``reason`` is why no new call goes out, or nothing; ``pulled`` is called whenever it was set."""

    def __init__(
        self,
        store: Store,
        line: Line,
        clock: Callable[[], float],
        *,
        price: Price | None,
        reason: str,
        pulled: Callable[[], None],
    ) -> None:
        self.reason = reason
        self._store = store
        self._line = line
        self._clock = clock
        self._price = price
        self._pulled = pulled
        self._budget = store.budget()
        self._failures: list[str] = []

    def pull(self, reason: str) -> None:
        """Hold new calls back."""
        self.reason = reason
        self._pulled()

    def release(self) -> None:
        """Hold them back no longer."""
        self.reason = ""
        self._failures.clear()

    def allow(self, budget: Budget) -> None:
        """Let the run spend so much from now on."""
        self._store.set_budget(budget, now=self._clock())
        self._budget = budget

    def over_budget(self, out_cost: float) -> bool:
        """Whether the run has spent what it may, with ``out_cost`` tokens that calls may still take; if so, pause it.

        While calls are out it only waits: they may take less.
        """
        if self._budget == Budget():
            return False
        prompt, completion, worked_s = self._store.spent()
        reason = exceeded(self._budget, Spent(prompt, completion, worked_s, out_cost), self._price)
        if reason and not out_cost:
            self._pull_itself("budget", f"{reason}; raise it, then resume")
        return bool(reason)

    def trial_is_over(self, out: int) -> bool:
        """Whether nothing goes out because enough was tried; when the last of it is settled, the run pauses."""
        trial = self._line.trial
        if trial is None or not trial.full or (not out and not self._store.pending_count):
            return False
        if not out:
            self._line.trial = None
            self._pull_itself("try", trial.over)
        return True

    def labeled(self) -> None:
        """An email was labeled: whatever failed before it, not everything fails."""
        self._failures.clear()

    def failed(self, failure: str) -> None:
        """An email failed, for a reason that is not quota."""
        self._failures.append(failure)
        if len(self._failures) >= FAILURES_IN_A_ROW and not self.reason:
            self._pull_itself("alarm", failures_in_a_row(self._failures))

    def _pull_itself(self, kind: str, reason: str) -> None:
        self.pull(reason)
        with best_effort("note the pause"):
            self._store.add_event(kind, reason, now=self._clock())
