"""``status --json`` field by field: what other programs read, as the contract names it."""

from __future__ import annotations

from dataclasses import replace

from core.model import Forecast, KeyState, LaneChoice, LaneSpent, Parcel, PlaceStatus, RunState
from tests.tui.fakes import NOW, email, key, running
from tui.commands.status import as_json, as_lines

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
