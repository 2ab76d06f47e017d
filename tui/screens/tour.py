"""Show the tour of a first start: three windows, shown once. Any key of the console ends it."""

from __future__ import annotations

import textwrap
from collections.abc import Callable

from textual import events
from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from tui.actions.keymap import keyed
from tui.text.parts import line
from tui.widgets.window_parts import KeyLine

WIDTH = 58
"""Cells of its text; 9 more are its frame and margin."""
HASTE_S = 0.5
"""A key that comes sooner was pressed before the tour could be seen."""

PAGES = (
    (
        "What you see",
        """A run is a file of texts with their labels. A worker labels in the background; this console shows its
progress and sends it commands.

The line on top says what the worker does, what it waits for and when it ends. Below are eight panes: a digit or a
click focuses one, and {help} then explains every number in it.""",
    ),
    (
        "Pausing and leaving",
        """{start} starts a worker, {pause} pauses and resumes it, {stop} stops it. A command is shown as requested
until it is done.

After {quit} the worker keeps running; `labeltui` comes back. {hold} freezes only the view.

A dimmed key says why when pressed. ^p lists all that can be done.""",
    ),
    (
        "Failures and manual labels",
        """{emails} shows the texts, {filter} those that failed, {open} one of them with every question and answer.

{retry} requeues a failed one; {label} gives a manual label, which overrides the model's.

{review} lets you label a random few blind, {quality} says what the model's labels are worth: the demo's misreads
one kind of email. Find it.""",
    ),
)
"""Titles, and paragraphs with an empty line between them."""


class Tour(ModalScreen[str | None]):
    """Return a key that was meant for the console, or None. ``clock`` returns the time in seconds."""

    def __init__(self, clock: Callable[[], float], *, asked_for: bool = False) -> None:
        """Begin at the first page; ``asked_for`` says that a key opened it, so that no earlier key can arrive."""
        super().__init__()
        self._clock = clock
        self._opened_at = float("-inf") if asked_for else clock()
        self._page = 0

    def compose(self) -> ComposeResult:
        with Vertical(classes="modal", id="tour"):
            yield Static("", markup=False, id="tour-text")
            yield KeyLine()

    def _draw(self) -> None:
        title, text = PAGES[self._page]
        width = min(WIDTH, int(self.app.size.width * 0.96) - 7)
        rows = [line((title, "bold $bright"), (f"   {self._page + 1} of {len(PAGES)}", "$quiet"))]
        for paragraph in text.split("\n\n"):
            rows += [Content.empty(), *(line((part, "$foreground")) for part in textwrap.wrap(keyed(paragraph), width))]
        self.query_one("#tour-text", Static).update(Content("\n").join(rows))
        last = self._page == len(PAGES) - 1
        back = [("left", "back")] if self._page else []
        self.query_one(KeyLine).name_keys(("enter", "begin" if last else "next"), *back, ("esc", "end the tour"))

    def on_resize(self) -> None:
        self._draw()

    def on_key(self, event: events.Key) -> None:
        """Turn the page, or end; a key of the console is passed on to it."""
        event.stop()
        event.prevent_default()
        hasty = self._clock() - self._opened_at < HASTE_S
        if event.key == "escape":
            self.dismiss(None)  # also in the first moment: it would leave the run that was just opened
        elif hasty or event.key not in ("enter", "space", "right", "left"):
            self.dismiss(event.key)
        else:
            self._turn(-1 if event.key == "left" else 1)

    def _turn(self, step: int) -> None:
        self._page = max(0, self._page + step)
        if self._page == len(PAGES):
            self.dismiss(None)
        else:
            self._draw()
