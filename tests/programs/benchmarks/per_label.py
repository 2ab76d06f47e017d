"""What a label costs in CPU, beside what people would use instead, measured in the same run on the same server.

    python -m tests.programs.benchmarks.per_label [--calls 8000] [--warm-up 1000] [--rounds 2] [--only NAME ...]
        [--most RATIO] [--profile | --parts]

Each way runs in a process of its own against one server process that answers from memory after 20 ms, 32 calls at once,
with the messages of the built-in task. CPU is that of the way's process (``getrusage``) between its warm-up and its
last call, divided by calls. Ways take turns, and the median of the rounds counts. Only ratios mean anything: other
machines, and other loads of this one, move all rows alike. *Its own work alone* is the worker with a client that
answers in the same process: choosing, the ledger, commits and watches; ``--parts`` says what that goes into. With
``--most`` the exit code is 1 where labeltui with one key costs more than so many bare calls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import cProfile
import importlib.util
import itertools
import json
import os
import pstats
import resource
import signal
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any

from tests.programs.benchmarks import Row, table

AT_ONCE = 32
LATENCY_S = 0.02
KEYS = tuple(f"gsk_bench_{number:02}_abcdefghijklmnop" for number in range(8))
ANCHOR = "groq"
ONE_KEY = "labeltui, 1 key"
OWN = "labeltui, its own work alone"
REACH = {ONE_KEY: "1.2 ×", OWN: "0.25 ms"}

_BODY = json.dumps(
    {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": "openai/gpt-oss-20b",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": "1"}, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"queue_time": 0.01, "prompt_tokens": 700, "prompt_time": 0.01, "completion_tokens": 1, "completion_time": 0.01,
                  "total_tokens": 701, "total_time": 0.02, "prompt_tokens_details": {"cached_tokens": 128}},
        "system_fingerprint": "fp_1", "x_groq": {"id": "req_1"}, "service_tier": "on_demand",
    }
).encode()  # fmt: skip


_HEADERS = (
    "x-request-id: req_1\r\nx-ratelimit-limit-requests: 100000000\r\nx-ratelimit-remaining-requests: 99999999\r\n"
    "x-ratelimit-reset-requests: 1ms\r\nx-ratelimit-limit-tokens: 1000000000\r\n"
    "x-ratelimit-remaining-tokens: 999999000\r\nx-ratelimit-reset-tokens: 1ms\r\nserver: bench\r\nvary: origin\r\n"
)


class Server(asyncio.Protocol):
    """Answers each request with the same completion after :data:`LATENCY_S`, with Groq's headers and huge limits."""

    def __init__(self) -> None:
        self._held = b""
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(_BODY)}\r\n{_HEADERS}\r\n"
        self._reply = head.encode() + _BODY

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport

    def data_received(self, data: bytes) -> None:
        self._held += data
        while (end := self._held.find(b"\r\n\r\n")) >= 0:
            head = self._held[:end].lower()
            stated = head.partition(b"content-length:")[2].partition(b"\r\n")[0]
            length = int(stated or 0)
            if len(self._held) < end + 4 + length:
                return
            self._held = self._held[end + 4 + length :]
            asyncio.get_running_loop().call_later(LATENCY_S, self._answer)

    def _answer(self) -> None:
        if not self._transport.is_closing():
            self._transport.write(self._reply)


async def serve() -> None:
    """Serve until the process is ended; the first line of its output is the address."""
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


