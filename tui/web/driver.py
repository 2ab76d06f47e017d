"""Drive a console in a browser as Textual does, but exit with the process that serves it.

Textual's own continues without a reader until a write raises an unexpected error.
"""

from __future__ import annotations

import os
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver


class BrowserDriver(WebDriver):
    """Talk to the server through pipes; exit the console without a reader, or at the end of its input."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._unread = False
        self._write = self._write_whole  # type: ignore[assignment]  # partial(os.write, …) there, which may write a part

    def _write_whole(self, packet: bytes) -> int:
        rest = memoryview(packet)
        while rest and not self._unread:
            try:
                rest = rest[os.write(self.fileno, rest) :]
            except OSError:
                self._leave()
        return len(packet)

    def run_input_thread(self) -> None:
        super().run_input_thread()
        if not self.exit_event.is_set():
            self._leave()

    def _leave(self) -> None:
        self._unread = True
        self._app.post_message(messages.ExitApp())

    def tell_page(self, said: dict[str, object]) -> None:
        """Send the page a message that is not screen output."""
        self.write_meta({"type": "page", **said})
