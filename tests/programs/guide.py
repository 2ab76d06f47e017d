"""Write the generated parts of the guide: the table of commands and that of the console's keys.

    python -m tests.programs.guide

puts them between the marks of ``tui/guide/commands.md`` and ``tui/guide/console.md``. A test fails while they differ.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tui.actions.active import every_action
from tui.actions.catalog import EVERYWHERE, RUN_SCOPES
from tui.actions.context import Context, Scope
from tui.grammar import parser

GUIDE = Path(__file__).resolve().parents[2] / "tui" / "guide"


def commands_of(top: argparse.ArgumentParser) -> dict[str, tuple[argparse.ArgumentParser, str]]:
    """Return each command's parser and its line of help, in the order of the grammar."""
    for action in top._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {choice.dest: choice.help or "" for choice in action._choices_actions}
            return {name: (each, told.get(name, "")) for name, each in action.choices.items()}
    return {}


def leaves(top: argparse.ArgumentParser, name: str = "labeltui") -> Iterator[tuple[str, argparse.ArgumentParser, str]]:
    """Yield every command that can be given, with the words that give it."""
    for word, (each, told) in commands_of(top).items():
        if commands_of(each):
            yield from leaves(each, f"{name} {word}")
        else:
            yield f"{name} {word}", each, told


def commands_reference() -> str:
    """Return a section for every command: how it is given, what it does, and its options."""
    top = parser()
    parts = [
        f"{(top.epilog or '')[:1].upper()}{(top.epilog or '')[1:]}.",
        *_options("labeltui", top, top.description or ""),
    ]
    for words, each, told in leaves(top):
        parts += _options(words, each, told)
    return "\n\n".join(parts)


def _options(words: str, command: argparse.ArgumentParser, told: str) -> list[str]:
    plain = [
        each for each in command._actions if not isinstance(each, argparse._HelpAction | argparse._SubParsersAction)
    ]
    operands = [_operand(each) for each in plain if not each.option_strings]
    parts = [f"## {' '.join([words, *operands])}", f"{told[:1].upper()}{told[1:]}".rstrip(".") + "."]
    rows = [f"| `{_spelled(each)}` | {_told(each)} |" for each in plain if each.option_strings or each.help]
    if rows:
        parts.append("\n".join(["| option | does |", "| --- | --- |", *rows]))
    return parts


def _operand(action: argparse.Action) -> str:
    name = action.metavar if isinstance(action.metavar, str) else action.dest.upper()
    return {"?": f"[{name}]", "*": f"[{name} …]", "+": f"{name} …"}.get(str(action.nargs), name)


def _spelled(action: argparse.Action) -> str:
    if not action.option_strings:
        return _operand(action).strip("[]")
    names = ", ".join(action.option_strings)
    if action.nargs == 0:
        return names
    value = action.metavar if isinstance(action.metavar, str) else ""
    value = value or ("|".join(map(str, action.choices)) if action.choices else action.dest.upper())
    return f"{names} {f'[{value}]' if action.nargs == '?' else value}".replace("|", "\\|")


def _told(action: argparse.Action) -> str:
    told = (action.help or "").replace("%%", "%").replace("|", "\\|")
    return "the version" if isinstance(action, argparse._VersionAction) else told


def keys_table() -> str:
    """Return the table of every key, what it does and on which screens."""
    calm = {scope: Context(scope) for scope in Scope}
    rows = ["| key | does | on |", "| --- | --- | --- |"]
    for action in every_action():
        where = ", ".join(scope.value for scope in Scope if scope in action.scopes)
        where = {EVERYWHERE: "every screen", RUN_SCOPES: "every screen of a run"}.get(action.scopes, where)
        word = action.label(calm[next(scope for scope in Scope if scope in action.scopes)])
        rows.append(f"| `{action.key}` | **{word}**: {action.told} | {where} |")
    return "\n".join(rows)


def with_generated(topic: str, page: str) -> str:
    """Return a page with its generated part made anew."""
    made = {"commands": commands_reference, "console": keys_table}.get(topic)
    if made is None:
        return page
    mark = {"commands": "commands", "console": "keys"}[topic]
    head, begin, rest = page.partition(f"<!-- {mark} -->\n")
    _, end, tail = rest.partition(f"<!-- end of {mark} -->")
    return f"{head}{begin}\n{made()}\n\n{end}{tail}"


def main() -> int:
    """Write both pages; say which of them changed."""
    for topic in ("commands", "console"):
        path = GUIDE / f"{topic}.md"
        before = path.read_text("utf-8")
        after = with_generated(topic, before)
        path.write_text(after, "utf-8")
        print(f"{path.name}: {'as it was' if before == after else 'written anew'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
