"""Keys, function by function: what a secret may be, whose it is, and each thing that the store does with one."""

from __future__ import annotations

import hashlib
import os
import sys
import threading
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import KeysError, QuotaFileError
from core.model import Dimension, KeySpend, KeyState, KeyStatus, KeyTrouble
from core.quota.db.database import QuotaDatabase
from core.quota.db.history import write_spend, write_troubles
from core.quota.db.rows import refused_here
from core.quota.keys import keyring as rings
from core.quota.keys.identity import Secret, assumed_organization, belongs_to, by_fingerprint, free_alias
from core.quota.keys.keyfile import (
    FoundKey,
    KeyringEntry,
    checked_alias,
    checked_organization,
    checked_secret,
    home_server,
    keyring_entries,
    keys_of_environment,
    keys_of_tables,
    plausible_secret,
    stamp,
    tables_of_file,
    write_file,
)
from core.quota.keys.keyring import KeyringStore
from core.quota.keys.store import NO_KEY, KeyStore
from core.quota.keys.swap import Swap, chosen_swap
from core.server_address import GROQ_ROOT
from core.settings import Settings
from tests.quota.test_quota_rows import new_file

__all__ = ["new_file"]

NOW, MODEL = 1_790_000_000.0, "m"
ELSEWHERE, OPENAI, LOCAL = "https://gpu.example/v1", "https://api.openai.com/v1", "http://localhost:11434/v1"
ONE, TWO, THREE = "gsk_first_secret_aaaa", "gsk_second_secret_bbbb", "gsk_third_secret_cccc"
FILE = Path("keys.toml")
NOT_SENT = (
    "no key belongs to api.groq.com: add one with labeltui keys add --server groq, or set GROQ_API_KEY. "
    "Your keys of other servers are not sent to api.groq.com."
)


# --- secrets and names -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pasted", "found"),
    [
        ("x" * 8, "x" * 8),
        ("y" * 512, "y" * 512),
        ("Bearer\tabcdefgh", "abcdefgh"),
        ("'abcdefgh'", "abcdefgh"),
        ("abcdefgh, ;", "abcdefgh"),
        ("\r\n abcdefgh \r\n", "abcdefgh"),
        ("x" * 11, "x" * 11),
    ],
)
def test_a_secret_is_taken_as_it_was_pasted(pasted: str, found: str) -> None:
    """Between 8 and 512 characters, freed of what came along."""
    assert plausible_secret(pasted) == found


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("x" * 7, "is 7 long, and no provider's is shorter than 8 characters"),
        ("y" * 513, "is longer than 512 characters"),
        ("''", "has quotation marks inside"),
        ("abcde'fgh", "has quotation marks inside"),
        ("ab>cdefgh", "has quotation marks inside"),
        ("x" * 8 + " " + "y" * 8, "More than one key was given"),
        ("x" * 8 + " " + "y" * 7, "has white space inside"),
        ("abcdefgh;ijkl", "More than one key was given"),
        ("abcd\n\nefgh\n\n", "2 lines were given"),
        ("abc://defgh", "is an address"),
        ("abcde**fg***h", "has its middle left out"),
        ("abcdefgh…", "has its middle left out"),
        ("xxxxxxxxxxxx", "an example's placeholder"),
        ("my-own-key-here", "an example's placeholder"),
        ("äbcdefghi", "has characters that no key has"),
        ("", "is empty"),
    ],
)
def test_what_is_no_secret_is_refused_with_the_reason(pasted: str, why: str) -> None:
    """In a sentence that says where it comes from or what to do."""
    with pytest.raises(KeysError, match=why):
        plausible_secret(pasted)


@pytest.mark.parametrize(
    ("secret", "why"),
    [
        (" ", "is empty"),
        ("a b", "has white space"),
        ("a\x07", "has characters that no key"),
        ("z" * 513, "is longer than 512"),
    ],
)
def test_a_secret_of_a_file_is_checked_alike(secret: str, why: str) -> None:
    """Only its length is not asked for; the place is named."""
    assert checked_secret(" ab ", "given") == "ab"
    assert checked_secret("z" * 512, "given") == "z" * 512
    with pytest.raises(KeysError, match=f"The key in GROQ_API_KEY {why}"):
        checked_secret(secret, "in GROQ_API_KEY")


def test_names_are_short_and_plain() -> None:
    """An alias has up to 32 characters, an organization up to 100; what is longer is shown cut."""
    assert checked_alias("a" * 32, "given") == "a" * 32
    assert checked_organization("o" * 100, "given") == "o" * 100
    with pytest.raises(KeysError) as caught:
        checked_alias("a" * 41, "given")
    assert str(caught.value) == (
        f"The alias '{'a' * 39}…' given is not usable: take up to 32 letters, digits, dots, dashes or underscores"
    )
    with pytest.raises(KeysError) as caught:
        checked_organization("o" * 101, "of a")
    assert str(caught.value) == f"The organization '{'o' * 39}…' of a is not usable: it looks like org_01abc…"
    for alias in ("a" * 33, "", "-a", "a b"):
        with pytest.raises(KeysError, match="is not usable"):
            checked_alias(alias, "given")
    with pytest.raises(KeysError, match="looks like a key itself") as caught:
        checked_alias("sk-abcdefghijkl", "given")
    assert "sk-" not in str(caught.value)
    assert checked_alias("sk-abcdefghijk", "given") == "sk-abcdefghijk"


