"""Mailboxes line by line, single messages, Outlook messages, and which files of a folder are read."""

from __future__ import annotations

import importlib
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import SourceError
from core.sources import folder_source, mbox_source, text_source
from core.sources.mbox_source import BEFORE_FIRST
from core.sources.registry import open_source
from core.sources.source import TOO_LARGE, Found, SkippedRow, SourceOptions

DATED = b"From a@b.example Mon Jan  1 00:00:00 2024\n"


@pytest.mark.parametrize(
    ("line", "following", "after_blank", "alone"),
    [
        (DATED, b"Subject: x\n", True, True),
        (DATED, b"any text\n", True, False),
        (b"From a@b Tue, 1 Feb 10:00 2024\n", b"", True, False),
        (b"From " + b"x" * 997 + b" Mon Jan 1 0:00\n", b"", True, False),
        (b"From " + b"x" * 998 + b" Mon Jan 1 0:00\n", b"", False, False),
        (b"From a@b Mon Jan 1 " + b"y" * 39 + b"10:00\n", b"", True, False),
        (b"From a@b Mon Jan 1 " + b"y" * 40 + b"10:00\n", b"", False, False),
        (b"From a@b Mon Jan 123 10:00\n", b"", False, False),
        (b"From my point of view\n", b"it is: good\n", False, False),
        (b"From a\n", b"Subject: x\n", True, False),
        (b"From a\n", b"SUBJECT \t: x\n", True, False),
        (b"From a\n", b"X-Any: x\n", True, False),
        (b"From a\n", b"Received-SPF: x\n", True, False),
        (b"From a\n", b"Status: x\n", True, False),
        (b"From a\n", b"Note: x\n", False, False),
        (b"From a\n", b"", False, False),
        (DATED, b"z" * 100 + b": x\n", True, True),
        (DATED, b"z" * 101 + b": x\n", True, False),
    ],
)
def test_a_line_begins_a_message_by_its_date_or_by_what_follows(
    line: bytes, following: bytes, *, after_blank: bool, alone: bool
) -> None:
    """Behind a blank line; without one both are needed."""
    assert mbox_source._begins(line, following, after_blank=True) is after_blank
    assert mbox_source._begins(line, following, after_blank=False) is alone


def test_a_mailbox_is_taken_apart_line_by_line(tmp_path: Path) -> None:
    """What stands before the first message, stuffed lines, blank lines at the end, places."""
    path = tmp_path / "a.mbox"
    path.write_bytes(
        b"\xef\xbb\xbf\nwhat is this\n\n" + DATED + b"Subject: x\n\n>From here\n>>From there\n> From else\n\n\n"
        + DATED + b"text\n" + DATED + b"Subject: z\n\nFrom my point of view\n\n" + DATED
    )  # fmt: skip
    found = list(mbox_source._found(path))
    assert found == [
        SkippedRow("line 1", BEFORE_FIRST, "15 bytes"),
        Found(1, "", "Subject: x\n\nFrom here\n>From there\n> From else\n\n", "message 1, line 4", read_as="utf-8"),
        Found(2, "", "text\n", "message 2, line 12", read_as="utf-8"),
        Found(3, "", "Subject: z\n\nFrom my point of view\n", "message 3, line 14", read_as="utf-8"),
        Found(4, "", "", "message 4, line 19", read_as="utf-8"),
    ]
    path.write_bytes(b"\n\n" + DATED + b"hi")
    assert list(mbox_source._found(path)) == [Found(1, "", "hi", "message 1, line 3", read_as="utf-8")]
    path.write_bytes(b"no mailbox\n")
    assert list(mbox_source._found(path)) == [SkippedRow("line 1", BEFORE_FIRST, "11 bytes")]
    path.write_bytes(b"\n")
    assert list(mbox_source._found(path)) == []


