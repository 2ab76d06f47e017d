"""Monsters and malformed messages through every format: nothing is lost, and neither time nor memory runs away."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from core.llm.task import builtin_task
from core.mail import headers, parts
from core.mail.charsets import text_of
from core.runs.find import RunOptions, create_run
from core.settings import Settings
from core.sources import archives, csv_source, decoding, json_source, preview, source
from core.storage.reading.reader import RunReader
from tests.conftest import DATA

HEAD = b"From: a@b.example\nTo: c@d.example\nSubject: x\n"
ROOT = Path(__file__).parents[2]


def as_csv(folder: Path, messages: Sequence[bytes]) -> Path:
    path = folder / "mail.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("id", "message"), *((n, text_of(raw)[0]) for n, raw in enumerate(messages))])
    return path


def as_jsonl(folder: Path, messages: Sequence[bytes]) -> Path:
    path = folder / "mail.jsonl"
    rows = (json.dumps({"id": str(n), "message": text_of(raw)[0]}) + "\n" for n, raw in enumerate(messages))
    path.write_text("".join(rows), "utf-8")
    return path


def as_mbox(folder: Path, messages: Sequence[bytes]) -> Path:
    path = folder / "mail.mbox"
    with path.open("wb") as file:
        for raw in messages:
            stuffed = b"\n".join(
                b">" + line if line.lstrip(b">").startswith(b"From ") else line for line in raw.split(b"\n")
            )
            file.write(b"From a@b.example Thu Jan  1 00:00:00 2026\n" + stuffed + b"\n\n")
    return path


def as_maildir(folder: Path, messages: Sequence[bytes]) -> Path:
    for name in ("cur", "new", "tmp"):
        (folder / "maildir" / name).mkdir(parents=True)
    for n, raw in enumerate(messages):
        (folder / "maildir" / "cur" / f"{n:04}.host:2,S").write_bytes(raw)
    return folder / "maildir"


def as_folder(folder: Path, messages: Sequence[bytes]) -> Path:
    (folder / "mail").mkdir()
    for n, raw in enumerate(messages):
        (folder / "mail" / f"{n:04}.eml").write_bytes(raw)
    return folder / "mail"


Layout = Callable[[Path, Sequence[bytes]], Path]
LAYOUTS = (as_csv, as_jsonl, as_mbox, as_maildir, as_folder)
every_format = pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__.removeprefix("as_"))

RECIPIENTS = b"To: " + b",\n ".join(b'"Person, No. %d" <p%d@corp.example>' % (n, n) for n in range(10_000))
NESTED = b"".join(b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (n, n) for n in range(1_000))
MONSTERS = {
    "ten thousand recipients": HEAD + RECIPIENTS + b"\n\nhi\n",
    "a thousand nested parts": HEAD + NESTED + b"\nhello\n",
    "50 MB of text": HEAD + b"\n" + b"hello world, once more\n" * 2_200_000,
}


@every_format
@pytest.mark.parametrize("name", MONSTERS)
def test_a_monster_is_imported_within_bounds(name: str, layout: Layout, tmp_path: Path) -> None:
    """It is taken whole; the processor works for seconds at most, and memory holds a few copies of it at once."""
    monster = MONSTERS[name]
    source = layout(tmp_path, [HEAD + b"\nbefore\n", monster, HEAD + b"\nafter\n"])
    home = tmp_path / "home"
    done = subprocess.run(
        [sys.executable, "-m", "tests.sources.importing", str(source), str(home)],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    megabytes = len(monster) / 1e6
    assert found["taken"] == 3
    assert found["took_s"] < 1.0 + 0.08 * megabytes
    assert found["more_mb"] < 60 + 10 * megabytes
    with RunReader(Path(found["path"])) as reader:
        raws = sorted((reader.record(number).raw for number in (1, 2, 3)), key=len)
    assert raws[-1].rstrip("\n") == monster.decode().rstrip("\n")


@every_format
@pytest.mark.skipif(not DATA.exists(), reason="the shared messages are not beside the project")
def test_nasty_messages_are_imported_without_loss(layout: Layout, settings: Settings, tmp_path: Path) -> None:
    """Every one of them, byte for byte as far as bytes are text, none of which takes over a second."""
    messages = [path.read_bytes() for path in sorted((DATA / "nasty").rglob("*")) if path.is_file()]
    assert len(messages) > 50
    started = time.process_time()
    made = create_run(
        settings, layout(tmp_path, messages), builtin_task(), RunOptions(name="nasty", order="source"), now=time.time()
    )
    assert time.process_time() - started < 0.1 * len(messages)
    assert made.taken + sum(made.skipped.values()) >= len(messages)
    assert set(made.skipped) <= {"the same text again: id and content are both taken already"}
    with RunReader(made.path) as reader:
        kept = {normal(reader.record(number).raw) for number in range(1, made.taken + 1)}
    wanted = {normal(text_of(raw)[0]) for raw in messages}
    assert wanted - kept == set()


def normal(text: str) -> str:
    """Without what a mailbox cannot keep apart: the kind of line ends, and how many end a message."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").rstrip("\n")


def test_the_limits_of_what_is_read() -> None:
    """What a cell, an object, a message, an archive and a folder may hold; beyond, a sentence says which it was."""
    assert csv_source.FIELD_LIMIT_CHARS == json_source.OBJECT_LIMIT_CHARS == 268_435_456
    assert source.MESSAGE_LIMIT_BYTES == 67_108_864
    assert source.TOO_LARGE.startswith("it is larger than 64 MiB: ")
    assert archives.MEMBER_LIMIT == 2_000_000
    assert preview.MOST_ENTRIES == 5_000
    assert headers.BLOCK_LIMIT_CHARS == 1_000_000
    assert parts.BUDGET_S == 0.5
    assert (decoding._SAMPLE_BYTES, decoding._GUESSED_BYTES) == (262_144, 16_384)
