"""``labeltui keys …``: what a person does to keys. A secret comes by prompt, stdin or file, never as an argument."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import json
import sys
import time
from dataclasses import asdict, replace

from core import exits, runs, wishes
from core.errors import CallError, KeysError, LabeltuiError, UsageError
from core.model import ChatMessage, Dimension, KeyStatus, ModelSettings, WindowStatus
from core.quota.keys import KeyBook, Secret
from core.quota.plans import plan
from core.settings import Settings, load_settings
from core.text import one_line
from tui.present import countdown, number, plural
from tui.printing import say


def answer(given: argparse.Namespace) -> int:
    """One ``keys`` command."""
    settings = load_settings()
    with KeyBook.from_settings(settings) as book:
        if given.action == "add":
            return _add(given, settings, book)
        if given.action == "list":
            return _list(given, book)
        if given.action == "test":
            return _test(given, settings, book)
        if given.action == "limits":
            return _limits(given, settings, book)
        if given.action == "remove":
            book.remove(given.alias)
            done = f"{given.alias} is forgotten."
        elif given.action == "group":
            book.set_organization(given.alias, given.organization)
            done = f"{given.alias} belongs to {given.organization}: it shares the quotas of that organization."
        else:
            book.set_enabled(given.alias, enabled=given.action == "enable")
            done = f"{given.alias} is {given.action}d."
    say(done + _tell_workers(settings))
    return exits.DONE


def _add(given: argparse.Namespace, settings: Settings, book: KeyBook) -> int:
    alias = book.add(_secret(given), alias=given.alias, organization=given.organization)
    say(f"{alias} added to {settings.keys_path}.{_tell_workers(settings)}")
    return exits.DONE


def _secret(given: argparse.Namespace) -> str:
    if given.file is not None:
        try:
            return str(given.file.read_text("utf-8").strip())
        except (OSError, UnicodeDecodeError) as error:
            raise KeysError(f"{given.file} cannot be read as text: {error}") from error
    if given.stdin or not sys.stdin.isatty():
        return sys.stdin.readline().strip()
    return getpass.getpass("secret (not shown): ").strip()


def _limits(given: argparse.Namespace, settings: Settings, book: KeyBook) -> int:
    """State limits: those of a plan, and single ones that differ from it."""
    stated: dict[Dimension, float | None] = dict(plan(given.plan).limits) if given.plan else {}
    for dimension in Dimension:
        number_given = getattr(given, dimension.value.lower())
        if number_given is not None:
            stated[dimension] = float(number_given) or None
    if not stated:
        raise UsageError("Name a limit (--rpm, --rpd, --tpm, --tpd) or a --plan; 0 forgets a limit.")
    model = given.model or ModelSettings().model
    book.set_limits(given.organization, model, stated)
    words = ", ".join(f"{each.value} {'forgotten' if n is None else number(n)}" for each, n in stated.items())
    say(f"{given.organization}, {model}: {words}.{_tell_workers(settings)} What replies say wins over it.")
    return exits.DONE


def _tell_workers(settings: Settings) -> str:
    """Tell every living worker to look at the keys; says how many were told."""
    told = sum(wishes.keys_changed(path) is not None for path in runs.run_files(settings))
    return f" {plural(told, 'worker')} told." if told else ""


def _list(given: argparse.Namespace, book: KeyBook) -> int:
    model = given.model or ModelSettings().model
    now = time.time()
    keys, windows = book.statuses(model, now), book.windows(model, now)
    if given.json:
        print(json.dumps({"model": model, "keys": [asdict(k) for k in keys], "windows": [asdict(w) for w in windows]}))  # noqa: T201
        return exits.DONE
    if not keys:
        say("There is no key. `labeltui keys add` takes one; or set GROQ_API_KEY, or GROQ_API_KEYS for several.")
    for organization in dict.fromkeys(key.organization for key in keys):
        say(one_line(organization))
        for window in windows:
            if window.organization == organization:
                say(f"  {_window(window)}")
        for key in keys:
            if key.organization == organization:
                say(f"  {_key(key)}")
    return exits.DONE


def _key(key: KeyStatus) -> str:
    wait = f" for {countdown(key.cooldown_s)}" if key.cooldown_s > 0 else ""
    reason = f" ({one_line(key.reason, limit=100)})" if key.reason else ""
    return (
        f"{one_line(key.alias):<12} …{key.last4}  {key.state.value.replace('_', ' ')}{wait}{reason}"
        f"  {number(key.requests)} calls, {number(key.errors_429)}×429, {number(key.tokens)} tokens"
    )


def _window(window: WindowStatus) -> str:
    return (
        f"{window.dimension.value}  {number(window.limit - window.available)} of {number(window.limit)}"
        f" {window.dimension.words} used, whole again in {countdown(window.full_in_s)}"
    )


def _test(given: argparse.Namespace, settings: Settings, book: KeyBook) -> int:
    chosen = [secret for secret in book.secrets() if given.alias in (None, secret.alias)]
    if not chosen:
        raise KeysError(
            f"No key is called {given.alias!r}: `labeltui keys list` shows them." if given.alias else "There is no key."
        )
    model = replace(ModelSettings(), max_completion_tokens=1, timeout_s=20.0)
    if given.model:
        model = replace(model, model=given.model)
    failed = 0
    for secret in chosen:
        verdict, good = asyncio.run(_ask(secret, model, given.base_url or settings.base_url))
        failed += not good
        say(f"{one_line(secret.alias):<12} …{secret.last4}  {verdict}")
    return exits.FAILED if failed else exits.DONE


async def _ask(secret: Secret, model: ModelSettings, base_url: str | None) -> tuple[str, bool]:
    from core.llm.client import ChatClient  # noqa: PLC0415 - brings the SDK

    try:
        client = ChatClient(secret.value, base_url=base_url)
    except LabeltuiError as error:
        return str(error), False
    started = time.monotonic()
    try:
        await client.ask((ChatMessage("user", "1"),), model)
    except CallError as error:
        return f"{error.outcome.value.replace('_', ' ')}: {one_line(str(error), limit=200)}", False
    finally:
        await client.aclose()
    return f"answers, in {time.monotonic() - started:.2f} s", True
