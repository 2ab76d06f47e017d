"""Show one key: its state, the quotas of its organization, its use, and each refusal and error."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterable, Mapping
from dataclasses import replace

from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.engine import KeyPast
from core.model import KeySpend, KeyStatus, KeyTrouble, Outcome
from core.text import one_line
from tui.actions.context import Scope, Selected
from tui.screens.keys.editing import KeyEditing
from tui.terminal.textual_fixes import alive
from tui.text.numbers import clock, compact, countdown, fit, join, moment, number, percent, plural
from tui.text.parts import line
from tui.view_state import ScreenData
from tui.widgets.panes.keys import state_words, tone_of
from tui.widgets.window_parts import TextScroll

READ_EVERY_S = 3.0
"""Seconds between two readings of a history that grows."""

DAYS_SHOWN = 7


class KeyRecordScreen(KeyEditing):
    """Show one alias; of a key that is removed meanwhile the last facts stay."""

    SCOPE = Scope.KEY

    def __init__(self, alias: str) -> None:
        super().__init__()
        self._alias = alias
        self._past: KeyPast | None = None
        self._outcomes: Mapping[str, int] = {}
        self._trouble = ""
        self._read_at = -math.inf
        self._requests = -1
        self._shown: tuple[object, ...] = ()

    def content(self) -> Iterable[Widget]:
        yield TextScroll(Static(" reading …", markup=False), id="past")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#past"))

    def on_resize(self) -> None:
        self._shown = ()
        self.call_after_refresh(self._draw)

    def selected(self) -> Selected:
        keys = self.data.view_state.shown_keys if self.data else ()
        return next((key for key in keys if key.alias == self._alias), None)

    def show(self, data: ScreenData) -> None:
        key = self.selected_key()
        grown = key is not None and key.requests != self._requests
        if grown and not 0 <= data.now - self._read_at < READ_EVERY_S:
            self._read_at, self._requests = data.now, key.requests if key else -1
            self._read()
        self._draw()

    def _read(self) -> None:
        app = self.console_app
        engine, run, alias = app.engine, app.run_path, self._alias

        def arrived(past: KeyPast) -> None:
            self._past, self._trouble = past, ""
            self._draw()

        def refused(sentence: str) -> None:
            self._trouble = sentence
            self._draw()

        def counted(outcomes: Mapping[str, int]) -> None:
            self._outcomes = outcomes
            self._draw()

        app.jobs.send(lambda: engine.key_past(run, alias), arrived, refused)
        if run is not None:
            app.poller.ask(lambda view: view.outcomes_of_key(alias), counted)

    def _draw(self) -> None:
        key, data = self.selected_key(), self.data
        if key is None or data is None or not alive(self):
            return
        key = replace(key, cooldown_s=float(math.ceil(key.cooldown_s)))
        windows = tuple(w for w in data.view_state.windows if w.organization == key.organization)
        shown = (key, self._past, self._outcomes, self._trouble, tuple((w.available // 1, w.limit) for w in windows))
        if shown == self._shown:
            return
        self._shown = shown
        width = max(40, self.query_one("#past").size.width - 2)
        state, tone = state_words(key, min(60, width - 20))
        rows = [
            line(
                (one_line(key.alias, limit=40), "bold $bright"),
                (f"  …{one_line(key.last4, limit=4)}  of ", "$quiet"),
                (one_line(key.organization, limit=60), "$foreground"),
            ),
            line(
                (state.rstrip(), f"bold {tone}"),
                ("  used first, the others take the rest" if key.pinned else "", "$quiet"),
            ),
        ]
        if key.reason and not key.state.out:
            rows.append(line((one_line(key.reason, limit=width), "$quiet")))
        rows += [Content(""), line(("Quotas of its organization", "bold $accent"))]
        for window in windows:
            used = max(0.0, window.limit - window.available)
            refill = f"refills in {countdown(window.full_in_s)}" if window.full_in_s >= 1 else "full"
            said = f"{number(used)} of {number(window.limit)} {window.dimension.words}"
            rows.append(
                line(
                    (f"  {window.dimension.value}  ", "$quiet"),
                    (fit(percent(used, window.limit), 5, right=True), tone_of(window)),
                    (f"  {join((said, refill, one_line(window.source, limit=40)))}", "$foreground"),
                )
            )
        if not windows:
            rows.append(line(("  no reply has stated a limit yet", "$quiet")))
        rows += self._spent(key)
        rows += self._troubles(width, data.now)
        self.query_one("#past Static", Static).update(Content("\n").join(rows))

    def _spent(self, key: KeyStatus) -> list[Content]:
        rows = [Content(""), line(("Used", "bold $accent"))]
        past = self._past
        if past is not None:
            today = [each for each in past.history.spent if each.day == past.today]
            dollars = f", about ${past.dollars:,.4f}" if past.dollars else ""
            rows.append(_day("today (UTC)", today, dollars))
            days = sorted({each.day for each in past.history.spent} - {past.today}, reverse=True)[:DAYS_SHOWN]
            rows += [_day(day, [each for each in past.history.spent if each.day == day], "") for day in days]
        ever = f"{number(key.requests)} calls, {number(key.errors_429)}×429, {compact(key.tokens)} tokens"
        rows.append(line((fit("  on this machine", 19), "$quiet"), (ever, "$foreground")))
        if self._outcomes:
            said = ", ".join(f"{number(count)} {_word(name)}" for name, count in self._outcomes.items())
            rows.append(line((fit("  in this run", 19), "$quiet"), (said, "$foreground")))
        return rows

    def _troubles(self, width: int, now: float) -> list[Content]:
        troubles = self._past.history.troubles if self._past is not None else ()
        title = f"Refusals and errors [{number(len(troubles))}]"
        rows = [Content(""), line((title, "bold $accent"), ("  newest first", "$quiet"))]
        if self._trouble:
            rows.append(line((one_line(self._trouble, limit=300), "$failed")))
        elif self._past is None:
            rows.append(line(("  reading …", "$quiet")))
        elif not troubles:
            rows.append(line(("  none: every call with it was answered", "$running")))
        for trouble in troubles:
            rows += _trouble(trouble, width, now)
        return rows


def _word(outcome: str) -> str:
    return one_line(outcome.replace("_", " "), limit=30)


def _day(name: str, spent: list[KeySpend], more: str) -> Content:
    calls = sum(each.requests for each in spent)
    said = (
        f"{plural(calls, 'call')}, {number(sum(each.errors_429 for each in spent))}×429, "
        f"{number(sum(each.prompt_tokens for each in spent))} + "
        f"{number(sum(each.completion_tokens for each in spent))} tokens{more}"
    )
    return line((fit(f"  {name}", 19), "$quiet"), (said if spent else "nothing", "$foreground" if spent else "$quiet"))


def _trouble(trouble: KeyTrouble, width: int, now: float) -> list[Content]:
    limited = trouble.outcome in (Outcome.RATE_LIMITED.value, Outcome.CAPACITY.value)
    when = f"{moment(trouble.at, now)}:{clock(trouble.at)[-2:]}"
    wait = f"waits {countdown(trouble.wait_s or 0.0)}"
    wait += f" for {one_line(trouble.limit, limit=12)}" if trouble.limit else ""
    first = line(
        (fit(f"  {when}", 19), "$quiet"),
        (fit(str(trouble.status or "–"), 4), "$bright"),
        (_word(trouble.outcome), "bold $waiting" if limited else "bold $failed"),
        (f"  {wait}" if trouble.wait_s else "", "$foreground"),
        (f"  {one_line(trouble.model, limit=40)}", "$faint"),
    )
    told = textwrap.wrap(one_line(trouble.text, limit=400), max(20, width - 20)) or [""]
    return [first, *(line(" " * 19, (part, "$quiet")) for part in told)]
