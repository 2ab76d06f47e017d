"""Read and write rows of ``quota.db`` as values: keys, levels, benches, and what people see of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields, replace

from core.errors import KeysError
from core.model import PROBED, Dimension, KeyState, KeyStatus, WindowStatus
from core.quota.db.database import QuotaDatabase
from core.quota.ledger.account import Bench
from core.quota.ledger.levels import SOURCE_OPERATOR, Level, at, merged
from core.server_address import host_of, server_of

ALIVE_S = 10.0
"""A worker whose heartbeat is older than this is taken to be gone."""

BENCHED_S = 600.0
"""A key that waits longer than this is *benched*; less is *cooling*."""

SETTING_REFUSED_S = 7 * 86_400.0
"""After a week a setting that a server refused is sent again once: servers are updated, and it costs one call."""

_NOTICEABLE_S = 1.0
_A_DAY_S = 86_400.0


@dataclass(frozen=True, slots=True)
class KeyRecord:
    """Hold the record of a key; ``invalid_reason`` is None while it is valid.

    ``stated`` is the organization that the operator named, ``named`` the one that replies of the database's server
    named; each is empty while unknown. Whether a key is invalid is said of that server as well.
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
        """Return the organization whose quota its calls take: the one that replies named, else itself alone."""
        return self.named or f"({self.alias})"

    @property
    def label(self) -> str:
        """Return its organization for people: as replies named it, else as the operator did, else itself."""
        return self.named or self.stated or f"({self.alias})"


def key_records(database: QuotaDatabase) -> dict[str, KeyRecord]:
    """Return every key ever seen, by fingerprint."""
    kept = [each.name for each in fields(KeyRecord) if each.name != "named" and not each.name.startswith("invalid_")]
    refused = refused_here(database)
    named = dict(database.execute("SELECT fingerprint, organization FROM named WHERE server = ?", (database.server,)))
    found = {}
    for row in database.execute(f"SELECT {', '.join(kept)} FROM key ORDER BY first_seen_at, alias"):
        values = dict(zip(kept, row, strict=True))
        values |= {"enabled": bool(values["enabled"]), "pinned": bool(values["pinned"])}
        reason, since_at = refused.get(row[0], (None, None))
        found[row[0]] = KeyRecord(**values, named=named.get(row[0], ""), invalid_reason=reason, invalid_since=since_at)
    return found


def name_organization(database: QuotaDatabase, fingerprint: str, organization: str, now: float) -> None:
    """Write that a reply named a key's organization, inside a transaction of the caller's."""
    record = key_records(database)[fingerprint]
    database.execute("INSERT OR REPLACE INTO named VALUES (?, ?, ?)", (fingerprint, database.server, organization))
    if not record.named:
        merge_organizations(database, record.account, organization, now)


def refused_here(database: QuotaDatabase) -> dict[str, tuple[str, float | None]]:
    """Return why the database's server refuses keys, and since when, by fingerprint.

    An older file did not say which server it was: such a refusal counts for each.
    """
    rows = database.execute(
        "SELECT fingerprint, reason, since_at FROM refusal WHERE server IN ('', ?)", (database.server,)
    )
    return {fingerprint: (reason, since_at) for fingerprint, reason, since_at in rows}


def refused_elsewhere(database: QuotaDatabase) -> dict[str, str]:
    """Return by fingerprint, for keys that other servers refuse, which servers and why."""
    found: dict[str, list[str]] = {}
    for fingerprint, server, reason in database.execute(
        "SELECT fingerprint, server, reason FROM refusal WHERE server NOT IN ('', ?) ORDER BY server",
        (database.server,),
    ):
        found.setdefault(fingerprint, []).append(f"at {host_of(server)}: {reason}")
    return {fingerprint: "; ".join(reasons) for fingerprint, reasons in found.items()}


def refuse(database: QuotaDatabase, fingerprint: str, reason: str, now: float) -> None:
    """Record that the server refuses a key, inside a transaction of the caller's."""
    database.execute(
        "INSERT OR REPLACE INTO refusal (fingerprint, server, reason, since_at) VALUES (?, ?, ?, ?)",
        (fingerprint, database.server, reason, now),
    )


