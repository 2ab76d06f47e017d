"""Assemble lines of text and styles, in which nothing is parsed as markup."""

from __future__ import annotations

from textual.content import Content

Part = str | Content | tuple[str, str]


def line(*parts: Part) -> Content:
    """Return one line of content from texts and (text, style) pairs; nothing in it is parsed as markup."""
    return Content.assemble(*parts)
