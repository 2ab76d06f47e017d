"""What the documents say is so."""

from __future__ import annotations

import argparse
import re
import tomllib
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


@pytest.mark.parametrize("name", [".requirements.lock", "tests/requirements.lock"])
def test_a_lock_pins_with_hashes_and_names_no_index(name: str) -> None:
    """Each lock begins with its recipe, and holds pins with hashes that can be checked wherever the files come from."""
    lock = (ROOT / name).read_text("utf-8")
    assert "uv pip compile" in lock.partition("\naiohappyeyeballs")[0]
    assert "--exclude-newer" in lock.partition("\naiohappyeyeballs")[0]
    assert "://" not in lock
    assert "--index-url" not in lock.replace("--no-emit-index-url", "")
    pins = [line for line in lock.splitlines() if line and not line.startswith((" ", "#", "-"))]
    assert len(pins) > 50
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert any(line.startswith("setuptools==") for line in pins)


def test_the_locks_agree_and_hold_every_dependency() -> None:
    """The lock of the tests pins what the other one pins, and the packages of all extras beside."""

    def pins(name: str) -> dict[str, str]:
        found = re.findall(r"^([\w.-]+)==(\S+)", (ROOT / name).read_text("utf-8"), re.MULTILINE)
        return {package.lower(): version for package, version in found}

    run, everything = pins(".requirements.lock"), pins("tests/requirements.lock")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = [line for lines in project["optional-dependencies"].values() for line in lines]

    def names(lines: list[str]) -> set[str]:
        return {re.match(r"[\w.-]+", line).group().lower() for line in lines}

    assert run.items() <= everything.items()
    assert names(project["dependencies"]) <= run.keys()
    assert names(extras) <= everything.keys()


def test_every_command_is_answered() -> None:
    """What the command line offers, some function of ours does."""
    assert sorted(name for name in ANSWERS if name) == sorted(commands())
    for place in ANSWERS.values():
        module, _, function = place.partition(":")
        assert callable(getattr(import_module(module), function))
