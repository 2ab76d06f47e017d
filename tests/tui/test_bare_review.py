"""What reviewing and settling do and show, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.commands.review import PlanSecondLooks, Review, WithdrawReview
from core.model import LabelMeaning
from core.quality.session import Phase, Revealed, Session
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import NOW, TASK, running
from tests.tui.test_bare_parts import member
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.quality.review import BatchResult, ReviewScreen, _title
from tui.screens.quality.settle import SettleScreen
from tui.text import review as words
from tui.view_state import ViewState

SNAPSHOT = running(40, 20).snapshot(NOW)
DATA = SimpleNamespace(view_state=ViewState(now=NOW, snapshot=SNAPSHOT), now=NOW, requested=())
MAIL = SimpleNamespace(
    id=3, text="Subject: hello\n\nCould you send it?", raw="X-Folder: kept\nhello", subject="hello", source_id="<3@x>"
)
AUDIT = SimpleNamespace(sample=SimpleNamespace(goal=200), simulated=False, batches=())


def session(phase: Phase = Phase.FIRST, *queue: int, batch: int = 1) -> Session:
    """A review of three items."""
    return Session("ana", batch, phase, list(queue or (3, 4, 5)))


# -- the review ---------------------------------------------------------------------------------------------------------


def reviewing(going: Session | None, **state: Any) -> tuple[Any, Any]:
    """A review, and what was sent by it."""
    app: Any = Noted(**dict(state.pop("answers", ())))
    app.sent = []
    app.run_path = state.pop("path", Path("run.db"))
    keeps = app.engine
    app.engine = SimpleNamespace(
        send=lambda path, command: app.sent.append(command) or "sent", audit=lambda path: AUDIT, operator=lambda: "ana",
        await_answer=lambda path, sent, timeout_s: app.told.append(f"awaits {sent} {timeout_s:.0f} s"),
        review_emails=lambda path, numbers: tuple(SimpleNamespace(id=n, subject="" if n % 2 else f"text {n}", source_id=f"<{n}@x>") for n in numbers),
        quality=keeps.quality,
    )  # fmt: skip
    usual = {
        "_session": going, "_audit": AUDIT, "_annotator": "ana", "_note": "", "_shown_at": NOW - 4.0, "_result": None, "_last": "", "_sent": None, "_emails": {3: MAIL},
        "_trouble": "", "_batch_size": 0, "_raw": False, "_unfolded": False, "_done_words": "", "_rubric_of": TASK, "asked_task": lambda: TASK,
        "_turn": lambda: app.told.append("turns"), "_draw": lambda: app.told.append("draws"), "hint": lambda: app.told.append("hint"), "data": DATA,
    }  # fmt: skip
    return bare(ReviewScreen, app, **{**usual, **state}), app


@pytest.mark.parametrize(("given", "annotator"), [((), "ana"), (("bo", 12), "bo")], ids=["the operator", "somebody"])
def test_a_new_review_is_read_for_its_operator(given: Any, annotator: str) -> None:
    """The focus is on the text; whoever is named reviews instead."""
    app = Noted()
    parts = Parts()
    screen = made(
        ReviewScreen, app, *given, query_one=parts, _load=lambda _: app.told.append("loads"),
        call_after_refresh=lambda _, call: app.told.append(call.__name__),
    )  # fmt: skip
    assert (screen.phase, screen.batch_number, screen.place_left, screen.current) == (None, 0, 0, None)
    screen.on_mount()
    screen.on_resize()
    assert (screen._annotator, screen.focused_by_test) == (annotator, [parts.of["#reviewed"]])
    assert app.told == ["receives data", "loads", "_draw"]
    assert [each.id for each in composed(screen) if each.id][2:] == [
        "review",
        "reviewed",
        "beside-rubric",
        "answered",
        "answers",
    ]


def test_a_review_says_where_it_stands() -> None:
    """Its phase, its batch, what is left of it, and the item that is shown."""
    screen, _ = reviewing(session(Phase.SECOND, 3, 4, batch=7))
    assert (screen.phase, screen.batch_number, screen.place_left, screen.current) == (Phase.SECOND, 7, 2, MAIL)
    screen._session = session(Phase.SECOND, 9)
    assert screen.current is None


@pytest.mark.parametrize(
    ("size", "simulated", "taken"),
    [(0, False, 25), (0, True, 10), (12, True, 12)],
    ids=["usual", "the demo", "as it was asked"],
)
def test_a_batch_has_its_size(size: int, simulated: bool, taken: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """25 items, ten in the demo; texts of those answered come too, so that they can be taken back."""
    begun: list[Any] = []
    going = Session("ana", 1, Phase.FIRST, [3, 4], [(2, "1")])
    monkeypatch.setattr("tui.screens.quality.review.begin", lambda audit, who, size: begun.append((who, size)) or going)
    screen, _ = reviewing(None, _batch_size=size)
    audit = SimpleNamespace(simulated=simulated)
    found, given, texts = screen._read_on(Path("run.db"), audit)
    assert (found is audit, given is going, [each.id for each in texts], begun) == (
        True,
        True,
        [3, 4, 2],
        [("ana", taken)],
    )


@pytest.mark.parametrize(("phase", "told"), [(Phase.FIRST, ["turns"]), (Phase.PLAN, ["plans", "turns"])])
def test_a_review_goes_on_where_it_was_left(phase: Phase, told: list[str]) -> None:
    """Second looks are planned where the batch is through; nothing is taken on a screen that was left."""
    screen, app = reviewing(None, _trouble="before", _plan=lambda: app.told.append("plans"))
    going = session(phase)
    screen._begun((AUDIT, going, (MAIL,)))
    assert (app.told, screen._session, screen._emails, screen._trouble) == (told, going, {3: MAIL}, "")
    left, app = reviewing(None, **GONE)
    left._begun((AUDIT, going, (MAIL,)))
    assert (left._session, app.told) == (None, [])


def test_a_review_that_cannot_go_on_says_why() -> None:
    """An answer that could not be kept is asked for again."""
    screen, app = reviewing(None, _load=lambda: app.told.append("loads"))
    screen._failed("no file")
    assert (app.told, screen._trouble) == (["error: no file", "draws"], "no file")
    screen._lost("the disk is full")
    assert app.told[2:] == ["error: the disk is full", "draws", "loads"]
    left, app = reviewing(None, _load=lambda: app.told.append("loads"), **GONE)
    left._lost("the disk is full")
    assert app.told == ["error: the disk is full", "draws"]


MANY = replace(TASK, labels=tuple(LabelMeaning(f"v{n}", f"v{n}", "") for n in range(12)))


@pytest.mark.parametrize(
    ("character", "task", "told"),
    [
        ("1", TASK, ["stops", "answers 1"]), ("0", TASK, ["stops", "answers 0"]), ("7", TASK, []), (None, TASK, []), ("1", None, []),
        ("2", MANY, ["stops", "answers v1"]), ("0", MANY, ["stops", "finds"]), ("0", None, []),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_of_a_label_answers(character: Any, task: Any, told: list[str]) -> None:
    """Of many labels one is found by another key."""
    screen, app = reviewing(
        session(),
        asked_task=lambda: task,
        _answer=lambda value: app.told.append(f"answers {value}"),
        _find_label=lambda _: app.told.append("finds"),
    )
    screen.on_key(SimpleNamespace(character=character, stop=lambda: app.told.append("stops")))
    assert app.told == told


def test_a_label_that_was_found_answers_the_item_that_was_shown() -> None:
    """Not another one, and not where the window was left."""
    screen, app = reviewing(session(), _answer=lambda value: app.told.append(f"answers {value}"))
    screen._find_label(MANY)
    app.answer(None)
    app.answer(("v4", ""))
    assert app.told == ["FindLabel", "answers v4"]
    screen._session.queue.pop(0)
    app.answer(("v5", ""))
    assert app.told == ["FindLabel", "answers v4"]
    screen.do_cannot_tell()
    assert app.told[2:] == ["answers None"]


@pytest.mark.parametrize(
    ("going", "kind", "sent", "told", "last"),
    [
        (session(), "", "first", ["turns"], "1 work"),
        (session(Phase.SECOND), "", "second", ["turns"], "1 work"),
        (session(Phase.SECOND), "adjudicated", "adjudicated", ["turns"], "1 work"),
        (session(Phase.FIRST, 3), "", "first", ["plans", "turns"], "1 work"),
        (session(Phase.SECOND, 3), "", "second", ["reveals", "turns"], "1 work"),
    ],
    ids=count(),
)
def test_an_answer_is_kept_with_its_time_and_note(
    going: Session, kind: str, sent: str, told: list[str], last: str
) -> None:
    """The end of a phase leads to the next one."""
    screen, app = reviewing(
        going,
        ANSWER_KIND=kind,
        _note="see thread",
        _result="before",
        _plan=lambda: app.told.append("plans"),
        _reveal=lambda: app.told.append("reveals"),
    )
    screen._answer("1")
    assert app.sent == [
        Review(
            [
                {
                    "email_id": 3,
                    "annotator": "ana",
                    "value": "1",
                    "kind": sent,
                    "seconds": 4.0,
                    "batch": 1,
                    "note": "see thread",
                }
            ]
        )
    ]
    assert (app.told, screen._last, screen._note, screen._result, screen._sent) == (told, last, "", None, "sent")


def test_the_time_of_an_answer_is_never_negative() -> None:
    """A clock can be set back; without a label it is said that none could be told."""
    screen, app = reviewing(session(), _shown_at=NOW + 60)
    screen._answer(None)
    assert (app.sent[0].answers[0]["seconds"], screen._last) == (0.0, "cannot tell")
    untold, _ = reviewing(session(), asked_task=lambda: None)
    untold._answer("1")
    assert untold._last == "cannot tell"


def test_an_answer_is_taken_back_with_its_item() -> None:
    """Not before the first of the phase."""
    screen, app = reviewing(session(), _last="1 work")
    screen._answer("1")
    screen.do_withdraw()
    assert (app.sent[1:], screen._last, screen._session.queue, app.told) == (
        [WithdrawReview("ana")],
        "",
        [3, 4, 5],
        ["turns", "turns"],
    )


@pytest.mark.parametrize(
    ("batches", "looks", "sent"),
    [
        ((), (7, 8), [PlanSecondLooks("ana", 1, (7, 8))]),
        ((SimpleNamespace(annotator="ana", number=1, second=(9,)),), (9,), []),
        ((SimpleNamespace(annotator="bo", number=1, second=(9,)), SimpleNamespace(annotator="ana", number=2, second=(9,))), (7, 8), [PlanSecondLooks("ana", 1, (7, 8))]),
        ((), (), [PlanSecondLooks("ana", 1, ())]),
    ],
    ids=count(),
)  # fmt: skip
def test_second_looks_are_planned_once(batches: Any, looks: Any, sent: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind the answers that were sent; without any the batch is revealed."""
    audit = SimpleNamespace(**{**vars(AUDIT), "batches": batches})
    monkeypatch.setattr("tui.screens.quality.review.plan", lambda *given: looks)
    screen, app = reviewing(
        session(Phase.PLAN),
        _last="x",
        _read_after_answers=lambda path: audit,
        _reveal=lambda: app.told.append("reveals"),
    )
    screen._plan()
    assert (app.sent, screen._audit is audit, screen._last) == (sent, True, "")
    assert (screen._session.queue, app.told) == (list(looks), ["turns"] if looks else ["reveals", "turns"])


