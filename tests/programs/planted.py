"""Plant one fault after the other in a copy of the code, and look whether the tests notice.

    python -m tests.programs.planted --faults 152 --seed 1                       all of it: about an hour of one core
    python -m tests.programs.planted --keep FOLDER --tests tests/storage         in parts: first note what these tests run,
    python -m tests.programs.planted --keep FOLDER --room storage                then plant the faults of a room,
    python -m tests.programs.planted --keep FOLDER --room storage --survivors    or again those that no test noticed (after
                                                                                 --tests of the files that were added)

A fault changes one place: a comparison, an arithmetic or logical operator, a number, a condition that is turned around, a
statement that is left out. A seed draws the same faults from the same code, equally many in each room of ``ROOMS`` and in
each kind. Nothing is written outside a copy of the tree.

1. *What runs a fault's line*: the tests run once in a copy in which each statement that will get a fault reports the
   running test, also from processes that a test begins. Names of constants report where functions use them.
2. *Is it noticed*: each fault is written into another copy and shown to the tests that run its line, the quickest first, in
   a fork of this process, which has imported what the project depends on; the first test that fails ends it. A test that
   fails without a fault, too, does not count.

Survivors are printed with place and line. Each is a behavior that no test tries, or changes nothing that could be seen: these are
named in ``EQUIVALENT`` with the reason. Exit code 1 says that in some room fewer than nine in ten of the others were noticed.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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

EQUIVALENT = {
    "core/quality/agreement.py: logic: if self.value is None or self.low is None or self.high is None:":
        "a coefficient and both ends of its interval are None together or not at all",
    "core/quota/ledger/ledger.py: number: self._serial = 0":
        "serial numbers of accounts are compared with each other, and only for being the same",
    "core/quota/ledger/ledger.py: comparison: elif behind < 0:":
        "the same moment is set again",
    "core/quota/ledger/ledger.py: number: self._serial += 1":
        "serial numbers of accounts are compared with each other, and only for being the same",
    'core/mail/message.py: number: piece = raw[start : start + 2 * room + 2].replace("\\r\\n", "\\n")':
        "a longer piece is looked at, and cut to the same room behind",
    "core/storage/reading/search.py: number: INDEX_FORMAT = 1":
        "an index of another number is made anew; which number it is does not matter",
    "core/worker/retries.py: number: self._answered += 1":
        "answers are counted to see whether there were any since, never how many",
    "core/runs/listing.py: number: found.append((0, 0, 0))":
        "the times of a file that is not there are compared with themselves, and never the latest",
    "tui/text/numbers.py: number: used = min(width, max(0, round(min(1.0, max(0.0, share)) * width)))":
        "a share above 1 is cut to the same width behind",
    "core/text.py: comparison: if code < 0x20:":
        "a space (0x20) is not among the characters that are replaced",
    'core/sources/demo_emails.py: comparison: signature = f"{sender.name}\\n{sender.title}" if work and self._random.random() < 0.4 else sender.first':
        "a random number is never exactly that share",
    'core/mail/message.py: number: shown = view_of(raw, fields=("subject",), truncate_at=1)':
        "the text of that view is not used, its header fields are",
    "core/runs/build.py: number: self._most = _BATCH if share == 1 else max(_BATCH_LEAST, _BATCH // share)":
        "a run file is the same, however many emails are written at once",
    "core/exports/tables.py: comparison: if held_rows >= GROUP_ROWS or held_bytes >= GROUP_BYTES:":
        "whether a group of exactly so many bytes ends before or behind a block, the rows are the same",
    "core/quota/forecast/forecast.py: comparison: return sum(calls_in(capacity, seconds, load.tokens)[0] for capacity in capacities) >= load.calls":
        "the search comes to the same moment from either side",
    "core/sources/source.py: number: _IDS_CACHE_KIB = 32 * 1024":
        "the same ids are taken, however many of them SQLite keeps in memory",
    "tui/commands/sources.py: number: _say_skipped(parts[0].skipped, parts[0].skipped_places)":
        "parts that are made together have one list of what was skipped",
    "core/quality/alarms.py: number: WINDOWS = (60, 90, 135, 200, 300, 450, 700, 1_000, 1_500)":
        "lengths between which a simulation finds no difference; one more ask in one of them promises the same",
    "core/quality/audit.py: number: position: int = 0":
        "every email of a sample that is read has its position",
    "core/runs/find.py: logic: looks_like_path = candidate.suffix == SUFFIX or len(candidate.parts) > 1":
        "a run's name has neither a folder nor that suffix, so that the same file is found by either road",
    "core/sources/demo_emails.py: comparison: sender, reader = (friend, reader) if self._random.random() < 0.6 else (sender, friend)":
        "a random number is never exactly that share",
    "core/worker/lanes/online.py: number: email = self._read(index + 1 if index >= 0 else LOOK_AHEAD)[index]":
        "one more email is read, and the same one is taken",
    "core/worker/lanes/online.py: number: self._probes = 0":
        "the first probe is about another one of the emails that were answered before",
    "core/exports/lines.py: logic: return not all(cell is None or isinstance(cell, str) for cell in different) and len(set(map(type, cells))) > 1":
        "each cell is written once or each different one: the line is the same",
    "core/sources/archives.py: number: _BLOCK_BYTES = 1 << 20":
        "the same bytes are copied, in blocks of another size",
    "core/sources/decoding.py: number: _BLOCK_BYTES = 1 << 20":
        "the same bytes are looked through, in blocks of another size",
    'core/sources/text_source.py: number: descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))':
        "systems on which the tests run know both flags",
    "core/mail/headers.py: comparison: if end - first > _SHORT_CHARS:":
        "both ways through a block give the same headers",
    "core/mail/headers.py: number: _SHORT_CHARS = 20_000":
        "both ways through a block give the same headers",
    "core/exports/lines.py: number: BLOCK_ROWS = 250":
        "the same lines are written, in blocks of another size",
    "core/quota/pacing/concurrency.py: number: self._lap += 1":
        "laps are compared with each other, and only for being the same",
    "core/quota/ledger/account.py: number: self._calls_asked = 0":
        "counts of what was asked are compared with each other",
    "core/quota/ledger/account.py: number: self._tokens_asked = 0.0":
        "counts of what was asked are compared with each other",
    "core/quota/ledger/account.py: number: self._tokens_returned = 0.0":
        "counts of what was given back are compared with each other",
    "core/quota/ledger/account.py: comparison: if wait_s <= 0:":
        "what opens now is no later than now, by either road",
    "core/quota/ledger/account.py: number: itself = reservation.tokens if dimension.period_s > 60 else None":
        "windows are of a minute or a day",
    "core/quota/ledger/account.py: number: if dimension.period_s < 3600 or max(bucket.level, bucket.own) < 20.0 * need:":
        "windows are of a minute or a day",
    "core/quota/ledger/account.py: comparison: if dimension.period_s < 3600 or max(bucket.level, bucket.own) < 20.0 * need:":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: number: share = _CAUTION_MOST_OF_MINUTE if self.dimension.period_s < 3600 else _CAUTION_MOST_OF_DAY":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: comparison: share = _CAUTION_MOST_OF_MINUTE if self.dimension.period_s < 3600 else _CAUTION_MOST_OF_DAY":
        "windows are of a minute or a day",
    "core/quota/ledger/bucket.py: comparison: if elapsed <= 0:":
        "in no time nothing refills, by either road",
    "core/quota/db/sync.py: number: _started_at: float = 0.0":
        "it is set before it is first written",
    "core/quota/forecast/forecast.py: number: return Capacity(name, known, min(benches, default=0.0), speeds.get(name, math.inf))":
        "an organization is only there with a key, and so with a bench",
    "core/quota/forecast/forecast.py: comparison: if high - low < 0.01:":
        "a search that goes on comes to the same moment, to a hundredth of a second",
    "core/quota/forecast/forecast.py: arithmetic: if high - low < 0.01:":
        "a search that goes on comes to the same moment, to a hundredth of a second",
    'core/quota/forecast/forecast.py: number: span = "a minute" if dimension.period_s < 3600 else "a day"':
        "windows are of a minute or a day",
    'core/quota/forecast/forecast.py: comparison: span = "a minute" if dimension.period_s < 3600 else "a day"':
        "windows are of a minute or a day",
    "core/quota/forecast/forecast.py: number: binding = weight.most_common(1)[0][0]":
        "of the two most common ones the first is the same",
    "core/quota/keys/swap.py: number: return key.errors_429 if _waits(key) else 0":
        "keys that do not wait have the same number, whichever it is",
    "core/quota/pacing/failures.py: number: times, _ = self._rests.get(grant.email_id, (0, 0.0))":
        "the moment is not looked at",
    "core/quota/db/rows.py: comparison: if bench is not None and bench.until_at > now:":
        "a bench that ends now is waited for in no time, by either road",
    "core/quota/pacing/estimates.py: comparison: if self._seen >= _FIRST_CALLS and residual > _OUTLIER * spread:":
        "what is exactly so far off is trusted whole, by either road",
    "core/quota/keys/identity.py: number: present = {row[1]: row[0] for row in rows}":
        "an alias that is taken from its own key is given back behind",
    "core/quota/forecast/forecast.py: number: _STEPS = 60":
        "the search comes to a hundredth of a second before",
    "core/quota/forecast/forecast.py: number: _MOST_CALLS = 1e15":
        "one call more than any run makes is more than any run makes",
    'core/quota/pacing/broker.py: number: worker_id = f"{rng.getrandbits(64):016x}{clock():.6f}"':
        "a random number of one more bit is as good",
    "core/quota/pacing/pool.py: left out: self._org(organization)":
        "all keys are grouped anew behind, which makes it",
    "core/quota/pacing/concurrency.py: number: self._lap = 0":
        "laps are compared with each other, and only for being the same",
    "core/quota/pacing/concurrency.py: number: self._first_s = 0.0":
        "it is set with the first answer, or never looked at where more than 16 go out at first",
    "core/quota/pacing/concurrency.py: number: self._rest_s = min(1.5 * self._rest_s, _REST_MOST_S)":
        "the first time already it is the longest rest",
    "core/quota/pacing/concurrency.py: number: first = int(_PATIENCE_S / max(latency_s, 0.001))":
        "after an answer within a second more than 16 may go out, whichever",
    "core/quota/pacing/concurrency.py: comparison: if lap.width > best.width:":
        "a lap of the best width was decided before",
    "core/quota/pacing/concurrency.py: comparison: elif lap.width > best.width:":
        "a lap of the best width was decided before",
    "core/quota/pacing/concurrency.py: comparison: return math.log(large.latency_s / small.latency_s) <= (1.0 - _WORTH) * ratio + 1e-9":
        "the tolerance is there so that no rounding makes them equal",
    'core/quota/db/rows.py: number: calls, trouble = in_flight.get(record.fingerprint, 0), probed.get(record.fingerprint, ("", 0.0))':
        "without a trouble, the moment of its probe is not looked at",
    "core/quota/db/rows.py: number: probe_at: float = 0.0,":
        "a second after the epoch is as long ago as the epoch",
    "tui/text/numbers.py: number: return fit(one_line(text, limit=max(width, 1) * 2), width)":
        "what is cut to more than its width is cut to the width behind",
    "tui/text/numbers.py: comparison: if width <= 0:":
        "into no cell nothing fits, by either road",
    "tui/text/numbers.py: comparison: return round(count, 2 - len(str(count))) if count >= 100 else count":
        "100 to two digits is 100",
    "tui/text/quantities.py: comparison: at += timedelta(days=at <= now)":
        "now is never exactly the beginning of a minute",
    "tui/text/quantities.py: comparison: if at <= now:":
        "now is never exactly the beginning of a minute",
    "tui/widgets/lists/emails.py: number: looked: float = 1.0":
        "whether a list was searched to its end is asked by a share below 1",
    "tui/widgets/lists/rows.py: number: STRIPS = 256":
        "one more drawn line is kept, and looks the same",
    "tui/screens/emails/listing.py: number: self._serial += 1":
        "serial numbers are compared with each other, and only for being the same",
    "core/mail/headers.py: arithmetic: if sum([len(name) + len(value) for name, value in found]) + 2 * len(found) != end - first:":
        "both ways through a block give the same headers",
    "core/quality/report.py: number: for tick in range(0, 101, 20):":
        "the last tick is at 100 either way (two others would be seen)",
    "core/quality/agreement.py: number: if total**2 - chance <= 1e-12 * total**2:":
        "the power behind the bound: either is far below what different labels leave (the others would be seen)",
    "core/quality/intervals.py: arithmetic: density = math.exp(_log_beta_power(x, a, b)) / (x * (1.0 - x)) if 0.0 < x < 1.0 else 0.0":
        "another step leads to the same quantile, in the same bracket",
    "tui/screens/new_run/columns.py: number: self._serial += 1":
        "serial numbers are compared with each other, and only for being the same",
    'core/llm/key_check.py: number: bare = _VERSIONED.sub("", below, count=1)':
        "the expression matches at the end of a path alone, so that it is found once",
    "core/llm/client.py: number: @lru_cache(maxsize=8)":
        "the same bytes are sent, however many rubrics are kept",
    "core/llm/client.py: number: @lru_cache(maxsize=1)":
        "a function without arguments has one result",
    "core/llm/validation.py: number: @lru_cache(maxsize=1)":
        "a function without arguments has one result",
    "core/llm/task.py: number: @lru_cache(maxsize=8)":
        "the same messages are made, however many tasks' frames are kept",
    "core/server_address.py: number: @lru_cache(maxsize=64)":
        "the same server is found, however many addresses are kept",
    'core/llm/dialect.py: number: named = [param.split(".", maxsplit=1)[0]]':
        "what stands before the first full stop is the same, however often the rest is split",
    'core/llm/dialect.py: number: elif param.split(".", maxsplit=1)[0] in named:':
        "what stands before the first full stop is the same, however often the rest is split",
    'core/llm/dialect.py: number: if param and param.split(".", maxsplit=1)[0] == name:':
        "what stands before the first full stop is the same, however often the rest is split",
    "core/text.py: number: if code < 0x20:":
        "a space (0x20) is not among the characters that are replaced",
    "core/model/keys.py: comparison: return f\"{unit} per {'minute' if self.period_s < 3600 else 'day'}\"":
        "a quota's period is a minute or a day",
    "core/model/keys.py: number: return f\"{unit} per {'minute' if self.period_s < 3600 else 'day'}\"":
        "a quota's period is a minute or a day",
    "core/quality/report.py: number: met[person] = met.get(person, 0) + count":
        "every label of the table is there already, and others are not shown",
    "core/quality/intervals.py: number: return min(0.0, _log_hypergeometric(x, population, hits, drawn) + math.log(total))":
        "the sum is a probability, and above 1 by rounding alone",
    "core/quality/intervals.py: comparison: if abs(d * c - 1.0) < _EPSILON * 4:":
        "one more step of a fraction that has converged changes nothing",
    "core/quality/student.py: number: self._bias = [0.0 for _ in labels]":
        "the same is added to the score of every label",
    'core/exports/registry.py: number: beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")':
        "the name of a file that is moved to its place, of other length",
    "core/sources/source.py: arithmetic: _IDS_CACHE_KIB = 32 * 1024":
        "the same ids are taken, however many of them SQLite keeps in memory",
    'core/exports/tables.py: left out: db.execute("PRAGMA synchronous = OFF")':
        "the same rows are written, and flushed once more",
    'core/exports/tables.py: left out: db.execute("PRAGMA journal_mode = OFF")':
        "the same rows are written, with a log beside the file that goes with it",
    "core/sources/decoding.py: logic: if self._offset or not self._encoding.mark:":
        "the same lines come, decoded one by one",
    "core/exports/lines.py: number: count += len(block[0])":
        "all columns of a block are of one length",
    "core/sources/demo_emails.py: comparison: work = self._random.random() < _WORK_SHARE":
        "a number drawn of 2^53 equals the share once in 2^53 times",
}  # fmt: skip
"""By module, kind and line (``Fault.name``): why no test could notice that fault."""

MOST_S, FEWEST_TESTS = 60.0, 30
"""Of the tests that run a line so many seconds are shown it, at least so many tests; survivors are shown to all."""
QUICK_S = 0.01
"""Tests that take no longer are shown a line first, whatever their file: hundreds of them cost less than one console."""
AT_A_TIME = 5
"""Faults after which the tests that noticed them run once without any."""
HANGS_S = 150.0
"""A fault with which the tests take so much longer than without is noticed: they would be ended."""
PRELOADED = (
    "_pytest.assertion.rewrite", "asyncio", "apprise", "groq", "httpx", "keyring", "looptime", "pyarrow.parquet", "pytest",
    "pytest_asyncio.plugin", "pytest_textual_snapshot", "sqlite_utils", "starlette.applications", "syrupy", "textual.app",
    "textual.pilot", "textual.widgets", "unittest.mock", "uvicorn", "xdist.plugin",
)  # fmt: skip
"""What a fork need not import again: nothing of the project."""

_PROBE = """
import os

