"""Turn the address that a person types, or the name of a known server, into the one URL that calls go to.

Apart from the client because ``labeltui new --base-url`` checks an address without paying for the SDK's import, and
because what is known of keys and quotas is known of one server.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from ipaddress import ip_address
from itertools import chain
from urllib.parse import SplitResult, urlsplit

from core.errors import UsageError

GROQ_ROOT = "https://api.groq.com"
GROUP = "labeltui.servers"
"""The entry points of packages that bring servers of their own; a name of ours stays ours."""

_GROQ_PATH = "/openai/v1"
_ENDPOINT = "/chat/completions"
_PLAIN_AT_END = re.compile(r"(/v\d+[a-z0-9]*|/v\d+[a-z0-9]*/openai|/openai/deployments/[^/]+)$")
_OTHER_ENDPOINT = re.compile(
    r"(?:(?<=/v1)|(?<=/v\d)|(?<=/openai))/(?:chat|completions|responses|models|embeddings|messages)$"
    r"|/api/(?:chat|generate|tags)$"
)
"""Other pages of the same server that people paste; the second kind is Ollama's own."""
_WRAPPED = re.compile(r"^(?:export\s+|set\s+)?(?:[A-Z_]+\s*=\s*)?[\"'`<]?(.*?)[\"'`>]?$", re.DOTALL)
_SECRET_IN_QUERY = re.compile(r"(^|&)[^=&]*(key|token|secret|password)[^=&]*=", re.IGNORECASE)
_UNFIT = re.compile(r"[^\x21-\x7e]")
_LOCAL_HOST = re.compile(r"(localhost|.*\.localhost|127(\.\d{1,3}){3}|::1)")
_EXAMPLE = f"such as {GROQ_ROOT} or http://localhost:11434/v1"


class PathStyle(StrEnum):
    """Say where a server keeps its chat endpoint below the root.

    ``GROQ``: ``/openai/v1/chat/completions``. ``PLAIN``: ``/chat/completions`` follows the root, as with other
    OpenAI-compatible servers, whose root ends in a version (``/v1``).
    """

    GROQ = "groq"
    PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class BaseUrl:
    """Hold a server's address: ``root`` has no trailing slash, no query, no user and no password.

    ``query`` is what follows ``?`` in every call, such as Azure's ``api-version=2024-10-21``.
    """

    root: str
    path_style: PathStyle
    query: str = ""

    @property
    def chat_url(self) -> str:
        """Return the URL of every call."""
        path = _GROQ_PATH if self.path_style is PathStyle.GROQ else ""
        return f"{self.root}{path}{_ENDPOINT}{'?' if self.query else ''}{self.query}"

    @property
    def host(self) -> str:
        """Return host and port, as error messages name the server."""
        return urlsplit(self.root).netloc


@dataclass(frozen=True, slots=True)
class Preset:
    """Hold a server that is known by name: its address, and the variables that hold keys of it.

    ``variables`` are none, or that of several keys (commas between them) and that of one; they end in ``_API_KEYS`` and
    ``_API_KEY``. ``requests_per_day`` says that its ``x-ratelimit-*-requests`` headers count a day, not a minute.
    """

    name: str
    title: str
    base_url: str
    variables: tuple[str, ...]
    hosts: tuple[str, ...] = ()
    requests_per_day: bool = False


@cache
def presets() -> Mapping[str, Preset]:
    """Return every known server by its name."""
    table = tomllib.loads((files("core") / "servers.toml").read_text("utf-8"))
    return {
        name: Preset(
            name,
            entry["title"],
            entry["base_url"],
            tuple(entry["keys"]),
            tuple(entry.get("hosts", ())),
            entry.get("requests") == "day",
        )
        for name, entry in table.items()
    }


@cache
def foreign_presets() -> Mapping[str, Preset]:
    """Return the servers that other packages bring, under entry points; takes some hundredths of a second.

    Raises:
        UsageError: what a package brings is no server.
    """
    from importlib.metadata import entry_points  # noqa: PLC0415 - reads the metadata of every package

    found = {}
    for point in entry_points(group=GROUP):
        try:
            brought = point.load()
        except Exception as error:
            raise UsageError(f"The server {point.name!r} of another package cannot be loaded: {error}.") from error
        if not isinstance(brought, Preset) or len(brought.variables) not in (0, 2):
            raise UsageError(f"The server {point.name!r} of another package is no labeltui.Server. Tell its author.")
        found[point.name.lower()] = brought
    return found


def presets_of(environment: Mapping[str, str]) -> Iterator[Preset]:
    """Yield the servers whose keys may stand in an environment; other packages only where a variable hints at one."""
    yield from presets().values()
    ours = {variable for each in presets().values() for variable in each.variables}
    if any(name.endswith(("_API_KEY", "_API_KEYS")) and name not in ours for name in environment):
        yield from foreign_presets().values()


def preset(name: str) -> Preset:
    """Return a known server by its name. Raises UsageError for another name, with those that there are."""
    key = name.strip().lower()
    found = presets().get(key) or foreign_presets().get(key)
    if found is None:
        known = ", ".join((*presets(), *foreign_presets()))
        raise UsageError(f"No server is called {name!r}. Known are {known}; any other by its address (--base-url).")
    return found


def address_of(server: str) -> str:
    """Return the address that a server's name or address means. Raises UsageError where it is neither."""
    if re.fullmatch(r"[A-Za-z]+", server.strip()) and server.strip().lower() != "localhost":
        found = preset(server)
        if not found.base_url:
            raise UsageError(f"{found.title} has an address for each customer: give yours with --base-url.")
        return found.base_url
    normalize_base_url(server)
    return _unwrapped(server)


