"""Rows of ``quota.db`` as values, and back: keys, levels, benches, and what people see of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from core.errors import KeysError
from core.model import PROBED, Dimension, KeyState, KeyStatus, WindowStatus
from core.quota.db.database import Book
from core.quota.db.refusals import refused_elsewhere, refused_here
from core.quota.ledger.claims import Bench
from core.quota.ledger.levels import SOURCE_OPERATOR, Level, at, merged

ALIVE_S = 10.0
"""A worker whose heartbeat is older than this is taken to be gone."""

BENCHED_S = 600.0
"""A key that waits longer than this is *benched*; less is *cooling*."""

_NOTICEABLE_S = 1.0
_A_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Hold what is remembered of a key; ``invalid_reason`` is None while it is valid.

    ``stated`` is the organization that the operator named, ``named`` the one that replies of the database's server
    named; each is empty while unknown. Whether a key is invalid is told of that server as well.
    """

    fingerprint: str
    alias: str
    last4: str
    source: str
    stated: str
    enabled: bool
    requests: int
    errors_429: int
    tokens: int
    last_used_at: float | None
    pinned: bool
    named: str = ""
    invalid_reason: str | None = None
    invalid_since: float | None = None

    @property
    def account(self) -> str:
        """The organization whose quota its calls are charged to: the one that replies named, else itself alone."""
        return self.named or f"({self.alias})"

    @property
    def label(self) -> str:
        """Its organization for people: as replies named it, else as the operator did, else itself."""
        return self.named or self.stated or f"({self.alias})"


def key_records(book: Book) -> dict[str, KeyRecord]:
    """Every key ever seen, by fingerprint."""
    kept = [each.name for each in fields(KeyRecord) if each.name != "named" and not each.name.startswith("invalid_")]
    refused = refused_here(book)
    named = dict(book.execute("SELECT fingerprint, organization FROM named WHERE server = ?", (book.server,)))
    found = {}
    for row in book.execute(f"SELECT {', '.join(kept)} FROM key ORDER BY first_seen_at, alias"):
        values = dict(zip(kept, row, strict=True))
        values |= {"enabled": bool(values["enabled"]), "pinned": bool(values["pinned"])}
        reason, since_at = refused.get(row[0], (None, None))
        found[row[0]] = KeyRecord(**values, named=named.get(row[0], ""), invalid_reason=reason, invalid_since=since_at)
    return found


def name_organization(book: Book, fingerprint: str, organization: str, now: float) -> None:
    """Write that a reply named a key's organization, inside a transaction of the caller's."""
    record = key_records(book)[fingerprint]
    book.execute("INSERT OR REPLACE INTO named VALUES (?, ?, ?)", (fingerprint, book.server, organization))
    if not record.named:
        merge_organizations(book, record.account, organization, now)


def level_rows(book: Book, model: str | None) -> dict[tuple[str, str, Dimension], Level]:
    """Shared levels of one model or of all, by (organization, model, dimension); of the book's server."""
    rows = book.execute(
        "SELECT organization, model, dimension, limit_units, available, as_of, source, learned_at, speed, drift, "
        "caution FROM level WHERE server = ? AND (? IS NULL OR model = ?) ORDER BY organization, model, "
        "CASE dimension WHEN 'RPM' THEN 0 WHEN 'RPD' THEN 1 WHEN 'TPM' THEN 2 ELSE 3 END",
        (book.server, model, model),
    )
    return {(row[0], row[1], Dimension(row[2])): Level(*row[3:]) for row in rows if row[2] in Dimension.__members__}


def write_levels(book: Book, levels: dict[tuple[str, str, Dimension], Level]) -> None:
    """Write levels of the book's server, inside a transaction of the caller's."""
    book.execute_many(
        "INSERT OR REPLACE INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key[:2], key[2].value, *(getattr(each, field.name) for field in fields(Level)), book.server)
            for key, each in levels.items()
        ],
    )


