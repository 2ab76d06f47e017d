"""Texts in whatever people have them in: encodings, nested JSON, databases, sheets, archives, lines, several files."""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import json
import lzma
import mailbox
import random
import re
import sqlite3
import sys
import tarfile
import zipfile
from collections import deque
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import SourceError
from core.sources import archives, columns, decoding, json_source, table_source, text_source
from core.sources import source as source_module
from core.sources.decoding import Encoding
from core.sources.mbox_source import BEFORE_FIRST
from core.sources.preview import Looked, look_at, look_into
from core.sources.preview import count as count_texts
from core.sources.registry import Source, SourceOptions, open_source
from core.sources.source import Columns, Found, SkippedRow
from core.sources.source import SourceOptions as Options
from core.sources.text_source import UNREADABLE, message_of

CASES = Path(__file__).parents[2] / ".." / "shared" / "cases"
MAIL = "From: a@b.example\nSubject: s\n\nhello\n"
FROM = "From a@b.example Mon Jan  1 00:00:00 2024\n"


def opened(path: Path, data: bytes | str, **options: Any) -> Source:
    """Write a file and open it as a source."""
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return open_source(path, SourceOptions(**options))


def texts(source: Source) -> list[tuple[str, str]]:
    return [(email.source_id, email.raw) for email in source]


# -- tables -----------------------------------------------------------------------------------------------------------


def test_every_column_is_kept_with_its_row(tmp_path: Path) -> None:
    """All but text and id, also those that are sent; a column without a name gets one."""
    source = opened(tmp_path / "a.csv", "id,text,stars,subject,,stars\n1,hello,5,Re: x,y,z\n")
    (email,) = source
    assert email.columns == {"stars": "5", "subject": "Re: x", "column_5": "y", "stars_2": "z"}
    assert email.raw == "Subject: Re: x\n\nhello"


def test_mapped_columns_make_texts_distinct(tmp_path: Path) -> None:
    """Two subjects over the same body are two questions."""
    source = opened(tmp_path / "a.csv", "id,subject,body\n1,Invoice,See attached\n2,Lunch?,See attached\n")
    assert texts(source) == [("1", "Subject: Invoice\n\nSee attached"), ("2", "Subject: Lunch?\n\nSee attached")]
    assert source.columns.sent == ("subject",)


def test_a_message_with_headers_of_its_own_is_not_given_others(tmp_path: Path) -> None:
    """Columns beside a whole email repeat what its headers say."""
    source = opened(tmp_path / "a.csv", 'id,subject,message\n1,x,"From: a@b.example\nSubject: s\n\nhi"\n')
    assert texts(source) == [("1", "From: a@b.example\nSubject: s\n\nhi")]


def test_chosen_fields_are_sent_before_the_text(tmp_path: Path) -> None:
    """``--fields title,review``: the last or the text-like one is the text, the others are lines of their own."""
    source = opened(tmp_path / "a.csv", "id,title,review\n1,Great,Works well\n", fields=("title", "review"))
    assert texts(source) == [("1", "title: Great\n\nWorks well")]


def test_a_gold_column_is_kept_and_not_sent(tmp_path: Path) -> None:
    """Its label stands with the email."""
    (email,) = opened(tmp_path / "a.csv", "id,text,truth\n1,hello, 1 \n", gold_column="truth")
    assert (email.gold, email.raw) == ("1", "hello")


@pytest.mark.parametrize(
    ("data", "expected", "note"),
    [
        ("sep=;\nid;text\n1;a, b\n", "a, b", "';'"),
        ("id;text;from, to\n1;hello;a\n2;ciao, b;c\n", "hello", "';'"),
        ("\ufeffid;text\n1;héé\n".encode("utf-16"), "héé", "utf-16-le"),
        ("id,text\n1,café\n".encode("latin-1"), "café", "cp1252 (a guess"),
        ("id,text\n1,naïve Straße für Müller, sagte er über München\n".replace(", sagte", " sagte").encode("cp1252"),
         "naïve Straße für Müller sagte er über München", "a guess"),
        ("id,text\n1,Привет как дела сегодня вечером\n".encode("cp1251"), "Привет как дела сегодня вечером", "a guess"),
        ("id;text\n1;Это очень хороший продукт, рекомендую\n".encode("cp1251"),
         "Это очень хороший продукт, рекомендую", "cp1251 (a guess"),
    ],
)  # fmt: skip
def test_what_spreadsheets_write_is_read(tmp_path: Path, data: str | bytes, expected: str, note: str) -> None:
    """Semicolons, a first line ``sep=;``, UTF-16, and code pages, whose guess is shown."""
    source = opened(tmp_path / "a.csv", data)
    assert next(iter(source)).raw == expected
    assert note in source.describe()


def test_a_message_in_utf_16_does_not_make_its_table_one(tmp_path: Path) -> None:
    """The file is UTF-8 although most of its bytes are pairs with a NUL; one in UTF-16 without a mark is still known."""
    wide = "hello world".encode("utf-16-le").decode("latin-1") * 300
    (found,) = texts(opened(tmp_path / "a.csv", f"id,text\n1,{wide}\n"))
    assert found[1].replace("\0", "").startswith("hello worldhello")
    unmarked = "id,text\n1,hello\n".encode("utf-16-be")
    assert texts(opened(tmp_path / "b.csv", unmarked)) == [("1", "hello")]


def test_encoding_and_separator_can_be_given(tmp_path: Path) -> None:
    """What is given is not guessed."""
    data = "id|text\n1|Größe\n".encode("cp850")
    source = opened(tmp_path / "a.csv", data, encoding="cp850", delimiter="|")
    assert texts(source) == [("1", "Größe")]
    with pytest.raises(SourceError, match="no encoding of text"):
        opened(tmp_path / "a.csv", data, encoding="rot13")
    with pytest.raises(SourceError, match="no separator"):
        opened(tmp_path / "a.csv", data, delimiter="ab")


def test_nested_json_is_read_by_dotted_names(tmp_path: Path) -> None:
    """Text and subject of ``data``; a column that only a later object has is kept."""
    lines = [{"id": 1, "data": {"text": "a", "subject": "s"}}, {"id": 2, "data": {"text": "b"}, "more": [1]}]
    source = opened(tmp_path / "a.jsonl", "\n".join(map(json.dumps, lines)))
    assert texts(source) == [("1", "Subject: s\n\na"), ("2", "b")]
    assert [email.columns for email in source] == [
        {"data.subject": "s", "more": None},
        {"data.subject": None, "more": [1]},
    ]


def test_a_first_row_without_the_text_costs_only_itself(tmp_path: Path) -> None:
    """Columns are those of the first objects together."""
    source = opened(tmp_path / "a.jsonl", '{"id":1,"title":"t"}\n{"id":2,"title":"t","body":"two"}\n')
    assert texts(source) == [("2", "two")]
    assert source.skipped.total == 1


