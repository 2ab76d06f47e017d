"""Choose the columns of a table of texts: for the text, the id, what is sent beside it, what is kept with it.

Columns are chosen by name, or as given. A row's text is what the text column holds; columns that are sent stand before
it: those named as an email's headers are (``subject``, ``from``, ``date`` …) become headers, others lines of their own.
Every column but text and id is kept with the row.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import SourceError
from core.mail import headers as header_block
from core.sources.source import Columns, Found, SkippedRow, SourceOptions
from core.text import without_halves

NO_TEXT = "its text is missing, or neither a text nor a number: choose another column with --text-column"
NO_ID = "its id is neither a text nor a number: choose another column with --id-column"
NESTING_LIMIT = 8

# Of each group all are equally good, and a later group counts only if the earlier ones are absent: a column named
# "email" may as well hold addresses.
_TEXT_NAMES = (
    (
        *("message", "text", "body", "content", "raw", "raw_message", "email_text", "message_text", "email_body"),
        *("full_text", "review", "review_text", "comment", "sentence", "utterance", "tweet", "document"),
    ),
    ("email", "mail", "msg", "title", "description", "question", "prompt"),
)
_ID_NAMES = (
    *("id", "email_id", "uid", "uuid", "item_id", "record_id", "message_id", "messageid", "msg_id"),
    *("file", "file_name", "filename", "path", "key", "index"),
)
_HEADERS = {
    "from": "From", "sender": "From", "from_address": "From", "to": "To", "recipient": "To", "recipients": "To",
    "cc": "Cc", "bcc": "Bcc", "subject": "Subject", "date": "Date", "sent": "Date", "sent_at": "Date",
}  # fmt: skip
"""Names of columns that hold what an email's header says, as a column is named in plain form."""

_SHOWN = 20


class ColumnsError(SourceError):
    """Report that no column, or more than one, fits; ``names`` are those to choose from."""

    def __init__(self, message: str, names: Sequence[str]) -> None:
        super().__init__(message)
        self.names = tuple(names)


@dataclass(frozen=True, slots=True)
class Chosen:
    """Hold what is read of a table's rows, by index.

    ``headers`` and ``lines`` are columns that are sent beside the text, each with the name that it is sent under;
    ``kept`` are those that stay with the row.
    """

    names: tuple[str, ...]
    text: int
    id: int | None
    gold: int | None
    headers: tuple[tuple[int, str], ...]
    lines: tuple[tuple[int, str], ...]
    kept: tuple[tuple[int, str], ...]

    def columns(self) -> Columns:
        """Return the choice by name."""
        names = self.names
        return Columns(
            names[self.text],
            None if self.id is None else names[self.id],
            tuple(names[at] for at, _ in (*self.headers, *self.lines)),
            None if self.gold is None else names[self.gold],
            names,
        )

    def found(
        self, number: int, place: str, cells: Sequence[Any], more: Mapping[str, Any] | None = None
    ) -> Found | SkippedRow:
        """Return the row as a record; ``more`` are columns that are not among the names."""
        text = _words(cells[self.text])
        if text is None:
            return SkippedRow(place, NO_TEXT)
        source_id = "" if self.id is None or cells[self.id] is None else _words(cells[self.id])
        if source_id is None:
            return SkippedRow(place, NO_ID)
        kept = {name: cells[at] for at, name in self.kept}
        if more:
            kept.update(more)
        gold = "" if self.gold is None else (_words(cells[self.gold]) or "")
        raw = self._sent(text, cells) if self.headers or self.lines else text
        return Found(number, source_id.strip(), raw, place, kept or None, gold.strip())

    def _sent(self, text: str, cells: Sequence[Any]) -> str:
        lines = [f"{name}: {value}" for at, name in self.lines if (value := _one_line(cells[at]))]
        if lines:
            text = "\n".join(lines) + "\n\n" + text
        headers = [f"{name}: {value}" for at, name in self.headers if (value := _one_line(cells[at]))]
        if not headers or (not lines and header_block.split(text)[0] is not None):
            return text  # the text is a whole email and has headers of its own
        return "\n".join(headers) + "\n\n" + text


