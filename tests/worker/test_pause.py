"""Budgets: a run pauses itself before it overruns what it may spend, says why, and goes on when it may spend more."""

from __future__ import annotations

import pytest

from core.model import Budget
from core.quota.forecast.plans import Price
from core.worker.pause import Spent, exceeded

PRICE = Price(prompt=0.10, cached=0.05, completion=0.50)


@pytest.mark.parametrize(
    ("budget", "spent", "words"),
    [
        (Budget(), Spent(10**9, 10**9, 1e9), ""),
        (Budget(tokens=1000), Spent(900, 50, 0.0), ""),
        (Budget(tokens=1000), Spent(900, 50, 0.0, reserved_tokens=60), "1,000 tokens is used up (950 spent)"),
        (Budget(tokens=1000), Spent(900, 100, 0.0), "1,000 tokens"),
        (Budget(money=1.0), Spent(5_000_000, 900_000, 0.0), ""),
        (Budget(money=1.0), Spent(5_000_000, 1_000_000, 0.0), "$1.00 is used up ($1.00 spent"),
        (Budget(money=1.0), Spent(5_000_000, 900_000, 0.0, 99_000, 89_000), ""),
        (Budget(money=1.0), Spent(5_000_000, 900_000, 0.0, 110_000, 100_000), "$1.00 is used up ($0.95 spent"),
        (Budget(tokens=1000), Spent(900, 50, 0.0, 20, 10, batch_reserved_tokens=30), "1,000 tokens"),
        (
            Budget(money=1.0),
            Spent(10_000_000, 1_000_000, 0.0, batch_prompt_tokens=10_000_000),
            "$1.00 is used up ($1.00",
        ),
        (Budget(money=1.0), Spent(10_000_000, 990_000, 0.0, batch_prompt_tokens=10_000_000), ""),
        (Budget(money=1.0), Spent(0, 4_000_000, 0.0, batch_completion_tokens=4_000_000), "$1.00 is used up ($1.00"),
        (Budget(money=1.0), Spent(0, 0, 0.0, 0, 0, 0, 0, 5_000_000, 3_000_000), ""),
        (Budget(money=1.0), Spent(0, 0, 0.0, 0, 0, 0, 0, 5_000_000, 4_000_000), "$1.00 is used up ($0.00"),
        (Budget(money=1.0), Spent(0, 0, 0.0, 0, 0, 0, 0, 8_100_000, 2_400_000), ""),
        (Budget(money=1.0), Spent(0, 0, 0.0, 0, 0, 0, 0, 12_400_000, 2_400_000), "$1.00 is used up ($0.00"),
        (Budget(hours=2.0), Spent(0, 0, 7199.0), ""),
        (Budget(hours=2.0), Spent(0, 0, 7200.0), "2 hours of work"),
    ],
)
def test_each_cap_pauses_at_its_limit_and_not_before(budget: Budget, spent: Spent, words: str) -> None:
    """Tokens, money and time, with what calls in flight may take."""
    reason = exceeded(budget, spent, PRICE)
    assert words in reason if words else reason == ""


def test_a_cap_on_money_without_a_price_pauses() -> None:
    """What cannot be checked is not let through."""
    assert "price table" in exceeded(Budget(money=1.0), Spent(0, 0, 0.0), None)