@pytest.mark.parametrize(
    ("given", "home"), [({}, GROQ_ROOT), ({"GROQ_BASE_URL": " "}, GROQ_ROOT), ({"GROQ_BASE_URL": f" {LOCAL} "}, LOCAL)]
)
def test_keys_without_a_server_belong_to_the_base_url(given: dict[str, str], home: str) -> None:
    """Else to Groq."""
    assert home_server(given) == home
    (found,) = keys_of_environment({**given, "GROQ_API_KEY": ONE})
    assert (found.server, found.source, found.alias, found.organization) == (home, "GROQ_API_KEY", None, None)
    assert keys_of_environment({**given, "GROQ_API_KEY": ONE}, ELSEWHERE)[0].server == ELSEWHERE


def test_an_item_of_the_environment_that_is_none_is_named_by_its_place() -> None:
    """Counted from one, empty ones included."""
    with pytest.raises(KeysError, match="number 3 in GROQ_API_KEYS has white space"):
        keys_of_environment({"GROQ_API_KEYS": f"{ONE},,a b"})
    found = keys_of_environment({"GROQ_API_KEY": " ", "GROQ_API_KEYS": f" a @ org_1 = {ONE} ,b={TWO}, ,{THREE}="})
    assert [(each.alias, each.organization, each.secret, each.source) for each in found] == [
        ("a", "org_1", ONE, "GROQ_API_KEYS"),
        ("b", None, TWO, "GROQ_API_KEYS"),
        (None, None, f"{THREE}=", "GROQ_API_KEYS"),
    ]


# --- keys.toml -------------------------------------------------------------------------------------------------------


def test_tables_become_keys_and_entries_of_the_keyring() -> None:
    """A server by name or address, the home's where none is named; an organization where one is."""
    tables: dict[str, dict[str, object]] = {
        "a": {"secret": ONE, "server": "openai", "organization": "org_1"},
        "b": {"keyring": "b@1", "server": ELSEWHERE},
        "c": {"secret": TWO},
        "d": {"keyring": "d@1", "organization": "org_2"},
    }
    assert keys_of_tables(tables, FILE, LOCAL) == (
        FoundKey(ONE, "keys.toml", OPENAI, "a", "org_1"),
        FoundKey(TWO, "keys.toml", LOCAL, "c", None),
    )
    assert keyring_entries(tables, FILE, LOCAL) == (
        KeyringEntry("b", "b@1", ELSEWHERE, None),
        KeyringEntry("d", "d@1", LOCAL, "org_2"),
    )


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"secret": ""}, "The key a in keys.toml is empty"),
        ({"secret": 5}, "secret of a in keys.toml is not a text"),
        ({"secret": ONE, "organization": "two words"}, "of a in keys.toml is not usable"),
        ({"secret": ONE, "server": "nobody's"}, "The server of a in keys.toml is not usable"),
        ({"secret": ONE, "keyring": "a@1"}, "has a secret and names the keyring as well"),
        ({"keyring": 5}, "keyring of a in keys.toml is not a text"),
    ],
)
def test_a_table_that_is_no_key_is_named(table: dict[str, object], why: str) -> None:
    """With its file."""
    read = keyring_entries if "keyring" in table else keys_of_tables
    with pytest.raises(KeysError, match=why):
        read({"a": table}, FILE, LOCAL)


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """It has a stamp that changes with it; without a file there are no tables."""
    path = tmp_path / "home" / "keys.toml"
    assert (tables_of_file(path), stamp(path)) == ({}, None)
    write_file(path, {"a": {"secret": ONE}, "b": {}})
    assert tables_of_file(path) == {"a": {"secret": ONE}, "b": {}}
    status = path.stat()
    assert stamp(path) == (status.st_mtime_ns, status.st_size, status.st_ino, status.st_mode)
    path.write_text("")
    assert tables_of_file(path) == {}
    for text, why in (
        ("a = 1 2", "line 1"),
        ("a = ", "end of document"),
        ("keys = 5", "not as expected"),
        ("[keys]\na = 5", "not as expected"),
    ):
        path.write_text(text)
        with pytest.raises(KeysError, match=why):
            tables_of_file(path)
    path.write_bytes(b"\xff")
    with pytest.raises(KeysError, match="its encoding"):
        tables_of_file(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(KeysError, match="cannot be read"):
        tables_of_file(path)
    with pytest.raises(KeysError, match="cannot be written"):
        write_file(path, {})


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
@pytest.mark.parametrize("mode", [0o601, 0o602, 0o604, 0o610, 0o620, 0o640])
def test_a_file_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    """Whatever they may do with it."""
    path = tmp_path / "keys.toml"
    write_file(path, {"a": {"secret": ONE}})
    path.chmod(mode)
    with pytest.raises(KeysError, match="chmod 600"):
        tables_of_file(path)


# --- whose a key is --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "own", "server", "belongs"),
    [
        (ONE, GROQ_ROOT, GROQ_ROOT, True),
        (ONE, GROQ_ROOT, f"{GROQ_ROOT}/openai/v1", True),
        (ONE, GROQ_ROOT, OPENAI, False),
        (ONE, GROQ_ROOT, LOCAL, False),
        ("gsk_sim_0001", GROQ_ROOT, LOCAL, True),
        ("gsk_sim_0001", GROQ_ROOT, ELSEWHERE, False),
        ("gsk_sim_0001", ELSEWHERE, ELSEWHERE, True),
    ],
)
def test_a_key_is_sent_to_its_own_server_alone(secret: str, own: str, server: str, belongs: bool) -> None:
    """A simulator's to any server of this machine."""
    assert belongs_to(secret, own, server) is belongs
    assert Secret("a", secret, "0001", "f", "s", own).belongs_to(server) is belongs
    assert secret not in repr(Secret("a", secret, "0001", "f", "s", own))
    assert assumed_organization("a") == "(a)"