def cpu_s() -> float:
    """CPU seconds of this process so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


# -- the ways ----------------------------------------------------------------------------------------------------------


def _texts(count: int) -> list[str]:
    """The texts that the built-in invented emails send."""
    from core.sources.demo_emails import write_demo_csv

    with tempfile.TemporaryDirectory() as scratch:
        write_demo_csv(Path(scratch) / "emails.csv", count)
        return [
            f"{line}\n" * 8 for line in (Path(scratch) / "emails.csv").read_text("utf-8").splitlines()[1 : count + 1]
        ]


def _conversations(calls: int) -> list[list[dict[str, str]]]:
    from core.llm.task import builtin_task, messages

    task = builtin_task()
    texts = _texts(min(calls, 500))
    made = [[{"role": each.role, "content": each.content} for each in messages(task, text)] for text in texts]
    return [made[number % len(made)] for number in range(calls)]


async def _pump(
    ask: Callable[[list[dict[str, str]]], Coroutine[Any, Any, None]], calls: int, warm_up: int
) -> dict[str, float]:
    """Make all calls, :data:`AT_ONCE` at a time; the first ``warm_up`` of them are not counted."""
    work = iter(_conversations(calls + warm_up))

    async def worker(conversations: Iterator[list[dict[str, str]]]) -> None:
        for conversation in conversations:
            await ask(conversation)

    warming = itertools.islice(work, warm_up)
    await asyncio.gather(*(worker(warming) for _ in range(AT_ONCE)))
    left = list(work)
    counted = iter(left)
    used, began = cpu_s(), time.perf_counter()
    await asyncio.gather(*(worker(counted) for _ in range(AT_ONCE)))
    return {"cpu_ms": 1000 * (cpu_s() - used) / len(left), "rate": len(left) / (time.perf_counter() - began)}


async def _by_sdk(client: Any, calls: int, warm_up: int) -> dict[str, float]:
    """Ask with ``create`` of an SDK and read the content, as the pages of both SDKs show it."""

    async def ask(conversation: Any) -> None:
        answer = await client.chat.completions.create(
            model="openai/gpt-oss-20b", messages=conversation, temperature=0.0, max_completion_tokens=256
        )
        assert answer.choices[0].message.content == "1"

    return await _pump(ask, calls, warm_up)


def bare_groq(base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """The groq SDK as its page shows it, on its aiohttp client: ``create`` and read the content."""
    import groq

    async def main() -> dict[str, float]:
        async with groq.AsyncGroq(
            api_key=KEYS[0], base_url=base_url, max_retries=0, http_client=groq.DefaultAioHttpClient()
        ) as client:
            return await _by_sdk(client, calls, warm_up)

    return asyncio.run(main())


def bare_openai(base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """The OpenAI SDK as its page shows it."""
    import openai

    async def main() -> dict[str, float]:
        async with openai.AsyncOpenAI(api_key=KEYS[0], base_url=f"{base_url}/v1", max_retries=0) as client:
            return await _by_sdk(client, calls, warm_up)

    return asyncio.run(main())


def litellm_router(base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """LiteLLM's Router over eight keys."""
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    import litellm

    deployments = [
        {
            "model_name": "m",
            "litellm_params": {"model": "openai/gpt-oss-20b", "api_key": key, "api_base": f"{base_url}/v1"},
        }
        for key in KEYS
    ]

    async def main() -> dict[str, float]:
        router = litellm.Router(model_list=deployments, num_retries=0)

        async def ask(conversation: Any) -> None:
            answer = await router.acompletion(model="m", messages=conversation, temperature=0.0, max_tokens=256)
            assert answer.choices[0].message.content == "1"

        return await _pump(ask, calls, warm_up)

    return asyncio.run(main())


def inspect_ai(base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """An evaluation of inspect_ai that generates an answer to each sample and scores none."""
    import inspect_ai as inspect
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageSystem, ChatMessageUser, get_model
    from inspect_ai.solver import generate

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser}
    samples = [
        Sample(input=[kinds[each["role"]](content=each["content"]) for each in conversation])
        for conversation in _conversations(calls + warm_up)
    ]
    model = get_model("openai-api/bench/openai/gpt-oss-20b", base_url=f"{base_url}/v1", api_key=KEYS[0])
    used = began = 0.0
    with tempfile.TemporaryDirectory() as logs:
        for part in (samples[:warm_up], samples[warm_up:]):
            used, began = cpu_s(), time.perf_counter()
            [log] = inspect.eval(
                inspect.Task(dataset=MemoryDataset(part), solver=generate()),
                model=model, max_connections=AT_ONCE, display="none", log_dir=logs, max_tokens=256, temperature=0.0,
            )  # fmt: skip
            assert log.status == "success", log.error
    return {"cpu_ms": 1000 * (cpu_s() - used) / calls, "rate": calls / (time.perf_counter() - began)}


