"""Decode the lines of a text file strictly: encoding given, marked or guessed; a byte that does not fit is named.

Nothing is ever replaced. UTF-8 is assumed where the whole file is UTF-8. A file that is not is read in the code page
that charset-normalizer finds likeliest, and the guess is shown; one that is UTF-8 but for a few bytes is refused with
the place of the first.
"""

from __future__ import annotations

import codecs
import contextlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from core.errors import SourceError

BOM = codecs.BOM_UTF8
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SHOWN_BYTES = 4
_BLOCK_BYTES = 1 << 20
_SAMPLE_BYTES = 256 * 1024
_GUESSED_BYTES = 16 * 1024
_LINES_BYTES = 128 * 1024
"""How much is decoded at once: a fifth of the time of single lines."""
_PLAIN = frozenset(("utf-8", "ascii", "iso8859-1", "latin-1", "cp1252", "cp1250", "cp1251"))
"""Codecs without a state, in which a line feed is never a part of another character."""
# Without a choice charset-normalizer calls small Western texts by code pages of MS-DOS.
_LIKELY = [
    *("cp1252", "cp1250", "cp1251", "koi8_r", "cp1253", "cp1254", "cp1255", "cp1256", "shift_jis", "euc_jp"),
    *("gb18030", "big5", "euc_kr"),
]


@dataclass(frozen=True, slots=True)
class Encoding:
    """Hold how a file's bytes are read: the codec, the bytes of its mark, and whether it is a guess."""

    name: str
    mark: bytes = b""
    guessed: bool = False

    @property
    def notes(self) -> tuple[str, ...]:
        """Return sentences on what a person should check about the decoding."""
        if self.guessed:
            return (f"read as {self.name} (a guess: --encoding says otherwise)",)
        return () if self.name == "utf-8" else (f"read as {self.name}",)

    @property
    def wide(self) -> bool:
        """Return whether a line feed may be part of another character."""
        return self.name.replace("_", "-").startswith(("utf-16", "utf-32", "utf-7"))


_CYRILLIC = ("cp1251", "koi8-r")


