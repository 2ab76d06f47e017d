"""Read what quality is judged by: the sample, people's blind answers, gold labels, alarms and due emails."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import blake2b
from itertools import islice
from pathlib import Path

from core.model import Task
from core.quality.alarms import Reading, Watch, WatchState
from core.quality.audit import Answer, Audit, Batch, GoldSet, Member, watch_json
from core.quality.canaries import EVERY, FEWEST_TEXTS, MOST, TEXTS_PER_CANARY, Canaries, CanaryAnswer
from core.quality.packing import LIMIT as PACKS_LIMIT
from core.quality.sampling import DEFAULT_GOAL, Sample, base_rate, permanent_number
from core.quality.watch_set import REPLAYED, Ask, WatchSet, replayed
from core.storage.file.message import message_of
from core.storage.file.rows import BY_MODEL, BY_PERSON, STANDS, task_of
from core.storage.file.schema_version import (
    FORMAT_WITH_BATCHES,
    FORMAT_WITH_CALLS_IN_FLIGHT,
    FORMAT_WITH_CANARIES,
    FORMAT_WITH_LABEL_COUNTS,
    FORMAT_WITH_NOTES,
    FORMAT_WITH_PACKS,
    FORMAT_WITH_PROBABILITIES,
    FORMAT_WITH_REVIEWS,
    check_format,
)
from core.storage.file.shape import opened_run
from core.storage.reading.packs import pack_control_of, pack_facts
from core.storage.reading.summaries import total


@dataclass(frozen=True, slots=True)
class LabelCount:
    """Hold how many labels of one value and source a version of the task gave."""

    version: str
    source: str
    value: str
    count: int


def emails_of(db: sqlite3.Connection) -> int:
    """Return how many emails there are but the skipped ones, from the totals."""
    return sum(total(db, f"state:{state}") for state in ("pending", "labeled", "failed"))


_BY_MODEL = "by_model:"


def label_counts(db: sqlite3.Connection) -> tuple[LabelCount, ...]:
    """Return the counts of the model's labels, which a run file keeps; in an older one they are counted in one pass."""
    if db.execute("PRAGMA user_version").fetchone()[0] >= FORMAT_WITH_LABEL_COUNTS:
        rows = db.execute(
            "SELECT name, value FROM total WHERE name >= ? AND name < ? AND value > 0", (_BY_MODEL, "by_model;")
        ).fetchall()
        found = [(*name.removeprefix(_BY_MODEL).split(":", 2), count) for name, count in rows]
        return tuple(LabelCount(*each) for each in found)
    rows = db.execute(
        f"SELECT task_version, source, value, count(*) FROM label WHERE {BY_MODEL} GROUP BY task_version, source, value"
    ).fetchall()
    return tuple(LabelCount(*row) for row in rows)


def by_label(counts: Iterable[LabelCount], version: str) -> dict[str, int]:
    """Return how many emails have each label of the model in a version of the task, those of copies included."""
    found: Counter[str] = Counter()
    for each in counts:
        if each.version == version:
            found[each.value] += each.count
    return dict(found)


def asked_in_version(db: sqlite3.Connection) -> int:
    """Return how many texts got a label of the model in the active version of the task, or failed."""
    active = db.execute("SELECT task_version FROM run").fetchone()[0]
    labeled = sum(each.count for each in label_counts(db) if each.version == active and each.source == "model")
    return labeled + total(db, "state:failed")


def _newest_first(db: sqlite3.Connection, versions: set[str]) -> list[str]:
    """Return versions of the task by their newest label of the model, found from the end of all labels."""
    found: list[str] = []
    while len(found) < len(versions) - 1:
        row = db.execute(
            f"SELECT task_version FROM label WHERE {BY_MODEL}"
            " AND task_version NOT IN (SELECT value FROM json_each(?)) ORDER BY id DESC LIMIT 1",
            (json.dumps(found),),
        ).fetchone()
        found.append(row[0])
    return [*found, *versions.difference(found)]


