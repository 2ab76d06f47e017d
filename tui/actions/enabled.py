"""Whether an action is possible now and, where its word changes, what it is called: pure, a function each."""

from __future__ import annotations

from core.model import EmailRow, EmailState, KeyState, KeyStatus, RunState, RunSummary, TaskVersion
from core.text import one_line
from tui.actions.context import Context, Reason, Scope
from tui.actions.keymap import key, keyed

BESIDE_FROM = 150
"""Columns from which the record of an email has room beside the list."""


def run_read(context: Context) -> Reason:
    if not context.has_run:
        return "No run is open: choose one in the list of runs."
    return "The run is not read yet." if context.snapshot is None else None


def start_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if "start" in context.pending:
        return "The start is requested already."
    if snapshot.worker.alive:
        held = {
            RunState.PAUSED: keyed("A worker holds the run, paused: {pause} resumes it."),
            RunState.STALE: keyed("A silent worker holds the run: {stop} stops it, and again ends it by force."),
        }
        return held.get(snapshot.state, f"A worker goes on with it already (pid {snapshot.worker.pid}).")
    if snapshot.pending == 0 and snapshot.total:
        return "Every email is settled: nothing is left to ask." + (
            keyed(" {emails} shows the failed ones, {retry_all} puts them back in line.") if snapshot.failed else ""
        )
    return None


def is_paused(context: Context) -> bool:
    """Whether the key that pauses would resume now."""
    if "pause" in context.pending:
        return True
    snapshot = context.snapshot
    return snapshot is not None and snapshot.state is RunState.PAUSED and "resume" not in context.pending


def pause_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if not snapshot.worker.alive:
        return keyed(
            "No worker runs: {start} starts one." if snapshot.pending else "No worker runs, and everything is settled."
        )
    return None


def stop_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    return None if snapshot.worker.alive else "No worker runs: there is nothing to stop."


def open_word(context: Context) -> str:
    return "go on" if context.scope is Scope.NEW_RUN else "open"


def open_blocked(context: Context) -> Reason:
    if context.scope is Scope.NEW_RUN:
        return None
    if context.scope is Scope.KEYS:
        return key_blocked(context)
    if context.selected is None:
        return "The list is empty." if context.scope in (Scope.EMAILS, Scope.TRIAL) else "There is no run here yet."
    if isinstance(context.selected, RunSummary) and context.selected.error:
        return context.selected.error
    return None


def retry_blocked(context: Context) -> Reason:
    row = context.selected
    if context.marked:
        return None
    if not isinstance(row, EmailRow):
        return "No email is selected."
    return None if row.state is EmailState.FAILED else "Only a failed email can be put back in line."


def retry_all_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return None if context.snapshot.failed else "No email has failed."


def label_blocked(context: Context) -> Reason:
    if context.scope is Scope.REVIEW:
        return None
    return None if context.marked or isinstance(context.selected, EmailRow) else "No email is selected."


def mark_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, EmailRow) else "No email is selected."


def beside_blocked(context: Context) -> Reason:
    if context.width < BESIDE_FROM:
        return (
            f"The record has room beside the list from {BESIDE_FROM} columns on: {key('open')} opens it over the list."
        )
    return None


def raw_blocked(context: Context) -> Reason:
    if context.scope is Scope.EMAILS and not context.beside:
        return keyed("No record is in sight: {open} opens one.")
    return None


def skip_blocked(context: Context) -> Reason:
    row = context.selected
    if context.marked:
        return None
    if not isinstance(row, EmailRow):
        return "No email is selected."
    return "A labeled email has been asked about already." if row.state is EmailState.LABELED else None


def skip_word(context: Context) -> str:
    row = context.selected
    return "unskip" if isinstance(row, EmailRow) and row.state is EmailState.SKIPPED else "skip"


def causes_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return None if context.snapshot.failed else "No email has failed."


def key_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, KeyStatus) else keyed("There is no key here yet: {add} adds one.")


def bench_blocked(context: Context) -> Reason:
    key = context.selected
    if not isinstance(key, KeyStatus):
        return key_blocked(context)
    if key.probed:
        organization = one_line(key.organization, limit=40)
        return f"{organization} is tried again by itself, one call at a time: there is no bench to clear."
    if key.state in (KeyState.COOLING, KeyState.BENCHED):
        return None
    return f"{one_line(key.organization, limit=40)} waits for nothing: there is no bench to clear."


def pin_word(context: Context) -> str:
    key = context.selected
    return "unpin" if isinstance(key, KeyStatus) and key.pinned else "pin"


def swap_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return "A swap is requested already." if "swap" in context.pending else None


def toggle_word(context: Context) -> str:
    key = context.selected
    return "enable" if isinstance(key, KeyStatus) and key.state.out else "disable"


def colors_blocked(context: Context) -> Reason:
    return "NO_COLOR is set: there are no colors to choose from." if context.no_color else None


def alive(context: Context) -> bool:
    return context.snapshot is not None and context.snapshot.worker.alive


def copy_run_blocked(context: Context) -> Reason:
    run = context.selected
    if not isinstance(run, RunSummary):
        return "There is no run here."
    return run.error or None


def moving_blocked(context: Context) -> Reason:
    """Whether a run can be archived or deleted: no worker may have it."""
    run = context.selected
    if not isinstance(run, RunSummary):
        return "There is no run here."
    if run.state in (RunState.RUNNING, RunState.WAITING, RunState.PAUSED, RunState.STALE):
        return keyed("A worker has this run: {open} opens it, {stop} there stops it.")
    return None


def archive_word(context: Context) -> str:
    run = context.selected
    return "bring back" if isinstance(run, RunSummary) and run.archived else "archive"


def try_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if not snapshot.pending:
        return "Every email is settled: nothing is left to try."
    if snapshot.worker.alive and not is_paused(context):
        return keyed("A worker goes on with all emails: {pause} pauses it first.")
    return "The start is requested already." if "start" in context.pending else None


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
