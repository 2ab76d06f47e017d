"""Keys: where secrets come from, what is refused, what is kept, and that no secret shows."""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import KeysError
from core.model import Dimension, KeyState
from core.quota.db.rows import write_bench
from core.quota.keys.identity import chosen_alias
from core.quota.keys.keyfile import checked_secret, keys_of_environment, plausible_secret
from core.quota.keys.store import KeyStore
from core.quota.ledger.account import Bench
from core.server_address import GROQ_ROOT

NOW = 1_790_000_000.0
MODEL = "m"
ELSEWHERE = "http://localhost:11434/v1"
ONE, TWO, THREE = "gsk_first_secret_aaaa", "gsk_second_secret_bbbb", "gsk_third_secret_cccc"


@contextmanager
def opened(folder: Path, *, server: str = GROQ_ROOT, **environment: str) -> Iterator[KeyStore]:
    paths = folder / "quota.db", folder / "keys.toml"
    environment.setdefault("GROQ_BASE_URL", server)
    with KeyStore(*paths, environment=environment, clock=lambda: NOW, server=server) as store:
        yield store


def aliases(store: KeyStore) -> list[str]:
    return [secret.alias for secret in store.secrets()]


def write_keys(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / "keys.toml"
    path.write_text(text)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("main=gsk_a", [("main", None, "gsk_a")]),
        (" main @ org_1 = gsk_a , gsk_b ", [("main", "org_1", "gsk_a"), (None, None, "gsk_b")]),
        ("gsk_a,,gsk_b,", [(None, None, "gsk_a"), (None, None, "gsk_b")]),
        ("gsk_ends_in==", [(None, None, "gsk_ends_in==")]),
        ("main=gsk_ends_in==", [("main", None, "gsk_ends_in==")]),
    ],
)
def test_the_environment_lists_keys(text: str, expected: list[tuple[str | None, str | None, str]]) -> None:
    """Items are secrets, with an alias and an organization where they have one."""
    found = keys_of_environment({"GROQ_API_KEYS": text})
    assert [(key.alias, key.organization, key.secret) for key in found] == expected


def test_a_single_key_comes_first() -> None:
    """GROQ_API_KEY is one secret, whole, whatever it looks like."""
    found = keys_of_environment({"GROQ_API_KEY": f" {ONE}\n", "GROQ_API_KEYS": TWO})
    assert [key.secret for key in found] == [ONE, TWO]


@pytest.mark.parametrize(
    "environment",
    [
        {"GROQ_API_KEY": "gsk_ a"},
        {"GROQ_API_KEY": "gsk_\u2013dash"},
        {"GROQ_API_KEY": "gsk_\x00"},
        {"GROQ_API_KEY": "x" * 600},
        {"GROQ_API_KEYS": "a b=gsk_a"},
        {"GROQ_API_KEYS": "main@=gsk_a"},
        {"GROQ_API_KEYS": "main@org one=gsk_a"},
        {"GROQ_API_KEYS": "main=gsk_a b"},
    ],
)
def test_what_cannot_be_a_key_is_refused_without_quoting_it(environment: dict[str, str]) -> None:
    """The message names the variable and what is wrong, never the secret."""
    with pytest.raises(KeysError, match="GROQ_API_KEY") as caught:
        keys_of_environment(environment)
    assert "gsk_" not in str(caught.value)
    assert "xxxx" not in str(caught.value)


def test_white_space_around_a_secret_is_dropped() -> None:
    """A key pasted with its line break works."""
    assert checked_secret(f"\t{ONE}\r\n", "given") == ONE
    with pytest.raises(KeysError, match="empty"):
        checked_secret(" \n", "given")


def test_keys_toml_is_read(tmp_path: Path) -> None:
    """Each table is a key, named by its alias."""
    write_keys(tmp_path, f'[keys.main]\nsecret = "{ONE}"\norganization = "org_1"\n[keys.spare]\nsecret = "{TWO}"\n')
    with opened(tmp_path) as store:
        assert [(each.alias, each.value) for each in store.secrets()] == [("main", ONE), ("spare", TWO)]
        assert [each.stated for each in store.records().values()] == ["org_1", ""]


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o620])
def test_keys_toml_is_refused_while_others_can_read_it(tmp_path: Path, mode: int) -> None:
    """The remedy is in the message."""
    path = write_keys(tmp_path, f'[keys.main]\nsecret = "{ONE}"\n', mode)
    with pytest.raises(KeysError, match=f"chmod 600 {path}"), opened(tmp_path):
        pass


