"""Whether a widget can still be drawn on."""

from __future__ import annotations

from textual.widget import Widget


def alive(widget: Widget) -> bool:
    """Whether it is there with all that it is made of: mounted, and not on its way out.

    Answers arrive when they arrive, also after the screen that asked for them was left: a screen loses its parts before
    it is gone itself, and Textual calls it mounted for ever.
    """
    leaving = not widget.display and widget.styles.display != "none"
    return widget.is_mounted and widget.is_attached and not leaving
