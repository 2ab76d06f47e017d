"""One pass over a source: ids, what is left out, how many are expected, and how bytes and archives are read."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import SourceError
from core.model import SourceEmail
from core.sources import archives, decoding, source
from core.sources.decoding import Encoding, Lines, encoding_of
from core.sources.json_source import _array_in, _integer, _Stream
from core.sources.source import Columns, Found, Skipped, SkippedRow, Source, SourceOptions


def of(*records: Any, **given: Any) -> Source:
    """A source of these records: (id, text), or a row that is left out."""

    def read() -> Iterator[Found | SkippedRow]:
        for number, each in enumerate(records, 1):
            yield each if isinstance(each, SkippedRow) else Found(number, each[0], each[1], f"row {number}")

    return Source(Path("mail.csv"), "CSV file", read, **{"columns": Columns("text", "id"), **given})


@pytest.mark.parametrize("in_memory", [100, 2])
def test_each_id_is_taken_once(in_memory: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """In memory and, where there are many, in a temporary file."""
    monkeypatch.setattr(source, "_IDS_IN_MEMORY", in_memory)
    given = of(("a", "one"), ("b", "two"), ("c", "three"), ("a", "one"), ("b", "other"), ("", "x"), ("", "x"), ("d" * 1_001, "y"), ("row-7", "z"), ("e" * 1_000, "y"), ("c", "three"))  # fmt: skip
    taken = list(given)
    assert [each.source_id for each in taken] == ["a", "b", "c", "row-6", "row-7", "e" * 1_000]
    assert taken[0] == SourceEmail("a", "one", "row 1")
    assert given.skipped.by_reason == {source.REPEATED: 2, source.ID_TAKEN: 2, source.ID_TOO_LONG: 1}
    assert given.taken == 6
    assert [(row.place, row.detail) for row in given.skipped.sample] == [
        ("row 4", "id 'a' was first seen in row 1"), ("row 5", "id 'b' was first seen in row 2"), ("row 8", ""), ("row 9", "id 'row-7' was first seen in row 7"),
        ("row 11", "id 'c' was first seen in row 3"),
    ]  # fmt: skip
    assert [each.source_id for each in of(("", "x"), ("", "x"), columns=Columns("text"))] == ["row-1", "row-2"]
    assert len(list(given)) == 6


def test_of_what_is_left_out_a_hundred_rows_are_shown_and_more_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """All are counted; each is listed once."""
    assert (source.SKIPPED_SAMPLE, source.LISTED_LIMIT, source.MAX_ID_CHARS) == (100, 50_000, 1_000)
    monkeypatch.setattr(source, "LISTED_LIMIT", 130)
    skipped = Skipped()
    for number in range(120):
        skipped.add(SkippedRow(f"row {number}", "a"))
    assert (skipped.total, len(skipped.sample), len(skipped.drain())) == (120, 100, 120)
    for number in range(20):
        skipped.add(SkippedRow(f"row {number}", "b"))
    assert (skipped.by_reason, len(skipped.drain()), skipped.drain()) == ({"a": 120, "b": 20}, 10, [])


@pytest.mark.parametrize(
    ("records", "words"),
    [
        ((), "mail.csv holds no texts. Check that it is the CSV file that was meant."),
        ((SkippedRow("row 1", "empty"), SkippedRow("row 2", "long", "9 MB"), SkippedRow("row 3", "long", "8 MB")), "mail.csv: none of its 3 records could be taken. 2 of them: long (first at row 2: 9 MB). Correct the file"),
        ((SkippedRow("row 1", "empty"),), "1 of them: empty (first at row 1). Correct"),
    ],
)  # fmt: skip
def test_a_source_of_nothing_says_why(records: tuple[Any, ...], words: str) -> None:
    """By its most frequent reason."""
    with pytest.raises(SourceError) as caught:
        list(of(*records))
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "CSV file mail.csv, text from column 'text', ids from column 'id'"), ({"columns": Columns()}, "CSV file mail.csv"), ({"columns": Columns("text"), "numbered": "line"}, "CSV file mail.csv, text from column 'text', ids line-1, -2, …"),
        ({"columns": Columns("text", "id", ("a", "b"), "g"), "notes": ("read as x",)}, "CSV file mail.csv, text from column 'text', ids from column 'id', sent with it: a, b, labels to compare with from column 'g', read as x"),
    ],
)  # fmt: skip
def test_a_source_is_described_in_a_sentence(given: dict[str, Any], said: str) -> None:
    """What was chosen and what was guessed."""
    assert of(**given).describe() == said


def test_how_many_texts_there_seem_to_be_follows_from_what_was_read(tmp_path: Path) -> None:
    """As a file says, else by size; never fewer than were taken."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "one").write_text("x" * 100)
    (tmp_path / "a" / "two").write_text("x" * 60)
    given = of(("id", "12345678901"), ("id2", "1234567890"))
    assert given.expected() is None
    given.plain = (tmp_path / "a", tmp_path / "a" / "one", tmp_path / "gone")
    assert given.expected() is None
    passed = iter(given)
    next(passed)
    assert given._read_chars == 11 + 2 + 4
    assert given.expected() == round(260 / 17)
    next(passed)
    assert given.expected() == round(2 * 260 / 34)
    given._plain_bytes = 3
    assert given.expected() == 2
    given.rows = 77
    assert given.expected() == 77
    assert source._chars_of(Found(1, "id", "text", "", {"a": "xy", "b": 10})) == 4 + 2 + 4 + 3 + 3
    counted = of(("a", "x"))
    counted.rows, counted.plain = 1, (tmp_path,)
    list(counted)
    assert counted._read_chars == 0


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (SourceOptions(), ""), (SourceOptions(text_column="a", fields=("b", "c")), '{"text_column": "a", "fields": ["b", "c"]}'), (SourceOptions(id_column="é", gold_column="g", encoding="x"), '{"id_column": "é", "gold_column": "g"}'),
    ],
)  # fmt: skip
def test_the_columns_of_a_run_are_kept_as_they_were_said(options: SourceOptions, named: str) -> None:
    """And are read again, unless others are said."""
    assert options.columns_named() == named
    again = SourceOptions(encoding="y").with_columns_of(named)
    assert (again.text_column, again.id_column, again.gold_column, again.fields, again.encoding) == (
        options.text_column, options.id_column, options.gold_column, options.fields, "y",
    )  # fmt: skip
    own = SourceOptions(text_column="own")
    assert own.with_columns_of(named) is own
    for damaged in ("{", "7", '{"fields": 7}'):
        with pytest.raises(SourceError, match="The run file is damaged"):
            SourceOptions().with_columns_of(damaged)


