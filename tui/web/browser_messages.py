"""What a console tells the page that shows it: title, ground, what is copied or saved, and the last words."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from core.text import one_line
from tui.live.view_state import Requested, ViewState
from tui.text.numbers import percent
from tui.text.state_sentence import state_sentence

if TYPE_CHECKING:
    from tui.app import LabeltuiApp

DEFAULT_GROUND = "#000000"
"""Where a theme takes the terminal's own ground."""


class Page:
    """The page of this console. In a terminal there is none, and nothing is told."""

    def __init__(self, app: LabeltuiApp) -> None:
        self._app = app
        self._title = ""
        self._folder: Path | None = None

    @property
    def there(self) -> bool:
        """Whether a browser shows this console."""
        return self._app.terminal.browser

    def _tell(self, **said: object) -> None:
        from tui.web.driver import BrowserDriver  # noqa: PLC0415 - in a browser only

        driver = self._app._driver  # noqa: SLF001 - Textual has no other way to it
        if isinstance(driver, BrowserDriver):
            driver.tell_page(said)

    def see(self, picture: ViewState, requested: tuple[Requested, ...], now: float) -> None:
        """Let the tab be named after what it shows."""
        if self.there and (named := title(picture, requested, now)) != self._title:
            self._title = named
            self._tell(title=named)

    def wear(self, ground: str) -> None:
        """Let what surrounds the console have the theme's color; ``ground`` is as a theme has it."""
        if self.there:
            self._tell(ground=ground if ground.startswith("#") else DEFAULT_GROUND)

    def tell(self, words: str) -> None:
        """Something that a person should hear of: the tab is marked until it is looked at."""
        if self.there:
            self._tell(told=words)

    def copy(self, text: str) -> None:
        """Hand it to the browser's clipboard. Where the browser does not let it, the page offers a button."""
        self._tell(copy=text)

    def leave(self, words: str) -> None:
        """What the page says once the console was left."""
        if self.there:
            self._tell(left=words)

    def folder(self) -> Path:
        """Where files for the browser go, from where its server gives them away: private, and gone with the console."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="labeltui-"))
        return self._folder

    def close(self) -> None:
        """Take away what was there for the browser."""
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    def download(self, path: Path) -> None:
        """Let the browser fetch this file, which lies in :meth:`folder`."""
        self._tell(download=path.name, folder=str(path.parent))


def title(picture: ViewState, requested: tuple[Requested, ...], now: float) -> str:
    """The tab's name, which a narrow tab cuts at its end: ``76 % ▶ demo · RUNNING``."""
    snapshot = picture.snapshot
    if picture.path is None or snapshot is None:
        return "labeltui"
    state = state_sentence(picture, requested, now)
    share = percent(snapshot.settled, snapshot.total)
    return f"{state.glyph} {share} {one_line(snapshot.run.name, limit=40)} · {state.word.lower()} · labeltui"
