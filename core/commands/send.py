"""What a person may ask of a run, the same way from the console and from the command line.

How a command gets there, and its answer back, is ``core.commands.post``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from core.commands.post import SentCommand, do_or_send, send
from core.errors import UsageError
from core.llm.task import task_to_json
from core.model import MOST_IN_A_WISH, Budget, RunState, Snapshot, Task
from core.settings import Settings, operator
from core.storage.file.lock import is_locked
from core.storage.file.rows import budget_words
from core.storage.reading.reader import RunReader
from core.storage.writing.tasks import sends_otherwise
from core.worker import supervisor
from core.worker.supervisor import is_ending, when_ended

if TYPE_CHECKING:
    from core.storage.writing.store import Store


def start(path: Path, settings: Settings, *, only: int | None = None) -> SentCommand:
    """Start a worker; one that is there and paused goes on. With ``only`` it pauses after so many different texts.

    A worker that is ending is waited for: it would take the command to go on for nothing.

    Raises:
        RunBusyError: it still has calls out after 15 seconds.
    """
    before = when_ended(path)
    if before.worker.alive:
        if only is not None and before.state is not RunState.STALE:
            sentence = f"{path.stem} is asked to try {only:,}, then to pause."
            return send(path, "try", sentence, str(only), anew=lambda: start(path, settings, only=only))
        if before.state is RunState.PAUSED or before.wanted == "pause":
            return resume(path, settings)
        sentence = f"A worker has {path.stem} already (pid {before.worker.pid})."
        if before.state is RunState.STALE:
            sentence += f" It is silent: {before.reason}. `labeltui stop {path.stem} --force` ends it."
        return SentCommand(None, sentence, at_once=True)
    if before.run.simulated:
        from core.runs.demo import ensure_simulator  # noqa: PLC0415 - only simulated runs need one

        ensure_simulator(path, settings)
    started = supervisor.start(path, settings, only=only)
    if started.ended:
        return SentCommand(None, f"Nothing is left to ask in {path.stem}.", at_once=True)
    then = f" It tries {only:,} and pauses." if only is not None else ""
    return SentCommand(
        None, f"The worker of {path.stem} works (pid {started.pid}); it outlives this terminal.{then}", at_once=True
    )


def pause(path: Path) -> SentCommand:
    """Let no new call go out."""
    if not is_locked(path):
        _snapshot(path)  # refuses what is no run file
        return SentCommand(
            None, f"{path.stem} has no worker: nothing is being asked, so nothing needs a pause.", at_once=True
        )
    return send(path, "pause", f"Pause of {path.stem} requested.", anew=lambda: pause(path))


def resume(path: Path, settings: Settings) -> SentCommand:
    """Go on; a run without a worker gets one."""
    if not is_locked(path) or is_ending(_snapshot(path)):
        return start(path, settings)
    return send(path, "resume", f"{path.stem} is asked to go on.", anew=lambda: resume(path, settings))


def stop(path: Path) -> SentCommand:
    """End the worker when the calls that are out have come home; a second command cuts them off."""
    if not is_locked(path):
        _snapshot(path)  # refuses what is no run file
        return SentCommand(None, f"{path.stem} has no worker: there is nothing to stop.", at_once=True)
    return send(path, "stop", f"Stop of {path.stem} requested.", anew=lambda: stop(path))


def kill(path: Path) -> SentCommand:
    """End a worker that does not listen any more, at once; the run goes on with the next start.

    Raises:
        LabeltuiError: no process of this machine can be proven to be the worker.
    """
    from core.worker.kill import kill_holder  # noqa: PLC0415 - hardly ever needed

    pid = kill_holder(path)
    if pid is None:
        return SentCommand(None, f"{path.stem} has no worker: there is nothing to kill.", at_once=True)
    return SentCommand(
        None,
        f"The worker of {path.stem} (pid {pid}) was killed. What was committed is kept; calls that were out are asked"
        f" again, and may be paid for twice. `labeltui start {path.stem}` goes on.",
        at_once=True,
    )


def retry(path: Path, email_id: int | None = None, *, email_ids: Sequence[int] | None = None) -> SentCommand:
    """Put one failed email, these, or all of them, back in line.

    Raises:
        UsageError: too many are named.
    """
    named = [email_id] if email_id is not None else email_ids
    argument = "" if named is None else " ".join(str(number) for number in _bounded(named))

    def do(store: Store, now: float) -> str:
        moved = store.requeue(now=now, by=operator(), email_ids=named)
        if not moved:
            return "nothing that failed was found; nothing was changed"
        return f"{moved} failed email{'' if moved == 1 else 's'} back in line; the next worker asks about them"

    return do_or_send(path, "retry", argument, do)


def skip(path: Path, email_ids: Sequence[int], *, back: bool = False) -> SentCommand:
    """Take emails out of the line, so that nothing is asked about them, or put skipped ones ``back``.

    Raises:
        UsageError: too many are named.
    """
    argument = json.dumps({"email_ids": list(_bounded(email_ids)), "back": back})

    def do(store: Store, now: float) -> str:
        moved = store.skip(email_ids, back=back, by=operator(), now=now)
        if not moved:
            return "nothing to skip was found; nothing was changed"
        return f"{moved} email{'' if moved == 1 else 's'} {'back in line' if back else 'skipped'}"

    return do_or_send(path, "skip", argument, do)


def _bounded(email_ids: Sequence[int]) -> Sequence[int]:
    if len(email_ids) > MOST_IN_A_WISH:
        raise UsageError(f"{len(email_ids):,} emails are too many for one command: {MOST_IN_A_WISH:,} are the most.")
    return email_ids


def label(
    path: Path, email_ids: int | Sequence[int], value: str, *, note: str = "", annotator: str | None = None
) -> SentCommand:
    """Give one or more emails a person's label.

    Raises:
        UsageError: the task knows no such label, or too many are named.
    """
    with RunReader(path) as reader:
        allowed = [meaning.value for meaning in reader.task().labels]
    if value not in allowed:
        raise UsageError(f"{value!r} is no label of this task. Choose {' or '.join(allowed)}.")
    named = list(_bounded([email_ids] if isinstance(email_ids, int) else email_ids))
    who = annotator or operator()
    argument = json.dumps({"email_ids": named, "value": value, "note": note, "annotator": who})

    def do(store: Store, now: float) -> str:
        return store.label_by_person(named, value, annotator=who, note=note, now=now)

    return do_or_send(path, "label", argument, do)


def set_task(path: Path, task: Task) -> SentCommand:
    """Put a version of the task in force: what is in line is asked with it from now on, and no label is touched.

    Raises:
        UsageError: it is in force already, or sends other texts, which a living worker cannot change to.
    """
    with RunReader(path) as reader:
        before = reader.task()
    if task == before:
        raise UsageError(f"This is the task in force in {path.stem} already ({task.version[:8]}). Nothing was changed.")
    resent = sends_otherwise(before, task)
    if resent and is_locked(path):
        raise UsageError(
            f"This version sends another text of each email (fields, truncate_at), and all texts of {path.stem} are"
            f" made anew for that. Stop its worker first (`labeltui stop {path.stem}`), then start it again."
        )

    def do(store: Store, now: float) -> str:
        view_of = None
        if resent:
            from core.runs.views import viewer  # noqa: PLC0415 - the parsers are wanted for new texts only

            view_of = viewer(task)
        return store.enact(task, by=operator(), now=now, view_of=view_of).sentence

    return do_or_send(path, "task", task_to_json(task), do)


def ask_again(path: Path, *, label: str | None = None, email_ids: Sequence[int] | None = None) -> SentCommand:
    """Put emails back in line that an older version of the task labeled: all, those of a label, or of these.

    Their labels stay on record; emails that a person labeled are left alone.

    Raises:
        UsageError: too many are named.
    """
    named = None if email_ids is None else list(_bounded(email_ids))

    def do(store: Store, now: float) -> str:
        moved = store.ask_again(by=operator(), now=now, label=label, email_ids=named)
        if not moved:
            return "no label by an older version of the task was found there; nothing was changed"
        return f"{moved:,} email{'' if moved == 1 else 's'} in line again; their labels so far stay on record"

    return do_or_send(path, "again", json.dumps({"label": label, "email_ids": named}), do)


def note(path: Path, email_ids: Sequence[int], text: str) -> SentCommand:
    """Put a person's note on emails; nothing else about them changes.

    Raises:
        UsageError: the note is empty, or too many are named.
    """
    named, who = list(_bounded(email_ids)), operator()
    if not text.strip():
        raise UsageError("The note is empty. Say what should stand there.")

    def do(store: Store, now: float) -> str:
        return store.note_by_person(named, text, author=who, now=now)

    argument = json.dumps({"email_ids": named, "text": text, "author": who})
    return do_or_send(path, "note", argument, do)


def undo(path: Path) -> SentCommand:
    """Undo what the person at the keyboard did last to emails of this run: a label, a note, a skip, a retry."""
    who = operator()

    def do(store: Store, now: float) -> str:
        undone = store.undo(by=who, now=now)
        return undone.sentence if undone else "There was nothing to undo."

    return do_or_send(path, "undo", who, do)


def set_budget(path: Path, budget: Budget) -> SentCommand:
    """Let the run spend so much before it pauses itself."""

    def do(store: Store, now: float) -> str:
        store.set_budget(budget, now=now)
        return f"{path.stem} may spend: {budget_words(budget)}"

    return do_or_send(path, "budget", json.dumps(asdict(budget)), do)


def keys_changed(path: Path) -> SentCommand | None:
    """Tell a living worker to look at the keys now; it would notice within a second anyway."""
    if not is_locked(path):
        return None
    return send(path, "keys", "The worker is told.")


def swap(path: Path, settings: Settings) -> SentCommand:
    """Go on to the next key: the one in use goes out of use, the next one is asked first.

    Raises:
        KeysError: there is no other key.
    """
    if is_locked(path):
        return send(path, "swap", "A swap of keys is requested.", anew=lambda: swap(path, settings))
    from core.quota.keys.store import KeyStore  # noqa: PLC0415 - only where no worker does it
    from core.quota.keys.swap import chosen_swap  # noqa: PLC0415

    with RunReader(path) as reader:
        model, base_url = reader.task().model.model, reader.base_url()
    with KeyStore.from_settings(settings, base_url) as keys:
        chosen = chosen_swap(keys.statuses(model, time.time()), {})
        keys.swap(chosen)
    return SentCommand(None, f"{chosen.sentence}.", at_once=True)


def _snapshot(path: Path) -> Snapshot:
    with RunReader(path) as reader:
        return reader.snapshot(time.time())
