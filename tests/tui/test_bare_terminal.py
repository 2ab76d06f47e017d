"""What the console does with its terminal, its streams and its page in a browser, without either."""

from __future__ import annotations

import asyncio
import errno
import gc
import json
import os
import sys
from collections import deque
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.segment import Segment
from textual import events, messages
from textual._styles_cache import StylesCache

from core.model import EmailRecord, Outcome
from tests.tui.bare import ATTACHED, Noted, bare
from tests.tui.fakes import NOW, email, running, settings_in
from tests.tui.test_lines import attempt
from tui.actions.active import ACTIONS
from tui.terminal import desktop, streams, terminal, textual_fixes
from tui.terminal.clipboard import MOST_COPIED, beside, record_as_text, rows_as_text, write_beside
from tui.terminal.crash import keep, quoted, sentence, without
from tui.terminal.crash_safe_app import InertLines
from tui.terminal.glyphs import AsciiOnly, plain
from tui.terminal.preferences import Preferences
from tui.terminal.terminal import CAPABLE, Terminal
from tui.terminal.textual_fixes import OrderedKeysApp, alive
from tui.terminal.theme import ANSI, DARK, LIGHT, PALETTES, THEMES, following, meanings_for, named
from tui.text import installation
from tui.view_state import ViewState
from tui.web import session
from tui.web.browser_messages import Page
from tui.web.driver import BrowserDriver
from tui.web.session import Ended, Session, Size, environment, words_for

# -- one console for one tab ------------------------------------------------------------------------------------------------


class Pipe:
    """The input of a process, which keeps what is written."""

    def __init__(self, trouble: Exception | None = None) -> None:
        self.written, self.trouble, self.closed = b"", trouble, False

    def write(self, packet: bytes) -> None:
        if self.trouble:
            raise self.trouble
        self.written += packet

    async def drain(self) -> None:
        """It is always ready."""

    def close(self) -> None:
        self.closed = True


def stream(said: bytes) -> asyncio.StreamReader:
    """What a process says until its end."""
    found = asyncio.StreamReader()
    found.feed_data(said)
    found.feed_eof()
    return found


def packet(kind: bytes, content: bytes) -> bytes:
    """One packet of a console."""
    return kind + len(content).to_bytes(4, "big") + content


def sessions(out: bytes = b"", err: bytes = b"", code: int = 0, **state: Any) -> tuple[Session, list[Any], Any]:
    """A session on a process that is over, and what the page got."""
    told: list[Any] = []

    async def draw(picture: bytes) -> None:
        told.append(picture)

    async def tell(said: dict[str, object]) -> None:
        told.append(said)

    async def wait() -> int:
        return code

    found = Session([], draw, tell)
    process = SimpleNamespace(
        **{
            "stdin": Pipe(),
            "stdout": stream(out),
            "stderr": stream(err),
            "wait": wait,
            "returncode": None,
            "terminate": lambda: told.append("terminates"),
            "kill": lambda: told.append("kills"),
            **state,
        }
    )
    found._process = process  # type: ignore[assignment]
    return found, told, process


@pytest.mark.asyncio
async def test_packets_of_a_console_are_drawn_or_told() -> None:
    """What comes before its beginning, and what is not for the page, is passed over."""
    out = (
        b"noise\n__GANGLION__\n"
        + packet(b"D", b"picture")
        + packet(b"M", b'{"type": "page", "title": "x"}')
        + packet(b"M", b'{"type": "else"}')
        + packet(b"X", b"?")
        + packet(b"D", b"")
        + b"D\x00\x00"
    )
    found, told, _ = sessions(out, b"labeltui: no such\x1b run\n", 2)
    assert await found.run() == Ended(2, "no such␛ run")
    assert told == [b"picture", {"title": "x"}, b""]


@pytest.mark.asyncio
async def test_the_end_of_long_complaints_is_kept() -> None:
    """And a packet that is too large ends the reading."""
    out = b"__GANGLION__\nD" + (session.LARGEST_PACKET + 1).to_bytes(4, "big") + b"x" * 10
    found, told, _ = sessions(out, b"a" * 9_000 + b"b" * 4_000)
    ended = await found.run()
    assert (len(ended.trouble), told, (await session._tail(stream(b"a" * 9_000 + b"b" * 4_000))).count("a")) == (
        2_000,
        [],
        4_000,
    )


