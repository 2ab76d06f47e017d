"""Run a simulator as a child process on a free loopback port: start it, wait for it, stop it.

    with start_child(["--keys", "3", "--latency", "0"]) as simulator:
        AsyncGroq(api_key=simulator.keys[0], base_url=simulator.base_url, max_retries=0)

An attached child ends with its parent, however that ends. A detached one outlives it, and ends after a silence
of `idle_exit_s`; `adopt` finds it again by its ready file. Standard library only.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final, Self
from urllib.parse import urlsplit

from core.simulator.config import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

_ROOT: Final = Path(__file__).resolve().parents[2]
_BOOT: Final = """
import sys
root = sys.argv.pop(1)
sys.path[:1] = [] if root in sys.path[1:] else [root]
from core.simulator.__main__ import main
sys.exit(main())
"""
"""Starts the same code as the parent's, from any working directory and without looking into it."""

_SECRETS: Final = ("GROQ_API_KEY", "GROQ_API_KEYS")
_STOP_S: Final = 5.0
_LONGEST_LINE: Final = 1 << 20


@dataclass(slots=True)
class SimulatorChild:
    """Hold a running simulator process. `base_url` has no path: the groq SDK adds its own."""

    base_url: str
    keys: tuple[str, ...] = field(repr=False)
    organizations: Mapping[str, str] = field(repr=False)
    pid: int
    detached: bool = False
    _process: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop an attached child; a detached one stays."""
        if not self.detached:
            self.stop()

    def stop(self) -> None:
        """End the process, gently at first; harmless if it has ended."""
        if self._process is not None:
            _end(self._process)
            self._process = None
        elif self.is_alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGTERM)
            deadline = time.monotonic() + _STOP_S
            while self.is_alive():
                if time.monotonic() > deadline:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(self.pid, signal.SIGKILL)
                    return
                time.sleep(0.02)

    def is_alive(self) -> bool:
        """Say whether this very simulator answers at its address."""
        if self._process is not None and self._process.poll() is not None:
            return False
        with contextlib.suppress(OSError, SimulatorError):
            return self.stats().get("pid") == self.pid
        return False

    def stats(self, timeout_s: float = 2.0) -> dict[str, Any]:
        """Fetch the counters.

        Raises:
            OSError: if the simulator cannot be reached.
            SimulatorError: if something else answers there.

        """
        address = urlsplit(self.base_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=timeout_s)
        try:
            connection.request("GET", "/simulator/stats")
            found = json.loads(connection.getresponse().read())
        except (http.client.HTTPException, ValueError) as error:
            raise SimulatorError(f"no simulator answers at {self.base_url}: {error}") from error
        finally:
            connection.close()
        if not isinstance(found, dict):
            raise SimulatorError(f"no simulator answers at {self.base_url}")
        return found


def start_child(
    config_args: Sequence[str] = (),
    *,
    detached: bool = False,
    idle_exit_s: float | None = None,
    pid_file: Path | None = None,
    ready_file: Path | None = None,
    timeout_s: float = 30.0,
) -> SimulatorChild:
    """Start a simulator with these command-line options and wait until it listens.

    Args:
        config_args: options as `labeltui simulate` takes them, without `--json`.
        detached: let it outlive this process; give it an `idle_exit_s` then.
        idle_exit_s: seconds without a call after which it ends by itself.
        pid_file: where it keeps its process id while it runs.
        ready_file: where it keeps its address and keys while it runs, for `adopt`.
        timeout_s: how long it may take to listen.

    Raises:
        SimulatorError: if it ends or stays silent instead; the message carries what it said.

    """
    command = [sys.executable, "-c", _BOOT, str(_ROOT), *config_args, "--json"]
    command.append("--detach" if detached else "--watch-parent")
    for option, value in (("--idle-exit", idle_exit_s), ("--pid-file", pid_file), ("--ready-file", ready_file)):
        if value is not None:
            command += [option, str(value)]
    environment = {name: value for name, value in os.environ.items() if name not in _SECRETS}
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and code
            command,
            stdin=subprocess.DEVNULL if detached else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=said,
            env=environment,
            start_new_session=True,
        )
        assert process.stdout is not None
        try:
            ready = _read_ready(process.stdout, timeout_s)
        except BaseException as error:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGTERM)  # a detached one has left `process` behind
            _end(process)
            if not isinstance(error, SimulatorError):
                raise
            said.seek(0)
            words = said.read()[-2_000:].decode("utf-8", "replace").strip().rpartition("simulate: ")[2]
            raise SimulatorError(f"{error}: {words}" if words else str(error)) from error
        finally:
            process.stdout.close()
    if detached:
        process.wait()
    return _child(ready, detached=detached, process=None if detached else process)


def adopt(ready_file: Path) -> SimulatorChild | None:
    """Find a detached simulator by its ready file; None if there is none any more."""
    try:
        child = _child(json.loads(ready_file.read_text(encoding="utf-8")), detached=True, process=None)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return child if child.is_alive() else None


def _child(ready: dict[str, Any], *, detached: bool, process: subprocess.Popen[bytes] | None) -> SimulatorChild:
    return SimulatorChild(
        base_url=ready["base_url"],
        keys=tuple(ready["keys"]),
        organizations=ready["organizations"],
        pid=ready["pid"],
        detached=detached,
        _process=process,
    )


def _read_ready(stdout: IO[bytes], timeout_s: float) -> dict[str, Any]:
    """Read the ready line, at most so long; the rest of the output is not wanted."""
    deadline = time.monotonic() + timeout_s
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ)
        while b"\n" not in line and len(line) < _LONGEST_LINE:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise SimulatorError(f"the simulator did not listen within {timeout_s:g} s")
            chunk = os.read(stdout.fileno(), 65_536)
            if not chunk:
                raise SimulatorError("the simulator ended before it listened")
            line += chunk
    try:
        ready = json.loads(line)
    except ValueError as error:
        raise SimulatorError(f"the simulator said {line[:200]!r} instead of its address") from error
    if not isinstance(ready, dict):
        raise SimulatorError(f"the simulator said {line[:200]!r} instead of its address")
    return ready


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.stdin is not None:
        with contextlib.suppress(OSError):
            process.stdin.close()
    for end in (process.terminate, process.kill):
        if process.poll() is None:
            end()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_STOP_S)
            return
