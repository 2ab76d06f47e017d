"""The command line: which function answers what was said. Everything heavy is imported by the answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from core import exits
from core.errors import LabeltuiError, NoUsableKeyError, RunBusyError
from tui.grammar import parser
from tui.terminal import streams

if TYPE_CHECKING:
    import argparse


ANSWERS = {
    "": "tui.commands.running:console_on_runs",
    "archive": "tui.commands.listed:archiving",
    "backup": "tui.commands.files:answer",
    "budget": "tui.commands.control:budget",
    "check": "tui.commands.files:answer",
    "compare": "tui.commands.quality:compare",
    "copy": "tui.commands.listed:copy",
    "delete": "tui.commands.listed:delete",
    "demo": "tui.commands.running:demo",
    "export": "tui.commands.results:export",
    "gold": "tui.commands.quality:gold",
    "guide": "tui.commands.guide:guide",
    "info": "tui.commands.info:info",
    "keys": "tui.commands.keys:answer",
    "label": "tui.commands.control:label",
    "new": "tui.commands.running:new",
    "note": "tui.commands.control:note",
    "notify": "tui.commands.notify:notify",
    "open": "tui.commands.running:open_run",
    "pause": "tui.commands.control:pause",
    "plan": "tui.commands.plan:plan",
    "quality": "tui.commands.quality:quality",
    "report": "tui.commands.quality:report",
    "rejudge": "tui.commands.control:rejudge",
    "resume": "tui.commands.control:resume",
    "retry": "tui.commands.control:retry",
    "review": "tui.commands.quality:review",
    "serve": "tui.commands.serve:serve",
    "simulate": "core.simulator.options:run",
    "swap": "tui.commands.control:swap",
    "skip": "tui.commands.control:skip",
    "start": "tui.commands.control:start",
    "status": "tui.commands.results:status",
    "stop": "tui.commands.control:stop",
    "task": "tui.commands.task:task",
    "undo": "tui.commands.control:undo",
    "watch": "tui.commands.watch:watch",
    "work": "tui.commands.running:work",
}
"""Where each command is answered; "" is none. The module is imported when its command is given."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer one command line; returns the exit code."""
    streams.prepare()
    given = parser().parse_args(arguments)
    try:
        code = _answer(given)
        streams.flush()
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told, inert and without keys
        return _failed(error)
    return code


def _failed(error: Exception) -> int:
    """Say what happened; returns the exit code."""
    if isinstance(error, BrokenPipeError) or streams.is_full(error):
        streams.abandon()
    if isinstance(error, BrokenPipeError):
        return exits.FAILED
    if streams.is_full(error):
        print(f"labeltui: what was said cannot be written ({error}); nothing else was lost.", file=sys.stderr)
        return exits.FAILED
    from tui.terminal.crash import quoted, report

    if not isinstance(error, LabeltuiError):
        print(report(error), file=sys.stderr)
        return exits.FAILED
    print(f"labeltui: {quoted(str(error))}", file=sys.stderr)
    if isinstance(error, RunBusyError):
        return exits.BUSY
    return exits.NO_KEY if isinstance(error, NoUsableKeyError) else exits.FAILED


def _answer(given: argparse.Namespace) -> int:
    module, _, function = ANSWERS[given.command or ""].partition(":")
    answer: int = getattr(import_module(module), function)(given)
    return answer


if __name__ == "__main__":
    sys.exit(main())
