"""A disk that fails at one call: a few of the points that the program of that name tries."""

from __future__ import annotations

import shutil
import sys

import pytest

from tests.programs.failing_disk.__main__ import WORK, drawn, failing_disk

pytestmark = [
    pytest.mark.skipif(sys.platform != "linux", reason="the shim is preloaded as on Linux"),
    pytest.mark.skipif(shutil.which("gcc") is None, reason="the shim is compiled with gcc"),
]


def test_points_are_drawn_evenly_and_repeatably() -> None:
    """Each kind of work and call has its share; no point comes twice, and there may be fewer than asked for."""
    counts = {"import": [3, 1, 0, 0, 0], "work": [100, 0, 0, 2, 0]}
    points = drawn(counts, 9, seed=4)
    assert points == drawn(counts, 9, seed=4)
    assert len({(point.work, point.kind) for point in points}) == 4
    every = drawn(counts, 1000, seed=4)
    assert len(every) == len(set(every)) == 2 * 106


def test_a_disk_that_fails_loses_nothing() -> None:
    """Import, label, export, backup, migration and worker: a sentence, a sound file, and it works afterwards."""
    with failing_disk() as disk:
        counts = {work: disk.counted(work) for work in WORK}
        assert all(numbers[3] for numbers in counts.values())
        assert [work for work, numbers in counts.items() if not numbers[0]] == ["delete"]
        broken = [f"{point}: {told}" for point in drawn(counts, 14, seed=2) for told in disk.fail(point)]
    assert broken == []
