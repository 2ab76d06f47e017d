"""Measure labels, files, start-up and screens, and print one table: ``python -m tests.programs.benchmarks``.

    python -m tests.programs.benchmarks [--emails 100000] [--calls 8000] [--rounds 2] [--write]

Each figure stands beside what another tool took for the same work in the same run, where there is one: the bare groq SDK,
OpenAI's SDK, LiteLLM's Router, inspect_ai (the last three where they are installed) and sqlite-utils. CPU is the
kernel's count for a process, or for the console's thread. A second table says what the worker's own work for a label
goes into. Ten minutes; another program on the same cores moves every figure. ``--write`` puts the tables, with date and
machine, into the README beside this file.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from tests.programs.benchmarks import Row, files, per_label, screens, speed, table

README = Path(__file__).with_name("README.md")
BEGIN, END = "<!-- written by python -m tests.programs.benchmarks --write -->\n", "<!-- end -->\n"


def rows(emails: int, calls: int, rounds: int, source: Path) -> Iterator[Row]:
    """Yield all rows."""
    yield from per_label.rows(per_label.measured(calls=calls, warm_up=1_000, rounds=rounds))
    yield per_label.first_call()
    with tempfile.TemporaryDirectory() as scratch:
        yield speed.first_label(Path(scratch))
        yield from speed.figures(3_000, None, Path(scratch))
    yield from screens.rows(screens.openings(5_000))
    if source.exists():
        with tempfile.TemporaryDirectory() as scratch:
            yield from files.figures(source, emails, Path(scratch))


def machine() -> str:
    """Return the date and what it was measured on, as a line."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text("utf-8").splitlines() if cpuinfo.exists() else []
    names = {line.partition(": ")[2] for line in lines if line.startswith("model name")}
    processor = ", ".join(sorted(names)) or platform.machine()
    return f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores ({processor}), Python {platform.python_version()}:"


def main() -> int:
    """Print the tables, each row as soon as it is known to the error output."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=100_000, help="of the source that is imported and exported")
    parser.add_argument("--source", type=Path, default=files.SOURCE, help="CSV file to grow that source from")
    parser.add_argument("--calls", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--write", action="store_true", help=f"write the tables into {README.name}")
    given = parser.parse_args()
    found = []
    for row in rows(given.emails, given.calls, given.rounds, given.source):
        found.append(row)
        print(" | ".join(row), file=sys.stderr, flush=True)
    text = f"{machine()}\n\n{table(found)}\n\n{per_label.own_parts(given.calls, 1_000)}\n"
    print(text)
    if given.write:
        before, _, rest = README.read_text("utf-8").partition(BEGIN)
        README.write_text(f"{before}{BEGIN}\n{text}\n{END}{rest.partition(END)[2]}", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
