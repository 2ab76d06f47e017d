"""Kill whoever reviews at any SQL statement of a batch, its second looks and an alarm; look what the run file holds then.

    python -m tests.programs.review_kills --points 200 --seed 1

A process of its own answers two batches with their second looks, meets an alarm and re-labels its window, and dies by
SIGKILL at a chosen statement. Then nothing that was acknowledged may be missing, nothing may be there twice, no open
batch may show where the model differs, and another process that goes on must come to the very end that an undisturbed
one comes to. Exit code 1: a promise broke.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from core.commands.review import PlanSecondLooks, RelabelWindow, Review
from core.llm.task import builtin_task
from core.model import AskKind, Attempt, Outcome, Settled
from core.quality.alarms import Reading, Watch, WatchState
from core.quality.audit import judge
from core.quality.session import Phase, begin, held_back, plan
from core.runs.find import RunOptions, create_run
from core.runs.send import send
from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.reading.reviews import read_alarms, read_audit
from core.storage.writing.check import check_run
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from tests.programs.crash.points import arm

WHO, BATCH, BATCHES = "anna", 6, 2
TEXTS, LABELED = 20, 16
STATEMENTS = 1_500
"""About as many statements as the whole takes."""


def truth(number: int) -> str:
    """Return the person's label; the model errs on every fourth text."""
    return "0" if number % 3 == 0 else "1"


def by_model(number: int) -> str:
    """Return the model's label."""
    return truth(number + 1) if number % 4 == 0 else truth(number)


def prepared(folder: Path) -> Path:
    """Return a run of twenty texts of which the model labeled sixteen."""
    source = folder / "mail.csv"
    source.write_text("id,text\n" + "".join(f"{n},text number {n}\n" for n in range(1, TEXTS + 1)), "utf-8")
    settings = load_settings({"LABELTUI_HOME": str(folder / "home")})
    path = create_run(settings, source, builtin_task(), RunOptions(name="kills", seed=5), now=1_000.0).path
    with RunLock(path) as lock, Store.open(path, lock) as store:
        for number in range(1, LABELED + 1):
            attempt = Attempt(
                number, 1, AskKind.ASK, "key", "org", "m", store.task_version, 1_000.0 + number, 0.1, Outcome.ANSWERED,
                by_model(number),
            )  # fmt: skip
            answer = Answer(attempt, Settled(number, 0, by_model(number)))
            store.commit([answer], now=1_000.0 + number)
    return path


def go_on(path: Path, acknowledged: int) -> None:
    """Do what is left of two batches and of the alarm; write a line to ``acknowledged`` for all that was done."""

    def done(*words: object) -> None:
        os.write(acknowledged, (" ".join(map(str, words)) + "\n").encode())

    while True:
        audit = read_audit(path)
        session = begin(audit, WHO, size=BATCH)
        if session.phase is Phase.DONE or session.batch > BATCHES:
            break
        if session.phase is Phase.PLAN:
            looks = plan(audit, WHO, session.batch)
            send(path, PlanSecondLooks(WHO, session.batch, looks))
            done("plan", session.batch, *looks)
            continue
        kind = "second" if session.phase is Phase.SECOND else "first"
        number = session.current or 0
        given = {
            "email_id": number, "annotator": WHO, "value": truth(number), "kind": kind, "seconds": 1.0,
            "batch": session.batch,
        }  # fmt: skip
        send(path, Review([given]))
        done(kind, session.batch, number)
    if not read_alarms(path):
        reading = Reading(Watch.SHARES, WatchState.ALARM, -20.0, -13.5, "0: 5 of the last 6", LABELED - 5, LABELED)
        with RunLock(path) as lock, Store.open(path, lock) as store:
            store.raise_alarm(reading, now=2_000.0)
        done("alarm")
    if any(row.state == "raised" for row in read_alarms(path)):
        send(path, RelabelWindow(Watch.SHARES.value))
        done("relabel")


@dataclass
class Facts:
    """What a run file holds: standing answers, planned second looks, alarms, how many emails are pending."""

    answers: Counter[tuple[str, int, int, str]] = field(default_factory=Counter)
    plans: dict[int, str] = field(default_factory=dict)
    alarms: tuple[str, ...] = ()
    pending: int = 0


