"""Choose the simulated model's answers: a plain word rule, replayed labels, and answers that are not labels.

The word rule counts the different work words and personal words in an email, lower-cased and split at anything
that is no letter. Work words at least as many as personal ones: the first label; else the second. It is meant
to be explicable and quick, not clever: nobody should read its labels as a measurement.
"""

from __future__ import annotations

import csv
import json
import re
from typing import TYPE_CHECKING, Final

from core.simulator.config import SimulatorError
from core.simulator.conversation import text_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

WORK_WORDS: Final = frozenset(
    """
    agenda agreement approval approve attached audit budget capacity client compliance conference contract
    contracts counterparty curve customer customers deadline deal deals department draft energy enron estimate
    exhibit ferc filing forecast gas hedge invoice language legal manager market meeting memo office order
    pipeline plan policy portfolio position power presentation price prices pricing project proposal quarter
    question questions rate rates regulatory report request review revised risk schedule settlement shipper
    status tariff team term trade traders trading transaction transport utility vendor volume
    """.split()  # noqa: SIM905
)
PERSONAL_WORDS: Final = frozenset(
    """
    anniversary aunt baby beach beer bike birthday boyfriend brother camping christmas church concert cousin
    dad daddy daughter dinner dog easter family fantasy fishing football friday fun game girlfriend golf
    grandma guitar halloween happy hockey holiday honey hug hugs hunting husband joke jokes kids kiss lake love
    lunch mom mommy movie mum music nephew niece party photos picnic pizza recipe restaurant sister ski soccer
    son sunday super sweetie thanksgiving tickets trip uncle vacation wedding weekend wife wine xoxo yoga
    """.split()  # noqa: SIM905
)
_WORD: Final = re.compile(r"[a-z]+")
_READ_AT_MOST: Final = 8_000

INVALID_SHAPES: Final = (
    "Work",
    "{label}.",
    "The answer is {label}",
    "2",
    "0{label}",
    "\N{FULLWIDTH DIGIT ONE}",
    "{label}\n",
    '{{"label": "{label}"}}',
    "**{label}**",
    "I cannot tell from this email whether it is work or personal.",
)
"""Answers that a strict check refuses, after real ones; `{label}` is replaced by the label meant.

A check that strips blanks before it compares may take the one that ends in a line break.
"""

_ORDER: Final = re.compile(
    r"(?:label|answer|mark|classify)\s+(?:all|every|each)\b[^.\n]{0,60}?\b(?:as|with|by)\s+[\"']?([^\s\"'.,;]{1,40})",
    re.IGNORECASE,
)
"""How an email orders what the others of its pack are labeled, for a model that follows it."""

_KEY_COLUMNS: Final = ("sha256", "content_hash", "id")


def word_rule(email: str, labels: Sequence[str]) -> str:
    """Return the first label for work, the second for personal; a tie is work."""
    words = set(_WORD.findall(email[:_READ_AT_MOST].lower()))
    return labels[0] if len(words & WORK_WORDS) >= len(words & PERSONAL_WORDS) else labels[1]


def flipped(label: str, labels: Sequence[str]) -> str:
    """Return the label after this one, around the end: what a mistaken model would say."""
    return labels[(labels.index(label) + 1) % len(labels)]


def invalid_answer(label: str, labels: Sequence[str], pick: float) -> str:
    """Return one of the invalid shapes for `label` that is none of `labels`; `pick` in [0, 1) chooses."""
    shapes = [text for shape in INVALID_SHAPES if (text := shape.format(label=label)) not in labels]
    return shapes[int(pick * len(shapes))]


def colored(
    labels: Sequence[str], emails: Sequence[str], leans: Sequence[bool], *, injectable: bool, of: Sequence[str]
) -> list[str]:
    """Return what a model that is led astray says of a pack.

    ``labels`` are its answers to the ``emails`` alone; where it ``leans`` an email gets the answer of the one before
    it. With ``injectable`` an email that orders labels for all others, out of those ``of`` the task, decides them.
    """
    found = list(labels)
    for at in range(1, len(found)):
        if leans[at]:
            found[at] = found[at - 1]
    if injectable:
        for at, email in enumerate(emails):
            order = _ORDER.search(email)
            if order is not None and order[1] in of:
                found = [label if place == at else order[1] for place, label in enumerate(found)]
    return found


def packed_content(answers: Sequence[str], *, schema: bool) -> str:
    """Return the answer to a pack: JSON by the schema, else a line for each email."""
    if schema:
        return json.dumps({str(number): answer for number, answer in enumerate(answers, 1)})
    return "\n".join(f"{number}: {answer}" for number, answer in enumerate(answers, 1))


def load_replay(path: Path, labels: Sequence[str]) -> dict[str, str]:
    """Read a CSV of labels to replay, as sha256 of the sent email text -> label.

    It has a `label` column and either a `text` column (the email as it is sent) or one of `sha256`,
    `content_hash` and `id` with the sha256 in hex. A text is also found without the blanks around it.

    Raises:
        SimulatorError: if the file cannot be read, lacks a column, or holds a label that is not in `labels`.

    """
    replay: dict[str, str] = {}
    csv.field_size_limit(max(csv.field_size_limit(), 1 << 24))
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            columns = reader.fieldnames or []
            column = next((name for name in ("text", *_KEY_COLUMNS) if name in columns), None)
            if column is None or "label" not in columns:
                raise SimulatorError(
                    f"{path} needs a column `label` and one of `text`, `sha256`, `content_hash`, `id`; "
                    f"it has {', '.join(columns) or 'none'}"
                )
            for row in reader:
                label = (row["label"] or "").strip()
                if label not in labels:
                    raise SimulatorError(
                        f"{path}, line {reader.line_num}: {label!r} is none of the labels {', '.join(labels)}"
                    )
                cell = row[column] or ""
                keys = (text_key(cell), text_key(cell.strip())) if column == "text" else (cell.strip().lower(),)
                replay.update(dict.fromkeys(keys, label))
    except (OSError, UnicodeError, csv.Error) as error:
        raise SimulatorError(f"the labels to replay cannot be read from {path}: {error}") from error
    return replay


def write_replay(path: Path, labeled: Iterable[tuple[str, str]]) -> int:
    """Write (email text as sent, label) pairs as a file for `load_replay`; return how many. Raises OSError."""
    count = 0
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("sha256", "label"))
        for text, label in labeled:
            writer.writerow((text_key(text), label))
            count += 1
    return count


class Answerer:
    """Answer with the right label for an email: replayed if known, else by the word rule."""

    def __init__(self, labels: Sequence[str], replay: Mapping[str, str] | None = None) -> None:
        self._labels = labels
        self._replay = replay
        self.replay_misses = 0

    def label(self, email: str, key_hex: str) -> str:
        """Return the label for `email`, whose sha256 is `key_hex`; counts what the replay does not know."""
        if self._replay is not None:
            found = self._replay.get(key_hex) or self._replay.get(text_key(email.strip()))
            if found is not None:
                return found
            self.replay_misses += 1
        return word_rule(email, self._labels)
