"""What importing each module brings along, looked at in a process of its own for each.

import-linter reads the import statements; this looks at what really arrives. The fresh processes are forks of one
bare interpreter, so that a module costs its own imports and no start of Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
HEAVY = (
    "groq",
    "guardrails",
    "litellm",
    "textual",
    "sqlite_utils",
    "starlette",
    "uvicorn",
    "pyarrow",
    "numpy",
    "scipy",
    "tui",
)
AT_HAND = (
    "argparse", "asyncio", "concurrent.futures", "csv", "dataclasses", "email.message", "html.parser", "http.client",
    "json", "logging", "platform", "platformdirs", "sqlite3", "ssl", "subprocess", "tempfile",
    "tomllib", "urllib.request", "zipfile",
)  # fmt: skip
"""What many modules import and nothing here asks about: the process that is forked has it, so that it is read once."""

MAY_HAVE_THE_CLIENT = ("core.llm.client", "core.worker")

PROGRAM = """
import importlib, json, os, sys, traceback

preloaded, watched, modules = json.load(sys.stdin)
for name in preloaded:
    importlib.import_module(name)
start = [name for name in watched if name in sys.modules]
for module in modules:
    sys.stdout.flush()
    child = os.fork()
    if child == 0:
        try:
            importlib.import_module(module)
            brought = [name for name in watched if name in sys.modules]
        except BaseException:
            brought = ["error: " + traceback.format_exc()]
        print(json.dumps([module, brought]), flush=True)
        os._exit(0)
    os.waitpid(child, 0)
print(json.dumps(["", start]))
"""


def modules_of(package: str) -> list[str]:
    """Every module of a package by its dotted name, from the files."""
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def brought_by(modules: list[str], preloaded: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """For each module, which of the watched ones its import brought into a process that had only ``preloaded``."""
    watched = [*HEAVY, "core.llm.client"]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[*AT_HAND, *preloaded], watched, modules]),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=300,
    )
    told = {module: set(names) for module, names in map(json.loads, result.stdout.splitlines())}
    at_start = told.pop("")
    assert at_start <= set(preloaded)
    assert told.keys() == set(modules)
    return {module: names - at_start for module, names in told.items()}


@pytest.fixture(scope="module")
def core() -> dict[str, set[str]]:
    """What each module of core brings along."""
    return brought_by(modules_of("core"))


@pytest.fixture(scope="module")
def tui() -> dict[str, set[str]]:
    """What each module of the console brings along, beside Textual, which all of it may have."""
    return brought_by(modules_of("tui"), preloaded=("textual", "textual.app", "textual.widgets"))


def bringing(found: dict[str, set[str]], name: str) -> set[str]:
    """The modules that bring ``name`` along."""
    return {module for module, names in found.items() if name in names}


def failures(found: dict[str, set[str]]) -> str:
    """The tracebacks of the modules that could not be imported."""
    return "\n".join(f"{module}: {name}" for module, names in found.items() for name in names if "error: " in name)


def test_every_core_module_imports_alone(core: dict[str, set[str]]) -> None:
    """Each module of core can be imported first, so there is no hidden order and no circle."""
    assert "core.model" in core
    assert failures(core) == ""


def test_every_console_module_imports_alone(tui: dict[str, set[str]]) -> None:
    """Likewise each module of the console."""
    assert failures(tui) == ""


@pytest.mark.parametrize("name", ["textual", "tui"])
def test_core_imports_no_screen(core: dict[str, set[str]], name: str) -> None:
    """The engine runs on a machine without a console."""
    assert bringing(core, name) == set()


@pytest.mark.parametrize("name", ["guardrails", "litellm", "pyarrow"])
def test_core_imports_the_heaviest_only_when_used(core: dict[str, set[str]], name: str) -> None:
    """guardrails comes when a guard is built, not when a module is imported; pyarrow when a parquet file is met."""
    assert bringing(core, name) == set()


def test_groq_comes_with_the_client_alone(core: dict[str, set[str]]) -> None:
    """Only core.llm.client brings the SDK: whoever has the one has the other."""
    assert bringing(core, "groq") == bringing(core, "core.llm.client")


def test_only_the_worker_has_the_client(core: dict[str, set[str]]) -> None:
    """Nothing that the console or a quick command imports pays for the SDK."""
    assert {module for module in bringing(core, "groq") if not module.startswith(MAY_HAVE_THE_CLIENT)} == set()


def test_server_libraries_come_with_the_simulator_alone(core: dict[str, set[str]]) -> None:
    """starlette and uvicorn are the simulator's."""
    servers = bringing(core, "starlette") | bringing(core, "uvicorn")

    assert {module for module in servers if not module.startswith("core.simulator.")} == set()


@pytest.mark.parametrize("name", ["groq", "guardrails", "litellm", "sqlite_utils", "starlette", "uvicorn"])
def test_console_brings_nothing_of_the_worker(tui: dict[str, set[str]], name: str) -> None:
    """The console opens without the worker's libraries, so it opens fast and cannot call the model by accident."""
    assert bringing(tui, name) == set()


def test_command_line_does_not_even_bring_the_console() -> None:
    """A command such as status starts without Textual: the command line imports what is heavy late."""
    assert brought_by(["tui.cli"])["tui.cli"] & {"textual", "groq", "guardrails", "sqlite_utils"} == set()
