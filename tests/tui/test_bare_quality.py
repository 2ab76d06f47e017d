"""What the screens of figures and of comparisons do, without a console."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.content import Content

from core.commands.review import DismissAlarm, GrowSample, RelabelWindow
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.fakes import NOW, email, running
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.quality import compare
from tui.screens.quality.compare import CompareScreen
from tui.screens.quality.quality import BehindFigures, QualityScreen

SNAPSHOT = running(40, 20).snapshot(NOW)


# -- the figures -----------------------------------------------------------------------------------------------------------

ALARMED = SimpleNamespace(
    audit=SimpleNamespace(
        watches=({"name": "calm", "state": "steady"}, {"name": "shares", "state": "alarm"}),
        sample=SimpleNamespace(goal=200),
    ),
    line="200 checked",
    audited=3,
    labeled=400,
)


def figures(**state: Any) -> tuple[Any, Any]:
    """The screen of figures, and what it sent."""
    app: Any = Noted(**dict(state.pop("answers", ())))
    app.sent, app.run_path = [], state.pop("path", Path("run.db"))
    engine = app.engine
    app.engine = SimpleNamespace(send=lambda path, command: app.sent.append(command), quality=engine.quality, operator=lambda: "ana", rule_behind_mistakes=engine.rule_behind_mistakes,
                                 emails_of_alarm=engine.emails_of_alarm, window_price=engine.window_price, write_report=lambda *given, **named: app.sent.append((*given, named)), edge_cases=engine.edge_cases)  # fmt: skip
    usual = {"_quality": ALARMED, "_rule": None, "_student": None, "_training": False, "_trained_at": 0, "_reading": False, "_seen": None, "_held_back": frozenset,
             "changed": lambda: app.told.append("changed"), "hint": lambda: app.told.append("hint")}  # fmt: skip
    return bare(QualityScreen, app, **{**usual, **state}), app


def test_a_new_screen_of_figures_is_computed_when_it_is_seen() -> None:
    """And each time it comes back."""
    app = Noted()
    parts = Parts()
    screen = made(
        QualityScreen,
        app,
        query_one=parts,
        changed=lambda _: app.told.append("changed"),
        call_after_refresh=lambda _, call: app.told.append(call.__name__),
    )
    screen.on_mount()
    screen.on_screen_resume()
    screen.on_resize()
    assert (app.told, screen.focused_by_test, screen.quality) == (
        ["receives data", "receives data", "changed", "_draw"],
        [parts.of["#quality"]],
        None,
    )
    assert (screen._trained_at, screen._training, screen._reading, [each.id for each in composed(screen)][2:3]) == (
        -500,
        False,
        False,
        ["quality"],
    )


@pytest.mark.parametrize(("audited", "goals"), [(0, 1), (3, 0)])
def test_figures_are_computed_beside_the_screen(audited: int, goals: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the goals, where nobody checked anything yet, and the rule behind mistakes."""
    kept: list[Any] = []
    monkeypatch.setattr("tui.text.quality.goals", kept.append)
    found = SimpleNamespace(audited=audited)
    screen, app = figures(
        answers={"quality": found, "rule_behind_mistakes": "a rule"}, _judged=lambda given: app.told.append(given[1])
    )
    QualityScreen.changed(screen)
    assert (app.told, screen._reading, len(kept)) == (
        ["quality", "rule_behind_mistakes", "a rule"],
        True,
        goals,
    )
    QualityScreen.changed(screen)
    assert len(app.told) == 3


def test_what_changed_since_is_seen_by_its_counts() -> None:
    """A command, an alarm, a label of people, or a call."""
    screen, app = figures(_seen=None)
    shown = [
        SNAPSHOT,
        SNAPSHOT,
        replace(SNAPSHOT, attempts=99),
        replace(SNAPSHOT, sources={"human": 3}),
        replace(SNAPSHOT, alarms=("a",)),
        replace(SNAPSHOT, commands=SNAPSHOT.commands[:1]),
        replace(SNAPSHOT, commands=()),
    ]
    seen = []
    for each in shown:
        screen.show(SimpleNamespace(view_state=SimpleNamespace(snapshot=each)))
        seen.append(len(app.told))
    assert seen == [1, 1, 2, 3, 4, 5, 6]


