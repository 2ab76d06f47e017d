"""Show the keys of this machine by organization, with their quotas."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable
from dataclasses import replace

from rich.cells import cell_len
from textual.widget import Widget

from core.model import KeyStatus, ModelSettings, WindowStatus
from core.text import one_line
from tui.actions.context import Scope, Selected
from tui.actions.keymap import key
from tui.screens.keys.editing import KeyEditing
from tui.screens.keys.windows import ask_for_key
from tui.text.numbers import bar, clock, compact, countdown, join, number, percent, plural
from tui.text.state_sentence import StateSentence
from tui.view_state import ScreenData, data_age
from tui.widgets.lists.rows import ListColumn, Row, Rows, widths_of
from tui.widgets.panes.keys import Organization, organizations, state_words, tone_of, used_share
from tui.widgets.state_line import Headline

COLUMNS = (
    ListColumn("key", 14),
    ListColumn("ends in", 7),
    ListColumn("state", 24),
    ListColumn("requests", 8, right=True),
    ListColumn("429s", 6, right=True),
    ListColumn("tokens", 7, right=True, from_width=96),
    ListColumn("why", 0),
)

ROOMY = 110
"""Columns from which on a limit is also named in words."""


class KeysScreen(KeyEditing):
    """Show keys below the quota windows of their organization, for the model in use."""

    SCOPE = Scope.KEYS

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(COLUMNS, empty="\n reading the keys …", id="keys")

    def content(self) -> Iterable[Widget]:
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)

    def on_resize(self) -> None:
        """Wrap the reasons again."""
        if self.data is not None and not self.console_app.held:
            self.call_after_refresh(self.show, self.data)

    def show(self, data: ScreenData) -> None:
        if data.view_state.read_at is None and not data.view_state.keys_trouble:
            return
        self._rows.empty = self._empty(data.view_state.keys_trouble)
        keys = [replace(key, cooldown_s=float(math.ceil(key.cooldown_s))) for key in data.view_state.shown_keys]
        rows: list[Row] = []
        for group in organizations(keys, data.view_state.windows):
            rows.append(_head(group))
            rows += [_window(window, roomy=self.size.width >= ROOMY) for window in group.windows]
            rows += [row for key in group.keys for row in _key(key, self.size.width)]
        self._rows.set_rows(rows)

    def _empty(self, trouble: str) -> str:
        if trouble:
            return "\n " + one_line(trouble, limit=400)
        path = one_line(str(self.console_app.settings.keys_path))
        kept = "the system's keyring" if self.console_app.preferences.keyring else "keys.toml, readable by you only"
        return (
            "\nThere is no key yet. Three ways to add one:\n\n"
            f"  {key('add'):<21}adds one here, saved in {kept}\n"
            "  GROQ_API_KEY         one key, from the environment of the worker\n"
            "  GROQ_API_KEYS        several, separated by commas\n\n"
            f"keys.toml is {path}\n\n"
            "Quotas belong to an organization: two keys of one organization share them."
        )

    def headline(self, data: ScreenData) -> Headline:
        if data.view_state.path is not None:
            return super().headline(data)
        groups = {key.organization for key in data.view_state.keys}
        sentence = f"{plural(len(groups), 'organization')} · quotas of {ModelSettings().model}"
        state_sentence = StateSentence(plural(len(data.view_state.keys), "key"), "◇", "accent", sentence)
        return Headline(
            "labeltui", state_sentence, simulated=False, age_s=data_age(data.view_state, data.now), now=data.now
        )

    def selected(self) -> Selected:
        row = self._rows.selected
        return row.value if row is not None and isinstance(row.value, KeyStatus) else None

    def on_rows_moved(self) -> None:
        self.hint()

    def on_rows_chosen(self) -> None:
        self.console_app.perform("open")

    def do_open(self) -> None:
        """Open the record of the key under the cursor."""
        from tui.screens.keys.record import KeyRecordScreen  # noqa: PLC0415  (loaded on first use)

        key = self.selected_key()
        if key is not None:
            self.app.push_screen(KeyRecordScreen(key.alias))

    def do_add(self) -> None:
        """Ask for a key in a window, and check it."""
        ask_for_key(self.console_app)


def _head(group: Organization) -> Row:
    known = all(key.organization_known for key in group.keys)
    text = group.name or "unknown organization"
    wait = f"no key usable for {countdown(group.wait_s)}" if group.wait_s else ""
    cells = (
        (text, "bold $bright"),
        ("", ""),
        (
            join((wait or plural(len(group.keys), "key"), "" if known else "not confirmed by a reply yet")),
            "$cooling" if wait else "$quiet",
        ),
    )
    return Row(("organization", group.name), cells, None, selectable=False, span_from=2)


def _window(window: WindowStatus, *, roomy: bool) -> Row:
    share = used_share(window)
    used = max(0.0, window.limit - window.available)
    full = f"refills in {countdown(window.full_in_s)}" if window.full_in_s > 0 else "full"
    told = f"{number(used)} of {number(window.limit)} {window.dimension.words}"
    if not roomy:
        full, told = full.replace("refills in", "refills"), f"{compact(used)} of {compact(window.limit)}"
    cells = (
        (window.dimension.value, "$quiet"),
        (percent(used, window.limit), "$foreground"),
        (bar(share, 24), tone_of(window)),
        (
            join((told, full, window.source if roomy else "")),
            "$foreground",
        ),
    )
    place = ("window", window.organization, window.dimension)
    return Row(place, cells, None, selectable=False, indent=2, span_from=3)


def _key(key: KeyStatus, width: int) -> list[Row]:
    """Return the row of a key and, where its reason is longer than its column, rows below with it in full."""
    text, tone = state_words(replace(key, reason=""), 24)  # the reason has its own column
    since = f"since {clock(key.since_at)} " if key.since_at is not None and key.reason else ""
    why = one_line(since + key.reason, limit=400)
    beside = cell_len(why) <= widths_of(COLUMNS, width)[-1]
    below = [] if beside else textwrap.wrap(why, max(20, width - COLUMNS[0].width - 4))
    cells = (
        (key.alias, "bold $foreground"),
        (f"…{key.last4}", "$quiet"),
        (text, tone),
        (number(key.requests), "$bright"),
        (number(key.errors_429), "$waiting" if key.errors_429 else "$quiet"),
        (compact(key.tokens), "$quiet"),
        (why if beside else "", "$quiet"),
    )
    return [
        Row(("key", key.alias), cells, key, indent=2),
        *(
            Row(("why", key.alias, n), (("", ""), (part, "$quiet")), None, selectable=False, span_from=1)
            for n, part in enumerate(below)
        ),
    ]
