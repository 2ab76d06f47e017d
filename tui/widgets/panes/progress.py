"""Show progress of the run: how many texts are done of all, and by what."""

from __future__ import annotations

from dataclasses import dataclass

from textual.content import Content

from core.model import RunState, Snapshot
from tui.text.clauses import Clause, on_one_row
from tui.text.numbers import compact, fit, number, percent, plural, rail
from tui.text.parts import line
from tui.text.state_sentence import ends
from tui.widgets.panes.pane import Pane

UNDER_WAY = (RunState.RUNNING, RunState.WAITING)
"""States in which the last forecast holds; a paused run, say, has no end."""


@dataclass(frozen=True, slots=True)
class ProgressFacts:
    """Hold counts of texts: ``copies`` share the answer to a duplicate. ``calls`` counts all attempts."""

    settled: int
    total: int
    copies: int
    human: int
    failed: int
    skipped: int
    pending: int
    cursor: int
    ends: tuple[Clause, ...]
    calls: int = 0
    tokens: int = 0
    item: str = "email"


def progress_facts(snapshot: Snapshot, now: float) -> ProgressFacts:
    """Return what the pane shows of a snapshot."""
    return ProgressFacts(
        settled=snapshot.settled,
        total=snapshot.total,
        copies=snapshot.sources.get("copy", 0),
        human=snapshot.sources.get("human", 0),
        failed=snapshot.failed,
        skipped=snapshot.skipped,
        pending=snapshot.pending,
        cursor=snapshot.cursor,
        ends=ends(snapshot, now) if snapshot.pending and snapshot.state in UNDER_WAY else (),
        calls=snapshot.calls,
        tokens=snapshot.tokens,
        item=snapshot.run.task.item,
    )


TOO_WIDE = 1_000_000
"""Counts from here on are wider than their column."""


class ProgressPane(Pane):
    NAME = "Progress"
    NUMBER = 1

    def heading(self) -> str:
        facts: ProgressFacts = self.facts
        return plural(facts.total, facts.item)

    def body(self, width: int, height: int) -> list[Content]:
        facts: ProgressFacts = self.facts
        whole = percent(facts.settled, facts.total)
        done, left = rail(facts.settled / facts.total if facts.total else 0.0, width - 7)
        pairs = [
            (("done", facts.settled, "$bright"), ("pending", facts.pending, "$bright")),
            (("calls", facts.calls, "$bright"), ("duplicates", facts.copies, "$bright")),
            (
                ("✕ failed", facts.failed, "$failed" if facts.failed else "$quiet"),
                ("◆ manual", facts.human, "$person" if facts.human else "$quiet"),
            ),
            (("position", facts.cursor, "$quiet"), ("skipped", facts.skipped, "$quiet")),
        ]
        half = min(width // 2, 30)
        rows = [line((done, "$running"), (left, "$faint"), (fit(whole, 7, right=True), "bold $bright"))]
        for first, second in pairs:
            rows.append(line(*_pair(first, half - 2), "  ", *_pair(second, half - 1)))
        if height > len(rows) + 1:
            rows.append(line(*_pair(("tokens", facts.tokens, "$bright"), half - 2)))
        if height > len(rows) and facts.ends:
            rows.append(line((on_one_row(facts.ends, width), "$foreground")))
        return rows


def _pair(item: tuple[str, int, str], width: int) -> tuple[tuple[str, str], tuple[str, str]]:
    name, count, tone = item
    counted = number(count) if count < TOO_WIDE else compact(count)
    return (fit(name, width - 7), "$quiet"), (fit(counted, 7, right=True), tone)
