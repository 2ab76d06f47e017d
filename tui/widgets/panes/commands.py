"""The log of commands: what was asked for, when, and when it was handled."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass

from rich.cells import cell_len
from textual.content import Content

from core.model import CommandRecord
from core.text import one_line
from tui.live.view_state import Requested
from tui.text.numbers import age, clock, fit, foreign
from tui.widgets.panes.pane import Pane, line

BESIDE = 28
"""Cells that stand before what came of a command."""

BELOW = 2
"""Cells before it where it stands below: few, as a command has two rows at 80 by 24."""

RESULT = 300
"""Characters of what came of a command that are shown."""


@dataclass(frozen=True, slots=True)
class CommandFacts:
    """Commands on record and commands of this console that nobody answered yet; ``now`` only matters for the latter."""

    commands: tuple[CommandRecord, ...]
    requested: tuple[Requested, ...]
    now: float


def command_facts(commands: tuple[CommandRecord, ...], requested: tuple[Requested, ...], now: float) -> CommandFacts:
    """What the pane shows; the clock counts only while something waits."""
    known = {command.id for command in commands}
    waiting = tuple(command for command in requested if command.id not in known)
    open_commands = waiting or any(command.acknowledged_at is None for command in commands)
    return CommandFacts(commands, waiting, now if open_commands else 0.0)


class CommandsPane(Pane):
    NAME = "Commands"
    NUMBER = 7

    def heading(self) -> str:
        return "asked → handled"

    def body(self, width: int, height: int) -> list[Content]:
        facts: CommandFacts = self.facts
        rows = [_waiting(command.kind, command.asked_at, facts.now) for command in reversed(facts.requested)]
        newest = sorted(facts.commands, key=lambda command: -command.requested_at)
        for command in newest:
            if command.acknowledged_at is None:
                rows.append(_waiting(command.kind, command.requested_at, facts.now))
            else:
                rows += _obeyed(command, width, height - len(rows))
            if len(rows) >= height:
                break
        if not rows:
            return [line(("what you ask is logged here", "$quiet"))]
        return rows[:height]


def _waiting(kind: str, asked_at: float, now: float) -> Content:
    return line(
        (f"{clock(asked_at)} ", "$quiet"),
        (foreign(kind, 7), "$foreground"),
        (f" ◔ asked {age(now - asked_at)} ago", "$waiting"),
    )


def _obeyed(command: CommandRecord, width: int, height: int) -> list[Content]:
    """What was asked, how long it took, and what came of it: behind that where it fits, else below it."""
    assert command.acknowledged_at is not None
    took = f"+{max(0.0, command.acknowledged_at - command.requested_at):.1f} s"
    result = one_line(command.result or "handled", limit=RESULT)
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
