"""Every file that labeltui makes is private to its owner, whatever the umask and whoever makes it."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from core.commands.catalog import Pause, Retry
from core.files import written_whole
from core.quota.keys.store import KeyStore
from core.runs import build
from core.runs import send as commands
from core.settings import Settings, private_dir
from core.storage.file import control
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.worker import supervisor
from tests.worker.test_process import make
from tui.cli import main
from tui.terminal import clipboard, crash, preferences


def test_every_file_is_private_whatever_the_umask(
    home: Path, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run file with its lock, log and companions, the control file made by a command, the keys, the quotas, a copy."""
    before = os.umask(0)
    try:
        path = make(settings, tmp_path, 3)
        commands.send(path, Retry())
        with RunLock(path):
            commands.send(path, Pause())
        control.post(path, "pause", now=time.time(), by="ana")
        with KeyStore.from_settings(settings) as keys:
            keys.add("gsk_for_a_test_only_0001", alias="one")
        with RunReader(path) as reader:
            assert reader.snapshot(time.time()).total == 3
        with written_whole(home / "copy.db") as part:
            part.write_text("a copy")
        monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: None)
        supervisor._spawn(path, settings, (None, None))  # of a worker, but for the process
    finally:
        os.umask(before)
    made = [each for each in home.rglob("*") if each.is_file()]
    names = {"quota.db", "keys.toml", "copy.db", control.control_path(path).name, supervisor.log_path(path).name}
    assert names <= {each.name for each in made}
    assert [f"{each.name} {each.stat().st_mode:o}" for each in made if each.stat().st_mode & 0o077] == []


def test_what_commands_and_the_console_write_is_private_too(
    home: Path, settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A task, exports of each kind, what is copied, preferences, a crash report, the lock of an import; and their folders."""
    before = os.umask(0)
    try:
        path = make(settings, tmp_path, 3)
        out = private_dir(tmp_path / "out")
        assert main(["task", str(path), "--write", str(out / "task.toml")]) == 0
        assert main(["export", str(path), str(out / "labels.csv")]) == 0
        assert main(["export", str(path), str(out / "folder"), "--layout", "argilla"]) == 0
        copied = clipboard.write_beside(path, "text")
        preferences.remember(out / "made" / "config.toml", "theme", "x")
        assert crash.keep(out / "broken" / "crash.log", "text")
        with build._unfinished(out / "new.db", resumable=True):
            modes = {each: each.stat().st_mode for each in (out, settings.runs_dir, copied, *out.rglob("*"))}
    finally:
        os.umask(before)
        capsys.readouterr()
    own = {each.name: f"{mode:o}" for each, mode in modes.items() if out / "folder" not in each.parents}
    names = {"task.toml", "labels.csv", "config.toml", "crash.log", ".new.import.part.lock", "folder", "made", "broken"}
    assert names <= own.keys()
    assert {name: mode for name, mode in own.items() if int(mode, 8) & 0o077} == {}
