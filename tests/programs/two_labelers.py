"""Label real emails from one published label file, let a scripted reviewer type the other file's labels, compare figures.

    python -m tests.programs.two_labelers --data ../shared/data --reviews 200

makes a run of ``enron_5031.csv`` in a scratch home, lets a worker label it on the simulator that replays one label file,
opens the console and answers its review with keys: first looks and second looks, each with the other file's label. Then
``labeltui quality --json`` is compared with a computation that shares no code with the package: its own draw of the
sample, its own SQL over emails and reviews, labels from the CSV files. Exit code 1: a figure differs. Both files are
answers of a model, so nothing here says how good a model is.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import hashlib
import json
import math
import os
import random
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from core.llm.task import builtin_task
from core.runs.find import RunOptions, create_run
from core.settings import load_settings
from core.simulator.answers import write_replay
from core.simulator.child import start_child
from core.sources.source import SourceOptions
from tests.programs.kills import ROOT, environment_of_worker
from tests.tui.quiet import wait_until_quiet
from tui.app import LabeltuiApp
from tui.screens.quality.review import Phase, ReviewScreen
from tui.terminal.terminal import CAPABLE

MODEL_COLUMN, PERSON_COLUMN = "label_llm_prediction_csv", "label_annotated_csv"
SIMULATOR = ("--keys", "8", "--organizations", "4", "--plan", "developer", "--scale", "600", "--latency", "0.01")
DRAWS = 40_000
MOST_KEYS = 1.1
"""Key presses that an email should take at most, second looks included."""


def labels_of(data: Path, column: str) -> dict[str, str]:
    """Return a label file's labels by the email's file name."""
    with (data / "llama3_70b_reference_labels.csv").open(newline="", encoding="utf-8") as file:
        return {row["file"]: row[column] for row in csv.DictReader(file)}


def labels_of_texts(path: Path, labels: dict[str, str]) -> dict[str, str]:
    """Return the labels with that of most copies for each: the file labels some copies of one text differently.

    A run labels a text once, and a person reads it once.
    """
    with closing(sqlite3.connect(path)) as db:
        hashes = dict(db.execute("SELECT source_id, content_hash FROM email ORDER BY id"))
    votes: dict[str, Counter[str]] = {}
    for name, content in hashes.items():
        votes.setdefault(content, Counter())[labels[name]] += 1
    return {name: votes[content].most_common(1)[0][0] for name, content in hashes.items()}


def make_labeled_run(data: Path, home: Path) -> Path:
    """Return a run of the emails that a worker labeled on the simulator from the first label file."""
    os.environ["LABELTUI_HOME"] = str(home)
    settings = load_settings({"LABELTUI_HOME": str(home)})
    options = RunOptions(name="enron", seed=3, source=SourceOptions(id_column="file"))
    path = create_run(settings, data / "enron_5031.csv", builtin_task(), options, now=1_700_000_000.0).path
    model = labels_of_texts(path, labels_of(data, MODEL_COLUMN))
    with closing(sqlite3.connect(path)) as db:
        rows = db.execute("SELECT e.source_id, b.text FROM email AS e JOIN body AS b ON b.email_id = e.id").fetchall()
    write_replay(home / "replay.csv", ((text, model[name]) for name, text in rows))
    with start_child([*SIMULATOR, "--replay", str(home / "replay.csv")]) as simulator:
        command = [sys.executable, "-m", "core.worker", str(path)]
        code = subprocess.run(command, env=environment_of_worker(home, simulator), check=False, timeout=900).returncode
    if code:
        raise RuntimeError(f"the worker ended with code {code}")
    return path


@dataclass
class Typed:
    """What reviewing took: key presses by what they did, texts longer than the screen, seconds to the drawn answer."""

    emails: int = 0
    keys: Counter[str] = field(default_factory=Counter)
    longer: int = 0
    pages: int = 0
    times: list[float] = field(default_factory=list)

    @property
    def presses(self) -> int:
        """Return all key presses but those that page through a text."""
        return self.keys.total()


async def review(path: Path, person: dict[str, str], reviews: int, size: tuple[int, int]) -> Typed:
    """Answer a batch after the other, and the second looks of the last one; nothing is pressed that is not needed.

    Whoever reads a text to its end presses space for each further page: these are counted apart.
    """
    app = LabeltuiApp(
        load_settings({"LABELTUI_HOME": os.environ["LABELTUI_HOME"]}), run=path, threaded=False, terminal=CAPABLE,
        review=("reviewer", 25),
    )  # fmt: skip
    typed, seen = Typed(), set[int]()
    async with app.run_test(size=size, notifications=True) as pilot:
        await _quiet(pilot)
        screen = app.screen
        assert isinstance(screen, ReviewScreen)
        while len(seen) < reviews or screen.phase is Phase.SECOND:
            if screen.phase is Phase.DONE:
                break
            kind = str(screen.phase)
            if screen.current is None:
                await pilot.press("enter")
                typed.keys["between batches"] += 1
                await _quiet(pilot)
                continue
            if kind == "first":
                seen.add(screen.current.id)
                shown = screen.query_one("#reviewed")
                more = math.ceil(shown.max_scroll_y / max(1, shown.size.height - 1))
                typed.longer, typed.pages = typed.longer + (more > 0), typed.pages + more
            began = time.perf_counter()
            await pilot.press(person[screen.current.source_id])
            await _quiet(pilot)
            typed.times.append(time.perf_counter() - began)
            typed.keys[kind] += 1
    typed.emails = len(seen)
    return typed


async def _quiet(pilot: object) -> None:
    for _ in range(100):
        await asyncio.sleep(0)
    await pilot.pause()  # type: ignore[attr-defined]


# -- the other computation: nothing of the package below this line ---------------------------------------------------


def independent_figures(path: Path, person: dict[str, str]) -> dict[str, object]:
    """Return accuracy, and share, recall and precision of each label, from tables, label file and the sample's seed."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        emails = db.execute("SELECT id, source_id, content_hash FROM email ORDER BY id").fetchall()
        by_model = dict(db.execute("SELECT email_id, value FROM label WHERE source IN ('model', 'copy')").fetchall())
        seed, rates = db.execute("SELECT seed, rates FROM sample").fetchone()
        shown = db.execute(
            "SELECT r.email_id, e.content_hash, e.source_id, r.value FROM review AS r JOIN email AS e"
            " ON e.id = r.email_id ORDER BY r.id"
        ).fetchall()
    mistyped = sum(person[source_id] != value for _, _, source_id, value in shown)
    said = {content: person[source_id] for _, content, source_id, _ in shown}
    rate = json.loads(rates)[""]
    sizes, audited = Counter(by_model.values()), Counter[tuple[str, str]]()
    for number, _, content in emails:
        digest = hashlib.blake2b(f"{seed}:{number}".encode(), digest_size=8).digest()
        if int.from_bytes(digest, "big") / 2**64 < rate and content in said:
            audited[by_model[number], said[content]] += 1
    n = {model: sum(count for (m, _), count in audited.items() if m == model) for model in sizes}
    total = sum(sizes.values())
    agree = {model: audited[model, model] for model in sizes}
    labels = {}
    for label in sizes:
        real = {model: sizes[model] * audited[model, label] / n[model] for model in sizes}
        everything = sum(real.values())
        labels[label] = {
            "share": (everything / total, _interval(sizes, n, {m: audited[m, label] for m in sizes})),
            "precision": (audited[label, label] / n[label], None),
            "recall": (real[label] / everything, None),
        }
    accuracy = sum(sizes[model] * agree[model] / n[model] for model in sizes) / total
    everywhere = Counter((by_model[number], person[source_id]) for number, source_id, _ in emails)
    return {
        "agree_everywhere": sum(count for (m, p), count in everywhere.items() if m == p) / total,
        "audited": sum(n.values()), "mistyped": mistyped, "accuracy": (accuracy, _interval(sizes, n, agree)),
        "labels": labels, "raw": {label: sizes[label] / total for label in sizes},
    }  # fmt: skip


