"""Search for emails in a thread: one search at a time, and the index of words while nothing is searched.

It has a reader of its own, so that a long search holds up neither the picture nor a command.
"""

from __future__ import annotations

import queue
import threading
from array import array
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine import Engine, Filter, Order
from tui.live.jobs import Answered, Post, sentence

if TYPE_CHECKING:
    from core.engine import Search


@dataclass(frozen=True, slots=True)
class Finding:
    """Hold more matches, behind those before; ``trouble`` is the sentence where the search ended early.

    The last one has the ``place`` among all matches of the email that was to be kept in sight, where it is one of them.
    """

    ids: array[int]
    share: float
    finished: bool
    trouble: str = ""
    place: int | None = None


Then = Callable[[Finding], None]


class Finder:
    """Ask with :meth:`seek`; ``then`` gets each finding in the thread of the screen."""

    def __init__(self, engine: Engine, path: Path, post: Post, *, threaded: bool = True) -> None:
        self._engine = engine
        self._path = path
        self._post = post
        self._threaded = threaded
        self._commands: queue.Queue[tuple[Filter, Order, int | None, Then] | None] = queue.Queue()
        self._search: Search | None = None
        self._thread = threading.Thread(target=self._live, name="labeltui-finder", daemon=True)
        if threaded:
            self._thread.start()

    def seek(self, wanted: Filter, order: Order, keep: int | None, then: Then) -> None:
        """Look for these, in that order, and for the place of the email ``keep``; an older search ends where it is."""
        if self._threaded:
            self._commands.put((wanted, order, keep, then))
        else:
            self._hunt(wanted, order, keep, then)

    def close(self) -> None:
        """Ask the thread to end; it is not waited for."""
        self._commands.put(None)
        if not self._threaded and self._search is not None:
            self._search.close()

    def _live(self) -> None:
        while (command := self._commands.get()) is not None:
            if self._commands.empty():
                self._hunt(*command)
        if self._search is not None:
            self._search.close()

    def _hunt(self, wanted: Filter, order: Order, keep: int | None, then: Then) -> None:
        indexed = False
        before, place = 0, None
        try:
            if self._search is None:
                self._search = self._engine.search(self._path, lambda: not self._commands.empty())
            self._search.begin(wanted, order)
            finished = False
            while not finished and self._commands.empty():
                found = self._search.step()
                finished, indexed = found.finished, found.indexed
                if keep is not None and place is None:
                    place = _place(found.ids, keep, before)
                before += len(found.ids)
                self._post(Answered(then, Finding(found.ids, found.share, finished, place=place), ""))
        except Exception as failure:  # noqa: BLE001  (a file that vanished must not end the console)
            self._post(Answered(then, Finding(array("I"), 1.0, finished=True, trouble=sentence(failure)), ""))
            return
        if wanted.texts and not indexed:
            self._index()

    def _index(self) -> None:
        """Build the index until somebody looks for something. Without it everything is found too, more slowly."""
        try:
            while self._search is not None and self._commands.empty() and self._search.build() < 1.0:
                pass
        except Exception:  # noqa: BLE001  (a folder that cannot be written, say: searching reads the texts then)
            return


def _place(ids: array[int], keep: int, before: int) -> int | None:
    try:
        return before + ids.index(keep)
    except ValueError:
        return None
