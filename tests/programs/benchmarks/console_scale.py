"""The console over a very large run: ``python -m tests.programs.benchmarks.console_scale --emails 1000000``.

Builds a run file in a temporary folder straight with SQL (two attempts for each email), opens the real console on it
without a terminal, and prints each figure beside what it should reach. A key's time runs from the press to the moment
when everything that it set off was drawn.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from textual.screen import Screen

from core.llm.task import builtin_task
from core.model import AskKind, Attempt, Outcome, RunState, Settled
from core.settings import load_settings
from core.storage.file.lock import RunLock
from core.storage.reading.filters import Filter
from core.storage.reading.ordering import KEYS, Order
from core.storage.reading.reader import RunReader
from core.storage.reading.search import Search, index_path
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Answer, Store
from tests.programs.benchmarks.speed import cpu_s, memory_mb
from tui.app import LabeltuiApp
from tui.screens.emails.list import EmailsScreen
from tui.screens.emails.record import RecordScreen
from tui.screens.emails.windows import Causes, SortBy
from tui.screens.keys.list import KeysScreen
from tui.screens.monitor import MonitorScreen
from tui.screens.new_run.screen import NewRunScreen
from tui.screens.pages import HelpScreen, InfoScreen
from tui.screens.runs.list import RunsScreen
from tui.screens.runs.windows import CopyRun, DeleteRun
from tui.screens.task.messages import MessagesScreen
from tui.screens.task.task import TaskScreen
from tui.widgets.lists.rows import Rows

SETTLED = 0.9
"""Share of the emails that have an answer."""

SPAN_S = 10
"""Seconds over which the share of a core is taken."""

_NUMBERS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :emails)"
_FILLER = "Please send the numbers for the week before lunch, and tell the others that the meeting has moved. " * 3


def build(path: Path, emails: int) -> None:
    """Make a run of so many emails, each with two attempts where it is settled; one of a hundred failed."""
    task = builtin_task()
    run = NewRun("large", "large.csv", "digest", time.time(), order="source", seed=1, dedupe=False)
    Store.create(path, run, task).close()
    given = {"emails": emails, "settled": int(emails * SETTLED), "version": task.version, "filler": _FILLER}
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("PRAGMA synchronous = OFF")
        triggers = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        indexes = db.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL").fetchall()
        db.execute("BEGIN")
        for name, _ in triggers:
            db.execute(f"DROP TRIGGER {name}")
        for name, _ in indexes:
            db.execute(f"DROP INDEX {name}")
        db.execute(
            f"{_NUMBERS} INSERT INTO email(id, position, source_id, subject, sender, date, content_hash, state, label,"
            " label_source, reasks, failure, sent_at, settled_at) SELECT i, i - 1, '<' || i || '@example.org>', 'Subject of message ' || i,"
            " 'person' || (i % 5000) || '@example.org', 'Mon, 14 May 2001 16:39:00 -0700', 'h' || i,"
            " CASE WHEN i > :settled THEN 'pending' WHEN i % 100 = 0 THEN 'failed' ELSE 'labeled' END,"
            " CASE WHEN i <= :settled AND i % 100 THEN CAST(i % 3 > 0 AS TEXT) END,"
            " CASE WHEN i <= :settled AND i % 100 THEN 'model' END, i <= :settled,"
            " CASE WHEN i <= :settled AND i % 100 = 0 THEN 'no valid label after ' || (2 + i % 7) || ' answers' END,"
            " 9.8e8 + (i * 7919) % 1000003, CASE WHEN i <= :settled THEN 1.7e9 + (i * 104729) % 1000003 END"
            " FROM n",
            given,
        )
        db.execute(
            f"{_NUMBERS} INSERT INTO body(email_id, text, raw_whole) SELECT i, 'message ' || i || ' word' || (i % 997) ||"
            " char(10) || :filler, 'X' FROM n",
            given,
        )
        for n, outcome in ((1, "invalid"), (2, "answered")):
            db.execute(
                f"{_NUMBERS} INSERT INTO attempt(email_id, n, kind, key_alias, organization, model, task_version,"
                f" started_at, latency_s, outcome, raw_answer, prompt_tokens, completion_tokens, epoch) SELECT i, {n},"
                f" 'ask', 'key-' || (i % 10), 'org', 'm', :version, 1.7e9 + i, 0.5, '{outcome}', '1', 400, 3, 1 FROM n",
                given,
            )
        db.execute(
            "INSERT INTO label(email_id, value, source, annotator, attempt_id, task_version, at) SELECT e.id, e.label,"
            " 'model', 'm', e.id + :emails, :version, 1.7e9 + e.id FROM email AS e WHERE e.state = 'labeled'",
            given,
        )
        for _, sql in (*indexes, *triggers):
            db.execute(sql)
        for what in ("'state:' || state", "'label:' || label", "'source:' || label_source", "'reasks:' || reasks"):
            db.execute(
                f"INSERT INTO total SELECT {what}, count(*) FROM email WHERE {what} NOT NULL"
                f" AND (state <> 'pending' OR {what} LIKE 'state:%') GROUP BY 1"
            )
        db.execute(
            "INSERT INTO total SELECT 'by_model:' || task_version || ':' || source || ':' || value, count(*) FROM label"
            " GROUP BY 1"
        )
        db.execute(
            "INSERT INTO total VALUES ('attempts', 2 * :emails), ('outcome:answered', :emails),"
            " ('outcome:invalid', :emails)",
            given,
        )
        db.execute("COMMIT")


class Timed:
    """The console, and how long it takes."""

    def __init__(self, app: LabeltuiApp) -> None:
        self.app = app

    async def until(self, seen: Callable[[], bool], patience_s: float = 20.0) -> float:
        """Milliseconds until it is so."""
        began = time.perf_counter()
        while not seen():
            if time.perf_counter() - began > patience_s:
                raise TimeoutError("It never came.")
            await asyncio.sleep(0.001)
        return 1000 * (time.perf_counter() - began)

    async def press(self, key: str, seen: Callable[[], bool] | None = None) -> float:
        """Milliseconds from a key to its being seen and drawn."""
        began = time.perf_counter()
        self.app.simulate_key(key)
        if seen is None:
            drawn = asyncio.Event()
            self.app.screen.call_after_refresh(drawn.set)
            await drawn.wait()
        else:
            await self.until(seen)
        return 1000 * (time.perf_counter() - began)

    async def leave(self) -> None:
        """Leave the screen in sight, until it is gone."""
        left = self.app.screen
        await self.press("escape", lambda: self.app.screen is not left)

    @property
    def rows(self) -> Rows:
        return self.app.screen.query_one(Rows)

    def there(self) -> bool:
        """Whether the list is in sight with its rows."""
        screen = self.app.screen
        return isinstance(screen, EmailsScreen) and bool(screen.query(Rows)) and self.rows.selected is not None


def told(what: str, measured: str, reach: str = "") -> None:
    """One line of the report."""
    print(f"{what:<44} {measured:>16}{f'   to reach: {reach}' if reach else ''}", flush=True)


async def measure(home: Path, path: Path, emails: int) -> None:
    """Drive the console and print."""
    app = LabeltuiApp(load_settings({"LABELTUI_HOME": str(home)}), run=path)
    async with app.run_test(size=(120, 40)) as pilot:
        at = Timed(app)
        told("first picture", f"{await at.until(lambda: app.view_state.snapshot is not None):.0f} ms")
        await pilot.pause(1.0)
        told("emails screen with its first rows", f"{await at.press('e', at.there):.0f} ms", "150 ms")
        await asyncio.sleep(0.5)
        last = emails - 1
        told(
            "jump to the end",
            f"{await at.press('end', lambda: at.there() and at.rows.cursor == last):.0f} ms",
            "100 ms",
        )
        keys = ["up", "down", "pageup", "pagedown", "home", "end"]
        taken, spent = [], []
        for n in range(600):
            began = time.thread_time()
            taken.append(await at.press(keys[n % len(keys)]))
            spent.append(1000 * (time.thread_time() - began))
        told("a key, median", f"{statistics.median(taken):.1f} ms")
        told("a key, 99th percentile", f"{percentile(taken):.1f} ms", "50 ms")
        told("a key's computing, 99th percentile", f"{percentile(spent):.1f} ms")
        await at.press("home", at.there)
        opened = await at.press(
            "enter", lambda: whole(app.screen, RecordScreen) and "2 attempts" in text_of(app.screen)
        )
        told("a record", f"{opened:.0f} ms", "150 ms")
        await at.press("escape", at.there)
        for kind in ("failed", "labeled"):
            await listed(at, kind)
        told("memory", f"{memory_mb(os.getpid()):.0f} MB", "120 MB")
        told("CPU idle", f"{100 * await share_of_cpu():.2f} % of a core", "0.5 %")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.programs.benchmarks.console_scale", "--labor", str(path),
            stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        await at.until(lambda: app.view_state.snapshot is not None and app.view_state.snapshot.worker.alive)
        before = app.view_state.snapshot.settled if app.view_state.snapshot else 0
        share = await share_of_cpu()
        moved = (app.view_state.snapshot.settled if app.view_state.snapshot else 0) - before
        told(f"CPU beside {moved / SPAN_S:.0f} labels a second", f"{100 * share:.2f} % of a core", "3 %")
        await worker.wait()
        await screens(at)
        told("memory after all of it", f"{memory_mb(os.getpid()):.0f} MB", "120 MB")


def percentile(values: list[float]) -> float:
    """The value that 99 of a hundred stay below."""
    return sorted(values)[int(len(values) * 0.99)]


async def share_of_cpu() -> float:
    """What this process takes of a core while nobody presses a key."""
    before, began = cpu_s(os.getpid()), time.perf_counter()
    await asyncio.sleep(SPAN_S)
    return (cpu_s(os.getpid()) - before) / (time.perf_counter() - began)


def labor(path: Path, seconds: float) -> None:
    """A worker that commits as many answers as it can, a few at a time, and asks nobody."""
    with RunLock(path, wait_s=5.0) as lock, Store.open(path, lock) as store:
        store.begin_epoch(now=time.time(), pid=os.getpid(), host="here")
        after, until = -1, time.time() + seconds
        while (now := time.time()) < until:
            emails = store.pending(after=after, limit=8)
            after = emails[-1].position
            attempts = [
                Attempt(each.id, 1, AskKind.ASK, "k", "o", "m", store.task_version, now, 0.1, Outcome.ANSWERED, "1")
                for each in emails
            ]
            settled = [Settled(each.id, 0, label="1") for each in emails]
            store.commit([Answer(*both) for both in zip(attempts, settled, strict=True)], now=now)
            time.sleep(0.015)
        store.end_epoch(RunState.STOPPED, "the benchmark is over", now=time.time())


SCREENS = (
    (EmailsScreen, "C", Causes, "causes of failure"),
    (EmailsScreen, "Y", MessagesScreen, "messages of an email"),
    (EmailsScreen, "o", SortBy, "choice of an order"),
    (MonitorScreen, "a", KeysScreen, "keys"),
    (MonitorScreen, "D", TaskScreen, "task"),
    (MonitorScreen, "question_mark", HelpScreen, "help"),
    (MonitorScreen, "I", InfoScreen, "info"),
    (MonitorScreen, "e", EmailsScreen, "emails again"),
    (RunsScreen, "w", NewRunScreen, "new run"),
    (RunsScreen, "c", CopyRun, "copy of a run"),
    (RunsScreen, "delete", DeleteRun, "deleting a run"),
)
"""Where, the key, what it opens, and its name here."""


async def screens(at: Timed) -> None:
    """Every other screen, with what it shows: the longest of five openings."""
    for kind, key, opened, name in SCREENS:
        while not isinstance(at.app.screen, kind):
            await at.leave()
        if kind is RunsScreen:
            await at.until(lambda: at.app.screen.query_one(Rows).selected is not None)
        taken = []
        for _ in range(5):
            taken.append(await at.press(key, lambda opened=opened: whole(at.app.screen, opened)))  # type: ignore[misc]
            await asyncio.sleep(0.2)
            await at.leave()
        told(name, f"{max(taken):.0f} ms", "150 ms")
        if opened is TaskScreen:
            await at.press(key, lambda: whole(at.app.screen, TaskScreen))
            counted = await at.until(lambda: "counting …" not in text_of(at.app.screen))
            told("what the versions did, counted meanwhile", f"{counted:.0f} ms")
        if name == "emails again":
            told(
                "the list of runs",
                f"{await at.press('escape', lambda: whole(at.app.screen, RunsScreen)):.0f} ms",
                "150 ms",
            )


def whole(screen: Screen[Any], kind: type[Screen[Any]]) -> bool:
    """Whether such a screen is in sight, is drawn, and waits for nothing of what it shows."""
    if not isinstance(screen, kind) or screen.size.width == 0:
        return False
    words = text_of(screen)
    return bool(words.strip()) and not any(waiting in words for waiting in ("reading …", "reading the "))


def text_of(screen: Screen[Any]) -> str:
    """What the screen shows, as text."""
    return "\n".join("".join(segment.text for segment in strip) for strip in screen._compositor.render_strips())


async def listed(at: Timed, kind: str) -> None:
    """The next kind of emails: its first rows, all of it, its end."""

    def shown() -> bool:
        row = at.rows.selected
        return row is not None and row.value.state.value == kind

    def whole() -> bool:
        screen = at.app.screen
        return isinstance(screen, EmailsScreen) and "at least" not in screen.summary() and shown()

    told(f"{kind} ones, first rows", f"{await at.press('f', shown):.0f} ms", "150 ms")
    told(f"{kind} ones, counted as well after", f"{await at.until(whole):.0f} ms")
    await asyncio.sleep(0.5)
    end = await at.press("end", lambda: at.there() and at.rows.cursor == at.rows.count - 1)
    told(f"{kind} ones, jump to the end", f"{end:.0f} ms", "100 ms")


def measure_sorting(path: Path) -> None:
    """Every order over all emails: how long the finder's thread is at it."""
    search = Search(path)
    for key in KEYS:
        taken = []
        for descending in (False, True):
            began = time.perf_counter()
            search.begin(Filter(), Order(key, descending=descending))
            while not search.step().finished:
                pass
            taken.append(time.perf_counter() - began)
        told(f"sorted by {key}, both ways", " / ".join(f"{seconds:.1f}" for seconds in taken) + " s")
    search.close()