def test_one_key_of_several_places_has_what_any_of_them_says() -> None:
    """The first one's word first; two keys of one alias are refused, also where one is named later."""
    found = [
        FoundKey(ONE, "keys.toml", GROQ_ROOT, None, "org_1"),
        FoundKey(TWO, "keys.toml", GROQ_ROOT, "b"),
        FoundKey(ONE, "GROQ_API_KEYS", OPENAI, "a", "org_2"),
        FoundKey(TWO, "GROQ_API_KEYS", OPENAI, "c", "org_3"),
    ]
    assert by_fingerprint(found, str.upper) == {
        ONE.upper(): FoundKey(ONE, "keys.toml", GROQ_ROOT, "a", "org_1"),
        TWO.upper(): FoundKey(TWO, "keys.toml", GROQ_ROOT, "b", "org_3"),
    }
    twice = [*found, FoundKey(THREE, "OPENAI_API_KEYS", OPENAI, "a")]
    with pytest.raises(KeysError, match=r"called a: one in keys\.toml, one in OPENAI_API_KEYS; rename one"):
        by_fingerprint(twice, str.upper)
    assert len(by_fingerprint([FoundKey(ONE, "s", GROQ_ROOT), FoundKey(TWO, "s", GROQ_ROOT)], str.upper)) == 2


@pytest.mark.parametrize(
    ("taken", "free"), [(set(), "key-1"), ({"key-1", "key-2", "key-4"}, "key-3"), ({"key-2"}, "key-1")]
)
def test_a_free_alias_is_the_first_that_nobody_has(taken: set[str], free: str) -> None:
    """Counted from one."""
    assert free_alias(taken) == free


def status(alias: str, state: KeyState = KeyState.READY, organization: str = "", errors_429: int = 0) -> KeyStatus:
    return KeyStatus(alias, "0001", organization or alias, state, errors_429=errors_429)


@pytest.mark.parametrize(
    ("keys", "swap"),
    [
        ([status("a", errors_429=9), status("b", errors_429=3)], Swap("a", "b")),
        ([status("a", errors_429=3), status("b", errors_429=9)], Swap("a", "b")),
        ([status("a", KeyState.COOLING, errors_429=3), status("b", KeyState.BENCHED, errors_429=9)], Swap("b", "a")),
        ([status("a"), status("b", KeyState.DISABLED), status("c", KeyState.COOLING)], Swap("c", "a")),
        (
            [status("a", KeyState.COOLING), status("b", KeyState.DISABLED, "o"), status("c", KeyState.BENCHED)],
            Swap("a", "c"),
        ),
        ([status("a", KeyState.COOLING), status("b"), status("c", organization="a")], Swap("a", "b")),
        ([status("a", KeyState.COOLING), status("b", organization="a"), status("c")], Swap("a", "c")),
    ],
)
def test_the_key_in_most_trouble_goes_out_and_the_best_comes_in(keys: list[KeyStatus], swap: Swap) -> None:
    """Refusals count of keys that wait; one that can be asked comes before one that waits, a disabled one last."""
    assert chosen_swap(keys, {}) == swap
    assert swap.sentence == f"{swap.out} disabled; switched to {swap.into}"


# --- the store -------------------------------------------------------------------------------------------------------