def watches_of(db: sqlite3.Connection, path: Path, counts: Sequence[LabelCount] | None = None) -> WatchSet:
    """Return the watches of a run as its asks under the active version leave them; ``counts`` are made if needed."""
    version, order = db.execute("SELECT task_version, work_order FROM run").fetchone()
    task = task_of(db, version, path)
    labels = [meaning.value for meaning in task.labels]
    emails = emails_of(db) + total(db, "state:skipped")
    file_format = check_format(db, path)
    make = _canaries_of(db, task, labels) if file_format >= FORMAT_WITH_CANARIES else None
    watches = WatchSet(labels, expected=max(1_000, emails), shuffled=order == "shuffled", canaries=make)
    identity = "a.reply_model, a.system_fingerprint" if file_format >= FORMAT_WITH_REVIEWS else "NULL, NULL"
    latency, in_batch = "a.latency_s", ""
    if file_format >= FORMAT_WITH_BATCHES:
        latency = "CASE a.lane WHEN 'live' THEN a.latency_s END"
    if file_format >= FORMAT_WITH_PACKS:  # a pack takes longer, and its emails share the time
        latency = "CASE WHEN a.lane = 'live' AND a.pack_id IS NULL THEN a.latency_s END"
    if file_format >= FORMAT_WITH_BATCHES:
        in_batch = " AND NOT EXISTS (SELECT 1 FROM attempt AS b WHERE b.email_id = r.email_id AND b.lane = 'batch')"
    in_flight = "a.in_flight" if file_format >= FORMAT_WITH_CALLS_IN_FLIGHT else "NULL"
    newest = db.execute(
        "SELECT l.id, l.at, l.value, (SELECT count(*) FROM attempt AS r WHERE r.email_id = l.email_id"
        f" AND r.kind = 'reask' AND r.id <= l.attempt_id{in_batch}), {latency}, {in_flight}, {identity}, l.email_id"
        " FROM label AS l LEFT JOIN attempt AS a ON a.id = l.attempt_id WHERE l.source = 'model' AND l.task_version = ?"
        " ORDER BY l.id DESC LIMIT ?",
        (version, REPLAYED),
    ).fetchall()
    known = label_counts(db) if counts is None and len(newest) == REPLAYED else counts or ()
    before = {each.value: each.count for each in known if (each.version, each.source) == (version, "model")}
    for value, count in Counter(row[2] for row in newest).items():
        before[value] = before.get(value, count) - count
    asks: list[tuple[float, Ask | CanaryAnswer]] = [
        (
            at,
            Ask(
                value,
                reasked=bool(reasks),
                failed=False,
                latency_s=latency,
                in_flight=out,
                model=model or "",
                fingerprint=prints or "",
                email_id=email_id,
            ),
        )
        for _, at, value, reasks, latency, out, model, prints, email_id in reversed(newest)
    ]
    if file_format >= FORMAT_WITH_NOTES:  # an older one does not know when an email failed
        failed = db.execute(
            "SELECT e.settled_at FROM email AS e WHERE e.state = 'failed' AND e.settled_at >= ? AND EXISTS"
            " (SELECT 1 FROM attempt AS a WHERE a.email_id = e.id AND a.task_version = ?)",
            (asks[0][0] if asks else 0.0, version),
        ).fetchall()
        asks += [(at, Ask(None, reasked=False, failed=True)) for (at,) in failed]
    if make is not None:
        query = "SELECT asked_at, email_id, label, value, round FROM canary WHERE task_version = ? ORDER BY id"
        asks += [(at, CanaryAnswer(*row)) for at, *row in db.execute(query, (version,))]
    asks.sort(key=lambda each: each[0])
    dismissed = [(row.dismissed_at, row.watch) for row in alarms_of(db) if row.state == "dismissed"]
    return replayed(watches, before, asks, dismissed)


def _canaries_of(db: sqlite3.Connection, task: Task, labels: Sequence[str]) -> Callable[[], Canaries]:
    enough = max(FEWEST_TEXTS, MOST * TEXTS_PER_CANARY)
    query = "SELECT count(*) FROM (SELECT DISTINCT content_hash FROM email LIMIT ?)"
    texts = db.execute(query, (enough,)).fetchone()[0]
    return lambda: Canaries(labels, texts=texts, most=task.canaries)


