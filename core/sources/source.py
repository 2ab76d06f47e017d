"""What every format of emails shares: the words for what was found and what was not taken, and one rule for ids.

A format yields what it finds (:class:`Found`, or a :class:`SkippedRow` where a record makes no sense). :class:`Source`
makes emails of that: it numbers those without an id, takes each id once, and counts what it leaves out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SourceError
from core.model import SourceEmail

MESSAGE_LIMIT_BYTES = 64 * 1024 * 1024
TOO_LARGE = f"it is larger than {MESSAGE_LIMIT_BYTES // 1024 // 1024} MiB: no email is"
SKIPPED_SAMPLE = 100
MAX_ID_CHARS = 1_000

REPEATED = "the same email again: id and message are both taken already"
ID_TAKEN = "its id belongs to another email that was taken: choose a column of unique ids with --id-column"
ID_TOO_LONG = f"its id has more than {MAX_ID_CHARS:,} characters: choose another column with --id-column"


@dataclass(frozen=True, slots=True)
class Found:
    """A message as a format found it. ``number`` counts the records from 1; ``source_id`` may be empty."""

    number: int
    source_id: str
    raw: str
    place: str


@dataclass(frozen=True, slots=True)
class SkippedRow:
    """A record that was not taken: where it stands (``row 17, line 403``) and why.

    Equal causes have equal reasons, so that they can be counted; ``detail`` says what is special to this one.
    """

    place: str
    reason: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where text and id come from. ``id`` is None where the records are numbered; both are None without columns."""

    text: str | None = None
    id: str | None = None


@dataclass(slots=True)
class Skipped:
    """What one pass over a source did not take: the count of each reason, and the first 100 rows."""

    by_reason: dict[str, int] = field(default_factory=dict)
    sample: list[SkippedRow] = field(default_factory=list)

    @property
    def total(self) -> int:
        """How many records were not taken."""
        return sum(self.by_reason.values())

    def add(self, row: SkippedRow) -> None:
        """Count one more."""
        self.by_reason[row.reason] = self.by_reason.get(row.reason, 0) + 1
        if len(self.sample) < SKIPPED_SAMPLE:
            self.sample.append(row)


class Source:
    """Emails in one place. Iterate as often as needed: each pass reads anew and in constant memory, but for the ids.

    ``taken`` and ``skipped`` tell of the latest pass. A pass raises SourceError where the source breaks off (broken
    encoding, an unclosed quotation mark), or at its end if not one email was taken. Some 250 bytes are kept for each
    email that has an id of its own: the id, eight bytes of the message's hash and its number.
    """

    def __init__(
        self,
        path: Path,
        kind: str,
        read: Callable[[], Iterator[Found | SkippedRow]],
        columns: Columns | None = None,
        numbered: str = "row",
    ) -> None:
        self.path = path
        self.kind = kind
        self.columns = columns or Columns()
        self.taken = 0
        self.skipped = Skipped()
        self._read = read
        self._numbered = numbered

    def describe(self) -> str:
        """The source in a sentence: format, path, and which columns were chosen."""
        parts = [f"{self.kind} {self.path}"]
        if self.columns.text is not None:
            parts.append(f"text from column {self.columns.text!r}")
            ids = self.columns.id
            parts.append(f"ids from column {ids!r}" if ids is not None else f"ids {self._numbered}-1, -2, …")
        return ", ".join(parts)

    def __iter__(self) -> Iterator[SourceEmail]:
        self.taken = 0
        self.skipped = Skipped()
        seen: dict[str, bytes] = {}
        for record in self._read():
            row = record if isinstance(record, SkippedRow) else self._refusal(record, seen)
            if isinstance(record, Found) and row is None:
                self.taken += 1
                yield SourceEmail(self._id_of(record), record.raw, record.place)
            elif row is not None:
                self.skipped.add(row)
        if not self.taken:
            raise SourceError(self._nothing())

    def _id_of(self, found: Found) -> str:
        return found.source_id or f"{self._numbered}-{found.number}"

    def _refusal(self, found: Found, seen: dict[str, bytes]) -> SkippedRow | None:
        """Why this email is not taken, or None; its id is remembered."""
        if not found.source_id and self.columns.id is None:
            return None  # numbers are unique by themselves
        source_id = self._id_of(found)
        if len(source_id) > MAX_ID_CHARS:
            return SkippedRow(found.place, ID_TOO_LONG)
        digest = hashlib.blake2b(found.raw.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        first = seen.setdefault(source_id, digest + found.number.to_bytes(8, "big"))
        number = int.from_bytes(first[8:], "big")
        if number == found.number:
            return None
        reason = REPEATED if first[:8] == digest else ID_TAKEN
        return SkippedRow(found.place, reason, f"id {source_id!r} was first seen in {self._numbered} {number:,}")

    def _nothing(self) -> str:
        if not self.skipped.total:
            return f"{self.path} holds no emails. Check that it is the {self.kind} that was meant."
        reason, count = max(self.skipped.by_reason.items(), key=lambda item: item[1])
        first = next(row for row in self.skipped.sample if row.reason == reason)
        return (
            f"{self.path}: none of its {self.skipped.total:,} records could be taken. {count:,} of them: {reason} "
            f"(first at {first.place}). Correct the file or choose other columns."
        )


@dataclass(frozen=True, slots=True)
class Format:
    """One format of emails.

    ``words`` describes it to people, with the suffixes that it goes by. ``claims(path, beginning)`` returns whether a
    path is of this format; ``beginning`` are a file's first bytes, or None for a folder. ``open(path, text_column,
    id_column)`` returns its Source or raises SourceError.
    """

    words: str
    claims: Callable[[Path, bytes | None], bool]
    open: Callable[[Path, str | None, str | None], Source]


def no_columns(path: Path, text_column: str | None, id_column: str | None) -> None:
    """Refuse a column that is asked for where there are none. Raises SourceError."""
    for option, column in (("--text-column", text_column), ("--id-column", id_column)):
        if column is not None:
            raise SourceError(f"{path} has no columns, so {option} {column!r} names nothing. Leave it out.")
