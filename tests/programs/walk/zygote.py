"""Import all that commands and workers need once, then fork a process for each order: ``python -m …walk.zygote``.

A command costs milliseconds and a worker no seconds this way, and each is still a process of its own that can be killed.
Orders come as a JSON object a line ({"id", "argv", "out", "env", "folder"}, and where wanted "stdin", "tty", "fail",
"counts" and "acknowledged"); ``{"id", "pid"}`` answers when the process was begun,
``{"id", "code"}`` when it has ended. The first line says that it is ready. A worker that a command starts is forked as well, with the log that it would have.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import json
import os
import pkgutil
import random
import selectors
import socket
import subprocess
import sys
import threading
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

from core import mail, runs, sources
from core.llm.client import ChatClient
from core.llm.task import builtin_task
from core.worker import __main__ as worker_main
from core.worker import supervisor
from core.worker.clients import build_guard
from tests.programs.crash.zygote import acknowledge_commits
from tui import cli, screens
from tui import commands as answers

_CHILD_SUBREAPER = 36
"""prctl(2): workers whose command has ended become children of this process, which takes note of their end."""

_OVERRIDES = (1, 2)
"""capabilities(7): CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""
_BOUNDS = 24
"""prctl(2): PR_CAPBSET_DROP, so that a program which is executed does not get them back."""
_CAPABILITY_VERSION = 0x20080522
"""capget(2): _LINUX_CAPABILITY_VERSION_3, three sets of 32 bits, twice."""


_MOST_BYTES = 1 << 18
"""Of an order for a worker: its arguments and its environment."""


class ForkedWorker:
    """What the supervisor gets instead of a Popen: the same methods, for a fork.

    The fork is not one of the command, which may have the run file open: SQLite in the fork would take the command's
    locks for its own and hold none. A process that was forked before the command began forks the worker, waits for it
    and passes its code on, for as long as somebody listens.
    """

    _nursery: socket.socket

    @classmethod
    def prepare(cls) -> None:
        """Fork the process that workers are forked from. Nothing may be open yet that a worker must not have."""
        cls._nursery, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        if os.fork() == 0:
            cls._nursery.close()
            _fork_workers(theirs)
        theirs.close()

    def __init__(self, arguments: Sequence[str], log: int, environment: dict[str, str]) -> None:
        order = {"arguments": arguments, "environment": environment}
        socket.send_fds(self._nursery, [json.dumps(order).encode()], [log])
        self.pid = int(self._nursery.recv(32))
        self._code: int | None = None

    def poll(self) -> int | None:
        """Return its exit code, or None while it lives."""
        if self._code is None:
            with contextlib.suppress(OSError):
                self._code = int(self._nursery.recv(32, socket.MSG_DONTWAIT))
        return self._code

    def wait(self) -> int:
        """Return at once: its end is taken note of by the process between."""
        return 0


def _fork_workers(orders: socket.socket) -> NoReturn:
    """Fork a worker for each order, answer its pid and, at its end, its code; end when nobody listens any more."""
    while True:
        try:
            order, descriptors, _, _ = socket.recv_fds(orders, _MOST_BYTES, 1)
        except ConnectionResetError:  # the command ended without having read how its worker did
            order = b""
        if not order:
            os._exit(0)
        given, log = json.loads(order), descriptors[0]
        worker = os.fork()
        if worker == 0:
            _become(given["environment"], log, new_session=True)
            sys.argv = ["core.worker", *given["arguments"]]
            _leave(worker_main.main)
        os.close(log)
        with contextlib.suppress(OSError):  # the command that started it is over
            orders.send(str(worker).encode())
        code = os.waitstatus_to_exitcode(os.waitpid(worker, 0)[1])
        with contextlib.suppress(OSError):
            orders.send(str(code).encode())


def _popen(arguments: Sequence[str], **options: Any) -> Any:
    if "core.worker" in arguments:
        place = list(arguments).index("core.worker")
        return ForkedWorker(list(arguments)[place + 1 :], options["stdout"], options["env"])
    return subprocess.Popen(arguments, **options)


class _Subprocess:
    """The module ``subprocess`` as the supervisor sees it."""

    def __getattr__(self, name: str) -> Any:
        return _popen if name == "Popen" else getattr(subprocess, name)