@pytest.mark.parametrize(
    "text",
    [
        f'[keys.main]\nsecret = "{ONE}',
        f"[keys.main]\nsecret = {ONE}",
        f'keys = "{ONE}"',
        f'[keys]\nmain = "{ONE}"',
        "[keys.main]\nsecret = 5",
        '[keys.main]\norganization = "org_1"',
        f'[keys."two words"]\nsecret = "{ONE}"',
        f'[keys.main]\nsecret = "{ONE}"\norganization = "two words"',
        f'[keys.a]\nsecret = "{ONE}"\n[keys.a]\nsecret = "{TWO}"',
    ],
)
def test_a_malformed_keys_toml_is_refused_without_quoting_it(tmp_path: Path, text: str) -> None:
    """The message names the file, and never repeats what stands in it."""
    path = write_keys(tmp_path, text)
    with pytest.raises(KeysError) as caught, opened(tmp_path):
        pass
    assert str(path) in str(caught.value)
    assert ONE not in str(caught.value)
    assert caught.value.__cause__ is None or ONE not in str(caught.value.__cause__)


def test_a_key_found_twice_is_one(tmp_path: Path) -> None:
    """The same secret in the file and in the environment is merged, with the alias it has somewhere."""
    write_keys(tmp_path, f'[keys.main]\nsecret = "{ONE}"\n')
    with opened(tmp_path, GROQ_API_KEY=ONE, GROQ_API_KEYS=f"{TWO},spare@org_2={TWO}") as store:
        assert [(each.alias, each.stated) for each in store.records().values()] == [("main", ""), ("spare", "org_2")]


def test_two_keys_of_one_name_are_refused(tmp_path: Path) -> None:
    """The message says where both are."""
    with pytest.raises(KeysError, match="main"), opened(tmp_path, GROQ_API_KEYS=f"main={ONE},main={TWO}"):
        pass


def test_aliases_stay_with_their_keys(tmp_path: Path) -> None:
    """A key without a name gets one, and keeps it whatever comes, goes or is reordered."""
    with opened(tmp_path, GROQ_API_KEYS=f"{ONE},{TWO}") as store:
        assert aliases(store) == ["key-1", "key-2"]
    with opened(tmp_path, GROQ_API_KEYS=f"{THREE},{TWO}") as store:
        assert aliases(store) == ["key-3", "key-2"]
    with opened(tmp_path, GROQ_API_KEYS=f"{TWO},{ONE},main={THREE}") as store:
        assert aliases(store) == ["key-2", "key-1", "main"]
    with opened(tmp_path, GROQ_API_KEYS=f"{ONE},key-1={TWO}") as store:
        assert aliases(store)[1] == "key-1"
        assert aliases(store)[0] != "key-1"


