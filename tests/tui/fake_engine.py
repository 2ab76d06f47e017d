"""A engine in memory: the same protocol as the engine. A living worker handles when a test says so."""

from __future__ import annotations

import dataclasses
import threading
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, Self

from core.commands.catalog import ActivateTask, Label, Note, Retry, Skip
from core.commands.command import Command
from core.engine import CopyRequest, Draft, ExportOptions, KeyPast, NewRunRequest, NotifySetup, TaskChoice
from core.errors import LabeltuiError, RunFileError
from core.llm import templates
from core.llm.key_check import KeyCheck
from core.model import (
    AskKind,
    Attempt,
    CommandRecord,
    EmailRecord,
    EmailRow,
    EmailState,
    Forecast,
    KeyHistory,
    KeyState,
    KeyStatus,
    LabelRecord,
    LastChange,
    NoteRecord,
    Outcome,
    PlacesWanted,
    RunState,
    RunSummary,
    Snapshot,
    Task,
    TaskVersion,
    WindowStatus,
)
from core.notify.setup import read_setup
from core.quality.audit import Answer as Answered
from core.quality.audit import Audit, Member, Quality, judge
from core.quality.estimates import difference
from core.quality.sampling import Sample
from core.quality.student import NextGeneration, SharedMark, Suspicion
from core.quota.forecast.lanes import LaneForecast
from core.quota.forecast.plans import Price
from core.quota.keys.swap import chosen_swap
from core.runs import draft, requests
from core.runs.archive import Going
from core.runs.dry_run import DryRunCost
from core.runs.find import ImportProgress
from core.runs.plan import Planned, Texts
from core.runs.quality import Comparison, EdgeCases, Rule, Side
from core.runs.send import SentCommand
from core.settings import Settings
from core.sources.preview import Counted, Folder, Looked, count, look_at, look_into
from core.sources.source import SourceOptions
from core.storage.reading.filters import Filter, Term
from core.storage.reading.ordering import WORK_ORDER, Order
from core.storage.reading.reviews import ReviewEmail
from core.storage.reading.search import Found
from core.storage.reading.versions import OlderTexts
from tests.tui.fakes import KEYS, NOW, SPENT, TASK, TROUBLES, WINDOWS, FakeRun, key


def Answer(id: str | None, sentence: str, *, at_once: bool) -> SentCommand:  # noqa: N802, A002 - reads like a value
    """What a command returns."""
    assert at_once is (id is None)
    return SentCommand(id, sentence)


class FakeView:
    """A reader of a run in memory."""

    def __init__(self, run: FakeRun) -> None:
        if run.trouble:
            raise RunFileError(run.trouble)
        self._run = run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def snapshot(self, now: float) -> Snapshot:
        return self._run.snapshot(now)

    def _of(self, state: str | None) -> list[EmailRow]:
        if state == "human":
            return [row for row in self._run.emails if row.label_source == "human"]
        return [row for row in self._run.emails if state is None or row.state.value == state]

    def emails(self, *, state: str | None, offset: int, limit: int) -> list[EmailRow]:
        return self._of(state)[offset : offset + limit]

    def rows(self, ids: Sequence[int]) -> list[EmailRow]:
        known = {row.id: row for row in self._run.emails}
        return [known[number] for number in ids]

    def count(self, state: str | None = None) -> int:
        return len(self._of(state))

    def failures(self) -> list[tuple[str, int]]:
        reasons: dict[str, int] = {}
        for row in self._of("failed"):
            reasons[row.failure or ""] = reasons.get(row.failure or "", 0) + 1
        return sorted(reasons.items(), key=lambda item: -item[1])

    def outcomes_of_key(self, alias: str) -> dict[str, int]:
        return {"answered": 410, "rate_limited": 2}

    def record(self, email_id: int) -> EmailRecord:
        row = next(row for row in self._run.emails if row.id == email_id)
        attempts: list[Attempt] = []
        if row.state is EmailState.FAILED:
            for n, answer in enumerate(("I think it is work.", "", "2"), start=1):
                outcome = Outcome.INVALID if answer else Outcome.EMPTY
                attempts.append(
                    Attempt(
                        row.id, n, AskKind.ASK if n == 1 else AskKind.REASK, "main", "org_a", "openai/gpt-oss-20b",
                        TASK.version, NOW - 60 + n, 0.62, outcome, answer, "must be exactly 0 or 1", 412, 3, f"req_{n}",
                    )
                )  # fmt: skip
        labels: tuple[LabelRecord, ...] = ()
        if row.label is not None:
            labels = (
                LabelRecord(row.label, str(row.label_source), "", TASK.version, blind=False, note="", at=NOW - 30),
            )
        notes = tuple(NoteRecord(text, "ana", NOW) for text in self._run.notes.get(row.id, ()))
        raw = "X-Raw: 1\n" + self._run.text
        return EmailRecord(row, self._run.text, raw, tuple(attempts), labels, copies=1, notes=notes)

    def last_change(self, author: str) -> LastChange | None:
        return self._run.changes_made[-1][0] if self._run.changes_made else None

    def versions(self, *, counted: bool = True) -> tuple[TaskVersion, ...]:
        labels = self._run.snapshot(NOW).labels
        now = TaskVersion(
            self._run.task, NOW - 60, "ada", active=True, labels=dict(labels), by_people=0, calls=90, unusable=3,
            failed=self._run.count("failed"), both=0, agreed=0, counted=counted,
        )  # fmt: skip
        return (now, *(replace(each, counted=counted) for each in self._run.older_versions))

    def older_labels(self) -> dict[str, int]:
        return dict(self._run.older_labels)

    def close(self) -> None:
        pass