def test_a_finished_batch_is_compared_under_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the subjects of what differs, or their ids; texts that are gone are left out."""
    found = Revealed(3, 1, 0, 0, ((4, "1", "0"), (5, "0", "1")))
    monkeypatch.setattr("tui.screens.quality.review.reveal", lambda *given: found)
    going = session(Phase.FIRST, batch=2)
    screen, app = reviewing(
        session(Phase.REVEALED), _sent="w1", _last="x", _read_on=lambda path, audit: (audit, going, (MAIL,))
    )
    screen._reveal()
    assert (screen._result, screen._session is going, screen._last) == (
        BatchResult(found, 1, ("text 4", "<5@x>")),
        True,
        "",
    )
    assert app.told == ["awaits w1 10 s", "turns"]
    app.engine.review_emails = lambda path, numbers: ()
    screen._reveal()
    assert screen._result.subjects == ()


@pytest.mark.parametrize(("emails", "told"), [({3: MAIL}, ["draws"]), ({}, ["loads"])], ids=["an item", "none"])
def test_the_result_of_a_batch_is_closed(emails: Any, told: list[str]) -> None:
    """Where nothing is shown, it is looked whether something waits now."""
    screen, app = reviewing(
        session(), _emails=emails, _result="before", _last="x", _load=lambda: app.told.append("loads")
    )
    screen.do_next_batch()
    assert (screen._result, screen._last, app.told) == (None, "", told)


def test_a_note_is_kept_for_the_answer() -> None:
    """An empty one is none; a text is shown as it came or as sent."""
    screen, app = reviewing(session())
    screen.do_note()
    for typed in (None, "", "see thread"):
        app.answer(typed)
    assert (screen._note, app.told, app.windows[0][0]._remark) == (
        "see thread",
        ["AskLine", "draws"],
        "kept with your answer to this item",
    )
    screen.do_raw()
    assert (screen._raw, app.told[2:]) == (True, ["draws"])
    screen.do_raw()
    assert screen._raw is False


def test_the_next_item_is_shown_from_its_beginning() -> None:
    """Folded, as sent, from now on; nothing is drawn on a screen that was left."""
    parts = Parts()
    screen, app = reviewing(session(), query_one=parts, _raw=True, _unfolded=True)
    ReviewScreen._turn(screen)
    assert (screen._raw, screen._unfolded, screen._shown_at, parts.of["#reviewed"].done, app.told) == (
        False,
        False,
        NOW,
        [("scroll", 0)],
        ["draws", "hint"],
    )
    left, app = reviewing(session(), query_one=parts, _raw=True, **GONE)
    ReviewScreen._turn(left)
    assert (left._raw, app.told) == (False, [])


@pytest.mark.parametrize(
    ("going", "state", "title", "shown"),
    [
        (session(), {}, "hello", "Subject: hello\n\nCould you send it?"),
        (session(), {"_raw": True}, "hello", "hello"),
        (
            session(),
            {"_emails": {3: SimpleNamespace(**{**vars(MAIL), "subject": "s" * 80})}},
            "s" * 59 + "…",
            "Subject: hello\n\nCould you send it?",
        ),
        (session(), {"_emails": {}}, "", "comparing …"),
        (Session("ana", 1, Phase.DONE, []), {}, "", "Nothing of the sample waits for ana. Q shows the figures."),
        (Session("ana", 1, Phase.DONE, []), {"_done_words": "3 settled."}, "", "3 settled. Q shows them."),
        (None, {}, "", "reading …"),
        (None, {"_trouble": "no \x1bfile"}, "", "no ␛file"),
        (session(), {"asked_task": lambda: None, "_trouble": "no file"}, "", "no file"),
    ],
    ids=count(),
)
def test_the_pane_of_a_review_shows_its_item_or_why_there_is_none(
    going: Any, state: Any, title: str, shown: str
) -> None:
    """With its subject above; without the folder that it was filed in."""
    parts = Parts()
    pane, text = Part(62), Part()
    pane.query_one = lambda _: text  # type: ignore[method-assign]
    parts.of["#reviewed"] = pane
    screen, _ = reviewing(going, query_one=parts, _draw_frame=lambda: None, **state)
    ReviewScreen._draw(screen)
    assert (str(pane.border_title), text.shown) == (title, shown)


def test_an_item_is_called_by_its_subject() -> None:
    """Or by its id."""
    assert (_title(MAIL), _title(SimpleNamespace(subject="", source_id="<3@x>"))) == ("hello", "<3@x>")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("width", "height", "cells", "most"), [(80, 24, 76, 4), (30, 12, 30, 2), (120, 60, 116, 16)], ids=count()
)
def test_the_result_of_a_batch_takes_a_third_of_the_screen(
    width: int, height: int, cells: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It disappears with the first answer of the next batch."""
    asked: list[Any] = []
    monkeypatch.setattr(
        words,
        "revealed",
        lambda *given, **named: (
            asked.append((given[1], named["more"], named["close"], named["shows"], named["width"], named["most"]))
            or "result"
        ),
    )
    parts = Parts()
    result = BatchResult(Revealed(3, 3, 0, 0, ()), 4, ())
    screen, _ = reviewing(session(), query_one=parts, _result=result, size=SimpleNamespace(width=width, height=height))
    screen._session.waiting = 9
    screen._draw_result(TASK, screen._session)
    assert (parts.of["#batch-result"].display, parts.of["#batch-result"].shown, asked) == (
        True,
        "result",
        [(4, 9, "enter", "Q", cells, most)],
    )
    screen._result = None
    screen._draw_result(TASK, screen._session)
    assert (parts.of["#batch-result"].display, len(asked)) == (False, 1)


