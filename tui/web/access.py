"""Control access to a console that is served to browsers: the address with its key, and the middleware that checks it.

WebSockets have no same-origin rule, and a port on loopback is open to every account of the machine. So the printed
address holds a key, which becomes a cookie; requests without it, from another site or by another host name are refused.
Pure.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from aiohttp.web import Request, Response, StreamResponse

OPEN_PATHS = ("/static/", "/page/")
"""Scripts, styles and fonts: they hold no data, and a browser requests some without a cookie."""


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches that address."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class RequestFacts:
    """Hold what a request says: host names, the origin of its page, and its key."""

    path: str
    host: str
    origin: str
    in_address: str = field(repr=False)
    in_cookie: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Access:
    """Check requests: ``url`` is how browsers reach the console, without a path; ``key`` is part of the address."""

    url: str
    key: str = field(repr=False)
    more_urls: tuple[str, ...] = ()
    """Where browsers reach it as well, where it listens on every address of the machine."""

    @property
    def addresses(self) -> tuple[str, ...]:
        """Return every address to open in a browser."""
        return tuple(f"{url}/?key={self.key}" for url in (self.url, *self.more_urls))

    @property
    def address(self) -> str:
        """Return the address to open in a browser."""
        return f"{self.url}/?key={self.key}"

    @property
    def cookie(self) -> str:
        """Return the cookie's name. Browsers share cookies among all ports of a host, so the port is part of it."""
        return "labeltui-" + re.sub(r"[^a-z0-9]+", "-", _place(self.url).rpartition(":")[2])

    @property
    def rules(self) -> dict[str, str]:
        """Return headers that forbid fetching from elsewhere and framing the page."""
        sockets = " ".join(url.replace("http", "ws", 1) for url in (self.url, *self.more_urls))
        return {
            "Content-Security-Policy": (
                "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:;"
                f" font-src 'self'; connect-src 'self' {sockets}; frame-ancestors 'none'; base-uri 'none';"
                " form-action 'none'"
            ),
            "Referrer-Policy": "no-referrer",
            "X-Content-Type-Options": "nosniff",
            "Cross-Origin-Opener-Policy": "same-origin",
        }

    def refusal(self, asked: RequestFacts) -> str:
        """Return why this request is refused, as a sentence; "" where it is allowed."""
        if asked.path.startswith(OPEN_PATHS):
            return ""
        urls = (self.url, *self.more_urls)
        if _place(f"//{asked.host}") not in {_place(url) for url in urls}:
            return f"This console is served at {self.url} only: open the address that `labeltui serve` printed."
        if asked.origin and asked.origin.lower() not in {url.lower() for url in urls}:
            return "This request comes from another site."
        if any(hmac.compare_digest(one.encode(), self.key.encode()) for one in (asked.in_cookie, asked.in_address)):
            return ""
        if asked.in_cookie or asked.in_address:
            return (
                "The key in this address is an older one or incomplete: open the whole address that `labeltui serve`"
                " printed when it was last started."
            )
        return "The key is missing: open the whole address that `labeltui serve` printed."


def _place(url: str) -> str:
    """Return host and port, without the default port of the scheme."""
    return re.sub(r":(80|443)$", "", urlsplit(url).netloc.lower())


def request_facts(request: Request, access: Access) -> RequestFacts:
    """Return what this request says about its sender."""
    headers = request.headers
    return RequestFacts(
        path=request.path,
        host=headers.get("Host", ""),
        origin=headers.get("Origin", ""),
        in_address=request.query.get("key", ""),
        in_cookie=request.cookies.get(access.cookie, ""),
    )


Handler = Callable[["Request"], Awaitable["StreamResponse"]]


def access_middleware(
    access: Access, refuse: Callable[[str], Response]
) -> Callable[[Request, Handler], Awaitable[StreamResponse]]:
    """Return the check as a middleware of aiohttp. ``refuse`` makes the response that says why."""
    from aiohttp import web  # noqa: PLC0415  (needed for serving only)

    async def allowed(request: web.Request, handler: Handler) -> web.StreamResponse:
        refused = access.refusal(request_facts(request, access))
        if refused:
            return refuse(refused)
        try:
            return await handler(request)
        except web.HTTPException as error:
            return web.Response(status=error.status, text=f"{error.reason}\n")

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await allowed(request, handler)
        if not response.prepared:
            response.headers.update(access.rules)
            response.headers.setdefault("Cache-Control", "no-store")
            if request.path == "/" and response.status == 200:
                secure = access.url.startswith("https:")
                response.set_cookie(
                    access.cookie, access.key, httponly=True, samesite="Strict", path="/", secure=secure
                )
        return response

    return guard
