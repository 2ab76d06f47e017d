"""The settings file of the console: read with sentences on what is wrong, and changed by one line at a time."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from core.errors import LabeltuiError
from tui.terminal.preferences import line_of, read_preferences, remember

COMMENTED = """# mine
theme = "nord"  # for the night

[keys]
pause = "f9"
"theme" = "f9"
"""


def test_a_missing_file_says_nothing(tmp_path: Path) -> None:
    """No file is no trouble."""
    said = read_preferences(tmp_path / "console.toml")
    assert (said.theme, said.ascii, said.toured, dict(said.keys), said.troubles) == ("", None, False, {}, ())


def test_saving_changes_one_line_and_keeps_comments(tmp_path: Path) -> None:
    """A setting is replaced where it stands or put on top; tables and comments stay."""
    path = tmp_path / "deep" / "console.toml"
    remember(path, "theme", "nord")
    assert read_preferences(path).theme == "nord"
    path.write_text(COMMENTED)
    remember(path, "theme", "gruvbox")
    remember(path, "toured", value=True)
    text = path.read_text()
    assert text.splitlines()[:3] == ["toured = true", "# mine", 'theme = "gruvbox"']
    assert tomllib.loads(text)["keys"] == {"pause": "f9", "theme": "f9"}


def test_what_is_saved_already_is_not_written_again(tmp_path: Path) -> None:
    """The line with its comment stays where the value is the same."""
    path = tmp_path / "console.toml"
    path.write_text(COMMENTED)
    remember(path, "theme", "nord")
    assert path.read_text() == COMMENTED


def test_a_broken_file_is_reported_and_left_alone(tmp_path: Path) -> None:
    """Nothing that an operator wrote is lost to a slip in it."""
    path = tmp_path / "console.toml"
    path.write_text("theme = = broken\n[keys]\n")
    assert "is not TOML" in read_preferences(path).troubles[0]
    assert "line 1" in read_preferences(path).troubles[0]
    with pytest.raises(LabeltuiError, match="it is unchanged"):
        remember(path, "theme", "nord")
    assert path.read_text() == "theme = = broken\n[keys]\n"


def test_a_setting_written_over_lines_is_not_torn(tmp_path: Path) -> None:
    """Where one line does not hold the setting, the file is it is unchanged, with a sentence."""
    path = tmp_path / "console.toml"
    text = 'theme = """\nnord"""\n'
    path.write_text(text)
    with pytest.raises(LabeltuiError, match="it is unchanged"):
        remember(path, "theme", "gruvbox")
    assert path.read_text() == text


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("theme = 3", "console.toml, line 1 (theme): it must be a name"),
        ('\nascii = "yes"', "console.toml, line 2 (ascii): it must be true or false"),
        ("keys = 1", "console.toml, line 1 (keys): it must be a table"),
        ("\n\ncolor = 1", "console.toml, line 3 (color): there is no such setting."),
    ],
)
def test_a_wrong_setting_is_named_with_its_line(tmp_path: Path, text: str, told: str) -> None:
    """Where, what is wrong, and that the default stands in."""
    path = tmp_path / "console.toml"
    path.write_text(text)
    said = read_preferences(path)
    assert len(said.troubles) == 1
    assert told in said.troubles[0]


def test_a_line_is_found_in_its_table_only() -> None:
    """The same name at the top and in a table are two entries."""
    assert line_of(COMMENTED, "theme") == 2
    assert line_of(COMMENTED, "theme", "keys") == 6
    assert line_of(COMMENTED, "pause", "keys") == 5
    assert line_of(COMMENTED, "pause") == 0
    assert line_of(COMMENTED, "keys") == 4
