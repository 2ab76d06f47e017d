"""Notify a person who is elsewhere of the run's news, since the console may be closed for the night.

It looks at the run as any onlooker does, so the loop does not depend on it. Messages go out in threads of their own and
are waited for at the end for some seconds only; what failed becomes an event of the run.
"""

from __future__ import annotations

import asyncio
import contextlib
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from core.errors import LabeltuiError
from core.model import Snapshot
from core.notify.occasions import Occasion, noticed
from core.notify.services import Delivery, deliver
from core.notify.setup import NotifySetup, read_setup
from core.settings import Settings
from core.storage.reading.reader import RunReader
from core.storage.writing.store import Store

EVERY_S = 1.5
"""Between two looks at the run."""

LAST_WAIT_S = 8.0
"""How long the end of a worker waits for messages that are on their way."""


class Notifier:
    """Notify of news: ``look`` reads the run, ``note`` writes an event; both run in the thread of this object."""

    def __init__(
        self,
        setup: NotifySetup,
        look: Callable[[], Snapshot],
        note: Callable[[str], None],
        *,
        send: Callable[[Sequence[str], Occasion], Delivery] = deliver,
    ) -> None:
        self._urls = setup.urls
        self._look = look
        self._note = note
        self._send = send
        self._before = look()
        self._silent = self._before.run.simulated  # nothing of a demo leaves the machine
        self._threads: list[threading.Thread] = []
        self._came: queue.SimpleQueue[Delivery] = queue.SimpleQueue()

    async def watch(self) -> None:
        """Look at the run every few seconds, until cancelled."""
        while True:
            await asyncio.sleep(EVERY_S)
            self.see()

    def see(self) -> None:
        """Look once, and notify of an occasion."""
        with contextlib.suppress(LabeltuiError):
            before, self._before = self._before, self._look()
            occasion = noticed(before, self._before)
            if occasion is not None and not self._silent:
                thread = threading.Thread(target=self._deliver, args=(occasion,), name="labeltui-notifier", daemon=True)
                self._threads.append(thread)
                thread.start()
        self._note_what_failed()

    def close(self, wait_s: float = LAST_WAIT_S) -> None:
        """Look a last time, and wait so long for what is on its way."""
        self.see()
        deadline = time.monotonic() + wait_s
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if any(thread.is_alive() for thread in self._threads):
            self._came.put(Delivery(0, (f"a service that gave no answer in {wait_s:g} s",)))
        self._note_what_failed()

    def _deliver(self, occasion: Occasion) -> None:
        self._came.put(self._send(self._urls, occasion))

    def _note_what_failed(self) -> None:
        while not self._came.empty():
            delivery = self._came.get()
            if delivery.failed:
                self._note(f"a notification did not get through: {delivery.sentence}")


@contextlib.contextmanager
def notifying(path: Path, store: Store, settings: Settings) -> Iterator[Notifier | None]:
    """Yield a notifier for this run while it is worked on, where the operator set up services; errors become events."""

    def note(sentence: str) -> None:
        with contextlib.suppress(sqlite3.Error, LabeltuiError):
            store.add_event("notify", sentence, now=time.time())

    try:
        setup = read_setup(settings.notify_path)
    except LabeltuiError as error:
        note(f"nobody will be notified: {error}")
        setup = NotifySetup()
    if not setup.urls:
        yield None
        return
    with RunReader(path) as reader:
        notifier = Notifier(setup, lambda: reader.snapshot(time.time()), note)
        try:
            yield notifier
        finally:
            notifier.close()
