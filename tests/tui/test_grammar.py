"""What the command line takes: answers, kinds of values and defaults as one table; help, near misses and errors."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tui import grammar

READING = "format:source_format encoding:encoding"
PLACES = "concurrency:concurrency ray?='' places:count width:count"
TABLE = {
    "": "console:console_on_runs",
    "add": f"sources:add run source:path+ {READING}",
    "archive": "files:archiving run",
    "backup": "files:answer run file:Path",
    "budget": "control:budget run tokens:count money:amount hours:amount",
    "check": "files:answer run",
    "compare": "quality:compare run other?",
    "completions": "shells:completions shell{bash,zsh,fish}",
    "copy": "files:copy run name task:Path",
    "delete": "files:delete run",
    "demo": "running:demo emails:count",
    "export": "status:export run file:Path only{human,model,agreed} where:filter_words='' split:shares",
    "gold": "quality:gold run file:path",
    "guide": "guide:guide topic?",
    "info": "info:info",
    "keys": "keys:answer",
    "keys add": "- alias? server:server file:Path (stdin|file)",
    "keys disable": "- alias",
    "keys enable": "- alias",
    "keys group": "- alias organization",
    "keys history": "- alias",
    "keys limits": "- organization base_url:server rpm:limit rpd:limit tpm:limit tpd:limit (base_url|base_url)",
    "keys list": "-",
    "keys pin": "- alias",
    "keys remove": "- alias",
    "keys test": "- alias? base_url:server (base_url|base_url)",
    "keys unbench": "- organization",
    "keys unpin": "-",
    "label": "control:label run id value note=''",
    "lane": "control:lane run lane? by:moment size:whole open:whole",
    "new": f"sources:new source:path+ {READING} task:Path pack:pack base_url:server part:count order{{shuffled,source}}='shuffled' seed:whole (base_url|base_url)",
    "note": "control:note run id text",
    "notify": "info:notify",
    "open": "console:open_run run",
    "pause": "control:send_plain run",
    "plan": f"sources:plan what:named task:Path pack:pack {READING} base_url:server organizations:count by:moment budget:amount (base_url|base_url)",
    "quality": "quality:quality run goal:count doubtful:count (goal|top_up|doubtful)",
    "rejudge": "control:rejudge run",
    "report": "quality:report run file:Path",
    "resume": "control:send_plain run",
    "retry": "control:retry run (failed|item)",
    "review": "quality:review run size:count export:Path import_file:Path (export|import_file)",
    "serve": "serve:serve run? port:count=8000 host='127.0.0.1'",
    "skill": "shells:skill",
    "skip": "control:skip run id",
    "skipped": "sources:skipped run",
    "start": f"control:start run {PLACES} only:count",
    "status": "status:status run?",
    "stop": "control:stop run",
    "swap": "control:send_plain run",
    "task": "task:answer",
    "task check": "- file:Path",
    "task init": "- file?:Path=PosixPath('task.toml') template='binary' item='' label=[]",
    "task show": "- run set:Path trial:Path write:Path sample:sample=10 ask_again?=True (set|trial|write|messages|ask_again)",
    "undo": "control:send_plain run",
    "watch": "watch:watch run every:seconds",
    "work": f"running:work run {PLACES}",
}  # fmt: skip
"""By command: who answers (``tui.commands``), what must be given, and options with a kind, choices, default or rival."""

PLAIN = {
    "": "read-only",
    "add": "text-column id-column fields gold-column delimiter table dry-run json",
    "archive": "back dry-run json",
    "budget": "none dry-run json",
    "check": "repair dry-run json",
    "compare": "versions json",
    "copy": "model dry-run json",
    "delete": "yes dry-run json",
    "demo": "fresh json",
    "export": "layout no-text no-columns manifest raw dry-run json",
    "gold": "column dry-run json",
    "keys add": "organization stdin no-keyring dry-run json",
    "keys limits": "model run base-url plan dry-run json",
    "keys list": "model run json",
    "keys test": "model base-url json",
    "keys unbench": "model run dry-run json",
    "lane": "cancel dry-run json",
    "new": "name text-column id-column fields gold-column delimiter table dry-run model base-url no-dedupe json",
    "notify": "test json",
    "open": "read-only",
    "plan": "model text-column id-column fields gold-column delimiter table no-dedupe base-url plan json",
    "quality": "json top-up beside dry-run",
    "rejudge": "tolerant dry-run json",
    "report": "examples json",
    "retry": "failed item dry-run json",
    "review": "annotator dry-run json",
    "serve": "expose url writable json",
    "skip": "back dry-run json",
    "start": "no-wait trust-network json",
    "stop": "no-wait force cancel-batches json",
    "task show": "json messages dry-run",
    "work": "trust-network json",
    **dict.fromkeys(("backup", "completions", "guide", "info", "keys history", "skill", "skipped", "status", "task check", "watch"), "json"),
    **dict.fromkeys(("keys disable", "keys enable", "keys group", "keys pin", "keys remove", "keys unpin", "label", "note", "task init", "undo"), "dry-run json"),
    **dict.fromkeys(("pause", "resume", "swap"), "no-wait json"),
    **dict.fromkeys(("keys", "task"), ""),
}  # fmt: skip
"""By command: options without a kind, a choice or a default, by their last spelling."""


def _told(action: argparse.Action) -> str:
    """What a table's row says of an argument, nothing for a plain option."""
    kind = f":{getattr(action.type, '__name__', '')}" if action.type is not None else ""
    choices = f"{{{','.join(map(str, action.choices))}}}" if action.choices else ""
    many = str(action.nargs) if action.nargs in ("?", "+") else ""
    given = action.const if action.nargs == "?" and action.option_strings else action.default
    default = "" if given in (None, False, argparse.SUPPRESS) else f"={given!r}"
    plain = action.option_strings and not (kind or choices or many or default)
    order = f"{kind}{many}" if many == "+" else f"{many}{kind}"
    return "" if plain or action.dest in ("help", "version") else f"{action.dest}{order}{choices}{default}"