def test_a_secret_shows_nowhere(tmp_path: Path) -> None:
    """Neither repr nor status nor quota.db holds it; the last four characters of a short one stay hidden too."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE},tiny=abcdef") as store:
        shown = repr(store.secrets()) + repr(store.statuses(MODEL, NOW)) + repr(store.records())
        assert [each.last4 for each in store.secrets()] == [ONE[-4:], "…"]
    assert ONE not in shown
    assert "cdef" not in shown
    assert ONE.encode() not in (tmp_path / "quota.db").read_bytes()


@pytest.mark.skipif(os.name != "posix", reason="modes are a matter of POSIX")
def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    """Both files are made with mode 0600, their folder with 0700."""
    home = tmp_path / "home"
    with opened(home) as store:
        store.add(ONE, "main", "org_1")
    for name in ("quota.db", "keys.toml"):
        assert stat.S_IMODE((home / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert sorted(each.name for each in home.iterdir()) == ["keys.toml", "quota.db"]


def test_adding_a_key_writes_the_file(tmp_path: Path) -> None:
    """The key is there at once and after opening again, beside those that were there."""
    write_keys(tmp_path, f'[keys.main]\nsecret = "{ONE}"\n')
    with opened(tmp_path) as store:
        assert store.add(f" {TWO}\n") == "key-1"
        assert store.add(THREE, "lab", "org_9") == "lab"
        assert aliases(store) == ["main", "key-1", "lab"]
    written = tomllib.loads((tmp_path / "keys.toml").read_text())
    assert written["keys"]["lab"] == {"secret": THREE, "server": GROQ_ROOT, "organization": "org_9"}
    with opened(tmp_path) as store:
        assert aliases(store) == ["main", "key-1", "lab"]


@pytest.mark.parametrize(
    ("secret", "alias", "message"),
    [
        (ONE, "other", "here already, as main"),
        (TWO, "main", "taken"),
        ("two words", None, "white space"),
        ("x", None, "is 1 long, and no provider's is shorter than 8 characters"),
        (" gsk_abc \n", None, "is 7 long"),
        (TWO, "two words", "not usable"),
    ],
)
def test_what_cannot_be_added_is_refused(tmp_path: Path, secret: str, alias: str | None, message: str) -> None:
    """Nothing is written, and the message says why."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as store:
        with pytest.raises(KeysError, match=message):
            store.add(secret, alias)
        assert aliases(store) == ["main"]
    assert not (tmp_path / "keys.toml").exists()


def test_removing_a_key(tmp_path: Path) -> None:
    """A key of the file is removed; one of the environment can only be disabled, and the message says so."""
    with opened(tmp_path, GROQ_API_KEYS=f"outside={TWO}") as store:
        store.add(ONE, "main")
        store.remove("main")
        assert aliases(store) == ["outside"]
        assert ONE not in (tmp_path / "keys.toml").read_text()
        with pytest.raises(KeysError, match="GROQ_API_KEYS"):
            store.remove("outside")
        with pytest.raises(KeysError, match="nobody"):
            store.remove("nobody")


def state_of(store: KeyStore, alias: str) -> KeyState:
    return next(each.state for each in store.statuses(MODEL, NOW) if each.alias == alias)


def test_disabling_and_enabling(tmp_path: Path) -> None:
    """The state survives; enabling also clears what made a key invalid."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as store:
        store.set_enabled("main", False)
        store.mark_invalid("main", "refused", NOW)
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as store:
        assert state_of(store, "main") is KeyState.DISABLED
        store.set_enabled("main", True)
        assert state_of(store, "main") is KeyState.READY
        store.mark_invalid("main", "refused", NOW)
        status = store.statuses(MODEL, NOW)[0]
        assert (status.state, status.reason, status.since_at) == (KeyState.INVALID, "refused", NOW)


def test_a_key_that_one_server_refuses_is_good_on_the_others(tmp_path: Path) -> None:
    """A wrong address takes nothing from another run; where no run is looked at, its host is reported with the reason."""
    given = {"GROQ_API_KEYS": f"main={ONE}"}
    with opened(tmp_path, **given) as groq, opened(tmp_path, server=ELSEWHERE, **given) as wrong:
        wrong.mark_invalid("main", "refused", NOW)
        assert state_of(wrong, "main") is KeyState.INVALID
        assert (groq.statuses(MODEL, NOW)[0].state, groq.statuses(MODEL, NOW)[0].reason) == (KeyState.READY, "")
        told = groq.statuses(MODEL, NOW, elsewhere=True)[0]
        assert (told.state, told.reason) == (KeyState.READY, "at localhost:11434: refused")
        groq.mark_invalid("main", "revoked", NOW)
        assert groq.statuses(MODEL, NOW, elsewhere=True)[0].reason == "revoked"
        groq.set_enabled("main", True)
        assert [state_of(each, "main") for each in (groq, wrong)] == [KeyState.READY] * 2
        groq.set_enabled("main", False)
        assert state_of(wrong, "main") is KeyState.DISABLED, "the operator means the key"


def test_limits_and_benches_bind_on_their_server_alone(tmp_path: Path) -> None:
    """What a local server allows says nothing of Groq, and what Groq names says nothing there."""
    given = {"GROQ_API_KEYS": f"main={ONE}"}
    with opened(tmp_path, **given) as groq, opened(tmp_path, server=ELSEWHERE, **given) as local:
        groq.set_limits("(main)", MODEL, {Dimension.RPM: 30})
        local.set_limits("(main)", MODEL, {Dimension.RPM: 2})
        with local.database.writing():
            write_bench(local.database, "(main)", MODEL, Bench(NOW + 40, "RPM", "waits", NOW))
        groq.learn_organization("main", "org_1")
        local.reload()
        assert [(each.organization, each.limit) for each in groq.windows(MODEL, NOW)] == [("org_1", 30)]
        assert [(each.organization, each.limit) for each in local.windows(MODEL, NOW)] == [("(main)", 2)]
        assert [state_of(each, "main") for each in (groq, local)] == [KeyState.READY, KeyState.COOLING]
        assert groq.clear_bench("org_1", MODEL) == ()
        local.set_limits("(main)", MODEL, {Dimension.RPM: None})
        assert [each.limit for each in groq.windows(MODEL, NOW)] == [30]


def test_an_unknown_organization_is_the_keys_own(tmp_path: Path) -> None:
    """It is named after the alias in parentheses until it is known; then its levels go over."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as store:
        store.set_limits("(main)", MODEL, {Dimension.TPM: 8_000})
        before = store.statuses(MODEL, NOW)[0]
        assert (before.organization, before.organization_known) == ("(main)", False)
        store.learn_organization("main", "org_1")
        after = store.statuses(MODEL, NOW)[0]
        assert (after.organization, after.organization_known) == ("org_1", True)
        assert [(each.organization, each.limit) for each in store.windows(MODEL, NOW)] == [("org_1", 8_000)]


