"""``status --json`` field by field: what other programs read, as the contract names it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import (
    Forecast,
    KeyState,
    KeyStatus,
    LaneChoice,
    LaneSpent,
    Parcel,
    PlaceStatus,
    RunState,
    Snapshot,
    Wait,
)
from tests.tui.fakes import NOW, email, key, running
from tui.commands.status import as_json, as_lines, in_use, lane_line, not_taken_line, progress_line

COUNTS = ("total", "labeled", "failed", "skipped", "pending", "cursor")
KEY = {
    "alias": "lab", "last4": "xlab", "organization": "org_b", "state": "cooling", "reason": "429", "cooldown_s": 41.3,
    "requests": 412, "errors_429": 3, "tokens": 367_000,
}  # fmt: skip


def test_each_field_says_what_its_name_says() -> None:
    """A run at work, with counts by label and by follow-up questions, its pace, its end and what limits it."""
    run = running(40, 20)
    run.emails[25] = email(25, type(run.emails[0].state).SKIPPED)
    run.reason, run.reasks, run.asking = "asks", {0: 17, 2: 2}, {"main": 2}
    run.forecast = Forecast(2400.44, 2100.0, 2700.0, "TPM of org_b")
    snapshot = replace(run.snapshot(NOW), alarms=("labels: no 0 among the last 50",), attempts=23)
    keys = (
        key("main", "org_a"),
        key("lab", "org_b", KeyState.COOLING, cooldown_s=41.32, limit="TPM", reason="429", errors_429=3),
    )
    told = as_json(snapshot, keys, "keys.toml can be read by others")
    assert (told["run"], told["path"], told["state"], told["reason"]) == (
        "enron",
        "/nowhere/runs/enron.db",
        "running",
        "asks",
    )
    assert told["worker"] == {"pid": 4711, "alive": True, "heartbeat_age_s": 0.2}
    assert {name: told[name] for name in COUNTS} == {
        "total": 40, "labeled": 19, "failed": 1, "skipped": 1, "pending": 19, "cursor": 20,
    }  # fmt: skip
    assert told["labels"] == {"1": 17, "0": 2}
    assert told["reasks"] == {"0": 17, "2": 2}
    assert (told["attempts"], told["tokens"]) == (23, 19 * 912)
    assert (told["rate_per_min"], told["eta_s"], told["binding_limit"]) == (72.0, 2400.44, "TPM of org_b")
    assert [each["state"] for each in told["keys"]] == ["in_use", "cooling"]
    assert told["keys"][1] == KEY
    assert told["alarms"] == ["labels: no 0 among the last 50", "keys.toml can be read by others"]


def test_lanes_batches_canaries_and_concurrency_say_what_their_names_say() -> None:
    """Field by field, as another program reads them; how many calls are at once is told of a worker at work alone."""
    run = running(40, 20)
    run.lane = LaneChoice("batch", NOW + 3600.0)
    run.lanes = (LaneSpent("batch", {"answered": 8, "invalid": 1}, 7_200, 96), LaneSpent("live", {}, 0, 0))
    run.parcels = (
        Parcel(7, "n", "sent", "main", "org_a", "m", "v", "24h", NOW - 90, None, "file-1", "batch-1", "in_progress", 10, 8, 1,
               9_000, NOW - 60.5, NOW + 86_340.0, None, None, None, "why"),
    )  # fmt: skip
    snapshot = replace(run.snapshot(NOW), canaries=(60, 4), concurrency=12)
    told = as_json(replace(snapshot, worker=replace(snapshot.worker, at_once=9)), ())
    assert (told["lane"], told["lane_by"]) == ("batch", NOW + 3600.0)
    assert told["lanes"] == [
        {
            "lane": "batch",
            "calls": 9,
            "outcomes": {"answered": 8, "invalid": 1},
            "prompt_tokens": 7_200,
            "completion_tokens": 96,
        },
        {"lane": "live", "calls": 0, "outcomes": {}, "prompt_tokens": 0, "completion_tokens": 0},
    ]
    assert told["batches"] == [
        {"state": "sent", "status": "in_progress", "key": "main", "total": 10, "completed": 8, "failed": 1,
         "sent_at": NOW - 60.5, "expires_at": NOW + 86_340.0, "reason": "why"},
    ]  # fmt: skip
    assert told["canaries"] == {"asked": 60, "changed": 4}
    assert told["concurrency"] == {"chosen": 12, "at_once": 9}
    stopped = replace(snapshot, state=RunState.STOPPED, worker=replace(snapshot.worker, at_once=9))
    assert as_json(stopped, ())["concurrency"] == {"chosen": 12, "at_once": None}


def test_of_many_labels_the_most_frequent_stand_in_the_line() -> None:
    """Twenty of them, the others are counted."""
    snapshot = replace(running(800, 700).snapshot(NOW), labels={f"code {n}": n for n in range(1, 26)})
    labeled = next(each for each in as_lines(snapshot, ()) if each.startswith("  labeled"))
    assert labeled.index("code 25") < labeled.index("code 6 ")
    assert "code 5 " not in labeled
    assert labeled.endswith("and 5 more labels")


def test_a_run_that_nobody_works_on_has_neither_pace_nor_end() -> None:
    """What was forecast before says nothing now; a ready key is not in use; a stale run's reason is an alarm."""
    run = running(40, 20)
    run.alive, run.state, run.reason, run.asking = False, RunState.PAUSED, "paused by ana", {"main": 2}
    told = as_json(run.snapshot(NOW), (key("main", "org_a"),))
    assert (told["state"], told["rate_per_min"], told["eta_s"], told["binding_limit"]) == ("paused", 0.0, None, "")
    assert (told["keys"][0]["state"], told["worker"]["alive"], told["alarms"]) == ("ready", False, [])
    run.state, run.reason = RunState.STALE, "not heard of for 90 s"
    assert as_json(run.snapshot(NOW), ())["alarms"] == ["not heard of for 90 s"]
    run.state, run.reason = RunState.PAUSED, "25 emails in a row failed: timeout"
    assert as_json(run.snapshot(NOW), ())["alarms"] == ["25 emails in a row failed: timeout"]


