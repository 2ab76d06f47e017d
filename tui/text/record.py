"""One email in full as lines: what it says, each attempt with its raw answer and verdict, each label and note. Pure."""

from __future__ import annotations

import textwrap

from textual.content import Content

from core.model import AskKind, Attempt, EmailRecord, EmailState, LabelRecord, LabelSource, NoteRecord, Outcome, Task
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.text.numbers import clock, fit, moment, number, plural
from tui.widgets.lists.emails import STATES
from tui.widgets.panes.pane import Part, line

MOST_SHOWN = 60_000
"""Characters of a message that are shown, so that wrapping them holds up no key; of the rest only its size is told."""


def message(record: EmailRecord, task: Task | None, width: int, *, raw: bool) -> Content:
    """The head, wrapped to that many cells, and the text, as it was sent or as it came."""
    text = record.raw if raw else record.text
    more = keyed(f"\n… {number(len(text) - MOST_SHOWN)} more characters · {{copy}} in its record copies all")
    cut = more if len(text) > MOST_SHOWN else ""
    return Content("\n").join([*_head(record, task, width), Content(""), Content(inert(text[:MOST_SHOWN]) + cut)])


def title(record: EmailRecord, *, raw: bool) -> str:
    """What the border of the message says."""
    size = number(len(record.raw if raw else record.text))
    return f"Message as it came · {size} characters" if raw else f"Message as sent · {size} characters"


def _named(value: str, task: Task | None) -> str:
    name = task.name_of(value) if task else value
    return one_line(value if name == value else f"{value} {name}", limit=30)


def _head(record: EmailRecord, task: Task | None, width: int) -> list[Content]:
    row = record.row
    glyph, tone = STATES[row.state]
    verdict: list[Part] = [(f"{glyph} {row.state.value}", f"bold ${tone}")]
    if row.label is not None:
        human = row.label_source == LabelSource.HUMAN.value
        verdict += [
            ("  ", ""),
            (_named(row.label, task), "bold $person" if human else "bold $accent"),
            (f"  {'◆ ' if human else ''}by {_giver(row.label_source)}", "$person" if human else "$quiet"),
        ]
    if row.failure:
        verdict.append((f"  {one_line(row.failure, limit=200)}", "$failed"))
    copies = f" · {plural(record.copies, 'other email')} with this very text" if record.copies else ""
    return [
        line(*verdict),
        *_flagged(row.flags),
        *_field("subject", row.subject or "(no subject)", "bold $bright", width),
        *_field("from", row.sender, "$foreground", width),
        *_field("date", row.date, "$foreground", width),
        *_field("id", f"{row.source_id} · number {row.id} · place {number(row.position)}{copies}", "$quiet", width),
    ]


def _flagged(flags: str) -> list[Content]:
    """A line where the text seems to give orders to a model; the wordings go by their names in the search for them."""
    if not flags:
        return []
    named = ", ".join(one_line(flags, limit=60).split())
    return [line(("⚑ seems to give orders to a model", "bold $waiting"), (f" ({named}): check its label", "$waiting"))]


def history(record: EmailRecord, task: Task | None, now: float, width: int) -> Content:
    """Every attempt, every label and every note, wrapped to that many cells."""
    rows: list[Content] = [line((plural(len(record.attempts), "attempt"), "bold $bright"))]
    if not record.attempts:
        rows += [line((part, "$quiet")) for part in textwrap.wrap(_unasked(record), max(20, width))]
    for attempt in record.attempts or (record.twin.attempts if record.twin and _as_twin(record) else ()):
        rows += _attempt(attempt, now, width)
    rows += [Content(""), line((plural(len(record.labels), "label"), "bold $bright"))]
    if not record.labels:
        rows.append(line((keyed("none yet · {label} gives one by hand"), "$quiet")))
    rows += [_label(label, task, now) for label in record.labels]
    if record.notes:
        rows += [Content(""), line((plural(len(record.notes), "note"), "bold $bright"))]
        for note in record.notes:
            rows += _note(note, now, width)
    return Content("\n").join(rows)


def _as_twin(record: EmailRecord) -> bool:
    """Whether what became of the email was decided by the answers to its twin."""
    return record.row.state is EmailState.FAILED or record.row.label_source == LabelSource.COPY.value


