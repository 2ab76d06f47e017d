"""Read what is exported: each item with the current label, both labels, how they came about, text and columns."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache, lru_cache
from operator import itemgetter
from typing import Any, TypeAlias

from core.model import Task
from core.quality.sampling import permanent_number
from core.storage.file.rows import BY_MODEL, BY_PERSON, STANDS, growing
from core.storage.file.schema_version import (
    FORMAT_WITH_COLUMNS,
    FORMAT_WITH_FLAGS,
    FORMAT_WITH_NOTES,
    FORMAT_WITH_PROBABILITIES,
    FORMAT_WITH_REVIEWS,
)
from core.storage.reading.filters import Filter, condition
from core.storage.reading.reviews import sample_of
from core.storage.reading.search import has_words, with_near_duplicates

ONLY: Mapping[str, str] = {
    "human": "e.label_source = 'human'",
    "model": "e.label_source IN ('model', 'copy')",
    "agreed": (
        f"(SELECT value FROM label WHERE email_id = e.id AND {BY_MODEL} ORDER BY id DESC LIMIT 1)"
        f" = (SELECT value FROM label WHERE email_id = e.id AND {BY_PERSON} ORDER BY id DESC LIMIT 1)"
    ),
}
"""What ``--only`` may say: the current label is a person's, the model's, or both gave the same one."""

Rows: TypeAlias = list[tuple[Any, ...]]
Lookup: TypeAlias = Callable[[Rows], Rows]
"""Returns the rows of a table about items of a page, by item and number."""
Label: TypeAlias = tuple[Any, ...]
"""email_id, value, attempt_id, task_version, note, at; those of people have annotator and blind behind these."""
Call: TypeAlias = tuple[Any, ...]
"""email_id, id, model, key_alias, raw_answer, tokens, label_probability."""
Page: TypeAlias = tuple[Sequence[Any], ...]
"""Rows as their columns, in the order of the fields of :class:`ExportRow`."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Hold which items are exported: those of a filter, ``only`` some labels (see :data:`ONLY`), or by number.

    Without ``text`` and ``columns`` neither texts nor the source's columns are read: those of a row are empty.
    """

    where: Filter = Filter()  # noqa: RUF009 - it is frozen
    only: str | None = None
    email_ids: Sequence[int] | None = None
    text: bool = True
    columns: bool = True


class ExportReader:
    """Read pages of rows over one connection. Call it within a transaction where a worker may write meanwhile."""

    def __init__(
        self, connection: sqlite3.Connection, task: Task, names: Mapping[str, Mapping[str, str]], version: int
    ) -> None:
        """Take the labels' names by version of the task: a label keeps the name it was given under."""
        self._db = connection
        self._names = {name: dict(labels) for name, labels in names.items()}
        self._usual = {label.value: label.name for label in task.labels}
        self._name = cache(self._named)
        self._version = version
        self._sample = sample_of(connection)[0] if version >= FORMAT_WITH_REVIEWS else None

    def pages(self, selection: Selection, page: int) -> Iterator[Page]:
        """Yield the selected items, at least one a page: in source order, or in the order of the numbers given."""
        if selection.email_ids is not None:
            yield from self._these(selection, page)
            return
        selection = replace(selection, where=with_near_duplicates(self._db, selection.where))
        if selection.where.texts:
            self._db.create_function("has_words", -1, has_words, deterministic=True)
        is_all = not selection.where.terms and selection.only is None
        lookups = tuple(map(self._in_step if is_all else self._of_items, self._tables()))
        found = self._emails("e.id > 0", (), selection)
        after = 0
        while rows := found.fetchmany(page):
            after = growing(rows, after)
            yield self._joined(rows, lookups)

    def _these(self, selection: Selection, page: int) -> Iterator[Page]:
        lookups = tuple(map(self._of_items, self._tables()))
        numbers = selection.email_ids or ()
        for begin in range(0, len(numbers), page):
            wanted = list(numbers[begin : begin + page])
            found = self._emails("e.id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),), selection)
            known = {row[0]: row for row in found.fetchall()}
            rows = [known[number] for number in wanted if number in known]
            if rows:
                yield self._joined(rows, lookups)

    def _emails(self, which: str, values: tuple[str, ...], selection: Selection) -> sqlite3.Cursor:
        """Return a cursor over the selected rows with their texts, by number."""
        version = self._version
        flags = "coalesce(e.flags, '')" if version >= FORMAT_WITH_FLAGS else "''"
        columns = "b.columns" if version >= FORMAT_WITH_COLUMNS and selection.columns else "NULL"
        text = "coalesce(b.text, '')" if selection.text else "''"
        found = condition(
            selection.where, has_flags=version >= FORMAT_WITH_FLAGS, has_notes=version >= FORMAT_WITH_NOTES
        )
        only = ONLY[selection.only] if selection.only else "1"
        return self._db.execute(
            "SELECT e.id, e.source_id, e.label, coalesce(e.label_source, ''), e.state, coalesce(e.failure, ''),"
            f" e.reasks, {flags}, {text}, {columns}, coalesce(e.subject, ''), e.content_hash"
            " FROM email AS e LEFT JOIN body AS b ON b.email_id = e.id"
            f" WHERE {which} AND {found.sql} AND {only} ORDER BY e.id",
            (*values, *found.values),
        )

    def _tables(self) -> tuple[tuple[str, str, str], ...]:
        """Return columns, name and condition of what is joined to the items: labels of both, calls and notes."""
        probability = "label_probability" if self._version >= FORMAT_WITH_PROBABILITIES else "NULL"
        label = "email_id, coalesce(value, ''), attempt_id, coalesce(task_version, ''), coalesce(note, ''), at"
        person = f"{label}, coalesce(annotator, ''), blind"
        call = (
            "email_id, id, coalesce(model, ''), coalesce(key_alias, ''), coalesce(raw_answer, ''),"
            f" coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0), {probability}"
        )
        noted = ("email_id, text", "note", STANDS)
        none = ("email_id, note", "label", "0")
        notes = noted if self._version >= FORMAT_WITH_NOTES else none
        return (label, "label", BY_MODEL), (person, "label", BY_PERSON), (call, "attempt", "1"), notes

    def _in_step(self, table: tuple[str, str, str]) -> Lookup:
        """Return the rows of a table about all items, page after page, each after the last.

        They lie in work order, which is shuffled. SQLite sorts them once, in bounded memory and a temporary file; to
        find those of each item by an index takes twice as much CPU. Where there is no room for that file, they are.
        """
        columns, name, where = table
        try:
            cursor = self._db.execute(
                f"SELECT {columns} FROM {name} NOT INDEXED WHERE typeof(email_id) = 'integer' AND {where}"
                " ORDER BY email_id, id"
            )
            held = cursor.fetchmany(_AHEAD_ROWS)
        except sqlite3.OperationalError:
            return self._of_items(table)

        def lookup(items: Rows) -> Rows:
            nonlocal held
            end = items[-1][0]
            while held and held[-1][0] <= end and (more := cursor.fetchmany(_AHEAD_ROWS)):
                held += more
            at = bisect_right(held, end, key=_first)
            found, held = held[:at], held[at:]
            return found

        return lookup

    def _of_items(self, table: tuple[str, str, str]) -> Lookup:
        """Return the rows of a table about the items of a page alone."""
        columns, name, where = table
        select = (
            f"SELECT {columns} FROM {name} WHERE email_id IN (SELECT value FROM json_each(?)) AND {where}"
            " ORDER BY email_id, id"
        )
        return lambda items: self._db.execute(select, (json.dumps([item[0] for item in items]),)).fetchall()

    def _joined(self, rows: Rows, lookups: Sequence[Lookup]) -> Page:
        """Return items with their labels, calls and notes. A column after the other: row by row takes twice as long.

        Each table is read by itself and joined here: SQLite's join takes twice as long.
        """
        by_model, by_person, calls, noted = (lookup(rows) for lookup in lookups)
        numbers, ids, labels, sources, states, failures, reasks, flags, texts, kept, subjects, digests = zip(
            *rows, strict=True
        )
        if set(map(type, texts)) != {str}:
            wrong = next(number for number, text in zip(numbers, texts, strict=True) if not isinstance(text, str))
            raise TypeError(f"the text of item {wrong} is none")  # reported as damage by the reader
        newest = {row[0]: row for row in by_model}
        models = [newest.get(number, _NO_LABEL) for number in numbers]
        _, model_labels, attempt_ids, *_ = zip(*models, strict=True)
        given = [
            row if state == "labeled" and label is not None else _NO_LABEL
            for row, state, label in zip(models, states, labels, strict=True)
        ]
        human_labels: Sequence[str] = ("",) * len(rows)
        annotators: Sequence[str] = human_labels
        if by_person:
            people = {row[0]: row for row in by_person}
            persons = [people.get(number, _NO_LABEL) for number in numbers]
            human_labels = [row[1] for row in persons]
            persons = [_NO_LABEL if label is None else row for row, label in zip(persons, labels, strict=True)]
            annotators = ["" if row is _NO_LABEL else row[6] for row in persons]
            given = [row if by is _NO_LABEL else by for row, by in zip(given, persons, strict=True)]
        versions = [row[3] for row in given]
        notes = [row[4] for row in given]
        if noted:
            joined: dict[int, str] = {}
            for number, text in noted:
                joined[number] = f"{joined[number]}\n{text}" if number in joined else text
            notes = [
                (f"{note}\n{joined[number]}" if note else joined[number]) if number in joined else note
                for number, note in zip(numbers, notes, strict=True)
            ]
        told, attempts, tokens = self._calls(calls, numbers, attempt_ids)
        _, _, answered_by, aliases, answers, _, probabilities = zip(*told, strict=True)
        rates, in_audit = self._audit(numbers, model_labels, {row[0] for row in by_person if row[7]})
        (simulated,) = self._db.execute("SELECT coalesce(max(simulated), 0) FROM run").fetchone()
        return (
            ids, [label or "" for label in labels], list(map(self._name, versions, labels)), model_labels, human_labels,
            sources, in_audit, rates, model_labels, states, failures, reasks, attempts, answered_by, versions, aliases,
            tokens, answers, (simulated,) * len(rows), flags, _moments(row[5] for row in given), texts, kept,
            annotators, notes, subjects, probabilities, digests, numbers,
        )  # fmt: skip

    def _named(self, version: str, label: str | None) -> str:
        """Return the name of a label as it was when it was given."""
        return (self._names.get(version, self._usual).get(label) or self._usual.get(label, label)) if label else ""

    def _audit(
        self, numbers: Sequence[int], model_labels: Sequence[str], blinds: set[int]
    ) -> tuple[Sequence[float | None], Sequence[int]]:
        """Return the rate at which each item was sampled, and whether it is in the sample and was labeled blind."""
        sample = self._sample
        if sample is None:
            return (None,) * len(numbers), (0,) * len(numbers)
        by_label = {label: sample.rate(label or None) for label in set(model_labels)}
        rates = [by_label[label] for label in model_labels]
        if not blinds:
            return rates, (0,) * len(numbers)
        return rates, [
            int(number in blinds and permanent_number(sample.seed, number) < rate)
            for number, rate in zip(numbers, rates, strict=True)
        ]

    def _calls(
        self, rows: Rows, numbers: Sequence[int], attempt_ids: Sequence[int | None]
    ) -> tuple[list[Call], Sequence[int], Sequence[int]]:
        """Return for each item the call that its label of the model came from, or else the last one about it.

        Then how many calls each took, and their tokens. A copied label came from a call about another item.
        """
        newest = {row[0]: row for row in rows}
        last = [newest.get(number, _NO_CALL) for number in numbers]
        attempts, tokens = [int(row is not _NO_CALL) for row in last], [row[5] for row in last]
        if len(newest) < len(rows):
            counts: dict[int, tuple[int, int]] = {}
            for row in rows:
                count, used = counts.get(row[0], (0, 0))
                counts[row[0]] = (count + 1, used + row[5])
            told = [counts.get(number, (0, 0)) for number in numbers]
            attempts, tokens = [count for count, _ in told], [used for _, used in told]
        if [row[1] for row in last] == list(attempt_ids):
            return last, attempts, tokens
        others = {row[1]: row for row in rows}
        wanted = set(attempt_ids) - others.keys() - {None}
        if wanted:
            columns, name, _ = self._tables()[2]
            select = f"SELECT {columns} FROM {name} WHERE id IN (SELECT value FROM json_each(?))"
            others.update((row[1], row) for row in self._db.execute(select, (json.dumps(list(wanted)),)).fetchall())
        calls = [row if by is None else others.get(by, _NO_CALL) for row, by in zip(last, attempt_ids, strict=True)]
        return calls, attempts, tokens


def _moments(seconds: Iterable[Any]) -> list[str]:
    """Return seconds since the epoch as ISO 8601 in UTC; "" for what is no moment.

    Rounded to milliseconds and cut to seconds, as SQLite's ``strftime`` is.
    """
    found = []
    for at in seconds:
        if isinstance(at, _NUMBERS) and -_LATEST_S < at < _LATEST_S:
            whole = int(at * 1000 + 0.5) // 1000
            found.append(_minute(whole // 60) + _SECONDS[whole % 60])
        else:
            found.append("")
    return found


@lru_cache(maxsize=10_000)
def _minute(number: int) -> str:
    """Return the beginning of a moment, up to its minute: many share it."""
    return (_EPOCH + timedelta(minutes=number)).isoformat(timespec="minutes")


_AHEAD_ROWS = 1_000
_first = itemgetter(0)
_NO_LABEL: Label = (None, "", None, "", "", None)
_NO_CALL: Call = (None, None, "", "", "", 0, None)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - every moment here is in UTC
_LATEST_S = 60_000_000_000.0
"""No date is later (the year 3871)."""
_NUMBERS = (float, int)
_SECONDS = tuple(f":{second:02}Z" for second in range(60))
