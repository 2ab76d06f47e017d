"""Read typed values from a task file's tables: of the kind and in the range asked for, or a TaskError says why not.

It is separate from ``taskfile`` so that the rules of a task can be read there without the wording of complaints.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from core.errors import TaskError

MAX_LINE_CHARS = 200

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

_KEY = re.compile(r"(?:(?P<table>\w+)(?:\[(?P<n>\d+)\])?\.)?(?P<key>\w+)")
_HEAD = re.compile(r"\s*\[\[?\s*([\w.]+)\s*\]\]?\s*(?:#.*)?")


class Table:
    """Hold one table of a task file. ``where`` names the file, ``prefix`` the table in it (``model.``).

    ``text`` is the file's, where its lines are known, and ``at`` the table as :func:`line_of` takes it.
    """

    def __init__(self, data: Mapping[str, Any], where: str, prefix: str = "", *, text: str = "", at: str = "") -> None:
        self._text = text
        self._at = at
        self._data = data
        self._where = where
        self._prefix = prefix

    def wrong(self, key: str, what: str, remedy: str) -> TaskError:
        """Return the complaint about one key: to be raised by the caller."""
        line = _line_of(self._text, f"{self._at}{key}")
        where = self._where if line is None else f"{self._where}, line {line:,}"
        return TaskError(f"{where}: {self._prefix}{key} {what}. {remedy}")

    def only(self, known: Sequence[str]) -> None:
        """Refuse a key that is not known, and name the nearest one that is."""
        for key in self._data:
            if key in known:
                continue
            near = difflib.get_close_matches(key, known, n=1, cutoff=0.6)
            guess = f"Did you mean {near[0]}? " if near else ""
            raise self.wrong(key, "is not a key of a task", f"{guess}Known here: {', '.join(known)}.")

    def has(self, key: str) -> bool:
        """Return whether the key is there."""
        return key in self._data

    def text(self, key: str, *, limit: int) -> str | None:
        """Return a text of at most ``limit`` characters, or None where the key is missing."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, str):
            raise self.wrong(key, f"must be a text, not {kind(value)}", f'Write {key} = "…".')
        if len(value) > limit:
            raise self.wrong(key, f"has {len(value):,} characters", f"At most {limit:,} are allowed.")
        if _LONE_SURROGATE.search(value):
            raise self.wrong(key, "holds half of a surrogate pair", "Write the character itself, as UTF-8.")
        return value

    def line(self, key: str, default: str) -> str:
        """Return a text on one line, stripped; ``default`` where it is missing or blank."""
        value = (self.text(key, limit=MAX_LINE_CHARS) or "").strip()
        if len(value.splitlines()) > 1:
            raise self.wrong(key, "spans several lines", "Write it on one line.")
        return value or default

    def texts(self, key: str) -> list[str] | None:
        """Return a list of texts, or None where the key is missing."""
        value = self._data.get(key)
        if value is None:
            return None
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "must be a list of texts", f'Write {key} = ["…", "…"].')
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """Return a whole number from ``low`` to ``high``."""
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(key, f"must be a whole number, not {kind(value)}", f"Write {key} = {default}.")
        if not low <= value <= high:
            raise self.wrong(key, f"is {value}", f"Give a number from {low:,} to {high:,}.")
        return value

    def number(self, key: str, default: float, low: float, high: float) -> float:
        """Return a number from ``low`` to ``high``."""
        value = self._data.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key, f"must be a number, not {kind(value)}", f"Write {key} = {default}.")
        if not low <= value <= high:
            raise self.wrong(key, f"is {value}", f"Give a number from {low:g} to {high:g}.")
        return float(value)

    def flag(self, key: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._data.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, f"must be true or false, not {kind(value)}", f"Write {key} = false.")
        return value

    def unsent(self, key: str, word: str) -> bool:
        """Return whether the key is there and says that the setting is not to be sent: ``word``, or JSON's null."""
        return key in self._data and (self._data[key] is None or self._data[key] == word)

    def plain(self, key: str) -> dict[str, Any]:
        """Return the table under the key as it is; an empty one where it is missing."""
        value = self._data.get(key) or {}
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table, not {kind(value)}", f"Write it under [model.{key}].")
        return value

    def table(self, key: str) -> Table:
        """Return the table under the key; an empty one where it is missing."""
        value = self._data.get(key, {})
        if not isinstance(value, dict):
            raise self.wrong(key, f"must be a table, not {kind(value)}", f"Write it under [{key}].")
        return Table(value, self._where, f"{self._prefix}{key}.", text=self._text, at=f"{self._at}{key}.")

    def tables(self, key: str) -> list[Table]:
        """Return the tables in the list under the key, each named by its number from 1; none where it is missing."""
        value = self._data.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "must be a list of tables", f"Write each of them under [[{key}]].")
        return [
            Table(item, self._where, f"{key} no. {i}: ", text=self._text, at=f"{key}[{i}].")
            for i, item in enumerate(value, 1)
        ]


def kind(value: object) -> str:
    """Return what a value is, in a task author's words."""
    words = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list", dict: "a table"}
    return words.get(type(value), "nothing" if value is None else f"a {type(value).__name__}")


def _line_of(text: str, named: str) -> int | None:
    """Return the line, from 1, of a key as complaints name it (``rubric``, ``model.timeout_s``, ``labels[2].value``).

    Where the key is not in the file its table is meant; None where that is not there either.
    """
    wanted = _KEY.fullmatch(named)
    if wanted is None:
        return None
    table, key = wanted["table"] or "", wanted["key"]
    number = int(wanted["n"] or 1)
    here, seen, head_at = "", 0, None
    for at, line in enumerate(text.splitlines(), 1):
        if head := _HEAD.fullmatch(line):
            here = head[1]
            if here == table:
                seen += 1
                if seen == number:
                    head_at = at
            if not table and here == key:
                return at
        elif (
            here == table and (not table or seen == number) and re.match(rf"\s*[\"']?{re.escape(key)}[\"']?\s*=", line)
        ):
            return at
    return head_at
