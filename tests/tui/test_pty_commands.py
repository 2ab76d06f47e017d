"""The command line in a real terminal: no name, reason or answer from outside acts on it."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import Settings
from core.text import UNSAFE
from tests.programs.pty.hostile import Marks, build, home_of, source_of
from tests.programs.pty.stream import Stream
from tests.programs.pty.terminal import Terminal
from tui.terminal.desktop import sequence


@pytest.fixture
def marks() -> Marks:
    return Marks()


@pytest.fixture
def hostile_home(tmp_path: Path, marks: Marks) -> Settings:
    """A home that is hostile throughout, with a worker that used its keys a moment ago."""
    settings = home_of(tmp_path, marks)
    build(settings, marks, state="stopped")
    with closing(sqlite3.connect(settings.quota_path)) as db, db:
        db.execute("UPDATE worker SET heartbeat_at = ?", (time.time() + 5,))
        db.execute("UPDATE bench SET until_at = ?", (time.time() + 900,))
    return settings


def in_a_terminal(settings: Settings, commands: list[list[str]], tmp_path: Path) -> tuple[Stream, str]:
    """What a terminal gets of these commands, judged; and all of it."""
    listed = tmp_path / "commands.json"
    listed.write_text(json.dumps(commands), "utf-8")
    stream = Stream()
    environment = {"LABELTUI_HOME": str(settings.home), "GROQ_API_KEYS": "mine=gsk_only_for_a_test_0001"}
    with Terminal(["-m", "tests.programs.pty.commands", str(listed)], (100, 30), environment) as terminal:
        came, code = terminal.until_ended(90.0)
    stream.take(came, "commands", commands=True)
    assert code == 0, came[-2000:]
    return stream, came


def test_what_commands_print_is_inert(hostile_home: Settings, marks: Marks, tmp_path: Path) -> None:
    """Status, plans, lists of keys, exports, checks and their errors show hostile texts as text."""
    run = next(path for path in hostile_home.runs_dir.glob("*.db") if marks.of("run file") in path.name)
    name, value, source = run.stem, marks.evil("label value"), str(source_of(hostile_home, marks))
    item = f"{marks.evil('source id')}1"
    evil, short = marks.evil("argument"), marks.short("argument")
    stream, came = in_a_terminal(
        hostile_home,
        [
            ["status"], ["status", name], ["status", str(run)], ["status", "--json"], ["status", name, "--json"],
            ["watch", name], ["plan", name], ["plan", name, "--json"], ["plan", source], ["info"],
            ["keys", "list"], ["keys", "list", "--json"], ["keys", "disable", evil], ["keys", "remove", evil],
            ["keys", "enable", "mine"], ["keys", "group", "mine", evil], ["keys", "test", evil],
            ["keys", "limits", evil, "--rpm", "5"], ["keys", "add", evil, "--file", "/nowhere/" + short],
            ["check", name], ["check", name, "--repair"], ["backup", name, str(tmp_path / f"{short}.db")],
            ["export", name, str(tmp_path / f"{short}.csv")], ["export", name, f"/nowhere/{short}.csv"],
            ["export", name, str(tmp_path / f"x.{short}")], ["label", name, item, value, "--note", evil],
            ["label", name, evil, value], ["label", name, item, evil], ["retry", name], ["retry", name, "--item", evil],
            ["retry", name, "--item", item], ["budget", name], ["budget", name, "--tokens", "5"], ["pause", name],
            ["stop", name], ["new", source, "--name", "fresh"], ["new", source], ["new", source],
            ["new", f"/nowhere/{short}"], ["new", source, "--name", evil], ["new", source, "--name", "f", "--task", short],
            ["new", source, "--name", "g", "--text-column", evil], ["new", source, "--name", "h", "--model", evil],
            ["status", evil], ["open", evil], ["watch", short], [evil], ["status", name, evil], ["new", source, "--order", evil],
            ["budget", name, "--tokens", evil], ["keys", evil], [f"--{short}"],
        ],
        tmp_path,
    )  # fmt: skip
    assert not stream.wrong, "\n".join(stream.wrong)
    unseen = {
        place for place in ("run file", "home", "label name", "organization", "alias") if marks.of(place) not in came
    }
    assert unseen == set()
    assert "\n== 51 2" in came, came  # each came to its end, and the last one was wrong usage


class _Hostile(BaseHTTPRequestHandler):
    """Answers that are no label, then refusals of a request, then of every key, all in words that act."""

    evil: ClassVar[str]
    asked: ClassVar[int]

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        kind = type(self)
        kind.asked += 1
        if kind.asked <= 4:
            answer = {"message": {"role": "assistant", "content": kind.evil}, "finish_reason": "stop", "index": 0}
            self._send(200, {"choices": [answer], "usage": {"prompt_tokens": 9, "completion_tokens": 2}})
        else:
            code = "invalid_api_key" if kind.asked > 7 else kind.evil
            self._send(
                401 if kind.asked > 7 else 400, {"error": {"message": kind.evil, "code": code, "type": kind.evil}}
            )

    def _send(self, status: int, body: dict[str, Any]) -> None:
        content = json.dumps(body).encode()
        self.send_response(status, "as it likes")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *_: Any) -> None:  # noqa: A002 - the library's
        pass


@pytest.fixture
def hostile_server(marks: Marks) -> Iterator[str]:
    """The base URL of a server that answers as it likes."""
    handler = type("Handler", (_Hostile,), {"evil": marks.evil("answer"), "asked": 0})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("where", ["terminal", "log"])
def test_a_worker_reports_inertly_what_it_met(
    hostile_home: Settings, marks: Marks, tmp_path: Path, hostile_server: str, where: str
) -> None:
    """Its progress line, its last words and its log hold no escape, whatever a server answers."""
    source = tmp_path / "plain.csv"
    source.write_text("id,message\n" + "".join(f"{n},a mail about {n}\n" for n in range(9)))
    evil = f"{marks.short('worked')}"
    environment = {"LABELTUI_HOME": str(hostile_home.home), "GROQ_API_KEYS": "mine=gsk_only_for_a_test_0001"}
    path = create_run(
        hostile_home, source, builtin_task(), RunOptions(name="plain", base_url=hostile_server), now=time.time()
    ).path
    path = path.rename(path.with_name(f"{evil}.db"))
    if where == "terminal":
        stream, came = in_a_terminal(hostile_home, [["work", evil], ["status", evil]], tmp_path)
    else:
        stream = Stream()
        worker = subprocess.run(
            [sys.executable, "-m", "core.worker", str(path)], env={**os.environ, **environment}, timeout=90,
            check=False, capture_output=True,
        )  # fmt: skip
        came = path.with_suffix(".log").read_text("utf-8")
        stream.take(came + worker.stderr.decode(), "log", commands=True)
    assert not stream.wrong, "\n".join(stream.wrong)
    assert marks.of("worked") in came
    with closing(sqlite3.connect(path)) as db:
        told = db.execute(
            "SELECT group_concat(coalesce(raw_answer, '') || coalesce(error, '')) FROM attempt"
        ).fetchone()[0]
    assert told.count(marks.of("answer")) > 4, came


@pytest.mark.parametrize(
    "environment",
    [{"TERM_PROGRAM": "iTerm.app"}, {"TERM": "rxvt-unicode"}, {"TMUX": "x"}, {"STY": "x"}],
    ids=["plain", "urxvt", "tmux", "screen"],
)
@pytest.mark.parametrize("wanted", ["9", "777"])
def test_a_notification_carries_hostile_text_as_text(marks: Marks, environment: dict[str, str], wanted: str) -> None:
    """One sequence of our own, in which neither a name nor a reason begins or ends another."""
    told = sequence(environment, wanted, marks.evil("title"), marks.evil("reason", late=True))
    inner = told.removeprefix("\x1bPtmux;").removeprefix("\x1bP").removesuffix("\x1b\\").replace("\x1b\x1b", "\x1b")
    assert re.fullmatch(r"\x1b\](?:9;[^\x07\x1b;]*|777;notify;[^\x07\x1b;]*;[^\x07\x1b;]*)\x07", inner), told
    assert UNSAFE.search(inner[1:-1]) is None
