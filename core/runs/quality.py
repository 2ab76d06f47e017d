"""Judge the labels of runs: figures, batches in files, labels from elsewhere, and comparisons of runs and versions."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version as installed_version
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

from core.commands.command import Command
from core.commands.review import MOST_GOLD, AddGold, Review
from core.errors import UsageError
from core.files import write_whole
from core.quality.audit import Audit, Quality, judge
from core.quality.estimates import Difference, Figures, Stratum, difference, figures
from core.quality.report import Example, ReportFacts, page
from core.quality.sampling import due
from core.quality.student import (
    FEWEST_FOR_A_RULE,
    NextGeneration,
    SharedMark,
    Suspicion,
    features,
    next_generation,
    out_of_fold,
    shared_marks,
    suspicious,
)
from core.storage.reading.reader import RunReader
from core.storage.reading.reviews import (
    CANNOT_TELL,
    doubts,
    label_slices,
    labels_of_versions,
    numbers_of,
    rates_over_run,
    read_alarms,
    read_audit,
    review_emails,
    texts_with_labels,
)

COLUMNS = ("id", "subject", "text", "label", "note")
"""Columns of a batch in a file."""
MOST_BYTES = 200_000_000
"""Larger files of labels are refused."""

Send = Callable[[Path, Command], object]


def quality_of(path: Path, *, version: str | None = None) -> Quality:
    """Return the figures of a run."""
    return judge(read_audit(path, version=version))


# -- batches in files ------------------------------------------------------------------------------------------------


def export_batch(path: Path, file: Path, *, annotator: str, size: int) -> int:
    """Write the next due emails of an annotator for somebody without labeltui; returns how many.

    Columns are ``id, subject, text, label, note``; the label is empty, and nothing betrays the model's.
    """
    audit = read_audit(path)
    contents = {m.email_id: m.content for m in audit.members}
    chosen: dict[str, int] = {}
    for candidate in due(audit.sample, audit.candidates, annotator):
        chosen.setdefault(contents[candidate.email_id], candidate.email_id)
    shown = review_emails(path, list(chosen.values())[:size])
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    writer.writerows((email.source_id, email.subject, email.text, "", "") for email in shown)
    write_whole(file, out.getvalue())
    return len(shown)


def read_batch(path: Path, file: Path, *, annotator: str) -> tuple[Review | None, int]:
    """Return the command that records a batch's answers, None where it has none, and how many rows have no label.

    ``?`` stands for "cannot tell".

    Raises:
        UsageError: a label or an id is unknown; nothing is recorded then.
    """
    rows = _rows(file)
    if rows and not {"id", "label"} <= rows[0].keys():
        raise UsageError(f"{file} has no columns id and label. `labeltui review RUN --export FILE` writes such a file.")
    audit = read_audit(path)
    known = numbers_of(path, [row["id"] for row in rows])
    answered = [row for row in rows if (row.get("label") or "").strip()]
    unknown = [row["id"] for row in answered if row["id"] not in known]
    if unknown:
        raise UsageError(f"{path.stem} has no item {_some(unknown)}. Nothing was recorded.")
    allowed = {*audit.labels, CANNOT_TELL}
    wrong = [row["label"].strip() for row in answered if row["label"].strip() not in allowed]
    if wrong:
        raise UsageError(
            f"{_some(wrong)} {'is' if len(wrong) == 1 else 'are'} no label of this task. Choose"
            f" {' or '.join(audit.labels)}, or {CANNOT_TELL} for cannot tell. Nothing was recorded."
        )
    own = [a.batch for m in audit.members for a in m.answers if a.annotator == annotator]
    answers = [
        {
            "email_id": known[row["id"]],
            "annotator": annotator,
            "value": None if row["label"].strip() == CANNOT_TELL else row["label"].strip(),
            "batch": max(own, default=0) + 1,
            "note": row.get("note") or "",
        }
        for row in answered
    ]
    return (Review(answers) if answers else None), len(rows) - len(answered)


# -- labels from elsewhere -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class GoldFile:
    """Hold what a file of labels from elsewhere has for a run: ``labels`` by the email's number, and misfits."""

    name: str
    labels: Mapping[int, str]
    rows: int
    empty: int
    unknown_ids: tuple[str, ...]
    unknown_labels: Mapping[str, int]
    conflicts: tuple[str, ...]

    def commands(self) -> Iterable[AddGold]:
        """Yield the commands that keep the labels."""
        pairs = list(self.labels.items())
        for begin in range(0, len(pairs), MOST_GOLD):
            yield AddGold(self.name, pairs[begin : begin + MOST_GOLD])


