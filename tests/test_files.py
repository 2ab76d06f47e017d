"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

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
