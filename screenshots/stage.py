# ruff: noqa: INP001 - a module of scripts, not a package
"""A small world to take pictures of: the demo with its real worker and simulator, other runs, and files to read.

Everything lies under one folder whose name may stand in a picture, and is gone afterwards. The emails are invented by
the demo; seeds fix them, their order and the answers. Times, rates and what is in flight are those of the machine.
"""

from __future__ import annotations

import mailbox
import os
import platform
import shutil
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from core.commands.catalog import Resume, Stop
from core.llm.task import builtin_task, chosen_task
from core.model import RunState, Snapshot, Task
from core.runs import archive, demo
from core.runs.find import RunOptions, create_run, run_files
from core.runs.send import await_answer, send
from core.settings import Settings, load_settings
from core.simulator.child import adopt, start_child
from core.sources.demo_emails import demo_emails, write_demo_csv
from core.storage.reading.reader import RunReader
from core.worker import supervisor

HOME = Path("/tmp/labeltui-pictures")  # noqa: S108 - a name that may be seen; it is made for us alone or not at all
OPERATOR, HOST = "ana", "harbor"
"""Who works here, on which machine: what the pictures say instead of whoever takes them."""

PATIENCE_S = 60.0
_DAY_S = 86_400.0

_SWIFT = (
    "--keys", "5", "--organizations", "3", "--seed", "11", "--latency", "0.02",
    "--rpm", "100000", "--rpd", "1000000", "--tpm", "100000000", "--tpd", "1000000000",
    "--faults", "invalid=0.06,poison=0.02,length=0.01",
)  # fmt: skip
"""The same keys as the demo's, without quotas to wait for: for runs that only stand in the list."""

_STRICT = ("--keys", "5", "--organizations", "3", "--seed", "11", "--latency", "0.3", "--rpm", "6", "--rpd", "1000")
"""So few requests a minute that a run waits most of the time."""

_COMPLAINTS = '''\
name = "complaint or not"
fields = ["from", "subject", "body"]
truncate_at = 4_000

rubric = """
A message is a complaint if its writer wants something put right: a late ferry, a wrong bill, a lost umbrella.
A question without any anger is none. Praise that ends in a command is none.
"""

[[labels]]
value = "yes"
name = "complaint"
meaning = "the writer wants something put right"

[[labels]]
value = "no"
name = "other"
meaning = "anything else"

[model]
model = "openai/gpt-oss-120b"
'''

_NEUTRAL_HOST = f"import socket\nsocket.gethostname = lambda: {HOST!r}\n"


@dataclass(frozen=True, slots=True)
class World:
    """Where things are: the settings of a console, the demo's run, and a folder with sources of emails."""

    settings: Settings
    run: Path
    mail: Path


@contextmanager
def world(emails: int, *, alone: bool = False) -> Iterator[World]:
    """Build it, and take it down whatever happens. ``alone`` leaves the other runs and the sources out.

    Raises:
        FileExistsError: somebody takes pictures here already, or was killed at it; the folder is then to be deleted.
    """
    HOME.mkdir(mode=0o700)
    before = Path.cwd()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended before all pictures were taken."))
    try:
        _neutral()
        settings = load_settings()
        run, _ = demo.prepare(settings, emails, now=time.time())
        made = World(settings, run, HOME / "mail")
        shutil.copy(settings.for_run(run).keys_path, settings.keys_path)  # the same keys for the other runs
        try:
            with start_child(_STRICT) as strict:
                if not alone:
                    _sources(made.mail)
                    _other_runs(made, strict.base_url)
                    os.chdir(made.mail)
                yield made
        finally:
            os.chdir(before)
            _end(settings)
    finally:
        shutil.rmtree(HOME, ignore_errors=True)


def _neutral() -> None:
    """Nothing of this machine and its user in a picture, also not by way of the worker, a process of its own."""
    for name in [*(name for name in os.environ if name.startswith(("GROQ_", "LABELTUI_"))), "NO_COLOR", "TMUX", "STY"]:
        os.environ.pop(name, None)
    apart = HOME / ".python"
    apart.mkdir()
    (apart / "sitecustomize.py").write_text(_NEUTRAL_HOST, encoding="utf-8")
    os.environ.update(
        LABELTUI_HOME=str(HOME), LOGNAME=OPERATOR, TZ="UTC", PYTHONPATH=str(apart), TERM="xterm-256color",
        PYTHONDONTWRITEBYTECODE="1",
    )  # fmt: skip
    time.tzset()
    socket.gethostname = lambda: HOST
    platform.platform = lambda *_: platform.system()  # type: ignore[misc,assignment]


