"""What the last two steps to a new run do, settings and forecast, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from core.engine import NewRunRequest
from tests.tui.bare import GONE, Noted, Part, Parts, Rowed, composed, made, never, step, texts_of
from tests.tui.conftest import toned
from tests.tui.fakes import KEYS, TASK
from tui.actions import active  # noqa: F401 - it names the keys
from tui.screens.new_run import forecast
from tui.screens.new_run.forecast import ForecastStep
from tui.screens.new_run.settings import SettingsStep

COMMAND = NewRunRequest("mail.csv", "mail")


# -- the settings ------------------------------------------------------------------------------------------------------------


def test_settings_begin_with_a_name_for_their_source() -> None:
    """Proposed once a source; the field is left as it is on a step that was left."""
    found, app = step(SettingsStep, answers={"name_for": "mail"}, _run_name=Part(), _source="")
    found.begin(COMMAND)
    found.begin(COMMAND)
    assert (app.told, found._run_name.value, found._run_name.cursor_position, found._run_name.done) == (
        ["name_for"],
        "mail",
        4,
        ["focus", "focus"],
    )
    left, _ = step(SettingsStep, _run_name=Part(), **GONE)
    left._propose("mail")
    assert left._run_name.value == ""
    failed, app = step(SettingsStep, failing="no folder", _run_name=Part(), _source="")
    failed.begin(COMMAND)
    assert app.told == ["refused: no folder"]
    whole = made(SettingsStep, Noted())
    assert texts_of(whole) == [
        "<$quiet>Name",
        "[run-name: ]",
        "<$quiet>Model",
        "[model: ]",
        "<$quiet>Server (name or address)",
        "[base-url: ]",
        "",
        "",
    ]
    assert [
        (choice.value, [value for value, _ in choice._options])
        for choice in (whole._work_order, whole._dedupe, whole._pack)
    ] == [("shuffled", ["shuffled", "source"]), ("yes", ["yes", "no"]), ("", ["", "1", "2", "5", "10", "20", "0"])]


def settled(**fields: Any) -> tuple[Any, Any]:
    """The step of the settings with what was typed."""
    given = {"name": " mail ", "model": " m ", "url": "", "order": "source", "dedupe": "no", "pack": "5", **fields}
    return step(SettingsStep, answers={"name_trouble": given.get("trouble", "")}, _run_name=Part(value=given["name"]), _model=Part(value=given["model"]), _url=Part(value=given["url"]),
                _work_order=SimpleNamespace(value=given["order"]), _dedupe=SimpleNamespace(value=given["dedupe"]), _pack=SimpleNamespace(value=given["pack"]))  # fmt: skip


@pytest.mark.parametrize(
    ("fields", "wanted"),
    [
        ({}, ("mail", "m", "", "source", False, 5)),
        ({"order": None, "dedupe": "yes", "pack": ""}, ("mail", "m", "", "shuffled", True, None)),
        ({"dedupe": None, "url": " https://x.example/v1 "}, ("mail", "m", "https://x.example/v1", "source", True, 5)),
    ],
    ids=count(),
)
def test_settings_are_taken_with_their_defaults(fields: Any, wanted: Any) -> None:
    """What is typed loses its blanks."""
    taken = settled(**fields)[0].take(COMMAND)
    assert (taken.name, taken.model, taken.base_url, taken.order, taken.dedupe, taken.pack) == wanted


@pytest.mark.parametrize(
    ("fields", "focus", "said"),
    [
        ({"name": " "}, "_run_name", "refused: Give the run a name."),
        ({"trouble": "it exists."}, "_run_name", "refused: it exists."),
        (
            {"url": "no where"},
            "_url",
            "refused: The base URL 'no where' has spaces or characters that no URL has. Give it plainly, such as https://api.groq.com or http://localhost:11434/v1.",
        ),
    ],
    ids=count(),
)
def test_a_setting_that_cannot_be_gets_the_focus(fields: Any, focus: str, said: Any) -> None:
    """Why not is said."""
    found, app = settled(**fields)
    assert found.take(COMMAND) is None
    assert (getattr(found, focus).done, app.told[-1]) == (["focus"], said)


# -- the forecast ------------------------------------------------------------------------------------------------------------


def forecasting(**state: Any) -> tuple[Any, Any]:
    """The step of the forecast."""
    usual = {
        "_keys": Part(),
        "_told": Part(),
        "_planned": None,
        "_lines": (),
        "_address": None,
        "_held": (),
        "_keys_asked": None,
        "size": SimpleNamespace(width=40, height=24),
    }
    return step(ForecastStep, **{**usual, **state})


def test_another_request_is_planned_anew() -> None:
    """The ways to go on are listed each time."""
    found, app = forecasting(_plan=lambda command: app.told.append(command.name))
    found.begin(COMMAND)
    assert app.told == ["mail"]
    found._planned = COMMAND
    found.begin(COMMAND)
    assert (app.told, found._rows.done) == (["mail"], ["focus", "focus"])
    assert [(row.value, row.cells) for row in found._rows.rows] == [
        ("try", (("try it on 10 first", "bold $bright"), ("labels ten different texts, then pauses", "$quiet"))),
        ("start", (("create it and start", "bold $bright"), ("a worker begins in the background", "$quiet"))),
        ("make", (("create it only", "bold $bright"), ("nothing is sent until you start it", "$quiet"))),
    ]
    assert [each.width for each in forecast.COLUMNS] == [28, 0]
    assert [each.id for each in composed(made(ForecastStep, Noted())) if each.id] == ["forecast", "ways"]


def test_a_forecast_is_made_beside_the_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its lines are computed there too, and are of one row each."""
    monkeypatch.setattr(forecast, "plan_lines", lambda planned, task: ["one\ntwo \x1b", "x" * 6_000])
    found, app = forecasting(
        answers={"forecast": ("planned", TASK)},
        _show=lambda command, made_: app.told.append((command, made_)),
        _lines=("old",),
        _address="old",
    )
    found._plan(COMMAND)
    assert app.told == ["forecast", (COMMAND, (TASK, ("one two ␛", "x" * 4_999 + "…")))]
    assert (found._planned, found._lines, found._address, toned(found._told.content)) == (
        COMMAND,
        (),
        None,
        "<$quiet>calculating …",
    )
    found, app = forecasting(failing="no source")
    found._plan(COMMAND)
    assert (found._planned, toned(found._told.content), app.told) == (
        None,
        "<$quiet>no forecast",
        ["refused: no source"],
    )


