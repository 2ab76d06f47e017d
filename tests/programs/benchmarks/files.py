"""What importing and exporting cost, beside what another tool takes for the same file in the same session.

    python -m tests.programs.benchmarks.files [--emails 100000] [--source FILE.csv]

The source (columns ``file,message``) is repeated with other ids and another last line until it has so many emails. Each
command is a process of its own; its CPU seconds (user and system) and its largest memory are the kernel's. The anchor of
the import is ``sqlite-utils insert --csv``. Every email gets a label before the exports, which are given in rows for each
CPU second of the whole process, starting up included.
"""

from __future__ import annotations

import argparse
import csv
import os
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from tests.programs.benchmarks import Row, table

SOURCE = Path(__file__).parents[4] / "shared" / "data" / "enron_5031.csv"


def grow(source: Path, target: Path, count: int) -> None:
    """Write so many emails, each with an id and a text of its own."""
    csv.field_size_limit(1 << 30)
    with source.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with target.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["file", "message"])
        for number in range(count):
            row = rows[number % len(rows)]
            writer.writerow([f"{row['file']}{number}", f"{row['message']}\n\nRef {number}\n"])


def measured(command: list[str], environment: dict[str, str]) -> tuple[float, float]:
    """Return CPU seconds and the largest resident memory in MB of a process (Linux)."""
    pid = os.posix_spawn(
        command[0], command, environment, file_actions=[(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    )
    _, status, usage = os.wait4(pid, 0)
    if status:
        raise RuntimeError(f"{' '.join(command)} failed")
    return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def label_all(run: Path) -> None:
    """Give every email of a run a call and a label."""
    with closing(sqlite3.connect(run, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute(
            "INSERT INTO attempt(email_id, n, kind, key_alias, organization, model, task_version, started_at, latency_s,"
            " outcome, raw_answer, prompt_tokens, completion_tokens, epoch) SELECT id, 1, 'ask', 'key-' || (id % 5),"
            " 'org', 'm', (SELECT task_version FROM run), 1.7e9 + id, 0.5, 'answered', id % 2, 400, 3, 1 FROM email"
        )
        db.execute(
            "INSERT INTO label(email_id, value, source, attempt_id, task_version, at) SELECT email_id, raw_answer,"
            " 'model', id, task_version, started_at FROM attempt"
        )
        db.execute("UPDATE email SET state = 'labeled', label = id % 2, label_source = 'model'")
        db.execute("COMMIT")


def figures(source: Path, count: int, folder: Path) -> Iterator[Row]:
    """Yield a row for each thing measured."""
    grown = folder / "grown.csv"
    grow(source, grown, count)
    size = grown.stat().st_size
    environment = {**os.environ, "LABELTUI_HOME": str(folder / "home")}
    tool = [sys.executable, "-m", "sqlite_utils", "insert", str(folder / "anchor.db"), "emails", str(grown), "--csv"]
    anchor, anchor_mb = measured(tool, environment)
    beside = f"{anchor:.1f} s and {anchor_mb:.0f} MB of `sqlite-utils insert --csv`"
    ours, ours_mb = measured([sys.executable, "-m", "tui", "new", str(grown), "--name", "grown"], environment)
    run = folder / "home" / "runs" / "grown.db"
    yield Row(
        f"import of {count:,} emails",
        f"{ours:.1f} s of CPU, {ours_mb:.0f} MB",
        f"{ours / anchor:.2f} × {beside}",
        "2 ×, 200 MB",
    )
    yield Row(
        "its run file", f"{run.stat().st_size / 1e6:,.0f} MB", f"{run.stat().st_size / size:.2f} × the source", "1.4 ×"
    )
    label_all(run)
    for suffix in (".csv", ".jsonl", ".parquet"):
        for kind, more in (("texts and columns", []), ("without texts", ["--no-text"])):
            command = [sys.executable, "-m", "tui", "export", "grown", str(folder / f"out{suffix}"), *more]
            taken, memory = measured(command, environment)
            figure = f"{count / taken:,.0f} rows a CPU second, {memory:.0f} MB"
            yield Row(f"export to {suffix}, {kind}", figure, reach="" if more else "50,000")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--emails", type=int, default=100_000)
    parser.add_argument("--source", type=Path, default=SOURCE)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        print(table(figures(given.source, given.emails, Path(folder))))


if __name__ == "__main__":
    main()
