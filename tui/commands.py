"""What each command does, but for keys: thin, over the same rooms that the console uses."""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

from core import exits, runs, wishes
from core.errors import RunBusyError, UsageError
from core.model import Budget, KeyStatus, Snapshot
from core.quota.keys import KeyBook
from core.settings import Settings, load_settings
from core.storage.reader import RunReader
from core.storage.rows import budget_words
from core.text import inert, one_line
from tui import status as words
from tui.present import age, number, percent

_ACKNOWLEDGED_WITHIN_S = 10.0
_LINE_EVERY_S = 2.0


def say(text: str) -> None:
    """A line on stdout, inert."""
    print(inert(text))  # noqa: T201 - this is the command line


def redraw(line: str) -> None:
    """Show a line in place of the one before, cut to the terminal: a line that wraps cannot be taken back."""
    width = shutil.get_terminal_size().columns - 1
    print(f"\r\x1b[K{one_line(line, limit=width)}", end="", flush=True)  # noqa: T201


def console(path: Path | None, *, settings: Settings | None = None, read_only: bool = False) -> int:
    """Open the console, on one run or on the list of runs."""
    if not has_terminal():
        print("labeltui: the console needs a terminal; `labeltui status` prints where runs are.", file=sys.stderr)  # noqa: T201
        return exits.USAGE
    from tui.app import LabeltuiApp  # noqa: PLC0415 - Textual, for those who open a console

    app = LabeltuiApp(settings or load_settings(), run=path, read_only=read_only)
    app.run()
    if app.farewell:
        say(app.farewell)
    return app.return_code or exits.DONE