def test_a_place_says_for_how_long_it_is_in_its_state() -> None:
    """In seconds before the snapshot, never less than none."""
    run = running(40, 20)
    run.places = (
        PlaceStatus("place-1", "node-1", "ready", "", 2, 12.34, NOW - 90.04),
        PlaceStatus("place-2", "", "lost", "no heartbeat", 0, 0.0, NOW + 5),
    )
    told = as_json(run.snapshot(NOW), ())["places"]
    assert told[0] == {
        "name": "place-1", "node": "node-1", "state": "ready", "reason": "", "in_flight": 2, "rate_per_min": 12.3,
        "since_s": 90.0,
    }  # fmt: skip
    assert told[1]["since_s"] == 0.0


def test_places_are_listed_with_what_they_do_or_why_they_do_nothing() -> None:
    """Those that are not ready come first; of many the first eight are listed."""
    run = running(40, 20)
    run.places = (
        PlaceStatus("place-1", "vm-a", "ready", "", 2, 12.34, NOW - 90),
        PlaceStatus("place-2", "", "starting", "1 CPU for 2 places: add a Ray node", 0, 0.0, NOW - 5),
    )
    lines = [line for line in as_lines(run.snapshot(NOW), ()) if line.startswith("  place ")]
    assert lines == [
        "  place     place-2 starting 5.0 s: 1 CPU for 2 places: add a Ray node",
        "  place     place-1 on vm-a ready 90 s, 2 in flight, 12 a minute",
    ]
    run.places = tuple(PlaceStatus(f"place-{n}", "vm", "ready", "", 1, 1.0, NOW) for n in range(12))
    assert "  place     and 4 more places" in as_lines(run.snapshot(NOW), ())
    for count, more in ((9, "  place     and 1 more place"), (8, None)):
        run.places = run.places[:count]
        last = [line for line in as_lines(run.snapshot(NOW), ()) if "more place" in line]
        assert last == ([more] if more else [])


