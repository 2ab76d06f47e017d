"""What the screen of quality says at the bounds of its figures, and in which color."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from core.quality.agreement import Agreement, DraftScore
from core.quality.estimates import Estimate, Figures, LabelFigures
from tests.tui.conftest import toned, toned_rows
from tui.actions import active  # noqa: F401 - it names the keys
from tui.text import quality

FEW = Estimate(0.5, 0.1, 0.9, 4, few=True, more=30)
SURE = Estimate(0.93, 0.904, 0.943, 90)


def label(value: str, raw: float, share: float | None = None, **more: Any) -> LabelFigures:
    """Figures of a label; ``share`` is the corrected one, from 0.02 below to 0.02 above."""
    estimate = None if share is None else Estimate(share, share - 0.02, share + 0.02, 90)
    known: dict[str, Any] = {"precision": None, "recall": None, "over_reporting": None, **more}
    return LabelFigures(value, raw, estimate, known["precision"], known["recall"], known["over_reporting"], 9)


def known(*labels: LabelFigures, accuracy: Estimate | None = SURE, **more: Any) -> Any:
    """What is known of a run of 400 labels, 90 of them checked; ``watches``, ``gold`` and names are the audit's."""
    audit = {"simulated": False, "names": {"1": "work"}, "sample": SimpleNamespace(goal=200), "watches": (), "gold": ()}
    audit |= {name: more.pop(name) for name in list(more) if name in audit}
    usual = {
        "figures": Figures(400, 90, accuracy, labels), "audited": 90, "labeled": 400, "splits": 0, "due": 0,
        "cannot_tell": 0, "gate": None, "kappa": Agreement(0.81, 0.6, 0.9, 0.9, 90), "accuracy_with_unsure": None,
        "people": Agreement(None, None, None, 0.0, 0), "confusion": {}, "persons": (), "breakdowns": (), "packs": None,
        "disagreements": lambda: (),
    }  # fmt: skip
    return SimpleNamespace(**usual | more, audit=SimpleNamespace(**audit))


def watch(name: str, state: str, sentence: str = "steady") -> dict[str, Any]:
    """A watch as the audit holds it."""
    return {"name": name, "state": state, "sentence": sentence}


RARE = label("1", 0.1, 0.1, recall=FEW, precision=SURE, over_reporting=Estimate(1.57, 0.9, 2.8, 9, few=True))
OFTEN = label("0", 0.9, 0.9, recall=SURE, precision=FEW, over_reporting=Estimate(1.1, 0.9, 1.3, 90))
NEXT = SimpleNamespace(shares={"1": 30, "0": 60, "a": 5, "b": 4, "c": 1}, total=100, repeated=3, mistakes=7)
DOUBTED = tuple(SimpleNamespace(margin=margin) for margin in (0.4, 0.0, 0.1, -0.2))


