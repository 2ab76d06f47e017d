"""The keys of one worker: what people and replies change of them, what is told of it, and how they are grouped."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from core.errors import KeysError, QuotaFileError
from core.model import Dimension, KeyState
from core.quota.db.rows import KeyRecord
from core.quota.db.sync import Counters, Doing
from core.quota.keys.identity import Secret
from core.quota.keys.store import NO_KEY
from core.quota.ledger.ledger import Ledger
from core.quota.ledger.levels import Level
from core.quota.pacing.concurrency import Room
from core.quota.pacing.pool import PATIENCE_MS, KeyPool

NOW, MODEL, SERVER = 1_790_000_000.0, "m", "https://gpu.example/v1"


class Store:
    """A key store in memory: what it has is set by tests."""

    server = SERVER

    def __init__(self, *aliases: str) -> None:
        self.known = {alias: self.record(alias) for alias in aliases}
        self.values = {alias: f"gsk_{alias}" for alias in aliases}
        self.own: list[str] = []
        self.not_read: dict[str, str] = {}
        self.error: Exception | None = None
        self.patience_ms: list[int] = []
        self.database = self

    @staticmethod
    def record(alias: str, **values: Any) -> KeyRecord:
        row: dict[str, Any] = {
            "fingerprint": alias, "alias": alias, "last4": "0001", "source": "s", "stated": "", "enabled": True,
            "requests": 1, "errors_429": 2, "tokens": 30, "last_used_at": None, "pinned": False,
        }  # fmt: skip
        return KeyRecord(**{**row, **values})

    def change(self, alias: str, **values: Any) -> None:
        self.known[alias] = self.record(alias, **values)
        self.values[alias] = f"gsk_{alias}"

    def _fails(self) -> None:
        if self.error is not None:
            raise self.error

    def reload(self) -> None:
        self._fails()

    def records(self) -> dict[str, KeyRecord]:
        return dict(self.known)

    def secrets(self) -> tuple[Secret, ...]:
        return tuple(Secret(each, value, "0001", each, "s", SERVER) for each, value in self.values.items())

    def unreadable(self) -> dict[str, str]:
        return self.not_read

    def why_none(self) -> str:
        return "there is no key"

    def execute(self, _statement: str, _values: object) -> list[tuple[str]]:
        return [(each,) for each in self.own]

    @contextmanager
    def patience(self, milliseconds: int) -> Iterator[None]:
        self.patience_ms.append(milliseconds)
        yield

    def learn_organization(self, alias: str, organization: str) -> None:
        self._fails()
        self.known[alias] = self.record(alias, named=organization, stated=self.known[alias].stated)

    def mark_invalid(self, alias: str, reason: str, now: float) -> None:
        self._fails()
        self.known[alias] = self.record(alias, invalid_reason=reason, invalid_since=now)


class Pool(KeyPool):
    """A pool on such a store, filled, with its notices."""

    def __init__(self, *aliases: str, own: bool = False) -> None:
        self.store, self.ledger, self.told = Store(*aliases), Ledger(), list[str]()
        self.room = Room(own=own)
        super().__init__(self.store, self.ledger, MODEL, 7, self.told, self.room)  # type: ignore[arg-type]
        self.refresh(NOW)

    def notices(self) -> list[str]:
        found = self.told.copy()
        self.told.clear()
        return found

    def grouped(self) -> dict[str, str]:
        return {name: " ".join(slot.alias for slot in org.slots) for name, org in self.orgs.items()}


def test_a_pool_begins_without_notices_and_a_key_an_organization() -> None:
    """Each with its account, its bound on calls at once, and the room of the server."""
    pool = Pool("a", "b")
    assert (pool.notices(), pool.any_usable, pool.grouped()) == ([], True, {"(a)": "a", "(b)": "b"})
    org = pool.orgs["(a)"]
    assert (org.name, org.label, org.room, org.own) == ("(a)", "(a)", pool.room, False)
    assert org.account is pool.ledger.account("(a)", MODEL)
    for _ in range(20):
        org.concurrency.answered(1.0, in_demand=True)
    assert org.concurrency.allowed(math.inf) == 7
    assert pool.open_orgs == list(pool.orgs.values())
    assert (Pool().any_usable, Pool().open_orgs) == (False, [])
    pool.refresh(NOW)
    assert (pool.notices(), pool.orgs["(a)"]) == ([], org)


@pytest.mark.parametrize(
    ("before", "after", "told", "usable"),
    [
        (None, {}, ["k was added"], True),
        ({}, None, ["k was removed"], None),
        ({}, {"enabled": False}, ["k was disabled"], False),
        ({"enabled": False}, {}, ["k was enabled"], True),
        ({}, {"invalid_reason": "401"}, ["k is out: 401"], False),
        ({"invalid_reason": "401"}, {}, ["k was enabled"], True),
        ({"invalid_reason": "401"}, {"enabled": False}, [], False),
        ({"invalid_reason": "401"}, {"enabled": False, "invalid_reason": "401"}, [], False),
        ({}, {"enabled": False, "invalid_reason": "401"}, ["k was disabled"], False),
        ({}, {"pinned": True}, ["k is used first"], True),
        ({"pinned": True}, {}, ["k is no longer used first"], True),
        ({"pinned": True}, {"pinned": True}, [], True),
        ({}, {"stated": "ours"}, [], True),
    ],
)
def test_what_people_change_of_a_key_is_told_once(
    before: dict[str, Any] | None, after: dict[str, Any] | None, told: list[str], usable: bool | None
) -> None:
    """Added, removed, disabled, enabled, refused or pinned."""
    pool = Pool("other")
    if before is not None:
        pool.store.change("k", **before)
        pool.refresh(NOW)
        pool.notices()
    slot = pool.slots.get("k")
    if after is None:
        del pool.store.values["k"]
    else:
        pool.store.change("k", **after)
    pool.refresh(NOW)
    assert pool.notices() == told
    pool.refresh(NOW)
    assert pool.notices() == []
    if usable is None:
        assert ("k" in pool.slots, "(k)" in pool.orgs) == (False, False)
        assert slot is not None
        assert not slot.usable
    else:
        kept = pool.slots["k"]
        assert slot is None or kept is slot
        assert (kept.usable, kept.pinned) == (usable, (after or {}).get("pinned", False))
        assert (pool.orgs["(k)"] in pool.open_orgs) is usable
        assert kept.label == (after or {}).get("stated", "(k)")


def test_a_key_without_a_record_is_usable_under_its_own_name() -> None:
    """It has just been found."""
    pool = Pool("a")
    pool.store.values["new"] = "gsk_new"
    pool.refresh(NOW)
    slot = pool.slots["new"]
    assert (slot.usable, slot.organization, slot.label, slot.pinned) == (True, "(new)", "(new)", False)
    assert pool.statuses(1.0, {}, NOW)[0].alias == "a", "a key without a record is not shown"
    assert len(pool.statuses(1.0, {}, NOW)) == 1


def test_a_secret_that_changed_is_taken_over() -> None:
    """Its alias too: the slot stays."""
    pool = Pool("a")
    slot = pool.slots["a"]
    pool.store.values["a"] = "gsk_mended"
    pool.refresh(NOW)
    assert (pool.slots["a"], slot.secret.value) == (slot, "gsk_mended")


def test_what_cannot_be_read_changes_nothing_and_is_told_until_it_is_another() -> None:
    """Again after it was read in between."""
    pool, found = Pool("a", "b"), []
    for error in (KeysError("broken"), KeysError("broken"), QuotaFileError("locked"), None, QuotaFileError("locked")):
        pool.store.error = error
        pool.store.values.pop("b", None)
        pool.refresh(NOW)
        found.append(pool.notices())
    assert found == [
        ["broken. The keys known before stay in use"],
        [],
        ["locked. The keys known before stay in use"],
        ["b was removed"],
        ["locked. The keys known before stay in use"],
    ]
    empty = Pool()
    empty.store.error = KeysError("broken")
    empty.refresh(NOW)
    assert empty.why_none() == "broken"
    empty.store.error = None
    empty.refresh(NOW)
    assert empty.why_none() == "there is no key"


def test_a_keyring_that_gives_no_key_is_told_once() -> None:
    """And again after it was read in between."""
    pool, found = Pool("a"), []
    for not_read in ({"x": "locked"}, {"x": "locked", "y": "gone"}, {}, {"x": "locked"}):
        pool.store.not_read = not_read
        pool.refresh(NOW)
        found.append(pool.notices())
    assert found == [["x cannot be used: locked"], ["y cannot be used: gone"], [], ["x cannot be used: locked"]]


@pytest.mark.parametrize(
    ("own", "disabled", "trusted"),
    [([], False, False), (["(a)"], False, True), (["(a)"], True, False), (["z"], False, False)],
)
def test_a_server_of_ones_own_is_trusted_where_a_usable_key_is_of_its_plan(
    own: list[str], disabled: bool, trusted: bool
) -> None:
    """An organization is its owner's by name."""
    pool = Pool("a", "b")
    pool.store.own = own
    pool.store.change("a", enabled=not disabled)
    pool.refresh(NOW)
    assert (pool.orgs["(a)"].own, pool.orgs["(b)"].own, pool.room.trusted) == ("(a)" in own, False, trusted)