# -- what is shown of a review ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("task", "keys", "finds"),
    [
        (TASK, {"1": "1", "0": "0"}, False),
        (MANY, {str(n + 1): f"v{n}" for n in range(9)}, True),
        (replace(TASK, labels=MANY.labels[:9]), {str(n + 1): f"v{n}" for n in range(9)}, False),
        (replace(TASK, labels=(LabelMeaning("12", "a", ""), LabelMeaning("3", "b", ""))), {"1": "12", "2": "3"}, False),
    ],
    ids=count(),
)
def test_labels_have_keys(task: Any, keys: Any, finds: bool) -> None:
    """Their own digits, or 1 to 9 in order."""
    assert (words.keys_of(task), words.finds(task)) == (keys, finds)


@pytest.mark.parametrize(
    ("task", "wanted"),
    [
        (
            TASK,
            "<> <bold $accent>1 <$foreground>work   <bold $accent>0 <$foreground>personal   <bold $accent>? <$foreground>cannot tell   ",
        ),
        (
            MANY,
            "<> <bold $accent>0 <$foreground>find one of 12 labels   <bold $accent>? <$foreground>cannot tell   <bold $accent>1 <$foreground>v0   <bold $accent>2 <$foreground>v1   <bold $accent>3 <$foreground>v2   <bold $accent>4 <$foreground>v3   <bold $accent>5 <$foreground>v4   <bold $accent>6 <$foreground>v5   <bold $accent>7 <$foreground>v6   <bold $accent>8 <$foreground>v7   <bold $accent>9 <$foreground>v8   ",
        ),
        (
            replace(TASK, labels=(LabelMeaning("a", "n" * 30, ""), LabelMeaning("b", "b", ""))),
            "<> <bold $accent>1 <$foreground>a nnnnnnnnnnnnnnnnn…   <bold $accent>2 <$foreground>b   <bold $accent>? <$foreground>cannot tell   ",
        ),
    ],
    ids=count(),
)
def test_the_keys_that_answer_stand_in_a_line(task: Any, wanted: str) -> None:
    """Where they are too many, the one that finds a label comes first."""
    assert toned(words.key_line(task, "?")) == wanted


