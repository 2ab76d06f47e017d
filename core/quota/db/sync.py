"""Bring a worker's ledger and ``quota.db`` together a few times a second.

What was spent since the last time is a difference, and is taken off the shared level; a correction by a reply is a
bound, and is laid on it. The merged level is adopted. So several workers on the same keys see each other's spending
within one sync, and none of it is counted twice.

Where little is left, several workers wait for the same moment, and the one with the surest estimates, which needs the
least margin, would always be first. So whoever asked last yields: it waits until there is room for two such calls, or
until another has asked. A bucket that fills meanwhile loses nothing by it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

from core.model import Dimension, KeySpend, KeyTrouble
from core.quota.db.database import QuotaDatabase
from core.quota.db.history import MOST_AT_ONCE, day_of, forget_old_days, write_spend, write_troubles
from core.quota.db.rows import (
    ALIVE_S,
    bench_rows,
    forget_level,
    learned_estimate,
    level_rows,
    write_bench,
    write_levels,
)
from core.quota.ledger.account import Account
from core.quota.ledger.bucket import Bucket
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import SOURCE_OPERATOR, Level, at

HEARTBEAT_S = 2.0
_FORGET_WORKERS_S = 86_400.0
_NOTICEABLE = 0.5
_LevelKey = tuple[str, str, Dimension]


@dataclass(frozen=True, slots=True)
class Doing:
    """Hold what a worker does with a key: calls that are out and, while it is only probed, why, and when it is next."""

    in_flight: int
    trouble: str = ""
    probe_at: float = 0.0


@dataclass(slots=True)
class Counters:
    """Hold what a key did since the last sync."""

    requests: int = 0
    errors_429: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    last_used_at: float = 0.0

    @property
    def tokens(self) -> int:
        """Return the tokens of prompts and answers."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(slots=True)
