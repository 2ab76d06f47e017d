"""Read what is exported: each item with the current label, both labels, how they came about, text and columns."""

from __future__ import annotations

import json
import sqlite3
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any, TypeAlias

from core.model import ExportRow, Task
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
"""email_id, by a person, value, annotator, attempt_id, task_version, note, at, blind."""
Call: TypeAlias = tuple[Any, ...]
"""email_id, id, model, key_alias, raw_answer, tokens, label_probability."""


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
        self._version = version
        self._sample = sample_of(connection)[0] if version >= FORMAT_WITH_REVIEWS else None

    def pages(self, selection: Selection, page: int) -> Iterator[list[tuple[int, ExportRow]]]:
        """Yield the selected items with their numbers: in source order, or in the order of the numbers given."""
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
            yield self._joined(rows, *lookups)

    def _these(self, selection: Selection, page: int) -> Iterator[list[tuple[int, ExportRow]]]:
        lookups = tuple(map(self._of_items, self._tables()))
        numbers = selection.email_ids or ()
        for begin in range(0, len(numbers), page):
            wanted = list(numbers[begin : begin + page])
            rows = self._emails("e.id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),), selection).fetchall()
            known = dict(self._joined(rows, *lookups))
            yield [(number, known[number]) for number in wanted if number in known]

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
        """Return columns, name and condition of each table that is joined to the items: labels, calls and notes."""
        probability = "label_probability" if self._version >= FORMAT_WITH_PROBABILITIES else "NULL"
        label = (
            f"email_id, {BY_PERSON}, coalesce(value, ''), coalesce(annotator, ''), attempt_id,"
            " coalesce(task_version, ''), coalesce(note, ''), at, blind"
        )
        call = (
            "email_id, id, coalesce(model, ''), coalesce(key_alias, ''), coalesce(raw_answer, ''),"
            f" coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0), {probability}"
        )
        noted = ("email_id, text", "note", STANDS)
        none = ("email_id, note", "label", "0")
        notes = noted if self._version >= FORMAT_WITH_NOTES else none
        return (label, "label", f"({BY_MODEL} OR {BY_PERSON})"), (call, "attempt", "1"), notes

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

    def _joined(self, rows: Rows, labels_of: Lookup, calls_of: Lookup, notes_of: Lookup) -> list[tuple[int, ExportRow]]:
        """Return items of a page with their labels, calls and notes.

        Each table is read by itself and joined here: SQLite's join takes twice as long.
        """
        labels, people, blinds = _newest(labels_of(rows))
        last, counts, others = self._calls(calls_of(rows), labels)
        notes: dict[int, str] = {}
        for number, noted in notes_of(rows):
            notes[number] = f"{notes[number]}\n{noted}" if number in notes else noted
        (simulated,) = self._db.execute("SELECT coalesce(max(simulated), 0) FROM run").fetchone()
        names, usual, sample, new = self._names, self._usual, self._sample, tuple.__new__
        moment, rates = _moments(), {}
        rate, blind = None, 0
        label: Any
        found = []
        for number, source_id, label, source, state, failure, reasks, flags, text, kept, subject, digest in rows:
            if not isinstance(text, str):
                raise TypeError(f"the text of item {number} is none")  # reported as damage by the reader
            by_model, by_person = labels.get(number), people.get(number)
            model_label = by_model[2] if by_model else ""
            version = at = annotator = note = name = ""
            given = by_person or (by_model if state == "labeled" else None)
            if given and label is not None:
                _, _, _, annotator, _, version, note, given_at, _ = given
                at = moment(given_at)
                if given is not by_person:
                    annotator = ""
            if label:
                name = names.get(version, usual).get(label) or usual.get(label, label)
            if number in notes:
                note = f"{note}\n{notes[number]}" if note else notes[number]
            call = mine = last.get(number)
            count, tokens = (counts.get(number) or (1, mine[5])) if mine else (0, 0)
            if by_model and (by_model[4] != mine[1] if mine else True) and by_model[4] is not None:
                call = others.get(by_model[4])
            _, _, model, alias, answer, _, probability = call or _NO_CALL
            if sample is not None:
                if model_label not in rates:
                    rates[model_label] = sample.rate(model_label or None)
                rate = rates[model_label]
                blind = int(number in blinds and permanent_number(sample.seed, number) < rate)
            row = new(ExportRow, (
                source_id, label or "", name, model_label, by_person[2] if by_person else "", source, blind, rate,
                model_label, state, failure, reasks, count, model, version, alias, tokens, answer, simulated, flags,
                at, text, kept, annotator, note, subject, probability, digest,
            ))  # fmt: skip
            found.append((number, row))
        return found

    def _calls(
        self, rows: Rows, labels: Mapping[int, Label]
    ) -> tuple[dict[int, Call], dict[int, tuple[int, int]], dict[int, Call]]:
        """Return the last call about each item, and by number the calls that other labels came from.

        Where an item was asked about more than once, how many calls it took and their tokens are given as well. A
        copied label came from a call about another item.
        """
        last = {row[0]: row for row in rows}
        counts: dict[int, tuple[int, int]] = {}
        if len(last) < len(rows):
            for row in rows:
                count, tokens = counts.get(row[0], (0, 0))
                counts[row[0]] = (count + 1, tokens + row[5])
        others = {row[1]: row for row in rows}
        wanted = {label[4] for label in labels.values()} - others.keys() - {None}
        if wanted:
            columns, name, _ = self._tables()[1]
            select = f"SELECT {columns} FROM {name} WHERE id IN (SELECT value FROM json_each(?))"
            others.update((row[1], row) for row in self._db.execute(select, (json.dumps(list(wanted)),)).fetchall())
        return last, counts, others


def _newest(rows: Rows) -> tuple[dict[int, Label], dict[int, Label], set[int]]:
    """Return the newest label of the model and of people by item, and the items that a person labeled blind."""
    people = [row for row in rows if row[1]]
    by_model = {row[0]: row for row in rows if not row[1]} if people else {row[0]: row for row in rows}
    return by_model, {row[0]: row for row in people}, {row[0] for row in people if row[8]}


def _moments() -> Callable[[Any], str]:
    """Return a function from seconds since the epoch to ISO 8601 in UTC; "" for what is no moment.

    Rounded to milliseconds and cut to seconds, as SQLite's ``strftime`` is. The minutes are kept: neighbors share them.
    """
    begun: dict[int, str] = {}

    def moment(at: Any) -> str:
        if not isinstance(at, int | float) or not -_LATEST_S < at < _LATEST_S:
            return ""
        minute, second = divmod(int(at * 1000 + 0.5) // 1000, 60)
        written = begun.get(minute)
        if written is None:
            if len(begun) > _MINUTES_KEPT:
                begun.clear()
            written = begun[minute] = (_EPOCH + timedelta(minutes=minute)).isoformat(timespec="minutes")
        return written + _SECONDS[second]

    return moment


_AHEAD_ROWS = 1_000
_first = itemgetter(0)
_NO_CALL: Call = (None, None, "", "", "", 0, None)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - every moment here is in UTC
_LATEST_S = 60_000_000_000.0
"""No date is later (the year 3871)."""
_MINUTES_KEPT = 10_000
_SECONDS = tuple(f":{second:02}Z" for second in range(60))
