"""What was forecast, beside what then came: the plan before a run, and the end that a running worker names."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import pytest

from core.llm.task import fixed_chars, pattern
from core.model import Dimension
from core.quota.forecast.forecast import Capacity, Load, Window, seconds_for
from core.quota.keys.store import KeyStore, assumed_organization
from core.quota.pacing.estimates import Estimator
from core.runs.plan import cost_of_call
from core.simulator.config import FaultPlan, Limits
from core.worker.heartbeat import Tempo
from tests.programs.virtual.harness import World, guard_for, run_virtually
from tests.programs.virtual.scenario import START_AT, Org, Scenario

FAULTS = FaultPlan(invalid=0.02)
SCENARIOS = [
    Scenario("tokens a minute", 500, (Org("a", Limits(rpm=30, rpd=14_400, tpm=8_000)),), hours=12.0, faults=FAULTS),
    Scenario(
        "tokens a day",
        700,
        (Org("a", Limits(rpm=30, tpm=8_000, tpd=200_000)),),
        hours=200.0,
        faults=FAULTS,
        tempo=Tempo(tick_s=120.0, beat_s=600.0),
    ),
    Scenario(
        "three unequal",
        700,
        (Org("a", Limits(rpm=30, tpm=6_000)), Org("b", Limits(rpm=30, tpm=4_500)), Org("c", Limits(rpm=3, tpm=30_000))),
        hours=12.0,
        faults=FAULTS,
    ),
]


def capacities(scenario: Scenario) -> list[Capacity]:
    """The organizations' true limits, their windows full."""
    found = []
    for org in scenario.organizations:
        limits = {each: getattr(org.limits, each.value.lower()) for each in Dimension}
        windows = {each: Window(float(limit), float(limit)) for each, limit in limits.items() if limit}
        found.append(Capacity(org.name, windows, calls_per_s=60.0))
    return found


def state_limits(world: World) -> None:
    """What no header tells, an operator states before the start: limits of requests a minute and tokens a day."""
    scenario = world.scenario
    with KeyStore(
        world.folder / "quota.db",
        world.folder / "keys.toml",
        environment=scenario.environment(),
        clock=lambda: START_AT,
    ) as store:
        for alias, (_, organization) in scenario.keys().items():
            [limits] = [org.limits for org in scenario.organizations if org.name == organization]
            stated = {each: getattr(limits, each.value.lower()) for each in Dimension}
            known = {each: float(limit) for each, limit in stated.items() if limit}
            store.set_limits(assumed_organization(alias), scenario.task().model.model, known)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name.replace(" ", "-"))
def test_plan_and_live_forecast_come_true(scenario: Scenario) -> None:
    """The plan within 10 % of the tokens and 15 % of the time; from a tenth of the run on the end within 10 %.

    Limits are stated beforehand: one that neither a header nor a refusal has told yet cannot be counted.
    """
    task = scenario.task()
    guard_for(tuple(label.value for label in task.labels), pattern(task))
    texts = [view.text for _, view in scenario.texts()]
    mean_chars = statistics.fmean(len(text) for text in texts)
    with tempfile.TemporaryDirectory() as folder:
        world = World(scenario, Path(folder))
        state_limits(world)
        run_virtually(world.play())
        outcome = world.outcome(0.0)
        tokens = world.tokens()
    assert outcome.labels + outcome.failed == scenario.emails
    cost = cost_of_call(Estimator(task.model.max_completion_tokens), task.model, fixed_chars(task), mean_chars)
    calls = 1.03 * len(texts)
    assert calls * (cost.prompt + cost.completion) == pytest.approx(tokens, rel=0.10)
    planned_s = seconds_for(Load(calls, cost.counted), capacities(scenario))
    assert planned_s == pytest.approx(outcome.virtual_s, rel=0.15)
    later = [(at_s, eta_s) for at_s, done, eta_s in world.forecasts if done >= 0.1]
    assert len(later) > 10
    off = [abs(at_s + eta_s - outcome.virtual_s) / outcome.virtual_s for at_s, eta_s in later]
    assert statistics.median(off) <= 0.05
    assert statistics.quantiles(off, n=20)[-1] <= 0.10, "19 of 20 forecasts"
