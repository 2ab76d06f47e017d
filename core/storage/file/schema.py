"""Define the tables of a run file and their numbered migrations. Other tools may read every table named here.

Running totals are kept by triggers, so that no path of writing can forget them: whatever changes an email or adds an
attempt changes the totals in the same transaction. Migrations only ever run under the run's lock.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from core.mail.dates import sent_at
from core.storage.file import message
from core.storage.file.schema_version import APPLICATION_ID, FORMAT_VERSION

if TYPE_CHECKING:
    from sqlite_utils.db import Table

migrations = Migrations("labeltui-run")


def _table(db: Database, name: str) -> Table:
    return db.table(name)


@migrations()
def m001_tables(db: Database) -> None:
    """Make the tables of the first format."""
    _table(db, "run").create(
        {
            "id": int,
            "name": str,
            "source": str,
            "source_digest": str,
            "created_at": float,
            "work_order": str,
            "seed": int,
            "dedupe": int,
            "base_url": str,
            "simulated": int,
            "task_version": str,
            "cursor": int,
            "wanted": str,
            "state": str,
            "reason": str,
            "wait_until_at": float,
            "wait_limit": str,
            "wait_organization": str,
            "epoch": int,
            "worker_pid": int,
            "worker_host": str,
            "worker_started_at": float,
            "heartbeat_at": float,
            "in_flight": int,
            "in_flight_bound": int,
            "asking": str,
            "forecast": str,
            "resumption": str,
            "budget": str,
            "started_at": float,
            "finished_at": float,
        },
        pk="id",
        defaults={"cursor": 0, "wanted": "stop", "state": "new", "reason": "", "epoch": 0, "in_flight": 0},
    )
    _table(db, "task").create({"version": str, "name": str, "definition": str, "added_at": float}, pk="version")
    _table(db, "email").create(
        {
            "id": int,
            "position": int,
            "source_id": str,
            "subject": str,
            "sender": str,
            "date": str,
            "content_hash": str,
            "state": str,
            "label": str,
            "label_source": str,
            "reasks": int,
            "failure": str,
            "asked_from": int,
        },
        pk="id",
        not_null={"source_id", "content_hash", "state", "reasks"},
        defaults={"state": "pending", "reasks": 0, "asked_from": 0},
    )
    _table(db, "body").create({"email_id": int, "text": str, "raw": str}, pk="email_id")
    _table(db, "attempt").create(
        {
            "id": int,
            "email_id": int,
            "n": int,
            "kind": str,
            "key_alias": str,
            "organization": str,
            "model": str,
            "task_version": str,
            "started_at": float,
            "latency_s": float,
            "outcome": str,
            "raw_answer": str,
            "error": str,
            "prompt_tokens": int,
            "completion_tokens": int,
            "request_id": str,
            "epoch": int,
        },
        pk="id",
    )
    _table(db, "label").create(
        {
            "id": int,
            "email_id": int,
            "value": str,
            "source": str,
            "annotator": str,
            "attempt_id": int,
            "task_version": str,
            "blind": int,
            "note": str,
            "at": float,
        },
        pk="id",
        not_null={"email_id", "value", "source", "at"},
        defaults={"blind": 0, "note": ""},
    )
    _table(db, "total").create({"name": str, "value": int}, pk="name", not_null={"value"})
    _table(db, "pace").create(
        {"at": int, "labeled": int, "failed": int, "calls": int, "waited_s": float},
        pk="at",
        defaults={"labeled": 0, "failed": 0, "calls": 0, "waited_s": 0.0},
    )
    _table(db, "event").create(
        {"id": int, "at": float, "kind": str, "text": str, "email_id": int, "key_alias": str}, pk="id"
    )
    _table(db, "command").create(
        {
            "id": str,
            "kind": str,
            "argument": str,
            "requested_at": float,
            "requested_by": str,
            "acknowledged_at": float,
            "result": str,
        },
        pk="id",
    )


@migrations()
def m002_indexes(db: Database) -> None:
    """Add indexes for what the worker and the lists ask; a model may label an email once for each task version."""
    for statement in (
        "CREATE UNIQUE INDEX email_source_id ON email(source_id)",
        "CREATE INDEX email_pending ON email(position) WHERE state = 'pending'",
        "CREATE INDEX email_state ON email(state, position)",
        "CREATE INDEX email_position ON email(position)",
        "CREATE INDEX email_content ON email(content_hash)",
        "CREATE INDEX attempt_email ON attempt(email_id, id)",
        "CREATE INDEX label_email ON label(email_id, id)",
        "CREATE UNIQUE INDEX label_once ON label(email_id, task_version) WHERE source IN ('model', 'copy')",
    ):
        db.execute(statement)


_ADD = "INSERT INTO total(name, value) VALUES ({name}, {n}) ON CONFLICT(name) DO UPDATE SET value = value + {n};"


def _add(name: str, n: str) -> str:
    return _ADD.format(name=name, n=n)


def _count_email(row: str, n: str) -> str:
    """Return statements that add ``n`` to each total that an email in the state of ``row`` (OLD or NEW) belongs to."""
    settled = f"{row}.state IN ('labeled', 'failed')"
    labeled = f"{row}.state = 'labeled'"
    conditional = (
        "INSERT INTO total(name, value) SELECT {name}, {n} WHERE {condition}"
        " ON CONFLICT(name) DO UPDATE SET value = value + {n};"
    )
    return "\n".join(
        (
            _add(f"'state:' || {row}.state", n),
            conditional.format(name=f"'label:' || {row}.label", n=n, condition=labeled),
            conditional.format(name=f"'source:' || {row}.label_source", n=n, condition=labeled),
            conditional.format(name=f"'reasks:' || {row}.reasks", n=n, condition=settled),
        )
    )


@migrations()
def m003_totals(db: Database) -> None:
    """Add triggers that keep ``total`` in step with ``email`` and ``attempt``."""
    changed = " OR ".join(
        f"OLD.{column} IS NOT NEW.{column}" for column in ("state", "label", "label_source", "reasks")
    )
    db.execute(f"CREATE TRIGGER email_added AFTER INSERT ON email BEGIN {_count_email('NEW', '1')} END")
    db.execute(
        "CREATE TRIGGER email_changed AFTER UPDATE OF state, label, label_source, reasks ON email"
        f" WHEN {changed} BEGIN {_count_email('OLD', '-1')} {_count_email('NEW', '1')} END"
    )
    db.execute(
        "CREATE TRIGGER attempt_added AFTER INSERT ON attempt BEGIN "
        + _add("'attempts'", "1")
        + _add("'outcome:' || NEW.outcome", "1")
        + _add("'prompt_tokens'", "NEW.prompt_tokens")
        + _add("'completion_tokens'", "NEW.completion_tokens")
        + " END"
    )


@migrations()
def m004_flags(db: Database) -> None:
    """Add a column for what a person should know of a text, such as orders to a model; empty otherwise."""
    db.execute("ALTER TABLE email ADD COLUMN flags TEXT")
    db.execute(
        "CREATE TRIGGER email_flagged AFTER INSERT ON email WHEN NEW.flags IS NOT NULL BEGIN "
        + _add("'flagged'", "1")
        + " END"
    )


@migrations()
def m005_people(db: Database) -> None:
    """Add notes on emails, an undo record of what people did, and when an email was sent and settled."""
    for statement in (
        (
            "CREATE TABLE note(id INTEGER PRIMARY KEY, email_id INTEGER NOT NULL, text TEXT NOT NULL,"
            " author TEXT NOT NULL, at REAL NOT NULL, undone_at REAL)"
        ),
        "CREATE INDEX note_email ON note(email_id, id)",
        (
            "CREATE TABLE deed(id INTEGER PRIMARY KEY, batch INTEGER NOT NULL, kind TEXT NOT NULL, what TEXT NOT NULL,"
            " author TEXT NOT NULL, at REAL NOT NULL, email_id INTEGER NOT NULL, row_id INTEGER, state TEXT,"
            " label TEXT, label_source TEXT, reasks INTEGER, failure TEXT, asked_from INTEGER, settled_at REAL,"
            " undone TEXT)"
        ),
        "CREATE INDEX deed_batch ON deed(batch)",
        "ALTER TABLE email ADD COLUMN sent_at REAL",
        "ALTER TABLE email ADD COLUMN settled_at REAL",
    ):
        db.execute(statement)
    db.conn.create_function("sent_at", 1, sent_at, deterministic=True)
    db.execute("UPDATE email SET sent_at = sent_at(date)")
    db.execute(
        "UPDATE email SET settled_at = coalesce((SELECT max(at) FROM label WHERE email_id = email.id),"
        " (SELECT max(started_at + latency_s) FROM attempt WHERE email_id = email.id)) WHERE state <> 'pending'"
    )


@migrations()
def m006_quality(db: Database) -> None:
    """Add samples that people review, their answers, alarms, and which model a reply says it came from."""
    for statement in (
        (
            "CREATE TABLE sample(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT NOT NULL, seed TEXT NOT NULL,"
            " goal INTEGER NOT NULL, rates TEXT NOT NULL, created_at REAL NOT NULL)"
        ),
        (
            "CREATE TABLE review(id INTEGER PRIMARY KEY, email_id INTEGER NOT NULL, annotator TEXT NOT NULL,"
            " sample_id INTEGER NOT NULL, kind TEXT NOT NULL, label_id INTEGER, value TEXT, seconds REAL NOT NULL,"
            " shown TEXT NOT NULL, batch INTEGER NOT NULL, at REAL NOT NULL, undone_at REAL)"
        ),
        "CREATE INDEX review_email ON review(email_id, id)",
        "CREATE INDEX review_annotator ON review(annotator, id)",
        (
            "CREATE TABLE review_batch(annotator TEXT NOT NULL, batch INTEGER NOT NULL, second TEXT NOT NULL,"
            " PRIMARY KEY (annotator, batch))"
        ),
        (
            "CREATE TABLE alarm(id INTEGER PRIMARY KEY, watch TEXT NOT NULL, at REAL NOT NULL, from_ask INTEGER,"
            " to_ask INTEGER, statistic REAL, limit_ REAL, state TEXT NOT NULL, sentence TEXT NOT NULL,"
            " dismissed_at REAL, by TEXT, note TEXT)"
        ),
        (
            "CREATE TABLE gold(name TEXT NOT NULL, email_id INTEGER NOT NULL, value TEXT NOT NULL, at REAL NOT NULL,"
            " PRIMARY KEY (name, email_id))"
        ),
        "ALTER TABLE attempt ADD COLUMN reply_model TEXT",
        "ALTER TABLE attempt ADD COLUMN system_fingerprint TEXT",
        (
            "CREATE VIEW audited AS SELECT e.id AS email_id, e.source_id, r.annotator, r.kind, r.value, r.batch,"
            " r.seconds, r.at FROM review AS r JOIN email AS e ON e.id = r.email_id WHERE r.undone_at IS NULL"
        ),
    ):
        db.execute(statement)


@migrations()
def m007_source(db: Database) -> None:
    """Add the source's other columns (JSON), and what of it was not taken."""
    for statement in (
        "ALTER TABLE body ADD COLUMN columns TEXT",
        "CREATE TABLE source_column(position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE)",
        (
            "CREATE TABLE skipped(id INTEGER PRIMARY KEY, place TEXT NOT NULL, reason TEXT NOT NULL,"
            " detail TEXT NOT NULL DEFAULT '')"
        ),
    ):
        db.execute(statement)


