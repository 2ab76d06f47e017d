"""Kills, pauses and several workers: what is kept, what is paid twice, who gets what."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.simulator.config import Limits
from core.worker.heartbeat import Tempo
from tests.programs.virtual.catalog import POISONED
from tests.programs.virtual.harness import Outcome, simulate_run
from tests.programs.virtual.scenario import Lengths, Org, Scenario

MINUTES = Limits(rpm=30, rpd=14_400, tpm=6_000)
SHORT = Lengths(median=300, sigma=0.5)


def sound(outcome: Outcome) -> bool:
    """Whether nothing is broken, stuck or failed for want of quota."""
    return not outcome.broken and outcome.stuck == 0 and outcome.failed_for_quota == 0


def test_a_kill_loses_at_most_what_is_in_flight() -> None:
    """Killed at half time with calls out, the next worker settles every email; only those calls are paid twice."""
    scenario = Scenario(
        "kill",
        400,
        (Org("org_1", Limits(rpm=120, tpm=60_000)), Org("org_2", Limits(rpm=120, tpm=60_000))),
        latency_s=3.0,
        lengths=SHORT,
        tempo=Tempo(tick_s=0.2, beat_s=5.0),
    )
    whole = simulate_run(scenario)
    killed = simulate_run(replace(scenario, operator=((whole.virtual_s / 2, "kill"),)))
    assert sound(whole)
    assert sound(killed)
    assert killed.kills == 1
    assert killed.labels == 400
    assert 0 < killed.lost_calls <= killed.in_flight_at_kills
    assert killed.traffic.answered == whole.traffic.answered + killed.lost_calls == 400 + killed.lost_calls
    assert killed.virtual_s <= whole.virtual_s + scenario.restart_s + 30


def test_a_bench_outlives_the_worker() -> None:
    """Killed while its only organization waits for the day's tokens, the next worker waits on and does not ask."""
    scenario = Scenario(
        "bench", 200, (Org("org_1", Limits(rpm=30, tpm=8_000, tpd=60_000)),), hours=3.0, tempo=Tempo(10.0, 60.0)
    )
    whole = simulate_run(scenario)
    refused_at = next(
        earlier
        for earlier, later in zip(whole.traffic.sent_at, whole.traffic.sent_at[1:], strict=False)
        if later - earlier > 120
    )
    killed = simulate_run(replace(scenario, operator=((refused_at + 20, "kill"),)))
    assert sound(killed)
    assert not [at for at in killed.traffic.sent_at if refused_at + 20 <= at < refused_at + 100]
    assert killed.self_inflicted_429s <= whole.self_inflicted_429s + 1
    assert killed.efficiency >= 0.97


def test_what_was_spent_is_kept_through_many_kills() -> None:
    """A worker that dies every quarter of an hour spends the day's tokens no faster, and meets no more refusals."""
    scenario = Scenario(
        "deaths",
        300,
        (Org("org_1", Limits(rpm=30, tpm=8_000, tpd=150_000)),),
        hours=4.0,
        operator=tuple((900.0 * number, "kill") for number in range(1, 16)),
        tempo=Tempo(10.0, 60.0),
    )
    outcome = simulate_run(scenario)
    assert sound(outcome)
    assert outcome.kills == 15
    assert outcome.self_inflicted_429s <= 8
    assert outcome.efficiency >= 0.97


def test_a_long_pause_ends_without_a_rush() -> None:
    """Five organizations with full buckets after twenty minutes of pause: calls begin a few at a time."""
    scenario = Scenario(
        "pause",
        700,
        tuple(Org(f"org_{number}", MINUTES) for number in range(1, 6)),
        hours=0.75,
        operator=((600.0, "pause"), (1_800.0, "resume")),
        tempo=Tempo(2.0, 60.0),
    )
    outcome = simulate_run(scenario)
    assert sound(outcome)
    paused = [at for at in outcome.traffic.sent_at if 602 <= at < 1_800]
    assert not paused
    assert outcome.traffic.most_within(1.0, after_s=1_800.0) <= 5 * 5
    assert outcome.self_inflicted_429s <= 10


def test_a_disabled_key_rests_and_comes_back() -> None:
    """The operator takes a key out and puts it back: the other one works on, and no call uses the one that is out."""
    scenario = Scenario(
        "disabled",
        600,
        (Org("org_1", MINUTES), Org("org_2", MINUTES)),
        hours=1.0,
        operator=((900.0, "disable key-2"), (1_800.0, "enable key-2")),
        tempo=Tempo(5.0, 60.0),
    )
    outcome = simulate_run(scenario)
    assert sound(outcome)
    assert any("key-2 was disabled" in event for event in outcome.events)
    assert any("key-2 was enabled" in event for event in outcome.events)
    before, during = (sum(begin <= at < begin + 800 for at in outcome.traffic.sent_at) for begin in (100.0, 1_000.0))
    assert 0.4 <= during / before <= 0.6


@pytest.mark.parametrize("workers", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_several_runs_share_the_keys(workers: int) -> None:
    """Runs on the same keys get together what one would get alone, without a storm of refusals."""
    scenario = Scenario(
        "company",
        700,
        (Org("org_1", MINUTES), Org("org_2", MINUTES)),
        hours=0.5,
        faults=POISONED,
        tempo=Tempo(tick_s=5.0, beat_s=60.0),
    )
    alone = simulate_run(scenario)
    together = simulate_run(replace(scenario, workers=workers))
    assert sound(alone)
    assert sound(together)
    assert together.efficiency >= alone.efficiency - 0.015
    assert together.self_inflicted_429s <= 0.005 * together.calls + 2 * workers


def test_runs_killed_together_keep_what_both_had_spent() -> None:
    """Two runs on the same keys die while the day's tokens run out: the next two go on as if nothing had been."""
    scenario = Scenario(
        "killed together",
        240,
        (Org("org_1", Limits(rpm=30, tpm=8_000, tpd=60_000)),),
        hours=2.0,
        workers=2,
        tempo=Tempo(tick_s=20.0, beat_s=60.0),
    )
    whole = simulate_run(scenario)
    killed = simulate_run(replace(scenario, operator=((3_600.0, "kill"),)))
    assert sound(whole)
    assert sound(killed)
    assert killed.kills == 2
    assert killed.lost_calls <= killed.in_flight_at_kills
    assert killed.self_inflicted_429s <= whole.self_inflicted_429s + 2
    lost = killed.lost_calls / whole.labels  # what was out at the kills is paid twice; a label is 1.6 % of this day
    assert killed.efficiency >= whole.efficiency - 0.005 - lost


def test_a_wrong_name_for_three_organizations_costs_nothing() -> None:
    """Three organizations that the operator named alike are each used up, also by the next worker."""
    stated = dict.fromkeys(("key-1", "key-2", "key-3"), "org_1")
    scenario = Scenario(
        "wrongly named",
        700,
        (Org("org_1", MINUTES), Org("org_2", MINUTES), Org("org_3", MINUTES)),
        hours=0.5,
        declared=stated,
        operator=((600.0, "kill"),),
        tempo=Tempo(10.0, 60.0),
    )
    outcome = simulate_run(scenario)
    assert sound(outcome)
    assert outcome.kills == 1
    assert outcome.efficiency >= 0.97
    assert outcome.self_inflicted_429s <= 6