# -- bytes ----------------------------------------------------------------------------------------------------------------

LONG = ("text é " * 40).encode()


@pytest.mark.parametrize(
    ("data", "wanted", "found"),
    [
        (b"abc", None, Encoding("utf-8")), (b"", None, Encoding("utf-8")), (b"\xef\xbb\xbfabc", None, Encoding("utf-8", b"\xef\xbb\xbf")), (b"\xff\xfea\0", None, Encoding("utf-16-le", b"\xff\xfe")),
        (b"\xfe\xff\0a", None, Encoding("utf-16-be", b"\xfe\xff")), (b"\xff\xfe\0\0a\0\0\0", None, Encoding("utf-32-le", b"\xff\xfe\0\0")), (b"\0\0\xfe\xff\0\0\0a", None, Encoding("utf-32-be", b"\0\0\xfe\xff")),
        (b"\xef\xbb\xbfabc", "utf-8", Encoding("utf-8", b"\xef\xbb\xbf")), (b"\xef\xbb\xbfabc", "cp1252", Encoding("cp1252")), (b"\xff\xfea\0", "utf-16", Encoding("utf-16-le", b"\xff\xfe")), (b"abc", "latin1", Encoding("iso8859-1")),
        ("abcdefgh".encode("utf-16-le"), None, Encoding("utf-16-le", b"", guessed=True)), ("abcdefgh".encode("utf-16-be"), None, Encoding("utf-16-be", b"", guessed=True)), (b"a\0b\0c\0", None, Encoding("utf-8")),
        (LONG, None, Encoding("utf-8")), (LONG[:-3] + b"\xe9 ", None, Encoding("utf-8")), ("Grüße aus Köln, schöne Straße, für müde Männer".encode("cp1252"), None, Encoding("cp1252", b"", guessed=True)), (b"x" * 32 + b"a\0" * 40, None, Encoding("utf-8")),
        ("привет мир, это письмо о работе и о друзьях".encode("koi8-r"), None, Encoding("koi8-r", b"", guessed=True)), ("привет мир, это письмо о работе и о друзьях".encode("cp1251"), None, Encoding("cp1251", b"", guessed=True)),
    ],
    ids=range(20),
)  # fmt: skip
def test_how_bytes_are_read_is_found_out(data: bytes, wanted: str | None, found: Encoding, tmp_path: Path) -> None:
    """By what is said, by a mark, by zeros, else UTF-8 where it is that, and a guess where it is not."""
    path = tmp_path / "a.txt"
    path.write_bytes(data)
    assert encoding_of(path, wanted) == found


