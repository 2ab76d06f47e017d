"""Reading what is exported: each email with the label in force, who gave it, and what people noted."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from core.model import EmailState, ExportRow, Task
from core.quality.sampling import permanent_number
from core.storage.file.rows import BY_MODEL, BY_PERSON, STANDS, growing, label_in_force
from core.storage.file.schema_version import FORMAT_WITH_FLAGS, FORMAT_WITH_NOTES, FORMAT_WITH_REVIEWS
from core.storage.reading.reviews import sample_of


class ExportReader:
    """Reads pages of rows over one connection; each is fetched whole."""

    def __init__(
        self, connection: sqlite3.Connection, task: Task, names: Mapping[str, Mapping[str, str]], version: int
    ) -> None:
        """``names`` is what each version of the task calls its labels: a label keeps the name it was given under."""
        self._db = connection
        self._task = task
        self._names = names
        flags = "e.flags" if version >= FORMAT_WITH_FLAGS else "NULL"
        notes = "NULL"
        if version >= FORMAT_WITH_NOTES:
            notes = (
                "(SELECT group_concat(text, char(10)) FROM (SELECT text FROM note WHERE email_id = e.id"
                f" AND {STANDS} ORDER BY id))"
            )
        self._sample = sample_of(connection)[0] if version >= FORMAT_WITH_REVIEWS else None
        audited = "EXISTS (SELECT 1 FROM label WHERE email_id = e.id AND source = 'human' AND blind = 1)"
        self._select = (
            f"SELECT e.id, e.source_id, e.label, e.label_source, e.reasks, e.state, e.failure, e.subject, {flags},"
            f" l.task_version, l.annotator, l.note, l.at, a.model, {notes},"
            f" {_newest(BY_MODEL)}, {_newest(BY_PERSON)}, {audited}"
            f" FROM email AS e LEFT JOIN label AS l ON e.label IS NOT NULL AND l.id = {label_in_force('e')}"
            " LEFT JOIN attempt AS a ON a.id = l.attempt_id"
        )

    def all(self, page: int) -> Iterator[tuple[int, ExportRow]]:
        """Every email with its number, in source order."""
        after = 0
        while True:
            rows = self._db.execute(f"{self._select} WHERE e.id > ? ORDER BY e.id LIMIT ?", (after, page)).fetchall()
            if not rows:
                return
            after = growing(rows, after)
            for row in rows:
                yield row[0], self._row(row)

    def these(self, email_ids: Sequence[int], page: int) -> Iterator[tuple[int, ExportRow]]:
        """The same for those with these numbers, in their order."""
        for begin in range(0, len(email_ids), page):
            wanted = list(email_ids[begin : begin + page])
            rows = self._db.execute(
                f"{self._select} WHERE e.id IN (SELECT value FROM json_each(?))", (json.dumps(wanted),)
            ).fetchall()
            known = {row[0]: row for row in rows}
            yield from ((number, self._row(known[number])) for number in wanted if number in known)

    def _row(self, row: tuple[Any, ...]) -> ExportRow:
        (
            _,
            source_id,
            label,
            source,
            reasks,
            state,
            failure,
            subject,
            flags,
            version,
            annotator,
            note,
            at,
            model,
            noted,
            model_label,
            human_label,
            audited,
        ) = row
        sample = self._sample
        member = sample is not None and permanent_number(sample.seed, row[0]) < sample.rate(model_label)
        return ExportRow(
            source_id=source_id,
            label=label or "",
            label_name=self._names.get(version or "", {}).get(label, self._task.name_of(label)) if label else "",
            source=source or "",
            reasks=reasks,
            state=EmailState(state),
            failure=failure or "",
            model=model or "",
            task_version=version or "",
            annotator=(annotator or "") if source == "human" else "",
            note="\n".join(part for part in (note, noted) if part),
            labeled_at=at,
            subject=subject or "",
            flags=flags or "",
            model_label=model_label or "",
            human_label=human_label or "",
            in_audit=bool(member and audited),
            audit_rate=sample.rate(model_label) if sample is not None else None,
            stratum=model_label or "",
        )


def _newest(which: str) -> str:
    """SQL for the value of the newest label of an email that is of that source."""
    return f"(SELECT value FROM label WHERE email_id = e.id AND {which} ORDER BY id DESC LIMIT 1)"
