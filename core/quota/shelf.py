"""Rows of ``quota.db`` as values, and back: keys, levels, benches, and what people see of them."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields

from core.errors import KeysError
from core.model import Dimension, KeyState, KeyStatus
from core.quota.book import Book
from core.quota.claims import Bench
from core.quota.levels import SOURCE_OPERATOR, Level, at, merged

ALIVE_S = 10.0
"""A worker whose heartbeat is older than this is taken to be gone."""

BENCHED_S = 600.0
"""A key that waits longer than this is *benched*; less is *cooling*."""

SOURCE_REPLY = "reply"

_CONTRADICTED = "not "
_NOTICEABLE_S = 1.0


def contradicted(organization: str) -> str:
    """The source of an organization that was declared and that replies contradict."""
    return f"{_CONTRADICTED}{organization}"


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """What is remembered of a key; ``organization`` is empty while unknown, ``invalid_reason`` None while valid.

    ``organization_source`` says who named it: a reply, the operator, or where the key was found.
    """

    fingerprint: str
    alias: str
    last4: str
    source: str
    organization: str
    organization_source: str
    enabled: bool
    invalid_reason: str | None
    invalid_since: float | None
    requests: int
    errors_429: int
    tokens: int
    last_used_at: float | None
    pinned: bool

    @property
    def organization_or_self(self) -> str:
        """The organization, or the name that the key has as one of its own."""
        return self.organization or f"({self.alias})"

    @property
    def contradicted(self) -> str:
        """The organization that it was declared for and that replies contradict, or an empty text."""
        return self.organization_source.removeprefix(_CONTRADICTED) if not self.organization else ""


def key_records(book: Book) -> dict[str, KeyRecord]:
    """Every key ever seen, by fingerprint."""
    names = [each.name for each in fields(KeyRecord)]
    found = {}
    for row in book.execute(f"SELECT {', '.join(names)} FROM key ORDER BY first_seen_at, alias"):
        values = dict(zip(names, row, strict=True))
        found[row[0]] = KeyRecord(**{**values, "enabled": bool(values["enabled"]), "pinned": bool(values["pinned"])})
    return found


def level_rows(book: Book, model: str | None) -> dict[tuple[str, str, Dimension], Level]:
    """The shared levels of one model or of all, by (organization, model, dimension)."""
    rows = book.execute(
        "SELECT organization, model, dimension, limit_units, available, as_of, source, learned_at, speed, drift, "
        "caution FROM level WHERE ? IS NULL OR model = ? ORDER BY organization, model, "
        "CASE dimension WHEN 'RPM' THEN 0 WHEN 'RPD' THEN 1 WHEN 'TPM' THEN 2 ELSE 3 END",
        (model, model),
    )
    return {(row[0], row[1], Dimension(row[2])): Level(*row[3:]) for row in rows if row[2] in Dimension.__members__}


def write_levels(book: Book, levels: dict[tuple[str, str, Dimension], Level]) -> None:
    """Write levels, inside a transaction of the caller's."""
    book.execute_many(
        "INSERT OR REPLACE INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key[:2], key[2].value, *(getattr(each, field.name) for field in fields(Level)))
            for key, each in levels.items()
        ],
    )


def state_limits(
    book: Book, organization: str, model: str, limits: Mapping[Dimension, float | None], now: float
) -> None:
    """Write what the operator states of limits (None forgets one), inside a transaction of the caller's.

    Raises:
        KeysError: a limit lets nothing through.
    """
    for dimension, limit in limits.items():
        if limit is None:
            book.execute(
                "DELETE FROM level WHERE organization = ? AND model = ? AND dimension = ?",
                (organization, model, dimension.value),
            )
        elif limit <= 0:
            raise KeysError(f"A limit of {limit:g} {dimension.words} lets nothing through: state 1 or more")
        else:
            book.execute(
                "INSERT INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0) ON CONFLICT DO UPDATE SET "
                "available = min(excluded.limit_units, available + excluded.limit_units - limit_units), "
                "limit_units = excluded.limit_units, source = excluded.source, "
                "learned_at = excluded.learned_at",
                (organization, model, dimension.value, limit, limit, now, SOURCE_OPERATOR, now),
            )


def bench_rows(book: Book, model: str) -> dict[str, Bench]:
    """The benches of a model, by organization."""
    rows = book.execute(
        "SELECT organization, until_at, limit_name, reason, since_at FROM bench WHERE model = ?", (model,)
    )
    return {row[0]: Bench(*row[1:]) for row in rows}


