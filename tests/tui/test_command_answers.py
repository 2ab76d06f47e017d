"""What each command asks of the engine, what it says, and its exit code; on engines that stand for real ones."""

from __future__ import annotations

import argparse
import gc
import io
import json
from collections.abc import Callable
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import catalog
from core.commands.review import GrowSample
from core.errors import KeysError, RunBusyError, UnknownNameError, UsageError
from core.llm.task import builtin_task
from core.model import (
    Budget,
    CommandRecord,
    Dimension,
    LaneChoice,
    ModelSettings,
    PlacesWanted,
    RunState,
    exits,
)
from core.quality.sampling import BATCH
from core.runs.send import SentCommand
from core.settings import Settings
from tests.tui.fakes import NOW, key, running, window
from tui.commands import console, control, files, keys, quality, task, watch
from tui.commands import running as working
from tui.commands.printing import NOTHING_CHANGED

PATH = Path("/runs/mail.db")
SHOT = running(40, 20).snapshot(NOW)
TASK = builtin_task()


def words(**given: Any) -> argparse.Namespace:
    """A command line."""
    return argparse.Namespace(**{"run": "mail", "read_only": False, "dry_run": False, "json": False, **given})


class Fake:
    """An engine: each call is noted, and answered with what was given for its name."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {"find": PATH, "snapshot": SHOT, "has_worker": True, **answers}
        self.calls: list[Any] = []
        self.settings = SimpleNamespace(
            keys_path="/home/keys.toml", config_path="/home/console.toml", base_url=None, for_run=lambda _: "of the run"
        )

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, *args, *([kwargs] if kwargs else [])))
            answer = self.answers.get(name)
            return answer(*args, **kwargs) if callable(answer) else answer

        return call

    def told(self, *names: str) -> list[Any]:
        """The calls of these names."""
        return [each for each in self.calls if each[0] in names]


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    """A function that makes the engine of all commands."""

    def make(**answers: Any) -> Fake:
        engine = Fake(**answers)
        for module in (control, quality, keys, task):
            monkeypatch.setattr(module, "engine_of", lambda _: engine)
        for module in (files, working, watch):
            monkeypatch.setattr(module, "Engine", lambda *_, **__: engine)
            monkeypatch.setattr(module, "load_settings", lambda: engine.settings)
        return engine

    return make  # fmt: skip


def out_of(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The lines that were printed."""
    return capsys.readouterr().out.splitlines()


# -- control --------------------------------------------------------------------------------------------------------------

ASKED = SentCommand("7", "mail: pause requested.", catalog.Pause())
AT_ONCE = SentCommand(None, "mail is done.", catalog.Pause())


def record(result: str, after_s: float | None = 2.0) -> CommandRecord:
    """What a worker answered."""
    return CommandRecord("7", "pause", "", NOW, None if after_s is None else NOW + after_s, result)


