"""Print completions for shells and the skill file for agents: ``labeltui completions SHELL``, ``labeltui skill``.

The scripts are made here and not by shtab, so that every installation has them: shtab would be one more package for
everybody, or an extra to be installed before the first completion.
"""

from __future__ import annotations

import argparse
import json
import shlex
from collections.abc import Iterator
from pathlib import Path

from core.model import exits
from tui.grammar import commands_of, parser

_SKILL = Path(__file__).with_name("SKILL.md")


def completions(given: argparse.Namespace) -> int:
    """Run ``labeltui completions bash|zsh|fish``: print a script for the shell, made from the grammar of commands."""
    top = parser()
    script = _fish(top) if given.shell == "fish" else _bash(top, zsh=given.shell == "zsh")
    print(json.dumps({"shell": given.shell, "script": script}) if given.json else script)  # noqa: T201
    return exits.DONE


def skill(given: argparse.Namespace) -> int:
    """Run ``labeltui skill``: print how a coding agent drives a run without reading its texts."""
    text = _SKILL.read_text(encoding="utf-8")
    print(json.dumps({"text": text}) + "\n" if given.json else text, end="")  # noqa: T201
    return exits.DONE


def _nodes(top: argparse.ArgumentParser, words: str = "") -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield every command with the words that give it, as ``keys add``; "" is the program."""
    yield words, top
    for word, (each, _) in commands_of(top).items():
        yield from _nodes(each, f"{words} {word}".strip())


def _options(command: argparse.ArgumentParser) -> list[argparse.Action]:
    return [action for action in command._actions if action.option_strings]  # noqa: SLF001


def _words_after(command: argparse.ArgumentParser) -> list[str]:
    """Return the words that can follow: commands, fixed choices, options."""
    words = list(commands_of(command))
    for action in command._actions:  # noqa: SLF001
        if not action.option_strings and action.choices and not words:
            words += [str(choice) for choice in action.choices]
    return words + [option for action in _options(command) for option in action.option_strings]


def _bash(top: argparse.ArgumentParser, *, zsh: bool) -> str:
    """Return a function for bash; zsh takes it by its own bashcompinit. Files complete where no word does."""
    cases, valued = [], []
    for words, command in _nodes(top):
        cases.append(f"    {shlex.quote(words)}) words={shlex.quote(' '.join(_words_after(command)))} ;;")
        for action in _options(command):
            if action.choices:
                for option in action.option_strings:
                    choices = " ".join(str(choice) for choice in action.choices)
                    valued.append(f"    {shlex.quote(f'{words} {option}'.strip())}) words={shlex.quote(choices)} ;;")
    groups = "|".join(words for words, command in _nodes(top) if words and commands_of(command))
    named = "|".join(commands_of(top))
    begin = ["autoload -U +X bashcompinit && bashcompinit"] if zsh else []
    return "\n".join(
        [
            *begin,
            "_labeltui() {",
            '  local at="" word words="" current="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD-1]}"',
            '  for word in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do',
            '    case "$at" in',
            f'      "") case "$word" in {named}) at="$word" ;; esac ;;',
            f'      {groups}) case "$word" in -*) ;; *) at="$at $word" ;; esac ;;',
            "    esac",
            "  done",
            '  case "$at" in',
            *cases,
            "  esac",
            '  case "${at:+$at }$previous" in',
            *valued,
            "  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$current"))',
            "}",
            "complete -o default -F _labeltui labeltui",
        ]
    )


def _fish(top: argparse.ArgumentParser) -> str:
    """Return completions for fish, with each command's line of help."""
    lines = []
    named = " ".join(commands_of(top))
    for word, (command, told) in commands_of(top).items():
        condition = shlex.quote(f"not __fish_seen_subcommand_from {named}")
        lines.append(f"complete -c labeltui -f -n {condition} -a {word} -d {_fish_quoted(told)}")
        inner = commands_of(command)
        for action_word, (_, action_told) in inner.items():
            condition = shlex.quote(
                f"__fish_seen_subcommand_from {word}; and not __fish_seen_subcommand_from {' '.join(inner)}"
            )
            lines.append(f"complete -c labeltui -f -n {condition} -a {action_word} -d {_fish_quoted(action_told)}")
        for leaf, condition in [
            (each, f"{word}; and __fish_seen_subcommand_from {name}") for name, (each, _) in inner.items()
        ] or [(command, word)]:
            lines += _fish_options(leaf, f"__fish_seen_subcommand_from {condition}")
    return "\n".join(lines)


def _fish_options(command: argparse.ArgumentParser, condition: str) -> Iterator[str]:
    for action in _options(command):
        for option in action.option_strings:
            line = f"complete -c labeltui -n {shlex.quote(condition)}"
            line += f" -l {option[2:]}" if option.startswith("--") else f" -s {option[1:]}"
            if action.choices:
                line += f" -x -a {_fish_quoted(' '.join(str(choice) for choice in action.choices))}"
            elif action.nargs != 0:
                line += " -r"
            yield f"{line} -d {_fish_quoted(action.help or '')}"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