def read_gold(path: Path, file: Path, *, column: str | None) -> GoldFile:
    """Return a file's labels for a run: by the column ``id``, else by the text (column ``text``).

    The label's column is ``column``, or the first of label, gold, gold_label and annotation that the file has. An id
    that stands in two rows with different labels is a conflict, and neither counts.

    Raises:
        UsageError: the file has no such column, or neither ids nor texts.
    """
    rows = _rows(file)
    names = list(rows[0]) if rows else []
    chosen = column or next((name for name in ("label", "gold", "gold_label", "annotation") if name in names), None)
    if rows and (chosen is None or chosen not in names):
        raise UsageError(f"{file} has no column {column or 'label'!r}; it has {', '.join(names)}. Name it by --column.")
    key = next((name for name in ("id", "source_id", "text") if name in names), None)
    if rows and key is None:
        raise UsageError(f"{file} has neither a column id nor a column text to find the items by.")
    with RunReader(path) as reader:
        allowed = {meaning.value for meaning in reader.task().labels}
    wanted = [row[key or ""] for row in rows]
    numbers = _by_text(path, wanted) if key == "text" else {k: [n] for k, n in numbers_of(path, wanted).items()}
    labels: dict[int, str] = {}
    conflicts: dict[str, None] = {}
    unknown: Counter[str] = Counter()
    missing: list[str] = []
    empty = 0
    for row in rows:
        value, place = (row[chosen or ""] or "").strip(), row[key or ""]
        if not value:
            empty += 1
        elif place not in numbers:
            missing.append(place)
        elif value not in allowed:
            unknown[value] += 1
        else:
            for number in numbers[place]:
                if labels.setdefault(number, value) != value:
                    conflicts[place] = None
    for place in conflicts:
        for number in numbers[place]:
            labels.pop(number, None)
    return GoldFile(file.name, labels, len(rows), empty, tuple(missing), unknown, tuple(conflicts))


def _by_text(path: Path, texts: Sequence[str]) -> dict[str, list[int]]:
    from core.mail.message import view_by  # noqa: PLC0415 - brings the parsers, for files without ids only
    from core.storage.reading.reviews import numbers_by_content  # noqa: PLC0415

    with RunReader(path) as reader:
        task = reader.task()
    hashes = {text: view_by(task, text).content_hash for text in set(texts)}
    found = numbers_by_content(path, list(hashes.values()))
    return {text: found[content] for text, content in hashes.items() if content in found}


# -- comparisons -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """Hold one side of a comparison: a run and a version of its task."""

    run: str
    version: str
    model: str
    figures: Figures


@dataclass(frozen=True)
class Comparison:
    """Hold two labelings of the same emails. ``flips`` counts (label of A, label of B) where they differ.

    ``differing`` holds (email's number in A, its id, label of A, label of B, the person's label or None).
    """

    a: Side
    b: Side
    shared: int
    flips: Mapping[tuple[str, str], int]
    difference: Difference
    differing: tuple[tuple[int, str, str, str, str | None], ...] = field(default=())

    def as_json(self) -> dict[str, Any]:
        """Return what ``labeltui compare --json`` prints."""
        found = self.difference
        return {
            "a": _side_json(self.a),
            "b": _side_json(self.b),
            "shared": self.shared,
            "differing": found.differing,
            "flips": [{"a": a, "b": b, "count": count} for (a, b), count in sorted(self.flips.items())],
            "audited_differing": found.audited,
            "a_right": found.a_right,
            "b_right": found.b_right,
            "accuracy_difference": None if found.estimate is None else found.estimate.triple,
            "mcnemar_p": found.p_value,
        }


