"""Access to a console in a browser: who is let in, and what the others get."""

from __future__ import annotations

import pytest

from tui.web.access import Access, RequestFacts, is_loopback

DOOR = Access("http://127.0.0.1:8000", "secret-key")


def asked(**more: str) -> RequestFacts:
    given = {"path": "/ws", "host": "127.0.0.1:8000", "origin": DOOR.url, "in_address": "", "in_cookie": "secret-key"}
    return RequestFacts(**{**given, **more})


@pytest.mark.parametrize(
    ("host", "alone"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("localhost", True),
        ("::1", True),
        ("[::1]", True),
        ("0.0.0.0", False),
        ("192.168.1.4", False),
        ("example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_loopback_is_found_by_the_address_and_not_by_its_looks(host: str, alone: bool) -> None:
    """Names that merely begin like loopback are none."""
    assert is_loopback(host) is alone


def test_whoever_has_the_key_comes_in() -> None:
    """The printed address opens the page; the cookie that it left opens the socket."""
    assert DOOR.address == "http://127.0.0.1:8000/?key=secret-key"
    assert DOOR.refusal(asked(path="/", origin="", in_address="secret-key", in_cookie="")) == ""
    assert DOOR.refusal(asked()) == ""
    assert DOOR.refusal(asked(path="/static/js/textual.js", in_cookie="")) == ""
    assert DOOR.refusal(asked(in_cookie="of another start", in_address="secret-key")) == ""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"in_cookie": ""}, "The key is missing"),
        ({"in_cookie": "guessed"}, "an older one or incomplete"),
        ({"path": "/", "origin": "", "in_cookie": "", "in_address": ""}, "The key is missing"),
        ({"path": "/", "origin": "", "in_cookie": "", "in_address": "secret"}, "an older one or incomplete"),
        ({"origin": "http://evil.example"}, "another site"),
        ({"origin": "http://127.0.0.1:9000"}, "another site"),
        ({"origin": "null"}, "another site"),
        ({"host": "evil.example:8000"}, "served at http://127.0.0.1:8000 only"),
        ({"path": "/download/x", "in_cookie": ""}, "The key is missing"),
    ],
)
def test_others_are_refused_with_the_reason(more: dict[str, str], why: str) -> None:
    """No key, another site, another name of the machine (as in DNS rebinding): none comes in."""
    assert why in DOOR.refusal(asked(**more))


def test_a_port_that_goes_without_saying_may_be_said() -> None:
    """Browsers leave out 80 and 443; whoever gave the address may have written them."""
    access = Access("http://box:80", "secret-key")
    assert access.refusal(asked(host="box", origin="")) == ""
    assert access.refusal(asked(host="box:8000", origin="")) != ""


def test_two_consoles_of_one_machine_do_not_take_each_others_cookie() -> None:
    """A browser keeps one jar for all ports, so the name contains the port."""
    assert Access("http://127.0.0.1:8000", "a").cookie != Access("http://127.0.0.1:8001", "b").cookie
    assert all(letter.isalnum() or letter == "-" for letter in Access("http://[::1]:8000", "a").cookie)


def test_the_page_is_kept_to_itself() -> None:
    """Nothing is fetched from elsewhere, no script stands in the page, nobody frames it."""
    policy = DOOR.rules["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "connect-src 'self' ws://127.0.0.1:8000;" in policy
    assert "frame-ancestors 'none'" in policy


def test_each_address_of_a_machine_is_its_own_site() -> None:
    """A page of one of them is let in at any of them, and no other."""
    access = Access("http://10.0.0.7:8000", "secret-key", ("http://box:8000",))
    for host in ("10.0.0.7:8000", "box:8000"):
        assert access.refusal(asked(host=host, origin=f"http://{host}")) == ""
    assert access.refusal(asked(host="evil.example:8000", origin="")) != ""
    assert access.addresses[1] == "http://box:8000/?key=secret-key"
    assert "ws://10.0.0.7:8000 ws://box:8000" in access.rules["Content-Security-Policy"]