def test_a_reply_has_the_last_word_on_the_organization(tmp_path: Path) -> None:
    """What the environment says is corrected by the server, and stays corrected."""
    for _ in range(2):
        with opened(tmp_path, GROQ_API_KEYS=f"main@org_wrong={ONE}") as store:
            store.learn_organization("main", "org_right")
            [status] = store.statuses(MODEL, NOW)
            assert (status.organization, status.reason) == (
                "org_right",
                "you stated org_wrong, its server names org_right",
            )


def test_stating_an_organization_writes_it_into_the_file(tmp_path: Path) -> None:
    """Where the key lies in keys.toml, so does its organization."""
    with opened(tmp_path) as store:
        store.add(ONE, "main")
        store.set_organization("main", "org_7")
        assert store.statuses(MODEL, NOW)[0].organization == "org_7"
    assert tomllib.loads((tmp_path / "keys.toml").read_text())["keys"]["main"]["organization"] == "org_7"


def test_stated_limits_keep_what_is_used(tmp_path: Path) -> None:
    """A larger limit adds room, a smaller one takes it away, None drops the window, and 0 is refused."""
    with opened(tmp_path) as store:
        store.set_limits("org_1", MODEL, {Dimension.TPD: 1_000, Dimension.RPM: 30})
        store.database.execute("UPDATE level SET available = 400 WHERE dimension = 'TPD'")
        store.set_limits("org_1", MODEL, {Dimension.TPD: 1_500})
        window = store.windows(MODEL, NOW)[1]
        assert (window.dimension, window.limit, window.available) == (Dimension.TPD, 1_500, 900)
        store.set_limits("org_1", MODEL, {Dimension.TPD: None})
        assert [each.dimension for each in store.windows(None, NOW)] == [Dimension.RPM]
        with pytest.raises(KeysError, match="lets nothing through"):
            store.set_limits("org_1", MODEL, {Dimension.RPM: 0})


def test_a_bench_shows_and_can_be_cleared(tmp_path: Path) -> None:
    """A short one cools, a long one benches, with the limit and the seconds left."""
    with opened(tmp_path, GROQ_API_KEYS=f"main@org_1={ONE}") as store:
        for until, state in ((NOW + 40, KeyState.COOLING), (NOW + 4_000, KeyState.BENCHED)):
            row = ("(main)", MODEL, until, "TPD", "waits for tokens per day", NOW, GROQ_ROOT)
            store.database.execute("INSERT OR REPLACE INTO bench VALUES (?, ?, ?, ?, ?, ?, ?)", row)
            status = store.statuses(MODEL, NOW)[0]
            assert (status.state, status.limit, status.cooldown_s) == (state, "TPD", until - NOW)
        assert store.clear_bench("org_1", MODEL) == ("a bench of 4,000 s for TPD",)
        assert store.statuses(MODEL, NOW)[0].state is KeyState.READY
        assert store.clear_bench("org_1", MODEL) == ()


