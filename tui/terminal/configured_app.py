"""Configure an application by its operator's settings and terminal: theme, keys, characters."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from textual.driver import Driver
from textual.filter import LineFilter

from tui.actions import active as actions
from tui.actions.user_keys import rekeyed
from tui.terminal.crash_safe_app import CrashSafeApp
from tui.terminal.glyphs import AsciiOnly
from tui.terminal.preferences import read_preferences
from tui.terminal.terminal import CAPABLE, Terminal
from tui.terminal.textual_fixes import Palette, resuming_driver
from tui.terminal.theme import ANSI, DARK, THEMES, meanings_for, named

CRASH_REPORT = "console-crash.txt"
"""The file beside the settings with the traceback of the last unexpected error."""


class ConfiguredApp(CrashSafeApp):
    """Apply theme, keys and character set; ``troubles`` are the sentences on settings that could not be applied.

    ``NO_COLOR`` selects the plain theme without its colors. ``only_ascii`` is why only ASCII is drawn, or "".
    """

    def __init__(self, config_path: Path, terminal: Terminal = CAPABLE) -> None:
        super().__init__(config_path.with_name(CRASH_REPORT), ansi_color=True if terminal.no_color else None)
        self.terminal = terminal
        for theme in THEMES:
            self.register_theme(theme)
        self.preferences = read_preferences(config_path)
        self.only_ascii = self.preferences.characters(terminal)
        self._ascii: tuple[LineFilter, ...] = (AsciiOnly(),) if self.only_ascii else ()
        self.troubles = (*self.preferences.troubles, *self._take_theme(), *self._take_keys())

    def get_driver_class(self) -> type[Driver]:
        kind = super().get_driver_class()
        if kind.__name__ != "LinuxDriver":
            return kind  # for a browser, or for another system
        return resuming_driver()

    def action_command_palette(self) -> None:
        if not isinstance(self.screen, Palette):
            self.push_screen(Palette(id="--command-palette"))

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), *self._ascii]

    def _take_theme(self) -> list[str]:
        """Set the theme of the settings, or the one that fits the terminal; return what is wrong with the setting."""
        chosen = self.preferences.wanted_theme(self.terminal)
        name = named(chosen, set(self.available_themes))
        self.theme = ANSI if self.no_color else name or DARK
        if name is not None:
            return []
        names = ", ".join(theme.name for theme in THEMES)
        return [f"{self.preferences.where('theme')}: there is no theme {chosen}. There are {names}."]

    def _take_keys(self) -> tuple[str, ...]:
        """Bind the active keys and return refusals; keys that no action uses any more stay bound and do nothing."""
        preferences = self.preferences
        keyed_anew, refused = rekeyed(actions.ACTIONS, preferences.keys, lambda name: preferences.where(name, "keys"))
        actions.use(keyed_anew)
        before = {key for action in actions.ACTIONS for key in action.keys}
        for key in set(actions.all_keys()) - before:
            self.bind(key, f"key('{key}')", show=False)
        return refused

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return meanings_for(self.current_theme)
