"""The server of consoles: what it gives, to whom, and what becomes of a console and its tab."""

from __future__ import annotations

import asyncio
import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import WSServerHandshakeError

from tests.web.conftest import Serves, Tab
from tui.web import server as serving
from tui.web.server import BROKEN, LEFT, TOO_MANY, _to_its_end
from tui.web.session import Size, environment, words_for

pytestmark = pytest.mark.asyncio

WAITS = "page(pid=os.getpid())\nwhile (heard := hear()) and b'quit' not in heard[1]: page(heard=heard[1].decode())\n"
"""Says its process and every packet, and leaves when it is told to."""


def gone(pid: object) -> bool:
    """Whether that process is no more."""
    try:
        os.kill(int(str(pid)), 0)
    except ProcessLookupError:
        return True
    return False


async def until(so: Callable[[], bool]) -> None:
    """Wait for what another task or process brings about."""
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - no event of ours
            await asyncio.sleep(0.02)


async def pid_of(tab: Tab) -> object:
    await tab.until(lambda tab: bool(tab.told))
    return tab.told[0]["pid"]


async def test_the_page_is_for_who_has_the_key(serves: Serves) -> None:
    """Refused without it, in words on a page; with it a cookie is left that scripts do not see."""
    async with serves() as at:
        refused = await at.client.get("/")
        assert refused.status == 403
        assert "The key is missing" in await refused.text()
        assert refused.content_type == "text/html"
        assert (await at.client.get("/ws")).status == 403
        first = await at.client.get("/", params={"key": "secret-key"})
        assert '<main id="terminal"' in await first.text()
        assert first.cookies[at.access.cookie]["httponly"]
        assert first.cookies[at.access.cookie]["samesite"] == "Strict"
        assert "default-src 'none'" in first.headers["Content-Security-Policy"]
        assert first.headers["Cache-Control"] == "no-store"
        assert (await at.client.get("/")).status == 200
        assert (await at.client.get("/", headers={"Host": "evil.example"})).status == 403


async def test_a_socket_of_another_site_is_refused(serves: Serves) -> None:
    """A key alone does not open a socket for a page that comes from elsewhere."""
    async with serves(WAITS) as at:
        for origin in ("http://evil.example", "null"):
            with pytest.raises(WSServerHandshakeError, match="403"):
                await at.client.ws_connect("/ws", params={"key": "secret-key"}, headers={"Origin": origin})


async def test_everything_that_the_page_needs_comes_from_here() -> None:
    """No address of another host, no script in the page itself, and each file that it names is there."""
    for name in ("page.html", "refused.html", "page.css", "page.js", "icon.svg"):
        text = (serving.PAGE / name).read_text("utf-8")
        assert re.findall(r"(?:https?:)?//[\w.]+\.\w+", text.replace("http://www.w3.org/2000/svg", "")) == [], name
        assert re.findall(r"<script(?![^>]*\bsrc=)|\bon\w+=\"", text) == [], name
        for named in re.findall(r"/page/([\w.]+)", text):
            assert (serving.PAGE / named).is_file(), named
        if (static := serving.assets()) is not None:
            assert [one for one in re.findall(r"\"/static/([^\"]+)\"", text) if not (static / one).is_file()] == []


async def test_files_of_the_page_are_asked_about_again(serves: Serves) -> None:
    """A browser keeps them, and takes others at once where the installation changed."""
    async with serves() as at:
        for path in ("/page/page.js", "/static/terminal.js"):
            answer = await at.client.get(path)
            assert answer.headers["Cache-Control"] == "no-cache"
            again = await at.client.get(path, headers={"If-None-Match": answer.headers["ETag"]})
            assert again.status == 304
        assert (await at.client.get("/static/")).status == 403
        assert (await at.client.get("/static/..%2f..%2fhome", params={"key": "secret-key"})).status in (403, 404)


async def test_what_is_typed_reaches_the_console_and_what_is_no_sentence_does_not(serves: Serves) -> None:
    """Keys, sizes and focus go in; anything else that a socket may bring is passed over."""
    async with serves(WAITS) as at, at.tab() as tab:
        await pid_of(tab)
        for nonsense in ("", "[]", "{}", "7", '["stdin"]', '["stdin", 7]', '["quit"]', '["resize", {"width": 1}]'):
            await tab.socket.send_str(nonsense)
        await tab.socket.send_bytes(b"stdin")
        await tab.type("p\u20ac")
        await tab.socket.send_str(json.dumps(["resize", {"width": 1e9, "height": "x"}]))
        await tab.socket.send_str(json.dumps(["resize", {"width": 90, "height": 25}]))
        await tab.socket.send_str(json.dumps(["blur"]))
        await tab.until(lambda tab: len(tab.told) == 5)
        heard = [said["heard"] for said in tab.told[1:]]
        assert heard[0] == "p\u20ac"
        assert json.loads(str(heard[2])) == {"type": "resize", "width": 90, "height": 25}
        assert json.loads(str(heard[3])) == {"type": "blur"}


async def test_a_closed_tab_ends_its_console_alone(serves: Serves) -> None:
    """Each tab has a process of its own."""
    async with serves(WAITS) as at, at.tab() as other:
        async with at.tab() as tab:
            pid = await pid_of(tab)
            assert pid != await pid_of(other)
        await until(lambda: gone(pid))
        assert not gone(await pid_of(other))


