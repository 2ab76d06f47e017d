"""Plant one fault after the other in a copy of the code, and look whether the room's tests notice.

    python -m tests.programs.planted --faults 40 --seed 1 --room ledger

A fault changes one place: a comparison, an arithmetic or logical operator, a number, a condition that is turned around, a
statement that is left out. A room is some modules and the tests that ought to notice; each fault is tried in a process of its
own, on a copy of the tree. The tests of a room run once with a note of the lines that each of them runs; a fault is then shown
only to those that run its line, the quickest first. Survivors are printed with their place and both lines: each is a missing test or an equivalent.
Exit code 1 says that fewer than nine in ten were noticed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROOMS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "ledger": (
        ("core/quota/ledger/account.py", "core/quota/ledger/bucket.py", "core/quota/ledger/levels.py"),
        ("tests/quota/test_ledger.py", "tests/quota/test_bucket.py", "tests/quota/test_replies.py", "tests/quota/test_broker.py"),
    ),
    "pacing": (
        ("core/quota/pacing/scheduler.py", "core/quota/pacing/failures.py", "core/quota/pacing/broker.py"),
        ("tests/quota/test_scheduler.py", "tests/quota/test_broker.py", "tests/quota/test_outages.py"),
    ),
    "storage": (
        ("core/storage/writing/settle.py", "core/storage/writing/people.py", "core/storage/file/check.py",
         "core/storage/file/shape.py", "core/storage/file/rows.py"),
        ("tests/storage/test_store.py", "tests/storage/test_people.py", "tests/storage/test_check.py",
         "tests/storage/test_label_in_force.py", "tests/storage/test_shape.py"),
    ),
    "worker": (
        ("core/worker/queue.py", "core/worker/retries.py", "core/worker/pause.py", "core/worker/commit.py"),
        ("tests/worker/test_queue.py", "tests/worker/test_retries.py", "tests/worker/test_pause.py",
         "tests/worker/test_commit.py"),
    ),
    "estimates": (
        ("core/quality/estimates.py", "core/quality/intervals.py", "core/quality/agreement.py", "core/quality/sampling.py"),
        ("tests/quality/test_intervals.py", "tests/quality/test_agreement.py", "tests/quality/test_parts.py",
         "tests/storage/test_reviews.py"),
    ),
}  # fmt: skip
"""By name: modules, and the tests that ought to notice a fault in them."""
SUITE_S = 240
"""A fault that lets the tests run longer is noticed: they would be ended."""

MOST_TESTS = 80
"""So many tests are named one by one; more than that, and the room's files are run whole."""
_PLUGIN = """
import json, os, sys, threading, time
import pytest

FILES = json.loads(os.environ["PLANTED_FILES"])
LINES = {}

def follow(frame, event, _):
    name = FILES.get(frame.f_code.co_filename)
    if name is None:
        return None
    seen = NOW.setdefault(name, set())

    def lines(frame, event, _):
        seen.add(frame.f_lineno)
        return lines

    return lines

@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item, nextitem):
    global NOW
    NOW, began = {}, time.process_time()
    sys.settrace(follow)
    threading.settrace(follow)
    yield
    sys.settrace(None)
    threading.settrace(None)
    took = time.process_time() - began
    for name, seen in NOW.items():
        for line in seen:
            LINES.setdefault(name, {}).setdefault(line, []).append((took, item.nodeid))

def pytest_sessionfinish(session):
    with open(os.environ["PLANTED_MAP"], "w") as file:
        json.dump({name: {line: [test for _, test in sorted(tests)] for line, tests in lines.items()} for name, lines in LINES.items()}, file)
"""

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One change: the module, the number of its node in a walk through the tree, and what is done there."""

    module: str
    node: int
    kind: str


def faults_of(module: str, text: str) -> Iterator[Fault]:
    """Yield every fault that can be planted in a module."""
    for number, node in enumerate(ast.walk(ast.parse(text))):
        match node:
            case ast.Compare(ops=[single]) if type(single) in _SWAPPED:
                yield Fault(module, number, "comparison")
            case ast.BinOp(op=op) if type(op) in _SWAPPED:
                yield Fault(module, number, "arithmetic")
            case ast.BoolOp():
                yield Fault(module, number, "logic")
            case ast.If() | ast.While() | ast.IfExp():
                yield Fault(module, number, "condition")
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                yield Fault(module, number, "number")
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                yield Fault(module, number, "left out")


def planted(text: str, fault: Fault) -> tuple[str, int]:
    """Return the module's text with the fault, and the line where it is."""
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    node = nodes[fault.node]
    match fault.kind, node:
        case "comparison", ast.Compare():
            node.ops = [_SWAPPED[type(node.ops[0])]()]  # type: ignore[list-item]
        case "arithmetic" | "logic", ast.BinOp() | ast.BoolOp():
            node.op = _SWAPPED[type(node.op)]()  # type: ignore[assignment]
        case "condition", ast.If() | ast.While() | ast.IfExp():
            node.test = ast.UnaryOp(ast.Not(), node.test)
        case "number", ast.Constant():
            node.value = node.value + 1  # type: ignore[operator]
        case "left out", ast.stmt():
            for parent in nodes:
                for field in ("body", "orelse", "finalbody"):
                    statements = getattr(parent, field, None)
                    if isinstance(statements, list) and node in statements:
                        statements[statements.index(node)] = ast.copy_location(ast.Pass(), node)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n", getattr(node, "lineno", 0)


