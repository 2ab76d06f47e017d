"""Show pages of scrolled text: the help, and the information about this installation."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence

from textual import events
from textual.content import Content
from textual.widget import Widget
from textual.widgets import Static

from core.text import one_line, plural_of
from tui.actions import active as actions
from tui.actions.action import Action, Group
from tui.actions.active import in_scope
from tui.actions.catalog import EVERYWHERE
from tui.actions.context import Context, Scope
from tui.actions.help_text import PANES, SCREENS, STATE_LINE, Explanation
from tui.actions.keymap import keyed
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.terminal.theme import PREFIX
from tui.text.installation import Section
from tui.text.numbers import fit
from tui.text.parts import Part, line
from tui.widgets.window_parts import TextScroll

MARGIN = 6
"""Cells beside the text: padding and the scroll bar."""


class Page(BaseScreen):
    """Show a page of text that is wrapped to its width and scrolls."""

    def text(self, width: int) -> Content:
        """Return the text in lines of that many cells."""
        raise NotImplementedError

    def content(self) -> Iterable[Widget]:
        yield TextScroll(Static("", markup=False), id="page")

    def on_mount(self) -> None:
        super().on_mount()
        self.set_focus(self.query_one("#page"))

    def on_resize(self, event: events.Resize) -> None:
        self.draw(event.size.width)

    def draw(self, width: int = 0) -> None:
        """Update the text."""
        self.query_one("#page Static", Static).update(self.text((width or self.app.size.width) - MARGIN))


COLUMN = 36
"""Cells of a column of keys at least; 80 columns have two, 120 have three."""
INDENT = 31
"""Cells before an explanation."""
TERM = 18
"""Cells before what a term means."""
OF_A_RUN = (Scope.MONITOR, Scope.EMAILS, Scope.RECORD)


class HelpScreen(Page):
    """Explain the focused pane and the screen, then list the keys in groups, then in full."""

    SCOPE = Scope.HELP

    def __init__(self, asked_from: Context, pane: str = "") -> None:
        """Explain the screen of a context; ``pane`` is the name of the focused pane, "" where none had the focus."""
        super().__init__()
        self._from = asked_from
        self._pane = pane

    @property
    def asked_from(self) -> Scope:
        """Return the screen that is explained."""
        return self._from.scope

    def text(self, width: int) -> Content:
        here = self._from.scope
        rows: list[Content] = []
        if self._pane in PANES:
            rows += [*_explained(f"{self._pane} · this pane", PANES[self._pane], width)]
            keys = [action for action in in_scope(here) if action.id in ("zoom", "pane", "back")]
            rows += [*_columns(keys, self._from, width), Content.empty()]
        explanation = SCREENS[here]
        rows += [*_explained(f"{self._title(here)} · this screen", Explanation(explanation.about, ()), width)]
        rows += [line((keyed("{guide} opens the guide at the page about this."), "$quiet"))]
        rows += _groups(in_scope(here), self._from, width)
        if explanation.terms:
            rows += [Content.empty(), *_explained("What it shows", Explanation("", explanation.terms), width)]
        if here in OF_A_RUN:
            rows += [Content.empty(), *_explained("The lines on top", STATE_LINE, width)]
        if here is Scope.MONITOR:
            for name in PANES:
                if name != self._pane:
                    rows += [Content.empty(), *_explained(f"Pane {name}", PANES[name], width)]
        rows += [Content.empty(), line(("Each key in full", "bold $accent"))]
        for action in in_scope(here):
            rows += _lines(action, self._from, width, reason=action.blocked(self._from))
        for scope in Scope:
            others = [action for action in in_scope(scope) if action.scopes != EVERYWHERE]
            if others and scope not in (here, Scope.HELP, Scope.INFO, Scope.GUIDE):
                rows += [Content.empty(), line((f"Keys of {self._title(scope)}", "bold $accent"))]
                rows += _columns(others, Context(scope, self._from.snapshot), width)
        rows += [Content.empty(), *self._paths()]
        return Content("\n").join(rows)

    def _title(self, scope: Scope) -> str:
        """Return what a screen is called, with the noun of the run's task where it shows texts."""
        snapshot = self._from.snapshot
        item = snapshot.run.task.item if snapshot is not None else "text"
        return {Scope.EMAILS: plural_of(item).capitalize(), Scope.RECORD: f"One {item}"}.get(scope, scope.value)

    def _paths(self) -> Iterator[Content]:
        paths = self.console_app.settings
        yield line(("Files", "bold $accent"))
        for name, path in (
            ("runs", paths.runs_dir),
            ("keys", paths.keys_path),
            ("quotas", paths.quota_path),
            ("settings", paths.config_path),
        ):
            yield line((fit("", 2) + fit(name, TERM - 2), "$foreground"), (one_line(str(path)), "$quiet"))


