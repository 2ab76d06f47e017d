"""Base of all screens: the state line on top, the key hints below, and the data that it is given."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, ClassVar, cast

from textual import events
from textual.app import ComposeResult
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from core.model import Task
from core.text import inert
from tui.actions.action import Action
from tui.actions.active import in_scope
from tui.actions.catalog import EVERYWHERE
from tui.actions.context import Context, Scope, Selected
from tui.live.console_app import ConsoleApp
from tui.terminal.clipboard import MOST_COPIED, beside, write_beside
from tui.terminal.textual_fixes import alive
from tui.text.state_sentence import StateSentence, state_sentence
from tui.view_state import ScreenData, data_age
from tui.widgets.footer import Hints
from tui.widgets.state_line import Headline, StateLine, TooSmall, too_small

NO_RUN = StateSentence("NO RUN", "·", "quiet", "none is open")


class BaseScreen(Screen[None]):
    """Serve as the base of screens, which receive data only while they are visible."""

    SCOPE: ClassVar[Scope]
    FIELD_LEAVES: ClassVar[frozenset[str]] = frozenset({"escape"})
    """Keys that do not type anything and that a focused field leaves to the screen."""
    AUTO_FOCUS = ""
    ALLOW_IN_MAXIMIZED_VIEW = "StateLine, TooSmall, Hints"

    data: ScreenData | None = None

    def __init__(self) -> None:
        super().__init__()
        self._state_line, self._hints = StateLine(), Hints()

    @property
    def console_app(self) -> ConsoleApp:
        """Return the application with its own type."""
        return cast("ConsoleApp", self.app)

    def content(self) -> Iterable[Widget]:
        """Yield the widgets between the state line and the hints."""
        raise NotImplementedError

    def show(self, data: ScreenData) -> None:
        """Show what is new in the data."""

    def changed(self) -> None:
        """Handle that a command of this console may have changed emails."""

    def panes(self) -> list[str]:
        """Return the panes that a digit focuses, as ``3: Keys``, in the order of their digits."""
        return []

    @property
    def item(self) -> str:
        """Return the noun for what the open run labels."""
        return self.console_app.view_state.item

    def asked_task(self) -> Task | None:
        """Return the task of the open run, or None before it was read."""
        snapshot = self.data.view_state.snapshot if self.data else None
        return snapshot.run.task if snapshot else None

    def selected(self) -> Selected:
        """Return what a key would act on."""
        return None

    def copy(self, what: str, text: str) -> None:
        """Copy a text, write it beside the run, and show where it is; a browser gets no file."""
        app, path = self.console_app, self.console_app.run_path
        if path is None:
            return
        text = inert(text)
        if app.page.there:
            app.copy_to_clipboard(text)
            app.say(f"{what}: sent to the browser's clipboard.")
            return
        small = len(text.encode("utf-8", "replace")) <= MOST_COPIED
        if small:
            app.copy_to_clipboard(text)
        how = "sent to the terminal's clipboard and" if small else "too long for the clipboard, but"
        app.job(lambda: write_beside(path, text), f"{what}: {how} written to {beside(path)}")

    def headline(self, data: ScreenData) -> Headline:
        """Return the state line of the open run, or that none is open."""
        view_state = data.view_state
        snapshot = view_state.snapshot
        name = snapshot.run.name if snapshot else view_state.path.stem if view_state.path else "labeltui"
        return Headline(
            name,
            state_sentence(view_state, data.requested, data.now) if view_state.path or view_state.trouble else NO_RUN,
            simulated=snapshot is not None and snapshot.run.simulated,
            age_s=data_age(view_state, data.now),
            now=data.now,
        )

    def compose(self) -> ComposeResult:
        yield self._state_line
        yield TooSmall()
        yield from self.content()
        yield self._hints

    async def _on_resize(self, event: events.Resize) -> None:
        self.set_class(too_small(event.size.width, event.size.height), "-tiny")

    def on_mount(self) -> None:
        self.receive(self.console_app.screen_data())

    def on_screen_resume(self) -> None:
        if alive(self):
            self.receive(self.console_app.screen_data())

    def receive(self, data: ScreenData) -> None:
        """Show newer data. While the view is held, only the state line and the hints change."""
        held, self.data = self.data is not None and self.console_app.held, data
        self._state_line.headline = replace(
            self.headline(data), held=self.console_app.held, read_only=self.console_app.read_only
        )
        if not held:
            self.show(data)
        self.hint()

    def context(self) -> Context:
        """Return what decides which actions are enabled."""
        return self.console_app.context(self.SCOPE, self.selected())

    def hint(self) -> None:
        """Update the footer."""
        context = self.context()
        typing = isinstance(self.focused, Input | TextArea)
        self._hints.hints = tuple(
            (action.id, action.key, action.label(context), action.blocked(context) is None, action.rank(self.SCOPE))
            for action in sorted(in_scope(self.SCOPE), key=self._weight)
            if action.hint and not (typing and self._kept_by_fields(action))
        )

    def _weight(self, action: Action) -> tuple[bool, int, bool]:
        """Return the sort key of an action in the footer: by rank, actions of every screen last."""
        if action.scopes == EVERYWHERE:
            return True, 0, False
        return False, -action.rank(self.SCOPE), action.guest(self.SCOPE)

    def _kept_by_fields(self, action: Action) -> bool:
        """Return whether a focused field would use its key for typing or editing."""
        return not any(key in self.FIELD_LEAVES or "+" in key for key in action.keys)

    def on_descendant_focus(self) -> None:
        self.hint()

    def on_descendant_blur(self) -> None:
        self.hint()


def front_screen(stack: Sequence[Screen[Any]]) -> BaseScreen | None:
    """Return the topmost base screen; a small window or the palette may lie over it."""
    return next((screen for screen in reversed(stack) if isinstance(screen, BaseScreen)), None)