async def test_a_console_that_does_not_leave_is_made_to(serves: Serves, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to leave, then terminated, then killed."""
    monkeypatch.setattr("tui.web.session.END_TIMEOUT_S", 0.05)
    stubborn = "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\npage(pid=os.getpid())\n"
    async with serves(stubborn + "while True: time.sleep(60)\n") as at:
        async with at.tab() as tab:
            pid = await pid_of(tab)
        await until(lambda: gone(pid))


async def test_the_end_of_a_console_is_reported_as_what_it_was(serves: Serves) -> None:
    """Left, or broken with what it said; the latter is printed in the server's terminal as well."""
    async with serves("page(left='one works on')\n") as at, at.tab() as tab:
        assert await tab.ended() == LEFT
        assert tab.told == [{"left": "one works on"}]
        assert at.complaints == []
    async with serves("sys.exit('labeltui: no such\\x1b[31m run')\n") as at, at.tab() as tab:
        assert await tab.ended() == BROKEN
        assert len(at.complaints) == 1
        assert at.complaints[0].startswith("no such")
        assert "\x1b" not in at.complaints[0]
        assert tab.told == [{"left": at.complaints[0]}]
    async with serves(words=["/nonexistent/python"]) as at, at.tab() as tab:
        assert await tab.ended() == BROKEN
        assert "could not be started" in str(tab.told)


async def test_consoles_are_counted(serves: Serves, monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the most, a tab gets a sentence and costs no process."""
    monkeypatch.setattr(serving, "MOST_CONSOLES", 1)
    async with serves(WAITS) as at, at.tab() as tab:
        await pid_of(tab)
        async with at.tab() as another:
            assert await another.ended() == TOO_MANY


async def test_a_saved_file_is_fetched_once_by_the_browser(serves: Serves, tmp_path: Path) -> None:
    """Under a name that nobody guesses, with the key only; the folder goes away with the console."""
    folder = tmp_path / "labeltui-x"
    folder.mkdir()
    (folder / "größe.csv").write_text("a,b\n")
    offer = f"page(download='größe.csv', folder={str(folder)!r})\nhear()\n"
    async with serves(offer) as at:
        async with at.tab() as tab:
            await tab.until(lambda tab: bool(tab.told))
            said = tab.told[0]
            assert said["download"] == "größe.csv"
            assert "folder" not in said
            path = str(said["at"])
            assert (await at.client.get(path)).status == 403
            first = await at.client.get(path, params={"key": "secret-key"})
            assert (await first.text()) == "a,b\n"
            assert first.headers["Content-Disposition"] == "attachment"
            assert (await at.client.get(path, params={"key": "secret-key"})).status == 404
        await until(lambda: not folder.exists())


async def test_the_real_console_is_shown_and_left(serves: Serves) -> None:
    """The list of runs is drawn, a key that changes something says why not, and q ends it with its last words."""
    async with serves(words=words_for(None, writable=False)) as at, at.tab(size=(110, 32)) as tab:
        await tab.until(lambda tab: "READ-ONLY" in tab.drawn)
        assert {"background": "#12161c"} in tab.told
        await tab.type("D")
        await tab.until(lambda tab: "This console is read-only" in tab.drawn)
        await tab.type("q")
        assert await tab.ended() == LEFT
        assert at.complaints == []


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [("90", "25", Size(90, 25)), (None, None, Size(80, 24)), ("x", "5", Size(80, 24)), ("0", "99999", Size(1, 500))],
)
async def test_a_size_is_taken_within_reason(width: object, height: object, size: Size) -> None:
    """It comes from whoever opens a socket."""
    assert Size.of(width, height) == size


async def test_a_console_for_a_browser_ignores_the_servers_terminal() -> None:
    """Or it would speak to a browser as to that terminal."""
    given = {"TMUX": "x", "KITTY_WINDOW_ID": "1", "VTE_VERSION": "7", "NO_COLOR": "1", "TERM": "linux", "HOME": "/h"}
    made = environment(given, Size(90, 25))
    assert made["HOME"] == "/h"
    assert made["TERM"] == "xterm-256color"
    assert made.keys().isdisjoint({"TMUX", "KITTY_WINDOW_ID", "VTE_VERSION", "NO_COLOR"})


async def test_what_is_run_looks_on_unless_asked_otherwise() -> None:
    """What is run for a browser is read-only; --writable alone lifts it."""
    assert words_for(None, writable=False)[-1] == "--read-only"
    assert words_for(Path("/a/b c.db"), writable=True)[-2:] == ["open", "/a/b c.db"]


async def test_a_console_is_ended_also_where_its_connection_is_lost() -> None:
    """Which cancels whoever is ending it: what was begun is done first."""
    told, done = asyncio.Event(), []

    async def ends() -> None:
        await told.wait()
        done.append(True)

    closing = asyncio.create_task(_to_its_end(ends()))
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.sleep(0)
    assert not closing.done()
    told.set()
    with pytest.raises(asyncio.CancelledError):
        await closing
    assert done == [True]
