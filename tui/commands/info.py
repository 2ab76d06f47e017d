"""``labeltui info``: what the console's page of that name tells, as lines."""

from __future__ import annotations

import argparse
import locale
import os
import shutil
import time

from core import exits
from core.settings import load_settings
from tui.actions.active import ACTIONS
from tui.commands.printing import say
from tui.terminal.preferences import read_preferences
from tui.terminal.terminal import terminal
from tui.text.installation import Console, gather


def info(_: argparse.Namespace) -> int:
    """``labeltui info``."""
    from tui.actions.user_keys import rekeyed  # noqa: PLC0415 - knows keys by Textual

    settings = load_settings()
    preferences = read_preferences(settings.config_path)
    here = terminal(os.environ, locale.getencoding())
    actions, refused = rekeyed(ACTIONS, preferences.keys, lambda name: preferences.where(name, "keys"))
    size = shutil.get_terminal_size()
    console = Console(
        theme=preferences.wanted_theme(here),
        ascii_because=preferences.characters(here),
        actions=actions,
        troubles=(*preferences.troubles, *refused),
        size=(size.columns, size.lines),
        read_only=False,
    )
    for section in gather(settings, preferences, here, console, time.time()):
        say(section.title)
        for name, value in section.facts:
            say(f"  {name:<13} {value}")
    return exits.DONE
