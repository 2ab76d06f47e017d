"""``labeltui notify``: how an operator is told that a run ended, paused itself or needs a person; and a test."""

from __future__ import annotations

import argparse
import os
import sys
from collections import Counter
from typing import TYPE_CHECKING

from core import exits
from core.engine import Engine, Occasion
from core.settings import load_settings
from core.text import one_line
from tui.commands.printing import say
from tui.terminal.desktop import sequence, way
from tui.text.numbers import plural

if TYPE_CHECKING:
    from core.engine import NotifySetup

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