def test_figures_are_drawn_in_their_pane(monkeypatch: pytest.MonkeyPatch) -> None:
    """In forty cells at least; nothing before they were computed."""
    parts = Parts(90)
    pane, text = Part(90), Part()
    pane.query_one = lambda _: text  # type: ignore[method-assign]
    parts.of["#quality"] = pane
    told: list[Any] = []
    monkeypatch.setattr(
        "tui.text.quality.lines",
        lambda *given, **named: told.append((*given[1:], *named.values())) or [Content("figures")],
    )
    screen, app = figures(query_one=parts, _training=True, _student="student", _rule="rule")
    screen._draw()
    pane.size.width = 20
    screen._draw()
    assert told == [(87, "student", "rule", True), (40, "student", "rule", True)]
    assert (str(pane.border_title), text.shown) == ("Quality · 200 checked", "figures")
    screen._quality = SimpleNamespace(line="l" * 300)
    screen._draw()
    assert len(str(pane.border_title)) == 200
    screen._quality = None
    screen._draw()
    assert len(told) == 3
    screen._reading = True
    screen._failed("no file")
    assert (screen._reading, app.told) == (False, ["error: no file"])


def test_a_student_that_was_trained_is_shown() -> None:
    """Why it could not be is said; nothing is drawn on a screen that was left."""
    screen, app = figures(_training=True, _draw=lambda: app.told.append("draws"))
    screen._trained("student")
    assert (screen._training, screen._student, app.told) == (False, "student", ["draws"])
    screen._training = True
    screen._untrained("too few")
    assert (screen._training, app.told[1:]) == (False, ["error: too few"])
    left, app = figures(_training=True, _draw=lambda: app.told.append("draws"), **GONE)
    left._trained("student")
    assert (left._training, app.told) == (False, [])


def test_figures_are_drawn_once_they_are_computed() -> None:
    """The rule behind mistakes with them."""
    screen, app = figures(_reading=True, _training=True, _draw=lambda: app.told.append("draws"))
    screen._judged((ALARMED, "rule"))
    assert (screen._reading, screen._rule, screen.quality, app.told) == (False, "rule", ALARMED, ["draws", "hint"])


@pytest.mark.parametrize(
    ("act", "sent", "said"),
    [
        ("do_grow", GrowSample(goal=400), "The sample's goal is 400 now."),
        ("do_top_up", GrowSample(top_up=True), "More of the rare labels belong to the sample now."),
    ],
)
def test_the_sample_grows_by_a_key(act: str, sent: Any, said: str) -> None:
    """By 200 items, or by more of rare labels."""
    screen, app = figures()
    getattr(screen, act)()
    assert (app.sent, app.told) == ([sent], [said, "hurry", "changed"])


