"""Why an action is disabled now, how it is called, and which hints a footer has: a row for each case."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import pytest

from core.engine import Draft
from core.model import EmailState, KeyState, RunState, RunSummary, TaskVersion
from core.model.keys import PROBED
from tests.tui.fakes import KEYS, NOW, TASK, email, running
from tui.actions import active, enabled  # noqa: F401 - the former names the keys
from tui.actions.catalog import ALL
from tui.actions.context import Context, Scope


def at(scope: Scope = Scope.MONITOR, state: RunState = RunState.RUNNING, **more: Any) -> Context:
    """A screen of a run of 40 emails in that state; ``alive``, ``pending_`` and ``failed`` are the run's."""
    shown = replace(running(40, 20).snapshot(NOW), state=state)
    shown = replace(shown, worker=replace(shown.worker, alive=more.pop("alive", True)), pending=more.pop("pending_", 20),
                    failed=more.pop("failed", 0))  # fmt: skip
    return Context(scope, **{"snapshot": shown, "has_run": True, **more})


def on_list(state: RunState = RunState.RUNNING, **more: Any) -> Context:
    """The list of runs, with such a run under the cursor."""
    return Context(Scope.RUNS, selected=RunSummary("enron", "enron.db", state, 40, 20, 3, NOW, NOW, 4_000, **more))


