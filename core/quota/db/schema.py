"""Define the tables of ``quota.db``, and bring an older file up to them."""

from __future__ import annotations

from core.server_address import GROQ_ROOT

KEY = """CREATE TABLE key (
    fingerprint TEXT PRIMARY KEY,
    alias TEXT NOT NULL,
    last4 TEXT NOT NULL,
    source TEXT NOT NULL,
    stated TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1,
    requests INTEGER NOT NULL DEFAULT 0,
    errors_429 INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    last_used_at REAL,
    first_seen_at REAL NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID"""

_KEY_OF_FORMAT_5 = """CREATE TABLE key (
    fingerprint TEXT PRIMARY KEY,
    alias TEXT NOT NULL,
    last4 TEXT NOT NULL,
    source TEXT NOT NULL,
    organization TEXT NOT NULL DEFAULT '',
    organization_source TEXT NOT NULL DEFAULT '',
    enabled INTEGER NOT NULL DEFAULT 1,
    requests INTEGER NOT NULL DEFAULT 0,
    errors_429 INTEGER NOT NULL DEFAULT 0,
    tokens INTEGER NOT NULL DEFAULT 0,
    last_used_at REAL,
    first_seen_at REAL NOT NULL,
    pinned INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID"""

NAMED = """CREATE TABLE named (
    fingerprint TEXT NOT NULL,
    server TEXT NOT NULL,
    organization TEXT NOT NULL,
    PRIMARY KEY (fingerprint, server)
) WITHOUT ROWID"""
"""Organizations of keys as replies of a server named them."""

REFUSAL = """CREATE TABLE refusal (
    fingerprint TEXT NOT NULL,
    server TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_at REAL,
    PRIMARY KEY (fingerprint, server)
) WITHOUT ROWID"""
"""Keys that a server refuses; where ``server`` is empty the server is unknown, and the refusal counts for each."""

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
    server TEXT NOT NULL,
    PRIMARY KEY (server, organization, model, dimension)
) WITHOUT ROWID"""

_LEVEL_OF_FORMAT_3 = """CREATE TABLE level (
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

BENCH = """CREATE TABLE bench (
    organization TEXT NOT NULL,
    model TEXT NOT NULL,
    until_at REAL NOT NULL,
    limit_name TEXT NOT NULL,
    reason TEXT NOT NULL,
    since_at REAL NOT NULL,
    server TEXT NOT NULL,
    PRIMARY KEY (server, organization, model)
) WITHOUT ROWID"""

WORKER = """CREATE TABLE worker (
    id TEXT PRIMARY KEY,
    pid INTEGER NOT NULL,
    model TEXT NOT NULL,
    started_at REAL NOT NULL,
    heartbeat_at REAL NOT NULL,
    server TEXT NOT NULL
) WITHOUT ROWID"""

WORKER_KEY = """CREATE TABLE worker_key (
    worker_id TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    in_flight INTEGER NOT NULL,
    trouble TEXT NOT NULL,
    probe_at REAL NOT NULL,
    PRIMARY KEY (worker_id, fingerprint)
) WITHOUT ROWID"""
"""What a worker does with a key; ``trouble`` says why it is only probed, next at ``probe_at``, and is empty else."""

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

REFUSED_SETTING = """CREATE TABLE IF NOT EXISTS refused_setting (
    server TEXT NOT NULL,
    model TEXT NOT NULL,
    name TEXT NOT NULL,
    words TEXT NOT NULL,
    at REAL NOT NULL,
    PRIMARY KEY (server, model, name)
) WITHOUT ROWID"""
"""Settings of a request that a server refused for a model, with its words."""

ALL = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    KEY,
    NAMED,
    REFUSAL,
    BENCH,
    LEVEL,
    "CREATE TABLE estimate (model TEXT PRIMARY KEY, state TEXT NOT NULL) WITHOUT ROWID",
    WORKER,
    WORKER_KEY,
    TROUBLE,
    TROUBLE_INDEX,
    SPEND,
    REFUSED_SETTING,
)
"""A new file's statements, in order."""

_KEY_COLUMNS = (
    "fingerprint, alias, last4, source, organization, organization_source, enabled, requests, errors_429, tokens, "
    "last_used_at, first_seen_at, pinned"
)

# A limit belongs to the server that has it. Until now there was hardly another than Groq's, so what was learned, and
# what the operator stated, is taken for Groq's. Of a refused key it matters too much to guess: it stays out everywhere.
_OF_EACH_SERVER = (
    REFUSAL,
    "INSERT INTO refusal SELECT fingerprint, '', invalid_reason, invalid_since FROM key WHERE invalid_reason NOT NULL",
    "ALTER TABLE key RENAME TO key_before",
    _KEY_OF_FORMAT_5,
    f"INSERT INTO key ({_KEY_COLUMNS}) SELECT {_KEY_COLUMNS} FROM key_before",
    "DROP TABLE key_before",
    "ALTER TABLE level RENAME TO level_before",
    LEVEL,
    f"INSERT INTO level SELECT *, '{GROQ_ROOT}' FROM level_before",
    "DROP TABLE level_before",
    "ALTER TABLE bench RENAME TO bench_before",
    BENCH,
    f"INSERT INTO bench SELECT *, '{GROQ_ROOT}' FROM bench_before",
    "DROP TABLE bench_before",
    "DROP TABLE worker",  # living ones write themselves down again within seconds
    WORKER,
    "DROP TABLE worker_key",
    WORKER_KEY,
)

_KEPT_COLUMNS = (
    "fingerprint, alias, last4, source, enabled, requests, errors_429, tokens, last_used_at, first_seen_at, pinned"
)

# What a reply named counts on its server alone, which was Groq; what the operator stated is a name.
_NAMED_BY_SERVERS = (
    NAMED,
    f"INSERT INTO named SELECT fingerprint, '{GROQ_ROOT}', organization FROM key WHERE organization_source = 'reply'",
    # Limits of keys that shared an account by the operator's word alone go over to each of them.
    (
        "INSERT OR IGNORE INTO level SELECT '(' || alias || ')', model, dimension, limit_units, available, as_of, "
        "level.source, learned_at, speed, drift, caution, server FROM level JOIN key USING (organization) "
        "WHERE organization_source <> 'reply' AND organization <> ''"
    ),
    "ALTER TABLE key RENAME TO key_before",
    KEY,
    (
        f"INSERT INTO key ({_KEPT_COLUMNS}, stated) SELECT {_KEPT_COLUMNS}, "
        "CASE organization_source WHEN 'reply' THEN '' ELSE organization END FROM key_before"
    ),
    "DROP TABLE key_before",
)

UPGRADES = (
    # Levels are learned again within minutes, so they are not carried over.
    (
        3,
        (
            "DROP TABLE level",
            _LEVEL_OF_FORMAT_3,
            "ALTER TABLE key ADD COLUMN organization_source TEXT NOT NULL DEFAULT ''",
        ),
    ),
    (
        4,
        ("ALTER TABLE key ADD COLUMN pinned INTEGER NOT NULL DEFAULT 0", TROUBLE, TROUBLE_INDEX, SPEND),
    ),
    (5, _OF_EACH_SERVER),
    (6, _NAMED_BY_SERVERS),
    (7, (REFUSED_SETTING,)),
)
"""(format, statements that make it of the one before), oldest first."""
