"""Run workers whose calls are made at places of Ray, with nodes, coordinators and heads that are killed, and count.

``python -m tests.programs.places ratio|cpu|nodes|coordinator|head|version|secrets|quota|all [--seeds N]`` needs Ray
(``pip install 'labeltui[ray]'``), 3 GB of memory and a quiet machine: ``all`` with its defaults takes about half an
hour. ``nodes --seeds 3 --first 7`` runs seeds 7 to 9.
It is no part of the ordinary tests, in which the same promises are tested with places in one process
(``tests/worker/test_places.py``).

Head, nodes, workers and the simulated server are processes of their own on this machine; a node is killed with its
whole process group (``kill -9``), as a machine goes that loses its power. The server's log tells what was really asked.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SECRET = "gsk_placesprogram00000000000000000001"
MARK = "Xylophonebook"
"""Stands in every text, so that a text is found wherever it was written."""


def free_port() -> int:
    """Return a port of this machine that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class World:
    """A home of labeltui, a simulated server and, when wanted, a Ray cluster, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        stub = folder / "without"
        stub.mkdir()
        (stub / "rfc3987_syntax.py").write_text('raise ImportError("left out")\n', "utf-8")
        self.environment = {
            **os.environ,
            "LABELTUI_HOME": str(folder / "home"),
            "GROQ_API_KEY": SECRET,
            "PYTHONPATH": os.pathsep.join([str(stub), str(ROOT), os.environ.get("PYTHONPATH", "")]),
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": "00112233445566778899aabbccddeeff" * 2,
        }
        self.processes: list[subprocess.Popen[bytes]] = []
        self.log = folder / "server.log"
        self.log.touch()
        self.head = ""
        self.nodes: dict[str, subprocess.Popen[bytes]] = {}
        self._base_url = ""

    def start(self, *command: str, name: str, environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
        """Start a process in a group of its own, with its output in the folder."""
        with (self.folder / f"{name}.out").open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, *command],
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                env=environment or self.environment,
                cwd=self.folder,
                start_new_session=True,
            )
        self.processes.append(process)
        return process

    def kill(self, process: subprocess.Popen[bytes]) -> None:
        """Kill a process and all of its group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def close(self) -> None:
        """Kill whatever was started."""
        for process in self.processes:
            self.kill(process)

    def serve(self, *options: str) -> None:
        """Start the simulated server."""
        port, ready = free_port(), self.folder / "server.ready"
        self.start(
            "-m", "tui", "simulate", "--port", str(port), "--key", f"{SECRET}=org", "--log", str(self.log),
            "--ready-file", str(ready), "--jitter", "0", *options, name="server",
        )  # fmt: skip
        await_(ready.exists, 60, "the simulated server")
        self._base_url = f"http://127.0.0.1:{port}"
        self.environment["GROQ_BASE_URL"] = self._base_url

    def make_run(self, name: str, emails: int) -> Path:
        """Make a run of distinct texts."""
        source = self.folder / f"{name}.csv"
        with source.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["id", "text"])
            writer.writerows((n, f"{MARK} {n}: please look at the plan before the meeting") for n in range(emails))
        self.cli("new", str(source), "--name", name, "--base-url", self._base_url)
        return self.folder / "home" / "runs" / f"{name}.db"

    def cli(self, *arguments: str) -> str:
        """Run a command of labeltui and return its output."""
        done = subprocess.run(
            [sys.executable, "-m", "tui", *arguments],
            env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        if done.returncode:
            raise SystemExit(f"labeltui {' '.join(arguments)}: {done.stdout}{done.stderr}")
        return done.stdout

    def work(self, name: str, *options: str) -> subprocess.Popen[bytes]:
        """Start a worker."""
        return self.start("-m", "tui", "work", name, *options, name=f"work-{name}")

    @contextlib.contextmanager
    def patched(self, name: str, code: str) -> Iterator[None]:
        """Let every process that is started meanwhile run a program first."""
        folder = self.folder / name
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(code, "utf-8")
        plain = self.environment["PYTHONPATH"]
        self.environment["PYTHONPATH"] = os.pathsep.join([str(folder), plain])
        yield
        self.environment["PYTHONPATH"] = plain

    def status(self, name: str) -> dict[str, Any]:
        """Return the status of a run."""
        found: dict[str, Any] = json.loads(self.cli("status", name, "--json"))
        return found

    # -- Ray -----------------------------------------------------------------------------------------------------------

    def start_head(self, port: int = 0) -> None:
        """Start a head without CPUs, so that every place is made on a node."""
        port = port or free_port()
        self.head = f"127.0.0.1:{port}"
        before = self._begun("head")
        self.nodes["head"] = self.start(
            "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port", str(port), "--num-cpus", "0",
            "--node-ip-address", "127.0.0.1", "--include-dashboard", "false", "--object-store-memory", "80000000",
            "--temp-dir", str(self.folder / "ray"), name="head",
        )  # fmt: skip
        await_(lambda: self._begun("head") > before, 180, "the head")

    def add_node(self, name: str) -> None:
        """Start a node with a CPU for one place; on a busy machine Ray gives up after a fixed time, and is tried again."""
        before = self._begun(name)
        for _ in range(4):
            node = self.nodes[name] = self.start(
                "-m", "ray.scripts.scripts", "start", "--address", self.head, "--block", "--num-cpus", "1",
                "--node-ip-address", "127.0.0.1", "--object-store-memory", "80000000", name=name,
            )  # fmt: skip
            await_(lambda node=node: self._begun(name) > before or node.poll() is not None, 180, f"the node {name}")  # type: ignore[misc]
            if node.poll() is None:
                return
            self.kill(node)
        raise SystemExit(f"the node {name} cannot be started: see {self.folder / name}.out")

    def kill_node(self, name: str) -> None:
        """Kill a node, its actors included."""
        self.kill(self.nodes.pop(name))

    def _begun(self, name: str) -> int:
        """Return how often a node of that name said that it runs."""
        output = self.folder / f"{name}.out"
        return output.read_text("utf-8").count("Ray runtime started") if output.exists() else 0


def await_(true: Callable[[], object], most_s: float, what: str) -> float:
    """Wait until something is true; return the seconds that it took."""
    began = time.monotonic()
    while not true():
        if time.monotonic() - began > most_s:
            raise SystemExit(f"waited {most_s:g} s in vain for {what}")
        time.sleep(0.2)
    return time.monotonic() - began


@contextlib.contextmanager
def world(*server: str) -> Iterator[World]:
    """Yield a world whose server has these options; its folder is kept where something fails."""
    folder = Path(tempfile.mkdtemp(prefix="lp-", dir="/tmp"))
    made = World(folder)
    try:
        made.serve(*server)
        yield made
    except BaseException:
        print(f"  kept: {folder}", flush=True)
        raise
    else:
        made.close()
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        made.close()


def rows(path: Path, query: str) -> list[Any]:
    """Return the rows of a query over a run file."""
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        return db.execute(query).fetchall()


def labeled(path: Path) -> int:
    """Return how many emails are labeled."""
    return int(rows(path, "SELECT count(*) FROM email WHERE state = 'labeled'")[0][0])


def doubled(path: Path) -> int:
    """Return how many emails have two labels of the model."""
    query = "SELECT count(*) FROM (SELECT 1 FROM label WHERE source = 'model' GROUP BY email_id HAVING count(*) > 1)"
    return int(rows(path, query)[0][0])


def outcomes(path: Path) -> Counter[str]:
    """Return how many calls ended how."""
    return Counter(dict(rows(path, "SELECT outcome, count(*) FROM attempt GROUP BY 1")))


def calls_seen(log: Path) -> Counter[int]:
    """Return the calls that the server answered, by status; other requests than for a label are left out."""
    lines = (json.loads(line) for line in log.read_text("utf-8").splitlines())
    return Counter(line["status"] for line in lines if line.get("kind") in ("ask", "reask"))


def steady_rate(path: Path) -> float:
    """Return the labels a second of the model, from the third tenth of them to the ninth.

    Not counted by full seconds: calls of equal latency end in waves, of which one second sees more than another.
    """
    moments = sorted(at for (at,) in rows(path, "SELECT at FROM label WHERE source = 'model'"))
    first, last = len(moments) * 3 // 10, len(moments) * 9 // 10
    return float((last - first) / (moments[last] - moments[first]))


def idle_s() -> float:
    """Return the seconds that the cores of this machine were idle since it was started."""
    return float(Path("/proc/uptime").read_text("utf-8").split()[1])


def cpu_of(pid: int) -> float:
    """Return the seconds of CPU that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


# -- the programs ------------------------------------------------------------------------------------------------------


def ratio(_: argparse.Namespace) -> str:
    """Two places against one, where the server's latency binds: a call takes 0.8 s, and no core is busy."""
    rates = []
    with world("--latency", "0.8", "--jitter", "0.2", "--headers", "missing") as here:
        for places in (1, 2):
            path = here.make_run(f"ratio{places}", 450 * places)
            options = ("--ray", "--places", str(places), "--width", "16", "--concurrency", str(16 * places))
            process = here.work(f"ratio{places}", *options)
            await_(lambda path=path: labeled(path) > 50, 180, "labels")  # type: ignore[misc]
            began, idle = time.monotonic(), idle_s()
            assert process.wait(300) == 0
            took = time.monotonic() - began
            busy = 1 - (idle_s() - idle) / took / (os.cpu_count() or 1)
            assert labeled(path) == 450 * places, here.status(f"ratio{places}")
            rates.append(steady_rate(path))
            print(f"  {places} place(s): {rates[-1]:.1f}/s, {busy:.0%} of this machine's CPU busy, {outcomes(path)}")
    assert rates[1] >= 1.8 * rates[0], rates
    return f"2 places {rates[1] / rates[0]:.2f} times 1 ({rates[0]:.1f} and {rates[1]:.1f} labels/s)"


REPLACED_ASK = """
import importlib.util, sys
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name != 'core.worker.settle':
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        run = spec.loader.exec_module
        async def ask(self, permit, conversation, settings):
            import asyncio, random
            from core.model import Outcome, Reply, Usage, Verdict
            BODY
        def run_and_replace(module):
            run(module)
            module.LocalFleet.ask = ask
        spec.loader.exec_module = run_and_replace
        return spec
sys.meta_path.insert(0, Finder())
"""
RAISES = REPLACED_ASK.replace("BODY", "raise ValueError(conversation[-1].content + permit.secret.value)")
ANSWERS_ITSELF = REPLACED_ASK.replace(
    "BODY",
    """await asyncio.sleep(random.uniform(0.5, 0.7))
            reply = Reply("1", "stop", Usage(100, 3), "req_0123456789", {})
            return sys.modules[name].Answered(reply, Verdict(Outcome.ANSWERED, "1"))""",
)
"""Lets a place answer by itself: its own call and that of a server would take the CPU that is measured."""


def cpu(_: argparse.Namespace) -> str:
    """What a label costs the coordinator over Ray, at places that answer by themselves after 0.5 to 0.7 s."""
    with world() as here:
        emails = 9_000
        path = here.make_run("cpu", emails)
        with here.patched("answers", ANSWERS_ITSELF):
            process = here.work("cpu", "--ray", "--places", "2", "--width", "128", "--concurrency", "256")
        await_(lambda: labeled(path) > 500, 180, "labels")
        listed = subprocess.run(["pgrep", "-P", str(process.pid)], capture_output=True, text=True, check=True)
        bridge = int(listed.stdout.split()[0])
        began, done = time.monotonic(), labeled(path)
        before = cpu_of(process.pid), cpu_of(bridge)
        await_(lambda: labeled(path) > emails - 300, 300, "labels")
        count, took = labeled(path) - done, time.monotonic() - began
        worker, between = ((now - then) / count * 1000 for now, then in zip(
            (cpu_of(process.pid), cpu_of(bridge)), before, strict=True
        ))  # fmt: skip
        process.wait(300)
    said = f"{worker:.2f} ms CPU of the worker a label at {count / took:.0f}/s, and {between:.2f} ms of its link to Ray"
    assert worker <= 0.5, said
    return said


def nodes(given: argparse.Namespace) -> str:
    """Nodes are killed one after another while their places are at work; each is added again."""
    lost, noticed, used = 0, [0.0], [0.0]
    with world("--latency", "1.5", "--headers", "missing") as here:
        here.start_head()
        here.add_node("a")
        here.add_node("b")
        emails = 500 + 500 * given.seeds
        path = here.make_run("nodes", emails)
        process = here.work("nodes", "--ray", here.head, "--places", "2", "--width", "8")
        for seed in range(given.first, given.first + given.seeds):
            ready = 2 + seed - given.first
            await_(lambda n=ready: ready_events(path) == n and at_once_of(here) == 16, 180, "two places")  # type: ignore[misc]
            time.sleep(random.Random(seed).uniform(0.0, 2.0))
            at_once = at_once_of(here)
            name = "b" if seed % 2 else "a"
            here.kill_node(name)
            noticed.append(await_(lambda n=seed - given.first: len(lost_calls(path)) > n, 30, "the lost place"))  # type: ignore[misc]
            after = at_once_of(here)
            here.add_node(name)
            used.append(await_(lambda n=ready: ready_events(path) > n, 90, "the new node"))  # type: ignore[misc]
            lost = lost_calls(path)[-1]
            print(
                f"  seed {seed}: noticed after {noticed[-1]:.1f} s, {lost} in flight were lost, concurrency {at_once}"
                f" before and {after} after, the new node used after {used[-1]:.1f} s, load {os.getloadavg()[0]:.0f}",
                flush=True,
            )
            assert after is not None
            assert after >= 13  # at rest the search tries a tenth less now and then; a call that failed would halve it
            assert lost <= 8
            assert process.poll() is None, "the run ended too early"
        process.send_signal(signal.SIGINT)
        process.wait(120)
        assert here.work("nodes", "--concurrency", "128").wait(600) == 0
        seen, found, lost = calls_seen(here.log)[200], outcomes(path), sum(lost_calls(path))
        assert labeled(path) == emails
        assert doubled(path) == 0
        assert found["lost"] == lost, (found, lost)
        assert found["answered"] <= seen - 1 <= found["answered"] + lost, (seen, found)  # one looked for the address
        assert set(found) <= {"answered", "lost"}, found
    said = (
        f"{given.seeds} nodes killed: 0 lost, 0 doubled, noticed after at most {max(noticed):.1f} s, {lost} calls lost as"
        f" many as were in flight, concurrency unchanged, a new node used after at most {max(used):.1f} s"
    )
    assert max(noticed) <= 5, said
    assert max(used) <= 15, said
    return said


def at_once_of(here: World) -> int | None:
    """Return how many calls at once the worker allows its organization."""
    found: int | None = here.status("nodes")["concurrency"]["at_once"]
    return found


def lost_calls(path: Path) -> list[int]:
    """Return how many calls were in flight at each place that was noted as lost."""
    noted = rows(path, "SELECT text FROM event WHERE kind = 'place' AND text LIKE '%is lost%' ORDER BY id")
    found = [re.search(r"; (\d+) calls? out there", text) for (text,) in noted]
    return [int(each[1]) if each else 0 for each in found]


def ready_events(path: Path) -> int:
    """Return how often a place was noted as ready."""
    return int(rows(path, "SELECT count(*) FROM event WHERE kind = 'place' AND text LIKE '%is ready'")[0][0])


def coordinator(given: argparse.Namespace) -> str:
    """The worker is killed again and again, and goes on with and without Ray."""
    quiet = []
    with world("--latency", "0.2", "--headers", "missing") as here:
        here.start_head()
        here.add_node("a")
        emails = 150 * given.kills + 300
        path = here.make_run("coordinator", emails)
        kills = given.kills
        for kill in range(given.first, given.first + kills):
            with_ray = kill % 4 != 3
            options = ("--ray", here.head, "--places", "1", "--width", "16") if with_ray else ()
            before, started = labeled(path), time.monotonic()
            process = here.work("coordinator", *options, "--concurrency", "16")
            await_(lambda before=before: labeled(path) > before + 20, 180, "labels")  # type: ignore[misc]
            time.sleep(random.Random(kill).uniform(0, 1))
            os.kill(process.pid, signal.SIGKILL)
            at = time.monotonic()
            process.wait()
            size, changed = here.log.stat().st_size, at
            while time.monotonic() - at < 12:
                time.sleep(0.2)
                if here.log.stat().st_size != size:
                    size, changed = here.log.stat().st_size, time.monotonic()
                elif time.monotonic() - changed > 2:
                    break
            quiet.append(changed - at)
            took = at - started
            print(
                f"  kill {kill}{'' if with_ray else ' without Ray'}: {labeled(path)} labeled, killed {took:.1f} s after"
                f" the start, the server heard nothing {quiet[-1]:.1f} s later",
                flush=True,
            )
        assert here.work("coordinator", "--concurrency", "16").wait(600) == 0
        assert labeled(path) == emails
        assert doubled(path) == 0
    assert max(quiet) <= 10
    return f"{kills} kills: 0 lost, 0 doubled, quiet after at most {max(quiet):.1f} s"


def head(_: argparse.Namespace) -> str:
    """The head is killed, and comes back."""
    with world("--latency", "0.2", "--headers", "missing") as here:
        here.start_head()
        here.add_node("a")
        path = here.make_run("head", 1_500)
        process = here.work("head", "--ray", here.head, "--places", "1", "--width", "8", "--concurrency", "8")
        await_(lambda: labeled(path) > 100, 180, "labels")
        for name in ("head", "a"):
            here.kill_node(name)
        took = await_(lambda: here.status("head")["state"] == "waiting", 60, "waiting")
        reason = str(here.status("head")["reason"])
        assert reason.startswith("no place"), reason
        here.start_head(int(here.head.rpartition(":")[2]))
        here.add_node("a")
        assert process.wait(600) == 0
        assert labeled(path) == 1_500
        assert doubled(path) == 0
        ended = outcomes_of(path)
    return f"waiting after {took:.1f} s ({reason}); went on when the head was back; {ended}"


def outcomes_of(path: Path) -> str:
    """Return in a few words how many calls ended how."""
    return ", ".join(f"{count} {name}" for name, count in outcomes(path).items())


OTHER_VERSION = """
import importlib.metadata as m
known = m.version
m.version = lambda name: '0.0.1' if name == 'labeltui' else known(name)
"""


def version(_: argparse.Namespace) -> str:
    """A node has another labeltui."""
    with world("--latency", "0.2", "--headers", "missing") as here:
        here.start_head()
        with here.patched("other", OTHER_VERSION):
            here.add_node("a")
        here.make_run("version", 50)
        process = here.work("version", "--ray", here.head, "--places", "1")
        await_(lambda: "has labeltui" in str(here.status("version")["reason"]), 180, "the sentence")
        reason = str(here.status("version")["reason"])
        process.send_signal(signal.SIGINT)
        process.wait(60)
    return reason


def secrets(_: argparse.Namespace) -> str:
    """Neither a key nor a text stands in any file of Ray, also after errors that hold them."""
    with world("--latency", "0.2", "--headers", "missing") as here:
        here.start_head()
        here.add_node("a")
        here.make_run("plain", 100)
        assert here.work("plain", "--ray", here.head, "--places", "1").wait(300) == 0
        here.kill_node("a")
        with here.patched("broken", RAISES):
            here.add_node("a")
        here.make_run("forced", 20)
        code = here.work("forced", "--ray", here.head, "--places", "1").wait(300)
        said = (here.folder / "work-forced.out").read_text("utf-8")
        assert code != 0, said
        assert "ValueError" in said, said
        looked = found = 0
        for folder in (here.folder / "ray", here.folder / "home"):
            for file in folder.rglob("*"):
                if file.is_file():
                    looked += 1
                    data = file.read_bytes()
                    held = SECRET.encode() in data
                    held |= folder.name == "ray" and MARK.encode() in data
                    found += held
                    if held:
                        print(f"  found in {file}")
        assert found == 0, f"{found} files hold a key or a text"
    return f"{looked} files of Ray and labeltui hold no key, those of Ray no text; a forced error told its kind alone"


WAYS = {
    "without Ray": (),
    "one place of 16": ("--ray", "--places", "1", "--width", "16"),
    "two of 8": ("--ray", "--places", "2", "--width", "8"),
    "two of 16": ("--ray", "--places", "2", "--width", "16"),
}


def quota(given: argparse.Namespace) -> str:
    """60 requests a minute over two places cost no more refusals than over one place with as many calls at once.

    The ways run side by side for the same minutes, each against a server and with a quota database of its own. Where
    headers tell of quotas that bind less, as Groq's do of requests a day and tokens a minute, nothing tells of 60 a
    minute but a refusal. Where there are none, this machine's server is taken for one without quotas: the calls that
    are out when the first one is refused are refused too, so that more calls at once cost more refusals, once.
    """
    counts: Counter[str] = Counter()
    for seed in range(given.first, given.first + given.seeds):
        served = ("--latency", "0.3", "--jitter", "0.4", "--rpm", "60", "--rpd", "14400", "--tpm", "200000")
        with contextlib.ExitStack() as stack:
            working: dict[str, tuple[World, Path, subprocess.Popen[bytes], float]] = {}
            for way, options in WAYS.items():
                here = stack.enter_context(world(*served, "--seed", str(seed), "--headers", given.headers))
                path = here.make_run("quota", 60 * int(given.minutes) + 500)
                process = here.work("quota", *options)
                await_(lambda path=path: labeled(path) > 0, 180, "labels")  # type: ignore[misc]
                working[way] = here, path, process, time.monotonic() + given.minutes * 60
            for way, (here, path, process, end) in working.items():
                time.sleep(max(0.0, end - time.monotonic()))
                process.send_signal(signal.SIGINT)
                process.wait(120)
                refused = calls_seen(here.log)[429]
                counts[way] += refused
                print(f"  seed {seed}, {way}: {refused} calls refused, {outcomes_of(path)}", flush=True)
    said = ", ".join(f"{counts[way]} {way}" for way in WAYS)
    assert counts["two of 8"] <= max(counts["one place of 16"], 6 * given.seeds), said
    assert given.headers == "missing" or counts["two of 16"] <= 6 * given.seeds, said
    return f"calls refused in {given.seeds} times {given.minutes:g} min, headers {given.headers}: {said}"


PROGRAMS: dict[str, Callable[[argparse.Namespace], str]] = {
    each.__name__: each for each in (ratio, cpu, nodes, coordinator, head, version, secrets, quota)
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the programs that are named; 1 where one of them fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", choices=[*PROGRAMS, "all"], nargs="+")
    parser.add_argument("--seeds", type=int, default=10, help="nodes killed")
    parser.add_argument("--first", type=int, default=0, help="the first seed, of nodes and coordinators")
    parser.add_argument("--kills", type=int, default=20, help="coordinators killed")
    parser.add_argument("--minutes", type=float, default=3.0, help="of the program quota, for each seed")
    parser.add_argument("--headers", choices=["true", "missing"], default="true", help="of the program quota's server")
    given = parser.parse_args(arguments)
    failed = 0
    for name in PROGRAMS if "all" in given.program else given.program:
        began = time.monotonic()
        try:
            said = PROGRAMS[name](given)
        except (AssertionError, SystemExit, subprocess.TimeoutExpired) as error:
            failed, said = 1, f"FAILED: {error}"
        print(f"{name}: {said} ({time.monotonic() - began:.0f} s)", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main())
