"""Keys of the operator's own: taken where they can be, reported where they cannot, and shown everywhere."""

from __future__ import annotations

from typing import Any

import pytest

from tests.tui.conftest import Opens
from tests.tui.fake_engine import FakeEngine
from tests.tui.fakes import stopped
from tui.actions import active as actions
from tui.actions.active import ACTIONS
from tui.actions.user_keys import parsed, readable, rekeyed
from tui.screens.monitor import MonitorScreen
from tui.screens.pages import HelpScreen


def apply(table: dict[str, Any]) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    given, troubles = rekeyed(ACTIONS, table, lambda name: f"console.toml ({name})")
    return {action.id: action.keys for action in given}, troubles


@pytest.mark.parametrize(
    ("written", "key", "read"),
    [
        ("P", "P", "P"),
        ("?", "question_mark", "?"),
        ("question_mark", "question_mark", "?"),
        ("^r", "ctrl+r", "^r"),
        ("Ctrl+R", "ctrl+r", "^r"),
        ("esc", "escape", "esc"),
        ("del", "delete", "del"),
        (" ", "space", "space"),
        ("f5", "f5", "f5"),
        ("-", "minus", "-"),
    ],
)
def test_a_key_is_written_as_people_write_it(written: str, key: str, read: str) -> None:
    """Characters, names, ^ for ctrl and short names are all understood, and read back short."""
    assert parsed(written) == key
    assert readable(key) == read


@pytest.mark.parametrize("written", ["", "hyper+x", "pp", "ctrl+", "f99"])
def test_what_is_no_key_is_not_taken_for_one(written: str) -> None:
    """A slip is reported instead of bound."""
    assert parsed(written) is None


def test_keys_can_change_places() -> None:
    """Two actions may swap their keys: only the outcome must be without double meanings."""
    keys, troubles = apply({"pause": "x", "stop": ["p", "f4"]})
    assert troubles == ()
    assert keys["pause"] == ("x",)
    assert keys["stop"] == ("p", "f4")


def test_a_key_may_be_used_on_screens_that_do_not_meet() -> None:
    """New run (list of runs) and sent or raw (emails) never share a screen."""
    keys, troubles = apply({"new_run": "v"})
    assert troubles == ()
    assert keys["new_run"] == ("v",)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        ({"pause": "x"}, "console.toml (pause): x is the key of stop on the same screen. p stays the key of pause."),
        ({"puase": "P"}, "console.toml (puase): there is no such action. Did you mean pause?"),
        ({"pause": "hyper+p"}, 'console.toml (pause): "hyper+p" is no key.'),
        ({"pause": "^p"}, "console.toml (pause): ^p cannot be given away: it opens the palette. p stays its key."),
        ({"pause": 3}, "console.toml (pause): a key is a text"),
        ({"pause": []}, "console.toml (pause): a key is a text"),
        ({"pane": ["a", "b"]}, "console.toml (pane): it takes a list of 9 keys"),
    ],
)
def test_what_cannot_be_is_reported_and_the_default_stays(table: dict[str, Any], told: str) -> None:
    """File, entry, what is wrong, and which key is used."""
    keys, troubles = apply(table)
    assert len(troubles) == 1
    assert troubles[0].startswith(told)
    assert keys == {action.id: action.keys for action in ACTIONS}


def test_two_entries_that_claim_one_key_both_stay_as_they_were() -> None:
    """Neither wins by its place in the file."""
    keys, troubles = apply({"pause": "f4", "stop": "f4", "emails": "f6"})
    assert len(troubles) == 2
    assert (keys["pause"], keys["stop"], keys["emails"]) == (("p",), ("x",), ("f6",))


def settings(text: str) -> Any:
    def write(engine: FakeEngine) -> None:
        engine.settings.config_path.write_text(text)

    return write


@pytest.mark.asyncio
async def test_the_key_in_force_works_and_is_shown_everywhere(desk: Opens) -> None:
    """Footer, state line, palette, help and the sentences that name a key all follow the settings."""
    change = settings(
        '[keys]\npause = "f9"\nstart = "f5"\nhelp = "f3"\npane = ["f11", "2", "3", "4", "5", "6", "7", "8"]\n'
    )
    async with desk(stopped(), change=change) as at:
        await at.read()
        assert at.app.troubles == ()
        assert "f5 start" in at.footer()
        assert "f5 starts it again" in at.line(1)
        await at.press("s")
        assert at.engine.asked == []
        await at.press("f9")
        assert "No worker runs: f5 starts one." in at.said()
        await at.press("f11")
        assert at.app.focused is at.app.screen.query_one("ProgressPane")
        await at.press("f3")
        assert isinstance(at.app.screen, HelpScreen)
        assert "f5" in at.screen()
        await at.press("escape", "f5")
        assert [kind for kind, *_ in at.engine.asked] == ["start"]


@pytest.mark.asyncio
async def test_the_footer_keeps_the_mouse_after_keys_changed(desk: Opens) -> None:
    """A click on a hint does what its word says, whatever its key is."""
    async with desk(change=settings('[keys]\npause = "f8"\n')) as at:
        await at.pilot.click("Hints", offset=(at.footer().index("pause"), 0))
        await at.settle()
        assert at.engine.asked[0][0] == "pause"


@pytest.mark.asyncio
async def test_wrong_entries_are_reported_at_the_start(desk: Opens) -> None:
    """The console starts with the defaults and says which line is wrong."""
    change = settings('theme = "nord"\n\n[keys]\npause = "x"\nfly = "f3"\n')
    async with desk(change=change) as at:
        assert at.app.theme == "nord"
        assert "console.toml, line 4 (keys.pause): x is the key of stop" in at.said()
        assert "console.toml, line 5 (keys.fly): there is no such action." in at.said()
        await at.press("p")
        assert at.engine.asked[0][0] == "pause"
        assert isinstance(at.app.screen, MonitorScreen)


@pytest.mark.asyncio
async def test_a_console_does_not_inherit_the_keys_of_another(desk: Opens) -> None:
    """Keys belong to the console that read them."""
    async with desk(change=settings('[keys]\npause = "f8"\n')):
        assert actions.by_id("pause").keys == ("f8",)
    async with desk(change=settings("")):
        assert actions.by_id("pause").keys == ("p",)
