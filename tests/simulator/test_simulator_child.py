"""Promises about processes: a real child on loopback, the real SDK over a socket, and how children end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import groq
import httpx
import pytest

from core.simulator.child import SimulatorChild, adopt, start_child
from core.simulator.config import SimulatorError
from tests.preloaded import native

ROOT = Path(__file__).resolve().parents[2]


def wait_until(true: Any, what: str, timeout_s: float = 20.0) -> None:
    """Look until it holds; waits for another process, never for a fixed time."""
    deadline = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < deadline, f"timed out waiting for: {what}"
        time.sleep(0.01)


def runs(pid: int) -> bool:
    """Say whether a process runs; one that only nobody has waited for yet does not."""
    if not Path("/proc/self/stat").exists():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return status != "Z"


def client_of(child: SimulatorChild, **extra: Any) -> groq.AsyncGroq:
    return groq.AsyncGroq(api_key=child.keys[0], base_url=child.base_url, max_retries=0, **extra)


@pytest.mark.asyncio
async def test_the_sdk_over_loopback(words: Any, tmp_path: Path) -> None:
    """The real SDK gets many answers at once from a real process, whose log has them all."""
    log = tmp_path / "calls.jsonl"
    with start_child(["--latency", "0", "--plan", "developer", "--log", str(log)]) as child:
        async with client_of(child) as client:
            answers = await asyncio.gather(
                *(client.chat.completions.create(**words.question(f"contract {n}")) for n in range(100))
            )
        assert {answer.choices[0].message.content for answer in answers} == {"1"}
        assert child.stats()["by_status"] == {"200": 100}
        pid = child.pid
    assert not runs(pid)
    assert len({json.loads(line)["sha256"] for line in log.read_text().splitlines()}) == 100


@pytest.mark.asyncio
async def test_dropped_connections_over_loopback(words: Any) -> None:
    """Over a socket the connection closes inside the declared body: the SDK's APIConnectionError."""
    with start_child(["--latency", "0", "--faults", "drop=1"]) as child:
        async with client_of(child) as client:
            with pytest.raises(groq.APIConnectionError) as caught:
                await client.chat.completions.create(**words.question("x"))
        assert isinstance(caught.value.__cause__, httpx.RemoteProtocolError)
        assert child.stats()["by_status"] == {"dropped": 1}


@pytest.mark.asyncio
async def test_dropped_connections_look_alike_through_aiohttp(words: Any) -> None:
    """The SDK's other transport reports a cut connection as an APIConnectionError too."""
    with start_child(["--latency", "0", "--faults", "drop=1"]) as child:
        async with client_of(child, http_client=groq.DefaultAioHttpClient()) as client:
            with pytest.raises(groq.APIConnectionError):
                await client.chat.completions.create(**words.question("x"))


@pytest.mark.asyncio
async def test_a_hang_ends_when_the_client_leaves(words: Any) -> None:
    """A hanging call times out in the client, and the simulator lets go of it at once."""
    with start_child(["--latency", "0", "--faults", "timeout=1"]) as child:
        async with client_of(child, timeout=0.2) as client:
            with pytest.raises(groq.APITimeoutError):
                await client.chat.completions.create(**words.question("x"))
        wait_until(lambda: child.stats()["by_status"] == {"left": 1}, "the hang to end")
        assert child.stats()["in_flight"] == 0


@pytest.mark.asyncio
async def test_stopping_does_not_wait_for_a_hang(words: Any) -> None:
    """A simulator that holds a hanging call still ends in good time, and cleanly."""
    child = start_child(["--latency", "0", "--faults", "timeout=1"])
    async with client_of(child) as client:
        hanging = asyncio.create_task(client.chat.completions.create(**words.question("x")))
        await asyncio.to_thread(wait_until, lambda: child.stats()["in_flight"], "the call to arrive")
        await asyncio.to_thread(child.stop)
        with pytest.raises(groq.APIError):
            await hanging
    assert not runs(child.pid)


def test_stop_is_repeatable() -> None:
    """Stopping twice is harmless, and what has stopped is not alive."""
    child = start_child(["--keys", "4", "--organizations", "2"])
    assert child.is_alive()
    assert len(child.keys) == 4
    assert set(child.organizations.values()) == {"org_sim_1", "org_sim_2"}
    child.stop()
    child.stop()
    assert not child.is_alive()


