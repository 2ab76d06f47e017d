"""The lines of a UTF-8 file, strictly: a byte that is not UTF-8 is complained of with its place, never replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from core.errors import SourceError

BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")
_SHOWN_BYTES = 4


class Lines:
    """The lines of a file, as text with their ends. ``number`` is the line now read, ``row`` what a complaint calls it.

    Iterating raises SourceError at the first byte that is not UTF-8.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.number = 0
        self.row = "the header"
        self._offset = 0

    def __iter__(self) -> Iterator[str]:
        with self.path.open("rb") as file:
            for data in file:
                self.number += 1
                yield self._text(data)
                self._offset += len(data)

    def _text(self, data: bytes) -> str:
        skipped = 0
        if self.number == 1:
            if data.startswith(_UTF16_BOMS):
                raise SourceError(f"{self.path} is UTF-16. Save it as UTF-8, in a spreadsheet as “CSV UTF-8”.")
            if data.startswith(BOM):
                skipped = len(BOM)
                data = data[skipped:]
        try:
            return data.decode("utf-8")
        except UnicodeDecodeError as error:
            at = self._offset + skipped + error.start
            wrong = " ".join(f"0x{byte:02x}" for byte in data[error.start : error.end][:_SHOWN_BYTES])
            raise SourceError(
                f"{self.path}: byte {at:,} ({wrong}) in {self.row}, line {self.number:,}, is not UTF-8. Nothing was "
                f"replaced. Convert the file first: iconv -f WINDOWS-1252 -t UTF-8 {self.path.name} > utf8.csv"
            ) from None
