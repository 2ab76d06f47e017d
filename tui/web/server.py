"""Serve ``labeltui serve``: the page, its files, and a console process for each tab that opens a socket.

textual-serve provides the terminal that runs in the browser (scripts, styles, fonts). Its own server is not used: it
lets a page wait for the network, names it after a command line, and ends a minute after ctrl+c.
"""

from __future__ import annotations

import asyncio
import contextlib
import html
import json
import secrets
import signal
from collections.abc import Callable, Coroutine, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from tui.web.access import Access, access_middleware
from tui.web.session import Ended, Session, Size

LEFT, BROKEN, TOO_MANY = 4000, 4001, 4002
"""Codes with which a socket is closed, beside those of the standard; the page handles them."""
MOST_CONSOLES = 16
"""Tabs at a time, each with its own process."""
HEARTBEAT_S = 15.0
LARGEST_MESSAGE = 1 << 20
PAGE = Path(__file__).with_name("page")


def assets() -> Path | None:
    """Return the folder with the browser's terminal; None where textual-serve is not installed."""
    found = find_spec("textual_serve")
    return Path(found.origin).with_name("static") if found is not None and found.origin else None


class ConsoleServer:
    """Serve consoles: ``words`` is the command line of one, ``static`` the folder that :func:`assets` returns."""

    def __init__(self, access: Access, words: Sequence[str], static: Path, complain: Callable[[str], None]) -> None:
        self._access = access
        self._words = words
        self._static = static
        self._complain = complain
        self._open: set[web.WebSocketResponse] = set()
        self._files: dict[str, Path] = {}

    def app(self) -> web.Application:
        """Return the application of aiohttp."""
        app = web.Application(middlewares=[access_middleware(self._access, refusal)])  # type: ignore[list-item]
        app.router.add_get("/", self._page)
        app.router.add_get("/ws", self._socket)
        app.router.add_get("/download/{token}", self._download)
        app.router.add_static("/page", PAGE)
        app.router.add_static("/static", self._static)
        app.on_response_prepare.append(_fresh)
        app.on_shutdown.append(self._close_all)
        return app

    async def run(self, host: str, port: int, ready: Callable[[], None]) -> None:
        """Serve until SIGINT, SIGTERM or SIGHUP. Raises OSError where the address cannot be bound."""
        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(one, ended.set)
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=5.0)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
            ready()
            await ended.wait()
        finally:
            await runner.cleanup()

    async def _close_all(self, _: web.Application) -> None:
        await asyncio.gather(*(socket.close(code=WSCloseCode.GOING_AWAY) for socket in list(self._open)))

    async def _page(self, _: web.Request) -> web.StreamResponse:
        return web.Response(text=(PAGE / "page.html").read_text("utf-8"), content_type="text/html")

    async def _download(self, request: web.Request) -> web.StreamResponse:
        path = self._files.pop(request.match_info["token"], None)
        if path is None or not path.is_file():
            return refusal("This file was downloaded before, or its console has ended.", status=404)
        return web.FileResponse(path, headers={"Content-Disposition": "attachment"})

    async def _socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=LARGEST_MESSAGE)
        await socket.prepare(request)
        if len(self._open) >= MOST_CONSOLES:
            await socket.close(code=TOO_MANY)
            return socket
        self._open.add(socket)
        try:
            await self._serve(socket, Size.of(request.query.get("width"), request.query.get("height")))
        finally:
            self._open.discard(socket)
        return socket

    async def _serve(self, socket: web.WebSocketResponse, size: Size) -> None:
        async def draw(picture: bytes) -> None:
            with contextlib.suppress(ConnectionError):
                await socket.send_bytes(picture)

        async def tell(said: dict[str, object]) -> None:
            if "download" in said:
                said = self._offer(session, said)
            with contextlib.suppress(ConnectionError):
                await socket.send_str(json.dumps(["page", said]))

        session = Session(self._words, draw, tell)
        ending: asyncio.Task[None] | None = None
        try:
            await session.begin(size)
            ending = asyncio.create_task(self._until_it_ends(session, socket, tell))
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    await _handle_message(session, message.data)
        except OSError as error:
            self._complain(f"a console could not be started: {error.strerror}")
            await tell({"left": f"The console could not be started: {error.strerror}."})
            await socket.close(code=BROKEN)
        finally:
            await _to_its_end(self._end(session, ending))

    async def _end(self, session: Session, ending: asyncio.Task[None] | None) -> None:
        await session.end()
        if ending is not None:
            await ending
        for token in [token for token, path in self._files.items() if path.parent in session.folders]:
            del self._files[token]

    def _offer(self, session: Session, said: dict[str, object]) -> dict[str, object]:
        """Offer a file of the console for one download, under an unguessable name."""
        name, folder, token = str(said["download"]), Path(str(said["folder"])), secrets.token_urlsafe(12)
        session.folders.add(folder)
        self._files[token] = folder / name
        return {"download": name, "at": f"/download/{token}"}

    async def _until_it_ends(
        self, session: Session, socket: web.WebSocketResponse, tell: Callable[[dict[str, object]], Any]
    ) -> None:
        ended = await session.run()
        if socket.closed:
            return
        if broke(ended):
            self._complain(ended.trouble or f"a console ended with code {ended.code}")
            await tell({"left": ended.trouble})
        await socket.close(code=BROKEN if broke(ended) else LEFT)


def broke(ended: Ended) -> bool:
    """Return whether a console ended by an error."""
    return ended.code != 0


async def _to_its_end(work: Coroutine[Any, Any, None]) -> None:
    """Wait for the work also where this task is cancelled, as when a connection is lost; then raise that."""
    doing = asyncio.create_task(work)
    try:
        await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait([doing])
        raise


async def _handle_message(session: Session, message: str) -> None:
    """Handle one message of the browser's terminal; ignore anything else, which may come from anybody."""
    try:
        kind, *rest = json.loads(message)
    except (ValueError, TypeError):
        return
    match kind, rest:
        case "stdin", [str(text)]:
            await session.type(text)
        case "resize", [{"width": width, "height": height}]:
            await session.resize(Size.of(width, height))
        case (("focus" | "blur"), []):
            await session.focus(there=kind == "focus")


async def _fresh(request: web.Request, response: web.StreamResponse) -> None:
    """Let browsers revalidate the files of the page each time."""
    if request.path.startswith(("/page/", "/static/")):
        response.headers["Cache-Control"] = "no-cache"


def refusal(why: str, status: int = 403) -> web.Response:
    """Return a page that says why the request was refused."""
    text = (PAGE / "refused.html").read_text("utf-8").replace("WHY", html.escape(why))
    return web.Response(status=status, text=text, content_type="text/html")
