"""What the server of consoles does with messages, files and ends, and how a console is configured, without any process."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from textual.geometry import Offset
from textual.screen import ModalScreen
from textual.widgets import Static

from core.text import inert
from tests.tui.bare import Noted, bare
from tests.tui.fakes import settings_in
from tui.actions import active
from tui.actions.clicks import clicked_key, key_at, place_of
from tui.terminal import configured_app
from tui.terminal.configured_app import ConfiguredApp
from tui.terminal.terminal import CAPABLE
from tui.terminal.textual_fixes import Palette
from tui.text.parts import line
from tui.web import server
from tui.web.server import BROKEN, LEFT, TOO_MANY, ConsoleServer
from tui.web.session import Ended, Size

# -- the server -----------------------------------------------------------------------------------------------------------------


class Console:
    """A console that notes what it is told."""

    def __init__(self, ended: Ended | None = None, trouble: OSError | None = None) -> None:
        self.told: list[Any] = []
        self.folders: set[Path] = set()
        self.ended, self.trouble = ended or Ended(0, ""), trouble

    async def begin(self, size: Size) -> None:
        self.told.append(f"begins {size.width}x{size.height}")
        if self.trouble:
            raise self.trouble

    async def run(self) -> Ended:
        return self.ended

    async def end(self) -> None:
        self.told.append("ends")

    async def type(self, text: str) -> None:
        self.told.append(f"types {text}")

    async def resize(self, size: Size) -> None:
        self.told.append(f"is {size.width}x{size.height}")

    async def focus(self, *, there: bool) -> None:
        self.told.append(f"focus {there}")


class Socket:
    """A socket that notes what is sent, and brings messages."""

    def __init__(self, *messages: Any, lost: bool = False) -> None:
        self.messages, self.sent, self.closed, self.lost = list(messages), list[Any](), False, lost

    async def send_str(self, text: str) -> None:
        if self.lost:
            raise ConnectionResetError
        self.sent.append(json.loads(text))

    async def send_bytes(self, packet: bytes) -> None:
        if self.lost:
            raise ConnectionResetError
        self.sent.append(packet)

    async def close(self, code: int) -> None:
        self.sent.append(code)
        self.closed = True

    def __aiter__(self) -> Socket:
        return self

    async def __anext__(self) -> Any:
        if not self.messages:
            raise StopAsyncIteration
        return self.messages.pop(0)


def serving(session: Console, monkeypatch: pytest.MonkeyPatch) -> tuple[ConsoleServer, list[str], list[Any]]:
    """A server whose consoles are that one, its complaints, and what the console was given to draw and tell with."""
    complaints: list[str] = []
    ways: list[Any] = []
    monkeypatch.setattr(server, "Session", lambda words, draw, tell: ways.extend((draw, tell)) or session)
    return ConsoleServer(SimpleNamespace(), ["console"], Path(), complaints.append), complaints, ways  # type: ignore[arg-type]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("message", "told"),
    [
        ('["stdin", "p"]', ["types p"]), ('["resize", {"width": 90, "height": "25"}]', ["is 90x25"]), ('["focus"]', ["focus True"]), ('["blur"]', ["focus False"]),
        ('["stdin"]', []), ('["stdin", 7]', []), ('["quit"]', []), ("[]", []), ("7", []), ("{", []), ('["resize", {"width": 1}]', []), ('["focus", 1]', []),
    ],
)  # fmt: skip
async def test_messages_of_a_browser_are_handled_or_passed_over(message: str, told: list[str]) -> None:
    """They may come from anybody."""
    session = Console()
    await server._handle_message(session, message)  # type: ignore[arg-type]
    assert session.told == told


@pytest.mark.asyncio
async def test_a_tab_is_served_until_its_console_or_its_socket_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only texts are messages; the console is ended in any case."""
    session = Console()
    found, complaints, ways = serving(session, monkeypatch)
    text, other = (
        SimpleNamespace(type=server.WSMsgType.TEXT, data='["stdin", "p"]'),
        SimpleNamespace(type=server.WSMsgType.BINARY, data=b"p"),
    )
    socket = Socket(text, other)
    await found._serve(socket, Size(90, 25))  # type: ignore[arg-type]
    await ways[0](b"picture")
    await ways[1]({"title": "x"})
    assert (session.told, socket.sent, complaints) == (
        ["begins 90x25", "types p", "ends"],
        [LEFT, b"picture", ["page", {"title": "x"}]],
        [],
    )
    socket.lost = True
    await ways[0](b"picture")
    await ways[1]({"title": "x"})
    assert len(socket.sent) == 3


