"""Read the console's settings file, report what is wrong with it, and change single settings in it.

Changing a setting changes one line; comments, order and everything else stay, and a file that is not TOML is left
unchanged.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import LabeltuiError
from core.files import write_whole
from tui.terminal.terminal import FEW, NONE, Terminal

KNOWN = ("theme", "ascii", "toured", "quiet", "keyring", "keys")
"""The settings that the file may hold."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """Hold the settings. ``theme`` is "" and ``ascii`` None where the file has none; ``keys`` is the table of keys.

    ``keyring`` stores the secrets of added keys in the system's keyring. ``troubles`` are sentences on entries that
    could not be used, each with file and line; the defaults apply instead.
    """

    path: Path
    theme: str = ""
    ascii: bool | None = None
    toured: bool = False
    quiet: bool = False
    keyring: bool = False
    keys: Mapping[str, Any] = field(default_factory=dict)
    troubles: tuple[str, ...] = ()
    text: str = ""

    @property
    def first_start(self) -> bool:
        """Return whether no console ever stored a setting here."""
        return not (self.text or self.troubles)

    def wanted_theme(self, terminal: Terminal) -> str:
        """Return the theme's name or short name: the file's, else one that fits the terminal's colors."""
        return self.theme or ("ansi" if terminal.colors in (FEW, NONE) else "dark")

    def characters(self, terminal: Terminal) -> str:
        """Return why only ASCII is drawn, or "": the environment overrides the file, the file what was detected."""
        if self.ascii is None or terminal.ascii_decided:
            return terminal.ascii_because
        return self.where("ascii") if self.ascii else ""

    def where(self, name: str, table: str = "") -> str:
        """Return the place of an entry for a sentence: ``console.toml, line 4 (keys.pause)``."""
        number = line_of(self.text, name, table)
        entry = f"{table}.{name}" if table else name
        return f"{self.path.name}, line {number} ({entry})" if number else f"{self.path.name} ({entry})"


def read_preferences(path: Path) -> Preferences:
    """Read the file. A missing one is empty; errors are listed in ``troubles`` and prevent no start."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return Preferences(path)
    except (OSError, UnicodeDecodeError) as error:
        return Preferences(path, troubles=(f"{path} cannot be read ({error}): the defaults are used.",))
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        return Preferences(path, troubles=(f"{path} is not TOML ({error}): the defaults are used.",), text=text)
    bare, troubles = Preferences(path, text=text), []
    taken: dict[str, Any] = {}
    for name, kind, wanted in (
        ("theme", str, 'a name such as "labeltui-dark"'),
        ("ascii", bool, "true or false"),
        ("toured", bool, "true or false"),
        ("quiet", bool, "true or false"),
        ("keyring", bool, "true or false"),
        ("keys", dict, 'a table: [keys], and in it lines such as pause = "f9"'),
    ):
        if name in said and isinstance(said[name], kind):
            taken[name] = said[name]
        elif name in said:
            troubles.append(f"{bare.where(name)}: it must be {wanted}. The default is used.")
    troubles += [
        f"{bare.where(name)}: there is no such setting. There are {', '.join(KNOWN)}."
        for name in said
        if name not in KNOWN
    ]
    return Preferences(path, **taken, troubles=tuple(troubles), text=text)


def line_of(text: str, name: str, table: str = "") -> int:
    """Return the number of the line, from 1, that sets ``name`` in ``table`` ("" is the top); 0 where none does."""
    entry = re.compile(rf"""\s*(?:{re.escape(name)}|"{re.escape(name)}"|'{re.escape(name)}')\s*(?:=|\.)""")
    head = re.compile(r"\s*\[+\s*([^\]]+?)\s*\]+")
    here = ""
    for number, line in enumerate(text.splitlines(), 1):
        if match := head.match(line):
            here = match.group(1).strip("\"'")
            if not table and here == name:
                return number
        elif here == table and entry.match(line):
            return number
    return 0


def _says(text: str, wanted: dict[str, Any]) -> bool:
    try:
        return tomllib.loads(text) == wanted
    except tomllib.TOMLDecodeError:
        return False


def remember(path: Path, name: str, value: str | bool) -> None:  # noqa: FBT001  (a setting's value)
    """Store one setting at the top of the file, and change nothing else in it.

    Raises OSError where the file cannot be written, and LabeltuiError where it is not TOML and stays unchanged.
    """
    try:
        text = path.read_text(encoding="utf-8")
        said = tomllib.loads(text)
    except FileNotFoundError:
        text, said = "", {}
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise LabeltuiError(f"{path} is not TOML ({error}): it is unchanged, {name} is not stored.") from None
    if said.get(name) == value and name in said:
        return
    lines = text.splitlines(keepends=True)
    setting = f"{name} = {json.dumps(value, ensure_ascii=False)}\n"
    number = line_of(text, name)
    changed = "".join([*lines[: number - 1], setting, *lines[number:]] if number else [setting, *lines])
    if not _says(changed, {**said, name: value}):
        raise LabeltuiError(f"{path} has a form in which {name} cannot be changed; it is unchanged.")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_whole(path, changed)
