"""Show the task of a run: the active version, what each version labeled, and the draft."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from time import monotonic
from typing import TYPE_CHECKING

from textual.containers import Container
from textual.widget import Widget
from textual.widgets import Static

from core.commands.catalog import Relabel
from core.model import TaskVersion
from core.text import one_line
from tui.actions.context import Context, Scope, Selected
from tui.screens.task.drafting import DraftEditing
from tui.terminal.textual_fixes import alive
from tui.text.numbers import plural
from tui.view_state import ScreenData
from tui.widgets.lists.rows import Rows
from tui.widgets.panes import task as panes
from tui.widgets.window_parts import TextScroll

if TYPE_CHECKING:
    from core.engine import RunReader

REREAD_S = 2.0
"""Least seconds between two counts of what the versions labeled while a worker runs."""
REST = 30
"""Multiple of a count's duration until the next one: in a large run a count takes seconds of a core."""


Counted = tuple[tuple[TaskVersion, ...], dict[str, int], float]
"""Versions with their counts, labels of older ones, and the seconds that counting took."""


def _counted(view: RunReader) -> Counted:
    began = monotonic()
    return view.versions(), view.older_labels(), monotonic() - began


class TaskScreen(DraftEditing):
    """Show the version under the cursor; the draft has its own line, and is compared in the rubric's pane."""

    SCOPE = Scope.TASK

    def __init__(self) -> None:
        super().__init__()
        self._rows = Rows(panes.COLUMNS, empty="\n reading the versions …", id="versions")
        self._versions: tuple[TaskVersion, ...] = ()
        self._older: dict[str, int] = {}
        self._seen: tuple[object, ...] = ()
        self._read_at = float("-inf")
        self._reading = False
        self._pause_s = REREAD_S

    def content(self) -> Iterable[Widget]:
        yield Static("", markup=False, id="draft")
        yield Container(
            Container(
                TextScroll(Static("", markup=False), id="task-settings", classes="framed"),
                TextScroll(Static("", markup=False), id="task-labels", classes="framed"),
                id="task-side",
            ),
            TextScroll(Static("", markup=False), id="task-rubric", classes="framed"),
            id="task-panes",
        )
        yield self._rows

    def on_mount(self) -> None:
        super().on_mount()
        self.query_one("#task-settings").border_title = "Settings"
        self.query_one("#task-labels").border_title = "Labels"
        self.query_one("#task-rubric").border_title = "Rubric"
        self.set_focus(self._rows)
        self.changed()
        self.read_draft()

    def on_resize(self) -> None:
        self.call_after_refresh(self._draw)
        if self.comparing:
            self.call_after_refresh(self._go_to_difference)

    # -- reading ------------------------------------------------------------------------------------------------------

    def show(self, data: ScreenData) -> None:
        snapshot = data.view_state.snapshot
        if snapshot is None or not alive(self):
            return
        seen = (snapshot.run.task, snapshot.attempts, snapshot.labeled)
        due = not 0 <= data.now - self._read_at < self._pause_s or (self._seen and seen[0] != self._seen[0])
        if seen != self._seen and due and not self._reading:
            self._seen = seen
            self.changed()
        self.discard_activated()
        self._draw_draft()

    def changed(self) -> None:
        """Read the versions at once, and count what each of them did in another thread."""
        self._reading = True
        self._read_at = self.data.now if self.data else self._read_at

        def count(view: RunReader) -> Counted | None:
            return _counted(view) if self.is_attached else None

        self.console_app.poller.ask(lambda view: view.versions(counted=False), self._read)
        self.console_app.countings.ask(count, self._counted, self._uncounted)

    def _read(self, versions: tuple[TaskVersion, ...]) -> None:
        """Show the versions; counts of the same versions stay until they are counted again."""
        if alive(self) and [each.task for each in versions] != [each.task for each in self._versions]:
            self._versions = versions
            self._draw()

    def _counted(self, answer: Counted | None) -> None:
        self._reading = False
        if answer is not None and alive(self):
            self._versions, self._older, took_s = answer
            self._pause_s = max(REREAD_S, REST * took_s)
            self._draw()
            self.hint()

    def _uncounted(self, why: str) -> None:
        self._reading = False
        self.console_app.say(why, severity="error")

    # -- drawing ------------------------------------------------------------------------------------------------------

    def _draw(self) -> None:
        data = self.data
        if data is None or not alive(self):
            return
        before = self._shown
        self._rows.set_rows([panes.version_row(version, data.now) for version in self._versions])
        if before is not None and before.active and self._versions and before.task != self._versions[0].task:
            self._rows.cursor = 0  # it was on the active version, and another is active now
        self._rows.border_title = f"Versions [{len(self._versions)}]"
        self._draw_draft()
        version = self._shown
        snapshot = data.view_state.snapshot
        if version is None or snapshot is None:
            return
        unknown = panes.unknown_labels(version.task, snapshot) if version.active else {}
        for name, title, content in (
            ("settings", "Settings", panes.settings_lines(version.task, self._room("settings"))),
            ("labels", f"Labels [{len(version.task.labels)}]",
             panes.labels_lines(version.task, unknown, self._room("labels"))),
        ):  # fmt: skip
            self.query_one(f"#task-{name}").border_title = title
            self.query_one(f"#task-{name} Static", Static).update(content)
        self._draw_rubric(version)

    def _draw_rubric(self, version: TaskVersion) -> None:
        pane, text = self.query_one("#task-rubric"), self.query_one("#task-rubric Static", Static)
        draft, current = self.draft, self.active_task
        if self.comparing and draft is not None and draft.task is not None and current is not None:
            desk = self.console_app.engine
            content, differing = panes.comparison(desk.text_of(current), desk.text_of(draft.task))
            differ = "differs" if differing == 1 else "differ"
            pane.border_title = f"Draft against the active version · {plural(differing, 'line')} {differ}"
            text.update(content)
            return
        name = one_line(version.task.name, limit=40)
        pane.border_title = f"Rubric · {panes.version_title(version)} · {name}"
        text.update(panes.rubric_lines(version.task))

    def _draw_draft(self) -> None:
        current = self.active_task
        if current is None:
            return
        requested = "task" in self.context().pending
        older = sum(self._older.values())
        self.query_one("#draft", Static).update(panes.draft_line(self.draft, current, requested=requested, older=older))

    def _room(self, name: str) -> int:
        return max(12, self.query_one(f"#task-{name}").size.width - 2)  # padding and a scroll bar

    @property
    def _shown(self) -> TaskVersion | None:
        row = self._rows.selected
        if row is not None and isinstance(row.value, TaskVersion):
            return row.value
        return self._versions[0] if self._versions else None

    # -- acting -------------------------------------------------------------------------------------------------------

    def selected(self) -> Selected:
        return self._shown

    def context(self) -> Context:
        return replace(super().context(), draft=self.draft, older_labels=sum(self._older.values()))

    def draft_changed(self) -> None:
        self._draw()
        self.hint()

    def on_rows_moved(self) -> None:
        self._draw()
        self.hint()

    def do_compare(self) -> None:
        """Switch between the comparison and the rubric."""
        self.comparing = not self.comparing
        self._draw()
        self.call_after_refresh(self._go_to_difference)

    def _go_to_difference(self) -> None:
        """Scroll to the first line that differs, also in a pane of five rows."""
        told = str(self.query_one("#task-rubric Static", Static).content)
        before = panes.rows_before_difference(told, self._room("rubric")) if self.comparing else 0
        self.query_one("#task-rubric").scroll_to(y=max(0, before - 1), animate=False)

    def do_ask_again(self) -> None:
        """Choose what to re-label with the active version."""
        from tui.screens.task.windows import AskAgain  # noqa: PLC0415  (loaded on first use)

        app, current = self.console_app, self.active_task
        if current is None:
            return

        def chosen(answer: tuple[str | None] | None) -> None:
            if answer is not None:
                app.send(Relabel(answer[0]))

        window, path, engine = AskAgain(self._older, current), app.run_path, app.engine
        self.app.push_screen(window, chosen)
        if path is not None:
            app.countings.send(lambda: engine.older_prices(path), window.show_prices)