NOTHING = Context(Scope.EMAILS)
UNREAD = Context(Scope.MONITOR, has_run=True)
EMAIL = email(3)
LABELED, FAILED, SKIPPED = (email(3, state) for state in (EmailState.LABELED, EmailState.FAILED, EmailState.SKIPPED))
OTHER = replace(TASK, truncate_at=17, version="v2")
DRAFT, SAME, BROKEN = Draft("", OTHER, ""), Draft("", replace(TASK, rubric="x"), ""), Draft("", None, "no task")
VERSION = TaskVersion(TASK, NOW, "ana", True, {}, 0, 0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "No run is open: choose one in the list of runs."),
        (UNREAD, "The run is not read yet."),
        (at(), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_has_to_be_read(context: Any, wanted: Any) -> None:
    """And one has to be open."""
    assert enabled.run_read(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "No run is open: choose one in the list of runs."),
        (UNREAD, "The run is not read yet."),
        (at(), "A worker is running already (pid 4711)."),
        (at(pending=frozenset({"start"})), "The start is requested already."),
        (at(state=RunState.PAUSED), "A paused worker holds the run: p resumes it."),
        (at(state=RunState.STALE), "A worker without heartbeat holds the run: x stops it, a second x kills it."),
        (at(alive=False), None),
        (at(alive=False, pending_=0), "Everything is done: nothing is pending."),
        (at(alive=False, pending_=0, failed=1), "Everything is done: nothing is pending. e shows the failed ones, T requeues them."),
        (at(state=RunState.STOPPED, alive=False, pending_=1), None),
        (Context(Scope.RUNS), "There is no run here."),
        (on_list(), "enron has a worker already."),
        (on_list(RunState.STOPPED), None),
        (on_list(RunState.DONE), "enron is done: nothing is pending."),
        (on_list(RunState.STOPPED, error="no run file"), "no run file"),
        (on_list(RunState.NEW), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_start_needs_work_and_no_worker(context: Any, wanted: Any) -> None:
    """On the list as on the run's own screens."""
    assert enabled.start_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "No run is open: choose one in the list of runs."),
        (UNREAD, "The run is not read yet."),
        (at(), None),
        (at(alive=False), "No worker runs: s starts one."),
        (at(alive=False, pending_=0), "No worker runs, and everything is done."),
        (on_list(RunState.PAUSED), None),
        (on_list(RunState.NEW), "enron has no worker: s starts one."),
        (Context(Scope.RUNS), "There is no run here."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_pause_needs_a_worker(context: Any, wanted: Any) -> None:
    """It is said whether one can be started."""
    assert enabled.pause_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (UNREAD, "The run is not read yet."),
        (at(), None),
        (at(alive=False), "No worker runs: there is nothing to stop."),
        (on_list(RunState.WAITING), None),
        (on_list(RunState.DONE), "enron has no worker: there is nothing to stop."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_stop_needs_a_worker(context: Any, wanted: Any) -> None:
    """On the list as on the run's own screens."""
    assert enabled.stop_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, False),
        (at(), False),
        (at(state=RunState.PAUSED), True),
        (at(pending=frozenset({"pause"})), True),
        (at(state=RunState.PAUSED, pending=frozenset({"resume"})), False),
        (on_list(RunState.PAUSED), True),
        (on_list(), False),
    ],
    ids=count(),
)  # fmt: skip
def test_the_key_that_pauses_resumes_a_paused_run(context: Any, wanted: Any) -> None:
    """Also while its pause is requested, and not once its end is."""
    assert enabled.is_paused(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (Context(Scope.NEW_RUN), None),
        (Context(Scope.KEYS), "There is no key here yet: a adds one."),
        (Context(Scope.KEYS, selected=KEYS[0]), None),
        (Context(Scope.EMAILS), "The list is empty."),
        (Context(Scope.TRIAL), "The list is empty."),
        (Context(Scope.RUNS), "There is no run here yet."),
        (on_list(), None),
        (on_list(error="no run file"), "no run file"),
        (Context(Scope.EMAILS, selected=EMAIL), None),
    ],
    ids=count(),
)  # fmt: skip
def test_what_is_opened_has_to_be_there(context: Any, wanted: Any) -> None:
    """A broken run says why it cannot be."""
    assert enabled.open_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "Nothing is selected."),
        (at(selected=EMAIL), "Only a failed text can be requeued."),
        (at(selected=FAILED), None),
        (at(marked=1), None),
    ],
    ids=count(),
)  # fmt: skip
def test_failed_texts_are_requeued(context: Any, wanted: Any) -> None:
    """Marked ones are looked at one by one."""
    assert enabled.retry_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (UNREAD, "The run is not read yet."),
        (at(), "Nothing has failed."),
        (at(failed=1), None),
    ],
    ids=count(),
)  # fmt: skip
def test_all_failed_ones_are_requeued_where_any_is(context: Any, wanted: Any) -> None:
    """Not before the run is read."""
    assert enabled.retry_all_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (UNREAD, "The run is not read yet."),
        (at(), "Nothing has failed."),
        (at(failed=1), None),
    ],
    ids=count(),
)  # fmt: skip
def test_causes_are_shown_where_anything_failed(context: Any, wanted: Any) -> None:
    """Not before the run is read."""
    assert enabled.causes_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (Context(Scope.REVIEW), None),
        (NOTHING, "Nothing is selected."),
        (at(selected=EMAIL), None),
        (at(marked=2), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_label_is_given_to_something(context: Any, wanted: Any) -> None:
    """The review has its item."""
    assert enabled.label_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "Nothing is selected."),
        (at(selected=LABELED), "It is labeled already."),
        (at(selected=FAILED), None),
        (at(marked=1), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_text_is_skipped_before_it_is_labeled(context: Any, wanted: Any) -> None:
    """Marked ones are looked at one by one."""
    assert enabled.skip_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "skip"),
        (at(selected=LABELED), "skip"),
        (at(selected=SKIPPED), "unskip"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_skipped_text_is_unskipped(context: Any, wanted: Any) -> None:
    """With the same key."""
    assert enabled.skip_word(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "Nothing is selected."),
        (at(selected=EMAIL), None),
        (on_list(), "Nothing is selected."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_text_is_marked_where_there_is_one(context: Any, wanted: Any) -> None:
    """Not a key or a run."""
    assert enabled.mark_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (Context(Scope.EMAILS, width=149), "The record is shown beside the list from 150 columns on; enter opens it."),
        (Context(Scope.EMAILS, width=150), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_record_stands_beside_the_list_where_there_is_room(context: Any, wanted: Any) -> None:
    """From 150 columns on."""
    assert enabled.beside_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "No record is shown: enter opens one."),
        (Context(Scope.EMAILS, beside=True), None),
        (Context(Scope.RECORD), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_message_is_switched_where_one_is_shown(context: Any, wanted: Any) -> None:
    """Beside the list, or on a screen of its own."""
    assert enabled.raw_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "There is no key here yet: a adds one."),
        (at(selected=KEYS[0]), "org_a is not waiting: there is nothing to clear."),
        (at(selected=KEYS[2]), None),
        (at(selected=replace(KEYS[2], state=KeyState.BENCHED)), None),
        (at(selected=replace(KEYS[2], reason=PROBED)), "org_b is tried again automatically, one call at a time: there is no wait to clear."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_wait_is_cleared_where_there_is_one(context: Any, wanted: Any) -> None:
    """Not of an organization that is tried again anyway."""
    assert enabled.bench_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "pin"),
        (at(selected=KEYS[0]), "pin"),
        (at(selected=replace(KEYS[0], pinned=True)), "unpin"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_pinned_key_is_unpinned(context: Any, wanted: Any) -> None:
    """With the same key."""
    assert enabled.pin_word(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "disable"),
        (at(selected=KEYS[0]), "disable"),
        (at(selected=KEYS[3]), "enable"),
        (at(selected=replace(KEYS[0], state=KeyState.DISABLED)), "enable"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_that_is_out_is_enabled(context: Any, wanted: Any) -> None:
    """With the same key."""
    assert enabled.toggle_word(context) == wanted


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("swap", ["The run is not read yet.", None, "A swap is requested already."]),
        ("lane", ["The run is not read yet.", None, "A change is requested already."]),
        ("concurrency", ["The run is not read yet.", None, "A change is requested already."]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_change_that_is_requested_is_not_requested_again(kind: Any, wanted: Any) -> None:
    """Of keys, lane and calls at once."""
    assert [
        decide(context)
        for decide, context in (
            (decide, context)
            for decide in [getattr(enabled, f"{kind}_blocked")]
            for context in (UNREAD, at(), at(pending=frozenset({kind})))
        )
    ] == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "There is no run here."),
        (on_list(), "A worker has this run: enter opens it, x there stops it."),
        (on_list(RunState.PAUSED), "A worker has this run: enter opens it, x there stops it."),
        (on_list(RunState.STOPPED), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_is_moved_while_no_worker_has_it(context: Any, wanted: Any) -> None:
    """One that is broken can be, too."""
    assert enabled.moving_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "There is no run here."),
        (on_list(), None),
        (on_list(error="no run file"), "no run file"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_is_copied_where_it_can_be_read(context: Any, wanted: Any) -> None:
    """Whoever works on it."""
    assert enabled.copy_run_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (NOTHING, "archive"),
        (on_list(), "archive"),
        (on_list(archived=True), "restore"),
    ],
    ids=count(),
)  # fmt: skip
def test_an_archived_run_is_restored(context: Any, wanted: Any) -> None:
    """With the same key."""
    assert enabled.archive_word(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (UNREAD, "The run is not read yet."),
        (at(), "A worker is running: p pauses it first."),
        (at(pending_=0), "Everything is done: nothing is left to try."),
        (at(state=RunState.PAUSED), None),
        (at(alive=False), None),
        (at(alive=False, pending=frozenset({"start"})), "The start is requested already."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_few_are_tried_where_any_is_pending(context: Any, wanted: Any) -> None:
    """With a paused worker or none."""
    assert enabled.try_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (at(pending=frozenset({"task"})), "Activating a version is requested already."),
        (at(), "There is no draft: E starts one here, V in your editor."),
        (at(draft=BROKEN), "The draft is not valid yet, as shown above the panes: E continues it."),
        (at(draft=SAME), None),
        (at(draft=DRAFT), "It changes what is sent of each text (fields, truncate_at), so all are made again: x stops the worker first, then this key, then s starts it again."),
        (at(draft=DRAFT, alive=False), None),
        (Context(Scope.TASK, draft=DRAFT), "No run is open: choose one in the list of runs."),
        (Context(Scope.TASK, draft=DRAFT, has_run=True), "The run is not read yet."),
    ],
    ids=count(),
)  # fmt: skip
def test_a_draft_is_enacted_where_it_is_a_task(context: Any, wanted: Any) -> None:
    """Not while a worker would send other texts by it."""
    assert enabled.enact_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (at(), "There is no draft: E starts one here, V in your editor."),
        (at(draft=BROKEN), "The draft is not valid yet, as shown above the panes: E continues it."),
        (at(draft=DRAFT), None),
    ],
    ids=count(),
)  # fmt: skip
def test_a_draft_has_to_be_there(context: Any, wanted: Any) -> None:
    """And to be a task, for some."""
    assert enabled.usable_draft_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (Context(Scope.QUALITY), "No run is open: choose one in the list of runs."),
        (at(Scope.QUALITY), None),
        (at(Scope.TASK), "No present label was given by an older version of the task."),
        (at(Scope.TASK, older_labels=1), None),
        (NOTHING, "Nothing is selected."),
        (at(Scope.EMAILS, marked=1), None),
        (at(Scope.EMAILS, selected=FAILED), "Only a labeled text is re-labeled; t requeues a failed one."),
        (at(Scope.EMAILS, selected=LABELED), None),
        (at(Scope.EMAILS, selected=replace(LABELED, label_source="human")), "It has a manual label, which overrides the model: it is not re-labeled."),
    ],
    ids=count(),
)  # fmt: skip
def test_texts_are_re_labeled_that_the_model_labeled(context: Any, wanted: Any) -> None:
    """By label on the task's screen, one or the marked ones in the list."""
    assert enabled.ask_again_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (at(), "The versions are not read yet."),
        (at(selected=VERSION), "That is the active version; E starts a draft from it."),
        (at(selected=replace(VERSION, active=False)), None),
    ],
    ids=count(),
)  # fmt: skip
def test_an_older_version_is_taken(context: Any, wanted: Any) -> None:
    """Not the active one, and none before they are read."""
    assert enabled.version_blocked(context) == wanted


