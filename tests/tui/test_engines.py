"""The engine in memory of the console's tests keeps the contract of the real one: each test runs on both."""

from __future__ import annotations

import inspect
import time
from array import array
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.commands.catalog import Label, Note, Retry, Skip, Undo
from core.engine import Engine, KeyView, Order, parse
from core.model import EmailState, KeyState
from core.settings import Settings
from core.storage.file.lock import RunLock
from core.storage.reading.reader import RunReader
from core.storage.reading.search import Search
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tests.tui import fake_engine
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import FakeRun, email

OWN = {
    "FakeEngine": {"handle"},  # by a worker that lives in memory
}
PAIRS = ((FakeEngine, Engine), (fake_engine.FakeView, RunReader), (fake_engine.FakeSearch, Search),
         (fake_engine.FakeKeys, KeyView))  # fmt: skip


def parameters(method: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    """The parameters of a method by name, without annotations."""
    found = inspect.signature(method).parameters.values()
    return {each.name: each.replace(annotation=inspect.Parameter.empty) for each in found if each.name != "self"}


@pytest.mark.parametrize(("fake", "real"), PAIRS, ids=[fake.__name__ for fake, _ in PAIRS])
def test_every_method_in_memory_is_one_of_the_engine_with_its_parameters(fake: type, real: type) -> None:
    """What a screen asks of the one can be asked of the other in the same words."""
    for name, method in vars(fake).items():
        if name.startswith("_") or not callable(method) or name in OWN.get(fake.__name__, ()):
            continue
        assert hasattr(real, name), name
        mine, theirs = parameters(method), parameters(getattr(real, name))
        assert mine.keys() <= theirs.keys(), name
        assert all(mine[each].kind == theirs[each].kind for each in mine), name
        assert [each for each in theirs.values() if each.name not in mine and each.default is each.empty] == [], name


@pytest.fixture(params=["real", "in memory"])
def world(request: pytest.FixtureRequest, settings: Settings, make_run: MakeRun) -> tuple[Any, Path]:
    """Either engine, and a run of four emails that nobody labeled."""
    if request.param == "real":
        settings.runs_dir.mkdir(parents=True)
        made = make_run(["one", "two", "three", "four"])
        path = made.rename(settings.runs_dir / made.name)
        return Engine(settings), path
    emails = [replace(email(n), position=n - 1, subject=f"s{n}") for n in range(1, 5)]
    run = FakeRun(name="small", path=settings.runs_dir / "small.db", emails=emails, order="source")
    return FakeEngine(settings, run), run.path


def states(engine: Any, path: Path) -> list[tuple[str, str | None, str | None]]:
    """State, label and its source of each email, as the list shows them."""
    view = engine.view(path)
    try:
        return [(row.state.value, row.label, row.label_source) for row in view.emails(state=None, offset=0, limit=10)]
    finally:
        view.close()


def fail(engine: Any, path: Path, causes: dict[int, str]) -> None:
    """Let the model fail on these emails."""
    if isinstance(engine, FakeEngine):
        engine.run.emails = [
            replace(row, state=EmailState.FAILED, failure=causes[row.id]) if row.id in causes else row
            for row in engine.run.emails
        ]
        return
    with RunLock(path) as lock, Store.open(path, lock) as store:
        for email_id, cause in causes.items():
            store.fail(email_id, cause, reasks=2, now=NOW)


PENDING = ("pending", None, None)
FAILED = ("failed", None, None)


def test_a_run_is_listed_opened_counted_and_paged(world: tuple[Any, Path]) -> None:
    """Pages are in work order; a state leaves the others out."""
    engine, path = world
    (listed,) = engine.runs(time.time())
    assert (listed.name, Path(listed.path), listed.total, listed.settled, listed.archived) == (
        "small",
        path,
        4,
        0,
        False,
    )
    view = engine.view(path)
    assert [row.subject for row in view.emails(state="pending", offset=1, limit=2)] == ["s2", "s3"]
    assert [row.id for row in view.rows([3, 1])] == [3, 1]
    assert (view.count(), view.count("pending"), view.count("failed"), view.count("human")) == (4, 4, 0, 0)
    assert view.failures() == []
    record = view.record(2)
    assert (record.row.id, record.labels, record.attempts, record.notes) == (2, (), (), ())
    view.close()


def test_a_label_by_a_person_leaves_a_pending_email_to_the_model_and_is_undone(world: tuple[Any, Path]) -> None:
    """It is done at once where no worker lives, counts among people's labels alone, and undo gives back what was."""
    engine, path = world
    sent = engine.send(path, Label((2, 3), "0"))
    assert sent.at_once
    assert sent.changed
    assert sent.sentence.endswith(".")
    assert states(engine, path) == [PENDING, ("pending", "0", "human"), ("pending", "0", "human"), PENDING]
    view = engine.view(path)
    snapshot = view.snapshot(time.time())
    assert (snapshot.total, snapshot.labeled, snapshot.pending, snapshot.labels) == (4, 0, 4, {"1": 0, "0": 0})
    assert view.count("human") == 2
    change = view.last_change(engine.operator())
    assert (change.kind, change.count) == ("label", 2)
    assert [each.value for each in view.record(2).labels] == ["0"]
    view.close()
    assert engine.send(path, Undo()).at_once
    assert states(engine, path) == [PENDING] * 4


def test_skips_and_notes_leave_labels_alone_and_are_undone_in_turn(world: tuple[Any, Path]) -> None:
    """The newest change is undone first; what was skipped can be put back."""
    engine, path = world
    assert engine.send(path, Skip((1,))).at_once
    engine.send(path, Note((2,), "look again"))
    assert states(engine, path) == [("skipped", None, None), PENDING, PENDING, PENDING]
    view = engine.view(path)
    assert [note.text for note in view.record(2).notes] == ["look again"]
    view.close()
    engine.send(path, Undo())
    view = engine.view(path)
    assert view.record(2).notes == ()
    assert view.last_change(engine.operator()).kind == "skip"
    view.close()
    engine.send(path, Skip((1,), back=True))
    assert states(engine, path) == [PENDING] * 4


def test_of_two_notes_undo_takes_the_newer_one(world: tuple[Any, Path]) -> None:
    """The older one stays, and notes on other emails do."""
    engine, path = world
    for email_ids, text in (((1, 2), "first"), ((2,), "second")):
        engine.send(path, Note(email_ids, text))

    def notes(email_id: int) -> list[str]:
        view = engine.view(path)
        found = [note.text for note in view.record(email_id).notes]
        view.close()
        return found

    assert (notes(1), notes(2)) == (["first"], ["first", "second"])
    engine.send(path, Undo())
    assert (notes(1), notes(2)) == (["first"], ["first"])


def test_failures_are_counted_by_cause_and_requeued(world: tuple[Any, Path]) -> None:
    """The most frequent cause comes first; some or all are asked about again, and nothing else changes."""
    engine, path = world
    fail(engine, path, {1: "too large", 2: "no label", 4: "no label"})
    view = engine.view(path)
    assert view.failures() == [("no label", 2), ("too large", 1)]
    snapshot = view.snapshot(time.time())
    assert (view.count("failed"), snapshot.failed, snapshot.pending) == (3, 3, 1)
    assert [row.failure for row in view.emails(state="failed", offset=0, limit=9)] == [
        "too large",
        "no label",
        "no label",
    ]
    view.close()
    assert engine.send(path, Retry((2,))).at_once
    assert states(engine, path) == [FAILED, PENDING, PENDING, FAILED]
    engine.send(path, Retry(None))
    assert states(engine, path) == [PENDING] * 4


def test_emails_are_found_sorted_and_left_out(world: tuple[Any, Path]) -> None:
    """Steps go on until one says that it is the last; ids are in the order that was asked for."""
    engine, path = world
    engine.send(path, Label((2,), "1"))

    def found(text: str, order: Order) -> list[int]:
        search = engine.search(path, lambda: False)
        search.begin(parse(text), order)
        ids = array("I")
        for _ in range(10):
            step = search.step()
            ids.extend(step.ids)
            if step.finished:
                break
        assert step.finished
        search.close()
        return list(ids)

    work, back = Order("place"), Order("subject", descending=True)
    assert found("", work) == [1, 2, 3, 4]
    assert found("", back) == [4, 3, 2, 1]
    assert found("state:labeled", work) == []
    assert found("!source:human", back) == [4, 3, 1]
    assert found("source:human label:1", work) == [2]


def test_keys_are_added_switched_pinned_grouped_and_removed(world: tuple[Any, Path]) -> None:
    """A view that was open before sees each change."""
    engine, _ = world
    keys = engine.keys(None)
    before = {each.alias for each in keys.statuses("m", time.time())}
    secret = "gsk_0123456789abcdefghijABCDEFGHIJ0123456789abcdefghij"
    assert engine.add_key(None, secret, "night", "org_z") == "night"

    def now() -> Any:
        (found,) = [each for each in keys.statuses("m", time.time()) if each.alias == "night"]
        return found

    assert (now().organization, now().state, now().pinned) == ("org_z", KeyState.READY, False)
    engine.set_enabled(None, "night", enabled=False)
    assert now().state is KeyState.DISABLED
    engine.set_enabled(None, "night", enabled=True)
    engine.pin_key(None, "night")
    engine.regroup_key(None, "night", "org_y")
    assert (now().state, now().pinned, now().organization) == (KeyState.READY, True, "org_y")
    engine.pin_key(None, None)
    assert not now().pinned
    engine.remove_key(None, "night")
    assert {each.alias for each in keys.statuses("m", time.time())} == before
    keys.close()


def test_a_draft_is_written_read_and_discarded(world: tuple[Any, Path]) -> None:
    """The text that was saved is the text that is found."""
    engine, path = world
    assert engine.draft(path) is None
    view = engine.view(path)
    text = engine.text_of(view.snapshot(time.time()).run.task)
    view.close()
    assert engine.save_draft(path, text).task is not None
    assert engine.draft(path).text == text
    engine.discard_draft(path)
    assert engine.draft(path) is None
