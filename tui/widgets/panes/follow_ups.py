"""Show follow-up questions: how many texts had a usable first answer, how many needed more, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from textual.content import Content

from core.model import Outcome
from tui.text.numbers import bar, fit, number, percent
from tui.text.parts import Part, line
from tui.widgets.panes.pane import Pane

WRONG = {
    Outcome.INVALID.value: "no label",
    Outcome.EMPTY.value: "empty",
    Outcome.TRUNCATED.value: "cut off",
}
"""Outcomes that lead to a follow-up question, in words."""

FAILED_CALLS = {
    Outcome.RATE_LIMITED.value: "429",
    Outcome.TIMEOUT.value: "timeout",
    Outcome.SERVER_ERROR.value: "server",
    Outcome.CAPACITY.value: "capacity",
    Outcome.CONNECTION.value: "network",
    Outcome.UNAUTHORIZED.value: "refused",
    Outcome.RESTRICTED.value: "restricted",
    Outcome.TOO_LARGE.value: "too large",
    Outcome.BAD_REQUEST.value: "bad request",
    Outcome.MODEL_GONE.value: "model gone",
    Outcome.LOST.value: "place lost",
}
"""Outcomes of calls without an answer, in words."""


@dataclass(frozen=True, slots=True)
class FollowUpFacts:
    """Hold texts that are done by their number of follow-up questions, ascending, and calls by outcome."""

    reasks: tuple[tuple[int, int], ...]
    outcomes: tuple[tuple[str, int], ...]


def follow_up_facts(reasks: Mapping[int, int], outcomes: Mapping[str, int]) -> FollowUpFacts:
    """Return what the pane shows."""
    return FollowUpFacts(tuple(sorted(reasks.items())), tuple(sorted(outcomes.items())))


class FollowUpsPane(Pane):
    NAME = "Follow-ups"
    NUMBER = 5

    def heading(self) -> str:
        facts: FollowUpFacts = self.facts
        again = sum(count for times, count in facts.reasks if times)
        return f"{percent(again, sum(count for _, count in facts.reasks))} needed one"

    def body(self, width: int, height: int) -> list[Content]:
        facts: FollowUpFacts = self.facts
        outcomes = dict(facts.outcomes)
        wrong = [(word, outcomes[key]) for key, word in WRONG.items() if outcomes.get(key)]
        failed = [(word, outcomes[key]) for key, word in FAILED_CALLS.items() if outcomes.get(key)]
        failed.sort(key=lambda item: -item[1])
        counts = _counts(facts)
        whole = sum(counts) or 1
        rows = [
            _row(name, count, whole, width)
            for name, count in zip(("first answer", "1 follow-up", "2 or more"), counts, strict=True)
        ]
        tally = _tally("wrong", wrong, "every answer was a label so far" if sum(counts) else "no answer yet", width)
        if height <= 2:
            short = zip(("first", "1 more", "2 or more"), counts, strict=True)
            parts = [
                part for name, count in short for part in ((f"{name} ", "$quiet"), (f"{number(count)}  ", "$bright"))
            ]
            return [line(*parts), tally]
        if height == 3:
            return [*rows[:2], tally]
        return [*rows, tally, _tally("lost calls", failed, "no lost call", width)]


def _counts(facts: FollowUpFacts) -> tuple[int, int, int]:
    by = dict(facts.reasks)
    return by.get(0, 0), by.get(1, 0), sum(count for times, count in facts.reasks if times > 1)


def _row(name: str, count: int, whole: int, width: int) -> Content:
    room = max(0, width - 14 - 8 - 2)
    return line(
        (fit(name, 14), "$quiet"),
        (fit(number(count), 8, right=True), "$bright"),
        "  ",
        (bar(count / whole, room), "$share"),
    )


def _tally(title: str, items: list[tuple[str, int]], nothing: str, width: int) -> Content:
    """Return as many counts with their words as fit; the last one sums up the others."""
    if not items:
        return line((nothing, "$quiet"))
    parts: list[Part] = [(fit(title, 12), "$quiet")]
    room = width - 12
    for n, (word, count) in enumerate(items):
        rest = sum(more for _, more in items[n + 1 :])
        pair = f"{word} {number(count)}"
        if len(pair) + (len(f"  other {number(rest)}") if rest else 0) > room:
            word, count, rest = "other", count + rest, 0  # noqa: PLW2901 - it stands for all that are left
            pair = f"{word} {number(count)}"
        parts += [(f"{word} ", "$quiet"), (number(count), "$waiting"), "  "]
        room -= len(pair) + 2
        if not rest:
            break
    return line(*parts)
