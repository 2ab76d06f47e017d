"""Rows of quota.db as values: keys, levels, benches, what people see of them, and each key's history."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import KeysError, QuotaFileError
from core.model import Dimension, KeySpend, KeyState, KeyTrouble, WindowStatus
from core.quota.db import history
from core.quota.db.database import BUSY_TIMEOUT_MS, QuotaDatabase
from core.quota.db.rows import (
    Bench,
    KeyRecord,
    _in_flight,
    _is_there,
    bench_rows,
    clear_waits,
    forget_bench,
    forget_level,
    forget_own,
    forgive,
    key_records,
    key_statuses,
    labeled_windows,
    learned_estimate,
    level_rows,
    merge_organizations,
    models_known,
    name_organization,
    own_accounts,
    refuse,
    refused_elsewhere,
    refused_here,
    state_limits,
    state_own,
    status_of,
    typical_tokens,
    write_bench,
    write_levels,
)
from core.quota.ledger.levels import Level

NOW, MODEL = 1_790_000_000.0, "m"
ELSEWHERE = "http://localhost:11434/v1"
MINE = os.getpid()
GONE = 2**40
"""A number that no process has."""


@pytest.fixture(scope="module")
def new_file(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("new") / "quota.db"
    QuotaDatabase(path).close()
    return path.read_bytes()


@pytest.fixture
def database(tmp_path: Path, new_file: bytes) -> Iterator[QuotaDatabase]:
    """A new file that is not synced to the disk."""
    (tmp_path / "quota.db").write_bytes(new_file)
    with QuotaDatabase(tmp_path / "quota.db") as database:
        database.execute("PRAGMA synchronous = OFF")
        yield database


def add_key(database: QuotaDatabase, alias: str, **values: object) -> None:
    row = {
        "fingerprint": f"print-{alias}",
        "alias": alias,
        "last4": "0001",
        "source": "s",
        "first_seen_at": 1,
        **values,
    }
    names, places = ", ".join(row), ", ".join("?" * len(row))
    database.execute(f"INSERT INTO key ({names}) VALUES ({places})", list(row.values()))


def add_worker(
    database: QuotaDatabase, name: str, *, pid: int = MINE, model: str = MODEL, age_s: float = 0.0, server: str = ""
) -> None:
    server = server or database.server
    database.execute("INSERT INTO worker VALUES (?, ?, ?, ?, ?, ?)", (name, pid, model, NOW, NOW - age_s, server))


def uses(
    database: QuotaDatabase, worker: str, alias: str, calls: int, trouble: str = "", probe_at: float = 0.0
) -> None:
    database.execute(
        "INSERT INTO worker_key VALUES (?, ?, ?, ?, ?)", (worker, f"print-{alias}", calls, trouble, probe_at)
    )


def record(**values: Any) -> KeyRecord:
    before = KeyRecord("print-a", "a", "0001", "s", "", True, 7, 2, 900, NOW, False)
    return replace(before, **values)


# --- keys ------------------------------------------------------------------------------------------------------------


def test_records_hold_what_was_written_of_keys_oldest_first(database: QuotaDatabase) -> None:
    """With what this server named and refused; an organization is what it named, else what was stated, else itself."""
    add_key(database, "b", first_seen_at=1, stated="ours", requests=3, errors_429=2, tokens=50, last_used_at=NOW)
    add_key(database, "a", first_seen_at=2, enabled=0, pinned=1)
    name_organization(database, "print-b", "org_1", NOW)
    refuse(database, "print-a", "401", NOW + 5)
    assert list(key_records(database).values()) == [
        KeyRecord("print-b", "b", "0001", "s", "ours", True, 3, 2, 50, NOW, False, "org_1", None, None),
        KeyRecord("print-a", "a", "0001", "s", "", False, 0, 0, 0, None, True, "", "401", NOW + 5),
    ]
    found = key_records(database)["print-a"]
    assert (found.enabled, found.pinned) == (False, True)
    assert type(found.enabled) is type(found.pinned) is bool
    names = [(each.account, each.label) for each in key_records(database).values()]
    assert names == [("org_1", "org_1"), ("(a)", "(a)")]
    assert (record(stated="ours").account, record(stated="ours").label) == ("(a)", "ours")


def test_an_organization_that_is_named_first_takes_the_levels_of_the_key(database: QuotaDatabase) -> None:
    """A second name for the same key moves nothing: what was learned is the first organization's."""
    add_key(database, "a")
    write_levels(database, {("(a)", MODEL, Dimension.RPM): Level(30, 7, NOW, "headers", NOW)})
    for name in ("org_1", "org_2"):
        name_organization(database, "print-a", name, NOW)
        assert key_records(database)["print-a"].named == name
        assert [key[0] for key in level_rows(database, MODEL)] == ["org_1"]