@pytest.mark.parametrize(
    "data",
    [
        '[{"id": 1, "text": "a"}, {"id": 2, "text": "b"}, 7]',
        ' [\n{"id": 1, "text": "a"},\n{"id": 2, "text": "b"}, null\n]\n',
        '{"data": [{"id": 1, "text": "a"}, {"id": 2, "text": "b"}, 3]}',
    ],
)
def test_json_arrays_are_read(tmp_path: Path, data: str) -> None:
    """Also under a key; what is no object is counted."""
    source = opened(tmp_path / "a.json", data)
    assert texts(source) == [("1", "a"), ("2", "b")]
    assert source.skipped.total == 1


def test_a_long_json_array_is_read_in_pieces(tmp_path: Path) -> None:
    """Objects that reach over the ends of blocks are whole."""
    records = [{"id": n, "text": "ü" * (n % 977) * 3} for n in range(3_000)]
    source = opened(tmp_path / "a.json", json.dumps(records, ensure_ascii=False))
    assert texts(source) == [(str(record["id"]), record["text"]) for record in records]


@pytest.mark.parametrize(
    ("data", "read"),
    [
        ('{"text": "a"}{"text": "b"}', ["a", "b"]),
        ('{\n "text": "a"\n}\n{\n "text": "b"\n}\n', ["a", "b"]),
        ('[{"text": "a"}]\n[{"text": "b"}]', ["a", "b"]),
        ('["a", "b"]', ["a", "b"]),
        ('{"count": 2, "data": [{"text": "a"}, {"text": "b"}], "next": null}', ["a", "b"]),
        ('{"status": "fine", "tags": [{"name": "x"}], "items": [{"text": "a"}]}', ["a"]),
        ('{"text": "a", "spans": [{"from": 1}, {"from": 2}]}', ["a"]),
    ],
    ids=["behind each other", "as jq prints", "arrays", "texts", "in a frame", "of two arrays", "a record with spans"],
)
def test_json_without_lines_loses_nothing(tmp_path: Path, data: str, read: list[str]) -> None:
    """Every value of a file is read, whether in an array, in the frame of an answer, or one behind the other."""
    assert [email.raw for email in opened(tmp_path / "t.json", data)] == read


def test_what_follows_json_and_is_none_is_refused(tmp_path: Path) -> None:
    """It is named, and not left out."""
    with pytest.raises(SourceError, match="behind object 1"):
        opened(tmp_path / "t.json", '[{"text": "a"}] and more')


def test_a_json_array_that_is_cut_off_is_refused_with_its_place(tmp_path: Path) -> None:
    """What follows cannot be trusted."""
    with pytest.raises(SourceError, match="object 2 is no valid JSON"):
        opened(tmp_path / "a.json", '[{"id": 1, "text": "a"}, {"id": 2, "te')


def test_a_number_of_4301_digits_is_an_id_like_any_other(tmp_path: Path) -> None:
    """Python refuses to make a number of it; it stays what it was."""
    source = opened(tmp_path / "a.jsonl", '{"id": %s, "text": "a"}\n{"id": 2, "text": "b"}\n' % ("9" * 900))
    assert [email.raw for email in source] == ["a", "b"]
    source = opened(tmp_path / "a.jsonl", '{"n": %s, "text": "a"}\n' % ("9" * 4_301))
    assert [email.raw for email in source] == ["a"]


def test_a_table_of_a_database_is_read(tmp_path: Path) -> None:
    """The only one, one by name, or a query."""
    path = tmp_path / "a.db"
    database = sqlite3.connect(path)
    database.executescript(
        "CREATE TABLE review(id INTEGER, text TEXT, stars INTEGER);"
        "INSERT INTO review VALUES (1, 'good', 5), (2, NULL, 1), (3, 'bad', 1);"
    )
    database.close()
    source = open_source(path)
    assert texts(source) == [("1", "good"), ("3", "bad")]
    assert (source.skipped.total, next(iter(source)).columns) == (1, {"stars": 5})
    query = open_source(path, Options(table="SELECT id, text FROM review WHERE stars = 1 AND text IS NOT NULL"))
    assert texts(query) == [("3", "bad")]
    with pytest.raises(SourceError, match="There are: 'review'"):
        open_source(path, Options(table="reviews"))
    with pytest.raises(SourceError, match="cannot be read"):
        open_source(path, Options(table="WITH x AS (SELECT 1) DELETE FROM review"))


def test_a_run_file_is_no_source(tmp_path: Path) -> None:
    """It says what to do instead."""
    path = tmp_path / "run.db"
    database = sqlite3.connect(path)
    database.executescript("PRAGMA application_id = 1818391913; CREATE TABLE t(a)")
    database.close()
    with pytest.raises(SourceError, match="labeltui copy"):
        open_source(path)


def test_an_excel_sheet_is_read(tmp_path: Path) -> None:
    """Numbers as ids and texts, dates as ISO, blank rows left out, an empty text counted."""
    openpyxl = pytest.importorskip("openpyxl", reason="the excel extra is not installed")
    book = openpyxl.Workbook()
    for row in (("id", "text", "n"), (1, "hello", 5), (2, None, 6), (None, None, None), (3, 42, None)):
        book.active.append(row)
    book.create_sheet("more").append(("text",))
    book["more"].append(("other",))
    path = tmp_path / "a.xlsx"
    book.save(path)
    source = open_source(path)
    assert texts(source) == [("1", "hello"), ("3", "42")]
    assert source.skipped.total == 1
    assert texts(open_source(path, Options(table="more"))) == [("row-1", "other")]


def test_a_large_parquet_file_is_not_held_in_memory(tmp_path: Path) -> None:
    """What was read of it is let go: of 20 MB that cannot be compressed no more than 12 are held at any time."""
    arrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path, rng = tmp_path / "mails.parquet", random.Random(1)
    schema = arrow.schema([("id", arrow.string()), ("text", arrow.string())])
    with parquet.ParquetWriter(path, schema) as file:
        for group in range(10):
            texts = [rng.randbytes(500).hex() for _ in range(2_000)]
            ids = [f"{group}-{number}" for number in range(len(texts))]
            file.write_table(arrow.table({"id": ids, "text": texts}, schema))
    before, most = arrow.total_allocated_bytes(), 0
    for count, _ in enumerate(open_source(path, SourceOptions()), 1):
        if count % 1_000 == 0:
            most = max(most, arrow.total_allocated_bytes() - before)
    assert (count, most < 12_000_000) == (20_000, True)