@pytest.mark.asyncio
async def test_a_console_that_cannot_be_started_is_told_on_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the terminal of the server and on the page."""
    session = Console(trouble=OSError(2, "no such file"))
    found, complaints, _ = serving(session, monkeypatch)
    socket = Socket()
    await found._serve(socket, Size(90, 25))  # type: ignore[arg-type]
    assert (socket.sent, complaints) == (
        [["page", {"left": "The console could not be started: no such file."}], BROKEN],
        ["a console could not be started: no such file"],
    )
    assert session.told[-1] == "ends"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("ended", "closed", "sent", "complaints"),
    [
        (Ended(0, "warning"), False, [LEFT], []), (Ended(2, "no run"), False, [{"left": "no run"}, BROKEN], ["no run"]),
        (Ended(-9, ""), False, [{"left": ""}, BROKEN], ["a console ended with code -9"]), (Ended(2, "no run"), True, [], []),
    ],
    ids=count(),
)  # fmt: skip
async def test_how_a_console_ended_closes_its_socket(
    ended: Ended, closed: bool, sent: Any, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Unless the tab was closed before."""
    found, said, _ = serving(Console(), monkeypatch)
    socket = Socket()
    socket.closed = closed

    async def tell(what: dict[str, object]) -> None:
        socket.sent.append(what)

    await found._until_it_ends(Console(ended), socket, tell)  # type: ignore[arg-type]
    assert (socket.sent, said) == (sent, complaints)


