"""The pictures: every screen once, two in every size and theme, small, of the demo only, and all on their page."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree as ET

import pytest

FOLDER = Path(__file__).resolve().parent.parent / "screenshots"
PICTURES = sorted(FOLDER.rglob("*.svg"))


def script(name: str) -> ModuleType:
    """A module of the folder of scripts, which is no package."""
    spec = importlib.util.spec_from_file_location(f"pictures_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)  # dataclasses look it up by name
    spec.loader.exec_module(module)
    return module


catalog = script("catalog")


def test_the_folders_hold_the_pictures_of_the_catalog_and_no_others() -> None:
    """Every screen is there in the dark theme, two screens in every size and theme."""

    def found(folder: str) -> list[str]:
        return sorted(path.stem for path in (FOLDER / folder).glob("*.svg"))

    assert found("dark") == sorted(catalog.names())
    for folder in catalog.OTHER_FOLDERS:
        assert found(folder) == sorted(catalog.IN_EVERY_FORM), folder
    assert found("themes") == sorted(f"{name}-{theme}" for name in catalog.IN_EVERY_FORM for theme in catalog.THEMES)


def test_the_repository_holds_few_pictures() -> None:
    """Screenshots, film and snapshots are at most 90 files together."""
    snapshots = FOLDER.parent / "tests" / "tui" / "__snapshots__"
    assert len(PICTURES) + len(list(snapshots.rglob("*.svg"))) <= 90


def test_every_picture_is_taken_on_some_walk() -> None:
    """A name that no walk takes would never be updated."""
    walks = (FOLDER / "walks.py").read_text("utf-8")
    taken = set(re.findall(r'camera\.take\(pilot, f?"([^"]+)"', walks))
    missing = {name for name in catalog.names() if name not in taken and not name.startswith("monitor-")}
    assert missing == set()


def test_the_page_is_the_catalogs_own() -> None:
    """The page lists exactly the catalog."""
    assert (FOLDER / "README.md").read_text("utf-8") == catalog.page()


@pytest.mark.parametrize("path", PICTURES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_picture_is_small_and_whole_and_shows_nothing_of_its_machine(path: Path) -> None:
    """Well-formed, below 100 kB (the animation 400), without addresses, and with no path but the stage's."""
    text = path.read_text("utf-8")
    ET.fromstring(text)
    assert len(text.encode()) < (400_000 if path.stem == "pause-swap-resume" else 100_000)
    assert "<script" not in text
    drawn = re.sub(r"<[^>]*>", "\n", text)
    hosts = {re.sub(r"^\w+://|[/:].*$", "", url) for url in re.findall(r"\w+://[\w.:/-]+", drawn)}
    assert hosts <= {"127.0.0.1", "console.groq.com", "api.groq.com", "localhost"}
    paths = set(re.findall(r"/(?:tmp|home|root|work|Users|usr|var)/[\w.-]*", drawn))
    assert all("/tmp/labeltui-pictures".startswith(path) for path in paths), "a long one may be cut, but begins so"
    assert not re.search(r"\broot\b", drawn)


# -- how an export becomes small --------------------------------------------------------------------------------------

drawing = script("drawing")

EXPORT = (
    ".terminal-7-r1 { fill: #d5dbe3 }\n.terminal-7-r2 { fill: #d5dbe3;text-decoration: underline }"
    '<rect fill="#111111" x="0" y="1.5" width="24.4" height="24.65" shape-rendering="crispEdges"/>'
    '<rect fill="#222222" x="24.4" y="1.5" width="12.2" height="24.65" shape-rendering="crispEdges"/>'
    '<rect fill="#222222" x="36.6" y="1.5" width="12.2" height="24.65" shape-rendering="crispEdges"/>'
    '<rect fill="#222222" x="24.4" y="25.9" width="24.4" height="24.65" shape-rendering="crispEdges"/>'
    '<text class="terminal-7-r1" x="12.2" y="20" textLength="48.8">&#160;ab&#160;</text>'
    '<text class="terminal-7-r1" x="61" y="20" textLength="24.4">c&amp;</text>'
    '<text class="terminal-7-r2" x="0" y="44.4" textLength="36.6">&#160;d&#160;</text>'
    '<text class="terminal-7-r1" x="36.6" y="44.4" textLength="12.2">\n</text>'
)


def test_stretches_of_one_style_become_one_and_keep_their_cells() -> None:
    """Spaces at the ends go, those between stay; an underline is seen on spaces too."""
    drawn = drawing.read(EXPORT, (10, 2), "#111111")
    assert [(each.row, each.column, each.cells, each.text) for each in drawn.stretches] == [
        (0, 2, 5, "ab c&"),
        (1, 0, 3, " d "),
    ]


def test_grounds_that_touch_become_one_rectangle() -> None:
    """Beside each other and below each other; what has the color of the window is not drawn."""
    drawn = drawing.read(EXPORT, (10, 2), "#111111")
    assert [(g.row, g.column, g.rows, g.columns, g.fill) for g in drawn.grounds] == [(0, 2, 2, 2, "#222222")]
    ET.fromstring(drawing.picture(drawn, "a & b", "#111111", "#888888"))
