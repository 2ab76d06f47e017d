"""The driver of a console that is shown in a browser: Textual's own, which ends with whoever serves it.

Textual's goes on when nobody reads it any more, until a write fails as an error that nobody expected.
"""

from __future__ import annotations

import os
from typing import Any

from textual import messages
from textual.drivers.web_driver import WebDriver


class BrowserDriver(WebDriver):
    """Speaks to the server through pipes. Without a reader, or at the end of its input, the console is left."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._alone = False
        self._write = self._write_whole  # type: ignore[assignment]  # partial(os.write, …) there, which may write a part

    def _write_whole(self, packet: bytes) -> int:
        rest = memoryview(packet)
        while rest and not self._alone:
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
        self._alone = True
        self._app.post_message(messages.ExitApp())

    def tell_page(self, said: dict[str, object]) -> None:
        """Hand the page something that is no picture."""
        self.write_meta({"type": "page", **said})
