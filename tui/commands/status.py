"""Answer status, as one JSON object with fixed fields or as lines for people, and export."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from core.engine import Engine
from core.errors import FolderError, KeysError, QuotaFileError, UsageError
from core.model import KeyState, KeyStatus, RunState, Snapshot, exits
from core.settings import load_settings
from core.text import one_line, plural_of
from tui.commands.printing import complain, counting, say, say_hung
from tui.text.numbers import age, countdown, end_of, number, percent, plural, share, with_name
from tui.text.rates import rate

_REASONS_NAMED = 2
_MOST_LABELS = 20
"""Labels whose counts stand in a line; of more, those that were given most."""


def in_use(keys: Sequence[KeyStatus], snapshot: Snapshot) -> Iterator[tuple[KeyStatus, KeyState]]:
    """Yield the keys with the state that this run gives them: a ready key with a call in flight is in use."""
    for key in keys:
        asking = snapshot.worker.alive and snapshot.asking.get(key.alias, 0) > 0
        yield key, KeyState.IN_USE if asking and key.state is KeyState.READY else key.state


def as_json(snapshot: Snapshot, keys: Sequence[KeyStatus], no_keys: str = "") -> dict[str, Any]:
    """Return the object that ``status --json`` prints; ``no_keys`` says why no keys can be shown."""
    pace = rate(snapshot.pace, snapshot.taken_at)
    forecast = snapshot.forecast
    live = snapshot.state in (RunState.RUNNING, RunState.WAITING)
    return {
        "run": snapshot.run.name,
        "path": snapshot.run.path,
        "state": snapshot.state.value,
        "reason": snapshot.reason,
        "worker": {
            "pid": snapshot.worker.pid,
            "alive": snapshot.worker.alive,
            "heartbeat_age_s": _rounded(snapshot.heartbeat_age_s),
        },
        "total": snapshot.total,
        "labeled": snapshot.labeled,
        "failed": snapshot.failed,
        "skipped": snapshot.skipped,
        "pending": snapshot.pending,
        "cursor": snapshot.cursor,
        "labels": dict(snapshot.labels),
        "reasks": {str(n): count for n, count in snapshot.reasks.items()},
        "attempts": snapshot.attempts,
        "tokens": snapshot.tokens,
        "concurrency": {"chosen": snapshot.concurrency, "at_once": snapshot.worker.at_once if live else None},
        "rate_per_min": round(pace.now, 1) if live else 0.0,
        "eta_s": _rounded(forecast.eta_s) if forecast and live else None,
        "binding_limit": forecast.binding_limit if forecast and live else "",
        "keys": [
            {
                "alias": key.alias,
                "last4": key.last4,
                "organization": key.organization,
                "state": state.value,
                "reason": key.reason,
                "cooldown_s": round(key.cooldown_s, 1),
                "requests": key.requests,
                "errors_429": key.errors_429,
                "tokens": key.tokens,
            }
            for key, state in in_use(keys, snapshot)
        ],
        "canaries": {"asked": snapshot.canaries[0], "changed": snapshot.canaries[1]},
        "alarms": [*alarms(snapshot), *([no_keys] if no_keys else [])],
        "lane": snapshot.lane.lane,
        "lane_by": snapshot.lane.by_at,
        "lanes": [
            {
                "lane": each.lane,
                "calls": each.calls,
                "outcomes": dict(each.outcomes),
                "prompt_tokens": each.prompt_tokens,
                "completion_tokens": each.completion_tokens,
            }
            for each in snapshot.lanes
        ],
        "batches": [
            {
                "state": each.state,
                "status": each.status,
                "key": each.key_alias,
                "total": each.total,
                "completed": each.completed,
                "failed": each.failed,
                "sent_at": each.sent_at,
                "expires_at": each.expires_at,
                "reason": each.reason,
            }
            for each in snapshot.parcels
        ],
        "places": [
            {
                "name": each.name,
                "node": each.node,
                "state": each.state,
                "reason": each.reason,
                "in_flight": each.in_flight,
                "rate_per_min": round(each.rate_per_min, 1),
                "since_s": round(max(0.0, snapshot.taken_at - each.since_at), 1),
            }
            for each in snapshot.places
        ],
    }


def alarms(snapshot: Snapshot) -> list[str]:
    """Return what needs a person now, as sentences."""
    found = []
    if snapshot.state is RunState.STALE or snapshot.worker.refused:
        found.append(snapshot.reason)
    if snapshot.state is RunState.PAUSED and "in a row failed" in snapshot.reason:
        found.append(snapshot.reason)
    return [*found, *snapshot.alarms]


def as_lines(snapshot: Snapshot, keys: Sequence[KeyStatus], no_keys: str = "") -> list[str]:
    """Return the status as lines for people."""
    run = snapshot.run
    done = snapshot.state is RunState.DONE  # its reason counted what had failed then
    reason = "" if done else one_line(snapshot.reason, limit=200)
    reason = f" · {reason}" if reason else ""
    lines = [f"{run.name}  {snapshot.state.value.upper()}{reason}"]
    if run.simulated:
        lines.append("  the labels of this run are simulated")
    ended = f"{number(snapshot.failed)}, {number(snapshot.skipped)} skipped, {number(snapshot.pending)} pending"
    lines += [
        f"  done      {_of(snapshot.settled, snapshot.total)}, position {number(snapshot.cursor)}",
        f"  labeled   {number(snapshot.labeled)}: " + ", ".join(_labels(snapshot)),
        f"  failed    {ended}",
        f"  calls     {number(snapshot.calls)}, {number(snapshot.tokens)} tokens; follow-ups: "
        + (", ".join(f"{count:,} took {n or 'none'}" for n, count in snapshot.reasks.items()) or "none yet"),
    ]
    asked, changed = snapshot.canaries
    if asked:
        lines.append(
            f"  canaries  {number(asked)} labeled {plural_of(run.task.item)} asked again, {number(changed)} changed"
        )
    if snapshot.state in (RunState.RUNNING, RunState.WAITING) and not snapshot.worker.refused:
        pace = rate(snapshot.pace, snapshot.taken_at)
        lines.append(f"  rate      {pace.now:.0f} labels a minute, mean {pace.mean:.0f}{_end(snapshot)}")
    if snapshot.worker.alive and snapshot.heartbeat_age_s is not None:
        lines.append(f"  worker    pid {snapshot.worker.pid}, last heartbeat {age(snapshot.heartbeat_age_s)} ago")
    if snapshot.state is RunState.STALE:
        lines.append(f"  it hangs? `labeltui stop {run.name} --force` ends it; what is committed stays")
    if snapshot.worker.epoch:
        lines.append(f"  log       {one_line(str(Path(run.path).with_suffix('.log')))}")
    lines += [_key_line(key, state) for key, state in in_use(keys, snapshot)]
    if no_keys:
        lines.append(f"  keys      cannot be shown: {one_line(no_keys, limit=200)}")
    if len(snapshot.lanes) > 1:
        lines += spent_lines(snapshot)
    lines += batch_lines(snapshot)
    lines += place_lines(snapshot)
    lines += [f"  alarm     {one_line(alarm, limit=200)}" for alarm in snapshot.alarms]
    if snapshot.flagged:
        are = "is a possible prompt injection" if snapshot.flagged == 1 else "are possible prompt injections"
        lines.append(f"  {plural(snapshot.flagged, run.task.item)} {are}: see column flags of an export")
    if snapshot.failed:
        lines.append(f"  {plural(snapshot.failed, f'failed {run.task.item}')}: `labeltui open {run.name}` lists them")
    return lines


def lane_line(snapshot: Snapshot) -> str:
    """Return the line about the run's lane."""
    if snapshot.lane.lane in ("live", "flex"):
        tier = " in the flex tier" if snapshot.lane.lane == "flex" else ""
        return f"{snapshot.run.name} asks with live calls{tier}"
    by_at = snapshot.lane.by_at
    by = f", done by {datetime.fromtimestamp(by_at).astimezone():%a %H:%M}" if by_at is not None else ""
    return f"{snapshot.run.name} asks with batches at half the price (lane {snapshot.lane.lane}{by})"


