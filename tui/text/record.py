"""Format one record in lines: the message, each attempt with its answer and verdict, each label and note. Pure."""

from __future__ import annotations

import re
import textwrap

from textual.content import Content

from core.model import (
    AskKind,
    Attempt,
    EmailRecord,
    EmailState,
    LabelRecord,
    LabelSource,
    NoteRecord,
    Outcome,
    Task,
    orders_among,
)
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.text.numbers import clock, countdown, fit, join, moment, number, plural, with_name
from tui.text.parts import Part, line

STATES = {
    EmailState.PENDING: ("·", "quiet"),
    EmailState.LABELED: ("✓", "running"),
    EmailState.FAILED: ("✕", "failed"),
    EmailState.SKIPPED: ("–", "quiet"),
}
"""A glyph and a tone for each state of a text."""

_HEADER = re.compile(r"(From|To|Cc|Bcc|Subject|Date): ")
_KINDS = {
    AskKind.ASK: "question  ",
    AskKind.REASK: "follow-up  ",
    AskKind.CANARY: "canary  ",
    AskKind.CONTROL: "control  ",
    AskKind.PROBE: "probe  ",
}
_LANES = {"batch": " · in a batch, half the price", "flex": " · in the flex tier"}
"""By which lane a call was made, where not live."""
MOST_SHOWN = 60_000
"""Characters of a message that are shown, so that wrapping them delays no key."""


def message(record: EmailRecord, task: Task | None, width: int, *, raw: bool) -> Content:
    """Return the message wrapped to that many cells: verdict, subject, sender; the body; then what else was sent.

    As sent, header lines of the text stand below the body, because subject, sender and date are on top already.
    """
    text = record.raw if raw else record.text
    headers, body = ("", text) if raw else _split(text)
    more = keyed(f"\n… {number(len(body) - MOST_SHOWN)} more characters · {{copy}} in its record copies all")
    cut = more if len(body) > MOST_SHOWN else ""
    rows = [*_head(record, task, width), Content(""), Content(inert(body[:MOST_SHOWN]) + cut), Content("")]
    if headers:
        rows += [line(("sent before the text:", "$quiet")), line((inert(headers, limit=4_000), "$quiet")), Content("")]
    return Content("\n").join([*rows, *_identity(record, width)])


def _split(text: str) -> tuple[str, str]:
    """Split a text as sent into its header lines and the body; no header lines where it does not begin with any."""
    headers, blank, body = text.partition("\n\n")
    lines = headers.splitlines()
    return (headers, body) if blank and lines and all(_HEADER.match(each) for each in lines) else ("", text)


def title(record: EmailRecord, *, raw: bool) -> str:
    """Return the border title of the message."""
    size = number(len(record.raw if raw else record.text))
    return f"Message as it came · {size} characters" if raw else f"Message as sent · {size} characters"


def _named(value: str, task: Task | None) -> str:
    return one_line(with_name(value, task.name_of(value)) if task else value, limit=30)


def _head(record: EmailRecord, task: Task | None, width: int) -> list[Content]:
    row = record.row
    glyph, tone = STATES[row.state]
    verdict: list[Part] = [(f"{glyph} {row.state.value}", f"bold ${tone}")]
    if row.label is not None:
        human = row.label_source == LabelSource.HUMAN.value
        verdict += [
            ("  ", ""),
            (_named(row.label, task), "bold $person" if human else "bold $accent"),
            (f"  {'◆ ' if human else ''}{_source(row.label_source)}", "$person" if human else "$quiet"),
        ]
    if row.failure:
        verdict.append((f"  {one_line(row.failure, limit=200)}", "$failed"))
    sender = join((one_line(row.sender, limit=200), one_line(row.date, limit=60)))
    return [
        line(*verdict),
        *_flagged(row.flags),
        *([line((part, "bold $bright")) for part in _wrapped(row.subject, width)] if row.subject else ()),
        *([line((part, "$quiet")) for part in _wrapped(sender, width)] if sender else ()),
    ]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(one_line(text, limit=400), max(12, width)) or [""]


