"""Give orders to a zygote: processes of command lines that are begun, waited for and killed."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

ROOT = Path(__file__).resolve().parents[3]
ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("GROQ", "LABELTUI"))},
    "PYTHONPATH": str(ROOT),
    "PYTHONUTF8": "1",
    "TERM": "xterm-256color",
    "TEXTUAL_ANIMATIONS": "none",
    "ESCDELAY": "20",
}
"""What the zygote begins with; whatever it imports may read these only once."""


class Zygote:
    """The process that command lines are forked from, for one :class:`Processes` after the other. Ends when it is left."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.programs.walk.zygote"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, env=dict(environment),
        )  # fmt: skip
        assert self.process.stdout is not None
        self.process.stdout.readline()  # it has imported all by then
        self.given = 0
        self.rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        self.process.wait()


class Processes:
    """Each command line gets a number; what it says is appended to the file ``out``.

    Its zygote begins with it and is ended when it is left, unless one is given.
    """

    def __init__(self, environment: Mapping[str, str], out: Path, folder: Path, zygote: Zygote | None = None) -> None:
        self._environment, self.out, self._folder = dict(environment), out, folder
        self._codes: dict[int, int] = {}
        self._pids: dict[int, int] = {}
        self._zygote, self._is_own = zygote or Zygote(self._environment), zygote is None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._is_own:
            self._zygote.__exit__(kind, error, trace)

    def begin(self, line: tuple[str, ...], **more: Any) -> int:
        """Begin a process for a command line; ``more`` is what the zygote's orders know besides."""
        self._zygote.given += 1
        number = self._zygote.given
        order = {"id": number, "argv": line, "out": str(self.out), "folder": str(self._folder)}
        assert self._zygote.process.stdin is not None
        self._zygote.process.stdin.write(json.dumps({**order, "env": self._environment, **more}).encode() + b"\n")
        self._zygote.process.stdin.flush()
        return number

    def wait(self, number: int, within_s: float) -> int | None:
        """Return its exit code, negative for a signal; None if it is not over within that time."""
        deadline = time.monotonic() + within_s
        self._hear(0)
        while number not in self._codes and time.monotonic() < deadline:
            self._hear(0.05)
        return self._codes.get(number)

    def pid(self, number: int) -> int:
        """Return its process id, once it was begun."""
        while number not in self._pids:
            self._hear(0.05)
        return self._pids[number]

    def kill(self, number: int) -> None:
        """Kill it where it is not over, and wait for its end."""
        if self.wait(number, 0) is None and number in self._pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pids[number], signal.SIGKILL)
        self.wait(number, 5)

    def _hear(self, timeout_s: float) -> None:
        pipe = self._zygote.process.stdout
        assert pipe is not None
        with selectors.DefaultSelector() as watched:
            watched.register(pipe, selectors.EVENT_READ)
            if not watched.select(timeout_s):
                return
        *lines, self._zygote.rest = (self._zygote.rest + os.read(pipe.fileno(), 1 << 16)).split(b"\n")
        for line in lines:
            told = json.loads(line)
            (self._pids if "pid" in told else self._codes)[told["id"]] = told.get("pid", told.get("code"))


class CopiedHome:
    """Hold a home that is copied anew for each trial, and the processes that are given it."""

    _processes: Processes

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.home = folder / "home"
        self._kept = folder / "kept"
        self._stack = contextlib.ExitStack()

    def prepare(self) -> None:
        """Make the home, start ``_processes`` on the stack, and call :meth:`keep`."""
        raise NotImplementedError

    def keep(self) -> None:
        """Take the home as it is now for the beginning of every trial."""
        shutil.copytree(self.home, self._kept)

    def renew(self) -> None:
        """Make the home what it was in the beginning, with nothing said yet."""
        shutil.rmtree(self.home)
        shutil.copytree(self._kept, self.home)
        self._processes.out.write_text("", "utf-8")

    def said(self) -> str:
        """Return what the processes of this trial have said."""
        return self._processes.out.read_text("utf-8", "replace")

    def close(self) -> None:
        """End every process."""
        self._stack.close()


Home = TypeVar("Home", bound=CopiedHome)


@contextlib.contextmanager
def prepared(kind: type[Home]) -> Iterator[Home]:
    """Yield a prepared home in a temporary folder, in memory where that is possible."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(prefix="home-", dir=memory if memory.is_dir() else None) as folder:
        home = kind(Path(folder))
        try:
            home.prepare()
            yield home
        finally:
            home.close()
