"""Format lines of the quality screen: figures with intervals, confusion, people, watches, next generation. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from textual.content import Content

from core.quality.agreement import Agreement, DraftScore
from core.quality.audit import GATE, Part, Quality, gold_figures
from core.quality.estimates import Estimate, goal_for, least_for_recall
from core.quality.report import MOST_LABELS, most_confused, most_given, percent, unsure_words
from core.quality.student import NextGeneration, Suspicion
from core.text import one_line
from tui.actions.keymap import keyed
from tui.text.numbers import fit, number, plural, rounded, with_name
from tui.text.parts import Part as Words
from tui.text.parts import line

if TYPE_CHECKING:
    from core.engine import Comparison, Rule

_MARKS = {"alarm": ("!", "bold $failed"), "steady": ("✓", "$done"), "arming": ("·", "$quiet"), "off": ("·", "$quiet")}


ASSUMED = "For a model that finds 9 of 10 of a label, and is right in 8 of 10."
"""What goals assume of the model."""
MOST_GOALS = 6
"""Labels whose goals are shown, the rarest first: theirs cost most."""


def figure(estimate: Estimate | None) -> Words:
    """Return ``93.0  90.4–94.3`` in percent, dimmed where it rests on too few; a dash without a figure."""
    if estimate is None:
        return fit("—", 18), "$quiet"
    if estimate.at_least:
        return fit(f"≥ {estimate.low * 100:.0f}", 18), "$quiet"
    text = f"{estimate.value * 100:.1f}  {estimate.low * 100:.1f}–{estimate.high * 100:.1f}"
    return fit(text, 18), "$quiet" if estimate.few else "bold $bright"


MOST_CONFUSED = 6
"""Labels of the table of model and people; of more, those that both gave most."""


def not_shown(quality: Quality) -> str:
    """Return a sentence on labels whose figures are not listed, or an empty text."""
    more = len(quality.figures.labels) - MOST_LABELS
    return f"and {plural(more, 'more label')}, given less often" if more > 0 else ""


def named(quality: Quality, value: str) -> str:
    """Return a label with its name, or alone where it has no other."""
    return with_name(value, quality.audit.names.get(value, ""))


def checked(quality: Quality | None, width: int, alarms: Sequence[str] = ()) -> Content:
    """Return the monitor's line: what people checked, the corrected share of the rarest label, and what is next.

    Parts that do not fit into ``width`` cells are left out, the last ones first; ``quality`` is None where nobody
    labeled anything. Where an alarm stands, it is shown instead, with the key of the screen that answers it.
    """
    if alarms:
        more = f" and {number(len(alarms) - 1)} more" if len(alarms) > 1 else ""
        rest = keyed("{quality} answers it")
        room = max(12, width - len(more) - len(rest) - 5)
        return line((f"! {one_line(alarms[0], limit=room)}{more} · ", "bold $failed"), (rest, "$accent"))
    accuracy = quality.figures.accuracy if quality is not None else None
    if quality is None or accuracy is None:
        begins = keyed("{review} labels a random batch, blind") if width >= 50 else keyed("{review}")
        return line(("checked by nobody · ", "$waiting"), (begins, "$foreground"))
    parts: list[tuple[str, str]] = [(f"checked {number(quality.audited)} of {number(quality.labeled)}", "$foreground")]
    agree = f"{accuracy.value * 100:.0f} % ({accuracy.low * 100:.0f}–{accuracy.high * 100:.0f}) agree"
    parts.append((agree, "$quiet" if accuracy.few else "bold $bright"))
    rare = min(quality.figures.labels, key=lambda label: label.raw_share, default=None)
    if rare is not None and rare.share is not None:
        name = one_line(quality.audit.names.get(rare.label) or rare.label, limit=12)
        share = rare.share
        text = f"{name} {share.value * 100:.0f} % ({share.low * 100:.0f}–{share.high * 100:.0f})"
        parts.append((text, "$quiet" if share.few else "bold $bright"))
    if quality.splits:
        parts.append((keyed(f"{number(quality.splits)} split: {{quality}}"), "$waiting"))
    elif quality.due:
        parts.append((keyed(f"{{review}} {number(quality.due)} more"), "$accent"))
    else:
        parts.append((keyed("{quality} shows more"), "$accent"))
    shown: list[Words] = []
    room = width
    for place, (text, tone) in enumerate(parts):
        room -= len(text) + (3 if place else 0)
        if room < 0:
            break
        shown += [(" · ", "$quiet")] if place else []
        shown.append((text, tone))
    return line(*shown)


def lines(
    quality: Quality,
    width: int,
    student: tuple[NextGeneration, Sequence[Suspicion]] | None,
    *,
    rule: Rule | None = None,
    training: bool,
) -> list[Content]:
    """Return the whole screen; ``student`` is what a model trained on these labels does, None while not known.

    ``rule`` is what the most frequent mistake has in common.
    """
    rows = [*_alarms(quality, width), *_figures(quality, width), *_advice(quality, width)]
    if not quality.audited:
        rows += _goals(quality, width)
    else:
        rows += [*_differing(quality, rule, width), *_confusion(quality), *_people(quality), *_parts(quality, width)]
    rows += [*_gold(quality), *_packs(quality, width), *_watches(quality, width)]
    rows += _next(student, quality, training=training)
    return rows


MOST_DIFFERING = 500
"""Differing items that the comparison lists."""


def compared(found: Comparison, width: int) -> list[Content]:
    """Return the lines of a comparison: both sides, what differs, who is right where people looked, and the items."""
    counted = found.difference
    rows = [line((fit("", 12) + fit("accuracy", 20) + "corrected shares", "$quiet"))]
    for name, side in (("A", found.a), ("B", found.b)):
        shares = "  ".join(
            f"{one_line(label.label, limit=12)} {label.share.value * 100:.1f}"
            f" ({label.share.low * 100:.1f}–{label.share.high * 100:.1f})"
            if label.share is not None
            else f"{one_line(label.label, limit=12)} {label.raw_share * 100:.1f} uncorrected"
            for label in side.figures.labels[:4]
        )
        rows += [
            line((f"{name} {one_line(side.run, limit=30)} · {one_line(side.model, limit=30)} · {side.version[:8]}",
                  "bold $foreground")),
            line((fit("", 12), "$quiet"), figure(side.figures.accuracy), ("   ", "$quiet"), (shares, "$foreground")),
        ]  # fmt: skip
    share = counted.differing / found.shared if found.shared else 0.0
    rows += _heading(
        f"They differ on {number(counted.differing)} of {number(found.shared)} shared ({percent(share, 1)})"
    )
    for (one, other), count in sorted(found.flips.items(), key=lambda each: -each[1])[:12]:
        rows.append(line(f"A {one_line(one, limit=16)} · B {one_line(other, limit=16)}: {number(count)}"))
    if counted.estimate is None:
        told = "People labeled none of those that differ; only these tell which side is right."
        rows.append(line((told, "$waiting")))
    else:
        points = counted.estimate
        rows.append(
            line(
                f"Of {number(counted.audited)} that people labeled, A is right on {number(counted.a_right)}, B on"
                f" {number(counted.b_right)} (McNemar p = {counted.p_value:.3g})."
            )
        )
        interval = f"{points.low * 100:+.1f} to {points.high * 100:+.1f}"
        told = f"A is more accurate by {points.value * 100:+.1f} points ({interval})."
        rows.append(line((told, "$quiet" if points.few else "bold $bright")))
    rows += _heading("Items that differ") if found.differing else []
    for place, source_id, one, other, person in found.differing[:MOST_DIFFERING]:
        said = "—" if person is None else person
        text = f"#{place} A {one} · B {other} · person {said}"
        rows.append(
            line((fit(one_line(text, limit=44), 45), "$foreground"),
                 (one_line(source_id, limit=max(10, width - 46)), "$quiet"))
        )  # fmt: skip
    if len(found.differing) > MOST_DIFFERING:
        rows.append(line((f"and {number(len(found.differing) - MOST_DIFFERING)} more", "$quiet")))
    return rows


def _heading(text: str) -> list[Content]:
    return [Content.empty(), line((text, "bold $accent"))]


def _figures(quality: Quality, width: int) -> list[Content]:
    audit = quality.audit
    rows = []
    if audit.simulated:
        told = "Simulated: the model slips now and then, and misreads one kind of text."
        rows.append(line((one_line(told, limit=width), "$waiting")))
    head = fit("", 13) + fit("model", 8) + fit("corrected", 18) + fit("recall", 18) + "precision"
    rows.append(line((head, "$quiet")))
    for label in most_given(quality):
        name = one_line(named(quality, label.label), limit=12)
        rows.append(
            line(
                (fit(name, 13), "$foreground"), (fit(f"{percent(label.raw_share, 1)}", 8), "$foreground"),
                figure(label.share), figure(label.recall), figure(label.precision),
            )
        )  # fmt: skip
    if more := not_shown(quality):
        rows.append(line((more, "$quiet")))
    kappa = quality.kappa
    agreed = kappa.words if kappa.value is None else f"{kappa.value:.2f}  {kappa.interval}"
    parts: list[Words] = [
        (fit("accuracy", 13), "$foreground"),
        figure(quality.figures.accuracy),
        (" κ ", "$quiet"),
        agreed,
    ]
    rows.append(line(*parts))
    for label in most_given(quality):
        over = label.over_reporting
        if over is not None and label.share is not None and label.share.value < 0.2:
            name = one_line(named(quality, label.label), limit=12)
            rows.append(line((fit(name, 13), "$foreground"), ("over-reported × ", "$quiet"), figure_of_ratio(over)))
    return rows


def figure_of_ratio(estimate: Estimate) -> Words:
    """Return ``1.57  0.90–2.80``, dimmed where it rests on too few."""
    text = f"{estimate.value:.2f}  {estimate.low:.2f}–{estimate.high:.2f}"
    return text, "$quiet" if estimate.few else "bold $bright"


def _advice(quality: Quality, width: int) -> list[Content]:
    sample = quality.audit.sample
    rest = quality.labeled - quality.audited
    said = [
        f"{number(quality.audited)} of {number(quality.labeled)} checked; the sample's goal is {number(sample.goal)}."
    ]
    if (unsure := unsure_words(quality)) is not None:
        said.append(unsure)
    if quality.due:
        said.append(f"{plural(quality.due, 'item waits', 'items wait')} for a person: figures are provisional.")
    if not quality.audited:
        said.append(keyed("{review} begins: blind, one key a label, 25 at a time."))
        for label in most_given(quality):
            least = least_for_recall(label.raw_share)
            if least is not None and label.raw_share < 0.2:
                name = one_line(label.label, limit=12)
                said.append(f"{name} is rare: its recall needs {number(least)} random items or more.")
    for label in most_given(quality):
        if label.recall is not None and label.recall.few and label.recall.more and label.share is not None:
            name, more = one_line(named(quality, label.label), limit=24), label.recall.more
            enough = f"about {number(more)} more random items bring it" if more < rest else "only all items bring it"
            said.append(f"Recall of {name} is wide: {enough} to ± 10 points.")
        elif label.precision is not None and label.precision.few and label.raw_share < 0.2:
            name = one_line(named(quality, label.label), limit=24)
            said.append(f"Precision of {name} is wide: " + keyed("{top_up} samples more of it."))
    if quality.audited:
        shown = f"was shown at {quality.gate} checked" if quality.gate else "is not shown yet (looks at 100, 200, 400)"
        said.append(f"Accuracy above {percent(GATE)} {shown}.")
    return _wrapped(said, width)


def _wrapped(sentences: Sequence[str], width: int) -> list[Content]:
    """Return sentences in lines of their own, wrapped: what they tell is lost where it is cut."""
    room = max(40, width)
    return [
        line((part, "$waiting")) for each in sentences for part in textwrap.wrap(one_line(each, limit=4 * room), room)
    ]


def goals(quality: Quality) -> list[tuple[str, Sequence[int]]]:
    """Return how many random items tell recall, precision and share of each label, two digits of them, by its name."""
    given = [label for label in quality.figures.labels if label.raw_share > 0]
    rare_first = sorted(given, key=lambda label: label.raw_share)[:MOST_GOALS]
    found: list[tuple[str, Sequence[int]]] = []
    for label in rare_first:
        goal = goal_for(rounded(quality.labeled), round(label.raw_share, 2))
        name = one_line(named(quality, label.label), limit=24)
        found.append((name, [rounded(each) for each in (goal.recall, goal.precision, goal.share)]))
    return found


def _goals(quality: Quality, width: int) -> list[Content]:
    told = goals(quality)
    if not told:
        return []
    rows = _heading("What it takes to know: random items that people label")
    rows.append(line((fit("", 26) + fit("recall ± 10", 14) + fit("precision ± 10", 17) + "share ± 2.5", "$quiet")))
    for name, (recall, precision, share) in told:
        cells = fit(f"about {number(recall)}", 14) + fit(f"about {number(precision)}", 17) + f"about {number(share)}"
        rows.append(line((fit(name, 26), "$foreground"), (cells, "$foreground")))
    rows.append(line((one_line(ASSUMED, limit=width), "$quiet")))
    return rows


def _confusion(quality: Quality) -> list[Content]:
    labels = most_confused(quality, MOST_CONFUSED)
    rows = [*_heading("Checked: model against people")]
    rows.append(line((fit("", 15) + "".join(fit(f"person {one_line(v, limit=8)}", 16) for v in labels), "$quiet")))
    for model in labels:
        people = quality.confusion[model]
        parts: list[Words] = [(fit(f"model {one_line(model, limit=8)}", 15), "$foreground")]
        for label in labels:
            tone = "$foreground" if label == model else "bold $waiting" if people[label] else "$quiet"
            parts.append((fit(number(people[label]), 16), tone))
        rows.append(line(*parts))
    if (more := len(quality.confusion) - len(labels)) > 0:
        rows.append(line((f"and {plural(more, 'more label')}, met less often", "$quiet")))
    return rows


def _people(quality: Quality) -> list[Content]:
    rows = _heading("People")
    for person in quality.persons:
        rows.append(
            line(
                (fit(one_line(person.name, limit=14), 15), "$foreground"),
                f"{plural(person.answers, 'answer', 'answers')}, median {person.median_s:.0f} s,"
                f" {number(person.changed)} of {number(person.second_looks)} second looks changed",
                (f", {number(person.cannot_tell)} cannot tell" if person.cannot_tell else "", "$quiet"),
            )
        )
    found = quality.people
    if found.emails:
        rows.append(line(people_words(found)))
    if quality.splits:
        rows.append(line((f"{plural(quality.splits, 'item is', 'items are')} split among people.", "$waiting")))
    return rows


def people_words(found: Agreement) -> str:
    """Return how far people agree on what several of them labeled."""
    return f"{number(found.emails)} shared: agree {percent(found.raw)}, α {found.words}"


def part_words(part: Part) -> str:
    """Return ``95 % (75–99) agree``, and for too few how many more random items tell: as short as 80 columns ask."""
    found = part.accuracy
    if found is None:
        return "none checked yet"
    text = f"{found.value * 100:.0f} % ({found.low * 100:.0f}–{found.high * 100:.0f})"
    return f"{text}, too few: {number(found.more)} more" if found.few else f"{text} agree"


def _parts(quality: Quality, width: int) -> list[Content]:
    several = Counter(part.by for part in quality.breakdowns)
    shown = [part for part in quality.breakdowns if several[part.by] > 1]
    rows = []
    for part in shown:
        name = one_line(f"{part.by}: {part.name}", limit=27)
        few = part.accuracy is None or part.accuracy.few
        text = one_line(f"{number(part.audited)} checked, {part_words(part)}", limit=max(20, width - 28))
        rows.append(line((fit(name, 28), "$quiet"), (text, "$quiet" if few else "$foreground")))
    return [*_heading("Parts of the run, of the sample drawn at one rate"), *rows] if rows else []


def _differing(quality: Quality, rule: Rule | None, width: int) -> list[Content]:
    found = quality.disagreements()
    if not found:
        return []
    rows = _heading("Where model and people differ")
    if rule is not None:
        rows += _wrapped(rule_words(rule, quality.audit.names), width)
    told = keyed(f"On {plural(len(found), 'item', 'items')}: {{disagreements}} reads them; {{behind}} reads those")
    return [*rows, line((f"{told} behind any figure.", "$foreground"))]


def rule_words(rule: Rule, names: Mapping[str, str]) -> list[str]:
    """Return the sentences on a kind of mistake: between which labels, and what its texts share."""
    model, person = (
        one_line(f"{value} {names.get(value, '')}".strip(), limit=20) for value in (rule.model, rule.person)
    )
    told = [f"The model says {model}, people {person}: {plural(rule.misread, 'text', 'texts')}."]
    told += [
        f"A rule? {mark.in_misread} of these {mark.misread} hold “{one_line(mark.mark, limit=26)}”;"
        f" {mark.in_others} of {mark.others} that it read rightly do."
        for mark in rule.marks
    ]
    if not rule.marks:
        told.append("Nothing sets these texts apart yet from those it read rightly; more reviews may.")
    return told


def _gold(quality: Quality) -> list[Content]:
    rows: list[Content] = []
    for gold in quality.audit.gold:
        found = gold_figures(gold)
        agree = (
            "none compared" if found["agree"] is None else f"{found['agree']:.1%} of {number(found['compared'])} agree"
        )
        rows.append(line((fit(one_line(gold.name, limit=23), 24), "$quiet"), f"labels from elsewhere: {agree}"))
    return [*_heading("Labels from elsewhere, never mixed with the sample"), *rows] if rows else []


def _packs(quality: Quality, width: int) -> list[Content]:
    """Return what the control sample says of packs: agreement, shift of shares, effect of the place in a pack."""
    found = quality.packs
    if found is None:
        return []
    facts = found.facts
    room = max(20, width - 2)
    verdict = {True: "packed labels agree as single ones do", False: "packs change labels", None: "too few to tell"}
    told = [
        (
            f"{number(facts.texts)} texts in {number(facts.packs)} packs of up to {facts.size}"
            f" (pack = {facts.setting}): {verdict[found.harmless]}"
        ),
        found.sentence,
    ]
    if found.repeats is not None:
        value, low, high = (100 * each for each in found.repeats)
        told.append(f"two answers to a text alone agree in {value:.1f} % ({low:.1f}–{high:.1f})")
    if facts.alone:
        told.append(f"{number(facts.alone)} texts had no usable answer in their pack and were asked about alone")
    for each in found.labels:
        parts = [
            f"{words} {100 * triple[0]:+.1f} points ({100 * triple[1]:+.1f} to {100 * triple[2]:+.1f})"
            for words, triple in (("packed less single", each.shift), ("ends less middle", each.ends))
            if triple is not None
        ]
        if parts:
            told.append(f"share of {one_line(each.label, limit=20)}: {'; '.join(parts)}")
    told += facts.changes
    lines_ = [part for text in told for part in textwrap.wrap(text, room)]
    return [*_heading("Packs, against the same texts asked about alone"), *(line(part) for part in lines_)]


def _alarms(quality: Quality, width: int) -> list[Content]:
    """Return the alarms that stand and the keys that answer them: on top, where they are seen without paging."""
    found = [watch for watch in quality.audit.watches if watch["state"] == "alarm"]
    rows = [line((one_line(f"! {each['name']}: {each['sentence']}", limit=width), "bold $failed")) for each in found]
    if found:
        keys = "{look_at_alarm} reads what is behind it, {pause} pauses or resumes, {ask_again} re-labels,"
        keys += " {dismiss} dismisses"
        rows += [line((keyed(keys), "$waiting")), Content.empty()]
    return rows


def _watches(quality: Quality, width: int) -> list[Content]:
    rows = _heading("Watches · 1 false alarm in 100 runs")
    for watch in quality.audit.watches:
        mark, tone = _MARKS.get(watch["state"], ("·", "$quiet"))
        rows.append(
            line(
                (f"{mark} ", tone), (fit(watch["name"], 18), tone if watch["state"] == "alarm" else "$foreground"),
                (one_line(watch["sentence"], limit=max(20, width - 22)), "$foreground"),
            )
        )  # fmt: skip
    return rows


def _next(
    student: tuple[NextGeneration, Sequence[Suspicion]] | None, quality: Quality, *, training: bool
) -> list[Content]:
    rows = _heading("Next generation: a student trained on these labels, judged out of fold")
    if student is None:
        return [*rows, line(("training …" if training else "too few labels to train on", "$quiet"))]
    found, suspicions = student
    shares = ", ".join(
        f"{percent(count / found.total, 1)} {one_line(named(quality, label), limit=16)}"
        for label, count in sorted(found.shares.items(), key=lambda each: -each[1])[:4]
    )
    repeated = f"; it repeats {found.repeated} of {found.mistakes} known mistakes" if found.mistakes else ""
    rows.append(line(f"It would call {shares}{repeated}."))
    doubted = [s for s in suspicions if s.margin > 0]
    if doubted:
        rows.append(
            line((keyed(f"It doubts {number(len(doubted))} labels: {{suspicious}} reads the most doubtful."), "$quiet"))
        )
    return rows


def scored(found: DraftScore | None) -> str:
    """Return how a draft compares with people in a sentence."""
    if found is None:
        return keyed("against people: none of these was reviewed ({review} on the monitor reviews a random sample)")
    agreed = "" if found.kappa is None else f", κ {found.kappa:.2f}"
    change = ""
    if found.better or found.worse:
        sides = f"better on {number(found.better)}, worse on {number(found.worse)}"
        change = f"\n  than the present version {sides} (McNemar p = {found.p_value:.2g})"
    share = f"{percent(found.right / found.compared)}, {found.low * 100:.0f}–{found.high * 100:.0f}"
    return f"against people: {number(found.right)} of {number(found.compared)} right ({share}){agreed}{change}"
