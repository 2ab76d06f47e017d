"""Show the lanes of a run: the calls of each, its batches at the server, and windows to choose a lane or stop."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Input, Static

from core.commands.catalog import ChooseLane
from core.errors import UsageError
from core.model import LANES, BatchLimits, LaneSpent, Parcel, Snapshot
from core.text import one_line
from tui.actions.context import Scope
from tui.actions.keymap import key, keyed
from tui.screens.base_screen import BaseScreen
from tui.text.numbers import bar, clock, countdown, fit, moment, number, percent, plural
from tui.text.parts import line
from tui.text.plan import lane_time, money
from tui.text.quantities import time_to_come
from tui.view_state import ScreenData
from tui.widgets.lists.rows import ListColumn, Row, Rows
from tui.widgets.window_parts import KeyLine, Refusal

if TYPE_CHECKING:
    from core.engine import Planned, Price

COLUMNS = (
    ListColumn("batch", 5, right=True),
    ListColumn("state", 13),
    ListColumn("answered", 22),
    ListColumn("errors", 6, right=True),
    ListColumn("sent", 9, from_width=96),
    ListColumn("expires in", 10),
    ListColumn("key", 12, from_width=96),
    ListColumn("", 0),
)
_TONES = {"packed": "waiting", "sent": "running", "gathering": "running", "done": "quiet", "void": "failed"}
_CUT_SHORT = ("expired", "cancelled", "cancelling")
"""What a server says of a batch that it did not answer whole."""
ABOUT = {
    "live": "one call for each text, answered at once",
    "flex": "ten times the limits; refused while it is full",
    "batch": "files of questions, half the price, within 24 h",
    "auto": "batches while there is time, then the fastest",
}
ENDED = "live, ending open batches"


class BatchesScreen(BaseScreen):
    """Show the batches, newest first, below the lane and what each lane spent."""

    SCOPE = Scope.BATCHES

    def __init__(self) -> None:
        super().__init__()
        self._spent = Static("", markup=False, id="lanes")
        self._rows = Rows(COLUMNS, empty=keyed(_EMPTY), id="batches")

    def content(self) -> Iterable[Widget]:
        yield self._spent
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self._rows)

    def show(self, data: ScreenData) -> None:
        snapshot = data.view_state.snapshot
        if snapshot is None:
            return
        self._spent.update(Content("\n").join(lane_lines(snapshot, data.now)))
        self._rows.set_rows([_row(each, data.now) for each in reversed(snapshot.parcels)])


_EMPTY = (
    "\n No batch was sent yet. {lane} chooses the lane: with batch or auto, the\n"
    " first 100 texts are asked live, the rest in batches at half the price.\n"
    " The worker has to run for it ({start})."
)


def lane_lines(snapshot: Snapshot, now: float) -> list[Content]:
    """Return how the run asks, and a line for each lane that was asked in."""
    by_at = snapshot.lane.by_at
    by = f", done by {moment(by_at, now)}" if by_at is not None else ""
    rows = [
        line(
            ("lane ", "$quiet"), (snapshot.lane.lane, "bold $accent"), (f"{by} · {ABOUT[snapshot.lane.lane]}", "$quiet")
        )
    ]
    return rows + [_spent(each) for each in snapshot.lanes]


def _spent(spent: LaneSpent) -> Content:
    ended = sorted(spent.outcomes.items(), key=lambda each: (-each[1], each[0]))
    told = ", ".join(f"{number(count)} {one_line(name).replace('_', ' ')}" for name, count in ended[:5])
    tokens = f"{number(spent.prompt_tokens)} + {number(spent.completion_tokens)} tokens"
    return line(
        (fit(spent.lane, 6), "$foreground"), (f"{plural(spent.calls, 'call')} ", "$bright"),
        (f"· {tokens} · ", "$quiet"), (told, "$foreground"),
    )  # fmt: skip


def _row(parcel: Parcel, now: float) -> Row:
    is_open = parcel.is_open
    share = min(1.0, parcel.completed / max(1, parcel.total))
    answered = f"{bar(share, 6)} {number(parcel.completed)} of {number(parcel.total)}"
    expires = ""
    if is_open and parcel.expires_at is not None:
        expires = countdown(parcel.expires_at - now) if parcel.expires_at > now else "expired"
    cut_short = parcel.status in _CUT_SHORT
    status = parcel.status if parcel.status and (is_open or cut_short) else parcel.state
    tone = "$waiting" if cut_short else f"${_TONES.get(parcel.state, 'quiet')}"
    errors = number(parcel.failed) if parcel.failed and not cut_short else ""  # the server counts all that it left
    return Row(
        parcel.id,
        (
            (number(parcel.id), "$quiet"),
            (one_line(status, limit=20).replace("_", " "), f"bold {tone}"),
            (answered, "$bright" if is_open else "$foreground"),
            (errors, "$failed"),
            (clock(parcel.sent_at) if parcel.sent_at is not None else "", "$quiet"),
            (expires, "$waiting" if is_open else "$quiet"),
            (one_line(parcel.key_alias, limit=20), "$quiet"),
            (one_line(parcel.reason.rpartition("answered, ")[2], limit=200), "$quiet"),
        ),
        parcel.id,
    )


class ChooseLaneWindow(ModalScreen[ChooseLane | None]):
    """Ask for the lane, each with its forecast, for the size of batches, and with *auto* for the time to be done by.

    A field that is left empty keeps what holds.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "leave"),
        Binding("up", "move(-1)", "up", priority=True),
        Binding("down", "move(1)", "down", priority=True),
    ]

    def __init__(self, snapshot: Snapshot) -> None:
        super().__init__()
        self._choices = [*LANES, *([ENDED] if any(each.is_open for each in snapshot.parcels) else [])]
        self._chosen = self._choices.index(snapshot.lane.lane)
        self._planned: Planned | None = None
        self._refusal = Refusal()
        now = snapshot.lane.limits(BatchLimits())
        self._by = Input(placeholder="as in 07:00", id="line")
        self._lines = Input(placeholder=f"{now.size:,}", id="size")
        self._most_open = Input(placeholder=f"{now.most_open:,}", id="open")

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal"):
            yield Static(
                line(("Lane", "bold $bright"), ("  how the texts that are pending are asked", "$quiet")), markup=False
            )
            yield Static("", markup=False, id="labels", classes="each-a-line")
            yield Static("Optional; what is left empty stays as it is", markup=False, classes="field")
            for label, field in (
                ("with auto: done by", self._by),
                ("questions in a batch", self._lines),
                ("batches out at once", self._most_open),
            ):
                yield Horizontal(Static(label, markup=False), field, classes="named")
            yield self._refusal
            yield KeyLine(("↑↓", "choose"), ("tab", "next field"), ("enter", "save"), ("esc", "cancel"))

    def on_mount(self) -> None:
        self._draw()

    def forecast(self, planned: Planned) -> None:
        """Show what each lane takes for the texts that are pending."""
        self._planned = planned
        if self.is_mounted:
            self._draw()

    def _draw(self) -> None:
        rows: list[Content] = []
        for n, name in enumerate(self._choices):
            here = n == self._chosen
            rows.append(
                line(
                    ("▸ " if here else "  ", "bold $accent"),
                    (fit(name, 6) if name in LANES else name, "bold $bright" if here else "$foreground"),
                    (f" {ABOUT.get(name, '')}", "$quiet"),
                )
            )
            rows += self._forecast_of(name)
        self.query_one("#labels", Static).update(Content("\n").join(rows))

    def _forecast_of(self, lane: str) -> list[Content]:
        planned = self._planned
        found = [each for each in planned.lanes if each.lane == lane] if planned is not None and planned.calls else []
        known = planned is not None and planned.limits_known
        return [line((f"    {money(each.money)} · {lane_time(each, known=known)}", "$accent")) for each in found]

    def action_move(self, step: int) -> None:
        self._chosen = min(max(0, self._chosen + step), len(self._choices) - 1)
        self._draw()

    def on_input_submitted(self) -> None:
        name, by = self._choices[self._chosen], self._by.value.strip()
        try:
            by_at = time_to_come(by) if by else None
            size, most_open = (_count(field.value) for field in (self._lines, self._most_open))
            lane = "live" if name == ENDED else name
            self.dismiss(ChooseLane(lane, by_at, cancel=name == ENDED, size=size, most_open=most_open))
        except (ValueError, UsageError) as error:
            self._refusal.say(str(error))

    def action_leave(self) -> None:
        self.dismiss(None)


