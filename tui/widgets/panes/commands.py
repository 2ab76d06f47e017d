"""Show the log of commands: which were requested, when, and when each was done."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from core.model import CommandRecord
from core.text import one_line
from tui.text.numbers import age, clock, fit, foreign
from tui.text.parts import line
from tui.view_state import Requested
from tui.widgets.panes.pane import Pane

BESIDE = 28
"""Cells before the result of a command."""

BELOW = 2
"""Cells before a result on a row of its own."""

RESULT = 300
"""Characters of a result that are shown."""


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """Hold recorded commands, and those of this console without a result yet; ``now`` only matters for the latter."""

    commands: tuple[CommandRecord, ...]
    requested: tuple[Requested, ...]
    now: float


def command_facts(commands: tuple[CommandRecord, ...], requested: tuple[Requested, ...], now: float) -> CommandFacts:
    """Return what the pane shows; the clock counts only while a command is not done."""
    known = {command.id for command in commands}
    waiting = tuple(command for command in requested if command.id not in known)
    open_commands = waiting or any(command.acknowledged_at is None for command in commands)
    return CommandFacts(commands, waiting, now if open_commands else 0.0)


class CommandsPane(Pane):
    NAME = "Commands"
    NUMBER = 7

    def heading(self) -> str:
        return "requested → done"

    def body(self, width: int, height: int) -> list[Content]:
        facts: CommandFacts = self.facts
        rows = [_waiting(command.kind, command.asked_at, facts.now) for command in reversed(facts.requested)]
        newest = sorted(facts.commands, key=lambda command: -command.requested_at)
        for command in newest:
            if command.acknowledged_at is None:
                rows.append(_waiting(command.kind, command.requested_at, facts.now))
            else:
                rows += _done(command, width, height - len(rows))
            if len(rows) >= height:
                break
        if not rows:
            return [line(("your commands appear here", "$quiet"))]
        return rows[:height]


def _waiting(kind: str, asked_at: float, now: float) -> Content:
    return line(
        (f"{clock(asked_at)} ", "$quiet"),
        (foreign(kind, 7), "$foreground"),
        (f" ◔ requested {age(now - asked_at)} ago", "$waiting"),
    )


def _done(command: CommandRecord, width: int, height: int) -> list[Content]:
    """Return the rows of a command that is done: kind, seconds it took, result beside it where it fits, else below."""
    assert command.acknowledged_at is not None
    took = f"+{max(0.0, command.acknowledged_at - command.requested_at):.1f} s"
    result = one_line(command.result or "done", limit=RESULT)
    beside = height == 1 or cell_len(result) <= width - BESIDE
    head = line(
        (f"{clock(command.requested_at)} ", "$quiet"),
        (foreign(command.kind, 7), "$foreground"),
        (" ✓ ", "$running"),
        (fit(took, 8), "$bright"),
        (foreign(result, max(0, width - BESIDE)) if beside else "", "$quiet"),
    )
    below = [] if beside else textwrap.wrap(result, max(12, width - BELOW))
    return [head, *(line(" " * BELOW, (part, "$quiet")) for part in below)]
