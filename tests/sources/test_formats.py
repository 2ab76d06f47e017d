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
import sqlite3
import sys
import tarfile
import zipfile
from collections import deque
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import SourceError
from core.sources import archives
from core.sources.decoding import Encoding
from core.sources.mbox_source import BEFORE_FIRST
from core.sources.preview import look_at
from core.sources.registry import Source, SourceOptions, open_source
from core.sources.source import SourceOptions as Options

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