@migrations()
def m008_canaries(db: Database) -> None:
    """Add answers to emails that are asked repeatedly, and how many of them changed."""
    for statement in (
        (
            "CREATE TABLE canary(id INTEGER PRIMARY KEY, email_id INTEGER NOT NULL, task_version TEXT NOT NULL,"
            " label TEXT NOT NULL, value TEXT NOT NULL, round INTEGER NOT NULL, asked_at REAL NOT NULL,"
            " attempt_id INTEGER)"
        ),
        "CREATE TRIGGER canary_added AFTER INSERT ON canary WHEN NEW.round > 0 BEGIN "
        + _add("'canary:asked'", "1")
        + _add("'canary:changed'", "(NEW.value <> NEW.label)")
        + " END",
    ):
        db.execute(statement)


@migrations()
def m009_concurrency(db: Database) -> None:
    """Add how many calls at once a person chose (NULL: automatic), and how many may be in flight now, if known."""
    db.execute("ALTER TABLE run ADD COLUMN concurrency INTEGER")
    db.execute("ALTER TABLE run ADD COLUMN at_once INTEGER")


@migrations()
def m010_batches(db: Database) -> None:
    """Add the lane of a run, its batches at a server, and which email is in which: in one open batch at most."""
    for statement in (
        "ALTER TABLE run ADD COLUMN lane TEXT NOT NULL DEFAULT 'live'",
        "ALTER TABLE run ADD COLUMN lane_by REAL",
        "ALTER TABLE attempt ADD COLUMN lane TEXT NOT NULL DEFAULT 'live'",
        (
            "CREATE TABLE parcel(id INTEGER PRIMARY KEY, nonce TEXT NOT NULL UNIQUE, state TEXT NOT NULL,"
            " key_alias TEXT NOT NULL, organization TEXT NOT NULL, model TEXT NOT NULL, task_version TEXT NOT NULL,"
            " window TEXT NOT NULL, packed_at REAL NOT NULL, tried_at REAL, file_id TEXT, batch_id TEXT,"
            " status TEXT NOT NULL DEFAULT '', total INTEGER NOT NULL, completed INTEGER NOT NULL DEFAULT 0,"
            " failed INTEGER NOT NULL DEFAULT 0, tokens REAL NOT NULL, sent_at REAL, expires_at REAL, polled_at REAL,"
            " output_file_id TEXT, error_file_id TEXT, reason TEXT NOT NULL DEFAULT '')"
        ),
        (
            "CREATE TABLE parcel_email(parcel_id INTEGER NOT NULL, email_id INTEGER NOT NULL,"
            " done INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (parcel_id, email_id)) WITHOUT ROWID"
        ),
        "CREATE UNIQUE INDEX parcel_email_open ON parcel_email(email_id) WHERE done = 0",
        "CREATE TRIGGER batch_attempt_added AFTER INSERT ON attempt WHEN NEW.lane = 'batch' BEGIN "
        + _add("'batch:attempts'", "1")
        + _add("'batch:prompt_tokens'", "NEW.prompt_tokens")
        + _add("'batch:completion_tokens'", "NEW.completion_tokens")
        + " END",
    ):
        db.execute(statement)


