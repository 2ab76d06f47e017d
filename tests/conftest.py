"""What many tests need: a home of their own, a small task, a small run."""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.model import LabelMeaning, SourceEmail, Task, View
from core.settings import Settings, load_settings
from core.storage.file.lock import RunLock
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from tests import preloaded

# looptime's plugin asks for the current event loop; unless told that there is none, it makes one that nobody closes.
asyncio.set_event_loop(None)

preloaded.install()

NOW = 1_790_000_000.0
DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for all that labeltui writes, and no key from the environment."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path / "home"))
    for name in ("GROQ_API_KEY", "GROQ_API_KEYS", "GROQ_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture
def settings(home: Path) -> Settings:
    """The settings of that home."""
    return load_settings()


@pytest.fixture
def task() -> Task:
    """A task with the labels 1 and 0."""
    return Task(
        name="work or personal",
        labels=(LabelMeaning("1", "work"), LabelMeaning("0", "personal")),
        rubric="Work is 1.",
        version="v1",
    )


@pytest.fixture
def enron() -> Path:
    """The real emails, which are never part of the project."""
    path = DATA / "enron_5031.csv"
    if not path.exists():
        pytest.skip(f"the real emails are not at {path}")
    return path


@pytest.fixture
def no_superuser() -> Iterator[None]:
    """Let the modes of files hold for this test, also where root runs it: without the right to pass over them (Linux)."""
    if os.name != "posix" or (os.geteuid() == 0 and sys.platform != "linux"):
        pytest.skip("modes hold for nobody here")
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this thread
    before = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; twice
    assert libc.capget(header, before) == 0
    without = (ctypes.c_uint32 * 6)(*before)
    without[0] &= ~0b1110  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    assert libc.capset(header, without) == 0
    try:
        yield
    finally:
        assert libc.capset(header, before) == 0


MakeRun = Callable[..., Path]


def emails(texts: list[str]) -> Iterator[tuple[SourceEmail, View]]:
    """Emails whose texts are given; equal texts have equal hashes."""
    for number, text in enumerate(texts, 1):
        yield (
            SourceEmail(f"mail-{number}", f"Subject: s{number}\n\n{text}", f"row {number}"),
            View(f"s{number}", "a@example.org", "", text, f"hash of {text}", truncated=False),
        )


@pytest.fixture
def make_run(tmp_path: Path, task: Task) -> MakeRun:
    """A function that makes a run file of the given texts and returns its path."""

    def make(texts: list[str], *, name: str = "small", order: str = "source", dedupe: bool = True) -> Path:
        path = tmp_path / f"{name}.db"
        run = NewRun(name, "somewhere.csv", "digest", NOW, order=order, seed=3, dedupe=dedupe)
        with Store.create(path, run, task) as store:
            store.add_emails(emails(texts))
            store.set_order(order, 3)
        return path

    return make


@pytest.fixture
def opened() -> Iterator[Callable[[Path], Store]]:
    """A function that opens a run's store under its lock, with an epoch begun; everything is closed afterwards."""
    held: list[tuple[RunLock, Store]] = []

    def open_store(path: Path) -> Store:
        lock = RunLock(path, wait_s=0.1)
        lock.acquire()
        store = Store.open(path, lock)
        held.append((lock, store))
        store.begin_epoch(now=NOW, pid=1, host="here")
        return store

    yield open_store
    for lock, store in held:
        store.close()
        lock.release()