@pytest.mark.asyncio
async def test_what_a_browser_sends_becomes_packets() -> None:
    """Keys as text, size and focus as messages; a console that ended takes none."""
    found, _, process = sessions()
    await found.type("p€")
    await found.resize(Size(90, 25))
    await found.focus(there=True)
    await found.focus(there=False)
    assert process.stdin.written == packet(b"D", "p€".encode()) + b"".join(
        packet(b"M", json.dumps(each).encode())
        for each in ({"type": "resize", "width": 90, "height": 25}, {"type": "focus"}, {"type": "blur"})
    )
    for trouble in (BrokenPipeError(), RuntimeError()):
        broken, _, _ = sessions(stdin=Pipe(trouble))
        await broken.type("p")


@pytest.mark.asyncio
async def test_a_console_is_told_to_end_then_made_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One that ended already is left; its files for download are deleted in any case."""
    found, told, process = sessions()
    (tmp_path / "files").mkdir()
    found.folders.add(tmp_path / "files")
    await found.end()
    assert (process.stdin.written, process.stdin.closed, told, (tmp_path / "files").exists()) == (
        packet(b"M", b'{"type": "quit"}'),
        True,
        [],
        False,
    )
    ended, told, process = sessions(returncode=0)
    await ended.end()
    assert (process.stdin.written, process.stdin.closed) == (b"", False)
    await Session([], None, None).end()  # type: ignore[arg-type]
    monkeypatch.setattr(session, "END_TIMEOUT_S", 0.01)
    tries: list[int] = []

    async def stubborn() -> int:
        tries.append(1)
        if len(tries) < 3:
            await asyncio.sleep(60)
        return -9

    slow, told, _ = sessions(wait=stubborn)
    await slow.end()
    assert told == ["terminates", "kills"]


@pytest.mark.parametrize(
    ("width", "height", "size"),
    [(90, "25", (90, 25)), (0, 0, (1, 1)), (1, 1, (1, 1)), (1_000, 500, (1_000, 500)), (1_001, 501, (1_000, 500)), (None, 25, (80, 24)), (90, "x", (80, 24))],
)  # fmt: skip
def test_the_size_of_a_browser_is_clamped(width: Any, height: Any, size: Any) -> None:
    """What is none is that of a usual terminal."""
    assert Size.of(width, height) == Size(*size)


def test_a_console_for_a_browser_has_an_environment_of_its_own() -> None:
    """Without what describes the server's terminal."""
    given = environment(
        {"TMUX": "x", "COLORTERM": "x", "HOME": "/h", "PYTHONPATH": "/p", "TERM": "xterm"}, Size(90, 25)
    )
    root = str(Path(session.__file__).resolve().parents[2])
    assert given == {"HOME": "/h", "PYTHONPATH": f"{root}{os.pathsep}/p", "TERM": "xterm-256color", "TEXTUAL_DRIVER": "tui.web.driver:BrowserDriver",
                     "TEXTUAL_COLOR_SYSTEM": "truecolor", "COLUMNS": "90", "ROWS": "25"}  # fmt: skip
    assert environment({}, Size(1, 1))["PYTHONPATH"] == root
    assert words_for(None, writable=True) == [sys.executable, "-P", "-m", "tui"]
    assert words_for(Path("a.db"), writable=False)[4:] == ["open", "a.db", "--read-only"]


# -- the page and its driver --------------------------------------------------------------------------------------------------


def test_the_page_is_told_what_changed() -> None:
    """Its title once; nothing in a terminal but what is asked for."""
    said: list[Any] = []
    for there in (True, False):
        page = Page(lambda: None, browser=there)
        page._tell = lambda said=said, **more: said.append(more)  # type: ignore[method-assign, misc]
        shown = ViewState(now=NOW, path=Path("enron.db"), snapshot=running(40, 20).snapshot(NOW), read_at=NOW)
        page.show_title(shown, (), NOW)
        page.show_title(shown, (), NOW)
        page.notify("done")
        page.show_leave_message("bye")
        page.copy("text")
        page.download(Path("/private/rows.csv"))
    assert said == [
        {"title": "▶ 50 % enron · running · labeltui"},
        {"told": "done"},
        {"left": "bye"},
        {"copy": "text"},
        {"download": "rows.csv", "folder": "/private"},
        {"copy": "text"},
        {"download": "rows.csv", "folder": "/private"},
    ]


