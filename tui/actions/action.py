"""What an action is: something a person can do, its keys, its words, and where it belongs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tui.actions.context import Context, Reason, Scope
from tui.actions.keymap import keyed


@dataclass(frozen=True, slots=True)
class Action:
    """Something a person can do: ``keys`` as Textual names them, ``key`` as a person reads them.

    ``label`` is the footer's word and ``help`` a sentence, in which ``{pause}`` stands for the key of that action.
    ``hint`` is its rank in the footer: 0 is never named there, the lower ones give way first where room is short, and
    on screens other than those of its ``home`` it is a guest, who gives way to the screen's own.
    """

    id: str
    keys: tuple[str, ...]
    key: str
    label: Callable[[Context], str]
    help: str
    scopes: frozenset[Scope]
    blocked: Callable[[Context], Reason] = field(default=lambda _: None)
    hint: int = 2
    home: frozenset[Scope] = frozenset()

    @property
    def told(self) -> str:
        """Its sentence, with the keys in force."""
        return keyed(self.help)

    def guest(self, scope: Scope) -> bool:
        """Whether it belongs to other screens, and is only a key away on that one."""
        return bool(self.home) and scope not in self.home

    def rank(self, scope: Scope) -> int:
        """Its rank in the footer of that screen."""
        return min(1, self.hint) if self.guest(scope) else self.hint
