"""Define an action: something a person can do, its keys, its words, and the screens that have it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum

from tui.actions.context import Context, Reason, Scope
from tui.actions.keymap import keyed


class Group(StrEnum):
    """Name the headings under which the help lists actions, in this order."""

    RUN = "The run"
    HERE = "Here"
    QUALITY = "Review and quality"
    FIND = "Find and sort"
    GO = "Go to"
    CONSOLE = "The console"


@dataclass(frozen=True, slots=True)
class Action:
    """Hold an action of a person: ``keys`` as Textual names them, ``key`` as a person reads them.

    ``label`` is the footer's word and ``help`` a sentence, in which ``{pause}`` stands for the key of that action.
    ``hint`` is its rank in the footer: 0 is never named there, the lower ones give way first where room is short, and
    on screens other than those of its ``home`` it is a guest, which gives way to the screen's own. ``changes`` tells
    that it asks the engine to change something: a read-only console disables it.
    """

    id: str
    group: Group
    keys: tuple[str, ...]
    key: str
    label: Callable[[Context], str]
    help: str
    scopes: frozenset[Scope]
    blocked: Callable[[Context], Reason] = field(default=lambda _: None)
    hint: int = 2
    home: frozenset[Scope] = frozenset()
    changes: bool = False

    @property
    def told(self) -> str:
        """Return its sentence, with the active keys."""
        return keyed(self.help)

    def guest(self, scope: Scope) -> bool:
        """Return whether it belongs to other screens and only its key works on that one."""
        return bool(self.home) and scope not in self.home

    def rank(self, scope: Scope) -> int:
        """Return its rank in the footer of that screen."""
        return min(1, self.hint) if self.guest(scope) else self.hint
