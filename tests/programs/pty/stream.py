"""What a terminal may get: the sequences that the console's own driver writes, and text that does nothing."""

from __future__ import annotations

import base64
import binascii
import re

UNSAFE = re.compile(
    "\r(?!\n)|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\u2028\u2029\ufeff]"
)
"""Characters that a terminal handles or hides; tab and newline are named where they may stand."""

DRIVER = re.compile(
    r"""\x1b(?:
      \[ [0-9;:]* m                              # colors and attributes
    | \[ [0-9]+ ; [0-9]+ H                       # to a place on the screen
    | \[ \? (?:7|25|1000|1003|1004|1006|1015|1016|1049|2004|2026|2048) [hl]  # modes of the terminal
    | \[ \? (?:2026|2048) \$p                    # asking whether it knows one
    | \[ > [0-9]+ u | \[ < u                     # the kitty keyboard
    | \] 22;[a-z-]+ \x07                         # the shape of the pointer
    )""",
    re.VERBOSE,
)
"""Every sequence that Textual writes while a console is drawn. Nothing in them comes from data."""

BEGUN = re.compile(r"\x1b(?:\[[0-9;:?>]*)?\Z")
"""A sequence of the driver's of which more is to come."""

CLIPBOARD = re.compile(r"\x1b\]52;c;([A-Za-z0-9+/=]*)\x07")
"""What the key for copying writes: its payload is encoded, and judged decoded."""

BELL = "\x07"
"""Rung by the console where it shall; every text from outside brings more than a bell."""

LINE = re.compile(r"\r(?:\x1b\[K|\r?\n)?|\x1b\[(?:2?K|J|\d{1,2}A|\?25[hl]|[0-9;]*m)")
"""What a command writes beside text: a line of progress in its colors begins anew, and lines end."""


class Stream:
    """Reads all that came, and keeps what should not have: ``wrong`` holds a sentence for each."""

    def __init__(self) -> None:
        self.wrong: list[str] = []
        self.texts: list[str] = []
        self.copied: list[str] = []
        self._begun = ""

    def take(self, came: str, during: str, *, copies: bool = False, commands: bool = False) -> None:
        """Judge a piece of the stream. ``copies`` allows the clipboard, ``commands`` what the command line writes.

        A sequence that is cut off at the end of a piece is judged with the next one.
        """
        came, self._begun = self._begun + came, ""
        begun = None if commands else BEGUN.search(came)
        if begun is not None:
            came, self._begun = came[: begun.start()], begun.group()
        at = 0
        text_from = 0
        while (at := came.find("\x1b", at) if not commands else _next(came, at)) >= 0:
            self._text(came[text_from:at], during)
            known = (LINE if commands else DRIVER).match(came, at)
            clipboard = CLIPBOARD.match(came, at) if copies and known is None else None
            if clipboard is not None:
                self._clipboard(clipboard.group(1), during)
                known = clipboard
            if known is None:
                self.wrong.append(f"{during}: {came[at : at + 60]!r}")
                at = text_from = at + 1
            else:
                at = text_from = known.end()
        self._text(came[text_from:], during)

    def _text(self, text: str, during: str) -> None:
        found = UNSAFE.search(text) if text != BELL else None
        if found is not None:
            self.wrong.append(f"{during}: {found.group()!r} in {text[max(0, found.start() - 20) : found.end() + 40]!r}")
        if text:
            self.texts.append(text)

    def _clipboard(self, payload: str, during: str) -> None:
        try:
            text = base64.b64decode(payload, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            self.wrong.append(f"{during}: a clipboard of {payload[:40]!r}")
            return
        self.copied.append(text)
        found = UNSAFE.search(text)
        if found is not None:
            self.wrong.append(f"{during}: {found.group()!r} would come out of the clipboard")


def _next(came: str, at: int) -> int:
    """The next escape or carriage return, or -1."""
    places = [place for sign in "\x1b\r" if (place := came.find(sign, at)) >= 0]
    return min(places, default=-1)
