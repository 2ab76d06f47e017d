"""Standard streams that are closed, full, gone or poor in characters: a sentence or silence, never a traceback."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import Forecast, RunState
from core.settings import Settings
from tests.worker.test_process import make, now
from tui.commands.printing import counting, redraw
from tui.commands.status import progress_line
from tui.text.numbers import imported

_FULL_DEVICE = Path("/dev/full")


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """What a shell makes of a line in which ``labeltui`` stands for the command."""
    own = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    line = line.replace("labeltui", f"{sys.executable} -m tui")
    return subprocess.run(["sh", "-c", line], capture_output=True, env={**own, **environment}, timeout=60, check=False)


@pytest.mark.parametrize(
    ("line", "code", "says"),
    [
        ("labeltui <&-", 2, b"needs a terminal"),
        ("labeltui keys add main <&-", 1, b"The key given is empty"),
        ("labeltui status --json >&-", 0, b""),
        ("labeltui status --json >&- 2>&-", 0, b""),
        ("labeltui status nowhere 2>&-", 2, b""),
    ],
)
def test_a_closed_stream_is_the_null_device(home: Path, line: str, code: int, says: bytes) -> None:
    """The command does what it can, and says what it cannot."""
    done = shell(line)
    assert done.returncode == code
    assert says in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.skipif(not _FULL_DEVICE.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written_is_a_failure_with_a_sentence(home: Path, unbuffered: str) -> None:
    """A script that redirects to a full disk sees code 1, whenever Python writes."""
    done = shell("labeltui info >/dev/full", PYTHONUNBUFFERED=unbuffered)
    assert done.returncode == 1
    assert done.stderr.startswith(b"labeltui: what was said cannot be written")
    assert done.stderr.count(b"\n") == 1


def test_a_reader_that_went_away_is_no_news(home: Path) -> None:
    """`labeltui info | true` prints nothing of its own."""
    assert shell("labeltui info | true").stderr == b""


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_character_that_the_locale_lacks_is_a_question_mark(
    home: Path, settings: Settings, tmp_path: Path, encoding: str
) -> None:
    """A dash or an ellipsis ends no command."""
    make(settings, tmp_path, 3)
    done = shell("labeltui status real", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    assert b"1 work 0 (?)" in done.stdout


def test_a_number_that_is_none_is_explained_in_words(home: Path) -> None:
    """Without the names of functions."""
    assert b"argument --emails: 'x' is no whole number" in shell("labeltui demo --emails x").stderr


def test_a_run_that_does_not_go_on_has_no_time_left(home: Path, settings: Settings, tmp_path: Path) -> None:
    """The forecast of its last worker is not repeated beside a state that ends."""
    snapshot = now(make(settings, tmp_path, 3))
    forecast = Forecast(240.0, 200.0, 300.0, "the server's speed")
    assert "04:00 left" in progress_line(replace(snapshot, state=RunState.RUNNING, forecast=forecast))
    assert "left" not in progress_line(replace(snapshot, state=RunState.DONE, forecast=forecast))
    paused = replace(snapshot, state=RunState.PAUSED, reason="alarm: " + "x" * 100)
    assert progress_line(paused).endswith(f"… · `labeltui resume {snapshot.run.name}` goes on")


class Terminal(io.StringIO):
    """A stream that says that it is a terminal."""

    def isatty(self) -> bool:
        return True


def test_imports_and_exports_show_a_rate_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a terminal, in place, and gone at the end; nothing at all elsewhere."""
    shown = Terminal()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setattr(sys, "stderr", shown)
    with counting("rows read", 4_000) as told:
        assert told is not None
        told(1_000, None)
        told(3_000, 6_000)
    text = shown.getvalue()
    assert "3,000 of 6,000 rows read" in text
    assert "left" in text
    assert text.endswith("\x1b[2K"), "the line is taken back"
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    with counting("rows read", 4_000) as told:
        assert told is None


def test_an_import_says_how_far_it_is() -> None:
    """In the wizard: of how many, how fast, and how long yet, where that is known."""
    assert imported(1_000, 4_000, 2.0) == "1,000 of about 4,000 imported, 500 a second, 00:06 left"
    assert imported(1_000, None, 2.0) == "1,000 imported, 500 a second"


def test_a_line_that_is_drawn_in_place_never_wraps(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It ends one column before the edge, where some terminals would begin the next line."""
    monkeypatch.setattr("shutil.get_terminal_size", lambda: os.terminal_size((20, 5)))
    redraw("a line of forty characters and some more")
    told = capsys.readouterr().out
    assert told.startswith("\r\x1b[K")
    assert len(told.removeprefix("\r\x1b[K")) == 19
