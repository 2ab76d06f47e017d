"""Who is told what: the decision as a table, the file of addresses, services, desktop sequences, the worker's notifier."""

from __future__ import annotations

import json
import logging
import sys
import threading
import types
from collections.abc import Callable, Sequence
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.errors import UsageError
from core.model import RunState, Snapshot, Wait
from core.notify.occasions import Occasion, noticed
from core.notify.services import INSTALL, Delivery, deliver
from core.notify.setup import NotifySetup, read_setup
from core.worker.notifier import Notifier
from tests.tui.fakes import NOW, running
from tui.cli import main
from tui.terminal.desktop import sequence

SECRET = "tk_do_not_show_0001"
URL = f"json://someone:{SECRET}@127.0.0.1:9/"
NEWS = Occasion("mail is done", "3 labeled.")


def shot(state: RunState, reason: str = "", **more: object) -> Snapshot:
    return replace(running(40, 20).snapshot(NOW), state=state, reason=reason, **more)  # type: ignore[arg-type]


BUSY = shot(RunState.RUNNING)
NO_KEY = Wait(None, "", "", "no key can be used (main …0001: disabled): enable one, or add another")


@pytest.mark.parametrize(
    ("before", "after", "title"),
    [
        (BUSY, shot(RunState.DONE, failed=0), "enron is done"),
        (BUSY, shot(RunState.DONE, failed=3), "enron is done, 3 failed"),
        (BUSY, shot(RunState.PAUSED, "the budget of 9 tokens is used up"), "enron paused itself"),
        (BUSY, shot(RunState.PAUSED, "25 texts in a row failed"), "enron paused itself"),
        (BUSY, shot(RunState.STOPPED, "no key can be used (…)"), "enron stopped"),
        (BUSY, shot(RunState.STOPPED, "the worker ended without a word"), "enron stopped"),
        (BUSY, shot(RunState.STALE, "not heard of for 12 s"), "enron hangs"),
        (BUSY, shot(RunState.WAITING, NO_KEY.reason, wait=NO_KEY), "enron needs a key"),
        (BUSY, shot(RunState.WAITING, "org_a waits", wait=Wait(NOW + 60, "TPM", "org_a", "org_a waits")), None),
        (shot(RunState.WAITING, wait=NO_KEY), shot(RunState.WAITING, wait=NO_KEY), None),
        (BUSY, shot(RunState.PAUSED, "paused by ana"), None),
        (BUSY, shot(RunState.STOPPED, "stopped by the operator"), None),
        (BUSY, shot(RunState.STOPPED, "killed", wanted="stop"), None),
        (shot(RunState.DONE), shot(RunState.DONE), None),
        (shot(RunState.STOPPED), BUSY, None),
        (None, shot(RunState.DONE), None),
    ],
)
def test_what_deserves_a_notification(before: Snapshot | None, after: Snapshot, title: str | None) -> None:
    """Ends, pauses that nobody asked for, hanging and a missing key do; waits and what a person did do not."""
    occasion = noticed(before, after)
    assert (occasion.title if occasion else None) == title


def test_foreign_text_in_a_notification_is_inert() -> None:
    """A name or a reason can end no escape sequence and begin none."""
    named = replace(BUSY.run, name="a\x07\x1b]0;x\x9c")
    occasion = noticed(BUSY, replace(shot(RunState.STOPPED, "b\x1b\\\x07;c\n"), run=named))
    assert occasion is not None
    for environment in ({"TERM": "xterm-kitty"}, {"TERM": "foot"}):
        told = sequence(environment, "auto", occasion.title, occasion.text)
        assert told.count("\x1b") == told.count("\x07") == 1
        assert told.endswith("\x07")
        assert "\x9c" not in told
        assert told.count(";") == (1 if told.startswith("\x1b]9") else 3)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hey @everyone and @here", "hey ＠everyone and ＠here"),
        ("<!channel> <@123> <#4> <b>", "‹!channel> ‹＠123> ‹#4> ‹b>"),
        ("see [this](http://evil.example/x)", "see [this] (http: //evil.example/x)"),
        ("HTTPS://evil.example tg://join", "HTTPS: //evil.example tg: //join"),
        ("a < b, 3 <4 and 12:30", "a < b, 3 <4 and 12:30"),
    ],
)
def test_no_chat_service_acts_on_foreign_text(text: str, shown: str) -> None:
    """A run's name or a server's words mention nobody and link nowhere."""
    occasion = noticed(BUSY, shot(RunState.STOPPED, text))
    assert occasion is not None
    assert shown in occasion.text


