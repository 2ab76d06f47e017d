"""``python -m core.worker`` in this process: its arguments, its log, its exit code for whatever ends it."""

from __future__ import annotations

import errno
import gc
import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError
from core.model import PlacesWanted
from core.worker import __main__ as detached

pytestmark = pytest.mark.usefixtures("home")


class Scene:
    """What a worker's process is given, and what it did with it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self.path = folder / "mail.db"
        self.worked: list[Any] = []
        self.ends: list[int | Exception] = []
        self.masks: list[int] = []
        self.parts: list[Path] = []
        self.handler: Any = None
        self._patch = monkeypatch
        monkeypatch.setattr(detached, "work", self._work)
        monkeypatch.setattr(detached, "later_parts", lambda path: self.parts if path == self.path else [])
        monkeypatch.setattr(os, "umask", self.masks.append)

    def _work(self, path: Path, settings: Any, **given: Any) -> int:
        self.worked.append((path, given))
        end = self.ends.pop(0) if self.ends else 0
        if isinstance(end, Exception):
            raise end
        return end

    def run(self, *more: str) -> int:
        self._patch.setattr(sys, "argv", ["core.worker", str(self.path), *more])
        return detached.main()

    @property
    def log(self) -> list[str]:
        lines = self.path.with_suffix(".log").read_text().splitlines()
        return [line.split(" ", 2)[2] for line in lines]


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Scene]:
    """A worker's process of which nothing is a process; its logger is as before afterwards."""
    logger, raises = logging.getLogger("labeltui"), logging.raiseExceptions
    made = Scene(monkeypatch, tmp_path)

    def configure(*, level: int, handlers: list[Any]) -> None:
        (made.handler,) = handlers
        logger.addHandler(made.handler)
        logger.setLevel(level)

    monkeypatch.setattr(logging, "basicConfig", configure)
    yield made
    if made.handler is not None:
        logger.removeHandler(made.handler)
        made.handler.close()
    logger.setLevel(logging.NOTSET)
    logging.raiseExceptions = raises


@pytest.mark.parametrize(
    ("more", "given"),
    [
        ((), {"only": None, "places": None}),
        (("7",), {"only": 7, "places": None}),
        (("0",), {"only": None, "places": None}),
        (("0", '{"places": 3}'), {"only": None, "places": PlacesWanted(places=3)}),
        (("5", '{"address": "h:1"}'), {"only": 5, "places": PlacesWanted("h:1")}),
    ],
)
def test_a_worker_is_told_its_run_how_many_texts_and_where(
    scene: Scene, more: tuple[str, ...], given: dict[str, Any]
) -> None:
    """Whatever it makes is its owner's alone; its log says when it begins and ends; garbage is looked for again."""
    gc.disable()
    assert scene.run(*more) == 0
    assert scene.worked == [(scene.path, given)]
    assert scene.masks == [0o077]
    assert not logging.raiseExceptions
    assert gc.isenabled()
    assert scene.log == [
        f"INFO labeltui: worker of {scene.path} begins", "INFO labeltui: worker ends with code 0",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "worked", "code"),
    [([0, 0, 0], 3, 0), ([0, 3, 0], 3, 3), ([3, 0, 0], 3, 3), ([0, 6, 0], 2, 6), ([6], 1, 6)],
)
def test_a_worker_goes_on_with_later_parts_of_its_series(scene: Scene, ends: list[Any], worked: int, code: int) -> None:
    """As long as each comes to its end; the highest code is that of all."""
    scene.ends = ends
    scene.parts = [scene.path.with_name("two.db"), scene.path.with_name("three.db")]
    places = '{"places": 3}'
    assert scene.run("0", places) == code
    assert [path for path, _ in scene.worked] == [scene.path, *scene.parts][:worked]
    assert [given for _, given in scene.worked[1:]] == [{"places": PlacesWanted(places=3)}] * (worked - 1)
    assert [line for line in scene.log if "goes on" in line] == [
        f"INFO labeltui: worker goes on with {part}" for part in scene.parts[: worked - 1]
    ]


def test_a_worker_that_tries_some_texts_does_not_go_on(scene: Scene) -> None:
    """They are of the run that was named."""
    scene.parts = [scene.path.with_name("two.db")]
    assert scene.run("5") == 0
    assert len(scene.worked) == 1


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (RunBusyError("another has it"), 4, "another has it"),
        (NoUsableKeyError("no key"), 5, "no key"),
        (LabeltuiError("gone"), 1, "gone"),
        (OSError(errno.ENOSPC, "No space left on device"), 1, "space"),
    ],
)
def test_an_error_is_a_sentence_in_the_log_and_a_code(scene: Scene, error: Exception, code: int, said: str) -> None:
    """Without a traceback."""
    scene.ends = [error]
    assert scene.run() == code
    assert len(scene.log) == 2
    assert scene.log[1].startswith("ERROR labeltui: ")
    assert said in scene.log[1]


def test_an_error_that_nobody_knows_is_logged_with_its_traceback(scene: Scene) -> None:
    """In lines that a terminal shows as they are."""
    scene.ends = [ZeroDivisionError("odd \x1b[31m")]
    assert scene.run() == 1
    log = scene.path.with_suffix(".log").read_text()
    assert "the worker met an error that it does not know" in log
    assert "Traceback" in log
    assert "\x1b" not in log


def test_the_log_is_moved_aside_at_a_million_bytes_and_two_old_ones_are_kept(scene: Scene) -> None:
    """Each line has time, level and logger."""
    scene.run()
    assert (scene.handler.maxBytes, scene.handler.backupCount, scene.handler.encoding) == (1_000_000, 2, "utf-8")
    assert logging.getLogger("labeltui").level == logging.INFO


@pytest.mark.parametrize("told", [True, False])
def test_a_worker_that_was_started_ahead_reads_its_arguments(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """What it says goes into the log of the run that it is told; told nothing, it ends."""
    copied: list[tuple[int, int]] = []
    line = json.dumps([str(scene.path), "4"]) + "\n" if told else ""
    monkeypatch.setattr(sys, "argv", ["core.worker"])
    monkeypatch.setattr(sys, "stdin", io.StringIO(line))
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(fileno=lambda: 101))
    monkeypatch.setattr(sys, "stderr", SimpleNamespace(fileno=lambda: 102, write=lambda _: 0, flush=lambda: None))
    monkeypatch.setattr(os, "dup2", lambda *given: copied.append(given))
    assert detached.main() == 0
    assert scene.worked == ([(scene.path, {"only": 4, "places": None})] if told else [])
    assert [into for _, into in copied] == ([101, 102] if told else [])
    assert len({log for log, _ in copied}) == (1 if told else 0)
    assert scene.path.with_suffix(".log").exists() is told
