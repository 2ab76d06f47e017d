"""Run all that CI runs, the quickest to fail first: lint, types, contracts, tests.

    python -m tests           everything but the tests marked slow
    python -m tests --slow    the tests marked slow, and nothing else

Each process gets half of the tests in their order, so that what a module sets up for all of them is mostly set up once; a
process that has none left takes half of what another still has, so that no core is idle at the end.
"""

from __future__ import annotations

import argparse
import os
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
SIDE_BY_SIDE = ["-n", "auto", "--dist", "worksteal"]

ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""Bytecode is kept: some 150 processes would each compile all that they import, guardrails in seconds."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run every step; the first that fails ends it with its exit code."""
    options = argparse.ArgumentParser(prog="python -m tests")
    options.add_argument("--slow", action="store_true", help="the tests marked slow, and nothing else")
    slow = options.parse_args(arguments).slow
    steps = [[*PYTEST, "-m", "slow"]] if slow else [*CHECKS, [*PYTEST, "-m", "not slow", *SIDE_BY_SIDE]]
    for step in steps:
        print(f"\n$ {' '.join([Path(step[0]).name, *step[1:]])}", flush=True)
        code = subprocess.run(step, cwd=ROOT, env=ENVIRONMENT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
