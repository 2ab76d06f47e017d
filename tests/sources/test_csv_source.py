"""Emails in CSV files: what is taken, what is left out and said so, and what stops with a clear word."""

from __future__ import annotations

import csv
import io
import tracemalloc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.errors import SourceError
from core.sources.csv_source import _delimiter_of
from core.sources.registry import Source, SourceOptions, open_source
from core.sources.source import ID_TAKEN, REPEATED, SKIPPED_SAMPLE

ENRON = Path(__file__).parents[2] / ".." / "shared" / "data" / "enron_5031.csv"


Opener: TypeAlias = Callable[..., Source]


@pytest.fixture
def source(tmp_path: Path) -> Opener:
    """Open bytes as a CSV file."""

    def opened(data: bytes | str, name: str = "emails.csv", **options: Any) -> Source:
        path = tmp_path / name
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return open_source(path, SourceOptions(**options))

    return opened


def refusal(open_it: Callable[[], Iterable[object]]) -> str:
    """The words of the SourceError that opening and reading raise."""
    with pytest.raises(SourceError) as caught:
        list(open_it())
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".tsv", ".TAB"])
def test_a_file_that_is_named_for_tabs_is_split_at_tabs(source: Opener, suffix: str) -> None:
    """Even where another sign splits its few lines as well; a header without any tab is no such file."""
    emails = source("id;a\tmessage;b\n1;x\thello;y\n", f"emails{suffix}", id_column="id;a", text_column="message;b")
    assert [(e.source_id, e.raw) for e in emails] == [("1;x", "hello;y")]
    assert [e.raw for e in source("id,message\n1,hello\n", f"others{suffix}")] == ["hello"]


def test_messages_and_ids_are_taken_by_column_name(source: Opener) -> None:
    """The usual names are recognized, whatever their case and order."""
    emails = source("Team,MESSAGE,Email-ID\nx,hello,a1\ny,bye,a2\n")
    assert [(e.source_id, e.raw) for e in emails] == [("a1", "hello"), ("a2", "bye")]
    assert (emails.columns.text, emails.columns.id) == ("MESSAGE", "Email-ID")


def test_the_description_names_the_columns_that_were_chosen(source: Opener) -> None:
    """A person sees which column became text and which id."""
    assert "text from column 'message', ids from column 'file'" in source("file,message\n1,a\n").describe()
    assert "ids row-1, -2" in source("message\na\n").describe()


def test_a_single_column_is_the_text_and_rows_are_numbered(source: Opener) -> None:
    """Without ids the rows count from 1 below the header."""
    assert [(e.source_id, e.raw) for e in source("anything\nhello\nyou\n")] == [("row-1", "hello"), ("row-2", "you")]


def test_quoted_fields_keep_lines_commas_and_quotation_marks(source: Opener) -> None:
    """A message that spans lines arrives as it was written, and its place is its first line."""
    (first, second) = source('id,message\r\n1,"a, ""b""\r\n\r\nc"\r\n2,d\r\n')
    assert first.raw == 'a, "b"\r\n\r\nc'
    assert (first.place, second.place) == ("row 1, line 2", "row 2, line 5")


@pytest.mark.parametrize("mark", [";", "\t", "|"])
def test_another_separator_is_found_from_the_header(source: Opener, mark: str) -> None:
    """Commas inside the rows do not mislead."""
    emails = source(f"id{mark}message\n1{mark}hi, you, there\n2{mark}bye\n")
    assert [e.raw for e in emails] == ["hi, you, there", "bye"]


def test_a_comma_wins_when_other_signs_stand_in_the_header_too(source: Opener) -> None:
    """A header with commas is a header with commas."""
    assert [e.raw for e in source("id,message,a;b\n1,x;y,z\n")] == ["x;y"]


def test_a_byte_order_mark_is_not_part_of_the_first_name(source: Opener) -> None:
    """Spreadsheets write one."""
    assert source(b"\xef\xbb\xbfmessage,id\nhello,1\n").columns.text == "message"


def test_nul_bytes_are_data(source: Opener) -> None:
    """They are kept, not an end of text."""
    assert [e.raw for e in source(b"id,message\n1,a\x00b\n")] == ["a\x00b"]


def test_a_field_beyond_the_usual_limit_is_read(source: Opener) -> None:
    """The csv module refuses fields over 131,072 characters by default."""
    assert [len(e.raw) for e in source(f"id,message\n1,{'x' * 300_000}\n")] == [300_000]


def test_an_empty_message_is_an_email(source: Opener) -> None:
    """Empty text is something to be labeled, and does not shift what follows."""
    assert [e.raw for e in source('id,message\n1,\n2,""\n')] == ["", ""]


def test_an_empty_id_falls_back_to_the_row_number(source: Opener) -> None:
    """The others keep theirs."""
    assert [e.source_id for e in source("id,message\n7,a\n ,b\n")] == ["7", "row-2"]


