"""Which server is asked: turning the address that a person types into the one URL that calls go to.

Apart from the client because ``labeltui new --base-url`` checks an address without paying for the SDK's import, and
because what is known of keys and quotas is known of one server.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import SplitResult, urlsplit

from core.errors import UsageError

GROQ_ROOT = "https://api.groq.com"

_GROQ_PATH = "/openai/v1"
_ENDPOINT = "/chat/completions"
_VERSION_AT_END = re.compile(r"/v\d+[a-z0-9]*$")
_UNFIT = re.compile(r"[^\x21-\x7e]")
_EXAMPLE = f"such as {GROQ_ROOT} or http://localhost:11434/v1"


class PathStyle(StrEnum):
    """Where a server keeps its chat endpoint below the root.

    ``GROQ``: ``/openai/v1/chat/completions``. ``PLAIN``: the root already ends in a version, as other
    OpenAI-compatible servers have it (``/v1``), and ``/chat/completions`` follows.
    """

    GROQ = "groq"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """A server's address: ``root`` has no trailing slash, no query, no user and no password."""

    root: str
    path_style: PathStyle

    @property
    def chat_url(self) -> str:
        """The URL of every call."""
        path = _GROQ_PATH if self.path_style is PathStyle.GROQ else ""
        return f"{self.root}{path}{_ENDPOINT}"

    @property
    def host(self) -> str:
        """Host and port, as error messages name the server."""
        return urlsplit(self.root).netloc


def normalize_base_url(text: str | None) -> BaseUrl:
    """The server that ``text`` means; None or nothing but spaces means Groq.

    Accepted are the bare server (``http://127.0.0.1:8000``), that with ``/openai`` or ``/openai/v1``, an address that
    ends in a version of its own (``http://localhost:11434/v1``), each with or without a trailing slash, and the whole
    endpoint. Raises UsageError for anything that no request could go to, or that would carry a secret.
    """
    wanted = (text or "").strip()
    if not wanted:
        return BaseUrl(GROQ_ROOT, PathStyle.GROQ)
    if _UNFIT.search(wanted):
        raise UsageError(
            f"The base URL {wanted!r} has spaces or characters that no URL has. Give it plainly, {_EXAMPLE}."
        )
    parts = _parts_of(wanted)
    path = parts.path.rstrip("/").removesuffix(_ENDPOINT).rstrip("/")
    for groq_path in (_GROQ_PATH, "/openai"):
        if path.endswith(groq_path):
            return _base_url(parts, path.removesuffix(groq_path), PathStyle.GROQ)
    style = PathStyle.PLAIN if _VERSION_AT_END.search(path) else PathStyle.GROQ
    return _base_url(parts, path, style)


def server_of(text: str | None) -> str:
    """The name under which is kept what is known of a server: the root of its URL, however it was typed.

    An address that nobody can ask is its own name: nothing will ever be known of it.
    """
    try:
        return normalize_base_url(text).root
    except UsageError:
        return (text or "").strip()


def host_of(server: str) -> str:
    """Host and port of what :func:`server_of` named, for people."""
    return urlsplit(server).netloc or server


def _parts_of(wanted: str) -> SplitResult:
    try:
        parts = urlsplit(wanted)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"The base URL {wanted!r} cannot be read ({error}). Give it plainly, {_EXAMPLE}.") from None
    if parts.scheme not in {"http", "https"}:
        raise UsageError(f"The base URL {wanted!r} must begin with http:// or https://. Give it whole, {_EXAMPLE}.")
    if not host:
        raise UsageError(f"The base URL {wanted!r} names no server. Give it whole, {_EXAMPLE}.")
    if parts.username is not None or parts.password is not None:
        # The address is written into the run file, so it is not repeated here either.
        raise UsageError("The base URL holds a user or a password. Leave it out: keys belong to `labeltui keys add`.")
    if parts.query or parts.fragment:
        raise UsageError(f"The base URL {wanted!r} must end with its path. Leave out what follows ? or #.")
    return parts


def _base_url(parts: SplitResult, path: str, style: PathStyle) -> BaseUrl:
    return BaseUrl(f"{parts.scheme}://{parts.netloc.lower()}{path.rstrip('/')}", style)
