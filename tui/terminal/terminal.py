"""Find what the terminal can show and how large it is; the environment and the encoding are passed in."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace

MANY, SOME, FEW, NONE = "16 million", "256", "16", "none"


@dataclass(frozen=True, slots=True)
class Terminal:
    """Hold what the terminal supports: ``ascii_because`` is why only ASCII should be drawn, "" where all may be.

    ``ascii_decided`` says that the operator chose for this start. ``browser`` says that a browser shows the console.
    """

    name: str
    colors: str
    no_color: bool
    encoding: str
    ascii_because: str
    multiplexer: str
    ascii_decided: bool = False
    browser: bool = False

    @property
    def clipboard(self) -> str:
        """Return whether OSC 52 may be expected to reach the operator's clipboard; no terminal confirms it."""
        if self.browser:
            return "by the browser, which reports failure"
        if self.name in ("linux", "dumb"):
            return "none: this terminal has no clipboard; the text is in the file beside the run"
        if self.multiplexer:
            return f"by OSC 52; {self.multiplexer} forwards it only with set-clipboard on"
        return "by OSC 52, which terminals do not confirm"


CAPABLE = Terminal("", MANY, no_color=False, encoding="utf-8", ascii_because="", multiplexer="")
"""A terminal that shows everything."""


def terminal(environment: Mapping[str, str], encoding: str) -> Terminal:
    """Return the terminal as the environment describes it. ``encoding`` is that of the locale."""
    if environment.get("TEXTUAL_DRIVER", "").endswith((":WebDriver", ":BrowserDriver")):
        return replace(CAPABLE, name="a browser", browser=True)
    name = environment.get("TERM", "")
    no_color = "NO_COLOR" in environment
    return Terminal(
        name=name,
        colors=NONE if no_color else _colors(name, environment.get("COLORTERM", "").strip().lower()),
        no_color=no_color,
        encoding=encoding,
        ascii_because=_ascii_because(environment, name, encoding),
        ascii_decided=bool(environment.get("LABELTUI_ASCII", "").strip()),
        multiplexer="tmux" if environment.get("TMUX") else "screen" if environment.get("STY") else "",
    )


def _colors(name: str, colorterm: str) -> str:
    """Return the number of colors as Rich decides it, which reduces every color to what it detects."""
    if colorterm in ("truecolor", "24bit"):
        return MANY
    if name in ("dumb", "unknown"):
        return NONE
    return SOME if name.endswith(("256color", "kitty")) else FEW


def _ascii_because(environment: Mapping[str, str], name: str, encoding: str) -> str:
    wanted = environment.get("LABELTUI_ASCII", "").strip().lower()
    if wanted:
        return "" if wanted in ("0", "no", "false", "off") else f"LABELTUI_ASCII={wanted}"
    if encoding.lower().replace("-", "").replace("_", "") not in ("utf8", "utf8mb4", "cp65001"):
        return f"the locale's encoding is {encoding}"
    return f"TERM={name}" if name in ("linux", "dumb", "vt100", "vt102", "vt220") else ""


def size_of(descriptor: int) -> tuple[int, int]:
    """Return columns and rows of the terminal behind a descriptor, else those of COLUMNS and LINES, else 80 by 24.

    The variables come second because they keep their values when the terminal is resized.
    """
    try:
        columns, rows = os.get_terminal_size(descriptor)
    except OSError:
        columns = rows = 0
    return (columns, rows) if columns and rows else shutil.get_terminal_size()