def compare_runs(path_a: Path, path_b: Path) -> Comparison:
    """Compare two runs over the emails that both have, by the id in the source and the text.

    Raises:
        UsageError: they share no labeled email.
    """
    a, b = read_audit(path_a), read_audit(path_b)
    by_key = {key: label for key, _, label in labels_of_versions(path_b, b.version)}
    rows = [(n, key, label, by_key[key]) for key, n, label in labels_of_versions(path_a, a.version) if key in by_key]
    people: dict[str, str | None] = {}
    for audit in (b, a):
        people.update({m.content: m.label for m in audit.drawn if m.answers})
    return _compared(a, b, rows, people)


def compare_versions(path: Path, version_a: str | None = None, version_b: str | None = None) -> Comparison:
    """Compare two versions of a run's task: the two that labeled last, unless named.

    Raises:
        UsageError: only one version labeled anything, or the two share no email.
    """
    active = read_audit(path)
    labeled = [version for version, _, _ in active.versions]
    if len(labeled) < 2:
        raise UsageError(
            f"Only one version of the task labeled texts of {path.stem}: there is nothing to compare. Activate another"
            " version and re-label some of them, or compare two runs."
        )
    a = read_audit(path, version=version_a or labeled[1])
    b = read_audit(path, version=version_b or labeled[0])
    by_key = {key: label for key, _, label in labels_of_versions(path, b.version)}
    rows = [(n, key, label, by_key[key]) for key, n, label in labels_of_versions(path, a.version) if key in by_key]
    return _compared(a, b, rows, {m.content: m.label for m in active.drawn if m.answers})


def _compared(
    a: Audit, b: Audit, rows: Sequence[tuple[int, tuple[str, str], str, str]], people: Mapping[str, str | None]
) -> Comparison:
    if not rows:
        raise UsageError(f"{a.run} and {b.run} share no labeled text, by id and text.")
    flips: Counter[tuple[str, str]] = Counter()
    right: Counter[str] = Counter()
    differing = []
    strata: tuple[dict[str, Counter[str]], dict[str, Counter[str]]] = ({}, {})
    sizes: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
    for number, (source_id, content), one, other in rows:
        person = people.get(content)
        for at, label in enumerate((one, other)):
            sizes[at][label] += 1
            if person is not None:
                strata[at].setdefault(label, Counter())[person] += 1
        if one == other:
            continue
        flips[one, other] += 1
        if person is not None:
            right["a" if person == one else "b" if person == other else "neither"] += 1
        differing.append((number, source_id, one, other, person))
    sides = tuple(
        Side(
            audit.run, audit.version, audit.model,
            figures([Stratum(label, n, strata[at].get(label, {})) for label, n in sizes[at].items()], audit.labels),
        )
        for at, audit in enumerate((a, b))
    )  # fmt: skip
    found = difference(len(rows), len(differing), right["a"], right["b"], right["neither"])
    return Comparison(sides[0], sides[1], len(rows), flips, found, tuple(differing))


def _side_json(side: Side) -> dict[str, Any]:
    accuracy = side.figures.accuracy
    return {
        "run": side.run,
        "task_version": side.version,
        "model": side.model,
        "accuracy": None if accuracy is None else accuracy.triple,
        "labels": {
            label.label: {
                "raw_share": round(label.raw_share, 6),
                "share": None if label.share is None else label.share.triple,
            }
            for label in side.figures.labels
        },
    }