@migrations()
def m011_views(db: Database) -> None:
    """Add views for other tools: labeled and failed emails, each with its newest call and its time as text."""
    call = "(SELECT {} FROM attempt AS a WHERE a.email_id = e.id ORDER BY a.id DESC LIMIT 1)"
    settled = "strftime('%Y-%m-%dT%H:%M:%SZ', e.settled_at, 'unixepoch')"
    db.execute(
        "CREATE VIEW labeled AS SELECT e.id AS email_id, e.source_id, e.subject, e.sender, e.date, e.label,"
        f" e.label_source, e.reasks, {call.format('a.model')} AS model,"
        f" {call.format('a.task_version')} AS task_version,"
        f" {settled} AS labeled_at, b.text FROM email AS e JOIN body AS b ON b.email_id = e.id"
        " WHERE e.state = 'labeled'"
    )
    db.execute(
        "CREATE VIEW failed AS SELECT e.id AS email_id, e.source_id, e.subject, e.sender, e.date, e.failure, e.reasks,"
        f" {call.format('a.outcome')} AS outcome, {call.format('a.error')} AS error,"
        f" {call.format('a.raw_answer')} AS raw_answer, {settled} AS failed_at, b.text"
        " FROM email AS e JOIN body AS b ON b.email_id = e.id WHERE e.state = 'failed'"
    )


