"""Find the key that was clicked in a line that names keys.

Small windows print their keys in bold and in the accent. A click on a key, or on the words after it, is the press of
that key. Pure, but for :func:`clicked_key`.
"""

from __future__ import annotations

from textual.content import Content
from textual.events import Click
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions.user_keys import parsed


def key_at(content: Content, place: int) -> str | None:
    """Return the key, as Textual names it, of the text at that character; None before the first and for others."""
    keys = sorted((span.start, span.end) for span in content.spans if _is_key(span.style))
    named = [(start, end) for start, end in keys if start <= place]
    if not named:
        return None
    start, end = named[-1]
    return parsed(content.plain[start:end])


def _is_key(style: object) -> bool:
    return isinstance(style, str) and "bold" in style and "$accent" in style


def place_of(plain: str, at: Offset) -> int:
    """Return the character at that column of that line, in the whole text."""
    before = plain.split("\n")[: at.y]
    return sum(len(row) + 1 for row in before) + at.x


def clicked_key(event: Click) -> str | None:
    """Return the key that was clicked on, if it was one."""
    widget = event.widget
    if not isinstance(widget, Static) or not isinstance(widget.screen, ModalScreen):
        return None
    content = widget.content
    _, at = widget.screen.get_widget_and_offset_at(event.screen_x, event.screen_y)
    if at is None or not isinstance(content, Content):
        return None
    return key_at(content, place_of(content.plain, at))