@pytest.mark.parametrize(
    ("text", "unfolded", "width", "wanted"),
    [
        (
            "From: a@x\nSubject: " + "s" * 80 + "\n\nhello\n",
            False,
            40,
            ["<$quiet>From: a@x", "<$quiet>Subject: ssssssssssssssssssssssssssssss…", "", "<>hello"],
        ),
        (
            "From: a@x\nSubject: " + "s" * 80 + "\n\nhello\n",
            False,
            10,
            ["<$quiet>From: a@x", "<$quiet>Subject: ssssssssss…", "", "<>hello"],
        ),
        (
            "Subject: " + "s" * 320 + "\nhello\n",
            True,
            10,
            [
                "<$quiet>Subject: ssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssssss…",
                "<>hello",
            ],
        ),
        (
            "hello\n\n-----Original Message-----\nFrom: b@x\nold words here\n",
            False,
            40,
            ["<>hello", "", "<$waiting>▸ 7 quoted words · <bold $accent>space<$waiting> unfolds"],
        ),
        (
            "hello\n\n-----Original Message-----\nFrom: b@x\nold words here\n",
            True,
            40,
            ["<>hello", "<$quiet>-----Original Message-----", "<$quiet>From: b@x", "<$quiet>old words here"],
        ),
    ],
    ids=count(),
)
def test_a_text_is_shown_with_its_history_folded(text: str, unfolded: bool, width: int, wanted: Any) -> None:
    """Header lines are quiet, and cut to the width while it is folded."""
    shown = words.text_shown(text, unfolded=unfolded, unfold="space", width=width)
    assert toned_rows(shown.split("\n", allow_blank=True)) == wanted