def _identity(record: EmailRecord, width: int) -> list[Content]:
    """Return the line that says which text of the run it is, and how many others have the very same text."""
    row = record.row
    copies = f"{plural(record.copies, 'duplicate')} of it" if record.copies else ""
    source_id = one_line(row.source_id, limit=200)
    told = join((f"id {source_id}", f"number {row.id}", f"place {number(row.position)}", copies))
    return [line((part, "$quiet")) for part in _wrapped(told, width)]


NOTED = {
    "cut": "longer than the task sends",
    "quoted": "quoted history",
    "signature": "a signature",
    "hidden": "hidden HTML left out",
    "charset": "its charset was not the one it names",
    "unparsed": "could not be parsed whole",
}
"""What each note on a text says."""


def _flagged(flags: str) -> list[Content]:
    """Return a line for orders to a model in the text, and one for what was done to it before it was sent."""
    rows = []
    if orders := orders_among(flags):
        named = ", ".join(one_line(order, limit=60) for order in orders)
        rows.append(
            line(("⚑ possible prompt injection", "bold $waiting"), (f" ({named}): check its label", "$waiting"))
        )
    if noted := [words for name, words in NOTED.items() if name in flags.split()]:
        rows.append(line((f"as sent: {', '.join(noted)}", "$quiet")))
    return rows


def history(record: EmailRecord, task: Task | None, now: float, width: int) -> Content:
    """Return every attempt, label and note, wrapped to that many cells."""
    rows: list[Content] = [line((plural(len(record.attempts), "attempt"), "bold $bright"))]
    if not record.attempts:
        rows += [line((part, "$quiet")) for part in textwrap.wrap(_unasked(record), max(20, width))]
    for attempt in record.attempts or (record.twin.attempts if record.twin and _as_twin(record) else ()):
        rows += _attempt(attempt, now, width)
    rows += [Content(""), line((plural(len(record.labels), "label"), "bold $bright"))]
    if not record.labels:
        rows.append(line((keyed("none yet · {label} adds a manual one"), "$quiet")))
    rows += [_label(label, task, now) for label in record.labels]
    if record.notes:
        rows += [Content(""), line((plural(len(record.notes), "note"), "bold $bright"))]
        for note in record.notes:
            rows += _note(note, now, width)
    return Content("\n").join(rows)


def _as_twin(record: EmailRecord) -> bool:
    """Return whether the answers to its duplicate decided what became of it."""
    return record.row.state is EmailState.FAILED or record.row.label_source == LabelSource.COPY.value


def _unasked(record: EmailRecord) -> str:
    """Return why a text has no attempts of its own."""
    copied = record.row.label_source == LabelSource.COPY.value
    twin = record.twin if _as_twin(record) else None
    if twin is None:
        return "a duplicate: its label is a copy" if copied else "no call yet"
    shared = "it has the label of" if copied else "it failed as did"
    whose = f"{one_line(twin.source_id, limit=60)}, place {number(twin.position)}"
    return f"no call of its own: {shared} {whose}, which has the same text and these attempts:"


def _label(label: LabelRecord, task: Task | None, now: float) -> Content:
    human, withdrawn = label.source == LabelSource.HUMAN.value, label.source == LabelSource.WITHDRAWN.value
    who = f"◆ manual, by {one_line(label.annotator, limit=30)}" if human else _source(label.source)
    if withdrawn:
        who = f"{label.source} by {one_line(label.annotator, limit=30)}"
    blind = " · blind" if label.blind else ""
    note = f" · “{one_line(label.note, limit=200)}”" if label.note else ""
    return line(
        (f"{moment(label.at, now)}  ", "$quiet"),
        (_named(label.value, task), "bold $person" if human else "strike $quiet" if withdrawn else "bold $accent"),
        (f"  {who}{blind}", "$person" if human else "$quiet"),
        (note, "$quiet" if withdrawn else "$foreground"),
        (f"  task {one_line(label.task_version, limit=8)}" if label.task_version else "", "$faint"),
    )


