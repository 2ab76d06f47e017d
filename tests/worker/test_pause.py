"""Budgets: a run pauses itself before it overruns what it may spend, says why, and goes on when it may spend more."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from core.model import Budget, PendingEmail
from core.quota.forecast.plans import Price
from core.worker.pause import Pause, Spent, exceeded
from core.worker.queue import FirstN

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


@pytest.mark.parametrize(
    ("budget", "spent", "reason"),
    [
        (Budget(tokens=0), Spent(0, 0, 0.0), "the budget of 0 tokens is used up (0 spent)"),
        (Budget(tokens=1_000), Spent(600, 399, 9.0), ""),
        (Budget(tokens=1_000), Spent(600, 400, 9.0), "the budget of 1,000 tokens is used up (1,000 spent)"),
        (Budget(tokens=1_000), Spent(600, 300, 9.0, 60, 10, 0, 0, 39), ""),
        (
            Budget(tokens=1_000),
            Spent(600, 300, 9.0, 60, 10, 0, 0, 40),
            "the budget of 1,000 tokens is used up (900 spent)",
        ),
        (Budget(money=0.25), Spent(0, 499_999, 0.0), ""),
        (
            Budget(money=0.25),
            Spent(0, 500_000, 0.0),
            "the budget of $0.25 is used up ($0.25 spent, by the price table)",
        ),
        (Budget(money=0.25), Spent(0, 0, 0.0, 499_998, 499_998), ""),
        (
            Budget(money=0.25),
            Spent(0, 0, 0.0, 500_000, 500_000),
            "the budget of $0.25 is used up ($0.00 spent, by the price table)",
        ),
        (
            Budget(money=0.25),
            Spent(0, 0, 0.0, 2_500_000, 0),
            "the budget of $0.25 is used up ($0.00 spent, by the price table)",
        ),
        (Budget(hours=0.5), Spent(0, 0, 1_799.9), ""),
        (Budget(hours=0.5), Spent(0, 0, 1_800.0), "the budget of 0.5 hours of work is used up"),
        (Budget(hours=0.0), Spent(0, 0, 0.0), "the budget of 0 hours of work is used up"),
    ],
)
def test_a_cap_is_reached_with_its_last_unit(budget: Budget, spent: Spent, reason: str) -> None:
    """And what is said of it, word by word."""
    assert exceeded(budget, spent, PRICE) == reason


def test_a_cap_of_money_without_a_price_is_named() -> None:
    """It pauses before the first call."""
    assert exceeded(Budget(money=2.5), Spent(0, 0, 0.0), None) == (
        "a budget of $2.50 is set, but the price table does not know this model"
    )


class Book:
    """A run file that holds a budget, what was spent, and the events of a pause."""

    def __init__(self, budget: Budget, spent: tuple[int, int, float] = (0, 0, 0.0)) -> None:
        self.kept, self.spent_so_far, self.pending_count = budget, spent, 1
        self.events: list[tuple[str, str]] = []

    def budget(self) -> Budget:
        return self.kept

    def set_budget(self, budget: Budget, *, now: float) -> None:
        assert now == 5.0
        self.kept = budget

    def spent(self) -> tuple[int, int, float]:
        return self.spent_so_far

    def batch_spent(self) -> tuple[int, int]:
        return 0, 0

    def add_event(self, kind: str, text: str, *, now: float) -> None:
        assert now == 5.0
        self.events.append((kind, text))


def paused(book: Book, *, first_n: FirstN | None = None, hint: str = "") -> tuple[Pause, list[str]]:
    began: list[str] = []
    queue = SimpleNamespace(first_n=first_n)
    pause = Pause(book, queue, lambda: 5.0, price=PRICE, reason="", began=lambda: began.append(pause.reason), hint=lambda: hint)  # type: ignore[arg-type]  # fmt: skip
    return pause, began


@pytest.mark.parametrize(
    ("spent", "out", "batches", "pending", "over", "pauses"),
    [
        (999, (0.0, 0.0), (0.0, 0.0), 1, False, False),
        (1_000, (0.0, 0.0), (0.0, 0.0), 1, True, True),
        (1_000, (0.0, 0.0), (0.0, 0.0), 0, False, False),
        (999, (1.0, 0.0), (0.0, 0.0), 1, True, False),
        (999, (0.0, 0.0), (1.0, 0.0), 1, True, False),
    ],
    ids=["below", "reached", "reached with nothing left", "calls are out", "batches are out"],
)
def test_a_budget_pauses_once_nothing_is_out(
    spent: int, out: tuple[float, float], batches: tuple[float, float], pending: int, over: bool, pauses: bool
) -> None:
    """While calls or batches are out, which may take less than they may, it only waits; a run that is done pauses no more."""
    book = Book(Budget(tokens=1_000), (spent, 0, 0.0))
    book.pending_count = pending
    pause, began = paused(book)
    assert pause.over_budget(out, batches) is over
    reason = "the budget of 1,000 tokens is used up (1,000 spent); raise it, then resume"
    assert (pause.reason, began, book.events) == ((reason, [reason], [("budget", reason)]) if pauses else ("", [], []))


def test_a_new_budget_holds_from_now_on() -> None:
    """Lifted altogether nothing is over it, however much was spent; without one nothing is asked of the run file."""
    book = Book(Budget(), (10**9, 0, 0.0))
    pause, _ = paused(book)
    assert not pause.over_budget((0.0, 0.0))
    assert pause.why_over_budget((0.0, 0.0), (0.0, 0.0)) == ""
    pause.allow(Budget(tokens=5))
    assert book.kept == Budget(tokens=5)
    assert pause.over_budget((0.0, 0.0))
    pause.allow(Budget())
    assert not pause.over_budget((0.0, 0.0))


def text(number: int) -> PendingEmail:
    return PendingEmail(number, number, f"mail-{number}", "", str(number), str(number))


def test_a_first_n_is_over_when_the_last_of_it_is_settled() -> None:
    """While its last call is out nothing else goes out; then the run pauses with what was tried."""
    first_n = FirstN(2, dedupe=True)
    book = Book(Budget())
    pause, began = paused(book, first_n=first_n)
    found = [pause.first_n_is_over(0)]
    for number in (1, 2):
        first_n.began(text(number))
        found.append(pause.first_n_is_over(1))
    book.pending_count = 0
    found += [pause.first_n_is_over(1), pause.first_n_is_over(0)]
    book.pending_count = 1
    assert began == []
    found += [pause.first_n_is_over(0), pause.first_n_is_over(0)]
    assert found == [False, False, True, True, False, True, False]
    assert (began, book.events) == (["tried 2 texts, as requested"], [("try", "tried 2 texts, as requested")])


def test_failures_in_a_row_pause_with_the_most_frequent_reason() -> None:
    """At the 25th, once; one label in between begins the count anew, and so does a resume."""
    book = Book(Budget())
    pause, began = paused(book, hint=" Look at the rubric.")
    for number in range(24):
        pause.failed("odd" if number < 5 else "no valid label")
    assert began == []
    pause.labeled()
    for _ in range(24):
        pause.failed("no valid label")
    assert began == []
    pause.failed("odd")
    pause.failed("odd")
    sentence = (
        "25 texts in a row failed, 24 of them with: no valid label. Look into the failed ones, mend what is wrong, then "
        "resume. Look at the rubric."
    )
    assert (began, book.events) == ([sentence], [("alarm", sentence)])
    pause.end()
    assert pause.reason == ""
    for _ in range(24):
        pause.failed("odd")
    assert pause.reason == ""


def test_an_alarm_says_what_failed_last() -> None:
    """With the most frequent reason of the failures since a label, or without any."""
    pause, began = paused(Book(Budget()), hint=" Try more.")
    pause.alarm("alarm: few labels.")
    for failure in ("a", "b", "b"):
        pause.failed(failure)
    pause.alarm("alarm: few labels.")
    assert began == ["alarm: few labels.", "alarm: few labels. 2 of the last 3 failures: b. Try more."]
