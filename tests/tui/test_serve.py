"""The console in a browser: who is let in, what is run, and what is said where it cannot be."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer, unused_port

from tui.cli import main
from tui.commands.serve import command
from tui.serving import COOKIE, Asked, Door, guarded, is_loopback
from tui.terminal import terminal

DOOR = Door("http://127.0.0.1:8000", "secret-key")


def asked(**more: str) -> Asked:
    given = {"path": "/ws", "host": "127.0.0.1:8000", "origin": DOOR.url, "in_address": "", "in_cookie": "secret-key"}
    return Asked(**{**given, **more})


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_told_by_the_address_and_not_by_its_looks(host: str, alone: bool) -> None:
    """Names that merely begin like loopback are none."""
    assert is_loopback(host) is alone


def test_whoever_has_the_key_comes_in() -> None:
    """The printed address opens the page; the cookie that it left opens the socket."""
    assert DOOR.address == "http://127.0.0.1:8000/?key=secret-key"
    assert DOOR.refusal(asked(path="/", origin="", in_address="secret-key", in_cookie="")) == ""
    assert DOOR.refusal(asked()) == ""
    assert DOOR.refusal(asked(path="/static/js/textual.js", in_cookie="")) == ""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"in_cookie": ""}, "The key is missing"),
        ({"in_cookie": "guessed"}, "The key is missing"),
        ({"path": "/", "origin": "", "in_cookie": "", "in_address": ""}, "The key is missing"),
        ({"origin": "http://evil.example"}, "another site"),
        ({"origin": "http://127.0.0.1:9000"}, "another site"),
        ({"origin": "null"}, "another site"),
        ({"host": "evil.example:8000"}, "answers to http://127.0.0.1:8000 only"),
        ({"path": "/download/x", "in_cookie": ""}, "The key is missing"),
    ],
)
def test_others_are_refused_with_the_reason(more: dict[str, str], why: str) -> None:
    """No key, another site, another name of the machine (as in DNS rebinding): none comes in."""
    assert why in DOOR.refusal(asked(**more))


@pytest.mark.asyncio
async def test_the_door_stands_before_every_handler() -> None:
    """Through real requests: refused without the key, let in with it, and the cookie is kept from scripts."""

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="the console")

    port = unused_port()
    app = web.Application(middlewares=[guarded(Door(f"http://127.0.0.1:{port}", "secret-key"))])
    app.router.add_get("/", page)
    app.router.add_get("/ws", page)
    async with TestClient(TestServer(app, host="127.0.0.1", port=port)) as client:
        assert (await client.get("/")).status == 403
        assert (await client.get("/ws")).status == 403
        first = await client.get("/", params={"key": "secret-key"})
        assert await first.text() == "the console"
        assert first.cookies[COOKIE]["httponly"]
        assert first.cookies[COOKIE]["samesite"] == "Strict"
        assert "default-src 'none'" in first.headers["Content-Security-Policy"]
        assert (await client.get("/ws")).status == 200
        assert (await client.get("/ws", headers={"Origin": "http://evil.example"})).status == 403
        assert (await client.get("/ws", headers={"Host": "evil.example"})).status == 403


def test_the_console_that_is_served_looks_on_unless_asked_otherwise(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What is run for a browser is read-only; --writable alone lifts it."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path))
    assert command(None, writable=False) == f"{sys.executable} -m tui --read-only"
    assert command(None, writable=True) == f"{sys.executable} -m tui"


def test_other_machines_need_a_word(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A host that others reach is refused, with what it would mean and what is better."""
    _stand_in(monkeypatch)
    assert main(["serve", "--host", "0.0.0.0"]) == 1
    said = capsys.readouterr().err
    assert "--expose" in said
    assert "ssh -L 8000:127.0.0.1:8000" in said


def test_an_exposed_console_warns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With the word it is served, and says what is not protected."""
    served = _stand_in(monkeypatch)
    assert main(["serve", "--host", "0.0.0.0", "--expose", "--url", "http://box:8000/", "--writable"]) == 0
    out, err = capsys.readouterr()
    assert "nothing is encrypted" in err
    assert "http://box:8000/?key=" in out
    assert "may change things" in out
    assert "--read-only" not in served[0]


def test_read_only_outweighs_writable(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """`labeltui --read-only serve --writable` looks on."""
    served = _stand_in(monkeypatch)
    assert main(["--read-only", "serve", "--writable"]) == 0
    assert "--read-only" in served[0]
    assert "changes nothing" in capsys.readouterr().out


@pytest.mark.skipif(importlib.util.find_spec("textual_serve") is not None, reason="textual-serve is installed")
def test_without_the_extra_it_says_what_brings_it(capsys: pytest.CaptureFixture[str]) -> None:
    """A sentence instead of a traceback."""
    assert main(["serve"]) == 1
    assert "pip install 'labeltui[serve]'" in capsys.readouterr().err


def test_a_browser_shows_everything() -> None:
    """The server's own terminal does not matter to whoever looks on from a browser."""
    found = terminal({"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "TERM": "linux"}, "ascii")
    assert found.browser
    assert found.ascii_because == ""


def _stand_in(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A textual-serve that starts up and ends; returns the commands that it was given."""
    import asyncio
    import types

    commands: list[str] = []

    class Server:
        def __init__(self, command: str, *, host: str, port: int, public_url: str) -> None:
            commands.append(command)
            self.host = host

        async def _make_app(self) -> Any:
            return web.Application()

        def serve(self) -> None:
            async def begin() -> None:
                app = await self._make_app()
                assert app.middlewares
                await self.on_startup(app)  # type: ignore[attr-defined]

            asyncio.run(begin())

    module = types.ModuleType("textual_serve.server")
    module.Server = Server  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "textual_serve", types.ModuleType("textual_serve"))
    monkeypatch.setitem(sys.modules, "textual_serve.server", module)
    return commands