def test_files_for_download_are_deleted_with_the_console() -> None:
    """Their folder is made once, when one is needed."""
    page = Page(lambda: None, browser=True)
    page.close()
    folder = page.folder()
    (folder / "rows.csv").touch()
    assert (page.folder() == folder, folder.name.startswith("labeltui-")) == (True, True)
    page.close()
    assert not folder.exists()


def test_only_a_driver_of_a_browser_tells_the_page() -> None:
    """As a message beside what is drawn."""
    said: list[Any] = []
    driver = BrowserDriver.__new__(BrowserDriver)
    driver.write_meta = said.append  # type: ignore[method-assign, assignment]
    Page(lambda: driver, browser=True).copy("text")
    Page(lambda: None, browser=True).copy("text")
    assert said == [{"type": "page", "copy": "text"}]


def driven(**state: Any) -> tuple[Any, list[Any]]:
    """A driver of a browser that notes what it posts."""
    posted: list[Any] = []
    driver = BrowserDriver.__new__(BrowserDriver)
    vars(driver).update(
        {
            "_unread": False,
            "fileno": 7,
            "_app": SimpleNamespace(post_message=lambda message: posted.append(type(message))),
            **state,
        }
    )
    return driver, posted


def test_a_packet_is_written_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Part by part; without a reader the console leaves, and writes no more."""
    written: list[bytes] = []
    monkeypatch.setattr(os, "write", lambda fileno, rest: written.append(bytes(rest[:3])) or min(3, len(rest)))
    driver, posted = driven()
    assert (driver._write_whole(b"abcdefgh"), written, posted) == (8, [b"abc", b"def", b"gh"], [])

    def broken(fileno: int, rest: Any) -> int:
        raise BrokenPipeError

    monkeypatch.setattr(os, "write", broken)
    assert (driver._write_whole(b"abc"), driver._unread, posted) == (3, True, [messages.ExitApp])
    assert (driver._write_whole(b"abc"), posted) == (3, [messages.ExitApp])


@pytest.mark.parametrize(("ended", "posted"), [(False, [messages.ExitApp]), (True, [])])
def test_the_end_of_its_input_ends_the_console(ended: bool, posted: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless it is leaving already."""
    monkeypatch.setattr("textual.drivers.web_driver.WebDriver.run_input_thread", lambda _: None)
    driver, told = driven(exit_event=SimpleNamespace(is_set=lambda: ended))
    driver.run_input_thread()
    assert told == posted


# -- Textual's ways -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "wanted"),
    [
        ({}, True), ({"is_mounted": False}, False), ({"is_attached": False}, False), ({"display": False}, False),
        ({"display": False, "styles": SimpleNamespace(display="none")}, True),
    ],
    ids=count(),
)  # fmt: skip
def test_a_widget_that_is_being_removed_is_not_drawn_on(state: Any, wanted: bool) -> None:
    """One that is only hidden is."""
    assert alive(SimpleNamespace(**{**ATTACHED, **state})) is wanted  # type: ignore[arg-type]


def test_objects_of_the_start_are_frozen_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Full collections are rare then."""
    told: list[Any] = []
    frozen = [0]
    monkeypatch.setattr(gc, "get_freeze_count", lambda: frozen[0])
    monkeypatch.setattr(gc, "freeze", lambda: told.append("freezes"))
    monkeypatch.setattr(gc, "set_threshold", lambda *given: told.append(given))
    textual_fixes.tune_garbage_collection()
    frozen[0] = 9
    textual_fixes.tune_garbage_collection()
    assert told == ["freezes", (5_000, 20, 20)]


def test_colors_are_cached_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where Textual caches them by who asks."""
    asked: list[Any] = []

    def original(_: Any, base: Any, background: Any) -> Any:
        asked.append((base, background))
        return "inner", "outer"

    cached = SimpleNamespace(__wrapped__=original)
    monkeypatch.setattr(StylesCache, "get_inner_outer", cached)
    textual_fixes.share_color_cache()
    assert [StylesCache.get_inner_outer(who, "a", "b") for who in ("one", "other")] == [("inner", "outer")] * 2  # type: ignore[arg-type]
    assert asked == [("a", "b")]
    monkeypatch.setattr(StylesCache, "get_inner_outer", "uncached")
    textual_fixes.share_color_cache()
    assert StylesCache.get_inner_outer == "uncached"


