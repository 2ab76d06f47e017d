"""Begin a process: ctrl+c ends it quietly before anything else could handle that.

Reading the command line takes a tenth of a second of imports. An interrupt in them would print a traceback, or be
swallowed in a callback of Python's. Nothing is begun by then, so the process may end where it stands.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

_INTERRUPTED = 128 + signal.SIGINT
"""``core.model.exits.INTERRUPTED``, which takes too long to import here."""


def main() -> int:
    """Answer the command line of this process; returns the exit code."""
    ours = signal.getsignal(signal.SIGINT) is signal.default_int_handler  # not where a shell has it ignored
    if ours:
        signal.signal(signal.SIGINT, _leave)
    from tui.cli import main as answer  # noqa: PLC0415 - this is what takes long

    try:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return answer()
    except KeyboardInterrupt:
        return _INTERRUPTED


def _leave(_: int, __: FrameType | None) -> None:
    os._exit(_INTERRUPTED)