def test_a_key_is_refused_by_one_server_and_forgiven_for_all(tmp_path: Path, database: QuotaDatabase) -> None:
    """Other servers' refusals are named with their host; one of an unknown server counts for each."""
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        refuse(other, "print-a", "who?", NOW)
        refuse(other, "print-b", "no credit", NOW)
        refuse(database, "print-a", "401", NOW + 1)
        database.execute("INSERT INTO refusal VALUES ('print-a', 'http://10.0.0.9:8000/v1', 'never', 3)")
        database.execute("INSERT INTO refusal VALUES ('print-c', '', 'long ago', NULL)")
        assert refused_here(database) == {"print-a": ("401", NOW + 1), "print-c": ("long ago", None)}
        assert refused_elsewhere(database) == {
            "print-a": "at 10.0.0.9:8000: never; at localhost:11434: who?",
            "print-b": "at localhost:11434: no credit",
        }
        forgive(database, "print-a")
        assert [refused_here(each).keys() for each in (database, other)] == [{"print-c"}, {"print-b", "print-c"}]


@pytest.mark.parametrize(
    ("values", "arguments", "expected"),
    [
        ({}, (0, 0.0, "", ""), (KeyState.READY, "", 0.0, "", None)),
        ({}, (0, 1.0, "TPM", "waits"), (KeyState.READY, "", 0.0, "", None)),
        ({}, (0, 1.1, "TPM", "waits"), (KeyState.COOLING, "waits", 1.1, "TPM", None)),
        ({}, (0, 600.0, "TPM", "waits"), (KeyState.COOLING, "waits", 600.0, "TPM", None)),
        ({}, (0, 600.1, "TPD", "waits"), (KeyState.BENCHED, "waits", 600.1, "TPD", None)),
        ({}, (1, 600.1, "TPD", "waits"), (KeyState.IN_USE, "", 0.0, "", None)),
        ({"enabled": False}, (1, 60.0, "TPM", "waits"), (KeyState.DISABLED, "disabled by the operator", 0.0, "", None)),
        (
            {"enabled": False, "invalid_reason": "401", "invalid_since": 5.0},
            (1, 60.0, "TPM", "waits", "503", NOW + 99),
            (KeyState.DISABLED, "disabled by the operator", 0.0, "", None),
        ),
        (
            {"invalid_reason": "401", "invalid_since": 5.0},
            (1, 60.0, "TPM", "waits", "503", NOW + 99),
            (KeyState.INVALID, "401", 0.0, "", 5.0),
        ),
        (
            {},
            (0, 60.0, "TPM", "waits", "503", NOW + 60),
            (KeyState.BENCHED, "tried again after errors: 503", 60.0, "", None),
        ),
        ({}, (0, 60.0, "TPM", "waits", "503", NOW + 59), (KeyState.BENCHED, "waits", 60.0, "TPM", None)),
        (
            {},
            (0, 0.0, "", "", "503", NOW - 5),
            (KeyState.BENCHED, "tried again after errors: 503", 0.0, "", None),
        ),
        (
            {},
            (1, 60.0, "TPM", "waits", "503", NOW + 5),
            (KeyState.IN_USE, "tried again after errors: 503", 0.0, "", None),
        ),
        (
            {"stated": "ours", "named": "org_1"},
            (0, 0.0, "", ""),
            (KeyState.READY, "you stated ours, its server names org_1", 0.0, "", None),
        ),
        ({"stated": "ours", "named": "org_1"}, (0, 9.0, "TPM", "waits"), (KeyState.COOLING, "waits", 9.0, "TPM", None)),
        ({"stated": "org_1", "named": "org_1"}, (0, 0.0, "", ""), (KeyState.READY, "", 0.0, "", None)),
        ({"named": "org_1"}, (0, 0.0, "", ""), (KeyState.READY, "", 0.0, "", None)),
        ({"stated": "ours"}, (0, 0.0, "", ""), (KeyState.READY, "", 0.0, "", None)),
    ],
)
def test_the_state_of_a_key_is_the_first_that_is_true(
    values: dict[str, Any], arguments: tuple[Any, ...], expected: tuple[object, ...]
) -> None:
    """Disabled, invalid, in use, waiting and ready; with its reason, its wait and what it waits for."""
    calls, wait_s, limit, reason, *trouble = arguments
    found = status_of(record(**values), calls, wait_s, limit, reason, NOW, *trouble)
    assert (found.state, found.reason, found.cooldown_s, found.limit, found.since_at) == expected
    assert (found.alias, found.last4, found.requests, found.errors_429, found.tokens) == ("a", "0001", 7, 2, 900)
    assert found.organization_known is ("stated" in values or "named" in values)
    assert not found.pinned
    assert status_of(record(pinned=True), 0, 0.0, "", "", NOW).pinned


