"""Send messages from a console to the page that shows it: title, color, copied text, downloads, leave message."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.driver import Driver

from core.text import one_line
from tui.text.numbers import percent
from tui.text.state_sentence import state_sentence
from tui.view_state import Requested, ViewState

DEFAULT_BACKGROUND = "#000000"
"""For a theme with the terminal's own background."""


class Page:
    """Send messages to the page of this console; do nothing in a terminal."""

    def __init__(self, driver: Callable[[], Driver | None], *, browser: bool) -> None:
        """Make it for the driver of the console; ``browser`` says that a page shows it."""
        self._driver = driver
        self.there = browser
        self._title = ""
        self._folder: Path | None = None

    def _tell(self, **said: object) -> None:
        from tui.web.driver import BrowserDriver  # noqa: PLC0415 - needed in a browser only

        driver = self._driver()
        if isinstance(driver, BrowserDriver):
            driver.tell_page(said)

    def show_title(self, view_state: ViewState, requested: tuple[Requested, ...], now: float) -> None:
        """Name the tab after what it shows."""
        if self.there and (named := title(view_state, requested, now)) != self._title:
            self._title = named
            self._tell(title=named)

    def show_background(self, background: str) -> None:
        """Give the page around the console the theme's background color."""
        if self.there:
            self._tell(background=background if background.startswith("#") else DEFAULT_BACKGROUND)

    def notify(self, words: str) -> None:
        """Mark the tab with a notification until it is viewed."""
        if self.there:
            self._tell(told=words)

    def copy(self, text: str) -> None:
        """Send a text to the browser's clipboard. Where the browser forbids it, the page offers a button."""
        self._tell(copy=text)

    def show_leave_message(self, words: str) -> None:
        """Show the leave message on the page."""
        if self.there:
            self._tell(left=words)

    def folder(self) -> Path:
        """Return the private folder of files for download, deleted with the console."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="labeltui-"))
        return self._folder

    def close(self) -> None:
        """Delete the files for download."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def download(self, path: Path) -> None:
        """Offer a file of :meth:`folder` for download."""
        self._tell(download=path.name, folder=str(path.parent))


def title(view_state: ViewState, requested: tuple[Requested, ...], now: float) -> str:
    """Return the tab's name, which a narrow tab cuts at its end: ``▶ 76 % demo · running``."""
    snapshot = view_state.snapshot
    if view_state.path is None or snapshot is None:
        return "labeltui"
    state = state_sentence(view_state, requested, now)
    share = percent(snapshot.settled, snapshot.total)
    return f"{state.glyph} {share} {one_line(snapshot.run.name, limit=40)} · {state.word.lower()} · labeltui"
