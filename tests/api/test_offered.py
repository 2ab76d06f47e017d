"""What the published package offers, in this process: its names, its packages, and what a run is asked to do."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import labeltui
import pytest
from labeltui.api import Run

from core.commands.catalog import Pause, Resume, Stop
from core.runs.save import ExportOptions
from tests.tui.fakes import NOW, running


def test_names_are_imported_when_they_are_asked_for() -> None:
    """Another is refused as Python does."""
    assert labeltui.Run is Run
    assert labeltui.Server.__name__ == "Preset"
    with pytest.raises(AttributeError, match=r"^module 'labeltui' has no attribute 'nothing'$"):
        _ = labeltui.nothing


@pytest.mark.parametrize(
    ("found", "first"),
    [
        (None, "nothing"),
        (SimpleNamespace(submodule_search_locations=None, origin="/there/core.py"), "/there/core.py"),
        (SimpleNamespace(submodule_search_locations=["/there/core", "/later/core"], origin="x"), "/there/core"),
    ],
)
def test_another_package_in_the_way_is_told(
    found: Any, first: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By the place where Python finds it."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: found)
    said = f"labeltui needs its own package 'core', but Python finds another one first: {first}. Install labeltui into"
    with pytest.raises(ImportError) as refused:
        labeltui._check("core")
    assert str(refused.value).startswith(said)
    assert labeltui.main() == 1
    out, err = capsys.readouterr()
    assert (out, err.startswith(f"labeltui: {said}")) == ("", True)


@pytest.mark.parametrize("missing", ["core", "tui", ""])
def test_the_command_line_begins_where_both_packages_are_ours(
    missing: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Each is known by a file; its exit code is the program's."""
    for name, mark in (("core", "engine.py"), ("tui", "start.py")):
        (tmp_path / name).mkdir()
        if name != missing:
            (tmp_path / name / mark).write_text("")
    monkeypatch.setattr(
        importlib.util,
        "find_spec",
        lambda name: SimpleNamespace(submodule_search_locations=["/elsewhere", str(tmp_path / name)], origin=""),
    )
    monkeypatch.setattr(labeltui.importlib, "import_module", lambda _: SimpleNamespace(main=lambda: 7))
    assert labeltui.main() == (1 if missing else 7)


def test_a_run_asks_its_engine() -> None:
    """Each word once; what it is shown as, how long it is."""
    called: list[Any] = []

    class Engine:
        def snapshot(self, path: Path) -> Any:
            return running(1_040, 20).snapshot(NOW)

        def __getattr__(self, name: str) -> Any:
            return lambda *of: called.append((name, *of))

    path = Path("/runs/mail.db")
    run = Run(path, Engine())
    assert (run.name, len(run), repr(run)) == ("mail", 1_040, "<Run mail: running, 19 of 1,040 labeled>")
    run.start()
    run.pause()
    run.resume()
    run.stop()
    run.export("a.csv", only="human")
    assert called == [
        ("start", path), ("send", path, Pause()), ("send", path, Resume()), ("send", path, Stop()),
        ("export", path, Path("a.csv"), ExportOptions(only="human")),
    ]  # fmt: skip
