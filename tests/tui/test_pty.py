"""Under a real terminal: nothing that comes from outside ever reaches it as anything but text."""

from __future__ import annotations

import contextlib
import importlib
import pkgutil
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual.widget import Widget

import tui
from core.storage.file.lock import RunLock
from tests.programs.pty.hostile import Marks, build, home_of, source_of
from tests.programs.pty.stream import Stream
from tests.programs.pty.terminal import Terminal
from tests.programs.pty.walk import Walk

NOT_SHOWN = {
    *("source", "base url", "argument", "requester", "event kind", "event's alias"),
    "host",  # where the line has room for it
    "spending's model",  # spending is summed over models
}
"""Texts from outside that the walk does not come past."""


@dataclass(frozen=True, slots=True)
class Walked:
    """What a walk left: what came, which classes were shown, which marks there were to see."""

    stream: Stream
    shown: frozenset[str]
    marks: Marks


def walk(folder: Path, size: tuple[int, int], manner: str, state: str) -> Walked:
    """Walk through the console of a hostile home; a run that waits has a worker that seems to live."""
    marks = Marks()
    marks.of("sentence")  # the console's own
    settings = home_of(folder, marks)
    path = build(settings, marks, state=state)
    stream = Stream()
    arguments = ["-m", "tests.programs.pty.console", str(settings.home), "-", manner, "{report}"]
    with contextlib.ExitStack() as stack:
        if state == "waiting":
            stack.enter_context(RunLock(path))
        terminal = stack.enter_context(Terminal(arguments, size, {}, reports=True))
        walked = Walk(terminal, stream, (str(source_of(settings, marks)),))
        walked.everywhere()
        walked.by_steps(str(source_of(settings, marks)))
        walked.shrink((24, 6), size)
        walked.leave()
    return Walked(stream, frozenset(walked.shown), marks)


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    """A walk through everything in a large terminal, beside a worker that seems to live."""
    return walk(tmp_path_factory.mktemp("pty"), (120, 40), "obliging", "waiting")


def test_no_sequence_comes_from_data(walked: Walked) -> None:
    """Every escape sequence is the driver's own, and no text between them holds what a terminal handles or hides."""
    assert walked.stream.wrong == []
    assert len(walked.stream.copied) >= 2
    assert all("zq-" in copied for copied in walked.stream.copied)


def test_what_was_hostile_stood_there_to_be_read(walked: Walked) -> None:
    """The walk went past every text from outside that the console shows: each left its mark, beside its escapes."""
    text = "".join(walked.stream.texts)
    unseen = {name for name in walked.marks.names if walked.marks.of(name) not in text}
    assert unseen <= NOT_SHOWN
    assert "\u241b]52;c;zq-" in text


NOT_MET = {
    "tui.screens.batches.StopWithBatches",
    "tui.screens.line_windows.Download",
    "tui.screens.modals.FindLabel",
    "tui.screens.new_run.writing.WriteTask",
    "tui.screens.quality.quality.BehindFigures",
    "tui.screens.quality.settle.SettleScreen",
    "tui.widgets.panes.places.PlacesPane",
}
"""The hostile run has no places (their pane has a test of its own), no open batches (the window that asks about them shows
numbers alone), nothing audited (the list of what is behind a figure has the rows of other lists), no people who differ
(their screen is that for reviewing with one more line), and fewer than ten labels (more are found in a window whose rows
are those for a manual label, which is walked past). The window for a download is shown in a browser alone, and all but
its title is that for saving. Fields in which a task is written hold what was typed there."""


def test_every_widget_was_walked_past(walked: Walked) -> None:
    """Whoever adds a screen or a widget has it shown here."""
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if module.name != "tui.__main__":
            importlib.import_module(module.name)
    ours = {f"{kind.__module__}.{kind.__qualname__}" for kind in _below(Widget) if kind.__module__.startswith("tui.")}
    assert len(ours) > 20
    assert ours - walked.shown == NOT_MET


@pytest.mark.slow
def test_no_sequence_comes_from_data_in_a_small_terminal(tmp_path: Path) -> None:
    """The same walk at 80 by 24, without a worker, while the engine refuses everything in hostile words."""
    assert walk(tmp_path, (80, 24), "refusing", "stopped").stream.wrong == []


def _below(kind: type[Widget]) -> set[type[Widget]]:
    return {kind} | {each for child in kind.__subclasses__() for each in _below(child)}
