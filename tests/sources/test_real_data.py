"""Every file of the shared data, beside what an independent reader counts and reads of it."""

from __future__ import annotations

import csv
import json
import mailbox
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from core.llm.task import builtin_task
from core.mail.charsets import text_of
from core.runs.build import viewer
from core.sources.registry import SourceOptions, open_source

SHARED = Path(__file__).parents[2] / ".." / "shared"
pytestmark = pytest.mark.skipif(not SHARED.exists(), reason="the shared data are not beside the project")


def of_csv(text: str, delimiter: str = ",") -> Callable[[Path], list[str]]:
    """Return a reader of one column by the csv module."""

    def read(path: Path) -> list[str]:
        csv.field_size_limit(1 << 30)
        with path.open(encoding="utf-8-sig", newline="") as file:
            return [row[text] for row in csv.DictReader(file, delimiter=delimiter)]

    return read


def of_json(*keys: str) -> Callable[[Path], list[str]]:
    """Return a reader of one nested key by the json module; "" where an object lacks it."""

    def read(path: Path) -> list[str]:
        found = []
        for line in path.read_text("utf-8").splitlines():
            value = json.loads(line)
            for key in keys:
                value = value.get(key, "")
            found.append(value)
        return found

    return read


def of_files(path: Path) -> list[str]:
    """Return the message in each file below a folder, without the line that a mailbox puts in front of one.

    Bytes that are not UTF-8 are read as the project reads them: no other reader says what they mean.
    """
    texts = [text_of(file.read_bytes())[0] for file in sorted(path.rglob("*")) if file.is_file()]
    return [text.partition("\n")[2] if text.startswith("From ") else text for text in texts]


def of_mailbox(path: Path) -> list[str]:
    """Return the messages of a mailbox by the mailbox module, their stuffed lines unstuffed."""
    with closing(mailbox.mbox(path, create=False)) as box:
        raws = [box.get_bytes(key).decode("utf-8", "replace") for key in list(box.keys())]
    return [raw.replace("\n>From ", "\nFrom ") for raw in raws]


def of_lines(mark: str) -> Callable[[Path], list[str]]:
    """Return a reader that parts a mailbox at lines that begin with this mark, which no body here has."""

    def read(path: Path) -> list[str]:
        return [message.partition("\n")[2] for message in f"\n{path.read_text()}".split(f"\n{mark}")[1:]]

    return read


READERS: dict[str, Callable[[Path], list[str]]] = {
    "data/enron_5031.csv": of_csv("message"),
    "data/llama3_70b_reference_labels.csv": of_csv("message_id"),  # labels without texts: the ids stand for them
    "data/maildir": of_files,
    "data/mbox/enron_400.mbox": of_mailbox,
    "data/nasty/cpython": of_files,
    "data/nasty/enron": of_files,
    "cases/emails.csv": of_csv("message"),
    "cases/semi_headercomma.csv": of_csv("text", ";"),
    "cases/subject_body.csv": of_csv("body"),
    "cases/nested.jsonl": of_json("data", "text"),
    "cases/first_row_lacks_text.jsonl": of_json("body"),
    "cases/from_in_body.mbox": of_lines("From 123"),
    "cases/no_blank_line.mbox": of_lines("From - "),
}


@pytest.mark.parametrize("name", READERS)
def test_a_shared_file_holds_what_another_reader_reads(name: str) -> None:
    """As many records, taken or counted, each body in its raw text as it came; parsing one takes below a second."""
    expected = READERS[name](SHARED / name)
    column = "message_id" if "labels" in name else None
    source = open_source(SHARED / name, SourceOptions(text_column=column))
    view_of, raws, slowest_s = viewer(builtin_task()), [], 0.0
    for email in source:
        raws.append(email.raw)
        begun = time.process_time()
        view_of(email.raw)
        slowest_s = max(slowest_s, time.process_time() - begun)
    assert len(raws) + source.skipped.total == len(expected)
    assert slowest_s < 1
    held = {plain(raw) for raw in raws}
    whole = "\0".join(held)
    lost = [text for text in expected if text and plain(text) not in held and plain(text) not in whole]
    assert len(lost) <= source.skipped.total


def plain(text: str) -> str:
    """Return a text without what a file's form decides: the kind of line ends, and how many end it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def test_no_shared_file_is_left_out() -> None:
    """A file that comes later is to be read here too; code and a task are no texts."""
    known = [(SHARED / name).resolve() for name in READERS]
    files = [file for folder in ("data", "cases") for file in (SHARED / folder).resolve().rglob("*") if file.is_file()]
    texts = [file for file in files if file.suffix not in (".md", ".py", ".toml", ".pyc")]
    assert [file for file in texts if not any(file == path or path in file.parents for path in known)] == []
