"""The tables of ``quota.db``, and how an older file is brought up to them."""

from __future__ import annotations

LEVEL = """CREATE TABLE level (
    organization TEXT NOT NULL,
    model TEXT NOT NULL,
    dimension TEXT NOT NULL,
    limit_units REAL NOT NULL,
    available REAL NOT NULL,
    as_of REAL NOT NULL,
    source TEXT NOT NULL,
    learned_at REAL NOT NULL,
    speed REAL NOT NULL,
    drift REAL NOT NULL,
    caution REAL NOT NULL,
    PRIMARY KEY (organization, model, dimension)
) WITHOUT ROWID"""

TROUBLE = """CREATE TABLE trouble (
    id INTEGER PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    at REAL NOT NULL,
    organization TEXT NOT NULL,
    model TEXT NOT NULL,
    outcome TEXT NOT NULL,
    status INTEGER,
    limit_name TEXT NOT NULL,
    wait_s REAL,
    text TEXT NOT NULL
)"""

TROUBLE_INDEX = "CREATE INDEX trouble_of_key ON trouble (fingerprint, id)"

SPEND = """CREATE TABLE spend (
    fingerprint TEXT NOT NULL,
    day TEXT NOT NULL,
    model TEXT NOT NULL,
    requests INTEGER NOT NULL,
    errors_429 INTEGER NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    PRIMARY KEY (fingerprint, day, model)
) WITHOUT ROWID"""

ALL = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE key (
        fingerprint TEXT PRIMARY KEY,
        alias TEXT NOT NULL,
        last4 TEXT NOT NULL,
        source TEXT NOT NULL,
        organization TEXT NOT NULL DEFAULT '',
        organization_source TEXT NOT NULL DEFAULT '',
        enabled INTEGER NOT NULL DEFAULT 1,
        invalid_reason TEXT,
        invalid_since REAL,
        requests INTEGER NOT NULL DEFAULT 0,
        errors_429 INTEGER NOT NULL DEFAULT 0,
        tokens INTEGER NOT NULL DEFAULT 0,
        last_used_at REAL,
        first_seen_at REAL NOT NULL,
        pinned INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID""",
    """CREATE TABLE bench (
        organization TEXT NOT NULL,
        model TEXT NOT NULL,
        until_at REAL NOT NULL,
        limit_name TEXT NOT NULL,
        reason TEXT NOT NULL,
        since_at REAL NOT NULL,
        PRIMARY KEY (organization, model)
    ) WITHOUT ROWID""",
    LEVEL,
    "CREATE TABLE estimate (model TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
    """CREATE TABLE worker (
        id TEXT PRIMARY KEY,
        pid INTEGER NOT NULL,
        model TEXT NOT NULL,
        started_at REAL NOT NULL,
        heartbeat_at REAL NOT NULL
    ) WITHOUT ROWID""",
    """CREATE TABLE worker_key (
        worker_id TEXT NOT NULL,
        fingerprint TEXT NOT NULL,
        in_flight INTEGER NOT NULL,
        PRIMARY KEY (worker_id, fingerprint)
    ) WITHOUT ROWID""",
    TROUBLE,
    TROUBLE_INDEX,
    SPEND,
)
"""A new file's statements, in order."""

UPGRADES = (
    # Levels are learnt again within minutes, so they are not carried over.
    (3, ("DROP TABLE level", LEVEL, "ALTER TABLE key ADD COLUMN organization_source TEXT NOT NULL DEFAULT ''")),
    (
        4,
        ("ALTER TABLE key ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0", TROUBLE, TROUBLE_INDEX, SPEND),
    ),
)
"""(format, statements that make it of the one before), oldest first."""