def forgive(database: QuotaDatabase, fingerprint: str) -> None:
    """Record that no server refuses a key (a person has looked after it), inside a transaction of the caller's."""
    database.execute("DELETE FROM refusal WHERE fingerprint = ?", (fingerprint,))


def refused_settings(database: QuotaDatabase, model: str, now: float) -> dict[str, str]:
    """Return the settings that the database's server refused for a model of late, each with the server's words."""
    rows = database.execute(
        "SELECT name, words FROM refused_setting WHERE server = ? AND model = ? AND at > ?",
        (database.server, model, now - SETTING_REFUSED_S),
    )
    return dict(rows)


def refuse_setting(database: QuotaDatabase, model: str, name: str, words: str, now: float) -> None:
    """Write that the server refused a setting for a model, and forget what is too old to count."""
    with database.writing():
        database.execute("DELETE FROM refused_setting WHERE at <= ?", (now - SETTING_REFUSED_S,))
        database.execute(
            "INSERT OR REPLACE INTO refused_setting VALUES (?, ?, ?, ?, ?)", (database.server, model, name, words, now)
        )


def level_rows(database: QuotaDatabase, model: str | None) -> dict[tuple[str, str, Dimension], Level]:
    """Return shared levels of one model or of all, by (organization, model, dimension); of the database's server."""
    rows = database.execute(
        "SELECT organization, model, dimension, limit_units, available, as_of, source, learned_at, speed, drift, "
        "caution FROM level WHERE server = ? AND (? IS NULL OR model = ?) ORDER BY organization, model, "
        "CASE dimension WHEN 'RPM' THEN 0 WHEN 'RPD' THEN 1 WHEN 'TPM' THEN 2 ELSE 3 END",
        (database.server, model, model),
    )
    return {(row[0], row[1], Dimension(row[2])): Level(*row[3:]) for row in rows if row[2] in Dimension.__members__}


def write_levels(database: QuotaDatabase, levels: dict[tuple[str, str, Dimension], Level]) -> None:
    """Write levels of the database's server, inside a transaction of the caller's."""
    database.execute_many(
        "INSERT OR REPLACE INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key[:2], key[2].value, *(getattr(each, field.name) for field in fields(Level)), database.server)
            for key, each in levels.items()
        ],
    )


def forget_level(database: QuotaDatabase, organization: str, model: str, dimension: Dimension) -> None:
    """Delete the level of a limit that is no longer known, inside a transaction of the caller's."""
    database.execute(
        "DELETE FROM level WHERE server = ? AND organization = ? AND model = ? AND dimension = ?",
        (database.server, organization, model, dimension.value),
    )


def state_limits(
    database: QuotaDatabase, organization: str, model: str, limits: Mapping[Dimension, float | None], now: float
) -> None:
    """Write what the operator states of limits (None deletes one), inside a transaction of the caller's.

    Raises:
        KeysError: a limit lets nothing through.
    """
    for dimension, limit in limits.items():
        if limit is None:
            forget_level(database, organization, model, dimension)
        elif limit <= 0:
            raise KeysError(f"A limit of {limit:g} {dimension.words} lets nothing through: state 1 or more")
        else:
            database.execute(
                "INSERT INTO level VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, 0, 0, ?) ON CONFLICT DO UPDATE SET "
                "available = min(excluded.limit_units, available + excluded.limit_units - limit_units), "
                "limit_units = excluded.limit_units, source = excluded.source, "
                "learned_at = excluded.learned_at",
                (organization, model, dimension.value, limit, limit, now, SOURCE_OPERATOR, now, database.server),
            )


OWN = "OWN"
"""In the place of a dimension: the operator's own server, on which no limit is to be expected, for every model."""


def state_own(database: QuotaDatabase, organization: str, now: float) -> None:
    """Write that an organization has no limits on the database's server, inside a transaction of the caller's."""
    database.execute("DELETE FROM level WHERE server = ? AND organization = ?", (database.server, organization))
    database.execute(
        "INSERT OR REPLACE INTO level VALUES (?, '', ?, 1, 1, ?, ?, ?, 1, 0, 0, ?)",
        (organization, OWN, now, SOURCE_OPERATOR, now, database.server),
    )


