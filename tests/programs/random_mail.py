"""Make random and hostile messages and read them: as one text each, and as files of every format that holds messages.

    python -m tests.programs.random_mail --messages 270000 --seed 1

A message is put together from pieces that parsers trip over (folded and endless headers, parameters by the thousand, unknown
charsets, broken encodings, nested parts, markup, numbers with thousands of digits) and then damaged: bytes are changed, cut out
or doubled. Each must have a view within a second of CPU, without an error, in text that can be stored; a source that holds it
must give every message back or count it; a quarter of the messages are read so.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from core.errors import LabeltuiError
from core.mail.charsets import text_of
from core.mail.message import view_of
from core.sources.registry import open_source
from core.sources.source import SourceOptions

WITHIN_S = 1.0
MOST_MORE_BYTES = 200_000_000
FIELDS = ("from", "to", "cc", "subject", "date", "body")
LIMIT = 6_000
A_SOURCE = 100
"""Messages of each file that is read as a source."""
NAMES = (
    "From", "To", "Cc", "Bcc", "Subject", "Date", "Received", "References", "Message-ID", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding", "Content-Disposition", "X-Folder", "from", "SUBJECT", "X" * 120, "", ":", "Résumé",
)  # fmt: skip
KINDS = (
    "text/plain", "text/html", "multipart/mixed", "multipart/alternative", "multipart/related", "message/rfc822",
    "message/partial", "application/octet-stream", "image/png", "text/calendar", "multipart/", "/", "", "TEXT/HTML",
)  # fmt: skip
CHARSETS = (
    "utf-8", "latin-1", "utf-7", "utf-16", "idna", "punycode", "rot13", "zlib", "hex", "unicode_escape", "mbcs", "x-nothing",
    "iso-2022-jp", "hz", "undefined", "a" * 5_000, "\x00", "utf-8\x00", "=?utf-8?q?x?=", "cp65001",
)  # fmt: skip
CODECS = ("7bit", "8bit", "base64", "quoted-printable", "x-uuencode", "uuencode", "binary", "gzip", "", "BASE64 ")
TEXTS = (
    "hello world", "At noon?", "&#" + "9" * 5_000 + ";", "&#x110000;&#xd800;&bogus;", "<p>hi<br>", "<" * 3_000, "<!--" * 500,
    "<table><tr><td>" * 300, "<script>x</script><style>y</style>", "=?utf-8?b?" + "QUJD" * 50 + "?=", "=?x?q?=ZZ?=", "=E9=", "=" * 400,
    "\u202e\u200b\ufeff", "\ud800", "\x00\x1b[2J\x9b", "begin 644 x\n#0V%T\n`\nend\n", "QUJD" * 30, "From here on\n", ">From x\n", "--b1\n", "--b1--\n",
    "\r\r\n\n\r", "\x0b\x0c\x1c\x85\u2028", "a" * 3_000, "é" * 200, ";" * 400, '"' * 301, "(" * 400, "<![CDATA[", "<a href='" + "x" * 2_000,
)  # fmt: skip


def message(rng: random.Random) -> bytes:
    """Return one message, as bytes that may be in no encoding at all."""
    text = _message(rng, 0)
    codec = rng.choice(("utf-8", "utf-8", "utf-8", "latin-1", "utf-16", "cp1252"))
    lost = "surrogatepass" if codec.startswith("utf") and rng.random() < 0.3 else "replace"
    data = bytearray(text.encode(codec, lost))
    for _ in range(rng.choice((0, 0, 0, 1, 3, 20))):
        at = rng.randrange(len(data) + 1)
        match rng.randrange(3):
            case 0:
                data[at : at + 1] = bytes([rng.randrange(256)])
            case 1:
                del data[at : at + rng.randrange(60)]
            case _:
                data[at:at] = data[at : at + rng.randrange(400)] * rng.choice((1, 1, 5, 40))
    return bytes(data)  # fmt: skip


def _message(rng: random.Random, depth: int) -> str:
    end = rng.choice(("\n", "\n", "\r\n"))
    lines = [_header(rng, end) for _ in range(rng.choice((0, 1, 3, 6, 12, 60)))]
    if rng.random() < 0.6:
        lines.append(f"Content-Type: {rng.choice(KINDS)}{_parameters(rng)}")
    if rng.random() < 0.4:
        lines.append(f"Content-Transfer-Encoding: {rng.choice(CODECS)}")
    rng.shuffle(lines)
    if rng.random() < 0.7:
        lines = ["From: a@b.example", "Subject: x", *lines]
    return f"{end.join(lines)}{end}{end}{_body(rng, depth, end)}"


def _header(rng: random.Random, end: str) -> str:
    value = " ".join(_text(rng) for _ in range(rng.choice((0, 1, 1, 2, 5))))
    fold = rng.choice(("", "", f"{end} ", f"{end}\t"))
    return f"{rng.choice(NAMES)}: {fold}{value}"


def _parameters(rng: random.Random) -> str:
    several = rng.choice((0, 0, 1, 1, 2, 5, 40, 2_000 if rng.random() < 0.01 else 3))
    made = []
    for number in range(several):
        name = rng.choice(("boundary", "charset", "name", f"name*{number}", f"name*{number}*", "filename*", "x", ""))
        value = rng.choice(("b1", "b2", *CHARSETS, "utf-8''%E2%82", '"b 1"', '"' + "\\" * 30, _text(rng)))
        made.append(f"{name}={value}")
    return "".join(f"{rng.choice((';', '; ', ';;', ' ;'))}{each}" for each in made)


def _body(rng: random.Random, depth: int, end: str) -> str:
    if depth < 6 and rng.random() < 0.3:
        parts = [_message(rng, depth + rng.choice((1, 1, 3))) for _ in range(rng.choice((1, 2, 3)))]
        mark = rng.choice(("b1", "b2", "b 1"))
        return end.join(f"--{mark}{end}{part}" for part in parts) + rng.choice(("", f"{end}--{mark}--{end}"))
    return end.join(_text(rng) for _ in range(rng.choice((0, 1, 2, 4, 10))))


def _text(rng: random.Random) -> str:
    if rng.random() < 0.1:
        return "".join(
            chr(rng.choice((rng.randrange(128), rng.randrange(0x300), rng.randrange(0x11000))))
            for _ in range(rng.randrange(60))
        )
    return rng.choice(TEXTS) * rng.choice((1, 1, 1, 2, 10))


def trouble_of(raw: bytes) -> tuple[str, float]:
    """Return what is wrong with how a message is read (or ""), and the seconds of CPU that it took."""
    started = time.process_time()
    try:
        text, _ = text_of(raw)
        view = view_of(text, fields=FIELDS, truncate_at=LIMIT)
        f"{view.subject}{view.sender}{view.date}{view.text}".encode()
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
        return f"{type(error).__name__}: {error}"[:200], time.process_time() - started
    took = time.process_time() - started
    if took > WITHIN_S:
        return f"took {took:.1f} s", took
    if len(view.text) > LIMIT:
        return f"is {len(view.text)} characters long", took
    return "", took


def _eml(folder: Path, raws: list[bytes]) -> Path:
    for number, raw in enumerate(raws):
        (folder / f"{number:04}.eml").write_bytes(raw)
    return folder


def _mbox(folder: Path, raws: list[bytes]) -> Path:
    path = folder / "mail.mbox"
    path.write_bytes(
        b"".join(
            b"From a@b.example Thu Jan  1 00:00:00 2026\n" + raw.replace(b"\nFrom ", b"\n>From ") + b"\n\n"
            for raw in raws
        )
    )
    return path


def _csv(folder: Path, raws: list[bytes]) -> Path:
    path = folder / "mail.csv"
    with path.open("w", encoding="utf-8", errors="replace", newline="") as file:
        csv.writer(file).writerows([("id", "message"), *((n, text_of(raw)[0]) for n, raw in enumerate(raws))])
    return path


def _jsonl(folder: Path, raws: list[bytes]) -> Path:
    path = folder / "mail.jsonl"
    path.write_text(
        "".join(json.dumps({"id": str(n), "message": text_of(raw)[0]}) + "\n" for n, raw in enumerate(raws)), "utf-8"
    )
    return path


LAYOUTS: dict[str, Callable[[Path, list[bytes]], Path]] = {"eml": _eml, "mbox": _mbox, "csv": _csv, "jsonl": _jsonl}


def trouble_of_source(kind: str, raws: list[bytes]) -> str:
    """Return what is wrong with how a file of these messages is read as a source, or ""."""
    with tempfile.TemporaryDirectory(prefix="random-mail-") as folder:
        path = LAYOUTS[kind](Path(folder), raws)
        started = time.process_time()
        try:
            source = open_source(path, SourceOptions())
            taken = sum(1 for _ in source)
        except LabeltuiError as error:
            return f"{kind}: {error}"[:300]
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is looked for
            return f"{kind}: {type(error).__name__}: {error}"[:300]
        took = time.process_time() - started
    missing = len(raws) - taken - source.skipped.total
    if missing > 0:
        return f"{kind}: {taken} taken and {source.skipped.total} counted of {len(raws)} messages"
    return f"{kind}: took {took:.1f} s" if took > WITHIN_S * len(raws) / 10 else ""


def read(messages: int, seed: int) -> tuple[list[str], Counter[str], float]:
    """Read so many messages; return what is wrong, how many of each kind were read, and the slowest in seconds."""
    rng = random.Random(seed)
    wrong: list[str] = []
    counted: Counter[str] = Counter()
    slowest = 0.0
    while counted["messages"] < messages:
        raws = [message(rng) for _ in range(min(A_SOURCE, messages - counted["messages"]))]
        for raw in raws:
            sentence, took = trouble_of(raw)
            slowest = max(slowest, took)
            if sentence:
                wrong.append(f"message {counted['messages']} of seed {seed}: {sentence}: {raw[:60]!r}")
            counted["messages"] += 1
        if counted["messages"] // A_SOURCE % 4 != 1:
            continue
        kind = rng.choice(sorted(LAYOUTS))
        counted[f"in a source: {kind}"] += len(raws)
        if sentence := trouble_of_source(kind, raws):
            wrong.append(f"a source before message {counted['messages']} of seed {seed}: {sentence}")
    return wrong, counted, slowest


def main() -> int:
    """Read so many messages and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--messages", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    wrong, counted, slowest = read(given.messages, given.seed)
    more = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    if more > MOST_MORE_BYTES:
        wrong.append(f"{more / 1e6:.0f} MB more memory than in the beginning")
    for sentence in wrong:
        print(sentence)
    for name, count in sorted(counted.items()):
        print(f"{name:<24}{count:>10,}")
    print(f"slowest {slowest:.2f} s of CPU, {more / 1e6:.0f} MB more memory: {len(wrong)} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
