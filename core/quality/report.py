"""Write the quality report of a run as one self-contained HTML page: figures, plots, how they came about, limits.

No script, no font and nothing from the network; plots are inline SVG that follows the reader's light or dark theme.
Every text from outside is escaped. Texts of items are part of it only where they are handed in as examples.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import escape

from core.quality.agreement import Agreement
from core.quality.audit import GATE, Quality, gold_figures
from core.quality.estimates import Estimate, LabelFigures
from core.quality.intervals import wilson
from core.quality.student import NextGeneration
from core.text import plural_of


@dataclass(frozen=True, slots=True)
class Example:
    """Hold an item on which model and people differ, for a report that may show texts."""

    id: str
    text: str
    model: str
    person: str


@dataclass(frozen=True, slots=True)
class ReportFacts:
    """Hold what a report says beside the figures. ``slices`` counts labels by twentieth of the work order.

    ``canaries`` counts changed and all answers of canaries by twentieth of the time in which they were asked,
    ``reasked`` emails that were asked again and all labeled ones by twentieth of the work order.
    """

    source: str
    digest: str
    file_sha256: str
    created: str
    written: str
    labeltui: str
    item: str
    total: int
    distinct: int
    skipped: int
    failed: Sequence[tuple[str, int]]
    order: str
    rubric: str
    settings: Mapping[str, str]
    slices: Sequence[Mapping[str, int]]
    alarms: Sequence[tuple[str, str, str]]
    canaries: Sequence[tuple[int, int]] = ()
    reasked: Sequence[tuple[int, int]] = ()
    next_generation: NextGeneration | None = None
    examples: Sequence[Example] = ()


_STYLE = """
:root{--ink:#1c2430;--soft:#5b6675;--line:#d5dbe3;--paper:#fff;--mark:#1f6feb;--warn:#9a5b00}
@media(prefers-color-scheme:dark){:root{--ink:#e6e9ee;--soft:#9aa5b4;--line:#38424f;--paper:#14181e;--mark:#6cb0ff;
--warn:#e0a95a}}
*{box-sizing:border-box}body{margin:0 auto;max-width:60rem;padding:2rem 1.2rem;background:var(--paper);
color:var(--ink);font:16px/1.5 system-ui,sans-serif}h1{font-size:1.6rem;margin:0}h2{font-size:1.15rem;
margin:2.2rem 0 .6rem;border-bottom:1px solid var(--line)}p{margin:.5rem 0}.soft{color:var(--soft)}
.warn{color:var(--warn)}table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}
.wide{overflow-x:auto}.whole td{white-space:nowrap}.whole td,.whole th{padding:.25rem .35rem}
th,td{padding:.25rem .6rem;text-align:right;border-bottom:1px solid var(--line)}
th:first-child,td:first-child,.facts th,.facts td{text-align:left}th{font-weight:600;color:var(--soft)}
pre{white-space:pre-wrap;overflow-wrap:anywhere;
border:1px solid var(--line);padding:.7rem;border-radius:4px;font-size:.85rem}
svg{max-width:100%;height:auto;display:block;margin:.6rem 0}svg text{fill:var(--ink);font:12px system-ui,sans-serif}
.axis{stroke:var(--line)}.limit{stroke:var(--warn);stroke-dasharray:4 3}
.bar{stroke:var(--mark);stroke-width:2}.dot{fill:var(--mark)}
.band{fill:var(--mark);opacity:.25}code{overflow-wrap:anywhere}
"""


def page(quality: Quality, facts: ReportFacts) -> str:
    """Return the report as HTML."""
    audit = quality.audit
    sections = (
        _section("What was labeled", _labeled(quality, facts)),
        _section("The task", _task(quality, facts)),
        _section("Figures", _figures(quality)),
        _section("Confusion", _confusion(quality)),
        _section("Plots", _plots(quality, facts)),
        _section("How the sample was drawn and labeled", _sampling(quality)),
        _section("Packs", _packs(quality)) if quality.packs is not None else "",
        _section("Watches and alarms", _watches(quality, facts)),
        _section("Limits", _limits(quality, facts)),
        _section("What a model trained on these labels would do", _next(facts)),
        _section("Use in an analysis", _use()),
        _section("Examples", _examples(facts)) if facts.examples else "",
        _section("Citation", _citation(quality, facts)),
    )
    simulated = "<p class=warn>The labels of this run are simulated.</p>" if audit.simulated else ""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>Quality of {escape(audit.run)}</title><style>{_STYLE}</style></head><body>"
        f"<h1>Quality of {escape(audit.run)}</h1><p class=soft>{escape(quality.line)} · {escape(facts.written)}</p>"
        f"{simulated}{''.join(sections)}</body></html>\n"
    )


def shown(estimate: Estimate | None, *, points: bool = True) -> str:
    """Return ``96.9 % (94.1–98.2)``; ``at least`` where only the lower end means something, a dash without a figure."""
    if estimate is None:
        return "—"
    if not points:
        return f"{estimate.value:.2f} ({estimate.low:.2f}–{estimate.high:.2f})"
    if estimate.at_least:
        return f"at least {percent(estimate.low, 1)}"
    return f"{estimate.value * 100:.1f} % ({estimate.low * 100:.1f}–{estimate.high * 100:.1f})"


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>"


def _paragraphs(lines: Iterable[str]) -> str:
    return "".join(f"<p>{escape(line)}</p>" for line in lines)


def percent(value: float, digits: int = 0) -> str:
    """Return ``5 %``."""
    return f"{value * 100:.{digits}f} %"


def _table(head: Sequence[str], rows: Iterable[Sequence[object]], *, kind: str = "") -> str:
    """Return a table; of the ``kind`` whole no cell is broken into lines, facts are words and stand on the left."""
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join("<tr>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class=wide><table class='{kind}'><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"


def _labeled(quality: Quality, facts: ReportFacts) -> str:
    failed = sum(count for _, count in facts.failed)
    rows = [
        ("source", facts.source), ("digest of the source", facts.digest), ("made", facts.created),
        (plural_of(facts.item), f"{facts.total:,}, {facts.distinct:,} distinct texts"),
        ("labeled by this version of the task", f"{quality.labeled:,}"),
        ("skipped", f"{facts.skipped:,}"), ("failed", f"{failed:,}"),
        *((f"failed: {cause}", f"{count:,}") for cause, count in facts.failed),
    ]  # fmt: skip
    return _table(("", ""), rows, kind="facts")


def _task(quality: Quality, facts: ReportFacts) -> str:
    audit = quality.audit
    settings = [(name, value) for name, value in facts.settings.items() if name != "model"]
    rows = [("model", audit.model), ("version", audit.version), *settings]
    versions = [(version[:12], name, f"{count:,}") for version, name, count in audit.versions]
    labels = [(value, audit.names.get(value, "")) for value in audit.labels]
    return (
        _table(("", ""), rows, kind="facts")
        + _table(("label", "meaning"), labels, kind="facts")
        + f"<pre>{escape(facts.rubric)}</pre>"
        + (_table(("version", "task", "labels"), versions) if len(versions) > 1 else "")
    )


def _figures(quality: Quality) -> str:
    head = ("label", "model says", "corrected share", "recall", "precision", "over-reported", "audited")
    rows = [
        (
            f"{label.label} {quality.audit.names.get(label.label, '')}", f"{label.raw_share * 100:.1f} %",
            shown(label.share), shown(label.recall), shown(label.precision), shown(label.over_reporting, points=False),
            label.audited,
        )
        for label in most_given(quality)
    ]  # fmt: skip
    lines = [
        f"Accuracy: {shown(quality.figures.accuracy)} over {quality.audited:,} audited of {quality.labeled:,}.",
        f"Cohen's kappa, model against people: {_coefficient(quality.kappa)}.",
        f"Krippendorff's alpha among people: {_coefficient(quality.people)}, {quality.people.emails:,} shared.",
        f"Accuracy above {percent(GATE)}: "
        + (f"shown at {quality.gate} audited." if quality.gate else "not shown yet."),
        (
            "Intervals hold 95 % and are in brackets; a dash is a figure that cannot be given. The model's own shares"
            " have none: no number of model labels makes their error smaller."
        ),
    ]
    parts = [
        (
            f"{part.by}: {part.name}", f"{part.audited:,}", shown(part.accuracy),
            f"{part.accuracy.more:,}" if part.accuracy is not None and part.accuracy.few else "",
        )
        for part in quality.breakdowns
    ]  # fmt: skip
    head_of_parts = ("part of the run", "audited", "agree", "too few: more random items that tell")
    more = _left_out(len(quality.figures.labels))
    return _table(head, rows, kind="whole") + more + _paragraphs(lines) + _table(head_of_parts, parts)


def unsure_words(quality: Quality) -> str | None:
    """Return what the items that nobody could tell may hide, None where they are too few to matter."""
    found = quality.accuracy_with_unsure
    if found is None:
        return None
    one = quality.cannot_tell == 1
    return (
        f"{quality.cannot_tell:,} that nobody could tell {'is' if one else 'are'} left out: accuracy is"
        f" {percent(found[0])} if the model is wrong on {'it' if one else 'all of them'}, {percent(found[1])} if right."
    )


def _coefficient(found: Agreement) -> str:
    return found.words if found.value is None else f"{found.words}, raw agreement {percent(found.raw, 1)}"


MOST_LABELS = 30
"""Labels that figures, plots and the table of confusion show; of more, those that were given most."""


def most_given(quality: Quality, most: int = MOST_LABELS) -> Sequence[LabelFigures]:
    """Return the figures of all labels in the task's order, or of the ``most`` that were given most, those first."""
    labels = quality.figures.labels
    if len(labels) <= most:
        return labels
    return sorted(labels, key=lambda label: -max(label.raw_share, label.share.value if label.share else 0.0))[:most]


def most_confused(quality: Quality, most: int = MOST_LABELS) -> list[str]:
    """Return the labels of the table of confusion, or the ``most`` that people and model gave most."""
    labels = list(quality.confusion)
    if len(labels) <= most:
        return labels
    met = dict.fromkeys(labels, 0)
    for model, people in quality.confusion.items():
        for person, count in people.items():
            met[model] += count
            met[person] = met.get(person, 0) + count
    kept = set(sorted(labels, key=lambda label: -met[label])[:most])
    return [label for label in labels if label in kept]


def _left_out(labels: int) -> str:
    return f"<p>{labels - MOST_LABELS:,} more labels were given less often.</p>" if labels > MOST_LABELS else ""


def _confusion(quality: Quality) -> str:
    """Return how many checked items have each pair of labels, and which share of the whole run they stand for."""
    labels = most_confused(quality)
    counted, weighted = [], []
    for model in labels:
        people = quality.confusion[model]
        checked = sum(people.values())
        share = quality.audit.by_model[model] / quality.labeled if quality.labeled else 0.0
        counted.append((f"model {model}", *(people[label] for label in labels)))
        cells = [percent(share * people[label] / checked, 1) if checked else "—" for label in labels]
        weighted.append((f"model {model}", *cells))
    head = [f"person {label}" for label in labels]
    tables = _table(("as counted", *head), counted) + _table(("of the whole run", *head), weighted)
    return tables + _left_out(len(quality.confusion))


def _plots(quality: Quality, facts: ReportFacts) -> str:
    found = []
    given = most_given(quality)
    kept = {label.label for label in given}
    for label in given:
        for name, estimate in (("share", label.share), ("recall", label.recall), ("precision", label.precision)):
            if estimate is not None:
                found.append((f"{name} of {label.label}", estimate))
    return (
        "<p class=soft>Intervals</p>" + _interval_plot(found)
        + "".join(
            _share_plot(label, facts.slices)
            for label in quality.audit.labels[1:] or quality.audit.labels if label in kept
        )
        + _rate_plot(f"{facts.item.capitalize()}s that were asked again, over the run", facts.reasked, tolerated=0.05)
        + _rate_plot("Canaries whose answer changed, in the order in which they were asked", facts.canaries)
        + "<p class=soft>Where in the run the audited items lie</p>" + _spread_plot(quality, facts)
    )  # fmt: skip


def _interval_plot(rows: Sequence[tuple[str, Estimate]]) -> str:
    if not rows:
        return "<p>Nothing is audited yet.</p>"
    height, parts = 26 * len(rows) + 30, []
    for tick in range(0, 101, 20):
        x = 200 + 5 * tick
        parts.append(f'<line class=axis x1="{x}" x2="{x}" y1="5" y2="{height - 22}"/>')
        parts.append(f'<text x="{x - 10}" y="{height - 6}">{tick} %</text>')
    for place, (name, estimate) in enumerate(rows):
        y = 20 + 26 * place
        low, high, at = (200 + 500 * value for value in (estimate.low, estimate.high, estimate.value))
        parts.append(f'<text x="0" y="{y + 4}">{escape(name)}</text>')
        parts.append(f'<line class=bar x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}"/>')
        parts.append(f'<circle class=dot cx="{at:.1f}" cy="{y}" r="4"/>')
    return _svg(730, height, "Figures with their intervals", parts)


def _share_plot(label: str, slices: Sequence[Mapping[str, int]]) -> str:
    points = [(counts.get(label, 0), sum(counts.values())) for counts in slices if sum(counts.values())]
    if len(points) < 2:
        return ""
    bands = [(hits / of, *wilson(hits, of)) for hits, of in points]
    top = max(0.02, *(high for _, _, high in bands))
    step = 640 / (len(bands) - 1)

    def at(place: int, value: float) -> str:
        return f"{60 + step * place:.1f},{150 - 130 * value / top:.1f}"

    upper = [at(place, high) for place, (_, _, high) in enumerate(bands)]
    lower = [at(place, low) for place, (_, low, _) in enumerate(bands)]
    line = [at(place, value) for place, (value, _, _) in enumerate(bands)]
    parts = [
        '<line class=axis x1="60" x2="700" y1="150" y2="150"/>',
        f'<text x="0" y="24">{percent(top)}</text><text x="20" y="154">0</text>',
        f'<polygon class=band points="{" ".join([*upper, *reversed(lower)])}"/>',
        f'<polyline class=bar fill="none" points="{" ".join(line)}"/>',
        '<text x="60" y="172">start of the run</text><text x="650" y="172">end</text>',
    ]
    caption = f"The model's share of {escape(label)} over the run, with the band of chance"
    return f"<p class=soft>{caption}</p>" + _svg(730, 180, f"Share of {label} over the run", parts)


def _rate_plot(caption: str, points: Sequence[tuple[int, int]], *, tolerated: float | None = None) -> str:
    """Return bars of a rate with Wilson's intervals, and a line at what is tolerated; nothing without observations."""
    shown_points = [(place, hits, of) for place, (hits, of) in enumerate(points) if of]
    if not shown_points:
        return ""
    top = max(0.05, 1.5 * (tolerated or 0.0), *(wilson(hits, of)[1] for _, hits, of in shown_points))
    step = 640 / len(points)

    def at(value: float) -> float:
        return 150 - 130 * value / top

    parts = ['<line class=axis x1="60" x2="700" y1="150" y2="150"/>']
    parts.append(f'<text x="0" y="24">{percent(top)}</text><text x="20" y="154">0</text>')
    for place, hits, of in shown_points:
        low, high = wilson(hits, of)
        x = 60 + step * (place + 0.5)
        parts.append(f'<line class=bar opacity=".5" x1="{x:.1f}" x2="{x:.1f}" y1="{at(low):.1f}" y2="{at(high):.1f}"/>')
        parts.append(f'<circle class=dot cx="{x:.1f}" cy="{at(hits / of):.1f}" r="4"/>')
    if tolerated is not None:
        y = at(tolerated)
        parts.append(f'<line class=limit x1="60" x2="700" y1="{y:.1f}" y2="{y:.1f}"/>')
    hits, of = sum(each[0] for each in points), sum(each[1] for each in points)
    line = "" if tolerated is None else f"; the dashed line is at the {percent(tolerated)} that are tolerated"
    return f"<p class=soft>{escape(caption)}: {hits:,} of {of:,}{line}</p>" + _svg(730, 160, caption, parts)


def _spread_plot(quality: Quality, facts: ReportFacts) -> str:
    audited = [m for m in quality.audit.drawn if m.model_label is not None and m.label is not None]
    parts = ['<line class=axis x1="60" x2="700" y1="30" y2="30"/>']
    for member in audited:
        x = 60 + 640 * member.position / max(1, facts.total)
        parts.append(f'<line class=bar x1="{x:.1f}" x2="{x:.1f}" y1="14" y2="30" opacity=".6"/>')
    parts.append('<text x="60" y="48">start of the run</text><text x="650" y="48">end</text>')
    return _svg(730, 54, "Places of audited items", parts)


def _svg(width: int, height: int, title: str, parts: Iterable[str]) -> str:
    return f'<svg viewBox="0 0 {width} {height}" role="img"><title>{escape(title)}</title>{"".join(parts)}</svg>'


def _sampling(quality: Quality) -> str:
    sample = quality.audit.sample
    rates = "".join(f", {percent(rate, 2)} of the label {label}" for label, rate in sorted(sample.rates.items()))
    lines = [
        (
            f"A random sample with the goal of {sample.goal:,}: each item has a permanent random number (seed"
            f" {sample.seed}) and belongs to the sample if it lies under {percent(sample.base_rate, 2)}{rates}."
        ),
        (
            "People saw what the model was sent and no label of the model. After each batch the items on which person"
            " and model differed came back among agreeing ones, in random order; the second answer counts."
        ),
        (
            f"{quality.due:,} of the sample wait for a person; {quality.cannot_tell:,} could not be told;"
            f" {quality.splits:,} are split among people."
        ),
    ]
    people = [
        (p.name, p.answers, p.cannot_tell, f"{p.median_s:.0f} s", p.second_looks, p.changed) for p in quality.persons
    ]
    gold = [
        (each.name, found["emails"], found["compared"], "—" if found["agree"] is None else percent(found["agree"], 1))
        for each in quality.audit.gold
        for found in (gold_figures(each),)
    ]
    head = ("annotator", "answers", "cannot tell", "median", "second looks", "changed by them")
    return (
        _paragraphs(lines)
        + (_table(head, people) if people else "")
        + (_table(("labels from elsewhere", "items", "compared", "agree"), gold) if gold else "")
    )


def _packs(quality: Quality) -> str:
    """Return what the control sample says of packs, as text and a table."""
    found = quality.packs
    if found is None:
        return ""
    facts = found.facts
    lines = [
        (
            f"Up to {facts.size} texts shared a call (pack = {facts.setting}): {facts.texts:,} texts in {facts.packs:,}"
            f" packs, in random order; {facts.alone:,} had no usable answer there and were asked about alone."
        ),
        f"A random sample was asked about alone too: {found.sentence}.",
        *facts.changes,
    ]

    def shown(triple: tuple[float, float, float] | None) -> str:
        return "—" if triple is None else f"{100 * triple[0]:+.1f} ({100 * triple[1]:+.1f} to {100 * triple[2]:+.1f})"

    rows = [(each.label, shown(each.shift), shown(each.ends)) for each in found.labels]
    head = ("label", "packed less single share, points", "share at the ends less in the middle, points")
    return _paragraphs(lines) + _table(head, rows)


def _watches(quality: Quality, facts: ReportFacts) -> str:
    rows = [(w["name"], w["state"], w["sentence"], w["false_alarms_per_100_runs"]) for w in quality.audit.watches]
    return _table(("watch", "state", "", "false alarms in 100 runs"), rows) + (
        _table(("when", "alarm", "what was done"), facts.alarms) if facts.alarms else "<p>There was no alarm.</p>"
    )


def _limits(quality: Quality, facts: ReportFacts) -> str:
    lines = ["Intervals speak of this run's items, not of a future corpus."]
    if quality.provisional:
        lines.append(f"Figures are provisional: {quality.due:,} items of the sample wait for a person.")
    if (unsure := unsure_words(quality)) is not None:
        lines.append(unsure)
    if facts.order != "shuffled":
        lines.append("Items were worked in the source's order: what was labeled so far is no random part of it.")
    if quality.audit.simulated:
        lines.append("The model was simulated.")
    if len(quality.persons) == 1:
        lines.append("One person labeled the sample: nothing is known of how far people agree.")
    return _paragraphs(lines)


def _next(facts: ReportFacts) -> str:
    found = facts.next_generation
    if found is None:
        return "<p>Too few labels to train on.</p>"
    shares = ", ".join(f"{label}: {percent(count / found.total, 1)}" for label, count in sorted(found.shares.items()))
    repeated = (
        f"Of {found.mistakes} known mistakes it repeats {found.repeated}; a repeated one is no slip but follows a rule."
        if found.mistakes
        else "No mistake of the model is known yet."
    )
    student = (
        "A small student (logistic regression on words), trained on these labels and judged out of fold, calls:"
        f" {shares}."
    )
    return _paragraphs((student, repeated))


def _use() -> str:
    text = (
        "The export carries label, model_label, human_label, in_audit, audit_rate and stratum, so that estimates that"
        " use both kinds of labels can go on from it: dsl(…, sample_prob = audit_rate) in R, or ppi_py with the rows"
        " of in_audit as the labeled part."
    )
    return _paragraphs((text,))


def _examples(facts: ReportFacts) -> str:
    return "".join(
        f"<p><b>{escape(e.id)}</b> model {escape(e.model)}, person {escape(e.person)}</p><pre>{escape(e.text)}</pre>"
        for e in facts.examples
    )


def _citation(quality: Quality, facts: ReportFacts) -> str:
    return (
        f"<p>Made by labeltui {escape(facts.labeltui)} from the run {escape(quality.audit.run)}, task"
        f" <code>{escape(quality.audit.version)}</code>.</p>"
        f"<p>SHA-256 of the run file when this was written: <code>{escape(facts.file_sha256)}</code></p>"
    )