@pytest.mark.parametrize(
    ("stated", "named", "others", "told"),
    [
        ("", "org_1", [], "a belongs to org_1"),
        ("ours", "org_1", [], "a belongs to org_1. You stated ours: on this server its own word counts"),
        ("org_1", "org_1", [], "a belongs to org_1"),
        ("", "org_1", ["b"], "a belongs to org_1, with b: they share one quota"),
        ("", "org_1", ["b", "c"], "a belongs to org_1, with b, c: they share one quota"),
        (
            "ours",
            "org_1",
            ["b"],
            "a belongs to org_1, with b: they share one quota. You stated ours: on this server its own word counts",
        ),
    ],
)
def test_a_reply_that_names_an_organization_groups_its_keys(
    stated: str, named: str, others: list[str], told: str
) -> None:
    """It is written down, and told with what it changes; a second time nothing is."""
    pool = Pool("a", "b", "c", "z")
    pool.store.change("a", stated=stated)
    pool.refresh(NOW)
    for each in others:
        pool.learn_organization(pool.slots[each], named, NOW)
    pool.notices()
    for _ in range(2):
        pool.learn_organization(pool.slots["a"], named, NOW)
    assert pool.notices() == [told]
    slot = pool.slots["a"]
    assert (slot.organization, slot.label, pool.store.known["a"].named) == (named, named, named)
    assert pool.grouped()[named] == " ".join(["a", *others])
    assert "(a)" not in pool.orgs
    assert set(pool.store.patience_ms) == {PATIENCE_MS} == {250}
    pool.refresh(NOW)
    assert pool.notices() == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (KeysError("gone"), ["a belongs to org_1; not written down: gone", "a belongs to org_1"]),
        (QuotaFileError("locked"), ["a belongs to org_1"]),
    ],
)
def test_what_a_reply_named_holds_where_it_cannot_be_written(error: Exception, told: list[str]) -> None:
    """Where the file fails, its next exchange says so."""
    pool = Pool("a")
    pool.store.error = error
    pool.learn_organization(pool.slots["a"], "org_1", NOW)
    assert (pool.notices(), pool.grouped()) == (told, {"org_1": "a"})