def states(database: QuotaDatabase, servers: dict[str, str], **more: bool) -> dict[str, tuple[object, ...]]:
    found = key_statuses(database, servers, MODEL, NOW, **more)
    return {each.alias: (each.state, each.reason, each.cooldown_s, each.limit, each.server) for each in found}


def test_keys_for_people_are_those_that_are_there_or_in_use(database: QuotaDatabase) -> None:
    """Each with its server; one that is in no file is shown while a worker asks with it."""
    for alias in "abcd":
        add_key(database, alias)
    add_worker(database, "one")
    uses(database, "one", "b", 2)
    uses(database, "one", "c", 1)
    assert states(database, {"print-a": ELSEWHERE, "print-b": database.server}) == {
        "a": (KeyState.READY, "", 0.0, "", "localhost:11434"),
        "b": (KeyState.IN_USE, "", 0.0, "", "api.groq.com"),
        "c": (KeyState.IN_USE, "", 0.0, "", "api.groq.com"),
    }


def test_a_key_says_which_other_server_refuses_it_only_where_that_is_asked(
    tmp_path: Path, database: QuotaDatabase
) -> None:
    """And only where it has no reason of its own."""
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        for alias in "ab":
            add_key(database, alias)
            refuse(other, f"print-{alias}", "who?", NOW)
    database.execute("UPDATE key SET enabled = 0 WHERE alias = 'b'")
    here = {"print-a": database.server, "print-b": database.server}
    assert [each[1] for each in states(database, here).values()] == ["", "disabled by the operator"]
    reasons = [each[1] for each in states(database, here, elsewhere=True).values()]
    assert reasons == ["at localhost:11434: who?", "disabled by the operator"]


@pytest.mark.parametrize(
    ("worker", "elsewhere", "in_use"),
    [
        ({}, False, True),
        ({"age_s": 10.0}, False, True),
        ({"age_s": 10.0 + 0.5}, False, False),
        ({"age_s": -10.0}, False, True),
        ({"age_s": -10.0 - 0.5}, False, False),
        ({"model": "another"}, False, True),
        ({"pid": GONE}, False, False),
        ({"server": ELSEWHERE}, False, False),
        ({"server": ELSEWHERE}, True, True),
    ],
)
def test_calls_are_out_as_long_as_their_worker_lives(
    database: QuotaDatabase, worker: dict[str, Any], elsewhere: bool, in_use: bool
) -> None:
    """Its heartbeat is at most ten seconds away, its process is there, and it asks this server, unless all are asked."""
    add_key(database, "a")
    add_worker(database, "one", **worker)
    uses(database, "one", "a", 2)
    state = states(database, {"print-a": database.server}, elsewhere=elsewhere)["a"][0]
    assert state is (KeyState.IN_USE if in_use else KeyState.READY)


@pytest.mark.parametrize(
    ("first", "second", "in_use"),
    [(GONE, MINE, True), (MINE, GONE, True), (GONE, GONE, False)],
    ids=["the second lives", "the first lives", "neither lives"],
)
def test_calls_of_one_key_by_several_workers_add_up(
    database: QuotaDatabase, first: int, second: int, in_use: bool
) -> None:
    """One that is gone takes away nothing of the other's."""
    add_key(database, "a")
    for name, pid in (("one", first), ("two", second)):
        add_worker(database, name, pid=pid)
        uses(database, name, "a", 1)
    state = states(database, {"print-a": database.server})["a"][0]
    assert state is (KeyState.IN_USE if in_use else KeyState.READY)
    assert _in_flight(database, NOW, elsewhere=False) == {"print-a": [first, second].count(MINE)}


def test_a_probe_within_a_second_is_told_with_what_is_left_until_then(database: QuotaDatabase) -> None:
    """A key that waits for nothing else."""
    add_key(database, "a")
    add_worker(database, "one")
    uses(database, "one", "a", 0, "503", NOW + 0.5)
    found = states(database, {"print-a": database.server})["a"]
    assert found == (KeyState.BENCHED, "tried again after errors: 503", 0.5, "", "api.groq.com")


@pytest.mark.parametrize(
    ("worker", "probed"),
    [
        ({}, True),
        ({"age_s": 10.0}, True),
        ({"age_s": 10.0 + 0.5}, False),
        ({"age_s": -10.0}, True),
        ({"age_s": -10.0 - 0.5}, False),
        ({"model": "another"}, False),
        ({"pid": GONE}, False),
        ({"server": ELSEWHERE}, False),
    ],
)
def test_a_key_is_probed_where_a_living_worker_of_this_model_and_server_only_probes_it(
    database: QuotaDatabase, worker: dict[str, Any], probed: bool
) -> None:
    """It is benched until the last probe that a worker waits for."""
    add_key(database, "a")
    for name, probe_at in (("one", NOW + 30), ("two", NOW + 20)):
        add_worker(database, name, **worker)
        uses(database, name, "a", 0, "503", probe_at)
    found = states(database, {"print-a": database.server})["a"]
    expected = (KeyState.BENCHED, "tried again after errors: 503", 30.0, "", "api.groq.com")
    assert found == (expected if probed else (KeyState.READY, "", 0.0, "", "api.groq.com"))


