"""Unpack compressed sources (gzip, bzip2, xz, Zstandard, zip, tar) into a folder for as long as they are read.

What is packed tighter than texts ever are is refused as it is unpacked, before it fills the disk; so is what would fill
the disk. Members of archives that are no regular files, that are encrypted, or whose names lead out of the archive are
left out and counted.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import lzma
import shutil
import tarfile
import tempfile
import weakref
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from core.errors import SourceError
from core.sources.source import SkippedRow

RATIO_LIMIT = 200
"""Bytes unpacked for each packed byte; texts reach 5 to 30, logs of one repeated line some 100."""

FREE_BYTES = 64 * 1024 * 1024
"""Bytes that are unpacked whatever the ratio."""

MEMBER_LIMIT = 2_000_000
DISK_SHARE = 0.8
"""Share of the free disk that may be filled."""

ENCRYPTED = "it is encrypted"
NO_MEMBER = "it is no regular file of the archive, or its name leads out of it"

_MARKS = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)
_SUFFIXES = (".gz", ".bz2", ".xz", ".zst", ".zstd", ".lzma")
_ZIPPED_DOCUMENTS = (".xlsx", ".xlsm", ".docx", ".pptx", ".odt", ".ods", ".epub", ".jar", ".whl", ".npz", ".pt")
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Unpacked:
    """Hold where the content lies: a file, or a folder of members. It is removed when ``keeps`` is let go."""

    path: Path
    skipped: tuple[SkippedRow, ...]
    keeps: object


def packing_of(path: Path, beginning: bytes) -> str:
    """Return how a file is packed (``gzip``, ``zip`` …), or an empty text."""
    if path.suffix.lower() in _ZIPPED_DOCUMENTS:
        return ""
    if beginning[257:262] == b"ustar" or (path.suffix.lower() == ".tar" and tarfile.is_tarfile(path)):
        return "tar"
    return next((name for mark, name in _MARKS if beginning.startswith(mark)), "")


def unpacked(path: Path, packing: str) -> Unpacked:
    """Unpack a file into a scratch folder. Raises SourceError."""
    folder = ScratchFolder()
    place = folder.path
    try:
        if packing == "zip":
            skipped = tuple(_unzip(path, place))
            return Unpacked(_only(place), skipped, folder)
        if packing == "tar":
            skipped = tuple(_untar(path, place))
            return Unpacked(_only(place), skipped, folder)
        name = path.name
        for suffix in _SUFFIXES:
            name = name[: -len(suffix)] if name.lower().endswith(suffix) and len(name) > len(suffix) else name
        target = place / (name.removesuffix(".tgz") + (".tar" if name.endswith(".tgz") else ""))
        with _opened(path, packing) as stream:
            _copy(path, stream, target, _Allowance(path))
    except (OSError, EOFError, ValueError, lzma.LZMAError, zlib.error, zipfile.BadZipFile, tarfile.TarError) as error:
        folder.cleanup()
        raise SourceError(f"{path} cannot be unpacked ({error}). Was it cut off?") from None
    except BaseException:
        folder.cleanup()
        raise
    return Unpacked(target, (), folder)


class ScratchFolder:
    """Make a folder that only this user may look into, removed when nothing refers to this object any more."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="labeltui-"))
        self.cleanup = weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)


class _Allowance:
    """Bound the bytes that may come out of one packed file: by its size, and by the room on the disk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._packed = path.stat().st_size
        self._room = int(shutil.disk_usage(tempfile.gettempdir()).free * DISK_SHARE)
        self._out = 0

    def take(self, size: int) -> None:
        """Count bytes that came out. Raises SourceError where they are too many."""
        self._out += size
        if self._out > max(FREE_BYTES, RATIO_LIMIT * self._packed):
            raise SourceError(
                f"{self._path} unpacks to more than {RATIO_LIMIT} times its size ({self._packed:,} bytes): no texts do."
                " It was not read. Unpack it by hand if it is meant."
            )
        if self._out > self._room:
            raise SourceError(
                f"{self._path} unpacks to more than fits on the disk of {tempfile.gettempdir()}. Unpack it elsewhere,"
                " or set TMPDIR."
            )


def _opened(path: Path, packing: str) -> Any:
    if packing == "zstd":
        try:
            zstandard = importlib.import_module("zstandard")
        except ImportError:
            raise SourceError(
                f"{path} is packed with Zstandard, which needs zstandard. Install it with: pip install 'labeltui[zstd]'"
            ) from None
        return zstandard.open(path, "rb")
    openers: dict[str, Callable[..., Any]] = {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}
    return openers[packing](path, "rb")


def _copy(path: Path, stream: IO[bytes], target: Path, allowance: _Allowance) -> None:
    try:
        with target.open("wb") as file:
            while block := stream.read(_BLOCK_BYTES):
                allowance.take(len(block))
                file.write(block)
    except SourceError:
        raise
    except Exception as error:  # noqa: BLE001 - each codec has errors of its own
        raise SourceError(f"{path} cannot be unpacked ({error}). Was it cut off?") from None


def _target(place: Path, name: str) -> Path | None:
    """Return where a member goes, or None where its name leads out of the archive."""
    inside = PurePosixPath(name.replace("\\", "/"))
    if inside.is_absolute() or ".." in inside.parts or "\x00" in name or not inside.parts or ":" in inside.parts[0]:
        return None
    target = place.joinpath(*inside.parts)
    target.parent.mkdir(parents=True, exist_ok=True)
    return None if target.exists() else target


def _unzip(path: Path, place: Path) -> Iterator[SkippedRow]:
    allowance = _Allowance(path)
    with zipfile.ZipFile(path) as archive:
        members = archive.infolist()
        if len(members) > MEMBER_LIMIT:
            raise SourceError(f"{path} has {len(members):,} members; at most {MEMBER_LIMIT:,} are read.")
        for member in members:
            if member.is_dir():
                continue
            kind = (member.external_attr >> 28) & 0xF
            target = _target(place, member.filename) if kind in (0, 8) else None
            if member.flag_bits & 1 or target is None:
                yield SkippedRow(f"member {member.filename[:200]}", ENCRYPTED if member.flag_bits & 1 else NO_MEMBER)
                continue
            with archive.open(member) as stream:
                _copy(path, stream, target, allowance)


def _untar(path: Path, place: Path) -> Iterator[SkippedRow]:
    allowance = _Allowance(path)
    with tarfile.open(path, "r:") as archive:
        for number, member in enumerate(archive, 1):
            if number > MEMBER_LIMIT:
                raise SourceError(f"{path} has more than {MEMBER_LIMIT:,} members.")
            if member.isdir():
                continue
            target = _target(place, member.name) if member.isreg() else None
            stream = archive.extractfile(member) if target is not None else None
            if target is None or stream is None:
                yield SkippedRow(f"member {member.name[:200]}", NO_MEMBER)
                continue
            _copy(path, stream, target, allowance)


def _only(place: Path) -> Path:
    """Return the one file of a folder, or the folder where there are more."""
    found = list(place.iterdir())
    return found[0] if len(found) == 1 and found[0].is_file() else place
