"""What is called of Ray, with plain values in its place: how a cluster is begun, what is said where it is gone."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.model import PlacesWanted
from core.worker.places import ray_cluster
from core.worker.places.asker import Asker
from core.worker.places.keeper import PlaceGoneError
from core.worker.places.ray_cluster import RayCluster, RayPlace, is_loopback, prepare_environment, without_grammar
from core.worker.places.wire import Setup

FAR = PlacesWanted("10.0.0.5:6379", places=4)


class Ray:
    """Keeps what it was asked for; ``error`` is raised by whatever it is asked."""

    def __init__(self, *, free: float = 0.0, cpus: float = 0.0, alive: tuple[bool, ...] = (True,)) -> None:
        self.free, self.cpus, self.alive = free, cpus, alive
        self.asked: list[Any] = []
        self.error: Exception | None = None

    def _note(self, *what: Any) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error

    def remote(self, kind: type) -> Any:
        self._note("class", kind)

        def options(**given: Any) -> Any:
            self._note("options", given)
            return SimpleNamespace(remote=lambda: "actor")

        return SimpleNamespace(options=options)

    def init(self, **options: Any) -> None:
        self._note("init", options)

    def shutdown(self) -> None:
        self._note("shutdown")

    def kill(self, actor: Any) -> None:
        self._note("kill", actor)

    def nodes(self) -> list[dict[str, Any]]:
        self._note("nodes")
        return [{"Alive": alive} for alive in self.alive]

    def available_resources(self) -> dict[str, float]:
        self._note("free")
        return {"CPU": self.free} if self.free else {}

    def cluster_resources(self) -> dict[str, float]:
        self._note("all")
        return {"CPU": self.cpus} if self.cpus else {}


@pytest.fixture
def ray(monkeypatch: pytest.MonkeyPatch) -> Ray:
    """A Ray that can be imported, an environment of its own, and no cluster begun."""
    ray = Ray()
    monkeypatch.setitem(sys.modules, "ray", ray)
    monkeypatch.setitem(sys.modules, "rfc3987_syntax", sys.modules.get("rfc3987_syntax"))
    monkeypatch.delitem(sys.modules, "rfc3987_syntax")
    monkeypatch.setattr(ray_cluster, "_folder", None)
    monkeypatch.setattr(ray_cluster.os, "environ", {"PYTHONPATH": "/elsewhere"})  # type: ignore[attr-defined]
    return ray


def test_a_cluster_of_this_machine_is_begun_small_and_ended_with_its_files(
    ray: Ray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A CPU for each place, no dashboard, the smallest store, this machine's own address, and a folder that goes."""
    folder = tmp_path / "ray"
    prefixes: list[str] = []

    def made(prefix: str) -> str:
        prefixes.append(prefix)
        folder.mkdir()
        return str(folder)

    monkeypatch.setattr(ray_cluster.tempfile, "mkdtemp", made)  # type: ignore[attr-defined]
    cluster = RayCluster.open(PlacesWanted(places=3))
    assert isinstance(cluster, RayCluster)
    assert prefixes == ["labeltui-ray-"]
    assert ray.asked == [
        (
            "init",
            {
                "log_to_driver": False, "logging_level": "error", "include_dashboard": False, "num_cpus": 3,
                "object_store_memory": 83_886_080, "_temp_dir": str(folder), "_node_ip_address": "127.0.0.1",
            },
        ),
        ("class", Asker),
    ]  # fmt: skip
    assert os.environ["PYTHONPATH"] == f"{folder / 'without'}{os.pathsep}/elsewhere"
    assert "raise ImportError" in (folder / "without" / "rfc3987_syntax.py").read_text()
    assert "rfc3987_syntax" in sys.modules
    assert not sys.modules["rfc3987_syntax"]
    assert os.environ["RAY_AUTH_MODE"] == "token"
    ray_cluster.close()
    assert ray.asked[-1] == ("shutdown",)
    assert not folder.exists()