def test_a_process_that_belongs_to_somebody_else_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a number that no process has says that it is gone."""
    assert (_is_there(MINE), _is_there(GONE)) == (True, False)

    def refuses(pid: int, signal: int) -> None:
        assert (pid, signal) == (1, 0), "a look, no signal"
        raise PermissionError

    monkeypatch.setattr(os, "kill", refuses)
    assert _is_there(1)


LEVELS = {Dimension.RPM: (30.0, 0.0), Dimension.TPM: (6_000.0, 100.0)}


@pytest.mark.parametrize(
    ("levels", "bench", "typical", "expected"),
    [
        ({}, None, None, (KeyState.READY, "", 0.0, "")),
        ({Dimension.RPM: (30.0, 0.0)}, None, None, (KeyState.COOLING, "waits for requests per minute", 2.0, "RPM")),
        ({Dimension.RPM: (30.0, 1.0)}, None, None, (KeyState.READY, "", 0.0, "")),
        ({Dimension.RPM: (30.0, -1.0)}, None, None, (KeyState.COOLING, "waits for requests per minute", 4.0, "RPM")),
        (
            {Dimension.TPM: (6_000.0, 100.0)},
            None,
            700.0,
            (KeyState.COOLING, "waits for tokens per minute", 6.0, "TPM"),
        ),
        (
            {Dimension.TPM: (600.0, 100.0)},
            None,
            700.0,
            (KeyState.COOLING, "waits for tokens per minute", 50.0, "TPM"),
        ),
        (LEVELS, None, 700.0, (KeyState.COOLING, "waits for tokens per minute", 6.0, "TPM")),
        (LEVELS, (5.0, "RPD"), 700.0, (KeyState.COOLING, "waits for tokens per minute", 6.0, "TPM")),
        (LEVELS, (6.0, "RPD"), 700.0, (KeyState.COOLING, "benched", 6.0, "RPD")),
        (LEVELS, (700.0, "RPD"), 700.0, (KeyState.BENCHED, "benched", 700.0, "RPD")),
        ({}, (-1.0, "RPD"), 700.0, (KeyState.READY, "", 0.0, "")),
    ],
)
def test_a_key_waits_for_its_bench_or_its_scarcest_window_whichever_is_longer(
    database: QuotaDatabase,
    levels: dict[Dimension, tuple[float, float]],
    bench: tuple[float, str] | None,
    typical: float | None,
    expected: tuple[object, ...],
) -> None:
    """A window has to hold one request, or as many tokens as a call usually takes; other organizations' do not count."""
    add_key(database, "a")
    for name, each in (("(a)", levels), ("(b)", {Dimension.RPD: (10.0, 0.0)}), ("zz", {Dimension.RPD: (10.0, 0.0)})):
        write_levels(database, {(name, MODEL, key): Level(*its, NOW, "headers", NOW) for key, its in each.items()})
    if bench is not None:
        write_bench(database, "(a)", MODEL, Bench(NOW + bench[0], bench[1], "benched", NOW - 9))
    if typical is not None:
        database.execute("INSERT INTO estimate VALUES (?, ?)", (MODEL, f'{{"typical": {typical}}}'))
    assert states(database, {"print-a": database.server})["a"][:4] == pytest.approx(expected)


def test_a_window_that_refills_faster_opens_sooner(database: QuotaDatabase) -> None:
    """Ten times as fast: a tenth of the time."""
    add_key(database, "a")
    write_levels(database, {("(a)", MODEL, Dimension.RPD): Level(1_000, 0, NOW, "headers", NOW, speed=10.0)})
    assert states(database, {"print-a": database.server})["a"][2] == pytest.approx(8.64)


@pytest.mark.parametrize(
    ("state", "learned", "typical"),
    [
        (None, "", 1.0),
        ("{}", "{}", 1.0),
        ('{"typical": 700}', '{"typical": 700}', 700.0),
        ('{"typical": 0}', None, 1.0),
    ],
)
def test_what_workers_noted_of_a_models_calls(
    database: QuotaDatabase, state: str | None, learned: str | None, typical: float
) -> None:
    """The tokens that a call usually takes; one where nobody knows."""
    if state is not None:
        database.execute("INSERT INTO estimate VALUES (?, ?)", (MODEL, state))
    assert typical_tokens(database, MODEL) == typical
    assert typical_tokens(database, "another") == 1.0
    assert learned is None or learned_estimate(database, MODEL) == learned
    assert learned_estimate(database, "another") == ""


# --- levels and benches ----------------------------------------------------------------------------------------------


