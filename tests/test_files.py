"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import subprocess
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from core import files


def test_a_file_is_replaced_whole_private_and_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The content and the name are both on the disk before the call returns, and only the owner may read it."""
    flushed = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(stat.S_IFMT(os.fstat(descriptor).st_mode)))
    target = tmp_path / "keys.toml"
    target.write_text("old")
    files.write_whole(target, "new é")
    assert target.read_text(encoding="utf-8") == "new é"
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert flushed == [stat.S_IFREG, stat.S_IFDIR]


def test_an_error_leaves_the_old_file_and_nothing_beside_it(tmp_path: Path) -> None:
    """Whatever ends the writing, a reader finds the file as it was."""
    target = tmp_path / "labels.csv"
    target.write_text("old")

    def write() -> None:
        with files.written_whole(target) as part:
            part.write_text("half")
            raise KeyError

    with pytest.raises(KeyError):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["labels.csv"]
    assert target.read_text() == "old"


@pytest.mark.parametrize("linked", [True, False])
def test_a_new_file_replaces_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, linked: bool) -> None:
    """A name that was taken meanwhile is kept, also on a file system without hard links."""
    if not linked:

        def refuse(self: Path, _: Path) -> None:
            raise OSError(1, "no links here", str(self))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    target = tmp_path / "run.db"

    def write(text: str) -> None:
        with files.written_whole(target, new=True) as part:
            part.write_text(text)

    write("first")
    with pytest.raises(OSError, match=r"exists|no links"):
        write("second")
    assert target.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["run.db"]


@pytest.mark.parametrize(("mode", "wanted"), [(None, 0o600), (0o640, 0o640), (0o400, 0o400)])
def test_a_file_gets_the_mode_that_was_asked_for(tmp_path: Path, mode: int | None, wanted: int) -> None:
    """Its owner alone may read it where none was; the part that it is made of is new and has a name of its own."""
    names = set()
    given = {} if mode is None else {"mode": mode}
    for _ in range(2):
        with files.written_whole(tmp_path / "keys.toml", **given) as part:
            assert part.stat().st_size == 0
            assert stat.S_IMODE(part.stat().st_mode) == wanted
            assert part.parent == tmp_path
            assert part.name.startswith(".keys.toml.")
            assert len(part.name) == len(".keys.toml.") + 8 + len(".part")
            names.add(part.name)
    assert len(names) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["keys.toml"]
    files.write_whole(tmp_path / "more", b"\xff", **given)
    assert (tmp_path / "more").read_bytes() == b"\xff" if mode != 0o400 else True
    assert stat.S_IMODE((tmp_path / "more").stat().st_mode) == wanted


def test_a_part_that_is_there_is_not_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who write at once have parts of their own."""
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "ab" * count)
    (tmp_path / ".a.abababab.part").write_text("another's")
    with pytest.raises(FileExistsError):
        files.write_whole(tmp_path / "a", "mine")
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize(
    ("new", "links", "there", "done"),
    [
        (False, True, True, "replaced"),
        (True, True, False, "linked"),
        (True, False, False, "replaced"),
        (True, True, True, "exists"),
        (True, False, True, "no links"),
    ],
)
def test_a_finished_file_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new: bool, links: bool, there: bool, done: str
) -> None:
    """By a link where it must be new, so that nothing is replaced; both it and its name are flushed then."""
    part, target, flushed = tmp_path / "part", tmp_path / "target", list[Path]()
    part.write_text("new")
    if there:
        target.write_text("old")
    if not links:

        def refuse(self: Path, _: Path) -> None:
            raise OSError(1, "no links here", str(self))

        monkeypatch.setattr(Path, "hardlink_to", refuse)
    monkeypatch.setattr(files, "sync", flushed.append)
    monkeypatch.setattr(files, "sync_folder", flushed.append)
    if done in ("exists", "no links"):
        with pytest.raises(OSError, match=r"exists|no links"):
            files.put_in_place(part, target, new=new)
        assert (target.read_text(), flushed) == ("old", [part])
        return
    files.put_in_place(part, target, new=new)
    assert (target.read_text(), flushed) == ("new", [part, tmp_path])
    assert part.exists() is (done == "linked")


def test_a_folder_that_cannot_be_flushed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some systems let none be; what was opened for it is closed."""
    opened: list[int] = []

    def refuse(descriptor: int) -> None:
        opened.append(descriptor)
        raise OSError

    monkeypatch.setattr(os, "fsync", refuse)
    files.sync_folder(tmp_path)
    files.sync_folder(tmp_path / "none")
    assert len(opened) == 1
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(opened[0])


def test_what_is_flushed_is_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file by what is in it, a folder by its names."""
    flushed: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda descriptor: flushed.append(os.fstat(descriptor).st_ino))
    (tmp_path / "a").write_text("x")
    files.sync(tmp_path / "a")
    files.sync_folder(tmp_path)
    assert flushed == [(tmp_path / "a").stat().st_ino, tmp_path.stat().st_ino]