@pytest.mark.parametrize(
    ("encoding", "notes", "wide"),
    [
        (Encoding("utf-8"), (), False), (Encoding("cp1252"), ("read as cp1252",), False), (Encoding("cp1252", guessed=True), ("read as cp1252 (a guess: --encoding says otherwise)",), False), (Encoding("utf_16_le"), ("read as utf_16_le",), True),
        (Encoding("utf-32-be"), ("read as utf-32-be",), True), (Encoding("utf-7"), ("read as utf-7",), True),
    ],
)  # fmt: skip
def test_what_is_not_as_usual_is_noted(encoding: Encoding, notes: tuple[str, ...], wide: bool) -> None:
    """And whether a line feed may be part of another character is known."""
    assert (encoding.notes, encoding.wide) == (notes, wide)


@pytest.mark.parametrize("wanted", ["nope", "base64", "rot13", "é"])
def test_what_is_no_encoding_of_text_is_refused(wanted: str, tmp_path: Path) -> None:
    """With the usual ones, and the file that is meant."""
    (tmp_path / "a").write_bytes(b"x")
    with pytest.raises(SourceError, match=r"a: --encoding .* is no encoding of text. Usual ones are utf-8"):
        encoding_of(tmp_path / "a", wanted)


@pytest.mark.parametrize("block", [3, 1_000])
@pytest.mark.parametrize(
    ("data", "encoding", "lines"),
    [
        (b"a\nbc\r\n\nd", Encoding("utf-8"), ["a\n", "bc\r\n", "\n", "d"]), (b"\xef\xbb\xbfa\nb", Encoding("utf-8", b"\xef\xbb\xbf"), ["a\n", "b"]), (b"\xe9\n\xe8", Encoding("cp1252"), ["é\n", "è"]), (b"", Encoding("utf-8"), []),
        ("\ufeffa\nb".encode("utf-16-le"), Encoding("utf-16-le", b"\xff\xfe"), ["a\n", "b"]), (b"\x82\xa0\n\x82\xa2", Encoding("shift_jis"), ["あ\n", "い"]), (b"a\x0bb\x1cc\n", Encoding("utf-8"), ["a\x0bb\x1cc\n"]),
    ],
    ids=range(7),
)  # fmt: skip
def test_lines_come_with_their_ends(
    data: bytes, encoding: Encoding, lines: list[str], block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However much is decoded at once; the number is that of the line."""
    monkeypatch.setattr(decoding, "_LINES_BYTES", block)
    path = tmp_path / "a"
    path.write_bytes(data)
    reader = Lines(path, encoding)
    numbers = []
    found = []
    for line in reader:
        found.append(line)
        numbers.append(reader.number)
    assert found == lines
    assert numbers == list(range(1, len(lines) + 1))


@pytest.mark.parametrize("block", [3, 1_000])
@pytest.mark.parametrize(
    ("data", "encoding", "words"),
    [
        (b"ab\ncd\xff\xfe\n", Encoding("utf-8"), "byte 5 (0xff) in the header, line 2,"), (b"\xef\xbb\xbfa\xff", Encoding("utf-8", b"\xef\xbb\xbf"), "byte 4 (0xff) in the header, line 1,"), (b"a\n\xe2\x82", Encoding("utf-8"), "byte 2 (0xe2 0x82) in the header, line 2,"),
        (b"a\0\n\0\0\xd8b\0", Encoding("utf-16-le"), "something behind line"),
    ],
    ids=range(4),
)  # fmt: skip
def test_a_byte_that_does_not_fit_is_named_by_its_place(
    data: bytes, encoding: Encoding, words: str, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the file, whatever was read at once."""
    monkeypatch.setattr(decoding, "_LINES_BYTES", block)
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        list(Lines(path, encoding))
    assert f"{path}: {words}" in str(caught.value)
    assert f"is not {encoding.name.upper()}. Nothing was replaced." in str(caught.value)


# -- archives ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "inside"),
    [
        ("a.txt", "a.txt"), ("a/b.txt", "a/b.txt"), ("a\\b.txt", "a/b.txt"), ("./a.txt", "a.txt"), ("/a.txt", None), ("../a.txt", None), ("a/../b", None), ("C:/a", None), ("a/C:x", "a/C:x"), ("", None), ("a\0b", None), ("there", None),
    ],
)  # fmt: skip
def test_a_member_goes_nowhere_but_into_its_folder(name: str, inside: str | None, tmp_path: Path) -> None:
    """And over nothing that is there."""
    (tmp_path / "there").touch()
    found = archives._target(tmp_path, name)
    assert found == (None if inside is None else tmp_path / inside)
    if found:
        assert found.parent.is_dir()


