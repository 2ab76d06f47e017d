"""Make places as actors of a Ray cluster: the only module that imports Ray, in the process that keeps places.

Actors are made with no argument and get keys by a call when they are ready: Ray keeps what an actor was made with for
making it again. They are never restarted by Ray, so that the keeper notices each start of a place.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import os
import secrets
import shutil
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from core.model import PlacesWanted
from core.worker.places.asker import Asker
from core.worker.places.keeper import PlaceGoneError, within
from core.worker.places.wire import Head, Hello, Order, Setup, Taken

T = TypeVar("T")

_LOOKED_WITHIN_S = 3.0
_STORE_BYTES = 80 * 1024 * 1024
"""The least that Ray takes for its store of objects, which is not used."""

_folder: str | None = None


class RayCluster:
    """Connect to a Ray cluster as its driver."""

    def __init__(self, ray: Any, wanted: PlacesWanted) -> None:
        self._ray = ray
        self._wanted = wanted
        self._actor = ray.remote(Asker)

    @classmethod
    def open(cls, wanted: PlacesWanted) -> RayCluster | str:
        """Connect to a cluster, or start one on this machine; return why that cannot be where it cannot."""
        global _folder  # noqa: PLW0603 - one cluster a process, as Ray has it
        if complaint := prepare_environment(wanted, os.environ):
            return complaint
        options: dict[str, Any] = {"log_to_driver": False, "logging_level": "error"}
        if wanted.address:
            options["address"] = wanted.address
        else:
            _folder = tempfile.mkdtemp(prefix="labeltui-ray-")
            without_grammar(Path(_folder) / "without", os.environ)
            options |= {
                "include_dashboard": False,
                "num_cpus": wanted.places,
                "object_store_memory": _STORE_BYTES,
                "_temp_dir": _folder,
                "_node_ip_address": "127.0.0.1",
            }
        sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]
        import ray  # noqa: PLC0415 - the extra, which this process alone needs

        try:
            ray.init(**options)
        except Exception as error:  # noqa: BLE001 - Ray raises whatever its processes end with
            where = f"the Ray head at {wanted.address}" if wanted.address else "Ray on this machine"
            return f"{where} cannot be reached ({_words(error)})"
        return cls(ray, wanted)

    def make(self, name: str) -> RayPlace:  # noqa: ARG002 - Ray has names of its own
        """Ask for an actor; it is made as soon as a node has a free CPU."""
        try:
            actor = self._actor.options(
                num_cpus=1, max_restarts=0, max_task_retries=0, scheduling_strategy="SPREAD"
            ).remote()
        except Exception as error:  # noqa: BLE001 - whatever Ray raises
            raise PlaceGoneError(_words(error)) from None
        return RayPlace(self._ray, actor)

    async def why_gone(self) -> str:
        """Return why the cluster is gone, or nothing."""
        nothing: list[dict[str, Any]] = []
        nodes, lost = await self._look(self._ray.nodes, nothing)
        return lost or ("" if any(node["Alive"] for node in nodes) else "no node of the Ray cluster is alive")

    async def why_waiting(self) -> str:
        """Return that the nodes have too few CPUs where that is so, or that none is free: every place takes one.

        One that starts has its CPU already, which looks the same as one that waits for what others took.
        """
        if not self._wanted.address:
            return ""  # the cluster was started with a CPU for each
        (free, cpus), lost = await self._look(self._cpus, (0.0, 0.0))
        if lost:
            raise PlaceGoneError(lost)
        if free >= 1:
            return ""
        return why_no_cpu(cpus, self._wanted.places)

    def _cpus(self) -> tuple[float, float]:
        """Return how many CPUs are free, and how many there are."""
        return self._ray.available_resources().get("CPU", 0.0), self._ray.cluster_resources().get("CPU", 0.0)

    async def _look(self, question: Callable[[], T], otherwise: T) -> tuple[T, str]:
        """Return what the head answers, or ``otherwise`` and why it does not, within a few seconds."""
        try:
            return await within(_LOOKED_WITHIN_S, asyncio.to_thread(question)), ""
        except PlaceGoneError:
            said = f"no answer for {_LOOKED_WITHIN_S:g} s"
        except Exception as error:  # noqa: BLE001 - whatever it is, the cluster does not answer
            said = _words(error)
        where = f" at {self._wanted.address}" if self._wanted.address else ""
        return otherwise, f"the Ray head{where} is lost ({said})"


class RayPlace:
    """Call an actor."""

    def __init__(self, ray: Any, actor: Any) -> None:
        self._ray = ray
        self._actor = actor

    async def hello(self) -> Hello:
        """Return who it is."""
        return await _answer(self._actor.hello.remote())

    async def prepare(self, setup: Setup) -> str:
        """Let it work by a version of the task."""
        return await _answer(self._actor.prepare.remote(setup))

    async def set_keys(self, secrets: Mapping[str, str]) -> None:
        """Let it ask with these keys."""
        await _answer(self._actor.set_keys.remote(dict(secrets)))

    async def give(self, heads: Sequence[Head], orders: Sequence[Order]) -> None:
        """Let it make calls."""
        await _answer(self._actor.give.remote(tuple(heads), tuple(orders)))

    async def take(self, wait_s: float) -> Taken:
        """Return what came of calls."""
        return await _answer(self._actor.take.remote(wait_s))

    def kill(self) -> None:
        """End the actor, in a thread: Ray waits there while its head does not answer."""
        threading.Thread(target=self._kill, daemon=True).start()

    def _kill(self) -> None:
        with contextlib.suppress(Exception):  # it is gone, or the cluster is
            self._ray.kill(self._actor)


async def _answer(answer: Awaitable[T]) -> T:
    """Return what an actor answers; whatever Ray raises means that the place cannot be used any more."""
    try:
        return await answer
    except asyncio.CancelledError:
        raise
    except Exception as error:  # noqa: BLE001 - whatever Ray raises
        raise PlaceGoneError(_words(error)) from None


def close() -> None:
    """Leave the cluster, and end it where it was started here."""
    if "ray" in sys.modules:
        sys.modules["ray"].shutdown()
    if _folder is not None:
        shutil.rmtree(_folder, ignore_errors=True)


def prepare_environment(wanted: PlacesWanted, environment: Any) -> str:
    """Set what Ray reads when it is imported; return why the cluster must not be used, or nothing.

    Reporting home is off. A cluster that others can reach must ask for a token: whoever reaches its ports can run
    programs on its nodes.
    """
    mode = environment.get("RAY_AUTH_MODE", "")
    if wanted.address and not wanted.trust_network and not is_loopback(wanted.address) and mode != "token":
        return (
            f"{wanted.address} is another machine, and RAY_AUTH_MODE is not token, so whoever reaches the cluster's"
            " ports may read keys and texts. Set RAY_AUTH_MODE=token here and where the head and the nodes are"
            " started, or give --trust-network where the network is yours alone"
        )
    environment["RAY_USAGE_STATS_ENABLED"] = "0"
    environment["RAY_DISABLE_IMPORT_WARNING"] = "1"
    environment["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
    if not wanted.address:
        environment["RAY_AUTH_MODE"] = "token"
        environment["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    return ""


def without_grammar(folder: Path, environment: Any) -> None:
    """Keep jsonschema, which Ray's own processes import, from compiling a grammar for 2.3 s of CPU in each of them.

    Ray waits 15 s for its agent, and gives up where the grammar takes longer; none of its schemas has such a format.
    A module that cannot be imported stands in ``folder`` in place of the grammar, in front of their path.
    """
    folder.mkdir()
    (folder / "rfc3987_syntax.py").write_text('raise ImportError("left out: it takes seconds to import")\n', "utf-8")
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (str(folder), environment.get("PYTHONPATH", ""))))


def why_no_cpu(cpus: float, places: int) -> str:
    """Return why a place is not made yet, where no CPU of the cluster is free."""
    if cpus >= places:
        return f"it starts, or waits for one of {cpus:g} CPUs"
    have = "no CPU" if not cpus else f"{cpus:g} CPU{'' if cpus == 1 else 's'}"
    return f"{have} for {places} place{'' if places == 1 else 's'}: add a Ray node"


def is_loopback(address: str) -> bool:
    """Return whether an address (host:port) is this machine's own, which no other machine reaches."""
    host = address.rpartition(":")[0].strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _words(error: BaseException) -> str:
    """Return what kind of error it is, and its first line: the rest is a trace, in which texts may stand."""
    kind = type(error).__name__
    if kind.startswith(("Actor", "RayActor", "NodeDied")):
        return "its process or its node is gone"
    if "TaskError" in kind or "(" in kind:
        return kind
    first = str(error).strip().partition("\n")[0][:200]
    return f"{kind}: {first}" if first else kind
