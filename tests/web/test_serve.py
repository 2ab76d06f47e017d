"""``labeltui serve`` as a command: what it refuses, what it prints, and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.test_utils import unused_port

from tui.cli import main
from tui.commands.serve import reachable, serve
from tui.web import server as serving


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Sequence[str]]:
    """A server that begins and ends; the command lines of consoles that it was given."""
    words: list[Sequence[str]] = []

    class Server:
        def __init__(self, access: Any, given: Sequence[str], static: Path, complain: Callable[[str], None]) -> None:
            words.append(given)

        async def run(self, host: str, port: int, ready: Callable[[], None]) -> None:
            ready()

    monkeypatch.setattr(serving, "ConsoleServer", Server)
    monkeypatch.setattr(serving, "assets", lambda: tmp_path)
    return words


def test_a_program_gets_the_address_as_an_object(
    served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """With ``--json``, before the first browser comes."""
    assert main(["serve", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["addresses"][0].startswith("http://127.0.0.1:8000/?key=")
    assert told["writable"] is False


def test_it_says_where_it_is_and_what_it_may(served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """One address to open, what the browser may do, and how it ends."""
    assert main(["serve"]) == 0
    said = capsys.readouterr().out
    assert re.search(r"^The console is at http://127\.0\.0\.1:8000/\?key=[\w-]{24}$", said, re.MULTILINE)
    assert "changes nothing (--writable lets it)" in said
    assert "ctrl+c ends it; workers go on" in said
    assert served[0][-1] == "--read-only"


def test_other_machines_need_a_word(served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """A host that others reach is refused, with what it would mean and what is better."""
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    said = capsys.readouterr().err
    assert "--expose" in said
    assert "ssh -L 8000:127.0.0.1:8000" in said
    assert served == []


def test_an_exposed_console_warns(served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """With the word it is served, and says what is not protected."""
    assert main(["serve", "--host", "0.0.0.0", "--expose", "--url", "http://box:8000/", "--writable"]) == 0
    out, err = capsys.readouterr()
    assert "nothing is encrypted" in err
    assert "http://box:8000/?key=" in out
    assert "may change things" in out
    assert "--read-only" not in served[0]


def test_every_address_of_the_machine_is_reported_as_browsers_can_open_it(
    served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    """``0.0.0.0`` is an address to listen on and none to open."""
    assert main(["serve", "--host", "0.0.0.0", "--expose"]) == 0
    said = capsys.readouterr().out
    assert "//0.0.0.0" not in said
    assert "http://localhost:8000/?key=" in said
    assert reachable("127.0.0.1") == ["127.0.0.1"]
    assert reachable("box.example.org") == ["box.example.org"]


def test_read_only_outweighs_writable(served: list[Sequence[str]], capsys: pytest.CaptureFixture[str]) -> None:
    """`labeltui --read-only serve --writable` looks on."""
    assert main(["--read-only", "serve", "--writable"]) == 0
    assert "--read-only" in served[0]
    assert "changes nothing" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given", "why"),
    [
        (["--port", "70000"], "the highest is 65535"),
        (["--url", "box"], "--url must be like"),
        (["--url", "https://box/labels"], "without a path"),
        (["no-such-run"], "There is no run 'no-such-run'"),
    ],
)
def test_what_cannot_be_served_is_refused_in_a_sentence(
    served: list[Sequence[str]], capsys: pytest.CaptureFixture[str], given: list[str], why: str
) -> None:
    """Before anything is opened."""
    assert main(["serve", *given]) == (2 if given == ["no-such-run"] else 1)
    assert why in capsys.readouterr().err
    assert served == []


def test_a_port_that_is_taken_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With what takes another."""
    monkeypatch.setattr(serving, "assets", lambda: tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["serve", "--port", str(port)]) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"labeltui: 127.0.0.1:{port} cannot be served on: Address already in use.")
    assert "--port" in said


def test_without_the_extra_it_says_what_brings_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sentence instead of a traceback."""
    monkeypatch.setattr("tui.web.server.find_spec", lambda _: None)
    assert main(["serve"]) == 1
    assert "pip install 'labeltui[serve]'" in capsys.readouterr().err


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_ends_at_once_and_informs_every_tab(tmp_path: Path, by: signal.Signals) -> None:
    """ctrl+c, a signal, or the terminal's end: the socket is closed as going away, the console leaves, nothing hangs."""
    (tmp_path / "textual_serve" / "static").mkdir(parents=True)
    (tmp_path / "textual_serve" / "__init__.py").touch()
    root = str(Path(serve.__code__.co_filename).parents[2])
    port = unused_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", "--port", str(port)],
        env={**os.environ, "PYTHONPATH": f"{tmp_path}:{root}", "LABELTUI_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    async def look_on(address: str) -> int | None:
        url = address.replace("http", "ws").replace("/?", "/ws?")
        async with aiohttp.ClientSession() as session, session.ws_connect(url) as tab:
            await tab.receive()
            process.send_signal(by)
            async for _ in tab:
                pass
            return tab.close_code

    try:
        assert process.stdout is not None
        address = process.stdout.readline().split()[-1]
        assert asyncio.run(look_on(address)) == aiohttp.WSCloseCode.GOING_AWAY
        _, complaints = process.communicate(timeout=15)
        assert process.returncode == 0
        assert complaints == ""
    finally:
        process.kill()
        process.communicate()


def test_a_console_whose_server_is_killed_leaves(tmp_path: Path) -> None:
    """Nobody reads it and nobody types: it ends as if it had been left, and reports no crash."""
    from tui.web.session import BEGINS, Size, environment, words_for

    console = subprocess.Popen(
        words_for(None, writable=False),
        env={**environment(os.environ, Size(100, 30)), "LABELTUI_HOME": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        assert console.stdout is not None
        assert console.stdin is not None
        assert console.stderr is not None
        assert console.stdout.readline() == BEGINS
        console.stdout.close()
        console.stdin.close()
        assert console.wait(15) == 0
        assert console.stderr.read() == b""
        assert not list(tmp_path.rglob("*crash*"))
    finally:
        console.kill()
        console.wait()
        console.stderr.close()
