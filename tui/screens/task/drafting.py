"""Act on the draft of a task: edit it, try it, activate it, discard it."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from dataclasses import replace
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
    """Do the actions on a draft and perhaps a selected version; ``comparing`` shows how it differs."""

    def __init__(self) -> None:
        super().__init__()
        self.draft: Draft | None = None
        self._on_its_way = ""
        self.comparing = False

    def draft_changed(self) -> None:
        """Show the draft after it was read, written or discarded."""
        raise NotImplementedError

    # -- having one ---------------------------------------------------------------------------------------------------

    @property
    def active_task(self) -> Task | None:
        """Return the active task by the newest snapshot."""
        snapshot = self.data.view_state.snapshot if self.data else None
        return snapshot.run.task if snapshot is not None else None

    def read_draft(self) -> None:
        """Read the draft of the run, if there is one."""
        app = self.console_app
        if (path := app.run_path) is not None:
            app.jobs.send(lambda: app.engine.draft(path), self._drafted)

    def _drafted(self, draft: Draft | None) -> None:
        self.draft = draft
        if alive(self):
            self.discard_activated()
            self.draft_changed()

    def discard_activated(self) -> None:
        """Discard a draft that was activated, or that equals the active version."""
        app, path = self.console_app, self.console_app.run_path
        if self.draft is None or path is None or app.read_only or self.draft.task is None:
            return
        task = self.draft.task
        as_written = self.draft.text == app.engine.text_of(task)
        if task == self.active_task and (as_written or task.version == self._on_its_way):
            self.draft, self.comparing = None, False
            app.jobs.send(lambda: app.engine.discard_draft(path), lambda _: None)

    # -- what keys do -------------------------------------------------------------------------------------------------

    def _text(self) -> str:
        """Return the text for an editor: the draft, or the active version."""
        if self.draft is not None:
            return self.draft.text
        return self.console_app.engine.text_of(self.active_task) if self.active_task is not None else ""

    def _keep(self, text: str) -> None:
        """Save the text as the draft, valid or not."""
        app, path = self.console_app, self.console_app.run_path
        if path is None or (self.draft is None and text == self._text()):
            return

        def kept(draft: Draft) -> None:
            self._drafted(draft)
            if draft.error:
                app.say(f"{draft.error} The text is saved as the draft.", severity="error")

        app.jobs.send(lambda: app.engine.save_draft(path, text), kept)

    def do_edit(self) -> None:
        """Edit the draft in a window."""
        from tui.screens.task.windows import EditTask  # noqa: PLC0415  (loaded on first use)

        def left(text: str | None) -> None:
            if text is not None:
                self._keep(text)

        error = self.draft.error if self.draft is not None else ""
        self.app.push_screen(EditTask(self._text(), error), left)

    def do_pack(self) -> None:
        """Choose how many texts share a call, for the draft; a new one starts as the active version."""
        from tui.screens.task.windows import ChoosePack  # noqa: PLC0415  (loaded on first use)

        app, active = self.console_app, self.active_task
        task = active if self.draft is None else self.draft.task
        if task is None:
            app.say(keyed("The draft is no valid task yet: {edit} corrects it."), severity="error")
            return

        def chosen(pack: int | None) -> None:
            if pack is not None and pack != task.pack:
                self._keep(app.engine.text_of(replace(task, pack=pack)))

        self.app.push_screen(ChoosePack(task), chosen)

    def do_editor(self) -> None:
        """Edit the draft in the operator's editor; the console waits meanwhile."""
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
                app.say(f"{draft.error} The text is saved as the draft.", severity="error")
            elif draft is not None and draft.text == begun:
                app.say("Nothing was changed in the editor.")

        app.jobs.send(lambda: app.engine.save_draft(path, begun), edit)

    def do_enact(self) -> None:
        """Activate the draft after a confirmation that names the effects."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (loaded on first use)

        app, data = self.console_app, self.data
        draft = self.draft.task if self.draft is not None else None
        snapshot = data.view_state.snapshot if data is not None else None
        if draft is None or snapshot is None:
            return

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes:
                self._on_its_way = draft.version
                app.send(ActivateTask(draft))

        question = panes.effect(snapshot.run.task, draft, snapshot)
        self.app.push_screen(Confirm(question, "Activate", "Cancel"), answered)

    def do_dry_run(self) -> None:
        """Try the draft on a few texts after showing the cost."""
        from tui.screens.task.dry_run import AskDryRun, DryRunScreen  # noqa: PLC0415  (loaded on first use)

        app, path, draft = self.console_app, self.console_app.run_path, self.draft
        if path is None or draft is None or (task := draft.task) is None:
            return

        def chosen(count: int | None) -> None:
            if count is not None:
                app.push_screen(DryRunScreen(draft, task, count))

        def price(count: int, then: Callable[[DryRunCost], None]) -> None:
            app.jobs.send(lambda: app.engine.dry_run_cost(path, task, count), then)

        app.push_screen(AskDryRun(price, task.item), chosen)

    def do_discard(self) -> None:
        """Discard the draft after a confirmation."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (loaded on first use)

        app, path = self.console_app, self.console_app.run_path

        def gone(_: object) -> None:
            self.comparing = False
            self._drafted(None)

        def answered(yes: bool | None) -> None:  # noqa: FBT001 - Textual's
            if yes and path is not None:
                app.jobs.send(lambda: app.engine.discard_draft(path), gone)

        self.app.push_screen(Confirm("Discard the draft? Its text is deleted.", "Discard", "Cancel"), answered)

    def do_take_version(self) -> None:
        """Start a draft from the version under the cursor."""
        from tui.screens.modals import Confirm  # noqa: PLC0415  (loaded on first use)

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
            f"Take version {panes.short(version.task.version)} in place of the draft? The draft's text is deleted."
        )
        self.app.push_screen(Confirm(question, "Replace", "Cancel"), answered)


def run_editor(app: App[Any], path: Path) -> str:
    """Run the operator's editor on a file until it exits; return what went wrong in a sentence, or ""."""
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    try:
        words = [*shlex.split(command), str(path)]
        with app.suspend():
            done = subprocess.run(words, check=False)  # noqa: S603 - the operator's own editor
    except SuspendNotSupported:
        return keyed("This terminal cannot run an editor. {edit} edits here.")
    except (OSError, ValueError) as error:
        return f"{command} cannot be started: {error}. Set $EDITOR to another. The draft is unchanged."
    if done.returncode:
        return f"{command} ended with code {done.returncode}. The draft is as it was saved."
    return ""