def sqlite_utils_row(_base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """Store one label a transaction with sqlite-utils, synced: what durable storage alone costs without grouping."""
    from sqlite_utils import Database

    with tempfile.TemporaryDirectory() as scratch:
        db = Database(Path(scratch) / "labels.db")
        db.enable_wal()
        db.execute("PRAGMA synchronous = FULL")
        table = db["label"]
        used = began = 0.0
        calls = min(calls, 2_000)
        for number in range(calls + warm_up // 10):
            if number == warm_up // 10:
                used, began = cpu_s(), time.perf_counter()
            table.insert({"id": number, "label": "1", "raw": "1", "tokens": 701, "at": 1.0}, pk="id")
        return {"cpu_ms": 1000 * (cpu_s() - used) / calls, "rate": calls / (time.perf_counter() - began)}


def labeltui(base_url: str, calls: int, warm_up: int, *, keys: int, profile: bool = False) -> dict[str, float]:
    """The whole worker: choosing, asking, judging, and one durable transaction for the answers that came together."""
    from core.worker.process import work

    with _made_run(base_url, calls + warm_up, keys=keys) as (settings, path):
        seen: list[tuple[int, float, float]] = []
        profiler = cProfile.Profile()

        def watch() -> None:
            with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
                row = db.execute("SELECT value FROM total WHERE name = 'state:labeled'").fetchone()
            count = row[0] if row else 0
            if count >= warm_up and not seen and profile:
                profiler.enable()
            if count >= warm_up and count < calls + warm_up:
                seen.append((count, cpu_s(), time.perf_counter()))

        code = work(path, settings.for_run(path), watch=watch)
        profiler.disable()
        if profile:
            pstats.Stats(profiler).sort_stats("tottime").print_stats(60)
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(70)
        assert code == 0, code
        (first, used, began), (last, used_last, ended) = seen[0], seen[-1]
    return {"cpu_ms": 1000 * (used_last - used) / (last - first), "rate": (last - first) / (ended - began)}


class _Answering:
    """A client that answers in this process after :data:`LATENCY_S`; ``seen`` is called with the number of each call."""

    def __init__(self, seen: Callable[[int], None]) -> None:
        from core.model import Reply, Usage

        head = _HEADERS.split("\r\n")
        headers = dict(line.split(": ", 1) for line in head if ": " in line)
        self._reply = Reply("1", "stop", Usage(700, 1), "req_1", headers)
        self._seen, self._calls = seen, 0

    async def ask(self, _messages: Any, _settings: Any) -> Any:
        await asyncio.sleep(LATENCY_S)
        self._calls += 1
        self._seen(self._calls)
        return self._reply


class _Accepting:
    def __init__(self) -> None:
        from core.model import Outcome, Verdict

        self._verdict = Verdict(Outcome.ANSWERED, "1")

    async def judge(self, _reply: Any) -> Any:
        return self._verdict


@contextlib.contextmanager
def _made_run(base_url: str, emails: int, *, keys: int) -> Iterator[tuple[Any, Path]]:
    """Settings and path of a new run of so many different emails, in a home of its own."""
    from core.llm.task import builtin_task
    from core.runs.find import RunOptions, create_run
    from core.settings import load_settings

    with tempfile.TemporaryDirectory() as scratch:
        os.environ.update(LABELTUI_HOME=scratch, GROQ_API_KEYS=",".join(KEYS[:keys]), GROQ_BASE_URL=base_url)
        source = Path(scratch) / "emails.jsonl"
        texts = _texts(500)
        lines = (json.dumps({"text": f"{number}\n{texts[number % 500]}"}) for number in range(emails))
        source.write_text("\n".join(lines), "utf-8")
        settings = load_settings(dict(os.environ))
        path = create_run(settings, source, builtin_task(), RunOptions(name="bench", seed=1), now=time.time()).path
        yield settings, path


def own_work(base_url: str, calls: int, warm_up: int) -> dict[str, float]:
    """The worker without network and validator."""
    from core.llm.task import builtin_task
    from core.quota.keys.store import KeyStore
    from core.storage.file.control import CommandInbox
    from core.storage.file.lock import RunLock
    from core.storage.writing.store import Store
    from core.worker.loop import Worker
    from core.worker.process import broker_for

    marks: dict[int, tuple[float, float]] = {}

    def seen(number: int) -> None:
        if number in (warm_up, warm_up + calls):
            marks[number] = cpu_s(), time.perf_counter()

    task, client = builtin_task(), _Answering(seen)
    with (
        _made_run(base_url, calls + warm_up, keys=1) as (settings, path),
        RunLock(path) as lock,
        Store.open(path, lock) as store,
        KeyStore.from_settings(settings, base_url) as store_of_keys,
    ):
        store.begin_epoch(now=time.time(), pid=os.getpid(), host="bench")
        inbox = CommandInbox(path)
        worker = Worker(
            store=store,
            inbox=inbox,
            broker=broker_for(store_of_keys, task),
            task=task,
            guard=_Accepting(),
            client_of=lambda _: client,
            clock=time.time,
        )
        asyncio.run(worker.run())
        inbox.close()
    (used, began), (used_last, ended) = marks[warm_up], marks[warm_up + calls]
    return {"cpu_ms": 1000 * (used_last - used) / calls, "rate": calls / (ended - began)}


_PARTS = (
    ("reading pending texts and labels of the same text", "storage/reading/pending.py", ""),
    ("commits: attempt, label, totals, indexes", "storage/writing/settle.py", ""),
    ("beginning, syncing and ending transactions", "storage/file/connection.py", ""),
    ("watches", "worker/watches.py", ""),
    ("event loop, tasks, and the client that answers", "benchmarks/per_label.py", "ask"),
    ("settling: headers, ledger, estimate, attempt", "worker/settle.py", "ask"),
    ("settling: headers, ledger, estimate, attempt", "worker/lanes/online.py", "_make_call"),
    ("choosing: candidates, estimate, ledger, grant", "worker/lanes/online.py", "send"),
    ("event loop, tasks, and the client that answers", "asyncio/base_events.py", "run_forever"),
)
"""Parts of a label's work, by the innermost file and function that is named here."""


def _part(frame: FrameType | None) -> str:
    while frame is not None:
        code = frame.f_code
        for part, file, function in _PARTS:
            if code.co_filename.endswith(file) and function in ("", code.co_name):
                return part
        frame = frame.f_back
    return ""


def own_parts(calls: int, warm_up: int) -> str:
    """Return a table of the worker's own work in µs of CPU a label, by part: sampled by a timer of CPU time."""
    found: Counter[str] = Counter()
    signal.signal(signal.SIGPROF, lambda _, frame: found.update([_part(frame)]))
    signal.setitimer(signal.ITIMER_PROF, 0.001, 0.001)
    figures = own_work("", calls, warm_up)
    signal.setitimer(signal.ITIMER_PROF, 0.0)
    del found[""]  # making the run
    us = 1000 * figures["cpu_ms"] / found.total()
    lines = [f"| {part} | {us * count:.0f} |" for part, count in found.most_common()]
    return "\n".join(["| part | µs |", "| --- | --- |", *lines])


async def _first_call(path: Path, arrived: asyncio.Event) -> tuple[float, float]:
    """Seconds by the clock and of CPU that a detached worker takes from its start to its first call."""
    began = time.perf_counter()
    child = await asyncio.create_subprocess_exec(sys.executable, "-m", "core.worker", str(path))
    await arrived.wait()
    took_s = time.perf_counter() - began
    used_s = _cpu_s_of(child.pid)
    await child.wait()
    return took_s, used_s


def _cpu_s_of(pid: int) -> float:
    """CPU seconds of another process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def first_call() -> Row:
    """Return how long a detached worker takes from its start to its first call (Linux)."""

    async def main() -> tuple[float, float]:
        arrived = asyncio.Event()

        class Noting(Server):
            def data_received(self, data: bytes) -> None:
                arrived.set()
                super().data_received(data)

        server = await asyncio.get_running_loop().create_server(Noting, "127.0.0.1", 0)
        with _made_run(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", 50, keys=1) as (_, path):
            return await _first_call(path, arrived)

    seen = [asyncio.run(main()) for _ in range(3)]
    took_s, used_s = (statistics.median(each) for each in zip(*seen, strict=True))
    return Row("a detached worker's first call", f"{took_s:.2f} s, {used_s:.2f} s of CPU", reach="1.5 s, 2.5 s")


WAYS: dict[str, tuple[str, Callable[[str, int, int], dict[str, float]]]] = {
    ANCHOR: ("groq", bare_groq),
    ONE_KEY: ("groq", lambda url, calls, warm: labeltui(url, calls, warm, keys=1)),
    "labeltui, 8 keys": ("groq", lambda url, calls, warm: labeltui(url, calls, warm, keys=8)),
    OWN: ("groq", own_work),
    "openai": ("openai", bare_openai),
    "litellm Router": ("litellm", litellm_router),
    "inspect_ai": ("inspect_ai", inspect_ai),
    "sqlite-utils, a row a transaction": ("sqlite_utils", sqlite_utils_row),
}


# -- the command -------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def server() -> Iterator[str]:
    """The address of a server process."""
    command = [sys.executable, "-m", "tests.programs.benchmarks.per_label", "--serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().strip()
        finally:
            child.terminate()


def measure(names: Sequence[str], *, calls: int, warm_up: int, rounds: int) -> dict[str, dict[str, float]]:
    """Median figures of each way: CPU milliseconds a call, and calls a second by the clock."""
    seen: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with server() as base_url:
        for _ in range(rounds):
            for name in names:
                command = [
                    sys.executable,
                    "-m",
                    "tests.programs.benchmarks.per_label",
                    "--way",
                    name,
                    "--url",
                    base_url,
                ]
                command += ["--calls", str(calls), "--warm-up", str(warm_up)]
                done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
                seen[name].append(json.loads(done.stdout.splitlines()[-1]))
    return {
        name: {figure: statistics.median(each[figure] for each in found) for figure in found[0]}
        for name, found in seen.items()
    }


def measured(*, calls: int, warm_up: int, rounds: int, only: Collection[str] = ()) -> dict[str, dict[str, float]]:
    """Return figures of the bare call, of labeltui, and of each other way that is installed, or of those named."""
    wanted = {ANCHOR, ONE_KEY, *only} if only else WAYS.keys()
    there = [name for name, (package, _) in WAYS.items() if name in wanted and importlib.util.find_spec(package)]
    return measure(there, calls=calls, warm_up=warm_up, rounds=rounds)


def rows(figures: dict[str, dict[str, float]]) -> Iterator[Row]:
    """Yield a row for each way, beside a bare groq call."""
    anchor = figures[ANCHOR]["cpu_ms"]
    for name, each in figures.items():
        beside = f"{each['cpu_ms'] / anchor:.2f} × a bare groq call" if name != ANCHOR else ""
        figure = f"{each['cpu_ms']:.2f} ms of CPU, {each['rate']:,.0f} a second by the clock"
        yield Row(f"a call, {name}", figure, beside, REACH.get(name, ""))


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=8_000)
    parser.add_argument("--warm-up", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--only", nargs="*", default=[], help="ways to measure beside the bare groq call")
    parser.add_argument("--most", type=float, help="fail where a label with one key costs more than so many bare calls")
    parser.add_argument("--profile", action="store_true", help="profile labeltui with one key instead")
    parser.add_argument("--parts", action="store_true", help="what the worker's own work goes into, instead")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--way", help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.serve:
        asyncio.run(serve())
    elif given.parts:
        print(own_parts(given.calls, given.warm_up))
    elif given.profile:
        with server() as base_url:
            labeltui(base_url, given.calls, given.warm_up, keys=1, profile=True)
    elif given.way:
        print(json.dumps(WAYS[given.way][1](given.url, given.calls, given.warm_up)))
    else:
        only = given.only or ([ONE_KEY] if given.most else [])
        figures = measured(calls=given.calls, warm_up=given.warm_up, rounds=given.rounds, only=only)
        print(table(rows(figures)))
        if given.most and figures[ONE_KEY]["cpu_ms"] > given.most * figures[ANCHOR]["cpu_ms"]:
            print(f"\nA label costs more than {given.most:g} bare calls.", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