_seen = set()


def run(number):
    "Note that the running test runs the line of that fault."
    test = os.environ.get("PYTEST_CURRENT_TEST", "")
    if test and (test, number) not in _seen:
        _seen.add((test, number))
        with open(HITS, "a", encoding="utf-8") as file:
            file.write(f"{number}\\t{test}\\n")


def pytest_runtest_logreport(report):
    if report.when == "call" or report.failed:
        with open(HITS, "a", encoding="utf-8") as file:
            file.write(f"{'failed' if report.failed else 'took'} {report.duration:.3f}\\t{report.nodeid}\\n")
"""

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


# -- faults: pure -----------------------------------------------------------------------------------------------------------


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
            for statements in _blocks(tree):
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
            inner = [statement for statements in _blocks(around[-1]) for statement in statements]
            reports.append(([each for each in inner if node in ast.walk(each)][-1], number))
            continue
        for names in (_names_set(each) for each in nodes if isinstance(each, ast.stmt) and node in ast.walk(each)):
            reports += [(each.body[0], number) for each in functions if names & _names_used(each)]
    for statement, number in reports:
        call = ast.parse(f"__import__('planted_probe').run({number})").body[0]
        for statements in _blocks(tree):
            if statement in statements:
                statements.insert(statements.index(statement), ast.copy_location(call, statement))
    return ast.unparse(ast.fix_missing_locations(tree)) + "\n"


def _blocks(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    for parent in ast.walk(tree):
        for field in ("body", "orelse", "finalbody"):
            statements = getattr(parent, field, None)
            if isinstance(statements, list) and statements and isinstance(statements[0], ast.stmt):
                yield statements


def _names_set(statement: ast.stmt) -> set[str]:
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {each.id for each in targets if isinstance(each, ast.Name)}


def _names_used(function: ast.AST) -> set[str]:
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


def chosen(hits: list[str], took: dict[str, float], *, all_of_them: bool = False) -> list[str]:
    """Return the tests to show a fault to: file after file, and whole files whose shared set-up alone runs its line.

    Files take turns, each with its quickest test that is left, so that a line which hundreds of tests run is not shown to
    those of one file alone; tests that take next to nothing go first.

    Args:
        hits: ``PYTEST_CURRENT_TEST`` of each report: a test and, in parentheses, what of it was running.
        took: The seconds of each test that passed without a fault; others are not shown any.
        all_of_them: Whether to go on after ``MOST_S``.
    """
    called = {test for test, _, when in (hit.rpartition(" (") for hit in hits) if when == "call)"}
    set_up = {test for test, _, when in (hit.rpartition(" (") for hit in hits) if when != "call)"}
    by_file = Counter(test.split("::")[0] for test in set_up)
    tests = {test for test in called | set_up if test in took}
    for file in {test.split("::")[0] for test in set_up - called if by_file[test.split("::")[0]] == 1}:
        tests |= {test for test in took if test.startswith(f"{file}::")}
    of_file: dict[str, list[str]] = defaultdict(list)
    for test in sorted(tests, key=lambda test: (took[test], test)):
        of_file[test.split("::")[0]].append(test)
    in_turns = sorted(
        (turn if took[test] > QUICK_S else 0, took[test], test)
        for tests in of_file.values()
        for turn, test in enumerate(tests)
    )
    found: list[str] = []
    spent = 0.0
    for _, seconds, test in in_turns:
        spent += seconds
        if not all_of_them and spent > MOST_S and len(found) >= FEWEST_TESTS:
            break
        found.append(test)
    seconds_of = Counter({file: sum(took[test] for test in set(found) & set(tests)) for file, tests in of_file.items()})
    return sorted(found, key=lambda test: (seconds_of[test.split("::")[0]], test.split("::")[0], took[test], test))


# -- the copies of the tree, and what is kept beside them -----------------------------------------------------------------


class Sample:
    """A folder with the drawn faults, two copies of the tree and what was found."""

    def __init__(self, folder: Path, count: int, seed: int) -> None:
        """Draw the faults and copy the tree, or take what the folder has."""
        self.folder = folder
        self.hits, self.found = folder / "hits.tsv", folder / "found.jsonl"
        kept = folder / "faults.json"
        if not kept.exists():
            folder.mkdir(parents=True, exist_ok=True)
            each = -(-count // len(ROOMS))
            faults = [(room, fault) for room in ROOMS for fault in drawn(room, each, seed)][: each * len(ROOMS)]
            left_out = shutil.ignore_patterns(".git", "__pycache__", ".*_cache", "screenshots")
            for name in ("probed", "tree"):
                shutil.copytree(ROOT, folder / name, ignore=left_out)
            if (ROOT.parent / "shared").exists():
                (folder / "shared").symlink_to((ROOT.parent / "shared").resolve())
            (folder / "probed" / "planted_probe.py").write_text(f"HITS = {str(self.hits)!r}\n{_PROBE}", "utf-8")
            for module in {fault.module for _, fault in faults}:
                here = {number: fault for number, (_, fault) in enumerate(faults) if fault.module == module}
                path = folder / "probed" / module
                path.write_text(probed(path.read_text("utf-8"), here), "utf-8")
            kept.write_text(json.dumps([[room, asdict(fault)] for room, fault in faults]), "utf-8")
        self.faults = [(room, Fault(**fault)) for room, fault in json.loads(kept.read_text("utf-8"))]

    def refresh(self, tests: list[str]) -> None:
        """Bring these files of tests, as they are today, into both copies; all else stays as it was drawn from."""
        files = {word.split("::")[0] for word in tests}
        for file in sorted(file for file in files if file.endswith(".py") and (ROOT / file).is_file()):
            for name in ("probed", "tree"):
                shutil.copyfile(ROOT / file, self.folder / name / file)

    def note(self, tests: list[str]) -> None:
        """Run these tests with a note of the faults whose lines each runs."""
        self.refresh(tests)
        paths = os.pathsep.join(filter(None, [str(self.folder / "probed"), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": paths, "PYTEST_ADDOPTS": "-p planted_probe"}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *tests]
        subprocess.run(words, cwd=self.folder / "probed", env=environment, check=False)

    def lines_run(self) -> tuple[dict[int, list[str]], dict[str, float]]:
        """Return which tests run each fault's line, and the seconds of each test that passed."""
        hits: dict[int, list[str]] = defaultdict(list)
        took: dict[str, float] = {}
        for line in self.hits.read_text("utf-8").splitlines() if self.hits.exists() else ():
            what, test = line.split("\t", 1)
            if what.isdigit():
                hits[int(what)].append(test)
            elif what.startswith("took"):
                took[test] = float(what.split()[1])
            else:
                took.pop(test, None)
        return hits, took

    def outcomes(self) -> dict[int, str]:
        """Return by the fault's number which test noticed it, ``""`` for none; the newest look at a fault counts."""
        lines = self.found.read_text("utf-8").splitlines() if self.found.exists() else ()
        return dict(map(json.loads, lines))

    def plant(self, room: str, *, survivors: bool, most: int) -> None:
        """Plant those of the first faults of a room that were not yet, or that nobody noticed, and keep what is found."""
        hits, took = self.lines_run()
        known = self.outcomes()
        wanted = {""} if survivors else {None}
        numbers = [number for number, (its, _) in enumerate(self.faults) if its == room][:most]
        numbers = [number for number in numbers if known.get(number) in wanted]
        there = {
            test: seconds for test, seconds in took.items() if (self.folder / "tree" / test.split("::")[0]).exists()
        }
        known_by = {number: [*hits[number], *self._that_name(self.faults[number][1], there)] for number in numbers}
        tests = {number: chosen(known_by[number], there, all_of_them=survivors) for number in numbers}
        while numbers:
            looked_at, numbers = numbers[:AT_A_TIME], numbers[AT_A_TIME:]
            found = {n: noticed(self.folder / "tree", self.faults[n][1], tests[n], took) for n in looked_at}
            named = sorted({test for test in found.values() if test and ".py" in test})
            also_without = failing(self.folder / "tree", named)
            for number, test in found.items():
                tests[number] = [each for each in tests[number] if each not in also_without]
                if test in also_without:
                    numbers.append(number)
                else:
                    self._keep(number, test, len(tests[number]))

    def _that_name(self, fault: Fault, tests: Iterable[str]) -> list[str]:
        """Return hits of the tests whose file names both what a module or its class sets with the fault, and that module.

        Functions of the module itself report; a list of columns or of actions, say, is read by other modules only.
        """
        tree = ast.parse((self.folder / "tree" / fault.module).read_text("utf-8"))
        around = [
            each
            for each in ast.walk(tree)
            if isinstance(each, ast.stmt) and each.lineno <= fault.number <= (each.end_lineno or 0)
        ]
        inside = any(isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) for each in around)
        names = set[str]() if inside else set[str]().union(*map(_names_set, around))
        words = re.compile(rf"\b({'|'.join(names)})\b") if names else None
        found: dict[str, bool] = {}
        for file in {test.split("::")[0] for test in tests} if words is not None else ():
            text = (self.folder / "tree" / file).read_text("utf-8")
            found[file] = Path(fault.module).stem in text and words.search(text) is not None
        return [f"{test} (call)" for test in tests if found.get(test.split("::")[0])]

    def _keep(self, number: int, test: str | None, shown_to: int) -> None:
        with self.found.open("a", encoding="utf-8") as file:
            file.write(json.dumps([number, test or ""]) + "\n")
        fault = self.faults[number][1]
        print(f"{fault.module}:{fault.number}: {fault.kind}: {test or f'NOT NOTICED by {shown_to} tests'}", flush=True)

    def table(self) -> int:
        """Print survivors and the table; return 1 where a room's share of noticed faults is below nine in ten."""
        rows: dict[str, Counter[str]] = {room: Counter() for room in ROOMS}
        known = self.outcomes()
        for number, (room, fault) in enumerate(self.faults):
            if number in known:
                what = "noticed" if known[number] else "equivalent" if fault.name in EQUIVALENT else "missed"
                rows[room][what] += 1
                if what != "noticed":
                    print(f"{fault.module}:{fault.number}: {fault.kind}: {fault.line}")
                    print(f"    {EQUIVALENT.get(fault.name, 'no test notices it')}")
        print(f"\n{'room':<12}{'planted':>9}{'noticed':>9}{'equivalent':>12}{'share':>8}")
        worst = 1.0
        for room, row in rows.items():
            if of := row["noticed"] + row["missed"]:
                share = row["noticed"] / of
                worst = min(worst, share)
                print(f"{room:<12}{row.total():>9}{row['noticed']:>9}{row['equivalent']:>12}{share:>8.0%}")
        return int(worst < 0.9)