def test_levels_are_read_as_they_were_written_in_the_order_of_dimensions(
    tmp_path: Path, database: QuotaDatabase
) -> None:
    """Of one model or of all, of this server alone; what is no dimension is left out."""
    level = Level(30.0, 7.0, NOW, "429", NOW - 1, 2.0, 0.25, 0.125)
    keys = [("a", "m", each) for each in Dimension] + [("a", "n", Dimension.TPM), ("b", "m", Dimension.TPD)]
    write_levels(database, dict.fromkeys(reversed(keys), level))
    state_own(database, "c", NOW)
    assert list(level_rows(database, "m").items()) == [(key, level) for key in keys if key[1] == "m"]
    assert list(level_rows(database, None)) == keys
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        assert level_rows(other, None) == {}
        forget_level(other, "a", "m", Dimension.RPM)
    forget_level(database, "a", "m", Dimension.TPD)
    assert list(level_rows(database, "m")) == [keys[0], keys[1], keys[2], keys[5]]


@pytest.mark.parametrize(
    ("before", "limit", "after"),
    [
        (None, 30.0, (30.0, 30.0)),
        ((30.0, 7.0), 50.0, (50.0, 27.0)),
        ((30.0, 7.0), 20.0, (20.0, -3.0)),
        ((30.0, 7.0), None, None),
        (None, None, None),
        (None, 1.0, (1.0, 1.0)),
        (None, 0.5, (0.5, 0.5)),
    ],
)
def test_an_operators_limit_keeps_what_is_used(
    database: QuotaDatabase, before: tuple[float, float] | None, limit: float | None, after: tuple[float, float] | None
) -> None:
    """What was used of another limit is used of this one; none makes it unknown again."""
    key = ("a", MODEL, Dimension.RPM)
    if before is not None:
        write_levels(database, {key: Level(*before, NOW - 5, "429", NOW - 5, 2.0, 0.5, 0.25)})
    state_limits(database, "a", MODEL, {Dimension.RPM: limit}, NOW)
    found = level_rows(database, MODEL).get(key)
    assert (found and (found.limit, found.available)) == after
    if found is not None:
        assert (found.source, found.learned_at) == ("operator", NOW)
        more = (found.as_of, found.speed, found.drift, found.caution)
        assert more == ((NOW, 1.0, 0.0, 0.0) if before is None else (NOW - 5, 2.0, 0.5, 0.25))


@pytest.mark.parametrize("limit", [0.0, -1.0])
def test_a_limit_that_lets_nothing_through_is_refused(database: QuotaDatabase, limit: float) -> None:
    """The message names it."""
    with pytest.raises(KeysError, match=f"A limit of {limit:g} tokens per day lets nothing through: state 1 or more"):
        state_limits(database, "a", MODEL, {Dimension.TPD: limit}, NOW)


def test_a_server_of_ones_own_has_no_limits_until_that_is_taken_back(tmp_path: Path, database: QuotaDatabase) -> None:
    """Known limits of the organization go; it is the word of one server and one organization."""
    write_levels(database, {(name, MODEL, Dimension.RPM): Level(30, 7, NOW, "429", NOW) for name in "ab"})
    for name in "ac":
        state_own(database, name, NOW)
    assert own_accounts(database) == {"a", "c"}
    assert [key[0] for key in level_rows(database, None)] == ["b"]
    assert models_known(database, {"a", "c"}, NOW) == ()
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        assert own_accounts(other) == frozenset()
        forget_own(other, "a")
    forget_own(database, "a")
    assert own_accounts(database) == {"c"}
    forget_own(database, "b")
    assert [key[0] for key in level_rows(database, None)] == ["b"]


@pytest.mark.parametrize(("age_s", "known"), [(86_399.0, ("new", "old")), (86_400.0, ("new",))])
def test_a_model_is_known_for_a_day(database: QuotaDatabase, age_s: float, known: tuple[str, ...]) -> None:
    """Its newest window counts; of models of one moment the first by name comes first."""
    levels = {
        ("a", "old", Dimension.RPM): Level(30, 7, NOW - age_s, "429", NOW),
        ("a", "old", Dimension.TPM): Level(30, 7, NOW - 2 * age_s, "429", NOW),
        ("a", "new", Dimension.RPM): Level(30, 7, NOW, "429", NOW),
    }
    write_levels(database, levels)
    assert models_known(database, {"a"}, NOW) == known
    write_levels(database, {("a", "older", Dimension.RPM): Level(30, 7, NOW, "429", NOW)})
    assert models_known(database, {"a"}, NOW)[:2] == ("new", "older")


