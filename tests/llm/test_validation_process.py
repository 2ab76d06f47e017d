"""What building a guard does to a process: nothing on the network, nothing in the home folder, no thread at exit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROGRAM = """
import asyncio, json, os, sys, threading

touched = {"network": [], "written": []}

def watch(event, args):
    if event in ("socket.connect", "socket.getaddrinfo", "socket.sendto", "socket.gethostbyname"):
        touched["network"].append(f"{event} {args[1:]}")
        raise OSError("the network is out of bounds")
    if event == "open" and str(args[0]).startswith(os.environ["HOME"]) and args[2] & (os.O_WRONLY | os.O_RDWR):
        touched["written"].append(str(args[0]))

sys.addaudithook(watch)
from core.llm.validation import AnswerGuard
from core.model import Reply, Usage

heavy_at_import = "guardrails" in sys.modules
guard = AnswerGuard(("1", "0"), "^[01]$")
verdicts = [asyncio.run(guard.judge(Reply(text, "stop", Usage(), "", {}))) for text in ("1", "no")]
from guardrails.utils.hub_telemetry_utils import HubTelemetry
print(json.dumps({
    **touched,
    "heavy_at_import": heavy_at_import,
    "slow": [name for name in ("langchain_core", "langsmith", "rfc3987_syntax", "faker", "grpc") if name in sys.modules],
    "labels": [verdict.label for verdict in verdicts],
    "telemetry": HubTelemetry()._enabled,
    "tracer": type(HubTelemetry()._tracer).__name__,
    "threads": [thread.name for thread in threading.enumerate()[1:]],
}), flush=True)
"""


NLTK = """
import socket

class data:
    def find(name):
        raise LookupError(name)

def download(name):
    try:
        socket.getaddrinfo("raw.githubusercontent.com", 443)
    except OSError:
        pass
"""
"""The part of NLTK that guardrails uses when it is imported, where no tokenizer was downloaded yet."""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a fresh process did that built a guard and judged with it, its home folder and how long it took to exit.

    Its home asks guardrails to report everything, and its environment to trace: neither may win. Beside it lies what
    makes guardrails download a tokenizer.
    """
    home = tmp_path_factory.mktemp("home")
    brought = tmp_path_factory.mktemp("packages")
    (brought / "nltk.py").write_text(NLTK)
    (home / ".guardrailsrc").write_text("id=someone\ntoken=abc\nenable_metrics=true\nuse_remote_inferencing=true\n")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(brought))),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OTEL_SDK_DISABLED": "false",
    }
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        line = process.stdout.readline()
        began = time.monotonic()
        errors = process.stderr.read()
        process.wait(timeout=60)
        took_s = time.monotonic() - began
    assert line, errors
    files = sorted(path.name for path in home.rglob("*"))
    return {**json.loads(line), "exit_s": took_s, "files": files, "stderr": errors, "code": process.returncode}


def test_guard_works_in_a_fresh_process(report: dict[str, Any]) -> None:
    """A guard judges in a process of its own, which ends well and says nothing."""
    assert (report["labels"], report["code"], report["stderr"]) == (["1", None], 0, "")


def test_nothing_is_sent_anywhere(report: dict[str, Any]) -> None:
    """Neither import nor judgement nor exit connects or looks a name up, whatever the operator's files say."""
    assert report["network"] == []
    assert (report["telemetry"], report["tracer"]) == (False, "NoOpTracer")


def test_nothing_is_written_into_the_home_folder(report: dict[str, Any]) -> None:
    """The home folder is as it was."""
    assert report["written"] == []
    assert report["files"] == [".guardrailsrc"]


def test_process_ends_at_once(report: dict[str, Any]) -> None:
    """No telemetry holds the process open, and no thread of its waits: offline its exit took more than seven seconds."""
    assert report["threads"] == []
    assert report["exit_s"] < 4


def test_what_no_validation_needs_is_left_out(report: dict[str, Any]) -> None:
    """What takes seconds to import and serves no validation is not imported, and nothing stands in for it afterwards."""
    assert report["slow"] == []


def test_importing_the_module_alone_is_cheap(report: dict[str, Any]) -> None:
    """guardrails comes with the first guard, not with the module."""
    assert report["heavy_at_import"] is False
