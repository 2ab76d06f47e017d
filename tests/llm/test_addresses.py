"""Addresses of servers: which are local, private or exposed, which are known by name, and what is wrong with one."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from core import server_address
from core.errors import UsageError
from core.server_address import (
    BaseUrl,
    PathStyle,
    Preset,
    address_of,
    host_of,
    is_exposed,
    is_local,
    is_private,
    normalize_base_url,
    origin_of,
    preset,
    preset_of,
    presets,
    presets_of,
)

MINE = Preset("mine", "Mine", "https://mine.example/v1", ("MINE_API_KEYS", "MINE_API_KEY"))


@pytest.fixture
def foreign(monkeypatch: pytest.MonkeyPatch) -> dict[str, Preset]:
    """Servers that other packages bring."""
    brought = {"mine": MINE}
    monkeypatch.setattr(server_address, "foreign_presets", lambda: brought)
    preset_of.cache_clear()
    return brought


@pytest.mark.parametrize(
    ("server", "local", "private", "exposed"),
    [
        ("http://localhost:8000", True, True, False), ("http://a.localhost", True, True, False), ("http://127.0.0.1", True, True, False), ("http://127.1.2.3:1", True, True, False),
        ("http://[::1]:8000/v1", True, True, False), ("http://gpu:8000", False, True, True), ("https://gpu", False, True, False), ("http://192.168.1.2", False, True, True),
        ("http://10.0.0.1/v1", False, True, True), ("https://10.0.0.1", False, True, False), ("http://8.8.8.8", False, False, True), ("https://8.8.8.8", False, False, False),
        ("https://h.local", False, True, False), ("https://h.lan", False, True, False), ("https://h.internal", False, True, False), ("https://h.home.arpa", False, True, False),
        ("https://h.example", False, False, False), ("http://h.example", False, False, True), ("http://[fd00::1]", False, True, True), ("http://[2001:4860::1]", False, False, True),
        ("https://localhost.example", False, False, False), (None, False, False, False), ("https://127.0.0.1.example", False, False, False),
    ],
)  # fmt: skip
def test_where_an_address_leads(server: str | None, local: bool, private: bool, exposed: bool) -> None:
    """To this machine, into its network, or over others' wires without encryption."""
    assert (is_local(server), is_private(server), is_exposed(server)) == (local, private, exposed)


@pytest.mark.parametrize(
    ("server", "origin", "host"),
    [
        ("https://H.example:443/v1", "https://h.example", "H.example:443"), ("http://h.example:80", "http://h.example", "h.example:80"),
        ("http://h.example:443", "http://h.example:443", "h.example:443"), ("https://h.example:80/x", "https://h.example:80", "h.example:80"), ("no such", "://", "no such"),
    ],
)  # fmt: skip
def test_keys_belong_to_an_origin(server: str, origin: str, host: str) -> None:
    """Scheme, host and port, without the usual port; people are told the host."""
    assert origin_of(server) == origin
    assert host_of(server) == host