def test_the_rubric_stands_below_the_labels() -> None:
    """Each label with its meaning, where it has one."""
    task = replace(TASK, labels=(TASK.labels[0], LabelMeaning("x" * 70, "x" * 70, "")), rubric="r" * 9_000)
    rows = words.rubric(task).plain.split("\n")
    assert (rows[:4], len(rows[4])) == (["1 work", "about the business of the company", "x" * 59 + "…", ""], 8_000)
    meaning = words.rubric(replace(TASK, labels=(LabelMeaning("1", "1", "m" * 500),))).plain.split("\n")[1]
    assert len(meaning) == 400


REVEALED = Revealed(12, 9, 0, 0, ((3, "1", "0"), (4, "0", "1"), (5, "1", "0")))


@pytest.mark.parametrize(
    ("found", "more", "width", "most", "wanted"),
    [
        (
            REVEALED,
            4,
            60,
            2,
            [
                "<bold $bright>Batch 3 is answered. <>You and the model agree on 9 of 12.",
                "<$waiting>Where you differ, also after the second look (and 1 more):",
                "<$foreground>you 1 work · model 0 personal  <$quiet>one",
                "<$foreground>you 0 personal · model 1 work  <$quiet>two",
                "<bold $accent>Q<> the figures  <bold $accent>n<> closes this, so does your next answer",
            ],
        ),
        (
            REVEALED,
            0,
            30,
            3,
            [
                "<bold $bright>Batch 3 is answered. <>You and the model agree on 9 of 12.",
                "<$waiting>Where you differ, also after the second look:",
                "<$foreground>you 1 work · model 0 personal  <$quiet>one",
                "<$foreground>you 0 personal · model 1 work  <$quiet>two",
                "<$foreground>you 1 work · model 0 personal  <$quiet>three t…",
                "<bold $accent>Q<> the figures  <$bright>Nothing more of the sample waits for you.",
            ],
        ),
        (
            Revealed(0, 0, 3, 2, ()),
            4,
            60,
            2,
            [
                "<bold $bright>Batch 3 is answered. <>The model has labeled none of it yet; you could not tell 2.",
                "<bold $accent>Q<> the figures  <bold $accent>n<> closes this, so does your next answer",
            ],
        ),
        (
            Revealed(5, 5, 3, 0, ()),
            4,
            60,
            2,
            [
                "<bold $bright>Batch 3 is answered. <>You and the model agree on 5 of 5; 3 wait for it.",
                "<bold $accent>Q<> the figures  <bold $accent>n<> closes this, so does your next answer",
            ],
        ),
        (
            Revealed(0, 0, 0, 2, ()),
            4,
            60,
            2,
            [
                "<bold $bright>Batch 3 is answered. <>You could not tell 2.",
                "<bold $accent>Q<> the figures  <bold $accent>n<> closes this, so does your next answer",
            ],
        ),
        (
            Revealed(0, 0, 0, 0, ()),
            4,
            60,
            2,
            [
                "<bold $bright>Batch 3 is answered.",
                "<bold $accent>Q<> the figures  <bold $accent>n<> closes this, so does your next answer",
            ],
        ),
    ],
    ids=count(),
)
def test_a_result_says_where_person_and_model_differ(found: Any, more: int, width: int, most: int, wanted: Any) -> None:
    """As many items as there is room for, and what comes next."""
    shown = words.revealed(
        found, 3, ("one", "two", "three " * 12), TASK, more=more, close="n", shows="Q", width=width, most=most
    )
    assert toned_rows(shown.split("\n")) == wanted