def _become(environment: dict[str, str], out: int, *, new_session: bool = False) -> None:
    """Let this fork look like a process that was started: its environment, its streams, its session."""
    if new_session:
        os.setsid()
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(out, 1)
    os.dup2(out, 2)
    os.closerange(3, 64)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()


def _take_terminal(name: str) -> None:
    """Let that terminal control this fork, which leads a session of its own, and be its streams.

    Workers that a console starts are begun anew: it has threads and open files, which a fork of it would only half have.
    """
    terminal = os.open(name, os.O_RDWR)
    for stream, (file, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        os.dup2(terminal, stream)
        opened = open(stream, mode, encoding="utf-8", closefd=False)  # noqa: SIM115
        setattr(sys, file, opened)
        setattr(sys, f"__{file}__", opened)
    os.close(terminal)
    supervisor.subprocess = subprocess


def _arm(folder: str, kind: int, nth: int, error: int, rest: int) -> None:
    """Let the preloaded shim count the calls of this process, and fail one."""
    ctypes.CDLL(None).labeltui_arm(folder.encode(), kind, ctypes.c_long(nth), error, rest)


def _leave(main: Any, counts: str | None = None) -> None:
    code: object = 70
    try:
        code = main()
    except SystemExit as ended:
        code = ended.code
    except BaseException:  # noqa: BLE001 - whatever it is, it is told as a process would tell it
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if counts:
            shim = ctypes.CDLL(None)
            shim.labeltui_count.restype = ctypes.c_long
            Path(counts).write_text(json.dumps([shim.labeltui_count(kind) for kind in range(5)]), "utf-8")
        os._exit(code if isinstance(code, int) else 1)


def begin(order: dict[str, Any]) -> int:
    """Fork a process for one command line; return its pid."""
    pid = os.fork()
    if pid == 0:
        out = os.open(order["out"], os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
        _become(order["env"], out, new_session=True)
        sys.argv = ["labeltui", *order["argv"]]
        if "tty" in order:
            _take_terminal(order["tty"])
        else:
            sys.stdin = Path(order.get("stdin") or os.devnull).open(encoding="utf-8")  # noqa: SIM115
        os.chdir(order["folder"])
        if "acknowledged" in order:
            acknowledge_commits(Path(order["acknowledged"]))
        if "fail" in order:
            _arm(**order["fail"])
        if "tty" not in order:
            ForkedWorker.prepare()
        _leave(lambda: cli.main(order["argv"]), order.get("counts"))
    return pid


def _obey_permissions() -> None:
    """Take from this process, and all that it begins, the privilege of root to write where permissions forbid it."""
    if os.geteuid() != 0:
        return
    libc = ctypes.CDLL(None)
    for capability in _OVERRIDES:
        libc.prctl(_BOUNDS, capability, 0, 0, 0)
    header, sets = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0), (ctypes.c_uint32 * 6)()
    libc.capget(header, sets)
    for place in range(3):  # effective, permitted and inheritable ones below 32
        for capability in _OVERRIDES:
            sets[place] &= ~(1 << capability)
    libc.capset(header, sets)


def main() -> None:
    """Serve orders until standard input ends."""
    build_guard(builtin_task()).prepare()
    ChatClient("gsk_never_asked_with_0123456789")
    for package in (answers, screens, mail, runs, sources):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            import_module(module.name)
    _obey_permissions()
    supervisor.subprocess = _Subprocess()  # type: ignore[assignment]
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not others, f"a fork would lose {others}"
    gc.collect()
    gc.freeze()  # no fork looks through what all of them share, and so none copies its pages
    print("ready", flush=True)
    begun: dict[int, int] = {}
    with selectors.DefaultSelector() as watched:
        watched.register(0, selectors.EVENT_READ)
        rest = b""
        while True:
            if watched.select(timeout=0.005):
                read = os.read(0, 1 << 16)
                if not read:
                    return
                *lines, rest = (rest + read).split(b"\n")
                for line in lines:
                    order = json.loads(line)
                    pid = begin(order)
                    begun[pid] = order["id"]
                    print(json.dumps({"id": order["id"], "pid": pid}), flush=True)
            while True:
                try:
                    pid, status = os.waitpid(-1, os.WNOHANG)
                except ChildProcessError:
                    break
                if not pid:
                    break
                if pid in begun:
                    print(json.dumps({"id": begun.pop(pid), "code": os.waitstatus_to_exitcode(status)}), flush=True)


if __name__ == "__main__":
    main()
