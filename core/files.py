"""Write files whole or not at all, and distinguish disks of this machine from shares that other machines have as well.

A file is written beside its place, flushed to the disk and renamed; its folder is flushed as well, so that the name
outlasts a power loss.

SQLite's write-ahead log needs memory that all who use the file share, which only processes of one machine can; and its
locks must hold, which network file systems often only promise. So nothing that is written all the time belongs there.

Files behind an address (``s3://``, ``gs://``, ``hdfs://``, ``file://``) are read and written as streams of
``pyarrow.fs``. A person types an address where a path is asked for; a :class:`~pathlib.Path` of it has one slash where
there were two, and :func:`address_of` distinguishes the two. Credentials are the business of the store's own variables.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import re
import secrets
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

ALLOW = "LABELTUI_NETWORK_DISK"
"""The environment variable by which an operator takes the risk."""

_MOUNTINFO = Path("/proc/self/mountinfo")
_NETWORK = frozenset(
    (
        "9p", "acfs", "afpfs", "afs", "auristorfs", "beegfs", "ceph", "cifs", "coda", "davfs", "fhgfs", "gfs", "gfs2",
        "glusterfs", "gpfs", "ibrix", "lustre", "moosefs", "ncpfs", "nfs", "nfs3", "nfs4", "ocfs2", "openafs",
        "orangefs", "panfs", "prl_fs", "pvfs2", "smb2", "smb3", "smbfs", "vboxsf", "webdav",
        # Programs that bring a share, mounted as fuse.NAME.
        "sshfs", "smbnetfs", "davfs2", "rclone", "s3fs", "gcsfuse", "goofys", "curlftpfs", "vmhgfs", "juicefs",
        "seaweedfs", "mfs", "ceph-fuse", "vmhgfs-fuse", "onedriver", "google-drive-ocamlfuse",
    )
)  # fmt: skip
_OCTAL = re.compile(r"\\([0-7]{3})")
_MACOS = re.compile(r"^.* on (?P<point>/.*) \((?P<kind>[\w.]+)[,)]", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Mount:
    """Hold a file system (``nfs4``, ``ext4``) and where it is mounted."""

    kind: str
    point: str

    @property
    def shared(self) -> bool:
        """Return whether other machines may have it as well."""
        name = self.kind.lower()
        return name in _NETWORK or name.removeprefix("fuse.") in _NETWORK


def mounts_of_linux(mountinfo: str) -> Iterator[Mount]:
    """Yield the mounts of ``/proc/self/mountinfo``, in its order; lines that are none are passed over."""
    for line in mountinfo.splitlines():
        before, dash, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if dash and len(fields) >= 5 and kind:
            yield Mount(kind[0], _OCTAL.sub(lambda code: chr(int(code[1], 8)), fields[4]))


def mounts_of_macos(listing: str) -> Iterator[Mount]:
    """Yield the mounts that the command ``mount`` lists on macOS."""
    return (Mount(found["kind"], found["point"]) for found in _MACOS.finditer(listing))


def mount_of(path: PurePosixPath, mounts: Iterator[Mount]) -> Mount | None:
    """Return the mount that an absolute path lies on: the one with the longest point, of equal ones the last."""
    best = None
    for mount in mounts:
        if path.is_relative_to(mount.point) and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


def network_disk_refusal(path: Path, environment: Mapping[str, str] | None = None) -> str:
    """Return why a file that is written to all the time must not lie there, with what to do; empty where it may.

    Where it cannot be found out it may.
    """
    env = os.environ if environment is None else environment
    if env.get(ALLOW, "").strip() not in ("", "0"):
        return ""
    mount = mount_of(PurePosixPath(path.resolve()), _mounts())
    if mount is None or not mount.shared:
        return ""
    return (
        f"{path} lies on a network share ({mount.kind}, mounted at {mount.point}): SQLite cannot keep a file whole"
        " there, as its log needs memory that only one machine shares. Keep it on a disk of this machine"
        f" (LABELTUI_HOME=FOLDER moves everything), or take the risk with {ALLOW}=1."
    )


def _mounts() -> Iterator[Mount]:
    try:
        return mounts_of_linux(_MOUNTINFO.read_text("utf-8", "surrogateescape"))
    except OSError:
        pass
    if platform.system() != "Darwin":
        return iter(())
    try:
        listed = subprocess.run(["/sbin/mount"], capture_output=True, timeout=5, check=True)
    except (OSError, subprocess.SubprocessError):
        return iter(())
    return mounts_of_macos(listed.stdout.decode("utf-8", "replace"))


# -- whole or not at all ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def written_whole(target: Path, *, mode: int = 0o600, new: bool = False) -> Iterator[Path]:
    """Yield the path of an empty file beside ``target``, which takes its place when the block ends without an error.

    ``mode`` is limited by the umask. With ``new`` nothing that has the name by then is replaced.

    Raises:
        OSError: it cannot be written, FileExistsError where ``new`` and something has the name; nothing is left behind.
    """
    part = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode))
        yield part
        put_in_place(part, target, new=new)
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_whole(target: Path, data: str | bytes, *, mode: int = 0o600) -> None:
    """Replace a file by one with this content, readable by its owner alone. Raises as :func:`written_whole` does."""
    with written_whole(target, mode=mode) as part:
        part.write_bytes(data.encode("utf-8") if isinstance(data, str) else data)


def put_in_place(part: Path, target: Path, *, new: bool = False) -> None:
    """Flush a finished file to the disk and give it its name. Raises as :func:`written_whole` does."""
    sync(part)
    if new:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if target.exists():
                raise
            part.replace(target)
    else:
        part.replace(target)
    sync_folder(target.parent)


def sync(path: Path) -> None:
    """Make a file outlast a power loss."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Make the names in a folder outlast a power loss, where the system lets a folder be flushed."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


# --- object stores ----------------------------------------------------------------------------------------------------

_ADDRESS = re.compile(r"(s3|gs|gcs|hdfs|viewfs|abfs|abfss|file):/+(.*)", re.DOTALL)


class ObjectStoreError(Exception):
    """Report that an address cannot be read or written; the message says what and what to do."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """Hold a file of a store: its path there, its size in bytes and when it was changed (text, may be empty)."""

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
    """Read and write what lies at an address.

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
