"""Format the forecast of a run in lines. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from core.model import PACK_AUTO, Forecast, Task
from core.quality.estimates import goal_for
from core.text import one_line, plural_of
from tui.text.numbers import further_settings, moment, number, plural, rounded

if TYPE_CHECKING:
    from core.engine import LaneForecast, Mix, Planned

_WORTH_A_SAMPLE = 200
"""So many items are worth a sample; fewer are labeled by people all."""


def span(seconds: float) -> str:
    """Return a length of time with its unit: ``45 s``, ``12 min``, ``3.4 h``, ``22 days``."""
    for size, unit, digits in ((2 * 86_400, "days", 1), (2 * 3600, "h", 1), (120, "min", 0)):
        if seconds >= size:
            value = seconds / {"days": 86_400, "h": 3600, "min": 60}[unit]
            return f"{value:.{0 if value >= 20 else digits}f} {unit}"
    return f"{seconds:.0f} s"


def when(forecast: Forecast) -> str:
    """Return how long it takes, with its interval and what limits it."""
    if forecast.eta_s is None:
        return forecast.binding_limit
    if forecast.eta_s < 1.0:
        return f"less than a second{_limited(forecast)}"
    low, high = forecast.low_s, forecast.high_s
    interval = f" ({span(low or 0.0)} to {span(high)})" if high is not None and high > 1.0 else ""
    return f"{span(forecast.eta_s)}{interval}{_limited(forecast)}"


def _limited(forecast: Forecast) -> str:
    limit = one_line(forecast.binding_limit).replace("the server's speed", "server latency")
    return f", limited by {limit}" if limit else ""


def price(planned: Planned) -> str:
    """Return in a few words what asking takes: ``318 calls, 96,100 tokens, $0.02, 6 min``."""
    told = [plural(planned.calls, "call"), f"{number(planned.tokens)} tokens"]
    if planned.money is not None:
        told.append("under $0.01" if planned.money < 0.005 else f"${planned.money:,.2f}")
    if planned.limits_known and planned.forecast.eta_s is not None:
        told.append(span(planned.forecast.eta_s))
    return ", ".join(told)


def lane_lines(planned: Planned) -> Iterator[str]:
    """Yield what each lane (live, flex, batch) takes: time, what limits it, money."""
    for each in planned.lanes:
        time = lane_time(each, known=planned.limits_known)
        note = f" ({each.note})" if each.note else ""
        yield f"  {each.lane:<9} {time}; {money(each.money)}{note}"


def lane_time(lane: LaneForecast, *, known: bool) -> str:
    """Return how long a lane takes and what limits it; ``known`` says that the limits of live calls are."""
    high_s = lane.forecast.high_s
    if lane.lane == "batch" and high_s is not None and lane.forecast.eta_s == high_s:
        return f"at most {span(high_s)}{_limited(lane.forecast)}"
    return when(lane.forecast) if known else f"without limits {when(lane.forecast)}"


def mix_lines(mix: Mix, run: str, now: float) -> Iterator[str]:
    """Yield the lane that a time and a budget call for, and the command that chooses it."""
    until = f", batches until {moment(now + mix.batches_s, now)}" if mix.batches_s is not None else ""
    yield f"  choose    {mix.lane}{until}: {mix.sentence}"
    if run:
        yield f"            labeltui lane {run} {mix.lane}"


def money(dollars: float | None) -> str:
    """Return about how much that is: ``about $1.20``, ``less than $0.01``, or that no price is known."""
    if dollars is None:
        return "price unknown"
    return "less than $0.01" if dollars < 0.005 else f"about ${dollars:,.2f}"


def plan_lines(planned: Planned, task: Task) -> Iterator[str]:
    """Yield the forecast in lines."""
    texts = planned.texts
    if not texts.emails:
        yield f"No {task.item} is pending: nothing more is spent."
        return
    each = "" if texts.distinct == 1 else " each"
    counts = f"{plural(texts.emails, task.item)}, {number(texts.distinct)} different"
    yield f"{counts}, of {texts.mean_chars:,.0f} characters{each}"
    basis = "as learned from earlier calls" if planned.learned else "by the length of the texts"
    cached = f"; {number(planned.cached_tokens)} of them cached, if the provider does" if planned.cached_tokens else ""
    if planned.server:
        yield f"  server    {one_line(planned.server, limit=200)} gets the texts"
    yield f"  model     {one_line(task.model.model)}"
    for name, value in further_settings(task):
        if name != "schema":
            yield f"  {name:<9} {one_line(value)}"
    yield f"  calls     about {number(planned.calls)}, follow-up questions included"
    if planned.canaries and task.pack != 1:
        yield (
            f"  canaries  {number(planned.canaries)} labeled {plural_of(task.item)} are asked again along with others,"
            " to notice a change of the model; canaries = 0 in the task saves them"
        )
    elif planned.canaries:
        forecast = planned.forecast
        share_s = None if forecast.eta_s is None else forecast.eta_s * planned.canaries / max(1, planned.calls)
        time = f", about {span(share_s)}" if planned.limits_known and share_s else ""
        yield (
            f"  canaries  {number(planned.canaries)} of these calls ask labeled {plural_of(task.item)} again, to notice"
            f" a change of the model{time}; canaries = 0 in the task saves them"
        )
    if task.pack != 1:
        size = "as many as the control sample allows" if task.pack == PACK_AUTO else f"up to {task.pack}"
        yield (
            f"  packs     {size} {plural_of(task.item)} in a call; {number(planned.controls)} calls ask alone about"
            " some of them too, to measure what packs do to labels"
        )
    yield f"  tokens    about {number(planned.tokens)} ({basis}{cached})"
    if planned.money is not None:
        yield f"  money     {money(planned.money)} on a paid plan, by the price table"
    else:
        yield "  money     unknown: this model is not in the price table (`labeltui info` names yours)"
    if planned.limits_known:
        yield f"  time      {when(planned.forecast)}"
    else:
        yield f"  time      unknown until the first reply names the limits; without limits {when(planned.forecast)}"
    yield from lane_lines(planned)
    yield f"  assumed   {one_line(planned.assumed, limit=200)}"
    yield from _people(planned, task)
    for sentence, forecast in planned.what_if if planned.limits_known else ():
        yield f"  {sentence}: {when(forecast)}"


def _people(planned: Planned, task: Task) -> Iterator[str]:
    """Say before the first call how many items people label to know what the model's labels are worth."""
    texts = planned.texts
    if texts.emails < _WORTH_A_SAMPLE or texts.total > texts.emails:
        return
    most, *rarer = ((rounded(goal_for(rounded(texts.emails), percent / 100).recall), percent) for percent in (20, 7, 2))
    told = ", ".join(f"{number(count)} if {percent} %" for count, percent in rarer)
    yield (
        f"  people    about {number(most[0])} random {plural_of(task.item)} labeled by people tell a label's recall to"
        f" ± 10 points if {most[1]} % have it, {told}"
    )
