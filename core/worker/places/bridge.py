"""Run the process between a worker and its places, ``python -m core.worker.places.bridge``, and talk to it.

It reads frames from standard input and writes frames to standard output: four bytes of length, then a pickled value of
:mod:`core.worker.places.wire`. When its input ends, as it does when the worker is killed, it gives the places up.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import os
import pickle
import socket
import struct
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import BinaryIO, NoReturn

import core
from core.errors import UsageError
from core.model import PlacesWanted
from core.worker.places.fleet import Connect, Link
from core.worker.places.keeper import Keeper, say_alive
from core.worker.places.wire import Give, Keys, Setup, Unreachable

_LENGTH = struct.Struct(">I")
CLOSES_WITHIN_S = 10.0
"""Ray takes a second or two to end its own processes."""

CONNECTED_WITHIN_S = 5.0
OPENED_WITHIN_S = 120.0
"""A cluster on a busy machine may take so long to begin; then it is tried anew."""

_HEARD_S = 0.2
"""Seconds that the cluster is given to end its actors."""

_SECRET_NAMES = ("API_KEY", "API_KEYS", "SECRET", "PASSWORD")


def check_places(wanted: PlacesWanted) -> None:
    """Refuse what cannot be begun.

    Raises:
        UsageError: Ray is not installed, or the address is wrong.
    """
    if importlib.util.find_spec("ray") is None:
        raise UsageError(
            "Places need Ray, which is not installed here: `pip install 'labeltui[ray]'` brings it."
            " Without --ray the worker makes its calls itself."
        )
    host, _, port = wanted.address.rpartition(":")
    if wanted.address and not (host and port.isdigit()):
        raise UsageError(f"{wanted.address!r} is no address of a Ray head: give it as host:port, as in 10.0.0.5:6379.")


# -- the worker's end --------------------------------------------------------------------------------------------------


def bridge_to(wanted: PlacesWanted, environment: Mapping[str, str], secrets: Sequence[str]) -> Connect:
    """Return what starts the process and opens a link to it; no ``secret`` is left in its environment."""
    return partial(_connect, wanted, without_secrets(environment, secrets))


def without_secrets(environment: Mapping[str, str], secrets: Sequence[str]) -> dict[str, str]:
    """Return an environment that holds no key: Ray's own processes inherit it, and show it to whoever asks them."""
    return {
        name: value
        for name, value in environment.items()
        if not name.upper().endswith(_SECRET_NAMES) and not any(secret and secret in value for secret in secrets)
    }


async def _connect(wanted: PlacesWanted, environment: dict[str, str], hear: Callable[[object], None]) -> Link:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-P",
        "-m",
        "core.worker.places.bridge",
        wanted.address,
        str(wanted.places),
        "trust" if wanted.trust_network else "",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={**environment, "PYTHONPATH": os.pathsep.join(_paths(environment))},
        start_new_session=True,
    )
    return _ProcessLink(process, hear)


def _paths(environment: Mapping[str, str]) -> list[str]:
    root = str(Path(core.__file__).resolve().parent.parent)
    return [each for each in (root, environment.get("PYTHONPATH", "")) if each]


