"""Format the panes of the task screen: settings, labels, versions, draft, comparison. Pure."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Mapping
from typing import TYPE_CHECKING

from textual.content import Content

from core.engine import Draft, differences
from core.model import Snapshot, Task, TaskVersion
from core.text import inert, one_line
from tui.actions.keymap import keyed
from tui.text.numbers import (
    cut_words,
    fit,
    foreign,
    further_settings,
    join,
    moment,
    number,
    pack_words,
    percent,
    plural,
    with_name,
)
from tui.text.parts import Part, line
from tui.text.plan import price
from tui.widgets.lists.rows import ListColumn, Row

if TYPE_CHECKING:
    from core.engine import OlderTexts, Planned

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

MOST_EQUAL = 60
"""Characters of an equal stretch that are shown before and after a changed word."""

LEAST_COMMON = 0.7
"""Share of words and spaces (0..1) that two lines have in common at least to be shown as one changed line."""


def short(version: str) -> str:
    """Return a version's hash, shortened for display."""
    return one_line(version[:8])


def settings_lines(task: Task, width: int) -> Content:
    """Return the settings, a line each."""
    model = task.model
    effort = "not sent" if model.reasoning_effort is None else one_line(model.reasoning_effort, limit=20)
    temperature = "not sent" if model.temperature is None else f"{model.temperature:g}"
    rows = (
        ("model", one_line(model.model, limit=60)),
        ("reasoning", effort),
        ("temperature", temperature),
        ("answer", f"at most {number(model.max_completion_tokens)} tokens, {model.timeout_s:g} s"),
        ("follow-ups", "none" if not task.max_reasks else f"at most {number(task.max_reasks)} each"),
        ("cut at", cut_words(task)),
        ("sent", ", ".join(task.fields)),
        ("packs", pack_words(task)),
        *further_settings(task),
    )
    lines: list[Content] = []
    for name, value in rows:
        wrapped = textwrap.wrap(value, max(10, width - 12)) or [""]
        lines.append(line((fit(name, 12), "$quiet"), (wrapped[0], "$bright")))
        lines += [line(" " * 12, (more, "$bright")) for more in wrapped[1:]]
    return Content("\n").join(lines)


def labels_lines(task: Task, unknown: dict[str, int], width: int) -> Content:
    """Return the labels with their meanings; then present labels that this version does not have."""
    lines: list[Content] = []
    for label in task.labels:
        name = "" if label.name == label.value else f" {one_line(label.name, limit=60)}"
        lines.append(line((one_line(label.value, limit=64), "bold $accent"), (name, "bold $bright")))
        meaning = textwrap.wrap(one_line(label.meaning, limit=2_000), max(10, width - 2))
        lines += [line(("  " + part, "$foreground")) for part in meaning]
    for value, count in unknown.items():
        told = f" no label of this version · {plural(count, task.item)}"
        lines.append(line((one_line(value, limit=64), "bold $waiting"), (told, "$waiting")))
    return Content("\n").join(lines)


def unknown_labels(task: Task, snapshot: Snapshot) -> dict[str, int]:
    """Return present labels that a version does not have, with their counts."""
    known = {label.value for label in task.labels}
    return {value: count for value, count in snapshot.labels.items() if count and value not in known}


def version_row(version: TaskVersion, now: float) -> Row:
    """Return the row of a version: what it did, and how far it agrees with the active one."""
    mark, tone = ("▶ ", "bold $accent") if version.active else ("  ", "$foreground")
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
            ("active" if version.active else agreed, "$running" if version.active else "$foreground"),
            (shares(version) if version.counted else "counting …", "$foreground"),
        ),
        version,
    )


def shares(version: TaskVersion) -> str:
    """Return the shares of its labels: ``work 82 %, personal 18 %``."""
    counts = sorted(version.labels.items(), key=lambda item: -item[1])
    return ", ".join(f"{version.task.name_of(value)} {percent(count, version.labeled)}" for value, count in counts)


def draft_line(draft: Draft | None, current: Task, *, requested: bool, older: int) -> Content:
    """Return the line about the draft, with the keys for it."""
    if requested:
        told = "the worker is activating the new version"
        return line(("◔ requested ", "bold $waiting"), (told, "$quiet"))
    if draft is None:
        calm = keyed("No draft. {edit} starts one, {editor} in an editor; nothing changes before {enact}")
        on = "{ask_again}\u00a0re-labels"
        again = f" · {plural(older, 'label')} by older versions, {keyed(on)}" if older else ""
        return line((calm, "$quiet"), (again, "$waiting"))
    if draft.task is None:
        why = one_line(draft.error.removeprefix("the draft").removeprefix(" is").lstrip(": "), limit=400)
        on = keyed(" {edit} continues")
        return line(("✕ DRAFT, no task yet: ", "bold $failed"), (why, "$failed"), (on, "$quiet"))
    others = differences(current, draft.task)
    what = f"differs in {', '.join(others)}" if others else "the same as the active version"
    return line(
        (f"◆ DRAFT {short(draft.task.version)} ", "bold $person"), (what, "$foreground"),
        (keyed(" · {compare}\u00a0compares, {dry_run}\u00a0tries, {enact}\u00a0activates"), "$quiet"),
    )  # fmt: skip


def rubric_lines(task: Task) -> Content:
    """Return the rubric, inert."""
    return Content(inert(task.rubric.strip()))