def test_changes_by_others_are_noticed(tmp_path: Path) -> None:
    """A key added, or disabled, by another process shows in the next look, and a look without news costs nothing."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as worker, opened(tmp_path) as console:
        worker.changed()
        assert not worker.changed()
        console.add(TWO, "lab")
        assert worker.changed()
        worker.reload()
        assert aliases(worker) == ["lab", "main"]
        assert not worker.changed()
        console.set_enabled("lab", False)
        assert worker.changed()
        assert not worker.changed()


def test_a_console_without_the_environment_shows_the_workers_keys(tmp_path: Path) -> None:
    """Keys that a living worker uses are listed, those that nobody has are not."""
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE},spare={TWO}") as worker:
        fingerprint = worker.secrets()[0].fingerprint
        worker.database.execute("INSERT INTO worker VALUES ('w', ?, 'm', ?, ?, ?)", (os.getpid(), NOW, NOW, GROQ_ROOT))
        worker.database.execute("INSERT INTO worker_key VALUES ('w', ?, 2, '', 0)", (fingerprint,))
        with opened(tmp_path) as console:
            statuses = console.statuses(MODEL, NOW)
            assert [(each.alias, each.state) for each in statuses] == [("main", KeyState.IN_USE)]
            assert console.statuses(MODEL, NOW + 3_600) == ()


def test_a_key_that_a_worker_can_only_probe_is_not_called_ready(tmp_path: Path) -> None:
    """It is benched until the next probe and during it, with the server's words; other servers and models are not."""
    given = {"GROQ_API_KEYS": f"main={ONE}"}
    with opened(tmp_path, **given) as store, opened(tmp_path, server=ELSEWHERE, **given) as other:
        fingerprint = store.secrets()[0].fingerprint
        worker = ("w", os.getpid(), MODEL, NOW, NOW, GROQ_ROOT)
        store.database.execute("INSERT INTO worker VALUES (?, ?, ?, ?, ?, ?)", worker)
        store.database.execute("INSERT INTO worker_key VALUES ('w', ?, 0, 'answered 503', ?)", (fingerprint, NOW + 8))
        waits, due = store.statuses(MODEL, NOW)[0], store.statuses(MODEL, NOW + 9)[0]
        assert (waits.state, waits.cooldown_s, waits.limit) == (KeyState.BENCHED, 8, "")
        assert waits.reason == "tried again after errors: answered 503"
        assert (due.state, due.cooldown_s, due.reason) == (KeyState.BENCHED, 0, waits.reason)
        assert store.statuses("another", NOW)[0].state is KeyState.READY
        assert other.statuses(MODEL, NOW)[0].state is KeyState.READY
        store.database.execute("UPDATE worker_key SET in_flight = 1")
        probe = store.statuses(MODEL, NOW + 9)[0]
        assert (probe.state, probe.reason) == (KeyState.IN_USE, waits.reason)


def test_a_worker_that_was_killed_asks_with_no_key(tmp_path: Path) -> None:
    """Calls that were noted by a process that is gone are out no more, however fresh its heartbeat is."""
    gone = subprocess.Popen(["/bin/true"])
    gone.wait()
    with opened(tmp_path, GROQ_API_KEYS=f"main={ONE}") as store:
        store.database.execute("INSERT INTO worker VALUES ('w', ?, 'm', ?, ?, ?)", (gone.pid, NOW, NOW, GROQ_ROOT))
        store.database.execute("INSERT INTO worker_key VALUES ('w', ?, 2, '', 0)", (store.secrets()[0].fingerprint,))
        assert [each.state for each in store.statuses(MODEL, NOW)] == [KeyState.READY]


