"""``--json`` of every command: one object on stdout, and one form for every error."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import MakeRun
from tests.programs.guide import leaves
from tui import guide
from tui.cli import main
from tui.grammar import WITHOUT_JSON, envelope, parser

LONG = frozenset({"demo", "serve", "simulate"})
"""Commands that go on for a while; tests of their own run them."""
COMMANDS = [(words.split()[1:], command) for words, command, _ in leaves(parser())]


def with_json() -> Iterator[tuple[list[str], argparse.ArgumentParser]]:
    """Every command that takes ``--json``."""
    for words, command in COMMANDS:
        if "--json" in command._option_string_actions and words[0] not in {*WITHOUT_JSON, *LONG}:
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


def test_a_command_that_does_not_exist_names_once_what_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    """The remedy is one sentence."""
    with pytest.raises(SystemExit):
        main(["no-such-command", "--json"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["remedy"] == "`labeltui --help` lists them all."


def test_pages_and_scripts_come_whole_in_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    """The guide, the skill and completions print a text; with ``--json`` it is a value."""

    def told(*words: str) -> dict[str, Any]:
        assert main([*words, "--json"]) == 0
        return dict(json.loads(capsys.readouterr().out))

    assert told("guide", "files")["pages"][0].keys() == {"topic", "title", "text"}
    assert len(told("guide")["pages"]) == len(guide.TOPICS)
    assert told("skill")["text"].startswith("---")
    assert "complete" in told("completions", "fish")["script"]


def test_what_opens_a_console_says_what_programs_ask_instead(capsys: pytest.CaptureFixture[str]) -> None:
    """In the one form of errors."""
    for words in ([], ["open", "mail"]):
        with pytest.raises(SystemExit):
            main([*words, "--json"])
        assert "status --json" in json.loads(capsys.readouterr().out)["error"]["remedy"]


def test_labels_and_an_object_do_not_share_standard_output(
    make_run: MakeRun, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An export to ``-`` has no room for a second answer there."""
    assert main(["export", str(make_run(["a"])), "-", "--json"]) == 1
    assert "both want standard output" in json.loads(capsys.readouterr().out)["error"]["message"]


def test_a_file_of_labels_that_cannot_be_read_says_what_to_do(
    make_run: MakeRun, home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """One that is not there, and one in another encoding."""
    (tmp_path / "latin.csv").write_bytes(b"id,label\ncaf\xe9,1\n")
    path = str(make_run(["a"]))
    for name, message, remedy in (
        ("none.csv", "cannot be read (No such file or directory).", "Check its path and permissions."),
        ("latin.csv", "is not UTF-8 (byte 12).", "Save it as UTF-8."),
    ):
        assert main(["gold", path, str(tmp_path / name), "--json"]) == 1
        error = json.loads(capsys.readouterr().out)["error"]
        assert (error["message"].endswith(message), error["remedy"]) == (True, remedy)


def test_watching_ends_with_the_status(make_run: MakeRun, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A script waits for a run with it, and knows then what came of it."""
    path = make_run(["a"])
    main(["watch", str(path), "--json"])
    watched = json.loads(capsys.readouterr().out)
    main(["status", str(path), "--json"])
    assert watched.keys() == json.loads(capsys.readouterr().out).keys()


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("There is no run 'a'. Runs here: b.", "There is no run 'a'.", "Runs here: b."),
        ("there is no key: add one with labeltui keys add", "there is no key", "add one with labeltui keys add"),
        ("No key is called a: labeltui keys list shows them", "No key is called a", "labeltui keys list shows them"),
        (
            "a.toml is not valid TOML (line 2: no value): mend it",
            "a.toml is not valid TOML (line 2: no value)",
            "mend it",
        ),
        ("The disk is full", "The disk is full", ""),
    ],
)
def test_what_to_do_stands_by_itself(text: str, message: str, remedy: str) -> None:
    """Whether it is a sentence of its own or follows a colon."""
    assert json.loads(envelope("kind", text))["error"] == {"kind": "kind", "message": message, "remedy": remedy}
