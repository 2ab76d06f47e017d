"""Format numbers, ages, intervals and bars as text. Pure: no clock, no disk, no widget.

Widths are terminal cells; shares lie in 0..1; moments are seconds since the epoch, shown in ``zone`` (the machine's own
where None).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from datetime import UTC, datetime, tzinfo

from rich.cells import cell_len, set_cell_size

from core.model import PACK_AUTO, Forecast, Task
from core.text import inert, one_line, plural_of

EIGHTHS = " ▏▎▍▌▋▊▉█"
MIDDLE_CUT = 5
"""Cells from which on a name can lose its middle and still be distinguished."""
Z_95 = 1.959964
"""The standard normal quantile of a two-sided 95 % interval."""


def number(value: float) -> str:
    """Return a count with thousands separators: ``5,031``."""
    return f"{value:,.0f}"


def rounded(count: int) -> int:
    """Return a count that is known about only, to two digits: 1,205 becomes 1,200."""
    return round(count, 2 - len(str(count))) if count >= 100 else count


def compact(value: float) -> str:
    """Return a count in at most five cells: ``950``, ``9,999``, ``12.3k``, ``367k``, ``4.1M``."""
    for least, size, unit in ((999.5e6, 1e9, "G"), (999.5e3, 1e6, "M"), (9_999.5, 1e3, "k")):
        if value >= least:
            scaled = value / size
            return f"{scaled:,.0f}{unit}" if scaled >= 99.95 else f"{scaled:.1f}{unit}"
    return number(value)


def plural(count: int, one: str, many: str = "") -> str:
    """Return a count with its noun: ``1 key``, ``3 keys``."""
    return f"{number(count)} {one if count == 1 else many or plural_of(one)}"


def with_name(value: str, name: str) -> str:
    """Return a label with its name, or alone where it has no other."""
    return value if name in ("", value) else f"{value} {name}"


def cut_words(task: Task) -> str:
    """Return how much of a text a task sends, in words."""
    tail = f", {number(task.truncate_tail)} of them from its end" if task.truncate_tail else ""
    quoted = {"keep": "", "mark": "; quotes marked", "drop": "; without quotes"}[task.quoted]
    return f"{number(task.truncate_at)} {task.truncate_by}{tail}{quoted}"


def pack_words(task: Task) -> str:
    """Return how many texts share a call, in words."""
    if task.pack == PACK_AUTO:
        return f"as many {plural_of(task.item)} a call as the control sample allows (auto)"
    return _a_call(task.pack, task.item)


def _a_call(size: int, item: str) -> str:
    return f"one {item} a call" if size == 1 else f"up to {size} {plural_of(item)} a call"


PACK_REMARK = (
    "Short texts cost less together: the rubric is sent once for all of them. A random sample is asked about alone too,"
    " and the quality screen says whether sharing changes labels. The guide's page packs has the costs."
)


def pack_options(item: str) -> tuple[tuple[int, str], ...]:
    """Return the sizes of packs that screens offer, each with its meaning."""
    auto = f"10 {plural_of(item)} a call, fewer where the sample shows that sharing changes labels"
    return (*((size, _a_call(size, item)) for size in (1, 2, 5, 10, 20)), (PACK_AUTO, auto))


def further_settings(task: Task) -> list[tuple[str, str]]:
    """Return what else a task sends to the model's server, by name: fields of its own in full, as JSON."""
    model = task.model
    told = [
        ("seed", "" if model.seed is None else str(model.seed)),
        ("stop", json.dumps(model.stop, ensure_ascii=False) if model.stop else ""),
        ("schema", "the labels and nothing else, where the server takes it" if model.schema else ""),
        ("logprobs", "the label's probability, where the server tells it" if model.logprobs else ""),
        ("sent too", inert(model.extra_body)),
    ]
    return [(name, value) for name, value in told if value]


def percent(part: float, whole: float) -> str:
    """Return a share in whole percent that never rounds up to 100 nor down to 0."""
    if whole <= 0:
        return "0 %"
    share = 100 * part / whole
    if 0 < share < 1:
        return "<1 %"
    return f"{min(round(share), 99) if share < 100 else 100} %"


def countdown(seconds: float) -> str:
    """Return time that is left, as ``mm:ss``; ``h:mm:ss`` from an hour on; days before that from a day on."""
    left = max(0, math.ceil(seconds))
    days, left = divmod(left, 86_400)
    hours, left = divmod(left, 3_600)
    minutes, left = divmod(left, 60)
    if days:
        return f"{days} d {hours:02}:{minutes:02}:{left:02}"
    if hours:
        return f"{hours}:{minutes:02}:{left:02}"
    return f"{minutes:02}:{left:02}"


def imported(taken: int, expected: int | None, took_s: float) -> str:
    """Return how far an import is, as ``12,000 of about 40,000 imported, 3,100 a second, 00:09 left``."""
    rate = taken / max(took_s, 0.001)
    words = f"{number(taken)}{'' if expected is None else f' of about {number(expected)}'} imported"
    left = "" if expected is None or not rate else f", {countdown((expected - taken) / rate)} left"
    return f"{words}, {number(round(rate))} a second{left}"


