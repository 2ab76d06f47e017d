"""``python -m tests``: all that CI runs, the quickest to fail first: lint, types, contracts, tests.

Tests of one module stay in one process, in order: what a module sets up for all of them is set up once. Modules go in the
order of their names, not the largest first: those of few tests are the slow ones, and would all come last.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent

STEPS = (
    [str(BIN / "ruff"), "check", "."],
    [str(BIN / "ruff"), "format", "--check", "."],
    [sys.executable, "-m", "mypy"],
    [str(BIN / "lint-imports")],
    [
        sys.executable,
        "-m",
        "pytest",
        "-m",
        "not slow",
        "-q",
        "-n",
        "auto",
        "--dist",
        "loadfile",
        "--no-loadscope-reorder",
    ],
)


def main() -> int:
    """Run every step; the first that fails ends it with its exit code."""
    for step in STEPS:
        print(f"\n$ {' '.join([Path(step[0]).name, *step[1:]])}", flush=True)
        code = subprocess.run(step, cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