def test_blank_lines_are_no_rows(source: Opener) -> None:
    """Least of all at the end of the file."""
    emails = source("id,message\n1,a\n\n2,b\n\n\n")
    assert [e.source_id for e in emails] == ["1", "2"]
    assert emails.skipped.total == 0


def test_the_same_email_again_is_left_out_and_counted(source: Opener) -> None:
    """Equal id and equal message: one email."""
    emails = source("id,message\n1,a\n1,a\n2,a\n")
    assert [e.source_id for e in emails] == ["1", "2"]
    assert emails.skipped.by_reason == {REPEATED: 1}
    assert emails.skipped.sample[0].place == "row 2, line 3"


def test_another_email_under_a_taken_id_is_left_out_with_advice(source: Opener) -> None:
    """It is not the same email, so the reason is another and says what to do."""
    emails = source("id,message\n1,a\n1,b\n")
    assert len(list(emails)) == 1
    assert emails.skipped.by_reason == {ID_TAKEN: 1}
    assert "--id-column" in ID_TAKEN
    assert emails.skipped.sample[0].detail == "id '1' was first seen in row 1"


def test_a_real_id_may_not_collide_with_a_row_number(source: Opener) -> None:
    """An id that reads like a fallback is still checked."""
    emails = source("id,message\n,a\nrow-1,b\n")
    assert [e.raw for e in emails] == ["a"]
    assert emails.skipped.by_reason == {ID_TAKEN: 1}


def test_rows_that_do_not_fit_the_header_are_left_out_and_counted(source: Opener) -> None:
    """More fields and fewer fields are different faults."""
    emails = source("id,message\n1,a,b\n2\n3,c\n")
    assert [e.source_id for e in emails] == ["3"]
    assert sorted(emails.skipped.by_reason.values()) == [1, 1]
    assert emails.skipped.sample[0].detail == "3 fields, not 2"


def test_a_file_of_misfits_alone_is_refused(source: Opener) -> None:
    """A run without emails would help nobody."""
    words = refusal(lambda: source("message\nhello, you\nbye, now\n"))
    assert "none of its 2 records" in words
    assert "row 1, line 2" in words


def test_the_sample_of_skipped_rows_is_bounded(source: Opener) -> None:
    """The counts go on."""
    emails = source("id,message\n" + "1,a\n" * (SKIPPED_SAMPLE + 51))
    list(emails)
    assert (emails.skipped.total, len(emails.skipped.sample)) == (SKIPPED_SAMPLE + 50, SKIPPED_SAMPLE)


def test_a_second_pass_gives_the_same_and_counts_anew(source: Opener) -> None:
    """Planning reads a source before a run is made from it."""
    emails = source("id,message\n1,a\n1,a\n2,b\n")
    assert list(emails) == list(emails)
    assert (emails.taken, emails.skipped.total) == (2, 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b"\n\n\n", "blank lines only"),
        (b"id,message\n", "no row below it"),
        (b"a,b\n1,2\n", "There are: 'a', 'b'"),
        (b"id,message,text\n1,2,3\n", "'message' and 'text' may each hold"),
        (b'id,message\n1,a\n2,"abc\n\n', "row 2, which begins on line 3, opens a quotation mark that never closes"),
        (b'id,message\n1,"a" b\n', "row 1, which begins on line 2, has text after a closing quotation mark"),
        (b"id,message\r1,a\r", "bare carriage return"),
        (b"id,message\n1,\xc3\xa9\xc3\xa9\n2,caf\xe9\n", "byte 23 (0xe9) in row 2, line 3, is not UTF-8. Nothing was"),
        (b"\xef\xbb\xbfid,message\n1,\xff\n", "byte 16 (0xff) in row 1, line 2"),
    ],
)
def test_a_fault_is_named_with_its_place(source: Opener, data: bytes, words: str) -> None:
    """Each fault of a file has words of its own."""
    assert words in refusal(lambda: source(data))


def test_the_byte_named_in_a_complaint_is_the_byte_in_the_file(source: Opener) -> None:
    """The offset counts from the start of the file, over every line before."""
    data = b"id,message\n" + "1,ümläüt\n".encode() * 50 + b"2,\x93quoted\x94\n"
    at = data.index(b"\x93")
    assert f"byte {at:,} (0x93)" in refusal(lambda: source(data))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"text_column": "mesage"}, "Did you mean 'message'?"),
        ({"id_column": "ident"}, "has no column 'ident', which --id-column names"),
        ({"text_column": "message", "id_column": "MESSAGE"}, "cannot be both"),
    ],
)
def test_a_column_that_is_asked_for_must_be_there(source: Opener, columns: dict[str, str], words: str) -> None:
    """The complaint lists what there is."""
    assert words in refusal(lambda: source("id,message\n1,a\n", **columns))


