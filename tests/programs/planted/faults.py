"""Draw faults from the code by a seed, write one into a module's text, or let the statements of many report. Pure.

A fault changes one place: a comparison, an arithmetic or logical operator, a number, a condition that is turned around, a
statement that is left out. A seed draws the same faults from the same code, equally many in each room of ``ROOMS`` and in
each kind.
"""

from __future__ import annotations

import ast
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
ROOMS: dict[str, tuple[str, ...]] = {
    "formats": ("core/sources", "core/exports", "core/mail"),
    "storage": ("core/storage", "core/files.py"),
    "quota": ("core/quota",),
    "worker": ("core/worker",),
    "commands": ("core/commands", "core/runs", "core/engine.py", "core/published", "tui/commands", "tui/grammar.py"),
    "console": ("tui/actions", "tui/app.py", "tui/live", "tui/screens", "tui/terminal", "tui/text", "tui/web", "tui/widgets"),
    "quality": ("core/quality",),
    "llm": ("core/llm", "core/notify", "core/model", "core/settings.py", "core/server_address.py", "core/text.py"),
}  # fmt: skip
"""By name: the folders and modules of a room."""

_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fault:
    """One change: the module, the number of its node in a walk through the tree, what is done there, and the line."""

    module: str
    node: int
    kind: str
    line: str = ""
    number: int = 0

    @property
    def name(self) -> str:
        """Return what stays the same when lines above it change."""
        return f"{self.module}: {self.kind}: {self.line}"


def faults_of(module: str, text: str) -> Iterator[Fault]:
    """Yield every fault that can be planted in a module."""
    tree, lines = ast.parse(text), text.splitlines()
    for number, node in enumerate(ast.walk(tree)):
        match node:
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                continue  # what is imported there is used by mypy alone
            case ast.Compare(ops=[single]) if type(single) in _SWAPPED:
                kind = "comparison"
            case ast.BinOp(op=op) if type(op) in _SWAPPED:
                kind = "arithmetic"
            case ast.BoolOp():
                kind = "logic"
            case ast.If() | ast.While() | ast.IfExp():
                kind = "condition"
            case ast.Constant(value=int() | float()) if not isinstance(node.value, bool):
                kind = "number"
            case ast.Expr(value=ast.Call()) | ast.AugAssign():
                kind = "left out"
            case _:
                continue
        at = getattr(node, "lineno", 0)
        yield Fault(module, number, kind, lines[at - 1].strip(), at)


def planted(text: str, fault: Fault) -> str:
    """Return the module's text with the fault."""
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
            for statements in blocks(tree):
                if node in statements:
                    statements[statements.index(node)] = ast.copy_location(ast.Pass(), node)
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def probed(text: str, faults: dict[int, Fault]) -> str:
    """Return a module's text in which the statements of its faults report, by the fault's number; the text itself for none.

    A fault outside functions runs at import, before any test: where it sets a name, functions that use it report, and
    where it is the default of a parameter, its function does.
    """
    if not faults:
        return text
    tree = ast.parse(text)
    nodes = list(ast.walk(tree))
    functions = [each for each in nodes if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)]
    reports: list[tuple[ast.stmt, int]] = []
    for number, fault in faults.items():
        node = nodes[fault.node]
        around = [each for each in functions if any(node in ast.walk(statement) for statement in each.body)]
        given = [each for each in functions if node in ast.walk(each.args)]
        if given:  # a default: whoever calls the function may have it
            reports.append((given[-1].body[0], number))
            continue
        if around:
            inner = [statement for statements in blocks(around[-1]) for statement in statements]
            reports.append(([each for each in inner if node in ast.walk(each)][-1], number))
            continue
        for names in (names_set(each) for each in nodes if isinstance(each, ast.stmt) and node in ast.walk(each)):
            reports += [(each.body[0], number) for each in functions if names & names_used(each)]
    for statement, number in reports:
        call = ast.parse(f"__import__('planted_probe').run({number})").body[0]
        for statements in blocks(tree):
            if statement in statements:
                statements.insert(statements.index(statement), ast.copy_location(call, statement))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for parent in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(parent, field, None)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                yield statements


def names_set(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {each.id for each in targets if isinstance(each, ast.Name)}


def names_used(function: ast.AST) -> set[str]:
    used = ast.walk(function)
    return {
        each.id if isinstance(each, ast.Name) else each.attr
        for each in used
        if isinstance(each, ast.Name | ast.Attribute)
    }


def modules_of(room: str, root: Path = ROOT) -> list[str]:
    """Return the modules of a room, in order."""
    found = [
        path
        for each in ROOMS[room]
        for path in ((root / each).rglob("*.py") if (root / each).is_dir() else [root / each])
    ]
    return sorted(str(path.relative_to(root)) for path in found)


def drawn(room: str, count: int, seed: int, root: Path = ROOT) -> list[Fault]:
    """Return so many faults of a room, the same for a seed; each kind has its share."""
    rng = random.Random(f"{room} {seed}")
    by_kind: dict[str, list[Fault]] = {}
    for module in modules_of(room, root):
        for fault in faults_of(module, (root / module).read_text("utf-8")):
            by_kind.setdefault(fault.kind, []).append(fault)
    for faults in by_kind.values():
        rng.shuffle(faults)
    found: list[Fault] = []
    while len(found) < count and any(by_kind.values()):
        found += [faults.pop() for _, faults in sorted(by_kind.items()) if faults]
    return found[:count]
