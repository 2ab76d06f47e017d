"""The one list of actions: keys without double meanings, reasons instead of silence."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.commands import catalog, review  # noqa: F401 - these register every command
from core.commands.command import Command
from core.engine import Draft
from core.model import EmailState, KeyState, RunState, RunSummary, TaskVersion
from core.model.keys import PROBED
from tests.tui.fakes import KEYS, NOW, TASK, FakeRun, email, running
from tui.actions.action import Action
from tui.actions.active import ACTIONS, all_keys, by_id, for_key, in_scope, possible
from tui.actions.catalog import ALL
from tui.actions.context import Context, Scope
from tui.actions.enabled import run_read

ROOT = Path(__file__).resolve().parents[2]


def context(scope: Scope = Scope.MONITOR, run: FakeRun | None = None, **more: object) -> Context:
    snapshot = (run or running(20, 10)).snapshot(NOW)
    return replace(Context(scope, snapshot, has_run=True), **more)  # type: ignore[arg-type]


def reason(action_id: str, given: Context) -> str | None:
    return next(action for action in ACTIONS if action.id == action_id).blocked(given)


@pytest.mark.parametrize("scope", list(Scope))
def test_on_one_screen_a_key_means_one_thing(scope: Scope) -> None:
    """No key stands for two actions of the same screen."""
    counts = Counter(key for action in in_scope(scope) for key in action.keys)
    assert [key for key, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("kind", sorted(Command.known))
def test_a_command_is_named_in_few_source_files(kind: str) -> None:
    """Its class, its action and its grammar stand in eight files at most: a new command touches no more."""
    name = Command.known[kind].__name__
    named = re.compile(
        rf"core\.commands\b.*?\b{name}\b|class {name}\(|\bdo_{kind}\b|commands,\s*\"{kind}\"|\(\s*\"{kind}\", Group",
        re.DOTALL,
    )
    files = [path for top in ("core", "tui") for path in (ROOT / top).rglob("*.py") if named.search(path.read_text())]
    assert 1 <= len(files) <= 8, files


def test_a_key_means_the_same_on_every_screen() -> None:
    """A key that screens share stands for one action; but some act on what the row is: a run, an email, a key."""
    meanings: dict[str, set[str]] = {}
    for action in ACTIONS:
        for key in action.keys:
            meanings.setdefault(key, set()).add(action.id)
    assert {key: ids for key, ids in meanings.items() if len(ids) > 1} == {
        "space": {"toggle", "mark", "unfold"},
        "enter": {"open", "next_batch", "behind"},
        "U": {"undo", "withdraw"},
        "B": {"batches", "clear_bench"},
        "L": {"enact", "lane"},
        "P": {"pack", "pin"},
        "t": {"retry", "try_key", "top_up"},
        "e": {"emails", "disagreements"},
        "E": {"edit", "suspicious", "write_task"},
        "a": {"keys", "add", "look_at_alarm"},
        "D": {"demo", "task"},
        "C": {"compare", "compare_runs", "compare_versions", "causes"},
        "M": {"mark_all", "grow"},
        "S": {"save", "settle"},
        "O": {"reverse", "regroup"},
        "X": {"discard", "export"},
        "w": {"new_run", "write_report"},
        "d": {"toggle", "dismiss"},
        "Q": {"quality", "again_form"},
        "c": {"copy", "copy_run"},
        "delete": {"remove", "delete_run"},
        "backspace": {"remove", "delete_run"},
    }


def test_every_key_finds_its_action() -> None:
    """Bindings are made from the list, so each of its keys leads back to it."""
    for key in all_keys():
        assert any(for_key(key, scope) for scope in Scope), key


def listed(state: RunState, **more: object) -> RunSummary:
    """A run in the list of runs, in that state."""
    return RunSummary("enron", "/nowhere/enron.db", state, 20, 10, 0, NOW, NOW, 4096, **more)  # type: ignore[arg-type]


def version(*, active: bool) -> TaskVersion:
    return TaskVersion(TASK, NOW, "ana", active, {}, 0, 0, 0, 0, 0, 0)


def at(scope: Scope, run: FakeRun | None = None, **more: object) -> Context:
    return context(scope, run, **{"pending": frozenset(str(more.pop("asked", "")).split()), **more})


def gone(state: RunState = RunState.STOPPED, settled: int = 10, total: int = 20, **more: object) -> FakeRun:
    """A run without a worker."""
    run = running(total, settled)
    run.alive, run.state = False, state
    return replace(run, **more)  # type: ignore[type-var]


def held(state: RunState) -> FakeRun:
    """A run with a living worker in that state."""
    run = running(20, 10)
    run.state = state
    return run


FAILED = FakeRun(emails=[email(0, EmailState.FAILED)], state=RunState.DONE)
SETTLED = FakeRun(emails=[email(0, EmailState.LABELED)], state=RunState.DONE)
WORKED_ON = (RunState.RUNNING, RunState.WAITING, RunState.PAUSED, RunState.STALE)
LEFT = (RunState.NEW, RunState.STOPPED)
UNREAD = Context(Scope.MONITOR, has_run=True)
NO_RUN = Context(Scope.KEYS)
TORN = listed(RunState.NEW, error="it cannot be read")
TEXT, DONE_TEXT, FAILED_TEXT, SKIPPED_TEXT = (
    email(1, state) for state in (EmailState.PENDING, EmailState.LABELED, EmailState.FAILED, EmailState.SKIPPED)
)
MANUAL = email(1, EmailState.LABELED, label_source="human")
DRAFT = Draft("text", TASK)
OTHER_FIELDS = Draft("text", replace(TASK, truncate_at=TASK.truncate_at + 1))

CHANGES_TEXTS = (
    "It changes what is sent of each text (fields, truncate_at), so all are made again: x stops the worker first, then this key,"
    " then s starts it again."
)

REASONS: list[tuple[str, Context, str | None]] = [
    # a worker on the run in sight
    ("start", NO_RUN, "No run is open: choose one in the list of runs."),
    ("start", UNREAD, "The run is not read yet."),
    ("start", at(Scope.MONITOR), "A worker is running already (pid 4711)."),
    ("start", at(Scope.MONITOR, held(RunState.WAITING)), "A worker is running already (pid 4711)."),
    ("start", at(Scope.MONITOR, held(RunState.PAUSED)), "A paused worker holds the run: p resumes it."),
    ("start", at(Scope.MONITOR, held(RunState.STALE)), "A worker without heartbeat holds the run: x stops it, a second x kills it."),
    ("start", at(Scope.MONITOR, gone()), None),
    ("start", at(Scope.MONITOR, gone(), asked="start"), "The start is requested already."),
    ("start", at(Scope.MONITOR, SETTLED), "Everything is done: nothing is pending."),
    ("start", at(Scope.MONITOR, FAILED), "Everything is done: nothing is pending. e shows the failed ones, T requeues them."),
    ("start", at(Scope.MONITOR, FakeRun()), None),
    ("pause", NO_RUN, "No run is open: choose one in the list of runs."),
    ("pause", at(Scope.MONITOR), None),
    ("pause", at(Scope.MONITOR, gone()), "No worker runs: s starts one."),
    ("pause", at(Scope.MONITOR, SETTLED), "No worker runs, and everything is done."),
    ("stop", UNREAD, "The run is not read yet."),
    ("stop", at(Scope.MONITOR), None),
    ("stop", at(Scope.MONITOR, gone()), "No worker runs: there is nothing to stop."),
    ("try_out", UNREAD, "The run is not read yet."),
    ("try_out", at(Scope.MONITOR), "A worker is running: p pauses it first."),
    ("try_out", at(Scope.MONITOR, held(RunState.PAUSED)), None),
    ("try_out", at(Scope.MONITOR, gone()), None),
    ("try_out", at(Scope.MONITOR, gone(), asked="start"), "The start is requested already."),
    ("try_out", at(Scope.MONITOR, SETTLED), "Everything is done: nothing is left to try."),
    ("swap", UNREAD, "The run is not read yet."),
    ("swap", at(Scope.MONITOR), None),
    ("swap", at(Scope.MONITOR, asked="swap"), "A swap is requested already."),
    ("swap", at(Scope.MONITOR, asked="pause"), None),
    ("lane", UNREAD, "The run is not read yet."),
    ("lane", at(Scope.MONITOR), None),
    ("lane", at(Scope.MONITOR, asked="lane"), "A change is requested already."),
    ("concurrency", UNREAD, "The run is not read yet."),
    ("concurrency", at(Scope.MONITOR), None),
    ("concurrency", at(Scope.MONITOR, asked="concurrency"), "A change is requested already."),
    # the run under the cursor of the list
    *((word, at(Scope.RUNS), "There is no run here.") for word in ("start", "pause", "stop", "archive", "delete_run", "copy_run", "compare_runs")),
    *((word, at(Scope.RUNS, selected=TORN), TORN.error) for word in ("start", "pause", "stop", "copy_run", "compare_runs", "open")),
    *(("start", at(Scope.RUNS, selected=listed(state)), "enron has a worker already.") for state in WORKED_ON),
    *(("start", at(Scope.RUNS, selected=listed(state)), None) for state in LEFT),
    ("start", at(Scope.RUNS, selected=listed(RunState.DONE)), "enron is done: nothing is pending."),
    *(("pause", at(Scope.RUNS, selected=listed(state)), None) for state in WORKED_ON),
    *(("pause", at(Scope.RUNS, selected=listed(state)), "enron has no worker: s starts one.") for state in (*LEFT, RunState.DONE)),
    *(("stop", at(Scope.RUNS, selected=listed(state)), None) for state in WORKED_ON),
    *(("stop", at(Scope.RUNS, selected=listed(state)), "enron has no worker: there is nothing to stop.") for state in (*LEFT, RunState.DONE)),
    *((word, at(Scope.RUNS, selected=listed(state)), "A worker has this run: enter opens it, x there stops it.")
      for word in ("archive", "delete_run") for state in WORKED_ON),
    *((word, at(Scope.RUNS, selected=listed(state)), None) for word in ("archive", "delete_run") for state in LEFT),
    ("delete_run", at(Scope.RUNS, selected=TORN), None),
    *((word, at(Scope.RUNS, selected=listed(RunState.NEW)), None) for word in ("copy_run", "compare_runs", "open")),
    # what enter opens
    ("open", at(Scope.NEW_RUN), None),
    ("open", at(Scope.RUNS), "There is no run here yet."),
    ("open", at(Scope.EMAILS), "The list is empty."),
    ("open", at(Scope.TRIAL), "The list is empty."),
    ("open", at(Scope.EMAILS, selected=TEXT), None),
    ("open", at(Scope.KEYS), "There is no key here yet: a adds one."),
    ("open", at(Scope.KEYS, selected=KEYS[0]), None),
    # texts
    ("retry", at(Scope.EMAILS), "Nothing is selected."),
    ("retry", at(Scope.EMAILS, selected=FAILED_TEXT), None),
    *(("retry", at(Scope.EMAILS, selected=row), "Only a failed text can be requeued.") for row in (TEXT, DONE_TEXT, SKIPPED_TEXT)),
    ("retry", at(Scope.EMAILS, selected=TEXT, marked=1), None),
    ("retry_all", UNREAD, "The run is not read yet."),
    ("retry_all", at(Scope.MONITOR, SETTLED), "Nothing has failed."),
    ("retry_all", at(Scope.MONITOR, FAILED), None),
    ("causes", UNREAD, "The run is not read yet."),
    ("causes", at(Scope.EMAILS, SETTLED), "Nothing has failed."),
    ("causes", at(Scope.EMAILS, FAILED), None),
    *((word, at(Scope.EMAILS), "Nothing is selected.") for word in ("label", "note", "save", "copy", "mark", "skip")),
    *((word, at(Scope.EMAILS, selected=TEXT), None) for word in ("label", "note", "save", "copy", "mark", "skip")),
    *((word, at(Scope.EMAILS, marked=2), None) for word in ("label", "note", "save", "copy", "skip")),
    ("mark", at(Scope.EMAILS, marked=2), "Nothing is selected."),
    ("note", at(Scope.REVIEW), None),
    ("skip", at(Scope.EMAILS, selected=DONE_TEXT), "It is labeled already."),
    *(("skip", at(Scope.EMAILS, selected=row), None) for row in (FAILED_TEXT, SKIPPED_TEXT)),
    ("skip", at(Scope.EMAILS, selected=DONE_TEXT, marked=1), None),
    ("beside", at(Scope.EMAILS, width=149), "The record is shown beside the list from 150 columns on; enter opens it."),
    ("beside", at(Scope.EMAILS, width=150), None),
    ("raw", at(Scope.EMAILS), "No record is shown: enter opens one."),
    ("raw", at(Scope.EMAILS, beside=True), None),
    ("raw", at(Scope.RECORD), None),
    ("ask_again", at(Scope.EMAILS), "Nothing is selected."),
    ("ask_again", at(Scope.EMAILS, selected=DONE_TEXT), None),
    ("ask_again", at(Scope.EMAILS, selected=MANUAL), "It has a manual label, which overrides the model: it is not re-labeled."),
    *(("ask_again", at(Scope.EMAILS, selected=row), "Only a labeled text is re-labeled; t requeues a failed one.") for row in (TEXT, FAILED_TEXT)),
    ("ask_again", at(Scope.EMAILS, selected=MANUAL, marked=1), None),
    ("ask_again", at(Scope.TASK), "No present label was given by an older version of the task."),
    ("ask_again", at(Scope.TASK, older_labels=1), None),
    ("ask_again", at(Scope.QUALITY), None),
    ("ask_again", Context(Scope.QUALITY), "No run is open: choose one in the list of runs."),
    # keys
    *((word, at(Scope.KEYS), "There is no key here yet: a adds one.") for word in ("toggle", "pin", "try_key", "regroup", "remove", "clear_bench")),
    *((word, at(Scope.KEYS, selected=KEYS[0]), None) for word in ("toggle", "pin", "try_key", "regroup", "remove")),
    *(("clear_bench", at(Scope.KEYS, selected=replace(KEYS[0], state=state)), None) for state in (KeyState.COOLING, KeyState.BENCHED)),
    *(("clear_bench", at(Scope.KEYS, selected=replace(KEYS[0], state=state)), "org_a is not waiting: there is nothing to clear.")
      for state in (KeyState.READY, KeyState.DISABLED, KeyState.INVALID)),
    ("clear_bench", at(Scope.KEYS, selected=replace(KEYS[2], reason=f"{PROBED}: 503")),
     "org_b is tried again automatically, one call at a time: there is no wait to clear."),
    # the task
    *((word, at(Scope.TASK), "There is no draft: E starts one here, V in your editor.") for word in ("discard", "dry_run", "enact")),
    *((word, at(Scope.TASK, draft=Draft("text", error="no rubric")), "The draft is not valid yet, as shown above the panes: E continues it.")
      for word in ("dry_run", "enact")),
    ("discard", at(Scope.TASK, draft=Draft("text", error="no rubric")), None),
    *((word, at(Scope.TASK, draft=DRAFT), None) for word in ("discard", "dry_run", "enact")),
    ("enact", at(Scope.TASK, draft=DRAFT, asked="task"), "Activating a version is requested already."),
    ("enact", Context(Scope.TASK, has_run=True, draft=DRAFT), "The run is not read yet."),
    ("enact", at(Scope.TASK, gone(), draft=OTHER_FIELDS), None),
    ("enact", at(Scope.TASK, draft=OTHER_FIELDS), CHANGES_TEXTS),
    ("take_version", at(Scope.TASK), "The versions are not read yet."),
    ("take_version", at(Scope.TASK, selected=version(active=True)), "That is the active version; E starts a draft from it."),
    ("take_version", at(Scope.TASK, selected=version(active=False)), None),
    ("theme", at(Scope.RUNS, no_color=True), "NO_COLOR is set: there are no colors to choose from."),
    ("theme", at(Scope.RUNS), None),
]  # fmt: skip


@pytest.mark.parametrize("word", sorted({word for word, _, _ in REASONS}))
def test_an_action_is_possible_or_says_why_not(word: str) -> None:
    """For every state of the run, the text, the key and the draft that decides about it, with the key that helps."""
    cases = [(given, wanted) for action, given, wanted in REASONS if action == word]
    assert [reason(word, given) for given, _ in cases] == [wanted for _, wanted in cases]


def test_every_rule_has_its_cases() -> None:
    """Each action that is not always possible is met possible and not, or needs a run that was read and nothing else."""
    rules = {action.id: action.blocked for action in ALL}
    met = {(rules[word], wanted is None) for word, _, wanted in REASONS}
    always, read = Action.__dataclass_fields__["blocked"].default, run_read
    assert [
        word for word, rule in rules.items() if rule not in {always, read} and not {(rule, True), (rule, False)} <= met
    ] == []
    assert [run_read(each) for each in (NO_RUN, UNREAD, at(Scope.MONITOR))] == [
        "No run is open: choose one in the list of runs.", "The run is not read yet.", None,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("word", "given", "shown"),
    [
        ("pause", at(Scope.MONITOR), "pause"),
        ("pause", at(Scope.MONITOR, asked="pause"), "resume"),
        ("pause", at(Scope.MONITOR, held(RunState.PAUSED)), "resume"),
        ("pause", at(Scope.MONITOR, held(RunState.PAUSED), asked="resume"), "pause"),
        ("pause", at(Scope.RUNS, selected=listed(RunState.PAUSED)), "resume"),
        ("pause", at(Scope.RUNS, selected=listed(RunState.RUNNING)), "pause"),
        ("pause", UNREAD, "pause"),
        ("stop", at(Scope.MONITOR), "stop"),
        ("stop", at(Scope.MONITOR, asked="stop"), "stop now"),
        ("open", at(Scope.RUNS), "open"),
        ("open", at(Scope.NEW_RUN), "next step"),
        ("skip", at(Scope.EMAILS, selected=TEXT), "skip"),
        ("skip", at(Scope.EMAILS, selected=SKIPPED_TEXT), "unskip"),
        ("archive", at(Scope.RUNS, selected=listed(RunState.DONE)), "archive"),
        ("archive", at(Scope.RUNS, selected=listed(RunState.DONE, archived=True)), "restore"),
        ("pin", at(Scope.KEYS, selected=KEYS[0]), "pin"),
        ("pin", at(Scope.KEYS, selected=replace(KEYS[0], pinned=True)), "unpin"),
        ("toggle", at(Scope.KEYS), "disable"),
        *(("toggle", at(Scope.KEYS, selected=replace(KEYS[0], state=state)), "enable") for state in (KeyState.DISABLED, KeyState.INVALID)),
        *(("toggle", at(Scope.KEYS, selected=replace(KEYS[0], state=state)), "disable")
          for state in (KeyState.READY, KeyState.COOLING, KeyState.BENCHED, KeyState.IN_USE)),
        ("emails", at(Scope.MONITOR), "emails"),
        ("emails", at(Scope.MONITOR, replace(running(3, 1), task=replace(TASK, item="review"))), "reviews"),
        ("emails", at(Scope.MONITOR, replace(running(3, 1), task=replace(TASK, item="a very long item"))), "texts"),
        ("quit", at(Scope.MONITOR), "leave (worker stays)"),
        ("quit", at(Scope.MONITOR, gone()), "leave"),
        ("quit", NO_RUN, "leave"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_the_word_in_the_footer_says_what_the_key_would_do(word: str, given: Context, shown: str) -> None:
    """It follows the state, and what is asked already."""
    assert by_id(word).label(given) == shown


def test_the_palette_offers_only_what_is_possible() -> None:
    """What is blocked now is not offered."""
    offered = {action.id for action in possible(context())}
    assert {"pause", "stop", "emails", "quit"} <= offered
    assert "start" not in offered
