"""Write a run file, as its only writer. It needs the run's lock; every write checks that its epoch is still the run's.

Each answer is committed whole (attempt, label, totals, cursor) in one immediate transaction that is on the disk before
:meth:`Store.commit` returns. Answers that arrive together share a transaction; none of them counts before it ends.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from core.errors import LabeltuiError, RunFileError
from core.model import (
    Budget,
    EmailState,
    LaneChoice,
    Outcome,
    Parcel,
    PendingEmail,
    Resumption,
    RunState,
    SourceEmail,
    Task,
    View,
)
from core.quality.alarms import Reading
from core.quality.packing import PackControl
from core.quality.sampling import Sample
from core.quality.watch_set import WatchSet
from core.storage.file.connection import cache_for_bulk, immediately, in_bulk, make_writer, open_writer
from core.storage.file.control import CommandRow
from core.storage.file.rows import BAD_ANSWERS, budget_of, task_of, worked_s
from core.storage.file.schema import guards_of_emails, migrate
from core.storage.reading import run_rows
from core.storage.reading.packs import pack_control_of, pack_size_of
from core.storage.reading.pending import (
    answered_email,
    distinct_texts,
    emails_of_parcel,
    estimated_texts,
    labeled_email,
    pending_emails,
)
from core.storage.reading.reviews import asked_in_version, raised_watches, watches_of
from core.storage.reading.summaries import all_totals, batches_took_s, group, total
from core.storage.writing import epochs, intake, parcels, rejudging, reviews, settle, tasks
from core.storage.writing.check import put_right
from core.storage.writing.epochs import Beat
from core.storage.writing.intake import NewRun
from core.storage.writing.people import PeopleWriter
from core.storage.writing.settle import Answer, add_event, not_done
from core.text import counted

__all__ = ["Answer", "Beat", "Store"]


class Store(PeopleWriter):
    """Write one run file. Use it as a context manager, under a held :class:`RunLock`."""

    def __init__(self, connection: sqlite3.Connection, path: Path, epoch: int) -> None:
        super().__init__(connection, path, epoch)
        row = connection.execute("SELECT task_version, dedupe, base_url FROM run").fetchone()
        if row is None:
            raise RunFileError(f"{path} holds no run: it was never finished. Delete it and make the run again.")
        self.task_version: str = row[0]
        self.dedupe = bool(row[1])
        self.base_url: str | None = row[2]

    # -- making ----------------------------------------------------------------------------------------------------

    @classmethod
    def create(cls, path: Path, run: NewRun, task: Task) -> Store:
        """Make the tables and the run's row in a file under a name that nobody else uses yet."""
        connection = make_writer(path)
        try:
            migrate(connection)
            with immediately(connection):
                intake.insert_run(connection, run, task)
            return cls(connection, path, 0)
        except BaseException:
            connection.close()
            raise

    @classmethod
    @contextmanager
    def importing(cls, path: Path, run: NewRun, task: Task, plan: str, *, share: int = 1) -> Iterator[Store]:
        """Make a run file, or go on where an import of the same ``plan`` was cut off; anything else there is removed.

        At the end of the block the file becomes a run file as any other. ``share`` files are written at the same time.
        """
        store = cls._cut_off(path, plan)
        if store is None:
            for end in ("", "-journal", "-wal"):
                path.with_name(path.name + end).unlink(missing_ok=True)
            store = cls.create(path, run, task)
            store.begin_import(plan, now=run.created_at)
        with store, in_bulk(store._db, share):  # noqa: SLF001 - its own class
            yield store

    @classmethod
    def _cut_off(cls, path: Path, plan: str) -> Store | None:
        """Return the store of an import of this plan that was cut off, or None."""
        if not plan or not path.is_file():
            return None
        connection = None
        try:
            connection = open_writer(path)
            if intake.progress_noted(connection)[0] == plan:
                return cls(connection, path, 0)
        except (sqlite3.Error, LabeltuiError, ValueError, TypeError, KeyError):
            pass
        if connection is not None:
            connection.close()
        return None

    def begin_import(self, plan: str, *, now: float) -> None:
        """Prepare an empty run for many emails: :meth:`finish_import` makes what is left out until then."""
        with self._transaction() as db:
            intake.take_off_guards(db)
            intake.note_progress(db, plan, 0, now)

    def imported(self) -> tuple[int, int]:
        """Return how many emails an import has written, and how many of those could not be parsed whole."""
        taken = self._db.execute("SELECT coalesce(max(id), 0) FROM email").fetchone()[0]
        return int(taken), intake.progress_noted(self._db)[1]

    def add_batch(
        self,
        emails: Sequence[tuple[SourceEmail, View]],
        left_out: Iterable[tuple[str, str, str]],
        *,
        plan: str,
        unparsed: int,
        now: float,
    ) -> None:
        """Append a batch of an import in one transaction, with what was left out and how far the import is."""
        with self._transaction() as db:
            intake.insert_emails(db, emails)
            intake.insert_skipped(db, left_out)
            intake.note_progress(db, plan, unparsed, now)

    def forget_skipped(self) -> None:
        """Forget what was not taken: an import that goes on reads its source again from the beginning."""
        with self._transaction() as db:
            db.execute("DELETE FROM skipped")

    def seed(self) -> int:
        """Return the seed of the order of the run."""
        return int(self._db.execute("SELECT seed FROM run").fetchone()[0])

    def finish_import(self, order: str, seed: int) -> None:
        """Give every email its position, and the file the indexes and triggers of a run."""
        statements = guards_of_emails()
        cache_for_bulk(self._db)
        with self._transaction() as db:
            db.execute("DELETE FROM event WHERE kind = ?", (intake.IMPORTING,))
            intake.place(db, order, seed)
            intake.put_on_guards(db, statements)

    # -- import ----------------------------------------------------------------------------------------------------

    def add_emails(self, emails: Iterable[tuple[SourceEmail, View]]) -> int:
        """Append emails in source order, all in one transaction; returns how many. Positions come later."""
        with self._transaction() as db:
            return intake.insert_emails(db, emails)

    def add_later(
        self,
        emails: Iterable[tuple[SourceEmail, View]],
        numbered: str,
        left_out: Callable[[], Iterable[tuple[str, str, str]]],
        *,
        source: str,
        now: float,
    ) -> intake.Later:
        """Append what is new of a source behind all others, in one transaction; the run is no longer done by it.

        ``left_out`` returns what of the source was not taken since it was last called.
        """
        with self._transaction() as db:
            found = intake.insert_later(db, emails, numbered)
            intake.insert_skipped(db, left_out())
            if found.taken:
                not_done(db, "texts were added")
            sentence = f"{found.taken:,} texts added from {source}; {found.known:,} were known"
            if found.changed:
                sentence += f"; {found.changed:,} have another text under an old id and were left as they are"
            add_event(db, now, "added", sentence)
        return found

    def set_order(self, order: str, seed: int) -> None:
        """Give every email its position from 0: as in the source, or shuffled by a stored seed."""
        with self._transaction() as db:
            intake.place(db, order, seed)

    # -- what is asked ---------------------------------------------------------------------------------------------

    def distinct_texts(self) -> int:
        """Return how many different texts the emails hold."""
        return distinct_texts(self._db)

    def task(self) -> Task:
        """Return the active task."""
        return task_of(self._db, self.task_version, self.path)

    def activate(
        self, task: Task, *, by: str, now: float, view_of: tasks.ViewOf | None = None, command_id: str | None = None
    ) -> tasks.Activated:
        """Activate a version of the task. Labels stay; pending emails are asked with it from now on.

        ``view_of`` makes the texts anew where the version sends others; ``command_id`` is that of the command.
        """
        before = self.task()
        with self._transaction() as db:
            activated = tasks.activate(db, task, before, by=by, now=now, view_of=view_of, command_id=command_id)
        self.task_version = task.version
        return activated

    def relabel(self, *, by: str, now: float, label: str | None = None, email_ids: Sequence[int] | None = None) -> int:
        """Requeue emails that an older version of the task labeled: all, those of a label, or those with these numbers.

        Returns how many moved. Their labels stay on record.
        """
        with self._transaction() as db:
            return tasks.relabel(db, self.task_version, label=label, email_ids=email_ids, by=by, now=now)

    def set_base_url(self, base_url: str) -> None:
        """Ask another server from now on."""
        with self._transaction() as db:
            db.execute("UPDATE run SET base_url = ?", (base_url,))
        self.base_url = base_url

    # -- what it costs ---------------------------------------------------------------------------------------------

    def budget(self) -> Budget:
        """Return what the run may spend."""
        return budget_of(self._db.execute("SELECT budget FROM run").fetchone()[0])

    def set_budget(self, budget: Budget, *, now: float) -> None:
        """Let the run spend so much from now on."""
        with self._transaction() as db:
            db.execute("UPDATE run SET budget = ?", (json.dumps(asdict(budget)),))
            add_event(db, now, "budget", f"budget set: {budget.words}")

    def concurrency(self) -> int | None:
        """Return how many calls at once a person chose; None where the number is found by itself."""
        chosen = self._db.execute("SELECT concurrency FROM run").fetchone()[0]
        return int(chosen) if chosen is not None else None

    def set_concurrency(self, most: int | None, *, now: float) -> None:
        """Have so many calls at once from now on, or let the number be found."""
        with self._transaction() as db:
            db.execute("UPDATE run SET concurrency = ?, at_once = ?", (most, most))
            add_event(db, now, "concurrency", f"calls at once: {'automatic' if most is None else most}")

    def outcomes(self) -> dict[str, int]:
        """Return how many calls ended in which way."""
        return group(all_totals(self._db), "outcome")

    def pending_texts(self) -> tuple[int, float]:
        """Return texts that are left to ask about (each once, where copies share an answer), and their mean length.

        Counted while they are few, estimated from a sample while they are many.
        """
        return estimated_texts(self._db, dedupe=self.dedupe)

    def spent(self) -> tuple[int, int, float]:
        """Return prompt tokens, completion tokens and seconds at work so far."""
        return total(self._db, "prompt_tokens"), total(self._db, "completion_tokens"), worked_s(self._db)

    # -- epochs of workers ----------------------------------------------------------------------------------------

    def begin_epoch(self, *, now: float, pid: int, host: str) -> Resumption:
        """Take the run over: a new epoch, proof of what was there, and how the last worker ended."""
        with immediately(self._db):
            resumption = epochs.begin(self._db, task_version=self.task_version, now=now, pid=pid, host=host)
        self.epoch = resumption.epoch
        return resumption

    def beat(self, beat: Beat, *, now: float) -> None:
        """Write the heartbeat and what the worker is doing."""
        with self._transaction() as db:
            epochs.beat(db, beat, now=now)

    def end_epoch(self, state: RunState, reason: str, *, now: float, wanted: str | None = None) -> None:
        """Record how the worker ended. The epoch stays, so that nothing of it writes afterwards unseen."""
        with self._transaction() as db:
            epochs.end(db, state, reason, now=now, wanted=wanted)

    # -- work ------------------------------------------------------------------------------------------------------

    def pending(self, *, after: int, limit: int, asked: bool | None = None) -> list[PendingEmail]:
        """Return pending emails behind position ``after``, in work order, with what interrupted conversations left.

        Without those that an open batch holds; ``asked`` picks those that were asked about, or those that were not.
        """
        return pending_emails(
            self._db, after=after, limit=limit, task_version=self.task_version, asked=asked, dedupe=self.dedupe
        )

    def is_pending(self, email_id: int) -> bool:
        """Return whether an email is pending."""
        row = self._db.execute("SELECT state = 'pending' FROM email WHERE id = ?", (email_id,)).fetchone()
        return bool(row and row[0])

    def answered_email(self, skip: int) -> PendingEmail | None:
        """Return an email that the model labeled, the newest but ``skip``."""
        return answered_email(self._db, task_version=self.task_version, skip=skip)

    def labeled_email(self, email_id: int) -> tuple[PendingEmail, str] | None:
        """Return an email that the model labeled, as it would be asked about, and its label; None where it has none."""
        return labeled_email(self._db, email_id, task_version=self.task_version)

    def copy_from_twin(self, email: PendingEmail, *, now: float) -> bool:
        """Settle an email from the model's label of one with the same text, if there is one; no call is made."""
        if not (self.dedupe and email.answered):
            return False
        twin = settle.label_of_text(self._db, email.content_hash, self.task_version)
        if twin is None:
            return False
        with self._transaction() as db:
            return settle.copy_to(db, email.id, twin, task_version=self.task_version, now=now)

    def commit(self, answers: Sequence[Answer], *, now: float) -> int:
        """Commit answers whole, and return how many emails they settled (copies included)."""
        with self._transaction() as db:
            return settle.commit(
                db, answers, epoch=self.epoch, task_version=self.task_version, dedupe=self.dedupe, now=now
            )

    def fail(self, email_id: int, failure: str, *, reasks: int, now: float) -> int:
        """Fail an email (and those with the same text) that no call can be made for; returns how many failed."""
        with self._transaction() as db:
            return settle.fail_unasked(db, email_id, failure, reasks=reasks, dedupe=self.dedupe, now=now)

    # -- batches ---------------------------------------------------------------------------------------------------

    def lane(self) -> LaneChoice:
        """Return the lane of the run."""
        return run_rows.lane_of(self._db)

    def choose_lane(self, choice: LaneChoice, sentence: str, *, now: float) -> None:
        """Ask in another way from now on."""
        with self._transaction() as db:
            parcels.choose_lane(db, choice, sentence, now=now)

    def parcels(self, *, only_open: bool = True) -> list[Parcel]:
        """Return the batches of the run, oldest first."""
        return run_rows.parcels(self._db, only_open=only_open)

    def pack(self, parcel: Parcel, email_ids: Sequence[int]) -> None:
        """Commit a batch with its emails before anything of it is sent."""
        with self._transaction() as db:
            parcels.pack(db, parcel, email_ids)

    def change_parcel(self, parcel_id: int, **values: object) -> None:
        """Write what became known of a batch."""
        with self._transaction() as db:
            parcels.change(db, parcel_id, values)

    def parcel_emails(self, parcel_id: int, email_ids: Sequence[int] | None = None) -> list[PendingEmail]:
        """Return those of these emails (or all) that still wait for the batch."""
        wanted = run_rows.email_ids_of(self._db, parcel_id) if email_ids is None else email_ids
        return emails_of_parcel(self._db, parcel_id, wanted, self.task_version)

    def gather(self, parcel_id: int, answers: Sequence[Answer], *, now: float) -> int:
        """Commit answers of a batch, and that their emails wait for it no longer, in one transaction."""
        with self._transaction() as db:
            settled = settle.commit(
                db, answers, epoch=self.epoch, task_version=self.task_version, dedupe=self.dedupe, now=now
            )
            parcels.answered(db, parcel_id, [answer.attempt.email_id for answer in answers])
        return settled

    def close_parcel(self, parcel_id: int, state: str, reason: str, *, now: float) -> int:
        """End a batch, and make what it did not answer pending again; returns how many emails that are."""
        with self._transaction() as db:
            returned = parcels.close(db, parcel_id, state, reason)
            add_event(db, now, "batch", reason)
        return returned

    def waiting_in_batches(self) -> int:
        """Return how many emails wait for open batches: less those that were gathered already."""
        return int(self._db.execute("SELECT count(*) FROM parcel_email WHERE done = 0").fetchone()[0])

    def batch_spent(self) -> tuple[int, int]:
        """Return prompt tokens and completion tokens of batches, which cost half; they are part of :meth:`spent`."""
        return total(self._db, "lane:batch:prompt_tokens"), total(self._db, "lane:batch:completion_tokens")

    def mean_completion(self) -> float | None:
        """Return the mean tokens of an answer so far, or None where fewer than 20 calls were answered."""
        answered = group(all_totals(self._db), "outcome").get("answered", 0)
        return total(self._db, "completion_tokens") / answered if answered >= 20 else None

    def was_in_batch(self, email_id: int) -> bool:
        """Return whether a batch answered about an email."""
        query = "SELECT 1 FROM attempt WHERE email_id = ? AND lane = 'batch' LIMIT 1"
        return self._db.execute(query, (email_id,)).fetchone() is not None

    def asked_in_version(self) -> int:
        """Return how many texts got a label of the model in the active version of the task, or failed."""
        return asked_in_version(self._db)

    def batches_took_s(self) -> float | None:
        """Return how long batches took at the server so far: the median; None where none was done."""
        return batches_took_s(self._db)

    def batch_refusals(self, parcel: Parcel) -> int:
        """Return how many questions of a batch were answered with an error."""
        row = self._db.execute(
            "SELECT count(*) FROM parcel_email AS p JOIN attempt AS a ON a.email_id = p.email_id"
            " WHERE p.parcel_id = ? AND a.lane = 'batch' AND a.started_at = ?"
            " AND a.outcome NOT IN (SELECT value FROM json_each(?))",
            (parcel.id, parcel.sent_at, json.dumps([Outcome.ANSWERED, Outcome.REFUSED, *BAD_ANSWERS])),
        ).fetchone()
        return int(row[0])

    def live_rate(self) -> float | None:
        """Return texts a second that live calls have answered of late, or None where too few were made."""
        count, first, last = self._db.execute(
            "SELECT count(*), min(started_at), max(started_at + latency_s) FROM (SELECT started_at, latency_s"
            " FROM attempt WHERE lane = 'live' AND outcome = 'answered' ORDER BY id DESC LIMIT 100)"
        ).fetchone()
        return count / (last - first) if count >= 20 and last > first else None

    # -- people ----------------------------------------------------------------------------------------------------

    def rejudge(self, judge: rejudging.JudgeOf, *, by: str, now: float) -> tuple[int, int]:
        """Label failed emails by their stored answers; return how many were labeled, and how many had failed."""
        with self._transaction() as db:
            return rejudging.rejudge(db, self.task_version, judge, dedupe=self.dedupe, by=by, now=now)

    def rejudgeable(self, judge: rejudging.JudgeOf) -> int:
        """Return how many failed emails have stored answers that hold a label by this rule."""
        return sum(1 for _ in rejudging.rejudged(self._db, self.task_version, judge))

    def put_right(self, *, now: float) -> int:
        """Write totals and cursor as the rows give them; returns how many numbers were wrong."""
        with self._transaction() as db:
            wrong = put_right(db)
            if wrong:
                add_event(db, now, "repair", f"{counted(wrong, 'total')} put right from the rows")
        return wrong

    # -- quality ---------------------------------------------------------------------------------------------------

    def review(self, answers: Sequence[reviews.ReviewAnswer], *, now: float) -> int:
        """Record people's blind answers, and the sample that they belong to; returns how many are new."""
        with self._transaction() as db:
            return reviews.add_answers(db, answers, task_version=self.task_version, now=now)

    def withdraw_review(self, annotator: str, *, now: float) -> int | None:
        """Take this annotator's newest answer back; returns its email, or None where there is none."""
        with self._transaction() as db:
            return reviews.withdraw_answer(db, annotator, now=now)

    def plan_second_looks(self, annotator: str, batch: int, email_ids: Sequence[int]) -> None:
        """Keep which emails of a batch come back."""
        with self._transaction() as db:
            reviews.plan_second_looks(db, annotator, batch, email_ids)

    def begin_sample(self, seed: int, *, now: float) -> None:
        """Begin the random sample with a given seed; a sample that was begun keeps its own."""
        with self._transaction() as db:
            reviews.begin_sample(db, seed, now=now)

    def grow_sample(self, *, goal: int | None, top_up: bool, now: float) -> Sample:
        """Raise the sample's goal, or the rates of rare labels; returns the sample."""
        with self._transaction() as db:
            return reviews.grow_sample(db, goal=goal, top_up=top_up, task_version=self.task_version, now=now)

    def add_gold(self, name: str, labels: Sequence[tuple[int, str]], *, now: float) -> int:
        """Keep labels from elsewhere under a name; returns how many are new or changed."""
        with self._transaction() as db:
            return reviews.add_gold(db, name, labels, now=now)

    def watches(self) -> WatchSet:
        """Return the watches as the run file's asks leave them."""
        return watches_of(self._db, self.path)

    def pack_size(self) -> int:
        """Return how many emails a pack holds now."""
        return pack_size_of(self._db, self.task())

    def pack_control(self) -> PackControl | None:
        """Return the control of packs as the run file leaves it; None where the task has none."""
        return pack_control_of(self._db, self.task())

    def set_pack_size(self, size: int, reason: str, *, now: float) -> None:
        """Let packs hold so many emails from now on, for a reason."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO pack_size(task_version, size, after_label, at, reason)"
                " VALUES (?, ?, (SELECT coalesce(max(id), 0) FROM label), ?, ?)",
                (self.task_version, size, now, reason),
            )
            add_event(db, now, "packs", reason)

    def raised_watches(self) -> frozenset[str]:
        """Return the watches whose alarm stands."""
        return raised_watches(self._db)

    def raise_alarm(self, reading: Reading, *, now: float) -> None:
        """Record an alarm, unless one of its watch stands."""
        with self._transaction() as db:
            reviews.raise_alarm(
                db, reading.watch.value, reading.sentence, asks=(reading.from_ask, reading.to_ask),
                statistic=reading.statistic, limit=reading.limit, now=now,
            )  # fmt: skip

    def dismiss_alarm(self, watch: str, *, by: str, note: str, now: float) -> bool:
        """Mark the open alarm of a watch as dismissed; False where there is none."""
        with self._transaction() as db:
            return reviews.dismiss_alarm(db, watch, by=by, note=note, now=now)

    def relabel_window(self, watch: str, *, by: str, now: float) -> int:
        """Requeue what the open alarm of a watch casts doubt on, and dismiss it; returns how many are pending."""
        with self._transaction() as db:
            return reviews.relabel_window(db, watch, task_version=self.task_version, by=by, now=now)

    # -- events and commands -----------------------------------------------------------------------------------------

    def add_event(self, kind: str, text: str, *, now: float, email_id: int | None = None, key_alias: str = "") -> None:
        """Record an event that people should see in *Recent*."""
        with self._transaction():
            add_event(self._db, now, kind, text, email_id, key_alias)

    def acknowledge(
        self, command: CommandRow, argument: str, result: str, *, now: float, wanted: str | None = None
    ) -> None:
        """Record a command as handled, with the argument to keep and with what came of it."""
        with self._transaction() as db:
            db.execute(
                "INSERT OR REPLACE INTO command(id, kind, argument, requested_at, requested_by, acknowledged_at,"
                " result) VALUES (?, ?, ?, ?, ?, ?, ?)",
                (command.id, command.kind, argument, command.requested_at, command.requested_by, now, result),
            )
            if wanted is not None:
                db.execute("UPDATE run SET wanted = ?", (wanted,))

    def knows_command(self, command_id: str) -> bool:
        """Return whether a command was answered before."""
        return run_rows.answer_to(self._db, command_id) is not None

    @property
    def pending_count(self) -> int:
        """Return how many emails are pending."""
        return total(self._db, f"state:{EmailState.PENDING}")

    @property
    def email_count(self) -> int:
        """Return how many emails the run has, whatever their state."""
        return sum(group(all_totals(self._db), "state").values())

    @property
    def failed_count(self) -> int:
        """Return how many emails failed."""
        return total(self._db, f"state:{EmailState.FAILED}")
