"""The command palette of Textual, for people who type faster than it is laid out."""

from __future__ import annotations

from textual.command import CommandList, CommandPalette


class Palette(CommandPalette):
    """Keys that turn the pages of a list that has no lines yet do nothing; Textual 8 meets an error there."""

    def _action_command_list(self, action: str) -> None:
        if self.query_one(CommandList).virtual_size.height:
            super()._action_command_list(action)
