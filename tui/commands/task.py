"""Run ``labeltui task``: the task of a run and its versions, a new version, the messages that it sends."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from core.commands.catalog import ActivateTask, Relabel
from core.engine import Engine, commented, fixed_chars, load_task, task_to_json, template
from core.errors import UsageError
from core.model import Task, TaskVersion, exits
from core.quality.agreement import score
from core.text import inert, one_line
from tui.commands.control import deliver, email_of, engine_of
from tui.commands.printing import say
from tui.text.numbers import cut_words, further_settings, moment, number, pack_words, percent, plural
from tui.text.quality import scored
from tui.text.sent_messages import bad_answers, first_question, question_again

CHARS_A_TOKEN = 4
"""English text has about four characters a token."""


def answer(given: argparse.Namespace) -> int:
    """Run ``labeltui task ACTION …``."""
    if given.action == "init":
        return _init(given)
    if given.action == "check":
        return _show_file(given.file, as_json=given.json)
    if given.run.endswith(".toml"):
        return _show_file(Path(given.run), as_json=given.json)
    return task(given)


def _init(given: argparse.Namespace) -> int:
    """Write a task file from a template."""
    engine = engine_of(given)
    written = template(given.template, item=given.item, labels=given.label)
    if given.dry_run or given.file == Path("-"):
        say(commented(written).rstrip())
        return exits.DONE
    path = engine.write_task(written, given.file)
    labels = ", ".join(one_line(label.value, limit=40) for label in written.labels)
    say(f"{path}: the template {given.template} for one {written.item}, with the labels {labels}.")
    say(f"Edit it, then `labeltui task check {path}`, and `labeltui new SOURCE --task {path}`.")
    return exits.DONE


def _show_file(path: Path, *, as_json: bool) -> int:
    """Say what a task file asks; one that is wrong raises TaskError."""
    found = load_task(path)
    tokens = round(fixed_chars(found) / CHARS_A_TOKEN)
    if as_json:
        print(json.dumps({"version": found.version, "prompt_tokens": tokens, "task": json.loads(task_to_json(found))}))  # noqa: T201
        return exits.DONE
    say(f"{path}: a valid task")
    _show_task(found)
    say(f"Each question takes about {number(tokens)} tokens beside the {found.item}.")
    return exits.DONE


def task(given: argparse.Namespace) -> int:
    """Run ``labeltui task show RUN``."""
    engine = engine_of(given)
    path = engine.find(given.run)
    if given.dry_run and (given.trial is not None or given.write is not None):
        raise UsageError(
            "--dry-run goes with --set and --ask-again: --try changes nothing, and --write only makes a file."
        )
    if given.set is not None:
        return deliver(given, engine, path, ActivateTask(load_task(given.set)))
    if given.ask_again is not None:
        return deliver(given, engine, path, Relabel(None if given.ask_again is True else given.ask_again))
    if given.trial is not None:
        return _try(engine, path, load_task(given.trial), given.sample)
    if given.write is not None:
        return _write(engine, path, given.write)
    if given.messages is not None:
        return _messages(engine, path, given.messages, as_json=given.json)
    with engine.view(path) as reader:
        versions, older = reader.versions(), reader.older_labels()
    if given.json:
        print(json.dumps(_as_json(path, versions, older), ensure_ascii=True))  # noqa: T201
    else:
        _show(path, versions, older)
    return exits.DONE


def _show(path: Path, versions: tuple[TaskVersion, ...], older: dict[str, int]) -> None:
    say(f"{path.stem}:")
    _show_task(versions[0].task)
    now = time.time()
    for version in versions:
        say(_version_line(version, now))
    if older:
        say(f"{plural(sum(older.values()), 'label')} by an older version:"
            f" `labeltui task {path.stem} --ask-again` asks about them with this one.")  # fmt: skip


def _show_task(current: Task) -> None:
    model = current.model
    say(f"{one_line(current.name, limit=80)}, version {current.version}")
    for name, value in (
        ("item", one_line(current.item)),
        ("model", one_line(model.model, limit=60)),
        ("settings", f"temperature {_sent(model.temperature)}, reasoning effort {_sent(model.reasoning_effort)}"),
        ("answer", f"at most {number(model.max_completion_tokens)} tokens"),
        ("sent", f"{', '.join(current.fields)}; {cut_words(current)}"),
        ("packs", pack_words(current)),
        ("asked", f"at most {plural(1 + current.max_reasks, 'time')}"),
        *further_settings(current),
    ):  # fmt: skip
        say(f"  {name:<9} {value}")
    for label in current.labels:
        meaning = f": {one_line(label.meaning, limit=160)}" if label.meaning else ""
        name = one_line(label.name, limit=60) if label.name != label.value else ""
        say(f"  {one_line(label.value, limit=64):<9} {name}{meaning if name else meaning[2:]}".rstrip())
    say("")
    say(inert(current.rubric.strip()))
    say("")


def _version_line(version: TaskVersion, now: float) -> str:
    shares = ", ".join(
        f"{one_line(version.task.name_of(value), limit=20)} {percent(count, version.labeled)}"
        for value, count in sorted(version.labels.items(), key=lambda item: -item[1])
    )
    parts = [
        f"{'▶' if version.active else ' '} {version.task.version[:8]}  since {moment(version.since_at, now)}",
        f"by {one_line(version.by, limit=24)}" if version.by else "made with the run",
        plural(version.labeled, "label") + (f" ({shares})" if shares else ""),
        f"{number(version.failed)} failed" if version.failed else "",
        _agreement(version),
    ]
    return ", ".join(part for part in parts if part)


def _agreement(version: TaskVersion) -> str:
    if not version.both:
        return ""
    return f"{percent(version.agreed, version.both)} of {number(version.both)} as the active one labeled them"


def _sent(value: object) -> str:
    return "not sent" if value is None else str(value)


def _as_json(path: Path, versions: tuple[TaskVersion, ...], older: dict[str, int]) -> dict[str, Any]:
    return {
        "run": path.stem,
        "version": versions[0].task.version,
        "task": json.loads(task_to_json(versions[0].task)),
        "older_labels": older,
        "versions": [
            {
                "version": version.task.version,
                "name": version.task.name,
                "in_force": version.active,
                "since": version.since_at,
                "by": version.by,
                "labels": dict(version.labels),
                "by_people": version.by_people,
                "calls": version.calls,
                "unusable": version.unusable,
                "failed": version.failed,
                "labeled_by_both": version.both,
                "agreed": version.agreed,
            }
            for version in versions
        ],
    }


def _try(engine: Engine, path: Path, draft: Task, count: int) -> int:
    """Try a task that is not active on a sample; no answer is saved."""
    price = engine.dry_run_cost(path, draft, count)
    money = f", ${price.money:,.4f}" if price.money is not None else ""
    say(
        f"Trying {draft.version[:8]} on {plural(price.emails, draft.item)}: about {number(price.tokens)} tokens{money},"
        " counted against your quotas. No label is given or changed."
    )
    same = compared = failed = 0
    people: list[tuple[str, str, str | None]] = []
    for result in engine.dry_run(path, draft, count).results():
        now, told = result.email.label, result.label
        failed += told is None
        if now is not None and told is not None:
            compared += 1
            same += now == told
        if told is not None and result.email.human_label is not None:
            people.append((told, result.email.human_label, result.email.model_label))
        mark = " " if now is None or told is None else "=" if now == told else "≠"
        why = f" ({one_line(result.why, limit=120)})" if told is None else ""
        say(
            f"  {mark} now {one_line(now or '–', limit=20):<8} draft {one_line(told or '–', limit=20):<8}"
            f" {one_line(result.email.source_id, limit=30)}  {one_line(result.email.subject, limit=60)}{why}"
        )
    say(f"{number(same)} of {number(compared)} as labeled now; {number(failed)} without a label.")
    say(scored(score(people)))
    return exits.DONE


def _write(engine: Engine, path: Path, target: Path) -> int:
    with engine.view(path) as reader:
        current = reader.task()
    try:
        with os.fdopen(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
            file.write(engine.toml_of(current))
    except FileExistsError:
        raise UsageError(f"{target} is there already. Name another file; nothing is overwritten.") from None
    except OSError as error:
        raise UsageError(f"{target} cannot be written: {error.strerror}. Nothing was changed.") from error
    say(f"The active task of {path.stem} ({current.version[:8]}) is in {target}: edit it, then")
    say(f"`labeltui task {path.stem} --set {target}` makes a new version of it.")
    return exits.DONE


def _messages(engine: Engine, path: Path, source_id: str, *, as_json: bool) -> int:
    email_id = email_of(engine, path, source_id)
    with engine.view(path) as reader:
        current, record = reader.task(), reader.record(email_id)
    sent = first_question(current, current, record)
    if bad_answers(current, record):
        sent, _ = question_again(current, current, record)
    if as_json:
        print(json.dumps({"messages": [{"role": each.role, "content": each.content} for each in sent]}))  # noqa: T201
        return exits.DONE
    for message in sent:
        say(f"── {message.role} · {number(len(message.content))} characters")
        say(message.content)
    return exits.DONE