MOUNTINFO = r"""22 1 8:1 / / rw - ext4 /dev/sda1 rw
23 22 0:5 / /home rw shared:1 - nfs4 server:/home rw
24 23 0:6 / /home/with\040space rw - fuse.sshfs far rw
25 22 0:7 / /home rw - xfs /dev/sdb rw
no mount at all
1 2 3 - ext4
1 2 3 4 /short -
"""


def test_mounts_of_linux_are_read_line_by_line() -> None:
    """With codes for spaces; lines that are none are passed over; of two at one point the later one holds."""
    mounts = list(files.mounts_of_linux(MOUNTINFO))
    assert [(each.kind, each.point) for each in mounts] == [
        ("ext4", "/"), ("nfs4", "/home"), ("fuse.sshfs", "/home/with space"), ("xfs", "/home"),
    ]  # fmt: skip
    assert [each.shared for each in mounts] == [False, True, True, False]
    assert files.Mount("NFS", "/x").shared
    assert not files.Mount("fuse.ntfs", "/x").shared
    found = {
        path: mount.kind
        for path in ("/etc", "/home/a", "/home/with space/b", "/homes")
        if (mount := files.mount_of(PurePosixPath(path), iter(mounts))) is not None
    }
    assert found == {"/etc": "ext4", "/home/a": "xfs", "/home/with space/b": "fuse.sshfs", "/homes": "ext4"}
    assert files.mount_of(PurePosixPath("/etc"), iter(())) is None


@pytest.mark.parametrize(
    ("environment", "mounts", "refused"),
    [
        ({}, [files.Mount("nfs4", "/")], True),
        ({files.ALLOW: ""}, [files.Mount("nfs4", "/")], True),
        ({files.ALLOW: " 0 "}, [files.Mount("nfs4", "/")], True),
        ({files.ALLOW: "1"}, [files.Mount("nfs4", "/")], False),
        ({files.ALLOW: "yes"}, [files.Mount("nfs4", "/")], False),
        ({}, [files.Mount("ext4", "/")], False),
        ({}, [], False),
    ],
)
def test_a_file_on_a_share_is_refused_unless_a_person_takes_the_risk(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    mounts: list[files.Mount],
    refused: bool,
) -> None:
    """It is said which share it is, and how to move everything."""
    monkeypatch.setattr(files, "_mounts", lambda: iter(mounts))
    monkeypatch.setenv(files.ALLOW, "1")
    said = files.network_disk_refusal(tmp_path / "run.db", environment)
    assert bool(said) is refused
    if refused:
        assert said.startswith(f"{tmp_path / 'run.db'} lies on a network share (nfs4, mounted at /): SQLite")
        assert said.endswith("or take the risk with LABELTUI_NETWORK_DISK=1.")
    assert files.network_disk_refusal(tmp_path / "run.db") == ""


@pytest.mark.parametrize(
    ("system", "ends", "found"),
    [
        ("Darwin", b"//far on /Volumes/share (smbfs, nodev)\n\xff on /x (apfs)\n", ["smbfs", "apfs"]),
        ("Darwin", OSError(), []),
        ("Darwin", subprocess.TimeoutExpired("mount", 5), []),
        ("Linux", b"never asked", []),
    ],
)
def test_other_systems_are_asked_for_their_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, ends: bytes | Exception, found: list[str]
) -> None:
    """macOS alone has a command for it, which is given five seconds."""
    asked: list[object] = []

    def run(words: list[str], **given: object) -> SimpleNamespace:
        asked.append((words, given))
        if isinstance(ends, Exception):
            raise ends
        return SimpleNamespace(stdout=ends)

    monkeypatch.setattr(files, "_MOUNTINFO", tmp_path / "none")
    monkeypatch.setattr(files.platform, "system", lambda: system)
    monkeypatch.setattr(files, "subprocess", SimpleNamespace(run=run, SubprocessError=subprocess.SubprocessError))
    assert [each.kind for each in files._mounts()] == found
    words = (["/sbin/mount"], {"capture_output": True, "timeout": 5, "check": True})
    assert asked == ([words] if system == "Darwin" else [])


# -- object stores ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("s3://bucket/a", "s3://bucket/a"),
        ("s3:/bucket/a", "s3://bucket/a"),
        ("file:/tmp/a", "file:///tmp/a"),
        ("file:///tmp/a", "file:///tmp/a"),
        ("ftp://far/a", ""),
        ("/tmp/s3:/a", ""),
    ],
)
def test_an_address_is_told_from_a_path(path: str, address: str) -> None:
    """However many slashes a path left of it."""
    assert files.address_of(path) == address