def _count(typed: str) -> int | None:
    """Return the number that was typed, with or without separators of thousands, or None for nothing."""
    digits = typed.strip().replace(",", "").replace("_", "")
    if digits and not digits.isdecimal():
        raise UsageError(f"{one_line(typed, limit=20)} is no number of questions or batches. Type one as in 1,000.")
    return int(digits) if digits else None


@dataclass(frozen=True, slots=True)
class OpenBatches:
    """Hold what lies at the server: batches, their questions, those answered, and what they cost at most."""

    count: int
    total: int
    answered: int
    money: float | None

    @classmethod
    def of(cls, parcels: Sequence[Parcel], price: Price | None) -> OpenBatches:
        """Return the sums over those that are open."""
        opened = [each for each in parcels if each.is_open]
        dollars = None if price is None else sum(price.of(each.tokens, 0, 0) for each in opened) / 2
        return cls(len(opened), sum(e.total for e in opened), sum(e.completed for e in opened), dollars)

    @property
    def sentence(self) -> str:
        """Say what is out and what it costs."""
        cost = ""
        if self.money is not None:
            part = self.money * self.answered / max(1, self.total)
            cost = f"; answered so far {money(part)}, all of it {money(self.money)} at half the price"
        return (
            f"{plural(self.count, 'batch', 'batches')} at the server, {number(self.answered)} of {number(self.total)}"
            f" questions answered ({percent(self.answered, self.total)}){cost}."
        )


class StopWithBatches(ModalScreen[str | None]):
    """Ask what becomes of open batches when the worker stops: *leave*, *cancel*, or None to go on."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "answer('leave')", "leave them"),
        Binding("c", "answer('cancel')", "cancel them"),
        Binding("escape", "answer('')", "go on"),
    ]

    def __init__(self, batches: OpenBatches) -> None:
        super().__init__()
        self._batches = batches

    def compose(self) -> ComposeResult:
        batches = "batch" if self._batches.count == 1 else "batches"
        with Vertical(classes="modal"):
            title = f"Stop: cancel {plural(self._batches.count, 'batch', 'batches')} at the server?"
            yield Static(line((title, "bold $bright")), markup=False)
            yield Static(self._batches.sentence, markup=False, classes="field")
            yield Static(
                f"Left, they go on and cost what they answer; results are kept for 30 days, and {key('start')} fetches"
                f" them. Cancelled, the server charges for what it has answered by then, which the next start fetches;"
                f" the rest is asked again.",
                markup=False,
                classes="field",
            )
            yield KeyLine(("enter", f"leave the {batches}"), ("c", f"cancel the {batches}"), ("esc", "do not stop"))

    def action_answer(self, answer: str) -> None:
        self.dismiss(answer or None)