def test_benches_are_kept_for_each_organization_and_model(tmp_path: Path, database: QuotaDatabase) -> None:
    """One is written over by a later one and forgotten alone."""
    bench = Bench(NOW + 60, "TPD", "why", NOW)
    for name, model in (("a", "m"), ("a", "n"), ("b", "m")):
        write_bench(database, name, model, bench)
    write_bench(database, "a", "m", Bench(NOW + 90, "RPM", "again", NOW + 1))
    assert bench_rows(database, "m") == {"a": Bench(NOW + 90, "RPM", "again", NOW + 1), "b": bench}
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        forget_bench(other, "a", "m")
        assert bench_rows(other, "m") == {}
    forget_bench(database, "a", "m")
    assert [set(bench_rows(database, model)) for model in "mn"] == [{"b"}, {"a"}]


@pytest.mark.parametrize(
    ("bench", "levels", "cleared", "left"),
    [
        (None, {Dimension.RPM: 1.0, Dimension.TPM: 700.0}, (), {"RPM": 1.0, "TPM": 700.0}),
        (
            None,
            {Dimension.RPM: 0.75, Dimension.TPM: 699.0},
            ("RPM, of which 1 of 30 was left", "TPM, of which 699 of 6,000 was left"),
            {"RPM": 30.0, "TPM": 6_000.0},
        ),
        (None, {Dimension.TPM: -50.0}, ("TPM, of which 0 of 6,000 was left",), {"TPM": 6_000.0}),
        ((60.0, ""), {Dimension.RPM: 5.0}, ("a bench of 60 s",), {"RPM": 5.0}),
        (
            (1_060.0, "RPM"),
            {Dimension.RPM: 5.0, Dimension.RPD: 8.0},
            ("a bench of 1,060 s for RPM", "RPM, of which 5 of 30 was left"),
            {"RPM": 30.0, "RPD": 8.0},
        ),
        ((0.0, "RPM"), {Dimension.RPM: 5.0}, (), {"RPM": 5.0}),
        ((-1.0, "RPM"), {Dimension.RPM: 5.0}, (), {"RPM": 5.0}),
    ],
)
def test_clearing_waits_takes_the_bench_away_and_fills_what_is_empty(
    database: QuotaDatabase,
    bench: tuple[float, str] | None,
    levels: dict[Dimension, float],
    cleared: tuple[str, ...],
    left: dict[str, float],
) -> None:
    """The window that the bench was for, and those that hold less than a call; it says which, other ones stay."""
    limits = {Dimension.RPM: 30.0, Dimension.RPD: 1_000.0, Dimension.TPM: 6_000.0}
    database.execute("INSERT INTO estimate VALUES (?, ?)", (MODEL, '{"typical": 700}'))
    for name in ("a", "b", "0"):
        its = {
            (name, MODEL, key): Level(limits[key], each, NOW, "429", NOW, caution=9.0) for key, each in levels.items()
        }
        write_levels(database, its)
        if bench is not None:
            write_bench(database, name, MODEL, Bench(NOW + bench[0], bench[1], "why", NOW - 9))
    before = level_rows(database, MODEL)
    assert clear_waits(database, "a", MODEL, NOW) == cleared
    assert set(bench_rows(database, MODEL)) == (set() if bench is None else {"b", "0"})
    after = level_rows(database, MODEL)
    assert {key[2].value: level.available for key, level in after.items() if key[0] == "a"} == left
    assert {key: level for key, level in after.items() if key[0] != "a"} == {
        key: level for key, level in before.items() if key[0] != "a"
    }
    filled = [level for key, level in after.items() if level != before[key]]
    assert all((level.caution, level.as_of) == (0.0, NOW) for level in filled)


def test_a_small_limit_waits_for_no_more_than_it_holds(database: QuotaDatabase) -> None:
    """A window of fewer tokens than a call usually takes is cleared only where it is not full."""
    database.execute("INSERT INTO estimate VALUES (?, ?)", (MODEL, '{"typical": 700}'))
    write_levels(database, {("a", MODEL, Dimension.TPM): Level(600, 0, NOW - 60, "429", NOW)})
    assert clear_waits(database, "a", MODEL, NOW) == ()
    assert clear_waits(database, "a", MODEL, NOW - 30) == ("TPM, of which 300 of 600 was left",)


def test_organizations_that_are_one_share_levels_of_each_model(tmp_path: Path, database: QuotaDatabase) -> None:
    """As of now; what the old one had on another server stays there, and others' stay as they are."""
    key = (MODEL, Dimension.RPM)
    with QuotaDatabase(tmp_path / "quota.db", server=ELSEWHERE) as other:
        write_levels(other, {("old", *key): Level(30, 7, NOW, "429", NOW)})
        write_bench(other, "old", MODEL, Bench(NOW + 9, "RPM", "why", NOW))
        levels = {
            ("old", *key): Level(60, 7, NOW - 10, "429", NOW - 1),
            ("new", *key): Level(60, 30, NOW, "429", NOW),
            ("new", "n", Dimension.RPM): Level(60, 1, NOW - 10, "429", NOW),
            ("else", *key): Level(60, 2, NOW - 10, "429", NOW),
        }
        write_levels(database, levels)
        merge_organizations(database, "old", "new", NOW)
        found = {key[:2]: level.available for key, level in level_rows(database, None).items()}
        assert found == {("else", "m"): 2.0, ("new", "m"): 17.0, ("new", "n"): 1.0}
        assert [set(bench_rows(each, MODEL)) for each in (database, other)] == [set(), {"old"}]
        assert [each[0] for each in level_rows(other, None)] == ["old"]


