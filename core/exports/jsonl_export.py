"""Labels as JSON Lines: one object a line, UTF-8, values exactly as they are."""

from __future__ import annotations

import json
from collections.abc import Iterable

from core.exports.columns import record_of
from core.model import ExportRow


def write(rows: Iterable[ExportRow], descriptor: int, _raw: bool) -> int:  # noqa: FBT001 - the registry's signature
    """Write the rows and return how many. Half surrogate pairs are escaped, as JSON allows."""
    count = 0
    with open(descriptor, "w", encoding="utf-8", newline="\n", closefd=False) as file:
        for row in rows:
            record = record_of(row)
            line = json.dumps(record, ensure_ascii=False)
            try:
                line.encode()
            except UnicodeEncodeError:
                line = json.dumps(record)
            file.write(line + "\n")
            count += 1
    return count
