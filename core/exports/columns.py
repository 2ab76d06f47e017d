"""Define the columns of an export, the same in every format (names, kinds, order), and its rows as tuples of cells.

The first columns are a contract (``COLUMNS``); then come the source's own, then what else is known of an item.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress
from typing import Any, TypeAlias

import orjson

from core.errors import RunFileError, UsageError
from core.model import ExportRow, Task

Cell: TypeAlias = str | int | float | None
Row: TypeAlias = tuple[Cell, ...]
Block: TypeAlias = Sequence[Sequence[Cell]]
"""Some rows as their columns, which are written together."""

COLUMNS = ExportRow._fields[: ExportRow._fields.index("text") + 1]
"""The columns that every export has, in this order; other programs rely on them. ``text`` can be left out."""
MORE = ("annotator", "note", "subject", "label_probability")
"""What stands behind the source's own columns."""
SPLIT = "split"
_KINDS = {
    **dict.fromkeys(("in_audit", "reasks", "attempts", "tokens", "simulated"), "integer"),
    "audit_rate": "real",
    "label_probability": "real",
    "labeled_at": "moment",
}
_SPLIT_NAMES = {2: ("train", "test"), 3: ("train", "validation", "test")}
_HASHED = 2**32


@dataclass(frozen=True, slots=True)
class Column:
    """Hold a column by name; ``kind`` is text, integer, real or moment. ``is_own`` marks one of the source's."""

    name: str
    kind: str = "text"
    is_own: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """Hold facts about a run beside its rows; ``filtered`` says which rows were selected, or nothing."""

    run: str
    task: Task
    source: str
    simulated: bool
    filtered: str = ""


@dataclass(frozen=True, slots=True)
class Shares:
    """Hold a split of items by name. Items of the same text come to the same side, in every export of any run."""

    names: tuple[str, ...]
    ends: tuple[float, ...]

    def of(self, content_hash: str) -> str:
        """Return the name of the side that a text belongs to."""
        at = int.from_bytes(hashlib.blake2b(content_hash.encode(), digest_size=4).digest()) / _HASHED
        return next((name for name, end in zip(self.names, self.ends, strict=True) if at < end), self.names[-1])


def shares(text: str) -> Shares:
    """Return the split that a text such as ``0.8,0.1,0.1`` means: train and test, or train, validation and test.

    Raises:
        UsageError: these are no two or three shares that sum up to 1.
    """
    try:
        parts = [float(part) for part in text.split(",")]
    except ValueError:
        parts = []
    if len(parts) not in _SPLIT_NAMES or min(parts) <= 0 or abs(sum(parts) - 1) > 0.001:
        raise UsageError(f"--split takes two or three shares that sum up to 1, such as 0.8,0.1,0.1, not {text!r}.")
    return Shares(_SPLIT_NAMES[len(parts)], tuple(sum(parts[: n + 1]) for n in range(len(parts))))


@dataclass(frozen=True, slots=True)
class Table:
    """Hold what is written: columns, and blocks of rows, read anew for each split (or all of them, for None)."""

    columns: tuple[Column, ...]
    read: Callable[[str | None], Iterator[Block]]
    facts: Facts
    splits: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names of the columns."""
        return tuple(column.name for column in self.columns)

    def rows(self) -> Iterator[Row]:
        """Yield all rows."""
        return chain.from_iterable(zip(*block, strict=True) for block in self.read(None))

    def blocks(self, size: int) -> Iterator[Block]:
        """Yield all rows as columns, so many rows at once; the last ones may be fewer."""
        held: list[list[Cell]] = [[] for _ in self.columns]
        for block in self.read(None):
            if not held[0] and len(block[0]) == size:
                yield block
                continue
            for cells, more in zip(held, block, strict=True):
                cells.extend(more)
            while len(held[0]) >= size:
                yield [cells[:size] for cells in held]
                held = [cells[size:] for cells in held]
        if held[0]:
            yield held

    def of(self, split: str) -> Table:
        """Return the table of one split alone."""
        return Table(self.columns, lambda _: self.read(split), self.facts)

    def picker(self, *names: str) -> Callable[[Row], tuple[Any, ...]]:
        """Return a function from a row to the cells of these columns; "" for one that is left out."""
        places = [self.names.index(name) if name in self.names else -1 for name in names]
        return lambda row: tuple("" if at < 0 else row[at] for at in places)

    def own(self) -> tuple[int, ...]:
        """Return the places of the source's own columns."""
        return tuple(at for at, column in enumerate(self.columns) if column.is_own)