@pytest.mark.parametrize("state", [{"_planned": None}, {"_planned": COMMAND, **GONE}], ids=["another", "left"])
def test_a_forecast_that_is_wanted_no_more_is_not_shown(state: Any) -> None:
    """Nor why it failed, nor keys of its server."""
    found, app = forecasting(**state, _show_keys=never)
    found._show(COMMAND, (TASK, ("line",)))
    found._failed(COMMAND, "late")
    found._show_keys_of(COMMAND, KEYS)
    assert (found._lines, app.told) == ((), [])


def test_a_forecast_is_shown_and_its_server_looked_for() -> None:
    """Keys of a named server are shown for it."""
    found, app = forecasting(
        _planned=COMMAND,
        _draw=lambda: app.told.append("draws"),
        _look_for=lambda command, task: app.told.append((command, task)),
        _show_keys=lambda keys: app.told.append(len(keys)),
    )
    found._show(COMMAND, (TASK, ("line",)))
    assert (found._lines, app.told) == (("line",), ["", "draws", (COMMAND, TASK)])
    found._show_keys_of(COMMAND, KEYS)
    assert app.told[3:] == [4]


@pytest.mark.parametrize(
    ("named", "usual", "read_only", "asked"),
    [
        ("https://x.example", None, False, True),
        ("", "https://y.example", False, True),
        ("", None, False, False),
        ("https://x.example", None, True, False),
    ],
    ids=count(),
)
def test_a_server_is_asked_where_it_answers(named: str, usual: Any, read_only: bool, asked: bool) -> None:
    """Where one is named, here or in the settings; a read-only console asks none."""
    calls: list[Any] = []
    found, app = forecasting(_show_address=lambda command, answer: calls.append(answer))
    app.engine = SimpleNamespace(
        settings=SimpleNamespace(base_url=usual),
        read_only=read_only,
        address_for=lambda *given: calls.append(given) or "found",
    )
    found._look_for(replace(COMMAND, base_url=named), TASK)
    assert calls == ([(named, TASK.model.model), "found"] if asked else [])