@pytest.mark.parametrize(
    "pasted",
    [
        "gsk_pasted_secret_0001\n",
        "export GROQ_API_KEY=gsk_pasted_secret_0001",
        "GROQ_API_KEY='gsk_pasted_secret_0001'",
        '$env:GROQ_API_KEY="gsk_pasted_secret_0001"',
        "Bearer gsk_pasted_secret_0001",
        "api_key: gsk_pasted_secret_0001",
        "x-api-key: gsk_pasted_secret_0001",
        '"api_key": "gsk_pasted_secret_0001",',
        "authorization: bearer gsk_pasted_secret_0001",
        "\u201cgsk_pasted_secret_0001\u201d",
        "<gsk_pasted_secret_0001>\r\n\r\n",
        "\ufeffgsk_pasted_secret_0001\r\n",
        "gsk_pasted_\u200bsecret_0001",
        "GROQ_API_KEY='gsk_pasted_secret_0001';",
        '"gsk_pasted_secret_0001",',
    ],
)
def test_what_came_along_with_a_pasted_key_is_taken_off(pasted: str) -> None:
    """Quotation marks, the name of a variable, ``export`` and the word Bearer are no part of a key."""
    assert plausible_secret(pasted) == "gsk_pasted_secret_0001"


@pytest.mark.parametrize("pasted", [f"{ONE}\n{TWO}", f"{ONE}, {TWO}", f"{ONE} {TWO}", f"{ONE};{TWO}", "", "short", "'"])
def test_several_keys_at_once_or_none_are_refused(pasted: str) -> None:
    """The message quotes nothing of what was given."""
    with pytest.raises(KeysError) as caught:
        plausible_secret(pasted)
    assert not any(word in str(caught.value) for word in (ONE, TWO, "short'"))


@pytest.mark.parametrize(
    ("pasted", "why"),
    [
        ("https://api.openai.com/v1", "is an address"),
        ("YOUR_API_KEY_HERE", "placeholder"),
        ("gsk_...0001", "its middle left out"),
        ("gsk_************0001", "its middle left out"),
        ("gsk_••••••••0001", "its middle left out"),
    ],
    ids=["address", "placeholder", "dots", "stars", "bullets"],
)
def test_what_stands_beside_a_key_in_a_console_is_no_key(pasted: str, why: str) -> None:
    """An address, or a key as it is shown after it was made, would be refused by the server much later."""
    with pytest.raises(KeysError, match=why):
        plausible_secret(pasted)


def test_each_variable_of_the_environment_means_its_own_server(tmp_path: Path) -> None:
    """Groq's keys go to ``GROQ_BASE_URL`` where that is set, those of other providers to their own address."""
    environment = {"GROQ_API_KEY": ONE, "OPENAI_API_KEYS": f"paid={TWO}", "AZURE_OPENAI_API_KEY": THREE}
    servers = {found.secret: found.server for found in keys_of_environment(environment)}
    assert servers == {ONE: GROQ_ROOT, TWO: "https://api.openai.com/v1"}, "Azure's address is each customer's own"
    azure = "https://me.openai.azure.com/openai/v1"
    environment |= {"GROQ_BASE_URL": "http://localhost:9/v1", "AZURE_OPENAI_ENDPOINT": azure}
    servers = {found.secret: found.server for found in keys_of_environment(environment)}
    assert (servers[ONE], servers[THREE]) == ("http://localhost:9/v1", azure)
    with opened(tmp_path, server="https://api.openai.com/v1", GROQ_BASE_URL="", OPENAI_API_KEY=TWO) as store:
        assert [each.value for each in store.secrets()] == [TWO]


@pytest.mark.parametrize(
    ("kept", "taken", "alias"),
    [
        (None, set(), "key-1"),
        ("mine", set(), "mine"),
        ("mine", {"other"}, "mine"),
        ("mine", {"mine"}, "key-1"),
        ("", set(), "key-1"),
        ("key-1", {"key-1"}, "key-2"),
        ("key-2", {"key-2", "key-1", "key-4"}, "key-3"),
    ],
)
def test_a_key_that_nobody_named_keeps_its_alias_where_it_is_free(
    kept: str | None, taken: set[str], alias: str
) -> None:
    """Else it gets the first number that none has, neither now nor on record."""
    records = {} if kept is None else {"f": SimpleNamespace(alias=kept)}
    assert chosen_alias("f", records, taken) == alias  # type: ignore[arg-type]
    assert chosen_alias("g", records, taken) not in {*taken, kept}  # type: ignore[arg-type]
