"""Act on one text or on all marked ones, from the list and from the record.

Actions that are final ask first, with count and target; the others are done at once and can be taken back.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.catalog import Label, Note, Relabel, Retry, Skip, Undo
from core.commands.command import Command
from core.model import EmailRow, EmailState, LastChange
from tui.screens.base_screen import BaseScreen
from tui.terminal.clipboard import free_name, rows_as_text
from tui.text.numbers import age, plural

if TYPE_CHECKING:
    from core.engine import RunReader

TAKES_A_WHILE = 5_000
"""Rows from which on saving is announced: it takes seconds."""


@dataclass(frozen=True, slots=True)
class Targets:
    """Hold the texts that a key would act on; ``row`` is the one under the cursor where none are marked."""

    ids: tuple[int, ...]
    row: EmailRow | None = None
    item: str = "email"

    @property
    def words(self) -> str:
        """Return count and target in words."""
        return f"this {self.item}" if self.row is not None else plural(len(self.ids), f"marked {self.item}")


class EmailEditing(BaseScreen):
    """Do the actions of a screen with texts to act on."""

    def targets(self) -> Targets:
        """Return what a key would act on: the marked texts, or else the one under the cursor."""
        row = self.selected()
        return Targets((row.id,), row, self.item) if isinstance(row, EmailRow) else Targets(())

    def acted(self) -> None:
        """Handle that a command about the targets was sent."""

    def listed(self) -> tuple[str, Sequence[int] | None] | None:
        """Return all texts of the list with words for them (None for the whole run); or None without a list."""
        return None

    def _command(self, command: Command, what: str) -> None:
        self.acted()
        self.console_app.send(command, what)

    def _confirmed(self, question: str, yes: str, then: Callable[[], None]) -> None:
        from tui.screens.modals import Confirm  # noqa: PLC0415  (loaded on first use)

        def answered(said: bool | None) -> None:  # noqa: FBT001 - Textual's
            if said:
                then()

        self.app.push_screen(Confirm(question, yes, "Cancel"), answered)

    # -- what keys do -------------------------------------------------------------------------------------------------

    def do_retry(self) -> None:
        """Requeue failed texts; marked ones after a confirmation, because calls cannot be undone."""
        targets = self.targets()
        if targets.row is not None:
            self._command(Retry(targets.ids), f"retry of {targets.words}")
            return
        self._confirmed(
            f"Requeue the failed ones of {targets.words}? Each costs calls.",
            "Requeue",
            lambda: self._command(Retry(targets.ids), f"retry of {targets.words}"),
        )

    def do_ask_again(self) -> None:
        """Re-label, with the active version of the task, texts that an older one labeled."""
        targets = self.targets()
        what = f"re-labeling {targets.words}"

        def command() -> None:
            self._command(Relabel(email_ids=targets.ids), what)

        if targets.row is not None:
            command()
            return
        question = f"Re-label those of {targets.words} that an older version of the task labeled?"
        self._confirmed(f"{question} Each costs a call; earlier labels are kept in the history.", "Re-label", command)

    def do_skip(self) -> None:
        """Skip texts; unskip a skipped one."""
        targets = self.targets()
        back = targets.row is not None and targets.row.state is EmailState.SKIPPED
        what = f"{'unskip' if back else 'skip'} of {targets.words}"
        self._command(Skip(targets.ids, back=back), what)

    def do_label(self) -> None:
        """Give a manual label."""
        from tui.screens.modals import GiveLabel  # noqa: PLC0415  (loaded on first use)

        targets, snapshot = self.targets(), self.console_app.view_state.snapshot
        if snapshot is None:
            return

        def answered(given: tuple[str, str] | None) -> None:
            if given is not None:
                self._command(Label(targets.ids, *given), f"label {given[0]} for {targets.words}")

        self.app.push_screen(GiveLabel(snapshot.run.task, targets.row, targets.words), answered)

    def do_note(self) -> None:
        """Add a note, which changes nothing else."""
        from tui.screens.line_windows import AskLine  # noqa: PLC0415  (loaded on first use)

        targets = self.targets()

        def answered(text: str | None) -> None:
            if text:
                self._command(Note(targets.ids, text), f"note on {targets.words}")

        self.app.push_screen(
            AskLine(f"A note on {targets.words}", "It is saved with the run; note: finds it."), answered
        )

    def do_undo(self) -> None:
        """Undo this annotator's last action as a whole."""
        engine = self.console_app.engine

        def command(change: LastChange) -> None:
            self.console_app.send(Undo(), f"undoing {change.what}")

        def known(change: LastChange | None) -> None:
            if change is None:
                self.console_app.say("Nothing to undo: you changed nothing in this run.", severity="warning")
            elif change.count == 1:
                command(change)
            else:
                ago = age(max(0.0, self.console_app.clock() - change.at))
                texts = plural(change.count, self.item)
                question = f"Undo {change.what} of {texts}, {ago} ago? Those that changed since stay."
                if self.is_current:
                    self._confirmed(question, "Undo", lambda: command(change))

        def question(view: RunReader) -> LastChange | None:
            return view.last_change(engine.operator())

        self.console_app.poller.ask(question, known)

    def do_copy(self) -> None:
        """Copy one line for each text."""
        ids = self.targets().ids

        def read(view: RunReader) -> str:
            return rows_as_text(row for n in range(0, len(ids), 500) for row in view.rows(ids[n : n + 500]))

        def copied(text: str) -> None:
            self.copy(plural(len(ids), self.item), text)

        self.console_app.poller.ask(read, copied)

    def do_save(self) -> None:
        """Write texts to a file: a chosen path, or a download of the browser."""
        from tui.screens.line_windows import Download, SaveAs  # noqa: PLC0415  (loaded on first use)

        app, targets = self.console_app, self.targets()
        folder = app.page.folder() if app.page.there else Path()
        run = app.run_path
        if run is None:
            return
        chosen: list[tuple[str, Sequence[int] | None]] = [(targets.words, targets.ids)] if targets.ids else []
        if (listed := self.listed()) is not None:
            chosen.append(listed)

        def answered(given: tuple[str, int] | None) -> None:
            if given is None:
                return
            typed, place = given
            target = folder / typed if app.page.there else Path(typed).expanduser()
            ids = chosen[place][1]

            def saved(count: int) -> None:
                if app.page.there:
                    app.page.download(target)
                    app.say(f"{plural(count, self.item)} downloaded as {target.name}")
                else:
                    app.say(f"{plural(count, self.item)} written to {target}")

            app.chores.send(lambda: app.engine.save(run, ids, target), saved)
            snapshot = app.view_state.snapshot
            count = len(ids) if ids is not None else snapshot.total if snapshot else 0
            if count > TAKES_A_WHILE:
                app.say(f"Writing {plural(count, self.item)} to {target.name if app.page.there else target} …")

        words = [words for words, _ in chosen]
        proposed = free_name(run)
        window = Download(words, folder / proposed.name) if app.page.there else SaveAs(words, str(proposed))
        self.app.push_screen(window, answered)
