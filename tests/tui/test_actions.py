"""The one list of actions: keys without double meanings, reasons instead of silence."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from core.commands import catalog, review  # noqa: F401 - these register every command
from core.commands.command import Command
from core.model import EmailState, KeyState, RunState
from tests.tui.fakes import KEYS, NOW, FakeRun, email, running
from tui.actions.active import ACTIONS, all_keys, for_key, in_scope, possible
from tui.actions.context import Context, Scope

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


def test_starting_says_who_works_already() -> None:
    """Start is blocked by a living worker, with another remedy by a paused one, and else only where no work is left."""
    run = running(20, 10)
    assert reason("start", context(run=run)) == "A worker is running already (pid 4711)."
    run.state = RunState.PAUSED
    assert "p resumes" in (reason("start", context(run=run)) or "")
    run.alive, run.state = False, RunState.STOPPED
    assert reason("start", context(run=run)) is None
    assert reason("start", context(run=run, pending=frozenset({"start"}))) == "The start is requested already."


def test_a_settled_run_has_nothing_to_start() -> None:
    """Start says that nothing is left, and where the failed emails are."""
    run = FakeRun(emails=[email(0, EmailState.FAILED)], state=RunState.DONE)
    assert "T requeues them" in (reason("start", context(run=run)) or "")


def test_pause_needs_a_worker_and_becomes_resume() -> None:
    """The footer's word follows what the key would do."""
    pause = next(action for action in ACTIONS if action.id == "pause")
    run = running(20, 10)
    assert pause.label(context(run=run)) == "pause"
    assert pause.label(context(run=run, pending=frozenset({"pause"}))) == "resume"
    run.state = RunState.PAUSED
    assert pause.label(context(run=run)) == "resume"
    run.alive = False
    assert pause.blocked(context(run=run)) == "No worker runs: s starts one."


def test_stop_escalates_in_so_many_words() -> None:
    """A second stop cuts calls off, and the footer says so before it is pressed."""
    stop = next(action for action in ACTIONS if action.id == "stop")
    assert stop.label(context()) == "stop"
    assert stop.label(context(pending=frozenset({"stop"}))) == "stop now"


def test_only_a_failed_email_can_be_retried() -> None:
    """Retry says why it does nothing for an email that did not fail."""
    assert reason("retry", context(Scope.EMAILS, selected=email(1, EmailState.FAILED))) is None
    assert reason("retry", context(Scope.EMAILS, selected=email(1))) == "Only a failed text can be requeued."
    assert reason("retry", context(Scope.EMAILS)) == "Nothing is selected."


@pytest.mark.parametrize(
    ("state", "word"),
    [(KeyState.READY, "disable"), (KeyState.DISABLED, "enable"), (KeyState.INVALID, "enable")],
)
def test_the_word_for_a_key_follows_its_state(state: KeyState, word: str) -> None:
    """A key that is out comes back by the same key that takes it out."""
    toggle = next(action for action in ACTIONS if action.id == "toggle")
    assert toggle.label(context(Scope.KEYS, selected=replace(KEYS[0], state=state))) == word


def test_the_palette_offers_only_what_is_possible() -> None:
    """What is blocked now is not offered."""
    offered = {action.id for action in possible(context())}
    assert {"pause", "stop", "emails", "quit"} <= offered
    assert "start" not in offered


def test_without_a_run_there_is_nothing_to_pause() -> None:
    """On the keys screen of no run, the run's keys say so."""
    bare = Context(Scope.KEYS)
    assert reason("pause", bare) == "No run is open: choose one in the list of runs."
