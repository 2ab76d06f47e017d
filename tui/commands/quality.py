"""Measure labels from the command line: ``quality``, ``review``, ``gold``, ``compare`` and ``report``."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.review import GrowSample
from core.errors import UsageError
from core.model import exits
from core.quality.audit import Quality
from core.quality.report import most_given, shown, unsure_words
from core.quality.sampling import BATCH
from tui.commands.control import deliver, engine_of
from tui.commands.printing import say, say_hung
from tui.text.numbers import number, plural
from tui.text.quality import ASSUMED, goals, named, not_shown, part_words, people_words, rule_words

if TYPE_CHECKING:
    from core.engine import Comparison, Engine


def quality(given: argparse.Namespace) -> int:
    """Run ``labeltui quality RUN [--json] [--goal N] [--top-up] [--doubtful N [--beside OTHER]]``."""
    engine = engine_of(given)
    path = engine.find(given.run)
    if given.goal is not None or given.top_up:
        return deliver(given, engine, path, GrowSample(given.goal, given.top_up))
    found = engine.quality(path)
    if given.doubtful is not None:
        return _doubtful(engine, path, found, given)
    if given.json:
        print(json.dumps(found.as_json()))  # noqa: T201
        return exits.DONE
    for line in lines(found):
        say_hung(line)
    rule = engine.rule_behind_mistakes(path, found)
    for line in rule_words(rule, found.audit.names) if rule is not None else ():
        say_hung(f"mistakes: {line}")
    return exits.DONE


def _doubtful(engine: Engine, path: Path, found: Quality, given: argparse.Namespace) -> int:
    """Print the items that are worth a look, and what casts doubt on each."""
    student = engine.next_generation(path, found)
    other = engine.find(given.beside) if given.beside is not None else None
    cases = engine.edge_cases(path, found, student[1] if student is not None else (), other)
    with engine.view(path) as view:
        rows = view.rows(cases.in_turns[: given.doubtful])
    told = [{"id": row.source_id, "label": row.label, "why": cases.why(row.id)} for row in rows]
    if given.json:
        print(json.dumps({"run": found.audit.run, "doubtful": told}))  # noqa: T201
        return exits.DONE
    for each in told:
        say_hung(f"{each['id']}: {each['label']}; {each['why']}")
    if not told:
        say("Nothing casts doubt on a label yet.")
    return exits.DONE


def lines(found: Quality) -> Iterator[str]:
    """Yield what ``quality`` says for people."""
    audit = found.audit
    if audit.simulated:
        yield "The labels of this run are simulated."
    begin = "" if found.audited else f"; `labeltui review {audit.run}` labels a random batch, blind"
    yield f"{audit.run}: {number(found.labeled)} labeled by {audit.model}; {found.line}{begin}"
    if found.due:
        waiting = plural(found.due, "of the sample waits", "of the sample wait")
        yield f"waiting: {waiting} for a person; figures are provisional"
    if (unsure := unsure_words(found)) is not None:
        yield f"cannot tell: {unsure}"
    yield from _lines_of_labels(found)
    accuracy = found.figures.accuracy
    if accuracy is not None:
        more = f"; {number(accuracy.more)} more random ones bring it to ± 10" if accuracy.few and accuracy.more else ""
        yield f"accuracy: {shown(accuracy)} over {number(found.audited)} audited{more}"
        if found.kappa.value is not None:
            yield f"kappa: {found.kappa.words}"
    for label in most_given(found):
        if label.recall is not None and label.recall.few and label.recall.more:
            more = number(label.recall.more)
            yield f"recall of {label.label} is wide: about {more} more random ones bring it to ± 10"
    yield from _lines_of_goals(found)
    yield from _lines_of_people(found)
    if found.packs is not None:
        yield f"packs: {found.packs.sentence}"
    for watch in audit.watches:
        mark = {"alarm": "!", "steady": "✓"}.get(watch["state"], "·")
        yield f"{mark} {watch['name']}: {watch['sentence']}"


def _lines_of_labels(found: Quality) -> Iterator[str]:
    for label in most_given(found):
        yield (
            f"{named(found, label.label)}: model says {label.raw_share * 100:.1f} %, corrected {shown(label.share)},"
            f" recall {shown(label.recall)}, precision {shown(label.precision)}"
        )
    if unsaid := not_shown(found):
        yield unsaid


def _lines_of_goals(found: Quality) -> Iterator[str]:
    if found.audited:
        return
    for name, (recall, precision, share) in goals(found):
        yield (
            f"goal: recall of {name} to ± 10 points takes about {number(recall)} random items, its precision"
            f" {number(precision)}, its share to ± 2.5 {number(share)}"
        )
    if found.labeled:
        yield f"goals: {ASSUMED[0].lower()}{ASSUMED[1:]}"


def _lines_of_people(found: Quality) -> Iterator[str]:
    for person in found.persons:
        yield (
            f"{person.name}: {number(person.answers)} answers, {number(person.cannot_tell)} cannot tell,"
            f" {number(person.changed)} of {number(person.second_looks)} second looks changed"
        )
    if found.people.emails:
        yield f"people: {people_words(found.people)}"
    for part in found.breakdowns:
        yield f"{part.by}, {part.name}: {number(part.audited)} checked, {part_words(part)}"
    if found.splits:
        yield f"split: people differ on {number(found.splits)}"
    for name, value in found.as_json()["gold"].items():
        agree = (
            "none compared" if value["agree"] is None else f"{value['agree']:.1%} of {number(value['compared'])} agree"
        )
        yield f"labels of {name}: {agree}"


def review(given: argparse.Namespace) -> int:
    """Run ``labeltui review RUN``: the review screen, or a batch in a CSV file."""
    engine = engine_of(given)
    path = engine.find(given.run)
    who = given.annotator or engine.operator()
    if (given.dry_run or given.json) and given.import_file is None and given.export is None:
        raise UsageError("--json goes with --export and --import, --dry-run with --import: the review is for people.")
    if given.dry_run and given.import_file is None:
        raise UsageError("--dry-run goes with --import: --export only writes a new file.")
    if given.export is not None:
        count = engine.export_batch(path, given.export, annotator=who, size=given.size or BATCH)
        say(
            f"{plural(count, 'item', 'items')} due for {who} written to {given.export}. Fill in the column label"
            f" (? for cannot tell), then: labeltui review {path.stem} --annotator {who} --import {given.export}"
        )
        return exits.DONE
    if given.import_file is not None:
        command, without = engine.read_batch(path, given.import_file, annotator=who)
        if command is None:
            say(f"No row of {given.import_file} has a label: nothing was recorded.")
            return exits.DONE
        if without:
            say(f"{plural(without, 'row has', 'rows have')} no label yet and wait.")
        return deliver(given, engine, path, command)
    from tui.commands.console import console  # noqa: PLC0415 - brings what only the console needs

    settings = engine.settings.for_run(path)
    return console(path, settings=settings, read_only=given.read_only, review=(who, given.size or BATCH))


def gold(given: argparse.Namespace) -> int:
    """Run ``labeltui gold RUN FILE [--column C]``."""
    engine = engine_of(given)
    path = engine.find(given.run)
    found = engine.read_gold(path, given.file, given.column)
    fitting = plural(len(found.labels), "label fits", "labels fit")
    say(f"{plural(found.rows, 'row', 'rows')}, {fitting} items of {path.stem}.")
    if found.empty:
        say(f"{plural(found.empty, 'row has', 'rows have')} no label.")
    for one, what, values in (
        ("unknown id", "unknown ids", found.unknown_ids),
        ("conflict, which does not count", "conflicts, none of which counts", found.conflicts),
    ):
        if values:
            shown_ids = ", ".join(values[:5])
            say(f"{plural(len(values), one, what)}: {shown_ids}{', …' if len(values) > 5 else ''}")
    for value, count in found.unknown_labels.items():
        say(f"{number(count)} with the label {value!r}, which this task does not have")
    code = deliver(given, engine, path, *found.commands())
    if not found.labels:
        raise UsageError(f"No label of {given.file} fits {path.stem}: nothing was added.")
    return code


def compare(given: argparse.Namespace) -> int:
    """Run ``labeltui compare RUN_A RUN_B|--versions [--json]``."""
    engine = engine_of(given)
    path = engine.find(given.run)
    if given.versions == (given.other is not None):
        raise UsageError("Name a second run, or say --versions for two versions of the task of one.")
    found = engine.compare(path, None if given.versions else engine.find(given.other))
    if given.json:
        print(json.dumps(found.as_json()))  # noqa: T201
        return exits.DONE
    for line in compared_lines(found):
        say_hung(line)
    return exits.DONE


def compared_lines(found: Comparison) -> Iterator[str]:
    """Yield what ``compare`` says for people."""
    one, other = (f"{side.run} ({side.model}, {side.version[:8]})" for side in (found.a, found.b))
    counted = found.difference
    yield f"A: {one}"
    yield f"B: {other}"
    yield f"shared: {number(found.shared)}; they differ on {number(counted.differing)}"
    for (a, b), count in sorted(found.flips.items(), key=lambda each: -each[1]):
        yield f"A says {a}, B says {b}: {number(count)}"
    for name, side in (("A", found.a), ("B", found.b)):
        yield f"accuracy of {name}: {shown(side.figures.accuracy)}"
    if counted.estimate is None:
        yield "people: nobody has labeled any of those that differ; only these tell which is better"
        return
    points = [f"{value * 100:+.1f}" for value in (counted.estimate.value, counted.estimate.low, counted.estimate.high)]
    yield (
        f"people: of {number(counted.audited)} that differ, A is right on {number(counted.a_right)}, B on"
        f" {number(counted.b_right)} (McNemar p = {counted.p_value:.3g})"
    )
    yield f"A is more accurate than B by {points[0]} points ({points[1]} to {points[2]})"


def report(given: argparse.Namespace) -> int:
    """Run ``labeltui report RUN FILE.html|FILE.json [--examples]``."""
    engine = engine_of(given)
    path = engine.find(given.run)
    file: Path = given.file
    engine.write_report(path, file, examples=given.examples)
    texts = " Texts of items are part of it." if given.examples else " It holds no text of an item."
    say(f"The report of {path.stem} was written to {file}.{texts}")
    return exits.DONE