@pytest.mark.parametrize("limit", [9, 10, 11])
def test_a_message_above_the_limit_is_left_out(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a mailbox and in a file."""
    for module in (mbox_source, text_source):
        monkeypatch.setattr(module, "MESSAGE_LIMIT_BYTES", limit)
    path = tmp_path / "a.mbox"
    path.write_bytes(DATED + b"12345\n789\n" + DATED + b"X: x\n")
    first, second = mbox_source._found(path)
    assert second == Found(2, "", "X: x\n", "message 2, line 4", read_as="utf-8")
    path = tmp_path / "a.eml"
    path.write_bytes(b"12345\n789\n")
    if limit == 9:
        assert first == SkippedRow("message 1, line 1", TOO_LARGE)
        assert text_source.message_of(path, "a") == SkippedRow("file a", TOO_LARGE)
    else:
        assert first == Found(1, "", "12345\n789\n", "message 1, line 1", read_as="utf-8")
        assert text_source.message_of(path, "a") == Found(1, "a", "12345\n789\n", "file a", read_as="utf-8")


@pytest.mark.parametrize(
    ("name", "beginning", "claimed"),
    [
        ("a.mbox", b"x", True), ("a.MBX", b"x", True), ("a", DATED, True), ("a", b"\xef\xbb\xbf\r\n" + DATED, True),
        ("a", b"From a\nSubject: x\n", True), ("a", b"From a\n\nSubject: x\n", False), ("a", b">" + DATED, False),
    ],
)  # fmt: skip
def test_a_mailbox_is_known_by_its_name_or_first_line(name: str, beginning: bytes, *, claimed: bool) -> None:
    """Blank lines before it do not count."""
    assert mbox_source._claims(Path(name), beginning) is claimed


@pytest.mark.parametrize(
    ("data", "raw"),
    [
        (b"5  \nhello<plist>", "hello"),
        (b"12345678901\nhi", "hi"),
        (b"000000000005\nhello<", "000000000005\nhello<"),
        (b"00000000005\nhello<", "hello"),
        (b"x\nhello", "x\nhello"),
        (b"-5\nhello", "-5\nhello"),
        (b"0\nhello", ""),
    ],
)
def test_a_message_of_apple_mail_is_as_long_as_its_first_line_says(data: bytes, raw: str, tmp_path: Path) -> None:
    """Where that is a number of up to eleven signs."""
    path = tmp_path / "a.emlx"
    path.write_bytes(data)
    found = text_source.message_of(path, "a")
    assert isinstance(found, Found)
    assert found.raw == raw


@pytest.mark.parametrize(
    ("beginning", "email"),
    [
        (b"Subject: x\n\nhi", True), (b"Subject: x\nTo: y", True), (b"Subject: x\x00\n\nhi", False), (b"hello", False),
        (b"hi: there", False), (b"", False), (b"Subject: \xe9\n\nhi", True),
    ],
)  # fmt: skip
def test_a_text_is_an_email_by_its_headers(beginning: bytes, *, email: bool) -> None:
    """Whatever its bytes mean."""
    assert text_source.begins_as_email(beginning) is email


def test_an_outlook_message_becomes_an_email(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its headers where it has them, else what Outlook knows; its page where it has no text; its attachments."""
    given: dict[str, Any] = {
        "message_headers": {}, "sender": "a@b", "subject": "s  t", "body": "text", "html_body": "<p>x</p>",
        "sent_date": datetime(2024, 1, 1, tzinfo=UTC), "attachments": [], "recipients": [
            SimpleNamespace(name="Ada", email_address="ada@x"), SimpleNamespace(name=None, email_address=None),
        ],
    }  # fmt: skip

    def read(**change: Any) -> Any:
        library = SimpleNamespace(Message=SimpleNamespace(load=lambda _: SimpleNamespace(**{**given, **change})))
        return text_source._outlook(library, Path("m.msg"), "m.msg")

    head = "From: a@b\nTo: Ada <ada@x>,\nSubject: s t\nDate: 2024-01-01T00:00:00+00:00\n"
    assert read() == Found(1, "m.msg", f"{head}\ntext", "file m.msg")
    named = {"From": "f", "TO": "t", "cc": "c\n d", "Date": "d"}
    files = [SimpleNamespace(file_name="a.pdf"), SimpleNamespace(file_name=None)]
    assert read(message_headers=named, attachments=files, subject=None).raw == (
        "From: f\nTo: t\nCc: c d\nDate: d\n\ntext\n[attachment: a.pdf]\n[attachment: without a name]"
    )
    assert read(body=" \n", sent_date=None, recipients=[]).raw == (
        "From: a@b\nSubject: s t\nContent-Type: text/html; charset=utf-8\n\n<p>x</p>"
    )
    assert read(body=None, html_body=None, sent_date=None, recipients=[]).raw == "From: a@b\nSubject: s t\n\n"
    broken = text_source._outlook(SimpleNamespace(), Path("m.msg"), "m.msg")
    assert isinstance(broken, SkippedRow)
    assert (broken.place, broken.reason) == ("file m.msg", "it is no Outlook message that can be read")
    assert broken.detail.startswith("'types.SimpleNamespace' object has no attribute")

    def refuse(_: str) -> None:
        raise ValueError("y" * 300)

    refusing: Any = SimpleNamespace(Message=SimpleNamespace(load=refuse))
    refused = text_source._outlook(refusing, Path("m.msg"), "m.msg")
    assert isinstance(refused, SkippedRow)
    assert refused.detail == "y" * 200

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SourceError, match=r"^m\.msg is an Outlook message, which needs python-oxmsg\. Install it"):
        text_source._open_outlook(Path("m.msg"), SourceOptions())


