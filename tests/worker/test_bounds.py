"""The worker's bounds, as they are promised: seconds, characters, bytes, and how many of what."""

from __future__ import annotations

import gc
import runpy
import sys
from contextlib import nullcontext
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from core.model import AskKind, PendingEmail, Task
from core.worker import __main__ as detached
from core.worker import (
    commit,
    dry_run,
    heartbeat,
    kill,
    loop,
    notifier,
    pacer,
    pause,
    process,
    queue,
    retries,
    settle,
    supervisor,
    watches,
)
from core.worker.lanes import batch, online, tiers
from core.worker.places import asker, bridge, fleet, keeper, ray_cluster, wire

BOUNDS: list[tuple[ModuleType, dict[str, object]]] = [
    (detached, {"_LOG_BYTES": 1_000_000}),
    (commit, {"RETRY_S": 1.0}),
    (dry_run, {"AT_ONCE": 8, "TRIES": 3, "PATIENCE_S": 180.0, "_TICK_S": 0.2}),
    (kill, {"_GONE_WITHIN_S": 5.0, "_POLL_S": 0.02}),
    (
        batch,
        {
            "MOST_BYTES": 90_000_000, "GATHERED_AT_ONCE": 500, "UNCLEAR_S": 60.0, "FIRST_POLL_S": 60.0, "LONGEST_POLL_S": 300.0,
            "WATCH_S": 10.0, "RETRY_S": 30.0, "FULL_S": 300.0, "_CHARS_A_TOKEN": 4.0, "_LINE_BYTES": 1_000,
            "_VERDICTS_MOST": 1_000, "_COMPLETION_ROOM": 1.5, "_ABSENT": (404, 405, 501),
        },
    ),
    (
        online,
        {"LEAST_BOUND": 8, "LOOK_AHEAD": 24, "PACKS_AHEAD": 3, "RIDERS_SHARE": 0.3, "_PROBES_VARY": 20, "_REASK_CHARS": 120},
    ),
    (tiers, {"REFUSED_IN_A_ROW": 3, "FIRST_REST_S": 1.0, "LONGEST_REST_S": 60.0, "SAID_TWICE_S": 5.0}),
    (
        loop,
        {
            "UNJUDGED_MOST": 8, "RESCAN_S": 10.0, "WINDOW": 256, "PACKED_WINDOW": 2_048, "CANCELLING_MOST_S": 15.0,
            "BLOCKED_MOST_S": 5.0,
        },
    ),
    (notifier, {"EVERY_S": 1.5, "LAST_WAIT_S": 8.0}),
    (pacer, {"FIRST_REST_S": 1.0, "LONGEST_REST_S": 60.0}),
    (pause, {"NOTHING_OUT": (0.0, 0.0)}),
    (bridge, {"CLOSES_WITHIN_S": 10.0, "CONNECTED_WITHIN_S": 5.0, "OPENED_WITHIN_S": 120.0, "_HEARD_S": 0.2}),
    (fleet, {"AGAIN_S": 1.0, "AGAIN_MOST_S": 10.0, "_RATE_S": 60}),
    (
        keeper,
        {
            "MADE_WITHIN_S": 60.0, "WAITS_MOST_S": 600.0, "LOOKED_EVERY_S": 5.0, "AGAIN_S": 1.0, "REFUSED_AGAIN_S": 15.0,
            "SPAN_S": 0.5,
        },
    ),
    (ray_cluster, {"_LOOKED_WITHIN_S": 3.0, "_STORE_BYTES": 83_886_080}),
    (
        wire,
        {
            "TAKE_S": 1.0, "LOST_AFTER_S": 3.0, "PREPARED_WITHIN_S": 120.0, "LOADING_LOST_AFTER_S": 30.0, "ALIVE_EVERY_S": 1.0,
            "SILENT_MOST": 30, "GATHER_S": 0.01, "GATHER_MOST_S": 0.1, "GATHER_SHARE": 0.1, "MOST_CHARS": 64_000,
        },
    ),
    (
        process,
        {
            "_OPEN_FILES": 4_096, "RECOUNT_EVERY": 200, "_PRIOR_CALLS": 30.0, "_PRIOR_FACTOR": 1.03, "_SPREAD_OF_TEXTS": 0.8,
            "_UNMODELED": 0.02, "_EARLY_DOUBT": 0.15, "_EARLY_CALLS": 60,
        },
    ),
    (
        retries,
        {
            "ERRORS_MOST": 5, "ALONE_MOST_S": 7_200.0, "REFUSALS_MOST": 2, "KEY_REFUSALS_MOST": 3, "REFUSED_IN_A_ROW": 3,
            "_STUCK_AFTER": 2,
        },
    ),
    (settle, {"FAILURE_CHARS": 300}),
    (supervisor, {"_POLL_S": 0.05, "_ENDS_WITHIN_S": 15.0}),
]  # fmt: skip


