"""A dry run: a version of the task that is not in force is asked about a few emails, and nothing of it is kept.

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
from dataclasses import asdict, dataclass, field
from pathlib import Path

from core import exits
from core.errors import CallError, LabeltuiError, NoUsableKeyError, Remedy
from core.llm.task import fixed_chars, messages, reask_messages, task_from_json
from core.model import DryRunResult, SampledEmail, Task, Wait
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys
from core.settings import Settings, load_settings
from core.storage.reading.reader import RunReader
from core.storage.reading.sampling import sample
from core.worker.asking import Asks, Judges
from core.worker.process import ClientPool, broker_for, build_guard
from core.worker.reasons import refused, unusable

AT_ONCE = 8
"""Calls that are out at the same time, at most."""
TRIES = 3
"""Errors of server or line after which an email is given up."""
PATIENCE_S = 180.0
"""How long a dry run waits for quotas and answers, all in all."""
_TICK_S = 0.2


@dataclass(slots=True)
class _Conversation:
    email: SampledEmail
    text: str
    bad_answers: list[tuple[str, str]] = field(default_factory=list)
    calls: int = 0
    tries: int = 0
    tokens: int = 0


class DryRun:
    """Asks about the emails of a sample; ``ended`` hears of each as soon as it has come to its end."""

    def __init__(
        self,
        task: Task,
        broker: Broker,
        guard: Judges,
        client_of: Callable[[Grant], Asks],
        clock: Callable[[], float],
        ended: Callable[[DryRunResult], None],
    ) -> None:
        self._task = task
        self._broker = broker
        self._guard = guard
        self._client_of = client_of
        self._clock = clock
        self._ended = ended
        self._waiting: deque[_Conversation] = deque()
        self._over: CallError | None = None

    async def run(self, emails: Sequence[tuple[SampledEmail, str]], *, patience_s: float = PATIENCE_S) -> None:
        """Ask about each email, given with the text that the task sends of it.

        Raises:
            NoUsableKeyError: there is no key to ask with.
            CallError: the server will never answer questions like these.
        """
        self._waiting = deque(_Conversation(email, text) for email, text in emails)
        out: set[asyncio.Task[None]] = set()
        until = self._clock() + patience_s
        try:
            while (self._waiting or out) and self._over is None and self._clock() < until:
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
        if self._over is not None:
            raise self._over
        for left in self._waiting:
            self._end(left, why="no key was free for it in time")

    def _send(self, out: set[asyncio.Task[None]]) -> None:
        while self._waiting and len(out) < AT_ONCE:
            decision = self._broker.next([self._candidate(each) for each in self._waiting])
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

    def _candidate(self, talk: _Conversation) -> Candidate:
        return Candidate(talk.email.id, fixed_chars(self._task) + len(talk.text) + 200 * len(talk.bad_answers))

    async def _call(self, grant: Grant, talk: _Conversation) -> None:
        asked = reask_messages(self._task, talk.text, talk.bad_answers) if talk.bad_answers else messages(
            self._task, talk.text
        )  # fmt: skip
        began = self._clock()
        try:
            reply = await self._client_of(grant).ask(asked, self._task.model)
        except CallError as error:
            self._failed(talk, error, retry=self._broker.failed(grant, error, self._clock() - began).retry_elsewhere)
            return
        except BaseException:
            self._broker.cancelled(grant)
            raise
        self._broker.answered(grant, reply.usage, reply.headers, self._clock() - began)
        talk.calls += 1
        talk.tokens += reply.usage.prompt_tokens + reply.usage.completion_tokens
        verdict = await self._guard.judge(reply)
        if verdict.label is not None:
            self._end(talk, label=verdict.label, answer=reply.text)
            return
        talk.bad_answers.append((reply.text, verdict.reason))
        if len(talk.bad_answers) > self._task.max_reasks:
            self._end(talk, answer=reply.text, why=unusable(verdict.outcome, len(talk.bad_answers)))
        else:
            self._waiting.appendleft(talk)

    def _failed(self, talk: _Conversation, error: CallError, *, retry: bool) -> None:
        if error.remedy is Remedy.STOP_RUN:
            self._over = error
            return
        talk.tries += error.remedy is not Remedy.WAIT
        if talk.tries >= TRIES or (error.remedy is Remedy.GIVE_UP and not retry):
            why = refused(error) if error.remedy is Remedy.GIVE_UP else str(error)
            self._end(talk, why=why[:300])
        else:
            self._waiting.append(talk)

    def _end(self, talk: _Conversation, *, label: str | None = None, answer: str = "", why: str = "") -> None:
        self._ended(DryRunResult(talk.email, label, answer[:500], why, talk.calls, talk.tokens))


def dry_run(path: Path, settings: Settings, task: Task, count: int, ended: Callable[[DryRunResult], None]) -> None:
    """StartDryRun a task on a sample of a run's emails; blocks until all have come to their end.

    Raises:
        LabeltuiError: nothing can be asked, or not any more.
    """
    from core.mail.message import view_of  # noqa: PLC0415 - the parsers are wanted for another task's texts

    with RunReader(path) as reader:
        base_url = reader.base_url() or settings.base_url
    emails = [
        (email, view_of(raw, fields=task.fields, truncate_at=task.truncate_at).text)
        for email, raw in sample(path, count)
    ]

    async def ask() -> None:
        clients = ClientPool(base_url)
        try:
            await DryRun(task, broker, guard, clients.of, time.time, ended).run(emails)
        finally:
            await clients.aclose()

    guard = build_guard(task)
    with KeyStore.from_settings(settings, base_url) as book:
        broker = broker_for(book, task)
        try:
            asyncio.run(ask())
        finally:
            broker.close()


def main() -> int:
    """The process: results as JSON lines; an error is the last line, as ``{"error": "…"}``."""

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