def coarsely(seconds: float) -> str:
    """Return time that is left where seconds have no room: ``42 s``, ``12 min``, ``6 h 28``, ``2 d 03``."""
    minutes = math.ceil(max(0.0, seconds) / 60)
    if seconds < 60:
        return f"{math.ceil(max(0.0, seconds))} s"
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02}" if hours < 24 else f"{hours // 24} d {hours % 24:02}"


def age(seconds: float) -> str:
    """Return an age, rounded: ``0.2 s``, ``42 s``, ``3 min``, ``5 h``, ``2 d``."""
    if seconds < 10:
        return f"{max(0.0, seconds):.1f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} d"


def _local(at: float, zone: tzinfo | None) -> datetime:
    moment = datetime.fromtimestamp(at, UTC)
    return moment.astimezone(zone)


def clock(at: float, zone: tzinfo | None = None) -> str:
    """Return the time of day with seconds: ``03:12:44``."""
    return _local(at, zone).strftime("%H:%M:%S")


def moment(at: float, now: float, zone: tzinfo | None = None) -> str:
    """Return a time to the minute, with the day where it is not today: ``03:48``, ``Tue 03:48``, ``03 Dec 03:48``."""
    then, today = _local(at, zone), _local(now, zone)
    if then.date() == today.date():
        return then.strftime("%H:%M")
    if abs(at - now) < 6 * 86_400:
        return then.strftime("%a %H:%M")
    return then.strftime("%d %b %H:%M")


def interval(low_at: float, high_at: float, now: float, zone: tzinfo | None = None) -> str:
    """Return two moments as an interval: ``03:48 – 03:55``; one moment where both ends read the same."""
    low, high = moment(low_at, now, zone), moment(high_at, now, zone)
    return low if low == high else f"{low} – {high}"


def end_of(forecast: Forecast, taken_at: float, now: float) -> str:
    """Return when a run ends: ``03:48 – 03:55``; ``by 03:55`` where only the latest end is known; "" without any.

    ``taken_at`` is the moment from which the forecast counts.
    """
    low = forecast.low_s if forecast.low_s is not None else forecast.eta_s
    high = forecast.high_s if forecast.high_s is not None else forecast.eta_s
    if low is None or high is None:
        return ""
    latest = "by " if forecast.low_s is None else ""
    return f"{latest}{interval(taken_at + low, taken_at + high, now)}"


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return the text in exactly ``width`` cells: padded, or cut with an ellipsis."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        return set_cell_size(text, width - 1) + "…" if width > 1 else set_cell_size(text, width)
    space = " " * (width - length)
    return space + text if right else text + space


def foreign(text: str, width: int) -> str:
    """Return text from outside on one line of exactly ``width`` cells, inert."""
    return fit(one_line(text, limit=max(width, 1) * 2), width)


def both_ends(text: str, width: int) -> str:
    """Return a name from outside in exactly ``width`` cells; a long one loses its middle."""
    name = one_line(text, limit=200)
    if cell_len(name) <= width or width < MIDDLE_CUT:
        return foreign(name, width)
    tail = (width - 1) // 2
    return fit(set_cell_size(name, width - 1 - tail).rstrip() + "…" + name[-tail:], width)


def who(sender: str) -> str:
    """Return the name of a sender, or the address where there is none."""
    name, bracket, _ = sender.partition("<")
    return name.strip().strip('"') or sender if bracket else sender


def join(parts: Iterable[str], separator: str = " · ") -> str:
    """Join the parts that are not empty with a dot."""
    return separator.join(part for part in parts if part)


def bar(share: float, width: int) -> str:
    """Return a bar in eighths of a cell, padded to ``width``; a share above zero has at least one eighth."""
    share = min(1.0, max(0.0, share))
    eighths = round(share * width * 8)
    if share > 0 and eighths == 0:
        eighths = 1
    whole, rest = divmod(eighths, 8)
    return fit("█" * whole + (EIGHTHS[rest] if rest else ""), width)


def rail(share: float, width: int) -> tuple[str, str]:
    """Return a thin progress bar as (done, left); full only when all is done."""
    share = min(1.0, max(0.0, share))
    halves = math.floor(share * width * 2)
    whole, half = divmod(halves, 2)
    done = "━" * whole + ("╸" if half else "")
    return done, "─" * (width - len(done))


def meter(share: float, width: int) -> tuple[str, str]:
    """Return a quota's bar as (used, free), rounded to whole cells: a share below half a cell has none."""
    used = min(width, max(0, round(min(1.0, max(0.0, share)) * width)))
    return "▇" * used, "▁" * (width - used)


def wilson(part: float, whole: float, z: float = Z_95) -> tuple[float, float]:
    """Return Wilson's score interval of a share (E. B. Wilson, 1927), which holds for small counts.

    The interval of a ``whole`` of 0 is (0, 1).
    """
    if whole <= 0:
        return 0.0, 1.0
    share = part / whole
    scale = 1 + z * z / whole
    center = (share + z * z / (2 * whole)) / scale
    half = z * math.sqrt(share * (1 - share) / whole + z * z / (4 * whole * whole)) / scale
    return max(0.0, center - half), min(1.0, center + half)


def share(part: int, whole: int, population: int | None = None) -> str:
    """Return the 95 % interval of a share in whole percent: ``81–84 %``; one number where both ends read the same.

    Of a finite ``population``, of which ``whole`` is a random sample, the interval narrows with what is left of it,
    to the exact share where nothing is.
    """
    if whole <= 0:
        return "–"
    if population is not None and population <= whole:
        return percent(part, whole)
    scale = (population - 1) / (population - whole) if population is not None else 1.0
    low, high = (round(100 * end) for end in wilson(part * scale, whole * scale))
    return f"{low} %" if low == high else f"{low}–{high} %"


def trend(recent: int, recent_of: int, overall: int, overall_of: int) -> str:
    """Return ``▲`` or ``▼`` where the recent share differs from the overall one by more than chance, else a space.

    Differs by more than chance: the overall share lies outside the 95 % interval of the recent one.
    """
    if recent_of <= 0 or overall_of <= recent_of or recent * overall_of == overall * recent_of:
        return " "
    low, high = wilson(recent, recent_of)
    whole = overall / overall_of
    return "▲" if low > whole else "▼" if high < whole else " "
