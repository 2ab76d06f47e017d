"""A console over a run in memory, driven by real keys, without threads and with a clock that stands still."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
from textual.content import Content
from textual.pilot import Pilot

from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, FakeRun, running, settings_in
from tests.tui.quiet import make_quick
from tui.app import LabeltuiApp
from tui.screens.emails.list import EmailsScreen
from tui.terminal.terminal import CAPABLE, Terminal
from tui.widgets.panes.pane import LinesWidget

HOPS = 100
"""Turns of the event loop in which every chain of messages comes to its end; no time passes in them."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are pressed as soon as those before have had all their effects, and style sheets are parsed once."""
    make_quick(monkeypatch)


class Desk:
    """A person at the console: presses keys, reads the screen."""

    def __init__(self, app: LabeltuiApp, engine: FakeEngine, pilot: Pilot[None]) -> None:
        self.app = app
        self.engine = engine
        self.run = engine.run
        self.pilot = pilot

    async def press(self, *keys: str) -> None:
        """Press keys, one after the other, and let everything settle."""
        for key in keys:
            await self.pilot.press(key)
            await self.settle()

    async def read(self, *, later_s: float = 0.0) -> None:
        """Let the poller take a picture, so many seconds later."""
        self.engine.now += later_s
        self.app.poller.read()
        await self.settle()

    async def settle(self) -> None:
        """Let messages that lead to messages arrive: a page is asked for, read, posted and drawn."""
        for _ in range(HOPS):
            await asyncio.sleep(0)
        await self.pilot.pause()

    def title(self) -> str:
        """The title of the list of emails, with its counts."""
        assert isinstance(self.app.screen, EmailsScreen)
        return self.app.screen.summary()

    def screen(self) -> str:
        """What stands on the screen, as text."""
        width, height = self.app.size
        rows = self.app.screen._compositor.render_strips()
        return "\n".join(strip.text.ljust(width)[:width] for strip in rows[:height])

    def line(self, y: int) -> str:
        """One line of the screen."""
        return self.screen().splitlines()[y]

    def footer(self) -> str:
        """The last line."""
        return self.screen().splitlines()[-1]

    def said(self) -> str:
        """Every sentence that was ever told in a toast and still stands."""
        return "\n".join(notification.message for notification in self.app._notifications)

    def lines_of(self, selector: str) -> list[str]:
        """The lines that a pane draws."""
        return [content.plain for content in self.app.screen.query_one(selector, LinesWidget)._lines]


def toned(told: Content) -> str:
    """A line with each part behind its tone: ``<bold $accent>r <$quiet>review``."""
    at, parts = 0, []
    for span in told.spans:
        parts += [f"<>{told.plain[at : span.start]}"] if span.start > at else []
        parts.append(f"<{span.style}>{told.plain[span.start : span.end]}")
        at = span.end
    return "".join(parts) + (f"<>{told.plain[at:]}" if at < len(told.plain) else "")


def toned_rows(rows: Iterable[Content]) -> list[str]:
    """Lines with their tones, without the blanks at their ends."""
    return [toned(row).rstrip() for row in rows]


@pytest.fixture
def furnished_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The console is started in a folder with a file of emails, beside an editor that changes nothing."""
    (tmp_path / "mail.csv").write_text("id,message\n1,hello\n2,noon?\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("VISUAL", "true")
    monkeypatch.setattr(LabeltuiApp, "suspend", lambda _: nullcontext())


Opens = Callable[..., AbstractAsyncContextManager[Desk]]


@pytest.fixture
def desk(tmp_path: Path) -> Opens:
    """A function that opens the console at a desk: on a run, or on the list of runs."""

    @asynccontextmanager
    async def open_desk(
        run: FakeRun | None = None,
        *,
        size: tuple[int, int] = (100, 30),
        listed: bool = False,
        demo: bool = False,
        read_only: bool = False,
        change: Callable[[FakeEngine], None] | None = None,
        terminal: Terminal = CAPABLE,
        tour: bool = False,
    ) -> AsyncIterator[Desk]:
        settings = settings_in(tmp_path)
        run = run or running()
        run.path = settings.runs_dir / f"{run.name}.db"
        engine = FakeEngine(settings, run)
        engine.now = NOW
        if change is not None:
            change(engine)
        app = LabeltuiApp(
            settings,
            run=None if listed else run.path,
            demo=demo,
            read_only=read_only,
            engine=engine,
            clock=lambda: engine.now,
            threaded=False,
            terminal=terminal,
            tour=tour,
        )
        async with app.run_test(size=size, notifications=True, tooltips=True) as pilot:
            at = Desk(app, engine, pilot)
            await at.settle()
            yield at
            if app._running and app.screen_stack:
                at.screen()  # whatever stands there at the end can be drawn

    return open_desk


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Clock times are those of UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()
