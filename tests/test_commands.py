"""What commands are called, what they answer, and what they tell a worker, as tables; no run file and no worker."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import catalog, review
from core.commands.command import Command
from core.llm.taskfile import builtin_task
from core.model import UNCHANGED, Budget
from tui import grammar

TASK = builtin_task()
NOW = 1_790_000_000.0


class Recorder:
    """Note what is called, and return what was given under its name."""

    def __init__(self, **given: Any) -> None:
        self.given, self.called = given, []

    def __getattr__(self, name: str) -> Any:
        found = self.given.get(name)
        if name in ("in_flight", "stopping"):
            return found or 0

        def call(*args: Any, **_: Any) -> Any:
            self.called.append((name, *args))
            return found

        return call


def applied(command: Command, worker: Recorder | None, **store: Any) -> tuple[str, str | None, list[str]]:
    """Apply a command; return its sentence, the state it wants, and what the worker was told."""
    run = SimpleNamespace(
        name="mail", by="anna", now=NOW, command_id="c", worker=worker, store=Recorder(**{"task": TASK, **store}),
        start=lambda count: f"started for {count}", swap_keys=lambda: "swapped", views_of=lambda _: None,
    )  # fmt: skip
    outcome = command.apply(run)  # type: ignore[arg-type]
    return outcome.sentence, outcome.wanted, [each[0] for each in worker.called] if worker is not None else []


WHATS: dict[str, Command] = {
    "pause": catalog.Pause(),
    "resume": catalog.Resume(),
    "stop": catalog.Stop(),
    "undo": catalog.Undo(),
    "keys": catalog.LookAtKeys(),
    "budget": catalog.SetBudget(Budget(tokens=5)),
    "first 1,200, then a pause": catalog.FirstN(1_200),
    "calls at once: automatic": catalog.SetConcurrency(None),
    "8 calls at once": catalog.SetConcurrency(8),
    "lane auto": catalog.ChooseLane("auto"),
    "swap of keys": catalog.SwapKey(),
    f"version {TASK.version[:8]} of the task": catalog.ActivateTask(TASK),
    "re-labeling": catalog.Relabel(),
    "re-labeling of 2 texts": catalog.Relabel(label="1", email_ids=[4, 5]),
    "re-labeling of 1": catalog.Relabel(label="1"),
    "judging stored answers again": catalog.Rejudge(),
    "retry of all that failed": catalog.Retry(),
    "retry of 1 text": catalog.Retry([4]),
    "skip of 1 text": catalog.Skip([4]),
    "return of 2 texts": catalog.Skip([4, 5], back=True),
    "label work for 3 texts": catalog.Label([1, 2, 3], "work"),
    "note on 1 text": catalog.Note([1], "look"),
    "review of 1 text": review.Review([{"email_id": 1, "annotator": "anna", "value": "1"}]),
    "withdrawal of an answer": review.WithdrawReview("anna"),
    "second looks": review.PlanSecondLooks("anna", 1, [3]),
    "sample of 1,500": review.GrowSample(goal=1_500),
    "top-up of rare labels": review.GrowSample(top_up=True),
    "2 labels from elsewhere": review.AddGold("gold", [(1, "1"), (2, "0")]),
    "dismissal of the alarm run of one label": review.DismissAlarm("run of one label"),
    "re-labeling of the window of run of one label": review.RelabelWindow("run of one label"),
}


def test_each_command_is_called_in_a_few_words() -> None:
    """One or many texts, all or some of them, and the name of what is chosen."""
    assert {command.what: command for command in WHATS.values()} == WHATS


SAMPLE = SimpleNamespace(base_rate=0.125, rates={"b": 0.5, "a": 0.25})
OUTCOMES = [
    # A command, what the store returns, and the sentence with its wanted state without a worker and with one.
    (catalog.Pause(), {}, ("mail has no worker: nothing is being asked, so nothing needs a pause", None), ("paused", "pause")),
    (catalog.Resume(), {}, ("started for None", None), ("going on", "run")),
    (catalog.FirstN(1_200), {}, ("started for 1200", None), ("trying 1,200, then pausing", "run")),
    (catalog.Stop(), {}, ("mail has no worker: there is nothing to stop", None), ("stopping", "stop")),
    (catalog.SwapKey(), {}, ("swapped", None), ("worker swapped", None)),
    (catalog.LookAtKeys(), {}, (f"keys looked at; {UNCHANGED}", None), ("a was added; b is out", None)),
    (catalog.SetBudget(Budget(tokens=5_000)), {}, ("mail may spend: 5,000 tokens", None), None),
    (catalog.SetConcurrency(None), {}, ("calls at once are found by the server's answers", None), None),
    (catalog.SetConcurrency(1), {}, ("1 call at once, fewer where quotas allow fewer", None), None),
    (catalog.SetConcurrency(2), {}, ("2 calls at once, fewer where quotas allow fewer", None), None),
    (catalog.ChooseLane("live"), {}, ("mail asks with live calls", None), ("mail asks with live calls; batches: 2 open", None)),
    (catalog.ChooseLane("live", size=5_000, most_open=3), {},
     ("mail asks with live calls, 5,000 questions a batch, 3 open at once", None),
     ("mail asks with live calls, 5,000 questions a batch, 3 open at once; batches: 2 open", None)),
    (catalog.Relabel(), {"relabel": 0}, (f"no label by an older version of the task was found there; {UNCHANGED}", None), None),
    (catalog.Relabel(), {"relabel": 2}, ("2 texts requeued; earlier labels stay on record", None), None),
    (catalog.Retry(), {"requeue": 0}, (f"nothing that failed was found; {UNCHANGED}", None), None),
    (catalog.Retry(), {"requeue": 1}, ("1 failed text requeued", None), None),
    (catalog.Skip([1]), {"skip": 0}, (f"nothing to skip was found; {UNCHANGED}", None), None),
    (catalog.Skip([1]), {"skip": 1}, ("1 text skipped", None), None),
    (catalog.Skip([1], back=True), {"skip": 0}, (f"nothing to requeue was found; {UNCHANGED}", None), None),
    (catalog.Skip([1], back=True), {"skip": 2}, ("2 texts requeued", None), None),
    (catalog.Undo(), {"undo": None}, (f"you have done nothing to texts of mail that could be undone; {UNCHANGED}", None), None),
    (catalog.Undo(), {"undo": SimpleNamespace(sentence="taken back", email_ids=(1,))}, ("taken back", None), None),
    (review.Review([]), {"review": 0}, (f"answered before; {UNCHANGED}", None), None),
    (review.Review([]), {"review": 1}, ("1 text reviewed", None), None),
    (review.WithdrawReview("anna"), {"withdraw_review": None}, (f"nothing to take back; {UNCHANGED}", None), None),
    (review.WithdrawReview("anna"), {"withdraw_review": 0}, ("one answer taken back", None), None),
    (review.PlanSecondLooks("anna", 2, [3]), {}, ("batch 2 of anna answered", None), None),
    (review.GrowSample(goal=9), {"grow_sample": SAMPLE}, ("the sample holds 12.5% of all, 25.0% of a, 50.0% of b", None), None),
    (review.AddGold("g", []), {"add_gold": 0}, (f"all were known; {UNCHANGED}", None), None),
    (review.AddGold("g", []), {"add_gold": 1}, ("1 label of g added", None), None),
    (review.DismissAlarm("run of one label"), {"dismiss_alarm": False}, (f"no alarm of run of one label stands; {UNCHANGED}", None), None),
    (review.DismissAlarm("run of one label"), {"dismiss_alarm": True}, ("alarm of run of one label dismissed; the watch begins anew", None), None),
    (review.RelabelWindow("run of one label"), {"relabel_window": 0}, (f"no alarm of run of one label stands with texts behind it; {UNCHANGED}", None), None),
    (review.RelabelWindow("run of one label"), {"relabel_window": 2}, ("2 texts requeued; the alarm of run of one label is dismissed", None), None),
]  # fmt: skip


@pytest.mark.parametrize("row", range(len(OUTCOMES)))
def test_a_command_says_what_came_of_it(row: int) -> None:
    """Without a worker and with one; the same sentence where the table has only one."""
    command, store, alone, worked = OUTCOMES[row]
    worker = Recorder(swap="worker swapped", look_at_keys=["a was added", "b is out"], choose_lane="2 open")
    assert applied(command, None, **store)[:2] == alone
    assert applied(command, worker, **store)[:2] == (worked or alone)


@pytest.mark.parametrize(
    ("command", "store", "told"),
    [
        (catalog.Pause(), {}, ["pause"]),
        (catalog.Resume(), {}, ["resume"]),
        (catalog.FirstN(5), {}, ["try_out"]),
        (catalog.Stop(), {}, ["stop"]),
        (catalog.Stop(cancel_batches=True), {}, ["cancel_batches", "stop"]),
        (catalog.SetBudget(Budget(tokens=5)), {}, ["allow"]),
        (catalog.SetConcurrency(4), {}, ["choose_concurrency"]),
        (catalog.ChooseLane("batch"), {}, ["choose_lane"]),
        (catalog.Relabel(), {"relabel": 2}, ["rescan"]),
        (catalog.Retry(), {"requeue": 2}, ["rescan"]),
        (catalog.Skip([1]), {"skip": 1}, ["forget"]),
        (catalog.Skip([1], back=True), {"skip": 1}, ["rescan"]),
        (catalog.Undo(), {"undo": SimpleNamespace(sentence="", email_ids=(1,))}, ["forget", "rescan"]),
        (catalog.Undo(), {"undo": None}, []),
        (review.DismissAlarm("run of one label"), {"dismiss_alarm": True}, ["restart_watch"]),
        (review.DismissAlarm("run of one label"), {"dismiss_alarm": False}, []),
        (review.RelabelWindow("run of one label"), {"relabel_window": 2}, ["restart_watch", "rescan"]),
        (review.RelabelWindow("run of one label"), {"relabel_window": 0}, []),
    ],
)
def test_a_worker_is_told_what_it_must_know(command: Command, store: dict[str, Any], told: list[str]) -> None:
    """What is in line again, what is not any more, and each setting; nothing where nothing changed."""
    assert applied(command, Recorder(cancel_batches=""), **store)[2] == told


@pytest.mark.parametrize(
    ("in_flight", "stopping", "said"),
    [
        (0, False, "stopping"),
        (1, False, "stopping when the call in flight has finished"),
        (2, False, "stopping when 2 calls in flight have finished"),
        (2, True, "canceling the calls in flight"),
    ],
)
def test_a_stop_says_what_it_waits_for(in_flight: int, stopping: bool, said: str) -> None:
    """The first lets calls finish, the second ends them; batches are named behind it."""
    worker = Recorder(in_flight=in_flight, stopping=stopping, cancel_batches="; 2 batches are being ended")
    assert applied(catalog.Stop(), worker)[0] == said
    assert applied(catalog.Stop(cancel_batches=True), worker)[0] == f"{said}; 2 batches are being ended"


WORDS = {
    "": "--version --read-only",
    "add": (
        "run source --text-column --id-column --fields --gold-column --format --encoding --delimiter --table "
        "--dry-run --json"
    ),
    "archive": "run --back --dry-run --json",
    "backup": "run file --json",
    "budget": "run --tokens --money --hours --none --dry-run --json",
    "check": "run --repair --dry-run --json",
    "compare": "run other --versions --json",
    "completions": "shell --json",
    "copy": "run name --task --model --dry-run --json",
    "delete": "run --yes --dry-run --json",
    "demo": "--emails --fresh --json",
    "export": "run file --layout --only --where --split --no-text --no-columns --manifest --raw --dry-run --json",
    "gold": "run file --column --dry-run --json",
    "guide": "topic --json",
    "info": "--json",
    "keys add": "alias --server --organization --stdin --file --no-keyring --dry-run --json",
    "keys disable": "alias --dry-run --json",
    "keys enable": "alias --dry-run --json",
    "keys group": "alias organization --dry-run --json",
    "keys history": "alias --json",
    "keys limits": "organization --model --run --base-url --server --plan --rpm --rpd --tpm --tpd --dry-run --json",
    "keys list": "--model --run --json",
    "keys pin": "alias --dry-run --json",
    "keys remove": "alias --dry-run --json",
    "keys test": "alias --model --base-url --server --json",
    "keys unbench": "organization --model --run --dry-run --json",
    "keys unpin": "--dry-run --json",
    "label": "run id value --note --dry-run --json",
    "lane": "run lane --by --size --open --cancel --dry-run --json",
    "new": (
        "source --name --text-column --id-column --fields --gold-column --format --encoding --delimiter "
        "--table --dry-run --task --model --pack --base-url --server --part --order --seed --no-dedupe "
        "--json"
    ),
    "note": "run id text --dry-run --json",
    "notify": "--test --json",
    "open": "run --read-only",
    "pause": "run --no-wait --json",
    "plan": (
        "what --task --model --pack --text-column --id-column --fields --gold-column --format --encoding "
        "--delimiter --table --no-dedupe --base-url --server --plan --organizations --by --budget --json"
    ),
    "quality": "run --json --goal --top-up --doubtful --beside --dry-run",
    "rejudge": "run --tolerant --dry-run --json",
    "report": "run file --examples --json",
    "resume": "run --no-wait --json",
    "retry": "run --failed --item --dry-run --json",
    "review": "run --annotator --size --export --import --dry-run --json",
    "serve": "run --port --host --expose --url --writable --json",
    "skill": "--json",
    "skip": "run id --back --dry-run --json",
    "skipped": "run --json",
    "start": "run --no-wait --concurrency --ray --places --width --trust-network --try --json",
    "status": "run --json",
    "stop": "run --no-wait --force --cancel-batches --json",
    "swap": "run --no-wait --json",
    "task check": "file --json",
    "task init": "file --template --item --label --dry-run --json",
    "task show": "run --json --set --try --write --sample --messages --ask-again --dry-run",
    "undo": "run --dry-run --json",
    "watch": "run --every --json",
    "work": "run --concurrency --ray --places --width --trust-network --json",
}
"""What each command takes, in the order of its help; of an option its longest form. Without ``simulate``."""


def words_of(parser: argparse.ArgumentParser, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield each command with what it takes."""
    words = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for word, command in action.choices.items():
                yield from words_of(command, f"{name} {word}".strip())
        elif action.dest != "help":
            words.append(action.option_strings[-1] if action.option_strings else action.dest)
    if words and name != "simulate":
        yield name, " ".join(words)


def test_each_command_takes_these_words() -> None:
    """None is missing, and none is there that a person could not read about."""
    assert dict(words_of(grammar.parser())) == WORDS
