"""Send thousands of questions in a file, answered some time later at half the price: the batch lane.

A batch is *packed* (committed to the run file with its emails before anything leaves), *sent* (uploaded and created),
*gathered* once the server is through (answers committed with the note that their emails wait no longer), and *done*.
No server supports an idempotency key, so whatever was sent without a clear reply is looked for before it is sent again:
by the nonce in a batch's metadata, by the uploaded file that it was made of, by that file's name.

An email of an open batch is not offered to live calls, and is in one open batch at most: both follow from the run file.
What a batch did not answer (expired, cancelled) goes into another one; unusable answers are followed up live.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import math
import re
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import orjson

from core.errors import CallError, ConnectionFailedError, KeyRefusedError, Remedy, ServerFailedError
from core.llm.failures import failure_of, read_refusal
from core.llm.replies import estimated_usage, reply_of
from core.llm.task import fixed_chars, messages
from core.model import BatchLimits, ChatMessage, Forecast, Parcel, PendingEmail, Reply, Task, Verdict
from core.quota.forecast.lanes import CANCEL_S, LATE_FACTOR, WINDOW_S, OutBatches, end_with_batches
from core.storage.writing.store import Answer, Store
from core.worker.queue import Queue
from core.worker.retries import Fault
from core.worker.settle import Judges, Question, settle_error, settle_reply

if TYPE_CHECKING:
    from core.llm.batches import BatchClient, BatchStatus

_log = logging.getLogger(__name__)


USUAL = BatchLimits()

MOST_BYTES = 90_000_000
"""Of a file of questions: Groq's documentation says 200 MB, its SDK 100 MB."""
GATHERED_AT_ONCE = 500
"""Answers that share a transaction."""
UNCLEAR_S = 60.0
"""Listings lag: so long after a create without a reply a batch may still turn up, and none is created again."""
FIRST_POLL_S, LONGEST_POLL_S = 60.0, 300.0
WATCH_S = 10.0
"""The time that is left is looked at so often: it takes a count and a forecast."""
RETRY_S = 30.0
"""After an error of server or network."""
FULL_S = 300.0
"""After the server had no room for another batch, where none of ours ends before."""
WINDOW = "24h"

PACKING = ("batch", "auto")
"""Lanes in which emails go into batches."""

_CHARS_A_TOKEN = 4.0
_LINE_BYTES = 1_000
_VERDICTS_MOST = 1_000
_COMPLETION_ROOM = 1.5
_ABSENT = (404, 405, 501)
_NUMBER = re.compile(rb'"custom_id": ?"labeltui/\w+/(\d{1,18})"')
"""The number of an email in a line of results."""


@dataclass(frozen=True, slots=True)
class BatchKey:
    """Hold a key that batches can be sent with."""

    alias: str
    organization: str


class BatchServer(Protocol):
    """Describe what the lane needs of keys and clients."""

    def usable_keys(self) -> Sequence[BatchKey]:
        """Return the keys that are in use, one of each organization first."""

    def client(self, alias: str) -> BatchClient | None:
        """Return the client of a key, or None where that is gone."""

    def body(self, asked: Sequence[ChatMessage]) -> Mapping[str, Any]:
        """Return the body of a request."""


@dataclass(frozen=True, slots=True)
class Reports:
    """Hold callbacks of the lane: sentences for people, committed answers, labels, failures, a spent budget."""

    noted: Callable[[str], None]
    committed: Callable[[Sequence[Answer]], None]
    labeled: Callable[[], None]
    failed: Callable[[str], None]
    over_budget: Callable[[float, float], str]
    """Why so many more tokens of batches, so many of them of answers, may not be spent, or nothing."""


