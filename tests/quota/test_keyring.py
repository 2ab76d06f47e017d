"""Secrets in the system's keyring, with a stand-in for the package: kept there alone, and harmless where it fails."""

from __future__ import annotations

import json
import os
import re
import sys
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from core.engine import Engine
from core.errors import KeysError
from core.model import KeyState
from core.quota.keys.keyring import KeyringStore
from core.quota.keys.store import KeyStore
from core.settings import Settings
from tests.conftest import NOW
from tests.quota.test_keys import MODEL, ONE, TWO
from tests.worker.test_process import PATIENCE_S, make, now, simulator, work
from tests.worker.test_secrets import leaks
from tui.cli import main

PACKAGE = """
import json, os, pathlib, threading

class KeyringLocked(Exception): pass
class NoKeyringError(RuntimeError): pass

_file = pathlib.Path(os.environ["STAND_IN_KEYRING"])

def _state():
    state = json.loads(_file.read_text())
    if state["mood"] == "locked":
        raise KeyringLocked("Failed to unlock the collection! " + json.dumps(state["kept"]))
    if state["mood"] == "none":
        raise NoKeyringError("No recommended engine was available.")
    if state["mood"] == "silent":
        threading.Event().wait()
    return state

def get_password(service, user):
    return _state()["kept"].get(f"{service}/{user}")

def set_password(service, user, secret):
    state = _state()
    if state["mood"] != "forgetful":
        state["kept"][f"{service}/{user}"] = secret
        _file.write_text(json.dumps(state))

def delete_password(service, user):
    state = _state()
    del state["kept"][f"{service}/{user}"]
    _file.write_text(json.dumps(state))
"""


class StandIn:
    """A keyring in a file. Its moods: open, locked, none, silent, forgetful."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._write({}, "open")

    @property
    def kept(self) -> dict[str, str]:
        found: dict[str, str] = json.loads(self._file.read_text())["kept"]
        return found

    def turn(self, mood: str) -> None:
        self._write(self.kept, mood)

    def empty(self) -> None:
        self._write({}, "open")

    def _write(self, kept: dict[str, str], mood: str) -> None:
        self._file.write_text(json.dumps({"kept": kept, "mood": mood}))


@pytest.fixture
def ring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    """The stand-in, where this process and the workers that it starts find it first."""
    place = tmp_path / "package"
    place.mkdir()
    (place / "keyring.py").write_text(textwrap.dedent(PACKAGE))
    monkeypatch.setenv("STAND_IN_KEYRING", str(tmp_path / "ring.json"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(place), os.environ.get("PYTHONPATH", "")]))
    monkeypatch.delitem(sys.modules, "keyring", raising=False)
    monkeypatch.syspath_prepend(place)
    yield StandIn(tmp_path / "ring.json")
    sys.modules.pop("keyring", None)


@contextmanager
def opened(folder: Path, at: list[float] | None = None, **environment: str) -> Iterator[KeyStore]:
    folder.mkdir(exist_ok=True)
    clock = at or [NOW]
    with KeyStore(folder / "quota.db", folder / "keys.toml", environment=environment, clock=lambda: clock[-1]) as store:
        yield store


def shown(store: KeyStore) -> dict[str, tuple[KeyState, str]]:
    return {key.alias: (key.state, key.reason) for key in store.statuses(MODEL, NOW)}


def test_the_keyring_alone_keeps_the_secret(tmp_path: Path, ring: StandIn) -> None:
    """keys.toml names the entry, another process reads it, and removing the key takes it out of both."""
    with opened(tmp_path / "home") as store:
        assert store.add(ONE, "main", "org_1", keyring=True) == "main"
    assert ONE not in (tmp_path / "home" / "keys.toml").read_text()
    assert list(ring.kept.values()) == [ONE]
    with opened(tmp_path / "home") as store:
        assert [(key.alias, key.value) for key in store.secrets()] == [("main", ONE)]
        store.set_organization("main", "org_2")
        assert shown(store) == {"main": (KeyState.READY, "")}
        store.remove("main")
        assert store.secrets() == ()
    assert ring.kept == {}
    assert "main" not in (tmp_path / "home" / "keys.toml").read_text()


def test_two_homes_do_not_share_an_entry(tmp_path: Path, ring: StandIn) -> None:
    """The same alias in each is another key."""
    for name, secret in (("a", ONE), ("b", TWO)):
        with opened(tmp_path / name) as store:
            store.add(secret, "main", keyring=True)
    assert sorted(ring.kept.values()) == [ONE, TWO]
    with opened(tmp_path / "a") as store:
        assert [key.value for key in store.secrets()] == [ONE]


@pytest.mark.parametrize(
    ("mood", "reason"),
    [
        ("locked", r"locked .* unlock it"),
        ("none", "there is none on this machine"),
        ("silent", "did not answer within"),
    ],
)
def test_a_keyring_that_fails_makes_its_key_unusable_and_no_other(
    tmp_path: Path, ring: StandIn, mood: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The key is shown with the reason and what to do; nothing of what the keyring said is repeated."""
    monkeypatch.setitem(KeyringStore.__init__.__kwdefaults__, "patience_s", 0.2)  # type: ignore[arg-type]
    with opened(tmp_path / "home") as store:
        store.add(ONE, "main", keyring=True)
        store.add(TWO, "spare")
    ring.turn(mood)
    at = [NOW]
    with opened(tmp_path / "home", at) as store:
        assert [key.alias for key in store.secrets()] == ["spare"]
        state, why = shown(store)["main"]
        assert state is KeyState.INVALID
        assert re.search(reason, why)
        assert ONE not in why
        assert shown(store)["spare"] == (KeyState.READY, "")
        with pytest.raises(KeysError, match="could not be read"):
            store.add("gsk_another_secret_dddd", "main")
        if mood != "silent":
            with pytest.raises(KeysError, match="would not forget"):
                store.remove("main")
        ring.turn("open")
        assert not store.changed()
        at.append(NOW + 61)
        assert store.changed()
        store.reload()
        assert shown(store)["main"] == (KeyState.READY, "")


