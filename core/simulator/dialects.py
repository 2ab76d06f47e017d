"""Say no as other servers do: what the simulator would answer as Groq, in a server's own body, headers and status.

The data is ``dialects.toml``, from the servers' public pages. What a server documents nothing for stays Groq's.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from core.simulator.replies import Header, Reply

KINDS = ("quota", "credit", "auth", "model", "parameter", "moderation", "overload", "context")


@dataclass(frozen=True, slots=True)
class Refused:
    """Hold one documented error: status, body and headers, with words in braces for what holds at the moment.

    ``told``: the wait stands in it.
    """

    status: int
    body: str
    headers: Mapping[str, str]
    told: bool = False

    def reply(self, *, model: str = "m", wait_s: float = 1.0, now_at: float = 0.0) -> Reply:
        """Return it as a response. ``wait_s`` is stated in whole seconds; ``now_at`` is in seconds since 1970."""
        wait = max(1, round(wait_s))
        words = {
            "{model}": json.dumps(model)[1:-1],
            "{wait}": str(wait),
            "{wait_ms}": str(1_000 * wait),
            "{at}": str(int(now_at) + wait),
            "{at_ms}": str(1_000 * (int(now_at) + wait)),
        }
        kind = b"application/json" if self.body.startswith(("{", "[")) else b"text/html; charset=UTF-8"
        told = tuple((name.encode(), _filled(value, words).encode()) for name, value in self.headers.items())
        return Reply(self.status, _filled(self.body, words).encode(), ((b"content-type", kind), *told))


@dataclass(frozen=True, slots=True)
class ServerDialect:
    """Hold how one server says no. ``refuses`` is the field of a request that it does not take, or empty."""

    name: str
    path: str
    refuses: str
    docs: tuple[str, ...]
    errors: Mapping[str, Refused]

    def refused_field(self, raw: bytes) -> Reply | None:
        """Return the refusal of a request with the field that this server does not take, or None."""
        refused = self.errors.get("parameter")
        if refused is None or not self.refuses or f'"{self.refuses}"'.encode() not in raw:
            return None
        return refused.reply() if self.refuses in json.loads(raw) else None

    def translated(self, reply: Reply, *, model: str, moderated: bool, now_at: float) -> Reply:
        """Return a reply of Groq's as this server gives it. ``moderated``: the text is refused for what it says."""
        if reply.status == 200 and not moderated:
            return Reply(200, reply.body, tuple(each for each in reply.headers if self._own(each)), reply.cut)
        refused = self.errors.get("moderation" if reply.status == 200 else _kind_of(reply))
        if refused is None:
            return reply
        return refused.reply(model=model, wait_s=_wait_s(reply.headers), now_at=now_at)

    def _own(self, header: Header) -> bool:
        """Return whether a header of an answer is one that this server sends too."""
        return self.name == "groq" or not header[0].startswith((b"x-ratelimit-", b"x-groq-"))


@cache
def dialects() -> Mapping[str, ServerDialect]:
    """Return every dialect by the name of its server."""
    table = tomllib.loads((files("core.simulator") / "dialects.toml").read_text("utf-8"))
    return {
        name: ServerDialect(
            name,
            entry["path"],
            entry.get("refuses", ""),
            tuple(entry["docs"]),
            {
                kind: Refused(known["status"], known["body"], known.get("headers", {}), known.get("told", False))
                for kind in KINDS
                if (known := entry.get(kind)) is not None
            },
        )
        for name, entry in table.items()
    }


def _kind_of(reply: Reply) -> str:
    if reply.status == 400:
        return "credit" if b"organization_restricted" in reply.body else "model" if b"model_" in reply.body else ""
    by_status = {401: "auth", 404: "model", 413: "context", 429: "quota"}
    return by_status.get(reply.status, "overload" if reply.status >= 498 else "")


def _wait_s(headers: tuple[Header, ...]) -> float:
    return next((float(value) for name, value in headers if name == b"retry-after"), 1.0)


def _filled(text: str, words: Mapping[str, str]) -> str:
    for word, value in words.items():
        text = text.replace(word, value)
    return text
