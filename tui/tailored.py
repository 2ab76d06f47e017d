"""An application cut to its operator's settings: the theme, the keys, the characters."""

from __future__ import annotations

from pathlib import Path

from textual.app import App

from tui import actions
from tui.preferences import read_preferences
from tui.rekeying import rekeyed
from tui.theme import DARK, MEANINGS, THEMES


class TailoredApp(App[None]):
    """``troubles`` are the sentences on settings that could not be put in force."""

    def __init__(self, config_path: Path) -> None:
        super().__init__()
        for theme in THEMES:
            self.register_theme(theme)
        self.preferences = read_preferences(config_path)
        self.troubles = (*self.preferences.troubles, *self._take_theme(), *self._take_keys())

    def _take_theme(self) -> list[str]:
        chosen = self.preferences.theme or DARK
        if chosen in self.available_themes:
            self.theme = chosen
            return []
        self.theme = DARK
        names = ", ".join(theme.name for theme in THEMES)
        return [f"{self.preferences.where('theme')}: there is no theme {chosen}. There are {names}."]

    def _take_keys(self) -> tuple[str, ...]:
        """Bind the keys in force; those that nobody uses any more stay bound and mean nothing."""
        preferences = self.preferences
        keyed_anew, refused = rekeyed(actions.ACTIONS, preferences.keys, lambda name: preferences.where(name, "keys"))
        actions.use(keyed_anew)
        before = {key for action in actions.ACTIONS for key in action.keys}
        for key in set(actions.all_keys()) - before:
            self.bind(key, f"key('{key}')", show=False)
        return refused

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return MEANINGS
