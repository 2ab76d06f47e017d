"""Folders of files: mixed, nested, Maildirs, the Enron layout: every file is taken, or counted with its reason."""

from __future__ import annotations

import gzip
import json
import mailbox
import os
import sqlite3
from contextlib import closing
from email import message_from_bytes
from pathlib import Path

import pytest

from core.model import Task
from core.runs.find import RunOptions, create_run
from core.settings import Settings
from core.sources.folder_source import BROKEN, CARD, HIDDEN, INDEX, LINK, NO_FILE, UNFINISHED, UNKNOWN, _without_path
from core.sources.registry import open_source
from tests.conftest import DATA, NOW

needs_data = pytest.mark.skipif(not DATA.exists(), reason="the shared mailboxes are not beside the project")
MAIL = "From: a@b.example\nSubject: s\n\nhello\n"


def write(root: Path, files: dict[str, str | bytes]) -> Path:
    """Write files below a folder."""
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return root


def test_a_mixed_folder_loses_no_file(tmp_path: Path) -> None:
    """Emails, texts, tables, a mailbox and what is none of these: taken and skipped together are all that is there."""
    write(
        tmp_path,
        {
            "a.eml": MAIL,
            "note.txt": "just a note",
            "page.html": "<p>hi</p>",
            "mail-without-suffix": MAIL,
            "12": "a numbered text",
            "13.": MAIL,
            "table.csv": "id,text\n1,x\n2,y\n",
            "lines.jsonl": '{"text": "z"}\n',
            "box.mbox": f"From a@b Mon Jan  1 00:00:00 2024\n{MAIL}\nFrom a@b Mon Jan  1 00:00:01 2024\n{MAIL}",
            "deep/er/b.eml": MAIL,
            "photo.jpg": b"\xff\xd8\xff\xe0\x00",
            "labels.csv": "a,b\n1,2\n",
            ".hidden.eml": MAIL,
            ".git/config": "x",
            "dovecot-uidlist": "3",
        },
    )
    source = open_source(tmp_path)
    ids = [email.source_id for email in source]
    assert ids == [
        *("12", "13.", "a.eml", "box.mbox#message-1", "box.mbox#message-2", "lines.jsonl#row-1", "mail-without-suffix"),
        *("note.txt", "page.html", "table.csv#1", "table.csv#2", "deep/er/b.eml"),
    ]
    reasons = {row.place: row.reason for row in source.skipped.sample}
    assert reasons == {
        "file .hidden.eml": HIDDEN,
        "file .git/config": HIDDEN,
        "file dovecot-uidlist": INDEX,
        "file photo.jpg": UNKNOWN,
        "file labels.csv": BROKEN,
    }
    details = {row.place: row.detail for row in source.skipped.sample}
    assert details["file photo.jpg"] == ".jpg"
    assert details["file labels.csv"].startswith("no column looks like the message")
    assert source.describe() == f"folder {tmp_path}"


def test_links_pipes_and_devices_are_counted_and_never_opened(tmp_path: Path) -> None:
    """A link may lead out of the folder, a pipe would be waited for without end."""
    outside = tmp_path / "secret.eml"
    outside.write_text(MAIL)
    root = write(tmp_path / "mail", {"a.eml": MAIL, "sub/b.eml": MAIL})
    (root / "link.eml").symlink_to(outside)
    (root / "loop").symlink_to(root, target_is_directory=True)
    os.mkfifo(root / "pipe.eml")
    source = open_source(root)
    assert [email.source_id for email in source] == ["a.eml", "sub/b.eml"]
    assert {row.place: row.reason for row in source.skipped.sample} == {
        "file link.eml": LINK,
        "file loop": LINK,
        "file pipe.eml": NO_FILE,
    }


