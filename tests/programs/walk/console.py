"""The console that takes part in a walk: on a pseudo-terminal, a fork of the zygote like every command."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import termios
import threading
import time

from tests.programs.pty.terminal import sent
from tests.programs.walk.processes import Processes

SIZE = (24, 100)
FIRST_SCREEN_BYTES = 1500
"""More than what a terminal is asked and told before anything is drawn."""
STARTS_WITHIN_S = 20.0
QUIET_S = 0.05
"""No output for so long: the keys have had their effect, as far as the screen shows it."""
SETTLES_WITHIN_S = 1.0
LEAVES_WITHIN_S = 20.0


class Console:
    """One console at most; its output is read all the time by a thread, so that it never waits for its terminal."""

    def __init__(self, processes: Processes) -> None:
        self._processes = processes
        self._number: int | None = None
        self._master = -1
        self._reading: threading.Thread | None = None
        self._drawn = bytearray()
        self._drawn_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether its process lives."""
        return self._number is not None and self._processes.wait(self._number, 0) is None

    def open(self, line: tuple[str, ...]) -> None:
        """Open it with a command line, unless one is open; return when it has drawn something, or has ended."""
        if self.is_open:
            return
        self._let_go()
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", *SIZE, 0, 0))
        self._drawn.clear()
        self._drawn_at = 0.0
        self._number = self._processes.begin(line, tty=os.ttyname(slave))
        self._reading = threading.Thread(target=self._read, args=(self._master,), daemon=True)
        self._reading.start()
        deadline = time.monotonic() + STARTS_WITHIN_S
        while self.is_open and len(self._drawn) < FIRST_SCREEN_BYTES and time.monotonic() < deadline:
            time.sleep(0.02)
        os.close(slave)
        self._settle()

    def press(self, keys: str) -> None:
        """Press keys, named as Textual names them and parted by spaces; wait until the screen is quiet."""
        if not self.is_open:
            return
        with contextlib.suppress(OSError):  # it has just ended
            os.write(self._master, "".join(sent(key) or "" for key in keys.split()).encode())
        self._settle()

    def wrong(self) -> str:
        """Return what is wrong with how it ended or what it drew, or ""."""
        text = self._drawn.decode("utf-8", "replace")
        _, traced, rest = text.partition("Traceback (most recent call last)")
        if traced:
            return f"console: a traceback, ending in {rest.strip().splitlines()[-1][:200]!r}"
        code = None if self._number is None else self._processes.wait(self._number, 0)
        return "" if code in (None, 0, 1, 2, -9) else f"console: ended with {code}"

    def kill(self) -> None:
        """Kill its process."""
        if self._number is not None:
            self._processes.kill(self._number)
        self._let_go()

    def leave(self) -> str:
        """Hang up the terminal; return what is wrong with how it takes that, or ""."""
        if self.is_open and self._number is not None:
            self._let_go()
            if self._processes.wait(self._number, LEAVES_WITHIN_S) is None:
                self._processes.kill(self._number)
                return "console: does not end when its terminal is gone"
        self._number = None
        return ""

    def _settle(self) -> None:
        deadline = time.monotonic() + SETTLES_WITHIN_S
        time.sleep(QUIET_S)
        while time.monotonic() - self._drawn_at < QUIET_S and time.monotonic() < deadline:
            time.sleep(QUIET_S / 2)

    def _read(self, master: int) -> None:
        with contextlib.suppress(OSError):  # nobody holds the other end any more
            while drawn := os.read(master, 1 << 16):
                self._drawn += drawn
                self._drawn_at = time.monotonic()

    def _let_go(self) -> None:
        if self._master >= 0:
            os.close(self._master)
            self._master = -1
