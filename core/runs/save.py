"""Saving chosen emails to a file: as rows of an export, or in JSON Lines as full records."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from core.errors import ExportError
from core.exports.columns import record_of
from core.exports.registry import export_rows, writer_for, written_whole
from core.storage.reading.reader import RunReader

_LINES = ".jsonl"


def save_emails(path: Path, email_ids: Sequence[int] | None, target: Path) -> int:
    """Write these emails of a run (or all) to a file that is not there yet; returns how many.

    The suffix names the format: an export's row for each, or in ``.jsonl`` its whole record: what was sent, every
    attempt, label and note.

    Raises:
        ExportError: the format is unknown, something has that name, or it cannot be written.
    """
    target = target.expanduser()
    writer_for(target)
    if target.exists():
        raise ExportError(f"{target} is there already. Choose another name; nothing was written.")
    with RunReader(path) as reader:
        if target.suffix.lower() != _LINES:
            return export_rows(reader.export_rows(email_ids=email_ids), target)
        return written_whole(target, lambda descriptor: _write_records(reader, email_ids, descriptor))


def _write_records(reader: RunReader, email_ids: Sequence[int] | None, descriptor: int) -> int:
    count = 0
    with open(descriptor, "w", encoding="utf-8", newline="\n", closefd=False) as file:
        for record in _records(reader, email_ids):
            line = json.dumps(record, ensure_ascii=False)
            file.write(line.encode("utf-8", "replace").decode("utf-8") + "\n")
            count += 1
    return count


def _records(reader: RunReader, email_ids: Sequence[int] | None) -> Iterator[dict[str, Any]]:
    for number, row in reader.numbered_rows(email_ids=email_ids):
        record = reader.record(number)
        yield {
            **record_of(row),
            "from": record.row.sender,
            "date": record.row.date,
            "text": record.text,
            "attempts": [asdict(attempt) for attempt in record.attempts],
            "labels": [asdict(label) for label in record.labels],
            "notes": [asdict(note) for note in record.notes],
        }
