"""Keys that arrive in a burst: none is lost in a window that opens, and their order is kept."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Input, TextArea

from tests.tui.conftest import Desk, Opens
from tests.tui.test_task import with_versions

NAMES = {"\t": "tab", "\n": "enter", " ": "space"}


async def burst(at: Desk, text: str) -> None:
    """Put all keys into the queue of the console before it handles the first of them."""
    for char in text:
        key = NAMES.get(char, char)
        at.app.post_message(events.Key(key, char if char.isprintable() else None))
    for _ in range(8):
        await at.settle()


@pytest.mark.asyncio
async def test_a_label_with_a_note_typed_in_one_burst_arrives_whole(desk: Opens) -> None:
    """Window, value, note and enter: the keys go to where they would have gone one by one."""
    async with desk() as at:
        await at.press("e")
        await burst(at, "l1\tthe roster is work\n")
        assert {"1", "the roster is work"} <= {part for part in at.engine.asked[-1] if isinstance(part, str)}


@pytest.mark.asyncio
async def test_a_note_typed_in_one_burst_keeps_its_letters(desk: Opens) -> None:
    """The window for a note has no focus yet when the first letters come."""
    async with desk() as at:
        await at.press("e")
        await burst(at, "mask Mateo twice")
        assert at.app.screen.query_one(Input).value == "ask Mateo twice"


@pytest.mark.asyncio
async def test_text_typed_into_the_editor_in_one_burst_keeps_its_order(desk: Opens) -> None:
    """Letters and line ends stand as they were typed."""
    async with desk(with_versions()) as at:
        await at.press("D")
        await burst(at, "Eab\ncd\n")
        assert at.app.screen.query_one(TextArea).text.startswith("ab\ncd\n")


@pytest.mark.asyncio
async def test_a_toast_disappears_with_the_next_key(desk: Opens) -> None:
    """Only one is shown at a time, and a key that says nothing itself takes it away."""
    async with desk() as at:
        await at.press("h")
        assert len(at.app._notifications) == 1
        await at.press("1")
        assert not at.app._notifications
