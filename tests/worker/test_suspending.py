"""ctrl+z under a real terminal and a shell: the shell gets its terminal back, the console its picture, the worker on."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.commands.catalog import Stop
from core.model import RunState
from core.runs import send as commands
from core.runs.send import await_answer
from core.settings import Settings
from tests.programs.pty.terminal import Terminal
from tests.worker.test_process import make, now, simulator, until

JOBS = str(Path(__file__).parents[1] / "programs" / "pty" / "jobs.py")
SUSPEND = "\x1a"
LEFT = ("\x1b[?1049l", "\x1b[?25h", "\x1b[?7h", "\x1b[?2004l", "\x1b[?1000l", "\x1b[?1003l", "\x1b[?1004l")
"""What gives a terminal back: its own screen, a cursor, wrapped lines; nothing told of pastes, mouse and focus."""
SIZE = (100, 32)


@contextmanager
def console_in_a_shell(home: Path) -> Iterator[Terminal]:
    """A console that was started from a shell, on the run, with its first picture."""
    environment = {**os.environ, "LABELTUI_HOME": str(home), "LABELTUI_TOUR": "0", "TEXTUAL_ANIMATIONS": "none"}
    with Terminal([JOBS, sys.executable, "-m", "tui", "open", "real"], SIZE, environment) as terminal:
        terminal.until_seen("pending")
        yield terminal


def suspend(terminal: Terminal) -> str:
    """Press ctrl+z; what came until the shell says that its job stopped."""
    terminal.write(SUSPEND)
    return terminal.until_seen("[stopped echo lines signals]")


def resume(terminal: Terminal, last_words: str = "leave") -> str:
    """Tell the shell to go on; what came until the footer was drawn."""
    terminal.write("fg\r")
    return terminal.until_seen(last_words)


def plain(came: str) -> str:
    """The text in what came, without its sequences."""
    return re.sub(r"\x1b(?:\[[0-9;:?<>$]*[a-zA-Z]|\][^\x07]*\x07)", "", came)


def test_a_suspended_console_gives_the_terminal_back_and_takes_it_again(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shell finds a terminal that echoes; meanwhile the worker labels; fg draws all anew and keys work as before."""
    with simulator(monkeypatch, "--latency", "0.2", "--rpm", "240"):
        path = make(settings, tmp_path, 400)
        with console_in_a_shell(home) as terminal:
            terminal.write("s")
            terminal.until_seen("RUNNING")
            working = until(path, lambda snapshot: snapshot.labeled > 0)
            for _ in range(2):
                came = suspend(terminal)
                assert all(sequence in came for sequence in LEFT)
                at_stop = now(path)
                later = until(path, lambda snapshot, before=at_stop: snapshot.labeled > before.labeled + 3)
                assert (later.worker.pid, later.worker.epoch, later.state) == (
                    working.worker.pid, 1, RunState.RUNNING,
                )  # fmt: skip
                drawn = plain(resume(terminal))
                for words in ("real", "Progress", "Keys", "Rate", "Labels", "Follow-ups", "Recent", "Worker"):
                    assert words in drawn, words
            terminal.write("e")
            terminal.until_seen("subject")
            terminal.write("\x1b")
            terminal.until_seen("Progress")
            terminal.write("q")
            terminal.until_seen("[ended 0 echo lines signals]")
        assert now(path).worker.pid == working.worker.pid
        assert await_answer(path, commands.send(path, Stop())) is not None
        until(path, lambda snapshot: not snapshot.worker.alive)


def test_a_terminal_that_was_resized_meanwhile_is_drawn_in_its_new_size(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A console that was stopped got no signal of it, and reaches the new corner, whatever size a shell exported."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("LINES", "24")
    make(settings, tmp_path, 5)
    with console_in_a_shell(home) as terminal:
        suspend(terminal)
        terminal.resize((80, 24))
        drawn = resume(terminal, "\x1b[24;1H")  # waits for it: a busy machine draws parts before the whole
        assert "\x1b[25;1H" not in drawn
        suspend(terminal)
        terminal.resize((120, 40))
        resume(terminal, "\x1b[40;1H")
        terminal.write("q")
        terminal.until_seen("[ended 0 echo lines signals]")


def test_a_console_that_others_stopped_comes_back_as_well(home: Path, settings: Settings, tmp_path: Path) -> None:
    """A stop that cannot be prepared for leaves the terminal raw: going on takes it anew, and leaving restores it."""
    make(settings, tmp_path, 5)
    with console_in_a_shell(home) as terminal:
        terminal.rest()
        (console,) = terminal.children()
        threads = len(list(Path(f"/proc/{console}/task").iterdir()))
        for _ in range(2):
            os.kill(console, signal.SIGSTOP)
            terminal.until_seen("[stopped ]")
            drawn = resume(terminal)
            assert "Progress" in plain(drawn)
            terminal.rest()
        assert len(list(Path(f"/proc/{console}/task").iterdir())) == threads, "two readers would share the keys"
        terminal.write("a")
        terminal.until_seen("no key yet")
        terminal.write("q")
        rest = terminal.until_seen("[ended 0 echo lines signals]")
        assert "Warning" not in rest
