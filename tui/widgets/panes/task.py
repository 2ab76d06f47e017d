"""What the panes of the Task screen say: settings, labels, versions, the draft, a comparison. Pure."""

from __future__ import annotations

import difflib
import textwrap

from textual.content import Content

from core.engine import Draft, differences
from core.model import Snapshot, Task, TaskVersion
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.text.numbers import fit, foreign, join, moment, number, percent, plural
from tui.widgets.lists.rows import ListColumn, Row
from tui.widgets.panes.pane import line

COLUMNS = (
    ListColumn("version", 10),
    ListColumn("since", 12),
    ListColumn("by", 9, from_width=90),
    ListColumn("labels", 8, right=True),
    ListColumn("failed", 6, right=True),
    ListColumn("agrees", 12, right=True),
    ListColumn("share of each label", 0),
)

MOST_COMPARED = 2_000
"""Lines of a comparison that are shown."""


def short(version: str) -> str:
    """A version's hash as people read it."""
    return one_line(version[:8])


def settings_lines(task: Task, width: int) -> Content:
    """The settings, a line each."""
    model = task.model
    effort = "not sent" if model.reasoning_effort is None else one_line(model.reasoning_effort, limit=20)
    temperature = "not sent" if model.temperature is None else f"{model.temperature:g}"
    rows = (
        ("model", one_line(model.model, limit=60)),
        ("reasoning", effort),
        ("temperature", temperature),
        ("answer", f"at most {number(model.max_completion_tokens)} tokens, {model.timeout_s:g} s"),
        ("asked", "once" if not task.max_reasks else f"again up to {plural(task.max_reasks, 'time')}"),
        ("cut at", f"{number(task.truncate_at)} characters"),
        ("sent", ", ".join(task.fields)),
    )
    lines: list[Content] = []
    for name, value in rows:
        wrapped = textwrap.wrap(value, max(10, width - 12)) or [""]
        lines.append(line((fit(name, 12), "$quiet"), (wrapped[0], "$bright")))
        lines += [line(" " * 12, (more, "$bright")) for more in wrapped[1:]]
    return Content("\n").join(lines)


def labels_lines(task: Task, unknown: dict[str, int], width: int) -> Content:
    """The labels with their meanings; then those in force that this version does not know."""
    lines: list[Content] = []
    for label in task.labels:
        name = "" if label.name == label.value else f" {one_line(label.name, limit=60)}"
        lines.append(line((one_line(label.value, limit=64), "bold $accent"), (name, "bold $bright")))
        meaning = textwrap.wrap(one_line(label.meaning, limit=2_000), max(10, width - 2))
        lines += [line(("  " + part, "$foreground")) for part in meaning]
    for value, count in unknown.items():
        told = f" no label of this version · {plural(count, 'email')}"
        lines.append(line((one_line(value, limit=64), "bold $waiting"), (told, "$waiting")))
    return Content("\n").join(lines)


def unknown_labels(task: Task, snapshot: Snapshot) -> dict[str, int]:
    """Labels that emails have and that a version does not know, with their counts."""
    known = {label.value for label in task.labels}
    return {value: count for value, count in snapshot.labels.items() if count and value not in known}


def version_row(version: TaskVersion, now: float) -> Row:
    """A line of the versions: what it did, and how far it agrees with the one in force."""
    mark, tone = ("▶ ", "bold $accent") if version.in_force else ("  ", "$foreground")
    agreed = f"{percent(version.agreed, version.both)} of {number(version.both)}" if version.both else ""
    labels = number(version.labeled) if version.counted else "…"
    return Row(
        version.task.version,
        (
            (mark + short(version.task.version), tone),
            (moment(version.since_at, now), "$quiet"),
            (version.by or "new run", "$quiet"),
            (labels, "$bright"),
            (number(version.failed) if version.failed else "", "$failed"),
            ("in force" if version.in_force else agreed, "$running" if version.in_force else "$foreground"),
            (shares(version) if version.counted else "counting …", "$foreground"),
        ),
        version,
    )


def shares(version: TaskVersion) -> str:
    """How its labels are distributed: ``work 82 %, personal 18 %``."""
    counts = sorted(version.labels.items(), key=lambda item: -item[1])
    return ", ".join(f"{version.task.name_of(value)} {percent(count, version.labeled)}" for value, count in counts)


