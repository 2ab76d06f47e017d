"""Print the guide: ``labeltui guide [TOPIC]``."""

from __future__ import annotations

import argparse
import os
import sys

from core import exits
from tui import guide as pages
from tui.commands.printing import has_terminal, say

_WIDEST = 100
"""Columns of a printed page at most: longer lines are hard to read."""


def guide(given: argparse.Namespace) -> int:
    """Print one page, or the list of all; laid out for a terminal, as plain Markdown for a file or a pipe."""
    if not given.topic:
        say("The guide's pages; `labeltui guide TOPIC` prints one, and `?` then `G` shows them in the console.")
        for topic in pages.TOPICS:
            say(f"  {topic:<16} {pages.title(topic)}")
        return exits.DONE
    text = pages.page(given.topic)
    if not has_terminal():
        sys.stdout.write(text)
        return exits.DONE
    from rich.console import Console  # noqa: PLC0415 - for a terminal only
    from rich.markdown import Markdown  # noqa: PLC0415 - likewise

    console = Console(no_color="NO_COLOR" in os.environ or None)
    console.width = min(console.width, _WIDEST)
    console.print(Markdown(text, hyperlinks=False))
    return exits.DONE
