"""Answers that arrive after the screen that asked for them was left."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.tui.conftest import Desk, Opens
from tests.tui.test_task import with_versions

pytestmark = pytest.mark.asyncio

WAYS: dict[str, tuple[str, ...]] = {
    "record": ("e", "enter"),
    "record beside": ("e", "b", "b"),
    "turned record": ("e", "enter", "n"),
    "messages": ("e", "Y"),
    "causes": ("e", "C"),
    "filter": ("e", "f"),
    "search": ("e", "slash", "a", "enter"),
    "task": ("D",),
    "key record": ("a", "enter"),
    "key test": ("a", "t"),
    "info": ("I",),
    "undo": ("e", "U"),
    "draft": ("D", "V"),
}


class Post:
    """Keeps every question until it is let go."""

    def __init__(self, at: Desk) -> None:
        self._at = at
        self._held: list[Callable[[], None]] = []

    def ask(self, question: Callable[[Any], Any], then: Callable[[Any], None]) -> None:
        self._held.append(lambda: then(question(self._at.engine.view(self._at.run.path))))

    def send(self, job: Callable[[], Any], then: Callable[[Any], None], _: object = None) -> None:
        self._held.append(lambda: then(job()))

    def deliver(self) -> int:
        held, self._held = self._held, []
        for each in held:
            each()
        return len(held)


def slowed(at: Desk, monkeypatch: pytest.MonkeyPatch) -> Post:
    """Nothing is answered from now on."""
    post = Post(at)
    monkeypatch.setattr(at.app.poller, "ask", post.ask)
    for jobs in (at.app.jobs, at.app.chores, at.app.countings):
        monkeypatch.setattr(jobs, "send", post.send)
    return post


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "going"])
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS.keys())
async def test_an_answer_to_a_screen_that_was_left_changes_nothing(
    desk: Opens, monkeypatch: pytest.MonkeyPatch, way: tuple[str, ...], *, gone: bool
) -> None:
    """Neither once the screen is gone nor while it loses its parts; what is in sight stays, and takes keys."""
    async with desk(with_versions(), size=(160, 50)) as at:
        await at.press(*way[:-1])
        post = slowed(at, monkeypatch)
        await at.press(way[-1])
        left = at.app.screen_stack[1:]
        while len(at.app.screen_stack) > 2:
            if gone:
                await at.press("escape")
            else:
                at.app.pop_screen()
        if not gone:
            for screen in left[1:]:
                await screen.query_children("*").remove()
        delivered = post.deliver()
        await at.settle()
        assert delivered
        assert len(at.app.screen_stack) == 2
        monkeypatch.undo()
        await at.press("e")
        assert len(at.app.screen_stack) == 3


async def test_an_answer_while_a_screen_is_in_sight_is_shown(desk: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same slowness, and nobody leaves: it arrives."""
    async with desk(with_versions()) as at:
        post = slowed(at, monkeypatch)
        await at.press("D")
        assert "Answer 1 or 0." not in at.screen()
        post.deliver()
        await at.settle()
        assert "Answer 1 or 0." in at.screen()