class FakeSearch:
    """A search in memory: two steps, no index."""

    def __init__(self, run: FakeRun) -> None:
        self._run = run
        self._left: list[int] = []
        self._steps = 0
        self._order = WORK_ORDER

    def begin(self, wanted: Filter, order: Order) -> None:
        if order.key in self._run.unsortable:
            raise RunFileError(f"This run cannot be sorted by {order.key}.")
        rows = [row for row in self._run.emails if all(_holds(term, row) for term in wanted.terms)]
        rows.sort(key=lambda row: (_sort_value(order.key, row), row.position), reverse=order.descending)
        self._left = [row.id for row in rows]
        self._order = order
        self._steps = 0

    def step(self) -> Found:
        self._steps += 1
        half = 0 if self._order != WORK_ORDER else len(self._left) // 2
        half = half if self._steps == 1 else len(self._left)
        ids, self._left = array("I", self._left[:half]), self._left[half:]
        return Found(ids, self._steps / 2, finished=self._steps == 2, indexed=False)

    def build(self) -> float:
        return 1.0

    def close(self) -> None:
        pass


def _sort_value(key: str, row: EmailRow) -> str | int:
    values: dict[str, str | int] = {
        "place": row.position, "id": row.source_id, "subject": row.subject.lower(), "from": row.sender.lower(),
        "label": row.label or "", "asks": row.reasks, "state": row.state.value, "settled": 0, "date": row.date,
    }  # fmt: skip
    return values[key]


def _holds(term: Term, row: EmailRow) -> bool:
    held = {
        "": f"{row.subject} {row.sender}", "state": row.state.value, "source": row.label_source, "label": row.label,
        "cause": row.failure, "from": row.sender, "subject": row.subject,
    }[term.field] or ""  # fmt: skip
    exact = term.field in ("state", "source", "label")
    return (held == term.value if exact else term.value.lower() in held.lower()) is not term.negated


class FakeKeys:
    """The keys of a engine in memory."""

    def __init__(self, engine: FakeEngine) -> None:
        self._engine = engine

    def statuses(self, model: str, now: float) -> tuple[KeyStatus, ...]:
        return tuple(self._engine.held)

    def windows(self, model: str, now: float) -> tuple[WindowStatus, ...]:
        return self._engine.quota if self._engine.held else ()

    def close(self) -> None:
        pass


PRICE = Planned(
    Texts(2, 2, 40.0), 9, 800, 200, 0, Forecast(180.0, None, None, "TPM of org_b"), 1, None, "the free plan", (),
    learned=False, server="https://api.groq.com",
)  # fmt: skip
"""What asking about two texts takes."""