@pytest.mark.parametrize(
    ("width", "height", "lines", "rows", "room", "scrolls"),
    [
        (40, 24, ("  server    " + "word " * 10, "a line"), ["  server    word word word word word", "            word word word word word", "a line"], 17, False),
        (20, 9, ("a line of words that is long",) * 4, ["a line of words that is", "long"] * 4, 4, True),
        (40, 9, ("a",) * 4, ["a"] * 4, 4, False),
    ],
    ids=count(),
)  # fmt: skip
def test_a_forecast_is_drawn_in_as_many_rows_as_it_needs(
    width: int, height: int, lines: Any, rows: Any, room: int, scrolls: bool
) -> None:
    """Beside its names; one that is longer than the rest of the screen is scrolled."""
    parts = Parts()
    found, _ = forecasting(query_one=parts, size=SimpleNamespace(width=width, height=height), _lines=lines)
    found.on_resize()
    pane = parts.of["#forecast"]
    assert (found._told.shown.split("\n"), pane.styles.max_height, pane.can_focus) == (rows, room, scrolls)
    nothing, _ = forecasting(query_one=Parts())
    nothing.on_resize()
    assert nothing._told.content == ""


@pytest.mark.parametrize(
    ("keys", "shown"),
    [
        ((), "<$foreground>  keys      <bold $waiting>no key yet: a adds one"),
        (
            (replace(KEYS[0], alias="a" * 30),),
            f"<$foreground>  keys      <bold $bright>1 key<$quiet> of 1 organization · {'a' * 23}… …main",
        ),
        (KEYS[:2], "<$foreground>  keys      <bold $bright>2 keys<$quiet> of 1 organization · main …main, spare …pare"),
        (
            (replace(KEYS[0], alias="no-key"),),
            "<$foreground>  keys      <$quiet>none: this server is asked without one",
        ),
    ],
    ids=count(),
)
def test_keys_stand_below_the_forecast(keys: Any, shown: str) -> None:
    """As many as can be used; nothing is planned again where nothing was."""
    found, _ = forecasting(_plan=never)
    found._show_keys(keys)
    assert (toned(found._keys.content), found._held) == (shown, keys)


@pytest.mark.parametrize(("selected", "way"), [("start", "start"), (None, "make")])
def test_a_run_is_made_in_the_way_under_the_cursor(selected: Any, way: str) -> None:
    """Only created where there is none."""
    found, app = forecasting(_rows=Rowed(selected))
    assert found.way == way
    if way == "start":
        assert (found.take(COMMAND), app.told) == (
            None,
            ["refused: There is no usable key: a adds one. Or create the run only."],
        )


@pytest.mark.parametrize(("width", "cells"), [(40, 38), (26, 24), (10, 24)])
def test_a_line_of_the_forecast_has_the_width_of_its_pane(width: int, cells: int) -> None:
    """24 cells at least; one more is a row of its own."""
    found, _ = forecasting(
        query_one=Parts(), size=SimpleNamespace(width=width, height=24), _lines=("x" * cells, "x" * (cells + 1))
    )
    found._draw()
    assert [len(row) for row in found._told.shown.split("\n")] == [cells, cells, 1]


@pytest.mark.parametrize(
    ("name", "told"),
    [(" ", "refused: Give the run a name."), ("mail", "tab ↑↓ next field · ← → choose · enter next step")],
)
def test_the_name_of_a_run_is_looked_at_while_it_is_typed(name: str, told: str) -> None:
    """The step takes the key for itself."""
    found, app = settled(name=name)
    found.on_input_changed(SimpleNamespace(stop=lambda: app.told.append("stops")))
    assert (app.told[0], app.told[-1]) == ("stops", told)
