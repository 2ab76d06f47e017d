"""Which column holds the message and which its id: by name, or as told."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

from core.errors import SourceError

# Of each group all are equally good, and a later group counts only if the earlier ones are absent: a column named
# "email" may as well hold addresses.
_TEXT_NAMES = (
    (
        "message",
        "text",
        "body",
        "content",
        "raw",
        "raw_message",
        "email_text",
        "message_text",
        "email_body",
        "full_text",
    ),
    ("email", "mail", "msg"),
)
_ID_NAMES = (
    *("id", "email_id", "uid", "uuid", "item_id", "record_id", "message_id", "messageid", "msg_id"),
    *("file", "file_name", "filename", "path", "key", "index"),
)
_SHOWN = 20


def text_column(path: Path, names: Sequence[str], wanted: str | None) -> int:
    """The index of the column that holds the message. Raises SourceError where none, or more than one, fits."""
    if wanted is not None:
        return _named(path, names, wanted, "--text-column")
    if len(names) == 1:
        return 0
    plain = [_plain(name) for name in names]
    for group in _TEXT_NAMES:
        fitting = [index for index, name in enumerate(plain) if name in group]
        if len(fitting) == 1:
            return fitting[0]
        if fitting:
            both = " and ".join(repr(names[index]) for index in fitting)
            raise SourceError(f"{path}: {both} may each hold the message. Choose one with --text-column.")
    raise SourceError(
        f"{path}: no column looks like the message ({', '.join(_TEXT_NAMES[0][:5])} …). {_there_are(names)} "
        "Choose one with --text-column."
    )


def id_column(path: Path, names: Sequence[str], wanted: str | None, text: int) -> int | None:
    """The index of the column of ids, or None where the records are to be numbered.

    Of several that look like ids the most usual name wins: ``id``, then message ids, then file names.
    """
    if wanted is not None:
        index = _named(path, names, wanted, "--id-column")
        if index == text:
            raise SourceError(f"{path}: column {names[index]!r} cannot be both message and id. Choose two columns.")
        return index
    plain = [_plain(name) for name in names]
    return next((plain.index(name) for name in _ID_NAMES if name in plain and plain.index(name) != text), None)


def _named(path: Path, names: Sequence[str], wanted: str, option: str) -> int:
    if names.count(wanted) == 1:
        return names.index(wanted)
    fitting = [index for index, name in enumerate(names) if name.strip().casefold() == wanted.strip().casefold()]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise SourceError(f"{path}: {len(fitting)} columns are named {wanted!r}. Rename them for {option}.")
    near = difflib.get_close_matches(wanted.casefold(), [name.casefold() for name in names], n=1, cutoff=0.5)
    guess = next((f" Did you mean {name!r}?" for name in names if near and name.casefold() == near[0]), "")
    raise SourceError(f"{path} has no column {wanted!r}, which {option} names.{guess} {_there_are(names)}")


def _plain(name: str) -> str:
    return name.strip().casefold().replace("-", "_").replace(" ", "_")


def _there_are(names: Sequence[str]) -> str:
    listed = ", ".join(repr(name[:60]) for name in names[:_SHOWN])
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return f"There are: {listed}{more}."
