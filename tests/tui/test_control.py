"""The commands that change a run, on an engine that keeps what it is asked: what is sent, what is said, and the exit code."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands import catalog
from core.errors import UnknownNameError, UsageError
from core.model import Budget, LaneChoice, LaneSpent, PlacesWanted, exits
from tests.tui.fakes import NOW, running
from tui.commands import control

PATH = Path("/runs/mail.db")


class Engine:
    """An engine that answers each command with what a test wants."""

    def __init__(self) -> None:
        self.sent: list[Any] = []
        self.answers: list[Any] = []
        self.at_once, self.worker = True, True
        self.waited: list[float] = []
        self.state = running(40, 20).snapshot(NOW)

    def find(self, name: str) -> Path:
        assert name == "mail"
        return PATH

    def _sent(self, what: Any) -> Any:
        self.sent.append(what)
        return SimpleNamespace(sentence=f"sent {len(self.sent)}", at_once=self.at_once, command=what)

    def send(self, path: Path, command: Any) -> Any:
        assert path == PATH
        return self._sent(command)

    def start(self, path: Path, only: int | None, places: PlacesWanted | None) -> Any:
        return self._sent(("start", only, places))

    def kill(self, path: Path) -> Any:
        return self._sent("kill")

    def dry_run_of(self, path: Path, commands: Any) -> list[str]:
        return [f"would {type(command).__name__}" for command in commands]

    def await_answer(self, path: Path, requested: Any, *, timeout_s: float) -> Any:
        self.waited.append(timeout_s)
        return self.answers.pop(0)

    def has_worker(self, path: Path) -> bool:
        return self.worker

    def snapshot(self, path: Path) -> Any:
        return self.state

    @contextmanager
    def view(self, path: Path) -> Iterator[Any]:
        yield SimpleNamespace(find={"a": 7}.get)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Engine:
    made = Engine()
    monkeypatch.setattr(control, "engine_of", lambda _: made)
    return made


def given(**words: Any) -> argparse.Namespace:
    usual = {"run": "mail", "dry_run": False, "ray": None, "places": None, "width": None, "trust_network": False}
    usual |= {"concurrency": None, "only": None, "no_wait": False}
    return argparse.Namespace(**{**usual, **words})


def answered(result: str, *, refused: bool = False, after_s: float | None = 0.4) -> Any:
    at = None if after_s is None else 100.0 + after_s
    return SimpleNamespace(result=result, refused=refused, requested_at=100.0, acknowledged_at=at)


@pytest.mark.parametrize(
    ("words", "places"),
    [
        ({}, None),
        ({"ray": ""}, PlacesWanted("")),
        ({"ray": "ray://head:10001", "places": 3}, PlacesWanted("head:10001", 3, PlacesWanted().width)),
        ({"ray": "head", "width": 7, "trust_network": True}, PlacesWanted("head", PlacesWanted().places, 7, True)),
    ],
)
def test_places_are_made_where_ray_is_named(words: dict[str, Any], places: PlacesWanted | None) -> None:
    """As many and as wide as usual where nothing else is said."""
    assert control.places_of(given(**words)) == places


@pytest.mark.parametrize("words", [{"places": 2}, {"width": 2}, {"trust_network": True}, {"places": 0}])
def test_places_without_ray_are_refused(words: dict[str, Any]) -> None:
    """Each of the three words that describe them."""
    with pytest.raises(UsageError, match="describe places of Ray"):
        control.places_of(given(**words))


@pytest.mark.parametrize(
    ("concurrency", "sent"), [(None, []), (8, [catalog.SetConcurrency(8)]), (0, [catalog.SetConcurrency(None)])]
)
def test_a_start_sets_the_calls_at_once_first(engine: Engine, concurrency: int | None, sent: list[Any]) -> None:
    """0 leaves the number to be found; where that is refused nothing is started."""
    assert control.start(given(concurrency=concurrency, only=5)) == exits.DONE
    assert engine.sent == [*sent, ("start", 5, None)]
    if sent:
        engine.sent.clear()
        engine.at_once, engine.answers = False, [answered("refused: no", refused=True)]
        assert control.start(given(concurrency=concurrency)) == exits.FAILED
        assert engine.sent == sent


@pytest.mark.parametrize(
    ("answers", "code", "said", "complained"),
    [
        ([answered("paused")], exits.DONE, ["sent 1", "acknowledged after 0.4 s: paused"], ""),
        ([answered("paused", after_s=None)], exits.DONE, ["sent 1", "acknowledged after 0.0 s: paused"], ""),
        (
            [answered("refused: no", refused=True)],
            exits.FAILED,
            ["sent 1", "acknowledged after 0.4 s: refused: no"],
            "",
        ),
        ([None], exits.FAILED, ["sent 1"], "the worker did not answer within 10 s; the command stays with it."),
    ],
)
def test_a_command_is_waited_for(
    engine: Engine, capsys: pytest.CaptureFixture[str], answers: list[Any], code: int, said: list[str], complained: str
) -> None:
    """Ten seconds, and what came of it is said with how long it took."""
    engine.at_once, engine.answers = False, answers
    assert control.send_plain(given(command="pause")) == code
    told = capsys.readouterr()
    assert told.out.splitlines() == said
    assert (complained in told.err) if complained else told.err == ""
    assert engine.waited == [10.0]
    assert engine.sent == [catalog.Pause()]


def test_a_command_whose_worker_ended_is_carried_out_without_one(engine: Engine) -> None:
    """It is sent again, as long as nobody answers."""
    engine.at_once, engine.worker, engine.answers = False, False, [None, answered("paused")]
    assert control.send_plain(given(command="pause")) == exits.DONE
    assert engine.sent == [catalog.Pause(), catalog.Pause()]


def test_nothing_is_waited_for_where_nobody_wants_to(engine: Engine) -> None:
    """With --no-wait, or where it was done at once."""
    engine.at_once = False
    assert control.send_plain(given(command="resume", no_wait=True)) == exits.DONE
    engine.at_once = True
    assert control.send_plain(given(command="resume")) == exits.DONE
    assert engine.waited == []


def test_a_dry_run_says_what_would_be_and_sends_nothing(engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    """One sentence a command."""
    assert control.send_plain(given(command="pause", dry_run=True)) == exits.DONE
    assert capsys.readouterr().out.splitlines()[0] == "dry run: would Pause"
    assert engine.sent == []
    assert control.deliver(given(), engine, PATH) == exits.DONE  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("words", "sent"),
    [
        ({"force": True, "cancel_batches": False}, "kill"),
        ({"force": False, "cancel_batches": False}, catalog.Stop(False)),
        ({"force": False, "cancel_batches": True}, catalog.Stop(True)),
    ],
)
def test_a_stop_asks_or_kills(engine: Engine, words: dict[str, bool], sent: Any) -> None:
    """And says what becomes of open batches."""
    assert control.stop(given(**words)) == exits.DONE
    assert engine.sent == [sent]


NO_CAP = {"tokens": None, "money": None, "hours": None, "none": False}


@pytest.mark.parametrize(
    ("words", "before", "sent"),
    [
        ({"tokens": 5}, Budget(money=2.0), [Budget(5, 2.0)]),
        ({"tokens": 0}, Budget(), [Budget(tokens=0)]),
        ({"hours": 1.5, "none": True}, Budget(5, 2.0), [Budget(hours=1.5)]),
        ({"none": True}, Budget(5, 2.0), [Budget()]),
        ({}, Budget(5), []),
    ],
)
def test_a_budget_keeps_the_caps_that_are_not_named(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: dict[str, Any], before: Budget, sent: list[Budget]
) -> None:
    """Unless all are lifted; without a word it is shown with what was spent."""

    engine.state = replace(engine.state, budget=before, worked_s=5_400.0)
    assert control.budget(given(**{**NO_CAP, **words})) == exits.DONE
    assert engine.sent == [catalog.SetBudget(each) for each in sent]
    if not sent:
        assert capsys.readouterr().out == (
            f"mail may spend: {before.words}; spent so far: {engine.state.tokens:,} tokens in 1.5 hours of work\n"
        )


NO_LANE = {"lane": None, "cancel": False, "by": None, "size": None, "open": None}


@pytest.mark.parametrize(
    ("words", "current", "sent"),
    [
        ({"lane": "flex"}, "live", ("flex", None, False, None, None)),
        ({"by": 9.0}, "live", ("auto", 9.0, False, None, None)),
        ({"lane": "auto", "by": 9.0}, "live", ("auto", 9.0, False, None, None)),
        ({"size": 500}, "batch", ("batch", None, False, 500, None)),
        ({"open": 2}, "flex", ("flex", None, False, None, 2)),
        ({"cancel": True}, "batch", ("batch", None, True, None, None)),
        ({}, "live", None),
    ],
)
def test_a_lane_is_the_named_one_or_follows_from_the_words(
    engine: Engine, capsys: pytest.CaptureFixture[str], words: dict[str, Any], current: str, sent: Any
) -> None:
    """A time alone means auto, a size the lane of now; without a word lane and batches are shown."""

    engine.state = replace(engine.state, lane=LaneChoice(current), lanes=(LaneSpent("live", {"answered": 2}, 5, 1),))
    assert control.lane(given(**{**NO_LANE, **words})) == exits.DONE
    assert engine.sent == ([] if sent is None else [catalog.ChooseLane(*sent)])
    if sent is None:
        assert (
            capsys.readouterr().out
            == "enron asks with live calls\n  lane      live: 2 calls, 5 + 1 tokens; 2 answered\n"
        )


@pytest.mark.parametrize(
    ("run", "words", "sent"),
    [
        (control.retry, {"item": None}, catalog.Retry(None)),
        (control.retry, {"item": "a"}, catalog.Retry((7,))),
        (control.rejudge, {"tolerant": True}, catalog.Rejudge(True)),
        (control.label, {"id": "a", "value": "1", "note": "n"}, catalog.Label((7,), "1", "n")),
        (control.note, {"id": "a", "text": "t"}, catalog.Note((7,), "t")),
        (control.skip, {"id": "a", "back": False}, catalog.Skip((7,))),
        (control.skip, {"id": "a", "back": True}, catalog.Skip((7,), back=True)),
    ],
)
def test_a_word_about_an_item_names_its_row(engine: Engine, run: Any, words: dict[str, Any], sent: Any) -> None:
    """An id that is nowhere changes nothing and says so."""
    assert run(given(**words)) == exits.DONE
    assert engine.sent == [sent]
    if "a" in words.values():
        with pytest.raises(UnknownNameError, match="Nothing in mail has the id 'b'"):
            run(given(**{name: "b" if word == "a" else word for name, word in words.items()}))