class Home:
    """A folder with stores on it, under one clock."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self.now, self._stack = folder, NOW, stack

    @property
    def keys(self) -> Path:
        return self.folder / "keys.toml"

    def store(self, *, server: str = GROQ_ROOT, home: str | None = None, **environment: str) -> KeyStore:
        paths = self.folder / "quota.db", self.keys
        made = KeyStore(*paths, environment=environment, clock=lambda: self.now, server=server, home=home)
        return self._stack.enter_context(made)

    def write(self, **secrets: str) -> None:
        write_file(self.keys, {alias: {"secret": secret} for alias, secret in secrets.items()})


@pytest.fixture
def home(tmp_path: Path, new_file: bytes, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """A new file that is not synced to the disk."""
    prepare = QuotaDatabase._prepare

    def without_syncing(database: QuotaDatabase) -> None:
        prepare(database)
        database.execute("PRAGMA synchronous = OFF")

    monkeypatch.setattr(QuotaDatabase, "_prepare", without_syncing)
    (tmp_path / "quota.db").write_bytes(new_file)
    with ExitStack() as stack:
        yield Home(tmp_path, stack)


def aliases(store: KeyStore) -> list[str]:
    return [each.alias for each in store.secrets()]


def test_a_store_gives_out_the_keys_of_its_server_and_knows_all(home: Home) -> None:
    """In the order of file and environment; one that is not there is named."""
    home.write(a=ONE)
    store = home.store(GROQ_API_KEY=TWO, OPENAI_API_KEY=THREE)
    assert [(each.alias, each.value, each.last4, each.source) for each in store.secrets()] == [
        ("a", ONE, "aaaa", "keys.toml"),
        ("key-1", TWO, "bbbb", "GROQ_API_KEY"),
    ]
    assert [each.alias for each in store.all_secrets()] == ["a", "key-1", "key-2"]
    assert (store.secret("key-2").server, store.server, store.unreadable()) == (OPENAI, GROQ_ROOT, {})
    with pytest.raises(KeysError, match="No key is called 'nobody': labeltui keys list"):
        store.secret("nobody")
    shown = [(each.alias, each.server) for each in store.statuses(MODEL, NOW, elsewhere=True)]
    assert shown == [("a", "api.groq.com"), ("key-1", "api.groq.com"), ("key-2", "api.openai.com")]
    assert [each.alias for each in store.statuses(MODEL, NOW)] == ["a", "key-1"]
    fingerprint = hashlib.sha256(store.database.salt + ONE.encode()).hexdigest()[:32]
    assert store.fingerprint(ONE) == store.secrets()[0].fingerprint == fingerprint
    assert len(fingerprint) == 32


@pytest.mark.parametrize(("secret", "last4"), [("abcdefghijkl", "ijkl"), ("abcdefghijk", "…")])
def test_the_last_four_characters_show_of_a_secret_of_twelve(home: Home, secret: str, last4: str) -> None:
    """Of a shorter one nothing."""
    (found,) = home.store(GROQ_API_KEY=secret).secrets()
    assert found.last4 == last4


@pytest.mark.parametrize(("server", "per_day"), [(GROQ_ROOT, True), (OPENAI, False), (ELSEWHERE, None)])
def test_what_request_headers_count_is_known_of_known_servers(home: Home, server: str, per_day: bool | None) -> None:
    """A day's at Groq, a minute's at OpenAI."""
    assert home.store(server=server).requests_per_day is per_day


@pytest.mark.parametrize(
    ("server", "key", "why"),
    [
        (GROQ_ROOT, False, "there is no key: add one with labeltui keys add, or set GROQ_API_KEY"),
        (
            GROQ_ROOT,
            True,
            NOT_SENT,
        ),
        (
            OPENAI,
            False,
            "no key belongs to api.openai.com: add one with labeltui keys add --server openai, or set OPENAI_API_KEY.",
        ),
        (ELSEWHERE, False, f"no key belongs to gpu.example: add one with labeltui keys add --server {ELSEWHERE}."),
    ],
)
def test_why_there_is_no_key_is_said_with_what_to_do(home: Home, server: str, key: bool, why: str) -> None:
    """With the variable of a known server, and that keys of others are not sent."""
    environment = {"MISTRAL_API_KEY": ONE} if key else {}
    assert home.store(server=server, **environment).why_none() == why


def test_a_home_of_ones_own_that_is_not_known_names_its_server(home: Home) -> None:
    """Where keys that name no server belong to it."""
    store = home.store(server=ELSEWHERE, home=ELSEWHERE)
    assert store.why_none() == f"no key belongs to gpu.example: add one with labeltui keys add --server {ELSEWHERE}."


@pytest.mark.parametrize(
    ("environment", "server", "given"),
    [
        ({}, LOCAL, [NO_KEY]),
        ({"GROQ_API_KEY": ONE}, LOCAL, [NO_KEY]),
        ({}, ELSEWHERE, []),
        ({"GROQ_API_KEY": "gsk_sim_0001"}, LOCAL, ["key-1"]),
    ],
)
def test_a_server_of_this_machine_needs_no_key(
    home: Home, environment: dict[str, str], server: str, given: list[str]
) -> None:
    """It gets a word in the place of one, unless a key belongs to it."""
    store = home.store(server=server, **environment)
    assert aliases(store) == given
    if given == [NO_KEY]:
        assert (store.secrets()[0].value, store.secrets()[0].source) == (NO_KEY, "needs none")


def test_settings_name_files_server_and_environment(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """The run's address comes first; without the environment's keys only the file's are there."""
    monkeypatch.setenv("GROQ_API_KEY", ONE)
    monkeypatch.setenv("GROQ_BASE_URL", "")
    monkeypatch.delenv("GROQ_API_KEYS", raising=False)
    folder = home.folder
    settings = Settings(folder, folder / "quota.db", home.keys, folder / "c", None, OPENAI, folder / "demo")
    home.write(a=TWO)
    for changes, address, found in (
        ({}, None, (OPENAI, ["a", "key-1"])),
        ({}, GROQ_ROOT, (GROQ_ROOT, [])),
        ({"base_url": None}, None, (GROQ_ROOT, ["a", "key-1"])),
        ({"use_environment_keys": False}, None, (OPENAI, ["a"])),
    ):
        with KeyStore.from_settings(replace(settings, **changes), address) as store:
            assert (store.server, aliases(store)) == found