def spent_lines(snapshot: Snapshot) -> list[str]:
    """Return what each lane was asked and how its calls ended."""
    return [
        f"  lane      {each.lane}: {plural(each.calls, 'call')},"
        f" {number(each.prompt_tokens)} + {number(each.completion_tokens)} tokens; "
        + ", ".join(f"{number(count)} {one_line(name).replace('_', ' ')}" for name, count in ended(each.outcomes))
        for each in snapshot.lanes
    ]


def ended(outcomes: Mapping[str, int]) -> list[tuple[str, int]]:
    """Return outcomes with their counts, the most frequent first."""
    return sorted(outcomes.items(), key=lambda each: (-each[1], each[0]))


def batch_lines(snapshot: Snapshot) -> list[str]:
    """Return the batches of a run: those that are open, and how many have ended."""
    now = snapshot.taken_at
    lines = []
    for each in (each for each in snapshot.parcels if each.is_open):
        expires = f", expires in {countdown(max(0.0, each.expires_at - now))}" if each.expires_at else ""
        lines.append(
            f"  batch     {one_line(each.status or each.state)}: {number(each.completed)} of {number(each.total)}"
            f" answered, {one_line(each.key_alias)}{expires}"
        )
    ended = [each for each in snapshot.parcels if not each.is_open]
    if ended:
        lines.append(
            f"  batch     {plural(len(ended), 'batch', 'batches')} ended; newest: {one_line(ended[-1].reason)}"
        )
    return lines


