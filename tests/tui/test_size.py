"""The size of a terminal: its own, before what its surroundings say."""

from __future__ import annotations

import fcntl
import os
import pty
import struct
import termios

import pytest

from tui.terminal.terminal import size_of


def test_the_terminal_itself_is_asked_before_what_was_exported(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS and LINES stay as they were where the terminal has a size; where there is none, they count."""
    monkeypatch.setenv("COLUMNS", "81")
    monkeypatch.setenv("LINES", "25")
    master, slave = pty.openpty()
    reading, writing = os.pipe()
    try:
        assert size_of(slave) == (81, 25)  # a terminal of no size
        for columns, rows in ((120, 40), (80, 24)):
            fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            assert size_of(slave) == (columns, rows)
        assert size_of(writing) == (81, 25)
    finally:
        for descriptor in (master, slave, reading, writing):
            os.close(descriptor)
