"""Run ``labeltui serve``: the console in a browser. Each tab that opens it gets a console process of its own."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ipaddress
import json
import os
import secrets
import socket
import sys
from urllib.parse import urlsplit

from core.engine import Engine
from core.errors import UsageError
from core.model import exits
from core.settings import load_settings
from tui.commands.printing import complain, say
from tui.web.access import Access, is_loopback
from tui.web.session import words_for

MISSING = "`labeltui serve` needs textual-serve, which is not installed: pip install 'labeltui[serve]' brings it."
HIGHEST_PORT = 65_535


def serve(given: argparse.Namespace) -> int:
    """Run ``labeltui serve [RUN]``."""
    from tui.web.server import ConsoleServer, assets  # noqa: PLC0415 - aiohttp, for those who serve

    static = assets()
    if static is None:
        raise UsageError(MISSING)
    if given.port > HIGHEST_PORT:
        raise UsageError(f"{given.port} is no port: the highest is {HIGHEST_PORT}.")
    if not is_loopback(given.host) and not given.expose:
        raise UsageError(
            f"{given.host} is more than this machine: whoever gets hold of the address could read your texts there,"
            " and nothing on the way is encrypted. Say --expose if that is meant; better is a tunnel:"
            f" ssh -L {given.port}:127.0.0.1:{given.port}, and --host left alone."
        )
    writable = given.writable and not given.read_only
    run = Engine(load_settings()).find(given.run) if given.run is not None else None
    urls = [_checked(given.url)] if given.url else [_url(name, given.port) for name in reachable(given.host)]
    access = Access(urls[0], secrets.token_urlsafe(18), tuple(urls[1:]))
    server = ConsoleServer(access, words_for(run, writable=writable), static, complain)

    def announce() -> None:
        may = "may change things, as in a terminal" if writable else "changes nothing (--writable lets it)"
        if not is_loopback(given.host):
            complain(f"{given.host} can be reached from other machines, and nothing is encrypted on the way there.")
        if given.json:
            print(json.dumps({"addresses": access.addresses, "writable": writable}), flush=True)  # noqa: T201
            return
        say("The console is at " + "\n  or at ".join(access.addresses) + f"\nIt {may}. ctrl+c ends it; workers go on.")
        sys.stdout.flush()

    try:
        asyncio.run(server.run(given.host, given.port, announce))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror or str(error)
        raise UsageError(
            f"{given.host}:{given.port} cannot be served on: {why}. --port or --host takes another."
        ) from error
    return exits.DONE


def reachable(host: str) -> list[str]:
    """Return the names by which browsers reach a server there: of ``0.0.0.0`` and ``::`` those of the machine.

    The address that packets to elsewhere would leave from comes first (nothing is sent), then the machine's name.
    """
    try:
        if not ipaddress.ip_address(host.strip("[]")).is_unspecified:
            return [host]
    except ValueError:
        return [host]
    found = []
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):  # RFC 5737, 3849: examples
        if family == socket.AF_INET6 and ":" not in host:
            continue
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((far, 9))
            found.append(probe.getsockname()[0])
    return list(dict.fromkeys([*found, socket.gethostname().lower(), "localhost"]))


def _checked(url: str) -> str:
    """Return the address as browsers have it. Raises UsageError where it is none, or where it has a path."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/") or parts.query:
        raise UsageError(
            f"--url must be like https://labels.example.org or http://box:8000, without a path, not {url}."
        )
    return f"{parts.scheme}://{parts.netloc}"


def _url(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{name}:{port}"
