"""``labeltui plan``: what a run will take, in words or as one JSON object."""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core import exits
from core.engine import Engine, chosen_task
from core.model import Task
from core.settings import load_settings
from tui.commands.printing import say_hung
from tui.commands.sources import source_options
from tui.text.plan import plan_lines

if TYPE_CHECKING:
    from core.engine import Planned


def plan(given: argparse.Namespace) -> int:
    """``labeltui plan SOURCE|RUN``: of a run where there is one of that name, else of a source."""
    engine = Engine(load_settings())
    if engine.names_run(given.what):
        planned, task = engine.plan_run(
            engine.find(given.what), plan_name=given.plan, organizations=given.organizations
        )
    else:
        task = chosen_task(given.task, given.model)
        planned = engine.plan_source(
            Path(given.what),
            task,
            source_options(given),
            dedupe=not given.no_dedupe,
            base_url=given.base_url,
            plan_name=given.plan,
            organizations=given.organizations,
        )
    if given.json:
        print(json.dumps(_as_json(planned, task)))  # noqa: T201 - one object and nothing else
        return exits.DONE
    for line in plan_lines(planned, task):
        say_hung(line)
    return exits.DONE


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