def test_a_key_that_is_alone_takes_its_account_along() -> None:
    """And its organization with what is known of its speed; one among others leaves both behind."""
    pool = Pool("a", "b", "c")
    org, account = pool.orgs["(a)"], pool.ledger.account("(a)", MODEL)
    account.learn(Dimension.TPM, Level(6_000.0, 100.0, NOW, "429", NOW))
    pool.learn_organization(pool.slots["a"], "org_1", NOW)
    assert pool.orgs["org_1"] is org
    assert (org.name, org.account, account.organization) == ("org_1", account, "org_1")
    pool.learn_organization(pool.slots["b"], "org_1", NOW)
    assert (pool.orgs["org_1"], pool.ledger.account("(b)", MODEL)) == (org, account)
    pool.learn_organization(pool.slots["a"], "org_2", NOW)
    moved = pool.orgs["org_2"]
    assert (moved is org, moved.account.buckets, pool.grouped()) == (
        False,
        {},
        {"(c)": "c", "org_1": "b", "org_2": "a"},
    )
    assert pool.ledger.account("org_1", MODEL) is account


def test_a_key_that_comes_as_another_leaves_keeps_the_account_there() -> None:
    """The one that leaves is not alone then, in the same look."""
    pool = Pool("a")
    pool.learn_organization(pool.slots["a"], "org_1", NOW)
    account = pool.ledger.account("org_1", MODEL)
    pool.store.values = {}
    pool.store.change("n", named="org_1")
    pool.store.change("a", named="org_2")
    pool.refresh(NOW)
    assert pool.grouped() == {"org_1": "n", "org_2": "a"}
    assert pool.orgs["org_1"].account is account is pool.ledger.account("org_1", MODEL)
    assert pool.orgs["org_2"].account is not account


def test_keys_that_another_worker_grouped_are_grouped_at_the_next_look() -> None:
    """By their records."""
    pool = Pool("a", "b")
    pool.store.change("a", named="org_1")
    pool.store.change("b", named="org_1")
    pool.refresh(NOW)
    assert (pool.grouped(), pool.notices()) == ({"org_1": "a b"}, [])
    assert pool.slots["b"].label == "org_1"


