"""Print the guide: ``labeltui guide [TOPIC]``."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys

from core.model import exits
from tui import guide as pages
from tui.commands.printing import has_terminal, say
from tui.guide.layout import Kind, Line, lay_out

_WIDEST = 100
"""Columns of a printed page at most: longer lines are hard to read."""

_STYLES = {Kind.TEXT: "", Kind.HEADING: "\x1b[1;4m", Kind.CODE: "\x1b[36m", Kind.STRONG: "\x1b[1m"}
_PLAIN = _STYLES | {Kind.CODE: "\x1b[1m"}
"""Styles without colors, where ``NO_COLOR`` is set."""


def guide(given: argparse.Namespace) -> int:
    """Print one page, or the list of all; laid out for a terminal, as plain Markdown for a file or a pipe."""
    if given.json:
        found = [given.topic] if given.topic else pages.TOPICS
        listed = [{"topic": each, "title": pages.title(each), "text": pages.page(each)} for each in found]
        print(json.dumps({"pages": listed}))  # noqa: T201 - one object and nothing else
        return exits.DONE
    if not given.topic:
        say("The pages of the guide; `labeltui guide TOPIC` prints one, and f2 shows them in the console.")
        widest = max(map(len, pages.TOPICS))
        for topic in pages.TOPICS:
            say(f"  {topic:<{widest}}  {pages.title(topic)}")
        return exits.DONE
    text = pages.page(given.topic)
    if not has_terminal():
        sys.stdout.write(text)
        return exits.DONE
    styles = _PLAIN if os.environ.get("NO_COLOR") else _STYLES
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    sys.stdout.write("".join(_drawn(line, styles) + "\n" for line in lay_out(text, width)))
    return exits.DONE


def _drawn(line: Line, styles: dict[Kind, str]) -> str:
    return "".join(f"{styles[span.kind]}{span.text}\x1b[m" if styles[span.kind] else span.text for span in line)