# -- settling --------------------------------------------------------------------------------------------------------------


def test_all_that_differs_is_settled_in_one_batch() -> None:
    """But what this person's own batch hides."""
    audit: Any = SimpleNamespace(
        drawn=[member(1, "1", "0", content="a"), member(5, "1", "1", "0", content="e")], members=(), batches=()
    )
    screen = made(SettleScreen, Noted())
    going = screen.begin_session(audit, "ana", 25)
    assert (going.phase, going.queue, going.batch, sorted(screen._members)) == (Phase.SECOND, [5, 1], 0, [1, 5])
    nothing = screen.begin_session(SimpleNamespace(drawn=[], members=(), batches=()), "ana", 25)
    assert (nothing.phase, nothing.queue, screen._members) == (Phase.DONE, [], {})


def test_how_many_were_settled_is_said_at_the_end() -> None:
    """The figures count them."""
    told: list[str] = []
    screen = bare(
        SettleScreen,
        Noted(),
        _session=Session("ana", 0, Phase.REVEALED, [], [(3, "1"), (4, "0")]),
        _done_words="",
        _turn=lambda: told.append("turns"),
    )
    screen._reveal()
    assert (screen._done_words, told) == ("2 settled. The figures count these decisions.", ["turns"])
    screen._session, screen._done_words = None, ""
    screen._reveal()
    assert (screen._done_words, told) == ("", ["turns", "turns"])