def test_parquet_and_a_folder_of_it_are_read(tmp_path: Path) -> None:
    """With types kept; a Hugging Face folder is a folder of such files."""
    arrow = pytest.importorskip("pyarrow", reason="the parquet extra is not installed")
    parquet = importlib.import_module("pyarrow.parquet")
    (tmp_path / "data").mkdir()
    table = arrow.table({"text": ["a", "b"], "label": [1, 0], "tags": [["x"], []]})
    parquet.write_table(table, tmp_path / "data" / "train-00000.parquet")
    source = open_source(tmp_path / "data" / "train-00000.parquet")
    assert texts(source) == [("row-1", "a"), ("row-2", "b")]
    assert next(iter(source)).columns == {"label": 1, "tags": ["x"]}
    assert texts(open_source(tmp_path)) == [(f"data/train-00000.parquet#row-{n}", t) for n, t in ((1, "a"), (2, "b"))]


@pytest.mark.parametrize(
    ("name", "data", "extra"),
    [
        ("a.xlsx", b"PK\x03\x04", "excel"),
        ("a.parquet", b"PAR1", "parquet"),
        ("a.msg", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "outlook"),
        ("a.csv.zst", b"\x28\xb5\x2f\xfd", "zstd"),
    ],
)
def test_a_format_whose_library_is_missing_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, data: bytes, extra: str
) -> None:
    """One sentence, with the extra."""

    def missing(name: str) -> None:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SourceError, match=f"labeltui\\[{extra}\\]"):
        opened(tmp_path / name, data)


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet", "a.db", "a.msg"])
def test_a_file_that_only_looks_like_its_format_is_refused_in_a_sentence(tmp_path: Path, name: str) -> None:
    """Whatever the library raises."""
    marks = {
        ".xlsx": b"PK\x03\x04",
        ".parquet": b"PAR1",
        ".db": b"SQLite format 3\x00",
        ".msg": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1",
    }
    for module in ("openpyxl", "pyarrow", "oxmsg"):
        pytest.importorskip(module, reason="an extra is not installed")
    with pytest.raises(SourceError):
        list(opened(tmp_path / name, marks[Path(name).suffix] + b"rubbish" * 200))


# -- texts ------------------------------------------------------------------------------------------------------------


def test_a_text_file_is_one_text_a_line(tmp_path: Path) -> None:
    """Blank lines are none; ``--format text`` takes it as one."""
    assert texts(opened(tmp_path / "a.txt", "one\n\n two \r\n")) == [("row-1", "one"), ("row-2", " two ")]
    assert texts(opened(tmp_path / "a.txt", "one\n\ntwo", format="text")) == [("a.txt", "one\n\ntwo")]


def test_a_text_file_that_is_an_email_is_one(tmp_path: Path) -> None:
    """Content decides before the suffix."""
    assert texts(opened(tmp_path / "a.txt", MAIL)) == [("a.txt", MAIL)]


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (f"{FROM}{MAIL}\n{FROM}{MAIL}", 2),
        (f"\ufeff{FROM}{MAIL}", 1),
        (f"{FROM}{MAIL}{FROM}{MAIL}{FROM}{MAIL}", 3),
        (f"{FROM}{MAIL}\nFrom my point of view\nthe deal is fine.\n\nFrom now on\n\n{FROM}{MAIL}", 2),
        (f"From - Mon Jan 01 00:00:00 2024\nX-Mozilla-Status: 1\n{MAIL}From - Tue Jan 02 00:00:00 2024\n{MAIL}", 2),
        (f"From 1@xxx Mon Jan 01 00:00:00 +0000 2024\n{MAIL}\nFrom 2@xxx Mon Jan 01 00:00:00 +0000 2024\n{MAIL}", 2),
        (f"From MAILER-DAEMON Fri, 5 Jul 2024 10:00:00\n{MAIL}", 1),
    ],
)  # fmt: skip
def test_dialects_of_mailboxes_are_counted_as_written(tmp_path: Path, data: str, count: int) -> None:
    """Unstuffed "From " lines in bodies, no blank line between messages, a byte order mark, Takeout's and Mozilla's."""
    source = opened(tmp_path / "a.mbox", data)
    assert len(list(source)) == count
    assert source.skipped.total == 0


def test_what_stands_before_the_first_message_is_counted(tmp_path: Path) -> None:
    """It belongs to none."""
    source = opened(tmp_path / "a.mbox", f"# exported\n\n{FROM}{MAIL}")
    assert len(list(source)) == 1
    assert source.skipped.by_reason == {BEFORE_FIRST: 1}


def test_a_mailbox_of_the_standard_library_is_counted_alike(tmp_path: Path) -> None:
    """It stuffs what begins with "From "."""
    box = mailbox.mbox(str(tmp_path / "a.mbox"))
    for n in range(20):
        box.add(f"Subject: {n}\n\nhello\n\nFrom here\nSubject: no\n\nFrom Mon Jan  1 00:00:00 2024\nx: y\n")
    box.close()
    assert [email.raw.splitlines()[0] for email in open_source(tmp_path / "a.mbox")] == [
        f"Subject: {n}" for n in range(20)
    ]


# -- archives, several, standard input ------------------------------------------------------------------------------------


def packed_zip(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def packed_tar(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content.encode()))
        link = tarfile.TarInfo("maildir/link.")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    return buffer.getvalue()


CSV = "id,text\n1,a\n2,b\n"


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.csv.gz", gzip.compress(CSV.encode())),
        ("a.csv.bz2", bz2.compress(CSV.encode())),
        ("a.csv.xz", lzma.compress(CSV.encode())),
        ("a.zip", packed_zip({"a.csv": CSV})),
    ],
    ids=["gz", "bz2", "xz", "zip"],
)
def test_packed_files_are_read_as_what_they_hold(tmp_path: Path, name: str, data: bytes) -> None:
    """gzip, bzip2, xz and a zip of one file."""
    source = opened(tmp_path / name, data)
    assert texts(source) == texts(source) == [("1", "a"), ("2", "b")]


def test_zstandard_is_read_with_its_extra(tmp_path: Path) -> None:
    """As all others."""
    zstandard = pytest.importorskip("zstandard", reason="the zstd extra is not installed")
    assert texts(opened(tmp_path / "a.csv.zst", zstandard.compress(CSV.encode()))) == [("1", "a"), ("2", "b")]


def test_an_archive_of_several_files_is_read_as_a_folder(tmp_path: Path) -> None:
    """The Enron corpus comes as such a tar; names that lead out of it and links are counted."""
    members = {f"maildir/allen-p/inbox/{n}.": MAIL for n in (1, 2)} | {"../evil.eml": MAIL}
    source = opened(tmp_path / "enron.tar.gz", packed_tar(members))
    assert [email.source_id for email in source] == ["maildir/allen-p/inbox/1.", "maildir/allen-p/inbox/2."]
    assert source.skipped.by_reason == {archives.NO_MEMBER: 2}
    assert not (tmp_path / "evil.eml").exists()
    source = opened(tmp_path / "mails.zip", packed_zip({"a/1.eml": MAIL, "/abs.eml": MAIL, "b.txt": "x"}))
    assert [email.source_id for email in source] == ["b.txt", "a/1.eml"]
    assert source.skipped.by_reason == {archives.NO_MEMBER: 1}