def test_no_more_is_unpacked_than_texts_are_packed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two hundred times the size, and four fifths of the free disk; a small one may be as tight as it likes."""
    assert (archives.RATIO_LIMIT, archives.FREE_BYTES, archives.MEMBER_LIMIT, archives.DISK_SHARE) == (
        200,
        67_108_864,
        2_000_000,
        0.8,
    )
    path = tmp_path / "a.gz"
    path.write_bytes(b"x" * 10)
    monkeypatch.setattr(archives, "FREE_BYTES", 1_000)
    monkeypatch.setattr(archives.shutil, "disk_usage", lambda _: SimpleNamespace(free=10_000))
    allowance = archives._Allowance(path)
    allowance.take(1_999)
    allowance.take(1)
    with pytest.raises(SourceError, match=r"more than 200 times its size \(10 bytes\)"):
        allowance.take(1)
    monkeypatch.setattr(archives, "FREE_BYTES", 100_000)
    allowance = archives._Allowance(path)
    allowance.take(8_000)
    with pytest.raises(SourceError, match="more than fits on the disk of"):
        allowance.take(1)  # fmt: skip


def _zip(path: Path, *members: tuple[str, int, int]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, kind, _ in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = kind << 28
            archive.writestr(info, "text")
    return path


def _tar(path: Path, *members: tuple[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, kind in members:
            info = tarfile.TarInfo(name)
            info.type = kind
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"text"))
    return path


def test_of_an_archive_regular_files_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One alone is that file; links, devices and names that lead out are counted; members are bounded."""
    one = archives.unpacked(_zip(tmp_path / "a.zip", ("a.txt", 8, 0)), "zip")
    assert (one.path.name, one.path.read_text(), one.skipped) == ("a.txt", "text", ())
    several = archives.unpacked(
        _zip(tmp_path / "b.zip", ("a.txt", 0, 0), ("b/c.txt", 8, 0), ("link", 10, 0), ("../x", 8, 0), ("d/", 4, 0)),
        "zip",
    )
    assert sorted(str(each.relative_to(several.path)) for each in several.path.rglob("*") if each.is_file()) == [
        "a.txt",
        "b/c.txt",
    ]
    assert [(row.place, row.reason) for row in several.skipped] == [
        ("member link", archives.NO_MEMBER),
        ("member ../x", archives.NO_MEMBER),
    ]
    tar = _tar(
        tmp_path / "c.tar",
        ("a.txt", tarfile.REGTYPE),
        ("b.txt", tarfile.REGTYPE),
        ("d", tarfile.DIRTYPE),
        ("l", tarfile.SYMTYPE),
        ("/x", tarfile.REGTYPE),
    )
    found = archives.unpacked(tar, "tar")
    assert sorted(each.name for each in found.path.iterdir()) == ["a.txt", "b.txt"]
    assert [row.place for row in found.skipped] == ["member l", "member /x"]
    assert archives.packing_of(tar, tar.read_bytes()[:512]) == "tar"
    assert archives.packing_of(tar, b"") == "tar"
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 5)
    archives.unpacked(tar, "tar")
    monkeypatch.setattr(archives, "MEMBER_LIMIT", 4)
    for packed, words in ((tar, "has more than 4 members"), (tmp_path / "b.zip", "has 5 members; at most 4 are read")):
        with pytest.raises(SourceError, match=words):
            archives.unpacked(packed, packed.suffix[1:])
    (tmp_path / "broken.zip").write_bytes(b"PK\x03\x04")
    with pytest.raises(SourceError, match=r"cannot be unpacked .* Was it cut off"):
        archives.unpacked(tmp_path / "broken.zip", "zip")  # fmt: skip


