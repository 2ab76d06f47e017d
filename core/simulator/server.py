"""Serve a simulator on a socket: uvicorn in this process, on the loopback interface and nowhere else.

SIGTERM, SIGINT, a vanished parent or a long silence end it cleanly, with exit code 0. When it listens it says
so in one line, which a parent can read: `{"base_url", "pid", "keys", "organizations"}`.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import json
import os
import signal
import socket
import sys
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from core.files import write_whole
from core.simulator.app import create_app
from core.simulator.config import SimulatorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from core.simulator.app import Simulator
    from core.simulator.config import SimulatorConfig

_WATCH_EVERY_S: Final = 0.25
_KEEP_ALIVE_S: Final = 90
_GRACE_S: Final = 1
_BACKLOG: Final = 512


@dataclass(frozen=True, slots=True)
class ServeOptions:
    """Hold how to serve, apart from what is simulated. Port 0 is any free one; times in seconds.

    `watch_parent` ends the server when its standard input closes or its parent is another; `detach` leaves the
    starting process at once (POSIX only), so that nothing waits for it.
    """

    host: str = "127.0.0.1"
    port: int = 0
    as_json: bool = False
    idle_exit_s: float | None = None
    pid_file: Path | None = None
    ready_file: Path | None = None
    watch_parent: bool = False
    detach: bool = False


def serve(config: SimulatorConfig, options: ServeOptions) -> int:
    """Serve until told to stop; return 0.

    Raises:
        SimulatorError: if the address is not a loopback one or cannot be had, or the configuration is wrong.

    """
    app = create_app(config)
    simulator: Simulator = app.state.simulator
    with contextlib.closing(simulator), contextlib.closing(_listen(options.host, options.port)) as listener:
        if options.detach:
            _leave_parent()
        ready = {
            "base_url": _base_url(options.host, listener),
            "pid": os.getpid(),
            "keys": list(config.keys),
            "organizations": dict(config.keys),
        }
        settings = uvicorn.Config(
            app,
            access_log=False,
            log_config=None,
            log_level="critical",
            lifespan="off",
            ws="none",
            server_header=False,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=_GRACE_S,
        )
        server = _Server(settings, on_ready=lambda: _announce(ready, options))
        try:
            with _quiet_signals():
                asyncio.run(_serve(server, listener, simulator, options))
        finally:
            for path in (options.pid_file, options.ready_file):
                if path is not None:
                    _unlink_own(path)
    return 0


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, *, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_ready()


async def _serve(server: _Server, listener: socket.socket, simulator: Simulator, options: ServeOptions) -> None:
    watch = asyncio.create_task(_watch(server, simulator, options))
    try:
        await server.serve(sockets=[listener])
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch


async def _watch(server: _Server, simulator: Simulator, options: ServeOptions) -> None:
    """Stop the server when nothing needs it any more."""
    parent = os.getppid()
    if options.watch_parent:
        loop = asyncio.get_running_loop()
        threading.Thread(target=_wait_for_closed_input, args=(loop, server), daemon=True).start()
    while not server.should_exit:
        await asyncio.sleep(_WATCH_EVERY_S)
        orphaned = options.watch_parent and os.getppid() != parent
        idle = options.idle_exit_s is not None and simulator.idle_s >= options.idle_exit_s
        if orphaned or idle:
            server.should_exit = True


def _wait_for_closed_input(loop: asyncio.AbstractEventLoop, server: _Server) -> None:
    # os.read takes no lock of sys.stdin, which a daemon thread must not hold when the interpreter ends.
    with contextlib.suppress(OSError):
        while os.read(0, 4_096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop may have ended first
        loop.call_soon_threadsafe(setattr, server, "should_exit", True)  # noqa: FBT003 - setattr's own shape


def _listen(host: str, port: int) -> socket.socket:
    try:
        address = ipaddress.ip_address("127.0.0.1" if host == "localhost" else host)
    except ValueError:
        address = None
    if address is None or not address.is_loopback:
        raise SimulatorError(f"the simulator serves this machine only: {host!r} is not a loopback address")
    family = socket.AF_INET6 if address.version == 6 else socket.AF_INET
    # With the protocol named, asyncio turns Nagle's algorithm off: else every answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((str(address), port))
        listener.listen(_BACKLOG)
    except (OSError, OverflowError) as error:
        listener.close()
        raise SimulatorError(f"port {port} of {host} cannot be had ({error}); --port 0 takes a free one") from error
    return listener


def _base_url(host: str, listener: socket.socket) -> str:
    port = listener.getsockname()[1]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _leave_parent() -> None:
    """Go on in a child of our own, so that whoever started us (in a new session) need not wait for it."""
    if not hasattr(os, "fork"):
        raise SimulatorError("a detached simulator needs a POSIX system")
    if os.fork():
        os._exit(0)


def _announce(ready: dict[str, Any], options: ServeOptions) -> None:
    line = json.dumps(ready, separators=(",", ":"))
    if options.pid_file is not None:
        write_whole(options.pid_file, f"{ready['pid']}\n")
    if options.ready_file is not None:
        write_whole(options.ready_file, line + "\n")
    if options.as_json:
        sys.stdout.write(line + "\n")
    else:
        sys.stdout.write(f"Simulator (not Groq; its labels are invented) at {ready['base_url']}\n")
        for key, organization in ready["organizations"].items():
            sys.stdout.write(f"  key {key}  organization {organization}\n")
        sys.stdout.write(f"  counters {ready['base_url']}/simulator/stats\n")
    sys.stdout.flush()
    if options.detach:
        # Nobody may be left holding our output: a pipe without a reader would end us at the next line.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.close(nowhere)


def _unlink_own(path: Path) -> None:
    """Remove a file that names this process; a successor may have written its own by now."""
    with contextlib.suppress(OSError, ValueError):
        named = json.loads(path.read_text(encoding="utf-8"))
        if (named["pid"] if isinstance(named, dict) else named) == os.getpid():
            path.unlink()


@contextlib.contextmanager
def _quiet_signals() -> Iterator[None]:
    """Let uvicorn's repeat of a signal after its clean shutdown do nothing."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = (signal.SIGTERM, signal.SIGINT)
    before = {each: signal.signal(each, lambda *_: None) for each in signals}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