def test_a_cluster_elsewhere_is_connected_to(ray: Ray, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its address alone; leaving it removes nothing."""
    os.environ["RAY_AUTH_MODE"] = "token"
    assert isinstance(RayCluster.open(FAR), RayCluster)
    assert ray.asked[0] == ("init", {"log_to_driver": False, "logging_level": "error", "address": "10.0.0.5:6379"})
    assert os.environ["PYTHONPATH"] == "/elsewhere"
    removed: list[Any] = []
    monkeypatch.setattr(ray_cluster.shutil, "rmtree", lambda *given, **_: removed.append(given))  # type: ignore[attr-defined]
    ray_cluster.close()
    assert ray.asked[-1] == ("shutdown",)
    monkeypatch.delitem(sys.modules, "ray")
    ray_cluster.close()
    assert removed == []


def test_a_cluster_that_must_not_be_used_is_not_connected_to(ray: Ray) -> None:
    """It asks for no token, and others may reach it."""
    said = RayCluster.open(FAR)
    assert isinstance(said, str)
    assert said.startswith("10.0.0.5:6379 is another machine, and RAY_AUTH_MODE is not token")
    assert ray.asked == []
    assert set(os.environ) - {"PYTEST_CURRENT_TEST"} == {"PYTHONPATH"}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (PlacesWanted("127.0.0.1:6379"), "the Ray head at 127.0.0.1:6379 cannot be reached (ValueError: no)"),
        (PlacesWanted(), "Ray on this machine cannot be reached (ValueError: no)"),
    ],
)
def test_a_cluster_that_cannot_be_reached_is_named(ray: Ray, wanted: PlacesWanted, said: str) -> None:
    """With what Ray says."""
    ray.error = ValueError("no\nand a trace")
    assert RayCluster.open(wanted) == said
    ray.error = None
    ray_cluster.close()


def test_a_place_is_an_actor_with_a_cpu_that_ray_never_makes_again() -> None:
    """Spread over the nodes; where Ray makes none the place is gone."""
    ray = Ray()
    cluster = RayCluster(ray, FAR)
    assert isinstance(cluster.make("place-1"), RayPlace)
    assert ray.asked[1:] == [
        ("options", {"num_cpus": 1, "max_restarts": 0, "max_task_retries": 0, "scheduling_strategy": "SPREAD"})
    ]
    ray.error = ConnectionError("lost")
    with pytest.raises(PlaceGoneError, match=r"^ConnectionError: lost$"):
        cluster.make("place-1")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("alive", "gone"),
    [
        ((True,), ""),
        ((False, True), ""),
        ((False, False), "no node of the Ray cluster is alive"),
        ((), "no node of the Ray cluster is alive"),
    ],
)
async def test_a_cluster_without_a_node_is_gone(alive: tuple[bool, ...], gone: str) -> None:
    """One that is alive is enough."""
    assert await RayCluster(Ray(alive=alive), FAR).why_gone() == gone


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (FAR, "the Ray head at 10.0.0.5:6379 is lost (ValueError: no)"),
        (PlacesWanted(), "the Ray head is lost (ValueError: no)"),
    ],
)
async def test_a_head_that_answers_with_an_error_is_lost(wanted: PlacesWanted, said: str) -> None:
    """Its address is named where it has one."""
    ray = Ray()
    cluster = RayCluster(ray, wanted)
    ray.error = ValueError("no")
    assert await cluster.why_gone() == said
    if wanted.address:
        with pytest.raises(PlaceGoneError, match=r"is lost \(ValueError: no\)"):
            await cluster.why_waiting()
    else:
        assert await cluster.why_waiting() == ""


@pytest.mark.asyncio
async def test_a_head_that_says_nothing_is_lost_after_three_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is asked in a thread, and not waited for any longer."""
    asked: list[float] = []

    async def within(most_s: float, answer: Any) -> Any:
        asked.append(most_s)
        await answer
        raise PlaceGoneError("late")

    monkeypatch.setattr(ray_cluster, "within", within)
    assert await RayCluster(Ray(), FAR).why_gone() == "the Ray head at 10.0.0.5:6379 is lost (no answer for 3 s)"
    assert asked == [3.0]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("free", "cpus", "why"),
    [
        (1.0, 1.0, ""),
        (2.0, 8.0, ""),
        (0.9, 8.0, "it starts, or waits for one of 8 CPUs"),
        (0.0, 4.0, "it starts, or waits for one of 4 CPUs"),
        (0.0, 3.0, "3 CPUs for 4 places: add a Ray node"),
        (0.0, 1.0, "1 CPU for 4 places: add a Ray node"),
        (0.0, 0.0, "no CPU for 4 places: add a Ray node"),
    ],
)
async def test_why_a_place_waits(free: float, cpus: float, why: str) -> None:
    """A free CPU is enough; a cluster of this machine has one for each place."""
    assert await RayCluster(Ray(free=free, cpus=cpus), FAR).why_waiting() == why
    assert await RayCluster(Ray(free=free, cpus=cpus), PlacesWanted(places=4)).why_waiting() == ""


class Actor:
    """Answers each method with its name and what it was given."""

    error: BaseException | None = None

    def __getattr__(self, name: str) -> SimpleNamespace:
        async def answer(*given: Any) -> Any:
            if self.error is not None:
                raise self.error
            return (name, *given)

        return SimpleNamespace(remote=answer)


