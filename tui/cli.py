"""Run one command line: find the function that answers it, and turn errors into sentences and exit codes.

Everything heavy is imported by the module of that function.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, UnknownNameError, disk_sentence
from core.model import exits
from tui.grammar import envelope, parser
from tui.terminal import streams

if TYPE_CHECKING:
    import argparse


OWN_JSON = frozenset(
    {
        "compare", "completions", "demo", "guide", "keys list", "plan", "quality", "serve", "simulate", "skill",
        "skipped", "status", "task check", "task show", "watch", "work",
    }
)  # fmt: skip
"""Commands that print a JSON object of their own; the others print the lines for people in one."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one command line; returns the exit code."""
    streams.prepare()
    as_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        given = parser(as_json=as_json).parse_args(arguments)
        code = _answer(given)
        streams.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is printed, inert and without keys
        return _failed(error, as_json=as_json)
    return code


def _answer(given: argparse.Namespace) -> int:
    module, _, function = given.answer.partition(":")
    answer: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
    name = " ".join(filter(None, (given.command, getattr(given, "action", None))))
    if not getattr(given, "json", False) or (name in OWN_JSON and not _says_lines(given)):
        return answer(given)
    from tui.commands.printing import collect, release

    lines = collect()
    try:
        code = answer(given)
    finally:
        release()
    dry_run = {"dry_run": True} if given.dry_run else {}
    print(json.dumps({"command": name, "code": code, **dry_run, "lines": lines}))
    return code


def _says_lines(given: argparse.Namespace) -> bool:
    """Return whether a command that prints an object of its own was asked for something that it tells in lines."""
    named = ("set", "ask_again", "trial", "write", "goal", "top_up")
    return any(getattr(given, name, None) not in (None, False) for name in named)


def _failed(error: Exception, *, as_json: bool) -> int:
    """Say what happened, on stderr or as one JSON object; returns the exit code."""
    if isinstance(error, BrokenPipeError) or streams.is_full(error):
        streams.abandon()
    if isinstance(error, BrokenPipeError):
        return exits.FAILED
    if streams.is_full(error):
        print(f"labeltui: what was said cannot be written ({error}); nothing else was lost.", file=sys.stderr)
        return exits.FAILED
    from tui.terminal.crash import quoted, report

    sentence = disk_sentence(error)
    said = quoted(sentence or str(error) or type(error).__name__)
    if as_json:
        print(envelope(kind_of(error), said))
    if not sentence and not isinstance(error, LabeltuiError):
        print(report(error), file=sys.stderr)
    elif not as_json:
        print(f"labeltui: {said}", file=sys.stderr)
    return code_of(error)


def code_of(error: Exception) -> int:
    """Return the exit code of a command that ended with that error."""
    for kind, code in ((UnknownNameError, exits.USAGE), (RunBusyError, exits.BUSY), (NoUsableKeyError, exits.NO_KEY)):
        if isinstance(error, kind):
            return code
    return exits.FAILED


def kind_of(error: Exception) -> str:
    """Return the kind of an error for programs: ``run_not_found`` for RunNotFoundError, ``internal`` for any other."""
    if disk_sentence(error):
        return "disk"
    if not isinstance(error, LabeltuiError):
        return "internal"
    words = re.findall("[A-Z][a-z0-9]*", type(error).__name__.removesuffix("Error"))
    return "_".join(word.lower() for word in words)


if __name__ == "__main__":
    sys.exit(main())