@pytest.mark.parametrize("name", ["bomb.csv.gz", "bomb.zip"])
def test_a_bomb_is_refused_before_it_fills_the_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """What unpacks to more than two hundred times its size is no text."""
    monkeypatch.setattr(archives, "FREE_BYTES", 1_000_000)
    content = "x" * 20_000_000
    data = gzip.compress(content.encode()) if name.endswith("gz") else packed_zip({"a.csv": content})
    with pytest.raises(SourceError, match="200 times its size"):
        opened(tmp_path / name, data)


def test_a_packed_file_that_is_cut_off_is_refused(tmp_path: Path) -> None:
    """Its beginning would pass for the whole."""
    with pytest.raises(SourceError, match="cut off"):
        opened(tmp_path / "a.csv.gz", gzip.compress(CSV.encode() * 1000)[:-20])


def test_several_files_and_patterns_are_one_source(tmp_path: Path) -> None:
    """Ids begin with the file's name, so that row 1 of each is its own email."""
    (tmp_path / "a.csv").write_text("id,text\n1,a\n")
    (tmp_path / "b.csv").write_text("id,text\n1,b\n")
    (tmp_path / "c.eml").write_text(MAIL)
    source = open_source([tmp_path / "*.csv", tmp_path / "c.eml"])
    assert texts(source) == [("a.csv#1", "a"), ("b.csv#1", "b"), ("c.eml", MAIL)]
    with pytest.raises(SourceError, match="matches no file"):
        open_source(tmp_path / "*.xyz")


def test_standard_input_is_a_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its format is found by its content; it can be read more than once."""

    class Piped:
        buffer = io.BytesIO(b'{"text": "a"}\n{"text": "b"}\n')

        def isatty(self) -> bool:
            return False

    monkeypatch.setattr(sys, "stdin", Piped())
    source = open_source(Path("-"))
    assert texts(source) == texts(source) == [("row-1", "a"), ("row-2", "b")]


def test_an_option_that_means_nothing_is_refused(tmp_path: Path) -> None:
    """Rather than ignored."""
    with pytest.raises(SourceError, match="--delimiter"):
        opened(tmp_path / "a.jsonl", '{"text": "a"}\n', delimiter=";")
    with pytest.raises(SourceError, match="Choose one of"):
        opened(tmp_path / "a.csv", CSV, format="cvs")


def test_how_many_texts_are_expected_follows_from_size_and_what_was_read(tmp_path: Path) -> None:
    """For the time that is left of an import: near from the beginning, unknown where texts lie packed in a database."""
    path = tmp_path / "mail.csv"
    path.write_text("id,text,stars\n" + "".join(f'{n},"some text of a review, number {n}",5\n' for n in range(2_000)))
    with gzip.open(tmp_path / "mail.csv.gz", "wb") as packed:
        packed.write(path.read_bytes())
    for source in (open_source(path), open_source(tmp_path / "mail.csv.gz")):
        assert source.expected() is None
        emails = iter(source)
        for _ in range(100):
            next(emails)
        assert source.expected() == pytest.approx(2_000, rel=0.1)
        deque(emails, maxlen=0)
        assert source.expected() == pytest.approx(2_000, rel=0.05)
    with closing(sqlite3.connect(tmp_path / "mail.db")) as db:
        db.execute("CREATE TABLE mail(id, text)")
        db.execute("INSERT INTO mail VALUES (1, 'a')")
        db.commit()
    packed = open_source(tmp_path / "mail.db")
    deque(packed, maxlen=0)
    assert packed.expected() is None


def test_a_code_page_is_guessed_where_its_letters_begin(tmp_path: Path) -> None:
    """Also behind most of a megabyte of plain English."""
    words = "Привет как дела сегодня вечером"
    lines = ["id,text", *(f"{n},{'some text in plain English ' * 900}" for n in range(40)), f"last,{words}"]
    path = tmp_path / "late.csv"
    path.write_bytes("\n".join(lines).encode("cp1251"))
    assert 900_000 < path.stat().st_size < 1_048_576
    assert deque(texts(open_source(path)), maxlen=1).pop() == ("last", words)


def test_several_files_expect_what_their_sizes_tell(tmp_path: Path) -> None:
    """Together; where one of them is packed in a database it is not known."""
    for name in ("a", "b"):
        rows = "".join(f'{n},"some text of a review, number {n}"\n' for n in range(500))
        (tmp_path / f"{name}.csv").write_text("id,text\n" + rows)
    source = open_source([tmp_path / "a.csv", tmp_path / "b.csv"])
    next(iter(source))
    assert source.expected() == pytest.approx(1_000, rel=0.1)
    with closing(sqlite3.connect(tmp_path / "mail.db")) as db, db:
        db.execute("CREATE TABLE mail(id, text)")
        db.execute("INSERT INTO mail VALUES (1, 'a')")
    mixed = open_source([tmp_path / "a.csv", tmp_path / "mail.db"])
    next(iter(mixed))
    assert mixed.expected() is None


@pytest.mark.parametrize("closed", [False, True], ids=["terminal", "closed"])
def test_standard_input_that_nothing_is_piped_into_is_refused(closed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is not read until somebody ends it, and one that is closed is no error of the program's."""
    monkeypatch.setattr(sys, "stdin", None if closed else SimpleNamespace(isatty=lambda: True))
    with pytest.raises(SourceError, match="pipe the texts in"):
        open_source(Path("-"))


def test_a_look_at_a_source_shows_the_beginning_of_each_text(tmp_path: Path) -> None:
    """The first 200 characters, in one line; a subject where the text has one."""
    path = tmp_path / "texts.jsonl"
    path.write_text(
        json.dumps({"text": "ab \n" * 100}) + "\n" + json.dumps({"text": "Subject: hello\nFrom: a@b.c\n\nx"}), "utf-8"
    )
    shown = [row[2] for row in look_at(path, SourceOptions()).rows]
    assert shown == [("ab " * 67)[:200], "hello"]


@pytest.mark.parametrize(
    ("encoding", "notes"),
    [
        (Encoding("utf-8"), ()),
        (Encoding("utf-8", b"\xef\xbb\xbf"), ()),
        (Encoding("cp1252"), ("read as cp1252",)),
        (Encoding("cp1252", guessed=True), ("read as cp1252 (a guess: --encoding says otherwise)",)),
        (Encoding("utf-8", guessed=True), ("read as utf-8 (a guess: --encoding says otherwise)",)),
    ],
    ids=["utf-8", "with a mark", "another", "guessed", "utf-8 guessed"],
)
def test_how_bytes_were_read_is_said_where_it_is_not_as_usual(encoding: Encoding, notes: tuple[str, ...]) -> None:
    """UTF-8 is usual; a guess says how to choose."""
    assert encoding.notes == notes


