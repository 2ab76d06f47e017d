"""Read the guide: Markdown pages that ship inside the package, shown by ``labeltui guide``, the console and the web."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path

from core.errors import UsageError

TOPICS = (
    "getting-started",
    "walkthrough",
    "tasks",
    "files",
    "python",
    "keys",
    "servers",
    "local",
    "half-price",
    "packs",
    "beyond-one-machine",
    "unattended",
    "browser",
    "quality",
    "troubleshooting",
    "commands",
    "console",
    "promises",
)
"""The pages in reading order; each is a file of that name beside this module."""

_PAGES = Path(__file__).parent


def page(topic: str) -> str:
    """Return the Markdown of one page.

    Raises:
        UsageError: if there is no such page; it names the nearest one and all others.

    """
    name = topic.strip().lower().removesuffix(".md").replace(" ", "-").replace("_", "-")
    if name not in TOPICS:
        begun = [each for each in TOPICS if name and each.startswith(name)]
        if len(begun) != 1:
            near = get_close_matches(name, TOPICS, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise UsageError(f"the guide has no page {topic!r}.{meant} Its pages are: {', '.join(TOPICS)}.")
        name = begun[0]
    return (_PAGES / f"{name}.md").read_text("utf-8")


def title(topic: str) -> str:
    """Return the heading of a page."""
    return page(topic).partition("\n")[0].removeprefix("# ")
