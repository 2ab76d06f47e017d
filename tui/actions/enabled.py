"""Decide whether an action is possible now and, where its word changes, how it is called: pure, a function each."""

from __future__ import annotations

from core.model import EmailRow, EmailState, KeyState, KeyStatus, RunState, RunSummary, TaskVersion
from core.text import one_line
from tui.actions.context import Context, Reason, Scope
from tui.actions.keymap import key, keyed

WITH_WORKER = frozenset({RunState.RUNNING, RunState.WAITING, RunState.PAUSED, RunState.STALE})
WITHOUT_WORKER = frozenset(RunState) - WITH_WORKER
BESIDE_FROM = 150
"""Columns from which the record of an email has room beside the list."""


def run_read(context: Context) -> Reason:
    if not context.has_run:
        return "No run is open: choose one in the list of runs."
    return "The run is not read yet." if context.snapshot is None else None


def _listed_blocked(context: Context, blocked: frozenset[RunState], why: str) -> Reason:
    """Return why a command cannot be sent to the run under the cursor of the list of runs, or None."""
    run = context.selected
    if not isinstance(run, RunSummary):
        return "There is no run here."
    if run.error:
        return run.error
    return f"{one_line(run.name, limit=40)} {why}" if run.state in blocked else None


def start_blocked(context: Context) -> Reason:
    if context.scope is not Scope.RUNS:
        return _start_blocked(context)
    reason = _listed_blocked(context, WITH_WORKER, "has a worker already.")
    return reason or _listed_blocked(context, frozenset({RunState.DONE}), "is done: nothing is pending.")


def _start_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if "start" in context.pending:
        return "The start is requested already."
    if snapshot.worker.alive:
        held = {
            RunState.PAUSED: keyed("A paused worker holds the run: {pause} resumes it."),
            RunState.STALE: keyed(
                "A worker without heartbeat holds the run: {stop} stops it, a second {stop} kills it."
            ),
        }
        return held.get(snapshot.state, f"A worker is running already (pid {snapshot.worker.pid}).")
    if snapshot.pending == 0 and snapshot.total:
        return "Everything is done: nothing is pending." + (
            keyed(" {emails} shows the failed ones, {retry_all} requeues them.") if snapshot.failed else ""
        )
    return None


def is_paused(context: Context) -> bool:
    """Return whether the key that pauses would resume now."""
    if isinstance(context.selected, RunSummary):
        return context.selected.state is RunState.PAUSED
    if "pause" in context.pending:
        return True
    snapshot = context.snapshot
    return snapshot is not None and snapshot.state is RunState.PAUSED and "resume" not in context.pending


def pause_blocked(context: Context) -> Reason:
    if context.scope is Scope.RUNS:
        return _listed_blocked(context, WITHOUT_WORKER, keyed("has no worker: {start} starts one."))
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if not snapshot.worker.alive:
        return keyed(
            "No worker runs: {start} starts one." if snapshot.pending else "No worker runs, and everything is done."
        )
    return None


def stop_blocked(context: Context) -> Reason:
    if context.scope is Scope.RUNS:
        return _listed_blocked(context, WITHOUT_WORKER, "has no worker: there is nothing to stop.")
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    return None if snapshot.worker.alive else "No worker runs: there is nothing to stop."


def open_word(context: Context) -> str:
    return "next step" if context.scope is Scope.NEW_RUN else "open"


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
        return "Nothing is selected."
    return None if row.state is EmailState.FAILED else "Only a failed text can be requeued."


def retry_all_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return None if context.snapshot.failed else "Nothing has failed."


def label_blocked(context: Context) -> Reason:
    if context.scope is Scope.REVIEW:
        return None
    return None if context.marked or isinstance(context.selected, EmailRow) else "Nothing is selected."


def mark_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, EmailRow) else "Nothing is selected."


def beside_blocked(context: Context) -> Reason:
    if context.width < BESIDE_FROM:
        return f"The record is shown beside the list from {BESIDE_FROM} columns on; {key('open')} opens it."
    return None


def raw_blocked(context: Context) -> Reason:
    if context.scope is Scope.EMAILS and not context.beside:
        return keyed("No record is shown: {open} opens one.")
    return None


