"""Answer the commands on sources: new with its dry run, plan, and skipped."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core.engine import Engine, RunOptions, SourceOptions, choose_mix, chosen_task
from core.model import Task, exits
from core.settings import load_settings
from core.text import inert, one_line
from tui.commands.printing import NOTHING_CHANGED, complain, counting, say, say_hung
from tui.text.numbers import number, plural
from tui.text.plan import mix_lines, plan_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from core.engine import Created, FoundAddress, Mix, Planned, RunReader


_SHOWN_ROWS = 5
_SHOWN_PLACES = 5


def source_options(given: argparse.Namespace) -> SourceOptions:
    """Return how the source is to be read, as the command line says."""
    fields = tuple(name.strip() for name in (given.fields or "").split(",") if name.strip())
    return SourceOptions(
        given.text_column or None,
        given.id_column or None,
        given.gold_column or None,
        fields,
        given.format,
        given.encoding,
        given.delimiter,
        given.table,
    )


def new(given: argparse.Namespace) -> int:
    """Run ``labeltui new SOURCE …``."""
    task = chosen_task(given.task, given.model, given.pack)
    reading = source_options(given)
    if given.dry_run:
        return _dry_run(given, task, reading)
    engine = Engine(load_settings(), read_only=given.read_only)
    base_url, found = engine.address_for_new(given.source[0], given.name, given.base_url, task.model.model)
    options = RunOptions(
        name=given.name,
        source=reading,
        base_url=base_url,
        order=given.order,
        seed=given.seed,
        dedupe=not given.no_dedupe,
    )
    try:
        with counting("read") as told:
            created = engine.create(given.source, task, options, told, given.part)
    except KeyboardInterrupt:
        complain("interrupted: the same command goes on where it was, within a day")
        raise
    if len(created) > 1:
        return _say_series(created, task)
    (made,) = created
    if made.existed:
        texts = plural(made.taken, task.item)
        say(f"The run {made.name} was made from this source before: {texts}. Nothing was changed.")
        return exits.DONE
    texts = f"{plural(made.taken, task.item)} taken, {plural(made.distinct, 'distinct text')}"
    say(f"{made.name}: {texts}, {made.described}")
    _say_skipped(made.skipped, made.skipped_places)
    if made.skipped:
        say(f"  `labeltui skipped {made.name}` lists them")
    if made.unparsed:
        say(f"  {plural(made.unparsed, task.item)} could not be parsed whole: their text is kept as it came")
    _say_server(engine, given.base_url or engine.settings.base_url, task, found)
    if task.model.extra_body:
        say(f"  sent too  {inert(task.model.extra_body)}")
    say(f"  {made.path}")
    say(f"`labeltui open {made.name}` shows it, `labeltui start {made.name}` starts it.")
    return exits.DONE


def _say_series(parts: Sequence[Created], task: Task) -> int:
    name = parts[0].name.rpartition(".")[0]
    if all(each.existed for each in parts):
        say(f"The series {name} was made from this source before. Nothing was changed.")
        return exits.DONE
    taken = plural(sum(each.taken for each in parts), task.item)
    say(f"{name}: {taken} taken in {len(parts)} parts, {parts[0].name} to {parts[-1].name}, {parts[-1].described}")
    _say_skipped(parts[0].skipped, parts[0].skipped_places)
    say(f"`labeltui start {name}` works on one after another; `status` and `export` of {name} mean all of them.")
    return exits.DONE


def _say_server(engine: Engine, base_url: str | None, task: Task, found: FoundAddress | None) -> None:
    """Say which server is going to get the texts, with which model, and how it gets a key where it has none."""
    if not base_url:
        return
    if found is not None:
        say(f"  server    {one_line(found.sentence, limit=800)}")
    else:
        say(f"  server    {base_url} gets the texts")
    say(f"  model     {one_line(task.model.model, limit=200)}")
    with engine.key_store(None, base_url) as store:
        if not store.secrets():
            say(f"  key       {store.why_none()}")


def add(given: argparse.Namespace) -> int:
    """Run ``labeltui add RUN SOURCE``: import later arrivals."""
    engine = Engine(load_settings(), read_only=given.read_only)
    path = engine.find(given.run)
    if given.dry_run:
        added, would = engine.dry_run_of_adding(path, given.source, source_options(given)), "would be "
    else:
        with counting("read") as told:
            added, would = engine.add(path, given.source, source_options(given), told), ""
    texts = f"{plural(added.taken, 'text')} {would}added"
    say(f"{path.stem}: {texts}, {number(added.known)} were there already, {added.described}")
    if added.changed:
        say(f"  {plural(added.changed, 'text')} changed under an old id; the run keeps what it has:")
        for source_id in added.changed_ids:
            say(f"    {one_line(source_id, limit=160)}")
        if added.changed > len(added.changed_ids):
            say(f"    and {number(added.changed - len(added.changed_ids))} more")
    _say_skipped(added.skipped, added.skipped_places)
    if given.dry_run:
        say(NOTHING_CHANGED)
    elif added.taken:
        say(f"`labeltui start {path.stem}` goes on with them, behind all others.")
    return exits.DONE


def _say_skipped(skipped: dict[str, int], places: tuple[str, ...]) -> None:
    for reason, count in skipped.items():
        say(f"  skipped {number(count)}: {reason}")
    for place in places[:_SHOWN_PLACES]:
        say(f"    {one_line(place, limit=160)}")


def _dry_run(given: argparse.Namespace, task: Task, reading: SourceOptions) -> int:
    """Say what would be taken and skipped; nothing is written."""
    found = Engine(load_settings()).preview_source(given.source, task, reading, show=_SHOWN_ROWS)
    say(found.described)
    if found.columns:
        say(f"  columns   {', '.join(one_line(name, limit=40) for name in found.columns[:40])}")
    for source_id, beginning in () if given.json else found.shown:  # agents drive a run without its texts
        say(f"    {one_line(source_id, limit=40)}  {one_line(beginning, limit=90)}")
    say(f"  taken     {plural(found.taken, task.item)}, {plural(found.distinct, 'distinct text')}")
    each = round(found.characters / max(1, found.taken))
    say(f"  sent      {number(found.characters)} characters, {number(each)} each")
    for count, what in (
        (found.cut, f"longer than {number(task.truncate_at)} {task.truncate_by}: the rest is not sent"),
        (found.unparsed, "could not be parsed whole: their text is kept as it came"),
        (found.flagged, "marked as possible prompt injection"),
    ):
        if count:
            say(f"  {number(count)} {what}")
    _say_skipped(found.skipped, found.places)
    say("Nothing was made: this was a dry run.")
    return exits.DONE


def skipped(given: argparse.Namespace) -> int:
    """Run ``labeltui skipped RUN``: print what its source held that was not taken, and why."""
    engine = Engine(load_settings())
    path = engine.find(given.run)
    with engine.view(path) as reader:
        reasons = reader.skipped_by_reason()
        if given.json:
            listed = [
                {"place": place, "reason": reason, "detail": detail} for _, place, reason, detail in _rows(reader)
            ]
            print(json.dumps({"run": path.stem, "skipped": sum(reasons.values()), "reasons": reasons, "rows": listed}))  # noqa: T201
            return exits.DONE
        if not reasons:
            say(f"{path.stem}: everything that its source held was taken.")
        for reason, count in reasons.items():
            say(f"{number(count)}: {one_line(reason, limit=200)}")
        for _, place, reason, detail in _rows(reader):
            say(f"  {one_line(place, limit=120)}: {one_line(detail or reason, limit=200)}")
    return exits.DONE


def _rows(reader: RunReader) -> list[tuple[int, str, str, str]]:
    found: list[tuple[int, str, str, str]] = []
    while page := reader.skipped_rows(after=found[-1][0] if found else 0):
        found += page
    return found


def plan(given: argparse.Namespace) -> int:
    """Run ``labeltui plan SOURCE|RUN``: of a run where there is one of that name, else of a source."""
    engine = Engine(load_settings())
    if engine.names_run(given.what):
        planned, task = engine.plan_run(
            engine.find(given.what), plan_name=given.plan, organizations=given.organizations
        )
    else:
        task = chosen_task(given.task, given.model, given.pack)
        planned = engine.plan_source(
            Path(given.what),
            task,
            source_options(given),
            dedupe=not given.no_dedupe,
            base_url=given.base_url,
            plan_name=given.plan,
            organizations=given.organizations,
        )
    now = time.time()
    by_s = None if given.by is None else given.by - now
    mix = choose_mix(planned.lanes, by_s, given.budget) if planned.lanes and planned.texts.emails else None
    if given.json:
        print(json.dumps(_as_json(planned, task, mix)))  # noqa: T201 - one object and nothing else
        return exits.DONE
    for line in plan_lines(planned, task):
        say_hung(line)
    if mix is not None and (given.by is not None or given.budget is not None):
        for line in mix_lines(mix, given.what if engine.names_run(given.what) else "", now):
            say_hung(line)
    return exits.DONE


def _as_json(planned: Planned, task: Task, mix: Mix | None) -> dict[str, object]:
    return {
        "emails": planned.texts.emails,
        "distinct_texts": planned.texts.distinct,
        "model": task.model.model,
        "calls": planned.calls,
        "canaries": planned.canaries,
        "controls": planned.controls,
        "tokens": planned.tokens,
        "prompt_tokens": planned.prompt_tokens,
        "completion_tokens": planned.completion_tokens,
        "cached_tokens": planned.cached_tokens,
        "money_usd": None if planned.money is None else round(planned.money, 4),
        "organizations": planned.organizations,
        **asdict(planned.forecast),
        "assumed": planned.assumed,
        "what_if": [{"if": sentence, **asdict(forecast)} for sentence, forecast in planned.what_if],
        "lanes": [
            {
                "lane": each.lane,
                **asdict(each.forecast),
                "money_usd": None if each.money is None else round(each.money, 4),
                "note": each.note,
            }
            for each in planned.lanes
        ],
        "mix": None if mix is None else asdict(mix),
    }
