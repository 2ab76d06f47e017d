"""Run all that CI runs, the quickest to fail first: lint, types, contracts, tests.

    python -m tests           everything but the tests marked slow
    python -m tests --slow    the tests marked slow, and nothing else

Tests of one module stay in one process, in order: what a module sets up for all of them is set up once. Modules go in the
order of their names, not the largest first: those of few tests are the slow ones, and would all come last.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

CHECKS = (
    [str(BIN / "ruff"), "check", "."],
    [str(BIN / "ruff"), "format", "--check", "."],
    [sys.executable, "-m", "mypy"],
    [str(BIN / "lint-imports")],
)
PYTEST = [sys.executable, "-m", "pytest", "-q"]
SIDE_BY_SIDE = ["-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every step; the first that fails ends it with its exit code."""
    options = argparse.ArgumentParser(prog="python -m tests")
    options.add_argument("--slow", action="store_true", help="the tests marked slow, and nothing else")
    slow = options.parse_args(arguments).slow
    steps = [[*PYTEST, "-m", "slow"]] if slow else [*CHECKS, [*PYTEST, "-m", "not slow", *SIDE_BY_SIDE]]
    for step in steps:
        print(f"\n$ {' '.join([Path(step[0]).name, *step[1:]])}", flush=True)
        code = subprocess.run(step, cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