class _ProcessLink:
    """Link to the process."""

    def __init__(self, process: asyncio.subprocess.Process, hear: Callable[[object], None]) -> None:
        self._process = process
        self._reading = asyncio.create_task(self._read(hear))

    def send(self, message: object) -> None:
        """Write a frame; where the process is gone, :meth:`ended` says so."""
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, RuntimeError):
                self._process.stdin.write(_frame(message))

    async def ended(self) -> None:
        """Return when the process has closed its output."""
        await asyncio.shield(self._reading)

    async def close(self) -> None:
        """Close its input, and wait until it has ended; kill it where it does not."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        try:
            async with asyncio.timeout(CLOSES_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)

    async def _read(self, hear: Callable[[object], None]) -> None:
        reader = self._process.stdout
        assert reader is not None
        with contextlib.suppress(asyncio.IncompleteReadError, OSError):
            while True:
                (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
                hear(pickle.loads(await reader.readexactly(length)))  # noqa: S301 - a process of our own wrote it


def _frame(message: object) -> bytes:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(data)) + data


# -- the process's end -------------------------------------------------------------------------------------------------


def main() -> NoReturn:
    """Keep places until the input ends."""
    address, places, trust = sys.argv[1:4]
    wanted = PlacesWanted(address, int(places), trust_network=bool(trust))
    frames = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)  # whatever a library prints must not come between frames
    say = partial(_say, frames, threading.Lock())
    code = 1
    try:
        code = asyncio.new_event_loop().run_until_complete(_serve(wanted, say))  # nothing of it is waited for
    finally:
        # A cluster of others notices that this process is gone, and ends its actors; one of our own has to be ended.
        if not wanted.address:
            threading.Timer(CLOSES_WITHIN_S / 2, os._exit, (1,)).start()
            with contextlib.suppress(Exception):
                from core.worker.places.ray_cluster import close  # noqa: PLC0415 - it was imported by now

                close()
        os._exit(code)


async def _serve(wanted: PlacesWanted, say: Callable[[object], None]) -> int:
    alive = asyncio.create_task(say_alive(say))
    try:
        return await _serve_until_gone(wanted, say)
    finally:
        alive.cancel()


async def _serve_until_gone(wanted: PlacesWanted, say: Callable[[object], None]) -> int:
    await asyncio.sleep(0)  # let it be said before the imports that this process is there
    if wanted.address and (why := await _why_unreachable(wanted.address)):
        say(Unreachable(f"no Ray head at {wanted.address}: {why}"))
        return 1
    from core.worker.places.ray_cluster import RayCluster  # noqa: PLC0415 - Ray, for this process alone

    messages: asyncio.Queue[Setup | Keys | Give] = asyncio.Queue()
    over = asyncio.Event()
    reading = (sys.stdin.buffer, asyncio.get_running_loop(), messages, over)
    threading.Thread(target=_read_frames, args=reading, daemon=True).start()
    gone = asyncio.create_task(over.wait())  # the worker is: nothing waits for this process any more
    opening = asyncio.create_task(asyncio.to_thread(RayCluster.open, wanted))
    await asyncio.wait([opening, gone], timeout=OPENED_WITHIN_S, return_when=asyncio.FIRST_COMPLETED)
    if gone.done():
        return 0
    cluster = opening.result() if opening.done() else f"Ray did not answer for {OPENED_WITHIN_S:g} s"
    if isinstance(cluster, str):
        say(Unreachable(cluster))
        return 1
    keeper = Keeper(cluster, wanted.places, say)
    jobs = [asyncio.create_task(keeper.run()), asyncio.create_task(_pass_on(messages, keeper))]
    done, _ = await asyncio.wait([*jobs, gone], return_when=asyncio.FIRST_COMPLETED)
    if gone not in done:
        for job in done:
            job.result()
        return 1
    for job in jobs:
        job.cancel()
    await asyncio.wait(jobs, timeout=CLOSES_WITHIN_S / 5)
    if wanted.address:
        await asyncio.sleep(_HEARD_S)
    return 0


async def _pass_on(messages: asyncio.Queue[Setup | Keys | Give], keeper: Keeper) -> None:
    while True:
        keeper.hear(await messages.get())


async def _why_unreachable(address: str) -> str:
    """Return why nothing can be connected to at an address, or nothing: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    try:
        async with asyncio.timeout(CONNECTED_WITHIN_S):
            _, writer = await asyncio.open_connection(host.strip("[]"), int(port))
    except TimeoutError:
        return f"no connection within {CONNECTED_WITHIN_S:g} s"
    except ConnectionRefusedError:
        return "nothing listens there"
    except socket.gaierror:
        return "no machine of that name is known"
    except OSError as error:
        return os.strerror(error.errno) if error.errno else type(error).__name__
    writer.close()
    return ""


def _read_frames(
    source: BinaryIO,
    loop: asyncio.AbstractEventLoop,
    messages: asyncio.Queue[Setup | Keys | Give],
    over: asyncio.Event,
) -> None:
    """Read frames in a thread until the input ends."""
    with contextlib.suppress(OSError, RuntimeError):
        while len(head := source.read(_LENGTH.size)) == _LENGTH.size:
            data = source.read(_LENGTH.unpack(head)[0])
            loop.call_soon_threadsafe(messages.put_nowait, pickle.loads(data))  # noqa: S301 - the worker wrote it
    with contextlib.suppress(RuntimeError):
        loop.call_soon_threadsafe(over.set)


def _say(frames: BinaryIO, lock: threading.Lock, message: object) -> None:
    """Write a frame; the worker may be gone, which the end of the input shows."""
    data = memoryview(_frame(message))
    with lock, contextlib.suppress(OSError):
        while data:
            data = data[frames.write(data) :]


if __name__ == "__main__":
    main()
