"""Read and write files behind an address (``s3://``, ``gs://``, ``hdfs://``, ``file://``) as streams of ``pyarrow.fs``.

A person types an address where a path is asked for. A :class:`~pathlib.Path` of it has one slash where there were two;
:func:`address_of` tells the two apart. Credentials are the business of the store's own variables and files.
"""

from __future__ import annotations

import contextlib
import importlib
import re
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ADDRESS = re.compile(r"(s3|gs|gcs|hdfs|viewfs|abfs|abfss|file):/+(.*)", re.DOTALL)


class ObjectStoreError(Exception):
    """An address cannot be read or written; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a store: its path there, its size in bytes and when it was changed (text, may be empty)."""

    path: str
    size: int
    changed: str


def address_of(path: Path | str) -> str:
    """Return the address that a path stands for, or nothing where it is an ordinary path."""
    found = _ADDRESS.fullmatch(str(path))
    if found is None:
        return ""
    scheme, rest = found.groups()
    return f"file:///{rest}" if scheme == "file" else f"{scheme}://{rest}"


class ObjectStore:
    """What lies at an address.

    Raises:
        ObjectStoreError: pyarrow is not installed, or the address cannot be understood.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        if "@" in address.partition("://")[2].partition("/")[0]:
            raise ObjectStoreError(
                "An address must not hold a key: it is kept in the run file. Give keys by the store's variables, such"
                " as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            )
        try:
            self._fs = importlib.import_module("pyarrow.fs")
        except ImportError:
            raise ObjectStoreError(
                f"{address} needs pyarrow, which is not installed. Install it with: pip install 'labeltui[parquet]', or"
                " copy the file here."
            ) from None
        with self._told("cannot be reached"):
            self._store, self.path = file_system(self._fs, address)

    def files(self, suffix: str) -> list[RemoteFile]:
        """Return the file at the address, or the files in the folder there that end so, by name.

        Raises:
            ObjectStoreError: there is nothing, or it cannot be read.
        """
        with self._told("cannot be read"):
            info = self._store.get_file_info(self.path)
            if info.type == self._fs.FileType.File:
                return [_remote(info)]
            found = []
            if info.type == self._fs.FileType.Directory:
                found = self._store.get_file_info(self._fs.FileSelector(self.path, recursive=True))
        files = [_remote(each) for each in found if each.type == self._fs.FileType.File and each.path.endswith(suffix)]
        if not files:
            raise ObjectStoreError(f"{self.address} holds no {suffix} file. Check the address and your credentials.")
        return sorted(files, key=lambda each: each.path)

    @contextlib.contextmanager
    def reading(self, file: RemoteFile) -> Iterator[Any]:
        """Yield a file that is open for reading anywhere in it; parts are fetched as they are wanted."""
        with self._told("cannot be read"):
            opened = self._store.open_input_file(file.path)
        with opened:
            yield opened

    def write_whole(self, write: Callable[[Any], int]) -> int:
        """Let ``write`` fill a stream under another name, then move it to the address; return what it returns.

        Raises:
            ObjectStoreError: it cannot be written; nothing is at the address, or what was there before.
        """
        part = f"{self.path}.{secrets.token_hex(4)}.part"
        with self._told("cannot be written"):
            try:
                with self._store.open_output_stream(part) as stream:
                    count = write(stream)
                self._store.move(part, self.path)
            except BaseException:
                with contextlib.suppress(Exception):
                    self._store.delete_file(part)
                raise
        return count

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Say in a sentence what a store's library raises: OSError of the system or of a service, or a bad address."""
        try:
            yield
        except (OSError, ValueError, NotImplementedError) as error:
            said = str(error).strip().partition("\n")[0][:300]
            raise ObjectStoreError(
                f"{self.address} {what} ({said}). Check the address, the network and the store's credentials."
            ) from None


def file_system(library: Any, address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it. Tests put one of their own here."""
    system, path = library.FileSystem.from_uri(address)
    return system, str(path)


def _remote(info: Any) -> RemoteFile:
    return RemoteFile(info.path, int(info.size or 0), str(info.mtime or ""))