def measure_search(path: Path) -> None:
    """Words without the index, making the index, words with it."""
    from core.storage.reading.filters import parse

    index_path(path).unlink(missing_ok=True)
    search = Search(path)
    for indexed in (False, True):
        for typed in ("word17", "lunch", "word17 state:failed"):
            search.begin(parse(typed))
            began, first, count = time.perf_counter(), 0.0, 0
            while True:
                found = search.step()
                count += len(found.ids)
                first = first or (time.perf_counter() - began if count else 0.0)
                if found.finished:
                    break
            whole = time.perf_counter() - began
            told(f"/{typed} {'with' if indexed else 'without'} the index", f"{first:.2f} / {whole:.2f} s")
        if not indexed:
            began = time.perf_counter()
            while search.build() < 1.0:
                pass
            told("the index is made", f"{time.perf_counter() - began:.0f} s")
    search.close()


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--emails", type=int, default=1_000_000)
    parser.add_argument("--no-search", action="store_true", help="leave out searching for words")
    parser.add_argument("--home", type=Path, metavar="FOLDER", help="keep the run there, and use it if it is there")
    parser.add_argument("--labor", type=Path, metavar="RUN", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.labor:
        labor(given.labor, SPAN_S + 6)
        return 0
    with tempfile.TemporaryDirectory(prefix="labeltui-scale-") as folder:
        home = given.home or Path(folder)
        path = home / "runs" / "large.db"
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            began = time.perf_counter()
            build(path, given.emails)
            size = path.stat().st_size / 1e6
            told(f"{given.emails:,} emails", f"{time.perf_counter() - began:.0f} s, {size:,.0f} MB")
        with RunReader(path) as reader:
            emails = reader.count()
        asyncio.run(measure(home, path, emails))
        measure_sorting(path)
        if not given.no_search:
            measure_search(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
