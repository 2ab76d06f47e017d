"""``labeltui plan``: what a run will take, in words or as one JSON object."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from core import exits
from core.llm.task import chosen_task
from core.model import Forecast, Task
from core.runs import find as runs
from core.runs import plan as planning
from core.runs.plan import Planned, Texts
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from core.text import one_line
from tui.commands.printing import say_hung
from tui.text.numbers import number, plural


def plan(given: argparse.Namespace) -> int:
    """``labeltui plan SOURCE|RUN``."""
    settings = load_settings()
    task, texts, base_url, own = _what(given, settings)
    planned = planning.plan_run(
        own,
        task,
        texts,
        base_url=base_url or own.base_url,
        plan_name=given.plan,
        organizations=given.organizations,
        now=time.time(),
    )
    if given.json:
        print(json.dumps(_as_json(planned, task)))  # noqa: T201 - one object and nothing else
        return exits.DONE
    for line in plan_lines(planned, task):
        say_hung(line)
    return exits.DONE


def _what(given: argparse.Namespace, settings: Settings) -> tuple[Task, Texts, str | None, Settings]:
    """A run where there is one of that name, else a source."""
    here = Path(given.what)
    if here.suffix == runs.SUFFIX or not here.exists() or runs.run_path(settings, given.what).is_file():
        path = runs.find_run(settings, given.what)
        with RunReader(path) as reader:
            task, base_url = reader.task(), reader.base_url()
        return task, planning.texts_of_run(path), base_url, settings.for_run(path)
    task = chosen_task(given.task, given.model)
    texts = planning.texts_of_source(
        here,
        task,
        text_column=given.text_column,
        id_column=given.id_column,
        dedupe=not given.no_dedupe,
    )
    return task, texts, given.base_url, settings


def span(seconds: float) -> str:
    """A length of time in the unit that fits it: ``45 s``, ``12 min``, ``3.4 h``, ``22 days``."""
    for size, unit, digits in ((2 * 86_400, "days", 1), (2 * 3600, "h", 1), (120, "min", 0)):
        if seconds >= size:
            value = seconds / {"days": 86_400, "h": 3600, "min": 60}[unit]
            return f"{value:.{0 if value >= 20 else digits}f} {unit}"
    return f"{seconds:.0f} s"


def when(forecast: Forecast) -> str:
    """How long it takes, with its interval and what binds it."""
    if forecast.eta_s is None:
        return forecast.binding_limit
    if forecast.eta_s < 1.0:
        return f"less than a second, bound by {one_line(forecast.binding_limit)}"
    low, high = forecast.low_s, forecast.high_s
    interval = f" ({span(low or 0.0)} to {span(high)})" if high is not None and high > 1.0 else ""
    return f"{span(forecast.eta_s)}{interval}, bound by {one_line(forecast.binding_limit)}"


def plan_lines(planned: Planned, task: Task) -> Iterator[str]:
    """The forecast in lines for people."""
    texts = planned.texts
    if not texts.emails:
        yield "No email is left to ask about: nothing more is spent."
        return
    each = "" if texts.distinct == 1 else " each"
    counts = f"{plural(texts.emails, 'email')}, {plural(texts.distinct, 'text')}"
    yield f"{counts} of {texts.mean_chars:,.0f} characters{each}"
    basis = "as learnt from earlier calls" if planned.learnt else "by the length of the texts"
    cached = f"; {number(planned.cached_tokens)} of them cached, if the provider does" if planned.cached_tokens else ""
    yield f"  model     {one_line(task.model.model)}"
    yield f"  calls     about {number(planned.calls)}, re-asks included"
    yield f"  tokens    about {number(planned.tokens)} ({basis}{cached})"
    if planned.money is not None:
        money = "less than $0.01" if planned.money < 0.005 else f"about ${planned.money:,.2f}"
        yield f"  money     {money} on a paid plan, by the price table"
    else:
        yield "  money     unknown: the price table does not know this model (`labeltui info` says where yours goes)"
    yield f"  time      {when(planned.forecast)}"
    yield f"  assumed   {one_line(planned.assumed, limit=200)}"
    for sentence, forecast in planned.what_if:
        yield f"  {sentence}: {when(forecast)}"


def _as_json(planned: Planned, task: Task) -> dict[str, object]:
    return {
        "emails": planned.texts.emails,
        "distinct_texts": planned.texts.distinct,
        "model": task.model.model,
        "calls": planned.calls,
        "tokens": planned.tokens,
        "prompt_tokens": planned.prompt_tokens,
        "completion_tokens": planned.completion_tokens,
        "cached_tokens": planned.cached_tokens,
        "money_usd": None if planned.money is None else round(planned.money, 4),
        "organizations": planned.organizations,
        **asdict(planned.forecast),
        "assumed": planned.assumed,
        "what_if": [{"if": sentence, **asdict(forecast)} for sentence, forecast in planned.what_if],
    }