def forget_level(book: Book, organization: str, model: str, dimension: Dimension) -> None:
    """A limit is not known any more, inside a transaction of the caller's."""
    book.execute(
        "DELETE FROM level WHERE server = ? AND organization = ? AND model = ? AND dimension = ?",
        (book.server, organization, model, dimension.value),
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
            forget_level(book, organization, model, dimension)
        elif limit <= 0:
            raise KeysError(f"A limit of {limit:g} {dimension.words} lets nothing through: state 1 or more")
        else:
            book.execute(
                "INSERT INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, ?) ON CONFLICT DO UPDATE SET "
                "available = min(excluded.limit_units, available + excluded.limit_units - limit_units), "
                "limit_units = excluded.limit_units, source = excluded.source, "
                "learned_at = excluded.learned_at",
                (organization, model, dimension.value, limit, limit, now, SOURCE_OPERATOR, now, book.server),
            )


def models_known(book: Book, organizations: set[str], now: float) -> tuple[str, ...]:
    """The models of which limits or benches of these organizations are known: those of the last day, newest first.

    Where none is as young as that, the newest alone: every window of it is whole again, but its limits stand.
    """
    newest: dict[str, float] = {}
    for organization, model, at_s in book.execute(
        "SELECT organization, model, as_of FROM level WHERE server = :server UNION ALL "
        "SELECT organization, model, max(since_at, min(until_at, :now)) FROM bench WHERE server = :server",
        {"server": book.server, "now": now},
    ):
        if organization in organizations:
            newest[model] = max(at_s, newest.get(model, at_s))
    in_order = sorted(newest, key=lambda model: (-newest[model], model))
    return tuple(model for n, model in enumerate(in_order) if n == 0 or newest[model] > now - _A_DAY_S)


def bench_rows(book: Book, model: str) -> dict[str, Bench]:
    """The benches of a model, by organization."""
    rows = book.execute(
        "SELECT organization, until_at, limit_name, reason, since_at FROM bench WHERE server = ? AND model = ?",
        (book.server, model),
    )
    return {row[0]: Bench(*row[1:]) for row in rows}


def write_bench(book: Book, organization: str, model: str, bench: Bench) -> None:
    """Let an organization wait, inside a transaction of the caller's."""
    book.execute(
        "INSERT OR REPLACE INTO bench VALUES (?, ?, ?, ?, ?, ?, ?)",
        (organization, model, bench.until_at, bench.limit, bench.reason, bench.since_at, book.server),
    )


def forget_bench(book: Book, organization: str, model: str) -> None:
    """Let an organization wait no more, inside a transaction of the caller's."""
    book.execute(
        "DELETE FROM bench WHERE server = ? AND organization = ? AND model = ?", (book.server, organization, model)
    )


def merge_organizations(book: Book, old: str, new: str, now: float) -> None:
    """Move levels and benches of ``old`` to ``new`` on the book's server, inside a transaction of the caller's."""
    levels = level_rows(book, None)
    for model in {key[1] for key in levels if key[0] == old}:
        ours, theirs = (
            {key[2]: at(level, key[2], now) for key, level in levels.items() if key[:2] == (name, model)}
            for name in (new, old)
        )
        write_levels(book, {(new, model, dimension): level for dimension, level in merged(ours, theirs).items()})
    book.execute("DELETE FROM level WHERE organization = ? AND server = ?", (old, book.server))
    book.execute(
        "INSERT INTO bench SELECT ?, model, until_at, limit_name, reason, since_at, server FROM bench "
        "WHERE organization = ? AND server = ? "
        "ON CONFLICT DO UPDATE SET limit_name = CASE WHEN excluded.until_at > until_at THEN excluded.limit_name "
        "ELSE limit_name END, until_at = max(until_at, excluded.until_at)",
        (new, old, book.server),
    )
    book.execute("DELETE FROM bench WHERE organization = ? AND server = ?", (old, book.server))


def labeled_windows(windows: Iterable[WindowStatus], labels: Mapping[str, str]) -> tuple[WindowStatus, ...]:
    """Return windows under their organizations' names for people; of several under one name the emptiest.

    ``labels`` holds the name of each account. Keys that the operator named alike have an account each until a reply
    names their organization.
    """
    found: dict[tuple[str, str, Dimension], WindowStatus] = {}
    for each in windows:
        label = labels.get(each.organization, each.organization)
        known = found.get((label, each.model, each.dimension))
        if known is None or each.available / each.limit < known.available / known.limit:
            found[label, each.model, each.dimension] = replace(each, organization=label)
    return tuple(found.values())


def key_statuses(
    book: Book, present: set[str], model: str, now: float, *, elsewhere: bool = False
) -> tuple[KeyStatus, ...]:
    """The keys in ``present`` (fingerprints), and those that a worker uses, for people.

    With ``elsewhere`` a key that may be used tells as its reason which other servers refuse it.
    """
    others = refused_elsewhere(book) if elsewhere else {}
    in_flight, probed = _in_flight(book, now), _probed(book, model, now)
    levels = level_rows(book, model)
    benches = bench_rows(book, model)
    typical = typical_tokens(book, model)
    statuses = []
    for record in key_records(book).values():
        if record.fingerprint not in present and record.fingerprint not in in_flight:
            continue
        organization = record.account
        windows = {key[2]: at(level, key[2], now) for key, level in levels.items() if key[0] == organization}
        wait_s, limit, reason = _cooldown(windows, benches.get(organization), typical, now)
        calls, trouble = in_flight.get(record.fingerprint, 0), probed.get(record.fingerprint, ("", 0.0))
        status = status_of(record, calls, wait_s, limit, reason, now, *trouble)
        statuses.append(replace(status, reason=status.reason or others.get(record.fingerprint, "")))
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


def _probed(book: Book, model: str, now: float) -> dict[str, tuple[str, float]]:
    """Of keys that a worker can only probe, why and when next: it asks the same model of the same server."""
    rows = book.execute(
        "SELECT fingerprint, pid, trouble, probe_at FROM worker_key JOIN worker ON worker.id = worker_id "
        "WHERE server = ? AND model = ? AND trouble <> '' AND heartbeat_at BETWEEN ? AND ? ORDER BY probe_at",
        (book.server, model, now - ALIVE_S, now + ALIVE_S),
    )
    return {fingerprint: (trouble, probe_at) for fingerprint, pid, trouble, probe_at in rows if _is_there(pid)}


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


def status_of(
    record: KeyRecord,
    in_flight: int,
    wait_s: float,
    limit: str,
    reason: str,
    now: float,
    trouble: str = "",
    probe_at: float = 0.0,
) -> KeyStatus:
    """One key for people: its state is the first of disabled, invalid, in use, waiting and ready that is true.

    With ``trouble`` its organization is in an outage: no key of it is ready, also in the moment of a probe.
    """
    since_at = None
    probe_s = max(0.0, probe_at - now)
    if trouble and probe_s >= wait_s:
        wait_s, limit, reason = probe_s, "", f"{PROBED}: {trouble}"
    if not record.enabled:
        state, reason, wait_s, limit = KeyState.DISABLED, "disabled by the operator", 0.0, ""
    elif record.invalid_reason is not None:
        state, reason, wait_s, limit = KeyState.INVALID, record.invalid_reason, 0.0, ""
        since_at = record.invalid_since
    elif in_flight:
        state, reason, wait_s, limit = KeyState.IN_USE, f"{PROBED}: {trouble}" if trouble else "", 0.0, ""
    elif trouble:
        state = KeyState.BENCHED
    elif wait_s > _NOTICEABLE_S:
        state = KeyState.BENCHED if wait_s > BENCHED_S else KeyState.COOLING
    else:
        state, reason, wait_s, limit = KeyState.READY, "", 0.0, ""
    if not reason and record.named and record.stated not in ("", record.named):
        reason = f"you stated {record.stated}, its server names {record.named}"
    return KeyStatus(
        alias=record.alias,
        last4=record.last4,
        organization=record.label,
        state=state,
        reason=reason,
        cooldown_s=wait_s,
        limit=limit,
        requests=record.requests,
        errors_429=record.errors_429,
        tokens=record.tokens,
        since_at=since_at,
        organization_known=bool(record.named or record.stated),
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