def test_an_alarm_is_looked_at_dismissed_or_its_window_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of several watches the one with an alarm; after a question with its price."""
    monkeypatch.setattr("tui.screens.quality.quality.price", lambda _: "$1.20")
    planned = SimpleNamespace(texts=SimpleNamespace(emails=3))
    screen, app = figures(
        answers={"emails_of_alarm": (7, 8), "window_price": planned},
        _read_these=lambda ids, none: app.told.append((ids, none)),
    )
    screen.do_look_at_alarm()
    assert app.told == ["emails_of_alarm", ((7, 8), "No item is behind it.")]
    screen.do_ask_again()
    question = "Re-label 3 items, labeled or failed since the window of shares began? That takes $1.20. What the model said is taken back and stays in the history; labels of people stay."
    assert app.windows[0][0]._question == question
    app.answer(False)
    app.answer(True)
    assert app.sent == [RelabelWindow("shares")]
    assert app.told[4:] == ["3 items requeued; the alarm is dismissed.", "hurry", "changed"]
    screen.do_dismiss()
    app.answer(None)
    app.answer("a new office")
    assert (app.sent[1:], app.told[-3]) == (
        [DismissAlarm("shares", "a new office")],
        "The alarm of shares is dismissed.",
    )
    assert app.windows[1][0]._heading == "Dismiss the alarm: shares"
    left, app = figures(**GONE)
    left._confirm_window("shares", planned)
    assert app.windows == []


@pytest.mark.parametrize("act", ["do_look_at_alarm", "do_ask_again"])
@pytest.mark.parametrize("state", [{"_quality": None}, {"path": None}], ids=["no figures", "no run"])
def test_without_an_alarm_there_is_nothing_behind_it(act: str, state: Any) -> None:
    """Nor without figures or a run."""
    screen, app = figures(**state)
    getattr(screen, act)()
    assert app.told == ["warning: No alarm stands."]


def test_a_report_is_written_beside_the_run_without_texts() -> None:
    """Its place is said."""
    screen, app = figures()
    screen.do_write_report()
    assert (app.sent, app.told) == (
        [(Path("run.db"), Path("run.quality.html"), {"examples": False})],
        ["The report was written to run.quality.html. It holds no text."],
    )


@pytest.mark.parametrize(
    ("hidden", "none"),
    [
        (frozenset(), "Model and people agree on everything checked."),
        (frozenset({3}), "Items of your batch are not shown before it is over: r goes on with it."),
    ],
    ids=count(),
)
def test_what_differs_is_read_but_for_the_own_batch(hidden: Any, none: str) -> None:
    """Why nothing is shown is said."""
    asked: list[Any] = []
    shown = SimpleNamespace(disagreements=lambda given: asked.append(given) or (SimpleNamespace(email_id=7),))
    screen, app = figures(
        _quality=shown, _held_back=lambda: hidden, _read_these=lambda ids, why: app.told.append((ids, why))
    )
    screen.do_disagreements()
    assert (asked, app.told) == ([hidden], [([7], none)])


def test_what_this_person_may_not_see_yet_is_held_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing, before the figures are known."""
    monkeypatch.setattr("tui.screens.quality.quality.held_back", lambda audit, who: frozenset({who}))
    screen, _ = figures()
    assert QualityScreen._held_back(screen) == frozenset({"ana"})
    screen._quality = None
    assert QualityScreen._held_back(screen) == frozenset()


