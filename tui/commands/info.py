"""Answer the commands on this installation: info, which prints the console's page of that name, and notify."""

from __future__ import annotations

import argparse
import locale
import os
import shutil
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING

from core.engine import Engine, Occasion
from core.model import exits
from core.settings import load_settings
from core.text import one_line
from tui.actions.active import ACTIONS
from tui.commands.printing import say
from tui.terminal.desktop import sequence, way
from tui.terminal.preferences import read_preferences
from tui.terminal.terminal import terminal
from tui.text.installation import Console, gather
from tui.text.numbers import plural

if TYPE_CHECKING:
    from core.engine import NotifySetup


def info(_: argparse.Namespace) -> int:
    """Run ``labeltui info``."""
    from tui.actions.user_keys import rekeyed  # noqa: PLC0415 - imports Textual for its keys

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


TEST = Occasion("a test", "If you can read this, labeltui can reach you here.")


def notify(given: argparse.Namespace) -> int:
    """Say what is set up; with ``--test`` use all of it."""
    settings = load_settings()
    engine = Engine(settings)
    setup = engine.notify_setup()
    by = way(os.environ, setup.desktop)
    say(f"bell      {'on' if setup.bell else 'off'}")
    if by:
        through = ", through tmux if it has allow-passthrough on" if os.environ.get("TMUX") else ""
        say(f"desktop   by OSC {by}{through}")
    else:
        say(
            "desktop   off"
            if setup.desktop == "off"
            else 'desktop   this terminal is not known to (desktop = "9" tries)'
        )
    kinds = ", ".join(f"{count} × {kind}" for kind, count in sorted(Counter(setup.services).items()))
    say(f"services  {kinds or 'none'}{' (told by the worker, also while no console is open)' if kinds else ''}")
    say(f"file      {one_line(str(settings.notify_path))}")
    return _test(engine, setup) if given.test else exits.DONE


def _test(engine: Engine, setup: NotifySetup) -> int:
    if sys.stdout.isatty():
        told = sequence(os.environ, setup.desktop, TEST.title, TEST.text)
        print(("\a" if setup.bell else "") + told, end="", flush=True)  # noqa: T201
    else:
        say("Neither bell nor desktop was tried: stdout is no terminal.")
    if not setup.urls:
        return exits.DONE
    say(f"Telling {plural(len(setup.urls), 'service')} …")
    delivery = engine.deliver(TEST)
    say(f"{delivery.sentence}.")
    return exits.FAILED if delivery.failed else exits.DONE