def rows(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield a command's row, and those of the commands below it."""
    answer = (parser.get_default("answer") or "-").removeprefix("tui.commands.")
    below = [each for each in parser._actions if isinstance(each, argparse._SubParsersAction)]
    told = [_told(each) for each in parser._actions if each not in below]
    rivals = [
        f"({'|'.join(each.dest for each in group._group_actions)})" for group in parser._mutually_exclusive_groups
    ]
    yield name, " ".join(filter(None, [answer, *told, *rivals]))
    for command, each in grammar.commands_of(parser).items():
        if command != "simulate":
            yield from rows(each[0], f"{name} {command}".strip())


def plain(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield a command's plain options, and those of the commands below it."""
    yield (
        name,
        " ".join(
            each.option_strings[-1].removeprefix("--")
            for each in parser._actions
            if each.option_strings and each.dest not in ("help", "version") and not _told(each)
        ),
    )
    for command, each in grammar.commands_of(parser).items():
        if command != "simulate":
            yield from plain(each[0], f"{name} {command}".strip())


def test_each_command_has_its_answer_kinds_and_defaults() -> None:
    """What a value is read as, what it is where nothing is said, and which options exclude each other."""
    assert dict(rows(grammar.parser())) == TABLE
    assert dict(plain(grammar.parser())) == PLAIN
    assert grammar.parser().parse_args(["simulate"]).answer == "core.simulator.options:run"


def test_every_word_has_a_line_of_help_but_names_of_things() -> None:
    """All options do; of the rest those whose name does not say it."""
    silent = set()
    for name, (command, told) in grammar.commands_of(grammar.parser()).items():
        assert told, name
        for action in command._actions:
            if not action.help and not isinstance(action, argparse._SubParsersAction):
                silent.add(action.dest if not action.option_strings else f"{name} {action.option_strings[0]}")
    assert silent == {
        "run", "what", "value", "text", "source", "file", "other", "shell"
    }  # fmt: skip


def parsed(*words: str) -> dict[str, Any]:
    """What is read of a command line."""
    return vars(grammar.parser().parse_args(words))


@pytest.mark.parametrize(
    ("words", "read"),
    [
        ((), {"command": None, "dry_run": False, "read_only": False, "answer": "tui.commands.console:console_on_runs"}),
        (("--read-only", "open", "mail"), {"read_only": True}), (("open", "mail", "--read-only"), {"read_only": True}), (("open", "mail"), {"read_only": False}),
        (("task", "mail"), {"action": "show", "run": "mail"}), (("task", "show", "mail", "--json"), {"action": "show", "json": True}), (("task", "check", "a.toml"), {"action": "check"}),
        (("task", "mail", "--ask-again"), {"ask_again": True}), (("task", "mail", "--ask-again", "work"), {"ask_again": "work"}), (("task", "mail"), {"ask_again": None, "sample": 10}),
        (("start", "mail", "--ray"), {"ray": "", "places": None}), (("start", "mail", "--ray", "h:1", "--try", "5"), {"ray": "h:1", "only": 5}), (("start", "mail"), {"ray": None, "no_wait": False}),
        (("stop", "mail", "--force", "--cancel-batches", "--no-wait"), {"force": True, "cancel_batches": True, "no_wait": True}),
        (("keys", "add", "--no-keyring"), {"keyring": False, "alias": None}), (("keys", "add", "--keyring"), {"keyring": True}), (("keys", "add"), {"keyring": None, "dry_run": False}),
        (("keys", "remove", "main", "--dry-run", "--json"), {"dry_run": True, "json": True, "alias": "main"}), (("task", "init", "--label", "a", "--label", "b"), {"label": ["a", "b"]}),
        (("review", "mail", "--import", "a.csv"), {"import_file": Path("a.csv"), "export": None}), (("new", "a", "b", "--server", "ollama"), {"base_url": "http://localhost:11434/v1"}),
        (("keys", "limits", "org", "--rpm", "0"), {"rpm": 0, "tpd": None}), (("retry", "mail", "--item", "7"), {"item": "7", "failed": False}),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, tuple) else "",
)  # fmt: skip
def test_a_command_line_is_read(words: tuple[str, ...], read: dict[str, Any]) -> None:
    """Flags, values that may be left out, and words that stand for others."""
    found = parsed(*words)
    assert {name: found[name] for name in read} == read


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stats",), "there is no command 'stats'. Did you mean status? `labeltui --help` lists them all."), (("qqqqq",), "there is no command 'qqqqq'. `labeltui --help` lists them all."),
        (("keys", "ad"), "there is no command 'ad'. Did you mean add? `labeltui keys --help` lists them all."), (("keys",), "the following arguments are required: ACTION"),
        (("task",), "the following arguments are required: ACTION"), (("quality", "mail", "--goal", "5", "--top-up"), "argument --top-up: not allowed with argument --goal"),
        (("new",), "the following arguments are required: SOURCE"), (("label", "mail", "7"), "the following arguments are required: VALUE"), (("export", "mail", "a", "--only", "x"), "invalid choice: 'x'"),
        (("new", "a", "--base-url", "b", "--server", "ollama"), "not allowed with argument --base-url"), (("keys", "add", "--stdin", "--file", "a"), "not allowed with argument --stdin"),
        (("task", "mail", "--set", "a", "--write", "b"), "not allowed with argument --set"), (("retry", "mail", "--failed", "--item", "7"), "not allowed with argument --failed"),
        (("review", "mail", "--export", "a", "--import", "b"), "not allowed with argument --export"), (("open", "mail", "--json"), "the console is for people and has no --json."),
        (("watch", "mail", "gsk_abcdefghijklmnopqrstuvwxyz0123456789"), "unrecognized arguments: "), (("undo", "mail", "a\x1bb"), "unrecognized arguments: a␛b"),
    ],
    ids=lambda each: " ".join(each).replace("\x1b", "ESC") if isinstance(each, tuple) else "",
)  # fmt: skip
def test_wrong_usage_is_told_as_an_object_where_that_is_wanted(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the nearest command, the rest of the sentence as the remedy, and nothing of a key or of a terminal."""
    with pytest.raises(SystemExit) as ended:
        grammar.parser(as_json=True).parse_args(words)
    out, err = capsys.readouterr()
    error = json.loads(out)["error"]
    assert (ended.value.code, err, error["kind"]) == (2, "", "usage")
    sentence = f"{error['message']} {error['remedy']}"
    assert sentence.startswith(said) or said in sentence
    assert "--help` " in sentence or "labeltui skill" in sentence
    assert "\x1b" not in sentence
    assert "qrstuvwxyz" not in sentence


def test_wrong_usage_is_told_in_words_else(capsys: pytest.CaptureFixture[str]) -> None:
    """On the error output, behind the usage."""
    with pytest.raises(SystemExit) as ended:
        grammar.parser().parse_args(["undo", "mail", "a\x1bb"])
    out, err = capsys.readouterr()
    assert (ended.value.code, out) == (2, "")
    assert err.endswith("labeltui: error: unrecognized arguments: a␛b\n")
    with pytest.raises(SystemExit):
        grammar.parser(as_json=True).parse_args(["undo", "mail", "--nope"])
    error = json.loads(capsys.readouterr().out)["error"]
    assert (error["message"], error["remedy"]) == (
        "unrecognized arguments: --nope.",
        "`labeltui --help` says how it is used.",
    )


@pytest.mark.parametrize(
    ("text", "message", "remedy"),
    [
        ("One. Two.", "One.", "Two."), ("One! `two`.", "One!", "`two`."), ("One. two.", "One. two.", ""), ("One: give it.", "One", "give it."), ("One; use it.", "One", "use it."),
        ("One: two.", "One: two.", ""), ("One: given.", "One: given.", ""), ("A? B. C: use", "A?", "B. C: use"), ("", "", ""),
    ],
)  # fmt: skip
def test_an_error_is_split_into_what_happened_and_what_to_do(text: str, message: str, remedy: str) -> None:
    """At the next sentence, else at a colon or semicolon in front of what to do."""
    assert json.loads(grammar.envelope("k", text)) == {"error": {"kind": "k", "message": message, "remedy": remedy}}


def test_help_lists_every_command_under_its_heading(capsys: pytest.CaptureFixture[str]) -> None:
    """In the order of the groups, each in one column, with the exit codes at the end."""
    text = grammar.parser().format_help()
    order = [
        line.strip().removesuffix(":")
        for line in text.splitlines()
        if line.startswith("  ") and line.rstrip().endswith(":")
    ]
    assert order == list(grammar.GROUPS)
    listed = [line.split()[0] for line in text.splitlines() if line.startswith("    ") and not line.startswith("     ")]
    assert listed == " ".join(grammar.GROUPS.values()).split()
    assert "\n    completions  completions for a shell, to be sourced\n" in text
    assert "\n\n  label:\n    open" in text
    assert "COMMAND ..." in text
    assert text.rstrip().endswith("130 interrupted")
    with pytest.raises(SystemExit) as ended:
        grammar.parser().parse_args(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("labeltui ")
    with pytest.raises(SystemExit):
        grammar.parser().parse_args(["task", "-h"])
    assert "ACTION" in capsys.readouterr().out  # fmt: skip