@pytest.mark.parametrize(
    ("typed", "words"),
    [
        ("http://exa mple.org", "has spaces or characters that no URL has"), ("ftp://h.example", "must begin with http:// or https://"), ("nothing", "names no server"),
        ("http://", "names no server"), ("http://[::1", "cannot be read"), ("h.example:99999", "cannot be read"), ("http://a:b@h.example", "holds a user or a password"),
        ("http://a@h.example", "holds a user or a password"), ("http://:b@h.example", "holds a user or a password"), ("http://h.example?Api-Key=1", "holds a key in what follows ?"),
        ("http://h.example?a=1&my_token_x=2", "holds a key"), ("http://h.example#x", "Leave out what follows #"), ("mailto:/x", "must begin with http"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_an_address_is_said(typed: str, words: str) -> None:
    """With an example of a right one, and without its secrets."""
    with pytest.raises(UsageError) as caught:
        normalize_base_url(typed)
    assert words in str(caught.value)
    assert "a:b" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "root", "plain", "query"),
    [
        ("gpu:8000", None, False, ""), ("http://gpu", "http://gpu", False, ""), ("localhost", "http://localhost", False, ""), ("h.example/openai?x=1", "https://h.example/openai", True, "x=1"),
        ("https://h.example/openai/v1?x=1", "https://h.example/openai/v1", True, "x=1"), ("https://h.example/monkey=1", "https://h.example/monkey=1", False, ""),
        ("https://h.example/a/openai/v1/", "https://h.example/a", False, ""), ("https://h.example/v2/models", "https://h.example/v2", True, ""), ("http://h.example/api/generate", "http://h.example", False, ""),
        ("[::1]:8000/v1", "http://[::1]:8000/v1", True, ""), ("[fd00::1]", "https://[fd00::1]", False, ""), ("export GROQ_BASE_URL=`http://H.example`", "http://h.example", False, ""),
    ],
)  # fmt: skip
def test_an_address_becomes_a_root_with_its_style(typed: str, root: str | None, plain: bool, query: str) -> None:
    """A bare name is a server only with a scheme; a query makes any path the server's own."""
    if root is None:
        with pytest.raises(UsageError):
            normalize_base_url(typed)
    else:
        style = PathStyle.PLAIN if plain else PathStyle.GROQ
        found = normalize_base_url(typed)
        assert found == BaseUrl(root, style, query)
        tail = ("" if plain else "/openai/v1") + "/chat/completions" + ("?" + query if query else "")
        assert found.chat_url == root + tail


def test_known_servers_are_those_of_the_table() -> None:
    """With title, variables, hosts and what their headers count."""
    assert list(presets())[:3] == ["groq", "openai", "openrouter"]
    groq = presets()["groq"]
    assert (groq.title, groq.variables, groq.requests_per_day) == ("Groq", ("GROQ_API_KEYS", "GROQ_API_KEY"), True)
    assert [name for name, each in presets().items() if each.requests_per_day] == ["groq"]
    assert [name for name, each in presets().items() if each.hosts] == ["azure"]
    for each in presets().values():
        assert [name.rpartition("_")[2] for name in each.variables] in ([], ["KEYS", "KEY"])


def test_a_server_is_found_by_its_name(foreign: dict[str, Preset]) -> None:
    """Ours first, then those of other packages; another name is refused with all that there are."""
    assert preset(" GROQ ") is presets()["groq"]
    assert preset("Mine") is MINE
    assert address_of("mine") == "https://mine.example/v1"
    assert address_of(" 'https://h.example/v1' ") == "https://h.example/v1"
    assert address_of("localhost") == "localhost"
    foreign["groq"] = MINE
    assert preset("groq") is presets()["groq"]
    with pytest.raises(
        UsageError, match=r"No server is called 'nope'. Known are groq, openai, .*, mine, groq; any other"
    ):
        address_of("nope")
    with pytest.raises(UsageError, match="has an address for each customer"):
        address_of("azure")
    with pytest.raises(UsageError):
        address_of("ftp://x")  # fmt: skip


@pytest.mark.parametrize(
    ("server", "name"),
    [
        ("https://api.groq.com/openai/v1", "groq"), ("https://api.openai.com", "openai"), ("http://api.openai.com", None), ("https://me.openai.azure.com/openai/v1", "azure"),
        ("http://localhost:11434/v1", None), ("https://mine.example", "mine"), ("https://h.example", None),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("foreign")
def test_a_server_is_found_by_its_address(server: str, name: str | None) -> None:
    """By its origin or its customers' hosts; those of this machine are not told apart."""
    found = preset_of(server)
    assert (found.name if found else None) == name


def test_servers_of_other_packages_are_loaded_once_and_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that cannot be loaded, or is no server with none or two variables, is named."""
    points: list[Any] = []

    def point(name: str, brought: object) -> Any:
        def load() -> object:
            if isinstance(brought, Exception):
                raise brought
            return brought

        return SimpleNamespace(name=name, load=load)

    monkeypatch.setattr("importlib.metadata.entry_points", lambda group: points if group == "labeltui.servers" else [])
    fresh = server_address.foreign_presets.__wrapped__
    bare = Preset("bare", "Bare", "http://gpu:1", ())
    points[:] = [point("Mine", MINE), point("bare", bare)]
    assert fresh() == {"mine": MINE, "bare": bare}
    for wrong in (
        ValueError("broken"),
        object(),
        Preset("x", "X", "", ("A_API_KEY",)),
        Preset("x", "X", "", ("A", "B", "C")),
    ):
        points[:] = [point("x", wrong)]
        with pytest.raises(UsageError, match="The server 'x' of another package"):
            fresh()  # fmt: skip


@pytest.mark.parametrize(
    ("variable", "asked"), [("X_API_KEY", True), ("X_API_KEYS", True), ("X_KEY", False), ("OPENAI_API_KEY", False)]
)
@pytest.mark.usefixtures("foreign")
def test_other_packages_are_asked_where_a_variable_hints_at_them(variable: str, asked: bool) -> None:
    """Behind all known servers."""
    found = list(presets_of({variable: "x"}))
    assert found == [*presets().values(), *([MINE] if asked else [])]