def raised_watches(db: sqlite3.Connection) -> frozenset[str]:
    """Return the watches whose alarm stands."""
    return frozenset(row.watch for row in alarms_of(db) if row.state == "raised")


CANNOT_TELL = "?"
"""How an answer without a label is written in files."""


@dataclass(frozen=True, slots=True)
class ReviewEmail:
    """Hold an email as a review shows it: what the model was sent, and nothing that betrays its label."""

    id: int
    source_id: str
    subject: str
    sender: str
    date: str
    text: str
    raw: str


@dataclass(frozen=True, slots=True)
class AlarmRow:
    """Hold a recorded alarm; ``state`` is raised or dismissed."""

    watch: str
    at: float
    from_ask: int
    to_ask: int
    statistic: float
    limit: float
    state: str
    sentence: str
    by: str
    note: str
    dismissed_at: float


def read_audit(path: Path, *, version: str | None = None) -> Audit:
    """Return all that a run file says of labels and people; ``version`` of the task, or the one that is active.

    Where the active version has labeled nothing yet, the newest one that has is read.
    """
    with opened_run(path) as db:
        file_format = check_format(db, path)
        db.execute("BEGIN")
        return _audit(db, path, file_format, version)


def review_emails(path: Path, email_ids: Sequence[int]) -> tuple[ReviewEmail, ...]:
    """Return these emails to show, in the order given."""
    with opened_run(path) as db:
        rows = db.execute(
            "SELECT e.id, e.source_id, e.subject, e.sender, e.date, b.text, b.raw FROM email AS e"
            " JOIN body AS b ON b.email_id = e.id WHERE e.id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(email_ids)),),
        ).fetchall()
    known = {
        row[0]: ReviewEmail(row[0], row[1], row[2] or "", row[3] or "", row[4] or "", row[5], message_of(row[6]))
        for row in rows
    }
    return tuple(known[number] for number in email_ids if number in known)


def alarms_of(db: sqlite3.Connection) -> tuple[AlarmRow, ...]:
    """Return recorded alarms, the newest first; none in a file of an older format."""
    try:
        rows = db.execute(
            "SELECT watch, at, coalesce(from_ask, 0), coalesce(to_ask, 0), coalesce(statistic, 0), coalesce(limit_, 0),"
            " state, sentence, coalesce(by, ''), coalesce(note, ''), coalesce(dismissed_at, 0)"
            " FROM alarm ORDER BY id DESC LIMIT 100"
        ).fetchall()
    except sqlite3.OperationalError:
        return ()
    return tuple(AlarmRow(*row) for row in rows)


def texts_with_labels(path: Path, version: str, *, limit: int) -> Iterator[tuple[int, str, str, str]]:
    """Yield (email, hash of the text, text, the model's label) of distinct texts that it labeled, up to ``limit``."""
    with opened_run(path) as db:
        yield from db.execute(
            "SELECT e.id, e.content_hash, b.text, l.value FROM label AS l JOIN email AS e ON e.id = l.email_id"
            " JOIN body AS b ON b.email_id = e.id WHERE l.source = 'model' AND l.task_version = ?"
            " ORDER BY e.position LIMIT ?",
            (version, limit),
        )


@dataclass(frozen=True, slots=True)
class Doubts:
    """Hold emails that answers themselves cast doubt on, the most doubtful first; none that a person labeled.

    ``improbable`` are those whose label the model gave the lowest probability, where the server reported any;
    ``unsteady`` those that were answered otherwise when they were asked again, as canaries or alone beside a pack.
    """

    improbable: tuple[int, ...]
    unsteady: tuple[int, ...]
    by_people: frozenset[int]