@pytest.mark.parametrize(
    ("environment", "wanted", "told"),
    [
        ({"TERM_PROGRAM": "iTerm.app"}, "auto", "\x1b]9;labeltui: t. x\x07"),
        ({"TERM_PROGRAM": "WezTerm"}, "auto", "\x1b]9;labeltui: t. x\x07"),
        ({"TERM": "foot"}, "auto", "\x1b]777;notify;labeltui: t;x\x07"),
        ({"TERM": "xterm-256color"}, "auto", ""),
        ({"TERM": "xterm-256color"}, "9", "\x1b]9;labeltui: t. x\x07"),
        ({"TERM_PROGRAM": "iTerm.app"}, "off", ""),
        (
            {"TERM": "tmux-256color", "TERM_PROGRAM": "tmux", "TMUX": "/t,1,0", "KITTY_WINDOW_ID": "1"},
            "auto",
            "\x1bPtmux;\x1b\x1b]9;labeltui: t. x\x07\x1b\\",
        ),
        (
            {"TERM": "screen", "STY": "1.x", "VTE_VERSION": "7600"},
            "auto",
            "\x1bP\x1b]777;notify;labeltui: t;x\x07\x1b\\",
        ),
    ],
)
def test_each_terminal_is_notified_in_its_way(environment: dict[str, str], wanted: str, told: str) -> None:
    """Known terminals only, unless a way is asked for; wrapped where a multiplexer stands between."""
    assert sequence(environment, wanted, "t", "x") == told


def write_setup(path: Path, text: str, mode: int = 0o600) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(mode)
    return path


def test_addresses_are_secrets(tmp_path: Path) -> None:
    """A file that others can read is refused; no repr, kind or complaint holds an address."""
    path = write_setup(tmp_path / "notify.toml", f'urls = ["{URL}"]\ndesktop = false\n', 0o644)
    with pytest.raises(UsageError, match="chmod 600"):
        read_setup(path)
    path.chmod(0o600)
    setup = read_setup(path)
    assert (setup.bell, setup.desktop, setup.services) == (True, "off", ("json",))
    assert SECRET not in repr(setup)
    for broken in (f'urls = ["{URL}"', f'urls = "{URL}"', f'urls = ["{URL}"]\nbell = "{SECRET}"'):
        with pytest.raises(UsageError) as caught:
            read_setup(write_setup(path, broken))
        assert SECRET not in str(caught.value)
    assert read_setup(tmp_path / "none.toml") == NotifySetup()


class FakeApprise(types.ModuleType):
    """The module as far as it is used; what an address does stands in its host."""

    def __init__(self) -> None:
        super().__init__("apprise")
        self.told: list[tuple[str, str, str]] = []
        told = self.told

        class Apprise:
            def __init__(self) -> None:
                self.url = ""

            def add(self, url: str) -> bool:
                self.url = url
                return "unknown" not in url

            def notify(self, *, title: str, body: str, body_format: str) -> bool:
                if "raises" in self.url:
                    raise OSError(f"no route to {self.url}")
                told.append((title, body, body_format))
                return "refuses" not in self.url

        self.Apprise = Apprise