def encoding_of(path: Path, wanted: str | None) -> Encoding:
    """Return how the file is to be read. Raises SourceError where ``wanted`` is no encoding of text."""
    with path.open("rb") as file:
        beginning = file.read(4_096)
        mark, marked = next(((mark, name) for mark, name in _MARKS if beginning.startswith(mark)), (b"", ""))
        if wanted is not None:
            name = _codec(path, wanted)
            return Encoding(name, mark if marked.startswith(name[:6]) else b"")
        if marked:
            return Encoding(marked, mark)
        wide = _unmarked_utf16(beginning)
        if wide:
            return Encoding(wide, b"", guessed=True)
        file.seek(0)
        decoder = codecs.getincrementaldecoder("utf-8")()
        place = 0
        try:
            while block := file.read(_BLOCK_BYTES):
                decoder.decode(block)
                place += len(block)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            file.seek(max(0, place - _SAMPLE_BYTES // 4))
            return _guess(file.read(_BLOCK_BYTES + _SAMPLE_BYTES))
    return Encoding("utf-8")


def codec_of(wanted: str) -> codecs.CodecInfo:
    """Return the codec of an encoding of text. Raises SourceError where ``wanted`` names none."""
    try:
        codec = codecs.lookup(wanted)
        "".encode(codec.name)
    except (LookupError, ValueError):
        raise SourceError(
            f"--encoding {wanted!r} is no encoding of text. Usual ones are utf-8, utf-16, cp1252, latin-1."
        ) from None
    return codec


def _codec(path: Path, wanted: str) -> str:
    try:
        codec = codec_of(wanted)
    except SourceError as error:
        raise SourceError(f"{path}: {error}") from None
    return {"utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(codec.name, codec.name)


def _unmarked_utf16(beginning: bytes) -> str:
    """Return the codec of text whose every second byte is NUL, as Western UTF-16 has it, or an empty text.

    The first characters must look so too: a UTF-8 table may hold a message in UTF-16.
    """
    if len(beginning) < 8:
        return ""
    for codec, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if all(
            part[high::2].count(0) > 0.35 * len(part) and part[low::2].count(0) < 0.05 * len(part)
            for part in (beginning[:32], beginning)
        ):
            return codec
    return ""


def _guess(sample: bytes) -> Encoding:
    """Return the likeliest code page of text that is not UTF-8; UTF-8 where the sample is mostly that."""
    text = sample.decode("utf-8", "surrogateescape")
    wrong = sum(0xDC80 <= ord(sign) <= 0xDCFF for sign in text)
    right = sum(ord(sign) > 0x7F for sign in text) - wrong
    if right > wrong:
        return Encoding("utf-8")
    from charset_normalizer import from_bytes  # noqa: PLC0415 - most files are UTF-8

    telling = b"\n".join(line for line in sample.split(b"\n") if not line.isascii())[:_GUESSED_BYTES]
    matches = list(from_bytes(telling, cp_isolation=_LIKELY))
    best = [one for one in matches if (one.chaos, one.coherence) == (matches[0].chaos, matches[0].coherence)]
    # Among equally likely ones the Western code page is the most frequent by far.
    western = not best or any("cp1252" in one.could_be_from_charset for one in best)
    name = "cp1252" if western else best[0].encoding.replace("_", "-")
    if name in _CYRILLIC:  # each shows the other's small letters as capitals
        name = min(_CYRILLIC, key=lambda each: sum(map(str.isupper, telling.decode(each, "replace"))))
    try:
        sample.decode(name)
    except ValueError:
        name = "latin-1"
    return Encoding(name, guessed=True)


class Lines:
    """Yield the lines of a file as text with their ends. ``number`` is the current line, ``row`` its name for people.

    Iterating raises SourceError at the first byte that does not fit the encoding.
    """

    def __init__(self, path: Path, encoding: Encoding) -> None:
        self.path = path
        self.number = 0
        self.row = "the header"
        self._encoding = encoding
        self._offset = 0

    def __iter__(self) -> Iterator[str]:
        if self._encoding.wide:
            yield from self._wide_lines()
            return
        with self.path.open("rb") as file:
            while block := file.read(_LINES_BYTES):
                if not block.endswith(b"\n"):
                    block += file.readline()
                for line in self._decoded(block):
                    self.number += 1
                    yield line

    def _decoded(self, block: bytes) -> Iterable[str]:
        """Return the lines of a block that ends with a line; singly decoded ones where a byte may not fit."""
        if self._offset or not self._encoding.mark:
            with contextlib.suppress(UnicodeDecodeError):
                if self._encoding.name in _PLAIN:
                    text = block.decode(self._encoding.name)
                    self._offset += len(block)
                    return io.StringIO(text, newline="\n")
        return self._singly(block)

    def _singly(self, block: bytes) -> Iterator[str]:
        for at, data in enumerate(io.BytesIO(block)):
            yield self._text(data, first=at == 0 and self._offset == 0)
            self._offset += len(data)

    def _wide_lines(self) -> Iterator[str]:
        with self.path.open("r", encoding=self._encoding.name, newline="\n") as file:
            while True:
                try:
                    line = next(file, None)
                except UnicodeDecodeError as error:
                    wrong = f"something behind line {self.number:,} ({error.reason})"
                    raise self._wrong(wrong) from None
                if line is None:
                    return
                self.number += 1
                yield line.removeprefix("\ufeff") if self.number == 1 else line

    def _text(self, data: bytes, *, first: bool) -> str:
        skipped = 0
        if first and self._encoding.mark:
            skipped = len(self._encoding.mark)
            data = data[skipped:]
        try:
            return data.decode(self._encoding.name)
        except UnicodeDecodeError as error:
            at = self._offset + skipped + error.start
            wrong = " ".join(f"0x{byte:02x}" for byte in data[error.start : error.end][:_SHOWN_BYTES])
            raise self._wrong(f"byte {at:,} ({wrong}) in {self.row}, line {self.number + 1:,},") from None

    def _wrong(self, what: str) -> SourceError:
        return SourceError(
            f"{self.path}: {what} is not {self._encoding.name.upper()}. Nothing was replaced. Say what it is with"
            " --encoding (cp1252 for Windows, Western), or convert it first:"
            f" iconv -f WINDOWS-1252 -t UTF-8 {self.path.name} > utf8.csv"
        )
