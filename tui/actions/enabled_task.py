"""Whether something can be done to the task now: pure, a function each."""

from __future__ import annotations

from core.model import EmailRow, EmailState, TaskVersion
from tui.actions.context import Context, Reason, Scope
from tui.actions.enabled import run_read
from tui.actions.keymap import keyed


def draft_blocked(context: Context) -> Reason:
    if context.draft is None:
        return keyed("There is no draft: {edit} begins one here, {editor} in an editor of yours.")
    return None


def usable_draft_blocked(context: Context) -> Reason:
    if context.draft is None or context.draft.task is not None:
        return draft_blocked(context)
    return keyed("The draft is no task yet, as said above the panes: {edit} goes on with it.")


def enact_blocked(context: Context) -> Reason:
    if "task" in context.pending:
        return "A version is on its way to the worker already."
    reason = usable_draft_blocked(context)
    if reason or context.draft is None or context.snapshot is None:
        return reason or run_read(context)
    before, after = context.snapshot.run.task, context.draft.task
    if after is None or not context.snapshot.worker.alive:
        return None
    if (before.fields, before.truncate_at) == (after.fields, after.truncate_at):
        return None
    return keyed(
        "It sends another text of each email (fields, truncate_at), and all are made anew for that: {stop} stops the"
        " worker first, then this key, then {start} starts it again."
    )


def ask_again_blocked(context: Context) -> Reason:
    if context.scope is Scope.TASK:
        return None if context.older_labels else "No label in force was given by an older version of the task."
    if context.marked:
        return None
    row = context.selected
    if not isinstance(row, EmailRow):
        return "No email is selected."
    if row.state is not EmailState.LABELED:
        return keyed("Only a labeled email is asked again; {retry} puts a failed one back in line.")
    return "A person labeled it, and a person's label wins: it is not asked again." if _by_person(row) else None


def _by_person(row: EmailRow) -> bool:
    return row.label_source == "human"


def version_blocked(context: Context) -> Reason:
    if not isinstance(context.selected, TaskVersion):
        return "The versions are not read yet."
    if context.selected.in_force:
        return keyed("That is the version in force; {edit} begins a draft from it.")
    return None