def _note(note: NoteRecord, now: float, width: int) -> list[Content]:
    who = line((f"{moment(note.at, now)}  ", "$quiet"), (f"◆ {one_line(note.author, limit=30)}", "$person"))
    said = [part for each in inert(note.text).splitlines() for part in textwrap.wrap(each, max(12, width - 2)) or [""]]
    return [who, *(line(("  " + part, "$foreground")) for part in said)]


def _source(source: str | None) -> str:
    words = {"model": "by the model", "copy": "copied from a duplicate", "human": "manual, overrides the model"}
    return words.get(source or "", "by nobody")


def _outcome(attempt: Attempt) -> str:
    """Return how a call ended, in words: a 403 may be about the text (moderation, a firewall) as well as the key."""
    if attempt.outcome is Outcome.UNAUTHORIZED and " answered 403" in (attempt.error or ""):
        return "refused"
    return attempt.outcome.value.replace("_", " ")


def _attempt(attempt: Attempt, now: float, width: int) -> list[Content]:
    good = attempt.outcome is Outcome.ANSWERED
    tone = "running" if good else "waiting" if attempt.outcome in (Outcome.RATE_LIMITED, Outcome.CAPACITY) else "failed"
    word = _outcome(attempt)
    when = f"{moment(attempt.started_at, now)}:{clock(attempt.started_at)[-2:]}"
    rows = [
        Content(""),
        line(
            (f"{attempt.n} ", "bold $bright"),
            (_KINDS[attempt.kind], "$foreground"),
            (f"{'✓' if good else '✕'} {word}", f"bold ${tone}"),
            (f"  {when}", "$quiet"),
            (f"  {_took(attempt)}", "$bright"),
        ),
        line(
            (f"  {one_line(attempt.key_alias, limit=20)} of {one_line(attempt.organization, limit=24)}", "$foreground"),
            (f" · {number(attempt.prompt_tokens)} + {number(attempt.completion_tokens)} tokens", "$quiet"),
            (_LANES.get(attempt.lane, ""), "$accent"),
            ("" if attempt.label_probability is None else f" · p {attempt.label_probability:.3f}", "$bright"),
        ),
    ]
    if attempt.pack is not None:
        place = f"{attempt.pack.position} of {attempt.pack.size} in pack {attempt.pack.pack}"
        rows += _wrapped_beside("pack", place, "accent", width)
        if attempt.pack.answer is not None:
            rows += _wrapped_beside("whole", inert(attempt.pack.answer, limit=2_000) or "(empty)", "quiet", width)
    if attempt.raw_answer is not None:
        rows += _wrapped_beside(
            "answer", inert(attempt.raw_answer, limit=2_000) or "(empty)", "bright" if good else "waiting", width
        )
    if attempt.error:
        rows += _wrapped_beside("error", inert(attempt.error, limit=2_000), tone, width)
    for detail in (attempt.model, attempt.request_id or ""):
        rows += [line(("  " + one_line(detail, limit=width), "$faint"))] if detail else []
    return rows


def _took(attempt: Attempt) -> str:
    return f"{attempt.latency_s:.2f} s" if attempt.latency_s < 120 else countdown(attempt.latency_s)


def _wrapped_beside(name: str, text: str, tone: str, width: int) -> list[Content]:
    """Return a text wrapped beside its name."""
    wrapped = [part for each in text.splitlines() or [""] for part in textwrap.wrap(each, max(12, width - 10)) or [""]]
    rows = [line((fit(f"  {name}", 10), "$quiet"), (wrapped[0], f"${tone}"))]
    return [*rows, *(line(" " * 10, (part, f"${tone}")) for part in wrapped[1:])]
