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
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from importlib import import_module
from pathlib import Path

from tests.programs.planted.equivalent import EQUIVALENT
from tests.programs.planted.faults import ROOMS, ROOT, Fault, drawn, names_set, planted, probed

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
        names = set[str]() if inside else set[str]().union(*map(names_set, around))
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