def _rows(file: Path) -> list[dict[str, str]]:
    try:
        if file.stat().st_size > MOST_BYTES:
            raise UsageError(f"{file} is larger than {MOST_BYTES // 1_000_000} MB, which is no file of labels.")
        text = file.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise UsageError(f"{file} cannot be read ({error.strerror}). Check its path and permissions.") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{file} is not UTF-8 (byte {error.start:,}). Save it as UTF-8.") from error
    if file.suffix.lower() == ".jsonl":
        try:
            found = [json.loads(line) for line in text.splitlines() if line.strip()]
        except ValueError as error:
            raise UsageError(f"{file} is not JSON lines ({error}).") from error
        if not all(isinstance(row, dict) for row in found):
            raise UsageError(f"{file} holds lines that are no JSON objects.")
        return [{str(name): "" if value is None else str(value) for name, value in row.items()} for row in found]
    limit = csv.field_size_limit(MOST_BYTES)
    try:
        return [{name: value or "" for name, value in row.items() if name} for row in csv.DictReader(io.StringIO(text))]
    except csv.Error as error:
        raise UsageError(f"{file} is no CSV ({error}).") from error
    finally:
        csv.field_size_limit(limit)


def _some(values: Sequence[str]) -> str:
    distinct = list(dict.fromkeys(values))
    shown = ", ".join(repr(value) for value in distinct[:5])
    return f"{shown} and {len(distinct) - 5} more" if len(distinct) > 5 else shown


# -- the report ------------------------------------------------------------------------------------------------------

FEWEST_TO_TRAIN = 60
"""Labels below which no student is trained."""
MOST_TO_TRAIN = 20_000
MOST_EXAMPLES = 50


def next_generation_of(quality: Quality, path: Path) -> tuple[NextGeneration, tuple[Suspicion, ...]] | None:
    """Return what a student of the run's labels would do, and the labels that surprise it; None with too few.

    Takes about a second for each thousand texts; deterministic.
    """
    audit = quality.audit
    rows = list(texts_with_labels(path, audit.version, limit=MOST_TO_TRAIN))
    if len(rows) < FEWEST_TO_TRAIN or len({label for _, _, _, label in rows}) < 2:
        return None
    people = {m.content: m.label for m in audit.drawn if m.answers}
    labels = sorted({label for _, _, _, label in rows})
    given = [label for _, _, _, label in rows]
    scores = out_of_fold([features(text) for _, _, text, _ in rows], given, labels)
    numbers = [number for number, _, _, _ in rows]
    found = next_generation(numbers, given, scores, labels, [people.get(content) for _, content, _, _ in rows])
    return found, suspicious(numbers, given, scores, labels)


MOST_DOUBTED = 200
"""Items of each kind that are worth a look."""


@dataclass(frozen=True, slots=True)
class EdgeCases:
    """Hold the items worth a look by what casts doubt on them, the most doubtful first. No figure counts them.

    The kinds measure different things and are not compared: :attr:`in_turns` takes one of each in turn.
    """

    kinds: tuple[tuple[str, tuple[int, ...]], ...]

    @property
    def in_turns(self) -> tuple[int, ...]:
        """Return all items, each once: the first of every kind, then the second of every kind, and so on."""
        turns = zip_longest(*(numbers for _, numbers in self.kinds))
        return tuple(dict.fromkeys(number for turn in turns for number in turn if number is not None))

    def why(self, email_id: int) -> str:
        """Return what casts doubt on an item."""
        return "; ".join(what for what, numbers in self.kinds if email_id in numbers)


def edge_cases(path: Path, quality: Quality, suspicions: Sequence[Suspicion], other: Path | None = None) -> EdgeCases:
    """Return the items worth a look that no person labeled yet; ``other`` is a run whose labels are compared."""
    found = doubts(path, quality.audit.version, most=MOST_DOUBTED)

    def unlabeled(numbers: Iterable[int]) -> tuple[int, ...]:
        return tuple(islice((number for number in numbers if number not in found.by_people), MOST_DOUBTED))

    doubted = unlabeled(each.email_id for each in suspicions if each.margin > 0)
    kinds = [
        ("a small model trained on all labels doubts it", doubted),
        ("the model gave its label a low probability", found.improbable),
        ("answered otherwise when asked again", found.unsteady),
    ]
    if other is not None:
        compared = compare_runs(path, other)
        differing = unlabeled(number for number, *_ in compared.differing)
        kinds.append((f"{compared.b.run} labels it otherwise", differing))
    return EdgeCases(tuple(kinds))


