"""No secret leaves the key's own place: looked for in every file and every word that a run leaves behind."""

from __future__ import annotations

import asyncio
import contextlib
import html
import subprocess
import sys
from pathlib import Path

import pytest

from core.commands.catalog import LookAtKeys, Pause, Resume
from core.quota.keys.store import KeyStore
from core.runs import send as commands
from core.settings import Settings
from core.simulator.child import start_child
from core.storage.reading.search import Search
from tests.worker.test_process import PATIENCE_S, acknowledged, make, until, work
from tui.app import LabeltuiApp
from tui.cli import main

CRASHING = """
import sys
from core.quota.pacing.broker import Broker
def crash(self, grant, *rest):
    raise ZeroDivisionError(f"in the middle of it: {grant!r} {rest!r}")
Broker.answered = crash
from core.worker.__main__ import main
sys.exit(main())
"""


async def pictures_of(settings: Settings, path: Path) -> str:
    """What the console draws of this run: the monitor, the keys, an email with its history, copied on the way."""
    app = LabeltuiApp(settings, run=path, threaded=False)
    drawn = []
    async with app.run_test(size=(150, 50)) as pilot:
        for keys in (("1",), ("a",), ("escape", "e"), ("c",), ("enter",), ("c",)):
            await pilot.press(*keys)
            await pilot.pause()
            app.poller.read()
            await pilot.pause()
            drawn.append(html.unescape(app.export_screenshot()).replace("\xa0", " "))
    return "".join(drawn)


def leaks(home: Path, secrets: tuple[str, ...]) -> list[str]:
    """Files below a folder that hold a secret, or most of one; keys.toml may."""
    found = []
    for file in home.rglob("*"):
        if file.is_file() and file.name != "keys.toml":
            content = file.read_bytes()
            found += [f"{file.name} holds …{key[-4:]}" for key in secrets if key[:-8].encode() in content]
    return found


def test_nothing_that_a_run_leaves_behind_holds_a_secret(
    home: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Run file, log, commands, quotas, exports, copies, what status and keys print; with faults and a crash on the way."""
    options = ("--keys", "4", "--organizations", "2", "--latency", "0.3", "--faults", "harsh", "--hang", "0.3")
    with start_child([*options, "--revoke", "2:5", "--restrict", "org_sim_2:9"]) as child:
        monkeypatch.setenv("GROQ_API_KEYS", ",".join(child.keys[1:]))
        monkeypatch.setenv("GROQ_BASE_URL", child.base_url)
        with KeyStore.from_settings(settings) as store:
            store.add(child.keys[0], alias="main")
        path = make(settings, tmp_path, 60)
        crashed = subprocess.run(
            [sys.executable, "-c", CRASHING, str(path)], capture_output=True, timeout=PATIENCE_S, check=False
        )
        assert crashed.returncode == 1
        assert "ZeroDivisionError" in path.with_suffix(".log").read_text()
        worker = work(path)
        arguments = Path(f"/proc/{worker.pid}/cmdline").read_bytes()
        until(path, lambda snapshot: snapshot.worker.alive)  # resuming would start another one before
        acknowledged(path, commands.send(path, Pause()))
        commands.send(path, LookAtKeys())
        commands.send(path, Resume(), settings)
        assert worker.wait(PATIENCE_S) in (0, 3)
        assert main(["keys", "test"]) == 1
    assert not any(key[:-8].encode() in arguments for key in child.keys)
    with contextlib.closing(Search(path)) as search:
        while search.build() < 1:
            pass
    pictures = asyncio.run(pictures_of(settings, path))
    for command in (
        ["status", "real"],
        ["status", "real", "--json"],
        ["keys", "list"],
        ["keys", "list", "--json"],
        ["info"],
        ["check", "real"],
        ["export", "real", str(home / "labels.jsonl")],
        ["backup", "real", str(home / "copy.db")],
    ):
        assert main(command) == 0, command
    said = capsys.readouterr()
    shown = pictures + said.out + said.err + crashed.stdout.decode() + crashed.stderr.decode()
    assert child.keys[0][-4:] in shown
    assert not any(key[:-8] in shown for key in child.keys)
    assert leaks(home, child.keys) == []
    left = {file.name for file in home.rglob("*")}
    assert left >= {"real.db", "real.log", "real.control.db", "real.search.db", "quota.db", "labels.jsonl", "copy.db",
                    "real.copied.txt"}  # fmt: skip
    assert child.keys[0] in (home / "keys.toml").read_text()


def test_a_key_test_shows_what_is_wrong(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Good, invalid, restricted and out of quota, each in its own words and for a single token."""
    options = ("--keys", "3", "--organizations", "3", "--latency", "0", "--restrict", "org_sim_2", "--limit")
    with start_child([*options, "org_sim_3:rpm=1"]) as child:
        keys = {
            "good": child.keys[0],
            "restricted": child.keys[1],
            "spent": child.keys[2],
            "wrong": "gsk_nobody_ever_had_this_key_0000",
        }
        monkeypatch.setenv("GROQ_API_KEYS", ",".join(f"{alias}={key}" for alias, key in keys.items()))
        monkeypatch.setenv("GROQ_BASE_URL", child.base_url)
        assert told("good") == (0, "answers")
        assert told("restricted") == (1, "restricted")
        assert told("spent") == (0, "answers")
        assert told("spent") == (1, "no quota")
        assert told("wrong") == (1, "invalid")
        assert child.stats()["tokens"]["completion"] <= 2
    assert told("good") == (1, "unreachable")
    assert told("nobody")[0] == 1


def told(alias: str) -> tuple[int, str]:
    """The exit code of ``keys test`` and the first words of its verdict."""
    from contextlib import redirect_stdout
    from io import StringIO

    out = StringIO()
    with redirect_stdout(out):
        code = main(["keys", "test", alias])
    verdict = out.getvalue().partition("  ")[2].split(None, 1)[-1] if out.getvalue() else ""
    for words in ("answers", "restricted", "no quota", "invalid", "unreachable"):
        if verdict.startswith(words):
            return code, words
    return code, verdict
