"""Hold new calls back: a person's pause, the budget, a first N that is through, too many failures in a row.

The calls that are out are finished all the same. Each reason is a sentence, shown until somebody resumes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.model import Budget
from core.quality.alarms import FAILURES_IN_A_ROW
from core.quota.forecast.plans import Price
from core.storage.writing.store import Store
from core.worker.commit import best_effort
from core.worker.queue import Queue

NOTHING_OUT = (0.0, 0.0)
"""Tokens of calls or batches, and those of answers among them, where none is out."""


@dataclass(frozen=True, slots=True)
class Spent:
    """Hold what a run has spent: tokens of all calls, seconds at work, and what the calls that are out may take.

    ``*_completion`` of what is reserved is the part of answers, which have a price of their own. ``batch_*`` are those
    of batches, which cost half; of what was spent they are a part.
    """

    prompt_tokens: int
    completion_tokens: int
    worked_s: float
    reserved_tokens: float = 0.0
    reserved_completion: float = 0.0
    batch_prompt_tokens: int = 0
    batch_completion_tokens: int = 0
    batch_reserved_tokens: float = 0.0
    batch_reserved_completion: float = 0.0


def exceeded(budget: Budget, spent: Spent, price: Price | None) -> str:
    """Return why the run must pause before another call goes out, or an empty string.

    Calls that are out count with what they may take, so that a cap on tokens or money is not overrun by what was
    already sent. No prompt token is taken for cached, to be on the safe side. A cap on money without a known price
    pauses too: a cap that cannot be checked is no cap.
    """
    tokens = spent.prompt_tokens + spent.completion_tokens
    if budget.tokens is not None and tokens + spent.reserved_tokens + spent.batch_reserved_tokens >= budget.tokens:
        return f"the budget of {budget.tokens:,} tokens is used up ({tokens:,} spent)"
    if budget.money is not None:
        if price is None:
            return f"a budget of ${budget.money:,.2f} is set, but the price table does not know this model"
        money = price.of(
            spent.prompt_tokens - spent.batch_prompt_tokens / 2,
            0,
            spent.completion_tokens - spent.batch_completion_tokens / 2,
        )
        prompts = spent.reserved_tokens - spent.reserved_completion
        prompts += (spent.batch_reserved_tokens - spent.batch_reserved_completion) / 2
        reserved = price.of(prompts, 0, spent.reserved_completion + spent.batch_reserved_completion / 2)
        if money + reserved >= budget.money:
            return f"the budget of ${budget.money:,.2f} is used up (${money:,.2f} spent, by the price table)"
    if budget.hours is not None and spent.worked_s >= budget.hours * 3600:
        return f"the budget of {budget.hours:g} hours of work is used up"
    return ""


def failures_in_a_row(failures: Sequence[str]) -> str:
    """Return why a run pauses itself after too many failures in a row, naming the most frequent reason."""
    reason, count = Counter(failures).most_common(1)[0]
    return (
        f"{len(failures)} texts in a row failed, {count} of them with: {reason}."
        " Look into the failed ones, mend what is wrong, then resume."
    )


class Pause:
    """Hold a pause: ``reason`` is why no new call goes out, or nothing; ``began`` is called whenever it was set.

    ``hint`` gives what may help against failures in a row: a sentence that begins with a space, or nothing.
    """

    def __init__(
        self,
        store: Store,
        queue: Queue,
        clock: Callable[[], float],
        *,
        price: Price | None,
        reason: str,
        began: Callable[[], None],
        hint: Callable[[], str] = lambda: "",
    ) -> None:
        self.reason = reason
        self._store = store
        self._queue = queue
        self._clock = clock
        self._price = price
        self._began = began
        self._hint = hint
        self._budget = store.budget()
        self._capped = self._budget != Budget()
        self._failures: list[str] = []

    def begin(self, reason: str) -> None:
        """Hold new calls back."""
        self.reason = reason
        self._began()

    def alarm(self, reason: str) -> None:
        """Hold new calls back for an alarm of a watch, with what failed last."""
        if self._failures:
            why, count = Counter(self._failures).most_common(1)[0]
            reason += f" {count} of the last {len(self._failures)} failures: {why}.{self._hint()}"
        self.begin(reason)

    def end(self) -> None:
        """Hold them back no longer."""
        self.reason = ""
        self._failures.clear()

    def allow(self, budget: Budget) -> None:
        """Let the run spend so much from now on."""
        self._store.set_budget(budget, now=self._clock())
        self._budget, self._capped = budget, budget != Budget()

    def over_budget(self, out: tuple[float, float], batches: tuple[float, float] = NOTHING_OUT) -> bool:
        """Return whether the run has spent what it may, with tokens that calls and open batches may still take.

        Of both the second number is the tokens of answers among them. If so, the run is paused; while calls or batches
        are out it only waits, since they may take less.
        """
        if not self._capped or not self._store.pending_count:
            return False
        reason = self.why_over_budget(out, batches)
        if reason and not out[0] and not batches[0]:
            self._begin_itself("budget", f"{reason}; raise it, then resume")
        return bool(reason)

    def why_over_budget(self, out: tuple[float, float], batches: tuple[float, float]) -> str:
        """Return why the run may not spend so much more, or an empty string."""
        if not self._capped:
            return ""
        prompt, completion, worked_s = self._store.spent()
        spent = Spent(prompt, completion, worked_s, *out, *self._store.batch_spent(), *batches)
        return exceeded(self._budget, spent, self._price)

    def first_n_is_over(self, out: int) -> bool:
        """Return whether nothing goes out because enough was tried; when the last of it is settled, pause the run."""
        first_n = self._queue.first_n
        if first_n is None or not first_n.full or (not out and not self._store.pending_count):
            return False
        if not out:
            self._queue.first_n = None
            self._begin_itself("try", first_n.over)
        return True

    def labeled(self) -> None:
        """Note that an email was labeled: whatever failed before it, not everything fails."""
        self._failures.clear()

    def failed(self, failure: str) -> None:
        """Note that an email failed, asked or unasked, for a reason that is not quota."""
        self._failures.append(failure)
        if len(self._failures) >= FAILURES_IN_A_ROW and not self.reason:
            self._begin_itself("alarm", failures_in_a_row(self._failures) + self._hint())

    def _begin_itself(self, kind: str, reason: str) -> None:
        self.begin(reason)
        with best_effort("note the pause"):
            self._store.add_event(kind, reason, now=self._clock())
