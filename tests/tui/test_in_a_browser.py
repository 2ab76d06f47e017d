"""What a console sends to the page that shows it, and what it does otherwise in a browser than in a terminal."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from core.model import RunState
from tests.tui.conftest import Desk, Opens
from tests.tui.fakes import stopped
from tui.screens.line_windows import Download
from tui.screens.monitor import MonitorScreen
from tui.terminal.terminal import CAPABLE, terminal

pytestmark = pytest.mark.asyncio

BROWSER = replace(CAPABLE, browser=True)


def listen(at: Desk, monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    told: list[dict[str, object]] = []
    monkeypatch.setattr(at.app.page, "_tell", lambda **said: told.append(said))
    return told


async def test_a_browser_shows_everything() -> None:
    """The server's own terminal does not matter to whoever looks on from a browser."""
    found = terminal({"TEXTUAL_DRIVER": "tui.web.driver:BrowserDriver", "TERM": "linux"}, "ascii")
    assert found.browser
    assert found.ascii_because == ""


async def test_a_tab_is_named_after_its_run(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """State and share come first, for a tab cuts its name at the end; it is sent once for each change."""
    async with desk(terminal=BROWSER) as at:
        told = listen(at, monkeypatch)
        at.run.state, at.run.alive = RunState.STOPPED, False
        await at.read(later_s=1)
        await at.read(later_s=1)
        titles = [said["title"] for said in told if "title" in said]
        assert len(titles) == 1
        assert str(titles[0]).startswith("■ ")
        assert str(titles[0]).endswith("enron · stopped · labeltui")


async def test_what_surrounds_the_console_follows_the_theme(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A light console does not stand in a dark page."""
    async with desk(terminal=BROWSER) as at:
        told = listen(at, monkeypatch)
        await at.press("ctrl+t")
        assert {"background": "#fbfbf9"} in told
        at.app.theme = "labeltui-ansi"
        await at.settle()
        assert told[-1] == {"background": "#000000"}


async def test_a_browser_shows_it_in_its_tab_and_gets_no_sequence(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """No bell and no desktop sequence, whatever terminal the server runs in; ! keeps the tab quiet too."""
    monkeypatch.setenv("TERM", "xterm-kitty")
    async with desk(terminal=BROWSER) as at:
        told = listen(at, monkeypatch)
        sent: list[object] = []
        monkeypatch.setattr(at.app, "bell", lambda: sent.append("bell"))
        monkeypatch.setattr(at.app, "to_terminal", sent.append)
        at.run.state, at.run.reason = RunState.PAUSED, "the budget of 9 tokens is used up"
        await at.read(later_s=1)
        assert {"told": "enron paused itself"} in told
        assert sent == []
        await at.press("!")
        told.clear()
        at.run.state, at.run.alive = RunState.DONE, False
        await at.read(later_s=1)
        assert not any("told" in said for said in told)


async def test_a_page_of_one_run_shows_no_other(desk: Opens, tmp_path: Path) -> None:
    """Neither back nor any other key leads to the list of runs, and no window takes a path outside the downloads."""
    async with desk(terminal=BROWSER) as at:
        for keys in (
            ("escape",),
            ("escape", "escape"),
            ("ctrl+p", *"runs", "enter", "escape"),
            ("e", "escape", "escape"),
        ):
            await at.press(*keys)
            assert isinstance(at.app.screen, MonitorScreen)
            assert at.app.run_path == at.run.path
        assert "This page shows one run only" in at.said()
    async with desk() as at:  # in a terminal the list is one key away
        await at.press("escape", "escape")
        assert at.app.run_path is None
    window = Download(("",), tmp_path / "out.csv")
    for typed in ("/etc/out.csv", "../out.csv", "~/out.csv", "a/out.csv", ".."):
        assert window.trouble(typed)


async def test_copying_is_the_browsers(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is written beside the run, which may be on another machine than the browser."""
    async with desk(terminal=BROWSER, read_only=True) as at:
        at.run.path.parent.mkdir(parents=True, exist_ok=True)
        told = listen(at, monkeypatch)
        await at.press("e", "c")
        assert "source_id" in str(next(said["copy"] for said in told if "copy" in said))
        assert "sent to the browser" in at.said()
        assert list(at.run.path.parent.iterdir()) == []


async def test_a_saved_file_is_downloaded(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A browser names the file and cannot write anywhere on the server's machine; the file goes with the console."""
    async with desk(stopped(), terminal=BROWSER, read_only=True) as at:
        told = listen(at, monkeypatch)
        await at.press("e", "S")
        assert isinstance(at.app.screen, Download)
        assert "Download" in at.screen()
        for name, why in (("../x.csv", "A name is enough"), ("/tmp/x.csv", "A name is enough"), ("x", "the format")):
            at.app.screen.query_one("#line").value = name  # type: ignore[attr-defined]
            await at.press("enter")
            assert why in at.screen(), name
        at.app.screen.query_one("#line").value = "~mine.csv"  # type: ignore[attr-defined]
        await at.press("enter")
        kind, _, _, target = at.engine.asked[0]
        assert (kind, Path(str(target)).name) == ("save", "~mine.csv")
        folder = Path(str(target)).parent
        assert folder.stat().st_mode & 0o077 == 0
        assert {"download": "~mine.csv", "folder": str(folder)} in told
        assert "downloaded as ~mine.csv" in at.said()
    assert not folder.exists()


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_the_last_words_are_on_the_page(desk: Opens, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    """Nobody sees what a browser's console would print; Textual's own way out is no other."""
    async with desk(terminal=BROWSER) as at:
        told = listen(at, monkeypatch)
        await at.press(key)
        assert "The worker of enron keeps running" in str(told[-1]["left"])


async def test_a_browser_has_no_shell(desk: Opens) -> None:
    """ctrl+z says so instead of stopping a process that nobody could continue."""
    async with desk(terminal=BROWSER) as at:
        await at.press("ctrl+z")
        assert "no shell" in at.said()


async def test_a_terminal_gets_nothing_of_this(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no page."""
    async with desk() as at:
        told = listen(at, monkeypatch)
        at.run.state, at.run.alive = RunState.STOPPED, False
        await at.read(later_s=1)
        await at.press("ctrl+t", "q")
        assert told == []