# -- JSON -------------------------------------------------------------------------------------------------------------------


def test_values_of_a_stream_come_one_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever a block ends; a number may go on behind it, and a value that never ends is refused."""
    path = tmp_path / "a.json"
    path.write_text(' {"a": 1} [12345, "é"]\n')
    for block in (1, 3, 8, 1_000):
        monkeypatch.setattr("core.sources.json_source._BLOCK_CHARS", block)
        stream = _Stream(path, Encoding("utf-8"))
        assert (stream.sign(), stream.value(), stream.sign(), stream.value(), stream.sign()) == (
            "{",
            {"a": 1},
            "[",
            [12345, "é"],
            "",
        )
        with pytest.raises(ValueError, match="Expecting value"):
            stream.value()
        stream.close()
    monkeypatch.setattr("core.sources.json_source._BLOCK_CHARS", 4)
    monkeypatch.setattr("core.sources.json_source.OBJECT_LIMIT_CHARS", 20)
    path.write_text('["' + "x" * 100)
    stream = _Stream(path, Encoding("utf-8"))
    with pytest.raises(SourceError, match="holds a value of more than 20 characters"):
        stream.value()
    stream.close()
    path.write_bytes(b'{"a": "\xff"}')
    stream = _Stream(path, Encoding("utf-8"))
    with pytest.raises(SourceError, match="holds bytes that do not fit"):
        stream.value()
    stream.close()
    assert (_integer("12"), _integer("1" * 5_000)) == (12, "1" * 5_000)  # fmt: skip


@pytest.mark.parametrize(
    ("whole", "found"),
    [
        ({"rows": [{"text": "a"}]}, [{"text": "a"}]), ({"x": [{"n": 1}], "rows": [{"text": "a"}]}, [{"text": "a"}]), ({"text": "a", "rows": [{"n": 1}]}, None), ({"x": [{"n": 1}]}, [{"n": 1}]), ({"x": [1]}, None), ({"x": []}, None), ({"n": 1}, None),
        ({"text": "a", "rows": [{"text": "b"}]}, [{"text": "b"}]),
    ],
)  # fmt: skip
def test_an_object_may_be_the_frame_of_an_array(whole: dict[str, Any], found: list[Any] | None) -> None:
    """Of the first one whose objects have a text."""
    assert _array_in(whole) == found


@pytest.mark.parametrize(("length", "shown"), [(199, 199), (200, 200), (201, 200)])
def test_a_member_that_is_no_file_is_named_by_two_hundred_signs(length: int, shown: int, tmp_path: Path) -> None:
    """A link of an archive is not followed."""
    path = tmp_path / "a.tar"
    with tarfile.open(path, "w") as archive:
        link = tarfile.TarInfo("x" * length)
        link.type, link.linkname = tarfile.SYMTYPE, "elsewhere"
        archive.addfile(link)
    (tmp_path / "out").mkdir()
    assert list(archives._untar(path, tmp_path / "out")) == [SkippedRow(f"member {'x' * shown}", archives.NO_MEMBER)]
    assert list((tmp_path / "out").iterdir()) == []
