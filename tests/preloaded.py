"""Begin the project's own processes as forks of one that has imported everything: seconds of imports become milliseconds.

``install()`` replaces ``subprocess.Popen``. Whoever begins ``python -m core.worker`` (or another of ``MODULES``) gets a process
as before: a child of its own with a pid, pipes, a session, an environment and an exit code; only the interpreter's start and
the imports are missing. It is forked by a helper (this file as a program) that begins with the first such process. All other
programs start as always, and so do all on other systems than Linux, with ``LABELTUI_TESTS_FORK=0``, and in
``with native():``, for tests of what a start itself does.
"""

from __future__ import annotations

import atexit
import contextlib
import ctypes
import gc
import io
import json
import logging
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MODULES = {
    "core.worker": "core.worker.__main__",
    "core.worker.dry_run": "core.worker.dry_run",
    "core.simulator": "core.simulator.__main__",
    "tui": "tui.start",
}
"""What may be begun, and whose ``main`` that is."""
_MOST_BYTES = 1 << 18
_CLONE_PARENT = 0x8000
"""clone(2): the new process is a child of the helper's parent, so that the tests can wait for it."""
_SYSCALL_CLONE = {"x86_64": 56, "aarch64": 220}
_real = subprocess.Popen
_lock = threading.Lock()
_helper: tuple[Any, socket.socket, int] | None = None
_is_native = False


def install() -> None:
    """Let every process of ``MODULES`` be forked from now on, where that is possible."""
    if (
        sys.platform == "linux"
        and os.uname().machine in _SYSCALL_CLONE
        and os.environ.get("LABELTUI_TESTS_FORK") != "0"
    ):
        subprocess.Popen = ForkedPopen  # type: ignore[misc]


@contextlib.contextmanager
def native() -> Iterator[None]:
    """Start processes as users do, with an interpreter of their own."""
    global _is_native  # noqa: PLW0603
    _is_native, before = True, _is_native
    try:
        yield
    finally:
        _is_native = before


def _interpreter_of(environment: Any) -> dict[str, str]:
    """Return what of an environment an interpreter reads at its start, all of it."""
    return {str(name): str(value) for name, value in environment.items() if str(name).startswith("PYTHON")}


_INTERPRETER = _interpreter_of(os.environ)


def _wanted(arguments: Any) -> list[str] | None:
    """Return the module and its arguments where the command begins one of ``MODULES``, else None."""
    from core.simulator.child import _BOOT

    if _is_native or not isinstance(arguments, (list, tuple)) or not arguments or arguments[0] != sys.executable:
        return None
    words = [os.fspath(each) for each in arguments[1:] if each != "-P"]
    if words[:2] == ["-c", _BOOT]:
        return ["core.simulator", *words[3:]]
    return words[1:] if words[:1] == ["-m"] and words[1] in MODULES else None


class ForkedPopen(subprocess.Popen):  # type: ignore[type-arg]
    """A Popen whose process is forked by the helper where the command is one of ours."""

    def _execute_child(self, args: Any, executable: Any, preexec_fn: Any, close_fds: Any, pass_fds: Any, cwd: Any, env: Any,
                       startupinfo: Any, creationflags: Any, shell: Any, *rest: Any) -> None:  # fmt: skip
        words = _wanted(args)
        if _interpreter_of(os.environ if env is None else env) != _INTERPRETER:
            words = None  # other modules would be found
        if words is None or executable or preexec_fn or pass_fds or shell or not close_fds:
            super()._execute_child(  # type: ignore[misc]
                args, executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell, *rest
            )
            return
        p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = rest[:6]
        session = rest[11]
        streams = [max(p2cread, 0), c2pwrite if c2pwrite >= 0 else 1, errwrite if errwrite >= 0 else 2]
        order = {"words": words, "env": dict(os.environ if env is None else env), "cwd": str(cwd or Path.cwd()),
                 "session": bool(session)}  # fmt: skip
        self.pid = _asked(order, streams)
        self._child_created = True
        self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)  # type: ignore[attr-defined]


def _asked(order: dict[str, Any], streams: list[int]) -> int:
    """Let the helper fork; return the pid."""
    global _helper  # noqa: PLW0603
    with _lock:
        if _helper is None or _helper[2] != os.getpid():
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
            environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "LC_ALL") if name in os.environ}
            process = _real(
                [sys.executable, "-m", "tests.preloaded", str(theirs.fileno()), "core.worker"],
                cwd=ROOT,
                env={**environment, "PYTHONPATH": str(ROOT)},
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
            )
            theirs.close()
            _helper = (process, ours, os.getpid())
        _, line, _ = _helper
        socket.send_fds(line, [json.dumps(order).encode()], streams)
        answer = line.recv(64)
    if not answer:
        raise RuntimeError("the process that others are forked from has ended")
    return int(answer)


# -- the helper -----------------------------------------------------------------------------------------------------------


def _fork() -> int:
    """Fork a child of the parent; return its pid, or 0 in it."""
    python = ctypes.pythonapi
    python.PyOS_BeforeFork()
    syscall = ctypes.CDLL(None, use_errno=True).syscall
    pid = int(syscall(_SYSCALL_CLONE[os.uname().machine], _CLONE_PARENT | signal.SIGCHLD, 0, 0, 0, 0))
    if pid == 0:
        python.PyOS_AfterFork_Child()
    else:
        python.PyOS_AfterFork_Parent()
    return pid


def _become(order: dict[str, Any], streams: list[int]) -> None:
    """Be the process that was ordered, to its end."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    os.closerange(3, 256)
    if order["session"]:
        os.setsid()
    for number in (signal.SIGPIPE, signal.SIGXFSZ):
        signal.signal(number, signal.SIG_DFL)
        signal.signal(number, signal.SIG_IGN)  # as an interpreter has them
    os.environ.clear()
    os.environ.update(order["env"])
    os.chdir(order["cwd"])
    random.seed()
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        binary = open(number, "rb" if number == 0 else "wb", closefd=False)  # noqa: SIM115
        errors = "backslashreplace" if name == "stderr" else "strict"
        stream = io.TextIOWrapper(binary, encoding="utf-8", errors=errors, line_buffering=name == "stderr")
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    module, *arguments = order["words"]
    sys.argv = [module, *arguments]
    logging.root.handlers.clear()  # what is imported logs something, and thereby sets it up
    logging.root.setLevel(logging.WARNING)
    code: object = 1
    try:
        code = import_module(MODULES[module]).main()
    except SystemExit as ended:
        code = ended.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
            code = 1
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    except BaseException:  # noqa: BLE001 - as an interpreter tells it
        sys.excepthook(*sys.exc_info())  # type: ignore[arg-type]
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))


def main() -> None:
    """Import all that the modules need, then fork a process for each order until the tests have ended."""
    line = socket.socket(fileno=int(sys.argv[1]))
    for module in (*MODULES.values(), "tui.cli"):
        import_module(module)
    from core.llm.client import ChatClient
    from core.llm.task import builtin_task
    from core.worker.clients import build_guard

    build_guard(builtin_task())
    ChatClient("gsk_never_asked_with_0123456789")
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not others, f"a fork would lose {others}"
    gc.collect()
    gc.freeze()  # a collection in a fork would copy every page of what is imported
    while True:
        data, streams, _, _ = socket.recv_fds(line, _MOST_BYTES, 3)
        if not data:
            return
        pid = _fork()
        if pid == 0:
            _become(json.loads(data), streams)
        for stream in streams:
            os.close(stream)
        line.send(str(pid).encode())


if __name__ == "__main__":
    main()