def comparison(before: str, after: str) -> tuple[Content, int]:
    """Return the lines of two tasks that differ, with two around them, and how many differ.

    A changed line is one line with its words marked: ``[-removed-]`` and ``{+added+}``.
    """
    old, new = before.splitlines(), after.splitlines()
    rows: list[Content] = []
    differing = 0
    for group in difflib.SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(2):
        rows.append(line(("…", "$quiet")))
        for kind, i, i_end, j, j_end in group:
            if kind == "equal":
                rows += [line("  ", (inert(text), "$quiet")) for text in old[i:i_end]]
                continue
            pairs = min(i_end - i, j_end - j)
            for n in range(pairs):
                found = _changed(old[i + n], new[j + n])
                rows += found
                differing += len(found)
            rows += [line(("- ", "bold $failed"), (inert(text), "$failed")) for text in old[i + pairs : i_end]]
            rows += [line(("+ ", "bold $running"), (inert(text), "$running")) for text in new[j + pairs : j_end]]
            differing += (i_end - i) + (j_end - j) - 2 * pairs
    if not rows:
        return line(("Nothing differs.", "$quiet")), 0
    if len(rows) > MOST_COMPARED:
        rows = [*rows[:MOST_COMPARED], line((f"… {number(len(rows) - MOST_COMPARED)} more lines", "$quiet"))]
    return Content("\n").join(rows), differing


def _changed(old: str, new: str) -> list[Content]:
    """Return a changed line with its removed and added words marked, or both lines where they have little in common.

    Long equal stretches are shortened.
    """
    words, others = re.split(r"(\s+)", inert(old)), re.split(r"(\s+)", inert(new))
    parts: list[Part] = [("~ ", "bold $waiting")]
    matcher = difflib.SequenceMatcher(None, words, others, autojunk=False)
    if matcher.ratio() < LEAST_COMMON:
        return [
            line(("- ", "bold $failed"), (inert(old), "$failed")),
            line(("+ ", "bold $running"), (inert(new), "$running")),
        ]
    opcodes = matcher.get_opcodes()
    for n, (kind, i, i_end, j, j_end) in enumerate(opcodes):
        removed, added = "".join(words[i:i_end]), "".join(others[j:j_end])
        if kind == "equal":
            parts.append((_shortened(removed, first=n == 0, last=n == len(opcodes) - 1), "$foreground"))
            continue
        parts.append((f"[-{removed}-]" if removed else "", "bold $failed"))
        parts.append((f"{{+{added}+}}" if added else "", "bold $running"))
    return [line(*parts)]


def _shortened(text: str, *, first: bool, last: bool) -> str:
    """Return an equal stretch of a changed line without its middle, where that is far from any change."""
    before, after = (0 if first else MOST_EQUAL), (0 if last else MOST_EQUAL)
    if len(text) <= before + after + 3:
        return text
    return f"{text[:before]} … {text[len(text) - after :] if after else ''}".strip(" " if first else "")


def rows_before_difference(told: str, width: int) -> int:
    """Return the rows of a comparison before its first line that differs, wrapped to that many cells."""
    rows = 0
    for text in told.splitlines():
        if text.startswith(("+", "-", "~")):
            return rows
        rows += max(1, len(textwrap.wrap(text, width)))
    return 0


def effect(current: Task, draft: Task, snapshot: Snapshot) -> str:
    """Return the effects of activating a draft, for its confirmation."""
    verb = "is" if snapshot.pending == 1 else "are"
    pending = f"{plural(snapshot.pending, draft.item)} pending {verb} labeled with it from now on"
    if not snapshot.pending:
        pending = "Nothing is pending for it now"
    parts = [
        f"Activate draft {short(draft.version)}? {pending}.",
        "The label so far stays, with its version."
        if snapshot.labeled == 1
        else f"The {number(snapshot.labeled)} labels so far stay, each with its version."
        if snapshot.labeled
        else "",
    ]
    if current.sends_otherwise(draft):
        parts.append(f"The text of all {plural(snapshot.total, draft.item)} is made again from the message as it came.")
    unknown = unknown_labels(draft, snapshot)
    if unknown:
        values = ", ".join(f"{one_line(value, limit=20)} ({number(count)})" for value, count in unknown.items())
        parts.append(f"No longer a label, but present: {values}.")
    if snapshot.worker.alive and snapshot.worker.in_flight:
        parts.append("Calls in flight finish under the old version.")
    return " ".join(part for part in parts if part)


def version_title(version: TaskVersion) -> str:
    """Return which version the panes show."""
    return join((short(version.task.version), "active" if version.active else "an older version"))


def choice_rows(
    older: dict[str, int], task: Task, prices: Mapping[str, tuple[OlderTexts, Planned]] | None = None
) -> list[Row]:
    """Return what can be re-labeled: everything that an older version labeled, or one of its labels, with its price.

    Without ``prices`` these are being computed.
    """

    def row(id_: str, value: str | None, told: tuple[str, str], count: int) -> Row:
        texts, planned = (prices or {}).get(value or "", (None, None))
        changed = f"{number(texts.changed)} of {number(texts.compared)}" if texts is not None and texts.compared else ""
        cost = price(planned) if planned is not None else "" if prices is not None else "…"
        return Row(
            id_, (told, (number(count), "$bright"), (changed, "$waiting"), (one_line(cost, limit=60), "$quiet")), value
        )

    rows = [row("", None, ("every label", "bold $bright"), sum(older.values()))]
    for value, count in sorted(older.items(), key=lambda item: -item[1]):
        told = with_name(value, task.name_of(value))
        rows.append(row(f"={value}", value, (foreign(told, 16), "$foreground"), count))
    return rows
