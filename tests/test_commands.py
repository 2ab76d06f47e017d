"""What commands are called, what they answer, and what they tell a worker, as tables; no run file and no worker."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import catalog, review
from core.commands.command import Command, decode
from core.errors import UnknownNameError, UsageError
from core.llm.task import versioned
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


REFUSED: list[tuple[Any, dict[str, Any], type[Exception], str]] = [
    (catalog.FirstN, {"count": 0}, ValueError, "0 is no number of texts to try"), (catalog.FirstN, {"count": True}, ValueError, "True is no number"), (catalog.FirstN, {"count": "5"}, ValueError, "'5' is no number"),
    (catalog.SetBudget, {"budget": Budget(tokens=-1)}, ValueError, "-1 is no cap of a budget"), (catalog.SetBudget, {"budget": Budget(money=1e18)}, ValueError, "1e"), (catalog.SetBudget, {"budget": Budget(hours=True)}, ValueError, "True"),
    (catalog.SetConcurrency, {"most": 0}, UsageError, "choose 1 to 256, or auto"), (catalog.SetConcurrency, {"most": 257}, UsageError, "257 is no number of calls"), (catalog.SetConcurrency, {"most": True}, UsageError, "True"),
    (catalog.ChooseLane, {"lane": "fast"}, UsageError, "There is no lane 'fast'. Choose live, flex, batch, auto."), (catalog.ChooseLane, {"lane": "batch", "by_at": 0.0}, UsageError, "goes with the lane auto"),
    (catalog.ChooseLane, {"lane": "batch", "size": 0}, UsageError, "Questions in a batch must lie between 1 and 50,000."), (catalog.ChooseLane, {"lane": "batch", "size": 50_001}, UsageError, "Questions"),
    (catalog.ChooseLane, {"lane": "batch", "most_open": 201}, UsageError, "Batches at the server at once must lie between 1 and 200."), (catalog.ChooseLane, {"lane": "batch", "most_open": True}, UsageError, "Batches"),
    (catalog.Label, {"email_ids": [1], "value": 5}, TypeError, "a label, a note and a name are texts"), (catalog.Label, {"email_ids": [1], "value": "1", "note": None}, TypeError, "are texts"),
    (catalog.Note, {"email_ids": [1], "text": " \n"}, UsageError, "The note is empty. Say what should stand there."), (catalog.Note, {"email_ids": [1], "text": 5}, TypeError, "a note is a text"),
    (catalog.Retry, {"email_ids": [-1]}, ValueError, "-1 is no number of a text"), (catalog.Retry, {"email_ids": [True]}, TypeError, "True is no number of a text"), (catalog.Skip, {"email_ids": [1 << 63]}, ValueError, "is no number"),
    (catalog.Relabel, {"email_ids": ["1"]}, TypeError, "'1' is no number"), (catalog.Retry, {"email_ids": range(50_001)}, UsageError, "50,001 texts are too many for one command: the maximum is 50,000."),
    (catalog.Label, {"email_ids": [-1], "value": "1"}, ValueError, "-1"), (catalog.Note, {"email_ids": [-1], "text": "x"}, ValueError, "-1"), (review.PlanSecondLooks, {"annotator": "a", "batch": 1, "email_ids": [-1]}, ValueError, "-1"),
    (review.Review, {"answers": [{"email_id": -1, "annotator": "a"}]}, ValueError, "-1"), (review.Review, {"answers": [{"email_id": 1, "annotator": " "}]}, UsageError, "needs the name of who gave it"),
    (review.Review, {"answers": [{"email_id": 1}]}, UsageError, "needs the name"), (review.Review, {"answers": [{"email_id": 1, "annotator": "a", "kind": "x"}]}, TypeError, "is no answer"),
    (review.Review, {"answers": [{"email_id": 1, "annotator": "a", "value": 5}]}, TypeError, "is no answer"), (review.GrowSample, {"goal": 0}, UsageError, "0 is no size of a sample."), (review.GrowSample, {"goal": 1 << 40}, UsageError, "no size"),
    (review.GrowSample, {"goal": True}, UsageError, "no size"), (review.AddGold, {"name": "g", "labels": [(-1, "1")]}, ValueError, "-1"), (review.AddGold, {"name": "g", "labels": [(1, 5)]}, TypeError, "a label is a text"),
    (review.DismissAlarm, {"watch": "x"}, UsageError, "There is no watch 'x'."), (review.RelabelWindow, {"watch": "x"}, UsageError, "There is no watch 'x'."),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "given", "error", "words"), REFUSED, ids=range(len(REFUSED)))
def test_a_command_that_says_nothing_sensible_is_not_made(
    kind: Any, given: dict[str, Any], error: type[Exception], words: str
) -> None:
    """What comes out of the control file is as foreign as what a person types."""
    with pytest.raises(error) as caught:
        kind(**given)
    assert words in str(caught.value)


TAKEN: list[Any] = [
    catalog.FirstN(1), catalog.SetBudget(Budget(0, 0.0, 9e17)), catalog.SetConcurrency(1), catalog.SetConcurrency(256), catalog.ChooseLane("auto", 5.0), catalog.ChooseLane("batch", size=1, most_open=1),
    catalog.ChooseLane("batch", size=50_000, most_open=200), catalog.Retry([0, (1 << 63) - 1]), catalog.Retry(range(50_000)), catalog.Relabel(email_ids=[1]), catalog.Skip([1]), catalog.Label([1], "x"), catalog.Note([1], "x"),
    catalog.Stop(), catalog.Stop(cancel_batches=True), catalog.Pause(), catalog.ActivateTask(TASK), review.GrowSample(goal=1), review.GrowSample(goal=(1 << 40) - 1), review.PlanSecondLooks("a", 1, [2]),
    review.Review([{"email_id": 1, "annotator": "a", "kind": "second", "value": None}]),
]  # fmt: skip


@pytest.mark.parametrize("command", TAKEN, ids=range(len(TAKEN)))
def test_a_command_is_the_same_after_it_was_written_and_read(command: Any) -> None:
    """At the bounds of its values, too; numbers of texts are kept as a tuple."""
    assert decode(command.kind, command.encode()) == command
    if getattr(command, "email_ids", None) is not None:
        assert isinstance(command.email_ids, tuple)


@pytest.mark.parametrize(
    ("kind", "text", "words"),
    [
        ("dance", "", "this version of labeltui has no command 'dance'"), ("try", "[]", "the command try cannot be read: not a JSON object"), ("try", "{", "the command try cannot be read: "),
        ("try", '{"count": 0}', "the command try cannot be read: 0 is no number"), ("pause", '{"x": 1}', "the command pause cannot be read: "), ("try", "[" * 100_000, "the command try cannot be read: "),
    ],
    ids=range(6),
)  # fmt: skip
def test_a_command_that_cannot_be_read_is_refused(kind: str, text: str, words: str) -> None:
    """With its kind and why."""
    with pytest.raises(UsageError) as caught:
        decode(kind, text)
    assert str(caught.value).startswith(words)


def test_a_record_holds_no_more_of_a_command_than_it_must() -> None:
    """Numbers of texts, answers and labels have tables of their own; a version has its name."""
    assert catalog.ActivateTask(TASK).recorded() == TASK.version
    empty = (
        catalog.Relabel(email_ids=[1]), review.Review([]), review.PlanSecondLooks("a", 1, [2]), review.AddGold("g", []),
    )  # fmt: skip
    assert {command.recorded() for command in empty} == {""}
    assert catalog.FirstN(5).recorded() == catalog.FirstN(5).encode() == '{"count": 5}'
    assert (catalog.Pause().encode(), catalog.Stop().encode()) == ("", "")
    flags = {
        kind.kind: (kind.changes_emails, kind.reversible, kind.starts_work, kind.by_signal) for kind in Command.known.values()
    }  # fmt: skip
    assert {name for name, each in flags.items() if each[1]} == {"retry", "skip", "label", "note"}
    assert {name for name, each in flags.items() if each[2]} == {"resume", "try"}
    assert {name: each[3] for name, each in flags.items() if each[3]} == {
        "pause": "SIGUSR1", "resume": "SIGUSR2", "stop": "SIGTERM",
    }  # fmt: skip


OTHER = replace(TASK, rubric="other", version="other")


@pytest.mark.parametrize(
    ("command", "worked", "words"),
    [
        (catalog.ActivateTask(TASK), False, "This is the active task of mail already"), (catalog.ActivateTask(OTHER), True, None), (catalog.ActivateTask(replace(OTHER, truncate_at=100)), False, None),
        (catalog.ActivateTask(replace(OTHER, truncate_at=100)), True, "Stop its worker first (`labeltui stop mail`)"), (catalog.Relabel(label="1"), False, None), (catalog.Relabel(), False, None),
        (catalog.Relabel(label="9"), False, "'9' is no label of any version of the task of mail."), (catalog.Label([1], "1"), True, None), (catalog.Label([1], "9"), True, "'9' is no label of this task. Choose 1 or 0."),
        (review.Review([{"email_id": 1, "annotator": "a", "value": "9"}]), False, "'9' is no label of this task. Choose 1 or 0."), (review.Review([{"email_id": 1, "annotator": "a", "value": None}]), False, None),
        (review.Review([{"email_id": 1, "annotator": "a", "value": "0"}]), False, None), (catalog.Pause(), True, None),
    ],
    ids=range(13),
)  # fmt: skip
def test_what_a_run_cannot_do_is_refused_before_it_is_sent(command: Command, worked: bool, words: str | None) -> None:
    """With what can be done instead."""
    reader: Any = SimpleNamespace(
        task=lambda: TASK,
        path=Path("/runs/mail.db"),
        versions=lambda *, counted: () if counted else (SimpleNamespace(task=OTHER),),
    )
    if words is None:
        command.check(reader, worked=worked)
    else:
        with pytest.raises(UsageError) as caught:
            command.check(reader, worked=worked)
        assert words in str(caught.value)


def test_a_version_takes_effect_with_its_texts_made_anew_where_it_sends_others() -> None:
    """In a worker only where it does not; it is told who asked for it."""
    resent = replace(OTHER, fields=("body",))
    activated = SimpleNamespace(sentence="activated")
    assert applied(catalog.ActivateTask(OTHER), None, activate=activated)[0] == "activated"
    worker = Recorder(activate="told")
    assert applied(catalog.ActivateTask(OTHER), worker) == ("told", None, ["activate"])
    with pytest.raises(UsageError, match="sends other parts of each text"):
        applied(catalog.ActivateTask(resent), Recorder())
    with pytest.raises(UnknownNameError, match="'9' is no label"):
        applied(catalog.Label([1], "9"), None)
    with pytest.raises(UsageError, match=r"mail has no worker to end its batches\. Start it: `labeltui start mail`\."):
        applied(catalog.ChooseLane("live", cancel=True), None)
    ended = applied(catalog.ChooseLane("flex", cancel=True), Recorder(choose_lane="1 open"))[0]
    assert ended.endswith("refused when it is full; its open batches are ended")
    assert applied(catalog.ChooseLane("batch"), Recorder(choose_lane=""))[0].endswith("after the first texts")


@pytest.mark.parametrize(("change", "made"), [({"rubric": "other"}, None), ({"fields": ("body",)}, "views")])
def test_texts_are_made_anew_where_a_version_sends_others(change: dict[str, Any], made: str | None) -> None:
    """And only there."""
    told: list[Any] = []

    def activate(task: Any, **how: Any) -> Any:
        told.append((task.version, how))
        return SimpleNamespace(sentence="activated")

    version = versioned(replace(TASK, **change))
    run = SimpleNamespace(
        worker=None, by="anna", now=NOW, views_of=lambda task: "views" if task == version else "others",
        store=SimpleNamespace(task=lambda: TASK, activate=activate),
    )  # fmt: skip
    assert catalog.ActivateTask(version).apply(run).sentence == "activated"  # type: ignore[arg-type]
    assert told == [(version.version, {"by": "anna", "now": NOW, "view_of": made})]


@pytest.mark.parametrize(
    ("tolerant", "active", "moved", "more", "said"),
    [
        (False, "exact", (0, 3), 0, f"no answer of 3 failed texts is a label by the exact rule; {UNCHANGED}"), (False, "exact", (0, 1), 2, "no answer of 1 failed text is a label by the exact rule; 2 hold a label in another form, which `labeltui rejudge mail --tolerant` accepts"),
        (False, "exact", (1, 3), 1_000, "1 of 3 failed texts labeled from stored answers, without a call; 1,000 hold a label in another form, which `labeltui rejudge mail --tolerant` accepts"),
        (True, "exact", (2, 3), 9, "2 of 3 failed texts labeled from stored answers, without a call"), (False, "tolerant", (0, 3), 9, f"no answer of 3 failed texts is a label by the tolerant rule; {UNCHANGED}"),
    ],
)  # fmt: skip
def test_stored_answers_are_judged_again(
    tolerant: bool, active: str, moved: tuple[int, int], more: int, said: str
) -> None:
    """By the task's rule, which becomes the tolerant one where that is asked for; a worker activates it itself."""
    store = {"task": replace(TASK, judge=active), "rejudge": moved, "rejudgeable": more}
    command = catalog.Rejudge(tolerant)
    assert applied(command, None, **store)[0] == said
    told = applied(command, Recorder(), **store)
    assert (told[0], told[2]) == (said, ["activate"] if tolerant and active == "exact" else [])
