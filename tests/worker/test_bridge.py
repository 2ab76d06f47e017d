"""The process between a worker and its places, both ends of it without the process: frames, orders, how each ends."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import pickle
import sys
import threading
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import core
from core.errors import UsageError
from core.model import PlacesWanted
from core.worker.places import bridge
from core.worker.places.ray_cluster import RayCluster
from core.worker.places.wire import Keys, Unreachable

ROOT = str(Path(core.__file__).resolve().parent.parent)


def frame(message: object) -> bytes:
    data = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return len(data).to_bytes(4, "big") + data


# -- what is asked for ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", ["", "10.0.0.5:6379", "[::1]:6379"])
def test_places_at_an_address_can_be_begun(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """On this machine, or at a head that is named by host and port."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object() if name == "ray" else None)
    bridge.check_places(PlacesWanted(address))


@pytest.mark.parametrize("address", ["10.0.0.5", ":6379", "host:", "host:port", "6379"])
def test_an_address_without_host_or_port_is_refused(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """It is quoted, with one that would do."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    with pytest.raises(UsageError, match=r"'.*' is no address of a Ray head: give it as host:port"):
        bridge.check_places(PlacesWanted(address))


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("GROQ_API_KEY", "x", False),
        ("my_api_keys", "x", False),
        ("CLIENT_SECRET", "x", False),
        ("DB_PASSWORD", "x", False),
        ("API_KEY_FILE", "x", True),
        ("NOTES", "it is gsk_1!", False),
        ("NOTES", "gsk_2", True),
    ],
)
def test_variables_that_may_hold_a_key_are_left_out(name: str, value: str, kept: bool) -> None:
    """By their name or by what they hold; an empty secret is in every text, and leaves nothing out."""
    assert (name in bridge.without_secrets({name: value}, ["", "gsk_1"])) is kept


# -- the worker's end -------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize(("trust", "word"), [(True, "trust"), (False, "")])
async def test_the_process_is_begun_with_its_places_and_without_keys(
    monkeypatch: pytest.MonkeyPatch, trust: bool, word: str
) -> None:
    """In a session of its own, so that no interruption of the terminal reaches it."""
    begun: list[Any] = []

    async def begin(*words: str, **given: Any) -> str:
        begun.append((words, given))
        return "process"

    monkeypatch.setattr(asyncio, "create_subprocess_exec", begin)
    monkeypatch.setattr(bridge, "_ProcessLink", lambda *given: given)
    connect = bridge.bridge_to(
        PlacesWanted("h:1", 3, 4, trust), {"A": "b", "PYTHONPATH": "/p", "X_API_KEY": "k", "Y": "gsk_1"}, ["gsk_1"]
    )
    link: Any = await connect(print)
    assert link == ("process", print)
    ((words, given),) = begun
    assert words == (sys.executable, "-P", "-m", "core.worker.places.bridge", "h:1", "3", word)
    assert given == {
        "stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE, "stderr": asyncio.subprocess.DEVNULL,
        "env": {"A": "b", "PYTHONPATH": f"{ROOT}{os.pathsep}/p"}, "start_new_session": True,
    }  # fmt: skip
    assert bridge._paths({}) == [ROOT]


class Process:
    """A process of which nothing is real: what is written to it, and the output that it is fed."""

    def __init__(self) -> None:
        self.stdin: Any = SimpleNamespace(write=self._write, close=lambda: self.done.append("closed"))
        self.stdout: Any = asyncio.StreamReader()
        self.done: list[Any] = []
        self.ends = asyncio.Event()
        self.error: Exception | None = None

    def _write(self, data: bytes) -> None:
        if self.error is not None:
            raise self.error
        self.done.append(data)

    def kill(self) -> None:
        self.done.append("killed")
        self.ends.set()
        if self.error is not None:
            raise self.error

    async def wait(self) -> int:
        await self.ends.wait()
        self.done.append("waited")
        return 0


@pytest.mark.asyncio
async def test_messages_are_read_one_after_the_other_until_the_output_ends() -> None:
    """A frame is heard when it is whole; a torn one is not heard, and ends the link."""
    process, heard = Process(), list[Any]()
    link = bridge._ProcessLink(process, heard.append)  # type: ignore[arg-type]
    whole = frame("first") + frame(Keys({"a": "s"}))
    process.stdout.feed_data(whole[:-1])
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == ["first"]
    process.stdout.feed_data(whole[-1:] + frame("torn")[:-1])
    process.stdout.feed_eof()
    await link.ended()
    assert heard == ["first", Keys({"a": "s"})]


@pytest.mark.asyncio
@pytest.mark.parametrize("error", [None, BrokenPipeError(), RuntimeError("closed")])
async def test_a_message_is_sent_as_a_frame(error: Exception | None) -> None:
    """To a process that is gone nothing is sent, and that is no error here."""
    process = Process()
    process.error = error
    link = bridge._ProcessLink(process, print)  # type: ignore[arg-type]
    link.send("orders")
    assert process.done == ([] if error else [frame("orders")])
    process.stdin = None
    link.send("orders")
    process.ends.set()
    await link.close()
    assert process.done[-1] == "waited"
    assert link._reading.done()


@pytest.mark.asyncio
@pytest.mark.looptime
@pytest.mark.parametrize("error", [None, ProcessLookupError()])
async def test_a_process_that_does_not_end_within_ten_seconds_is_killed(error: Exception | None) -> None:
    """Its input is closed first, which tells it to end; one that went meanwhile is no error."""
    now = asyncio.get_running_loop().time
    process = Process()
    link = bridge._ProcessLink(process, print)  # type: ignore[arg-type]
    process.ends.set()
    began = now()
    await link.close()
    assert (process.done, now() - began) == (["closed", "waited"], 0.0)
    process = Process()
    process.error = error
    link = bridge._ProcessLink(process, print)  # type: ignore[arg-type]
    await link.close()
    assert process.done == ["closed", "killed", "waited"]
    assert now() - began == pytest.approx(10.0)
    assert link._reading.cancelled()


# -- the process's end ------------------------------------------------------------------------------------------------------


@pytest.mark.asyncio
@pytest.mark.parametrize("more", [b"", b"\0\0", frame("torn")[:3]])
async def test_the_input_is_read_until_it_ends(more: bytes) -> None:
    """Each message in its order, and then that the worker is gone."""
    messages, over = asyncio.Queue[Any](), asyncio.Event()
    source = io.BytesIO(frame("a") + frame("b") + more)
    await asyncio.to_thread(bridge._read_frames, source, asyncio.get_running_loop(), messages, over)
    await over.wait()
    assert [messages.get_nowait() for _ in range(messages.qsize())] == ["a", "b"]


def test_an_input_that_breaks_is_one_that_ended() -> None:
    """As is one whose loop is closed: nobody waits there any more."""
    set_: list[Any] = []

    def broken(_: int) -> bytes:
        raise OSError

    loop: Any = SimpleNamespace(call_soon_threadsafe=lambda call, *given: set_.append((call, given)))
    over: Any = SimpleNamespace(set="over")
    bridge._read_frames(SimpleNamespace(read=broken), loop, None, over)  # type: ignore[arg-type]
    assert set_ == [("over", ())]

    def closed(*_: Any) -> None:
        raise RuntimeError

    loop.call_soon_threadsafe = closed
    bridge._read_frames(io.BytesIO(frame("a")), loop, SimpleNamespace(put_nowait=print), over)  # type: ignore[arg-type]


@pytest.mark.asyncio
async def test_what_the_worker_says_reaches_the_keeper_in_order() -> None:
    """Message after message."""
    messages, heard = asyncio.Queue[Any](), list[Any]()
    passing = asyncio.create_task(bridge._pass_on(messages, SimpleNamespace(hear=heard.append)))  # type: ignore[arg-type]
    for each in "ab":
        messages.put_nowait(each)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert heard == ["a", "b"]
    passing.cancel()


@pytest.mark.asyncio
@pytest.mark.parametrize(("address", "host", "port"), [("10.0.0.5:6379", "10.0.0.5", 6379), ("[::1]:99", "::1", 99)])
async def test_a_head_that_listens_can_be_reached(
    monkeypatch: pytest.MonkeyPatch, address: str, host: str, port: int
) -> None:
    """The connection that found that out is closed."""
    done: list[Any] = []

    async def connect(*given: Any) -> Any:
        done.append(given)
        return None, SimpleNamespace(close=lambda: done.append("closed"))

    monkeypatch.setattr(asyncio, "open_connection", connect)
    assert await bridge._why_unreachable(address) == ""
    assert done == [(host, port), "closed"]


@pytest.mark.asyncio
@pytest.mark.looptime
async def test_a_head_that_does_not_answer_is_given_up_after_five_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """And it is said for how long it was tried."""

    async def connect(*_: Any) -> None:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio, "open_connection", connect)
    began = asyncio.get_running_loop().time()
    assert await bridge._why_unreachable("h:1") == "no connection within 5 s"
    assert asyncio.get_running_loop().time() - began == pytest.approx(5.0)


class Scene:
    """The process's end with a cluster that opens at once, a keeper that runs until told, and an input of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, cluster: Any = "cluster object") -> None:
        self.said: list[Any] = []
        self.done: list[Any] = []
        self.ends = asyncio.Event()
        self.error: Exception | None = None
        self.over: asyncio.Event | None = None
        self.opened = threading.Event()
        self.opened.set()
        self.cluster = cluster if isinstance(cluster, str) and "object" not in cluster else SimpleNamespace()
        monkeypatch.setattr(bridge, "_read_frames", self._read)
        monkeypatch.setattr(RayCluster, "open", self._open)
        monkeypatch.setattr(bridge, "Keeper", self._keeper)
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer="input"))

    def _read(self, source: Any, loop: Any, messages: Any, over: asyncio.Event) -> None:
        assert source == "input"
        self.over, self.messages = over, messages

    def _open(self, wanted: PlacesWanted) -> Any:
        self.opened.wait()
        self.done.append(wanted)
        return self.cluster

    def _keeper(self, cluster: Any, places: int, say: Any) -> Any:
        self.done.append((cluster is self.cluster, places))
        return SimpleNamespace(run=self._run, hear=self.done.append)

    async def _run(self) -> None:
        try:
            await self.ends.wait()
        except asyncio.CancelledError:
            self.done.append("cancelled")
            raise
        if self.error is not None:
            raise self.error

    def serve(self, wanted: PlacesWanted) -> asyncio.Task[int]:
        return asyncio.create_task(bridge._serve(wanted, self.said.append))


