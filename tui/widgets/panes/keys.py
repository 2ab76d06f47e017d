"""Show the keys by organization: how much of each quota is used, which key is in use, which cools and until when."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from textual.content import Content

from core.model import Dimension, KeyState, KeyStatus, WindowStatus
from core.text import one_line
from tui.actions.keymap import key as key_of
from tui.actions.keymap import keyed
from tui.text.numbers import both_ends, coarsely, compact, countdown, fit, foreign, meter, percent, plural
from tui.text.parts import Part, line
from tui.widgets.panes.pane import Pane

STATES = {
    KeyState.IN_USE: ("▶", "in use", "running"),
    KeyState.READY: ("●", "ready", "running"),
    KeyState.COOLING: ("◌", "cooling", "cooling"),
    KeyState.BENCHED: ("◍", "benched", "waiting"),
    KeyState.DISABLED: ("–", "disabled", "quiet"),
    KeyState.INVALID: ("✕", "invalid", "failed"),
}
"""Glyph, word and tone of a key's state."""

FIRST = " ↑ first"
"""Behind the state of a pinned key; where cells are few, only the arrow before its alias is shown."""

DIMENSIONS = (Dimension.TPM, Dimension.TPD, Dimension.RPD, Dimension.RPM)
NEARLY_USED = 0.8
"""Share of a window from which on it is shown before others, and a day's window in the color of waiting."""

DAYS = (Dimension.TPD, Dimension.RPD)

REFILLS_IN = 33
"""Cells of the longest account of a window: ``99.9k of 99.9k · refills in 00:00``."""


@dataclass(frozen=True, slots=True)
class KeyFacts:
    """Hold keys and windows; cooldowns are in whole seconds, so that the pane changes at most once a second."""

    keys: tuple[KeyStatus, ...]
    windows: tuple[WindowStatus, ...]
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Organization:
    """Hold the keys that share a quota, and its windows."""

    name: str
    keys: tuple[KeyStatus, ...]
    windows: tuple[WindowStatus, ...]

    @property
    def wait_s(self) -> float:
        """Return seconds until the first of its keys may be used, where all of them cool."""
        cooling = [key.cooldown_s for key in self.keys if key.state in (KeyState.COOLING, KeyState.BENCHED)]
        free = any(key.state in (KeyState.READY, KeyState.IN_USE) for key in self.keys)
        return min(cooling) if cooling and not free else 0.0


def organizations(keys: Sequence[KeyStatus], windows: Sequence[WindowStatus]) -> list[Organization]:
    """Return keys grouped by the organization whose quota they share, in the order of names."""
    names = sorted({key.organization for key in keys})
    return [
        Organization(
            name,
            tuple(key for key in keys if key.organization == name),
            tuple(sorted((window for window in windows if window.organization == name), key=_place)),
        )
        for name in names
    ]


def _place(window: WindowStatus) -> int:
    """Return the fixed place of a window."""
    return DIMENSIONS.index(window.dimension)


def _telling(windows: Sequence[WindowStatus], most: int) -> list[WindowStatus]:
    """Return at most so many of the windows, nearly used-up ones before others, each in its place."""
    return sorted(sorted(windows, key=lambda window: used_share(window) <= NEARLY_USED)[:most], key=_place)


def used_share(window: WindowStatus) -> float:
    """Return how much of a window is used, in 0..1."""
    return min(1.0, max(0.0, 1 - window.available / window.limit)) if window.limit > 0 else 0.0


def state_words(key: KeyStatus, width: int) -> tuple[str, str]:
    """Return a key's state in ``width`` cells, with its countdown or, where it fits whole, its reason; and the tone."""
    glyph, word, tone = STATES[key.state]
    if key.state in (KeyState.COOLING, KeyState.BENCHED):
        until = countdown(key.cooldown_s) if key.cooldown_s else ""
        text = f"{glyph} {word} {until}" + (f" {key.limit}" if key.limit and width >= 20 else "")
    else:
        text = f"{glyph} {word}"
        if key.state is KeyState.INVALID and key.reason and len(f"{text} · {key.reason}") <= width:
            text += f" · {key.reason}"
    if key.pinned and len(text) + len(FIRST) <= width:
        text += FIRST
    return foreign(text, width), f"${tone}"


class KeysPane(Pane):
    NAME = "Keys"
    NUMBER = 3

    def heading(self) -> str:
        facts: KeyFacts = self.facts
        groups = {key.organization for key in facts.keys}
        return f"{plural(len(facts.keys), 'key')} · {plural(len(groups), 'organization')}" if facts.keys else "none"

    def body(self, width: int, height: int) -> list[Content]:
        facts: KeyFacts = self.facts
        if not facts.keys:
            text = foreign(facts.trouble, width) if facts.trouble else keyed("no key yet · {keys} then {add} adds one")
            return [line((text, "$failed" if facts.trouble else "$waiting"))]
        groups = organizations(facts.keys, facts.windows)
        shown = [[_summary(group, width)] for group in groups]
        for fuller in (_by_key, _by_window, _by_reason):  # more rows for each organization as long as they fit
            for n, group in enumerate(groups):
                rows = fuller(group, width)
                if sum(map(len, shown)) - len(shown[n]) + len(rows) <= height:
                    shown[n] = rows
        rows = [row for group_rows in shown for row in group_rows]
        if len(rows) > height:
            hidden = len(rows) - height + 1
            rows = [*rows[: height - 1], line((f"{hidden} more organizations · {key_of('keys')} lists all", "$quiet"))]
        return rows