@dataclass(frozen=True, slots=True)
class Rule:
    """Hold what texts share that the model labels ``model`` and people ``person``; ``marks`` may be empty."""

    model: str
    person: str
    misread: int
    marks: tuple[SharedMark, ...]


MOST_COMPARED = 400
"""Texts of each kind that are searched for what misread ones share."""


MOST_KINDS = 3
"""Kinds of mistakes, the most frequent first, that are searched for a rule."""


def rule_behind_mistakes(quality: Quality, path: Path) -> Rule | None:
    """Return the most frequent kind of mistake whose texts share something, else the most frequent kind.

    Slips share nothing however many there are, and a rule may be the rarer kind. None where nothing checked differs.
    """
    first = None
    for model, person, wrong, right in quality.misread()[:MOST_KINDS]:
        misread = _texts_of(path, wrong)
        enough = len(misread) >= FEWEST_FOR_A_RULE
        found = Rule(model, person, len(misread), shared_marks(misread, _texts_of(path, right)) if enough else ())
        if found.marks:
            return found
        first = first or found
    return first


def _texts_of(path: Path, email_ids: Sequence[int]) -> list[str]:
    return list(dict.fromkeys(email.text for email in review_emails(path, email_ids[:MOST_COMPARED])))


def write_report(path: Path, file: Path, *, examples: bool) -> None:
    """Write the report as ``.html`` or ``.json``.

    Raises:
        UsageError: the file has another suffix, or cannot be written.
    """
    suffix = file.suffix.lower()
    if suffix not in {".html", ".htm", ".json"}:
        raise UsageError(f"A report is written as .html or .json, not as {file.name!r}.")
    quality = quality_of(path)
    facts = _report_facts(quality, path, examples=examples)
    if suffix == ".json":
        text = json.dumps({"quality": quality.as_json(), "facts": asdict(facts)}, ensure_ascii=False, indent=2) + "\n"
    else:
        text = page(quality, facts)
    try:
        write_whole(file, text)
    except OSError as error:
        raise UsageError(f"{file} cannot be written ({error}).") from error


def _report_facts(quality: Quality, path: Path, *, examples: bool) -> ReportFacts:
    with RunReader(path) as reader:
        snapshot = reader.snapshot(time.time())
        digest, distinct, failures = reader.source_digest(), reader.distinct_texts(), reader.failures()
        task = reader.task()
    student = next_generation_of(quality, path)
    rates = rates_over_run(path, quality.audit.version)
    return ReportFacts(
        source=snapshot.run.source,
        digest=digest,
        file_sha256=_sha256(path),
        created=_moment(snapshot.run.created_at),
        written=_moment(time.time()),
        labeltui=installed_version("labeltui"),
        item=task.item,
        total=snapshot.total,
        distinct=distinct,
        skipped=snapshot.skipped,
        failed=failures,
        order=snapshot.run.order,
        rubric=task.rubric,
        settings={name: str(value) for name, value in asdict(task.model).items() if value not in (None, "", ())},
        slices=label_slices(path, quality.audit.version),
        alarms=[
            (_moment(row.at), f"{row.watch}: {row.sentence}", row.state + (f" by {row.by}" if row.by else ""))
            for row in read_alarms(path)
        ],
        canaries=rates["canaries"],
        reasked=rates["reasked"],
        next_generation=None if student is None else student[0],
        examples=_examples(quality, path) if examples else (),
    )


def _examples(quality: Quality, path: Path) -> tuple[Example, ...]:
    differing = {m.email_id: m for m in quality.disagreements()[:MOST_EXAMPLES]}
    return tuple(
        Example(email.source_id, email.text, differing[email.id].model_label or "", differing[email.id].label or "")
        for email in review_emails(path, list(differing))
    )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _moment(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M UTC")