def test_a_service_that_fails_is_reported_by_its_kind_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that raises, refuses or is none does not keep the others from being told."""
    fake = FakeApprise()
    monkeypatch.setitem(sys.modules, "apprise", fake)
    urls = [
        f"{kind}://{SECRET}@{host}" for kind, host in (("a", "raises"), ("b", "refuses"), ("c", "unknown"), ("d", "ok"))
    ]
    delivery = deliver(urls, NEWS)
    assert delivery.sent == 1
    assert len(delivery.failed) == 3
    assert fake.told[-1] == ("mail is done", "3 labeled.", "text")
    assert SECRET not in delivery.sentence


def test_without_the_extra_its_name_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sentence says what to install."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    assert deliver([URL], NEWS) == Delivery(0, (INSTALL,))


@pytest.mark.filterwarnings("ignore")
def test_the_real_apprise_reaches_a_service_on_loopback() -> None:
    """Title and text arrive as they are."""
    pytest.importorskip("apprise", exc_type=ImportError)
    heard: list[dict[str, str]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            heard.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        delivery = deliver([f"json://127.0.0.1:{server.server_port}/"], NEWS)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert delivery == Delivery(1)
    assert (heard[0]["title"], heard[0]["message"]) == ("mail is done", "3 labeled.")


class Desk:
    """A notifier over snapshots that a test moves."""

    def __init__(self, send: Callable[[Sequence[str], Occasion], Delivery]) -> None:
        self.now, self.notes = BUSY, list[str]()
        self.herald = Notifier(NotifySetup(urls=(URL,)), lambda: self.now, self.notes.append, send=send)


def test_the_worker_notifies_services_once_and_notes_what_failed() -> None:
    """Each occasion goes out once, in a thread of its own; a failure becomes an event without the address."""
    told: list[str] = []

    def send(urls: Sequence[str], occasion: Occasion) -> Delivery:
        told.append(occasion.title)
        return Delivery(0, ("json (it did not take it)",))

    desk = Desk(send)
    desk.herald.see()
    desk.now = shot(RunState.PAUSED, "the budget is used up")
    desk.herald.see()
    desk.herald.see()
    desk.now = shot(RunState.DONE, failed=0)
    desk.herald.close()
    assert told == ["enron paused itself", "enron is done"]
    assert len(desk.notes) == 2
    assert SECRET not in "".join(desk.notes)


def test_a_service_that_hangs_does_not_hold_up_the_end() -> None:
    """The worker waits some moments, says so, and ends."""
    gate = threading.Event()

    def send(urls: Sequence[str], occasion: Occasion) -> Delivery:
        gate.wait(20)
        return Delivery(1)

    desk = Desk(send)
    desk.now = shot(RunState.DONE)
    desk.herald.close(wait_s=0.05)
    gate.set()
    assert "no answer in 0.05 s" in desk.notes[0]


def test_nothing_of_a_simulated_run_leaves_the_machine() -> None:
    """A demo notifies no service."""
    told: list[str] = []

    def send(urls: Sequence[str], occasion: Occasion) -> Delivery:
        told.append(occasion.title)
        return Delivery(1)

    simulated = replace(BUSY, run=replace(BUSY.run, simulated=True))
    herald = Notifier(NotifySetup(urls=(URL,)), lambda: simulated, lambda _: None, send=send)
    simulated = replace(simulated, state=RunState.DONE)
    herald.close()
    assert told == []


def test_the_command_says_what_is_set_up_and_tries_it(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Kinds and numbers are shown, never an address; the exit code says whether all got through."""
    monkeypatch.setitem(sys.modules, "apprise", FakeApprise())
    assert main(["notify"]) == 0
    assert "services  none" in capsys.readouterr().out
    write_setup(home / "notify.toml", f'urls = ["json://{SECRET}@ok", "ntfy://{SECRET}@ok"]\n')
    assert main(["notify", "--test"]) == 0
    said = capsys.readouterr().out
    assert "1 × json, 1 × ntfy" in said
    assert "2 services took it" in said
    write_setup(home / "notify.toml", f'urls = ["json://{SECRET}@refuses"]\n')
    assert main(["notify", "--test"]) == 1
    assert SECRET not in said + capsys.readouterr().out


SETTLED = {"labeled": 3_000, "failed": 1_200, "skipped": 0, "total": 5_000}


@pytest.mark.parametrize(
    ("before", "after", "title", "text"),
    [
        (BUSY, shot(RunState.DONE, **{**SETTLED, "failed": 0}), "enron is done", "3,000 labeled, none failed."),
        (BUSY, shot(RunState.DONE, **SETTLED), "enron is done, 1,200 failed", "3,000 labeled, 1,200 failed."),
        (BUSY, shot(RunState.PAUSED, "why", **SETTLED), "enron paused itself", "why. 4,200 of 5,000 emails are settled."),
        (BUSY, shot(RunState.STOPPED, "why", **SETTLED), "enron stopped", "why. 4,200 of 5,000 emails are settled."),
        (BUSY, shot(RunState.STALE, "why"), "enron hangs", "why. `labeltui stop enron --force` ends the worker."),
        (BUSY, shot(RunState.WAITING, "why", wait=NO_KEY, **SETTLED), "enron needs a key", "why. 4,200 of 5,000 emails are settled."),
        (shot(RunState.PAUSED), shot(RunState.STOPPED, ""), "", ""), (BUSY, shot(RunState.PAUSED, ""), "", ""), (BUSY, shot(RunState.RUNNING, wait=NO_KEY), "", ""),
        (BUSY, shot(RunState.WAITING, wait=None), "", ""), (shot(RunState.STALE, "a"), shot(RunState.STALE, "b"), "", ""),
        (shot(RunState.STOPPED), shot(RunState.WAITING, "why", wait=NO_KEY, **SETTLED), "enron needs a key", "why. 4,200 of 5,000 emails are settled."),
        (shot(RunState.DONE), shot(RunState.PAUSED, "why", wanted="stop", **SETTLED), "enron paused itself", "why. 4,200 of 5,000 emails are settled."),
        (BUSY, shot(RunState.STOPPED, "x" * 300, **SETTLED), "enron stopped", f"{'x' * 239}…. 4,200 of 5,000 emails are settled."),
        (BUSY, replace(shot(RunState.STALE, "why"), run=replace(BUSY.run, name="n" * 50)), f"{'n' * 39}… hangs", f"why. `labeltui stop {'n' * 39}… --force` ends the worker."),
    ],
)  # fmt: skip
def test_what_is_told_of_each_occasion(before: Snapshot, after: Snapshot, title: str, text: str) -> None:
    """The news in the title, the reason and how far the run is in the text."""
    occasion = noticed(before, after)
    assert (occasion or Occasion("", "")) == Occasion(title, text)


