"""Emails in other forms than CSV: JSON Lines, folders of files, Maildir and mbox."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from core.errors import SourceError
from core.llm.task import builtin_task
from core.mail.message import view_by
from core.runs.build import viewer
from core.sources import text_source
from core.sources.folder_source import HIDDEN, UNKNOWN
from core.sources.registry import SourceOptions, open_source

DATA = Path(__file__).parents[2] / ".." / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared mailboxes are not beside the project")


def test_json_lines_give_emails_by_key(tmp_path: Path) -> None:
    """Keys are chosen as columns are; numbers may be ids."""
    path = tmp_path / "emails.jsonl"
    path.write_text('{"id": 7, "text": "a\\nb"}\n\n{"text": "c", "id": null}\n', encoding="utf-8")
    assert [(e.source_id, e.raw, e.place) for e in open_source(path)] == [
        ("7", "a\nb", "row 1, line 1"),
        ("row-2", "c", "row 2, line 3"),
    ]


def test_json_lines_that_make_no_sense_are_left_out_and_counted(tmp_path: Path) -> None:
    """A broken line costs one email, not the run."""
    path = tmp_path / "emails.jsonl"
    lines = ['{"id": "a", "text": "x"}', "{broken", '["list"]', '{"id": "b", "text": true}', '{"id": [1], "text": "y"}']
    path.write_text("\n".join(lines))
    emails = open_source(path)
    assert [e.source_id for e in emails] == ["a"]
    assert sorted(emails.skipped.by_reason.values()) == [1, 1, 2]


def test_half_surrogates_in_json_become_replacement_characters(tmp_path: Path) -> None:
    """What is kept must be writable as UTF-8."""
    path = tmp_path / "emails.jsonl"
    path.write_text('{"id": "a\\ud800", "text": "b\\udfff"}\n')
    (email,) = open_source(path)
    assert (email.source_id, email.raw) == ("a\ufffd", "b\ufffd")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"[1]\n", "not a JSON object"),
        (b"\n \n", "holds no JSON object"),
        (b'{"text": "\xc3\xa9\xc3\xa9\xe9"}\n', "in row 1, line 1"),
    ],
)
def test_json_lines_without_a_sound_record_are_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """There would be no telling the columns."""
    path = tmp_path / "emails.ndjson"
    path.write_bytes(data)
    with pytest.raises(SourceError, match=words):
        open_source(path)


def test_a_folder_gives_its_mail_files_in_order_of_name(tmp_path: Path) -> None:
    """Subfolders too; ids are paths below the folder; hidden and other files are counted."""
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "1.eml").write_text("Subject: one\n\nx")
    (tmp_path / "a.txt").write_text("two")
    (tmp_path / ".c.txt").write_text("hidden")
    (tmp_path / "d.pdf").write_text("no email")
    emails = open_source(tmp_path)
    assert [(e.source_id, e.raw) for e in emails] == [("a.txt", "two"), ("b/1.eml", "Subject: one\n\nx")]
    assert {row.place: row.reason for row in emails.skipped.sample} == {"file .c.txt": HIDDEN, "file d.pdf": UNKNOWN}


def test_one_mail_file_is_a_source_of_one(tmp_path: Path) -> None:
    """An .eml file alone needs no folder."""
    path = tmp_path / "only.eml"
    path.write_text("Subject: one\n\nx")
    assert [e.source_id for e in open_source(path)] == ["only.eml"]


def test_columns_cannot_be_chosen_where_there_are_none(tmp_path: Path) -> None:
    """The option is refused rather than ignored."""
    (tmp_path / "a.txt").write_text("x")
    with pytest.raises(SourceError, match="has no columns"):
        open_source(tmp_path, SourceOptions(text_column="body"))


def test_bytes_that_are_not_utf8_are_read_in_the_charset_that_the_message_names(tmp_path: Path) -> None:
    """And in Windows-1252 where it names none; nothing is replaced."""
    (tmp_path / "1.eml").write_bytes(b"Content-Type: text/plain; charset=koi8-r\n\n\xd0\xd2\xc9")
    (tmp_path / "2.eml").write_bytes(b"Subject: x\n\n\x93caf\xe9\x94")
    (tmp_path / "3.eml").write_bytes(b"Content-Type: text/plain; charset=utf-16\n\n\xe9")
    first, second, third = open_source(tmp_path)
    assert first.raw.endswith("при")
    assert second.raw.endswith("“café”")
    assert third.raw.endswith("é")


def in_files(folder: Path, message: bytes) -> Path:
    """A folder with the message as its only .eml file."""
    (folder / "1.eml").write_bytes(message)
    return folder


def in_mbox(folder: Path, message: bytes) -> Path:
    """A mailbox file of that message."""
    (folder / "all.mbox").write_bytes(b"From ada Mon Jan  1 00:00:00 2024\n" + message)
    return folder / "all.mbox"


def in_maildir(folder: Path, message: bytes) -> Path:
    """A Maildir of that message."""
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir()
    (folder / "new" / "1.host").write_bytes(message)
    return folder


@pytest.mark.parametrize("put", [in_files, in_mbox, in_maildir])
@pytest.mark.parametrize(
    ("charset", "body", "text", "flags"),
    [
        ("utf-8", b"caf\xe9", "café", "charset"),
        ("utf-8", "café".encode(), "café", ""),
        ("UTF8", "café".encode(), "café", ""),
        ("utf-8-sig", "café".encode(), "café", ""),
        ("iso-8859-1", "café".encode(), "café", "charset"),
        ("windows-1252", "café".encode(), "café", "charset"),
        ("windows-1252", b"\x93caf\xe9\x94", "“café”", ""),
        ("iso-8859-1", b"caf\xe9", "café", ""),
        ("iso-8859-1", b"\x93caf\xe9\x94", "“café”", "charset"),
        ("koi8-r", b"\xd0\xd2\xc9", "при", ""),
        ("gb2312", "價".encode("gbk"), "價", ""),
        ("utf-8", b"plain", "plain", ""),
        ("no-such-charset", b"caf\xe9", "café", ""),
        (None, b"caf\xe9", "café", ""),
    ],
)
@pytest.mark.parametrize("is_part", [False, True])
def test_a_charset_that_lies_is_noted_of_text_that_is_not_encoded(
    tmp_path: Path,
    put: Callable[[Path, bytes], Path],
    charset: str | None,
    body: bytes,
    text: str,
    flags: str,
    is_part: bool,
) -> None:
    """Such a text is decoded with the whole message: what it was decoded as is compared with what it names."""
    kind = b"Content-Type: text/plain" + (f"; charset={charset}".encode() if charset else b"")
    message = b"Subject: s\nFrom: ada@example.org\n" + kind + b"\n\n" + body + b"\n"
    if is_part:
        message = (
            b"Subject: s\nFrom: ada@example.org\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
            + kind + b"\n\n" + body + b"\n--b--\n"
        )  # fmt: skip
    (email,) = open_source(put(tmp_path, message))
    for by in (view_by(builtin_task(), email.raw, email.read_as), viewer(builtin_task())(email.raw, email.read_as)):
        assert (by.text.splitlines()[-1], by.flags) == (text, flags)


def test_a_file_too_large_for_an_email_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound keeps memory safe; the other emails are taken."""
    monkeypatch.setattr(text_source, "MESSAGE_LIMIT_BYTES", 10)
    (tmp_path / "large.eml").write_bytes(b"x" * 11)
    (tmp_path / "small.eml").write_bytes(b"x" * 10)
    emails = open_source(tmp_path)
    assert [e.source_id for e in emails] == ["small.eml"]
    assert emails.skipped.sample[0].place == "file large.eml"