# -- tests in a fork ----------------------------------------------------------------------------------------------------------


def noticed(tree: Path, fault: Fault, tests: list[str], took: dict[str, float]) -> str | None:
    """Return the test that fails with the fault in that copy of the tree, None where none does; the module is as before."""
    if not tests:
        return None
    path = tree / fault.module
    before, times = path.read_text("utf-8"), path.stat()
    path.write_text(planted(before, fault), "utf-8")
    os.utime(path, (0, 1_000_000 + fault.node))  # a time that no bytecode of another text has
    try:
        return fails(tree, tests, HANGS_S + 3 * sum(took.get(test, 0.0) for test in tests))
    finally:
        path.write_text(before, "utf-8")
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def fails(tree: Path, tests: list[str], within_s: float) -> str | None:
    """Run tests in a fork until one fails; return its name, or what else went wrong; None where all pass."""
    code, failed, unknown = _in_a_fork(tree, ["-x", *tests], within_s)
    if unknown:  # tests of today that were other ones when their lines were noted
        known = [test for test in tests if not any(each.endswith(test) for each in unknown)]
        return fails(tree, known, within_s) if known else None
    return (
        None
        if code == 0
        else failed[0]
        if failed
        else f"exit code {code}"
        if code is not None
        else "they take too long"
    )