def doubts(path: Path, version: str, *, most: int) -> Doubts:
    """Return what answers cast doubt on under a version of the task, at most so many of each kind."""
    with opened_run(path) as db:
        file_format = check_format(db, path)
        people = frozenset(row[0] for row in db.execute(f"SELECT DISTINCT email_id FROM label WHERE {BY_PERSON}"))
        improbable: list[int] = []
        if file_format >= FORMAT_WITH_PROBABILITIES:
            found = db.execute(
                "SELECT l.email_id FROM label AS l JOIN attempt AS a ON a.id = l.attempt_id WHERE l.source = 'model'"
                " AND l.task_version = ? AND a.label_probability NOT NULL ORDER BY a.label_probability, l.email_id",
                (version,),
            )
            improbable = list(islice((each for (each,) in found if each not in people), most))
        tables = [name for name, since in _ASKED_AGAIN if file_format >= since]
        again = " UNION ALL ".join(
            f"SELECT email_id, value <> label AS other FROM {table} WHERE task_version = :v" for table in tables
        )
        unsteady: list[int] = []
        if tables:
            found = db.execute(
                f"SELECT email_id FROM ({again}) GROUP BY email_id HAVING sum(other) > 0"
                " ORDER BY avg(other) DESC, count(*) DESC, email_id",
                {"v": version},
            )
            unsteady = list(islice((each for (each,) in found if each not in people), most))
    return Doubts(tuple(improbable), tuple(unsteady), people)


_ASKED_AGAIN = (("canary", FORMAT_WITH_CANARIES), ("control", FORMAT_WITH_PACKS))
"""Tables of texts that were asked again, and the format that brought each."""


def numbers_of(path: Path, source_ids: Sequence[str]) -> dict[str, int]:
    """Return the numbers of the emails with these ids in the source."""
    with opened_run(path) as db:
        rows = db.execute(
            "SELECT source_id, id FROM email WHERE source_id IN (SELECT value FROM json_each(?))",
            (json.dumps(list(source_ids)),),
        ).fetchall()
    return dict(rows)


