"""Making a run in the console: look first, then make; from an empty list to a running demo."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.settings import load_settings
from tests.tui.conftest import Opens
from tests.tui.fake_backend import FakeBackend
from tui.cli import main
from tui.making import NewRunWish, make, preview
from tui.screens.monitor import MonitorScreen
from tui.screens.new_run import NewRun
from tui.screens.runs import RunsScreen
from tui.widgets.paths import complete_path


def nothing(backend: FakeBackend) -> None:
    backend.all_runs = []


@pytest.mark.asyncio
async def test_the_demo_is_one_key_from_an_empty_list(desk: Opens) -> None:
    """D makes the demo and shows its monitor."""
    async with desk(listed=True, change=nothing, size=(80, 24)) as at:
        assert "D   labeltui demo" in at.screen()
        await at.press("D")
        assert at.backend.asked == [("make_demo",)]
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_a_run_is_made_only_after_its_rows_were_shown(desk: Opens) -> None:
    """The first enter shows rows and forecast, the second makes the run and opens it."""
    async with desk(listed=True, size=(80, 24)) as at:
        await at.press("w", *"mail.csv", "enter")
        assert at.backend.asked == [("preview", NewRunWish("mail.csv"))]
        shown = at.screen()
        assert "the contract" in shown
        assert "calls 9" in shown
        assert "enter make it" in shown
        await at.press("enter")
        assert at.backend.asked[-1] == ("make", NewRunWish("mail.csv"))
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_what_was_changed_after_the_look_is_looked_at_again(desk: Opens) -> None:
    """No run is made of settings whose forecast nobody saw."""
    async with desk(listed=True) as at:
        await at.press("w", *"a.csv", "enter", "ctrl+o", "enter")
        assert [what[0] for what in at.backend.asked] == ["preview", "preview"]
        assert at.backend.asked[-1][1] == NewRunWish("a.csv", order="source")
        await at.press("escape")
        assert isinstance(at.app.screen, RunsScreen)


@pytest.mark.asyncio
async def test_a_refused_source_keeps_what_was_typed(desk: Opens) -> None:
    """The reason stands in the window, and the window stays."""
    async with desk(listed=True) as at:
        await at.press("w", "enter")
        assert "Name a .csv" in at.screen()
        at.backend.refusal = "a.csv does not exist."
        await at.press(*"a.csv", "enter")
        assert "a.csv does not exist." in at.screen()
        assert isinstance(at.app.screen, NewRun)


def test_a_path_is_completed_from_the_disk(tmp_path: Path) -> None:
    """Folders end in a slash, and nothing is suggested where nothing fits."""
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "enron.csv").write_text("x")
    assert complete_path(f"{tmp_path}/ma") == f"{tmp_path}/mails/"
    assert complete_path(f"{tmp_path}/mails/en") == f"{tmp_path}/mails/enron.csv"
    assert complete_path(f"{tmp_path}/nothing/x") is None
    assert complete_path(f"{tmp_path}/mails/") is None


def test_a_real_source_is_previewed_and_made(tmp_path: Path) -> None:
    """The preview reads real rows and plans without writing a run; making writes it."""
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch\n\nNoon?"\n8,"Subject: gas\n\nNominate."\n', "utf-8")
    settings = load_settings({"LABELTUI_HOME": str(tmp_path / "home")})
    seen = preview(settings, NewRunWish(str(source)))
    assert [row[0] for row in seen.rows] == ["7", "8"]
    assert seen.rows[0][2] == "lunch"
    assert any("tokens" in text for text in seen.forecast)
    assert not settings.runs_dir.exists()
    assert make(settings, NewRunWish(str(source), name="mine")).name == "mine.db"


@pytest.mark.asyncio
async def test_a_read_only_console_refuses_every_wish(desk: Opens) -> None:
    """Keys that would change something say why they do not, on every screen, and nothing is asked."""
    async with desk(read_only=True) as at:
        await at.press("p", "x", "T", "k", "d", "a", "delete", "escape", "escape", "w", "D")
        assert at.backend.asked == []
        assert "read-only" in at.said()
        assert isinstance(at.app.screen, RunsScreen)


def test_watching_a_run_without_a_worker_prints_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where stdout is no terminal a plain line is printed, and a run with work left ends with code 1."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path))
    source = tmp_path / "mail.csv"
    source.write_text('id,message\n7,"Subject: lunch"\n', "utf-8")
    make(load_settings(), NewRunWish(str(source), name="mine"))
    assert main(["watch", "mine"]) == 1
    said = capsys.readouterr().out
    assert said.startswith("mine ")
    assert said.count("\n") == 1
    assert "\x1b" not in said


@pytest.mark.asyncio
async def test_lately_holds_still_while_it_is_read(desk: Opens) -> None:
    """What happens meanwhile is shown when the focus leaves."""
    async with desk() as at:
        await at.press("6")
        before = at.lines_of("LatelyPane")
        at.run.lately = at.run.lately[3:]
        await at.read(later_s=1)
        assert at.lines_of("LatelyPane") == before
        await at.press("1")
        await at.read(later_s=1)
        assert at.lines_of("LatelyPane") != before