def forget_own(database: QuotaDatabase, organization: str) -> None:
    """Expect limits of an organization again, inside a transaction of the caller's."""
    database.execute(
        "DELETE FROM level WHERE server = ? AND organization = ? AND dimension = ?",
        (database.server, organization, OWN),
    )


def own_accounts(database: QuotaDatabase) -> frozenset[str]:
    """Return the organizations that the operator stated to have no limits on the database's server."""
    rows = database.execute("SELECT organization FROM level WHERE server = ? AND dimension = ?", (database.server, OWN))
    return frozenset(row[0] for row in rows)


def models_known(database: QuotaDatabase, organizations: set[str], now: float) -> tuple[str, ...]:
    """Return the models with known limits or benches of these organizations: of the last day, newest first.

    Where none is as young as that, the newest alone: every window of it is whole again, but its limits stand.
    """
    newest: dict[str, float] = {}
    for organization, model, at_s in database.execute(
        "SELECT organization, model, as_of FROM level WHERE server = :server AND model <> '' UNION ALL "
        "SELECT organization, model, max(since_at, min(until_at, :now)) FROM bench WHERE server = :server",
        {"server": database.server, "now": now},
    ):
        if organization in organizations:
            newest[model] = max(at_s, newest.get(model, at_s))
    in_order = sorted(newest, key=lambda model: (-newest[model], model))
    return tuple(model for n, model in enumerate(in_order) if n == 0 or newest[model] > now - _A_DAY_S)


def bench_rows(database: QuotaDatabase, model: str) -> dict[str, Bench]:
    """Return the benches of a model, by organization."""
    rows = database.execute(
        "SELECT organization, until_at, limit_name, reason, since_at FROM bench WHERE server = ? AND model = ?",
        (database.server, model),
    )
    return {row[0]: Bench(*row[1:]) for row in rows}


def write_bench(database: QuotaDatabase, organization: str, model: str, bench: Bench) -> None:
    """Let an organization wait, inside a transaction of the caller's."""
    database.execute(
        "INSERT OR REPLACE INTO bench VALUES (?, ?, ?, ?, ?, ?, ?)",
        (organization, model, bench.until_at, bench.limit, bench.reason, bench.since_at, database.server),
    )


def forget_bench(database: QuotaDatabase, organization: str, model: str) -> None:
    """Let an organization wait no more, inside a transaction of the caller's."""
    database.execute(
        "DELETE FROM bench WHERE server = ? AND organization = ? AND model = ?", (database.server, organization, model)
    )


def clear_waits(database: QuotaDatabase, organization: str, model: str, now: float) -> tuple[str, ...]:
    """Take the bench away, and take its window and those that hold less than a call for full.

    Belongs into a transaction of the caller's.
    Returns what was cleared, in words; empty where nothing waits. Workers take it over within a second.
    """
    cleared = []
    bench = bench_rows(database, model).get(organization)
    if bench is not None and bench.until_at > now:
        cleared.append(f"a bench of {bench.until_at - now:,.0f} s" + (f" for {bench.limit}" if bench.limit else ""))
    forget_bench(database, organization, model)
    typical = typical_tokens(database, model)
    emptied = {}
    for key, stored in level_rows(database, model).items():
        level = at(stored, key[2], now)
        need = min(level.limit, typical if key[2].counts_tokens else 1.0)
        named = bench is not None and bench.until_at > now and bench.limit == key[2].value
        if key[0] == organization and (named or level.available < need):
            emptied[key] = replace(level, available=level.limit, as_of=now, caution=0.0)
            cleared.append(f"{key[2].value}, of which {max(0.0, level.available):,.0f} of {level.limit:,.0f} was left")
    write_levels(database, emptied)
    return tuple(cleared)