BUSY = replace(running(5_031, 2_871).snapshot(NOW), recent=())
NEW = replace(
    BUSY, state=RunState.NEW, worker=replace(BUSY.worker, pid=None, alive=False, heartbeat_at=None, epoch=0), labeled=0,
    failed=0, pending=5_031, cursor=0, labels={}, reasks={}, attempts=0, prompt_tokens=0, completion_tokens=0,
    forecast=None, asking={},
)  # fmt: skip


def parcel(
    state: str, status: str = "", completed: int = 8, expires_at: float | None = None, reason: str = ""
) -> Parcel:
    return Parcel(
        1, "n", state, "main", "org_a", "m", "v", "24h", NOW - 90, None, "f", "b", status, 10, completed, 1, 9_000,
        NOW - 60, expires_at, None, None, None, reason,
    )  # fmt: skip


SHOWN: dict[str, tuple[Snapshot, tuple[KeyStatus, ...], str]] = {
    "nothing yet": (NEW, (), ""),
    "at work": (
        replace(BUSY, canaries=(60, 4), flagged=1, failed=1, alarms=("labels: no 0",), packed=71),
        (
            key("main", "org_a"),
            key("lab", "org_b", KeyState.COOLING, cooldown_s=41.3, limit="TPM", reason="429", errors_429=1_200),
        ),
        "keys.toml is open",
    ),
    "done": (
        replace(
            BUSY, state=RunState.DONE, reason="everything is settled", flagged=2, failed=0, skipped=3,
            worker=replace(BUSY.worker, alive=False),
        ),
        (
            key("main", "org_a", KeyState.INVALID, reason="refused"),
            key("spare", "org_a", KeyState.BENCHED, reason="tried again after errors: 503"),
            key("third", "org_a", KeyState.DISABLED, reason="by ana"),
        ),
        "",
    ),
    "stale": (replace(BUSY, state=RunState.STALE, reason="not heard of for 90 s"), (), ""),
    "refused by the disk": (
        replace(BUSY, reason="the disk is full", worker=replace(BUSY.worker, refused="the disk is full")),
        (),
        "",
    ),
    "paused, with batches": (
        replace(
            BUSY, state=RunState.PAUSED, reason="x" * 201, run=replace(BUSY.run, simulated=True), forecast=None,
            lanes=(
                LaneSpent("batch", {"answered": 8, "rate_limited": 1, "invalid": 8}, 7_200, 96),
                LaneSpent("live", {"answered": 1}, 10, 2),
            ),
            parcels=(
                parcel("done", reason="a batch of 10 is completed"),
                parcel("sent", "in_progress", expires_at=NOW + 3_600.5),
                parcel("sent", "in_progress", expires_at=NOW - 5),
                parcel("packed", completed=0),
                parcel("void", reason="gave up"),
            ),
        ),
        (),
        "",
    ),
    "one lane": (replace(BUSY, lanes=(LaneSpent("live", {"answered": 1}, 10, 2),), parcels=(parcel("done", reason="all"),)), (), ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("nothing yet", [
            "enron  NEW",
            "  done      0 of 5,031 (0 %), position 0",
            "  labeled   0: ",
            "  failed    0, 0 skipped, 5,031 pending",
            "  calls     0, 0 tokens; follow-ups: none yet",
        ]),
        ("at work", [
            "enron  RUNNING",
            "  done      2,865 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    1, 0 skipped, 2,160 pending",
            "  calls     2,800, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  canaries  60 labeled emails asked again, 4 changed",
            "  rate      72 labels a minute, mean 69, ends 16:35 – 16:45, limited by TPM of org_b",
            "  worker    pid 4711, last heartbeat 0.2 s ago",
            "  log       /nowhere/runs/enron.log",
            "  key       main …main of org_a: in use, 412 calls, 1×429",
            "  key       lab …xlab of org_b: cooling for 00:42 (TPM), 412 calls, 1,200×429",
            "  keys      cannot be shown: keys.toml is open",
            "  alarm     labels: no 0",
            "  1 email is a possible prompt injection: see column flags of an export",
            "  1 failed email: `labeltui open enron` lists them",
        ]),
        ("done", [
            "enron  DONE",
            "  done      2,867 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    0, 3 skipped, 2,160 pending",
            "  calls     2,871, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  log       /nowhere/runs/enron.log",
            "  key       main …main of org_a: invalid (refused), 412 calls, 1×429",
            "  key       spare …pare of org_a: benched (tried again after errors: 503), 412 calls, 1×429",
            "  key       third …hird of org_a: disabled, 412 calls, 1×429",
            "  2 emails are possible prompt injections: see column flags of an export",
        ]),
        ("stale", [
            "enron  STALE · not heard of for 90 s",
            "  done      2,871 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    7, 0 skipped, 2,160 pending",
            "  calls     2,871, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  worker    pid 4711, last heartbeat 0.2 s ago",
            "  it hangs? `labeltui stop enron --force` ends it; what is committed stays",
            "  log       /nowhere/runs/enron.log",
            "  7 failed emails: `labeltui open enron` lists them",
        ]),
        ("refused by the disk", [
            "enron  RUNNING · the disk is full",
            "  done      2,871 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    7, 0 skipped, 2,160 pending",
            "  calls     2,871, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  worker    pid 4711, last heartbeat 0.2 s ago",
            "  log       /nowhere/runs/enron.log",
            "  7 failed emails: `labeltui open enron` lists them",
        ]),
        ("paused, with batches", [
            "enron  PAUSED · xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…",
            "  the labels of this run are simulated",
            "  done      2,871 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    7, 0 skipped, 2,160 pending",
            "  calls     2,871, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  worker    pid 4711, last heartbeat 0.2 s ago",
            "  log       /nowhere/runs/enron.log",
            "  lane      batch: 17 calls, 7,200 + 96 tokens; 8 answered, 8 invalid, 1 rate limited",
            "  lane      live: 1 call, 10 + 2 tokens; 1 answered",
            "  batch     in_progress: 8 of 10 answered, main, expires in 1:00:01",
            "  batch     in_progress: 8 of 10 answered, main, expires in 00:00",
            "  batch     packed: 0 of 10 answered, main",
            "  batch     2 batches ended; newest: gave up",
            "  7 failed emails: `labeltui open enron` lists them",
        ]),
        ("one lane", [
            "enron  RUNNING",
            "  done      2,871 of 5,031 (57 %), position 2,871",
            "  labeled   2,864: 1 work 2,576 (89–91 %), 0 personal 288 (9–11 %)",
            "  failed    7, 0 skipped, 2,160 pending",
            "  calls     2,871, 2,611,968 tokens; follow-ups: 2,756 took none, 98 took 1, 10 took 2",
            "  rate      72 labels a minute, mean 69, ends 16:35 – 16:45, limited by TPM of org_b",
            "  worker    pid 4711, last heartbeat 0.2 s ago",
            "  log       /nowhere/runs/enron.log",
            "  batch     1 batch ended; newest: all",
            "  7 failed emails: `labeltui open enron` lists them",
        ]),
    ],
)  # fmt: skip
def test_the_lines_of_a_run(utc: None, name: str, expected: list[str]) -> None:
    """Word by word: done, labeled, failed, calls, pace, worker, keys, lanes, batches, alarms and what to do."""
    snapshot, keys, no_keys = SHOWN[name]
    assert as_lines(snapshot, keys, no_keys) == expected