@pytest.mark.parametrize(
    ("auto", "must", "thread", "told"),
    [(True, False, "keys", ["suspends", "continues"]), (False, False, "keys", ["continues"]), (True, True, "keys", ["continues"]), (True, False, None, ["continues"])],
)  # fmt: skip
def test_a_console_that_was_stopped_by_force_restores_its_screen(
    auto: bool, must: bool, thread: Any, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After any other stop the terminal was given back before."""
    seen: list[str] = []
    monkeypatch.setattr(
        "textual.drivers.linux_driver.LinuxDriver._sigcont_application", lambda *_: seen.append("continues")
    )
    kind = textual_fixes.resuming_driver()
    driver = kind.__new__(kind)
    vars(driver).update(
        _auto_restart=auto,
        _must_signal_resume=must,
        _key_thread=thread,
        suspend_application_mode=lambda: seen.append("suspends"),
        fileno=7,
    )
    driver._sigcont_application(18, None)  # type: ignore[attr-defined]
    assert seen == told
    monkeypatch.setattr(textual_fixes, "size_of", lambda fileno: (fileno, 25))
    assert driver._get_terminal_size() == (7, 25)  # type: ignore[attr-defined]


@pytest.mark.asyncio
async def test_a_key_waits_for_the_one_before() -> None:
    """It is delivered when that one was processed everywhere; a toast disappears with it."""
    told: list[Any] = []
    timer = SimpleNamespace(stop=lambda: told.append("stops"))

    async def deliver(event: Any) -> None:
        told.append(f"delivers {event.key}")

    app = bare(OrderedKeysApp, Noted(), _waiting_keys=deque(), _processing=0, _key_timer=timer, _deliver=deliver)
    first, second = events.Key("a", "a"), events.Key("b", "b")
    await OrderedKeysApp.on_event(app, first)
    await OrderedKeysApp.on_event(app, second)
    assert (told, list(app._waiting_keys)) == ([], [first, second])
    await app._processed(5)
    assert told == []
    app._processing = 5
    await app._processed(4)
    assert told == []
    await app._processed(5)
    assert (told, app._key_timer, list(app._waiting_keys)) == (["stops", "delivers a"], None, [second])
    await app._processed(5)
    assert len(told) == 2
    app._key_timer, app._waiting_keys = None, []
    await OrderedKeysApp.on_event(app, second)
    assert told[2:] == ["delivers b"]


# -- the terminal -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "way"),
    [
        (CAPABLE, "by OSC 52, which terminals do not confirm"),
        (Terminal("linux", "16", no_color=False, encoding="utf-8", ascii_because="", multiplexer="tmux"), "none: this terminal has no clipboard; the text is in the file beside the run"),
        (Terminal("xterm", "16", no_color=False, encoding="utf-8", ascii_because="", multiplexer="tmux"), "by OSC 52; tmux forwards it only with set-clipboard on"),
        (Terminal("dumb", "16", no_color=False, encoding="utf-8", ascii_because="", multiplexer="", browser=True), "by the browser, which reports failure"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_terminal_says_how_it_copies(given: Terminal, way: str) -> None:
    """Whether the text can arrive."""
    assert given.clipboard == way


@pytest.mark.parametrize(
    ("environment_", "wanted"),
    [
        ({"TERM": "xterm", "TMUX": "x", "STY": "y"}, ("xterm", "16", False, "tmux", False, False)),
        ({"TERM": "xterm-256color", "STY": "y"}, ("xterm-256color", "256", False, "screen", False, False)),
        ({"TERM": "xterm", "COLORTERM": " TrueColor ", "NO_COLOR": ""}, ("xterm", "none", True, "", False, False)),
        ({"COLORTERM": "24bit", "LABELTUI_ASCII": " 0 "}, ("", "16 million", False, "", True, False)),
        ({"TERM": "dumb", "LABELTUI_ASCII": " "}, ("dumb", "none", False, "", False, False)),
        ({"TEXTUAL_DRIVER": "tui.web.driver:BrowserDriver", "NO_COLOR": "1"}, ("a browser", "16 million", False, "", False, True)),
    ],
    ids=count(),
)  # fmt: skip
def test_the_environment_describes_the_terminal(environment_: dict[str, str], wanted: Any) -> None:
    """Its colors, what it runs in, and what was decided for it."""
    found = terminal.terminal(environment_, "utf-8")
    assert (found.name, found.colors, found.no_color, found.multiplexer, found.ascii_decided, found.browser) == wanted


@pytest.mark.parametrize(
    ("size", "found"),
    [((100, 30), (100, 30)), ((0, 0), (81, 25)), ((100, 0), (81, 25)), (OSError(), (81, 25))],
    ids=count(),
)
def test_the_size_of_a_terminal_is_its_own_or_that_of_the_environment(
    size: Any, found: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where it has none."""

    def asked(descriptor: int) -> Any:
        if isinstance(size, OSError):
            raise size
        return size

    monkeypatch.setattr(os, "get_terminal_size", asked)
    monkeypatch.setattr(terminal.shutil, "get_terminal_size", lambda: (81, 25))
    assert terminal.size_of(1) == found


@pytest.mark.parametrize(
    ("environment_", "wanted", "title", "text", "told"),
    [
        ({}, "auto", "a", "b", ""),
        ({}, "9", "a;b\x1b", "c;d", "\x1b]9;labeltui: a,b␛. c,d\x07"),
        ({}, "777", "a", "b;", "\x1b]777;notify;labeltui: a;b,\x07"),
        ({"TMUX": "x", "STY": "x"}, "9", "a", "b", "\x1bPtmux;\x1b\x1b]9;labeltui: a. b\x07\x1b\\"),
        ({"STY": "x"}, "9", "a", "b", "\x1bP\x1b]9;labeltui: a. b\x07\x1b\\"),
        ({}, "9", "t" * 300, "b" * 300, f"\x1b]9;labeltui: {'t' * 199}…. {'b' * 199}…\x07"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_notice_is_one_inert_sequence(environment_: Any, wanted: str, title: str, text: str, told: str) -> None:
    """Wrapped where a multiplexer has to pass it on."""
    assert desktop.sequence(environment_, wanted, title, text) == told


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "full"), True), (OSError(errno.EIO, "io"), True), (OSError(errno.EPIPE, "pipe"), False),
        (OSError(errno.ENOSPC, "full", "a.db"), False), (ValueError("full"), False),
    ],
    ids=count(),
)  # fmt: skip
def test_a_full_target_of_output_is_told_from_other_errors(error: Exception, full: bool) -> None:
    """Errors about files name their file."""
    assert streams.is_full(error) is full