def _groups(found: Sequence[Action], context: Context, width: int) -> list[Content]:
    """Return the keys of a screen under their headings, the most used ones first, in two columns."""
    rows: list[Content] = []
    for heading in Group:
        group = [action for action in found if action.group is heading]
        if group:
            rows += [Content.empty(), line((heading.value, "bold $accent")), *_columns(group, context, width)]
    return rows


def _columns(found: Sequence[Action], context: Context, width: int) -> list[Content]:
    """Return key and word of each action in columns, read downwards; disabled ones are dimmed."""
    count = max(1, min(3, width // COLUMN))
    height = -(-len(found) // count)
    rows: list[Content] = []
    for n in range(height):
        parts: list[Part] = []
        for action in found[n::height]:
            here = action.blocked(context) is None
            parts.append(("  " + fit(action.key, 6), "bold $bright" if here else "$faint"))
            parts.append((fit(action.label(context), width // count - 8), "$foreground" if here else "$faint"))
        rows.append(line(*parts))
    return rows


def _explained(title: str, explanation: Explanation, width: int) -> list[Content]:
    rows = [line((title, "bold $accent"))]
    rows += [line((part, "$foreground")) for part in textwrap.wrap(keyed(explanation.about), max(20, width))]
    for term, meaning in explanation.terms:
        parts = textwrap.wrap(keyed(meaning), max(20, width - TERM))
        rows.append(line(("  " + fit(term, TERM - 3) + " ", "$bright"), (parts[0], "$quiet")))
        rows += [line((" " * TERM + more, "$quiet")) for more in parts[1:]]
    return rows


def _lines(action: Action, context: Context, width: int, *, reason: str | None) -> list[Content]:
    texts = [(part, "$quiet") for part in textwrap.wrap(action.told, max(20, width - INDENT))]
    if reason:
        not_now = f"Disabled: {one_line(reason, limit=200)}"
        texts += [(part, "$waiting") for part in textwrap.wrap(not_now, max(20, width - INDENT))]
    key = ("  " + fit(action.key, 7), "bold $bright" if reason is None else "$faint")
    word = (fit(action.label(context), INDENT - 9), "$foreground" if reason is None else "$quiet")
    first = line(key, word, texts[0])
    return [first, *(line(" " * INDENT, text) for text in texts[1:])]


NAMES = 17
"""Cells before a value."""


class InfoScreen(Page):
    """Show the facts about this installation, read when it is opened."""

    SCOPE = Scope.INFO

    def __init__(self) -> None:
        super().__init__()
        self._sections: tuple[Section, ...] | None = None

    def on_mount(self) -> None:
        super().on_mount()
        self.console_app.jobs.send(self._information(), self._gathered)

    def _information(self) -> Callable[[], tuple[Section, ...]]:
        """Return a job that gathers what is shown, for the thread of background jobs."""
        from tui.text.installation import Console, gather  # noqa: PLC0415 - it imports much

        app = self.console_app
        console = Console(
            theme=app.theme.removeprefix(PREFIX),
            ascii_because=app.only_ascii,
            actions=actions.every_action(),
            troubles=app.troubles,
            size=(app.size.width, app.size.height),
            read_only=app.read_only,
        )
        return lambda: gather(app.settings, app.preferences, app.terminal, console, app.clock())

    def _gathered(self, sections: tuple[Section, ...]) -> None:
        if alive(self):
            self._sections = sections
            self.draw()

    def text(self, width: int) -> Content:
        if self._sections is None:
            return line(("reading …", "$quiet"))
        rows: list[Content] = []
        for section in self._sections:
            rows += [Content.empty(), line((section.title, "bold $accent"))]
            for name, value in section.facts:
                head: Part = ("  " + fit(one_line(name, limit=40), NAMES - 3) + " ", "$quiet")
                parts = textwrap.wrap(one_line(value, limit=1000), max(20, width - NAMES)) or [""]
                rows.append(line(head, (parts[0], "$foreground")))
                rows += [line((" " * NAMES + more, "$foreground")) for more in parts[1:]]
        return Content("\n").join(rows)