def test_a_store_that_cannot_be_opened_leaves_no_connection(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """And one that was opened is closed by its context."""
    closed = []
    close = QuotaDatabase.close

    def closes(database: QuotaDatabase) -> None:
        closed.append(1)
        close(database)

    monkeypatch.setattr(QuotaDatabase, "close", closes)
    home.keys.write_text("broken")
    home.keys.chmod(0o600)
    with pytest.raises(KeysError):
        home.store()
    assert closed == [1]
    home.keys.unlink()
    with KeyStore(home.folder / "quota.db", home.keys, environment={}) as store:
        assert store.secrets() == ()
    assert closed == [1, 1]
    with pytest.raises(QuotaFileError):
        store.records()


def test_a_file_that_has_just_gone_is_taken_to_come_back(home: Home) -> None:
    """For ten seconds, in which it is looked for again and again; a clock that went back ends them."""
    home.write(a=ONE)
    store = home.store()
    store.changed()
    home.keys.unlink()
    found = []
    for later_s in (0.0, 9.9, 10.0, 11.0):
        home.now = NOW + later_s
        changed = store.changed()
        store.reload()
        store.database.poll_changes()
        found.append((changed, aliases(store), store.changed()))
    assert found == [(True, ["a"], True), (True, ["a"], True), (False, [], False), (False, [], False)]
    home.write(a=ONE)
    store.reload()
    home.keys.unlink()
    store.reload()
    assert aliases(store) == ["a"]
    home.now -= 1
    store.reload()
    assert aliases(store) == []


def test_a_file_that_comes_back_is_read(home: Home) -> None:
    """And may go again ten seconds later."""
    home.write(a=ONE)
    store = home.store()
    for _ in range(2):
        home.keys.unlink()
        store.reload()
        assert aliases(store) == ["a"]
        home.now += 9
        home.write(a=ONE, b=TWO)
        assert store.changed()
        store.reload()
        assert (aliases(store), store.changed()) == (["a", "b"], False)
        home.write(a=ONE)
        store.reload()


def test_a_dry_run_changes_neither_file_nor_database(home: Home) -> None:
    """What it would do is done, and taken back."""
    home.write(a=ONE)
    store = home.store()
    before = home.keys.read_bytes()
    store.try_only()
    assert store.add(TWO, "b") == "b"
    store.set_enabled("a", False)
    assert (home.keys.read_bytes(), aliases(store), set(store.records())) == (before, ["a"], {store.fingerprint(ONE)})
    assert store.statuses(MODEL, NOW)[0].state is KeyState.READY


@pytest.mark.parametrize(
    ("server", "named", "address"),
    [(GROQ_ROOT, None, GROQ_ROOT), (GROQ_ROOT, "openai", OPENAI), (ELSEWHERE, None, ELSEWHERE)],
)
def test_an_added_key_is_of_the_server_that_is_named_or_of_the_stores(
    home: Home, server: str, named: str | None, address: str
) -> None:
    """It is written with it, and there at once."""
    store = home.store(server=server)
    assert store.add(f" {ONE} ", server=named) == "key-1"
    assert tomllib.loads(home.keys.read_text())["keys"] == {"key-1": {"secret": ONE, "server": address}}
    assert [(each.alias, each.server) for each in store.all_secrets()] == [("key-1", address)]
    assert store.add(TWO, organization="org_1") == "key-2"
    assert tomllib.loads(home.keys.read_text())["keys"]["key-2"]["organization"] == "org_1"


@pytest.mark.parametrize(
    ("secret", "alias", "why"),
    [
        (ONE, None, r"This key is here already, as a \(from keys\.toml\)"),
        (TWO, None, r"This key is here already, as key-1 \(from GROQ_API_KEY\)"),
        (THREE, "a", "The alias a is taken by the key …aaaa: choose another"),
        (THREE, "two words", "not usable"),
        ("short", None, "is 5 long"),
    ],
)
def test_what_cannot_be_added_is_told_before_anything_is_asked(
    home: Home, secret: str, alias: str | None, why: str
) -> None:
    """By the same words as when it is added; what can be is given back as it would be kept."""
    store = home.store(GROQ_API_KEY=TWO)
    home.write(a=ONE)
    for check in (store.check_new, store.add):
        with pytest.raises(KeysError, match=why):
            check(secret, alias)
    assert store.check_new(f"'{THREE}'", "b") == THREE
    assert store.check_new(THREE, None) == THREE
    assert tables_of_file(home.keys).keys() == {"a"}


@pytest.mark.parametrize(
    ("secret", "alias", "why"),
    [(ONE, "b", r"This key is here already, as a \(from keys\.toml\)"), (TWO, "a", r"taken by a key of keys\.toml")],
)
def test_a_key_that_another_process_has_just_added_is_seen(
    home: Home, monkeypatch: pytest.MonkeyPatch, secret: str, alias: str, why: str
) -> None:
    """Under the lock, between the look at the file and the change."""
    store = home.store()
    monkeypatch.setattr(store, "reload", lambda: None)
    home.write(a=ONE)
    with pytest.raises(KeysError, match=why):
        store.add(secret, alias)
    assert store.add(TWO) == "key-1"
    assert store.add(THREE) == "key-2"


def test_a_removed_key_leaves_nothing(home: Home) -> None:
    """Neither record, name, history nor refusal; another key keeps its own."""
    home.write(a=ONE, b=TWO)
    store = home.store(GROQ_API_KEY=THREE)
    for alias in ("a", "b"):
        fingerprint = store.secret(alias).fingerprint
        store.learn_organization(alias, f"org_{alias}")
        store.mark_invalid(alias, "401", NOW)
        write_troubles(store.database, [(fingerprint, KeyTrouble(NOW, "o", MODEL, "x", 401, "", None, "t"))])
        write_spend(store.database, [(fingerprint, KeySpend("2026-11-25", MODEL, 1, 1, 1, 1))])
    history = store.history("a")
    assert ([each.text for each in history.troubles], [each.day for each in history.spent]) == (["t"], ["2026-11-25"])
    store.remove("a")
    kept = store.secret("b").fingerprint
    for table in ("named", "trouble", "spend", "refusal"):
        assert store.database.execute(f"SELECT DISTINCT fingerprint FROM {table}") == [(kept,)], table
    assert {each.alias for each in store.records().values()} == {"b", "key-1"}
    assert (aliases(store), list(tables_of_file(home.keys))) == (["b", "key-1"], ["b"])
    with pytest.raises(KeysError, match="key-1 comes from GROQ_API_KEY: take it out there"):
        store.remove("key-1")
    with pytest.raises(KeysError, match="No key is called 'a'"):
        store.history("a")


def test_keys_are_enabled_disabled_pinned_and_swapped(home: Home) -> None:
    """One is pinned at a time; a swap disables one and enables and pins the other."""
    home.write(a=ONE, b=TWO, c=THREE)
    store = home.store()

    def marks() -> str:
        rows = sorted((each.alias, each.enabled, each.pinned) for each in store.records().values())
        return " ".join(f"{alias}{'' if enabled else '-'}{'*' if pinned else ''}" for alias, enabled, pinned in rows)

    def change(verb: str, *aliases: str | None) -> None:
        match verb, aliases:
            case "swap", (str(out), str(into)):
                store.swap(Swap(out, into))
            case "pin", (alias,):
                store.pin(alias)
            case _, (str(alias),):
                store.set_enabled(alias, verb == "enable")

    found = []
    for each in (
        ("disable", "a"), ("pin", "b"), ("pin", "c"), ("pin", None), ("swap", "b", "a"), ("swap", "a", "c"), ("enable", "b"),
    ):  # fmt: skip
        change(str(each[0]), *each[1:])
        found.append(marks())
    assert found == ["a- b c", "a- b* c", "a- b c*", "a- b c", "a* b- c", "a- b- c*", "a- b c*"]
    for unknown in (("pin", "x"), ("enable", "x"), ("swap", "a", "x")):
        with pytest.raises(KeysError, match="No key is called 'x'"):
            change(*unknown)


def test_enabling_forgives_and_disabling_does_not(home: Home) -> None:
    """On every server."""
    store, other = home.store(GROQ_API_KEY=ONE), home.store(server=OPENAI, GROQ_API_KEY=ONE)
    for each in (store, other):
        each.mark_invalid("key-1", "401", NOW + 3)
    store.set_enabled("key-1", False)
    assert refused_here(store.database) == {store.fingerprint(ONE): ("401", NOW + 3)}
    store.set_enabled("key-1", True)
    assert refused_here(store.database) == refused_here(other.database) == {}


def test_an_organization_is_stated_in_file_and_record(home: Home) -> None:
    """A key of the environment has it in its record alone; what is no name is refused."""
    home.write(a=ONE)
    store = home.store(GROQ_API_KEY=TWO)
    for alias in ("a", "key-1"):
        store.set_organization(alias, "ours")
    assert [(each.alias, each.stated) for each in store.records().values()] == [("a", "ours"), ("key-1", "ours")]
    assert tables_of_file(home.keys) == {"a": {"secret": ONE, "organization": "ours"}}
    for change in (store.set_organization, store.learn_organization):
        with pytest.raises(KeysError, match="'two words' for a is not usable"):
            change("a", "two words")
    store.learn_organization("a", "org_1")
    assert [(each.named, each.label) for each in store.records().values()] == [("org_1", "org_1"), ("", "ours")]


def test_what_is_stated_of_an_organization_holds_for_each_of_its_keys(home: Home) -> None:
    """By its name for people: limits, none of them, and what waits; a name that no key has is taken as it is."""
    store = home.store(GROQ_API_KEYS=f"a@ours={ONE},b@ours={TWO},c={THREE}")
    store.set_limits("ours", MODEL, {Dimension.RPM: 30.0})
    store.set_limits("nobody", MODEL, {Dimension.RPM: 10.0})
    rows = store.database.execute("SELECT organization, limit_units FROM level ORDER BY 1")
    assert rows == [("(a)", 30.0), ("(b)", 30.0), ("nobody", 10.0)]
    assert [(each.organization, each.limit) for each in store.windows(MODEL, NOW)] == [("ours", 30), ("nobody", 10)]
    assert (store.windows("n", NOW), len(store.windows(None, NOW)), store.models(NOW)) == ((), 2, (MODEL,))
    store.database.execute("UPDATE level SET available = 0")
    assert store.clear_bench("ours", MODEL) == ("RPM, of which 0 of 30 was left",)
    assert [each.available for each in store.windows(MODEL, NOW)] == [30, 0]
    store.set_own("ours")
    assert (set(store.own()), store.windows(MODEL, NOW)[0].organization) == ({"(a)", "(b)", "ours"}, "nobody")
    store.set_limits("ours", MODEL, {Dimension.RPM: None})
    assert store.own() == frozenset()
    assert (store.windows(MODEL, NOW)[0].organization, store.models(NOW)) == ("nobody", ())


def test_a_setting_that_was_refused_is_kept_for_a_model(home: Home) -> None:
    """With the server's words, as of the store's clock."""
    store = home.store()
    store.refuse_setting(MODEL, "seed", "unknown field")
    assert (store.refused_settings(MODEL), store.refused_settings("n")) == ({"seed": "unknown field"}, {})
    home.now += 8 * 86_400
    assert store.refused_settings(MODEL) == {}


def test_of_records_with_one_alias_that_of_the_present_key_is_meant(home: Home) -> None:
    """A key that is gone had the same name once."""
    store = home.store(GROQ_API_KEYS=f"a={ONE}")
    store.database.execute(
        "INSERT INTO key (fingerprint, alias, last4, source, first_seen_at) VALUES ('old', 'a', '', '', 0)"
    )
    store.set_enabled("a", False)
    assert {each.fingerprint: each.enabled for each in store.records().values()} == {
        "old": True,
        store.fingerprint(ONE): False,
    }
    store.database.execute("UPDATE key SET alias = 'gone' WHERE fingerprint = 'old'")
    store.set_enabled("gone", False)
    assert not store.records()["old"].enabled


def test_an_alias_goes_over_to_the_key_that_bears_it_now(home: Home) -> None:
    """A key that is gone keeps its record without a name; a last change is written, what is the same is not."""
    home.store(GROQ_API_KEYS=f"a={ONE},b={TWO}")
    store = home.store(GROQ_API_KEYS=f"a={THREE},b={TWO}")
    names = {each.fingerprint: each.alias for each in store.records().values()}
    assert names == {store.fingerprint(ONE): "", store.fingerprint(TWO): "b", store.fingerprint(THREE): "a"}
    swapped = home.store(GROQ_API_KEYS=f"b={THREE},a={TWO}")
    assert {each.alias: each.fingerprint for each in swapped.records().values() if each.alias} == {
        "a": store.fingerprint(TWO),
        "b": store.fingerprint(THREE),
    }
    home.store(GROQ_API_KEYS=f"b@ours={THREE},a={TWO}")
    assert [each.stated for each in swapped.records().values() if each.alias == "b"] == ["ours"]
    home.store(GROQ_API_KEYS=f"{THREE}")
    assert [each.stated for each in swapped.records().values() if each.alias == "b"] == ["ours"]


# --- the keyring -----------------------------------------------------------------------------------------------------


class Ring:
    """A keyring in memory: each question is noted, and answered with an error where one is set."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.asked: list[str] = []
        self.error: Exception | None = None

    def _note(self, what: str) -> None:
        self.asked.append(what)
        if self.error is not None:
            raise self.error

    def get_password(self, service: str, user: str) -> str | None:
        self._note(f"get {service}/{user}")
        return self.kept.get(user)

    def set_password(self, service: str, user: str, secret: str) -> None:
        self._note(f"set {service}/{user}")
        self.kept[user] = secret

    def delete_password(self, service: str, user: str) -> None:
        self._note(f"delete {service}/{user}")
        del self.kept[user]


class _LockedError(Exception):
    """What a locked keyring raises."""


@pytest.fixture
def ring(monkeypatch: pytest.MonkeyPatch) -> Ring:
    made = Ring()

    def ask(store: KeyringStore, verb: str, act: Any) -> Any:
        try:
            return act(made)
        except _LockedError as error:
            raise KeysError(f"The system's keyring would not {verb} a key: locked") from error

    monkeypatch.setattr(KeyringStore, "_ask", ask)
    return made


class Clock:
    """A clock that tests move."""

    now = NOW

    def __call__(self) -> float:
        return self.now


TABLES = {"a": {"keyring": "a@1"}, "b": {"keyring": "b@1", "server": OPENAI, "organization": "org_1"}}


def test_a_secret_is_read_once(ring: Ring) -> None:
    """Until the file changes; what cannot be read is told with its alias."""
    store = KeyringStore(FILE, Clock())
    ring.kept = {"a@1": ONE}
    for _ in range(2):
        assert store.find(TABLES, LOCAL) == [FoundKey(ONE, "keyring", LOCAL, "a", None)]
        assert store.unreadable == {
            "b": "The system's keyring has no entry b@1 of labeltui: remove the key and add it again"
        }
    assert ring.asked == ["get labeltui/a@1", "get labeltui/b@1"]
    ring.kept = {"a@1": THREE, "b@1": TWO}
    store.look_again()
    assert store.find(TABLES, LOCAL) == [
        FoundKey(THREE, "keyring", LOCAL, "a", None),
        FoundKey(TWO, "keyring", OPENAI, "b", "org_1"),
    ]
    assert (store.unreadable, store.due) == ({}, False)


def test_what_could_not_be_read_is_tried_again_after_a_minute(ring: Ring) -> None:
    """And where the clock went back; it is no secret where it has white space inside."""
    clock = Clock()
    store = KeyringStore(FILE, clock)
    found = []
    for later_s in (0.0, 59.9, 60.0, 59.0, 61.0):
        clock.now = NOW + later_s
        due = store.due
        before = len(ring.asked)
        store.find({"a": {"keyring": "a@1"}}, LOCAL)
        found.append((due, len(ring.asked) - before))
        assert not store.due
    assert found == [(False, 1), (False, 0), (True, 1), (True, 1), (False, 0)]
    ring.kept = {"a@1": "two words"}
    store.look_again()
    store.find(TABLES, LOCAL)
    assert store.unreadable["a"].startswith("The key a@1 in the keyring has white space inside")
    ring.kept = {"a@1": ONE}
    clock.now += 60
    assert store.find({"a": {"keyring": "a@1"}}, LOCAL)[0].secret == ONE
    assert store.due, "b is still to be tried"


def test_a_secret_that_was_good_stays_in_use_while_the_keyring_is_locked(ring: Ring) -> None:
    """After a change of the file it cannot be asked for; a key that is new is unusable."""
    store = KeyringStore(FILE, Clock())
    ring.kept = {"a@1": ONE, "b@1": TWO}
    store.find({"a": TABLES["a"]}, LOCAL)
    ring.error = _LockedError()
    for _ in range(2):
        store.look_again()
        assert [each.secret for each in store.find(TABLES, LOCAL)] == [ONE]
        assert store.unreadable == {"b": "The system's keyring would not give a key: locked"}


def test_a_secret_is_put_asked_for_and_deleted_by_its_user(ring: Ring, tmp_path: Path) -> None:
    """The name has eight characters of the folder's hash; what is deleted is not kept from before either."""
    clock = Clock()
    store = KeyringStore(tmp_path / "keys.toml", clock)
    user = store.put("a", ONE)
    here = hashlib.sha256(str((tmp_path / "keys.toml").resolve()).encode()).hexdigest()[:8]
    assert (user, ring.kept) == (f"a@{here}", {user: ONE})
    tables = {"a": {"keyring": user}}
    asked = len(ring.asked)
    assert store.find(tables, LOCAL)[0].secret == ONE
    assert len(ring.asked) == asked, "it is known from being put"
    store.look_again()
    store.find(tables, LOCAL)
    for _ in range(2):
        store.delete(user)
        assert ring.kept == {}
    ring.error = _LockedError()
    assert store.find(tables, LOCAL) == []
    ring.error = None
    store.put("a", TWO)
    clock.now += 61
    assert (store.find(tables, LOCAL)[0].secret, store.due) == (TWO, False)
    for alias in ("two words", ""):
        with pytest.raises(KeysError, match="not usable"):
            store.put(alias, ONE)


def test_a_keyring_that_gives_something_else_back_is_not_used(ring: Ring, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key is not taken for kept."""
    monkeypatch.setattr(ring, "set_password", lambda *_: None)
    store = KeyringStore(FILE, Clock())
    with pytest.raises(KeysError, match="did not keep the key a: add it without --keyring"):
        store.put("a", ONE)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (None, ("…", "(x)", KeyState.INVALID, "locked", 0, 0, 0)),
        (SimpleNamespace(enabled=True), ("0001", "ours", KeyState.INVALID, "locked", 7, 2, 90)),
        (SimpleNamespace(enabled=False), ("0001", "ours", KeyState.DISABLED, "disabled by the operator", 7, 2, 90)),
    ],
)
def test_a_key_that_cannot_be_read_is_shown_with_what_is_known_of_it(
    record: SimpleNamespace | None, expected: tuple[object, ...]
) -> None:
    """Unless another process that has it uses it."""
    store = KeyringStore(FILE, Clock())
    store.unreadable = {"x": "locked"}
    records = {}
    if record is not None:
        records["f"] = SimpleNamespace(
            alias="x", last4="0001", label="ours", requests=7, errors_429=2, tokens=90, enabled=record.enabled
        )
    first, found = store.shown((status("a"),), records)  # type: ignore[arg-type]
    shown = (found.last4, found.organization, found.state, found.reason, found.requests, found.errors_429, found.tokens)
    assert (first, found.alias, shown) == (status("a"), "x", expected)
    assert store.shown((status("x"),), records) == (status("x"),)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "remedy"),
    [
        ("NoKeyringError", "there is none on this machine"),
        ("KeyringLocked", "it is locked or was refused (KeyringLocked)"),
        ("InitError", "unlock it"),
        ("PasswordSetError", "unlock it"),
        ("OtherError", "OtherError. Look whether"),
    ],
)
def test_each_error_of_a_keyring_has_its_remedy(kind: str, remedy: str) -> None:
    """By the name of its class."""
    assert remedy in rings._remedy(kind)


def test_a_keyring_is_given_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its answer is waited for; a silent one, one that fails and one that is missing are told apart."""
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(value=ONE))
    store, hasty, answers = KeyringStore(FILE, Clock()), KeyringStore(FILE, Clock(), patience_s=0.0), threading.Event()
    assert (rings.PATIENCE_S, store._patience_s) == (10.0, 10.0)
    assert store._ask("give", lambda ring: (answers.wait(0.02), ring.value)) == (False, ONE)
    with pytest.raises(KeysError, match="would not give a key: it did not answer within 0 s: unlock it"):
        hasty._ask("give", lambda _: answers.wait(10))
    answers.set()
    with pytest.raises(KeysError, match=r"would not keep a key: AttributeError\. Look whether"):
        store._ask("keep", lambda ring: ring.nothing)
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(KeysError, match="the package keyring is not installed"):
        store._ask("keep", lambda ring: ring.value)


def test_a_store_with_a_keyring_shows_what_it_does_not_give(home: Home, ring: Ring) -> None:
    """Its alias is taken, a server of this machine waits for it, and it can be removed."""
    ring.error = _LockedError()
    write_file(home.keys, {"x": {"keyring": "x@1", "server": LOCAL}})
    store = home.store(server=LOCAL)
    assert (store.secrets(), store.unreadable()) == ((), {"x": "The system's keyring would not give a key: locked"})
    assert [(each.alias, each.state) for each in store.statuses(MODEL, NOW)] == [("x", KeyState.INVALID)]
    with pytest.raises(KeysError, match="The alias x is taken by a key that could not be read"):
        store.add(ONE, "x")
    assert store.add(ONE) == "key-1"
    ring.error = None
    ring.kept["x@1"] = TWO
    store.remove("x")
    assert (ring.kept, list(tables_of_file(home.keys)), aliases(store)) == ({}, ["key-1"], ["key-1"])
    assert store.add(THREE, "y", keyring=True) == "y"
    assert tables_of_file(home.keys)["y"].keys() == {"keyring", "server"}
    assert list(ring.kept.values()) == [THREE]
    assert aliases(store) == ["key-1", "y"]