def test_closed_streams_become_the_null_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are open stay, and take every character."""
    import io

    ours = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    for name, given in (("stdin", None), ("stdout", ours), ("stderr", None)):
        monkeypatch.setattr(sys, name, given)
    streams.prepare()
    assert (
        sys.stdin.read(),
        sys.stdin.name >= 0,
        sys.stdout is ours,
        ours.errors,
        sys.stderr.writable(),
        sys.stderr.errors,
    ) == ("", True, True, "replace", True, "replace")
    sys.stderr.write("κ")
    sys.stderr.close()
    sys.stdin.close()


# -- copying, crashes and glyphs ------------------------------------------------------------------------------------------------


def test_rows_are_copied_as_lines_with_tabs() -> None:
    """No spreadsheet runs a cell of them."""
    rows = [email(1, subject="=1+1\ttab"), email(2, failure=None, label="1", label_source="model")]
    assert rows_as_text(rows).split("\n") == [
        "source_id\tstate\tlabel\tby\tfailure\tfrom\tsubject",
        "<1@example.org>\tpending\t\t\t\tperson1@example.org\t'=1+1 tab",
        "<2@example.org>\tpending\t1\tmodel\t\tperson2@example.org\tSubject of message 2",
        "",
    ]
    assert MOST_COPIED == 74_000


def test_a_record_is_copied_with_every_answer() -> None:
    """Or the error in place of one; as sent, or as it came."""
    calls = (
        attempt(1, "ask", Outcome.ANSWERED, 0.5, raw_answer="1"),
        attempt(2, "ask", Outcome.TIMEOUT, 0.5, raw_answer="", error="too late"),
    )
    record = EmailRecord(email(7), "=sent", "raw", calls, (), 0)
    assert (record_as_text(record, raw=False), record_as_text(record, raw=True)[:5]) == (
        "=sent\n\n-- attempt 1, main, answered\n1\n\n-- attempt 2, main, timeout\ntoo late\n",
        "raw\n\n",
    )


def test_what_was_copied_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    """Beside the run, and over what was copied before."""
    path = write_beside(tmp_path / "enron.db", "a longer text")
    assert write_beside(tmp_path / "enron.db", "text\ud800") == path == tmp_path / "enron.copied.txt"
    assert (path.read_text("utf-8"), path.stat().st_mode & 0o777) == ("text?", 0o600)
    assert beside(tmp_path / "other.sqlite").name == "other.sqlite~copied.txt"


@pytest.mark.parametrize(
    ("text", "secrets", "shown"),
    [
        ("a gsk_abcdefghijkl b", (), "a (a secret) b"), ("a gsk_abcdefghijk b", (), "a gsk_abcdefghijk b"), ("sk-abcdefghijklmnop", (), "(a secret)"),
        ("my word and my words", ("my word", "", "my words"), "(a secret) and (a secret)"),
    ],
    ids=count(),
)  # fmt: skip
def test_no_report_shows_a_secret(text: str, secrets: Any, shown: str) -> None:
    """What was typed as one, and what looks like one."""
    assert without(text, secrets) == shown


def test_a_crash_is_told_in_a_sentence(tmp_path: Path) -> None:
    """With the place of its report, where that could be kept."""
    error = ValueError("x" * 300 + "\x1b")
    kept, lost = (sentence(error, Path("/x/crash.txt"), kept=each) for each in (True, False))
    assert (
        kept
        == f"labeltui: the console ended by an unexpected error (ValueError: {'x' * 187}…). The traceback is in /x/crash.txt. Workers are not affected; `labeltui` opens the console again."
    )
    assert "/x/crash.txt cannot be written." in lost
    assert quoted("a\x1b gsk_abcdefghijklm") == "a␛ (a secret)"
    assert (
        keep(tmp_path / "new" / "crash.txt", "report"),
        (tmp_path / "new" / "crash.txt").read_text("utf-8"),
        (tmp_path / "new" / "crash.txt").stat().st_mode & 0o777,
    ) == (True, "report", 0o600)
    (tmp_path / "file").touch()
    assert keep(tmp_path / "file" / "crash.txt", "report") is False


def test_drawn_lines_are_made_inert_and_ascii_cell_by_cell() -> None:
    """What is neither stays as it is; what was replaced is counted."""
    lines = InertLines()
    kept, changed = Segment("plain"), Segment("a\x1bb")
    shown = lines.apply([kept, changed, Segment("κ")], None)  # type: ignore[arg-type]
    assert (shown[0] is kept, [each.text for each in shown], lines.caught) == (True, ["plain", "ab", "κ"], 1)
    ascii_ = AsciiOnly().apply([kept, Segment("▶ 3 κ")], None)  # type: ignore[arg-type]
    assert (ascii_[0] is kept, ascii_[1].text) == (True, "> 3 k")
    assert [plain(text) for text in ("cut…", "cut …x", "cut… x", "± 10", " ±10", "日…", "日本", "—")] == [
        "cu..",
        "cut..x",
        "cu.. x",
        "+-10",
        "+-10",
        "??.",
        "????",
        "-",
    ]


# -- themes and the facts of an installation --------------------------------------------------------------------------------------


def test_themes_follow_each_other() -> None:
    """After the last or an unknown one, the first; short names are enough."""
    names = list(PALETTES)
    assert [following(name) for name in (names[0], names[-1], "nord")] == [names[1], names[0], names[0]]
    assert [named(name, set(names)) for name in ("ansi", "labeltui-ansi", "nord")] == [
        "labeltui-ansi",
        "labeltui-ansi",
        None,
    ]
    by_name = {theme.name: theme for theme in THEMES}
    assert [(by_name[name].dark, by_name[name].ansi) for name in (DARK, LIGHT, "labeltui-paper", ANSI)] == [
        (True, False),
        (False, False),
        (False, False),
        (True, True),
    ]
    assert [meanings_for(by_name[name])["failed"] for name in (DARK, LIGHT, ANSI)] == [
        "#ef7f86",
        "#b3202f",
        "ansi_bright_red",
    ]


@pytest.mark.parametrize(
    ("colors", "theme", "wanted"),
    [("16", "", "ansi"), ("none", "", "ansi"), ("256", "", "dark"), ("16", "light", "light")],
)
def test_a_theme_fits_the_colors_of_the_terminal(colors: str, theme: str, wanted: str) -> None:
    """Where none is chosen."""
    assert (
        Preferences(Path("c.toml"), theme=theme).wanted_theme(
            Terminal("x", colors, no_color=False, encoding="utf-8", ascii_because="", multiplexer="")
        )
        == wanted
    )


def consoled(**more: Any) -> installation.Console:
    """The settings of a console."""
    return installation.Console(
        **{
            "theme": "dark",
            "ascii_because": "",
            "actions": ACTIONS,
            "troubles": (),
            "size": (80, 24),
            "read_only": False,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("console", "preferences", "wanted"),
    [
        (
            consoled(),
            Preferences(Path("c.toml")),
            {
                "server": "Groq's (GROQ_BASE_URL or --base-url names another)",
                "theme": "dark (the default)",
                "ascii": "no",
                "keys": "the defaults",
                "read-only": "no",
            },
        ),
        (
            consoled(ascii_because="TERM=linux", troubles=("no such key",), read_only=True),
            Preferences(Path("c.toml"), theme="dark"),
            {
                "server": "Groq's (GROQ_BASE_URL or --base-url names another)",
                "theme": "dark",
                "ascii": "yes: TERM=linux",
                "keys": "the defaults",
                "read-only": "yes",
                "ignored": "no such key",
            },
        ),
    ],
    ids=count(),
)
def test_active_settings_are_told(console: Any, preferences: Any, wanted: Any) -> None:
    """Which of them are defaults, and what was ignored."""
    found = dict(installation._active_settings(settings_in(Path("/x")), preferences, console))
    assert found == wanted


def test_keys_that_were_changed_are_named() -> None:
    """By their actions."""
    from dataclasses import replace

    changed = tuple(replace(each, keys=("f9",), key="f9") if each.id == "pause" else each for each in ACTIONS)
    assert (
        dict(
            installation._active_settings(
                settings_in(Path("/x")), Preferences(Path("c.toml")), consoled(actions=changed)
            )
        )["keys"]
        == "pause f9"
    )


def test_paths_say_what_is_not_there_yet(tmp_path: Path) -> None:
    """Runs with their logs."""
    found = dict(installation._paths(settings_in(tmp_path)))
    assert (
        found["home"],
        found["runs"].endswith("runs (does not exist yet)"),
        found["prices"].endswith("(optional; the built-in table otherwise)"),
    ) == (str(tmp_path), True, True)
    assert installation._runs(settings_in(tmp_path), NOW) == (("none", "labeltui new SOURCE creates one"),)


def test_versions_name_what_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setattr(installation, "_version", lambda package: "" if package in {"rich", "keyring"} else "1.0")
    found = dict(installation._versions())
    assert (found["rich"], found["keyring"], found["textual"], found["pyarrow"]) == (
        "not installed",
        "not installed: pip install 'labeltui[keyring]'",
        "1.0",
        "1.0",
    )
