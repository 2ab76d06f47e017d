"""The README's animation moves by itself, brings nothing from elsewhere, and shows commands as commands."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

FILM = Path(__file__).parent.parent / "screenshots" / "pause-swap-resume.svg"


def test_the_animation_is_one_small_file_of_its_own() -> None:
    """It is well-formed, needs no script and no address, and is fit for a page."""
    text = FILM.read_text("utf-8")
    ET.fromstring(text)
    assert len(text.encode()) < 400_000
    assert set(re.findall(r"\w+://[^\"'\s]+", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"<script|<foreignObject|@import|url\(", text)


def test_each_command_is_seen_requested_and_then_handled() -> None:
    """Pause, swap and resume stand as requested before the worker's answer, in this order; one frame shows at a time."""
    text = FILM.read_text("utf-8").replace("\u00a0", " ")
    places = [
        text.index(word) for word in ("PAUSE REQUESTED", "PAUSED", "SWAP REQUESTED", "used first", "RESUME REQUESTED")
    ]
    assert places == sorted(places)
    frames = re.findall(r'<g id="(f\d+)">', text)
    assert len(frames) >= 8
    for frame in frames:
        assert f"@keyframes {frame}{{" in text
    assert "prefers-reduced-motion" in text