@pytest.mark.parametrize(
    ("delivery", "sentence"),
    [
        (Delivery(0), "0 services took it"), (Delivery(1), "1 service took it"), (Delivery(2), "2 services took it"),
        (Delivery(1, ("a", "b")), "1 service took it; not a, b"),
    ],
)  # fmt: skip
def test_a_delivery_is_told_by_numbers_and_kinds(delivery: Delivery, sentence: str) -> None:
    """Of what failed only the kind."""
    assert delivery.sentence == sentence


def test_each_service_is_counted_and_none_is_logged(monkeypatch: pytest.MonkeyPatch) -> None:
    """The library writes addresses into its log."""
    monkeypatch.setitem(sys.modules, "apprise", FakeApprise())
    logging.getLogger("apprise").setLevel(logging.INFO)
    kinds = ("raises", "refuses", "unknown", "fine", "fine", "fine")
    delivery = deliver([f"k{at}://{host}" for at, host in enumerate(kinds)], NEWS)
    assert delivery == Delivery(
        3, ("k0 (OSError)", "k1 (it did not take it)", "k2 (not an address that apprise supports)")
    )
    assert not logging.getLogger("apprise").isEnabledFor(logging.CRITICAL)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("ntfy://a", "ntfy"), (" NTFYS ://a", "ntfys"), ("a+b-1://x", "a+b-1"), ("1a://x", "unknown"), ("ntfy", "unknown"), ("://x", "unknown"),
        ("a" * 16 + "://x", "a" * 16), ("a" * 17 + "://x", "unknown"), ("to ken://x", "unknown"),
    ],
)  # fmt: skip
def test_of_an_address_its_kind_is_shown(url: str, kind: str) -> None:
    """And only where it looks like one."""
    assert NotifySetup(urls=(url,)).services == (kind,)


@pytest.mark.parametrize(
    ("text", "mode", "read"),
    [
        ("", 0o644, NotifySetup()), ("bell = false\n", 0o644, NotifySetup(bell=False)), ("desktop = true", 0o600, NotifySetup()), ('desktop = "9"', 0o600, NotifySetup(desktop="9")),
        ("desktop = 777", 0o600, NotifySetup(desktop="777")), ("desktop = false", 0o600, NotifySetup(desktop="off")), ("urls = []", 0o644, NotifySetup()),
        ('urls = [" a://b ", "  "]', 0o600, NotifySetup(urls=("a://b",))), ('urls = ["a://b"]', 0o640, "Others can read"), ('urls = ["a://b"]', 0o604, "Others can read"),
        ('urls = ["a://b"]', 0o610, "chmod 600"), ("bell = 1", 0o600, "must be true or false"), ('desktop = "10"', 0o600, "must be one of auto, 9, 777, off"),
        ("urls = [1]", 0o600, "must be a list of addresses"), ('urls = "a://b"', 0o600, "must be a list of addresses"), ("a = 1\nb = \nc = 1", 0o600, "is not valid TOML (line 2)"),
        ("urls = [", 0o600, "is not valid TOML (end of document)"),
        ("a = '\udcff'", 0o600, "is not valid TOML (its encoding)"),
    ],
)  # fmt: skip
def test_each_setting_is_read_or_refused(text: str, mode: int, read: NotifySetup | str, tmp_path: Path) -> None:
    """With the file's path and what it must be."""
    path = tmp_path / "notify.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    path.chmod(mode)
    if isinstance(read, NotifySetup):
        assert read_setup(path) == read
    else:
        with pytest.raises(UsageError) as caught:
            read_setup(path)
        assert read in str(caught.value)
        assert str(path) in str(caught.value)
    with pytest.raises(UsageError, match="cannot be read"):
        read_setup(tmp_path)


def test_the_end_of_a_worker_waits_so_long_for_all_messages_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is left of eight seconds for each, and no less than nothing."""
    now, joined = [100.0], list[float]()

    class Slow:
        def join(self, span_s: float) -> None:
            joined.append(round(span_s, 3))
            now[0] += 5.0

        def is_alive(self) -> bool:
            return False

    monkeypatch.setattr("core.worker.notifier.time", SimpleNamespace(monotonic=lambda: now[0]))
    desk = Desk(lambda *_: Delivery(1))
    desk.herald._threads = [Slow(), Slow(), Slow()]  # type: ignore[list-item]
    desk.herald.close()
    assert joined == [8.0, 3.0, 0.0]
    assert desk.notes == []
