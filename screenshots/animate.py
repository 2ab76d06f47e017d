# ruff: noqa: INP001 - a script, not a package
"""Make the README's animation of pause, swap and resume: the real console, over the demo's real worker and simulator.

Run it from the project's root: ``python screenshots/animate.py``. It takes about a minute and writes one SVG that moves
by CSS alone, without scripts or anything from elsewhere. Emails are the demo's invented ones.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "screenshots")]

import drawing  # noqa: E402
from camera import press, until  # noqa: E402
from stage import World, world  # noqa: E402
from textual.pilot import Pilot  # noqa: E402

from tui.actions.keymap import key as key_of  # noqa: E402
from tui.app import LabeltuiApp  # noqa: E402
from tui.terminal.theme import DARK, PALETTES  # noqa: E402

EMAILS = 1_500
SIZE = (100, 30)
CAPTION_HEIGHT = 44
COLORS = PALETTES[DARK]
TARGET = Path(__file__).with_name("pause-swap-resume.svg")


@dataclass(frozen=True, slots=True)
class Frame:
    """Hold what the screen shows, for how long, and the caption."""

    drawn: drawing.Drawing
    seconds: float
    key: str
    caption: str


class Film:
    """Take frames of a console."""

    def __init__(self, app: LabeltuiApp) -> None:
        self.app = app
        self.frames: list[Frame] = []

    def take(self, seconds: float, caption: str, key: str = "") -> None:
        """Take one frame."""
        drawn = drawing.read(self.app.export_screenshot(simplify=True), SIZE, COLORS.background)
        self.frames.append(Frame(drawn, seconds, key, caption))


async def shoot(made: World) -> list[Frame]:
    """Film pause, swap and resume, each requested and then done."""
    app = LabeltuiApp(made.settings, run=made.run, demo=True)
    async with app.run_test(size=SIZE, notifications=True) as pilot:
        film = Film(app)
        await until(app, lambda snapshot: snapshot.settled > EMAILS // 6)
        for _ in range(3):
            film.take(0.8, "The worker labels; this console shows it.")
            await press(pilot)
        await ask(pilot, film, "pause", "Pause: shown as requested until it is done.")
        await until(app, lambda snapshot: snapshot.state.value == "paused" and not snapshot.worker.in_flight)
        await press(pilot)
        film.take(2.2, "Done: the calls in flight have finished, no call is made now.")
        await ask(pilot, film, "swap", "Swap: switch to the next key.")
        await until(app, lambda snapshot: any(c.kind == "swap" and c.acknowledged_at for c in snapshot.commands))
        await press(pilot)
        film.take(2.8, "Done: one key is disabled, the next one is used first.")
        await ask(pilot, film, "pause", "Resume: the same key again.")
        await until(app, lambda snapshot: snapshot.state.value == "running" and snapshot.worker.in_flight > 0)
        for _ in range(4):
            await press(pilot)
            film.take(0.8, "Running again, with the next key.")
        return film.frames


async def ask(pilot: Pilot[None], film: Film, action: str, caption: str) -> None:
    """Perform an action and take the frame before the worker can have answered."""
    key = key_of(action)
    film.app.perform(action)
    await pilot.pause()
    film.take(1.4, caption, key)


def animated(frames: Sequence[Frame]) -> str:
    """Return one SVG: what all frames share is drawn once, the rest in a group for each frame."""
    width, height = drawing.extent(frames[0].drawn)
    styles = drawing.Styles()
    drawn = [drawing.elements(frame.drawn, styles) for frame in frames]
    shared = set(drawn[0]).intersection(*map(set, drawn[1:]))
    # A frame's own ground lies on top of what all share, so texts on such rows are each frame's own, too.
    rows = {row for frame, all_ in zip(frames, drawn, strict=True) for row in _rows_of_own(frame, all_, shared)}
    for frame, all_ in zip(frames, drawn, strict=True):
        texts = zip(frame.drawn.stretches, all_[len(frame.drawn.grounds) :], strict=True)
        shared -= {element for stretch, element in texts if stretch.row in rows}
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
        groups.append(f'<g id="f{number}"><g transform="{drawing.place()}">{own}</g>{_caption(frame, height)}</g>')
        at += frame.seconds
    base = "".join(element for element in drawn[0] if element in shared)
    title = "labeltui: pause, swap the key, resume"
    return (
        f"{drawing.head(width, height + CAPTION_HEIGHT)}<title>{title}</title><style>{drawing.base_css()}{styles.css()}"
        f".k{{fill:{COLORS.background};font-weight:bold}}.c{{fill:{COLORS.quiet}}}.b{{fill:{COLORS.accent}}}"
        f"{''.join(rules)}"
        "@media (prefers-reduced-motion:reduce){g[id]{animation:none!important}#f0{visibility:visible!important}}"
        f"</style>{drawing.frame(width, height + CAPTION_HEIGHT, 'labeltui', COLORS.background, COLORS.quiet)}"
        f'<g transform="{drawing.place()}">{base}</g>{"".join(groups)}</svg>\n'
    )


def _rows_of_own(frame: Frame, elements: Sequence[str], shared: set[str]) -> set[int]:
    """Return the rows on which this frame has a background that not all frames share."""
    grounds = zip(frame.drawn.grounds, elements, strict=False)
    return {
        row
        for ground, element in grounds
        if element not in shared
        for row in range(ground.row, ground.row + ground.rows)
    }


def _caption(frame: Frame, height: float) -> str:
    base = height + CAPTION_HEIGHT * 0.45
    if not frame.key:
        return f'<text class="c" x="16" y="{base:g}">{escape(frame.caption)}</text>'
    return (
        f'<rect class="b" x="14" y="{base - 21:g}" width="30" height="29" rx="5"/>'
        f'<text class="k" x="23" y="{base:g}">{escape(frame.key)}</text>'
        f'<text class="c" x="58" y="{base:g}">{escape(frame.caption)}</text>'
    )


def main() -> None:
    """Make the animation."""
    with world(EMAILS, alone=True) as made:
        frames = asyncio.run(shoot(made))
    TARGET.write_text(animated(frames), encoding="utf-8")
    print(f"{TARGET.relative_to(ROOT)}  {TARGET.stat().st_size:,} bytes, {len(frames)} frames")  # noqa: T201


if __name__ == "__main__":
    main()
