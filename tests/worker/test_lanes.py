"""A whole worker, in virtual time, that asks in both service tiers and in batches."""

from __future__ import annotations

import json

from core.model import RunState
from core.simulator.config import BatchPlan, FlexPlan, Limits
from tests.programs.lanes import Case, play


def test_flex_asks_in_the_flex_tier_alone_with_ten_times_the_limits() -> None:
    """80 emails take seconds where the usual tier of two organizations takes minutes; each attempt says its lane."""
    played = play(Case(80, "flex", limits=Limits(rpm=10)))
    assert played.labels == 80
    assert played.by_lane == {"flex": 80}
    assert {line["tier"] for line in played.log} == {"flex"}
    assert played.took_s < 60


def test_a_full_tier_is_waited_for_and_fails_nobody() -> None:
    """Most calls meet a 498, in a row and again: every email is labeled in the end, by the flex tier."""
    played = play(Case(40, "flex", flex=FlexPlan(full=0.7)))
    assert (played.labels, played.failed) == (40, 0)
    assert played.outcomes["flex", "capacity"] > 40
    assert {lane for lane, _ in played.outcomes} == {"flex"}


def test_a_server_without_the_tier_is_asked_live() -> None:
    """The first call alone is refused, a sentence says so, no email is blamed."""
    played = play(Case(30, "flex", flex=FlexPlan(offered=False)))
    assert (played.labels, played.failed) == (30, 0)
    assert played.by_lane == {"live": 30}
    assert played.outcomes["flex", "capacity"] == 1
    assert any("offers no flex tier" in note and "goes on with live calls" in note for note in played.notes)


def test_auto_falls_back_to_live_calls_where_flex_is_full() -> None:
    """Without batches both tiers work side by side: what flex has no room for goes out live."""
    played = play(Case(80, "auto", flex=FlexPlan(at_once=1), batches=BatchPlan(plan_403=True)))
    assert (played.labels, played.failed) == (80, 0)
    assert played.by_lane["flex"] > 5
    assert played.by_lane["live"] > 5


def test_a_run_is_moved_between_lanes_while_it_works() -> None:
    """The command takes hold within seconds, and calls in flight end where they began."""
    commands = ((20.0, "lane", json.dumps({"lane": "flex"})), (40.0, "lane", json.dumps({"lane": "live"})))
    played = play(Case(200, "live", limits=Limits(rpm=6), commands=commands))
    assert played.labels == 200
    tiers = [line["tier"] for line in played.log]
    assert tiers[:6] == [None] * 6
    assert tiers.count("flex") > 60
    assert tiers[-6:] == [None] * 6
    assert played.ending.state is RunState.DONE


def test_a_whole_run_goes_out_in_batches_after_a_live_trial() -> None:
    """Twenty emails are asked live, the rest in batches; what expires goes out again; nothing is asked twice."""
    played = play(Case(150, "batch", batches=BatchPlan(seconds=120.0, expire=0.2, shuffle=True)))
    assert (played.labels, played.failed) == (150, 0)
    assert played.by_lane["batch"] >= 100
    assert len(played.answered_texts) == len({each.rpartition("/")[2] for each in played.answered_texts})
    assert not played.asked_twice_at_once()
    assert played.ending.reason == "everything is settled"


def test_a_run_is_done_by_its_time_with_half_of_the_batches_stalled() -> None:
    """Batches get the time that live calls can spare; then they are ended, which takes minutes, and the rest goes live."""
    stalled = BatchPlan(seconds=100.0, stall=1e8, expire=0.1, cancel_s=120.0)
    case = Case(150, "auto", by_s=1_600.0, batches=stalled, limits=Limits(rpm=10), flex=FlexPlan(offered=False))
    played = play(case)
    assert (played.labels, played.failed) == (150, 0)
    assert played.took_s < 1_600.0
    assert played.by_lane["batch"] > 40
    assert played.by_lane["live"] > 40
    assert any("time is short" in note for note in played.notes)
    assert not played.asked_twice_at_once()


def test_a_budget_is_never_exceeded_by_more_than_one_batch() -> None:
    """Open batches count with what they may take, so that the run pauses at the cap with texts left."""
    played = play(Case(300, "batch", money=0.008, batches=BatchPlan(seconds=60.0), until_s=500.0))
    assert played.by_lane["batch"] > 0
    assert played.labels < 300
    one_batch = 50 * played.money / played.labels
    assert played.money <= 0.008 + one_batch
    assert any("is used up" in note for note in played.notes)


def test_no_more_texts_than_the_trial_are_asked_live_before_batches_go_out() -> None:
    """However many calls the server takes at once, the others wait for the answers of the trial."""
    played = play(Case(150, "batch", latency_s=5.0, batches=BatchPlan(seconds=120.0)))
    first = next(n for n, line in enumerate(played.log) if line.get("event") == "began")
    assert sum("sha256" in line for line in played.log[:first]) == 20
    assert played.by_lane == {"live": 20, "batch": 130}


def test_time_is_not_called_short_before_the_trial_showed_how_fast_the_server_is() -> None:
    """With nothing answered yet a forecast counts with two slow calls at once: batches are given up by evidence alone."""
    # 600 s are kept for ending batches: 80 s are left for 400 texts, more than they take, and less than seems so at first.
    quick = BatchPlan(seconds=20.0)
    played = play(Case(400, "auto", by_s=680.0, latency_s=0.05, batches=quick, flex=FlexPlan(offered=False)))
    assert played.by_lane == {"live": 20, "batch": 380}
    assert not any("time is short" in note for note in played.notes)
