"""What servers got, byte by byte: each of them its own key, and no secret of another server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.llm.test_client import COMPLETION
from tui.cli import main


@contextmanager
def recording() -> Iterator[tuple[str, bytearray]]:
    """A server that answers every call, and all bytes that it was sent: request lines, headers and bodies."""
    got = bytearray()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.extend(self.raw_requestline + bytes(self.headers) + body)
            content = json.dumps(COMPLETION).encode()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_no_server_gets_a_secret_of_another(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs of two servers, keys of both, of the environment and of servers never asked: creation, labeling, key tests."""
    secrets = {name: f"sk-{name}-0123456789abcdefgh" for name in ("first", "second", "groq", "openai", "router")}
    for variable, name in (("GROQ_API_KEY", "groq"), ("OPENAI_API_KEY", "openai"), ("OPENROUTER_API_KEY", "router")):
        monkeypatch.setenv(variable, secrets[name])
    source = tmp_path / "mail.csv"
    source.write_text("id,message\n1,the lunch is at noon\n")
    with recording() as (first, got_first), recording() as (second, got_second):
        for name, server in (("first", first), ("second", second)):
            secret = tmp_path / "secret"
            secret.write_text(secrets[name])
            assert main(["keys", "add", name, "--server", server, "--file", str(secret), "--no-keyring"]) == 0
        for name, server in (("first", first), ("second", second)):
            assert main(["new", str(source), "--name", name, "--base-url", server]) == 0
            run = str(home / "runs" / f"{name}.db")
            worker = [sys.executable, "-m", "core.worker", run]
            assert subprocess.run(worker, env=dict(os.environ), timeout=120, check=False).returncode == 0
            assert main(["keys", "test", "--base-url", server]) == 0
    capsys.readouterr()
    for got, own in ((got_first, "first"), (got_second, "second")):
        assert f"bearer {secrets[own]}".encode() in bytes(got).lower()
        assert b"the lunch is at noon" in got
        assert [name for name, secret in secrets.items() if secret.encode() in got] == [own]