PLACES_MOST = 8
"""So many places are listed, those that are not ready first."""


def place_lines(snapshot: Snapshot) -> list[str]:
    """Return the places that make a worker's calls: what each does, or why it does nothing."""
    lines = []
    for each in sorted(snapshot.places, key=lambda place: place.state == "ready")[:PLACES_MOST]:
        node = f" on {one_line(each.node, limit=40)}" if each.node else ""
        why = f": {one_line(each.reason, limit=160)}" if each.reason else ""
        calls = f", {number(each.in_flight)} in flight, {number(round(each.rate_per_min))} a minute"
        lines.append(
            f"  place     {one_line(each.name, limit=40)}{node} {one_line(each.state, limit=20)}"
            f" {age(max(0.0, snapshot.taken_at - each.since_at))}{calls if each.state == 'ready' else why}"
        )
    if (more := len(snapshot.places) - PLACES_MOST) > 0:
        lines.append(f"  place     and {plural(more, 'more place')}")
    return lines


def progress_line(snapshot: Snapshot) -> str:
    """Return where a run is, how fast it goes, what it waits for: one line, inert whatever its names are."""
    pace = rate(snapshot.pace, snapshot.taken_at)
    parts = [
        f"{one_line(snapshot.run.name, limit=24)} {snapshot.state.value}",
        _of(snapshot.settled, snapshot.total),
        f"{pace.now:.0f} labels/min",
    ]
    if snapshot.failed:
        parts.append(f"{number(snapshot.failed)} failed")
    if snapshot.wait is not None and snapshot.wait.until_at is not None:
        left = countdown(max(0.0, snapshot.wait.until_at - snapshot.taken_at))
        wait = snapshot.wait
        parts.append(
            f"waits {left} for {wait.limit} of {wait.organization}" if wait.limit else f"{left}: {wait.reason}"
        )
    elif snapshot.reason:
        parts.append(one_line(snapshot.reason, limit=120 if snapshot.worker.refused else 80))
    if snapshot.state is RunState.PAUSED:
        parts.append(f"`labeltui resume {one_line(snapshot.run.name, limit=24)}` goes on")
    live = snapshot.state in (RunState.RUNNING, RunState.WAITING)
    if live and snapshot.forecast is not None and snapshot.forecast.eta_s and snapshot.forecast.eta_s >= 1.0:
        parts.append(f"about {countdown(snapshot.forecast.eta_s)} left")
    return one_line(" · ".join(parts))


