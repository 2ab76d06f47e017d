"""``labeltui serve``: the console in a browser. Each browser that opens it gets a console process of its own."""

from __future__ import annotations

import argparse
import logging
import secrets
import shlex
import sys
from typing import Any

from core import exits, runs
from core.errors import UsageError
from core.settings import load_settings
from tui.commands.printing import complain, say
from tui.serving import Door, guarded, is_loopback

MISSING = "`labeltui serve` needs textual-serve, which is not installed: pip install 'labeltui[serve]' brings it."


def serve(given: argparse.Namespace) -> int:
    """``labeltui serve [RUN]``."""
    try:
        from textual_serve.server import Server  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise UsageError(MISSING) from error
    if not is_loopback(given.host) and not given.expose:
        raise UsageError(
            f"{given.host} is more than this machine: whoever gets hold of the address could read your emails there,"
            " and nothing on the way is encrypted. Say --expose if that is meant; better is a tunnel:"
            f" ssh -L {given.port}:127.0.0.1:{given.port}, and --host left alone."
        )
    writable = given.writable and not given.read_only
    door = Door((given.url or _url(given.host, given.port)).rstrip("/"), secrets.token_urlsafe(18))
    server: Any = Server(command(given.run, writable=writable), host=given.host, port=given.port, public_url=door.url)
    _tame(server, door, exposed=not is_loopback(given.host), writable=writable)
    try:
        server.serve()
    except OSError as error:
        raise UsageError(
            f"{given.host}:{given.port} cannot be served on: {error.strerror}. --port takes another."
        ) from error
    return exits.DONE


def command(run: str | None, *, writable: bool) -> str:
    """The command line of one console, for a shell."""
    words = [sys.executable, "-m", "tui"]
    if run is not None:
        words += ["open", str(runs.find_run(load_settings(), run))]
    if not writable:
        words.append("--read-only")
    return shlex.join(words)


def _url(host: str, port: int) -> str:
    name = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{name}:{port}"


def _tame(server: Any, door: Door, *, exposed: bool, writable: bool) -> None:
    """Put the door before it, and let it speak as labeltui does. textual-serve has no other place for either."""
    make_app = server._make_app  # noqa: SLF001

    async def make_guarded_app() -> Any:
        app = await make_app()
        app.middlewares.append(guarded(door))
        return app

    async def announce(_: Any) -> None:
        may = "may change things, as in a terminal" if writable else "looks on and changes nothing (--writable lets it)"
        if exposed:
            complain(f"{server.host} can be reached from other machines, and nothing is encrypted on the way there.")
        say(f"The console is at {door.address}\nIt {may}. ctrl+c ends it; workers go on.")
        sys.stdout.flush()

    server._make_app = make_guarded_app  # noqa: SLF001
    server.on_startup = announce
    server.initialize_logging = lambda: logging.basicConfig(level=logging.ERROR, format="labeltui: %(message)s")
