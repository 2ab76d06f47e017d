# ruff: noqa: INP001 - a script, not a package
"""Makes the README's animation of pause, swap and resume: the real console, over the demo's real worker and simulator.

Run it from the project's root: ``python screenshots/animate.py``. It takes about a minute and writes one SVG that moves
by CSS alone, without scripts or anything from elsewhere. Emails are the demo's invented ones.
"""

from __future__ import annotations

import asyncio
import os
import re
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "screenshots")]

from make import FONTS, press, until  # noqa: E402
from textual.pilot import Pilot  # noqa: E402

from core import demo, wishes  # noqa: E402
from core.settings import Settings, load_settings  # noqa: E402
from core.simulator.child import adopt  # noqa: E402
from tui.app import LabeltuiApp  # noqa: E402

EMAILS = 1_500
SIZE = (100, 30)
CAPTION_HEIGHT = 44
TARGET = Path(__file__).with_name("pause-swap-resume.svg")

_RULE = re.compile(r"\.terminal-\d+-(r\d+) \{ (.*?) \}")
_ELEMENT = re.compile(r"<(?:rect|text) [^>]*?(?:/>|>[^<]*</text>)")
_VIEW = re.compile(r'viewBox="0 0 ([\d.]+) ([\d.]+)"')
_BODY = re.compile(
    r'<g transform="(translate\([^"]*\))" clip-path="url\(#terminal-\d+-clip-terminal\)">(.*)</g>', re.DOTALL
)
_GROUND = re.compile(r'<rect fill="[^>]*?rx="8"/>')


@dataclass(frozen=True, slots=True)
class Frame:
    """A picture of the screen as Textual exports it, how long it stands, and what is said below it."""

    svg: str
    seconds: float
    key: str
    caption: str


class Film:
    """Takes frames of a console."""

    def __init__(self, app: LabeltuiApp) -> None:
        self._app = app
        self.frames: list[Frame] = []

    def take(self, seconds: float, caption: str, key: str = "") -> None:
        """One frame."""
        self.frames.append(Frame(self._app.export_screenshot(simplify=True), seconds, key, caption))


