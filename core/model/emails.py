"""Define emails as they come, as they are sent, as lists show them, and what people said of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from core.model.asking import Attempt


class EmailState(StrEnum):
    """Name the states of an email. Everything but ``PENDING`` is settled."""

    PENDING = "pending"
    LABELED = "labeled"
    FAILED = "failed"
    SKIPPED = "skipped"


class LabelSource(StrEnum):
    """Name who gave a label: the model, another email with the same text, or a person.

    A label that its giver took back stays on record as withdrawn; it is never the current one.
    """

    MODEL = "model"
    COPY = "copy"
    HUMAN = "human"
    WITHDRAWN = "undone"


@dataclass(frozen=True, slots=True)
class SourceEmail:
    """Hold one message as a source yields it.

    ``source_id`` is unique in its source; ``raw`` is the message as it came (RFC 822 text, or any plain text);
    ``place`` says where it was found, for error messages (``row 17``). ``columns`` are the source's other columns by
    name, with values that JSON can hold; ``gold`` is a label that the source has for it, or empty; ``read_as`` is the
    codec that a message's bytes were decoded with, where it was not the whole source's.
    """

    source_id: str
    raw: str
    place: str
    columns: Mapping[str, Any] | None = None
    gold: str = ""
    read_as: str = ""


NOTES = ("cut", "quoted", "signature", "hidden", "charset", "unparsed")
"""Flags of an email that say what was done to its text before it was sent; any other flag is an order to a model."""


def orders_among(flags: str) -> tuple[str, ...]:
    """Return the flags that name orders to a model (see ``core.mail.injection``)."""
    return tuple(flag for flag in flags.split() if flag not in NOTES)


@dataclass(frozen=True, slots=True)
class View:
    """Hold what is kept and sent of one message.

    ``text`` is sent to the model, truncated; ``content_hash`` is the SHA-256 of ``text`` (hex), so that equal hashes
    mean equal questions. Header fields are decoded for display and hold no lone surrogates. ``flags`` names what a
    person should know of the text, separated by spaces: orders to a model first, then those of :data:`NOTES`.
    ``parsed`` is False where the message, or parts of it, could not be parsed and stand as they came.
    """

    subject: str
    sender: str
    date: str
    text: str
    content_hash: str
    truncated: bool
    flags: str = ""
    parsed: bool = True


@dataclass(frozen=True, slots=True)
class EmailRow:
    """Hold an email in a list: no body. ``flags`` names what a person should know of its text, separated by spaces.

    ``asked`` says whether any call was made about it: none was about a copy, nor about what nobody takes at once.
    ``opening`` is how its text begins where it has no subject.
    """

    id: int
    position: int
    source_id: str
    subject: str
    sender: str
    date: str
    state: EmailState
    label: str | None
    label_source: str | None
    reasks: int
    failure: str | None
    flags: str = ""
    asked: bool = True
    opening: str = ""

    @property
    def named(self) -> str:
        """Return the subject, or what else identifies the email in a list."""
        return self.subject or self.opening or "(no subject)"


@dataclass(frozen=True, slots=True)
class LabelRecord:
    """Hold one label ever given to an email."""

    value: str
    source: str
    annotator: str
    task_version: str
    blind: bool
    note: str
    at: float


@dataclass(frozen=True, slots=True)
class NoteRecord:
    """Hold a person's note on an email."""

    text: str
    author: str
    at: float


@dataclass(frozen=True, slots=True)
class LastChange:
    """Hold a person's last change of ``count`` emails, which can be undone: ``what`` names it, such as a retry."""

    batch: int
    kind: str
    what: str
    at: float
    count: int


@dataclass(frozen=True, slots=True)
class Twin:
    """Hold the email of the very same text that was asked about: its place in work order, its id, its attempts."""

    position: int
    source_id: str
    attempts: tuple[Attempt, ...]


@dataclass(frozen=True, slots=True)
class EmailRecord:
    """Hold the full record of one email: what was sent, each attempt, each label, each note.

    An email that was settled with another of the very same text has no attempts; they are that one's, the ``twin``.
    ``pack_texts`` are the texts of the pack that it was last asked about in, or of the one that it could be in now.
    """

    row: EmailRow
    text: str
    raw: str
    attempts: tuple[Attempt, ...]
    labels: tuple[LabelRecord, ...]
    copies: int
    notes: tuple[NoteRecord, ...] = ()
    twin: Twin | None = None
    pack_texts: tuple[str, ...] = ()


class ExportRow(NamedTuple):
    """Hold one item's result as it is exported; up to ``text`` its fields are the export's columns, in their order.

    A named tuple and no dataclass: a run of a million items makes a million of them. ``label`` is the current label
    and empty while there is none; ``model_label`` and ``human_label`` are the newest of each. ``key_alias``, ``model``
    and ``raw_answer`` belong to the call that gave the model's label, or else to the last call; ``attempts`` and
    ``tokens`` count all calls about the item. ``labeled_at`` is ISO 8601 in UTC, or empty. ``note`` joins what people
    noted: with the current label, then on the item. ``kept`` holds the source's own columns as JSON, or None.
    ``label_probability`` is what that call's model gave its label, where the server reported it. ``number`` is the
    item's in the run file.
    """

    id: str
    label: str
    label_name: str
    model_label: str
    human_label: str
    label_source: str
    in_audit: int
    audit_rate: float | None
    stratum: str
    state: str
    failure: str
    reasks: int
    attempts: int
    model: str
    task_version: str
    key_alias: str
    tokens: int
    raw_answer: str
    simulated: int
    flags: str
    labeled_at: str
    text: str
    kept: str | None
    annotator: str
    note: str
    subject: str
    label_probability: float | None
    content_hash: str
    number: int = 0