def numbers_by_content(path: Path, hashes: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers of the emails with texts of these hashes."""
    found: dict[str, list[int]] = {}
    with opened_run(path) as db:
        for content, number in db.execute(
            "SELECT content_hash, id FROM email WHERE content_hash IN (SELECT value FROM json_each(?)) ORDER BY id",
            (json.dumps(list(hashes)),),
        ):
            found.setdefault(content, []).append(number)
    return found


def label_slices(path: Path, version: str, *, slices: int = 20) -> list[dict[str, int]]:
    """Return how many emails of each slice of the work order have which label of the model."""
    found: list[dict[str, int]] = [{} for _ in range(slices)]
    with opened_run(path) as db:
        for place, value, count in db.execute(
            "SELECT e.position * ? / (SELECT max(1, count(*)) FROM email), l.value, count(*) FROM label AS l"
            " JOIN email AS e ON e.id = l.email_id WHERE l.source IN ('model', 'copy') AND l.task_version = ?"
            " GROUP BY 1, 2",
            (slices, version),
        ):
            found[min(slices - 1, max(0, place or 0))][value] = count
    return found


def rates_over_run(path: Path, version: str, *, slices: int = 20) -> dict[str, list[tuple[int, int]]]:
    """Return (hits, of) by slice: ``canaries`` that changed, in the order asked; ``reasked`` texts in work order."""
    found = {"canaries": [(0, 0)] * slices, "reasked": [(0, 0)] * slices}
    with opened_run(path) as db:
        if check_format(db, path) >= FORMAT_WITH_CANARIES:
            changed = [
                row[0]
                for row in db.execute(
                    "SELECT value <> label FROM canary WHERE round > 0 AND task_version = ? ORDER BY id", (version,)
                )
            ]
            for place in range(slices):
                part = changed[len(changed) * place // slices : len(changed) * (place + 1) // slices]
                found["canaries"][place] = sum(part), len(part)
        for place, hits, of in db.execute(
            "SELECT e.position * ? / (SELECT max(1, count(*)) FROM email), sum(e.reasks > 0), count(*) FROM label AS l"
            " JOIN email AS e ON e.id = l.email_id WHERE l.source = 'model' AND l.task_version = ? GROUP BY 1",
            (slices, version),
        ):
            found["reasked"][min(slices - 1, max(0, place or 0))] = hits, of
    return found


_CHANGED = {
    Watch.PACKS.value: "control WHERE value <> label",
    Watch.CANARIES.value: "canary WHERE round > 0 AND value <> label",
}
"""For watches that compare two answers about the same text: the rows whose answers differ."""


def emails_of_alarm(path: Path, watch: str, *, most: int = 500) -> list[int]:
    """Return the emails behind the open alarm of a watch: those of its window, or those whose answers differ."""
    with opened_run(path) as db:
        row = next((each for each in alarms_of(db) if each.watch == watch and each.state == "raised"), None)
        if row is None:
            return []
        changed = _CHANGED.get(watch)
        if changed is not None:
            query = f"SELECT email_id FROM {changed} AND asked_at <= ? ORDER BY id DESC"
            return list(dict.fromkeys(number for (number,) in db.execute(query, (row.at,))))[:most]
        query = (
            "SELECT l.email_id FROM label AS l JOIN run ON run.task_version = l.task_version WHERE l.source = 'model'"
            " AND l.at <= ? ORDER BY l.id DESC LIMIT ?"
        )
        window = max(1, row.to_ask - row.from_ask + 1)
        return [number for (number,) in db.execute(query, (row.at, min(most, window)))]


def window_of_alarm(db: sqlite3.Connection, watch: str) -> tuple[list[int], list[int]]:
    """Return the emails that an open alarm casts doubt on: labeled since its window began, and failed since then.

    The window of changed canaries begins a canary's interval before the first changed answer among the newest
    :data:`CANARY_ANSWERS`. Emails with the text of a doubted one are doubted too. Empty where no alarm stands.
    """
    row = next((each for each in alarms_of(db) if each.watch == watch and each.state == "raised"), None)
    if row is None:
        return [], []
    (version,) = db.execute("SELECT task_version FROM run").fetchone()
    asks = (
        "SELECT at FROM (SELECT at FROM label WHERE source = 'model' AND task_version = :version UNION ALL"
        " SELECT settled_at FROM email WHERE state = 'failed' AND settled_at IS NOT NULL)"
        " WHERE at <= :until ORDER BY at DESC LIMIT 1 OFFSET :back"
    )
    until, back = row.at, max(0, row.to_ask - row.from_ask)
    if watch == Watch.CANARIES.value:
        first = db.execute(
            "SELECT min(asked_at) FROM (SELECT asked_at, value, label FROM canary WHERE round > 0 AND asked_at <= ?"
            " ORDER BY id DESC LIMIT ?) WHERE value <> label",
            (row.at, CANARY_ANSWERS),
        ).fetchone()[0]
        until, back = row.at if first is None else first, EVERY
    begins = db.execute(asks, {"version": version, "until": until, "back": back}).fetchone()
    since = begins[0] if begins is not None else 0.0
    labeled = db.execute(
        "SELECT email_id FROM label WHERE source IN ('model', 'copy') AND task_version = ? AND attempt_id IN"
        " (SELECT attempt_id FROM label WHERE source = 'model' AND task_version = ? AND at >= ?)",
        (version, version, since),
    ).fetchall()
    failed = db.execute("SELECT id FROM email WHERE state = 'failed' AND settled_at >= ?", (since,)).fetchall()
    return [each[0] for each in labeled], [each[0] for each in failed]


CANARY_ANSWERS = 60
"""Newest answers of canaries among which the first changed one is looked for: one round of all of them."""


def read_window(path: Path, watch: str) -> tuple[int, int, float]:
    """Return how many emails the open alarm of a watch casts doubt on, different texts and their mean length."""
    with opened_run(path) as db:
        labeled, failed = window_of_alarm(db, watch)
        return size_of_texts(db, "e.id IN (SELECT value FROM json_each(?))", (json.dumps(labeled + failed),))


def size_of_texts(db: sqlite3.Connection, which: str, values: Sequence[object]) -> tuple[int, int, float]:
    """Return how many emails (``e``) fit a condition, how many different texts they have, and their mean length."""
    emails, texts = db.execute(
        f"SELECT count(*), count(DISTINCT e.content_hash) FROM email AS e WHERE {which}", values
    ).fetchone()
    mean = db.execute(
        "SELECT avg(length(b.text)) FROM (SELECT e.id FROM email AS e"
        f" WHERE {which} LIMIT 2000) AS e JOIN body AS b ON b.email_id = e.id",
        values,
    ).fetchone()[0]
    return emails, texts, float(mean or 0.0)


def read_alarms(path: Path) -> tuple[AlarmRow, ...]:
    """Return a run's recorded alarms, the newest first."""
    with opened_run(path) as db:
        return alarms_of(db)


def labels_of_versions(path: Path, version: str) -> list[tuple[tuple[str, str], int, str]]:
    """Return ((id in the source, hash of the text), number, the model's label) of all emails that a version labeled."""
    with opened_run(path) as db:
        rows = db.execute(
            "SELECT e.source_id, e.content_hash, e.id, l.value FROM label AS l JOIN email AS e ON e.id = l.email_id"
            " WHERE l.source IN ('model', 'copy') AND l.task_version = ? ORDER BY e.id",
            (version,),
        ).fetchall()
    return [((source_id, content), number, value) for source_id, content, number, value in rows]


def _audit(db: sqlite3.Connection, path: Path, file_format: int, version: str | None) -> Audit:
    has_reviews = file_format >= FORMAT_WITH_REVIEWS
    name, active, simulated = db.execute("SELECT name, task_version, simulated FROM run").fetchone()
    counts = label_counts(db)
    names = dict(db.execute("SELECT version, name FROM task").fetchall())
    versions = tuple(
        (number, names.get(number) or "", sum(each.count for each in counts if each.version == number))
        for number in _newest_first(db, {each.version for each in counts})
    )
    if version is None:
        version = active if not versions or any(row[0] == active for row in versions) else versions[0][0]
    task = task_of(db, version, path)
    by_model = by_label(counts, version)
    sample, started = sample_of(db, has_reviews=has_reviews)
    last = db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()[0]
    drawn = _lowest(sample.seed, last, max([sample.base_rate, *sample.rates.values()]))
    batches: tuple[Batch, ...] = ()
    gold: tuple[GoldSet, ...] = ()
    answers: dict[str, list[Answer]] = {}
    if has_reviews:
        answers = _answers(db)
        batches = tuple(
            Batch(row[0], row[1], tuple(json.loads(row[2])))
            for row in db.execute("SELECT annotator, batch, second FROM review_batch ORDER BY batch")
        )
        gold = _gold(db, version)
    return Audit(
        run=name or path.stem,
        version=version,
        model=task.model.model,
        labels=tuple(meaning.value for meaning in task.labels),
        names={meaning.value: meaning.name for meaning in task.labels},
        total=emails_of(db),
        by_model=by_model,
        sample=sample,
        started=started,
        members=_members(db, drawn, version, answers),
        batches=batches,
        gold=gold,
        watches=tuple(
            watch_json(each.watch.value, each.state.value, each.statistic, each.limit, each.sentence)
            for each in _readings(db, path, counts)
        ),
        simulated=bool(simulated),
        versions=versions,
        packs=pack_facts(db, task) if file_format >= FORMAT_WITH_PACKS else None,
    )


def sample_of(db: sqlite3.Connection, *, has_reviews: bool = True) -> tuple[Sample, bool]:
    """Return the sample, and whether it was begun: before that, it is the one that a first answer will begin."""
    if has_reviews:
        row = db.execute("SELECT id, name, seed, goal, rates FROM sample ORDER BY id DESC LIMIT 1").fetchone()
        if row is not None:
            rates = json.loads(row[4])
            base = float(rates.pop("", 0.0))
            return Sample(row[0], row[1], int(row[2]), row[3], base, rates), True
    # The seed is apart from that of the work order, and the same whenever it is asked for.
    seed, created_at = db.execute("SELECT seed, created_at FROM run").fetchone()
    hashed = blake2b(f"sample {seed} {created_at!r}".encode(), digest_size=6).digest()
    rate = base_rate(DEFAULT_GOAL, emails_of(db))
    return Sample(0, "random", int.from_bytes(hashed), DEFAULT_GOAL, rate), False


def _readings(db: sqlite3.Connection, path: Path, counts: Sequence[LabelCount]) -> list[Reading]:
    """Return what each watch says; an alarm that stands is as it was recorded."""
    raised = {row.watch: row for row in alarms_of(db) if row.state == "raised"}
    found = []
    for reading in (*watches_of(db, path, counts).readings(), *_reading_of_packs(db, path)):
        row = raised.get(reading.watch.value)
        if row is not None:
            found.append(
                Reading(
                    reading.watch, WatchState.ALARM, row.statistic, row.limit, row.sentence, row.from_ask, row.to_ask
                )
            )
        else:
            found.append(reading)
    return found


def _reading_of_packs(db: sqlite3.Connection, path: Path) -> list[Reading]:
    if check_format(db, path) < FORMAT_WITH_PACKS:
        return []
    version = db.execute("SELECT task_version FROM run").fetchone()[0]
    control = pack_control_of(db, task_of(db, version, path))
    if control is None:
        return []
    state = WatchState.OFF if control.size < 2 else WatchState.STEADY if control.asked else WatchState.ARMING
    return [Reading(Watch.PACKS, state, control.sum, PACKS_LIMIT, control.sentence)]


@lru_cache(maxsize=8)
def _lowest(seed: int, last: int, rate: float) -> tuple[tuple[int, float], ...]:
    """Return the emails with a permanent number under a rate, with their numbers; a second for each million."""
    found = ((number, permanent_number(seed, number)) for number in range(1, last + 1))
    return tuple((number, u) for number, u in found if u < rate)


def _answers(db: sqlite3.Connection) -> dict[str, list[Answer]]:
    """Return what people said by the hash of the text, in the order in which they said it."""
    found: dict[str, list[Answer]] = {}
    for content, *row in db.execute(
        "SELECT e.content_hash, r.id, r.email_id, r.annotator, r.kind, r.value, r.seconds, r.batch, r.at,"
        " coalesce(l.note, '') FROM review AS r JOIN email AS e ON e.id = r.email_id"
        f" LEFT JOIN label AS l ON l.id = r.label_id WHERE r.{STANDS} ORDER BY r.id"
    ):
        found.setdefault(content, []).append(Answer(*row))
    return found


def _members(
    db: sqlite3.Connection, drawn: Sequence[tuple[int, float]], version: str, answers: dict[str, list[Answer]]
) -> tuple[Member, ...]:
    numbers = dict(drawn)
    these = json.dumps(list(numbers))
    has_models = any(row[1] == "reply_model" for row in db.execute("PRAGMA table_info(attempt)"))
    served_by = "coalesce(nullif(a.reply_model, ''), a.model)" if has_models else "a.model"
    rows = db.execute(
        "SELECT e.id, e.content_hash, e.position, e.reasks, l.value, coalesce(a.key_alias, ''),"
        f" coalesce({served_by}, '') FROM email AS e LEFT JOIN label AS l"
        " ON l.email_id = e.id AND l.source IN ('model', 'copy') AND l.task_version = ?"
        " LEFT JOIN attempt AS a ON a.id = l.attempt_id"
        " WHERE e.id IN (SELECT value FROM json_each(?)) AND e.state <> 'skipped' ORDER BY e.id",
        (version, these),
    ).fetchall()
    older: dict[int, list[tuple[str, str]]] = {}
    for number, other, value in db.execute(
        "SELECT email_id, task_version, value FROM label WHERE source IN ('model', 'copy') AND task_version <> ?"
        " AND email_id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (version, these),
    ):
        older.setdefault(number, []).append((other, value))
    return tuple(
        Member(
            number, numbers[number], label, tuple(answers.get(content, ())), position or 0, bool(reasks), content,
            key, model, tuple(older.get(number, ())),
        )
        for number, content, position, reasks, label, key, model in rows
    )  # fmt: skip


def _gold(db: sqlite3.Connection, version: str) -> tuple[GoldSet, ...]:
    found: dict[str, list[tuple[int, str, str | None]]] = {}
    for name, number, value, model in db.execute(
        "SELECT g.name, g.email_id, g.value, l.value FROM gold AS g LEFT JOIN label AS l ON l.email_id = g.email_id"
        " AND l.source IN ('model', 'copy') AND l.task_version = ? ORDER BY g.name, g.email_id",
        (version,),
    ):
        found.setdefault(name, []).append((number, value, model))
    return tuple(
        GoldSet(
            name,
            tuple((value, model) for _, value, model in rows),
            tuple(number for number, value, model in rows if model not in (None, value)),
        )
        for name, rows in found.items()
    )
