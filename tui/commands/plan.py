"""``labeltui plan``: what a run will take, in words or as one JSON object."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from core import exits
from core.llm.task import chosen_task
from core.model import Task
from core.runs import find as runs
from core.runs import plan as planning
from core.runs.plan import Planned, Texts
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from tui.commands.printing import say_hung
from tui.text.plan import plan_lines


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