def _of(part: int, whole: int) -> str:
    return f"{number(part)} of {number(whole)} ({percent(part, whole)})"


def _labels(snapshot: Snapshot) -> Iterator[str]:
    task = snapshot.run.task
    counts = [(value, count) for value, count in snapshot.labels.items() if count or task.knows(value)]
    shown_counts = counts if len(counts) <= _MOST_LABELS else sorted(counts, key=lambda each: -each[1])[:_MOST_LABELS]
    for value, count in shown_counts:
        name = task.name_of(value) if task.knows(value) else "(of an older version)"
        yield f"{one_line(with_name(value, name))} {number(count)} ({share(count, snapshot.labeled)})"
    if len(counts) > len(shown_counts):
        yield f"and {number(len(counts) - len(shown_counts))} more labels"


def _key_line(key: KeyStatus, state: KeyState) -> str:
    why = one_line(key.limit or key.reason, limit=100)
    wait = f" for {countdown(key.cooldown_s)}" if key.cooldown_s > 0 else ""
    wait += f" ({why})" if why and (wait or key.probed or key.state is KeyState.INVALID) else ""
    return (
        f"  key       {one_line(key.alias)} …{key.last4} of {one_line(key.organization)}:"
        f" {state.value.replace('_', ' ')}{wait}, {number(key.requests)} calls, {number(key.errors_429)}×429"
    )


def _end(snapshot: Snapshot) -> str:
    forecast = snapshot.forecast
    if forecast is None or forecast.eta_s is None:
        return ""
    bound = f", limited by {one_line(forecast.binding_limit)}" if forecast.binding_limit else ""
    return f", ends {end_of(forecast, snapshot.taken_at, snapshot.taken_at)}{bound}"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)


def status(given: argparse.Namespace) -> int:
    """Run ``labeltui status [RUN] [--json]``."""
    engine = Engine(load_settings())
    if given.run is None:
        return _status_of_all(engine, as_json=given.json)
    parts = engine.series(given.run)
    path = parts[0] if len(parts) == 1 else engine.find(given.run)
    if given.json:
        print_status(engine, path, given.run, parts)
    else:
        say_status(engine, path, given.run, parts)
    return exits.DONE


def print_status(engine: Engine, path: Path, name: str = "", parts: Sequence[Path] = ()) -> None:
    """Print where the run is as one JSON object; of the ``parts`` of a series, as one."""
    snapshot = _snapshot(engine, path, name, parts)
    told = as_json(snapshot, *_keys_of(engine, path, snapshot))
    print(json.dumps({**told, "not_taken": _not_taken(engine, path)}))  # noqa: T201


def say_status(engine: Engine, path: Path, name: str = "", parts: Sequence[Path] = ()) -> None:
    """Print where the run is, for people; of the ``parts`` of a series, as one."""
    snapshot = _snapshot(engine, path, name, parts)
    for line in as_lines(snapshot, *_keys_of(engine, path, snapshot)):
        say_hung(line)
    if reasons := _not_taken(engine, path):
        say_hung(not_taken_line(reasons, snapshot.run.name))


def _not_taken(engine: Engine, path: Path) -> dict[str, int]:
    """Return why how much of the source was not taken."""
    with engine.view(path) as reader:
        return reader.skipped_by_reason()


def not_taken_line(reasons: Mapping[str, int], run: str) -> str:
    """Return the line about what of the source was not taken, with the two most frequent reasons."""
    named = [
        f"{number(count)}: {one_line(reason, limit=100)}" for reason, count in list(reasons.items())[:_REASONS_NAMED]
    ]
    more = [f"{plural(len(reasons) - _REASONS_NAMED, 'more reason')}"] if len(reasons) > _REASONS_NAMED else []
    said = "; ".join((*named, *more))
    return f"  source    {number(sum(reasons.values()))} not taken ({said}); `labeltui skipped {run}` lists them"


