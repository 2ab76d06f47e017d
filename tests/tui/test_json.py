"""``--json`` of every command: one object on stdout, and one form for every error."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.programs.guide import leaves
from tui.cli import main
from tui.grammar import WITHOUT_JSON, parser

COMMANDS = [(words.split()[1:], command) for words, command, _ in leaves(parser())]


def with_json() -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """Every command that takes ``--json``."""
    for words, command in COMMANDS:
        if "--json" in command._option_string_actions and words[0] not in WITHOUT_JSON:
            yield words, command


def values_of(command: argparse.ArgumentParser) -> Iterator[str]:
    """A value for each word that the command needs; names that nothing has."""
    for action in command._actions:
        if not action.option_strings and action.nargs not in ("?", "*"):
            kind = "5" if action.type is not None and action.type.__module__.endswith("quantities") else "nothing"
            yield str(next(iter(action.choices))) if action.choices else kind


def test_every_command_takes_json_but_those_that_are_named() -> None:
    """A new command has it, or says why not by its name in the list."""
    without = {words[0] for words, command in COMMANDS if "--json" not in command._option_string_actions}
    assert without <= WITHOUT_JSON


@pytest.mark.parametrize(("words", "command"), [pytest.param(*each, id=" ".join(each[0])) for each in with_json()])
def test_a_command_prints_one_object_and_errors_in_one_form(
    words: list[str],
    command: argparse.ArgumentParser,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In an empty home, about runs and files that are not there; also where the words themselves are wrong."""
    monkeypatch.chdir(tmp_path)
    code = main([*words, *values_of(command), "--json"])
    told = json.loads(capsys.readouterr().out)
    assert isinstance(told, dict)
    assert ("error" in told) == (code != 0)
    with pytest.raises(SystemExit) as ended:
        main([*words, "--no-such-option", "--json"])
    wrong = json.loads(capsys.readouterr().out)
    assert ended.value.code == 2
    for error in [wrong["error"], *([told["error"]] if code else [])]:
        assert error.keys() == {"kind", "message", "remedy"}
        assert error["kind"]
        assert error["message"]
