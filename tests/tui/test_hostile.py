"""Text from outside never acts: not on the terminal, not as markup, on no screen."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from core.model import (
    CommandRecord,
    Dimension,
    EmailState,
    Happening,
    KeyState,
    LabelMeaning,
    PlaceStatus,
    Resumption,
    RunState,
    RunSummary,
    Wait,
)
from tests.tui.conftest import Desk, Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import NOW, TASK, FakeRun, email, key, window
from tui.screens.modals import Confirm
from tui.widgets.panes.places import _row as place_row

pytestmark = pytest.mark.asyncio

CLIPBOARD = "\x1b]52;c;cm0gLXJm\x07"
EVIL = f"{CLIPBOARD}[red]x[/red][/][@click=app.quit]\u202eevil\x9b2J$accent\ud800"
FORBIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


def hostile_run() -> FakeRun:
    """A run in which everything that can come from outside is hostile."""
    rows = [
        email(n, EmailState.FAILED if n % 2 else EmailState.LABELED, subject=EVIL, sender=EVIL, date=EVIL)
        for n in range(9)
    ]
    rows = [replace(row, failure=EVIL, source_id=EVIL + str(row.id)) if row.failure else row for row in rows]
    return FakeRun(
        name=f"run{EVIL}",
        emails=[*rows, email(9, subject=EVIL)],
        state=RunState.WAITING,
        alive=True,
        reason=EVIL,
        beat_at=NOW,
        started_at=NOW - 10,
        epoch=2,
        wait=Wait(NOW + 30, EVIL, EVIL, EVIL),
        task=replace(TASK, labels=(LabelMeaning("1", EVIL, EVIL), LabelMeaning("0", "personal"))),
        commands=[CommandRecord("a", EVIL, EVIL, NOW - 9, NOW - 8, EVIL)],
        resumption=Resumption(NOW - 9, 2, 3, 3, 0, 1, EVIL),
        recent=(
            Happening(NOW, "labeled", EVIL, EVIL, EVIL, 0.5, 300, 0, 1),
            Happening(NOW, EVIL, EVIL, key_alias=EVIL),
            Happening(NOW, "failed", EVIL),
        ),
        outcomes={"invalid": 3, EVIL: 2},
        text=EVIL * 3,
    )


def hostile(engine: FakeEngine) -> None:
    engine.held = [
        key(f"a{EVIL}", f"org{EVIL}", KeyState.COOLING, reason=EVIL, limit=EVIL, cooldown_s=9.0),
        key(f"b{EVIL}", f"org{EVIL}", KeyState.INVALID, reason=EVIL, last4="\x1b[2J"),
    ]
    engine.quota = (replace(window(f"org{EVIL}", Dimension.TPM, 8000, 100), source=EVIL),)


def assert_inert(at: Desk, *, shows: str = "[red]x[/red]") -> None:
    """Nothing on the screen can act, and what was meant as markup stands there as it is."""
    shown = at.screen()
    assert FORBIDDEN.search(shown.replace("\n", "")) is None
    assert shows in shown


@pytest.mark.parametrize("size", [(80, 24), (120, 40), (160, 50)])
async def test_the_monitor_shows_hostile_text_as_text(desk: Opens, size: tuple[int, int]) -> None:
    """Subjects, events, keys, reasons, limits and results stand in the panes as harmless text."""
    async with desk(hostile_run(), size=size, change=hostile) as at:
        assert_inert(at)
        for digit in "34678":
            await at.press(digit, "z")
            assert_inert(at, shows="")
            await at.press("escape")


async def test_lists_and_records_show_hostile_text_as_text(desk: Opens) -> None:
    """Rows, failure groups, the record with its answers, and the window for a label stay harmless."""
    async with desk(hostile_run(), size=(150, 40), change=hostile) as at:
        await at.press("e")
        assert_inert(at)
        await at.press("f")
        assert_inert(at)
        await at.press("l")
        assert_inert(at)
        await at.press("escape", "enter")
        assert_inert(at)
        await at.press("v")
        assert_inert(at)


async def test_keys_show_hostile_text_as_text(desk: Opens) -> None:
    """Aliases and organizations stay harmless in the list, in the question and in the toast."""
    async with desk(hostile_run(), size=(150, 40), change=hostile) as at:
        await at.press("a")
        assert_inert(at, shows="a␛]52")
        await at.press("delete")
        assert isinstance(at.app.screen, Confirm)
        assert_inert(at, shows="a␛]52")
        await at.press("y")
        assert_inert(at, shows="is removed.")


async def test_the_list_of_runs_shows_hostile_names_as_text(desk: Opens) -> None:
    """A run's name and its error are foreign text too."""

    def listed(engine: FakeEngine) -> None:
        engine.all_runs = [
            RunSummary(EVIL, "/r/a.db", RunState.NEW, 1, 0, 0, NOW, NOW, 1),
            RunSummary("b", "/r/b.db", RunState.STOPPED, 0, 0, 0, NOW, NOW, 1, error=EVIL),
        ]

    async with desk(listed=True, change=listed, size=(120, 30)) as at:
        assert_inert(at)
        await at.press("down", "enter")
        assert_inert(at)


async def test_errors_in_toasts_and_state_line_are_text(desk: Opens) -> None:
    """A refusal of the engine and the trouble of a reader may quote anything."""
    async with desk(hostile_run(), change=hostile) as at:
        at.engine.refusal = EVIL
        await at.press("x")
        assert_inert(at)
        at.run.trouble = EVIL
        await at.read(later_s=7)
        assert_inert(at)


async def test_the_help_and_the_palette_survive_a_hostile_run(desk: Opens) -> None:
    """Pages made of our own words stand beside a hostile name."""
    async with desk(hostile_run(), change=hostile) as at:
        await at.press("question_mark")
        assert_inert(at, shows="this screen")
        await at.press("escape", "ctrl+p")
        assert FORBIDDEN.search(at.screen().replace("\n", "")) is None


async def test_no_word_about_a_place_reaches_the_terminal_as_it_came() -> None:
    """Name, node, state and reason stand in the run file, which may be anybody's."""
    shown = place_row(PlaceStatus(EVIL, EVIL, EVIL, EVIL, in_flight=1, rate_per_min=2.0, since_at=3.0)).plain
    assert FORBIDDEN.search(shown) is None
    assert shown.count("52;c;") == 4