def window(organization: str, available: float, limit: float = 30.0, model: str = MODEL) -> WindowStatus:
    return WindowStatus(organization, model, Dimension.RPM, limit, available, 0.0)


def test_of_windows_under_one_name_the_emptiest_is_shown() -> None:
    """By its share; under another name, of another model or without a name for people each is shown for itself."""
    labels = {"a": "ours", "b": "ours", "c": "ours"}
    windows = (window("a", 10), window("b", 12, 60), window("c", 3, 10), window("z", 1), window("a", 5, model="n"))
    assert labeled_windows(windows, labels) == (window("ours", 12, 60), window("z", 1), window("ours", 5, model="n"))
    assert labeled_windows((window("a", 10), replace(window("b", 10), source="429")), labels) == (window("ours", 10),)


# --- history ---------------------------------------------------------------------------------------------------------


def test_the_newest_two_hundred_troubles_of_a_key_are_kept(database: QuotaDatabase) -> None:
    """Newest first, at most a hundred of those that come at once; another key's are its own."""
    trouble = KeyTrouble(0.0, "org_1", MODEL, "rate_limited", 429, "TPM", 2.5, "slow down")
    history.write_troubles(database, [("b", trouble)])
    for start in (0, 100, 200):
        history.write_troubles(database, [("a", replace(trouble, at=float(n))) for n in range(start, start + 100)])
    assert history.troubles_of(database, "b") == (trouble,)
    assert [each.at for each in history.troubles_of(database, "a")] == [float(n) for n in range(299, 99, -1)]
    assert database.execute("SELECT count(*) FROM trouble WHERE fingerprint = 'a'") == [(200,)]
    history.write_troubles(database, [("b", replace(trouble, at=float(n))) for n in range(1, 121)])
    assert [each.at for each in history.troubles_of(database, "b")] == [*map(float, range(120, 20, -1)), 0.0]
    history.forget_key(database, "a")
    assert [len(history.troubles_of(database, key)) for key in "ab"] == [0, 101]


def test_spending_adds_up_for_each_day_and_model_and_is_kept_for_a_month(database: QuotaDatabase) -> None:
    """The newest day first; a removed key leaves nothing."""
    first = KeySpend("2026-11-25", "m", 1, 2, 30, 4)
    for key, spent in (("a", first), ("a", first), ("a", replace(first, model="k")), ("b", first)):
        history.write_spend(database, [(key, spent)])
    history.write_spend(database, [("a", replace(first, day="2026-11-26")), ("a", replace(first, day="2026-10-26"))])
    assert history.spend_of(database, "a") == (
        KeySpend("2026-11-26", "m", 1, 2, 30, 4),
        KeySpend("2026-11-25", "k", 1, 2, 30, 4),
        KeySpend("2026-11-25", "m", 2, 4, 60, 8),
        KeySpend("2026-10-26", "m", 1, 2, 30, 4),
    )
    noon = 1_795_608_000.0
    assert (history.day_of(noon), history.day_of(noon + 12 * 3600)) == ("2026-11-25", "2026-11-26")
    for days, left in ((1, 4), (2, 3)):
        history.forget_old_days(database, noon + days * 86_400)
        assert len(history.spend_of(database, "a")) == left
    history.forget_key(database, "a")
    assert (history.spend_of(database, "a"), history.spend_of(database, "b")) == ((), (first,))
    assert (history.KEPT, history.DAYS, history.MOST_AT_ONCE) == (200, 31, 100)


# --- the file --------------------------------------------------------------------------------------------------------


def timeout_ms(database: QuotaDatabase) -> int:
    return int(database.execute("PRAGMA busy_timeout")[0][0])


def test_a_connection_waits_five_seconds_and_shorter_where_a_loop_stands_still(tmp_path: Path) -> None:
    """Within its patience as long as that, afterwards as before, also where it failed."""
    with QuotaDatabase(tmp_path / "quota.db", busy_timeout_ms=70) as hasty:
        assert timeout_ms(hasty) == 70
    with QuotaDatabase(tmp_path / "quota.db") as database:
        assert timeout_ms(database) == BUSY_TIMEOUT_MS == 5_000
        with database.patience(250):
            assert timeout_ms(database) == 250
        assert timeout_ms(database) == 5_000
        with pytest.raises(QuotaFileError), database.patience(100):
            database.execute("no statement")
        assert timeout_ms(database) == 5_000