def test_who_said_what_stands_above_an_item_that_is_settled() -> None:
    """Nothing before it was read."""
    long = replace(
        member(3, "m" * 30, "v" * 30), answers=(replace(member(3, "1", "v" * 30).answers[0], annotator="a" * 20),)
    )
    parts = Parts()
    screen = made(
        SettleScreen, Noted(), query_one=parts, asked_task=lambda _: TASK, size=SimpleNamespace(width=80, height=24)
    )
    screen._session, screen._members, screen._emails, screen._audit = session(Phase.SECOND), {3: long}, {3: MAIL}, AUDIT
    screen._draw_frame()
    assert (
        toned(parts.of["#about"].content)
        == "<bold $bright>settle what differs<$quiet> · 0/3 · <bold $waiting>aaaaaaaaaaaaa…: vvvvvvvvvvvvvvvvvvv… · model: mmmmmmmmmmmmmmmmmmm…"
    )
    screen._emails = {}
    screen._draw_frame()
    assert toned(parts.of["#about"].content) == "<bold $bright>settle what differs<$quiet> · 0/3 · <bold $waiting>"
    for state in ({"_session": None}, {"is_mounted": False}):
        untouched = Parts()
        type(screen).query_one = untouched
        for name, value in state.items():
            setattr(type(screen) if name == "is_mounted" else screen, name, value)
        screen._draw_frame()
        assert "#about" not in untouched.of


def test_the_frame_of_a_review_is_drawn_with_each_picture_and_item() -> None:
    """Whether or not its text changed."""
    told: list[str] = []
    parts = Parts()
    pane, text = Part(62), Part()
    pane.query_one = lambda _: text  # type: ignore[method-assign]
    parts.of["#reviewed"] = pane
    screen, _ = reviewing(session(), query_one=parts, _draw_frame=lambda: told.append("frame"))
    screen.show(DATA)
    assert told == ["frame"]
    ReviewScreen._draw(screen)
    assert told == ["frame"] * 2


@pytest.mark.parametrize("width", [42, 62])
def test_header_lines_of_a_review_have_the_width_of_their_pane(width: int) -> None:
    """Two cells are left to a scroll bar."""
    parts = Parts()
    pane, text = Part(width), Part()
    pane.query_one = lambda _: text  # type: ignore[method-assign]
    parts.of["#reviewed"] = pane
    mail = SimpleNamespace(**{**vars(MAIL), "text": f"Subject: {'s' * 90}\n\nhello"})
    screen, _ = reviewing(session(), query_one=parts, _draw_frame=lambda: None, _emails={3: mail})
    ReviewScreen._draw(screen)
    assert len(text.shown.split("\n")[0]) == width - 2


def test_long_names_notes_and_answers_are_cut_in_the_frame() -> None:
    """At 20, 40 and 30 characters."""
    parts = Parts()
    screen, _ = reviewing(
        session(),
        query_one=parts,
        _annotator="a" * 50,
        _note="n" * 50,
        _last="l" * 50,
        size=SimpleNamespace(width=80, height=24),
    )
    screen._draw_frame()
    assert parts.of["#about"].shown.startswith(f"{'a' * 19}… · 200 random · batch 1 · answered 0/3")
    assert parts.of["#answered"].shown == f" last: you said {'l' * 29}… · note: {'n' * 39}…"
    assert parts.of["#batch-result"].display is False


@pytest.mark.parametrize(("width", "subject"), [(80, 38), (50, 8), (30, 8)])
def test_an_item_that_differs_is_one_line_of_a_result(width: int, subject: int) -> None:
    """Both labels in forty characters, its subject in what is left, eight at least."""
    long = replace(TASK, labels=(LabelMeaning("1", "w" * 30, ""), LabelMeaning("0", "p" * 30, "")))
    shown = words.revealed(Revealed(1, 0, 0, 0, ((3, "1", "0"),)), 3, ("s" * 90,), long, more=0, close="n", shows="Q", width=width, most=2)  # fmt: skip
    row = shown.plain.split("\n")[2]
    assert (len(row.split("  ")[0]), len(row.split("  ")[1])) == (40, subject)