@pytest.mark.parametrize(
    ("found", "width", "wanted"),
    [
        (known(RARE, OFTEN), 80, [
            "<$quiet>             model   corrected         recall            precision",
            "<$foreground>1 work       <$foreground>10.0 %  <bold $bright>10.0  8.0–12.0    <$quiet>50.0  10.0–90.0   <bold $bright>93.0  90.4–94.3",
            "<$foreground>0            <$foreground>90.0 %  <bold $bright>90.0  88.0–92.0   <bold $bright>93.0  90.4–94.3   <$quiet>50.0  10.0–90.0",
            "<$foreground>accuracy     <bold $bright>93.0  90.4–94.3   <$quiet> κ <>0.81  0.60–0.90",
            "<$foreground>1 work       <$quiet>over-reported × <$quiet>1.57  0.90–2.80",
        ]),
        (known(RARE, OFTEN, simulated=True, kappa=Agreement(None, None, None, 0.0, 0)), 40, [
            "<$waiting>Simulated: the model slips now and then…",
            "<$quiet>             model   corrected         recall            precision",
            "<$foreground>1 work       <$foreground>10.0 %  <bold $bright>10.0  8.0–12.0    <$quiet>50.0  10.0–90.0   <bold $bright>93.0  90.4–94.3",
            "<$foreground>0            <$foreground>90.0 %  <bold $bright>90.0  88.0–92.0   <bold $bright>93.0  90.4–94.3   <$quiet>50.0  10.0–90.0",
            "<$foreground>accuracy     <bold $bright>93.0  90.4–94.3   <$quiet> κ <>not defined",
            "<$foreground>1 work       <$quiet>over-reported × <$quiet>1.57  0.90–2.80",
        ]),
        (known(label("a-label-that-is-long", 0.2, 0.2, over_reporting=SURE), label("b", 0.1, None, over_reporting=SURE), label("c", 0.3, 0.19, over_reporting=SURE), accuracy=None), 80, [
            "<$quiet>             model   corrected         recall            precision",
            "<$foreground>a-label-tha… <$foreground>20.0 %  <bold $bright>20.0  18.0–22.0   <$quiet>—                 <$quiet>—",
            "<$foreground>b            <$foreground>10.0 %  <$quiet>—                 <$quiet>—                 <$quiet>—",
            "<$foreground>c            <$foreground>30.0 %  <bold $bright>19.0  17.0–21.0   <$quiet>—                 <$quiet>—",
            "<$foreground>accuracy     <$quiet>—                 <$quiet> κ <>0.81  0.60–0.90",
            "<$foreground>c            <$quiet>over-reported × <bold $bright>0.93  0.90–0.94",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_figures_stand_in_columns(found: Any, width: Any, wanted: Any) -> None:
    """A label below a fifth is said to be over-reported; what is corrected for too few is quiet."""
    assert toned_rows(quality._figures(found, width)) == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (30, ""),
        (31, "and 1 more label, given less often"),
        (1_030, "and 1,000 more labels, given less often"),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_that_are_not_listed_are_counted(size: Any, wanted: Any) -> None:
    """From the thirty-first on."""
    assert quality.not_shown(known(*(label(str(n), 0.01) for n in range(size)))) == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (30, [
            "29           1.0 %   —                 —                 —",
            "accuracy     93.0  90.4–94.3    κ 0.81  0.60–0.90",
        ]),
        (31, [
            "29           1.0 %   —                 —                 —", "and 1 more label, given less often",
            "accuracy     93.0  90.4–94.3    κ 0.81  0.60–0.90",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_figures_of_labels_that_are_not_listed_are_said_below(size: Any, wanted: Any) -> None:
    """The thirty that were given most are listed."""
    assert [row.plain.rstrip() for row in quality._figures(known(*(label(str(n), 0.01) for n in range(size))), 80)][
        30:
    ] == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (known(RARE, OFTEN), [
            "90 of 400 checked; the sample's goal is 200.",
            "Recall of 1 work is wide: about 30 more random items bring it to ± 10 points.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(RARE, audited=371), [
            "371 of 400 checked; the sample's goal is 200.",
            "Recall of 1 work is wide: only all items bring it to ± 10 points.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(RARE, audited=370), [
            "370 of 400 checked; the sample's goal is 200.",
            "Recall of 1 work is wide: only all items bring it to ± 10 points.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(label("1", 0.1, None, recall=FEW, precision=FEW)), [
            "90 of 400 checked; the sample's goal is 200.", "Precision of 1 work is wide: t samples more of it.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(label("1", 0.2, 0.2, recall=SURE, precision=FEW)), [
            "90 of 400 checked; the sample's goal is 200.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(label("1", 0.1, 0.1, recall=replace(FEW, more=0), precision=SURE)), [
            "90 of 400 checked; the sample's goal is 200.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(RARE, gate=100, due=1), [
            "90 of 400 checked; the sample's goal is 200.", "1 item waits for a person: figures are provisional.",
            "Recall of 1 work is wide: about 30 more random items bring it to ± 10 points.",
            "Accuracy above 90 % was shown at 100 checked.",
        ]),
        (known(due=2, cannot_tell=1, accuracy_with_unsure=(0.9, 0.95)), [
            "90 of 400 checked; the sample's goal is 200.",
            "1 that nobody could tell is left out: accuracy is 90 % if the model is wrong on it, 95 % if right.",
            "2 items wait for a person: figures are provisional.",
            "Accuracy above 90 % is not shown yet (looks at 100, 200, 400).",
        ]),
        (known(label("1", 0.1), label("0", 0.2), label("2", 0.0), audited=0), [
            "0 of 400 checked; the sample's goal is 200.", "r begins: blind, one key a label, 25 at a time.",
            "1 is rare: its recall needs 100 random items or more.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_it_is_said_what_would_make_figures_better(found: Any, wanted: Any) -> None:
    """Until every item is checked; a label of at least a fifth is not rare."""
    assert [row.plain for row in quality._advice(found, 100)] == wanted


@pytest.mark.parametrize(
    ("sentence", "width", "wanted"),
    [
        ("word " * 12, 10, ["word word word word word word word word", "word word word word"]),
        ("word " * 12, 50, ["word word word word word word word word word word", "word word"]),
        ("word " * 60, 41, [
            "word word word word word word word word", "word word word word word word word word",
            "word word word word word word word word", "word word word word word word word word", "wor…",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_advice_is_wrapped(sentence: Any, width: Any, wanted: Any) -> None:
    """In forty cells at least; a sentence of more than four lines is cut."""
    assert [row.plain for row in quality._wrapped([sentence], width)] == wanted


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ((), []),
        ((label("0", 0.0),), []),
        ((label("1", 0.3), label("0", 0.7)), [
            [""], ["What it takes to know: random items that people label"],
            ["                          recall ± 10   precision ± 10   share ± 2.5"],
            ["1 work                    ", " 89      ", " 170        ", " 440"],
            ["0                         ", " 22      ", " 73         ", " 890"],
            ["For a model that finds 9 of 10 of a label, and is right in 8 of 10."],
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_goals_are_told_before_anybody_checked(labels: Any, wanted: Any) -> None:
    """Of the six rarest labels that were given at all, each to two digits."""
    assert [row.plain.split("about") for row in quality._goals(known(*labels, labeled=5_031, audited=0), 80)] == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (6, ["5", "4", "3", "2", "1 work", "0"]),
        (7, ["6", "5", "4", "3", "2", "1 work"]),
    ],
    ids=count(),
)  # fmt: skip
def test_goals_are_of_the_rarest_labels(size: Any, wanted: Any) -> None:
    """Six of them."""
    assert [name for name, _ in quality.goals(known(*(label(str(n), 0.3 - n / 100) for n in range(size))))] == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (known(), ["", "<bold $accent>People"]),
        (known(splits=1, persons=(SimpleNamespace(name="ana", answers=1, median_s=4.4, changed=1, second_looks=12, cannot_tell=2), SimpleNamespace(name="bo", answers=2, median_s=60.5, changed=0, second_looks=0, cannot_tell=0))), [
            "", "<bold $accent>People",
            "<$foreground>ana            <>1 answer, median 4 s, 1 of 12 second looks changed<$quiet>, 2 cannot tell",
            "<$foreground>bo             <>2 answers, median 60 s, 0 of 0 second looks changed<$quiet>",
            "<$waiting>1 item is split among people.",
        ]),
        (known(splits=2, people=Agreement(0.8, 0.6, 0.9, 0.9, 20)), [
            "", "<bold $accent>People", "<>20 shared: agree 90 %, α 0.80 (0.60–0.90)",
            "<$waiting>2 items are split among people.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_people_are_told_one_by_one(found: Any, wanted: Any) -> None:
    """What nobody could tell is quiet; what is split is marked."""
    assert toned_rows(quality._people(found)) == wanted


@pytest.mark.parametrize(
    ("size", "ruled", "wanted"),
    [
        (0, False, []),
        (1, False, [
            "", "<bold $accent>Where model and people differ",
            "<$foreground>On 1 item: e reads them; enter reads those behind any figure.",
        ]),
        (2, True, [
            "", "<bold $accent>Where model and people differ", "<$waiting>The model says 1 work, people 0: 1 text.",
            "<$waiting>Nothing sets these texts apart yet from those it read", "<$waiting>rightly; more reviews may.",
            "<$foreground>On 2 items: e reads them; enter reads those behind any figure.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_where_model_and_people_differ_it_is_said_how_to_read_it(size: Any, ruled: Any, wanted: Any) -> None:
    """One item or several, and a rule where there is one."""
    assert (
        toned_rows(
            quality._differing(
                known(disagreements=lambda: (1,) * size),
                SimpleNamespace(model="1", person="0", misread=1, marks=()) if ruled else None,
                60,
            )
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("pairs", "wanted"),
    [
        ((("1", None),), [
            "", "<bold $accent>Labels from elsewhere, never mixed with the sample",
            "<$quiet>an older file of labels <>labels from elsewhere: none compared",
        ]),
        ((("1", "1"), ("0", "1"), ("1", None)), [
            "", "<bold $accent>Labels from elsewhere, never mixed with the sample",
            "<$quiet>an older file of labels <>labels from elsewhere: 50.0% of 2 agree",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_from_elsewhere_stand_apart(pairs: Any, wanted: Any) -> None:
    """None compared where the model labeled none of them."""
    assert (
        toned_rows(quality._gold(known(gold=(SimpleNamespace(name="an older file of labels", pairs=pairs),)))) == wanted
    )


@pytest.mark.parametrize(
    ("watches", "wanted"),
    [
        ((), []),
        ((watch("a", "steady"),), []),
        ((watch("shares", "alarm", "0: 40 of the last 60 labels, which is much"), watch("b", "steady"), watch("c", "alarm")), [
            "<bold $failed>! shares: 0: 40 of the last 60 labels, …", "<bold $failed>! c: steady",
            "<$waiting>a reads what is behind it, p pauses or resumes, R re-labels, d dismisses", "",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_alarms_stand_on_top_with_the_keys_that_answer_them(watches: Any, wanted: Any) -> None:
    """Nothing stands there without any."""
    assert toned_rows(quality._alarms(known(watches=watches), 40)) == wanted


@pytest.mark.parametrize(
    ("state", "width", "wanted"),
    [
        ("alarm", 80, ["<bold $failed>! <bold $failed>shares            <$foreground>one two three four five"]),
        ("steady", 80, ["<$done>✓ <$foreground>shares            <$foreground>one two three four five"]),
        ("arming", 80, ["<$quiet>· <$foreground>shares            <$foreground>one two three four five"]),
        ("off", 80, ["<$quiet>· <$foreground>shares            <$foreground>one two three four five"]),
        ("else", 80, ["<$quiet>· <$foreground>shares            <$foreground>one two three four five"]),
        ("steady", 43, ["<$done>✓ <$foreground>shares            <$foreground>one two three four f…"]),
        ("steady", 20, ["<$done>✓ <$foreground>shares            <$foreground>one two three four …"]),
    ],
    ids=count(),
)  # fmt: skip
def test_watches_are_marked_by_their_state(state: Any, width: Any, wanted: Any) -> None:
    """An alarm is red, also its name."""
    assert (
        toned_rows(quality._watches(known(watches=(watch("shares", state, "one two three four five"),)), width))[2:]
        == wanted
    )


@pytest.mark.parametrize(
    ("student", "training", "wanted"),
    [
        (None, True, ["<$quiet>training …"]),
        (None, False, ["<$quiet>too few labels to train on"]),
        ((NEXT, DOUBTED), False, [
            "<>It would call 60.0 % 0, 30.0 % 1 work, 5.0 % a, 4.0 % b; it repeats 3 of 7 known mistakes.",
            "<$quiet>It doubts 2 labels: E reads the most doubtful.",
        ]),
        ((SimpleNamespace(shares={"1": 1}, total=1, repeated=0, mistakes=0), DOUBTED[1:2]), False, [
            "<>It would call 100.0 % 1 work.",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_next_generation_is_told_as_far_as_it_is_trained(student: Any, training: Any, wanted: Any) -> None:
    """Four labels, the most frequent first; doubts of which the margin is above zero."""
    assert toned_rows(quality._next(student, known(), training=training))[2:] == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (None, "against people: none of these was reviewed (r on the monitor reviews a random sample)"),
        (DraftScore(40, 38, 0.83, 0.99, None, 0, 0, 1.0), "against people: 38 of 40 right (95 %, 83–99)"),
        (DraftScore(1_200, 1_100, 0.9, 0.93, 0.812, 3, 1, 0.625), "against people: 1,100 of 1,200 right (92 %, 90–93), κ 0.81\n  than the present version better on 3, worse on 1 (McNemar p = 0.62)"),
        (DraftScore(40, 38, 0.83, 0.99, 0.8, 0, 2, 0.5), "against people: 38 of 40 right (95 %, 83–99), κ 0.80\n  than the present version better on 0, worse on 2 (McNemar p = 0.5)"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_draft_is_compared_with_people(found: Any, wanted: Any) -> None:
    """With the present version where it differs from it."""
    assert quality.scored(found) == wanted


@pytest.mark.parametrize(
    ("found", "width", "alarms", "wanted"),
    [
        (known(RARE, OFTEN), 100, (), "<$foreground>checked 90 of 400<$quiet> · <bold $bright>93 % (90–94) agree<$quiet> · <bold $bright>work 10 % (8–12)<$quiet> · <$accent>Q shows more"),
        (known(replace(RARE, share=FEW), OFTEN, accuracy=FEW, due=1_200), 100, (), "<$foreground>checked 90 of 400<$quiet> · <$quiet>50 % (10–90) agree<$quiet> · <$quiet>work 50 % (10–90)<$quiet> · <$accent>r 1,200 more"),
        (known(label("2", 0.1), OFTEN, splits=1_200), 100, (), "<$foreground>checked 90 of 400<$quiet> · <bold $bright>93 % (90–94) agree<$quiet> · <$waiting>1,200 split: Q"),
        (known(label("a-label-that-is-long", 0.1, 0.1)), 100, (), "<$foreground>checked 90 of 400<$quiet> · <bold $bright>93 % (90–94) agree<$quiet> · <bold $bright>a-label-tha… 10 % (8–12)<$quiet> · <$accent>Q shows more"),
        (known(), 100, (), "<$foreground>checked 90 of 400<$quiet> · <bold $bright>93 % (90–94) agree<$quiet> · <$accent>Q shows more"),
        (None, 49, (), "<$waiting>checked by nobody · <$foreground>r"),
        (known(RARE), 60, ("a sentence that is far too long for its line " * 2, "b"), "<bold $failed>! a sentence that is far too long… and 1 more · <$accent>Q answers it"),
        (known(RARE), 20, ("a sentence that is far too long for its line",), "<bold $failed>! a sentence … · <$accent>Q answers it"),
    ],
    ids=count(),
)  # fmt: skip
def test_what_people_checked_has_its_tone(found: Any, width: Any, alarms: Any, wanted: Any) -> None:
    """Quiet where it rests on too few; an alarm is red and leaves its keys room."""
    assert toned(quality.checked(found, width, alarms)) == wanted


@pytest.mark.parametrize(
    ("audited", "wanted"),
    [
        (0, [
            "What it takes to know: random items that people label", "Watches · 1 false alarm in 100 runs",
            "Next generation: a student trained on these labels, judged out of fold",
        ]),
        (90, [
            "Checked: model against people", "People", "Watches · 1 false alarm in 100 runs",
            "Next generation: a student trained on these labels, judged out of fold",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_screen_of_figures_has_its_parts_in_order(audited: Any, wanted: Any) -> None:
    """Goals before anybody checked, else what was found."""
    assert [
        row.plain
        for row in quality.lines(
            known(RARE, OFTEN, audited=audited, confusion={"1": {"1": 3}}), 80, None, training=False
        )
        if row.spans and row.spans[0].style == "bold $accent"
    ] == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (5, [
            "            accuracy            corrected shares",
            "A rrrrrrrrrrrrrrrrrrrrrrrrrrrrr… · mmmmmmmmmmmmmmmmmmmmmmmmmmmmm… · 12345678",
            "            93.0  90.4–94.3      00000000000… 10.0 (8.0–12.0)  11111111111… 10.0 (8.0–12.0)  22222222222… 10.0 (8.0–12.0)  33333333333… 10.0 (8.0–12.0)",
            "B b · m · v", "            50.0  10.0–90.0", "", "They differ on 1 of 3 shared (33.3 %)",
            "A 14 · B xxxxxxxxxxxxxxx…: 14", "A 13 · B xxxxxxxxxxxxxxx…: 13", "A 12 · B xxxxxxxxxxxxxxx…: 12",
            "A 11 · B xxxxxxxxxxxxxxx…: 11", "A 10 · B xxxxxxxxxxxxxxx…: 10", "A 9 · B xxxxxxxxxxxxxxx…: 9",
            "A 8 · B xxxxxxxxxxxxxxx…: 8", "A 7 · B xxxxxxxxxxxxxxx…: 7", "A 6 · B xxxxxxxxxxxxxxx…: 6",
            "A 5 · B xxxxxxxxxxxxxxx…: 5", "A 4 · B xxxxxxxxxxxxxxx…: 4", "A 3 · B xxxxxxxxxxxxxxx…: 3",
            "Of 4 that people labeled, A is right on 1, B on 3 (McNemar p = 0.5).",
            "A is more accurate by +50.0 points (+10.0 to +90.0).", "", "Items that differ",
            "#1 A 1 · B 0 · person 0                      mmmmmmmmmmmmm…",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_sides_of_a_comparison_show_four_labels(size: Any, wanted: Any) -> None:
    """With the share that is corrected, or that it is not."""
    assert [
        row.plain.rstrip()
        for row in quality.compared(
            SimpleNamespace(
                a=SimpleNamespace(
                    run="r" * 31,
                    model="m" * 31,
                    version="123456789",
                    figures=known(*(label(str(n) * 13, 0.1, 0.1) for n in range(size))).figures,
                ),
                b=SimpleNamespace(run="b", model="m", version="v", figures=known(accuracy=FEW).figures),
                shared=3,
                flips={(str(n), "x" * 17): n for n in range(size * 3)},
                difference=SimpleNamespace(differing=1, estimate=FEW, audited=4, a_right=1, b_right=3, p_value=0.5),
                differing=((1, "m" * 60, "1", "0", "0"),),
            ),
            60,
        )
    ] == wanted


LONG = "x" * 60


@pytest.mark.parametrize(
    ("width", "place", "person", "source", "wanted"),
    [
        (
            80,
            1,
            None,
            LONG,
            "<$foreground>#1 A 1 · B 0 · person —                      <$quiet>xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…",
        ),
        (56, 1, "1", LONG, "<$foreground>#1 A 1 · B 0 · person 1                      <$quiet>xxxxxxxxx…"),
        (40, 1, "1", LONG, "<$foreground>#1 A 1 · B 0 · person 1                      <$quiet>xxxxxxxxx…"),
        (
            80,
            1_234_567_890,
            "a long label",
            "id",
            "<$foreground>#1234567890 A 1 · B 0 · person a long label  <$quiet>id",
        ),
    ],
    ids=count(),
)
def test_an_item_that_differs_is_a_line_of_its_width(
    width: int, place: int, person: Any, source: str, wanted: Any
) -> None:
    """Its id has what is left beside 45 cells, ten at least."""
    side = SimpleNamespace(
        run=LONG,
        model=LONG,
        version="v" * 20,
        figures=Figures(1, 0, None, tuple(label(f"{n}" * 20, 0.1, 0.1) for n in range(5))),
    )
    found = SimpleNamespace(
        a=side, b=side, shared=1, flips={(f"{n:020}", LONG): n for n in range(14)}, differing=((place, source, "1", "0", person),),
        difference=SimpleNamespace(differing=1, estimate=None, audited=0, a_right=0, b_right=0, p_value=1.0),
    )  # fmt: skip
    rows = quality.compared(found, width)  # type: ignore[arg-type]
    assert toned(rows[-1]) == wanted
    assert [row.plain for row in rows[1:3]] == [
        f"A {'x' * 29}… · {'x' * 29}… · vvvvvvvv",
        "            —                    00000000000… 10.0 (8.0–12.0)  11111111111… 10.0 (8.0–12.0)  22222222222… 10.0 (8.0–12.0)  33333333333… 10.0 (8.0–12.0)",
    ]
    flips = [row.plain for row in rows if row.plain.startswith("A 0")]
    assert (len(flips), flips[0], flips[-1]) == (
        12,
        "A 000000000000000… · B xxxxxxxxxxxxxxx…: 13",
        "A 000000000000000… · B xxxxxxxxxxxxxxx…: 2",
    )


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (
            80,
            [
                "",
                "<bold $accent>Parts of the run, of the sample drawn at one rate",
                "<$quiet>length of the text: 0 xxxx… <$foreground>1,200 checked, 93 % (90–94) agree",
                "<$quiet>length of the text: 1 xxxx… <$foreground>1,200 checked, 93 % (90–94) agree",
                "",
                "<bold $accent>Watches · 1 false alarm in 100 runs",
                "<bold $failed>! <bold $failed>wwwwwwwwwwwwwwwww…<$foreground>word word word word word word word word word word word wo…",
                "<$quiet>· <$foreground>shares            <$foreground>steady",
                "<$quiet>· <$foreground>x                 <$foreground>steady",
                "<bold $failed>! wwwwwwwwwwwwwwwwwwwwwwwwwwwwww: word word word word word word word word word …",
            ],
        ),
        (
            48,
            [
                "",
                "<bold $accent>Parts of the run, of the sample drawn at one rate",
                "<$quiet>length of the text: 0 xxxx… <$foreground>1,200 checked, 93 %…",
                "<$quiet>length of the text: 1 xxxx… <$foreground>1,200 checked, 93 %…",
                "",
                "<bold $accent>Watches · 1 false alarm in 100 runs",
                "<bold $failed>! <bold $failed>wwwwwwwwwwwwwwwww…<$foreground>word word word word word …",
                "<$quiet>· <$foreground>shares            <$foreground>steady",
                "<$quiet>· <$foreground>x                 <$foreground>steady",
                "<bold $failed>! wwwwwwwwwwwwwwwwwwwwwwwwwwwwww: word word wor…",
            ],
        ),
        (
            30,
            [
                "",
                "<bold $accent>Parts of the run, of the sample drawn at one rate",
                "<$quiet>length of the text: 0 xxxx… <$foreground>1,200 checked, 93 %…",
                "<$quiet>length of the text: 1 xxxx… <$foreground>1,200 checked, 93 %…",
                "",
                "<bold $accent>Watches · 1 false alarm in 100 runs",
                "<bold $failed>! <bold $failed>wwwwwwwwwwwwwwwww…<$foreground>word word word word…",
                "<$quiet>· <$foreground>shares            <$foreground>steady",
                "<$quiet>· <$foreground>x                 <$foreground>steady",
                "<bold $failed>! wwwwwwwwwwwwwwwwwwwwwwwwwww…",
            ],
        ),
    ],
    ids=count(),
)
def test_parts_and_watches_take_what_is_left_of_their_lines(width: int, wanted: Any) -> None:
    """Names in columns of their own; twenty cells at least for the sentence."""
    parts = tuple(
        SimpleNamespace(by="length of the text", name=f"{n} {LONG}", audited=1_200, accuracy=SURE) for n in range(2)
    )
    told = known(
        breakdowns=parts,
        watches=(watch("w" * 30, "alarm", "word " * 20), watch("shares", "arming"), watch("x", "unknown")),
    )
    rows = toned_rows([*quality._parts(told, width), *quality._watches(told, width), *quality._alarms(told, width)[:1]])
    assert rows == wanted


@pytest.mark.parametrize(
    ("found", "wanted"),
    [
        (None, "against people: none of these was reviewed (r on the monitor reviews a random sample)"),
        (
            DraftScore(20, 18, 0.7, 0.97, 0.82, 3, 1, 0.625),
            "against people: 18 of 20 right (90 %, 70–97), κ 0.82\n  than the present version better on 3, worse on 1 (McNemar p = 0.62)",
        ),
        (DraftScore(20, 18, 0.7, 0.97, None, 0, 0, 1.0), "against people: 18 of 20 right (90 %, 70–97)"),
        (
            DraftScore(20, 18, 0.7, 0.97, 0.82, 0, 1, 1.0),
            "against people: 18 of 20 right (90 %, 70–97), κ 0.82\n  than the present version better on 0, worse on 1 (McNemar p = 1)",
        ),
    ],
    ids=count(),
)
def test_a_draft_is_compared_with_people_in_a_sentence(found: Any, wanted: str) -> None:
    """And with the present version where they differ."""
    assert quality.scored(found) == wanted


@pytest.mark.parametrize(
    ("student", "training", "wanted"),
    [
        (None, True, ["<$quiet>training …"]),
        (None, False, ["<$quiet>too few labels to train on"]),
        (
            (NEXT, DOUBTED),
            False,
            [
                "<>It would call 60.0 % 0, 30.0 % 1 work, 5.0 % a, 4.0 % b; it repeats 3 of 7 known mistakes.",
                "<$quiet>It doubts 2 labels: E reads the most doubtful.",
            ],
        ),
        (
            (SimpleNamespace(shares={"x" * 30: 1}, total=3, repeated=0, mistakes=0), ()),
            False,
            ["<>It would call 33.3 % xxxxxxxxxxxxxxx…."],
        ),
    ],
    ids=count(),
)
def test_what_a_student_would_call_is_told(student: Any, training: bool, wanted: Any) -> None:
    """Its four most frequent labels, and what it doubts."""
    assert toned_rows(quality._next(student, known(), training=training))[2:] == wanted


@pytest.mark.parametrize(
    ("alarms", "width", "wanted"),
    [
        (("a" * 90,), 40, "<bold $failed>! aaaaaaaaaaaaaaaaaaaaaa… · <$accent>Q answers it"),
        (("a" * 90, "b"), 10, "<bold $failed>! aaaaaaaaaaa… and 1 more · <$accent>Q answers it"),
        (
            ("a" * 90,),
            90,
            "<bold $failed>! aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… · <$accent>Q answers it",
        ),
    ],
    ids=count(),
)
def test_an_alarm_takes_the_line_of_what_people_checked(alarms: Any, width: int, wanted: str) -> None:
    """With the key that answers it; twelve cells of it at least."""
    assert toned(quality.checked(None, width, alarms)) == wanted


def test_rare_labels_and_long_names_are_cut_in_the_line_of_what_was_checked() -> None:
    """At twelve cells."""
    shown = known(label("1", 0.3, 0.3), label("y" * 20, 0.1, 0.1), names={})
    assert (
        quality.checked(shown, 200).plain
        == "checked 90 of 400 · 93 % (90–94) agree · yyyyyyyyyyy… 10 % (8–12) · Q shows more"
    )
    few = known(label("1", 0.3, None), accuracy=FEW)
    assert (
        toned(quality.checked(few, 200))
        == "<$foreground>checked 90 of 400<$quiet> · <$quiet>50 % (10–90) agree<$quiet> · <$accent>Q shows more"
    )


@pytest.mark.parametrize(
    ("audited", "wanted"),
    [
        (
            0,
            [
                "What it takes to know: random items that people label",
                "Labels from elsewhere, never mixed with the sample",
                "Watches · 1 false alarm in 100 runs",
                "Next generation: a student trained on these labels, judged out of fold",
            ],
        ),
        (
            90,
            [
                "Where model and people differ",
                "Checked: model against people",
                "People",
                "Parts of the run, of the sample drawn at one rate",
                "Labels from elsewhere, never mixed with the sample",
                "Watches · 1 false alarm in 100 runs",
                "Next generation: a student trained on these labels, judged out of fold",
            ],
        ),
    ],
)
def test_the_parts_of_the_figures_stand_in_this_order(audited: int, wanted: Any) -> None:
    """What it takes to know before anybody checked, people and mistakes afterwards."""
    found = known(
        RARE, OFTEN, audited=audited, watches=(watch("shares", "alarm"),), gold=(SimpleNamespace(name="older", pairs=(("1", "1"),)),), disagreements=lambda: (1,), labeled=5_000,
        breakdowns=tuple(SimpleNamespace(by="length", name=str(n), audited=9, accuracy=SURE) for n in range(2)), confusion={"1": {"1": 1}},
    )  # fmt: skip
    rows = toned_rows(quality.lines(found, 80, None, rule=None, training=True))
    assert [row.removeprefix("<bold $accent>") for row in rows if row.startswith("<bold $accent>")] == wanted
    assert rows[0].startswith("<bold $failed>! shares")


@pytest.mark.parametrize(("few", "tone"), [(True, "$quiet"), (False, "bold $bright")])
def test_a_difference_of_few_items_is_quiet(few: bool, tone: str) -> None:
    """Which side is more accurate stands out where enough were labeled."""
    side = SimpleNamespace(run="a", model="m", version="v1", figures=Figures(1, 0, None, ()))
    points = Estimate(0.02, -0.01, 0.05, 12, few=few)
    difference = SimpleNamespace(differing=1, estimate=points, audited=12, a_right=8, b_right=4, p_value=0.0312)
    found = SimpleNamespace(a=side, b=side, shared=10, flips={}, differing=(), difference=difference)
    assert toned(quality.compared(found, 80)[-1]) == f"<{tone}>A is more accurate by +2.0 points (-1.0 to +5.0)."  # type: ignore[arg-type]