WAITS = replace(
    BUSY, state=RunState.WAITING, wait=Wait(NOW + 41, "TPM", "org_b", "org_b waits"), failed=0,
    forecast=Forecast(1.0, 1.0, 1.0, ""),
)  # fmt: skip
PROGRESS: dict[str, Snapshot] = {
    "at work": BUSY,
    "waits": WAITS,
    "waits for nothing named": replace(
        WAITS, wait=Wait(NOW + 41, "", "", "tried again"), forecast=Forecast(0.9, 1.0, 1.0, "")
    ),
    "waits without an end": replace(WAITS, wait=Wait(None, "", "", "x"), reason="calls are out", forecast=None),
    "paused": replace(BUSY, state=RunState.PAUSED, reason="r" * 81),
    "refused by the disk": replace(BUSY, reason="r" * 121, worker=replace(BUSY.worker, refused="full")),
    "a long name": replace(BUSY, run=replace(BUSY.run, name="n" * 25), state=RunState.PAUSED),
}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("at work", "enron running · 2,871 of 5,031 (57 %) · 72 labels/min · 7 failed · about 40:00 left"),
        ("waits", "enron waiting · 2,864 of 5,031 (57 %) · 72 labels/min · waits 00:41 for TPM of org_b · about 00:01 left"),
        ("waits for nothing named", "enron waiting · 2,864 of 5,031 (57 %) · 72 labels/min · 00:41: tried again"),
        ("waits without an end", "enron waiting · 2,864 of 5,031 (57 %) · 72 labels/min · calls are out"),
        ("paused", "enron paused · 2,871 of 5,031 (57 %) · 72 labels/min · 7 failed · rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr… · `labeltui resume enron` goes on"),
        ("refused by the disk", "enron running · 2,871 of 5,031 (57 %) · 72 labels/min · 7 failed · rrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrrr… · about 40:00 left"),
        ("a long name", "nnnnnnnnnnnnnnnnnnnnnnn… paused · 2,871 of 5,031 (57 %) · 72 labels/min · 7 failed · `labeltui resume nnnnnnnnnnnnnnnnnnnnnnn…` goes on"),
    ],
)  # fmt: skip
def test_the_line_of_progress(name: str, expected: str) -> None:
    """Where the run is, how fast, what it waits for, what it needs, and when it ends."""
    assert progress_line(PROGRESS[name]) == expected


