"""A walk through the whole console: every key of every screen, every window that opens, every field in it.

It knows no screen by name: what can be pressed comes from the list of actions and from the bindings that a window
declares, so that a screen that is added later is walked as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.programs.pty.stream import Stream
from tests.programs.pty.terminal import Terminal, sent

LEAVING = frozenset({"q", "ctrl+z", "ctrl+q", "ctrl+c", "f1"})
"""Keys that end the console or stop it, and the tour: it hands on a key that is not its own, which then counts twice."""
COPYING = "c"
PASTED = "zq-paste\x07\x9b2J\u202e\x85[red]x[/][@click=app.quit]"
"""What may come out of another program's clipboard; terminals let everything but an escape through."""

ABOUT = (("down", "down", "end", "home", "pagedown", "tab", "tab", "right"), ("ctrl+p", *"th", "escape"))
"""What is done on every screen beside its own keys."""

MOST_ESCAPES = 8
STEPS = 5
"""Of a new run."""

MOST_LOOKS = 20
"""Looks until a new size has come through."""

TOO_SMALL = "tui.widgets.too_small.TooSmall"


class Walk:
    """A person who tries everything. ``shown`` gathers the classes that stood on the screen."""

    def __init__(self, terminal: Terminal, stream: Stream, typed: Sequence[str] = ()) -> None:
        """``typed`` is pasted into the first field of a window instead of hostile text, one window each time."""
        self._terminal = terminal
        self._stream = stream
        self._typed = typed
        self.shown: set[str] = set()
        self.places: dict[tuple[str, ...], None] = {}
        self._done = 0
        self._now: dict[str, Any] = {}
        self._read("the first paint")

    # -- one step -----------------------------------------------------------------------------------------------------

    def _read(self, during: str, *, copies: bool = False) -> None:
        before = self._now
        came, self._now = self._terminal.until_told(self._done)
        assert self._now["done"] == self._done, f"{during}: a key too many"
        pasted = before.get("soiled") or self._now["soiled"]
        if self._now["caught"] > before.get("caught", 0) and not pasted:
            self._stream.wrong.append(f"{during}: what is no field drew text that the last door had to hold back")
        self._stream.take(came, during, copies=copies)
        self.shown |= set(self._now["shown"])

    def press(self, key: str) -> None:
        """Press a key and look at what comes of it."""
        text = sent(key)
        if text is None:
            return
        where = " › ".join(self.stack)
        self._done += 1
        self._terminal.write(text)
        self._read(f"{where}: {key}", copies=key == COPYING)

    def paste(self, text: str) -> None:
        """Paste into the field that has the focus."""
        self._done += 1
        self._terminal.write(f"\x1b[200~{text}\x1b[201~")
        self._read(" › ".join(self.stack) + ": paste")

    @property
    def stack(self) -> tuple[str, ...]:
        """The screens, the one in sight last."""
        return tuple(self._now["stack"])

    # -- everywhere ---------------------------------------------------------------------------------------------------

    def everywhere(self) -> None:
        """Walk every place that can be reached."""
        waiting: list[tuple[str, ...]] = [()]
        self.places[self.stack[-1:]] = None
        while waiting:
            path = waiting.pop(0)
            self._go(path)
            here = self.stack
            for keys in self._to_press():
                self._return(here, path)
                for key in keys:
                    self.press(key)
                    if self._now["typing"] or self._now["inputs"]:
                        on_sheet = self._now["sheet"]
                        self._fill()
                        if on_sheet:
                            self._go(path)  # what was typed may have emptied its list
                        break
                    if self.stack[-1:] not in self.places and self.stack != here:
                        self.places[self.stack[-1:]] = None
                        waiting.append((*path, *keys[: keys.index(key) + 1]))
                if len(self.stack) < len(here) and "slash" in self._now["keys"]:
                    self.press("slash")  # a window that was left may have changed the filter
                    self.press("escape")
            self._return(here, path)

    def _to_press(self) -> list[tuple[str, ...]]:
        if not self._now["sheet"]:
            return [(key,) for key in self._now["declared"] if key not in LEAVING]
        keys = [key for key in self._now["keys"] if key not in LEAVING]
        several: list[tuple[str, ...]] = [(key,) for key in keys]
        several += [(key,) * 6 for key in keys if key in ("f", "n")]
        if "z" in keys:
            several += [(key, "z", "escape") for key in keys if key.isdigit()]
        places = range(1, 6) if len(self.stack) == 1 else (4,)
        rows = [("down",) * n + ("enter",) for n in places] if "enter" in keys else []
        return [*several, *rows, *ABOUT]

    def _fill(self) -> None:
        """Paste into each field of a window, and try to send it off."""
        self.places[self.stack[-1:]] = None
        window = self.stack
        fields = max(1, self._now["inputs"])
        for text in (*self._typed, PASTED):
            for field in range(fields):
                if self.stack != window or not self._now["typing"]:
                    break
                if text is PASTED or field == 0:
                    self.paste(text)
                self.press("tab")
            if text is not PASTED:
                self.press("enter")
                self.press("enter")
                for key in ("shift+tab",) * fields:
                    self.press(key)
        self.press("enter")
        for key in self._now["declared"]:
            if self.stack == window and key not in ("escape", *LEAVING):
                self.press(key)

    def _go(self, path: Sequence[str]) -> None:
        """From the first screen along a path."""
        for _ in range(MOST_ESCAPES):
            if len(self.stack) == 1:
                break
            self.press("escape")
        assert len(self.stack) == 1, f"escape does not lead out of {self.stack}"
        for key in ("escape", "escape", "home"):  # a filter that was typed goes as well
            self.press(key)
        for key in path:
            self.press(key)

    def _return(self, here: tuple[str, ...], path: Sequence[str]) -> None:
        if self._now["typing"]:
            self.press("escape")
        for _ in range(MOST_ESCAPES):
            if len(self.stack) <= len(here):
                break
            self.press("escape")
        if self.stack != here:
            self._go(path)

    def by_steps(self, source: str) -> None:
        """What no single key reaches: the tour, asking again, a trial, deleting a run that nobody holds, all of a new run.

        And an email that nobody asked about yet, so that what people noted on it stands in sight; and the progress of
        every run, for only one that is under way shows its end and what binds it.
        """
        self._go(("enter", "e", *("down",) * 8, "enter"))
        self._go(())
        for key in ("f1", "enter", "enter", "escape", "f2", "escape"):
            self.press(key)
        for rows in range(5):
            path = (*("down",) * rows, "enter", "1", "z", "escape", "D")
            self._go(path)
            task = self.stack
            for keys in (("C", "end", "home"), ("P", "down"), ("R", "down", "enter"), ("W", "enter", "down")):
                self._return(task, path)
                for key in keys:
                    self.press(key)
        self._go(())
        for _ in range(1, 5):
            for key in ("down", "delete", "escape"):
                self.press(key)
        self._go(("w",))
        for key in ("ctrl+u", "end", "ctrl+u"):
            self.press(key)
        self.paste(source)
        for _ in range(STEPS):
            for key in ("enter", "down", "up", "tab"):
                self.press(key)
        self._go(())

    def shrink(self, size: tuple[int, int], back: tuple[int, int]) -> None:
        """Make the terminal too small for anything, look at what is said instead, and make it what it was."""
        self._go(())
        for each in (size, back):
            self._terminal.resize(each)
            for _ in range(MOST_LOOKS):
                self.press("down")
                self.press("up")
                if (TOO_SMALL in self._now["shown"]) == (each == size):
                    break

    def leave(self) -> None:
        """Leave the console, and read to the end."""
        for _ in range(MOST_ESCAPES):
            if len(self.stack) == 1:
                break
            self.press("escape")
        self._terminal.write("q")
        came, code = self._terminal.until_ended()
        restored, _, said = came.rpartition("\x1b[<u")
        self._stream.take(restored, "leaving")
        assert code == 0, said[-2000:]