def facts_of(path: Path) -> Facts:
    """Read them by plain SQL."""
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        rows = db.execute("SELECT kind, batch, email_id, value FROM review WHERE undone_at IS NULL").fetchall()
        plans = dict(db.execute("SELECT batch, second FROM review_batch").fetchall())
        alarms = tuple(row[0] for row in db.execute("SELECT state FROM alarm ORDER BY id"))
        (pending,) = db.execute("SELECT count(*) FROM email WHERE state = 'pending'").fetchone()
    return Facts(Counter(rows), plans, alarms, pending)


def in_a_process(path: Path, *, statement: int | None) -> tuple[list[list[str]], int]:
    """Go on in a process of its own, which dies at a statement; return what it acknowledged, and its exit status."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        code = 1
        try:
            if statement is not None:
                arm("statement", statement)
            go_on(path, writing)
            code = 0
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as lines:
        told = [line.split() for line in lines]
    return told, os.waitpid(child, 0)[1]


def trouble_after(path: Path, told: list[list[str]]) -> list[str]:
    """Return what broke at a kill: lost or doubled answers, a lost plan or alarm, a second look that can be read."""
    facts = facts_of(path)
    found = [f"check: {each}" for each in check_run(path).findings]
    found += [f"{row} is there {count} times" for row, count in facts.answers.items() if count > 1]
    kept = {(kind, batch, number) for kind, batch, number, _ in facts.answers}
    for what, *rest in told:
        if what in ("first", "second") and (what, int(rest[0]), int(rest[1])) not in kept:
            found.append(f"the acknowledged {what} answer to {rest[1]} is lost")
        if what == "plan" and int(rest[0]) not in facts.plans:
            found.append(f"the plan of batch {rest[0]} is lost")
        if what == "alarm" and not facts.alarms:
            found.append("the recorded alarm is lost")
    audit = read_audit(path)
    hidden = held_back(audit, WHO)
    session = begin(audit, WHO, size=BATCH)
    open_batch = {number for _, batch, number in kept if batch == session.batch}
    shown = {m.email_id for m in judge(audit).disagreements(hidden)} | {
        number for _, numbers in judge(audit).behind(hidden) for number in numbers
    }
    if session.phase in (Phase.FIRST, Phase.PLAN, Phase.SECOND) and open_batch & shown:
        found.append(f"the open batch {session.batch} shows where the model differs: {open_batch & shown}")
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as db:
        told_of = db.execute("SELECT argument FROM command WHERE kind = 'second_looks' AND argument <> ''").fetchall()
        if told_of:
            found.append(f"the record of commands tells second looks: {told_of}")
    return found


def killed_at(run: Path, statement: int, folder: Path) -> tuple[bool, list[str]]:
    """Kill at a statement, look, go on and compare with the undisturbed end; return whether it died, and what broke."""
    path = folder / "kills.db"
    for suffix in ("", "-wal", "-shm", ".lock"):
        Path(f"{path}{suffix}").unlink(missing_ok=True)
    shutil.copy(run, path)
    told, status = in_a_process(path, statement=statement)
    died = os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL
    found = trouble_after(path, told)
    told, status = in_a_process(path, statement=None)
    if status:
        found.append(f"going on ended with status {status}")
    found += trouble_after(path, told)
    return died, found


def undisturbed(run: Path, folder: Path) -> Facts:
    """Return what the run file holds where nobody is killed."""
    path = folder / "whole.db"
    shutil.copy(run, path)
    in_a_process(path, statement=None)
    return facts_of(path)


def kill_everywhere(points: list[int], folder: Path) -> tuple[int, list[str]]:
    """Kill at each of these statements; return how often the process died, and a sentence for all that broke."""
    os.environ["LABELTUI_HOME"] = str(folder / "home")
    run = prepared(folder)
    whole = undisturbed(run, folder)
    broken = [] if whole.alarms == ("dismissed",) and len(whole.plans) == BATCHES else [f"undisturbed: {whole}"]
    deaths = 0
    for point in points:
        died, found = killed_at(run, point, folder)
        deaths += died
        end = facts_of(folder / "kills.db")
        if end != whole:
            found.append(f"the end differs: {end}, undisturbed {whole}")
        broken += [f"statement {point}: {each}" for each in found]
    return deaths, broken


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)
    points = sorted(rng.sample(range(1, STATEMENTS), min(given.points, STATEMENTS - 1)))
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        deaths, broken = kill_everywhere(points, Path(scratch))
    print(f"{len(points)} points, {deaths} kills, {time.monotonic() - began:.0f} s")
    print("\n".join(f"BROKEN: {each}" for each in broken) or "every promise held")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