def _snapshot(engine: Engine, path: Path, name: str, parts: Sequence[Path]) -> Snapshot:
    """Return the run as it is, or the parts of a series as one; damaged pages of the file are an alarm."""
    if len(parts) > 1:
        return engine.snapshot_of_all(name, parts)
    snapshot = engine.snapshot(path)
    damage = engine.damage(path)
    return replace(snapshot, alarms=(damage, *snapshot.alarms)) if damage else snapshot


def _keys_of(engine: Engine, path: Path, snapshot: Snapshot) -> tuple[tuple[KeyStatus, ...], str]:
    """Return the keys, and why there are none to show: where a run is does not depend on the operator's files."""
    try:
        with engine.keys(path) as keys:
            return keys.statuses(snapshot.run.task.model.model, time.time()), ""
    except (FolderError, KeysError, QuotaFileError) as error:
        return (), str(error)


def _status_of_all(engine: Engine, *, as_json: bool) -> int:
    found = [run for run in engine.runs(time.time()) if not run.archived]
    if as_json:
        listed = [
            {
                "run": run.name,
                "path": run.path,
                "state": run.state.value,
                "total": run.total,
                "settled": run.settled,
                "failed": run.failed,
                "error": run.error,
            }
            for run in found
        ]
        print(json.dumps({"runs": listed}))  # noqa: T201
        return exits.DONE
    if not found:
        say("There are no runs yet. `labeltui demo` shows one; `labeltui new FILE` makes one from your texts.")
    for run in found:
        if run.error:
            say(f"{run.name:<24} {one_line(run.error)}")
            continue
        done = f"{number(run.settled)} of {number(run.total)} ({percent(run.settled, run.total)})"
        failed = f", {number(run.failed)} failed" if run.failed else ""
        say(f"{run.name:<24} {run.state.value:<8} {done}{failed}")
    return exits.DONE


def export(given: argparse.Namespace) -> int:
    """Run ``labeltui export RUN FILE``."""
    engine = Engine(load_settings())
    if str(given.file) == "-" and given.json:
        raise UsageError("The labels and --json both want standard output. Name a file, or leave --json out.")
    parts = engine.series(given.run)
    from core.engine import ExportOptions  # noqa: PLC0415 - brings the formats and the readers of reviews

    options = ExportOptions(
        layout=given.layout,
        where=given.where,
        only=given.only,
        split=given.split,
        text=not given.no_text,
        columns=not given.no_columns,
        raw=given.raw,
        manifest=given.manifest,
    )
    if given.dry_run:
        rows, columns = engine.dry_run_of_export(parts, given.file, options)
        there = " and replace what is there" if given.file.is_file() else ""
        say(f"{number(rows)} rows would be written to {given.file}{there}, with {number(len(columns))} columns:")
        say(", ".join(one_line(name, limit=60) for name in columns))
        say("Nothing was written: this was a dry run.")
        return exits.DONE
    total = engine.snapshot_of_all(given.run, parts).total if not (given.where or given.only) else None
    paths = parts if len(parts) > 1 else parts[0]
    labeled = 0
    with counting("rows read", total) as told:

        def read(rows: int, with_label: int) -> None:
            nonlocal labeled
            labeled = with_label
            if told is not None:
                told(rows)

        count = engine.export(paths, given.file, options, progress=read)
    snapshot = engine.snapshot_of_all(given.run, parts)
    if str(given.file) == "-":  # the labels went there, and nothing else may
        if snapshot.run.simulated:
            complain("The labels of this run are simulated.")
        return exits.DONE
    whole = "" if count != snapshot.total else f", {number(labeled)} of them with a label"
    say(f"{number(count)} rows written to {given.file}{whole}.")
    if snapshot.run.simulated:
        say("The labels of this run are simulated.")
    return exits.DONE