@pytest.mark.asyncio
async def test_each_call_of_a_place_reaches_its_actor(monkeypatch: pytest.MonkeyPatch) -> None:
    """With plain values: mappings as dictionaries, sequences as tuples."""
    place: Any = RayPlace(Ray(), Actor())
    setup = Setup("{}", "v1", None)
    assert await place.hello() == ("hello",)
    assert await place.prepare(setup) == ("prepare", setup)
    assert await place.take(1.5) == ("take", 1.5)
    given: list[Any] = []

    async def answer(came: Any) -> None:
        given.append(await came)

    monkeypatch.setattr(ray_cluster, "_answer", answer)
    await place.set_keys({"a": "s"})
    await place.give(["head"], ["order"])
    assert given == [("set_keys", {"a": "s"}), ("give", ("head",), ("order",))]


@pytest.mark.asyncio
async def test_whatever_ray_raises_means_that_the_place_is_gone() -> None:
    """Except that the call is no longer wanted."""
    actor = Actor()
    place = RayPlace(Ray(), actor)
    actor.error = ValueError("no")
    with pytest.raises(PlaceGoneError, match=r"^ValueError: no$"):
        await place.hello()
    actor.error = asyncio.CancelledError()
    with pytest.raises(asyncio.CancelledError):
        await place.hello()


@pytest.mark.parametrize("error", [None, ConnectionError("lost")])
def test_an_actor_is_ended_by_a_thread_that_nobody_waits_for(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    """Ray may hang there, or know the actor no more."""
    made: list[dict[str, Any]] = []

    def thread(**given: Any) -> SimpleNamespace:
        made.append(given)
        return SimpleNamespace(start=given["target"])

    monkeypatch.setattr(threading, "Thread", thread)
    ray = Ray()
    ray.error = error
    RayPlace(ray, "actor").kill()
    assert ray.asked == [("kill", "actor")]
    assert made[0]["daemon"] is True


@pytest.mark.parametrize(
    ("wanted", "mode", "used"),
    [
        (PlacesWanted(), "", True),
        (PlacesWanted("localhost:1"), "", True),
        (PlacesWanted("10.0.0.5:1"), "", False),
        (PlacesWanted("10.0.0.5:1"), "other", False),
        (PlacesWanted("10.0.0.5:1"), "token", True),
        (PlacesWanted("10.0.0.5:1", trust_network=True), "", True),
    ],
)
def test_a_cluster_that_others_reach_needs_a_token_or_trust(wanted: PlacesWanted, mode: str, used: bool) -> None:
    """Only a cluster of this process gets a token of its own; nothing is set for one that is refused."""
    environment = {"RAY_AUTH_MODE": mode} if mode else {}
    before = dict(environment)
    assert (prepare_environment(wanted, environment) == "") is used
    token = environment.pop("RAY_AUTH_TOKEN", "")
    assert len(token) == (64 if not wanted.address else 0)
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1", "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0"}
    own = {"RAY_AUTH_MODE": "token"} if not wanted.address else {}
    assert environment == ({**before, **quiet, **own} if used else before)


@pytest.mark.parametrize(("before", "after"), [({"PYTHONPATH": "/a"}, ":/a"), ({"PYTHONPATH": ""}, ""), ({}, "")])
def test_a_grammar_that_takes_seconds_cannot_be_imported(tmp_path: Path, before: dict[str, str], after: str) -> None:
    """A module in its place comes first on the path."""
    without_grammar(tmp_path / "without", before)
    assert before["PYTHONPATH"] == f"{tmp_path / 'without'}{after}"
    module = tmp_path / "without" / "rfc3987_syntax.py"
    with pytest.raises(ImportError, match="left out"):
        exec(module.read_text(), {})
    assert stat.S_ISREG(module.stat().st_mode)


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("localhost:1", True),
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("10.0.0.5:1", False),
        ("example.org:1", False),
        ("", False),
    ],
)
def test_addresses_that_no_other_machine_reaches(address: str, own: bool) -> None:
    """By name and by number."""
    assert is_loopback(address) is own


class ActorDiedError(Exception):
    """As Ray has it."""


class RayActorError(Exception):
    """As Ray has it."""


class NodeDiedError(Exception):
    """As Ray has it."""


class RayTaskError(Exception):
    """As Ray has it."""


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ActorDiedError("trace"), "its process or its node is gone"),
        (RayActorError("trace"), "its process or its node is gone"),
        (NodeDiedError("trace"), "its process or its node is gone"),
        (RayTaskError("Dear Sir"), "RayTaskError"),
        (type("RayTaskError(ValueError)", (Exception,), {})("Dear Sir"), "RayTaskError(ValueError)"),
        (type("Odd(ValueError)", (Exception,), {})("Dear Sir"), "Odd(ValueError)"),
        (ValueError("  first\nsecond"), "ValueError: first"),
        (ValueError("x" * 201), "ValueError: " + "x" * 200),
        (ValueError(), "ValueError"),
    ],
)
def test_what_is_said_of_an_error_of_ray_holds_no_text(error: Exception, words: str) -> None:
    """Its kind, and the first line of what Ray itself says."""
    assert ray_cluster._words(error) == words