def drawn(room: str, count: int, seed: int) -> list[Fault]:
    """Return so many faults of a room, the same for a seed; each kind has its share."""
    rng = random.Random(f"{room} {seed}")
    by_kind: dict[str, list[Fault]] = {}
    for module in ROOMS[room][0]:
        for fault in faults_of(module, (ROOT / module).read_text("utf-8")):
            by_kind.setdefault(fault.kind, []).append(fault)
    for faults in by_kind.values():
        rng.shuffle(faults)
    found: list[Fault] = []
    while len(found) < count and any(by_kind.values()):
        found += [faults.pop() for _, faults in sorted(by_kind.items()) if faults]
    return found[:count]


Map = dict[str, dict[str, list[str]]]
"""By module and line, the tests that run it, the quickest first."""


def mapped(tree: Path, modules: tuple[str, ...], tests: tuple[str, ...]) -> Map | None:
    """Run the tests of a room with a note of the lines that each runs; return None where they fail without a fault."""
    (tree / "planted_lines.py").write_text(_PLUGIN, "utf-8")
    found = tree / "planted_lines.json"
    files = {str(tree / module): module for module in modules}
    more = {"PLANTED_FILES": json.dumps(files), "PLANTED_MAP": str(found)}
    if _fails(tree, tests, "-p", "planted_lines", within_s=4 * SUITE_S, **more):
        return None
    return dict(json.loads(found.read_text("utf-8")))


def chosen(text: str, fault: Fault, tests: tuple[str, ...], lines: Map) -> tuple[str, ...]:
    """Return the tests that run the fault's lines: none for code that no test runs, all for what runs at import."""
    tree = ast.parse(text)
    node = list(ast.walk(tree))[fault.node]
    first, last = getattr(node, "lineno", 0), getattr(node, "end_lineno", 0)
    functions = (each for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef))
    if not any(each.body[0].lineno <= first <= (each.end_lineno or 0) for each in functions):
        return tests
    by_line = lines.get(fault.module, {})
    found = list(dict.fromkeys(test for line in range(first, last + 1) for test in by_line.get(str(line), ())))
    return tuple(found) if len(found) <= MOST_TESTS else tests


def noticed(tree: Path, fault: Fault, tests: tuple[str, ...]) -> bool:
    """Return whether the tests fail with the fault in that copy of the tree; the module is as it was afterwards."""
    if not tests:
        return False
    path = tree / fault.module
    before = path.read_text("utf-8")
    path.write_text(planted(before, fault)[0], "utf-8")
    try:
        return _fails(tree, tests)
    finally:
        path.write_text(before, "utf-8")


def _fails(tree: Path, tests: tuple[str, ...], *options: str, within_s: float = SUITE_S, **more: str) -> bool:
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", **more}
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *options, *tests]
    try:
        ended = subprocess.run(words, cwd=tree, env=environment, capture_output=True, check=False, timeout=within_s)
    except subprocess.TimeoutExpired:
        return True
    return ended.returncode != 0


def main() -> int:
    """Plant so many faults in each room; print survivors and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=30, help="faults in each room (default 30)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--room", choices=sorted(ROOMS), action="append", help="a room; all where none is named")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        tree = Path(folder).resolve() / "tree"
        shutil.copytree(ROOT, tree, ignore=shutil.ignore_patterns(".git", "__pycache__", ".*_cache"))
        for room in given.room or sorted(ROOMS):
            modules, tests = ROOMS[room]
            lines = mapped(tree, modules, tests)
            if lines is None:
                print(f"{room}: its tests fail without any fault", flush=True)
                return 1
            texts = {module: (ROOT / module).read_text("utf-8") for module in modules}
            found = [
                (fault, noticed(tree, fault, chosen(texts[fault.module], fault, tests, lines)))
                for fault in drawn(room, given.faults, given.seed)
            ]
            for fault, seen in found:
                if not seen:
                    _, line = planted(texts[fault.module], fault)
                    shown = texts[fault.module].splitlines()[line - 1].strip()
                    print(f"{fault.module}:{line}: {fault.kind}: {shown}", flush=True)
            rows.append((room, sum(seen for _, seen in found), len(found)))
    print(f"\n{'room':<12}{'planted':>9}{'noticed':>9}{'share':>8}")
    for room, seen, planted_ in rows:
        print(f"{room:<12}{planted_:>9}{seen:>9}{seen / max(1, planted_):>8.0%}")
    return int(any(seen < 0.9 * planted_ for _, seen, planted_ in rows))


if __name__ == "__main__":
    sys.exit(main())