@migrations()
def m012_places(db: Database) -> None:
    """Add the places that make the worker's calls, as of its last heartbeat; none where it makes them itself."""
    db.execute(
        "CREATE TABLE place(name TEXT PRIMARY KEY, node TEXT NOT NULL, state TEXT NOT NULL, reason TEXT NOT NULL,"
        " in_flight INTEGER NOT NULL, rate_per_min REAL NOT NULL, since_at REAL NOT NULL)"
    )


@migrations()
def m013_messages(db: Database) -> None:
    """Keep messages in pieces beside their sent text; ``raw`` is computed of them. Older rows stay whole."""
    db.execute("PRAGMA legacy_alter_table = ON")  # views of other tools are none of our business
    try:
        db.execute("ALTER TABLE body RENAME COLUMN raw TO raw_whole")
    finally:
        db.execute("PRAGMA legacy_alter_table = OFF")
    for column in ("raw_begin TEXT", "raw_headers INTEGER", "raw_middle TEXT", "raw_body INTEGER", "raw_end TEXT"):
        db.execute(f"ALTER TABLE body ADD COLUMN {column}")
    db.execute(f"ALTER TABLE body ADD COLUMN raw TEXT GENERATED ALWAYS AS ({message.RAW}) VIRTUAL")


@migrations()
def m014_packs(db: Database) -> None:
    """Add packs of emails that shared a call, each email's place in one, the control sample, the sizes of ``auto``."""
    for statement in (
        "CREATE TABLE pack(id INTEGER PRIMARY KEY, size INTEGER NOT NULL, answer TEXT)",
        "ALTER TABLE attempt ADD COLUMN pack_id INTEGER",
        "ALTER TABLE attempt ADD COLUMN pack_position INTEGER",
        "CREATE INDEX attempt_pack ON attempt(pack_id) WHERE pack_id IS NOT NULL",
        (
            "CREATE TABLE control(id INTEGER PRIMARY KEY, email_id INTEGER NOT NULL, task_version TEXT NOT NULL,"
            " label TEXT NOT NULL, value TEXT NOT NULL, turn INTEGER NOT NULL, pack_size INTEGER NOT NULL,"
            " pack_position INTEGER NOT NULL, asked_at REAL NOT NULL, attempt_id INTEGER)"
        ),
        (
            "CREATE TABLE pack_size(id INTEGER PRIMARY KEY, task_version TEXT NOT NULL, size INTEGER NOT NULL,"
            " after_label INTEGER NOT NULL, at REAL NOT NULL, reason TEXT NOT NULL)"
        ),
        "CREATE TRIGGER packed_attempt_added AFTER INSERT ON attempt WHEN NEW.pack_position > 1 BEGIN "
        + _add("'packed'", "1")
        + " END",
    ):
        db.execute(statement)


