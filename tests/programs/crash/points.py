"""Chosen moments at which a process kills itself: armed from outside, by wrapping what the real code calls.

Nothing in the product depends on this. A point is armed in a process of its own, which then runs the real worker, import,
export or migration, and dies by SIGKILL the ``nth`` time that it comes by: no handler runs, nothing is flushed.
"""

from __future__ import annotations

import functools
import os
import re
import signal
import sqlite3
from collections.abc import Callable
from typing import Any

STATEMENT = "statement"


def die() -> None:
    """At once, and without a word."""
    os.kill(os.getpid(), signal.SIGKILL)


class _Countdown:
    def __init__(self, nth: int) -> None:
        self._left = nth

    def __call__(self) -> None:
        self._left -= 1
        if self._left == 0:
            die()


def _before(owner: Any, name: str, passed: Callable[[], None]) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        passed()
        return real(*args, **kwargs)

    setattr(owner, name, wrapped)


def _after(owner: Any, name: str, passed: Callable[[], None]) -> None:
    real = getattr(owner, name)

    @functools.wraps(real)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        result = real(*args, **kwargs)
        passed()
        return result

    setattr(owner, name, wrapped)


def _after_answer(passed: Callable[[], None]) -> None:
    from core.llm.client import ChatClient

    real = ChatClient.ask

    async def ask(self: ChatClient, *args: Any) -> Any:
        reply = await real(self, *args)
        passed()
        return reply

    ChatClient.ask = ask  # type: ignore[method-assign]


def on_statement(pattern: str, passed: Callable[[], None], *, after: bool = False) -> None:
    """Call ``passed`` before (or after) every SQL statement that matches, on every connection made from now on."""
    wanted = re.compile(pattern, re.IGNORECASE)

    class Watched(sqlite3.Connection):
        def execute(self, sql: str, *args: Any) -> sqlite3.Cursor:  # type: ignore[override]
            return self._passing(super().execute, sql, *args)

        def executemany(self, sql: str, *args: Any) -> sqlite3.Cursor:  # type: ignore[override]
            return self._passing(super().executemany, sql, *args)

        def _passing(self, run: Callable[..., sqlite3.Cursor], sql: str, *args: Any) -> sqlite3.Cursor:
            hit = wanted.match(sql) is not None
            if hit and not after:
                passed()
            cursor = run(sql, *args)
            if hit and after:
                passed()
            return cursor

    real = sqlite3.connect

    def connect(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        return real(*args, **{"factory": Watched, **kwargs})

    sqlite3.connect = connect  # type: ignore[assignment]


def _stores() -> tuple[Any, Any]:
    from core.storage.writing import settle, store

    return settle, store.Store


ARM: dict[str, Callable[[Callable[[], None]], None]] = {
    "before the call": lambda passed: _before(__import__("core.llm.client", fromlist=["x"]).ChatClient, "ask", passed),
    "between answer and commit": _after_answer,
    "before the commit": lambda passed: _before(_stores()[1], "commit", passed),
    "inside the commit, after the attempt": lambda passed: _after(_stores()[0], "add_attempts", passed),
    "inside the commit, after the label": lambda passed: _after(_stores()[0], "_label_unlabeled", passed),
    "inside the commit, before the cursor": lambda passed: _before(_stores()[0], "advance_cursor", passed),
    "at the word COMMIT": lambda passed: on_statement("COMMIT", passed),
    "after the word COMMIT": lambda passed: on_statement("COMMIT", passed, after=True),
    "after the commit": lambda passed: _after(_stores()[1], "commit", passed),
    "at the heartbeat": lambda passed: _before(_stores()[1], "beat", passed),
    "when the run was taken over": lambda passed: _after(_stores()[1], "begin_epoch", passed),
    "before the last word": lambda passed: _before(_stores()[1], "end_epoch", passed),
    "after the last word": lambda passed: _after(_stores()[1], "end_epoch", passed),
    "at the checkpoint": lambda passed: on_statement("PRAGMA wal_checkpoint", passed, after=True),
    "while quotas are shared": lambda passed: _after(
        __import__("core.quota.db.sync", fromlist=["x"]).LedgerSync, "sync", passed
    ),
}
"""Moments in a worker's life, by name."""

ANYWHERE = "anywhere"
"""No chosen moment: the process is killed from outside, by the clock."""


def arm(point: str, nth: int) -> None:
    """Die the ``nth`` time that the process comes by this point. ``statement`` is every SQL statement."""
    if point == STATEMENT:
        on_statement("", _Countdown(nth))
    elif point != ANYWHERE:
        ARM[point](_Countdown(nth))