def choose(path: Path, names: Sequence[str], options: SourceOptions) -> Chosen:
    """Return which columns are read.

    Raises:
        ColumnsError: none, or more than one, fits, or one that was given is missing.
    """
    sent = [_named(path, names, name, "--fields") for name in options.fields]
    text = _text_column(path, names, options, sent)
    ids = _id_column(path, names, options.id_column, text)
    gold = None if options.gold_column is None else _named(path, names, options.gold_column, "--gold-column")
    if gold is not None and gold in (text, ids):
        raise ColumnsError(
            f"{path}: column {names[gold]!r} cannot be gold label and text or id. Choose two columns.", names
        )
    beside = [at for at in dict.fromkeys(sent) if at != text]
    if not sent:
        beside = [at for at, name in enumerate(names) if _last(name) in _HEADERS and at not in (text, ids, gold)]
    headers: list[tuple[int, str]] = []
    for at in beside:
        title = _HEADERS.get(_last(names[at]))
        if title and title not in (name for _, name in headers):
            headers.append((at, title))
    used = {at for at, _ in headers}
    lines = [(at, names[at]) for at in beside if at not in used] if sent else []
    kept = tuple((at, name) for at, name in enumerate(unique(names)) if at not in (text, ids))
    return Chosen(tuple(names), text, ids, gold, tuple(headers), tuple(lines), kept)


def has_text(names: Iterable[str]) -> bool:
    """Return whether any of these columns is named as texts are."""
    return any(_last(name) in group for name in names for group in _TEXT_NAMES)


def unique(names: Sequence[str]) -> list[str]:
    """Return the names, each once: an empty one is ``column_3``, the second ``a`` is ``a_2``."""
    taken: set[str] = set()
    found: list[str] = []
    for at, name in enumerate(names, 1):
        base = name or f"column_{at}"
        free, count = base, 1
        while free in taken:
            count += 1
            free = f"{base}_{count}"
        taken.add(free)
        found.append(free)
    return found


def flattened(record: Mapping[str, Any], prefix: str = "", depth: int = 0) -> dict[str, Any]:
    """Return a nested record as columns with dotted names (``data.text``); lists stay as they are."""
    flat: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(value, dict) and value and depth < NESTING_LIMIT:
            flat.update(flattened(value, f"{prefix}{key}.", depth + 1))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def _words(value: Any) -> str | None:
    """Return a cell as text, or None where it holds none. Half surrogate pairs, which JSON can write, become U+FFFD."""
    if isinstance(value, str):
        return without_halves(value)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return None


def _one_line(value: Any) -> str:
    words = _words(value)
    if words is None:
        words = "" if value is None else value if isinstance(value, str) else json.dumps(value, default=str)
    return " ".join(words.split())


def _text_column(path: Path, names: Sequence[str], options: SourceOptions, sent: Sequence[int]) -> int:
    if options.text_column is not None:
        return _named(path, names, options.text_column, "--text-column")
    if len(names) == 1:
        return 0
    plain = [_last(name) for name in names]
    for group in _TEXT_NAMES:
        fitting = [at for at, name in enumerate(plain) if name in group and (not sent or at in sent)]
        if len(fitting) == 1:
            return fitting[0]
        if fitting and not sent:
            both = " and ".join(repr(names[at]) for at in fitting)
            raise ColumnsError(f"{path}: {both} may each hold the message. Choose one with --text-column.", names)
    if sent:
        return sent[-1]
    raise ColumnsError(
        f"{path}: no column looks like the message ({', '.join(_TEXT_NAMES[0][:5])} …). {_there_are(names)} "
        "Choose one with --text-column.",
        names,
    )


def _id_column(path: Path, names: Sequence[str], wanted: str | None, text: int) -> int | None:
    """Return the index of the column of ids, or None where the records are to be numbered.

    Of several that look like ids the most usual name wins: ``id``, then message ids, then file names.
    """
    if wanted is not None:
        at = _named(path, names, wanted, "--id-column")
        if at == text:
            raise ColumnsError(
                f"{path}: column {names[at]!r} cannot be both message and id. Choose two columns.", names
            )
        return at
    plain = [_plain(name) for name in names]
    return next((plain.index(name) for name in _ID_NAMES if name in plain and plain.index(name) != text), None)


def _named(path: Path, names: Sequence[str], wanted: str, option: str) -> int:
    if names.count(wanted) == 1:
        return names.index(wanted)
    fitting = [index for index, name in enumerate(names) if name.strip().casefold() == wanted.strip().casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise ColumnsError(f"{path}: {len(fitting)} columns are named {wanted!r}. Rename them for {option}.", names)
    near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1, cutoff=0.5)
    guess = next((f" Did you mean {name!r}?" for name in names if near and name.casefold() == near[0]), "")
    raise ColumnsError(f"{path} has no column {wanted!r}, which {option} names.{guess} {_there_are(names)}", names)


def _last(name: str) -> str:
    """Return the last part of a dotted name, in plain form."""
    return _plain(name.rpartition(".")[2])


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _there_are(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name[:60]) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"There are: {listed}{more}."