def skip_blocked(context: Context) -> Reason:
    row = context.selected
    if context.marked:
        return None
    if not isinstance(row, EmailRow):
        return "Nothing is selected."
    return "It is labeled already." if row.state is EmailState.LABELED else None


def skip_word(context: Context) -> str:
    row = context.selected
    return "unskip" if isinstance(row, EmailRow) and row.state is EmailState.SKIPPED else "skip"


def causes_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return None if context.snapshot.failed else "Nothing has failed."


def key_blocked(context: Context) -> Reason:
    return None if isinstance(context.selected, KeyStatus) else keyed("There is no key here yet: {add} adds one.")


def bench_blocked(context: Context) -> Reason:
    key = context.selected
    if not isinstance(key, KeyStatus):
        return key_blocked(context)
    if key.probed:
        organization = one_line(key.organization, limit=40)
        return f"{organization} is tried again automatically, one call at a time: there is no wait to clear."
    if key.state in (KeyState.COOLING, KeyState.BENCHED):
        return None
    return f"{one_line(key.organization, limit=40)} is not waiting: there is nothing to clear."


def pin_word(context: Context) -> str:
    key = context.selected
    return "unpin" if isinstance(key, KeyStatus) and key.pinned else "pin"


def swap_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return "A swap is requested already." if "swap" in context.pending else None


def lane_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return "A change is requested already." if "lane" in context.pending else None


def concurrency_blocked(context: Context) -> Reason:
    if context.snapshot is None:
        return run_read(context)
    return "A change is requested already." if "concurrency" in context.pending else None


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
    """Return whether a run can be archived or deleted: no worker may have it."""
    run = context.selected
    if not isinstance(run, RunSummary):
        return "There is no run here."
    if run.state in WITH_WORKER:
        return keyed("A worker has this run: {open} opens it, {stop} there stops it.")
    return None


def archive_word(context: Context) -> str:
    run = context.selected
    return "restore" if isinstance(run, RunSummary) and run.archived else "archive"


def try_blocked(context: Context) -> Reason:
    snapshot = context.snapshot
    if snapshot is None:
        return run_read(context)
    if not snapshot.pending:
        return "Everything is done: nothing is left to try."
    if snapshot.worker.alive and not is_paused(context):
        return keyed("A worker is running: {pause} pauses it first.")
    return "The start is requested already." if "start" in context.pending else None


def draft_blocked(context: Context) -> Reason:
    if context.draft is None:
        return keyed("There is no draft: {edit} starts one here, {editor} in your editor.")
    return None


def usable_draft_blocked(context: Context) -> Reason:
    if context.draft is None or context.draft.task is not None:
        return draft_blocked(context)
    return keyed("The draft is not valid yet, as shown above the panes: {edit} continues it.")


def enact_blocked(context: Context) -> Reason:
    if "task" in context.pending:
        return "Activating a version is requested already."
    reason = usable_draft_blocked(context)
    if reason or context.draft is None or context.snapshot is None:
        return reason or run_read(context)
    before, after = context.snapshot.run.task, context.draft.task
    if after is None or not context.snapshot.worker.alive:
        return None
    if not before.sends_otherwise(after):
        return None
    return keyed(
        "It changes what is sent of each text (fields, truncate_at), so all are made again: {stop} stops the worker"
        " first, then this key, then {start} starts it again."
    )


def ask_again_blocked(context: Context) -> Reason:
    if context.scope is Scope.QUALITY:
        return run_read(context)
    if context.scope is Scope.TASK:
        return None if context.older_labels else "No present label was given by an older version of the task."
    if context.marked:
        return None
    row = context.selected
    if not isinstance(row, EmailRow):
        return "Nothing is selected."
    if row.state is not EmailState.LABELED:
        return keyed("Only a labeled text is re-labeled; {retry} requeues a failed one.")
    return "It has a manual label, which overrides the model: it is not re-labeled." if _by_person(row) else None


def _by_person(row: EmailRow) -> bool:
    return row.label_source == "human"


def version_blocked(context: Context) -> Reason:
    if not isinstance(context.selected, TaskVersion):
        return "The versions are not read yet."
    if context.selected.active:
        return keyed("That is the active version; {edit} starts a draft from it.")
    return None