def test_the_line_of_a_lane(utc: None) -> None:
    """Live calls, the flex tier, batches, and by when."""
    choices = (LaneChoice("live"), LaneChoice("flex"), LaneChoice("batch"), LaneChoice("auto", NOW + 3_600))
    assert [lane_line(replace(BUSY, lane=choice)) for choice in choices] == [
        "enron asks with live calls",
        "enron asks with live calls in the flex tier",
        "enron asks with batches at half the price (lane batch)",
        "enron asks with batches at half the price (lane auto, done by Mon 17:00)",
    ]


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        ({"too long": 1}, "1 not taken (1: too long)"),
        ({"too long": 2, "empty": 1}, "3 not taken (2: too long; 1: empty)"),
        ({"a": 1_200, "b": 2, "c": 1}, "1,203 not taken (1,200: a; 2: b; 1 more reason)"),
        ({"a": 1_200, "b": 2, "c": 1, "d": 1}, "1,204 not taken (1,200: a; 2: b; 2 more reasons)"),
    ],
)
def test_what_was_not_taken_is_said_with_two_reasons(reasons: dict[str, int], said: str) -> None:
    """The others are counted."""
    assert not_taken_line(reasons, "run") == f"  source    {said}; `labeltui skipped run` lists them"


@pytest.mark.parametrize(
    ("asking", "alive", "state", "shown"),
    [
        (0, True, KeyState.READY, KeyState.READY),
        (1, True, KeyState.READY, KeyState.IN_USE),
        (1, False, KeyState.READY, KeyState.READY),
        (1, True, KeyState.COOLING, KeyState.COOLING),
    ],
)
def test_a_ready_key_with_a_call_out_is_in_use(asking: int, alive: bool, state: KeyState, shown: KeyState) -> None:
    """By a worker that lives; whatever else it is it stays."""
    snapshot = replace(BUSY, asking={"main": asking}, worker=replace(BUSY.worker, alive=alive))
    assert [each for _, each in in_use([key("main", "org_a", state)], snapshot)] == [shown]