class FakeEngine:
    """The engine in memory. Commands to a living worker wait until :meth:`handle` is called."""

    def __init__(self, settings: Settings, run: FakeRun | None = None, *, clock: object = None) -> None:
        self.settings = settings
        self.run = run or FakeRun()
        self.all_runs: list[RunSummary] | None = None
        self.held: list[KeyStatus] = list(KEYS)
        self.quota: tuple[WindowStatus, ...] = WINDOWS
        self.asked: list[tuple[object, ...]] = []
        self.refusal = ""
        self.watches: list[Mapping[str, object]] = []
        self.trial = KeyCheck(works=True, word="works", sentence="answers, in 0.31 s")
        self.past = KeyPast(KeyHistory(TROUBLES, SPENT), "2025-11-24", 0.0417)
        self.waiting: list[CommandRecord] = []
        self.lock = threading.Lock()
        self.now = NOW

    # -- reading --

    def runs(self, now: float) -> Sequence[RunSummary]:
        if self.run.trouble:
            raise RunFileError(self.run.trouble)
        if self.all_runs is not None:
            return self.all_runs
        run = self.run.snapshot(now)
        return [
            RunSummary(
                run.run.name,
                run.run.path,
                run.state,
                run.total,
                run.settled,
                run.failed,
                NOW - 9000,
                NOW - 60,
                4_200_000,
            )
        ]

    def view(self, path: Path) -> FakeView:
        return FakeView(self.run)

    def search(self, path: Path, stale: Callable[[], bool]) -> FakeSearch:
        return FakeSearch(self.run)

    def keys(self, run: Path | None) -> FakeKeys:
        return FakeKeys(self)

    # -- making --

    def look_into(self, folder: Path) -> Folder:
        return look_into(folder)

    def look_at(self, source: str, text_column: str, id_column: str) -> Looked:
        self._note("look_at", source, text_column, id_column)
        return look_at(Path(source), SourceOptions(text_column or None, id_column or None))

    def count(self, source: str, text_column: str, id_column: str, wanted: Callable[[], bool]) -> Counted:
        return count(Path(source), SourceOptions(text_column or None, id_column or None), wanted=wanted)

    def task_choices(self, source: str) -> tuple[TaskChoice, ...]:
        return requests.task_choices(self.settings, source)

    def task_file(self, path: str) -> TaskChoice:
        return requests.task_file(Path(path))

    def write_task(self, task: Task, path: Path | None = None, *, replace: bool = False) -> Path:
        target = path or templates.free_path(requests.tasks_folder(self.settings), task.name)
        templates.write_task(target, templates.commented(task), replace_it=replace)
        return target

    def name_for(self, source: str) -> str:
        return Path(source).stem

    def name_trouble(self, name: str) -> str:
        return f"There is a run {name} already." if name == "taken" else ""

    def forecast(self, request: NewRunRequest) -> tuple[Planned, Task]:
        self._note("forecast", request)
        return PRICE, TASK

    def plan_run(self, path: Path, *, plan_name: str | None, organizations: int | None) -> tuple[Planned, Task]:
        live, batch = (
            Forecast(7_200.0, 6_600.0, 7_800.0, "TPM of org_b"),
            Forecast(86_400.0, 60.0, 86_400.0, "a window"),
        )
        lanes = LaneForecast("live", live, 1.25, ""), LaneForecast("batch", batch, 0.75, "")
        planned = Planned(
            Texts(2, 2, 40.0), 9, 800, 200, 0, live, 1, 1.25, "the free plan", (), learned=False, lanes=lanes
        )
        return planned, TASK

    def price_of(self, model: str) -> Price | None:
        return Price(0.1, 0.05, 0.5)

    def make(self, request: NewRunRequest, progress: ImportProgress) -> Path:
        progress(500, 1_000)
        self._note("make", request)
        return self.run.path

    def make_demo(self) -> Path:
        self._note("make_demo")
        return self.run.path

    # -- the list --

    def check_copy(self, request: CopyRequest) -> None:
        self._note("check_copy", request)

    def copy_run(self, request: CopyRequest, progress: Callable[[int], None]) -> Path:
        progress(500)
        self._note("copy_run", request)
        return Path(request.path).with_name(f"{request.name}.db")

    def archive(self, path: Path, *, back: bool) -> Path:
        self._note("archive", path.stem, back)
        self.all_runs = [
            replace(run, archived=not back) if run.path == str(path) else run for run in self.all_runs or ()
        ]
        return path

    def what_goes(self, path: Path) -> Going:
        return Going((path.name, f"{path.stem}.lock"), 4_200_000)

    def delete_run(self, path: Path, typed: str) -> None:
        self._note("delete_run", path.stem, typed)
        self.all_runs = [run for run in self.all_runs or () if run.path != str(path)]

    # -- commands --

    # -- quality ------------------------------------------------------------------------------------------------------

    def audit(self, path: Path) -> Audit:
        """The run's first thirty emails are its sample; one was checked, and the model was wrong on it."""
        labels = Counter(row.label for row in self.run.emails if row.label is not None)
        told = Answered(1, 0, "ben", "first", "1" if self.run.emails[0].label == "0" else "0", 9.0, 1, NOW)
        members = tuple(
            Member(row.id, row.id / 1000, row.label, (told,) if row.id == 0 else (), row.position, content=str(row.id))
            for row in self.run.emails[:30]
        )
        return Audit(
            self.run.name, self.run.task.version, "model", ("1", "0"), {"1": "work", "0": "personal"}, 40, labels,
            Sample(1, "random", 7, 30, 0.9), started=True, members=members, watches=tuple(self.watches),
        )  # fmt: skip

    def quality(self, path: Path) -> Quality:
        return judge(self.audit(path))

    def emails_of_alarm(self, path: Path, watch: str) -> list[int]:
        return [row.id for row in self.run.emails[:3]]

    def compare(self, path: Path, other: Path | None) -> Comparison:
        """Two sides that differ on one email, which nobody labeled."""
        quality = self.quality(path)
        side = Side(self.run.name, "v1", "model", quality.figures)
        found = difference(30, 1, 0, 0, 0)
        return Comparison(side, side, 30, {("1", "0"): 1}, found, ((1, "id-1", "1", "0", None),))

    def review_emails(self, path: Path, email_ids: Sequence[int]) -> tuple[ReviewEmail, ...]:
        raw = f"X-Raw: 1\n{self.run.text}"
        return tuple(
            ReviewEmail(number, f"id-{number}", f"s{number}", "", "", f"{self.run.text}\n\n> old news", raw)
            for number in email_ids
        )

    def next_generation(self, path: Path, quality: Quality) -> tuple[NextGeneration, tuple[Suspicion, ...]]:
        return NextGeneration({"1": 19, "0": 1}, 20, 1, 1), (Suspicion(2, "1", "0", 1.5),)

    def edge_cases(
        self, path: Path, quality: Quality, suspicions: Sequence[Suspicion], other: Path | None = None
    ) -> EdgeCases:
        return EdgeCases((("a student doubts it", (2, 3)), ("answered otherwise", (3,))))

    def window_price(self, path: Path, watch: str) -> Planned:
        return PRICE

    def older_prices(self, path: Path) -> dict[str, tuple[OlderTexts, Planned]]:
        return {"": (OlderTexts(20, 15, 800.0), PRICE), "1": (OlderTexts(5, 4, 800.0, 40, 3), PRICE)}

    def rule_behind_mistakes(self, path: Path, quality: Quality) -> Rule:
        return Rule("1", "0", 4, (SharedMark("from harborlight.example", 4, 4, 0, 9),))

    def write_report(self, path: Path, file: Path, *, examples: bool) -> None:
        self._note("write_report", file.name)

    def await_answer(self, path: Path, sent: SentCommand, *, timeout_s: float) -> None:
        return None

    def send(self, path: Path, command: Command) -> SentCommand:
        fields = [getattr(command, field.name) for field in dataclasses.fields(command)]  # type: ignore[arg-type]
        self._note(command.kind, path, *(list(each) if isinstance(each, tuple) else each for each in fields))
        does = getattr(self, f"_do_{command.kind}", None)
        if does is None or (self.run.alive and command.kind in ("swap", "retry", "label", "task")):
            return self._command(command)
        return Answer(None, does(command), at_once=True)

    def _note(self, *what: object) -> None:
        with self.lock:
            self.asked.append(what)
        if self.refusal:
            raise LabeltuiError(self.refusal)

    def _command(self, command: Command) -> SentCommand:
        record = CommandRecord(f"command-{len(self.asked)}", command.kind, command.encode(), self.now, None, "")
        self.waiting.append(record)
        return Answer(record.id, f"{command.kind} requested", at_once=False)

    def handle(self, after_s: float = 0.4) -> None:
        """The worker acknowledges everything that waits, and does it."""
        words = {"pause": RunState.PAUSED, "resume": RunState.RUNNING, "stop": RunState.STOPPED}
        for record in self.waiting:
            self.run.commands.append(
                replace(record, acknowledged_at=record.requested_at + after_s, result=f"{record.kind} active")
            )
            self.run.state = words.get(record.kind, self.run.state)
            if record.kind == "swap":
                self.run.commands[-1] = replace(self.run.commands[-1], result=self._swapped())
            if record.kind == "stop":
                self.run.alive = False
            if record.kind == "retry":
                self._requeue(Retry.decode(record.argument).email_ids)
        self.waiting.clear()

    def _requeue(self, email_ids: Sequence[int] | None) -> None:
        self.run.emails = [
            replace(row, state=EmailState.PENDING, failure=None)
            if row.state is EmailState.FAILED and (email_ids is None or row.id in email_ids)
            else row
            for row in self.run.emails
        ]

    def start(self, path: Path, only: int | None = None, places: PlacesWanted | None = None) -> SentCommand:
        if only is not None:
            self._note("try_first", path, only)
            self.run.alive, self.run.state, self.run.epoch = True, RunState.RUNNING, self.run.epoch + 1
            return Answer(None, f"It tries {only} and pauses.", at_once=True)
        if places is not None:
            self._note("start_at_places", path, places)
        else:
            self._note("start", path)
        if not self.run.emails or self.run.count("pending"):
            self.run.alive, self.run.state, self.run.epoch = True, RunState.RUNNING, self.run.epoch + 1
        return Answer(None, "The worker of enron works (pid 4711); it outlives this terminal.", at_once=True)

    def kill(self, path: Path) -> SentCommand:
        self._note("kill", path)
        self.run.alive, self.run.state = False, RunState.STOPPED
        return Answer(None, "The worker was killed.", at_once=True)

    def _do_swap(self, _: Command) -> str:
        return f"{self._swapped()}."

    def _do_task(self, command: ActivateTask) -> str:
        self.run.task = command.task
        return f"version {command.task.version[:8]} of the task is active"

    def _do_relabel(self, _: Command) -> str:
        return "so many requeued"

    def _swapped(self) -> str:
        try:
            swap = chosen_swap(self.held, self.run.asking)
        except LabeltuiError as error:
            return f"not possible: {error}"
        self.held = [
            replace(key, state=KeyState.DISABLED, pinned=False)
            if key.alias == swap.out
            else replace(key, pinned=key.alias == swap.into)
            for key in self.held
        ]
        return swap.sentence

    def _do_retry(self, command: Retry) -> str:
        moved = self.run.count("failed") if command.email_ids is None else len(command.email_ids)
        self._requeue(command.email_ids)
        return f"{moved} failed requeued."

    def _remember(self, kind: str, what: str, email_ids: Sequence[int]) -> None:
        before = [row for row in self.run.emails if row.id in email_ids]
        change = LastChange(len(self.run.changes_made) + 1, kind, what, self.now, len(before))
        self.run.changes_made.append((change, before))

    def _do_note(self, command: Note) -> str:
        self._remember("note", "a note", command.email_ids)
        for email_id in command.email_ids:
            self.run.notes.setdefault(email_id, []).append(command.text)
        return f"Note on {len(command.email_ids)} emails."

    def _do_undo(self, _: Command) -> str:
        change, before = self.run.changes_made.pop()
        if change.kind == "note":
            for row in before:
                self.run.notes[row.id].pop()
        known = {row.id: row for row in before}
        self.run.emails = [known.get(row.id, row) for row in self.run.emails]
        return f"undone: {change.what}"

    def operator(self) -> str:
        return "ana"

    def export(self, path: Path, target: Path, options: ExportOptions, *, progress: object = None) -> int:
        self._note("export", path, target, options.only)
        return len(self.run.emails)

    def save(self, path: Path, email_ids: Sequence[int] | None, target: Path) -> int:
        self._note("save", path, None if email_ids is None else list(email_ids), target)
        return len(self.run.emails if email_ids is None else email_ids)

    def _do_skip(self, command: Skip) -> str:
        self._remember("skip", "a skip", command.email_ids)
        state = EmailState.PENDING if command.back else EmailState.SKIPPED
        self.run.emails = [
            replace(row, state=state, failure=None) if row.id in command.email_ids else row for row in self.run.emails
        ]
        return f"{len(command.email_ids)} skipped."

    def _do_label(self, command: Label) -> str:
        self._remember("label", f"the label {command.value}", command.email_ids)
        self.run.emails = [
            replace(
                row,
                state=row.state if row.state is EmailState.PENDING else EmailState.LABELED,
                label=command.value,
                label_source="human",
                failure=None,
            )
            if row.id in command.email_ids
            else row
            for row in self.run.emails
        ]
        return f"Labeled {command.value} by a person."

    # -- the task: drafts are real files --

    def draft_path(self, path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        return draft.draft_path(path)

    def draft(self, path: Path) -> Draft | None:
        return draft.load_draft(path)

    def save_draft(self, path: Path, text: str) -> Draft:
        path.parent.mkdir(parents=True, exist_ok=True)
        return draft.save_draft(path, text)

    def discard_draft(self, path: Path) -> None:
        draft.discard_draft(path)

    def text_of(self, task: Task) -> str:
        return draft.text_of(task)

    def dry_run_cost(self, path: Path, task: Task, count: int) -> DryRunCost:
        return DryRunCost(count, count * 400, 0.0012, 3, learned=True)

    def dry_run(self, path: Path, task: Task, count: int) -> NoReturn:
        self._note("dry_run", task.version, count)
        raise LabeltuiError("Nothing is asked in memory.")

    def notify_setup(self) -> NotifySetup:
        return read_setup(self.settings.notify_path)

    # -- keys --

    def set_enabled(self, run: Path | None, alias: str, *, enabled: bool) -> None:
        self._note("set_enabled", alias, enabled)
        state = KeyState.READY if enabled else KeyState.DISABLED
        self.held = [replace(key, state=state) if key.alias == alias else key for key in self.held]

    def add_key(
        self,
        run: Path | None,
        secret: str,
        alias: str | None,
        organization: str | None,
        *,
        keyring: bool = False,
        server: str = "",
    ) -> str:
        self._note("add_key", secret, alias, organization)
        self.held.append(key(alias or "key-1", organization or "", requests=0, errors_429=0, tokens=0))
        return alias or "key-1"

    def remove_key(self, run: Path | None, alias: str) -> None:
        self._note("remove_key", alias)
        self.held = [key for key in self.held if key.alias != alias]

    def pin_key(self, run: Path | None, alias: str | None) -> None:
        self._note("pin_key", alias)
        self.held = [replace(key, pinned=key.alias == alias) for key in self.held]

    def regroup_key(self, run: Path | None, alias: str, organization: str) -> None:
        self._note("regroup_key", alias, organization)
        self.held = [replace(key, organization=organization) if key.alias == alias else key for key in self.held]

    def clear_bench(self, run: Path | None, organization: str) -> tuple[str, ...]:
        self._note("clear_bench", organization)
        self.held = [
            replace(key, state=KeyState.READY, cooldown_s=0.0) if key.organization == organization else key
            for key in self.held
        ]
        return ("a bench of 41 s for TPM",)

    def try_secret(self, run: Path | None, secret: str, base_url: str = "") -> KeyCheck:
        self._note("try_secret", secret)
        return self.trial

    def try_key(self, run: Path | None, alias: str) -> KeyCheck:
        self._note("try_key", alias)
        return self.trial

    def key_past(self, run: Path | None, alias: str) -> KeyPast:
        self._note("key_past", alias)
        return self.past
