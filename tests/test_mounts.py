"""Network shares are distinguished from disks by the table of mounts, and nothing that is written all the time goes there."""

from __future__ import annotations

import time
from pathlib import Path, PurePosixPath
from types import SimpleNamespace

import pytest

from core import files as mounts
from core.commands.catalog import Label
from core.errors import QuotaFileError, RunFileError
from core.files import ALLOW, Mount, mount_of, mounts_of_linux, mounts_of_macos, network_disk_refusal
from core.llm.task import builtin_task
from core.model import RunState
from core.quota.keys.store import KeyStore
from core.runs import send as commands
from core.runs.find import RunOptions, create_run
from core.runs.save import export_run
from core.settings import Settings
from core.sources.demo_emails import write_demo_csv
from core.storage.reading.reader import RunReader
from core.storage.writing.check import check_run
from core.worker.process import work
from tests.conftest import NOW, MakeRun
from tui.cli import main

TABLE = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
36 21 0:32 / /home rw,relatime shared:5 - nfs4 files:/export/home rw,vers=4.2
37 36 8:2 / /home/local rw,relatime - xfs /dev/sdb1 rw
38 21 0:40 / /mnt/share\040of\040all rw - cifs //files/all rw,vers=3.1.1
39 21 0:41 / /mnt/auto rw - autofs systemd-1 rw
40 39 0:42 / /mnt/auto rw,relatime - fuse.sshfs ada@far: rw
41 21 0:43 / /homework rw - ext4 /dev/sdc1 rw
this is no line of a table
42 21 0:44
"""

MACOS = """\
/dev/disk3s1s1 on / (apfs, sealed, local, read-only, journaled)
/dev/disk3s5 on /System/Volumes/Data (apfs, local, journaled, nobrowse)
//ada@files/all on /Volumes/share of all (smbfs, nodev, nosuid, mounted by ada)
files:/export on /Volumes/export (nfs, asynchronous)
"""


@pytest.mark.parametrize(
    ("path", "kind", "shared"),
    [
        ("/var/lib/run.db", "ext4", False),
        ("/home/ada/run.db", "nfs4", True),
        ("/home/local/run.db", "xfs", False),
        ("/homework/run.db", "ext4", False),
        ("/mnt/share of all/run.db", "cifs", True),
        ("/mnt/auto/run.db", "fuse.sshfs", True),
    ],
)
def test_a_file_lies_on_the_innermost_mount(path: str, kind: str, shared: bool) -> None:
    """The longest point wins, of equal ones the last; a folder whose name only begins alike is another."""
    found = mount_of(PurePosixPath(path), mounts_of_linux(TABLE))
    assert found is not None
    assert (found.kind, found.shared) == (kind, shared)


@pytest.mark.parametrize(
    ("path", "kind", "shared"),
    [
        ("/System/Volumes/Data/run.db", "apfs", False),
        ("/Volumes/share of all/run.db", "smbfs", True),
        ("/Volumes/export/run.db", "nfs", True),
        ("/tmp/run.db", "apfs", False),
    ],
)
def test_the_mounts_of_macos_are_understood(path: str, kind: str, shared: bool) -> None:
    """As its command lists them."""
    found = mount_of(PurePosixPath(path), mounts_of_macos(MACOS))
    assert found is not None
    assert (found.kind, found.shared) == (kind, shared)


@pytest.mark.parametrize(
    "kind",
    [
        "nfs", "nfs4", "cifs", "smb3", "smbfs", "fuse.sshfs", "9p", "afs", "glusterfs", "fuse.glusterfs", "ceph",
        "fuse.ceph-fuse", "lustre", "beegfs", "gpfs", "gfs2", "ocfs2", "fuse.rclone", "fuse.s3fs", "vboxsf", "afpfs",
        "fuse.vmhgfs-fuse", "davfs", "webdav", "fuse.juicefs",
    ],
)  # fmt: skip
def test_every_common_share_is_known(kind: str) -> None:
    """By the name that the system gives its file system."""
    assert Mount(kind, "/x").shared


@pytest.mark.parametrize(
    "kind",
    ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "hfs", "f2fs", "fuseblk", "fuse.gocryptfs", "vfat"],
)
def test_disks_are_none(kind: str) -> None:
    """Also in a container, encrypted, or in memory."""
    assert not Mount(kind, "/x").shared


@pytest.fixture
def share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A table of mounts by which the test's folder lies on a share."""
    table = tmp_path.parent / f"{tmp_path.name}.mounts"
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / {tmp_path} rw - nfs4 files:/export rw\n")
    monkeypatch.delenv(ALLOW, raising=False)
    return table


def on_share(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "_MOUNTINFO", table)


def test_a_run_on_a_share_is_read_but_not_written(
    make_run: MakeRun, share: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker, no person's label; snapshot, check and export work, and the run is as it was."""
    path = make_run(["a", "b"])
    on_share(share, monkeypatch)
    with pytest.raises(RunFileError, match=rf"network share \(nfs4, mounted at {tmp_path}\).*LABELTUI_HOME"):
        work(path, settings)
    with pytest.raises(RunFileError, match="network share"):
        commands.send(path, Label((1,), "1"))
    with RunReader(path) as reader:
        assert reader.snapshot(NOW).state is RunState.NEW
    assert check_run(path).sound
    assert export_run(path, share.parent / f"{tmp_path.name}.jsonl") == 2


def test_no_run_is_made_on_a_share(
    share: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The sentence says what, where and what to do; nothing is left; the variable takes the risk."""
    write_demo_csv(tmp_path / "emails.csv", 5)
    on_share(share, monkeypatch)
    assert main(["new", str(tmp_path / "emails.csv"), "--name", "there"]) == 1
    assert f"{ALLOW}=1" in capsys.readouterr().err
    assert [file for file in settings.runs_dir.rglob("*") if file.is_file()] == []
    monkeypatch.setenv(ALLOW, "1")
    made = create_run(settings, tmp_path / "emails.csv", builtin_task(), RunOptions(name="there"), now=time.time())
    assert made.taken == 5


def test_the_quotas_do_not_lie_on_a_share(share: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Several workers write them, and locks over a network are promises."""
    on_share(share, monkeypatch)
    with pytest.raises(QuotaFileError, match="network share"):
        KeyStore.from_settings(settings)
    assert not settings.quota_path.exists()


def test_where_nothing_can_be_found_out_nothing_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A system without the table, or one with a table that makes no sense."""
    monkeypatch.setattr(mounts, "_MOUNTINFO", tmp_path / "none")
    assert network_disk_refusal(tmp_path / "run.db", {}) == ""
    (tmp_path / "none").write_text("nonsense\n")
    assert network_disk_refusal(tmp_path / "run.db", {}) == ""


@pytest.mark.parametrize(("system", "kinds"), [("Darwin", ["apfs", "apfs", "smbfs", "nfs"]), ("FreeBSD", [])])
def test_the_mount_command_is_asked_on_macos_alone(
    system: str, kinds: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is no table of mounts; elsewhere no program is started, and every disk counts as a disk."""
    monkeypatch.setattr(mounts, "_MOUNTINFO", tmp_path / "none")
    monkeypatch.setattr(mounts.platform, "system", lambda: system)
    monkeypatch.setattr(mounts.subprocess, "run", lambda *_, **__: SimpleNamespace(stdout=MACOS.encode()))
    assert [mount.kind for mount in mounts._mounts()] == kinds
