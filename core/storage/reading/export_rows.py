"""Reading what is exported: each item with the label in force, both labels, how they came about, text and columns."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from core.model import ExportRow, Task
from core.quality.sampling import permanent_number
from core.storage.file.rows import BY_MODEL, BY_PERSON, STANDS, growing
from core.storage.file.schema_version import (
    FORMAT_WITH_COLUMNS,
    FORMAT_WITH_FLAGS,
    FORMAT_WITH_NOTES,
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
"""What ``--only`` may say: the label in force is a person's, the model's, or both gave the same one."""


@dataclass(frozen=True, slots=True)
class Selection:
    """Which items are exported: those of a filter, ``only`` some labels (see :data:`ONLY`), or by their numbers."""

    where: Filter = Filter()  # noqa: RUF009 - it is frozen
    only: str | None = None
    email_ids: Sequence[int] | None = None


class ExportReader:
    """Reads pages of rows over one connection; each is fetched whole."""

    def __init__(
        self, connection: sqlite3.Connection, task: Task, names: Mapping[str, Mapping[str, str]], version: int
    ) -> None:
        """``names`` is what each version of the task calls its labels: a label keeps the name it was given under."""
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
        select = self._select("> ? AND {id} <= ?", selection)
        after = 0
        while True:
            (end,) = self._db.execute(
                "SELECT max(id) FROM (SELECT id FROM email WHERE id > ? ORDER BY id LIMIT ?)", (after, page)
            ).fetchone()
            if end is None:
                return
            rows = self._read(select, (after, end), selection)
            growing(rows, after)
            after = end
            if rows:
                yield [(row[0], self._row(row)) for row in rows]

    def _these(self, selection: Selection, page: int) -> Iterator[list[tuple[int, ExportRow]]]:
        select = self._select("IN (SELECT value FROM json_each(?))", selection)
        numbers = selection.email_ids or ()
        for begin in range(0, len(numbers), page):
            wanted = list(numbers[begin : begin + page])
            known = {row[0]: row for row in self._read(select, (json.dumps(wanted),), selection)}
            yield [(number, self._row(known[number])) for number in wanted if number in known]

    def _read(self, select: str, span: tuple[int | str, ...], selection: Selection) -> list[tuple[Any, ...]]:
        values = self._condition(selection)[1]
        return self._db.execute(select, (*span, *span, *span, *values)).fetchall()

    def _condition(self, selection: Selection) -> tuple[str, tuple[str | int, ...]]:
        version = self._version
        found = condition(
            selection.where, has_flags=version >= FORMAT_WITH_FLAGS, has_notes=version >= FORMAT_WITH_NOTES
        )
        return f"{found.sql} AND {ONLY[selection.only] if selection.only else '1'}", found.values

    def _select(self, span: str, selection: Selection) -> str:
        """Return the query for a span of numbers: labels and calls are grouped once a page, not looked up by row."""
        version = self._version
        flags = "coalesce(e.flags, '')" if version >= FORMAT_WITH_FLAGS else "''"
        kept = "b.columns" if version >= FORMAT_WITH_COLUMNS else "NULL"
        notes = "NULL"
        if version >= FORMAT_WITH_NOTES:
            notes = (
                "(SELECT group_concat(text, char(10)) FROM (SELECT text FROM note WHERE email_id = e.id"
                f" AND {STANDS} ORDER BY id))"
            )
        return (
            "WITH g AS MATERIALIZED (SELECT email_id,"
            f" max(CASE WHEN {BY_MODEL} THEN id END) AS m, max(CASE WHEN {BY_PERSON} THEN id END) AS h,"
            f" max({BY_PERSON} AND blind) AS blind"
            f" FROM label WHERE email_id {span.format(id='email_id')} GROUP BY email_id),"
            " c AS MATERIALIZED (SELECT email_id, count(*) AS n, max(id) AS last,"
            " sum(coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)) AS tokens"
            f" FROM attempt WHERE email_id {span.format(id='email_id')} GROUP BY email_id)"
            " SELECT e.id, e.source_id, coalesce(e.label, ''), coalesce(lm.value, ''), coalesce(lh.value, ''),"
            " coalesce(e.label_source, ''), coalesce(g.blind, 0), e.state, coalesce(e.failure, ''), e.reasks,"
            " coalesce(c.n, 0), coalesce(a.model, ''), coalesce(l.task_version, ''), coalesce(a.key_alias, ''),"
            " coalesce(c.tokens, 0), coalesce(a.raw_answer, ''), coalesce(r.simulated, 0),"
            f" {flags}, coalesce(strftime('%Y-%m-%dT%H:%M:%SZ', l.at, 'unixepoch'), ''), coalesce(b.text, ''), {kept},"
            " CASE WHEN l.source = 'human' THEN coalesce(l.annotator, '') ELSE '' END, coalesce(l.note, ''),"
            f" {notes}, coalesce(e.subject, ''), e.content_hash"
            " FROM email AS e JOIN run AS r ON r.id = 1 LEFT JOIN body AS b ON b.email_id = e.id"
            " LEFT JOIN g ON g.email_id = e.id LEFT JOIN c ON c.email_id = e.id"
            " LEFT JOIN label AS lm ON lm.id = g.m LEFT JOIN label AS lh ON lh.id = g.h"
            " LEFT JOIN label AS l ON e.label IS NOT NULL"
            " AND l.id = coalesce(g.h, CASE WHEN e.state = 'labeled' THEN g.m END)"
            " LEFT JOIN attempt AS a ON a.id = coalesce(lm.attempt_id, c.last)"
            f" WHERE e.id {span.format(id='e.id')} AND {self._condition(selection)[0]} ORDER BY e.id"
        )

    def _row(self, row: tuple[Any, ...]) -> ExportRow:
        (number, source_id, label, model_label, human_label, source, blind, state, failure, reasks, calls, model,
         version, alias, tokens, answer, simulated, flags, at, text, kept, annotator, note, noted, subject,
         digest) = row  # fmt: skip
        if not isinstance(text, str):
            raise TypeError(f"the text of item {number} is none")  # told as damage by the reader
        rate, sample = None, self._sample
        if sample is not None:
            rate = sample.rate(model_label or None)
            blind = int(bool(blind) and permanent_number(sample.seed, number) < rate)
        name = self._names.get(version, self._usual).get(label) or self._usual.get(label, label) if label else ""
        if noted:
            note = f"{note}\n{noted}" if note else noted
        return ExportRow(
            source_id, label, name, model_label, human_label, source, blind if sample is not None else 0, rate,
            model_label, state, failure, reasks, calls, model, version, alias, tokens, answer, simulated, flags, at,
            text, kept, annotator, note, subject, digest,
        )  # fmt: skip