def table_of(
    pages: Callable[[], Iterable[Sequence[Sequence[Any]]]],
    facts: Facts,
    own: Sequence[str] = (),
    *,
    text: bool = True,
    split: Shares | None = None,
) -> Table:
    """Return the table of pages: rows as their columns, one for each field of :class:`ExportRow`.

    ``own`` are the source's columns; without ``text`` no text is in it.
    """
    given = [name for name in COLUMNS if text or name != "text"]
    more = [name for name in MORE if text or name != "subject"]
    taken = {*COLUMNS, *((SPLIT,) if split else ())}
    named = _distinct([f"source_{name}" if name in taken else name for name in own], taken)
    columns = [Column(name, _KINDS.get(name, "text")) for name in given]
    columns += [Column(name, is_own=True) for name in named]
    more = [name for name in more if name not in named]  # the source's column of that name says it
    columns += [Column(name, _KINDS.get(name, "text")) for name in more]
    columns += [Column(SPLIT)] if split else []
    places = [ExportRow._fields.index(name) for name in (*given, *more)]
    end, kept, digest = len(given), ExportRow._fields.index("kept"), ExportRow._fields.index("content_hash")

    def read(wanted: str | None) -> Iterator[Block]:
        nothing = (None,) * len(own)
        for fields in pages():
            sides = [split.of(text) for text in fields[digest]] if split else []
            if wanted is not None:
                fields = [tuple(compress(cells, [side == wanted for side in sides])) for cells in fields]  # noqa: PLW2901
                sides = [wanted] * len(fields[0])
            if fields[0]:
                block = [fields[at] for at in places]
                if own:
                    rows = (_cells(columns, own) if columns else nothing for columns in fields[kept])
                    block[end:end] = zip(*rows, strict=True)
                yield [*block, sides] if split else block

    return Table(tuple(columns), read, facts, split.names if split else ())


def _cells(kept: str, names: Sequence[str]) -> Sequence[Cell]:
    """Return the source's own cells of a row; what is nested stays JSON."""
    try:
        values = _read_alike(kept) or dict(json.loads(kept))
    except (ValueError, TypeError) as error:
        raise RunFileError(
            "The run file is damaged: the source's columns of a row cannot be read. Go back to a backup; --no-columns"
            " leaves them out."
        ) from error
    return [
        value if isinstance(value, _PLAIN) else json.dumps(value, ensure_ascii=False)
        for value in map(values.get, names)
    ]


def _read_alike(kept: str) -> dict[str, Any]:
    """Return the values by name where both readers of JSON agree: the fast one takes large numbers for fractions."""
    try:
        values = orjson.loads(kept)
    except ValueError:  # half surrogate pairs, NaN
        return {}
    return values if isinstance(values, dict) and _ALIKE.issuperset(map(type, values.values())) else {}


_PLAIN = (str, type(None))
_ALIKE = frozenset((str, type(None), bool, int))


def _distinct(names: Sequence[str], taken: set[str]) -> list[str]:
    """Return the names with a number behind those that are there already."""
    found: list[str] = []
    for name in names:
        free, number = name, 1
        while free in taken or free in found:
            number += 1
            free = f"{name}_{number}"
        found.append(free)
    return found


def record_of(row: ExportRow) -> dict[str, Any]:
    """Return a row by column, without text and the source's columns."""
    record = row._asdict()
    return {name: record[name] for name in (*COLUMNS, *MORE) if name != "text"}


def sound(cell: Any) -> Any:
    """Return text without half surrogate pairs, which binary formats cannot hold."""
    return cell.encode("utf-8", "replace").decode() if isinstance(cell, str) else cell
