"""Run ``labeltui keys …``. A secret comes by prompt, stdin or file, never as an argument."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
import time
from collections.abc import Collection, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.engine import (
    GROQ_ROOT,
    OWN_PLAN,
    Engine,
    checked_alias,
    host_of,
    is_exposed,
    plan,
    server_of,
)
from core.errors import KeysError, UsageError
from core.model import Dimension, KeySpend, KeyStatus, ModelSettings, WindowStatus, exits
from core.text import one_line
from tui.commands.control import engine_of
from tui.commands.printing import NOTHING_CHANGED, say, say_hung
from tui.terminal.preferences import read_preferences
from tui.text.numbers import countdown, number, plural

if TYPE_CHECKING:
    from core.engine import KeyStore

_READING = frozenset({"list", "history"})


def answer(given: argparse.Namespace) -> int:
    """Run one ``keys`` command."""
    engine = engine_of(given)
    if given.action not in _READING and not given.dry_run:
        engine.check_writable()
    run, model = _meant(engine, given)
    with engine.key_store(run, getattr(given, "base_url", None)) as store:
        if given.dry_run:
            store.try_only()
        if given.action == "list":
            return _list(given, store, model, time.time())
        if (quota := {"limits": _limits, "unbench": _unbench}.get(given.action)) is not None:
            return quota(given, engine, store, model or ModelSettings().model)
        longer = {"add": _add, "test": _test, "history": _history}.get(given.action)
        if longer is not None:
            return longer(given, engine, store)
        say(_change(given, store) + _tell_workers(given, engine))
    return exits.DONE


def _meant(engine: Engine, given: argparse.Namespace) -> tuple[Path | None, str | None]:
    """Return the run as which the keys are meant, and the model; None where nobody named one."""
    model = getattr(given, "model", None)
    if getattr(given, "run", None) is None:
        return None, model
    path = engine.find(given.run)
    with engine.view(path) as reader:
        return path, model or reader.task().model.model


def _change(given: argparse.Namespace, store: KeyStore) -> str:
    """Change one thing about a key; says what."""
    if given.action == "remove" and given.dry_run:
        key = store.secret(given.alias)
        return f"{given.alias} (…{key.value[-4:]}, of {host_of(key.server)}, from {key.source}) would be removed."
    if given.action == "remove":
        store.remove(given.alias)
        return f"{given.alias} is removed."
    if given.action == "group":
        store.set_organization(given.alias, given.organization)
        return (
            f"{given.alias} is shown under {given.organization}. It shares quotas with other keys once a reply says so."
        )
    if given.action == "unpin":
        store.pin(None)
        return "No key is pinned."
    if given.action == "pin":
        store.pin(given.alias)
        return f"{given.alias} is used first; the others take the rest."
    store.set_enabled(given.alias, enabled=given.action == "enable")
    return f"{given.alias} is {given.action}d."


def _add(given: argparse.Namespace, engine: Engine, store: KeyStore) -> int:
    if given.alias is not None:
        checked_alias(given.alias, "given")  # before anybody types a secret
    keyring = given.keyring
    if keyring is None:
        keyring = read_preferences(engine.settings.config_path).keyring
    server = given.server or store.server
    if given.dry_run:
        return _would_add(given, store, server)
    alias = store.add(
        _secret(given), alias=given.alias, organization=given.organization, keyring=keyring, server=server
    )
    where = "the system's keyring" if keyring else engine.settings.keys_path
    host = host_of(server_of(server))
    say(f"{alias} added to {where}. It is sent to {host} alone.{_tell_workers(given, engine)}")
    if is_exposed(server):
        say(f"Mind that {host} is asked by plain http: the key and every text can be read on the way.")
    return exits.DONE


def _would_add(given: argparse.Namespace, store: KeyStore, server: str) -> int:
    """Say what adding a key would do. Raises KeysError as the adding would, except where a keyring refuses."""
    secret = store.check_new(_secret(given), given.alias)
    named = given.alias or "A key with an alias of its own"
    say(f"{named} (…{secret[-4:]}) would be added and sent to {host_of(server_of(server))} alone. {NOTHING_CHANGED}")
    return exits.DONE


def _secret(given: argparse.Namespace) -> str:
    if given.file is not None:
        try:
            return str(given.file.read_text("utf-8"))
        except (OSError, UnicodeDecodeError) as error:
            raise KeysError(f"{given.file} cannot be read as text: {error}") from error
    if given.stdin or not sys.stdin.isatty():
        return sys.stdin.read(10_000)
    return getpass.getpass("secret (not shown): ").strip()


def _limits(given: argparse.Namespace, engine: Engine, store: KeyStore, model: str) -> int:
    """State limits: those of a plan, and single ones that differ from it."""
    stated: dict[Dimension, float | None] = dict(plan(given.plan).limits) if given.plan else {}
    if given.plan == OWN_PLAN:
        return _own_plan(given, engine, store)
    for dimension in Dimension:
        number_given = getattr(given, dimension.value.lower())
        if number_given is not None:
            stated[dimension] = float(number_given) or None
    if not stated:
        raise UsageError("Name a limit (--rpm, --rpd, --tpm, --tpd) or a --plan; 0 removes a limit.")
    store.set_limits(given.organization, model, stated)
    words = ", ".join(f"{each.value} {'removed' if n is None else number(n)}" for each, n in stated.items())
    say(f"{given.organization}, {model}: {words}.{_tell_workers(given, engine)} What replies say wins over it.")
    return exits.DONE


def _own_plan(given: argparse.Namespace, engine: Engine, store: KeyStore) -> int:
    """State that an organization has no limits on its server."""
    if any(getattr(given, dimension.value.lower()) is not None for dimension in Dimension):
        raise UsageError(f"The plan {OWN_PLAN} has no limits: leave --rpm, --rpd, --tpm and --tpd out.")
    store.set_own(given.organization)
    stated = f"{one_line(given.organization)} at {host_of(store.server)}: no limits, for every model."
    say(
        f"{stated}{_tell_workers(given, engine)} It is asked with as many calls at once as it answers well."
        " What replies say wins over it."
    )
    return exits.DONE


def _unbench(given: argparse.Namespace, engine: Engine, store: KeyStore, model: str) -> int:
    """Clear what an organization waits for."""
    cleared = store.clear_bench(given.organization, model)
    if not cleared:
        say(f"{one_line(given.organization)} waits for nothing with {model}: nothing was cleared.")
        return exits.DONE
    say(
        f"{one_line(given.organization)} may ask {model} again at once: cleared {'; '.join(cleared)}."
        f"{_tell_workers(given, engine)} If the limit still holds, the next refusal benches it again."
    )
    return exits.DONE


def _history(given: argparse.Namespace, _: Engine, store: KeyStore) -> int:
    """Print what happened to a key, newest first."""
    history = store.history(given.alias)
    for spent in history.spent:
        say(f"{spent.day}  {number(spent.requests)} calls, {number(spent.errors_429)}×429, {_tokens(spent)}")
    for trouble in history.troubles:
        status = str(trouble.status or "–")
        waits = f" waits {countdown(trouble.wait_s)} for {trouble.limit or 'a limit'}" if trouble.wait_s else ""
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(trouble.at))
        say(f"{when}  {status:<3}  {trouble.outcome.replace('_', ' ')}{waits}  {one_line(trouble.text, limit=160)}")
    if not history.spent and not history.troubles:
        say(f"{one_line(given.alias)} has made no call yet.")
    return exits.DONE


def _tokens(spent: KeySpend) -> str:
    tokens = f"{number(spent.prompt_tokens)} + {number(spent.completion_tokens)} tokens"
    return f"{tokens} with {one_line(spent.model, limit=40)}"


def _tell_workers(given: argparse.Namespace, engine: Engine) -> str:
    """Signal every worker to read the keys; return a sentence on how many were, or that it was a dry run."""
    if given.dry_run:
        return f" {NOTHING_CHANGED}"
    told = engine.tell_workers_of_keys()
    return f" {plural(told, 'worker')} told." if told else ""


def _list(given: argparse.Namespace, store: KeyStore, model: str | None, now: float) -> int:
    """Print the keys, for the model that is meant; else for each model that they are used with."""
    models = (model,) if model else store.models(now) or (ModelSettings().model,)
    found = [
        (each, store.statuses(each, now, elsewhere=given.run is None), store.windows(each, now)) for each in models
    ]
    if given.json:
        first, *others = [{"model": m, "keys": _plain(keys), "windows": _plain(windows)} for m, keys, windows in found]
        print(json.dumps({**first, "others": others}))  # noqa: T201
        return exits.DONE
    if not found[0][1]:
        say("There is no key. `labeltui keys add` takes one; or set GROQ_API_KEY, or GROQ_API_KEYS for several.")
        return exits.DONE
    for each, keys, windows in found:
        if models != (ModelSettings().model,):
            say(f"with {one_line(each)}:")
        _say_keys(keys, windows, store.own())
    return exits.DONE


def _plain(values: Sequence[KeyStatus] | Sequence[WindowStatus]) -> list[dict[str, Any]]:
    return [asdict(each) for each in values]


def _say_keys(keys: Sequence[KeyStatus], windows: Sequence[WindowStatus], own: Collection[str]) -> None:
    for organization in dict.fromkeys(key.organization for key in keys):
        say(one_line(organization) + ("  (own plan: no limits)" if organization in own else ""))
        for window in windows:
            if window.organization == organization:
                say(f"  {_window(window)}")
        for key in keys:
            if key.organization == organization:
                say_hung(f"  {_key(key)}")


def _key(key: KeyStatus) -> str:
    wait = f" for {countdown(key.cooldown_s)}" if key.cooldown_s > 0 else ""
    state, why = key.state.value.replace("_", " "), one_line(key.reason, limit=100)
    if why.startswith(state):
        state, why = why, ""
    reason = f" ({why})" if why else ""
    first = "used first, " if key.pinned else ""
    place = f"{one_line(key.server, limit=40)}  " if key.server not in ("", host_of(GROQ_ROOT)) else ""
    return (
        f"{one_line(key.alias):<12} …{key.last4}  {place}{first}{state}{wait}{reason}"
        f"  {number(key.requests)} calls, {number(key.errors_429)}×429, {number(key.tokens)} tokens"
    )


def _window(window: WindowStatus) -> str:
    return (
        f"{window.dimension.value}  {number(window.limit - window.available)} of {number(window.limit)}"
        f" {window.dimension.words} used, "
        + (f"whole again in {countdown(window.full_in_s)}" if window.full_in_s > 0 else "untouched")
    )


def _test(given: argparse.Namespace, engine: Engine, store: KeyStore) -> int:
    here = store.secrets() if given.base_url else store.all_secrets()
    chosen = [secret for secret in here if given.alias in (None, secret.alias)]
    if not chosen:
        raise KeysError(
            f"No key of {host_of(store.server)} is called {given.alias!r}: `labeltui keys list` shows them."
            if given.alias
            else f"{store.why_none()[:1].upper()}{store.why_none()[1:]}"
        )
    failed = 0
    for secret in chosen:
        trial = engine.try_secret(None, secret.value, given.base_url or secret.server, model=given.model)
        failed += not trial.works
        say(f"{one_line(secret.alias):<12} …{secret.last4}  {trial.sentence}")
    return exits.FAILED if failed else exits.DONE