def test_a_maildir_is_read_with_its_subfolders(tmp_path: Path) -> None:
    """Maildir++ keeps folders beside ``cur`` under names that begin with a dot; what is in ``tmp`` is not delivered."""
    root = write(
        tmp_path / "Maildir",
        {
            "cur/1.host:2,S": MAIL,
            "new/2.host": MAIL,
            "tmp/3.host": MAIL,
            ".Sent/cur/4.host:2,S": MAIL,
            ".Sent/new/.keep": "",
            ".Sent/maildirfolder": "",
            ".Archive.2024/new/5.host": MAIL,
            ".Archive.2024/cur/.keep": "",
            ".Archive.2023/cur/6.host": MAIL,
            "subscriptions": "Sent",
        },
    )
    source = open_source(root)
    assert sorted(email.source_id for email in source) == [
        *(".Archive.2023/6.host", ".Archive.2024/5.host", ".Sent/4.host", "1.host", "2.host"),
    ]
    assert source.describe() == f"Maildir {root}"
    by_reason = source.skipped.by_reason
    assert (by_reason[UNFINISHED], by_reason[INDEX], by_reason[HIDDEN]) == (1, 2, 2)


def test_only_what_a_maildir_delivered_is_read_as_an_email(tmp_path: Path) -> None:
    """A table beside ``cur``, and one in a folder of that name that is in no Maildir, are read as tables."""
    delivered = {"cur/1.host:2,S": MAIL, "new/2.host": MAIL, "tmp/.keep": ""}
    beside = open_source(write(tmp_path / "Maildir", {**delivered, "extra/data.csv": "id,text\n1,x\n2,y\n"}))
    assert sorted(email.source_id for email in beside) == ["1.host", "2.host", "extra/data.csv#1", "extra/data.csv#2"]
    named = open_source(write(tmp_path / "months", {"cur/data.csv": "id,text\n1,x\n2,y\n", "a.txt": "a note"}))
    assert sorted(email.source_id for email in named) == ["a.txt", "cur/data.csv#1", "cur/data.csv#2"]


def test_the_card_of_a_data_set_is_no_text(tmp_path: Path) -> None:
    """A Hugging Face folder has a README that begins with a block of YAML; one without it is a text as others are."""
    root = write(tmp_path / "set", {"README.md": "---\nlicense: mit\n---\n# A set", "data/train.csv": "text\na\nb\n"})
    source = open_source(root)
    assert [email.raw for email in source] == ["a", "b"]
    assert source.skipped.by_reason == {CARD: 1}
    assert len(list(open_source(write(tmp_path / "notes", {"README.md": "# Notes", "a.txt": "a"})))) == 2


def test_the_enron_layout_without_suffixes_is_read(tmp_path: Path) -> None:
    """``user/folder/N.``: the ids are the paths that Kaggle's file gives."""
    root = write(tmp_path / "maildir", {f"allen-p/inbox/{n}.": MAIL for n in range(1, 4)} | {"allen-p/sent/1.": MAIL})
    source = open_source(root)
    assert [email.source_id for email in source] == [
        *(f"allen-p/inbox/{n}." for n in range(1, 4)),
        "allen-p/sent/1.",
    ]
    assert source.skipped.total == 0


def test_a_broken_table_costs_its_file_and_not_the_folder(tmp_path: Path) -> None:
    """The rows before the fault are taken, the rest is counted with what is wrong."""
    write(tmp_path, {"a.csv": 'id,text\n1,x\n2,"open\n', "b.eml": MAIL})
    source = open_source(tmp_path)
    assert [email.source_id for email in source] == ["a.csv#1", "b.eml"]
    (row,) = source.skipped.sample
    assert row.reason == BROKEN
    assert "never closes" in row.detail


def test_an_apple_mail_file_is_read_without_its_frame(tmp_path: Path) -> None:
    """An .emlx file has a line with the length before the message, and a property list behind it."""
    data = MAIL.encode()
    write(tmp_path, {"1.emlx": b"%d\n" % len(data) + data + b"<?xml version='1.0'?><plist/>"})
    (email,) = open_source(tmp_path)
    assert email.raw == MAIL


@pytest.mark.parametrize("first", ["no number", "9" * 5_000])
def test_an_apple_mail_file_without_a_length_is_read_whole(first: str, tmp_path: Path) -> None:
    """Whatever its first line holds, it stops no import."""
    write(tmp_path, {"1.emlx": f"{first}\n{MAIL}"})
    (email,) = open_source(tmp_path)
    assert email.raw == f"{first}\n{MAIL}"