def failing(tree: Path, tests: list[str]) -> set[str]:
    """Run tests in a fork, and return those that fail."""
    return set(_in_a_fork(tree, tests, 4 * HANGS_S)[1]) if tests else set()


def _in_a_fork(tree: Path, words: list[str], within_s: float) -> tuple[int | None, list[str], list[str]]:
    """Return the exit code of pytest, None where it took too long, the tests that failed and those that are not there."""
    said = tree.parent / "said.txt"
    child = os.fork()
    if child == 0:
        code = 97
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        try:
            code = _run_tests(tree, words, said)
        except BaseException:  # noqa: BLE001 - nothing of this process may go on in the fork
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    until = time.monotonic() + within_s
    status: int | None = None
    while status is None and time.monotonic() < until:
        pid, ended = os.waitpid(child, os.WNOHANG)
        status = ended if pid else None
        time.sleep(0.02)
    if status is None:
        os.killpg(child, signal.SIGKILL)
        os.waitpid(child, 0)
    lines = said.read_text("utf-8", errors="replace").splitlines()
    failed = [line.split(" ", 1)[1].split(" - ")[0] for line in lines if line.startswith(("FAILED ", "ERROR "))]
    code = None if status is None else os.waitstatus_to_exitcode(status)
    unknown = [
        line.split("not found: ", 1)[1] for line in lines if line.startswith("ERROR: ") and "not found: " in line
    ]
    if code in (4, 97) and not failed and not unknown:
        raise RuntimeError(f"pytest could not be run: see {said}")
    return code, failed, unknown