@pytest.mark.parametrize(
    ("module", "name", "value"),
    [
        pytest.param(module, name, value, id=f"{module.__name__.rpartition('.')[2]} {name}")
        for module, values in BOUNDS
        for name, value in values.items()
    ],
)
def test_bounds_are_as_promised(module: ModuleType, name: str, value: object) -> None:
    """Each where it is used."""
    assert getattr(module, name) == value


def test_a_worker_looks_for_commands_five_times_a_second_and_beats_once() -> None:
    """Unless somebody says otherwise."""
    assert heartbeat.Tempo() == heartbeat.Tempo(tick_s=0.2, beat_s=1.0)


def test_what_nobody_named_counts_as_nothing() -> None:
    """Tokens and calls of a conversation, a permit, an email's troubles and what was spent."""
    email = PendingEmail(1, 0, "m", "s", "text", "hash")
    conversation = dry_run._Conversation(None, email)  # type: ignore[arg-type]
    assert (conversation.calls, conversation.tokens) == (0, 0)
    assert pacer.Slot(1, "a", "o").tokens == (0.0, 0.0)
    permit = asker._Permit("a", asker._Secret("s"), "live")
    assert (permit.email_id, permit.tokens) == (0, (0.0, 0.0))
    spent = pause.Spent(1, 2, 3.0)
    assert spent == pause.Spent(1, 2, 3.0, 0.0, 0.0, 0, 0, 0.0, 0.0)
    assert (retries._Streak().calls, retries._Record().count) == (0, 0)
    trouble = retries._Trouble(1.0)
    assert (trouble.counted, trouble.tries, trouble.answered_before) == (0, 0, -1)
    assert settle.Answered(None, None).judged_s == 0.0  # type: ignore[arg-type]


def test_a_queue_holds_256_emails_at_most_unless_it_is_told_another_number() -> None:
    """It asks for so many at a time."""
    asked: list[int] = []

    def fetch(after: int, limit: int) -> list[PendingEmail]:
        asked.append(limit)
        return []

    queue.Queue(fetch, dedupe=True).front(1)
    assert asked == [256]


def test_watches_of_questions_that_share_no_characters() -> None:
    """Then an ask is as long as its text."""
    given: Any = SimpleNamespace(
        watches=lambda: SimpleNamespace(raised=()), pack_control=lambda: None, raised_watches=frozenset
    )
    assert watches.RunWatches(given, lambda: 0.0, print)._fixed_chars == 0


def test_a_question_asked_alone_is_none_of_a_pack(task: Task) -> None:
    """Its label's probability is looked for as that of a single answer."""
    question = settle.Question(PendingEmail(1, 0, "m", "s", "text", "hash"), "main", "org", 5.0, 1.0)
    assert (question.lane, question.in_flight) == ("live", None)
    attempt = settle.attempt_of(task, question, settle.Outcome.LOST)
    assert (attempt.n, attempt.kind, attempt.latency_s) == (1, AskKind.ASK, 1.0)


@pytest.mark.parametrize("module", ["core.worker", "core.worker.dry_run", "core.worker.places.bridge"])
def test_a_process_does_its_work_when_it_is_run_and_not_when_it_is_imported(
    module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without arguments there is nothing to do, which it says or ends with."""

    class Ended(BaseException):
        pass

    def end(*_: object) -> None:
        raise Ended

    monkeypatch.setattr(sys, "argv", [module])
    monkeypatch.setattr("os.umask", end)
    ran = {"core.worker": Ended, "core.worker.dry_run": IndexError, "core.worker.places.bridge": ValueError}[module]
    for name in [name for name in sys.modules if name == f"{module}.__main__"]:
        monkeypatch.delitem(sys.modules, name)
    try:
        with pytest.raises(ran), pytest.warns(RuntimeWarning) if module != "core.worker" else nullcontext():
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        assert gc.isenabled() is (module != "core.worker"), "while it imports, a worker does not look for garbage"
    finally:
        gc.enable()