def test_columns_of_tables_in_a_folder_are_kept(tmp_path: Path) -> None:
    """Under their own names, whatever file they come from."""
    write(tmp_path, {"a.csv": "id,text,team\n1,x,red\n", "b.jsonl": json.dumps({"text": "y", "stars": 5})})
    assert [email.columns for email in open_source(tmp_path)] == [{"team": "red"}, {"stars": 5}]


@needs_data
def test_every_nasty_file_is_an_email_or_counted() -> None:
    """None is lost; what the standard library reads as text is in the raw text."""
    files = [path for path in (DATA / "nasty").rglob("*") if path.is_file()]
    source = open_source(DATA / "nasty")
    emails = {email.source_id: email.raw for email in source}
    assert source.skipped.total == 0
    for path in files:
        data = path.read_bytes()
        subject = message_from_bytes(data).get("subject")
        if subject and str(subject).isascii() and "\n" not in str(subject):
            name = path.relative_to(DATA / "nasty").as_posix()
            assert str(subject) in emails.get(name, "") + emails.get(f"{name}#message-1", ""), name


@needs_data
def test_forty_mixed_real_files_are_imported_with_their_listing(settings: Settings, tmp_path: Path, task: Task) -> None:
    """A Maildir's messages, a mailbox, tables, archives and what is no text: all is taken, or in the run's listing."""
    folder = tmp_path / "mixed"
    messages = sorted((DATA / "maildir" / "cur").iterdir())[:30]
    files: dict[str, str | bytes] = {f"mail/{n}.eml": path.read_bytes() for n, path in enumerate(messages)}
    box = (DATA / "mbox" / "enron_400.mbox").read_bytes()
    files |= {
        "box/all.mbox": box,
        "notes.txt": "just a note",
        "table.csv": "id,text\n1,one\n2,two\n3\n",
        "lines.jsonl": '{"id": "j1", "text": "one"}\n{"id": "j2"}\n',
        "packed/more.csv.gz": gzip.compress(b"id,text\n7,seven\n"),
        "page.html": "<p>hi</p>",
        "photo.png": b"\x89PNG\r\n\x1a\n\x00",
        "program": b"\x7fELF\x00\x00",
        "broken.csv": 'id,text\n1,"never closed\n',
        ".hidden": "x",
    }
    assert len(files) == 40
    write(folder, files)
    made = create_run(settings, folder, task, RunOptions(name="r", seed=1), now=NOW)
    with closing(mailbox.mbox(DATA / "mbox" / "enron_400.mbox")) as counted:
        real = len(counted)
    # 30 messages, the mailbox, a note, two rows, an object, a packed row and a page.
    assert made.taken == 30 + real + 1 + 2 + 1 + 1 + 1
    with closing(sqlite3.connect(made.path)) as db:
        listed = [place for (place,) in db.execute("SELECT place FROM skipped")]
    assert len(listed) == sum(made.skipped.values())
    for name in ("table.csv", "lines.jsonl", "photo.png", "program", "broken.csv", ".hidden"):
        assert any(name in place for place in listed), name


def test_an_id_that_a_table_of_a_folder_repeats_is_named_with_its_place(tmp_path: Path) -> None:
    """Records are counted over the whole folder."""
    write(tmp_path, {"a.eml": MAIL, "b.csv": "id,text\n1,x\n2,y\n2,z\n"})
    source = open_source(tmp_path)
    assert [email.source_id for email in source] == ["a.eml", "b.csv#1", "b.csv#2"]
    (row,) = source.skipped.sample
    assert row.detail == "id 'b.csv#2' was first seen in file 3"


def test_what_is_wrong_with_a_file_is_told_without_its_path(tmp_path: Path) -> None:
    """It stands beside it already; a long sentence is cut."""
    file = tmp_path / "a.csv"
    assert _without_path(f"{file}: row 1 is broken. {file} ends there.", file) == "row 1 is broken. it ends there."
    assert len(_without_path("x" * 600, file)) == 500