@pytest.mark.asyncio
async def test_a_file_is_offered_once_and_gone_with_its_console(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a name that nobody can guess."""
    session = Console()
    found, _, ways = serving(session, monkeypatch)
    (tmp_path / "rows.csv").touch()
    socket = Socket()
    await found._serve(socket, Size(1, 1))  # type: ignore[arg-type]
    await ways[1]({"download": "rows.csv", "folder": str(tmp_path)})
    offered = socket.sent[-1][1]
    token = offered["at"].removeprefix("/download/")
    assert (offered["download"], len(token), session.folders, found._files) == (
        "rows.csv",
        16,
        {tmp_path},
        {token: tmp_path / "rows.csv"},
    )
    request: Any = SimpleNamespace(match_info={"token": token})
    first, second = await found._download(request), await found._download(request)
    assert (first.status, first.headers["Content-Disposition"], second.status, found._files) == (
        200,
        "attachment",
        404,
        {},
    )
    await ways[1]({"download": "gone.csv", "folder": str(tmp_path)})
    request.match_info["token"] = next(iter(found._files))
    assert (await found._download(request)).status == 404
    found._files = {"a": tmp_path / "x", "b": Path("/else/y")}
    await found._end(session, None)  # type: ignore[arg-type]
    assert found._files == {"b": Path("/else/y")}


@pytest.mark.asyncio
@pytest.mark.parametrize(("open_", "served"), [(15, True), (16, False)])
async def test_so_many_consoles_are_served_at_a_time(open_: int, served: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another one is closed at once; a place is free again when one ends."""
    found, _, _ = serving(Console(), monkeypatch)
    socket = Socket()

    async def prepare(_: Any) -> None:
        socket.sent.append("prepared")

    async def serve(given: Any, size: Size) -> None:
        socket.sent.append((given is socket, size.width, len(found._open)))

    socket.prepare = prepare  # type: ignore[attr-defined]
    asked: list[Any] = []
    monkeypatch.setattr(server.web, "WebSocketResponse", lambda **given: asked.append(given) or socket)
    monkeypatch.setattr(found, "_serve", serve)
    found._open = {Socket() for _ in range(open_)}  # type: ignore[misc]
    assert await found._socket(SimpleNamespace(query={"width": "90", "height": "25"})) is socket  # type: ignore[arg-type, comparison-overlap]
    assert (socket.sent, len(found._open), asked) == (
        ["prepared", (True, 90, 16)] if served else ["prepared", TOO_MANY],
        open_,
        [{"heartbeat": 15.0, "max_msg_size": 1_048_576}],
    )


@pytest.mark.asyncio
async def test_open_sockets_are_closed_with_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """As going away."""
    found, _, _ = serving(Console(), monkeypatch)
    socket = Socket()
    found._open = {socket}  # type: ignore[arg-type]
    await found._close_all(None)  # type: ignore[arg-type]
    assert socket.sent == [1001]


@pytest.mark.asyncio
async def test_a_refusal_is_a_page_with_its_reason() -> None:
    """Never as markup; files of the page are asked about again."""
    page = server.refusal("no <key>", status=404)
    assert (page.status, page.content_type, "no &lt;key&gt;" in str(page.text), "WHY" in str(page.text)) == (
        404,
        "text/html",
        True,
        False,
    )
    headers: dict[str, dict[str, str]] = {path: {} for path in ("/page/page.js", "/static/x", "/ws")}
    for path, given in headers.items():
        await server._fresh(SimpleNamespace(path=path), SimpleNamespace(headers=given))  # type: ignore[arg-type]
    assert headers == {
        "/page/page.js": {"Cache-Control": "no-cache"},
        "/static/x": {"Cache-Control": "no-cache"},
        "/ws": {},
    }


@pytest.mark.asyncio
async def test_work_goes_to_its_end_also_where_its_task_is_cancelled() -> None:
    """Then the cancelling goes on."""
    told: list[str] = []

    async def work() -> None:
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        told.append("done")

    waiting = asyncio.create_task(server._to_its_end(work()))
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert told == ["done"]


# -- clicks on keys ---------------------------------------------------------------------------------------------------------------

KEYS = line(
    "  ",
    ("enter", "bold $accent"),
    " save  ",
    ("esc", "bold $accent"),
    " cancel ",
    ("bold", "bold $bright"),
    ("x", "$accent"),
)


@pytest.mark.parametrize(
    ("place", "key"),
    [(0, None), (2, "enter"), (8, "enter"), (13, "enter"), (14, "escape"), (30, "escape")],
    ids=count(),
)
def test_a_click_is_the_press_of_the_key_before_it(place: int, key: Any) -> None:
    """Of those that are bold and in the accent."""
    assert key_at(KEYS, place) == key


@pytest.mark.parametrize(
    ("at", "place"), [(Offset(3, 0), 3), (Offset(0, 1), 4), (Offset(2, 2), 9), (Offset(1, 5), 12)], ids=count()
)
def test_a_place_in_a_text_is_counted_over_its_lines(at: Offset, place: int) -> None:
    """Each with its end."""
    assert place_of("abc\nde\nxyz", at) == place


@pytest.mark.parametrize(
    ("widget", "screen", "at", "key"),
    [(Static, ModalScreen, Offset(3, 0), "enter"), (Static, object, Offset(3, 0), None), (object, ModalScreen, Offset(3, 0), None), (Static, ModalScreen, None, None)],
    ids=count(),
)  # fmt: skip
def test_only_texts_of_small_windows_have_keys_to_click(widget: Any, screen: Any, at: Any, key: Any) -> None:
    """At a place that is a text's."""
    window = screen.__new__(type("W", (screen,), {"get_widget_and_offset_at": lambda *_: (None, at)}))
    of = widget.__new__(type("S", (widget,), {"screen": window, "content": KEYS, "styles": None}))
    assert clicked_key(SimpleNamespace(widget=of, screen_x=1, screen_y=1)) == key  # type: ignore[arg-type]
    plain = widget.__new__(type("S", (widget,), {"screen": window, "content": "enter", "styles": None}))
    assert clicked_key(SimpleNamespace(widget=plain, screen_x=1, screen_y=1)) is None  # type: ignore[arg-type]


# -- a console by its settings -----------------------------------------------------------------------------------------------------


def configured(folder: Path, text: str = "", terminal: Any = CAPABLE) -> ConfiguredApp:
    """An application with these settings."""
    path = settings_in(folder).config_path
    path.parent.mkdir(parents=True, exist_ok=True)
    if text:
        path.write_text(text, "utf-8")
    return ConfiguredApp(path, terminal)


@pytest.mark.parametrize(
    ("text", "changes", "wanted"),
    [
        ("", {}, ("labeltui-dark", "", ())),
        ('theme = "light"\n', {}, ("labeltui-light", "", ())),
        ('theme = "none"\n', {}, ("labeltui-dark", "", ("console.toml, line 1 (theme): there is no theme none. There are labeltui-dark, labeltui-light, labeltui-contrast, labeltui-dusk, labeltui-paper, labeltui-ansi.",))),
        ('theme = "light"\n', {"no_color": True}, ("labeltui-ansi", "", ())),
        ("", {"colors": "16", "ascii_because": "TERM=linux"}, ("labeltui-ansi", "TERM=linux", ())),
        ("ascii = true\n", {}, ("labeltui-dark", "console.toml, line 1 (ascii)", ())),
    ],
    ids=count(),
)  # fmt: skip
def test_a_console_is_configured_by_its_settings(
    text: str, changes: Any, wanted: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Theme, characters, and what is wrong with them."""
    if changes.get("no_color"):
        monkeypatch.setenv("NO_COLOR", "1")
    else:
        monkeypatch.delenv("NO_COLOR", raising=False)
    app = configured(tmp_path, text, replace(CAPABLE, **changes))
    troubles = tuple(each.rpartition("/")[2] for each in app.troubles)
    assert (app.theme, app.only_ascii, troubles) == wanted
    assert (len(app._ascii), app.crash_path.name) == (1 if wanted[1] else 0, "console-crash.txt")
    assert [type(each).__name__ for each in app.get_line_filters()][-1 - len(app._ascii) :] == (
        ["InertLines", "AsciiOnly"] if wanted[1] else ["InertLines"]
    )


def test_keys_of_the_settings_are_bound(tmp_path: Path) -> None:
    """What cannot be taken is reported."""
    app = configured(tmp_path, '[keys]\npause = "f9"\nstop = "tab"\n')
    try:
        assert (active.by_id("pause").key, "f9" in app._bindings.key_to_bindings) == ("f9", True)
        assert [inert(each).rpartition(": ")[2] for each in app.troubles] == ["it moves the focus. x stays its key."]
        assert "p" not in active.all_keys()
    finally:
        active.use(active.ACTIONS)


@pytest.mark.parametrize(("kind", "resumes"), [("LinuxDriver", True), ("WebDriver", False)])
def test_a_linux_terminal_gets_a_driver_that_resumes(
    kind: str, resumes: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Any other keeps its own."""
    given = type(kind, (), {})
    monkeypatch.setattr("textual.app.App.get_driver_class", lambda _: given)
    monkeypatch.setattr(configured_app, "resuming_driver", lambda: "resuming")
    assert configured(tmp_path).get_driver_class() == ("resuming" if resumes else given)


def test_the_palette_is_opened_once() -> None:
    """Not over itself."""
    told: list[str] = []
    app = bare(ConfiguredApp, Noted(), push_screen=lambda screen: told.append(type(screen).__name__), screen="a screen")
    app.action_command_palette()
    app.screen = Palette.__new__(Palette)
    app.action_command_palette()
    assert told == ["Palette"]


@pytest.mark.parametrize(("height", "told"), [(0, []), (3, ["moves down"])])
def test_page_keys_of_the_palette_wait_for_its_lines(
    height: int, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before there are any they do nothing."""
    seen: list[str] = []
    monkeypatch.setattr(
        "textual.command.CommandPalette._action_command_list", lambda _, action: seen.append(f"moves {action}")
    )
    commands = SimpleNamespace(virtual_size=SimpleNamespace(height=height))
    of = type("Palette", (Palette,), {"query_one": lambda *_: commands})
    of._action_command_list(of.__new__(of), "down")  # type: ignore[attr-defined]
    assert seen == told
