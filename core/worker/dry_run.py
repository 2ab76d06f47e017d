"""Ask a version of the task that is not active about a few emails, and keep nothing of it: a dry run.

It takes no lock and writes nothing into the run file. Its calls are real: they go out with the operator's keys, through
the same ledger as a worker's, and count there. It is a process of its own, because the validation takes seconds and
120 MB to load: ``python -m core.worker.dry_run RUN COUNT``, with the task as JSON on standard input, writes a JSON
object a line for each email that has come to its end.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from core.errors import LabeltuiError, NoUsableKeyError
from core.llm.task import fixed_chars, task_from_json
from core.model import DryRunResult, PendingEmail, SampledEmail, Task, Wait, exits
from core.quota.keys.store import KeyStore
from core.quota.pacing.grants import Candidate, Never, NoKeys
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from core.storage.reading.sampling import sample
from core.worker.clients import ClientPool, build_guard
from core.worker.pacer import AnyPacer, Permit
from core.worker.process import broker_for
from core.worker.retries import RetryPolicy
from core.worker.settle import FAILURE_CHARS, Asks, Exchange, Judges, LocalFleet, Settlement

AT_ONCE = 8
"""Calls in flight at the same time, at most."""
TRIES = 3
"""Errors of server or network after which an email is given up."""
PATIENCE_S = 180.0
"""How long a dry run waits for quotas and answers, all in all."""
_TICK_S = 0.2


@dataclass(slots=True)
class _Conversation:
    sampled: SampledEmail
    email: PendingEmail
    calls: int = 0
    tokens: int = 0


class DryRun:
    """Ask about the emails of a sample; ``ended`` is called for each as soon as it has come to its end."""

    def __init__(
        self,
        task: Task,
        broker: AnyPacer,
        guard: Judges,
        client_of: Callable[[Any], Asks],
        clock: Callable[[], float],
        ended: Callable[[DryRunResult], None],
    ) -> None:
        self._task = task
        self._broker = broker
        self._clock = clock
        self._ended = ended
        self._retries = RetryPolicy(tries_most=TRIES)
        self._exchange = Exchange(
            task=task, fleet=LocalFleet(client_of, guard), pacer=broker, clock=clock, retries=self._retries
        )
        self._waiting: deque[_Conversation] = deque()
        self._over = ""

    async def run(self, emails: Sequence[tuple[SampledEmail, str]], *, patience_s: float = PATIENCE_S) -> None:
        """Ask about each email, given with the text that the task sends of it.

        Raises:
            NoUsableKeyError: there is no key to ask with.
            LabeltuiError: the server will never answer questions like these.
        """
        self._waiting = deque(
            _Conversation(email, PendingEmail(email.id, place, email.source_id, email.subject, text, ""))
            for place, (email, text) in enumerate(emails)
        )
        out: set[asyncio.Task[None]] = set()
        until = self._clock() + patience_s
        try:
            while (self._waiting or out) and not self._over and self._clock() < until:
                self._send(out)
                if out:
                    done, out = await asyncio.wait(out, timeout=_TICK_S, return_when=asyncio.FIRST_COMPLETED)
                    for call in done:
                        call.result()
                else:
                    await asyncio.sleep(_TICK_S)
                self._broker.tick()
        finally:
            for call in out:
                call.cancel()
            await asyncio.gather(*out, return_exceptions=True)
        if self._over:
            raise LabeltuiError(self._over)
        for left in self._waiting:
            self._end(left, why="no key was free for it in time")

    def _send(self, out: set[asyncio.Task[None]]) -> None:
        while self._waiting and len(out) < AT_ONCE and not self._retries.refusals.holds:
            in_order = sorted(self._waiting, key=lambda each: self._retries.stuck(each.email.id))
            decision = self._broker.next([self._candidate(each.email) for each in in_order])
            if isinstance(decision, NoKeys):
                raise NoUsableKeyError(decision.reason)
            if isinstance(decision, Wait):
                return
            chosen = next(each for each in self._waiting if each.email.id == decision.email_id)
            self._waiting.remove(chosen)
            if isinstance(decision, Never):
                self._end(chosen, why=decision.reason)
            else:
                out.add(asyncio.create_task(self._call(decision, chosen)))

    def _candidate(self, email: PendingEmail) -> Candidate:
        return Candidate(email.id, fixed_chars(self._task) + len(email.text) + 200 * len(email.bad_answers))

    async def _call(self, permit: Permit, talk: _Conversation) -> None:
        settlement = await self._exchange.ask(permit, talk.email)
        talk.email = replace(settlement.email, attempts=talk.email.attempts + 1)
        answered = settlement.attempt.raw_answer is not None
        talk.calls += answered
        talk.tokens += settlement.attempt.prompt_tokens + settlement.attempt.completion_tokens
        if settlement.run_over:
            self._over = settlement.run_over
        elif settlement.label is not None:
            self._end(talk, label=settlement.label, answer=settlement.attempt.raw_answer or "")
        elif settlement.failure is not None:
            self._end(talk, answer=settlement.attempt.raw_answer or "", why=_why(settlement))
        elif answered:
            self._waiting.appendleft(talk)
        else:
            self._waiting.append(talk)

    def _end(self, talk: _Conversation, *, label: str | None = None, answer: str = "", why: str = "") -> None:
        self._ended(DryRunResult(talk.sampled, label, answer[:500], why, talk.calls, talk.tokens))


def _why(settlement: Settlement) -> str:
    """Return the failure of an email, or the last error where there was no answer: a draft is tried to see it."""
    error = settlement.attempt.error
    unanswered = settlement.attempt.raw_answer is None
    return (error if unanswered and error else settlement.failure or "")[:FAILURE_CHARS]


def dry_run(path: Path, settings: Settings, task: Task, count: int, ended: Callable[[DryRunResult], None]) -> None:
    """Ask a task about a sample of a run's emails; blocks until all have come to their end.

    Raises:
        LabeltuiError: nothing can be asked, or not any more.
    """
    from core.mail.message import view_by  # noqa: PLC0415 - the parsers are wanted for another task's texts

    with RunReader(path) as reader:
        base_url = reader.base_url() or settings.base_url
    emails = [(email, view_by(task, raw).text) for email, raw in sample(path, count)]

    async def ask() -> None:
        clients = ClientPool(base_url, task)
        try:
            await DryRun(task, broker, guard, clients.of, time.time, ended).run(emails)
        finally:
            await clients.aclose()

    guard = build_guard(task)
    guard.prepare()
    with KeyStore.from_settings(settings, base_url) as keys:
        broker = broker_for(keys, task)
        try:
            asyncio.run(ask())
        finally:
            broker.close()


def main() -> int:
    """Run as a process: results as JSON lines; an error is the last line, as ``{"error": "…"}``."""

    def tell(told: object) -> None:
        print(json.dumps(told), flush=True)  # noqa: T201 - a pipe to whoever began it

    path, count = Path(sys.argv[1]), int(sys.argv[2])
    try:
        task = task_from_json(sys.stdin.read())
        dry_run(path, load_settings().for_run(path), task, count, lambda result: tell(asdict(result)))
    except LabeltuiError as error:
        tell({"error": str(error)})
        return exits.NO_KEY if isinstance(error, NoUsableKeyError) else exits.FAILED
    except BrokenPipeError:
        return exits.FAILED
    return exits.DONE


if __name__ == "__main__":
    sys.exit(main())
