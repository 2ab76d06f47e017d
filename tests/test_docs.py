"""What the documents say is so."""

from __future__ import annotations

import argparse
import re
from importlib import import_module
from pathlib import Path

import pytest

from tui.actions.active import keys_table
from tui.cli import ANSWERS
from tui.grammar import parser

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def commands() -> dict[str, argparse.ArgumentParser]:
    for action in parser()._actions:
        if isinstance(action, argparse._SubParsersAction):
            return dict(action.choices)
    raise AssertionError("no commands")


@pytest.mark.parametrize("name", sorted(commands()))
def test_every_command_is_in_the_readme(name: str) -> None:
    """A command that nobody can read about does not exist for its users."""
    assert re.search(rf"`labeltui [a-z|\\]*\b{name}\b", README)


def test_the_table_of_keys_is_the_consoles_own() -> None:
    """The README shows the table that the action list gives."""
    shown = README.partition("<!-- keys table -->")[2].partition("<!-- end of keys table -->")[0]
    assert shown.strip() == keys_table().strip()


def test_every_picture_and_file_that_the_documents_name_exists() -> None:
    """No broken links inside the project."""
    for document in ("README.md", "CONTRIBUTING.md"):
        text = (ROOT / document).read_text("utf-8")
        named = re.findall(r"\]\(((?!http)[^)#]+)\)", text) + re.findall(r"`((?:tests|core|tui)/[\w./]+)`", text)
        named += re.findall(r'src(?:set)?="([^"]+)"', text)
        missing = [name for name in named if not (ROOT / name).exists()]
        assert missing == [], document


def test_the_lock_pins_with_hashes_and_names_no_index() -> None:
    """Anyone can check what is installed, from wherever it comes."""
    lock = (ROOT / ".requirements.lock").read_text("utf-8")
    assert "://" not in lock
    assert "--index-url" not in lock
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#", "-"))]
    assert len(pins) > 50
    assert all("==" in line and line.endswith("\\") for line in pins)


def test_every_command_is_answered() -> None:
    """What the command line offers, some function of ours does."""
    assert sorted(name for name in ANSWERS if name) == sorted(commands())
    for place in ANSWERS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