@pytest.mark.parametrize(
    ("requested", "given", "answer", "code", "said"),
    [
        (AT_ONCE, {}, None, 0, ["mail is done."]), (ASKED, {"no_wait": True}, None, 0, ["mail: pause requested."]),
        (ASKED, {}, record("paused"), 0, ["mail: pause requested.", "acknowledged after 2.0 s: paused"]), (ASKED, {}, record("paused", None), 0, ["mail: pause requested.", "acknowledged after 0.0 s: paused"]),
        (ASKED, {}, record("not possible: no"), 1, ["mail: pause requested.", "acknowledged after 2.0 s: not possible: no"]), (ASKED, {}, None, 1, ["mail: pause requested."]),
    ],
)  # fmt: skip
def test_a_command_is_waited_for_and_its_answer_is_told(
    requested: SentCommand,
    given: dict[str, Any],
    answer: Any,
    code: int,
    said: list[str],
    fake: Callable[..., Fake],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Up to ten seconds, unless it was done at once or nobody wants to wait."""
    engine = fake(send=requested, await_answer=answer)
    assert control.send_plain(words(command="pause", **given)) == code
    shown = capsys.readouterr()
    assert shown.out.splitlines() == said
    asked = engine.told("await_answer")
    assert asked == ([] if requested is AT_ONCE or given else [("await_answer", PATH, ASKED, {"timeout_s": 10.0})])
    unanswered = requested is ASKED and not given and answer is None
    assert ("labeltui: the worker did not answer within 10 s;" in shown.err) is unanswered
    assert engine.told("send") == [("send", PATH, catalog.Pause())]


def test_a_command_that_a_worker_left_unread_is_sent_again(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where it has ended; it is done at once then."""
    sent = iter([ASKED, AT_ONCE])
    engine = fake(send=lambda *_: next(sent), await_answer=None, has_worker=False)
    assert control.send_plain(words(command="pause")) == 0
    assert out_of(capsys) == ["mail: pause requested.", "mail is done."]
    assert len(engine.told("send")) == 2


@pytest.mark.parametrize(
    ("given", "places"),
    [
        ({}, None), ({"ray": ""}, PlacesWanted()), ({"ray": "ray://h:1", "places": 5, "width": 3, "trust_network": True}, PlacesWanted("h:1", 5, 3, trust_network=True)),
        ({"places": 1}, UsageError), ({"width": 1}, UsageError), ({"trust_network": True}, UsageError), ({"ray": "h", "places": 4}, PlacesWanted("h", 4)),
    ],
)  # fmt: skip
def test_places_are_described_with_ray_alone(given: dict[str, Any], places: Any) -> None:
    """Two of sixteen calls where nothing is said."""
    line = words(**{"ray": None, "places": None, "width": None, "trust_network": False, **given})
    if places is UsageError:
        with pytest.raises(UsageError, match="give --ray with them"):
            control.places_of(line)
    else:
        assert control.places_of(line) == places


def test_a_start_stores_how_many_calls_are_at_once(fake: Callable[..., Fake]) -> None:
    """Before it starts; a refusal ends it. Automatic is none."""
    line = {"ray": None, "places": None, "width": None, "trust_network": False, "only": 5, "no_wait": True}
    engine = fake(send=AT_ONCE, start=AT_ONCE)
    assert control.start(words(concurrency=8, **line)) == 0
    assert engine.told("send", "start") == [("send", PATH, catalog.SetConcurrency(8)), ("start", PATH, 5, None)]
    engine = fake(start=AT_ONCE, send=AT_ONCE)
    control.start(words(concurrency=None, **line))
    assert engine.told("send") == []
    control.start(words(concurrency=0, **line))
    assert engine.told("send") == [("send", PATH, catalog.SetConcurrency(None))]
    engine = fake(send=ASKED, await_answer=record("not possible: no"), start=AT_ONCE)
    assert control.start(words(concurrency=8, **line)) == exits.FAILED
    assert engine.told("start") == []
    engine = fake(kill=AT_ONCE, send=AT_ONCE)
    control.stop(words(force=True, cancel_batches=False))
    control.stop(words(force=False, cancel_batches=True))
    assert engine.told("kill", "send") == [("kill", PATH), ("send", PATH, catalog.Stop(cancel_batches=True))]


@contextmanager
def opened(**given: Any) -> Any:
    """A run that is open."""
    yield SimpleNamespace(**given)


@pytest.mark.parametrize(
    ("command", "given", "sent"),
    [
        (control.retry, {"item": None}, catalog.Retry()), (control.retry, {"item": "x"}, catalog.Retry((9,))), (control.rejudge, {"tolerant": True}, catalog.Rejudge(tolerant=True)),
        (control.label, {"id": "x", "value": "1", "note": "n"}, catalog.Label((9,), "1", "n")), (control.note, {"id": "x", "text": "n"}, catalog.Note((9,), "n")),
        (control.skip, {"id": "x", "back": True}, catalog.Skip((9,), back=True)), (control.send_plain, {"command": "undo"}, catalog.Undo()),
    ],
)  # fmt: skip
def test_a_command_about_a_text_finds_its_row(
    command: Any, given: dict[str, Any], sent: Any, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """And is tried on a copy in a dry run."""
    engine = fake(send=AT_ONCE, view=lambda _: opened(find=lambda _: 9), dry_run_of=["one.", "two."])
    assert command(words(**given)) == 0
    assert engine.told("send") == [("send", PATH, sent)]
    assert command(words(**{**given, "dry_run": True})) == 0
    assert engine.told("dry_run_of") == [("dry_run_of", PATH, (sent,))]
    assert out_of(capsys) == ["mail is done.", "dry run: one.", "dry run: two.", NOTHING_CHANGED]
    engine.answers["view"] = lambda _: opened(find=lambda _: None)
    with pytest.raises(UnknownNameError, match=r"Nothing in mail has the id 'x'\. `labeltui export` lists them all\."):
        control.email_of(engine, PATH, "x")  # type: ignore[arg-type]


SPENT = replace(SHOT, budget=Budget(tokens=5), worked_s=5_400.0, prompt_tokens=1_000, completion_tokens=234)


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, None), ({"money": 2.0}, Budget(5, 2.0)), ({"tokens": 0}, Budget(0)), ({"none": True}, Budget()), ({"none": True, "hours": 3.0}, Budget(hours=3.0)), ({"tokens": 7, "hours": 1.0}, Budget(7, None, 1.0)),
    ],
)  # fmt: skip
def test_a_budget_is_shown_or_changed_where_it_is_named(
    given: dict[str, Any], sent: Budget | None, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is not named stays."""
    engine = fake(send=AT_ONCE, snapshot=SPENT)
    assert control.budget(words(**{"tokens": None, "money": None, "hours": None, "none": False, **given})) == 0
    said = out_of(capsys)
    if sent is None:
        assert said == ["mail may spend: 5 tokens; spent so far: 1,234 tokens in 1.5 hours of work"]
        assert engine.told("send") == []
    else:
        assert engine.told("send") == [("send", PATH, catalog.SetBudget(sent))]


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ({}, None), ({"lane": "flex"}, catalog.ChooseLane("flex")), ({"by": 9.0}, catalog.ChooseLane("auto", 9.0)), ({"size": 5}, catalog.ChooseLane("batch", size=5)),
        ({"open": 5}, catalog.ChooseLane("batch", most_open=5)), ({"cancel": True}, catalog.ChooseLane("batch", cancel=True)), ({"cancel": True, "dry_run": True}, UsageError),
        ({"lane": "auto", "by": 8.0, "size": 2, "open": 3}, catalog.ChooseLane("auto", 8.0, size=2, most_open=3)),
    ],
)  # fmt: skip
def test_a_lane_is_shown_or_chosen(
    given: dict[str, Any], sent: Any, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """A time to be done by means auto; else the lane stays where none is named."""
    engine = fake(send=AT_ONCE, snapshot=replace(SHOT, lane=LaneChoice("batch")))
    line = words(**{"lane": None, "by": None, "size": None, "open": None, "cancel": False, **given})
    if sent is UsageError:
        with pytest.raises(UsageError, match="--cancel ends batches at the server"):
            control.lane(line)
        return
    assert control.lane(line) == 0
    assert engine.told("send") == ([] if sent is None else [("send", PATH, sent)])
    assert out_of(capsys)[0] == ("enron asks with batches at half the price (lane batch)" if sent is None else "mail is done.")  # fmt: skip


def test_of_several_commands_the_worst_code_counts(fake: Callable[..., Fake]) -> None:
    """Of none it is that of success."""
    answers = iter([record("done"), record("not possible: no"), record("done")])
    engine = fake(send=ASKED, await_answer=lambda *_, **__: next(answers))
    commands = [catalog.Pause()] * 3
    assert control.deliver(words(), engine, PATH, *commands) == exits.FAILED  # type: ignore[arg-type]
    assert control.deliver(words(), engine, PATH) == exits.DONE  # type: ignore[arg-type]


# -- files ----------------------------------------------------------------------------------------------------------------


def test_a_copy_says_what_it_holds_and_what_comes_next(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dry run makes none, and needs nothing to be writable."""
    made = SimpleNamespace(name="new", taken=1_000, distinct=900, path="/runs/new.db")
    engine = fake(copy_emails=made, dry_run_of_copying=made)
    monkeypatch.setattr(files, "load_task", lambda path: f"task of {path}")
    said = ["new: 1,000 texts of mail, 900 distinct, none labeled", "  /runs/new.db"]
    assert files.copy(words(name="new", task=Path("a.toml"), model="m")) == 0
    assert out_of(capsys) == [*said, "`labeltui open new` shows it, `labeltui start new` starts it."]
    assert engine.calls == [
        ("check_writable",), ("find", "mail", {"archived": True}), ("snapshot", PATH),
        ("copy_emails", PATH, "new", {"task": "task of a.toml", "model": "m", "progress": None}),
    ]  # fmt: skip
    engine.calls.clear()
    assert files.copy(words(name="new", task=None, model=None, dry_run=True)) == 0
    assert out_of(capsys) == [*said, NOTHING_CHANGED]
    assert engine.calls == [
        ("find", "mail", {"archived": True}), ("dry_run_of_copying", PATH, "new", {"task": None, "model": None}),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "asked", "said"),
    [
        ({"back": False}, ["check_writable", "find", "archive"], ["b is archived: /a/b.db", "`labeltui archive b --back` puts it into the list again."]),
        ({"back": True}, ["check_writable", "find_archived", "archive"], ["b is back in the list: /a/b.db"]),
        ({"back": False, "dry_run": True}, ["find", "dry_run_of_archiving"], ["b would be archived: /a/b.db", NOTHING_CHANGED]),
        ({"back": True, "dry_run": True}, ["find_archived", "dry_run_of_archiving"], ["b would be back in the list: /a/b.db", NOTHING_CHANGED]),
    ],
)  # fmt: skip
def test_a_run_goes_into_the_archive_and_back(
    given: dict[str, Any],
    asked: list[str],
    said: list[str],
    fake: Callable[..., Fake],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """It is looked for where it should be."""
    engine = fake(archive=Path("/a/b.db"), dry_run_of_archiving=Path("/a/b.db"), find_archived=PATH)
    assert files.archiving(words(**given)) == 0
    assert [each[0] for each in engine.calls] == asked
    assert engine.calls[-1][-1] == {"back": given["back"]}
    assert out_of(capsys) == said


@pytest.mark.parametrize(
    ("given", "typed", "terminal"), [({"yes": "mail"}, "mail", False), ({"yes": ""}, "", True), ({"yes": None}, "mail", True)]
)  # fmt: skip
def test_a_run_is_deleted_by_its_name(
    given: dict[str, Any],
    typed: str,
    terminal: bool,
    fake: Callable[..., Fake],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Given or typed, after all files were named."""
    engine = fake(what_goes=SimpleNamespace(names=("mail.db", "mail.log"), size_bytes=1_234_567_890))
    stdin = io.StringIO("mail\n")
    stdin.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stdin", stdin)
    assert files.delete(words(**given)) == 0
    assert engine.told("delete_run", "find") == [("find", "mail", {"archived": True}), ("delete_run", PATH, typed)]
    said = capsys.readouterr().out
    assert said.startswith("mail: 2 files in /runs, 1,234.6 MB:\n  mail.db\n  mail.log\n")
    assert ("This is final. Type the run's name (mail) to delete it: " in said) is (given["yes"] is None)
    assert said.endswith(
        "mail is deleted, with its labels and their history. Exports and backups elsewhere are untouched.\n"
    )
    engine.calls.clear()
    assert files.delete(words(dry_run=True, yes=None)) == 0
    assert engine.told("delete_run") == []
    assert out_of(capsys)[-1] == NOTHING_CHANGED
    stdin.isatty = lambda: False  # type: ignore[method-assign]
    with pytest.raises(UsageError, match="labeltui delete mail --yes mail"):
        files.delete(words(yes=None))  # fmt: skip


def test_check_and_backup_are_answered_by_one_function(
    fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each its own way."""
    fake()
    monkeypatch.setattr(files, "_backup", lambda *given: ("backup", *given[1:]))
    monkeypatch.setattr(files, "_check", lambda *given: ("check", given[1]))
    assert files.answer(words(command="backup", file=Path("b"))) == ("backup", PATH, Path("b"))  # type: ignore[comparison-overlap]
    assert files.answer(words(command="check")) == ("check", PATH)  # type: ignore[comparison-overlap]  # fmt: skip


# -- keys -----------------------------------------------------------------------------------------------------------------


def secret(alias: str, value: str = "gsk_0123456789", server: str = "https://api.groq.com") -> Any:
    return SimpleNamespace(alias=alias, value=value, server=server, last4=value[-4:], source="keys.toml")


@pytest.mark.parametrize(
    ("given", "called", "said"),
    [
        ({"action": "remove"}, ("remove", "a"), "a is removed."), ({"action": "group", "organization": "o"}, ("set_organization", "a", "o"), "a is shown under o. It shares quotas with other keys once a reply says so."),
        ({"action": "unpin"}, ("pin", None), "No key is pinned."), ({"action": "pin"}, ("pin", "a"), "a is used first; the others take the rest."),
        ({"action": "enable"}, ("set_enabled", "a", {"enabled": True}), "a is enabled."), ({"action": "disable"}, ("set_enabled", "a", {"enabled": False}), "a is disabled."),
    ],
)  # fmt: skip
@pytest.mark.parametrize("dry", [False, True])
def test_one_thing_about_a_key_is_changed(
    given: dict[str, Any],
    called: tuple[Any, ...],
    said: str,
    dry: bool,
    fake: Callable[..., Fake],
    capsys: pytest.CaptureFixture[str],
) -> None:
    """And workers are told; a dry run tries it on nothing."""
    store = Fake(secret=secret("a"))
    engine = fake(key_store=nullcontext(store), tell_workers_of_keys=1)
    assert keys.answer(words(**{"alias": "a", "dry_run": dry, **given, "run": None})) == 0
    if dry and given["action"] == "remove":
        said, called = "a (…6789, of api.groq.com, from keys.toml) would be removed.", ("secret", "a")
    assert out_of(capsys) == [f"{said} {NOTHING_CHANGED}" if dry else f"{said} 1 worker told."]
    assert store.calls == [*([("try_only",)] if dry else []), called]
    assert engine.calls == ([] if dry else [("check_writable",)]) + [("key_store", None, None)] + ([] if dry else [("tell_workers_of_keys",)])  # fmt: skip


def test_keys_are_meant_as_a_run_meets_them(fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    """With its model unless one is named; looking at them needs nothing writable."""
    store = Fake()
    engine = fake(key_store=lambda *_: nullcontext(store), view=lambda _: opened(task=lambda: TASK))
    seen: list[Any] = []
    monkeypatch.setattr(keys, "_list", lambda _given, _store, model, _now: (seen.append(model), 0)[1])
    monkeypatch.setattr(keys, "_limits", lambda _given, _engine, _store, model: (seen.append(model), 0)[1])
    keys.answer(words(action="list", model=None))
    keys.answer(words(action="list", model="m"))
    keys.answer(words(action="list", model="m", run=None))
    keys.answer(words(action="limits", model=None, run=None, base_url="http://x"))
    assert seen == [TASK.model.model, "m", "m", ModelSettings().model]
    assert engine.told("key_store") == [("key_store", PATH, None)] * 2 + [
        ("key_store", None, None),
        ("key_store", None, "http://x"),
    ]
    assert len(engine.told("check_writable")) == 1  # fmt: skip


@pytest.mark.parametrize(
    ("given", "where", "kept"),
    [({"keyring": None}, "/home/keys.toml", False), ({"keyring": True}, "the system's keyring", True), ({"keyring": False, "alias": "a"}, "/home/keys.toml", False)],
)  # fmt: skip
def test_a_key_is_added_where_it_is_to_lie(
    given: dict[str, Any],
    where: str,
    kept: bool,
    fake: Callable[..., Fake],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For its server alone; plain http to another machine is a warning."""
    monkeypatch.setattr(keys, "read_preferences", lambda _: SimpleNamespace(keyring=False))
    monkeypatch.setattr(keys, "_secret", lambda _: "gsk_0123456789")
    store = Fake(add="main", check_new="gsk_0123456789")
    store.server = "https://api.groq.com"
    engine = fake(tell_workers_of_keys=0)
    line = words(**{"alias": None, "server": None, "organization": "o", **given})
    assert keys._add(line, engine, store) == 0  # type: ignore[arg-type]
    assert out_of(capsys) == [f"main added to {where}. It is sent to api.groq.com alone."]
    assert store.calls == [
        ("add", "gsk_0123456789", {"alias": line.alias, "organization": "o", "keyring": kept, "server": "https://api.groq.com"}),
    ]  # fmt: skip
    keys._add(words(**{**vars(line), "server": "http://gpu.example"}), engine, store)  # type: ignore[arg-type]
    assert "Mind that gpu.example is asked by plain http" in out_of(capsys)[1]
    keys._add(words(**{**vars(line), "dry_run": True}), engine, store)  # type: ignore[arg-type]
    named = line.alias or "A key with an alias of its own"
    assert out_of(capsys) == [f"{named} (…6789) would be added and sent to api.groq.com alone. {NOTHING_CHANGED}"]
    with pytest.raises(KeysError):
        keys._add(words(**{**vars(line), "alias": "no alias!"}), engine, store)  # type: ignore[arg-type]


def test_a_secret_comes_from_a_file_standard_input_or_a_prompt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Never from the command line; of standard input ten thousand characters."""
    (tmp_path / "key").write_text("of a file\n", "utf-8")
    (tmp_path / "bytes").write_bytes(b"\xff")
    stdin = io.StringIO("s" * 10_001)
    monkeypatch.setattr("sys.stdin", stdin)
    monkeypatch.setattr(keys.getpass, "getpass", lambda prompt: f" {prompt[:6]} ")
    assert keys._secret(words(file=tmp_path / "key", stdin=True)) == "of a file\n"
    for name in ("bytes", "none"):
        with pytest.raises(KeysError, match="cannot be read as text"):
            keys._secret(words(file=tmp_path / name, stdin=False))
    stdin.isatty = lambda: True  # type: ignore[method-assign]
    assert keys._secret(words(file=None, stdin=False)) == "secret"
    assert keys._secret(words(file=None, stdin=True)) == "s" * 10_000
    stdin.isatty = lambda: False  # type: ignore[method-assign]
    assert keys._secret(words(file=None, stdin=False)) == "s"


@pytest.mark.parametrize(
    ("cleared", "said"),
    [
        ((), "o waits for nothing with m: nothing was cleared."),
        (("TPM", "RPM"), "o may ask m again at once: cleared TPM; RPM. If the limit still holds, the next refusal benches it again."),
    ],
)  # fmt: skip
def test_a_bench_is_cleared_where_there_is_one(
    cleared: tuple[str, ...], said: str, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers are told only then."""
    engine = fake(tell_workers_of_keys=0)
    assert keys._unbench(words(organization="o"), engine, Fake(clear_bench=cleared), "m") == 0  # type: ignore[arg-type]
    assert out_of(capsys) == [said]
    assert bool(engine.told("tell_workers_of_keys")) is bool(cleared)


def test_the_own_plan_is_stated_without_limits(fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]) -> None:
    """For every model at that server."""
    store = Fake()
    store.server = "http://gpu:1"
    line = words(organization="o", plan="own", rpm=None, rpd=None, tpm=None, tpd=None)
    assert keys._limits(line, fake(tell_workers_of_keys=2), store, "m") == 0  # type: ignore[arg-type]
    assert store.calls == [("set_own", "o")]
    assert out_of(capsys) == [
        "o at gpu:1: no limits, for every model. 2 workers told. It is asked with as many calls at once as it answers well. What replies say wins over it."
    ]


@pytest.mark.parametrize(
    ("given", "tried", "code"),
    [
        ({}, ["a", "b"], 1), ({"alias": "a"}, ["a"], 0), ({"alias": "b"}, ["b"], 1), ({"alias": "z"}, "No key of api.groq.com is called 'z': `labeltui keys list` shows them.", 0),
        ({"base_url": "http://x"}, ["c"], 0),
    ],
)  # fmt: skip
def test_keys_are_tried_one_by_one(
    given: dict[str, Any], tried: Any, code: int, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Each at its own server, or all of one at that; one that does not work makes the command fail."""
    of_all = (secret("a"), secret("b", "gsk_bad_key"))
    store = Fake(all_secrets=of_all, secrets=(secret("c"),), why_none="there is no key")
    store.server = "https://api.groq.com"
    engine = fake(
        try_secret=lambda _run, value, *_, **__: SimpleNamespace(works="bad" not in value, sentence="answers")
    )
    line = words(**{"alias": None, "base_url": None, "model": "m", **given})
    if isinstance(tried, str):
        with pytest.raises(KeysError, match=tried.replace(".", r"\.")):
            keys._test(line, engine, store)  # type: ignore[arg-type]
        store.answers["all_secrets"] = ()
        with pytest.raises(KeysError, match=r"^There is no key$"):
            keys._test(words(alias=None, base_url=None), engine, store)  # type: ignore[arg-type]
        return
    assert keys._test(line, engine, store) == code  # type: ignore[arg-type]
    assert [each.split()[0] for each in out_of(capsys)] == tried
    server = given.get("base_url") or "https://api.groq.com"
    assert {each[3:] for each in [(*call[:4], str(call[4])) for call in engine.told("try_secret")]} == {(server, "{'model': 'm'}")}  # fmt: skip


def test_keys_are_listed_for_each_model_in_use(fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]) -> None:
    """Or for the one that is meant; as one object too."""
    store = Fake(
        models=("m", "n"),
        statuses=(key("main", "org"),),
        windows=(window("org", Dimension.TPM, 10, 5),),
        own=frozenset({"org"}),
    )
    assert keys._list(words(run=None), store, None, NOW) == 0  # type: ignore[arg-type]
    said = out_of(capsys)
    assert [line for line in said if line.startswith("with ")] == ["with m:", "with n:"]
    assert said[1] == "org  (own plan: no limits)"
    assert [call for call in store.calls if call[0] == "statuses"] == [
        ("statuses", each, NOW, {"elsewhere": True}) for each in "mn"
    ]
    keys._list(words(), store, "m", NOW)  # type: ignore[arg-type]
    assert out_of(capsys)[0] == "with m:"
    assert store.told("statuses")[-1] == ("statuses", "m", NOW, {"elsewhere": False})
    keys._list(words(run=None, json=True), store, None, NOW)  # type: ignore[arg-type]
    told = json.loads(capsys.readouterr().out)
    assert (told["model"], told["keys"][0]["alias"], [each["model"] for each in told["others"]]) == ("m", "main", ["n"])
    store.answers.update(models=(), statuses=())
    keys._list(words(run=None), store, None, NOW)  # type: ignore[arg-type]
    assert out_of(capsys)[0].startswith("There is no key. `labeltui keys add` takes one;")
    store.answers.update(statuses=(key("main", "org"),))
    keys._list(words(run=None), store, None, NOW)  # type: ignore[arg-type]
    assert out_of(capsys)[0].startswith("org")  # fmt: skip


def test_a_key_without_a_past_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    """Only where it neither spent nor failed."""
    store = Fake(history=SimpleNamespace(spent=(), troubles=()))
    keys._history(words(alias="a"), None, store)  # type: ignore[arg-type]
    assert out_of(capsys) == ["a has made no call yet."]


# -- quality --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"dry_run": True}, "--json goes with --export and --import, --dry-run with --import"), ({"json": True}, "the review is for people"),
        ({"dry_run": True, "export": Path("a")}, "--dry-run goes with --import: --export only writes a new file"),
    ],
)  # fmt: skip
def test_a_review_by_people_is_neither_json_nor_dry(
    given: dict[str, Any], said: str, fake: Callable[..., Fake]
) -> None:
    """Batches in files are."""
    fake()
    with pytest.raises(UsageError, match=said):
        quality.review(words(**{"annotator": "a", "size": None, "export": None, "import_file": None, **given}))


def test_batches_go_out_and_come_back(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the usual size for the operator, unless another is named."""
    engine = fake(export_batch=1, operator="me", send=AT_ONCE, read_batch=(catalog.Pause(), 1))
    line = {"annotator": None, "size": None, "export": None, "import_file": None}
    assert quality.review(words(**{**line, "export": Path("a.csv"), "json": True})) == 0
    assert engine.told("export_batch") == [("export_batch", PATH, Path("a.csv"), {"annotator": "me", "size": BATCH})]
    assert out_of(capsys) == [
        "1 item due for me written to a.csv. Fill in the column label (? for cannot tell), then: labeltui review mail --annotator me --import a.csv"
    ]
    assert quality.review(words(**{**line, "import_file": Path("a.csv"), "annotator": "b"})) == 0
    assert out_of(capsys) == ["1 row has no label yet and wait.", "mail is done."]
    assert engine.told("send") == [("send", PATH, catalog.Pause())]
    engine.answers["read_batch"] = (catalog.Pause(), 0)
    quality.review(words(**{**line, "import_file": Path("a.csv")}))
    assert out_of(capsys) == ["mail is done."]
    engine.answers["read_batch"] = (None, 3)
    assert quality.review(words(**{**line, "import_file": Path("a.csv")})) == 0
    assert out_of(capsys) == ["No row of a.csv has a label: nothing was recorded."]
    opened_with: list[Any] = []
    monkeypatch.setattr("tui.commands.console.console", lambda path, **given: (opened_with.append((path, given)), 0)[1])
    quality.review(words(**line))
    quality.review(words(**{**line, "size": 7}))
    usual = {"settings": "of the run", "read_only": False}
    assert opened_with == [(PATH, {**usual, "review": ("me", BATCH)}), (PATH, {**usual, "review": ("me", 7)})]


def gold(**given: Any) -> Any:
    """Labels from elsewhere."""
    usual = {"labels": {1: "1"}, "rows": 1, "empty": 0, "unknown_ids": (), "conflicts": (), "unknown_labels": {}}
    return SimpleNamespace(**{**usual, "commands": lambda: [catalog.Pause()], **given})


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, ["1 row, 1 label fits items of mail.", "mail is done."]),
        ({"labels": {1: "1", 2: "1"}, "rows": 9, "empty": 2, "unknown_ids": tuple("abcdef"), "conflicts": ("x",), "unknown_labels": {"z": 1_000}},
         ["9 rows, 2 labels fit items of mail.", "2 rows have no label.", "6 unknown ids: a, b, c, d, e, …", "1 conflict, which does not count: x",
          "1,000 with the label 'z', which this task does not have", "mail is done."]),
        ({"unknown_ids": tuple("abcde"), "conflicts": ("x", "y"), "empty": 1}, ["1 row, 1 label fits items of mail.", "1 row has no label.", "5 unknown ids: a, b, c, d, e", "2 conflicts, none of which counts: x, y", "mail is done."]),
    ],
)  # fmt: skip
def test_labels_from_elsewhere_say_what_did_not_fit(
    given: dict[str, Any], said: list[str], fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted and named; where none fits that is an error."""
    engine = fake(send=AT_ONCE, read_gold=gold(**given))
    assert quality.gold(words(file=Path("g.csv"), column="c")) == 0
    assert out_of(capsys) == said
    engine.answers["read_gold"] = gold(labels={}, commands=list)
    with pytest.raises(UsageError, match=r"No label of g\.csv fits mail: nothing was added"):
        quality.gold(words(file=Path("g.csv"), column="c"))


@pytest.mark.parametrize(
    ("given", "other"),
    [({"versions": True, "other": None}, None), ({"versions": False, "other": "b"}, PATH), ({"versions": True, "other": "b"}, UsageError), ({"versions": False, "other": None}, UsageError)],
)  # fmt: skip
def test_a_comparison_is_of_two_runs_or_of_two_versions(
    given: dict[str, Any], other: Any, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Not of both, nor of neither."""
    engine = fake(compare=SimpleNamespace(as_json=lambda: {"a": 1}))
    monkeypatch.setattr(quality, "compared_lines", lambda _: ["one", "two"])
    if other is UsageError:
        with pytest.raises(UsageError, match="Name a second run, or say --versions"):
            quality.compare(words(**given))
        return
    assert quality.compare(words(**given, json=True)) == 0
    assert capsys.readouterr().out == '{"a": 1}\n'
    assert quality.compare(words(**given)) == 0
    assert out_of(capsys) == ["one", "two"]
    assert engine.told("compare") == [("compare", PATH, other)] * 2


def test_doubtful_items_are_told_with_their_reasons(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """As many as were asked for, beside another run where one is named."""
    rows = {number: SimpleNamespace(id=number, source_id=f"m{number}", label="1") for number in range(5)}
    cases = SimpleNamespace(in_turns=(3, 1, 2), why=lambda number: f"why {number}")
    engine = fake(
        quality=SimpleNamespace(audit=SimpleNamespace(run="mail")), next_generation=("found", ("s",)), edge_cases=cases,
        view=lambda _: opened(rows=lambda numbers: [rows[number] for number in numbers]),
    )  # fmt: skip
    line = {"goal": None, "top_up": False, "doubtful": 2, "beside": None}
    assert quality.quality(words(**line)) == 0
    assert out_of(capsys) == ["m3: 1; why 3", "m1: 1; why 1"]
    assert quality.quality(words(**{**line, "beside": "b", "json": True})) == 0
    assert json.loads(capsys.readouterr().out) == {
        "run": "mail", "doubtful": [{"id": "m3", "label": "1", "why": "why 3"}, {"id": "m1", "label": "1", "why": "why 1"}],
    }  # fmt: skip
    assert [call[3:] for call in engine.told("edge_cases")] == [(("s",), None), (("s",), PATH)]
    engine.answers.update(next_generation=None, edge_cases=SimpleNamespace(in_turns=(), why=None))
    quality.quality(words(**line))
    assert out_of(capsys) == ["Nothing casts doubt on a label yet."]
    assert engine.told("edge_cases")[-1][3:] == ((), None)


def test_a_sample_grows_and_figures_are_printed(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the rule behind mistakes where there is one."""
    audit = SimpleNamespace(run="mail", names={"1": "work"})
    engine = fake(
        send=AT_ONCE, quality=SimpleNamespace(audit=audit, as_json=lambda: {"x": 1}), rule_behind_mistakes=None
    )
    line = {"goal": None, "top_up": False, "doubtful": None, "beside": None}
    quality.quality(words(**{**line, "goal": 50}))
    quality.quality(words(**{**line, "top_up": True}))
    assert engine.told("send") == [("send", PATH, GrowSample(50)), ("send", PATH, GrowSample(None, top_up=True))]
    monkeypatch.setattr(quality, "lines", lambda _: ["one"])
    monkeypatch.setattr(quality, "rule_words", lambda rule, names: [f"{rule} {names}"])
    capsys.readouterr()
    quality.quality(words(**{**line, "json": True}))
    assert out_of(capsys) == ['{"x": 1}']
    quality.quality(words(**line))
    assert out_of(capsys) == ["one"]
    engine.answers["rule_behind_mistakes"] = "rule"
    quality.quality(words(**line))
    assert out_of(capsys) == ["one", "mistakes: rule {'1': 'work'}"]


@pytest.mark.parametrize(
    ("examples", "said"), [(True, "Texts of items are part of it."), (False, "It holds no text of an item.")]
)
def test_a_report_says_whether_texts_are_in_it(
    examples: bool, said: str, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:  # fmt: skip
    """And where it was written."""
    engine = fake()
    assert quality.report(words(file=Path("r.html"), examples=examples)) == 0
    assert out_of(capsys) == [f"The report of mail was written to r.html. {said}"]
    assert engine.told("write_report") == [("write_report", PATH, Path("r.html"), {"examples": examples})]


# -- work and watch -------------------------------------------------------------------------------------------------------

LINE = {"concurrency": None, "ray": None, "places": None, "width": None, "trust_network": False}


@pytest.mark.parametrize(
    ("codes", "pending", "worked", "code"),
    [
        ([0], [0], 1, 0), ([3], [5], 1, 3), ([0, 0, 0], [1, 1, 1], 3, 0), ([3, 0, 0], [1, 1, 1], 3, 3), ([0, 6], [1, 1, 1], 2, 6), ([0], [0, 1, 0], 1, 0), ([], [0, 0], 0, 0),
    ],
)  # fmt: skip
def test_parts_are_worked_on_one_after_another(
    codes: list[int], pending: list[int], worked: int, code: int, fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Those that have anything pending, until one is not done; failed texts are told by the code."""
    parts = [Path(f"/runs/{at}.db") for at in range(len(pending))]
    left = dict(zip(parts, pending, strict=True))
    engine = fake(series=parts, snapshot=lambda path: replace(SHOT, pending=left[path]))
    ended = iter(codes)
    done: list[Any] = []
    monkeypatch.setattr(
        working, "_work", lambda _engine, path, places, *, quiet: (done.append((path, places, quiet)), next(ended))[1]
    )
    told: list[Any] = []
    monkeypatch.setattr(working, "print_status", lambda *given: told.append(("json", *given[1:])))
    monkeypatch.setattr(working, "say_status", lambda *given: told.append(("lines", *given[1:])))
    assert working.work(words(**{**LINE, "json": True})) == code
    assert len(done) == worked
    assert all(each[1:] == (None, True) for each in done)
    turn = parts[0] if len(parts) == 1 else PATH
    assert told == [("json", turn, "mail", parts)]
    assert bool(engine.told("find")) is (len(parts) > 1)  # fmt: skip


@pytest.mark.parametrize(
    ("as_json", "existed", "said"),
    [
        (False, False, ["A simulated run on invented emails; nothing leaves here."]), (False, True, ["A simulated run on invented emails, going on with the last one; nothing leaves here."]),
        (True, True, []),
    ],
)  # fmt: skip
@pytest.mark.parametrize("busy", [False, True])
def test_a_demo_without_a_terminal_works_or_follows(
    as_json: bool, existed: bool, said: list[str], busy: bool, fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """Where another worker has it, its progress is followed."""
    engine = fake(prepare_demo=(PATH, existed))
    told: list[Any] = []

    def work(_engine: Any, path: Path, *, quiet: bool) -> int:
        told.append(("work", path, quiet))
        if busy:
            raise RunBusyError("busy")
        return 3

    monkeypatch.setattr(working, "_work", work)
    monkeypatch.setattr(
        working, "_follow", lambda _engine, path, *, quiet: (told.append(("follow", path, quiet)), 6)[1]
    )
    monkeypatch.setattr(working, "print_status", lambda _, path: told.append(("json", path)))
    monkeypatch.setattr(working, "say_status", lambda _, path: told.append(("lines", path)))
    monkeypatch.setattr(working, "has_terminal", lambda: as_json)
    assert working.demo(words(emails=7, fresh=True, json=as_json)) == (6 if busy else 3)
    follow = [("follow", PATH, as_json)] if busy else []
    assert told == [("work", PATH, as_json), *follow, ("json" if as_json else "lines", PATH)]
    assert out_of(capsys) == said
    assert engine.told("prepare_demo") == [("prepare_demo", 7, {"fresh": True})]
    with pytest.raises(UsageError, match="--read-only rules out"):
        working.demo(words(read_only=True))  # fmt: skip


def test_a_watched_run_says_a_line_for_each_change(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until no worker has it; then its state is the exit code."""
    ended = replace(SHOT, worker=replace(SHOT.worker, alive=False), state=RunState.DONE, failed=2)
    shots = iter([SHOT, SHOT, replace(SHOT, labeled=SHOT.labeled + 1), ended])
    slept: list[float] = []
    monkeypatch.setattr(watch.time, "sleep", slept.append)
    monkeypatch.setattr(watch.words, "progress_line", lambda shot: f"{shot.labeled} {shot.state.value}")
    fake(view=lambda _: opened(snapshot=lambda _: next(shots)))
    assert watch.watch(words(every=None)) == exits.EMAILS_FAILED
    assert out_of(capsys) == ["19 running", "20 running", "19 done"]
    assert slept == [1.0, 1.0, 1.0]
    shots, slept[:] = iter([SHOT, ended]), []
    told: list[Any] = []
    monkeypatch.setattr(watch.words, "print_status", lambda _, path: told.append(path))
    assert watch.watch(words(every=0.5, json=True)) == exits.EMAILS_FAILED
    assert (told, slept) == ([PATH], [0.5])


def test_the_worker_of_another_process_is_followed(fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    """Twice a second, with its progress unless it is to be quiet."""
    ended = replace(SHOT, worker=replace(SHOT.worker, alive=False), state=RunState.DONE, failed=0)
    slept: list[float] = []
    shown: list[int] = []
    monkeypatch.setattr(working.time, "sleep", slept.append)
    monkeypatch.setattr(working, "_progress", lambda _: lambda: shown.append(1))
    for quiet, times in ((False, 2), (True, 0)):
        shots = iter([SHOT, SHOT, ended])
        engine = fake(view=lambda _, shots=shots: opened(snapshot=lambda _: next(shots)), work=4)
        assert working._follow(engine, PATH, quiet=quiet) == exits.DONE  # type: ignore[arg-type]
        assert (len(shown), slept) == (times, [0.5, 0.5])
        shown.clear()
        slept.clear()
        assert working._work(engine, PATH, None, quiet=quiet) == 4  # type: ignore[arg-type]
        engine.told("work")[0][2]()
        assert len(shown) == (0 if quiet else 1)
        shown.clear()


# -- task -----------------------------------------------------------------------------------------------------------------


def test_a_task_is_activated_asked_again_or_shown(fake: Callable[..., Fake], monkeypatch: pytest.MonkeyPatch) -> None:
    """One of these; a dry run changes nothing of what changes nothing anyway."""
    engine = fake(send=AT_ONCE)
    monkeypatch.setattr(task, "load_task", lambda path: replace(TASK, name=str(path)))
    line = {
        "set": None,
        "ask_again": None,
        "trial": None,
        "write": None,
        "messages": None,
        "sample": 7,
        "action": "show",
    }
    task.answer(words(**{**line, "set": Path("a")}))
    task.task(words(**{**line, "ask_again": True}))
    task.task(words(**{**line, "ask_again": "1"}))
    assert engine.told("send") == [
        ("send", PATH, catalog.ActivateTask(replace(TASK, name="a"))), ("send", PATH, catalog.Relabel(None)), ("send", PATH, catalog.Relabel("1")),
    ]  # fmt: skip
    for name in ("trial", "write"):
        with pytest.raises(UsageError, match="--dry-run goes with --set and --ask-again"):
            task.task(words(**{**line, name: Path("a"), "dry_run": True}))
    seen: list[Any] = []
    monkeypatch.setattr(task, "_try", lambda *given: (seen.append(("try", *given[2:])), 0)[1])
    monkeypatch.setattr(task, "_show_file", lambda path, *, as_json: (seen.append(("file", path, as_json)), 0)[1])
    task.task(words(**{**line, "trial": Path("a")}))
    task.answer(words(**{**line, "run": "a.toml", "json": True}))
    task.answer(words(action="check", file=Path("b")))
    assert seen == [("try", replace(TASK, name="a"), 7), ("file", Path("a.toml"), True), ("file", Path("b"), False)]


def test_the_active_task_is_written_to_a_new_file(
    fake: Callable[..., Fake], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For its owner alone; nothing is overwritten."""
    engine: Any = fake(view=lambda _: opened(task=lambda: TASK), toml_of=lambda _: "text")
    target = tmp_path / "t.toml"
    assert task._write(engine, PATH, target) == 0
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("text", 0o600)
    assert out_of(capsys) == [
        f"The active task of mail ({TASK.version[:8]}) is in {target}: edit it, then", f"`labeltui task mail --set {target}` makes a new version of it.",
    ]  # fmt: skip
    with pytest.raises(UsageError, match=r"is there already\. Name another file"):
        task._write(engine, PATH, target)
    with pytest.raises(UsageError, match="cannot be written: Not a directory"):
        task._write(engine, PATH, target / "x")


def test_messages_about_a_text_are_printed_with_their_lengths(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The question again where answers were unusable."""
    said = (SimpleNamespace(role="system", content="s" * 1_200), SimpleNamespace(role="user", content="u"))
    monkeypatch.setattr(task, "first_question", lambda *_: said)
    monkeypatch.setattr(task, "question_again", lambda *_: ((*said, said[1]), None))
    engine: Any = fake(view=lambda _: opened(task=lambda: TASK, record=lambda _: "record", find=lambda _: 9))
    for bad, count in (((), 2), (("x",), 3)):
        monkeypatch.setattr(task, "bad_answers", lambda *_, bad=bad: bad)
        assert task._messages(engine, PATH, "x", as_json=False) == 0
        lines = out_of(capsys)
        assert lines[:4] == ["── system · 1,200 characters", "s" * 1_200, "── user · 1 characters", "u"]
        assert len(lines) == 2 * count
        task._messages(engine, PATH, "x", as_json=True)
        told = json.loads(capsys.readouterr().out)["messages"]
        assert (len(told), told[1]) == (count, {"role": "user", "content": "u"})


def test_a_task_file_is_made_or_shown(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """A dash or a dry run prints it; its question is estimated at four characters a token."""
    engine = fake(write_task=Path("t.toml"))
    line = {"template": "binary", "item": "review", "label": ["a: x", "b: y"], "file": Path("t.toml"), "action": "init"}
    assert task.answer(words(**line)) == 0
    assert out_of(capsys) == [
        "t.toml: the template binary for one review, with the labels a, b.",
        "Edit it, then `labeltui task check t.toml`, and `labeltui new SOURCE --task t.toml`.",
    ]
    assert len(engine.told("write_task")) == 1
    for more in ({"file": Path("-")}, {"dry_run": True}):
        task.answer(words(**{**line, **more}))
        text = capsys.readouterr().out
        assert text.startswith("# A task of labeltui.")
    assert len(engine.told("write_task")) == 1
    (tmp_path / "t.toml").write_text(text)
    assert task._show_file(tmp_path / "t.toml", as_json=True) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["task"]["item"], sorted(told)) == ("review", ["prompt_tokens", "task", "version"])
    task._show_file(tmp_path / "t.toml", as_json=False)
    lines = out_of(capsys)
    assert lines[0] == f"{tmp_path / 't.toml'}: a valid task"
    assert lines[-1] == f"Each question takes about {told['prompt_tokens']} tokens beside the review."


@pytest.mark.parametrize(
    ("a_terminal", "in_a_browser", "tour", "review", "told"),
    [
        (False, False, "1", None, "2"),
        (True, False, "1", None, "tour=True hangs up 0 left"),
        (True, False, "0", None, "tour=False hangs up 0 left"),
        (True, False, "1", ("ada", 5), "tour=False hangs up 0 left"),
        (False, True, "1", None, "tour=True 0"),
    ],
)
def test_a_console_is_opened_in_a_terminal_or_a_browser(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    settings: Settings,
    a_terminal: bool,
    in_a_browser: bool,
    tour: str,
    review: tuple[str, int] | None,
    told: str,
) -> None:
    """It ends with its terminal, and says what it leaves there; garbage is collected again afterwards."""
    said: list[str] = []

    class App:
        leave_message, return_code = "left", None

        def __init__(self, _: Settings, *, tour: bool, **given: Any) -> None:
            assert (given["run"], given["read_only"], given["review"]) == (Path("r.db"), True, review)
            said.append(f"tour={tour}")

        def run(self) -> None:
            assert not gc.isenabled()

    monkeypatch.setattr("tui.app.LabeltuiApp", App)
    monkeypatch.setattr(console, "terminal", lambda *_: SimpleNamespace(browser=in_a_browser))
    monkeypatch.setattr(console, "has_terminal", lambda: a_terminal)
    monkeypatch.setattr(
        console, "signal", SimpleNamespace(SIGHUP=1, SIG_DFL=0, signal=lambda *_: said.append("hangs up"))
    )
    monkeypatch.setenv("LABELTUI_TOUR", tour)
    code = console.console(Path("r.db"), settings=settings, read_only=True, review=review)
    out = capsys.readouterr()
    assert " ".join([*said, str(code), *out.out.split()]) == told
    assert ("the console needs a terminal" in out.err) is (told == "2")
    assert gc.isenabled()
