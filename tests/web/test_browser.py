"""The console in a real browser, where there is one: Chromium with its driver, selenium and textual-serve.

``LABELTUI_PICTURES=FOLDER`` keeps what the browser showed.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import unused_port

from tests.conftest import MakeRun

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
MISSING = [name for name in ("selenium", "textual_serve") if find_spec(name) is None]
ROOT = Path(__file__).resolve().parents[2]

pytestmark = [
    pytest.mark.skipif(not (CHROMIUM and DRIVER) or bool(MISSING), reason="no Chromium, selenium or textual-serve"),
    pytest.mark.filterwarnings("ignore"),  # selenium's own
]
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)


class Looker:
    """A browser on one tab. ``see`` waits, and fails where that does not come about."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def see(self, script: str, wanted: Callable[[Any], bool] = bool) -> Any:
        until = time.monotonic() + 20
        while not wanted(found := self.driver.execute_script(f"return {script}")):
            assert time.monotonic() < until, (script, found)
            time.sleep(0.05)
        return found

    def press(self, *keys: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).send_keys(*keys).perform()

    def press_with_control(self, key: str) -> None:
        from selenium.webdriver.common.action_chains import ActionChains

        ActionChains(self.driver).key_down("\ue009").send_keys(key).key_up("\ue009").perform()

    def keep(self, name: str) -> None:
        if folder := os.environ.get("LABELTUI_PICTURES"):
            Path(folder).mkdir(parents=True, exist_ok=True)
            time.sleep(0.5)  # for a person: the picture after the last key has arrived
            self.driver.save_screenshot(str(Path(folder) / f"{name}.png"))

    def errors(self) -> list[str]:
        return [entry["message"] for entry in self.driver.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture
def looker(tmp_path: Path) -> Iterator[Looker]:
    """A browser that is run for this test alone."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for option in (*OPTIONS, f"--user-data-dir={tmp_path / 'browser'}", "--window-size=1280,800"):
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield Looker(driver)
    finally:
        driver.quit()


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
    looker.driver.get(served.stdout.readline().split()[-1])
    looker.see(SHOWN)
    looker.see("document.title", lambda title: title.endswith("small · new · labeltui"))
    assert looker.driver.current_url.endswith("/")
    assert looker.see("document.fonts.check(\"16px 'Roboto Mono'\")")
    assert looker.see("document.activeElement.className") == "xterm-helper-textarea"
    looker.keep("desktop")

    ground = "getComputedStyle(document.body).backgroundColor"
    before = looker.see(ground)
    looker.press_with_control("t")  # which only a browser without a window lets through
    looker.see(ground, lambda now: now != before)
    looker.keep("light")

    metrics = {"width": 390, "height": 844, "deviceScaleFactor": 1, "mobile": True}
    looker.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    looker.see("document.querySelector('.xterm-screen').clientWidth", lambda width: 350 < width <= 390)
    looker.press("e")
    looker.keep("phone")

    looker.press("q")
    looker.see(HEAD, lambda head: head == "You left the console")
    looker.keep("left")
    looker.press("\ue007")  # enter: open again
    looker.see(HEAD, lambda head: head == "")
    looker.see(SHOWN)
    assert looker.errors() == []

    served.terminate()
    looker.see(HEAD, lambda head: head == "labeltui serve was ended")
    looker.keep("ended")


def test_a_picture_that_stands_still_is_called_old(looker: Looker, served: subprocess.Popen[str]) -> None:
    """The page shows when nothing comes from the console, and takes it back when something does."""
    assert served.stdout is not None
    looker.driver.get(served.stdout.readline().split()[-1])
    looker.see(SHOWN)
    found = subprocess.run(["pgrep", "-P", str(served.pid)], capture_output=True, text=True, check=True)
    console = int(found.stdout)
    notice = "document.getElementById('notice').hidden ? '' : document.getElementById('notice-words').textContent"
    os.kill(console, signal.SIGSTOP)
    looker.driver.execute_script("const now = Date.now; Date.now = () => now() + 60000")
    looker.see(notice, lambda words: words.endswith("what you see is old."))
    looker.keep("old")
    os.kill(console, signal.SIGCONT)
    looker.see(notice, lambda words: words == "")


def test_an_address_without_its_key_shows_why(looker: Looker, served: subprocess.Popen[str]) -> None:
    """A page in the console's own looks, not a line of plain text."""
    assert served.stdout is not None
    looker.driver.get(served.stdout.readline().split()[-1].partition("?")[0])
    looker.see("document.querySelector('p').textContent", lambda text: text.startswith("The key is missing"))
    assert looker.see("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"
    looker.keep("refused")
