"""Pictures of every screen at three sizes and in two themes, compared with those that a person looked at.

``pytest tests/tui/test_snapshots.py --snapshot-update`` takes them anew: look at what changed before you commit it.
"""

from __future__ import annotations

import fcntl
import shutil
import time
from collections.abc import Callable, Iterator

import pytest

from tests.tui.scenes import HOME, SCENES, Scene, furnish, stage
from tui.terminal.theme import DARK, LIGHT

SIZES = ((80, 24), (120, 40), (160, 50))
PICTURES = [
    pytest.param(scene, size, theme, id=f"{scene.name}-{size[0]}x{size[1]}-{theme}")
    for scene in SCENES
    for size in SIZES
    for theme in (DARK, LIGHT)
    if scene.screen or (size, theme) == (SIZES[0], DARK)
]


@pytest.fixture(autouse=True)
def _alone() -> Iterator[None]:
    """Nobody else's pictures meanwhile: the folder has one name for everybody, since it stands on some screens."""
    with HOME.with_suffix(".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@pytest.fixture(autouse=True)
def _same_world(monkeypatch: pytest.MonkeyPatch, _alone: None) -> Iterator[None]:
    """The same clock, colors and files for whoever takes the picture."""
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
def test_it_looks_as_it_did(snap_compare: Callable[..., bool], scene: Scene, size: tuple[int, int], theme: str) -> None:
    """No screen changes its looks without somebody having looked at it."""
    app, play = stage(scene, theme)
    assert snap_compare(app, terminal_size=size, run_before=play)
