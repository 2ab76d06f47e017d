"""Whether a run may go on spending. Pure: what was spent and what is out go in, a reason to pause comes out."""

from __future__ import annotations

from dataclasses import dataclass

from core.model import Budget
from core.quota.forecast.plans import Price


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run has spent: tokens of all calls, seconds at work, and what the calls that are out may take."""

    prompt_tokens: int
    completion_tokens: int
    worked_s: float
    reserved_tokens: float = 0.0


def exceeded(budget: Budget, spent: Spent, price: Price | None) -> str:
    """Why the run must pause before another call goes out, or an empty string.

    Calls that are out count with what they may take, so that a cap on tokens or money is not overrun by what was
    already sent. No prompt token is taken for cached, to be on the safe side. A cap on money without a known price
    pauses too: a cap that cannot be checked is no cap.
    """
    tokens = spent.prompt_tokens + spent.completion_tokens
    if budget.tokens is not None and tokens + spent.reserved_tokens >= budget.tokens:
        return f"the budget of {budget.tokens:,} tokens is used up ({tokens:,} spent)"
    if budget.money is not None:
        if price is None:
            return f"a budget of ${budget.money:,.2f} is set, but the price table does not know this model"
        money = price.of(spent.prompt_tokens, 0, spent.completion_tokens)
        if money + price.of(spent.reserved_tokens, 0, 0) >= budget.money:
            return f"the budget of ${budget.money:,.2f} is used up (${money:,.2f} spent, by the price table)"
    if budget.hours is not None and spent.worked_s >= budget.hours * 3600:
        return f"the budget of {budget.hours:g} hours of work is used up"
    return ""
