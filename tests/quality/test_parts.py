"""Parts of a run, what is behind figures, and what a batch keeps to itself until it is over; pure."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from html import escape
from types import SimpleNamespace

import pytest

from core.quality import report
from core.quality.audit import Answer, Audit, Batch, Member, _changed, judge
from core.quality.estimates import Estimate
from core.quality.sampling import Sample
from core.quality.session import Phase, Session, begin, held_back


def member(number: int, label: str, person: str | None, **fields: object) -> Member:
    answers = () if person is None else (Answer(number, number, "anna", "first", person, 4.0, 1, 0.0),)
    kept = {"u": number / 1000, "position": number, "content": str(number), "key": "main", **fields}
    return Member(number, model_label=label, answers=answers, **kept)  # type: ignore[arg-type]


def audit(members: list[Member], *, rate: float = 0.5, batches: tuple[Batch, ...] = ()) -> Audit:
    by_model = {label: 20 * count for label, count in Counter(m.model_label or "" for m in members).items()}
    sample = Sample(1, "random", 7, 100, rate, {"0": 1.0})
    names = {"1": "work", "0": "personal"}
    return Audit(
        "mail", "version-2", "m", ("1", "0"), names, 400, by_model, sample, started=True, members=tuple(members),
        batches=batches,
    )  # fmt: skip


def test_each_part_of_a_run_has_its_own_figure() -> None:
    """Re-asked, half, key, model and version are judged apart, each with an interval and how many more tell."""
    members = [
        member(number, "1", "0" if number % 20 == 0 else "1", reasked=number < 4, key="main" if number < 60 else "lab",
               model="m-2024" if number < 30 else "m-2025", position=4 * number, older=(("version-1", "1"),))
        for number in range(100)
    ]  # fmt: skip
    parts = {(part.by, part.name): part for part in judge(audit(members)).breakdowns}
    assert parts["re-asked", "yes"].audited == 4
    assert parts["re-asked", "no"].audited == 96
    assert (parts["key", "main"].audited, parts["key", "main"].agree) == (60, 57)
    assert (parts["model", "m-2025"].audited, parts["half of the run", "second"].audited) == (70, 50)
    assert (parts["version", "version-1"].agree, parts["version", "version-2"].agree) == (95, 95)
    few, many = parts["re-asked", "yes"].accuracy, parts["re-asked", "no"].accuracy
    assert few is not None
    assert few.few
    assert few.more > 100, "only 4 of 100 random emails fall into this part"
    assert many is not None
    assert not many.few
    assert many.more == 0
    assert parts["key", "main"].emails[:3] == (0, 20, 40), "those that differ come first"


def test_twelve_parts_of_a_kind_are_shown_those_with_most_audited_first() -> None:
    """Of equal ones those whose names come first."""
    members = [member(number, "1", "1", key=f"key-{number % 14:02}") for number in range(14 * 3 + 2)]
    shown = [(part.name, part.audited) for part in judge(audit(members)).breakdowns if part.by == "key"]
    assert shown == [("key-00", 4), ("key-01", 4), *((f"key-{number:02}", 3) for number in range(2, 12))]


def test_a_half_of_the_run_is_told_from_the_other() -> None:
    """By the place of each email: 26 audited ones before the middle, 9 from there on; what is left bounds the rest."""
    members = [member(number, "1", "1", position=number if number < 26 else 200 + number - 26) for number in range(35)]
    members += [member(number, "1", None) for number in range(35, 40)]
    found = judge(replace(audit(members), by_model={"1": 37}))
    parts = {part.name: part for part in found.breakdowns if part.by == "half of the run"}
    assert {name: part.audited for name, part in parts.items()} == {"first": 26, "second": 9}
    assert parts["second"].accuracy is not None
    assert parts["second"].accuracy.more == 2, "37 labels of the model, of which people have seen 35"


def test_a_second_look_that_differs_from_the_first_is_behind_a_figure() -> None:
    """Of each person alone: an equal one, and one of somebody else, are no change."""

    def looked(number: int, *looks: tuple[str, str, str]) -> Member:
        answers = (
            Answer(n, number, who, kind, value, 4.0, 1, 0.0) for n, (who, kind, value) in enumerate(looks, number * 9)
        )
        return replace(member(number, "1", None), answers=tuple(answers))

    members = [
        looked(1, ("anna", "first", "1"), ("anna", "second", "0")),
        looked(2, ("anna", "first", "1"), ("anna", "second", "1")),
        looked(3, ("anna", "first", "1"), ("bert", "second", "0")),
        looked(4, ("anna", "first", "1"), ("bert", "first", "0")),
        looked(5, ("anna", "first", "0"), ("bert", "first", "0"), ("bert", "second", "1")),
    ]
    assert [each.email_id for each in members if _changed(each)] == [1, 5]


def test_a_top_up_does_not_shift_the_parts() -> None:
    """Emails that were drawn for their rare label alone are in the figures, where they are weighted, but in no part."""
    members = [member(number, "1", "1") for number in range(40)]
    members += [member(600 + number, "0", "1", position=number) for number in range(30)]
    quality = judge(audit(members))
    assert quality.audited == 70
    assert {part.audited for part in quality.breakdowns if part.by == "key"} == {40}


def test_what_nobody_could_tell_is_told_as_a_range_where_it_matters() -> None:
    """Ten of a hundred that nobody could tell may all be wrong or right; two of a hundred are left out silently."""

    def unsure(number: int) -> Member:
        told = Answer(number, number, "anna", "first", None, 4.0, 1, 0.0)
        return replace(member(number, "1", None), answers=(told,))

    right = [member(number, "1", "1") for number in range(90)]
    found = judge(audit([*right, *(unsure(number) for number in range(90, 100))]))
    assert found.accuracy_with_unsure == (0.9, 1.0)
    assert judge(audit([*right[:98], *(unsure(number) for number in range(98, 99))])).accuracy_with_unsure is None


def test_every_cell_and_part_leads_to_its_emails() -> None:
    """The sets behind figures hold the emails that were counted, mistakes first, and no empty set."""
    members = [member(number, "1", "0" if number < 3 else "1") for number in range(20)]
    behind = dict(judge(audit(members)).behind())
    assert behind["model 1, person 0"] == (0, 1, 2)
    assert len(behind["model 1, person 1"]) == 17
    assert behind["key: main, those that differ first"][:3] == (0, 1, 2)
    assert "cannot tell" not in behind


def test_where_the_model_differs_stays_hidden_until_the_batch_is_over() -> None:
    """Neither disagreements nor sets behind figures hold an item whose second look is not answered."""
    members = [member(number, "1", "0" if number < 3 else "1") for number in range(20)]
    under_way = audit(members)
    hidden = held_back(under_way, "anna")
    assert hidden == set(range(20))
    assert judge(under_way).disagreements(hidden) == ()
    assert not dict(judge(under_way).behind(hidden))
    assert held_back(under_way, "ben") == frozenset(), "another person's figures are open"
    assert held_back(audit(members, batches=(Batch("anna", 1, (0, 1)),)), "anna") == set(range(20))
    assert held_back(audit(members, batches=(Batch("anna", 1, ()),)), "anna") == frozenset(), "nothing came back"


def test_a_batch_whose_second_looks_are_all_given_is_followed_by_the_next() -> None:
    """With one of them missing the annotator goes on with the second looks."""

    def looked(number: int, *again: int) -> Member:
        seconds = tuple(Answer(100 + number, each, "anna", "second", "1", 4.0, 1, 0.0) for each in again)
        return replace(member(number, "1", "1"), answers=(*member(number, "1", "1").answers, *seconds))

    batches = (Batch("anna", 1, (3, 7)),)
    others = [member(number, "1", "1") for number in range(10) if number not in (3, 7)]
    due = [member(number, "1", None) for number in range(10, 40)]
    half = begin(audit([looked(3, 3), looked(7), *others, *due], batches=batches), "anna")
    assert (half.batch, half.phase, half.queue, half.place) == (1, Phase.SECOND, [7], (1, 2))
    whole = begin(audit([looked(3, 3), looked(7, 7), *others, *due], batches=batches), "anna")
    assert (whole.batch, whole.phase, whole.place[0]) == (2, Phase.FIRST, 0)


def test_plots_of_a_report_keep_inside_their_frame() -> None:
    """Each bar of a rate lies between the ends of its axis; that of intervals has a mark at every fifth of the whole."""
    rates = report._rate_plot("Asked again", [(1, 40), (0, 40), (6, 40), (2, 40)], tolerated=0.05)
    dots = [float(x) for x in re.findall(r'class=dot cx="([\d.]+)"', rates)]
    assert dots == [140.0, 300.0, 460.0, 620.0]
    assert "Asked again: 9 of 160; the dashed line is at the 5 % that are tolerated" in rates
    intervals = report._interval_plot([("accuracy", Estimate(0.9, 0.8, 0.96, 50))])
    assert re.findall(r">(\d+) %<", intervals) == ["0", "20", "40", "60", "80", "100"]
    assert 'x1="600.0" x2="680.0"' in intervals


def test_the_report_lists_the_share_that_the_model_gave_each_label() -> None:
    """In percent of all that it labeled, before any correction."""
    quality = judge(audit([member(n, "1" if n < 30 else "0", "1") for n in range(40)]))
    rows = re.findall(r"<tr><td[^>]*>(\S+) (\w+)</td><td[^>]*>([\d.]+ %)</td>", report._figures(quality))
    assert rows == [("1", "work", "75.0 %"), ("0", "personal", "25.0 %")]


def test_an_item_is_shown_while_a_phase_has_one() -> None:
    """In both phases that ask, and where something is left in line."""
    shown = {
        (phase.value, len(queue)): Session("anna", 1, phase, list(queue)).current
        for phase in Phase
        for queue in ((), (7, 8))
    }
    assert {key: item for key, item in shown.items() if item is not None} == {("first", 2): 7, ("second", 2): 7}


def test_the_report_draws_an_interval_for_each_figure_of_a_label() -> None:
    """Share, recall and precision of each; a share over the run for the second label of two; none where nothing is known."""
    members = [member(number, "1" if number < 60 else "0", "1" if number < 58 else "0") for number in range(80)]
    facts = SimpleNamespace(
        slices=[{"1": 9, "0": 1}, {"1": 8, "0": 2}], item="review", reasked=[(1, 10), (0, 10)], canaries=(), total=400
    )
    plots = report._plots(judge(audit(members)), facts)  # type: ignore[arg-type]
    named = re.findall(r'<text x="0" y="\d+">(\w+ of \w+)</text>', plots)
    assert named == [f"{figure} of {label}" for label in "10" for figure in ("share", "recall", "precision")]
    assert re.findall("The model's share of (.) over the run", plots) == ["0"]
    assert "Reviews that were asked again, over the run: 1 of 20; the dashed line is at the 5 % that are" in plots
    assert "Canaries" not in plots
    unaudited = report._plots(judge(audit([member(number, "1", None) for number in range(9)])), facts)  # type: ignore[arg-type]
    assert "Nothing is audited yet." in unaudited


@pytest.mark.parametrize(
    ("order", "told", "expected"),
    [
        ("shuffled", "1", ["Figures are provisional", "One person labeled"]),
        ("source", "1", ["Figures are provisional", "Items were worked in the source's order", "One person labeled"]),
        ("shuffled", None, ["Figures are provisional"]),
    ],
)
def test_the_report_says_what_its_figures_do_not_show(order: str, told: str | None, expected: list[str]) -> None:
    """Each limit in a sentence, where it is one."""
    members = [member(number, "1", told if number < 3 else None) for number in range(6)]
    quality = judge(replace(audit(members), simulated=False))
    said = report._limits(quality, SimpleNamespace(order=order))  # type: ignore[arg-type]
    sentences = ["Intervals speak of this run's items", *expected]
    assert [each for each in sentences if escape(each) in said] == sentences
    assert said.count("<p>") == len(sentences)
    simulated = report._limits(judge(replace(audit(members), simulated=True)), SimpleNamespace(order=order))  # type: ignore[arg-type]
    assert "The model was simulated." in simulated