def tone_of(window: WindowStatus) -> str:
    """Return the tone of a window: a minute's is healthy when used up, a day's stops its keys until it refills."""
    return "$waiting" if window.dimension in DAYS and used_share(window) > NEARLY_USED else "$running"


def meters(windows: Sequence[WindowStatus], width: int) -> list[Part]:
    """Return as many of the windows as fit, nearly used-up ones first: name, bar, percent used."""
    size = 6
    each = 4 + size + 5
    parts: list[Part] = []
    for window in _telling(windows, max(0, width // each)):
        share = used_share(window)
        used, free = meter(share, size)
        parts += [(f"{window.dimension.value} ", "$quiet"), (used, tone_of(window)), (free, "$faint")]
        parts.append((fit(_percent(share), 4, right=True) + " ", "$foreground"))
    return parts


def header(group: Organization, width: int) -> Content:
    """Return the row of an organization with its windows."""
    name_width = min(14, max(6, width - 1 - 2 * 15))
    return line(
        (both_ends(group.name or "unknown", name_width), "bold"), " ", *meters(group.windows, width - name_width - 1)
    )


def _by_key(group: Organization, width: int) -> list[Content]:
    return [header(group, width), *(_key(key, width) for key in group.keys)]


def _by_window(group: Organization, width: int) -> list[Content]:
    head = line((both_ends(group.name or "unknown", min(24, width)), "bold"))
    windows = [_window(window, width) for window in group.windows]
    return [head, *windows, *(_key(key, width) for key in group.keys)]


def _by_reason(group: Organization, width: int) -> list[Content]:
    """Return rows window by window, with the reason below each key that is out of use."""
    rows = _by_window(group, width)[: -len(group.keys)]
    for key in group.keys:
        row, why = _key(key, width), one_line(key.reason, limit=200)
        rows.append(row)
        if key.state.out and why not in row.plain:
            rows += [line(("   " + part, "$quiet")) for part in textwrap.wrap(why, width - 3)]
    return rows


def _window(window: WindowStatus, width: int) -> Content:
    share = used_share(window)
    used, free = meter(share, 6)
    spent = f"{compact(share * window.limit)} of {compact(window.limit)}"
    room = max(0, width - 18)
    refill = f"refills in {countdown(window.full_in_s)}" if window.full_in_s >= 1 else "full"
    if room < REFILLS_IN:  # by the room and not by the text, so that all windows of a pane have one form
        refill = refill.replace("refills in", "refills")
    if len(spent) + 3 + len(refill) > room and window.full_in_s >= 1:
        refill = f"refills {coarsely(window.full_in_s)}"
    return line(
        (f" {window.dimension.value} ", "$quiet"),
        (used, tone_of(window)),
        (free, "$faint"),
        (fit(_percent(share), 5, right=True), "$foreground"),
        ("  " + foreign(f"{spent} · {refill}", room), "$quiet"),
    )


def _percent(share: float) -> str:
    return percent(share, 1).replace(" ", "")


def _key(key: KeyStatus, width: int) -> Content:
    alias = 8 if width < 60 else 12
    counts = width >= 46
    room = width - alias - 7 - (15 if counts else 0)
    text, tone = state_words(key, room)
    parts: list[Part] = [
        (("↑" if key.pinned else " ") + foreign(key.alias, alias - 1), "$foreground"),
        (f" …{foreign(key.last4, 4)} ", "$quiet"),
        (text, tone),
    ]
    if counts:
        parts.append((fit(f"{compact(key.requests - key.errors_429)} ok", 8, right=True), "$quiet"))
        parts.append((fit(f"{compact(key.errors_429)}×429", 7, right=True), "$waiting" if key.errors_429 else "$quiet"))
    return line(*parts)


def _summary(group: Organization, width: int) -> Content:
    name_width = min(12, max(6, width - 32))
    parts: list[Part] = [(both_ends(group.name or "unknown", name_width) + " ", "bold")]
    used = name_width + 1
    if any(key.pinned for key in group.keys):
        parts.append(("↑ ", "$foreground"))
        used += 2
    for state, (glyph, _, tone) in STATES.items():
        count = sum(1 for key in group.keys if key.state is state)
        if count:
            parts.append((f"{glyph}{count} ", f"${tone}"))
            used += 2 + len(str(count))
    if group.wait_s:
        until = f"{countdown(group.wait_s)} "
        parts.append((until, "$cooling"))
        used += len(until)
    room = max(20, name_width + 10)
    if used < room <= width:
        parts.append(" " * (room - used))
        used = room
    return line(*parts, *meters(group.windows, width - used))
