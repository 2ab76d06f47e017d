"""A message as it came is kept beside its sent text without storing twice what both hold, and comes back to the byte."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlite_utils import Database

from core.errors import RunFileError
from core.mail.message import view_of
from core.storage.file.message import COLUMNS, RAW, kept, message_of
from core.storage.file.schema import migrate, migrations
from core.storage.file.schema_version import FORMAT_VERSION

FIELDS = ("from", "to", "subject", "date", "body")
HEAD = (
    "Message-ID: <1@example.org>\nDate: Mon, 14 May 2001 16:39:00 -0700\nFrom: a@example.org\nTo: b@example.org\n"
    "Subject: s\nMime-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n"
    "X-Folder: it's here\n\n"
)
PIECES = (
    *(
        HEAD,
        "From: a\n",
        "To: a\n\tb\n",
        "Subject: s\n",
        "\n",
        "\r\n",
        "body of it\n",
        "x" * 40 + "\n",
        "é\U0001f600\n",
    ),
    *("\x00", "\x01", "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n", "'", "<html><p>hi", "z" * 900),
)


@pytest.fixture(scope="module")
def table() -> Iterator[sqlite3.Connection]:
    """A table like ``body``."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute(f"CREATE TABLE body(text TEXT, {COLUMNS}, raw TEXT GENERATED ALWAYS AS ({RAW}) VIRTUAL)")
        yield db


def through(db: sqlite3.Connection, raw: str, text: str) -> str:
    db.execute("DELETE FROM body")
    db.execute(f"INSERT INTO body(text, {COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?)", (text, *kept(raw, text)))
    return message_of(db.execute("SELECT raw FROM body").fetchone()[0])


@settings(max_examples=150, deadline=None)
@given(pieces=st.lists(st.sampled_from(PIECES), max_size=8), truncate_at=st.sampled_from((20, 120, 6000)))
def test_every_message_comes_back_to_the_byte(table: sqlite3.Connection, pieces: list[str], truncate_at: int) -> None:
    """Whatever it is made of, cut or not, and whatever the text that is sent of it."""
    raw = "".join(pieces)
    assert through(table, raw, view_of(raw, fields=FIELDS, truncate_at=truncate_at).text) == raw


def test_a_plain_message_costs_little_beside_its_text(table: sqlite3.Connection) -> None:
    """Only what is not sent is stored again, and SQL alone reads the message."""
    raw = HEAD + "word " * 500
    assert through(table, raw, view_of(raw, fields=FIELDS, truncate_at=6000).text) == raw
    stored = table.execute("SELECT typeof(raw), length(raw_begin) + length(raw_middle) + length(raw_end) FROM body")
    kind, size = stored.fetchone()
    assert (kind, size < 150) == ("text", True)


def test_what_a_text_holds_little_of_is_compressed(table: sqlite3.Connection) -> None:
    """A long message of which only the beginning is sent, and a page of HTML."""
    for raw in (HEAD + "word and word " * 5_000, "Subject: s\nContent-Type: text/html\n\n" + "<p>one</p>" * 500):
        assert through(table, raw, view_of(raw, fields=FIELDS, truncate_at=600).text) == raw
        (size,) = table.execute("SELECT length(raw_whole) FROM body WHERE typeof(raw_whole) = 'blob'").fetchone()
        assert size < len(raw) / 10


@pytest.mark.parametrize("stored", [None, 7, b"\x78\x9c\x00", b""], ids=["NULL", "number", "cut", "empty"])
def test_a_damaged_message_is_reported(stored: object) -> None:
    """Neither a wrong type nor broken bytes become a traceback."""
    with pytest.raises(RunFileError, match="damaged"):
        message_of(stored)


def test_messages_of_an_older_file_stay_as_they_are(tmp_path: Path) -> None:
    """The migration copies no row: an old one is read as before, a new one beside it in pieces."""
    with closing(sqlite3.connect(tmp_path / "old.db", isolation_level=None)) as db:
        migrations.apply(Database(db), stop_before="m013_messages")
        db.execute("INSERT INTO body(email_id, text, raw) VALUES (1, 'the text', 'the message')")
        migrate(db)
        raw = HEAD + "the text and more of it"
        text = view_of(raw, fields=FIELDS, truncate_at=6000).text
        db.execute(
            f"INSERT INTO body(email_id, text, {COLUMNS}) VALUES (2, ?, ?, ?, ?, ?, ?, ?)", (text, *kept(raw, text))
        )
        assert db.execute("SELECT raw FROM body ORDER BY email_id").fetchall() == [("the message",), (raw,)]
        assert db.execute("PRAGMA user_version").fetchone() == (FORMAT_VERSION,)


def test_a_message_is_compressed_from_1025_bytes_on() -> None:
    """A page that is much shorter so; shorter ones can be read in plain SQL."""
    for size, kind in ((1_024, str), (1_025, bytes)):
        raw = "Subject: s\nContent-Type: text/html\n\n"
        assert type(kept(raw + "p" * (size - len(raw)), "another text").whole) is kind
