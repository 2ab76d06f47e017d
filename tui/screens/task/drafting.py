"""What an operator does to the draft of a task: edit it, try it, activate it, discard it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App, SuspendNotSupported

from core.commands.catalog import ActivateTask
from core.engine import Draft
from core.model import Task, TaskVersion
from tui.actions.keymap import keyed
from tui.screens.base_screen import BaseScreen
from tui.terminal.textual_fixes import alive
from tui.widgets.panes import task as panes

if TYPE_CHECKING:
    from core.engine import DryRunCost


class DraftEditing(BaseScreen):
    """A screen with a draft, and perhaps a version selected. ``comparing`` it with what is in force ends with it."""

    def __init__(self) -> None:
        super().__init__()
        self.draft: Draft | None = None
        self._on_its_way = ""
        self.comparing = False

    def draft_changed(self) -> None:
        """It was read, written or thrown away: show it as it is now."""
        raise NotImplementedError

    # -- having one ---------------------------------------------------------------------------------------------------

    @property
    def in_force(self) -> Task | None:
        """The task in force, by the newest snapshot."""
        snapshot = self.data.view_state.snapshot if self.data else None
        return snapshot.run.task if snapshot is not None else None

    def read_draft(self) -> None:
        """Read the draft of the run, where there is one."""
        app = self.console_app
        if (path := app.run_path) is not None:
            app.jobs.send(lambda: app.engine.draft(path), self._drafted)

    def _drafted(self, draft: Draft | None) -> None:
        self.draft = draft
        if alive(self):
            self.put_off()
            self.draft_changed()

    def put_off(self) -> None:
        """A draft that came in force is none any more, nor one that says nothing of its own."""
        app, path = self.console_app, self.console_app.run_path
        if self.draft is None or path is None or app.read_only or self.draft.task is None:
            return
        task = self.draft.task
        as_written = self.draft.text == app.engine.text_of(task)
        if task == self.in_force and (as_written or task.version == self._on_its_way):
            self.draft, self.comparing = None, False
            app.jobs.send(lambda: app.engine.discard_draft(path), lambda _: None)

    # -- what keys do -------------------------------------------------------------------------------------------------

    def _text(self) -> str:
        """What an editor begins with: the draft, or the version in force."""
        if self.draft is not None:
            return self.draft.text
        return self.console_app.engine.text_of(self.in_force) if self.in_force is not None else ""

    def _keep(self, text: str) -> None:
        """Keep the text as the draft, whatever it is worth."""
        app, path = self.console_app, self.console_app.run_path
        if path is None or (self.draft is None and text == self._text()):
            return

        def kept(draft: Draft) -> None:
            self._drafted(draft)
            if draft.error:
                app.say(f"{draft.error} The text is kept as the draft.", severity="error")

        app.jobs.send(lambda: app.engine.save_draft(path, text), kept)

    def do_edit(self) -> None:
        """Edit the draft here."""
        from tui.screens.task.windows import EditTask  # noqa: PLC0415  (not before it is wanted)

        def left(text: str | None) -> None:
            if text is not None:
                self._keep(text)

        error = self.draft.error if self.draft is not None else ""
        self.app.push_screen(EditTask(self._text(), error), left)

    def do_editor(self) -> None:
        """Edit the draft in the operator's own editor; the console waits meanwhile."""
        app, path = self.console_app, self.console_app.run_path
        if path is None:
            return
        begun = self._text()

        def edit(_: Draft) -> None:
            if not self.is_current:
                return
            trouble = run_editor(app, app.engine.draft_path(path))
            if trouble:
                app.say(trouble, severity="error")
            app.jobs.send(lambda: app.engine.draft(path), came_back)

        def came_back(draft: Draft | None) -> None:
            self._drafted(draft)
            if draft is not None and draft.error:
                app.say(f"{draft.error} The text is kept as the draft.", severity="error")
            elif draft is not None and draft.text == begun:
                app.say("Nothing was changed in the editor.")

        app.jobs.send(lambda: app.engine.save_draft(path, begun), edit)

    def do_enact(self) -> None:
        """Put the draft in force, after saying what that means."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        app, data = self.console_app, self.data
        draft = self.draft.task if self.draft is not None else None
        snapshot = data.view_state.snapshot if data is not None else None
        if draft is None or snapshot is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._on_its_way = draft.version
                app.sending.send(ActivateTask(draft))

        question = panes.effect(snapshot.run.task, draft, snapshot)
        self.app.push_screen(Confirm(question, "Put it in force", "Leave it a draft"), answered)

    def do_dry_run(self) -> None:
        """Try the draft on a few emails, after saying what that costs."""
        from tui.screens.task.dry_run import AskDryRun, DryRunScreen  # noqa: PLC0415  (not before it is wanted)

        app, path, draft = self.console_app, self.console_app.run_path, self.draft
        if path is None or draft is None or (task := draft.task) is None:
            return

        def chosen(count: int | None) -> None:
            if count is not None:
                app.push_screen(DryRunScreen(draft, task, count))

        def price(count: int, then: Callable[[DryRunCost], None]) -> None:
            app.jobs.send(lambda: app.engine.dry_run_cost(path, task, count), then)

        app.push_screen(AskDryRun(price), chosen)

    def do_discard(self) -> None:
        """Throw the draft away."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        app, path = self.console_app, self.console_app.run_path

        def gone(_: object) -> None:
            self.comparing = False
            self._drafted(None)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes and path is not None:
                app.jobs.send(lambda: app.engine.discard_draft(path), gone)

        self.app.push_screen(
            Confirm("Throw the draft away? Its text is gone then.", "Throw it away", "Keep it"), answered
        )

    def do_take_version(self) -> None:
        """Begin a draft from the version under the cursor."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        version = self.selected()
        if not isinstance(version, TaskVersion):
            return
        text = self.console_app.engine.text_of(version.task)
        if self.draft is None:
            self._keep(text)
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._keep(text)

        question = (
            f"Put version {panes.short(version.task.version)} in the place of the draft? The draft's text is gone then."
        )
        self.app.push_screen(Confirm(question, "Replace the draft", "Keep it"), answered)


def run_editor(app: App[Any], path: Path) -> str:
    """Let the editor have the file until it ends; returns what went wrong in a sentence, or nothing."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        words = [*shlex.split(command), str(path)]
        with app.suspend():
            done = subprocess.run(words, check=False)  # noqa: S603 - the operator's own editor
    except SuspendNotSupported:
        return keyed("This terminal cannot be handed to an editor. {edit} edits here.")
    except (OSError, ValueError) as error:
        return f"{command} cannot be started: {error}. Set $EDITOR to another. The draft is as it was."
    if done.returncode:
        return f"{command} ended with code {done.returncode}. The draft is as it left it."
    return ""