def test_a_key_is_taken_out_once_until_a_person_acts() -> None:
    """It is written down, and told also where that fails."""
    pool = Pool("a", "b")
    for _ in range(2):
        pool.take_out(pool.slots["a"], "refused", NOW)
    assert pool.notices() == ["a is out: refused"]
    assert (pool.store.known["a"].invalid_reason, pool.store.known["a"].invalid_since) == ("refused", NOW)
    assert (pool.slots["a"].usable, [org.name for org in pool.open_orgs]) == (False, ["(b)"])
    assert pool.statuses(1.0, {}, NOW)[0].state is KeyState.INVALID
    pool.store.error = QuotaFileError("locked")
    pool.take_out(pool.slots["b"], "refused", NOW)
    assert pool.notices() == ["b is out, which could not be written down: locked", "b is out: refused"]
    assert not pool.any_usable


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"a": {"enabled": False}}, "no key can be used (a …0001: disabled): enable one, or add another"),
        (
            {"a": {"invalid_reason": "401 who"}, "b": {"enabled": False, "invalid_reason": "401"}},
            "no key can be used (a …0001: 401 who; b …0001: disabled): enable one, or add another",
        ),
        ({"a": {}}, "no key can be used (a …0001: out): enable one, or add another"),
    ],
)
def test_why_no_key_can_be_used_is_said_of_each(keys: dict[str, dict[str, Any]], reason: str) -> None:
    """Its last four characters, and what is wrong with it."""
    pool = Pool()
    for alias, values in keys.items():
        pool.store.change(alias, **values)
    pool.refresh(NOW)
    assert pool.why_none() == reason


@pytest.mark.parametrize(
    ("why", "requires"),
    [("h answered 401: who?", True), ("h answered 403", True), ("h answered 402", False), ("answered 4011", False)],
)
def test_a_server_that_was_asked_without_a_key_may_require_one(why: str, requires: bool) -> None:
    """Where it answered that it does not know who asks."""
    pool = Pool()
    pool.store.change(NO_KEY, invalid_reason=why)
    pool.store.values[NO_KEY] = NO_KEY
    pool.refresh(NOW)
    words = ", and requires one" if requires else ""
    assert pool.why_none() == (
        f"{SERVER} was asked without a key{words}: {why}. `labeltui keys add --server {SERVER}` adds one"
    )


def test_without_any_key_the_keyring_or_the_store_says_why() -> None:
    """What could not be read comes first."""
    pool = Pool()
    assert pool.why_none() == "there is no key"
    pool.store.not_read = {"x": "locked", "y": "gone"}
    assert pool.why_none() == "no key can be used (x: locked; y: gone)"


def test_keys_for_people_count_what_is_not_yet_written() -> None:
    """And wait for room for a call of the usual size, without any margin."""
    pool = Pool("a", "b")
    pending = {"a": Counters(10, 20, 300, 4), "z": Counters(1, 1, 1, 1)}
    first, second = pool.statuses(500.0, pending, NOW)
    assert (first.requests, first.errors_429, first.tokens, first.state) == (11, 22, 334, KeyState.READY)
    assert (second.requests, second.errors_429, second.tokens) == (1, 2, 30)
    account = pool.orgs["(a)"].account
    account.learn(Dimension.TPM, Level(6_000.0, 500.0, NOW, "429", NOW))
    assert pool.statuses(500.0, {}, NOW)[0].state is KeyState.READY
    found = pool.statuses(700.0, {}, NOW)[0]
    assert (found.state, found.cooldown_s, found.limit) == (KeyState.COOLING, pytest.approx(2.0), "TPM")
    account.bench_until(NOW + 9, "RPD", "waits for requests per day", NOW)
    found = pool.statuses(700.0, {}, NOW)[0]
    assert (found.cooldown_s, found.limit, found.reason) == (9.0, "RPD", "waits for requests per day")
    pool.slots["b"].in_flight = 1
    assert pool.statuses(1.0, {}, NOW)[1].state is KeyState.IN_USE


def test_what_a_worker_does_with_keys_is_told_with_their_troubles() -> None:
    """Of key and organization the one that is tried again later."""
    pool = Pool("a", "b")
    pool.slots["a"].in_flight = 3
    assert pool.doing() == {"a": Doing(3), "b": Doing(0)}
    slot, org = pool.slots["a"], pool.orgs["(a)"]
    for email in (1, 2, 3):
        slot.health.failed(email, "key", NOW, random.Random(1), probe=False)
    assert pool.doing()["a"] == Doing(3, "key", slot.health.probe_at)
    for email in (1, 2, 3):
        org.health.failed(email, "organization", NOW + 5, random.Random(1), probe=False)
    assert pool.doing()["a"] == Doing(3, "organization", org.health.probe_at)
    assert pool.statuses(1.0, {}, NOW)[0].reason == "tried again after errors: organization"
    org.health.answered()
    assert pool.doing()["a"] == Doing(3, "key", slot.health.probe_at)
    assert pool.doing()["b"] == Doing(0)