def _interval(sizes: Counter[str], n: dict[str, int], hits: dict[str, int]) -> tuple[float, float]:
    """Return the 95 % interval of a share by other draws: exact beta-binomial ones with another generator's order."""
    rng = random.Random(20240607)
    found = []
    for _ in range(DRAWS):
        count = 0.0
        for model, size in sizes.items():
            p = rng.betavariate(hits[model] + 0.5, n[model] - hits[model] + 0.5)
            unseen = size - n[model]
            count += hits[model] + unseen * p + rng.gauss(0, 1) * math.sqrt(unseen * p * (1 - p))
        found.append(count / sum(sizes.values()))
    found.sort()
    return found[round(0.025 * DRAWS)], found[round(0.975 * DRAWS)]


def differences(said: dict[str, object], own: dict[str, object]) -> list[str]:
    """Return a sentence for each figure of ``quality --json`` that the other computation does not give."""
    found = [] if said["audited"] == own["audited"] else [f"audited {said['audited']} against {own['audited']}"]
    pairs = [("accuracy", said["accuracy"], own["accuracy"])]
    for label, figures in own["labels"].items():  # type: ignore[attr-defined]
        shown = said["labels"][label]  # type: ignore[index]
        pairs += [(f"{name} of {label}", shown[name], figures[name]) for name in ("share", "precision", "recall")]
        if abs(shown["raw_share"] - own["raw"][label]) > 1e-6:  # type: ignore[index]
            found.append(f"raw share of {label}")
    for name, (value, low, high), (other, interval) in pairs:  # type: ignore[misc]
        if abs(value - other) > 1e-6:
            found.append(f"{name}: {value} against {other}")
        if interval is not None and max(abs(low - interval[0]), abs(high - interval[1])) > 0.004:
            found.append(f"interval of {name}: {low}–{high} against {interval[0]:.4f}–{interval[1]:.4f}")
    return found


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--reviews", type=int, default=200)
    parser.add_argument("--columns", type=int, default=80)
    parser.add_argument("--rows", type=int, default=24)
    given = parser.parse_args()
    if not (given.data / "enron_5031.csv").is_file():
        print(f"skipped: there is no enron_5031.csv in {given.data}")
        return 0
    from textual import pilot

    pilot.wait_for_idle = wait_until_quiet
    with tempfile.TemporaryDirectory() as scratch:
        path = make_labeled_run(given.data, Path(scratch) / "home")
        person = labels_of_texts(path, labels_of(given.data, PERSON_COLUMN))
        typed = asyncio.run(review(path, person, given.reviews, (given.columns, given.rows)))
        command = [sys.executable, "-m", "tui", "quality", str(path), "--json"]
        said = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        own = independent_figures(path, person)
    times, each = sorted(typed.times), typed.presses / typed.emails
    print(f"{typed.emails} emails reviewed with {typed.presses} keys: {each:.3f} each ({dict(typed.keys)})")
    print(f"{typed.longer} were longer than the screen: {typed.pages} pages more for whoever reads all to the end")
    print(
        f"from key to screen: median {times[len(times) // 2] * 1e3:.0f} ms, 95 % {times[int(0.95 * len(times))] * 1e3:.0f} ms"
    )
    print(f"{said['audited']} of {said['labeled']:,} audited (copies included), {own['mistyped']} answers mistyped")
    for name, value in (("quality", said["accuracy"]), ("independent", own["accuracy"])):
        print(f"accuracy, {name}: {value}")
    print(f"both label files agree on {own['agree_everywhere']:.4f} of all emails, as they were labeled")
    for label, figures in own["labels"].items():  # type: ignore[attr-defined]
        print(f"{label}: raw {said['labels'][label]['raw_share']}, quality {said['labels'][label]['share']}")
        print(
            f"{label}: independent {figures['share']}, precision {figures['precision'][0]:.4f}, recall {figures['recall'][0]:.4f}"
        )
    broken = differences(said, own)
    print("\n".join(f"DIFFERS: {one}" for one in broken) or "every figure is equal")
    if each > MOST_KEYS:
        print(f"MORE KEYS than {MOST_KEYS} for each email")
    return 1 if broken or each > MOST_KEYS else 0


if __name__ == "__main__":
    sys.exit(main())