def test_a_file_of_lines_is_a_text_a_line(tmp_path: Path) -> None:
    """Blank lines are counted in places, not in numbers."""
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\r\n\n \ntwo \n")
    source = open_source(path)
    assert [(email.source_id, email.raw, email.place) for email in source] == [
        ("row-1", "one", "line 1"), ("row-2", "two ", "line 4"),
    ]  # fmt: skip
    assert source.notes[0] == "one text a line (--format text takes the file as one)"


def test_files_of_a_folder_that_are_not_read_have_a_reason(tmp_path: Path) -> None:
    """Links, what mail programs keep, what is hidden and what was not delivered."""
    for name in (
        "a.eml", ".b.eml", ".c/d.eml", "box/new/1", "box/cur/2", "box/tmp/3", "tmp/4", "box/.sub/cur/5", "box/.no/6",
        "box/dovecot.index", "x.msf", ".DOVECOT-uids", "maildirsize", "maildirsizes", "thumbs.db", "deep/.e/f/7",
    ):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link").symlink_to(tmp_path / "a.eml")
    (tmp_path / "links").symlink_to(tmp_path / "deep")
    found = {place.removeprefix("file "): reason for _, place, reason in folder_source._files(tmp_path)}
    hidden, index = folder_source.HIDDEN, folder_source.INDEX
    assert found == {
        "a.eml": "", ".b.eml": hidden, ".c/d.eml": hidden, "box/new/1": "", "box/cur/2": "",
        "box/tmp/3": folder_source.UNFINISHED, "tmp/4": "", "box/.sub/cur/5": "", "box/.no/6": hidden,
        "box/dovecot.index": index, "x.msf": index, ".DOVECOT-uids": index, "maildirsize": index, "maildirsizes": "",
        "thumbs.db": index, "deep/.e/f/7": hidden, "link": folder_source.LINK, "links": folder_source.LINK,
    }  # fmt: skip
    assert list(found)[:3] == [".DOVECOT-uids", ".b.eml", "a.eml"]
    assert folder_source._why_not(tmp_path, tmp_path / "gone") == folder_source.UNREADABLE