@migrations()
def m015_lanes(db: Database) -> None:
    """Add calls by outcome and tokens of each lane but the live one, whose are the rest of all."""
    db.execute("DROP TRIGGER batch_attempt_added")
    db.execute("DELETE FROM total WHERE name LIKE 'batch:%'")
    db.execute(
        "CREATE TRIGGER lane_attempt_added AFTER INSERT ON attempt WHEN NEW.lane <> 'live' BEGIN "
        + _add("'lane:' || NEW.lane || ':' || NEW.outcome", "1")
        + _add("'lane:' || NEW.lane || ':prompt_tokens'", "NEW.prompt_tokens")
        + _add("'lane:' || NEW.lane || ':completion_tokens'", "NEW.completion_tokens")
        + " END"
    )
    for name, value, by in (
        ("outcome", "count(*)", ", outcome"),
        ("'prompt_tokens'", "sum(prompt_tokens)", ""),
        ("'completion_tokens'", "sum(completion_tokens)", ""),
    ):
        db.execute(
            f"INSERT INTO total(name, value) SELECT 'lane:' || lane || ':' || {name}, {value} FROM attempt"
            f" WHERE lane <> 'live' GROUP BY lane{by}"
        )


_LINKS: dict[str, dict[str, str]] = {
    "run": {"task_version": "task(version)"},
    "body": {"email_id": "email(id)"},
    "attempt": {"email_id": "email(id)", "task_version": "task(version)", "pack_id": "pack(id)"},
    "label": {"email_id": "email(id)", "attempt_id": "attempt(id)", "task_version": "task(version)"},
    "note": {"email_id": "email(id)"},
    "review": {"email_id": "email(id)", "sample_id": "sample(id)", "label_id": "label(id)"},
    "gold": {"email_id": "email(id)"},
    "event": {"email_id": "email(id)"},
    "canary": {"email_id": "email(id)", "attempt_id": "attempt(id)"},
    "parcel_email": {"parcel_id": "parcel(id)", "email_id": "email(id)"},
}


