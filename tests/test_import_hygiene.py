"""What importing each module brings along, looked at in a process of its own for each.

import-linter reads the import statements; this looks at what really arrives. The fresh processes are forks of one
bare interpreter, so that a module costs its own imports and no start of Python; and each is forked from that of the module
which brings most of what it imports itself, so that what many modules need is read once.
"""

from __future__ import annotations

import ast
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

preloaded, watched, after = json.load(sys.stdin)


def look_at(module):
    sys.stdout.flush()
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    try:
        importlib.import_module(module)
        brought = [name for name in watched if name in sys.modules]
    except BaseException:
        brought = ["error: " + traceback.format_exc()]
    print(json.dumps([module, brought]), flush=True)
    for each in after.get(module, ()):
        look_at(each)
    os._exit(0)


for name in preloaded:
    importlib.import_module(name)
start = [name for name in watched if name in sys.modules]
for module in after[""]:
    look_at(module)
print(json.dumps(["", start]))
"""
"""Prints of each module which of the watched ones are there after its import; ``after`` names those that follow in a fork."""


def modules_of(package: str) -> list[str]:
    """Every module of a package by its dotted name, from the files."""
    names = []
    for path in sorted((ROOT / package).rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if parts[-1] != "__main__":
            names.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return names


def imports_of(module: str) -> set[str]:
    """Return what of the project the import of a module imports by its own statements, beside the packages it is in."""
    path = ROOT / Path(*module.split("."))
    path = path.with_suffix(".py") if path.with_suffix(".py").exists() else path / "__init__.py"
    found: set[str] = set()
    outside = [ast.parse(path.read_text("utf-8"))]
    while outside:
        node = outside.pop()
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{each.name}" for each in node.names}
            found |= {node.module, *(name for name in below if _is_module(name))}
        elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            outside += node.orelse
        elif not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            outside += ast.iter_child_nodes(node)
    ours = {name for name in found if name.split(".")[0] in {"core", "tui"} and _is_module(name)}
    return {name for name in ours if not f"{module}.".startswith(f"{name}.")}


def _is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


@pytest.fixture(scope="module")
def brings() -> dict[str, set[str]]:
    """What of the project each module brings along by its statements and those of what it imports; fails for a circle."""
    own = {module: imports_of(module) for module in (*modules_of("core"), *modules_of("tui"))}
    found: dict[str, set[str]] = {}

    def add(module: str, around: tuple[str, ...]) -> set[str]:
        assert module not in around, f"modules import each other in a circle: {[*around, module]}"
        if module not in found:
            found[module] = own[module].union(*(add(each, (*around, module)) for each in own[module]))
        return found[module]

    for module in own:
        add(module, ())
    return found


def brought_by(modules: list[str], brings: dict[str, set[str]], preloaded: tuple[str, ...] = ()) -> dict[str, set[str]]:
    """For each module, which of the watched ones its import brought into a process that had only ``preloaded``.

    Modules that import each other in no circle may be imported in any order, so what a module brings is the same after one
    that it imports itself.
    """
    after: dict[str, list[str]] = {"": []}
    for module in modules:
        largest = max(brings[module] & set(modules), key=lambda each: (len(brings[each]), each), default="")
        after.setdefault(largest, []).append(module)
    watched = [*HEAVY, "core.llm.client"]
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=json.dumps([[*AT_HAND, *preloaded], watched, after]),
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
def core(brings: dict[str, set[str]]) -> dict[str, set[str]]:
    """What each module of core brings along."""
    return brought_by(modules_of("core"), brings)


@pytest.fixture(scope="module")
def tui(brings: dict[str, set[str]]) -> dict[str, set[str]]:
    """What each module of the console brings along, beside Textual, which all of it may have."""
    return brought_by(modules_of("tui"), brings, preloaded=("textual", "textual.app", "textual.widgets"))


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


def test_command_line_does_not_even_bring_the_console(brings: dict[str, set[str]]) -> None:
    """A command such as status starts without Textual: the command line imports what is heavy late."""
    assert brought_by(["tui.cli"], brings)["tui.cli"] & {"textual", "groq", "guardrails", "sqlite_utils"} == set()


def test_console_paints_before_a_run_file_can_be_read(brings: dict[str, set[str]]) -> None:
    """What reads run files, estimates and exports is imported after the first paint, which would take half as long again."""
    brought = brings["tui.commands.console"] | brings["tui.app"]
    later = (
        "core.quality",
        "core.exports",
        "core.mail",
        "core.quota",
        "core.storage.reading.reader",
        "tui.commands.status",
    )

    assert {name for name in brought if name.startswith(later)} == set()