@pytest.mark.parametrize(
    ("left", "told"),
    [([], ["Nothing is left to settle: all that was checked agrees or is settled."]), ([1], ["SettleScreen"])],
)
def test_what_is_left_to_settle_is_walked_through(left: Any, told: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is opened where nothing is."""
    monkeypatch.setattr("tui.screens.quality.settle.to_settle", lambda audit, hidden: left)
    screen, app = figures()
    screen.do_settle()
    screen.do_compare_versions()
    assert app.told == [*told, "CompareScreen"]


def test_items_are_read_by_their_numbers() -> None:
    """As a walk of records, on a screen that is still there."""
    screen, app = figures()
    app.view = SimpleNamespace(rows=lambda ids: [email(n) for n in ids])
    screen._read_these((3, 5), "none")
    screen._read([])
    assert (app.told, app.windows[0][0]._row) == (["RecordScreen"], email(3))
    left, app = figures(**GONE)
    left._read([email(3)])
    assert app.told == []


def test_doubtful_items_are_those_of_the_student_too() -> None:
    """None before it was trained; a single kind is read at once, several are chosen from."""
    asked: list[Any] = []
    screen, app = figures(_choose_edge_cases=asked.append)
    app.engine.edge_cases = lambda path, quality, suspicions: asked.append(suspicions) or "found"
    screen.do_suspicious()
    screen._student = (None, ("doubt",))
    screen.do_suspicious()
    assert asked == [(), "found", ("doubt",), "found"]
    kinds, app = figures(_read_these=lambda ids, none: app.told.append((ids, none)))
    kinds._choose_edge_cases(SimpleNamespace(kinds=[("a", (1,)), ("b", ())], in_turns=(1,)))
    assert app.told == [((1,), "Nothing casts doubt on a label yet.")]
    kinds._choose_edge_cases(SimpleNamespace(kinds=[("a", (1, 4)), ("b", (2,))], in_turns=(1, 2, 4)))
    window = app.windows[0][0]
    assert (window._sets, window._title) == (
        [("all of these, one of each in turn", 3), ("a", 2), ("b", 1)],
        "What casts doubt on labels",
    )
    app.answer(1)
    assert app.told[2:] == [((1, 4), "No item is behind it.")]
    left, app = figures(**GONE)
    left._choose_edge_cases(SimpleNamespace(kinds=[("a", (1, 4)), ("b", (2,))], in_turns=(1, 2, 4)))
    assert app.windows == []


def test_sets_behind_figures_are_chosen_with_their_sizes() -> None:
    """Names that are long are cut."""
    window = made(BehindFigures, Noted(), [("checked", 1_200), ("n" * 80, 3)])
    window.on_mount()
    assert [row.cells for row in map(window._rows.row_at, range(2))] == [
        (("1,200", "$bright"), ("checked", "$foreground")),
        (("3", "$bright"), ("n" * 69 + "…", "$foreground")),
    ]
    assert (
        [row.value for row in map(window._rows.row_at, range(2))],
        [each.width for each in window._rows._columns],
    ) == ([0, 1], [7, 0])
    assert texts_of(window) == [
        "<bold $bright>What is behind a figure",
        "<bold $accent>enter<> read them  <bold $accent>esc<> cancel",
    ]


# -- comparing -------------------------------------------------------------------------------------------------------------


def comparison(**more: Any) -> Any:
    """Two runs that differ on three items."""
    side = SimpleNamespace(run="a" * 80)
    return SimpleNamespace(
        **{
            "a": side,
            "b": SimpleNamespace(run="b" * 80),
            "differing": ((3, "<3>", "1", "0", "1"), (5, "<5>", "1", "0", None), (9, "<9>", "1", "0", None)),
            **more,
        }
    )


def test_runs_are_compared_when_the_screen_opens() -> None:
    """Why not stands in its place."""
    app = Noted(compare="found")
    parts = Parts()
    screen = made(
        CompareScreen,
        app,
        Path("a.db"),
        query_one=parts,
        _draw=lambda _: app.told.append("draws"),
        call_after_refresh=lambda _, call: call(),
    )
    screen.on_mount()
    screen.on_resize()
    assert (app.told, screen.focused_by_test, screen._found) == (
        ["receives data", "compare", "draws", "draws"],
        [parts.of["#compared"]],
        "found",
    )
    screen._failed("no \x1bfile")
    assert parts.of["#compared Static"].shown == "no ␛file"
    untouched = Parts()
    bare(CompareScreen, app, query_one=untouched, **GONE)._failed("no file")
    assert untouched.of == {}


def test_a_comparison_is_drawn_in_the_width_of_its_pane(monkeypatch: pytest.MonkeyPatch) -> None:
    """In forty cells at least; nothing before both were compared."""
    widths: list[int] = []
    monkeypatch.setattr(compare, "compared", lambda found, width: widths.append(width) or [Content("compared")])
    for width in (90, 20):
        parts = Parts(width)
        screen = bare(CompareScreen, Noted(), query_one=parts, _found=comparison())
        screen._draw()
        assert parts.of["#compared"].shown == "compared"
        assert str(parts.of["#compared"].border_title) == f"Compare · {'a' * 80} · {'b' * 26}…"
    assert widths == [87, 40]
    for state in ({"_found": None}, GONE):
        untouched = Parts()
        bare(CompareScreen, Noted(), query_one=untouched, **{"_found": comparison(), **state})._draw()
        assert untouched.of == {}


def test_items_that_differ_are_read_those_first_that_nobody_labeled() -> None:
    """Five hundred at most."""
    read: list[Any] = []

    @contextmanager
    def view(_: Path) -> Iterator[Any]:
        yield SimpleNamespace(rows=list)
        read.append("closed")

    app = Noted()
    app.engine = SimpleNamespace(view=view)  # type: ignore[assignment]
    screen = bare(CompareScreen, app, _path=Path("a.db"), _found=comparison(), _read=read.append)
    screen.do_disagreements()
    assert read == ["closed", [5, 9, 3]]
    screen._found = comparison(differing=tuple((n, "", "1", "0", None) for n in range(501)))
    screen.do_disagreements()
    assert len(read[3]) == 500