class LedgerSync:
    """Bring one worker's ledger and ``quota.db`` together. ``worker_id`` is unique among all workers ever."""

    database: QuotaDatabase
    ledger: Ledger
    model: str
    worker_id: str
    counters: dict[str, Counters] = field(default_factory=dict)
    peers: int = 0
    _troubles: list[tuple[str, KeyTrouble]] = field(default_factory=list)
    _seen: dict[_LevelKey, Level] = field(default_factory=dict)
    _taken: list[tuple[Bucket, float, bool, bool]] = field(default_factory=list)
    _doing: dict[str, Doing] = field(default_factory=dict)
    _beat_at: float | None = None
    _started_at: float = 0.0
    _estimate: str = ""

    def counter(self, fingerprint: str) -> Counters:
        """Return the counters of a key, to be added to."""
        return self.counters.setdefault(fingerprint, Counters())

    def note_trouble(self, fingerprint: str, trouble: KeyTrouble) -> None:
        """Note a failed call of a key, to be written into its history."""
        self._troubles.append((fingerprint, trouble))
        del self._troubles[:-MOST_AT_ONCE]

    def sync(self, now: float, doing: Mapping[str, Doing], *, estimate: str = "", changed: bool = True) -> bool:
        """Share and adopt, in one transaction. Whether there was anything to do.

        ``doing`` goes by key fingerprint; ``changed`` says that another process has written meanwhile.
        """
        beat_due = self._beat_at is None or not 0 <= now - self._beat_at < HEARTBEAT_S
        if not (changed or beat_due or self._dirty(doing, estimate)):
            return False
        with self._writing():
            self._exchange(now)
            self._note(now, doing, estimate, beat_due=beat_due)
        self.counters.clear()
        self._troubles.clear()
        self._doing = dict(doing)
        self._estimate = estimate or self._estimate
        if beat_due:
            self._beat_at = now
        return True

    @contextmanager
    def exclusive(self, now: float) -> Iterator[None]:
        """Decide and reserve in here on the newest shared levels while no other worker can."""
        with self._writing():
            self._exchange(now)
            yield
            self._exchange(now)

    def recalled_estimate(self) -> str:
        """Return what was learned about the model's token counts, or an empty text."""
        return learned_estimate(self.database, self.model)

    def leave(self) -> None:
        """Delete this worker's row: others need not count on it any more."""
        with self.database.writing():
            self.database.execute("DELETE FROM worker WHERE id = ?", (self.worker_id,))
            self.database.execute("DELETE FROM worker_key WHERE worker_id = ?", (self.worker_id,))

    # --- inside --------------------------------------------------------------------------------------------------

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Open a transaction; where it fails, what was taken as shared in it is unshared again."""
        seen = dict(self._seen)
        self._taken.clear()
        benches = [account for account in self._accounts() if account.bench_changed]
        try:
            with self.database.writing():
                yield
        except BaseException:
            for bucket, unshared, down, up in self._taken:
                bucket.unshared += unshared
                bucket.corrected_down |= down
                bucket.corrected_up |= up
            for account in benches:
                account.bench_changed = True
            self._seen = seen
            raise

    def _accounts(self) -> list[Account]:
        return [account for account in self.ledger.accounts() if account.model == self.model]

    def _dirty(self, doing: Mapping[str, Doing], estimate: str) -> bool:
        if self.counters or self._troubles or dict(doing) != self._doing or (estimate and estimate != self._estimate):
            return True
        for account in self._accounts():
            if account.bench_changed:
                return True
            for dimension, bucket in account.buckets.items():
                if _unshared(bucket) or (account.organization, self.model, dimension) not in self._seen:
                    return True
        return False

    def _exchange(self, now: float) -> None:
        shared = level_rows(self.database, self.model)
        written: dict[_LevelKey, Level] = {}
        for account in self._accounts():
            for dimension in list(account.buckets):
                self._exchange_bucket(account, dimension, shared, written, now)
        local = {(each.organization, self.model, dimension) for each in self._accounts() for dimension in each.buckets}
        for key, level in shared.items():
            if key in local:
                continue
            if key in self._seen and self.ledger.account(key[0], self.model).organization == key[0]:
                # It was shared and is gone here: headers were caught lying about this limit.
                forget_level(self.database, *key)
                del self._seen[key]
            else:
                account = self.ledger.account(key[0], self.model)
                account.buckets.setdefault(key[2], Bucket(key[2], at(level, key[2], now)))
                if level.source != SOURCE_OPERATOR:
                    account.recalled()
                self._seen[key] = level
        if written:
            write_levels(self.database, written)
        self._exchange_benches(now)

    def _exchange_bucket(
        self,
        account: Account,
        dimension: Dimension,
        shared: Mapping[_LevelKey, Level],
        written: dict[_LevelKey, Level],
        now: float,
    ) -> None:
        key = (account.organization, self.model, dimension)
        bucket = account.buckets[dimension]
        bucket.refill(now)
        theirs, seen = shared.get(key), self._seen.get(key)
        if theirs is None and seen is not None:
            del account.buckets[dimension]  # the operator made it unknown, or another worker disproved it
            del self._seen[key]
            return
        alone = theirs is None or theirs == seen  # nobody else has written: what is counted here is the level
        level = bucket.kept() if alone or theirs is None else _agreed(at(theirs, dimension, now), bucket)
        if theirs is None or _unshared(bucket) or level.learned_at != theirs.learned_at:
            written[key] = level
        if level.available < bucket.level - _NOTICEABLE:
            account.yields = False  # another worker has had its turn
        self._taken.append((bucket, bucket.unshared, bucket.corrected_down, bucket.corrected_up))
        bucket.adopt(level, now)
        self._seen[key] = written.get(key) or theirs or level

    def _exchange_benches(self, now: float) -> None:
        shared = bench_rows(self.database, self.model)
        for account in self._accounts():
            name, mine = account.organization, account.bench
            theirs = shared.get(name)
            if theirs is not None and theirs.until_at <= now:
                theirs = None
            if account.bench_changed and mine is not None:
                if theirs is None or theirs.since_at > now or mine.until_at > theirs.until_at:
                    write_bench(self.database, name, self.model, mine)
                else:
                    account.bench = theirs
            else:
                account.bench = theirs
            account.bench_changed = False

    def _note(self, now: float, doing: Mapping[str, Doing], estimate: str, *, beat_due: bool) -> None:
        if beat_due:
            self._beat(now)  # first, as it clears away what belongs to no worker
        if self.counters:
            self.database.execute_many(
                "UPDATE key SET requests = requests + ?, errors_429 = errors_429 + ?, tokens = tokens + ?, "
                "last_used_at = max(coalesce(last_used_at, 0), ?) WHERE fingerprint = ?",
                [
                    (each.requests, each.errors_429, each.tokens, each.last_used_at, fingerprint)
                    for fingerprint, each in self.counters.items()
                ],
            )
            write_spend(
                self.database, [(fingerprint, self._spent(each, now)) for fingerprint, each in self.counters.items()]
            )
        if self._troubles:
            write_troubles(self.database, self._troubles)
        if dict(doing) != self._doing:
            self.database.execute("DELETE FROM worker_key WHERE worker_id = ?", (self.worker_id,))
            self.database.execute_many(
                "INSERT INTO worker_key VALUES (?, ?, ?, ?, ?)",
                [
                    (self.worker_id, fingerprint, each.in_flight, each.trouble, each.probe_at)
                    for fingerprint, each in doing.items()
                ],
            )
        if estimate and estimate != self._estimate:
            self.database.execute("INSERT OR REPLACE INTO estimate VALUES (?, ?)", (self.model, estimate))

    def _spent(self, each: Counters, now: float) -> KeySpend:
        return KeySpend(
            day_of(now), self.model, each.requests, each.errors_429, each.prompt_tokens, each.completion_tokens
        )

    def _beat(self, now: float) -> None:
        if self._beat_at is None:
            self._started_at = now
            forget_old_days(self.database, now)
            self.database.execute("DELETE FROM worker WHERE heartbeat_at < ?", (now - _FORGET_WORKERS_S,))
            self.database.execute("DELETE FROM worker_key WHERE worker_id NOT IN (SELECT id FROM worker)")
        self.database.execute(
            "INSERT OR REPLACE INTO worker VALUES (?, ?, ?, ?, ?, ?)",
            (self.worker_id, os.getpid(), self.model, self._started_at, now, self.database.server),
        )
        rows = self.database.execute(
            "SELECT count(*) FROM worker WHERE server = ? AND model = ? AND id <> ? AND heartbeat_at BETWEEN ? AND ?",
            (self.database.server, self.model, self.worker_id, now - ALIVE_S, now + ALIVE_S),
        )
        self.peers = int(rows[0][0])


def _unshared(bucket: Bucket) -> bool:
    return bucket.unshared != 0.0 or bucket.corrected_down or bucket.corrected_up


def _agreed(theirs: Level, bucket: Bucket) -> Level:
    """Return the shared level (as of now) with this worker's spending taken off and its corrections laid on."""
    mine = bucket.kept()
    newest = mine if mine.learned_at > theirs.learned_at else theirs
    available = theirs.available + (newest.limit - theirs.limit) - bucket.unshared
    local = mine.available + (newest.limit - mine.limit)
    if bucket.corrected_down and bucket.corrected_up:
        available = local
    elif bucket.corrected_down:
        available = min(available, local)
    elif bucket.corrected_up:
        available = max(available, local)
    return replace(
        newest,
        available=min(newest.limit, available),
        as_of=mine.as_of,
        drift=max(0.0, theirs.drift + bucket.drift - bucket.shared_drift),
        caution=max(0.0, theirs.caution + bucket.caution - bucket.shared_caution),
    )