def _sources(mail: Path) -> None:
    """Files that a new run can be made from, one that cannot, and a task."""
    mail.mkdir()
    write_demo_csv(mail / "harbor.csv", 1_200, seed=3)
    box = mailbox.mbox(mail / "archive.mbox")
    for each in demo_emails(160, seed=5):
        box.add(each.raw.encode())
    box.close()
    folder = mail / "letters"
    folder.mkdir()
    for each in demo_emails(24, seed=9):
        (folder / f"{each.source_id}.eml").write_text(each.raw, encoding="utf-8")
    (mail / "complaints.toml").write_text(_COMPLAINTS, encoding="utf-8")
    (mail / "minutes.docx").write_bytes(b"PK")
    for name, days in (("harbor.csv", 2), ("archive.mbox", 40), ("letters", 9), ("complaints.toml", 1)):
        os.utime(mail / name, (time.time() - days * _DAY_S,) * 2)


def _other_runs(made: World, strict: str) -> None:
    """Make runs in other states than the demo, which is at work: done, tried and stopped, new, archived, waiting."""
    own, mail = made.settings, made.mail
    fast = chosen_task(None, "openai/gpt-oss-120b")
    complaints = chosen_task(mail / "complaints.toml", None)
    with start_child(_SWIFT) as swift, start_child((*_SWIFT, "--labels", "yes,no")) as other:
        done = _made(own, mail / "harbor.csv", fast, "harbor", swift.base_url)
        tried = _made(own, mail / "archive.mbox", complaints, "complaints", other.base_url)
        pilot = _made(own, mail / "letters", fast, "pilot", swift.base_url)
        for path, only in ((pilot, None), (done, None), (tried, 40)):
            supervisor.start(path, own, only=only)
            until_run(path, lambda now: now.state in (RunState.DONE, RunState.PAUSED) and not now.worker.in_flight)
            if only is None:
                _until_done(path)
            else:
                _stop(path)
            until_run(path, lambda now: not now.worker.alive)
    _made(own, mail / "letters", builtin_task(), "letters", "https://api.groq.com")
    archive.archive(pilot)
    supervisor.start(made.run, own.for_run(made.run))
    waiting = _made(own, mail / "archive.mbox", chosen_task(None, "qwen/qwen3.8-27b"), "night", strict)
    supervisor.start(waiting, own)


def _made(own: Settings, source: Path, task: Task, name: str, base_url: str) -> Path:
    return create_run(own, source, task, RunOptions(name=name, base_url=base_url, seed=7), now=time.time()).path


def until_run(path: Path, seen: Callable[[Snapshot], bool], patience_s: float = PATIENCE_S) -> None:
    """Wait for a run's file to show it."""
    deadline = time.monotonic() + patience_s
    with RunReader(path) as reader:
        while not seen(reader.snapshot(time.time())):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{path.stem} did not get there in {patience_s:.0f} s.")
            time.sleep(0.1)


def _until_done(path: Path) -> None:
    """Resume the run as often as a watch pauses it, until it is done."""
    state = RunState.PAUSED
    while state is not RunState.DONE:
        if state is RunState.PAUSED:
            await_answer(path, send(path, Resume()), timeout_s=20)
        until_run(path, lambda now: now.state in (RunState.DONE, RunState.PAUSED) and not now.worker.in_flight)
        with RunReader(path) as reader:
            state = reader.snapshot(time.time()).state


def _stop(path: Path) -> None:
    await_answer(path, send(path, Stop()), timeout_s=20)


def _end(settings: Settings) -> None:
    """No process of ours stays."""

    def gone(now: Snapshot) -> bool:
        return not now.worker.alive

    for path in run_files(settings):
        with RunReader(path) as reader:
            alive = reader.snapshot(time.time()).worker.alive
        if alive:
            _stop(path)
        until_run(path, gone)
    simulator = adopt(settings.demo_dir / "simulator.json")
    if simulator is not None:
        simulator.stop()
