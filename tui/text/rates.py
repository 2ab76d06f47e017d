"""Compute the rate of a run and its graph. Pure: slices of time in, numbers and block characters out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from core.model import PacePoint

LEVELS = " ▁▂▃▄▅▆▇█"
WAITED = "·"


@dataclass(frozen=True, slots=True)
class Rate:
    """Hold labels per minute: ``now`` over the last minute or so, ``mean`` and ``peak`` over what the graph covers."""

    now: float
    mean: float
    peak: float
    waited_s: float


def rate(pace: Sequence[PacePoint], now: float, window_s: float = 60.0) -> Rate:
    """Return the rate of labels from slices of time, oldest first; of a slice that has not ended, its past part."""
    lived = [(point, max(0.5, min(point.span_s, now - point.at))) for point in pace if point.at < now]
    if not lived:
        return Rate(0.0, 0.0, 0.0, 0.0)
    late = [(point, span) for point, span in lived if point.at + point.span_s > now - window_s]
    late_s = sum(span for _, span in late)
    whole_s = sum(span for _, span in lived)
    finished = [60 * point.labeled / point.span_s for point, span in lived if span >= point.span_s]
    current = 60 * sum(point.labeled for point, _ in late) / late_s if late_s else 0.0
    return Rate(
        now=current,
        mean=60 * sum(point.labeled for point, _ in lived) / whole_s,
        peak=max([*finished, current]),
        waited_s=sum(min(point.waited_s, span) for point, span in lived),
    )


@dataclass(frozen=True, slots=True)
class Column:
    """Hold one column of the graph: labels per minute, and whether the worker mostly waited in it."""

    rate: float
    waited: bool


SCALES = (1, 2, 3, 4, 6, 8, 12, 16, 20, 24)
"""How many slices one column may stand for."""


def columns(pace: Sequence[PacePoint], now: float, width: int) -> tuple[tuple[Column, ...], float]:
    """Return the graph's ``width`` columns, oldest first, and the seconds that each stands for.

    A column covers as few slices as let the pace fit, begins at a multiple of its length (so the graph moves by whole
    columns) and ends with ``now``. The axis is time: where no slice was written there is a gap, and a short run is
    padded on the left. The newest column counts only the time that has passed.
    """
    if not pace or width <= 0:
        return (Column(0.0, waited=False),) * max(0, width), 0.0
    slice_s = pace[-1].span_s
    needed = (now - pace[0].at) / slice_s / width
    span_s = slice_s * next((scale for scale in SCALES if scale >= needed), SCALES[-1])
    newest = math.floor(now / span_s)
    labeled, waited = [0.0] * width, [0.0] * width
    for point in pace:
        place = width - 1 - (newest - math.floor(point.at / span_s))
        if 0 <= place < width:
            labeled[place] += point.labeled
            waited[place] += point.waited_s
    lived = [span_s] * (width - 1) + [max(now - newest * span_s, span_s / 4)]
    return tuple(
        Column(60 * count / lived_s, waited=count == 0 and wait_s >= lived_s / 2)
        for count, wait_s, lived_s in zip(labeled, waited, lived, strict=True)
    ), span_s


def graph(cols: Sequence[Column], height: int) -> list[str]:
    """Return rows of blocks, top first, from zero up; a waiting column has a dot in the lowest row."""
    top = max((column.rate for column in cols), default=0.0) or 1.0
    rows: list[str] = []
    for row in range(height):
        floor = height - 1 - row
        cells = []
        for column in cols:
            level = column.rate / top * height * 8
            rest = round(level) - floor * 8
            if floor == 0 and column.waited:
                cells.append(WAITED)
            elif floor == 0 and 0 < level < 1:
                cells.append(LEVELS[1])
            else:
                cells.append(LEVELS[min(8, max(0, rest))])
        rows.append("".join(cells))
    return rows
