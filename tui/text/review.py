"""Format what a review shows, pure: a text with its quoted history folded, keys of labels, and a batch's result."""

from __future__ import annotations

import re
from collections.abc import Sequence

from textual.content import Content

from core.engine import split_history
from core.model import Task
from core.quality.session import Revealed
from core.text import inert, one_line
from tui.text.numbers import number, plural, with_name
from tui.text.parts import Part, line

MOST_SHOWN = 60_000
"""Characters of a text that are shown, so that wrapping them delays no key."""

FIND_KEY = "0"

_HEADER = re.compile(r"(From|To|Cc|Bcc|Subject|Date): ")


def keys_of(task: Task) -> dict[str, str]:
    """Return the label that each key gives: its own character where every label is one digit, else 1 to 9 in order."""
    values = [label.value for label in task.labels]
    if all(len(value) == 1 and value.isdigit() for value in values):
        return {value: value for value in values}
    return {str(place): value for place, value in enumerate(values[:9], 1)}


def finds(task: Task) -> bool:
    """Return whether labels are left that no key gives, so that :data:`FIND_KEY` asks which one is meant."""
    return len(keys_of(task)) < len(task.labels)


def key_line(task: Task, cannot_tell: str) -> Content:
    """Return the keys that answer; where they are too many for a line, the one that finds a label comes first."""
    by_key: list[Part] = []
    for pressed, value in keys_of(task).items():
        name = task.name_of(value)
        words = name if value in (name, pressed) else f"{value} {name}"
        by_key += [(f"{pressed} ", "bold $accent"), (f"{one_line(words, limit=20)}   ", "$foreground")]
    none: list[Part] = [(f"{cannot_tell} ", "bold $accent"), ("cannot tell   ", "$foreground")]
    if not finds(task):
        return line(" ", *by_key, *none)
    found: list[Part] = [
        (f"{FIND_KEY} ", "bold $accent"), (f"find one of {number(len(task.labels))} labels   ", "$foreground")
    ]  # fmt: skip
    return line(" ", *found, *none, *by_key)


def rubric(task: Task) -> Content:
    """Return the labels with their meaning, and the rubric."""
    rows: list[Content] = []
    for label in task.labels:
        rows.append(line((one_line(with_name(label.value, label.name), limit=60), "bold $bright")))
        if label.meaning:
            rows.append(line((one_line(label.meaning, limit=400), "$foreground")))
    return Content("\n").join([*rows, Content.empty(), line((inert(task.rubric, limit=8_000), "$quiet"))])


def text_shown(text: str, *, unfolded: bool, unfold: str, width: int) -> Content:
    """Return a text to read, with its quoted history folded or not; header lines are dimmed.

    Folded, each header line is cut to ``width`` cells: a mail's many readers would push its text off the screen.
    """
    written, quoted = split_history(text)
    headers: list[str] = []
    lines = written[:MOST_SHOWN].splitlines()
    while lines and _HEADER.match(lines[0]):
        headers.append(lines.pop(0))
    limit = 300 if unfolded else max(20, width)
    rows = [line((one_line(each, limit=limit), "$quiet")) for each in headers]
    rows.append(Content(inert("\n".join(lines))))
    if quoted and unfolded:
        rows.append(line((inert(quoted[:MOST_SHOWN]), "$quiet")))
    elif quoted:
        words = plural(len(quoted.split()), "quoted word", "quoted words")
        rows.append(line((f"\n▸ {words} · ", "$waiting"), (unfold, "bold $accent"), (" unfolds", "$waiting")))
    return Content("\n").join(rows)


def revealed(
    found: Revealed, batch: int, subjects: Sequence[str], task: Task, *, more: int, close: str, shows: str,
    width: int, most: int,
) -> Content:  # fmt: skip
    """Return the result of a finished batch in few lines: the next item is shown below it.

    ``subjects`` name the differing items, of which ``most`` are listed; ``more`` items wait for another batch.
    ``close`` and ``shows`` are the keys that close it and show the figures, ``width`` the cells of a line.
    """
    told = []
    if found.compared:
        told.append(f"You and the model agree on {number(found.agree)} of {number(found.compared)}")
    if found.waiting_for_model:
        told.append(
            f"{number(found.waiting_for_model)} wait for it" if told else "The model has labeled none of it yet"
        )
    if found.cannot_tell:
        told.append(f"you could not tell {number(found.cannot_tell)}")
    said = "; ".join(told) + "." * bool(told)
    rows: list[Content] = [line((f"Batch {batch} is answered. ", "bold $bright"), said[:1].upper() + said[1:])]
    if found.differing:
        left = len(found.differing) - most
        rest = f" (and {number(left)} more)" if left > 0 else ""
        rows.append(line((f"Where you differ, also after the second look{rest}:", "$waiting")))
        for (_, person, model), subject in zip(found.differing[:most], subjects, strict=False):
            you, it = (with_name(value, task.name_of(value)) for value in (person, model))
            said = one_line(f"you {you} · model {it}", limit=40)
            room = max(8, width - len(said) - 2)
            rows.append(line((f"{said}  ", "$foreground"), (one_line(subject, limit=room), "$quiet")))
    keys: list[Part] = [(shows, "bold $accent"), " the figures  "]
    if more:
        keys += [(close, "bold $accent"), " closes this, so does your next answer"]
    else:
        keys.append(("Nothing more of the sample waits for you.", "$bright"))
    return Content("\n").join([*rows, line(*keys)])
