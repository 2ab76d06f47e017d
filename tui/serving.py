"""Who may look at a console that is served to browsers: the address, the guest's key, and the door that asks for it.

A WebSocket obeys no same-origin rule, and a port on loopback is open to every account of the machine. So the address
that is printed holds a key, which becomes a cookie; requests without it, from another site or by another name of the
machine are refused. Pure, but for the key that is drawn.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp.web import Request, StreamResponse

COOKIE = "labeltui-guest"
OPEN_PATHS = ("/static/",)
"""Scripts and fonts of the page: they hold nothing of anybody's, and a browser asks for some without a cookie."""


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches that address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class Asked:
    """What a browser sent: the names that it called us by, where the page that asks came from, and its key."""

    path: str
    host: str
    origin: str
    in_address: str
    in_cookie: str


@dataclass(frozen=True, slots=True)
class Door:
    """``url`` is how browsers reach the console, without a slash at its end; ``key`` is what the address holds."""

    url: str
    key: str

    @property
    def address(self) -> str:
        """What to open in a browser."""
        return f"{self.url}/?key={self.key}"

    @property
    def rules(self) -> dict[str, str]:
        """Headers that keep the page to itself: nothing is fetched from elsewhere, nobody frames it."""
        socket = self.url.replace("http", "ws", 1)
        return {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval';"
                " style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:;"
                f" connect-src 'self' {socket}; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }

    def refusal(self, asked: Asked) -> str:
        """Why this request is not answered, as a sentence; "" where it may come in."""
        if asked.host.lower() != urlsplit(self.url).netloc.lower():
            return f"This console answers to {self.url} only: open the address that `labeltui serve` printed."
        if asked.origin and asked.origin.lower() != self.url.lower():
            return "This request comes from another site."
        if asked.path.startswith(OPEN_PATHS):
            return ""
        given = asked.in_cookie or (asked.in_address if asked.path == "/" else "")
        if any(hmac.compare_digest(one.encode(), self.key.encode()) for one in (given, asked.in_address) if one):
            return ""
        return "The key is missing: open the whole address that `labeltui serve` printed."


Handler = Callable[["Request"], Awaitable["StreamResponse"]]


def guarded(door: Door) -> Callable[[Request, Handler], Awaitable[StreamResponse]]:
    """The door as a middleware of aiohttp."""
    from aiohttp import web  # noqa: PLC0415  (only who serves needs it)

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        headers = request.headers
        asked = Asked(
            path=request.path,
            host=headers.get("Host", ""),
            origin=headers.get("Origin", ""),
            in_address=request.query.get("key", ""),
            in_cookie=request.cookies.get(COOKIE, ""),
        )
        refused = door.refusal(asked)
        if refused:
            return web.Response(status=403, text=refused + "\n", headers=door.rules)
        response = await handler(request)
        if not response.prepared:
            response.headers.update(door.rules)
            if request.path == "/":
                response.set_cookie(COOKIE, door.key, httponly=True, samesite="Strict", path="/")
        return response

    return guard