def has_terminal() -> bool:
    """Whether a person can see and type."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def open_(given: argparse.Namespace) -> int:
    """``labeltui open RUN``."""
    settings = load_settings()
    path = runs.find_run(settings, given.run)
    return console(path, settings=settings.for_run(path), read_only=given.read_only)


# -- making runs ------------------------------------------------------------------------------------------------------


def new(given: argparse.Namespace) -> int:
    """``labeltui new SOURCE``."""
    from core.llm.task import chosen_task  # noqa: PLC0415 - for making runs only

    task = chosen_task(given.task, given.model)
    options = runs.RunOptions(
        name=given.name,
        text_column=given.text_column,
        id_column=given.id_column,
        base_url=given.base_url,
        order=given.order,
        seed=given.seed,
        dedupe=not given.no_dedupe,
    )
    made = runs.create_run(load_settings(), given.source, task, options, now=time.time(), progress=_importing())
    if made.existed:
        say(f"The run {made.name} was made from this source before: {number(made.taken)} emails. Nothing was changed.")
        return exits.DONE
    say(f"{made.name}: {number(made.taken)} emails taken, {number(made.distinct)} distinct texts, {made.described}")
    for reason, count in made.skipped.items():
        say(f"  skipped {number(count)}: {reason}")
    for place in made.skipped_places[:5]:
        say(f"    {one_line(place, limit=160)}")
    say(f"  {made.path}")
    say(f"`labeltui open {made.name}` shows it, s starts it; or `labeltui start {made.name}`.")
    return exits.DONE


def _importing() -> Callable[[int], None] | None:
    if not sys.stderr.isatty():
        return None

    def show(taken: int) -> None:
        print(f"\r{taken:,} emails read", end="", file=sys.stderr, flush=True)  # noqa: T201
        print("\r\x1b[K", end="", file=sys.stderr)  # noqa: T201

    return show


def demo(given: argparse.Namespace) -> int:
    """``labeltui demo``: in the console; without a terminal the same job with progress lines."""
    from core import demo as stage  # noqa: PLC0415 - for the demo only

    if given.read_only:
        raise UsageError(
            "A demo starts a worker, which --read-only rules out. `labeltui --read-only open demo` looks on."
        )
    settings = load_settings()
    path, existed = stage.prepare(settings, given.emails or stage.DEFAULT_EMAILS, fresh=given.fresh, now=time.time())
    own = settings.for_run(path)
    if has_terminal():
        wishes.start(path, own)
        return console(path, settings=own)
    say(f"A simulated run on invented emails{', going on with the last one' if existed else ''}; nothing leaves here.")
    stage.ensure_simulator(path, own)
    try:
        _work(path, own)
    except RunBusyError:
        _follow(path)
    say_status(path, own)
    return exits.DONE


# -- working ----------------------------------------------------------------------------------------------------------


def work(given: argparse.Namespace) -> int:
    """``labeltui work RUN``."""
    settings = load_settings()
    path = runs.find_run(settings, given.run)
    settings = settings.for_run(path)
    if _snapshot(path).run.simulated:
        from core.demo import ensure_simulator  # noqa: PLC0415 - for the demo only

        ensure_simulator(path, settings)
    code = _work(path, settings)
    say_status(path, settings)
    return code


def _work(path: Path, settings: Settings) -> int:
    from core.worker.process import work as work_on  # noqa: PLC0415 - brings all that asking needs

    with RunReader(path) as reader:
        return work_on(path, settings, watch=_progress(reader))


def _follow(path: Path) -> None:
    """Print the progress of a worker that is another process."""
    with RunReader(path) as reader:
        show = _progress(reader)
        while reader.snapshot(time.time()).worker.alive:
            show()
            time.sleep(0.5)


def _progress(reader: RunReader) -> Callable[[], None]:
    """A function that prints where the run is: in place on a terminal, a line every few seconds elsewhere."""
    live = sys.stdout.isatty()
    shown_at, shown = 0.0, ""

    def show() -> None:
        nonlocal shown_at, shown
        now = time.time()
        if not live and now - shown_at < _LINE_EVERY_S:
            return
        line = words.progress_line(reader.snapshot(now))
        if line == shown:
            return
        shown_at, shown = now, line
        if live:
            redraw(line)
        else:
            print(line, flush=True)  # noqa: T201

    return show


def start(given: argparse.Namespace) -> int:
    """``labeltui start RUN``."""
    return _wish(given, wishes.start)


def pause(given: argparse.Namespace) -> int:
    """``labeltui pause RUN``."""
    return _wish(given, lambda path, _: wishes.pause(path))


def resume(given: argparse.Namespace) -> int:
    """``labeltui resume RUN``."""
    return _wish(given, wishes.resume)


def stop(given: argparse.Namespace) -> int:
    """``labeltui stop RUN``."""
    return _wish(given, lambda path, _: wishes.kill(path) if given.force else wishes.stop(path))


def _wish(given: argparse.Namespace, do: Callable[[Path, Settings], wishes.Wished]) -> int:
    settings = load_settings()
    path = runs.find_run(settings, given.run)
    return _report(path, do(path, settings.for_run(path)), wait=not given.no_wait)


def _report(path: Path, wished: wishes.Wished, *, wait: bool = True) -> int:
    say(wished.sentence)
    if wished.at_once or not wait:
        return exits.DONE
    answer = wishes.await_answer(path, wished, timeout_s=_ACKNOWLEDGED_WITHIN_S)
    if answer is None:
        print(  # noqa: T201
            f"labeltui: the worker did not answer within {_ACKNOWLEDGED_WITHIN_S:.0f} s; the wish stays with it."
            f" `labeltui status {path.stem}` shows what it does. If it hangs: `labeltui stop {path.stem} --force`.",
            file=sys.stderr,
        )
        return exits.FAILED
    took = (answer.acknowledged_at or answer.requested_at) - answer.requested_at
    say(f"acknowledged after {age(took)}: {answer.result}")
    return exits.FAILED if answer.result.startswith("not possible") else exits.DONE


def budget(given: argparse.Namespace) -> int:
    """``labeltui budget RUN``: show the caps, or change those that are named."""
    path = runs.find_run(load_settings(), given.run)
    snapshot = _snapshot(path)
    named = {name: getattr(given, name) for name in ("tokens", "money", "hours") if getattr(given, name) is not None}
    if not named and not given.none:
        spent = f"{number(snapshot.tokens)} tokens in {snapshot.worked_s / 3600:.1f} hours of work"
        say(f"{path.stem} may spend: {budget_words(snapshot.budget)}; spent so far: {spent}")
        return exits.DONE
    before = Budget() if given.none else snapshot.budget
    return _report(path, wishes.set_budget(path, replace(before, **named)))


# -- results ----------------------------------------------------------------------------------------------------------


def status(given: argparse.Namespace) -> int:
    """``labeltui status [RUN] [--json]``."""
    settings = load_settings()
    if given.run is None:
        return _status_of_all(settings, as_json=given.json)
    path = runs.find_run(settings, given.run)
    settings = settings.for_run(path)
    if not given.json:
        say_status(path, settings)
        return exits.DONE
    snapshot = _snapshot(path)
    print(json.dumps(words.as_json(snapshot, _key_statuses(snapshot, settings))))  # noqa: T201
    return exits.DONE


def say_status(path: Path, settings: Settings) -> None:
    """Where the run is, for people."""
    snapshot = _snapshot(path)
    for line in words.as_lines(snapshot, _key_statuses(snapshot, settings)):
        say(line)


def _key_statuses(snapshot: Snapshot, settings: Settings) -> tuple[KeyStatus, ...]:
    with KeyBook.from_settings(settings) as book:
        return book.statuses(snapshot.run.task.model.model, time.time())


def watch(given: argparse.Namespace) -> int:
    """``labeltui watch RUN``."""
    from tui import watch_command  # noqa: PLC0415 - for this command only

    return watch_command.watch(given)


def _status_of_all(settings: Settings, *, as_json: bool) -> int:
    found = runs.list_runs(settings, time.time())
    if as_json:
        listed = [
            {
                "run": run.name,
                "path": run.path,
                "state": run.state.value,
                "total": run.total,
                "settled": run.settled,
                "failed": run.failed,
                "error": run.error,
            }
            for run in found
        ]
        print(json.dumps({"runs": listed}))  # noqa: T201
        return exits.DONE
    if not found:
        say("There are no runs yet. `labeltui demo` shows one; `labeltui new FILE` makes one from your emails.")
    for run in found:
        if run.error:
            say(f"{run.name:<24} {one_line(run.error)}")
            continue
        done = f"{number(run.settled)} of {number(run.total)} ({percent(run.settled, run.total)})"
        failed = f", {number(run.failed)} failed" if run.failed else ""
        say(f"{run.name:<24} {run.state.value:<8} {done}{failed}")
    return exits.DONE


def retry(given: argparse.Namespace) -> int:
    """``labeltui retry RUN``."""
    path = runs.find_run(load_settings(), given.run)
    return _report(path, wishes.retry(path, _email(path, given.item) if given.item else None))


def label(given: argparse.Namespace) -> int:
    """``labeltui label RUN ID VALUE``."""
    path = runs.find_run(load_settings(), given.run)
    return _report(path, wishes.label(path, _email(path, given.id), given.value, note=given.note))


def _email(path: Path, source_id: str) -> int:
    with RunReader(path) as reader:
        email_id = reader.find(source_id)
    if email_id is None:
        raise UsageError(f"No email of {path.stem} has the id {source_id!r}. `labeltui export` lists them all.")
    return email_id


def export(given: argparse.Namespace) -> int:
    """``labeltui export RUN FILE``."""
    path = runs.find_run(load_settings(), given.run)
    count = runs.export_run(path, given.file, raw=given.raw)
    snapshot = _snapshot(path)
    say(f"{number(count)} rows written to {given.file}, {number(snapshot.labeled)} of them with a label.")
    if snapshot.run.simulated:
        say("The labels of this run are simulated.")
    return exits.DONE


def info(_: argparse.Namespace) -> int:
    """``labeltui info``."""
    import sqlite3  # noqa: PLC0415 - only its version is wanted

    settings = load_settings()
    say(f"labeltui {version('labeltui')}, Python {platform.python_version()} on {platform.platform()}")
    packages = ("textual", "groq", "guardrails-ai", "sqlite-utils", "platformdirs")
    say("  " + ", ".join(f"{name} {version(name)}" for name in packages) + f", SQLite {sqlite3.sqlite_version}")
    for name, value in (
        ("home", settings.home or "the platform's folders (LABELTUI_HOME puts all under one)"),
        ("runs", settings.runs_dir),
        ("demo", settings.demo_dir),
        ("keys", settings.keys_path),
        ("quotas", settings.quota_path),
        ("console", settings.config_path),
        ("prices", f"{settings.prices_path} (yours, if you make it; the built-in table otherwise)"),
        ("server", settings.base_url or "Groq's (GROQ_BASE_URL or --base-url names another)"),
    ):
        say(f"  {name:<8} {value}")
    for run in runs.list_runs(settings, time.time()):
        say(f"  run      {run.name}: {run.path}, log {Path(run.path).with_suffix('.log')}")
    return exits.DONE


def _snapshot(path: Path) -> Snapshot:
    with RunReader(path) as reader:
        return reader.snapshot(time.time())