def test_a_child_that_cannot_start_says_why() -> None:
    """Wrong options come back as a SimulatorError with the child's own words."""
    with pytest.raises(SimulatorError, match="not a loopback address"):
        start_child(["--host", "0.0.0.0"])
    with pytest.raises(SimulatorError, match=r"ended before it listened: .*invalid choice"):
        start_child(["--plan", "gold"])


def test_a_taken_port_is_reported() -> None:
    """A port in use is a sentence, not a traceback."""
    with start_child() as child:
        port = child.base_url.rpartition(":")[2]
        with pytest.raises(SimulatorError, match=f"port {port} of 127.0.0.1 cannot be had"):
            start_child(["--port", port])


def test_a_given_port_is_kept() -> None:
    """A port of one's choice is used."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with start_child(["--port", str(port)]) as child:
        assert child.base_url == f"http://127.0.0.1:{port}"


PARENT = """
import sys
from core.simulator.child import start_child
child = start_child({arguments})
print(child.pid, flush=True)
sys.stdin.read()
"""


def start_parent(arguments: str) -> tuple[subprocess.Popen[bytes], int]:
    code = PARENT.format(arguments=arguments)
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert parent.stdout is not None
    return parent, int(parent.stdout.readline())


def test_a_child_ends_with_a_killed_parent() -> None:
    """A parent that dies without a word takes its simulator with it."""
    parent, pid = start_parent("")
    with parent:
        assert runs(pid)
        parent.kill()
        wait_until(lambda: not runs(pid), "the orphan to end")


def test_a_detached_simulator_outlives_its_starter(tmp_path: Path) -> None:
    """It goes on, is found again by its ready file, and leaves no file behind when it ends."""
    ready, pid_file = tmp_path / "ready.json", tmp_path / "pid"
    parent, pid = start_parent(f"detached=True, idle_exit_s=60, ready_file={str(ready)!r}, pid_file={str(pid_file)!r}")
    with parent:
        parent.kill()
    child = adopt(ready)
    assert child is not None
    assert (child.pid, int(pid_file.read_text())) == (pid, pid)
    assert ready.stat().st_mode & 0o077 == 0
    with child:
        pass
    assert child.is_alive()
    child.stop()
    wait_until(lambda: not runs(pid), "the simulator to end")
    assert not ready.exists()
    assert not pid_file.exists()
    assert adopt(ready) is None


def test_a_detached_simulator_ends_after_silence(tmp_path: Path) -> None:
    """Without a call for so long it ends by itself."""
    child = start_child(detached=True, idle_exit_s=0.1, ready_file=tmp_path / "ready.json")
    wait_until(lambda: not runs(child.pid), "the idle exit")
    assert adopt(tmp_path / "ready.json") is None


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_is_a_clean_end(sent: signal.Signals) -> None:
    """SIGTERM and ctrl+c end the server with code 0 and no traceback."""
    command = [sys.executable, "-m", "core.simulator", "--json"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["pid"] == process.pid
        process.send_signal(sent)
        _, errors = process.communicate(timeout=20)
    assert (process.returncode, errors) == (0, b"")


def test_people_read_keys_and_address() -> None:
    """Without --json the server prints its address, its keys and that it is not Groq."""
    command = [sys.executable, "-m", "core.simulator", "--keys", "2"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        lines = [process.stdout.readline().decode() for _ in range(4)]
        process.terminate()
    assert "not Groq" in lines[0]
    assert "http://127.0.0.1:" in lines[0]
    assert [line.split()[1][:8] for line in lines[1:3]] == ["gsk_sim_"] * 2


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="reads /proc")
def test_the_operators_keys_stay_with_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real keys in the environment are not handed to the child."""
    monkeypatch.setenv("GROQ_API_KEY", "gsk_real")
    with native(), start_child() as child:
        assert b"gsk_real" not in Path(f"/proc/{child.pid}/environ").read_bytes()
    assert os.environ["GROQ_API_KEY"] == "gsk_real"
