"""A program in a terminal of its own: keys go in, every byte that the terminal would get comes out."""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[3]
START = (sys.executable, "-IS", str(Path(__file__).with_name("start.py")), "-")
"""What a program is begun by: nothing that this process ignores is ignored by it."""
PATIENCE_S = 60.0
"""How long the program may take for one key: far more than it ever does."""

BYTES = {
    "f1": "\x1bOP", "f2": "\x1bOQ",
    "enter": "\r", "escape": "\x1b", "tab": "\t", "space": " ", "delete": "\x1b[3~", "backspace": "\x7f",
    "slash": "/", "question_mark": "?", "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D",
    "home": "\x1b[H", "end": "\x1b[F", "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "shift+tab": "\x1b[Z",
    "comma": ",", "full_stop": ".", "plus": "+", "minus": "-", "equals_sign": "=", "exclamation_mark": "!",
    "left_square_bracket": "[", "right_square_bracket": "]", "colon": ":", "semicolon": ";", "asterisk": "*",
}  # fmt: skip
"""Keys as Textual names them, as a terminal sends them."""


def sent(key: str) -> str | None:
    """What a terminal sends for a key, or None where this one does not know it."""
    if len(key) == 1:
        return key
    if key.startswith("ctrl+") and len(key) == 6 and key[5].isalpha():
        return chr(ord(key[5]) - 96)
    return BYTES.get(key)


class Terminal:
    """A pseudo-terminal of ``size`` (columns, rows) with a Python program in it, begun as a terminal begins one. With
    ``reports`` the program writes its reports to a pipe, whose number takes the place of ``{report}`` in its arguments."""

    def __init__(
        self, arguments: Sequence[str], size: tuple[int, int], environment: Mapping[str, str], *, reports: bool = False
    ) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        self._reports, theirs = os.pipe()
        self._process = subprocess.Popen(
            [*START, sys.executable, *(str(theirs) if each == "{report}" else each for each in arguments)],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, pass_fds=(theirs,), start_new_session=True,
            env={**environment, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT),
                 "PYTHONUTF8": "1", "ESCDELAY": "20", "EDITOR": "true", "VISUAL": "true", "TEXTUAL_ANIMATIONS": "none", "PATH": os.environ["PATH"]},
        )  # fmt: skip
        os.close(slave)
        os.close(theirs)
        self._decoder = codecs.getincrementaldecoder("utf-8")("strict")
        self._told = b""
        if not reports:
            os.close(self._reports)
            self._reports = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait(PATIENCE_S)
        os.close(self._master)
        if self._reports >= 0:
            os.close(self._reports)

    def write(self, text: str) -> None:
        """Send what a terminal would."""
        os.write(self._master, text.encode())

    def resize(self, size: tuple[int, int]) -> None:
        """Give the terminal another size (columns, rows); it lets the program know."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def children(self) -> list[int]:
        """The processes that the program started and that it still has (Linux)."""
        pid = self._process.pid
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()]

    def until_told(self, done: int) -> tuple[str, dict[str, Any]]:
        """Everything that came until the program told that it has handled so many keys, and what it told."""
        came = ""
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._master, self._reports], [], [], PATIENCE_S)
            if self._master in ready:
                more = self._read()
                came += more
                if not more and self._process.poll() is not None:
                    raise AssertionError(f"the console ended by itself: {came[-3000:]!r}")
            if self._reports in ready:
                self._told += os.read(self._reports, 65_536)
                *lines, self._told = self._told.split(b"\n")
                for line in lines:
                    report = json.loads(line)
                    if report["done"] >= done:
                        return came + self.rest(), report
        raise AssertionError(f"the console did not answer within {PATIENCE_S} s: {came[-1000:]!r}")

    def rest(self) -> str:
        """What is on its way."""
        came = ""
        while select.select([self._master], [], [], 0.004)[0]:
            more = self._read()
            if not more:
                break
            came += more
        return came

    def until_seen(self, words: str, patience_s: float = PATIENCE_S) -> str:
        """What comes, until these words are in it."""
        came, deadline = "", time.monotonic() + patience_s
        while words not in came:
            assert time.monotonic() < deadline, f"{words!r} is not in {came!r}"
            if select.select([self._master], [], [], 0.2)[0]:
                came += self._read()
        return came

    def until_ended(self, patience_s: float = PATIENCE_S) -> tuple[str, int]:
        """Everything that comes until the program ends, and its exit code."""
        came = ""
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            if select.select([self._master], [], [], 0.2)[0]:
                more = self._read()
                came += more
                if more:
                    continue
            if self._process.poll() is not None:
                return came + self.rest(), self._process.returncode
        raise AssertionError(f"the program did not end within {patience_s} s: {came[-1000:]!r}")

    def _read(self) -> str:
        try:
            return self._decoder.decode(os.read(self._master, 1 << 16))
        except OSError:  # the other side is closed
            return ""