def _run_tests(tree: Path, words: list[str], said: Path) -> int:
    os.setsid()
    with said.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for name in [name for name in sys.modules if name.split(".")[0] in {"tests", "core", "tui", "labeltui"}]:
        del sys.modules[name]
    os.chdir(tree)
    sys.path[:] = [str(tree), *(each for each in sys.path if each not in {"", str(ROOT)})]
    os.environ["PYTHONPATH"] = str(tree)
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    import pytest

    options = ["-q", "-rfE", "--tb=short", "-p", "no:cacheprovider", f"--rootdir={tree}"]
    return int(pytest.main([*options, "-W", "ignore::pytest.PytestAssertRewriteWarning", *words]))


def main() -> int:
    """Draw faults or go on with those of a folder, note and plant what is asked for, and print survivors and a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faults", type=int, default=152, help="faults in all rooms together (default 152)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="go on with the faults of this folder")
    parser.add_argument(
        "--tests", nargs=argparse.REMAINDER, help="note what these tests (words for pytest, to the end of the line) run"
    )
    parser.add_argument(
        "--room", choices=sorted(ROOMS), action="append", help="plant faults of this room; all where none is named"
    )
    parser.add_argument(
        "--survivors", action="store_true", help="plant again what no test noticed, for all tests that run it"
    )
    parser.add_argument(
        "--first", type=int, default=1000, metavar="N", help="plant the first N of each room's faults alone"
    )
    parser.add_argument("--table", action="store_true", help="print what the folder has")
    given = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no fault stays behind in the folder
    with tempfile.TemporaryDirectory(prefix="planted-") as scratch:
        sample = Sample((given.keep or Path(scratch)).resolve(), given.faults, given.seed)
        if given.tests is not None or (not sample.hits.exists() and not given.table):
            sample.note(given.tests or ["tests"])
        if given.tests is None and not given.table:
            for module in PRELOADED:
                import_module(module)
            import_module("asyncio").set_event_loop(None)
            for room in given.room or ROOMS:
                sample.plant(room, survivors=given.survivors, most=given.first)
        return sample.table()


if __name__ == "__main__":
    sys.exit(main())