@pytest.mark.parametrize(
    ("context", "wanted"),
    [
        (at(), None),
        (at(no_color=True), "NO_COLOR is set: there are no colors to choose from."),
    ],
    ids=count(),
)  # fmt: skip
def test_colors_are_chosen_where_there_are_any(context: Any, wanted: Any) -> None:
    """Not with NO_COLOR."""
    assert enabled.colors_blocked(context) == wanted


@pytest.mark.parametrize(
    ("scope", "wanted"),
    [
        (Scope.RUNS, "open:2 new_run:2 demo:2 copy_run:2 archive:1 archived:1 delete_run:1 start:1 pause:1 stop:1 keys:2 compare_runs:1 update:0 find:2 sort:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.MONITOR, "start:2 pause:2 stop:2 swap:1 lane:1 batches:1 concurrency:1 places:0 try_out:1 emails:2 keys:2 task:1 review:1 quality:1 export:0 retry_all:1 pane:0 zoom:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.EMAILS, "open:2 start:1 pause:1 stop:1 swap:1 keys:1 task:1 review:1 quality:1 ask_again:1 messages:1 filter:2 filter_back:0 update:0 find:2 sort:1 reverse:0 beside:0 causes:1 mark:1 mark_all:0 skip:1 undo:1 copy:1 save:1 retry:2 retry_all:1 label:2 note:1 raw:2 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.RECORD, "start:1 pause:1 stop:1 swap:1 keys:1 task:1 review:1 ask_again:1 messages:1 skip:1 undo:1 copy:1 save:1 next:2 previous:1 retry:2 label:2 note:1 raw:2 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.BATCHES, "start:1 pause:1 stop:1 swap:1 lane:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.KEYS, "open:2 start:1 pause:1 stop:1 swap:1 emails:1 task:1 toggle:2 pin:2 try_key:2 regroup:1 clear_bench:1 add:2 remove:2 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.KEY, "start:1 pause:1 stop:1 swap:1 emails:1 toggle:2 pin:2 try_key:2 regroup:1 clear_bench:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.TASK, "start:1 pause:1 stop:1 swap:1 emails:1 keys:1 edit:3 editor:1 compare:1 dry_run:2 enact:3 discard:1 pack:0 take_version:0 ask_again:2 messages:2 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.MESSAGES, "start:1 pause:1 stop:1 swap:1 again_form:2 next:2 previous:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.TRIAL, "open:2 start:1 pause:1 stop:1 swap:1 messages:1 hold:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.HELP, "theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.INFO, "theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.GUIDE, "next:2 previous:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.REVIEW, "quality:1 cannot_tell:0 unfold:2 next_batch:1 withdraw:2 note:1 raw:2 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.QUALITY, "pause:1 review:1 behind:2 disagreements:2 settle:1 compare_versions:1 suspicious:1 grow:1 top_up:1 write_report:1 look_at_alarm:1 dismiss:1 ask_again:1 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.COMPARE, "disagreements:2 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
        (Scope.NEW_RUN, "open:2 write_task:2 add:2 theme:0 themes:0 quiet:0 suspend:0 back:1 info:0 tour:0 guide:0 help:4 quit:3"),
    ],
    ids=count(),
)  # fmt: skip
def test_hints_of_a_footer_have_their_rank(scope: Any, wanted: Any) -> None:
    """The higher it is, the longer a hint stays; those of rank 0 are never named."""
    assert " ".join(f"{action.id}:{action.rank(scope)}" for action in ALL if scope in action.scopes) == wanted