def test_a_column_that_is_asked_for_wins(source: Opener) -> None:
    """Over every usual name, in any case."""
    emails = source("id,message,notes,key\n1,a,b,k\n", text_column="Notes", id_column="key")
    assert [(e.source_id, e.raw) for e in emails] == [("k", "b")]


def test_a_column_named_email_is_the_text_only_where_none_is_plainer(source: Opener) -> None:
    """It often holds addresses."""
    assert source("email,body\na@b.example,hello\n").columns.text == "body"
    assert source("id,email\n1,hello\n").columns.text == "email"


@pytest.mark.parametrize("make", ["missing", "folder", "unknown"])
def test_a_place_without_emails_is_refused(tmp_path: Path, make: str) -> None:
    """A path that is not there, an empty folder, an unknown kind of file: each in its own words."""
    path = tmp_path / {"missing": "nothing.csv", "folder": "empty", "unknown": "book.docx"}[make]
    if make == "folder":
        path.mkdir()
    elif make == "unknown":
        path.write_bytes(b"PK\x03\x04")
    expected = {"missing": "does not exist", "folder": "holds no texts", "unknown": "Known are: "}[make]
    assert expected in refusal(lambda: open_source(path))


@pytest.mark.usefixtures("no_superuser")
def test_a_file_without_permission_is_refused(tmp_path: Path) -> None:
    """With a word about permissions, not a traceback."""
    path = tmp_path / "closed.csv"
    path.write_text("id,message\n1,a\n")
    path.chmod(0)
    assert "may not be read" in refusal(lambda: open_source(path))


def test_what_is_no_file_is_refused() -> None:
    """A device would be read for ever, or only once."""
    assert "neither a file nor a folder" in refusal(lambda: open_source(Path("/dev/null")))


def test_reading_takes_constant_memory(source: Opener) -> None:
    """A file of 40 MB passes through a few megabytes."""
    emails = source("message\n" + "\n".join(["x" * 40_000] * 1_000) + "\n")
    tracemalloc.start()
    try:
        count = sum(1 for _ in emails)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 1_000
    assert peak < 4_000_000


_TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.uuids(), _TEXT), min_size=1, max_size=8, unique_by=lambda row: row[0]))
def test_whatever_csv_can_hold_comes_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[UUID, str]]
) -> None:
    """Messages written by the csv module arrive unchanged."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(("id", "message"))
    writer.writerows(rows)
    path = tmp_path_factory.mktemp("csv") / "any.csv"
    path.write_bytes(buffer.getvalue().encode())
    assert [(e.source_id, e.raw) for e in open_source(path)] == [(str(i), text) for i, text in rows]


def test_a_header_longer_than_the_sample_tells_the_separator(source: Opener) -> None:
    """The only row that is looked at counts, though it is cut off."""
    names = ";".join(["id", "text", *(f"column {n} of a wide table" for n in range(9_000)), "a" * 300_000])
    (email,) = source(f"{names}\n1;hello{';' * 9_001}\n")
    assert (email.source_id, email.raw) == ("1", "hello")


def test_the_separator_is_the_one_by_which_the_largest_share_of_rows_is_alike() -> None:
    """A share, however many rows each separator makes of the same lines: a quoted field may hold several of them."""
    lines = ['id;n,"t\n', "x;y\n", 'z"\n', "1;2,b\n"]
    assert _delimiter_of(lines, whole=True) == ","
    assert _delimiter_of(["id;n\n", "x;y\n", "1;2,b\n"], whole=True) == ";"


@pytest.mark.parametrize(
    ("sample", "whole", "delimiter"),
    [
        (["a,b;c\n", "1,2;3\n"], True, ","),
        (["a,b;c;d\n", "1,2;3;4\n"], True, ";"),
        (["a|b\n", "1|2\n"], True, "|"),
        (["a;b,c\n", "1;2,3\n", "4;5"], False, ","),
        (["a;b,c\n", "1;2,3\n", "4;5"], True, ";"),
        (["a\n", "1\n"], True, ","),
        ([], True, ","),
    ],
    ids=[
        "comma of equals",
        "more columns",
        "bar",
        "the last row may be cut",
        "the last row is whole",
        "none",
        "nothing",
    ],
)
def test_the_separator_follows_from_header_and_rows(sample: list[str], whole: bool, delimiter: str) -> None:
    """The one that splits them alike; of equals that of more columns, then the comma."""
    assert _delimiter_of(sample, whole=whole) == delimiter


def test_a_quotation_mark_that_never_closes_in_the_header_is_named_so(source: Opener) -> None:
    """It is no row yet."""
    assert "the header, which begins on line 1, opens a quotation mark" in refusal(lambda: source('id,"message\n1,a\n'))