def merge_organizations(database: QuotaDatabase, old: str, new: str, now: float) -> None:
    """Move levels and benches of ``old`` to ``new`` on the database's server, inside a transaction of the caller's."""
    levels = level_rows(database, None)
    for model in {key[1] for key in levels if key[0] == old}:
        ours, theirs = (
            {key[2]: at(level, key[2], now) for key, level in levels.items() if key[:2] == (name, model)}
            for name in (new, old)
        )
        write_levels(database, {(new, model, dimension): level for dimension, level in merged(ours, theirs).items()})
    database.execute("DELETE FROM level WHERE organization = ? AND server = ?", (old, database.server))
    database.execute(
        "INSERT INTO bench SELECT ?, model, until_at, limit_name, reason, since_at, server FROM bench "
        "WHERE organization = ? AND server = ? "
        "ON CONFLICT DO UPDATE SET limit_name = CASE WHEN excluded.until_at > until_at THEN excluded.limit_name "
        "ELSE limit_name END, until_at = max(until_at, excluded.until_at)",
        (new, old, database.server),
    )
    database.execute("DELETE FROM bench WHERE organization = ? AND server = ?", (old, database.server))


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
    database: QuotaDatabase, servers: Mapping[str, str], model: str, now: float, *, elsewhere: bool = False
) -> tuple[KeyStatus, ...]:
    """Return the keys in ``servers`` (by fingerprint, with their servers), and those that a worker uses, for people.

    With ``elsewhere`` a key that may be used gives as its reason which other servers refuse it.
    """
    others = refused_elsewhere(database) if elsewhere else {}
    in_flight, probed = _in_flight(database, now, elsewhere=elsewhere), _probed(database, model, now)
    levels = level_rows(database, model)
    benches = bench_rows(database, model)
    typical = typical_tokens(database, model)
    statuses = []
    for record in key_records(database).values():
        if record.fingerprint not in servers and record.fingerprint not in in_flight:
            continue
        organization = record.account
        windows = {key[2]: at(level, key[2], now) for key, level in levels.items() if key[0] == organization}
        wait_s, limit, reason = _cooldown(windows, benches.get(organization), typical, now)
        calls, trouble = in_flight.get(record.fingerprint, 0), probed.get(record.fingerprint, ("", 0.0))
        status = status_of(record, calls, wait_s, limit, reason, now, *trouble)
        server = host_of(server_of(servers.get(record.fingerprint, database.server)))
        reason = status.reason or others.get(record.fingerprint, "")
        statuses.append(replace(status, reason=reason, server=server))
    return tuple(statuses)


def _in_flight(database: QuotaDatabase, now: float, *, elsewhere: bool) -> dict[str, int]:
    """Return the calls that are out by key, as workers noted them lately, of this server's or (``elsewhere``) of all.

    Those of a process that is gone are out no more.
    """
    rows = database.execute(
        "SELECT fingerprint, pid, sum(in_flight) FROM worker_key JOIN worker ON worker.id = worker_id "
        "WHERE heartbeat_at BETWEEN ? AND ? AND (? OR server = ?) GROUP BY fingerprint, pid",
        (now - ALIVE_S, now + ALIVE_S, elsewhere, database.server),
    )
    calls: dict[str, int] = {}
    for fingerprint, pid, count in rows:
        calls[fingerprint] = calls.get(fingerprint, 0) + (count if _is_there(pid) else 0)
    return calls


def _probed(database: QuotaDatabase, model: str, now: float) -> dict[str, tuple[str, float]]:
    """Return why and when next, for keys that a worker can only probe: it asks the same model of the same server."""
    rows = database.execute(
        "SELECT fingerprint, pid, trouble, probe_at FROM worker_key JOIN worker ON worker.id = worker_id "
        "WHERE server = ? AND model = ? AND trouble <> '' AND heartbeat_at BETWEEN ? AND ? ORDER BY probe_at",
        (database.server, model, now - ALIVE_S, now + ALIVE_S),
    )
    return {fingerprint: (trouble, probe_at) for fingerprint, pid, trouble, probe_at in rows if _is_there(pid)}


def _is_there(pid: int) -> bool:
    """Return whether a process with that number exists on this machine."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        pass  # it belongs to somebody else
    return True


def learned_estimate(database: QuotaDatabase, model: str) -> str:
    """Return the learned token counts of a model, as :meth:`Estimator.state` wrote them; empty without any."""
    rows = database.execute("SELECT state FROM estimate WHERE model = ?", (model,))
    return str(rows[0][0]) if rows else ""


def typical_tokens(database: QuotaDatabase, model: str) -> float:
    """Return tokens that a call of this model usually reserves, as workers noted it; 1 where none has."""
    rows = database.execute("SELECT json_extract(state, '$.typical') FROM estimate WHERE model = ?", (model,))
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
    """Return one key for people: its state is the first of disabled, invalid, in use, waiting and ready that is true.

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
