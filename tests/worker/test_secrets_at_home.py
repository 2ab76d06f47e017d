"""What servers got, byte by byte: each of them its own key, and no secret of another server."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.llm.recording import recording
from tui.cli import main


def test_no_server_gets_a_secret_of_another(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Runs of two servers, keys of both, of the environment and of servers never asked: creation, labeling, key tests."""
    secrets = {name: f"sk-{name}-0123456789abcdefgh" for name in ("first", "second", "groq", "openai", "router")}
    for variable, name in (("GROQ_API_KEY", "groq"), ("OPENAI_API_KEY", "openai"), ("OPENROUTER_API_KEY", "router")):
        monkeypatch.setenv(variable, secrets[name])
    source = tmp_path / "mail.csv"
    source.write_text("id,message\n1,the lunch is at noon\n")
    with recording() as (one, got_first), recording() as (other, got_second):
        first, second = f"{one}/v1", f"{other}/v1"
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
    for requests, own in ((got_first, "first"), (got_second, "second")):
        got = b"".join(requests)
        assert f"bearer {secrets[own]}".encode() in got.lower()
        assert b"the lunch is at noon" in got
        assert [name for name, secret in secrets.items() if secret.encode() in got] == [own]
