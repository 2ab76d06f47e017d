"""An error that nobody expected shows where it happened: no key that was being typed, no email, nothing that acts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from core.text import UNSAFE
from tests.tui.conftest import Desk, Opens
from tui.cli import main
from tui.terminal import crash

SECRET = "gsk_QwErTy0123456789ZxCvBnM"
OTHER = "my-provider:Zz9Yy8Xx7Ww6"
EVIL = "\x1b]52;c;cm0=\x07[red]\u202e\x9b2J"


class BreaksError(Exception):
    """An error without a handler."""


async def crashed(desk: Opens, typed: str, capsys: pytest.CaptureFixture[str]) -> tuple[str, str, Path]:
    """What is printed and what is kept where the console breaks in the window for a key."""
    at: Desk | None = None

    def breaks(*_: object) -> None:
        held = f"a local variable with {typed}"
        raise BreaksError(f"in the middle of {held!r}: {EVIL}")

    with pytest.raises(BreaksError):  # noqa: PT012 - it is raised anew where the console ends
        async with desk() as at:
            await at.press("a", "a", *typed)
            at.app.screen._save = breaks
            await at.press("enter")
    assert at is not None
    said = capsys.readouterr()
    return said.out + said.err, at.app.crash_path.read_text("utf-8"), at.app.crash_path


@pytest.mark.asyncio
@pytest.mark.parametrize("typed", [SECRET, OTHER])
async def test_a_console_that_breaks_while_a_key_is_typed_shows_no_key(
    desk: Opens, capsys: pytest.CaptureFixture[str], typed: str
) -> None:
    """Neither in the terminal nor in the report, whatever the key looks like; no variable is printed at all."""
    said, kept, path = await crashed(desk, typed, capsys)
    for text in (said, kept):
        assert typed not in text
        assert typed[4:-4] not in text
        assert UNSAFE.search(text) is None
        assert "locals" not in text
    assert "BreaksError" in said
    assert str(path) in re.sub(r"\s", "", said)
    assert "in breaks" in kept
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.asyncio
async def test_the_secret_in_the_window_is_masked(desk: Opens) -> None:
    """On the screen and in a picture of it that the console itself saves."""
    async with desk() as at:
        await at.press("a", "a", *SECRET)
        assert SECRET[4:8] not in at.screen()
        assert SECRET[4:8] not in at.app.export_screenshot()
        assert "••••" in at.screen()


def test_a_command_that_breaks_reports_it_inertly(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The traceback names the place; a key in the error's own words is taken out."""

    def breaks(*_: object) -> int:
        raise BreaksError(f"{SECRET} and {EVIL}")

    monkeypatch.setattr("tui.commands.info.info", breaks)
    assert main(["info"]) == 1
    said = capsys.readouterr()
    assert said.out == ""
    assert "BreaksError" in said.err
    assert SECRET[4:] not in said.err
    assert UNSAFE.search(said.err) is None


def test_a_report_that_cannot_be_kept_is_said_so(tmp_path: Path) -> None:
    """A folder that is a file, say; the console still ends with its sentence."""
    (tmp_path / "file").write_text("")
    path = tmp_path / "file" / "crash.txt"
    assert not crash.keep(path, "text")
    assert "cannot be written" in crash.sentence(BreaksError("x"), path, kept=False)
