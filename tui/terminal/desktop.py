"""Notify the desktop by escape sequence, for terminals that are known to support it. Pure.

Only inert text is sent: no byte of a run's name or reason can end the sequence or begin another.
"""

from __future__ import annotations

from collections.abc import Mapping

from core.text import one_line

_OSC_9 = frozenset({"iTerm.app", "WezTerm", "ghostty", "kitty", "rio"})
_OSC_777 = ("foot", "rxvt")
LONGEST = 200
"""Characters of a title or a text."""


def way(environment: Mapping[str, str], wanted: str) -> str:
    """Return the sequence that this terminal supports: ``9``, ``777``, or "" where it is not known to support any."""
    if wanted in ("9", "777"):
        return wanted
    if wanted == "off":
        return ""
    program, name = environment.get("TERM_PROGRAM", ""), environment.get("TERM", "")
    if "kitty" in name or environment.get("KITTY_WINDOW_ID"):
        return "9"
    if program in _OSC_9 or environment.get("LC_TERMINAL") == "iTerm2" or environment.get("WEZTERM_PANE"):
        return "9"
    if environment.get("GHOSTTY_RESOURCES_DIR"):
        return "9"
    return "777" if name.startswith(_OSC_777) or environment.get("VTE_VERSION") else ""


def sequence(environment: Mapping[str, str], wanted: str, title: str, text: str) -> str:
    """Return what to write to the terminal, or "" where it supports no notification.

    In tmux the sequence is wrapped so that tmux passes it on where ``allow-passthrough`` is on; in screen likewise.
    """
    by = way(environment, wanted)
    if not by:
        return ""
    head = one_line(title, limit=LONGEST).replace(";", ",")
    body = one_line(text, limit=LONGEST).replace(";", ",")
    told = f"\x1b]9;labeltui: {head}. {body}\x07" if by == "9" else f"\x1b]777;notify;labeltui: {head};{body}\x07"
    if environment.get("TMUX"):
        return "\x1bPtmux;" + told.replace("\x1b", "\x1b\x1b") + "\x1b\\"
    return f"\x1bP{told}\x1b\\" if environment.get("STY") else told