def _unasked(record: EmailRecord) -> str:
    """Why an email has no attempts of its own."""
    copied = record.row.label_source == LabelSource.COPY.value
    twin = record.twin if _as_twin(record) else None
    if twin is None:
        return "its label is a copy of another email's" if copied else "no call was made for it yet"
    shared = "it has the label of" if copied else "it failed with"
    whose = f"{one_line(twin.source_id, limit=60)}, place {number(twin.position)}"
    return f"no call of its own: {shared} {whose}, which has the very same text; that was asked:"


def _label(label: LabelRecord, task: Task | None, now: float) -> Content:
    human, undone = label.source == LabelSource.HUMAN.value, label.source == LabelSource.UNDONE.value
    who = f"◆ by a person, {one_line(label.annotator, limit=30)}" if human else f"by {_giver(label.source)}"
    if undone:
        who = f"undone by {one_line(label.annotator, limit=30)}"
    blind = " · blind" if label.blind else ""
    note = f" · “{one_line(label.note, limit=200)}”" if label.note else ""
    return line(
        (f"{moment(label.at, now)}  ", "$quiet"),
        (_named(label.value, task), "bold $person" if human else "strike $quiet" if undone else "bold $accent"),
        (f"  {who}{blind}", "$person" if human else "$quiet"),
        (note, "$quiet" if undone else "$foreground"),
        (f"  task {one_line(label.task_version, limit=8)}" if label.task_version else "", "$faint"),
    )


def _note(note: NoteRecord, now: float, width: int) -> list[Content]:
    who = line((f"{moment(note.at, now)}  ", "$quiet"), (f"◆ {one_line(note.author, limit=30)}", "$person"))
    said = [part for each in inert(note.text).splitlines() for part in textwrap.wrap(each, max(12, width - 2)) or [""]]
    return [who, *(line(("  " + part, "$foreground")) for part in said)]


def _giver(source: str | None) -> str:
    return {"model": "the model", "copy": "copy of an equal email", "human": "a person"}.get(source or "", "nobody")


def _field(name: str, value: str, tone: str, width: int) -> list[Content]:
    """A fact beside its name, in as many rows as it takes."""
    wrapped = textwrap.wrap(one_line(value, limit=400), max(12, width - 9)) or [""]
    rows = [line((fit(name, 9), "$quiet"), (wrapped[0], tone))]
    return [*rows, *(line(" " * 9, (part, tone)) for part in wrapped[1:])]


def _attempt(attempt: Attempt, now: float, width: int) -> list[Content]:
    good = attempt.outcome is Outcome.ANSWERED
    tone = "running" if good else "waiting" if attempt.outcome in (Outcome.RATE_LIMITED, Outcome.CAPACITY) else "failed"
    word = attempt.outcome.value.replace("_", " ")
    when = f"{moment(attempt.started_at, now)}:{clock(attempt.started_at)[-2:]}"
    rows = [
        Content(""),
        line(
            (f"{attempt.n} ", "bold $bright"),
            ("asked  " if attempt.kind is AskKind.ASK else "asked again  ", "$foreground"),
            (f"{'✓' if good else '✕'} {word}", f"bold ${tone}"),
            (f"  {when}", "$quiet"),
            (f"  {attempt.latency_s:.2f} s", "$bright"),
        ),
        line(
            (f"  {one_line(attempt.key_alias, limit=20)} of {one_line(attempt.organization, limit=24)}", "$foreground"),
            (f" · {number(attempt.prompt_tokens)} + {number(attempt.completion_tokens)} tokens", "$quiet"),
        ),
    ]
    if attempt.raw_answer is not None:
        rows += _told(
            "answer", inert(attempt.raw_answer, limit=2_000) or "(empty)", "bright" if good else "waiting", width
        )
    if attempt.error:
        rows += _told("error", inert(attempt.error, limit=2_000), tone, width)
    for detail in (attempt.model, attempt.request_id or ""):
        rows += [line(("  " + one_line(detail, limit=width), "$faint"))] if detail else []
    return rows


def _told(name: str, text: str, tone: str, width: int) -> list[Content]:
    """What was said, wrapped so that it stands beside its name."""
    wrapped = [part for each in text.splitlines() or [""] for part in textwrap.wrap(each, max(12, width - 10)) or [""]]
    rows = [line((fit(f"  {name}", 10), "$quiet"), (wrapped[0], f"${tone}"))]
    return [*rows, *(line(" " * 10, (part, f"${tone}")) for part in wrapped[1:])]
