"""What a person does to emails: one, or all that are marked. The list and the record share it.

What cannot be undone asks first, with count and target; everything else is done, and says that U undoes it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.catalog import Label, Note, Relabel, Retry, Skip, Undo
from core.commands.command import Command
from core.model import EmailRow, EmailState, UndoEntry
from tui.screens.base_screen import BaseScreen
from tui.terminal.clipboard import copy, free_name, rows_as_text
from tui.text.numbers import age, number, plural

if TYPE_CHECKING:
    from core.engine import RunReader

TAKES_A_WHILE = 5_000
"""Emails from which on saving is announced: it takes seconds."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The emails that a key would act on; ``row`` is the one under the cursor where none are marked."""

    ids: tuple[int, ...]
    row: EmailRow | None = None

    @property
    def words(self) -> str:
        """Count and target, for people."""
        return "this email" if self.row is not None else plural(len(self.ids), "marked email")


class EmailEditing(BaseScreen):
    """A screen with emails to act on."""

    def targets(self) -> Targets:
        """What a key would act on: what is marked, or else the email under the cursor."""
        row = self.selected()
        return Targets((row.id,), row) if isinstance(row, EmailRow) else Targets(())

    def acted(self) -> None:
        """A command about the targets was sent."""

    def listed(self) -> tuple[str, Sequence[int] | None] | None:
        """All emails of the list that is behind, with words for them (None for every email); or None without one."""
        return None

    def _command(self, command: Command, what: str) -> None:
        self.acted()
        self.console_app.sending.send(command, what)

    def _confirmed(self, question: str, yes: str, then: Callable[[], None]) -> None:
        from tui.screens.modals import Confirm  # noqa: PLC0415  (not before it is wanted)

        def answered(said: bool | None) -> None:  # noqa: FBT001 - Textual's
            if said:
                then()

        self.app.push_screen(Confirm(question, yes, "Leave them"), answered)

    # -- what keys do -------------------------------------------------------------------------------------------------

    def do_retry(self) -> None:
        """Put failed emails back in line; many only after asking, because calls cannot be taken back."""
        targets = self.targets()
        if targets.row is not None:
            self._command(Retry(targets.ids), "retry of this email")
            return
        self._confirmed(
            f"Put those of {targets.words} back in line that have failed? Each is asked anew, which costs calls.",
            "Put them back",
            lambda: self._command(Retry(targets.ids), f"retry of {targets.words}"),
        )

    def do_ask_again(self) -> None:
        """Ask again, with the version of the task in force, about emails that an older one labeled."""
        targets = self.targets()
        what = f"asking again about {targets.words}"

        def command() -> None:
            self._command(Relabel(email_ids=targets.ids), what)

        if targets.row is not None:
            command()
            return
        question = f"Ask again about those of {targets.words} that an older version of the task labeled?"
        self._confirmed(f"{question} Each text costs a call; labels so far stay on record.", "Ask again", command)

    def do_skip(self) -> None:
        """Skip emails; a skipped one comes back."""
        targets = self.targets()
        back = targets.row is not None and targets.row.state is EmailState.SKIPPED
        what = f"{'taking back the skip' if back else 'skip'} of {targets.words}"
        self._command(Skip(targets.ids, back=back), what)

    def do_label(self) -> None:
        """Label emails by hand."""
        from tui.screens.modals import GiveLabel  # noqa: PLC0415  (not before it is wanted)

        targets, snapshot = self.targets(), self.console_app.view_state.snapshot
        if snapshot is None:
            return

        def answered(given: tuple[str, str] | None) -> None:
            if given is not None:
                self._command(Label(targets.ids, *given), f"label {given[0]} for {targets.words}")

        self.app.push_screen(GiveLabel(snapshot.run.task, targets.row, targets.words), answered)

    def do_note(self) -> None:
        """Put a note on emails, which changes nothing else."""
        from tui.screens.line_windows import AskLine  # noqa: PLC0415  (not before it is wanted)

        targets = self.targets()

        def answered(text: str | None) -> None:
            if text:
                self._command(Note(targets.ids, text), f"note on {targets.words}")

        self.app.push_screen(
            AskLine(f"A note on {targets.words}", "It stays with the email; note: finds it."), answered
        )

    def do_undo(self) -> None:
        """Undo what this person did last, whole."""
        engine = self.console_app.engine

        def command(undo_entry: UndoEntry) -> None:
            self.console_app.sending.send(Undo(), f"undoing {undo_entry.what}")

        def known(undo_entry: UndoEntry | None) -> None:
            if undo_entry is None:
                self.console_app.say("There is nothing to undo: you changed no email of this run.", severity="warning")
            elif undo_entry.count == 1:
                command(undo_entry)
            else:
                ago = age(max(0.0, self.console_app.clock() - undo_entry.at))
                emails = plural(undo_entry.count, "email")
                question = f"Undo {undo_entry.what} of {emails}, {ago} ago? Those that changed since stay."
                if self.is_current:
                    self._confirmed(question, "Undo it", lambda: command(undo_entry))

        def question(view: RunReader) -> UndoEntry | None:
            return view.last_undo_entry(engine.operator())

        self.console_app.poller.ask(question, known)

    def do_copy(self) -> None:
        """Copy emails, a line each."""
        ids = self.targets().ids

        def read(view: RunReader) -> str:
            return rows_as_text(row for n in range(0, len(ids), 500) for row in view.rows(ids[n : n + 500]))

        def copied(text: str) -> None:
            copy(self, plural(len(ids), "email"), text)

        self.console_app.poller.ask(read, copied)

    def do_save(self) -> None:
        """Write emails to a file: where the operator says, or for the browser to keep."""
        from tui.screens.line_windows import Download, SaveAs  # noqa: PLC0415  (not before it is wanted)

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
                    app.say(f"{plural(count, 'email')} handed to the browser as {target.name}")
                else:
                    app.say(f"{plural(count, 'email')} written to {target}")

            app.chores.send(lambda: app.engine.save(run, ids, target), saved)
            snapshot = app.view_state.snapshot
            count = len(ids) if ids is not None else snapshot.total if snapshot else 0
            if count > TAKES_A_WHILE:
                app.say(f"Writing {number(count)} emails to {target.name if app.page.there else target} …")

        words = [words for words, _ in chosen]
        proposed = free_name(run)
        window = Download(words, folder / proposed.name) if app.page.there else SaveAs(words, str(proposed))
        self.app.push_screen(window, answered)