async def comes(condition: Any) -> None:
    """Let the loop go on until something holds."""
    for _ in range(2_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError


@pytest.mark.asyncio
@pytest.mark.parametrize("address", ["", "h:1"])
async def test_places_are_kept_until_the_worker_is_gone(monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    """Orders are passed on; a cluster of others is given a moment to notice that its driver went."""
    scene = Scene(monkeypatch)
    reached: list[str] = []

    async def reachable(address: str) -> str:
        reached.append(address)
        return ""

    monkeypatch.setattr(bridge, "_why_unreachable", reachable)
    monkeypatch.setattr(bridge, "_HEARD_S", 0.05)
    wanted = PlacesWanted(address, places=3)
    serving = scene.serve(wanted)
    await comes(lambda: len(scene.done) == 2)
    assert scene.done == [wanted, (True, 3)]
    assert reached == ([address] if address else [])
    scene.messages.put_nowait("orders")
    await comes(lambda: "orders" in scene.done)
    assert scene.over is not None
    scene.over.set()
    began = asyncio.get_running_loop().time()
    assert await serving == 0
    assert (asyncio.get_running_loop().time() - began >= 0.05) is bool(address)
    assert scene.done[-1] == "cancelled"
    said = len(scene.said)
    await asyncio.sleep(0)
    assert not [task for task in asyncio.all_tasks() if "say_alive" in repr(task)]
    assert len(scene.said) == said
    assert not [each for each in scene.said if isinstance(each, Unreachable)]


@pytest.mark.asyncio
async def test_a_keeper_that_ends_ends_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 1, so that another one is begun; an error of it is not hidden."""
    scene = Scene(monkeypatch)
    scene.ends.set()
    assert await scene.serve(PlacesWanted()) == 1
    scene = Scene(monkeypatch)
    scene.error = ValueError("odd")
    scene.ends.set()
    with pytest.raises(ValueError, match="odd"):
        await scene.serve(PlacesWanted())


@pytest.mark.asyncio
async def test_a_cluster_that_cannot_be_used_ends_the_process_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no keeper is made."""
    scene = Scene(monkeypatch, cluster="Ray on this machine cannot be reached")
    assert await scene.serve(PlacesWanted()) == 1
    assert scene.said[-1] == Unreachable("Ray on this machine cannot be reached")
    assert scene.done == [PlacesWanted()]


@pytest.mark.asyncio
async def test_a_worker_that_goes_while_a_cluster_opens_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process ends without it."""
    scene = Scene(monkeypatch)
    scene.opened.clear()
    serving = scene.serve(PlacesWanted())
    await comes(lambda: scene.over is not None)
    assert scene.over is not None
    scene.over.set()
    try:
        assert await serving == 0
    finally:
        scene.opened.set()
    assert scene.done == []


@pytest.mark.parametrize(
    ("words", "wanted", "ends_cluster"),
    [
        (["", "2", ""], PlacesWanted("", 2), True),
        (["h:1", "3", "trust"], PlacesWanted("h:1", 3, trust_network=True), False),
    ],
)
@pytest.mark.parametrize("code", [0, 1, None])
def test_the_process_ends_at_once_and_a_cluster_of_its_own_with_it(
    monkeypatch: pytest.MonkeyPatch, words: list[str], wanted: PlacesWanted, ends_cluster: bool, code: int | None
) -> None:
    """Frames go where its output went, which then is its error output; an error of it ends it with 1."""
    done: list[Any] = []
    readable, writable = os.pipe()

    class EndedError(Exception):
        pass

    def end(code: int) -> None:
        done.append(("ends", code))
        raise EndedError

    async def serve(given: PlacesWanted, say: Any) -> int:
        done.append(given)
        say("hello")
        if code is None:
            raise ValueError
        return code

    def timer(after_s: float, call: Any, given: Any) -> SimpleNamespace:
        return SimpleNamespace(start=lambda: done.append((after_s, call is bridge.os._exit, given)))  # type: ignore[attr-defined]

    def close() -> None:
        done.append("closed")
        raise RuntimeError

    loop, output = asyncio.new_event_loop(), os.fdopen(writable, "wb", buffering=0)
    monkeypatch.setattr(sys, "argv", ["bridge", *words])
    monkeypatch.setattr(os, "dup", lambda number: f"copy of {number}")
    monkeypatch.setattr(
        os,
        "fdopen",
        lambda *given, **named: output if (given, named) == (("copy of 1", "wb"), {"buffering": 0}) else None,
    )
    monkeypatch.setattr(asyncio, "new_event_loop", lambda: loop)
    monkeypatch.setattr(os, "dup2", lambda *given: done.append(("dup2", *given)))
    monkeypatch.setattr(os, "_exit", end)
    monkeypatch.setattr(threading, "Timer", timer)
    monkeypatch.setattr(bridge, "_serve", serve)
    monkeypatch.setattr("core.worker.places.ray_cluster.close", close)
    with contextlib.suppress(EndedError):
        bridge.main()
    loop.close()
    output.close()
    assert os.read(readable, 1_000) == frame("hello")
    os.close(readable)
    closed = [(5.0, True, (1,)), "closed"] if ends_cluster else []
    assert done == [("dup2", 2, 1), wanted, *closed, ("ends", 1 if code is None else code)]


def test_times_that_a_process_between_is_given() -> None:
    """In seconds: to end, to connect, to open a cluster, and for a cluster to hear that it ended."""
    found = [getattr(bridge, name) for name in ("CLOSES_WITHIN_S", "CONNECTED_WITHIN_S", "OPENED_WITHIN_S", "_HEARD_S")]
    assert found == [10.0, 5.0, 120.0, 0.2]
    assert partial(bridge._frame, "x")() == frame("x")


@pytest.mark.asyncio
async def test_a_head_that_cannot_be_reached_ends_the_process_before_ray_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the reason, and nothing is opened."""

    async def refused(_: str) -> str:
        return "nothing listens there"

    monkeypatch.setattr(bridge, "_why_unreachable", refused)
    scene = Scene(monkeypatch)
    assert await scene.serve(PlacesWanted("h:1")) == 1
    assert scene.said[-1] == Unreachable("no Ray head at h:1: nothing listens there")
    assert scene.done == []


@pytest.mark.asyncio
async def test_places_that_do_not_end_are_waited_for_two_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the time in which the process has to be gone; a cluster is given two minutes to open."""
    waited: list[float | None] = []
    wait = asyncio.wait

    async def waits(jobs: Any, **given: Any) -> Any:
        waited.append(given.get("timeout"))
        return await wait(jobs, **given)

    scene = Scene(monkeypatch)
    monkeypatch.setattr(asyncio, "wait", waits)
    serving = scene.serve(PlacesWanted())
    await comes(lambda: len(scene.done) == 2)
    assert scene.over is not None
    scene.over.set()
    assert await serving == 0
    assert waited == [120.0, None, 2.0]
