"""The harness itself: the same seed gives the same run, and time passes without passing."""

from __future__ import annotations

import asyncio
import math
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from core.simulator.config import Limits
from tests.programs.virtual.catalog import ROUGH
from tests.programs.virtual.harness import run_virtually, simulate_run
from tests.programs.virtual.ideal import Supply, least_time_s, most_labels
from tests.programs.virtual.scenario import FREE, Org, Scenario

SMALL = Scenario("small", 90, (Org("org_1", FREE, keys=2), Org("org_2", FREE)), faults=ROUGH)


def test_a_seed_names_a_run() -> None:
    """Two runs from one seed make the same attempts row by row; another seed makes others."""
    first = simulate_run(SMALL)
    assert first.labels + first.failed == 90
    assert simulate_run(SMALL).digest == first.digest
    assert simulate_run(SMALL.with_seed(2)).digest != first.digest


@pytest.mark.slow
def test_a_seed_names_a_run_in_any_process() -> None:
    """Neither the order of hashes nor what ran before changes a run."""
    script = (
        "from tests.virtual.test_virtual_determinism import SMALL\n"
        "from tests.programs.virtual.harness import simulate_run\n"
        "print(simulate_run(SMALL).digest)"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert digests == {simulate_run(SMALL).digest}


def test_threads_are_refused() -> None:
    """What would end at no particular virtual time is an error, not a source of chance."""

    async def hop() -> None:
        await asyncio.to_thread(len, "")

    with pytest.raises(RuntimeError, match="thread"):
        run_virtually(hop())


def test_one_limit_alone_bounds_the_labels() -> None:
    """RPM 30 allows 30 · (1 + 60) labels in an hour, less nine of an outage's ten minutes."""
    plain = Supply(Limits(rpm=30))
    assert most_labels([plain], 3_600.0, 1.0, 900.0) == pytest.approx(1_830)
    assert most_labels([plain], 3_600.0, 2.0, 900.0) == pytest.approx(915)
    assert most_labels([Supply(Limits(rpm=30), down=((600.0, 1_200.0),))], 3_600.0, 1.0, 900.0) == pytest.approx(1_560)
    assert most_labels([Supply(Limits(tpd=90_000))], 43_200.0, 1.0, 900.0) == pytest.approx(150)
    assert most_labels([Supply(Limits(rpm=30), ends_s=60.0)], 3_600.0, 1.0, 900.0) == pytest.approx(60)


def test_the_least_time_is_the_inverse_of_the_most_labels() -> None:
    """Several organizations, several limits: the labels of the least time are those that were asked for."""
    supplies = [Supply(FREE), Supply(replace(FREE, tpd=100_000)), Supply(Limits(rpm=3))]
    span_s = least_time_s(supplies, 800.0, 1.05, 950.0)
    assert most_labels(supplies, span_s, 1.05, 950.0) == pytest.approx(800.0)
    assert math.isinf(least_time_s([Supply(Limits(rpm=3), ends_s=60.0)], 100.0, 1.0, 900.0))