def test_a_closed_connection_answers_with_a_remedy(tmp_path: Path) -> None:
    """A context closes it."""
    with QuotaDatabase(tmp_path / "quota.db") as database:
        assert database.path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(QuotaFileError, match=r"closed database.*move it away if this stays so"):
        database.execute("SELECT 1")
    with pytest.raises(QuotaFileError, match="closed database"):
        database.execute_many("SELECT ?", [(1,)])


def test_a_commit_of_another_connection_is_seen_once(tmp_path: Path) -> None:
    """One's own is no news."""
    with QuotaDatabase(tmp_path / "quota.db") as one, QuotaDatabase(tmp_path / "quota.db") as two:
        assert (one.salt, len(one.salt)) == (two.salt, 16)
        with one.writing():
            one.execute("INSERT INTO estimate VALUES ('m', '{}')")
        assert [each.poll_changes() for each in (one, two, two)] == [False, True, False]


@pytest.mark.parametrize(("takes_back", "kept"), [(False, 1), (True, 0)])
def test_a_transaction_of_a_dry_run_is_taken_back(database: QuotaDatabase, takes_back: bool, kept: int) -> None:
    """What it wrote is seen within it and gone afterwards."""
    database.takes_back = takes_back
    with database.writing():
        database.execute("INSERT INTO estimate VALUES ('m', '{}')")
        assert database.execute("SELECT count(*) FROM estimate") == [(1,)]
    assert database.execute("SELECT count(*) FROM estimate") == [(kept,)]


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (OSError("database is locked"), "another process holds it"),
        (OSError("busy"), "another process holds it"),
        (PermissionError("denied"), "this user may not write it: check the owner and permissions of {folder}"),
        (ValueError("readonly database"), "this user may not write it"),
        (ValueError("file is not a database"), "it is damaged: move it away"),
        (ValueError("image is malformed"), "it is damaged"),
        (ValueError("no such table: key"), "it is damaged"),
        (OSError("anything"), "check that {folder} is a folder with free space"),
        (ValueError("unable to open database file"), "check that {folder}"),
        (ValueError("disk I/O error"), "check that {folder}"),
        (ValueError("anything else"), "move it away if this stays so; quota levels will be learned again"),
    ],
)
def test_each_failure_of_the_file_has_its_remedy(database: QuotaDatabase, error: Exception, remedy: str) -> None:
    """The message names the file and what SQLite said."""
    said = str(database._error(error))
    assert said.startswith(f"The quota file {database.path} cannot be used ({error}): ")
    assert remedy.format(folder=database.path.parent) in said


def test_a_file_of_a_process_that_was_quicker_is_left_as_it_is(database: QuotaDatabase) -> None:
    """Two that make or upgrade it at once do so once."""
    salt = database.salt
    database._create()
    database._upgrade()
    assert (database.salt, database.execute("SELECT count(*) FROM meta")) == (salt, [(1,)])


def test_a_file_that_cannot_be_used_is_closed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its locks go with it."""
    opened, connect = [], sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", lambda *args, **named: opened.append(connect(*args, **named)) or opened[-1])
    (tmp_path / "quota.db").write_bytes(b"this is no database" * 100)
    with pytest.raises(QuotaFileError, match="it is damaged"):
        QuotaDatabase(tmp_path / "quota.db")
    with pytest.raises(sqlite3.ProgrammingError):
        opened[0].execute("SELECT 1")


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_that_this_user_may_not_change_may_hold_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_file: bytes, there: bool
) -> None:
    """One that is there is opened, a new one cannot be made."""

    def refuses(_path: Path) -> None:
        raise PermissionError("denied")

    path = tmp_path / "quota.db"
    if there:
        path.write_bytes(new_file)
    monkeypatch.setattr("core.quota.db.database.private_dir", refuses)
    with nullcontext() if there else pytest.raises(QuotaFileError, match="this user may not write it"):
        QuotaDatabase(path).close()
    assert path.exists() is there


def test_a_commit_waits_for_the_disk_as_often_as_a_rollback_journal_needs(tmp_path: Path) -> None:
    """Synchronous is NORMAL: a loss of power may take the last commits, and damages nothing."""
    with QuotaDatabase(tmp_path / "quota.db") as database:
        assert database.execute("PRAGMA synchronous") == [(1,)]


@pytest.mark.parametrize("make", [lambda path: path.mkdir(), lambda path: path.symlink_to(path.parent / "a" / "b")])
def test_a_place_that_holds_no_file_is_refused_with_its_folder(tmp_path: Path, make: Callable[[Path], None]) -> None:
    """A folder, or a link into nothing."""
    make(tmp_path / "quota.db")
    with pytest.raises(QuotaFileError, match=f"check that {tmp_path} is a folder"):
        QuotaDatabase(tmp_path / "quota.db")
