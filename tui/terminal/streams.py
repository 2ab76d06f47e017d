"""Mend the three standard streams of this process: closed ones, full disks, locales that lack characters."""

from __future__ import annotations

import errno
import io
import os
import sys
from typing import TextIO

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG)


def prepare() -> None:
    """Open every stream, and let it accept every character.

    A stream that the shell closed (``<&-``) becomes the null device, so that no file is opened in its place. A
    character that the locale lacks becomes a question mark instead of an error.
    """
    sys.stdin = sys.stdin or _nothing(os.O_RDONLY)
    sys.stdout = sys.stdout or _nothing(os.O_WRONLY)
    sys.stderr = sys.stderr or _nothing(os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def flush() -> None:
    """Flush stdout: a full disk or a closed pipe raises here, not when Python ends."""
    sys.stdout.flush()


def is_full(error: BaseException) -> bool:
    """Return whether an error says that the target of stdout is full; errors about files name their file."""
    return isinstance(error, OSError) and error.filename is None and error.errno in _FULL


def abandon() -> None:
    """Redirect stdout to the null device: what is buffered would fail again when Python ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _nothing(flags: int) -> TextIO:
    return os.fdopen(os.open(os.devnull, flags), "r" if flags == os.O_RDONLY else "w", encoding="utf-8")