class _Info:
    """What a store says of one of its files."""

    def __init__(self, path: str, kind: str, size: int | None = 5, mtime: str | None = "today") -> None:
        self.path, self.type, self.size, self.mtime = path, kind, size, mtime


class _Shelf:
    """A store of a few files, in place of pyarrow's."""

    def __init__(self, *found: _Info, at: str = "folder") -> None:
        self.found, self.at, self.done, self.error = found, at, list[object](), OSError("first\nsecond")
        self.fails = ""

    def get_file_info(self, what: object) -> object:
        self.done.append(what)
        return list(self.found) if isinstance(what, tuple) else _Info("bucket/a", self.at)

    def open_input_file(self, path: str) -> object:
        self.done.append(f"opens {path}")
        return contextlib.nullcontext("opened")

    def open_output_stream(self, path: str) -> object:
        self.done.append(f"writes {path}")
        return contextlib.nullcontext("stream")

    def move(self, part: str, path: str) -> None:
        if self.fails == "move":
            raise self.error
        self.done.append(f"moves {part} to {path}")

    def delete_file(self, path: str) -> None:
        self.done.append(f"deletes {path}")
        raise OSError


def store_of(monkeypatch: pytest.MonkeyPatch, shelf: _Shelf) -> files.ObjectStore:
    kinds = SimpleNamespace(File="file", Directory="folder")
    library = SimpleNamespace(FileType=kinds, FileSelector=lambda path, recursive: (path, recursive))
    monkeypatch.setattr(files.importlib, "import_module", lambda name: library if name == "pyarrow.fs" else None)
    monkeypatch.setattr(files, "file_system", lambda given, address: (shelf, address.removeprefix("s3://")))
    monkeypatch.setattr(files.secrets, "token_hex", lambda count: "ab" * count)
    return files.ObjectStore("s3://bucket/a")


def test_the_files_of_a_folder_are_listed_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those alone that end as wanted, in folders below too; an address of a file is that file, however it ends."""
    shelf = _Shelf(
        _Info("b.csv", "file"), _Info("a.csv", "file", None, None), _Info("c.csv", "folder"), _Info("d.txt", "file")
    )
    store = store_of(monkeypatch, shelf)
    assert store.files(".csv") == [files.RemoteFile("a.csv", 0, ""), files.RemoteFile("b.csv", 5, "today")]
    assert shelf.done == ["bucket/a", ("bucket/a", True)]
    with pytest.raises(files.ObjectStoreError, match=r"s3://bucket/a holds no \.parquet file\. Check the address"):
        store.files(".parquet")
    shelf.at = "file"
    assert store.files(".csv") == [files.RemoteFile("bucket/a", 5, "today")]
    shelf.at = "nothing"
    with pytest.raises(files.ObjectStoreError, match="holds no"):
        store.files(".csv")
    with store.reading(files.RemoteFile("b.csv", 5, "")) as opened:
        assert isinstance(opened, contextlib.nullcontext)
    assert shelf.done[-1] == "opens b.csv"


def test_a_file_of_a_store_is_written_under_another_name_and_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where that fails the part is deleted; an error of the writer is raised as it is."""
    shelf = _Shelf()
    store = store_of(monkeypatch, shelf)
    assert store.write_whole(lambda stream: 7 if stream == "stream" else 0) == 7
    part = "bucket/a.abababab.part"
    assert shelf.done == [f"writes {part}", f"moves {part} to bucket/a"]
    shelf.done.clear()
    shelf.fails = "move"
    with pytest.raises(files.ObjectStoreError, match=r"^s3://bucket/a cannot be written \(first\)\. Check the address"):
        store.write_whole(lambda _: 7)
    assert shelf.done == [f"writes {part}", f"deletes {part}"]

    def odd(_: object) -> int:
        raise KeyError("odd")

    with pytest.raises(KeyError, match="odd"):
        store.write_whole(odd)
    shelf.error = OSError("x" * 301)
    with pytest.raises(files.ObjectStoreError, match=r"\(x{300}\)"):
        store.write_whole(lambda _: 7)


def test_an_address_with_a_key_or_without_pyarrow_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An at sign behind the first slash is part of a name."""
    with pytest.raises(files.ObjectStoreError, match="must not hold a key"):
        files.ObjectStore("s3://key:secret@bucket/a")
    store_of(monkeypatch, _Shelf())
    assert files.ObjectStore("s3://bucket/a@b").path == "bucket/a@b"

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(files.importlib, "import_module", missing)
    with pytest.raises(files.ObjectStoreError, match=r"^s3://bucket/a needs pyarrow, which is not installed"):
        files.ObjectStore("s3://bucket/a")


def test_the_file_system_of_an_address_is_its_librarys() -> None:
    """With the path in it as text."""
    library = SimpleNamespace(FileSystem=SimpleNamespace(from_uri=lambda address: (f"system of {address}", Path("a"))))
    assert files.file_system(library, "s3://a") == ("system of s3://a", "a")