def test_a_maildir_gives_cur_and_new_without_flags(tmp_path: Path) -> None:
    """The id is the name before the flags, which change when a mail is read."""
    for folder, name in (("cur", "17.host:2,S"), ("new", "18.host")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("Subject: x\n\ny")
    assert [e.source_id for e in open_source(tmp_path)] == ["17.host", "18.host"]


def test_an_mbox_that_ends_without_a_blank_line_keeps_its_last_line(tmp_path: Path) -> None:
    """Only a blank line before the next message belongs to the file."""
    path = tmp_path / "box.mbox"
    path.write_text(
        "From a@x Mon Jan  1 00:00:00 2024\nSubject: one\n\nfirst\n\nFrom b@x Mon Jan  1 00:00:00 2024\nSubject: two\n\nlast words"
    )
    one, two = open_source(path)
    assert one.raw.endswith("first\n")
    assert two.raw.endswith("last words")


def test_an_mbox_is_split_at_its_from_lines_and_unstuffed(tmp_path: Path) -> None:
    """A From line counts only after a blank line; a stuffed one loses its sign."""
    path = tmp_path / "mail"
    path.write_bytes(
        b"From a@b Mon Jan  1\nSubject: one\n\nhello\nFrom here on it is text\n>From now on\n\n"
        b"From c@d Mon Jan  1\nSubject: two\n\nbye\n"
    )
    first, second = open_source(path)
    assert first.raw == "Subject: one\n\nhello\nFrom here on it is text\nFrom now on\n"
    assert (second.source_id, second.place) == ("message-2", "message 2, line 8")


@needs_data
def test_a_folder_of_nasty_messages_is_read_whole() -> None:
    """Nothing in them stops the reading."""
    emails = open_source(DATA / "nasty")
    files = [path for path in (DATA / "nasty").rglob("*") if path.is_file()]
    assert sum(1 for _ in emails) == len(files)
    assert emails.skipped.total == 0