@lru_cache(maxsize=64)
def preset_of(server: str) -> Preset | None:
    """Return the known server at this address, or None. Servers of this machine are not distinguished by their port."""
    origin = origin_of(server)
    host = urlsplit(origin).hostname or ""
    others = () if is_local(server) else foreign_presets().values()
    for each in chain(presets().values(), others):
        if each.base_url and each.variables and origin_of(each.base_url) == origin:
            return each
        if any(host.endswith(suffix) for suffix in each.hosts):
            return each
    return None


def normalize_base_url(text: str | None) -> BaseUrl:
    """Return the server that ``text`` means; None or nothing but spaces means Groq.

    Accepted are a host (``localhost:11434``; ``https`` is assumed for others than this machine), the bare server
    (``http://127.0.0.1:8000``), that with ``/openai`` or ``/openai/v1``, an address that ends in a version of its own
    (``http://localhost:11434/v1``) or in one and ``/openai``, each with or without a trailing slash, and the whole
    endpoint, also with a query. Quotation marks, ``NAME=`` and another page of the API are left out. Raises UsageError
    for anything that no request could go to, or that would carry a secret.
    """
    wanted = _unwrapped(text or "")
    if not wanted:
        return BaseUrl(GROQ_ROOT, PathStyle.GROQ)
    if _UNFIT.search(wanted):
        raise UsageError(
            f"The base URL {wanted!r} has spaces or characters that no URL has. Give it plainly, {_EXAMPLE}."
        )
    parts = _parts_of(wanted)
    path = parts.path.rstrip("/")
    whole = path.endswith(_ENDPOINT)
    path = _OTHER_ENDPOINT.sub("", path.removesuffix(_ENDPOINT).rstrip("/"))
    if path.endswith(_GROQ_PATH) and not parts.query:
        return _base_url(parts, path.removesuffix(_GROQ_PATH), PathStyle.GROQ)
    if whole or parts.query or _PLAIN_AT_END.search(path):
        return _base_url(parts, path, PathStyle.PLAIN)
    return _base_url(parts, path.removesuffix("/openai"), PathStyle.GROQ)


def _unwrapped(text: str) -> str:
    """Return a pasted address without what stood around it in a console or a settings file."""
    found = _WRAPPED.fullmatch(text.strip())
    return found[1].strip() if found is not None else text.strip()


def server_of(text: str | None) -> str:
    """Return the name under which is kept what is known of a server: the root of its URL, however it was typed.

    An address that nobody can ask is its own name: nothing will ever be known of it.
    """
    try:
        return normalize_base_url(text).root
    except UsageError:
        return (text or "").strip()


def origin_of(server: str | None) -> str:
    """Return scheme, host and port of an address: keys belong to a server whatever the path is that it is asked at."""
    parts = urlsplit(server_of(server))
    port = {"http": ":80", "https": ":443"}.get(parts.scheme, "-")
    return f"{parts.scheme}://{parts.netloc.lower().removesuffix(port)}"


def host_of(server: str) -> str:
    """Return host and port of what :func:`server_of` named, for people."""
    return urlsplit(server).netloc or server


def is_local(server: str | None) -> bool:
    """Return whether the address is one of this machine: what is sent there reaches no other machine."""
    return _LOCAL_HOST.fullmatch(urlsplit(server_of(server)).hostname or "") is not None


def is_private(server: str | None) -> bool:
    """Return whether a server is on this machine or in its own network: quotas are not to be expected there."""
    host = urlsplit(server_of(server)).hostname or ""
    if is_local(server) or not {".", ":"} & set(host):
        return True
    try:
        return ip_address(host).is_private
    except ValueError:
        return host.endswith((".local", ".lan", ".internal", ".home.arpa"))


def is_exposed(server: str | None) -> bool:
    """Return whether keys and texts would travel to another machine without encryption."""
    return server_of(server).startswith("http://") and not is_local(server)


def _parts_of(wanted: str) -> SplitResult:
    _, colon, _ = wanted.partition("://")
    if not colon and not re.match(r"[a-z]+:/", wanted):
        name = re.split(r"[:/?]", wanted)[0] if not wanted.startswith("[") else wanted[1:].partition("]")[0]
        wanted = f"{'http' if _LOCAL_HOST.fullmatch(name.lower()) else 'https'}://{wanted}"
    try:
        parts = urlsplit(wanted)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise UsageError(f"The base URL {wanted!r} cannot be read ({error}). Give it plainly, {_EXAMPLE}.") from None
    if parts.scheme not in {"http", "https"}:
        raise UsageError(f"The base URL {wanted!r} must begin with http:// or https://. Give it whole, {_EXAMPLE}.")
    if not host or not (host == "localhost" or "." in host or ":" in host or colon):
        raise UsageError(f"The base URL {wanted!r} names no server. Give it whole, {_EXAMPLE}.")
    if parts.username is not None or parts.password is not None:
        # The address is written into the run file, so it is not repeated here either.
        raise UsageError("The base URL holds a user or a password. Leave it out: keys belong to `labeltui keys add`.")
    if _SECRET_IN_QUERY.search(parts.query):
        raise UsageError(
            "The base URL holds a key in what follows ?. Leave it out: keys belong to `labeltui keys add`."
        )
    if parts.fragment:
        raise UsageError(f"The base URL {wanted!r} must end with its path or query. Leave out what follows #.")
    return parts


def _base_url(parts: SplitResult, path: str, style: PathStyle) -> BaseUrl:
    return BaseUrl(f"{parts.scheme}://{parts.netloc.lower()}{path.rstrip('/')}", style, parts.query)
