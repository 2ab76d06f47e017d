"""The command line: which function answers what was said. Everything heavy is imported by the answer."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from core import exits
from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError, UnknownNameError, disk_sentence
from tui.grammar import envelope, parser
from tui.terminal import streams

if TYPE_CHECKING:
    import argparse


ANSWERS = {
    "": "tui.commands.running:console_on_runs",
    "archive": "tui.commands.files:archiving",
    "backup": "tui.commands.files:answer",
    "budget": "tui.commands.control:budget",
    "check": "tui.commands.files:answer",
    "compare": "tui.commands.quality:compare",
    "copy": "tui.commands.files:copy",
    "delete": "tui.commands.files:delete",
    "demo": "tui.commands.running:demo",
    "export": "tui.commands.status:export",
    "gold": "tui.commands.quality:gold",
    "guide": "tui.commands.guide:guide",
    "info": "tui.commands.info:info",
    "keys": "tui.commands.keys:answer",
    "label": "tui.commands.control:label",
    "new": "tui.commands.sources:new",
    "note": "tui.commands.control:note",
    "notify": "tui.commands.info:notify",
    "open": "tui.commands.running:open_run",
    "pause": "tui.commands.control:pause",
    "plan": "tui.commands.sources:plan",
    "quality": "tui.commands.quality:quality",
    "report": "tui.commands.quality:report",
    "rejudge": "tui.commands.control:rejudge",
    "resume": "tui.commands.control:resume",
    "retry": "tui.commands.control:retry",
    "review": "tui.commands.quality:review",
    "serve": "tui.commands.serve:serve",
    "simulate": "core.simulator.options:run",
    "swap": "tui.commands.control:swap",
    "skipped": "tui.commands.sources:skipped",
    "skip": "tui.commands.control:skip",
    "start": "tui.commands.control:start",
    "status": "tui.commands.status:status",
    "stop": "tui.commands.control:stop",
    "task": "tui.commands.task:task",
    "undo": "tui.commands.control:undo",
    "watch": "tui.commands.watch:watch",
    "work": "tui.commands.running:work",
}
"""Where each command is answered; "" is none. The module is imported when its command is given."""


OWN_JSON = frozenset({"compare", "keys list", "plan", "quality", "skipped", "status", "task"})
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
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, inert and without keys
        return _failed(error, as_json=as_json)
    return code


def _answer(given: argparse.Namespace) -> int:
    module, _, function = ANSWERS[given.command or ""].partition(":")
    answer: Callable[[argparse.Namespace], int] = getattr(import_module(module), function)
    name = " ".join(filter(None, (given.command, getattr(given, "action", None))))
    if not getattr(given, "json", False) or name in OWN_JSON:
        return answer(given)
    from tui.commands.printing import collect, release

    lines = collect()
    try:
        code = answer(given)
    finally:
        release()
    print(json.dumps({"command": name, "code": code, "lines": lines}))
    return code


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
