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


BODY = "sixteen letters."
SENT = f"Subject: s\n\n{BODY}"
BOTH_PHRASES = (
    "Mime-Version: 1.0\nContent-Type: text/plain; charset=us-ascii\nContent-Transfer-Encoding: 7bit\n"
    "MIME-Version: 1.0\nContent-Type: text/plain; charset=utf-8\n\n"
)


@pytest.mark.parametrize(
    ("raw", "text", "begin", "headers", "middle", "body", "end"),
    [
        ("abc", "ab", "", 2, "", 3, "c"),
        ("ab", "ab", "", 2, "", 3, ""),
        (SENT, SENT, "", 28, "", 29, ""),
        (f"Date: d\nSubject: s\nX: y\n\n{BODY}\nend", SENT, "Date: d\n", 11, "X: y\n\n", 13, "\nend"),
        (f"Subject: s\nX: y\n\n{BODY}", SENT, "", 11, "X: y\n\n", 13, ""),
        (f"Date: d\n\n{BODY}", SENT, "", 0, "Date: d\n\n", 13, ""),
        (f"Subject: s\nTo: t\nX: y\n\n{BODY}", f"Subject: s\nTo: t\n\n{BODY}", "", 17, "X: y\n\n", 19, ""),
        (f"Subject: s\nX: y\nTo: t\n\n{BODY}", f"Subject: s\nTo: t\n\n{BODY}", "", 11, "X: y\nTo: t\n\n", 19, ""),
        (f"A: a\n\n{BODY}", f"\n\n{BODY}", "", 0, "A: a\n\n", 3, ""),
        (f"A: a\n\n{BODY}", f"a\n\n{BODY}", "A: ", 2, "\n", 4, ""),
        (f"{BOTH_PHRASES}{BODY}", SENT, "", 0, "\x01\x02utf-8\n\n", 13, ""),
        (f"{BODY}\x03", BODY, "", 16, "", 17, "\x03"),
        (f"{BODY} {BODY}", f"S: s\n\n{BODY}", "", 0, f"{BODY} ", 7, ""),
        (BODY, f"S: s\n\n{BODY}", "", 0, "", 7, ""),
        (f"x{BODY}y", f"S: s\n\n{BODY}", "", 0, "x", 7, "y"),
    ],
)
def test_a_message_is_kept_as_what_stands_around_its_text(
    table: sqlite3.Connection, raw: str, text: str, begin: str, headers: int, middle: str, body: int, end: str
) -> None:
    """Before the sent header lines, between them and the body, and behind it."""
    assert kept(raw, text) == (None, begin, headers, middle, body, end)
    assert through(table, raw, text) == raw


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (f"Date: d\n\n{BODY[:-1]}", f"Subject: s\n\n{BODY[:-1]}"),
        (f"A: a\n\n{BODY}", "A: a\n\nanother sixteen."),
        (f"A: a\n{BODY}", f"a {BODY}"),
        (f"{BODY}\x00", BODY),
        (f"{BODY}\x01", BODY),
        (f"{BODY}\x02", BODY),
    ],
    ids=["fifteen letters", "another body", "no headers", "NUL", "the first sign", "the second sign"],
)
def test_a_message_of_another_form_is_kept_whole(table: sqlite3.Connection, raw: str, text: str) -> None:
    """Where fewer than 16 characters are in common, and where a character stands for something else."""
    assert kept(raw, text) == (raw, None, None, None, None, None)
    assert through(table, raw, text) == raw


@pytest.mark.parametrize(
    ("before", "within", "behind", "kind"),
    [
        (1_022, 2, 0, type(None)),
        (2, 1_020, 2, type(None)),
        (2, 2, 1_020, type(None)),
        (1_023, 2, 0, bytes),
        (2, 1_021, 2, bytes),
        (2, 2, 1_021, bytes),
        (342, 342, 341, bytes),
    ],
)
def test_pieces_of_more_than_1024_characters_are_compressed(before: int, within: int, behind: int, kind: type) -> None:
    """All three together."""
    raw = "a" * (before - 1) + "\nSubject: s\n" + "b" * (within - 2) + f"\n\n{BODY}" + "c" * behind
    assert type(kept(raw, SENT).whole) is kind


def test_what_compressing_does_not_shorten_by_two_fifths_stays_in_pieces() -> None:
    """It could not be read in plain SQL, for little."""
    noise = "".join(chr(0x4E00 + (number * 2_654_435_761) % 20_000) for number in range(2_000))
    assert kept(noise + SENT, SENT) == (None, noise, 11, "\n", 13, "")