@pytest.mark.parametrize(("columns", "more"), [(20, ""), (21, " and 1 more"), (1_520, " and 1,500 more")])
def test_of_many_columns_twenty_are_listed(columns: int, more: str, tmp_path: Path) -> None:
    """Where none of them is the text."""
    names = [f"c{n}" for n in range(columns)]
    with pytest.raises(SourceError) as caught:
        opened(tmp_path / "wide.csv", ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n")
    listed = ", ".join(repr(name) for name in names[:20])
    assert f"There are: {listed}{more}." in str(caught.value)


@pytest.mark.parametrize(
    ("data", "codec"),
    [
        ("hey!".encode("utf-16-le"), "utf-16-le"),
        ("hey!".encode("utf-16-be"), "utf-16-be"),
        ("hey".encode("utf-16-le"), ""),
        (b"id,text\n1,hello", ""),
        (b"id,text\n" * 8 + "hello world".encode("utf-16-le") * 50, ""),
        (bytes(64), ""),
    ],
    ids=["little", "big", "too short", "plain", "a wide message in a table", "zeros"],
)
def test_wide_text_without_a_mark_is_known_by_its_zeros(data: bytes, codec: str) -> None:
    """From eight bytes on, where every second byte is zero from the first characters on."""
    assert decoding._unmarked_utf16(data) == codec


@pytest.mark.parametrize(
    ("name", "beginning", "claimed"),
    [("a.jsonl", b"x", True), ("a.NDJSON", b"", True), ("a.json", b"", True), ("a", b" {", True), ("a", b"[", False),
     ("a.txt", b"{", False), ("a.csv", b"{}", False)],
)  # fmt: skip
def test_json_is_known_by_its_ending_or_its_first_sign(name: str, beginning: bytes, claimed: bool) -> None:
    """A file of another ending that begins with a brace is what it is called."""
    assert json_source.FORMAT.claims(Path(name), beginning) is claimed


def test_the_columns_of_json_are_those_of_its_first_two_hundred_objects(tmp_path: Path) -> None:
    """What a later one has more is kept with it, and is no column to choose."""
    rows = [{"text": "a"} for _ in range(199)] + [{"text": "b", "early": 1}, {"text": "c", "late": 2}]
    source = opened(tmp_path / "a.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert source.columns.names == ("text", "early")
    assert [email.columns for email in source][-2:] == [{"early": 1}, {"early": None, "late": 2}]


def test_a_small_packed_file_may_be_as_tight_as_it_likes(tmp_path: Path) -> None:
    """Up to 64 MiB come out of any file: a log of one line over and over is no bomb."""
    data = gzip.compress(b"the same line\n" * 50_000)
    assert archives.RATIO_LIMIT * len(data) < 14 * 50_000
    assert sum(1 for _ in opened(tmp_path / "log.txt.gz", data)) == 50_000


@pytest.mark.parametrize(
    ("unpacked_mib", "file_kib", "refused"),
    [(64, 1, False), (65, 1, True), (299, 1_024, False), (301, 1_024, True), (2_048, 10_240, False), (2_049, 10_240, True)],
)  # fmt: skip
def test_a_sheet_that_unpacks_to_more_than_texts_do_is_refused(
    unpacked_mib: int, file_kib: int, refused: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More than 64 MiB at 300 times the file's size, or more than 2 GiB: it is not opened at all."""
    path = tmp_path / "a.xlsx"
    path.write_bytes(bytes(file_kib * 1024))
    monkeypatch.setattr(table_source, "_library", lambda *_: None)
    monkeypatch.setattr(table_source, "_unpacked_bytes", lambda _: unpacked_mib * 1024 * 1024)
    monkeypatch.setattr(table_source, "_sheet", lambda *_: ("s", ["text"]))
    if refused:
        with pytest.raises(SourceError, match="no sheet of texts does"):
            table_source.EXCEL.open(path, Options())
    else:
        assert table_source.EXCEL.open(path, Options()).columns.text == "text"


def test_a_look_at_a_source_shows_eight_texts(tmp_path: Path) -> None:
    """And which columns they are read by; where none can be read, the columns to choose from and why."""
    looked = look_at_file(tmp_path, "id,subject,text\n" + "".join(f"{n},s,t\n" for n in range(20)))
    assert [row[0] for row in looked.rows] == [str(n) for n in range(8)]
    assert (looked.names, looked.text, looked.id, looked.sent) == (
        ("id", "subject", "text"),
        "text",
        "id",
        ("subject",),
    )
    assert "sent with it: subject" in looked.described
    unsure = look_at_file(tmp_path, "text,body\na,b\n", id_column="")
    assert (unsure.names, unsure.rows) == (("text", "body"), ())
    assert "Choose one with --text-column" in unsure.trouble
    broken = look_at_file(tmp_path, 'id,text\n1,a\n2,"open\n')
    assert (broken.names, broken.rows) == (("id", "text"), ())
    with pytest.raises(SourceError, match="no known form"):
        look_at(tmp_path / "a.bin", SourceOptions())


def look_at_file(folder: Path, data: str, **options: Any) -> Looked:
    """Write a table and look at it."""
    (folder / "a.csv").write_text(data, "utf-8")
    (folder / "a.bin").write_bytes(b"\x00\x01")
    return look_at(folder / "a.csv", SourceOptions(**options))


def test_a_count_ends_where_nobody_waits_for_it(tmp_path: Path) -> None:
    """It is looked at every 500 texts; a whole one says what was skipped, with places."""
    (tmp_path / "a.csv").write_text("id,text\n" + "".join(f"{n},t\n" for n in range(1_200)) + "x\n", "utf-8")
    looks: list[int] = []
    cut = count_texts(tmp_path / "a.csv", SourceOptions(), wanted=lambda: looks.append(1) or len(looks) < 2)
    assert (cut.taken, cut.whole, cut.skipped) == (1_000, False, ())
    whole = count_texts(tmp_path / "a.csv", SourceOptions())
    assert (whole.taken, whole.whole) == (1_200, True)
    assert whole.skipped == (("it has fewer fields than the header: quote fields that hold line breaks", 1),)
    assert whole.places == ("row 1,201, line 1,202: 1 fields, not 2",)


def test_a_folder_offers_what_can_be_a_source(tmp_path: Path) -> None:
    """By name, files first; messages make the folder itself a source, what is in no known form is counted."""
    for name in ("b.csv", "A.jsonl", "1.", "2.eml", "photo.jpg", ".hidden.csv", "bad\x1b.csv"):
        (tmp_path / name).write_text("x")
    (tmp_path / "box").write_text(FROM + MAIL)
    for name in ("sub", "Mail/cur", "Mail/new"):
        (tmp_path / name).mkdir(parents=True)
    found = look_into(tmp_path)
    assert [(entry.name, entry.kind, entry.folder) for entry in found.entries] == [
        ("2.eml", "one email", False), ("A.jsonl", "JSON Lines", False), ("b.csv", "CSV", False),
        ("box", "mbox", False), ("Mail", "Maildir", True), ("sub", "", True),
    ]  # fmt: skip
    assert (found.itself, found.others) == ("2 messages", 3)
    assert (found.entries[2].size_bytes, found.entries[2].changed_at) == (1, (tmp_path / "b.csv").stat().st_mtime)
    assert look_into(tmp_path / "Mail").itself == "Maildir"
    (tmp_path / "sub" / "3.eml").write_text(MAIL)
    assert (look_into(tmp_path / "sub").itself, look_into(tmp_path / "Mail" / "cur").itself) == ("1 message", "")
    for number, name in enumerate(("train.parquet", "data/train.parquet")):
        data_set = tmp_path / f"set-{number}"
        (data_set / name).parent.mkdir(parents=True)
        (data_set / name).touch()
        (data_set / "README.md").touch()
        assert look_into(data_set).itself == "Parquet files"


@pytest.mark.parametrize(
    "options",
    [
        SourceOptions("text", "id", "gold", ("a", "b")),
        SourceOptions(gold_column="gold"),
        SourceOptions(fields=("title",)),
        SourceOptions(),
    ],
    ids=["all", "one", "fields", "none"],
)
def test_the_columns_that_a_run_was_read_by_are_known_later(options: SourceOptions) -> None:
    """What comes later is read by the same columns, unless others are said; the format is found out anew."""
    told = options.columns_named()
    assert SourceOptions(encoding="cp1252").with_columns_of(told) == replace(options, encoding="cp1252")
    assert SourceOptions("other").with_columns_of(told) == SourceOptions("other")
    for damaged in ("[1]", "{", '{"fields": 5}'):
        with pytest.raises(SourceError, match="is damaged"):
            SourceOptions().with_columns_of(damaged)


def test_a_record_is_about_as_long_as_what_is_written_of_it() -> None:
    """Text and id, quotation marks, and each further column with its comma."""
    assert source_module._chars_of(Found(1, "ab", "hello", "row 1")) == 5 + 2 + 4
    assert source_module._chars_of(Found(1, "", "hello", "row 1", {"x": 12, "y": "abc"})) == 5 + 4 + (2 + 1) + (3 + 1)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        (Columns(), "CSV file a.csv, a note"),
        (Columns("t", "i"), "CSV file a.csv, text from column 't', ids from column 'i', a note"),
        (Columns("t"), "CSV file a.csv, text from column 't', ids row-1, -2, …, a note"),
        (
            Columns("t", "i", ("from", "to"), "g"),
            (
                "CSV file a.csv, text from column 't', ids from column 'i', sent with it: from, to,"
                " labels to compare with from column 'g', a note"
            ),
        ),
    ],
    ids=["no columns", "text and id", "numbered", "all"],
)
def test_a_source_is_described_by_what_is_read_of_it(columns: Columns, words: str) -> None:
    """Format, path, columns, and what was guessed."""
    assert Source(Path("a.csv"), "CSV file", lambda: iter(()), columns, notes=("a note",)).describe() == words


def test_what_is_too_large_says_how_large_a_text_may_be() -> None:
    """In the unit that a file browser shows."""
    assert source_module.TOO_LARGE == "it is larger than 64 MiB: no text is"
    assert source_module.MESSAGE_LIMIT_BYTES == 64 * 1024 * 1024


@pytest.mark.parametrize(
    ("ids", "reasons"),
    [
        ((("a", "x"), ("a", "x")), [None, source_module.REPEATED]),
        ((("a", "x"), ("a", "y")), [None, source_module.ID_TAKEN]),
        ((("", "x"), ("", "x")), [None, None]),
        ((("a" * 1_000, "x"), ("a" * 1_001, "x")), [None, source_module.ID_TOO_LONG]),
    ],
    ids=["again", "another", "none", "long"],
)
@pytest.mark.parametrize("in_memory", [1, 100], ids=["on the disk", "in memory"])
def test_each_id_is_taken_once(
    ids: tuple[tuple[str, str], ...], reasons: list[str | None], in_memory: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many there are: beyond a number of them they are kept on the disk."""
    monkeypatch.setattr(source_module, "_IDS_IN_MEMORY", in_memory)
    source = Source(Path("a.csv"), "CSV file", lambda: iter(()), Columns("text", "id" if ids[0][0] else None))
    with closing(source_module._Ids()) as kept:
        found = [
            source._refusal(Found(number, name, raw, f"row {number}"), kept)
            for number, (name, raw) in enumerate(ids, 1)
        ]
    assert [row and row.reason for row in found] == reasons
    assert found[1] is None or "a" * 1_001 in ids[1][0] or found[1].detail == "id 'a' was first seen in row 1"


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("suffix", ["zip", "tar"])
def test_an_archive_has_a_bounded_number_of_members(
    members: int, suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More are refused before they fill the disk with files."""
    files = {f"{n}.eml": MAIL for n in range(members)}
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 2 if suffix == "zip" else 3)  # the tar has a link, too
    data = packed_zip(files) if suffix == "zip" else gzip.decompress(packed_tar(files))
    if members > 2:
        with pytest.raises(SourceError, match="members"):
            opened(tmp_path / f"a.{suffix}", data)
    else:
        assert len(texts(opened(tmp_path / f"a.{suffix}", data))) == 2


@pytest.mark.parametrize(("kind", "taken"), [(0, True), (0o100000, True), (0o120000, False), (0o010000, False)])
def test_of_a_zip_only_files_are_read(kind: int, taken: bool, tmp_path: Path) -> None:
    """Links and pipes that one may hold are counted; names are listed up to a bound."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        info = zipfile.ZipInfo("n" * 210 + ".eml")
        info.external_attr = (kind | 0o644 if kind else 0) << 16
        archive.writestr(info, MAIL)
        archive.writestr("other.eml", MAIL)
    source = opened(tmp_path / "a.zip", data.getvalue())
    assert len(texts(source)) == 1 + taken
    assert [row.place for row in source.skipped.sample] == ([] if taken else [f"member {'n' * 200}"])


@pytest.mark.parametrize(
    ("name", "beginning", "packing"),
    [
        ("a.gz", b"\x1f\x8b\x08", "gzip"), ("a", b"BZh9", "bzip2"), ("a.zip", b"PK\x03\x04", "zip"), ("a", b"PK\x05\x06", "zip"),
        ("a.xlsx", b"PK\x03\x04", ""), ("A.DOCX", b"PK\x03\x04", ""), ("a", bytes(257) + b"ustar\x00", "tar"),
        ("a.csv", b"id,text", ""),
    ],
)  # fmt: skip
def test_how_a_file_is_packed_shows_in_its_first_bytes(name: str, beginning: bytes, packing: str) -> None:
    """Whatever it is called; documents that are zip files inside are none."""
    assert archives.packing_of(Path(name), beginning) == packing


@pytest.mark.parametrize("times", [3, 4])
def test_packed_files_may_be_packed_three_times(times: int, tmp_path: Path) -> None:
    """A file in a file in a file is read; one more says to unpack it by hand."""
    data = CSV.encode()
    for _ in range(times):
        data = gzip.compress(data)
    if times > 3:
        with pytest.raises(SourceError, match="more than 3 deep"):
            opened(tmp_path / "a.csv.gz.gz.gz", data)
    else:
        assert texts(opened(tmp_path / "a.csv.gz.gz.gz", data)) == texts(opened(tmp_path / "b.csv", CSV))


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (["a", "b"], ["a", "b"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a_2", "a", "a"], ["a_2", "a", "a_3"]),
        (["", "a", ""], ["column_1", "a", "column_3"]),
    ],
)
def test_each_column_has_a_name_of_its_own(names: list[str], found: list[str]) -> None:
    """An empty one is called by its place, a repeated one has a number."""
    assert columns.unique(names) == found


@pytest.mark.parametrize(
    ("names", "options", "text", "ids", "headers", "lines", "kept"),
    [
        (["id", "text"], {}, 1, 0, [], [], []),
        (["note", "body", "key"], {}, 1, 2, [], [], ["note"]),
        (["text", "title"], {"fields": ("title",)}, 1, None, [], [], ["text"]),
        (["text", "a", "b"], {"fields": ("a", "b")}, 2, None, [], ["a"], ["text", "a"]),
        (["a", "text", "b"], {"fields": ("b", "text", "a")}, 1, None, [], ["b", "a"], ["a", "b"]),
        (["text", "subject", "sender", "from"], {}, 0, None, ["Subject", "From"], [], ["subject", "sender", "from"]),
        (["data.text", "data.Message-ID"], {}, 0, None, [], [], ["data.Message-ID"]),
        (["text", "Message-ID"], {}, 0, 1, [], [], []),
        (["only"], {}, 0, None, [], [], []),
        (["text", "subject", "label"], {"gold_column": "subject"}, 0, None, [], [], ["subject", "label"]),
    ],
    ids=["usual", "ids", "one field", "fields", "fields with the text", "headers", "dotted", "plain names", "single", "gold"],
)  # fmt: skip
def test_columns_are_chosen_by_name(
    names: list[str], options: dict[str, Any], text: int, ids: int | None, headers: list[str], lines: list[str],
    kept: list[str],
) -> None:  # fmt: skip
    """Or as they are said; a header is sent once, and what is neither text nor id stays with the row."""
    chosen = columns.choose(Path("a.csv"), names, SourceOptions(**options))
    assert (chosen.text, chosen.id) == (text, ids)
    assert [title for _, title in chosen.headers] == headers
    assert [title for _, title in chosen.lines] == lines
    assert [name for _, name in chosen.kept] == kept


def test_a_table_without_a_text_says_what_texts_are_called() -> None:
    """The usual names first."""
    with pytest.raises(
        SourceError, match=re.escape("the message (message, text, body, content, raw …). There are: 'a'")
    ):
        columns.choose(Path("a.csv"), ["a", "b"], SourceOptions())


@pytest.mark.parametrize(("cell", "gold"), [("1", "1"), (" 1 ", "1"), (2, "2"), (None, ""), ([], ""), (True, "")])
def test_a_gold_label_is_a_text_or_a_number(cell: object, gold: str) -> None:
    """Anything else is none."""
    chosen = columns.choose(Path("a.csv"), ["text", "gold"], SourceOptions(gold_column="gold"))
    found = chosen.found(1, "row 1", ["hello", cell])
    assert isinstance(found, Found)
    assert (found.gold, found.columns) == (gold, {"gold": cell})


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (Options(text_column="t"), "has no columns, so --text-column 't' means nothing there"),
        (Options(fields=("a", "b")), "has no columns, so --fields 'a,b' means nothing there"),
        (Options(table="t"), "has no use for --table, so --table 't' means nothing there"),
        (Options(encoding="cp1252"), "has no use for --encoding, so --encoding 'cp1252'"),
    ],
    ids=["column", "fields", "table", "encoding"],
)
def test_an_option_without_a_meaning_is_named(options: SourceOptions, words: str) -> None:
    """With what was said."""
    with pytest.raises(SourceError, match=re.escape(words)):
        source_module.refuse_unused(Path("a.eml"), options, ("delimiter",))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ('[{"text": "a"}, {"text": "b"}', "the array ends after object 2 without ]"),
        ('[{"text": "a"}, nonsense]', "object 2 is no valid JSON"),
        ('{"text": "a"}\n\n{"text": "b"}\nnonsense', "behind object 2 something begins neither with { nor with ["),
        ("nonsense", "it begins neither with { nor with ["),
        ('[{"text": "' + "x" * 50, "holds a value of more than 40 characters"),
    ],
    ids=["cut off", "broken", "behind", "none", "endless"],
)
def test_a_fault_of_json_is_named_with_its_object(
    data: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Objects are counted from 1, over blocks of any size."""
    monkeypatch.setattr(json_source, "_BLOCK_CHARS", 7)
    monkeypatch.setattr(json_source, "OBJECT_LIMIT_CHARS", 40)
    (tmp_path / "a.json").write_text(data)
    stream = json_source._Stream(tmp_path / "a.json", Encoding("utf-8"))
    with closing(stream), pytest.raises(SourceError, match=re.escape(words)):
        deque(json_source._values(tmp_path / "a.json", stream), maxlen=0)


@pytest.mark.parametrize("block", range(1, 9))
def test_values_are_the_same_wherever_a_block_of_them_ends(
    block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A number may go on behind it."""
    monkeypatch.setattr(json_source, "_BLOCK_CHARS", block)
    (tmp_path / "a.json").write_text(' [12345, {"a": 678}, "text"]{"b": null}[]')
    with closing(json_source._Stream(tmp_path / "a.json", Encoding("utf-8"))) as stream:
        assert list(json_source._values(tmp_path / "a.json", stream)) == [12345, {"a": 678}, "text", {"b": None}]


@pytest.mark.parametrize(
    ("before", "skipped"), [("", []), ("\n\n", []), ("notes\n\n", [("line 1", BEFORE_FIRST, "7 bytes")])]
)
def test_messages_of_a_mailbox_are_counted_with_their_lines(
    before: str, skipped: list[tuple[str, str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Blank lines before the first are nothing; one that is too large is left out, one as large as is allowed is not."""
    monkeypatch.setattr("core.sources.mbox_source.MESSAGE_LIMIT_BYTES", len(MAIL) + 1)
    source = opened(tmp_path / "a.mbox", f"{before}{FROM}{MAIL}\n{FROM}{MAIL}!\n\n{FROM}{MAIL}")
    at = before.count("\n") + 1
    assert [(email.source_id, email.place) for email in source] == [
        ("message-1", f"message 1, line {at:,}"), ("message-3", f"message 3, line {at + 13:,}"),
    ]  # fmt: skip
    listed = [(row.place, row.reason, row.detail) for row in source.skipped.sample]
    assert listed == [*skipped, (f"message 2, line {at + 6:,}", source_module.TOO_LARGE, "")]


def test_several_sources_are_described_by_the_first_and_numbered_together(tmp_path: Path) -> None:
    """Their columns are all that any of them has."""
    first = opened(tmp_path / "a.csv", "id;text;x\n1;a;b\n").path
    second = opened(tmp_path / "b.csv", "text,y\nc,d\n").path
    source = open_source([first, second])
    assert source.describe().startswith(f"2 sources, the first {first}, text from column 'text', ids from column 'id'")
    assert source.describe().endswith("separated by ';'")
    assert source.columns.names == ("id", "text", "x", "y")
    assert [record.number for record in source.records() if isinstance(record, Found)] == [1, 2]
    assert texts(source) == [("a.csv#1", "a"), ("b.csv#row-1", "c")]
    numbered = open_source([second, first])
    assert "ids from column 'its file'" in numbered.describe()


@pytest.mark.parametrize(
    ("length", "text"),
    [("17", "Subject: s\n\nhello"), ("99999999999", None), ("999999999999", None), ("x", None), ("", None)],
)
def test_apple_mail_writes_how_long_the_message_is(length: str, text: str | None, tmp_path: Path) -> None:
    """A first line that is no such number is part of the message."""
    whole = f"{length}\nSubject: s\n\nhello<plist/>"
    (tmp_path / "a.emlx").write_text(whole)
    found = message_of(tmp_path / "a.emlx", "a.emlx")
    assert isinstance(found, Found)
    assert found.raw == (text or (whole.partition("\n")[2] if length == "99999999999" else whole))


def test_a_link_is_followed_where_it_was_named(tmp_path: Path) -> None:
    """One that took a file's place in a folder meanwhile is not."""
    (tmp_path / "a.eml").write_text(MAIL)
    (tmp_path / "link.eml").symlink_to(tmp_path / "a.eml")
    assert texts(open_source(tmp_path / "link.eml")) == [("link.eml", MAIL)]
    refused = message_of(tmp_path / "link.eml", "link.eml")
    assert isinstance(refused, SkippedRow)
    assert refused.reason == UNREADABLE
    assert refused.detail


def test_an_outlook_message_is_read_as_an_email() -> None:
    """Headers as it came, or as Outlook keeps them; its HTML where it has no text; attachments by name."""
    person = SimpleNamespace(name="Ann", email_address="ann@b.example")
    message = SimpleNamespace(
        message_headers={"From": "Bo <bo@b.example>", "CC": "c@b.example"}, sender="x", subject="s", sent_date=None,
        recipients=[person, SimpleNamespace(name=None, email_address=None)], body="hello", html_body="<p>x</p>",
        attachments=[SimpleNamespace(file_name="a.pdf"), SimpleNamespace(file_name="")],
    )  # fmt: skip
    library = SimpleNamespace(Message=SimpleNamespace(load=lambda _: message))
    found = text_source._outlook(library, Path("m.msg"), "m.msg")
    assert isinstance(found, Found)
    assert found.raw == (
        "From: Bo <bo@b.example>\nTo: Ann <ann@b.example>,\nCc: c@b.example\nSubject: s\n\nhello"
        "\n[attachment: a.pdf]\n[attachment: without a name]"
    )
    message.body, message.message_headers, message.attachments = " ", None, []
    message.sent_date = datetime(2024, 1, 2, 3, 4, tzinfo=UTC)
    found = text_source._outlook(library, Path("m.msg"), "m.msg")
    assert isinstance(found, Found)
    assert found.raw == (
        "From: x\nTo: Ann <ann@b.example>,\nSubject: s\nDate: 2024-01-02T03:04:00+00:00\n"
        "Content-Type: text/html; charset=utf-8\n\n<p>x</p>"
    )
    message.recipients = None
    broken = text_source._outlook(library, Path("m.msg"), "m.msg")
    assert isinstance(broken, SkippedRow)
    assert (broken.place, broken.reason) == ("file m.msg", "it is no Outlook message that can be read")
    assert 0 < len(broken.detail) <= 200


def test_of_what_is_left_out_the_first_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A hundred to show, fifty thousand for the listing, each of these once."""
    monkeypatch.setattr(source_module, "LISTED_LIMIT", 150)
    skipped = source_module.Skipped()
    for number in range(120):
        skipped.add(SkippedRow(f"row {number}", "a" if number % 2 else "b"))
    assert len(skipped.drain()) == 120
    for number in range(120):
        skipped.add(SkippedRow(f"row {number}", "b"))
    assert (len(skipped.drain()), skipped.drain(), len(skipped.sample)) == (30, [], 100)
    assert (skipped.total, skipped.by_reason) == (240, {"b": 180, "a": 60})


def test_a_database_is_read_without_trust_and_closed(tmp_path: Path) -> None:
    """What its schema would do is not done."""
    with closing(sqlite3.connect(tmp_path / "a.db")) as db, db:
        db.execute("CREATE TABLE t(text)")
    with table_source._connected(tmp_path / "a.db") as db:
        assert [db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("trusted_schema", "query_only")] == [0, 1]
        assert db.execute("SELECT CAST(x'ff41' AS TEXT)").fetchone() == ("\ufffdA",)
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        db.execute("SELECT 1")


def test_a_byte_that_does_not_fit_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    """Also where the file begins with a mark."""
    data = b"\xef\xbb\xbfid,text\n1,a\n2,b\xff\n"
    (tmp_path / "a.csv").write_bytes(data)
    lines = decoding.Lines(tmp_path / "a.csv", Encoding("utf-8", b"\xef\xbb\xbf"))
    with pytest.raises(SourceError, match=rf"byte {data.index(0xFF)} \(0xff\) in the header, line 3,"):
        deque(lines, maxlen=0)