def test_a_keyring_that_is_not_installed_is_named_with_the_way_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is written."""
    monkeypatch.setitem(sys.modules, "keyring", None)
    with opened(tmp_path / "home") as store, pytest.raises(KeysError, match=r"pip install 'labeltui\[keyring\]'"):
        store.add(ONE, "main", keyring=True)
    assert not (tmp_path / "home" / "keys.toml").exists()


def test_a_keyring_that_keeps_nothing_is_found_out(tmp_path: Path, ring: StandIn) -> None:
    """What it says is not believed: the secret is asked back before keys.toml relies on it."""
    ring.turn("forgetful")
    with opened(tmp_path / "home") as store, pytest.raises(KeysError, match="did not keep"):
        store.add(ONE, "main", keyring=True)
    assert not (tmp_path / "home" / "keys.toml").exists()


def test_an_entry_that_is_gone_says_so_and_can_be_removed(tmp_path: Path, ring: StandIn) -> None:
    """Somebody took it out of the keyring by other means."""
    with opened(tmp_path / "home") as store:
        store.add(ONE, "main", keyring=True)
    ring.empty()
    with opened(tmp_path / "home") as store:
        assert "has no entry main@" in shown(store)["main"][1]
        store.remove("main")
        assert shown(store) == {}


def test_a_key_in_use_outlasts_a_keyring_that_is_locked_meanwhile(tmp_path: Path, ring: StandIn) -> None:
    """A worker in the night keeps what it has read, also when another key is added beside it."""
    with opened(tmp_path / "home") as worker:
        worker.add(ONE, "main", keyring=True)
        ring.turn("locked")
        with opened(tmp_path / "home") as other:
            other.add(TWO, "spare")
        worker.reload()
        assert [key.value for key in worker.secrets()] == [TWO, ONE]


def test_a_key_that_is_changed_elsewhere_is_read_anew(tmp_path: Path, ring: StandIn) -> None:
    """Removed and added again under its alias, with another secret."""
    with opened(tmp_path / "home") as worker:
        worker.add(ONE, "main", keyring=True)
        with opened(tmp_path / "home") as other:
            other.remove("main")
            other.add(TWO, "main", keyring=True)
        worker.reload()
        assert [key.value for key in worker.secrets()] == [TWO]


def test_a_table_with_both_is_refused(tmp_path: Path, ring: StandIn) -> None:
    """Which of them is meant is unknown."""
    (tmp_path / "home").mkdir()
    file = tmp_path / "home" / "keys.toml"
    file.write_text(f'[keys.main]\nsecret = "{ONE}"\nkeyring = "main@1"\n')
    file.chmod(0o600)
    with pytest.raises(KeysError, match="names the keyring as well"), opened(tmp_path / "home"):
        pass


def test_nothing_is_imported_for_keys_elsewhere(tmp_path: Path, ring: StandIn) -> None:
    """The package is slow on some systems: it comes with the first key that lies there."""
    with opened(tmp_path / "home", GROQ_API_KEY=ONE) as store:
        store.add(TWO, "spare")
        assert KeyringStore(tmp_path / "home" / "keys.toml", lambda: NOW).unreadable == {}
    assert "keyring" not in sys.modules


def test_a_worker_takes_its_key_from_the_keyring(
    home: Path,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    ring: StandIn,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Added by the command, it labels a run; no file of the home holds it. Locked, the worker says so and ends with 5."""
    with simulator(monkeypatch, "--latency", "0") as child:
        monkeypatch.delenv("GROQ_API_KEYS")
        given = tmp_path / "secret"
        given.write_text(child.keys[0])
        assert main(["keys", "add", "main", "--file", str(given), "--keyring"]) == 0
        assert "added to the system's keyring" in capsys.readouterr().out
        path = make(settings, tmp_path, 20)
        assert work(path).wait(PATIENCE_S) == 0
        assert now(path).labeled == 20
        assert leaks(home, child.keys) == []
        assert child.keys[0] not in (home / "keys.toml").read_text()
        ring.turn("locked")
        locked = make(settings, tmp_path, 21, name="locked")
        assert work(locked).wait(PATIENCE_S) == 5
    assert "unlock it" in now(locked).reason
    assert main(["keys", "list"]) == 0
    assert "invalid" in capsys.readouterr().out


def test_a_setting_sends_keys_into_the_keyring(home: Path, settings: Settings, tmp_path: Path, ring: StandIn) -> None:
    """From the command and from the console alike, but never the demo's."""
    home.mkdir()
    settings.config_path.write_text("keyring = true\n")
    (tmp_path / "secret").write_text(ONE)
    assert main(["keys", "add", "main", "--file", str(tmp_path / "secret")]) == 0
    Engine(settings).add_key(None, TWO, "spare", None, keyring=True)
    assert sorted(ring.kept.values()) == [ONE, TWO]
    (tmp_path / "secret").write_text("gsk_in_the_file_dddd")
    assert main(["keys", "add", "plain", "--file", str(tmp_path / "secret"), "--no-keyring"]) == 0
    demo = settings.demo_dir / "runs" / "demo.db"
    Engine(settings).add_key(demo, "gsk_of_the_demo_eeee", "demo", None, keyring=True, server="http://127.0.0.1:1")
    assert len(ring.kept) == 2