def draft_line(draft: Draft | None, current: Task, *, requested: bool, older: int) -> Content:
    """What there is of a draft, and which keys go on from here."""
    if requested:
        told = "the worker is asked to put the new version in force"
        return line(("◔ requested ", "bold $waiting"), (told, "$quiet"))
    if draft is None:
        calm = keyed("No draft. {edit} begins one, {editor} in an editor; nothing changes before {enact}")
        on = "{ask_again}\u00a0asks\u00a0again"
        again = f" · {plural(older, 'label')} by older versions, {keyed(on)}" if older else ""
        return line((calm, "$quiet"), (again, "$waiting"))
    if draft.task is None:
        why = one_line(draft.error.removeprefix("the draft").removeprefix(" is").lstrip(": "), limit=400)
        on = keyed(" {edit} edits on")
        return line(("✕ DRAFT, no task yet: ", "bold $failed"), (why, "$failed"), (on, "$quiet"))
    others = differences(current, draft.task)
    what = f"differs in {', '.join(others)}" if others else "the same as the version in force"
    return line(
        (f"◆ DRAFT {short(draft.task.version)} ", "bold $person"), (what, "$foreground"),
        (keyed(" · {compare}\u00a0compares, {rehearse}\u00a0tries, {enact}\u00a0puts it in force"), "$quiet"),
    )  # fmt: skip


def rubric_lines(task: Task) -> Content:
    """The rubric as it is."""
    return Content(inert(task.rubric.strip()))


def comparison(before: str, after: str) -> tuple[Content, int]:
    """The lines of two tasks that differ, with some around them; and how many lines differ."""
    rows: list[Content] = []
    differing = 0
    for text in difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=2):
        if text.startswith(("---", "+++")):
            continue
        mark = text[:1]
        differing += mark in "+-"
        if mark == "@":
            rows.append(line(("…", "$quiet")))
            continue
        tone = {"+": "$running", "-": "$failed"}.get(mark, "$quiet")
        rows.append(line((mark or " ", f"bold {tone}"), (" " + inert(text[1:]), tone)))
    if not rows:
        return line(("Nothing differs.", "$quiet")), 0
    if len(rows) > MOST_COMPARED:
        rows = [*rows[:MOST_COMPARED], line((f"… {number(len(rows) - MOST_COMPARED)} more lines", "$quiet"))]
    return Content("\n").join(rows), differing


def rows_before_difference(told: str, width: int) -> int:
    """Rows that a comparison takes before its first line that differs, wrapped to that many cells."""
    rows = 0
    for text in told.splitlines():
        if text.startswith(("+", "-")):
            return rows
        rows += max(1, len(textwrap.wrap(text, width)))
    return 0


def effect(current: Task, draft: Task, snapshot: Snapshot) -> str:
    """What putting a draft in force means, before it is done."""
    verb = "is" if snapshot.pending == 1 else "are"
    asked = f"{plural(snapshot.pending, 'email')} in line {verb} asked with it from now on"
    if not snapshot.pending:
        asked = "No email is in line for it now"
    parts = [
        f"Put draft {short(draft.version)} in force? {asked}.",
        f"The {plural(snapshot.labeled, 'label')} given so far stay as they are, each with its version."
        if snapshot.labeled
        else "",
    ]
    if (current.fields, current.truncate_at) != (draft.fields, draft.truncate_at):
        parts.append(f"The text of all {plural(snapshot.total, 'email')} is made anew from the message as it came.")
    unknown = unknown_labels(draft, snapshot)
    if unknown:
        values = ", ".join(f"{one_line(value, limit=20)} ({number(count)})" for value, count in unknown.items())
        parts.append(f"No label any more, though emails have it: {values}.")
    if snapshot.worker.alive and snapshot.worker.in_flight:
        parts.append("Calls that are out end under the old version.")
    return " ".join(part for part in parts if part)


def version_title(version: TaskVersion) -> str:
    """Which version the panes show."""
    return join((short(version.task.version), "in force" if version.in_force else "an older version"))


def choice_rows(older: dict[str, int], task: Task) -> list[Row]:
    """What can be asked again: everything that an older version labeled, or one of its labels."""
    rows = [Row("", (("every label", "bold $bright"), (number(sum(older.values())), "$bright")), None)]
    for value, count in sorted(older.items(), key=lambda item: -item[1]):
        name = task.name_of(value)
        told = value if name == value else f"{value} {name}"
        rows.append(Row(f"={value}", ((foreign(told, 40), "$foreground"), (number(count), "$bright")), value))
    return rows