def merge_organizations(book: Book, old: str, new: str, now: float) -> None:
    """Move levels and benches of ``old`` to ``new``, inside a transaction of the caller's."""
    levels = level_rows(book, None)
    for model in {key[1] for key in levels if key[0] == old}:
        ours, theirs = (
            {key[2]: at(level, key[2], now) for key, level in levels.items() if key[:2] == (name, model)}
            for name in (new, old)
        )
        write_levels(book, {(new, model, dimension): level for dimension, level in merged(ours, theirs).items()})
    book.execute("DELETE FROM level WHERE organization = ?", (old,))
    book.execute(
        "INSERT INTO bench SELECT ?, model, until_at, limit_name, reason, since_at FROM bench WHERE organization = ? "
        "ON CONFLICT DO UPDATE SET limit_name = CASE WHEN excluded.until_at > until_at THEN excluded.limit_name "
        "ELSE limit_name END, until_at = max(until_at, excluded.until_at)",
        (new, old),
    )
    book.execute("DELETE FROM bench WHERE organization = ?", (old,))


def key_statuses(book: Book, present: set[str], model: str, now: float) -> tuple[KeyStatus, ...]:
    """The keys in ``present`` (fingerprints), and those that a worker uses, for people."""
    in_flight = _in_flight(book, now)
    levels = level_rows(book, model)
    benches = bench_rows(book, model)
    typical = typical_tokens(book, model)
    statuses = []
    for record in key_records(book).values():
        if record.fingerprint not in present and record.fingerprint not in in_flight:
            continue
        organization = record.organization_or_self
        windows = {key[2]: at(level, key[2], now) for key, level in levels.items() if key[0] == organization}
        wait_s, limit, reason = _cooldown(windows, benches.get(organization), typical, now)
        statuses.append(status_of(record, in_flight.get(record.fingerprint, 0), wait_s, limit, reason))
    return tuple(statuses)


def _in_flight(book: Book, now: float) -> dict[str, int]:
    """Calls that are out by key, as workers noted them lately; those of a process that is gone are out no more."""
    rows = book.execute(
        "SELECT fingerprint, pid, sum(in_flight) FROM worker_key JOIN worker ON worker.id = worker_id "
        "WHERE heartbeat_at BETWEEN ? AND ? GROUP BY fingerprint, pid",
        (now - ALIVE_S, now + ALIVE_S),
    )
    calls: dict[str, int] = {}
    for fingerprint, pid, count in rows:
        calls[fingerprint] = calls.get(fingerprint, 0) + (count if _is_there(pid) else 0)
    return calls


def _is_there(pid: int) -> bool:
    """Whether a process of this machine has that number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it belongs to somebody else
    return True


def learnt_estimate(book: Book, model: str) -> str:
    """What was learnt of a model's token counts, as :meth:`Estimator.state` put it; empty where nothing was."""
    rows = book.execute("SELECT state FROM estimate WHERE model = ?", (model,))
    return str(rows[0][0]) if rows else ""


def typical_tokens(book: Book, model: str) -> float:
    """Tokens that a call of this model usually reserves, as workers noted it; 1 where none has."""
    rows = book.execute("SELECT json_extract(state, '$.typical') FROM estimate WHERE model = ?", (model,))
    return float(rows[0][0] or 1.0) if rows else 1.0


def status_of(record: KeyRecord, in_flight: int, wait_s: float, limit: str, reason: str) -> KeyStatus:
    """One key for people: its state is the first of disabled, invalid, in use, waiting and ready that is true."""
    since_at = None
    if not record.enabled:
        state, reason, wait_s, limit = KeyState.DISABLED, "disabled by the operator", 0.0, ""
    elif record.invalid_reason is not None:
        state, reason, wait_s, limit = KeyState.INVALID, record.invalid_reason, 0.0, ""
        since_at = record.invalid_since
    elif in_flight:
        state, reason, wait_s, limit = KeyState.IN_USE, "", 0.0, ""
    elif wait_s > _NOTICEABLE_S:
        state = KeyState.BENCHED if wait_s > BENCHED_S else KeyState.COOLING
    else:
        state, reason, wait_s, limit = KeyState.READY, "", 0.0, ""
    if not reason and record.contradicted:
        reason = f"its replies contradict that it is of {record.contradicted}"
    return KeyStatus(
        alias=record.alias,
        last4=record.last4,
        organization=record.organization_or_self,
        state=state,
        reason=reason,
        cooldown_s=wait_s,
        limit=limit,
        requests=record.requests,
        errors_429=record.errors_429,
        tokens=record.tokens,
        since_at=since_at,
        organization_known=bool(record.organization),
        pinned=record.pinned,
    )


def _cooldown(
    windows: dict[Dimension, Level], bench: Bench | None, typical: float, now: float
) -> tuple[float, str, str]:
    wait_s, limit, reason = 0.0, "", ""
    if bench is not None and bench.until_at > now:
        wait_s, limit, reason = bench.until_at - now, bench.limit, bench.reason
    for dimension, level in windows.items():
        need = min(level.limit, typical if dimension.counts_tokens else 1.0)
        short_s = (need - level.available) * dimension.period_s / (level.limit * level.speed)
        if short_s > wait_s:
            wait_s, limit, reason = short_s, dimension.value, f"waits for {dimension.words}"
    return wait_s, limit, reason
