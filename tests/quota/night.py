"""A night of labeling in virtual time: a broker (or several) against servers with true quotas.

The servers' buckets are those of the built-in simulator; headers, their lies, other programs and errors are played
here. Nothing sleeps: the next event moves the clock.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from core.errors import CallError, ConnectionFailedError, RateLimitedError, ServerFailedError, TooLargeError
from core.model import Dimension, Usage
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Broker, Candidate, Grant, Never, NoKeys
from core.simulator.config import Limits
from core.simulator.quota import Quota, Refusal
from core.simulator.replies import go_duration

START = 1_790_000_000.0
MODEL = "openai/gpt-oss-20b"
MAX_COMPLETION = 256


@dataclass
class Server:
    """One organization's quota, and how honest it is about it.

    ``headers`` is true, before (settling), missing, full, zero or random. ``foreign`` is another program: seconds
    between its calls and tokens of each. ``outages`` are spans in which every call fails.
    """

    name: str
    limits: Limits
    headers: str = "true"
    foreign: tuple[float, int] | None = None
    outages: tuple[tuple[float, float], ...] = ()
    error_rate: float = 0.0
    period_scale: float = 1.0
    quota: Quota = field(init=False)
    foreign_tokens: int = 0
    foreign_calls: int = 0

    def __post_init__(self) -> None:
        self.quota = Quota(self.limits, START, scale=self.period_scale)

    def shown(self, now: float, rng: random.Random, surplus: int = 0) -> dict[str, str]:
        if self.headers == "missing":
            return {}
        made = {}
        for unit, window in (("requests", "rpd"), ("tokens", "tpm")):
            level = self.quota.level(window, now)  # type: ignore[arg-type]
            if level is None:
                continue
            remaining = {
                "true": level.remaining,
                "before": max(0, level.remaining - (surplus if unit == "tokens" else 0)),
                "full": level.limit,
                "zero": 0,
                "random": rng.randint(0, level.limit),
            }[self.headers]
            made[f"x-ratelimit-limit-{unit}"] = str(level.limit)
            made[f"x-ratelimit-remaining-{unit}"] = str(remaining)
            period_s = (60.0 if unit == "tokens" else 86_400.0) / self.period_scale
            made[f"x-ratelimit-reset-{unit}"] = go_duration((level.limit - remaining) * period_s / level.limit)
        return made

    def refuse(self, refusal: Refusal) -> CallError:
        words = Dimension(refusal.window.upper()).words
        where = f"for model `{MODEL}` in organization `{self.name}` service tier `on_demand`"
        if refusal.never:
            return TooLargeError(
                f"x answered 413: Request too large {where} on {words} ({refusal.window.upper()}): "
                f"Limit {refusal.limit}, Requested {refusal.requested}, please reduce your message size",
                status=413,
            )
        text = (
            f"x answered 429: Rate limit reached {where} on {words} ({refusal.window.upper()}): Limit {refusal.limit}, "
            f"Used {refusal.used}, Requested {refusal.requested}. Please try again in {go_duration(refusal.wait_s)}. "
        )
        headers = {} if self.headers == "missing" else {"retry-after": str(max(1, round(refusal.wait_s + 0.5)))}
        return RateLimitedError(text, status=429, headers=headers)


@dataclass
class Tally:
    """What one worker did."""

    labels: int = 0
    calls: int = 0
    rate_limited: int = 0
    failed: int = 0
    counted_failures: int = 0
    never: int = 0
    tokens: int = 0
    longest_wait_s: float = 0.0
    happenings: list[str] = field(default_factory=list)


class Night:
    """Plays the night. ``keys`` maps an alias to its organization's server; aliases are also the secrets' ends."""

    def __init__(
        self,
        folder: Path,
        servers: list[Server],
        keys: Mapping[str, str],
        *,
        seed: int = 1,
        workers: int = 1,
        cap: int = 32,
        latency_s: float = 0.6,
        tick_s: float = 5.0,
        lengths: Callable[[random.Random], int] | None = None,
        know_organizations: bool = False,
    ) -> None:
        self.now = START
        self.rng = random.Random(seed)
        self.servers = {server.name: server for server in servers}
        self.keys = dict(keys)
        self.latency_s = latency_s
        self.tick_s = tick_s if workers == 1 else 1.0
        self.lengths = lengths or (lambda rng: min(6_000, int(rng.lognormvariate(7.2, 0.7))))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._ids = count(1)
        self._emails = count(1)
        self.stores: list[KeyStore] = []
        self.brokers: list[Broker] = []
        self.lines: list[list[Candidate]] = []
        self.tallies = [Tally() for _ in range(workers)]
        self._wakes: list[float] = []
        items = ",".join(
            f"{alias}{'@' + organization if know_organizations else ''}=gsk_secret_{alias}"
            for alias, organization in keys.items()
        )
        for number in range(workers):
            store = KeyStore(
                folder / "quota.db", folder / "keys.toml", environment={"GROQ_API_KEYS": items}, clock=lambda: self.now
            )
            store.database.execute("PRAGMA synchronous = OFF")
            self.stores.append(store)
            self.brokers.append(
                Broker(
                    store,
                    MODEL,
                    clock=lambda: self.now,
                    rng=random.Random(seed * 100 + number),
                    max_completion_tokens=MAX_COMPLETION,
                    concurrency_cap=cap,
                )
            )
            self.lines.append([])
            self._wakes.append(float("inf"))

    def close(self) -> None:
        for broker, store in zip(self.brokers, self.stores, strict=True):
            broker.close()
            store.close()

    def run(self, hours: float) -> Tally:
        """Play so many hours and return the first worker's tally."""
        end = START + hours * 3600.0
        for server in self.servers.values():
            if server.foreign is not None:
                self._foreign(server)
        for number in range(len(self.brokers)):
            self._at(START, lambda number=number: self._tick(number))
        while self._events and self._events[0][0] < end:
            self.now, _, event = heapq.heappop(self._events)
            event()
        self.now = end
        return self.tallies[0]

    def allowed(self, hours: float) -> float:
        """The most labels that quotas allow in so many hours at the tokens seen, less outages and what others took."""
        tokens = sum(tally.tokens for tally in self.tallies) / max(1, sum(tally.labels for tally in self.tallies))
        total = 0.0
        minutes, days = hours * 60.0, hours / 24.0
        for server in self.servers.values():
            limits = server.limits
            scale = server.period_scale
            lost = sum(end - begin for begin, end in server.outages) / 60.0
            bounds = [
                (limits.rpm, minutes - lost, 1.0, server.foreign_calls),
                (limits.rpd, days, 1.0, server.foreign_calls),
                (limits.tpm, minutes - lost, tokens, server.foreign_tokens),
                (limits.tpd, days, tokens, server.foreign_tokens),
            ]
            total += min((limit * (1.0 + n * scale) - taken) / each for limit, n, each, taken in bounds if limit)
        return total

    def _at(self, when: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (when, next(self._ids), event))

    def _foreign(self, server: Server) -> None:
        assert server.foreign is not None
        every_s, tokens = server.foreign
        if server.quota.reserve(tokens, self.now) is None:
            server.foreign_calls += 1
            server.foreign_tokens += tokens
        self._at(self.now + self.rng.expovariate(1.0 / every_s), lambda: self._foreign(server))

    def _tick(self, number: int) -> None:
        self.tallies[number].happenings += self.brokers[number].tick()
        self._send(number)
        self._at(self.now + self.tick_s, lambda: self._tick(number))

    def _wake(self, number: int) -> None:
        if self.now >= self._wakes[number]:
            self._wakes[number] = float("inf")
            self._send(number)

    def _send(self, number: int) -> None:
        line, broker, tally = self.lines[number], self.brokers[number], self.tallies[number]
        while True:
            while len(line) < 24:
                line.append(Candidate(next(self._emails), self.lengths(self.rng)))
            decision = broker.next(line)
            if isinstance(decision, Grant):
                candidate = next(each for each in line if each.email_id == decision.email_id)
                line.remove(candidate)
                self._call(number, decision, candidate)
            elif isinstance(decision, Never):
                line[:] = [each for each in line if each.email_id != decision.email_id]
                tally.never += 1
            elif isinstance(decision, NoKeys):
                return
            else:
                if decision.until_at is not None and decision.until_at < self._wakes[number]:
                    tally.longest_wait_s = max(tally.longest_wait_s, decision.until_at - self.now)
                    self._wakes[number] = decision.until_at
                    self._at(decision.until_at, lambda: self._wake(number))
                return

    def _call(self, number: int, grant: Grant, candidate: Candidate) -> None:
        self.tallies[number].calls += 1
        way_s = self.rng.uniform(0.02, 0.12)
        asked_at = self.now
        density = random.Random(candidate.email_id).gauss(0.24, 0.02)
        prompt = round(180 + candidate.prompt_chars * max(0.12, density))

        def arrive() -> None:
            server = self.servers[self.keys[grant.alias]]
            lost = any(START + begin <= self.now < START + end for begin, end in server.outages)
            if lost or self.rng.random() < server.error_rate:
                error: CallError = ConnectionFailedError("no route") if lost else ServerFailedError("500", status=500)
                self._at(self.now + way_s, lambda: self._fail(number, grant, candidate, error, asked_at))
                return
            refusal = server.quota.reserve(prompt + MAX_COMPLETION, self.now)
            if refusal is not None:
                error = server.refuse(refusal)
                self._at(self.now + way_s, lambda: self._fail(number, grant, candidate, error, asked_at))
                return
            took_s = self.rng.uniform(0.5, 1.5) * self.latency_s
            self._at(self.now + took_s, lambda: finish(server))

        def finish(server: Server) -> None:
            completion = self.rng.randint(10, 60)
            server.quota.settle(prompt + MAX_COMPLETION, prompt + completion, self.now)
            headers = server.shown(self.now, self.rng, MAX_COMPLETION - completion)
            usage = Usage(prompt, completion)
            self._at(self.now + way_s, lambda: self._answer(number, grant, usage, headers, asked_at))

        self._at(self.now + way_s, arrive)

    def _answer(self, number: int, grant: Grant, usage: Usage, headers: dict[str, str], asked_at: float) -> None:
        tally = self.tallies[number]
        tally.labels += 1
        tally.tokens += usage.counted
        self.brokers[number].answered(grant, usage, headers, self.now - asked_at)
        self._send(number)

    def _fail(self, number: int, grant: Grant, candidate: Candidate, error: CallError, asked_at: float) -> None:
        tally = self.tallies[number]
        tally.rate_limited += isinstance(error, RateLimitedError)
        tally.failed += not isinstance(error, RateLimitedError)
        consequence = self.brokers[number].failed(grant, error, self.now - asked_at)
        tally.counted_failures += consequence.counts_against_email
        if consequence.retry_elsewhere:
            self.lines[number].insert(0, candidate)
        self._send(number)
