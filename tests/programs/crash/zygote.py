"""``python -m tests.programs.crash.zygote``: imports all that a worker needs once, then forks a process for each round.

A worker takes two seconds to import its validation; a thousand kills would wait half an hour for nothing else. So each
victim is a fork of this process: the same code from the same entry (``core.worker.process.work``), without the wait.

It reads one JSON object a line (what to run, where to die, when to be killed) and answers one with how the child ended.
"""

from __future__ import annotations

import json
import logging
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from core.commands.catalog import ActivateTask, Relabel
from core.llm.client import ChatClient
from core.llm.task import builtin_task, load_task
from core.runs import find as runs
from core.runs import send as commands
from core.runs.save import export_run
from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.writing.store import Answer, Store
from core.worker.clients import build_guard
from core.worker.process import work
from tests.programs.crash.points import arm


def acknowledge_commits(log: Path) -> None:
    """Write down, outside the run file, each answer whose commit has returned: from then on it must never be lost."""
    descriptor = os.open(log, os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    real = Store.commit

    def commit(self: Store, answers: list[Answer], *, now: float) -> int:
        settled = real(self, answers, now=now)
        lines = [
            [each.attempt.email_id, each.attempt.request_id, each.settled.label if each.settled else None]
            for each in answers
        ]
        os.write(descriptor, "".join(json.dumps(line) + "\n" for line in lines).encode())
        return settled

    Store.commit = commit  # type: ignore[method-assign, assignment]


def act(order: dict[str, Any]) -> int:
    """In the child: do what was ordered, as the real commands do."""
    path = Path(order["run"])
    logging.basicConfig(filename=path.with_suffix(".log"), level=logging.WARNING)
    random.seed()
    if order["do"] == "work":
        acknowledge_commits(Path(order["acknowledged"]))
        arm(order["point"], order["nth"])
        return work(path, load_settings())
    arm(order["point"], order["nth"])
    if order["do"] == "new":
        options = runs.RunOptions(name=path.stem, seed=1)
        runs.create_run(load_settings(), Path(order["source"]), builtin_task(), options, now=time.time())
    elif order["do"] == "export":
        export_run(path, Path(order["target"]))
    elif order["do"] == "task":
        if order.get("again"):
            commands.send(path, Relabel())
        else:
            commands.send(path, ActivateTask(load_task(Path(order["task"]))))
    elif order["do"] == "open":
        with RunLock(path) as lock, Store.open(path, lock):
            pass
    return 0


def child(order: dict[str, Any]) -> None:
    """Fork's other branch: it never returns."""
    code = 70
    try:
        code = act(order)
    except BaseException:
        logging.getLogger("crash").exception("the victim met an error")
    finally:
        os._exit(code)


def warm_up() -> None:
    """Pay once for what every worker pays at its start: the validation's import, the certificates."""
    build_guard(builtin_task()).prepare()
    ChatClient("gsk_never_asked_with_0123456789")


def main() -> None:
    """Serve orders until standard input ends."""
    warm_up()
    others = [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()]
    assert not others, f"a fork would lose {others}"
    for line in sys.stdin:
        order = json.loads(line)
        pid = os.fork()
        if pid == 0:
            os.close(0)
            child(order)
        kill_at = time.monotonic() + order.get("after_s", 60.0)
        killed_by_clock = False
        while True:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                break
            if not killed_by_clock and time.monotonic() >= kill_at:
                os.kill(pid, signal.SIGKILL)
                killed_by_clock = True
            time.sleep(0.0005)
        code = os.waitstatus_to_exitcode(status)
        print(json.dumps({"code": code, "by_clock": killed_by_clock}), flush=True)


if __name__ == "__main__":
    main()