@migrations()
def m016_links(db: Database) -> None:
    """Add foreign keys, for those who look at a run with other tools; they are not enforced.

    They are written into the schema as SQLite's documentation of ALTER TABLE describes it for constraints, so that no
    row is copied. Where SQLite protects its schema from that (a build in defensive mode), the tables stay without.
    """
    version = db.execute("PRAGMA schema_version").fetchone()[0]
    db.execute("PRAGMA writable_schema = ON")
    try:
        for table, links in _LINKS.items():
            (sql,) = db.execute("SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,)).fetchone()
            end = sql.rindex(")")
            keys = "".join(f", FOREIGN KEY ({column}) REFERENCES {target}" for column, target in links.items())
            if "FOREIGN KEY" not in sql:
                db.execute("UPDATE sqlite_master SET sql = ? WHERE name = ?", (sql[:end] + keys + sql[end:], table))
        db.execute(f"PRAGMA schema_version = {version + 1}")
    except sqlite3.OperationalError as error:
        if "may not be modified" not in str(error):
            raise
    finally:
        db.execute("PRAGMA writable_schema = RESET")


@migrations()
def m017_probabilities(db: Database) -> None:
    """Add the probability that a model gave the label it answered, where the server reported it."""
    db.execute("ALTER TABLE attempt ADD COLUMN label_probability REAL")


@migrations()
def m018_label_counts(db: Database) -> None:
    """Count the model's labels by version of the task, source and label, so that figures need no pass over all."""
    by_model = "{row}.source IN ('model', 'copy')"
    name = "'by_model:' || {row}.task_version || ':' || {row}.source || ':' || {row}.value"
    add = (
        "INSERT INTO total(name, value) SELECT " + name + ", {n} WHERE " + by_model + " AND {row}.task_version NOT NULL"
        " ON CONFLICT(name) DO UPDATE SET value = value + {n};"
    )
    for when, changes in (
        ("label_added AFTER INSERT", (("NEW", 1),)),
        ("label_changed AFTER UPDATE OF value, source", (("OLD", -1), ("NEW", 1))),
    ):
        statements = " ".join(add.format(row=row, n=n) for row, n in changes)
        db.execute(f"CREATE TRIGGER {when} ON label BEGIN {statements} END")
    db.execute(
        f"INSERT INTO total(name, value) SELECT {name.format(row='label')}, count(*) FROM label"
        f" WHERE {by_model.format(row='label')} AND task_version NOT NULL GROUP BY task_version, source, value"
    )


@migrations()
def m019_batch_limits(db: Database) -> None:
    """Add how many questions a batch has, and how many batches are open at once, where a person chose."""
    for name in ("batch_size", "batches_open"):
        db.execute(f"ALTER TABLE run ADD COLUMN {name} INTEGER")


@migrations()
def m020_reading(db: Database) -> None:
    """Add which columns of the source a person named, as JSON; later arrivals are read so too."""
    db.execute("ALTER TABLE run ADD COLUMN reading TEXT")


@migrations()
def m021_calls_in_flight(db: Database) -> None:
    """Add how many calls were out when one was sent, where no quota bounds them: more of them make each slower."""
    db.execute("ALTER TABLE attempt ADD COLUMN in_flight INTEGER")


@migrations()
def m022_review_times(db: Database) -> None:
    """Add the time of each review as text to the view of them, as the other views have it."""
    db.execute("DROP VIEW IF EXISTS audited")
    db.execute(
        "CREATE VIEW audited AS SELECT e.id AS email_id, e.source_id, r.annotator, r.kind, r.value, r.batch, r.seconds,"
        " r.at, strftime('%Y-%m-%dT%H:%M:%SZ', r.at, 'unixepoch') AS reviewed_at"
        " FROM review AS r JOIN email AS e ON e.id = r.email_id WHERE r.undone_at IS NULL"
    )


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the tables up to this version's. Each migration is one transaction; call it under the run's lock."""
    db = Database(connection)
    migrations.apply(db)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {FORMAT_VERSION}")


def guards_of_emails() -> list[str]:
    """Return the statements that make the indexes and triggers of emails."""
    with closing(sqlite3.connect(":memory:")) as db:
        migrate(db)
        return [
            sql
            for (sql,) in db.execute(
                "SELECT sql FROM sqlite_master WHERE tbl_name = 'email' AND type IN ('index', 'trigger')"
                " AND sql IS NOT NULL ORDER BY type, rowid"
            )
        ]


def needs_migration(connection: sqlite3.Connection) -> bool:
    """Return whether any migration is still to be applied."""
    return bool(migrations.pending(Database(connection)))
