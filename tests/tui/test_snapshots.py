"""Snapshots of screens whose layout no other test checks as a whole, at some sizes and in two themes.

``pytest tests/tui/test_snapshots.py --snapshot-update`` takes them again: look at what changed before you commit it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.tui.scenes import HOME, SCENES, Scene, furnish, stage

PICTURES = [
    pytest.param(scene, (width, height), theme, id=f"{scene.name}-{width}x{height}-{theme}")
    for scene in SCENES
    for width, height, theme in scene.forms
]


@pytest.fixture(autouse=True)
def _same_world(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give every picture the same clock, colors and files; the folder is this process's own."""
    shutil.rmtree(HOME, ignore_errors=True)
    furnish()
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "UTC")
        patch.delenv("NO_COLOR", raising=False)
        patch.chdir(HOME / "mail")
        time.tzset()
        yield
    time.tzset()
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.mark.parametrize(("scene", "size", "theme"), PICTURES)
def test_the_screen_is_drawn_as_in_its_snapshot(
    snap_compare: Callable[..., bool], scene: Scene, size: tuple[int, int], theme: str
) -> None:
    """A screen changes only when somebody looked at the change and updated its snapshot."""
    app, play = stage(scene, theme)
    assert snap_compare(app, terminal_size=size, run_before=play)
