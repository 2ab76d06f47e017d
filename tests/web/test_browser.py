"""The console in a real browser, where there is one: Chromium, which is driven over its debugging protocol.

``LABELTUI_PICTURES=FOLDER`` keeps what the browser showed.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port
from websockets.sync.client import ClientConnection, connect

from tests.conftest import MakeRun

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
WITHIN_S = 30.0
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Looker:
    """A browser on one tab, driven by the Chrome DevTools Protocol. ``see`` waits, and fails where that does not come about."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket = socket
        self._sent = 0
        self._log: list[str] = []
        for domain in ("Page", "Runtime", "Log"):
            self.do(f"{domain}.enable")

    def do(self, method: str, **given: Any) -> dict[str, Any]:
        """Send a command and return what it gives; what the page reports meanwhile is kept."""
        self._sent += 1
        self._socket.send(json.dumps({"id": self._sent, "method": method, "params": given}))
        while (told := json.loads(self._socket.recv(timeout=WITHIN_S))).get("id") != self._sent:
            match told.get("method"):
                case "Runtime.exceptionThrown":
                    self._log.append(str(told["params"]["exceptionDetails"]))
                case "Log.entryAdded" if told["params"]["entry"]["level"] == "error":
                    self._log.append(told["params"]["entry"]["text"])
        assert "error" not in told, (method, told)
        return dict(told["result"])

    def open(self, address: str) -> None:
        """Go to an address."""
        self.do("Page.navigate", url=address)

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page."""
        return self.do("Runtime.evaluate", expression=script, returnByValue=True)["result"].get("value")

    def see(self, script: str, wanted: Callable[[Any], bool] = bool) -> Any:
        until = time.monotonic() + WITHIN_S
        while (found := self.run(script)) is None or not wanted(found):
            assert time.monotonic() < until, (script, found)
            time.sleep(0.05)
        return found

    def press(self, key: str, *, control: bool = False) -> None:
        """Press a letter or Enter."""
        text = "\r" if key == "Enter" else "" if control else key
        code = 13 if key == "Enter" else ord(key.upper())
        pressed = {"key": key, "windowsVirtualKeyCode": code, "modifiers": 2 if control else 0}
        self.do("Input.dispatchKeyEvent", type="keyDown", text=text, **pressed)
        self.do("Input.dispatchKeyEvent", type="keyUp", **pressed)

    def keep(self, name: str) -> None:
        if folder := os.environ.get("LABELTUI_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            time.sleep(0.5)  # for a person: the picture after the last key has arrived
            (Path(folder) / f"{name}.png").write_bytes(base64.b64decode(self.do("Page.captureScreenshot")["data"]))

    def errors(self) -> list[str]:
        """Return what the page threw, and what the browser logged as an error."""
        self.run("0")
        return self._log


@pytest.fixture
def looker(tmp_path: Path) -> Iterator[Looker]:
    """A browser that is run for this test alone."""
    assert CHROMIUM is not None
    folder = tmp_path / "browser"
    options = (
        *OPTIONS,
        f"--user-data-dir={folder}",
        "--window-size=1280,800",
        "--remote-debugging-port=0",
        "about:blank",
    )
    browser = subprocess.Popen(
        [CHROMIUM, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    try:
        until = time.monotonic() + WITHIN_S
        said = folder / "DevToolsActivePort"
        while not said.exists() or not said.read_text("ascii").count("\n"):
            assert browser.poll() is None, "Chromium ended at once"
            assert time.monotonic() < until, "Chromium does not listen"
            time.sleep(0.05)
        port = int(said.read_text("ascii").split()[0])
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            f"http://127.0.0.1:{port}/json/list", timeout=WITHIN_S
        ) as answer:
            address = next(each["webSocketDebuggerUrl"] for each in json.load(answer) if each["type"] == "page")
        with connect(address, max_size=None, open_timeout=WITHIN_S, proxy=None) as socket:
            yield Looker(socket)
    finally:
        os.killpg(browser.pid, signal.SIGKILL)
        browser.wait()


@pytest.fixture
def served(tmp_path: Path, make_run: MakeRun) -> Iterator[subprocess.Popen[str]]:
    """``labeltui serve`` on a run of three emails; its first line was not read yet."""
    run = make_run(["one", "two", "three"])
    process = subprocess.Popen(
        [sys.executable, "-m", "tui", "serve", str(run), "--port", str(unused_port())],
        env={**os.environ, "PYTHONPATH": str(ROOT), "LABELTUI_HOME": str(tmp_path / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.communicate(timeout=15)


SHOWN = "document.body.classList.contains('-first-byte')"
HEAD = "document.getElementById('ended-head').textContent"


def test_a_person_opens_it_types_turns_a_phone_and_leaves(looker: Looker, served: subprocess.Popen[str]) -> None:
    """It paints in its own font without the network, takes keys without a click, and says how it ended."""
    assert served.stdout is not None
    looker.open(served.stdout.readline().split()[-1])
    looker.see(SHOWN)
    looker.see("document.title", lambda title: title.endswith("small · new · labeltui"))
    assert looker.run("location.href").endswith("/")
    assert looker.see("document.fonts.check(\"16px 'Roboto Mono'\")")
    assert looker.see("document.activeElement.className") == "xterm-helper-textarea"
    looker.keep("desktop")

    ground = "getComputedStyle(document.body).backgroundColor"
    before = looker.see(ground)
    looker.press("t", control=True)  # which only a browser without a window lets through
    looker.see(ground, lambda now: now != before)
    looker.keep("light")

    looker.do("Emulation.setDeviceMetricsOverride", width=390, height=844, deviceScaleFactor=1, mobile=True)
    looker.see("document.querySelector('.xterm-screen').clientWidth", lambda width: 350 < width <= 390)
    looker.press("e")
    looker.keep("phone")

    looker.press("q")
    looker.see(HEAD, lambda head: head == "You left the console")
    looker.keep("left")
    looker.press("Enter")  # enter: open again
    looker.see(HEAD, lambda head: head == "")
    looker.see(SHOWN)
    assert looker.errors() == []

    served.terminate()
    looker.see(HEAD, lambda head: head == "labeltui serve was ended")
    looker.keep("ended")


def test_a_picture_that_stands_still_is_called_old(looker: Looker, served: subprocess.Popen[str]) -> None:
    """The page shows when nothing comes from the console, and takes it back when something does."""
    assert served.stdout is not None
    looker.open(served.stdout.readline().split()[-1])
    looker.see(SHOWN)
    found = subprocess.run(["pgrep", "-P", str(served.pid)], capture_output=True, text=True, check=True)
    console = int(found.stdout)
    notice = "document.getElementById('notice').hidden ? '' : document.getElementById('notice-words').textContent"
    os.kill(console, signal.SIGSTOP)
    looker.run("const now = Date.now; Date.now = () => now() + 60000")
    looker.see(notice, lambda words: words.endswith("what you see is old."))
    looker.keep("old")
    os.kill(console, signal.SIGCONT)
    looker.see(notice, lambda words: words == "")


def test_an_address_without_its_key_shows_why(looker: Looker, served: subprocess.Popen[str]) -> None:
    """A page in the console's own looks, not a line of plain text."""
    assert served.stdout is not None
    looker.open(served.stdout.readline().split()[-1].partition("?")[0])
    looker.see("document.querySelector('p').textContent", lambda text: text.startswith("The key is missing"))
    looker.see("getComputedStyle(document.body).backgroundColor", lambda color: color == "rgb(18, 22, 28)")
    looker.keep("refused")