class BatchLane:
    """Pack, send, check and gather batches of one run; :meth:`step` does all that can be done now.

    ``live`` returns how long live calls take for so many texts, or None where that is unknown yet.
    ``at`` is called with the name of each point at which a kill would hurt most; tests raise there.
    """

    def __init__(
        self,
        *,
        task: Task,
        store: Store,
        queue: Queue,
        server: BatchServer,
        clock: Callable[[], float],
        reports: Reports,
        limits: BatchLimits = USUAL,
        live: Callable[[float], Forecast | None] = lambda _: None,
        at: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._task = task
        self._store = store
        self._queue = queue
        self._server = server
        self._clock = clock
        self._reports = reports
        self._usual = limits
        self._live = live
        self._at = at
        self._fixed_chars = fixed_chars(task)
        self._choice = store.lane()
        self._limits = self._choice.limits(limits)
        self._closed_organizations: dict[str, str] = {}
        self._off = ""
        self._late = False
        self._tried: set[int] = set()
        self._next_at: dict[int, float] = {}
        self._verdicts: dict[tuple[str, str, str], Verdict] = {}
        self._open = store.parcels()
        self._took_s = store.batches_took_s()
        self._completion = self._expected_completion()
        self._trial_over = False
        self._watched_at = self._packs_at = self._counted_at = -math.inf
        self._left = 0
        """Texts that nobody is asked about, neither live nor in an open batch, when they were last counted."""

    # -- what the worker asks ------------------------------------------------------------------------------------------

    @property
    def open(self) -> int:
        """Return how many batches are open."""
        return len(self._open)

    @property
    def waiting(self) -> int:
        """Return how many questions are in open batches, less those that the server has answered by its own count."""
        return sum(max(0, each.total - each.completed) for each in self._open)

    @property
    def tokens(self) -> float:
        """Return the tokens that open batches may take, estimated."""
        return sum(each.tokens for each in self._open)

    @property
    def completion_tokens(self) -> float:
        """Return how many of these tokens belong to answers, which have a price of their own."""
        return self._completion * sum(each.total for each in self._open)

    @property
    def packs(self) -> bool:
        """Return whether emails go into batches now; then live calls are for the trial's and for those asked before."""
        return self._choice.lane in PACKING and not self._off and not self._late

    @property
    def asked_only(self) -> bool | None:
        """Return which pending emails live calls may ask about: None for all, True for those that were asked before."""
        return True if self.packs and not self._trial_left() else None

    @property
    def trial_room(self) -> int | None:
        """Return how many texts may be asked live at once until the trial is over; None without such a bound."""
        return (self._trial_left() or None) if self.packs else None

    @property
    def sentence(self) -> str:
        """Return a sentence on what is being waited for."""
        done = sum(each.completed for each in self._open)
        total = sum(each.total for each in self._open)
        count = f"{self.open} batch{'' if self.open == 1 else 'es'}"
        return f"waiting for {count} at the server: {done:,} of {total:,} answered"

    def ends(self) -> Forecast | None:
        """Return when the run ends: open batches are due, others follow them, and live calls ask about the rest."""
        now = self._clock()
        if not 0 <= now - self._counted_at < WATCH_S:
            self._counted_at = now
            self._left = max(0, self._store.pending_texts()[0] - self._store.waiting_in_batches())
        rest = self._left
        in_batches = max(0, rest - self._trial_left()) if self.packs else 0
        rounds = math.ceil(in_batches / (self._limits.size * self._limits.most_open))
        if not self._open and not rounds:
            return self._live(rest)
        sent = [each.sent_at or now for each in self._open]
        expire = [min(each.expires_at or math.inf, at + WINDOW_S) for each, at in zip(self._open, sent, strict=True)]
        batches = OutBatches(
            [max(0.0, now - each) for each in sent], [max(0.0, each - now) for each in expire], rounds, self._took_s
        )
        by_at = self._choice.by_at if self._choice.lane == "auto" and self.packs else None
        beside = rest - in_batches
        return end_with_batches(self._live(beside) if beside else None, batches, None if by_at is None else by_at - now)

    def choose(self) -> None:
        """Take in that the run is to ask in another way."""
        self._choice = self._store.lane()
        self._limits = self._choice.limits(self._usual)
        self._late, self._watched_at, self._packs_at = False, -math.inf, -math.inf
        if self._choice.lane in PACKING:
            self._off = ""
            self._closed_organizations.clear()
        self._queue.rescan()

    async def cancel(self) -> int:
        """Ask the server to end every open batch; what it has answered is gathered. Returns how many."""
        asked = 0
        for parcel in self._open:
            if parcel.state == "packed" and parcel.tried_at is None:
                self._close(parcel, "void", "a batch that was not sent yet was given up")
            elif parcel.batch_id is not None and (client := self._server.client(parcel.key_alias)) is not None:
                try:
                    await client.cancel(parcel.batch_id)
                except CallError as error:
                    self._reports.noted(f"a batch could not be cancelled: {error}")
                    continue
                asked += 1
                self._next_at[parcel.id] = self._clock()
        self._reload()
        return asked

    # -- one step ------------------------------------------------------------------------------------------------------

    async def step(self, guard: Judges, *, held: bool) -> float:
        """Do what can be done now, and return the seconds until something else may be; ``held``: pack nothing."""
        now = self._clock()
        await self._watch_the_time(now)
        for parcel in list(self._open):
            if self._next_at.get(parcel.id, 0.0) > now:
                continue
            try:
                await self._advance(parcel, guard)
            except CallError as error:
                self._trouble(parcel, error)
        if self.packs and not held and self._pack():
            return 0.0
        now = self._clock()
        return max(0.0, min((self._next_at.get(each.id, now) for each in self._open), default=math.inf) - now)

    async def _advance(self, parcel: Parcel, guard: Judges) -> None:
        if parcel.state == "packed":
            await self._send(parcel)
        elif parcel.state == "sent":
            await self._poll(parcel)
        if (current := self._current(parcel.id)) is not None and current.state == "gathering":
            await self._gather(current, guard)

    # -- packing -------------------------------------------------------------------------------------------------------

    def _trial_left(self) -> int:
        """Return how many texts of the live trial were not asked about yet; once there is none, there stays none."""
        if self._trial_over:
            return 0
        left = max(0, self._limits.trial - self._store.asked_in_version())
        self._trial_over = not left
        if self._trial_over and self.packs:
            self._queue.rescan()
        return left

    def _pack(self) -> bool:
        """Commit a batch of emails that nobody was asked about; False where there is none, or no room for one."""
        if self.open >= self._limits.most_open or self._trial_left():
            return False
        key = next(
            (key for key in self._server.usable_keys() if key.organization not in self._closed_organizations), None
        )
        if key is None:
            self._turn_off("; ".join(self._closed_organizations.values()) or "no key can be used")
            return False
        if 0 <= self._clock() < self._packs_at:
            return False
        chosen, tokens = self._choose_emails()
        if not chosen:
            self._packs_at = self._clock() + WATCH_S
            return False
        nonce = uuid.uuid4().hex
        now = self._clock()
        parcel = Parcel(
            id=0, nonce=nonce, state="packed", key_alias=key.alias, organization=key.organization,
            model=self._task.model.model, task_version=self._task.version, window=WINDOW, packed_at=now, tried_at=None,
            file_id=None, batch_id=None, status="", total=len(chosen), completed=0, failed=0, tokens=tokens,
            sent_at=None, expires_at=None, polled_at=None, output_file_id=None, error_file_id=None, reason="",
        )  # fmt: skip
        self._at("before packing")
        self._store.pack(parcel, [email.id for email in chosen])
        self._at("packed")
        for email in chosen:
            self._queue.forget(email.id)
        self._counted_at = -math.inf
        self._reload()
        return True

    def _choose_emails(self) -> tuple[list[PendingEmail], float]:
        """Return emails for a batch, one of each text, and the tokens that they may take, within the budget."""
        chosen: list[PendingEmail] = []
        texts: set[str] = set()
        tokens, after, size = 0.0, -1, 0
        self._completion = self._expected_completion()
        while len(chosen) < self._limits.size:
            page = self._store.pending(after=after, limit=self._limits.size, asked=False)
            if not page:
                break
            after = page[-1].position
            for email in page:
                if len(chosen) == self._limits.size:
                    break
                if self._queue.is_busy(email) or (self._store.dedupe and email.content_hash in texts):
                    continue
                if self._store.copy_from_twin(email, now=self._clock()):
                    continue
                size += 2 * self._fixed_chars + len(json.dumps(email.text)) + _LINE_BYTES
                if chosen and size > MOST_BYTES:
                    return chosen, tokens
                cost = self._estimate(email)
                if reason := self._reports.over_budget(tokens + cost, (len(chosen) + 1) * self._completion):
                    if not chosen and not self._open:
                        self._reports.noted(f"no batch fits the budget: {reason}")
                        self._turn_off(f"the rest of the budget is asked live ({reason})")
                    return chosen, tokens
                chosen.append(email)
                texts.add(email.content_hash)
                tokens += cost
        return chosen, tokens

    def _estimate(self, email: PendingEmail) -> float:
        return (self._fixed_chars + len(email.text)) / _CHARS_A_TOKEN + self._completion

    def _expected_completion(self) -> float:
        """Return the tokens of an answer with room to spare: by those of the trial, else the most that is allowed."""
        most = float(self._task.model.max_completion_tokens)
        mean = self._store.mean_completion()
        return most if mean is None else min(most, _COMPLETION_ROOM * mean)

    # -- sending -------------------------------------------------------------------------------------------------------

    async def _send(self, parcel: Parcel) -> None:
        """Upload the questions and create the batch, unless an earlier try did: that one is looked for first."""
        client = self._server.client(parcel.key_alias)
        if client is None:
            self._close(parcel, "void", f"the key {parcel.key_alias} is gone: a batch that was not sent is given up")
            return
        old = parcel.task_version != self._task.version
        if parcel.tried_at is not None:
            found, file_id = await self._find(parcel)
            if found is not None:
                self._sent(parcel, found)
                return
            left_s = parcel.tried_at + UNCLEAR_S - self._clock()
            if left_s > 0:
                self._next_at[parcel.id] = self._clock() + left_s
                return
            parcel = replace(parcel, file_id=file_id)
        if old:
            self._close(parcel, "void", "the task changed before a batch was sent: it is packed anew")
            return
        file_id = parcel.file_id
        if file_id is None:
            content = self._content(parcel)
            self._change(parcel, tried_at=self._clock())
            self._at("before upload")
            file_id = await client.upload(_name(parcel), content)
            self._at("uploaded")
        self._change(parcel, file_id=file_id, tried_at=self._clock())
        self._at("before create")
        metadata = {"labeltui_run": self._store.path.stem[:200], "labeltui_parcel": parcel.nonce}
        status = await client.create(file_id, window=parcel.window, metadata=metadata)
        self._at("created")
        self._sent(parcel, status)

    async def _find(self, parcel: Parcel) -> tuple[BatchStatus | None, str | None]:
        """Look for a batch that may have been made: with each organization's key, since it belongs to one of them."""
        file_id = None
        aliases = [
            parcel.key_alias,
            *(key.alias for key in self._server.usable_keys() if key.alias != parcel.key_alias),
        ]
        for alias in aliases:
            client = self._server.client(alias)
            if client is None:
                continue
            try:
                own = await client.file_named(_name(parcel))
                async for each in client.batches(parcel.packed_at - 3_600.0):
                    mine = each.nonce == parcel.nonce or each.input_file_id in (own, parcel.file_id or own)
                    if mine and each.status != "failed":
                        if alias != parcel.key_alias:
                            self._change(parcel, key_alias=alias)
                        return each, own
            except KeyRefusedError:
                if alias == parcel.key_alias:
                    raise
                continue
            file_id = own if alias == parcel.key_alias else file_id
        return None, file_id or parcel.file_id

    def _content(self, parcel: Parcel) -> bytes:
        lines = []
        for email in self._store.parcel_emails(parcel.id):
            body = self._server.body(messages(self._task, email.text))
            line = {
                "custom_id": f"labeltui/{parcel.nonce}/{email.id}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": body,
            }
            lines.append(json.dumps(line, ensure_ascii=True))
        return ("\n".join(lines) + "\n").encode()

    def _sent(self, parcel: Parcel, status: BatchStatus) -> None:
        self._change(
            parcel, state="sent", batch_id=status.id, file_id=status.input_file_id or parcel.file_id, tried_at=None,
            status=status.status, sent_at=self._clock(), expires_at=status.expires_at,
        )  # fmt: skip
        self._at("sent")
        self._next_at[parcel.id] = self._clock() + (0.0 if status.ended else FIRST_POLL_S)

    # -- looking after -------------------------------------------------------------------------------------------------

    async def _poll(self, parcel: Parcel) -> None:
        client = self._server.client(parcel.key_alias)
        if client is None or parcel.batch_id is None:
            self._next_at[parcel.id] = self._clock() + LONGEST_POLL_S  # its key may come back
            return
        status = await client.batch(parcel.batch_id)
        now = self._clock()
        self._change(
            parcel, status=status.status, completed=status.completed, failed=status.failed, polled_at=now,
            expires_at=status.expires_at or parcel.expires_at,
        )  # fmt: skip
        if not status.ended:
            since_s = now - (parcel.sent_at or now)
            self._next_at[parcel.id] = now + min(LONGEST_POLL_S, max(FIRST_POLL_S, since_s / 10))
        elif status.status == "failed" and status.output_file_id is None:
            self._not_taken(parcel, status)
        else:
            self._change(
                parcel, state="gathering", output_file_id=status.output_file_id, error_file_id=status.error_file_id
            )
            self._at("ended")

    def _not_taken(self, parcel: Parcel, status: BatchStatus) -> None:
        """Handle a batch that failed as a whole: for want of room it is tried again later, else it is given up."""
        if status.code == "token_limit_exceeded":
            self._change(parcel, state="packed", batch_id=None, tried_at=None, status="waiting for room")
            self._next_at[parcel.id] = self._clock() + (FIRST_POLL_S if self.open > 1 else FULL_S)
            return
        self._close(parcel, "void", f"the server did not take a batch of {parcel.total:,}: {status.why or status.code}")
        self._turn_off(f"a batch failed: {status.why or status.code}")

    async def _watch_the_time(self, now: float) -> None:
        """End the batches and ask the rest live where the time to be done by comes near."""
        if 0 <= now - self._watched_at < WATCH_S:
            return
        self._watched_at = now
        by_at = self._choice.by_at
        # Before the trial is over nothing is known of the server's speed, and texts are asked live anyway.
        if self._choice.lane == "auto" and by_at is not None and not self._late and not self._trial_left():
            left, _ = self._store.pending_texts()
            spare_s = CANCEL_S if self.packs else 0.0  # also before the first batch: one that is ended at once is waste
            needs_s = self._rest_s(left)
            if left and needs_s is not None and LATE_FACTOR * needs_s + spare_s >= by_at - now:
                self._late = True
                ended = await self.cancel()
                self._reports.noted(
                    f"time is short: {left:,} texts are left, the rest is asked live"
                    + (f" and {ended} batch{'es are' if ended != 1 else ' is'} ended" if ended else "")
                )
                self._queue.rescan()

    def _rest_s(self, texts: int) -> float | None:
        """Return the seconds that live calls take for the rest: as forecast from the quotas, or as they went of late.

        The longer of both: quotas may end what began fast, and a server may be slower than they allow.
        """
        rate = self._store.live_rate()
        forecast = self._live(texts)
        known = (forecast.high_s if forecast is not None else None, texts / rate if rate else None)
        return max((each for each in known if each is not None), default=None)

    # -- gathering -----------------------------------------------------------------------------------------------------

    async def _gather(self, parcel: Parcel, guard: Judges) -> None:
        """Commit every answer of a batch that has ended, and make the rest pending again."""
        client = self._server.client(parcel.key_alias)
        if client is None:
            self._next_at[parcel.id] = self._clock() + LONGEST_POLL_S
            return
        found = 0
        for file_id in (parcel.output_file_id, parcel.error_file_id):
            if file_id is None:
                continue
            end = "output" if file_id == parcel.output_file_id else "errors"
            path = self._store.path.with_suffix(f".{hashlib.sha256(parcel.nonce.encode()).hexdigest()[:12]}.{end}.part")
            if not path.exists():
                await client.download(file_id, path)
                self._at("downloaded")
            for lines in _chunks(path, GATHERED_AT_ONCE):
                found += await self._commit(parcel, lines, guard)
                await asyncio.sleep(0)
            path.unlink(missing_ok=True)
        self._at("gathered")
        ended = parcel.status if parcel.status in ("expired", "cancelled") else "completed"
        returned = self._close(parcel, "done", "", f"a batch of {parcel.total:,} is {ended}")
        self._at("closed")
        if returned or found < parcel.total:
            self._queue.rescan()
        for file_id in (parcel.file_id, parcel.output_file_id, parcel.error_file_id):
            if file_id is not None:
                try:
                    await client.delete(file_id)
                except CallError as error:
                    _log.info("a file of a batch was left at the server: %s", error)

    async def _commit(self, parcel: Parcel, lines: Sequence[Mapping[str, Any]], guard: Judges) -> int:
        """Commit the answers in these lines; return how many emails they label."""
        prefix = f"labeltui/{parcel.nonce}/"
        by_email: dict[int, Mapping[str, Any]] = {}
        for line in lines:
            name = line.get("custom_id")
            number = name.removeprefix(prefix) if isinstance(name, str) and name.startswith(prefix) else ""
            if number.isdecimal() and isinstance(line.get("response"), dict):
                by_email[int(number)] = line["response"]
            elif not number.isdecimal():
                _log.warning("a line of a batch names none of its texts: %.100r", name)
        answers: list[Answer] = []
        settlements = []
        for email in self._store.parcel_emails(parcel.id, list(by_email)):
            settlement = await self._settle(parcel, email, by_email[email.id], guard)
            if parcel.task_version != self._task.version:
                attempt = replace(settlement.attempt, task_version=parcel.task_version)
                settlement = replace(settlement, attempt=attempt)
            answers.append(settlement.answer)
            settlements.append(settlement)
        if answers:
            self._at("before gathering")
            self._store.gather(parcel.id, answers, now=self._clock())
            self._counted_at = -math.inf
            self._at("gathering")
            self._reports.committed(answers)
        for settlement in settlements:
            if settlement.label is not None:
                self._reports.labeled()
            elif settlement.failure is not None:
                self._reports.failed(settlement.failure)
        return sum(settlement.settled for settlement in settlements)

    async def _settle(self, parcel: Parcel, email: PendingEmail, response: Mapping[str, Any], guard: Judges) -> Any:
        """Return what a line makes of an email; after an error that is not its answer it is asked live."""
        now = self._clock()
        sent_at = parcel.sent_at or now
        latency_s = max(0.0, now - sent_at)
        question = Question(email, parcel.key_alias, parcel.organization, sent_at, latency_s, "batch")
        status, body = response.get("status_code"), response.get("body")
        headers = {"x-request-id": str(response.get("request_id") or "")}
        try:
            if status != 200:
                raise failure_of(
                    status if isinstance(status, int) else 500,
                    read_refusal(body),
                    host="the batch",
                    headers=headers,
                )
            reply = reply_of(body, headers, host="the batch")
        except CallError as error:
            return settle_error(self._task, question, error, fault=Fault.OPEN, elsewhere=True, tries=0)
        if not reply.usage.prompt_tokens:
            reply = replace(reply, usage=estimated_usage(messages(self._task, email.text), reply.text))
        return settle_reply(self._task, question, reply, await self._judged(reply, guard))

    async def _judged(self, reply: Reply, guard: Judges) -> Verdict:
        """Return the verdict on a reply; it depends on these words alone, and most answers are one of a few labels."""
        key = reply.text, reply.finish_reason, reply.refusal
        verdict = self._verdicts.get(key)
        if verdict is None:
            verdict = await guard.judge(reply)
            if len(self._verdicts) < _VERDICTS_MOST:
                self._verdicts[key] = verdict
        return verdict

    # -- keeping -------------------------------------------------------------------------------------------------------

    def _trouble(self, parcel: Parcel, error: CallError) -> None:
        """Wait, or give the batch up where its key or the server cannot have it."""
        now = self._clock()
        self._next_at[parcel.id] = now + RETRY_S
        if isinstance(error, (ConnectionFailedError, ServerFailedError)) and error.status not in _ABSENT:
            _log.info("a batch waits: %s", error)
        elif parcel.state == "packed" and error.status in _ABSENT:
            self._close(parcel, "void", "the server has no batches")
            self._turn_off(f"this server has no batch lane ({error})")
        elif parcel.state == "packed" and error.remedy in (Remedy.CHANGE_KEY, Remedy.GIVE_UP, Remedy.STOP_RUN):
            self._closed_organizations[parcel.organization] = str(error)
            self._close(parcel, "void", f"{parcel.organization} takes no batches: {error}")
        elif parcel.state == "gathering" and error.status == 404:
            self._close(parcel, "void", f"the results of a batch of {parcel.total:,} are gone at the server: {error}")
        else:
            self._next_at[parcel.id] = now + LONGEST_POLL_S
            if parcel.reason != str(error):
                self._change(parcel, reason=str(error))
                self._reports.noted(f"a batch waits: {error}")

    def _turn_off(self, reason: str) -> None:
        if not self._off:
            self._off = reason
            self._reports.noted(f"the batch lane is off: {reason}; the run goes on with live calls")
        self._queue.rescan()

    def _change(self, parcel: Parcel, **values: object) -> None:
        self._store.change_parcel(parcel.id, **values)
        self._reload()

    def _close(self, parcel: Parcel, state: str, reason: str, sentence: str = "") -> int:
        answered = ""
        if state == "done":
            waiting, refused = len(self._store.parcel_emails(parcel.id)), self._store.batch_refusals(parcel)
            errors = f"{refused:,} refused, " if refused else ""
            answered = f": {parcel.total - waiting - refused:,} answered, {errors}{waiting:,} in line again"
        returned = self._store.close_parcel(parcel.id, state, f"{sentence or reason}{answered}", now=self._clock())
        self._next_at.pop(parcel.id, None)
        if state == "done":
            self._took_s = self._store.batches_took_s()
        self._counted_at = -math.inf
        self._reload()
        if returned:
            self._queue.rescan()
        return returned

    def _reload(self) -> None:
        self._packs_at = -math.inf
        self._open = self._store.parcels()

    def _current(self, parcel_id: int) -> Parcel | None:
        return next((each for each in self._open if each.id == parcel_id), None)


def _name(parcel: Parcel) -> str:
    return f"labeltui-{parcel.nonce}.jsonl"


def _chunks(path: Path, size: int) -> Iterator[list[Mapping[str, Any]]]:
    """Yield the objects of a file of JSON lines, so many at a time; a line that is none is left out and logged.

    They come in the order of the emails that they name, whose rows lie side by side in the run file: in the order of
    the server each transaction would write about every page of the batch's emails.
    """
    places: list[tuple[int, int]] = []
    with path.open("rb") as file:
        at = 0
        for line in file:
            named = _NUMBER.search(line)
            places.append((int(named[1]) if named else 0, at))
            at += len(line)
        places.sort()
        for begin in range(0, len(places), size):
            chunk: list[Mapping[str, Any]] = []
            for _, at in places[begin : begin + size]:
                file.seek(at)
                line = file.readline()
                try:
                    value = _read_json(line)
                except ValueError:
                    _log.warning("a line of a batch's results is not JSON: %.100r", line)
                    continue
                if isinstance(value, dict):
                    chunk.append(value)
            yield chunk


def _read_json(line: bytes) -> Any:
    """Return the value of a line: what orjson refuses (NaN, half surrogate pairs) may be JSON to others."""
    try:
        return orjson.loads(line)
    except ValueError:
        return json.loads(line)