async def shoot(settings: Settings, run: Path) -> list[Frame]:
    """Pause, swap, resume, each requested and then obeyed."""
    app = LabeltuiApp(settings, run=run, demo=True)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        film = Film(app)
        await until(app, lambda snapshot: snapshot.settled > EMAILS // 6)
        for _ in range(3):
            film.take(0.8, "The worker labels; this console only looks on.")
            await press(pilot)
        await ask(pilot, film, "p", "Pause is asked for: shown as requested, never as done.")
        await until(app, lambda snapshot: snapshot.state.value == "paused" and not snapshot.worker.in_flight)
        await press(pilot)
        film.take(2.2, "Obeyed: calls that were out came home, nothing is asked now.")
        await ask(pilot, film, "K", "Swap: the key in use shall go, the next one come.")
        await until(app, lambda snapshot: any(c.kind == "swap" and c.acknowledged_at for c in snapshot.commands))
        await press(pilot)
        film.take(2.8, "Obeyed: one key is out of use, another is asked first.")
        await ask(pilot, film, "p", "Resume is asked for, by the same key.")
        await until(app, lambda snapshot: snapshot.state.value == "running" and snapshot.worker.in_flight > 0)
        for _ in range(4):
            await press(pilot)
            film.take(0.8, "At work again, with the next key.")
        return film.frames


async def ask(pilot: Pilot[None], film: Film, key: str, caption: str) -> None:
    """Press a key and take the frame before the worker can have answered."""
    await pilot.press(key)
    await pilot.pause()
    film.take(1.4, caption, key)


def animated(frames: Sequence[Frame]) -> str:
    """One SVG: what all frames share is drawn once, the rest in a group for each frame that is visible in its time."""
    match = _VIEW.search(frames[0].svg)
    assert match is not None
    width, height = float(match[1]), float(match[2])
    styles: dict[str, str] = {}
    drawn = [_elements(frame.svg, styles) for frame in frames]
    shared = set(drawn[0]).intersection(*map(set, drawn[1:]))
    whole_s = sum(frame.seconds for frame in frames)
    rules, groups, at = [], [], 0.0
    for number, (frame, elements) in enumerate(zip(frames, drawn, strict=True)):
        begin, end = 100 * at / whole_s, 100 * (at + frame.seconds) / whole_s
        hidden = "" if number == 0 else "0%{visibility:hidden}"
        rules.append(
            f"@keyframes f{number}{{{hidden}{begin:.2f}%{{visibility:visible}}{end:.2f}%{{visibility:hidden}}"
            f"100%{{visibility:{'visible' if number == len(frames) - 1 else 'hidden'}}}}}"
            f"#f{number}{{{'visibility:hidden;' if number else ''}"
            f"animation:f{number} {whole_s:.1f}s step-end infinite}}"
        )
        own = "".join(element for element in elements if element not in shared)
        groups.append(f'<g id="f{number}"><g transform="{_place(frame.svg)}">{own}</g>{_caption(frame, height)}</g>')
        at += frame.seconds
    rules += [f".{name}{{{body}}}" for body, name in styles.items()]
    base = "".join(element for element in drawn[0] if element in shared)
    ground = _GROUND.search(frames[0].svg)
    return (
        f'<svg xml:space="preserve" viewBox="0 0 {width:g} {height + CAPTION_HEIGHT:g}" '
        'xmlns="http://www.w3.org/2000/svg">'
        f"<title>labeltui: pause, swap the key, resume</title><style>"
        f"text{{font-family:{FONTS};font-size:20px;white-space:pre}}"
        f".k{{fill:#12161c;font-weight:bold}}.c{{fill:#8b95a3}}.b{{fill:#5aa9e6}}{''.join(rules)}"
        "@media (prefers-reduced-motion:reduce){g[id]{animation:none!important}#f0{visibility:visible!important}}"
        f"</style>{ground[0] if ground else ''}"
        f'<g transform="{_place(frames[0].svg)}">{base}</g>{"".join(groups)}</svg>\n'
    )


def _elements(svg: str, styles: dict[str, str]) -> list[str]:
    """The frame's rectangles and texts, with style names that all frames share, and without what shows nothing."""
    named = {old: styles.setdefault(body, f"s{len(styles)}") for old, body in _RULE.findall(svg)}
    body = _BODY.search(svg)
    assert body is not None
    found = []
    for element in _ELEMENT.findall(body[2]):
        if element.startswith("<text") and not re.sub(r"<[^>]*>|&#160;|\s", "", element):
            continue
        short = re.sub(r' clip-path="[^"]*"| shape-rendering="[^"]*"', "", element).replace("&#160;", "\u00a0")
        found.append(re.sub(r'class="terminal-\d+-(r\d+)"', lambda old: f'class="{named[old[1]]}"', short))
    return found


def _place(svg: str) -> str:
    body = _BODY.search(svg)
    assert body is not None
    return body[1]


def _caption(frame: Frame, height: float) -> str:
    base = height + CAPTION_HEIGHT * 0.6
    if not frame.key:
        return f'<text class="c" x="16" y="{base:g}">{escape(frame.caption)}</text>'
    return (
        f'<rect class="b" x="14" y="{base - 21:g}" width="30" height="29" rx="5"/>'
        f'<text class="k" x="23" y="{base:g}">{escape(frame.key)}</text>'
        f'<text class="c" x="58" y="{base:g}">{escape(frame.caption)}</text>'
    )


def main() -> None:
    """Make the animation."""
    with tempfile.TemporaryDirectory(prefix="labeltui-film-") as folder:
        os.environ["LOGNAME"] = "ana"  # who pauses is on the screen
        os.environ["LABELTUI_HOME"] = folder  # the worker is a process of its own and finds it there
        settings = load_settings()
        run, _ = demo.prepare(settings, EMAILS, now=time.time())
        own = settings.for_run(run)
        try:
            frames = asyncio.run(shoot(own, run))
        finally:
            wishes.await_answer(run, wishes.stop(run), timeout_s=20)
            time.sleep(1.0)  # the worker closes its files before the folder goes
            simulator = adopt(settings.demo_dir / "simulator.json")
            if simulator is not None:
                simulator.stop()
    TARGET.write_text(animated(frames), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}  {TARGET.stat().st_size:,} bytes, {len(frames)} frames")  # noqa: T201


if __name__ == "__main__":
    main()
