"""Begin a program as a terminal begins one: the terminal is its own, and no signal is ignored that a terminal sends.

``python start.py IGNORED PROGRAM ARGUMENT…``. A test suite may itself have been started by something that ignores
signals (a background job of a script ignores SIGINT, nohup SIGHUP), and what is ignored is inherited. IGNORED names
the signals that the program shall find ignored all the same, as ``HUP,INT``; ``-`` is none.
"""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import termios
from collections.abc import Collection

SENT = (
    signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM,
    signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGCONT, signal.SIGWINCH,
)  # fmt: skip
"""What a terminal, its shell or the kernel on their behalf may send."""


def take_signals(ignored: Collection[signal.Signals] = ()) -> None:
    """Let every signal of a terminal have its default effect in this process and what it becomes, except these."""
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    for number in SENT:
        signal.signal(number, signal.SIG_IGN if number in ignored else signal.SIG_DFL)


def main() -> None:
    """Become the program. The standard input is the terminal, and this process leads its session."""
    names, program = sys.argv[1], sys.argv[2:]
    take_signals([signal.Signals[f"SIG{name}"] for name in names.split(",") if name != "-"])
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    os.execv(program[0], program)


if __name__ == "__main__":
    main()
