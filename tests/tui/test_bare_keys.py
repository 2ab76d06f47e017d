"""What the list of keys, the record of one and their windows do, without a console."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.model import Dimension, KeyState, ModelSettings
from tests.tui.bare import GONE, Noted, Part, Parts, bare, composed, made, texts_of
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import KEYS, NOW, SPENT, TROUBLES, WINDOWS, running, settings_in, window
from tui.actions import active  # noqa: F401 - it names the keys
from tui.actions.context import Context, Scope
from tui.actions.enabled import bench_blocked
from tui.screens.base_screen import BaseScreen
from tui.screens.keys import list as keys_list
from tui.screens.keys.editing import KeyEditing
from tui.screens.keys.list import KeysScreen
from tui.screens.keys.record import KeyRecordScreen, _trouble
from tui.screens.keys.windows import AddKey, NewKey, Regroup, _seems_secret, ask_for_key
from tui.view_state import ViewState
from tui.widgets.lists import rows as of_rows
from tui.widgets.panes.keys import Organization

SECRET = "gsk_" + "a" * 52
LONG = "k" * 60

pytestmark = pytest.mark.usefixtures("utc")


def data(**more: Any) -> Any:
    """What a screen is given: four keys and their windows, read just now."""
    given = {"now": NOW, "keys": KEYS, "windows": WINDOWS, "read_at": NOW, **more}
    return SimpleNamespace(view_state=ViewState(**given), now=NOW, requested=())


# -- the list -----------------------------------------------------------------------------------------------------------


class Listed:
    """Rows that keep what they are told."""

    def __init__(self, selected: Any = None) -> None:
        self.selected = None if selected is None else SimpleNamespace(value=selected)
        self.rows: Any = None
        self.empty = ""

    def set_rows(self, rows: Any) -> None:
        self.rows = rows


def listed(app: Noted, width: int = 120, **state: Any) -> Any:
    """The list of keys in that width."""
    app.settings = settings_in(Path("/x"))  # type: ignore[attr-defined]
    app.preferences = SimpleNamespace(keyring=state.pop("keyring", False))  # type: ignore[attr-defined]
    return bare(KeysScreen, app, **{"_rows": Listed(), "size": SimpleNamespace(width=width), **state})


def test_a_new_list_of_keys_has_the_focus_on_its_rows() -> None:
    """It is laid out anew with its width, unless the view is held or nothing was read."""
    app = Noted()
    screen = made(
        KeysScreen, app, call_after_refresh=lambda _, call, data: app.told.append(f"later {call.__name__} {data}")
    )
    screen.on_mount()
    assert (app.told, screen.focused_by_test, [each.id for each in composed(screen)][2:3]) == (
        ["receives data"],
        [screen._rows],
        ["keys"],
    )
    app.held = False  # type: ignore[attr-defined]
    screen.on_resize()
    screen.data = "given"
    screen.on_resize()
    app.held = True  # type: ignore[attr-defined]
    screen.on_resize()
    assert app.told[1:] == ["later show given"]


def test_keys_stand_below_the_windows_of_their_organization() -> None:
    """Seconds that they wait are whole."""
    screen = listed(Noted())
    screen.show(data(keys=(*KEYS[:2], replace(KEYS[2], cooldown_s=40.2))))
    assert [row.id for row in screen._rows.rows] == [
        ("organization", "org_a"),
        ("window", "org_a", Dimension.TPM),
        ("window", "org_a", Dimension.TPD),
        ("key", "main"),
        ("key", "spare"),
        ("organization", "org_b"),
        ("window", "org_b", Dimension.TPM),
        ("window", "org_b", Dimension.TPD),
        ("key", "lab"),
    ]
    assert screen._rows.rows[-1].value.cooldown_s == 41.0


@pytest.mark.parametrize(
    ("given", "empty", "keyring"),
    [
        (data(keys=(), windows=()), "\nThere is no key yet. Three ways to add one:\n\n  a                    adds one here, saved in keys.toml, readable by you only\n", False),
        (data(keys=(), windows=()), "\nThere is no key yet. Three ways to add one:\n\n  a                    adds one here, saved in the system's keyring\n", True),
        (data(keys=(), windows=(), keys_trouble="t" * 500), f"\n {'t' * 399}…", False),
        (data(keys=(), windows=(), read_at=None, keys_trouble="no\nfolder"), "\n no folder", False),
    ],
    ids=count(),
)  # fmt: skip
def test_without_keys_it_is_said_how_to_add_one(given: Any, empty: str, keyring: bool) -> None:
    """Or why they cannot be read; nothing before they were."""
    screen = listed(Noted(), keyring=keyring)
    screen.show(given)
    assert (screen._rows.rows, screen._rows.empty[: len(empty)]) == ([], empty)
    assert ("keys.toml is /x/keys.toml" in screen._rows.empty) is (not given.view_state.keys_trouble)
    unread = listed(Noted())
    unread.show(data(read_at=None))
    assert unread._rows.rows is None


@pytest.mark.parametrize(
    ("group", "cells"),
    [
        (Organization("org_a", KEYS[:2], ()), ("org_a", "2 keys", "$quiet")),
        (Organization("", KEYS[:1], ()), ("unknown organization", "1 key", "$quiet")),
        (Organization("org_a", (KEYS[2], replace(KEYS[2], organization_known=False)), ()),
         ("org_a", "no key usable for 00:41 · not confirmed by a reply yet", "$cooling")),
    ],
    ids=count(),
)  # fmt: skip
def test_the_head_of_an_organization_says_what_it_has(group: Any, cells: Any) -> None:
    """How long none of its keys can be used, and whether a reply has named it."""
    row = keys_list._head(group)
    assert (row.cells[0], row.cells[1], row.cells[2]) == ((cells[0], "bold $bright"), ("", ""), cells[1:])
    assert (row.id, row.selectable, row.span_from) == (("organization", group.name), False, 2)


@pytest.mark.parametrize(
    ("shown", "roomy", "cells"),
    [
        (
            window("org_a", Dimension.TPM, 8_000, 5_600),
            True,
            (
                ("TPM", "$quiet"),
                ("70 %", "$foreground"),
                ("████████████████▊       ", "$running"),
                ("5,600 of 8,000 tokens per minute · refills in 00:42", "$foreground"),
            ),
        ),
        (
            window("org_a", Dimension.TPM, 8_000, 5_600),
            False,
            (
                ("TPM", "$quiet"),
                ("70 %", "$foreground"),
                ("████████████████▊       ", "$running"),
                ("5,600 of 8,000 · refills 00:42", "$foreground"),
            ),
        ),
        (
            window("org_a", Dimension.RPD, 1_000, 0),
            True,
            (
                ("RPD", "$quiet"),
                ("0 %", "$foreground"),
                ("                        ", "$running"),
                ("0 of 1,000 requests per day · full", "$foreground"),
            ),
        ),
        (
            replace(window("org_a", Dimension.TPM, 8_000, 0), available=9_000, full_in_s=0.0, source="stated"),
            True,
            (
                ("TPM", "$quiet"),
                ("0 %", "$foreground"),
                ("                        ", "$running"),
                ("0 of 8,000 tokens per minute · full · stated", "$foreground"),
            ),
        ),
        (
            replace(window("org_a", Dimension.TPM, 8_000, 5_600), source="stated"),
            False,
            (
                ("TPM", "$quiet"),
                ("70 %", "$foreground"),
                ("████████████████▊       ", "$running"),
                ("5,600 of 8,000 · refills 00:42", "$foreground"),
            ),
        ),
        (
            replace(window("org_a", Dimension.TPM, 8_000, 8), full_in_s=0.5),
            True,
            (
                ("TPM", "$quiet"),
                ("<1 %", "$foreground"),
                ("▏                       ", "$running"),
                ("8 of 8,000 tokens per minute · refills in 00:01", "$foreground"),
            ),
        ),
    ],
    ids=count(),
)
def test_a_window_is_a_row_with_its_bar(shown: Any, roomy: bool, cells: Any) -> None:
    """In few words where columns are few; it cannot be chosen."""
    row = keys_list._window(shown, roomy=roomy)
    assert row.cells == cells
    assert (row.id, row.selectable, row.indent, row.span_from) == (("window", "org_a", shown.dimension), False, 2, 3)


@pytest.mark.parametrize(("width", "roomy"), [(109, False), (110, True)])
def test_limits_are_named_in_words_from_110_columns_on(width: int, roomy: bool) -> None:
    """Below that they are refilled in fewer."""
    screen = listed(Noted(), width)
    screen.show(data())
    assert ("refills in" in screen._rows.rows[1].cells[3][0]) is roomy


@pytest.mark.parametrize(
    ("key", "width", "rows"),
    [
        (
            KEYS[0],
            120,
            [
                "bold $foreground:main | $quiet:…main | $running:● ready                  | $bright:412 | $waiting:1 | $quiet:367k | $quiet:"
            ],
        ),
        (
            KEYS[2],
            120,
            [
                "bold $foreground:lab | $quiet:…xlab | $cooling:◌ cooling 00:41 TPM      | $bright:412 | $waiting:3 | $quiet:367k | $quiet:429"
            ],
        ),
        (
            KEYS[3],
            120,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:since 14:00:00 the API refused it"
            ],
        ),
        (
            replace(KEYS[3], since_at=None),
            120,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:the API refused it"
            ],
        ),
        (
            replace(KEYS[3], reason=""),
            120,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:"
            ],
        ),
        (
            replace(KEYS[3], reason="word " * 14),
            80,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:",
                ": | $quiet:since 14:00:00 word word word word word word word word word",
                ": | $quiet:word word word word word",
            ],
        ),
        (
            replace(KEYS[3], reason="word " * 6, since_at=None),
            10,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:",
                ": | $quiet:word word word word",
                ": | $quiet:word word",
            ],
        ),
        (
            replace(KEYS[3], reason="word " * 100, since_at=None),
            400,
            [
                "bold $foreground:old | $quiet:…xold | $failed:✕ invalid                | $bright:412 | $waiting:1 | $quiet:367k | $quiet:",
                ": | $quiet:word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word word",
                ": | $quiet:word word word word…",
            ],
        ),
    ],
    ids=count(),
)
def test_a_key_is_a_row_with_its_reason_beside_or_below(key: Any, width: int, rows: Any) -> None:
    """Below it where the column is too narrow; only the key itself can be chosen."""
    found = keys_list._key(key, width)
    assert [" | ".join(f"{tone}:{text}" for text, tone in row.cells) for row in found] == rows
    assert (found[0].value, found[0].indent, [row.selectable for row in found]) == (
        key,
        2,
        [True, *[False] * (len(found) - 1)],
    )
    assert [(row.id, row.span_from) for row in found[1:]] == [(("why", key.alias, n), 1) for n in range(len(found) - 1)]


def test_without_a_run_the_state_line_counts_keys() -> None:
    """With a run it is that of the run."""
    found = listed(Noted()).headline(data())
    said = found.state_sentence
    assert f"{found.name}: {said.glyph} {said.word} {said.tone}: {said.sentence}" == (
        f"labeltui: ◇ 4 keys accent: 2 organizations · quotas of {ModelSettings().model}"
    )
    assert (found.simulated, found.age_s, found.now) == (False, 0.0, NOW)
    of_run = data(path=Path("enron.db"), snapshot=running(40, 20).snapshot(NOW))
    assert KeysScreen.headline(made(KeysScreen, Noted()), of_run) == BaseScreen.headline(
        made(KeysScreen, Noted()), of_run
    )


def test_keys_of_the_list_act_on_the_one_under_the_cursor() -> None:
    """A heading is none."""
    app = Noted()
    screen = listed(app, _rows=Listed(KEYS[0]), hint=lambda: app.told.append("hint"))
    screen.on_rows_moved()
    screen.on_rows_chosen()
    screen.do_open()
    screen.do_add()
    assert app.told == ["hint", "performs open", "KeyRecordScreen", "AddKey"]
    assert (screen.selected(), screen.selected_key(), app.windows[0][0]._alias) == (KEYS[0], KEYS[0], "main")
    for selected in (None, "a heading"):
        screen._rows = Listed(selected)
        screen.do_open()
        assert (screen.selected(), screen.selected_key()) == (None, None)
    assert len(app.windows) == 2


# -- what is done with a key ----------------------------------------------------------------------------------------------

PINNED, OUT = replace(KEYS[0], pinned=True), replace(KEYS[0], state=KeyState.DISABLED)


@pytest.mark.parametrize(
    ("act", "key", "told"),
    [
        ("do_toggle", KEYS[0], ["set_enabled False", "main is disabled."]),
        ("do_toggle", OUT, ["set_enabled True", "main is enabled."]),
        ("do_toggle", replace(KEYS[0], alias=LONG), ["set_enabled False", f"{LONG[:39]}… is disabled."]),
        ("do_pin", KEYS[0], ["pin_key main", "main is used first; the others take the rest."]),
        ("do_pin", PINNED, ["pin_key None", "No key is pinned."]),
        ("do_try_key", KEYS[0], ["Checking main with one short question …", "try_key main", "information: main: it works.", "hurry"]),
        ("do_regroup", KEYS[0], ["Regroup"]),
        ("do_clear_bench", KEYS[0], ["Confirm"]),
        ("do_remove", KEYS[0], ["Confirm"]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_is_acted_on(act: str, key: Any, told: list[str]) -> None:
    """Nothing happens without one."""
    app = Noted()

    def does(name: str) -> Any:
        def asked(*given: Any, **named: Any) -> Any:
            app.told.append(
                " ".join(map(str, (name, *given[2:], *named.values()))) if name != "pin_key" else f"{name} {given[1]}"
            )
            return SimpleNamespace(works=True, sentence="it works.")

        return asked

    app.engine = SimpleNamespace(
        set_enabled=does("set_enabled"), pin_key=does("pin_key"), try_key=lambda run, alias: does(f"try_key {alias}")()
    )  # type: ignore[assignment]
    app.view_state.keys = KEYS
    screen = bare(KeyEditing, app, selected_key=lambda: key)
    getattr(screen, act)()
    assert app.told == told
    screen.selected_key = lambda: None
    getattr(screen, act)()
    assert app.told == told


def test_a_key_that_does_not_work_is_told_as_an_error() -> None:
    """As soon as the check is through."""
    app = Noted(try_key=SimpleNamespace(works=False, sentence="it is refused."))
    bare(KeyEditing, app, selected_key=lambda: KEYS[0]).do_try_key()
    assert app.told == ["Checking main with one short question …", "try_key", "error: main: it is refused.", "hurry"]


def test_a_key_is_regrouped_removed_or_used_again_after_a_question() -> None:
    """A window that is left changes nothing."""
    app = Noted(clear_bench=())
    app.view_state.keys = (*KEYS, replace(KEYS[0], organization="org_z", organization_known=False))
    screen = bare(KeyEditing, app, selected_key=lambda: KEYS[2])
    screen.do_regroup()
    app.answer(None)
    app.answer("o" * 50)
    window = app.windows[0][0]
    assert (window._alias, window._organization, window._known) == ("lab", "org_b", ["org_a"])
    assert app.told == ["Regroup", "regroup_key", f"lab is shown under {'o' * 39}…."]
    screen.do_clear_bench()
    app.answer(False)
    app.answer(True)
    assert (
        app.windows[1][0]._question
        == "Use org_b again at once? It waits 00:41 more for TPM. Its wait is cleared, and limits too low for a call are taken as full, for all of its keys. If the limit still applies, the next call is refused."
    )
    assert app.told[3:] == ["Confirm", "clear_bench", "org_b may be used again: nothing was left to clear.", "hurry"]
    app.answers["clear_bench"] = ("a wait", "a limit")
    app.answer(True)
    assert app.told[-2] == "org_b may be used again: cleared a wait; a limit."
    screen.selected_key = lambda: replace(KEYS[0], organization=LONG, alias=LONG, last4="12345")
    screen.do_clear_bench()
    assert app.windows[2][0]._question.startswith(f"Use {LONG[:39]}… again at once? It waits 00:00 more. Its wait")
    screen.do_remove()
    app.answer(False)
    app.answer(True)
    assert app.windows[3][0]._question == f"Remove the key {LONG[:39]}… (…123…)? Its secret cannot be restored."
    assert app.told[-2:] == ["remove_key", f"{LONG[:39]}… is removed."]


# -- windows ------------------------------------------------------------------------------------------------------------


def adding(app: Noted, **state: Any) -> Any:
    """The window that adds a key, which keeps what it refuses."""
    window = made(
        AddKey,
        app,
        lambda new, _: app.told.append(f"tries {new}"),
        lambda new, _: app.told.append(f"saves {new.alias}"),
        **state,
    )
    window._refusal = SimpleNamespace(say=lambda text, tone="$failed": app.told.append(f"{tone} {text}"))
    return window


def test_the_window_that_adds_a_key_hides_its_secret() -> None:
    """It asks for a name and an organization, which both can be left out."""
    assert texts_of(made(AddKey, Noted(), None, None)) == [
        "<bold $bright>Add a key",
        "Secret (paste it; it is not shown)",
        "[secret: ]",
        "Alias (optional)",
        "[alias: ]",
        "Organization (optional; the first 429 names it)",
        "[organization: ]",
        "",
        "<bold $accent>enter<> check and save  <bold $accent>tab<> next  <bold $accent>esc<> cancel",
    ]
    assert [each.password for each in composed(made(AddKey, Noted(), None, None)) if hasattr(each, "password")] == [
        True,
        False,
        False,
    ]
    assert repr(NewKey("main", "org_a", SECRET)) == "NewKey(alias='main', organization='org_a', secret=…)"


@pytest.mark.parametrize(
    ("typed", "tried", "told"),
    [
        ({"secret": "", "alias": "", "organization": ""}, "", ["$failed Paste the secret first: it begins with gsk_."]),
        ({"secret": SECRET, "alias": "main", "organization": "org_a"}, "",
         ["$waiting checking it with one short question …", "tries NewKey(alias='main', organization='org_a', secret=…)"]),
        ({"secret": SECRET, "alias": "main", "organization": ""}, SECRET, ["saves main"]),
        ({"secret": SECRET, "alias": SECRET, "organization": ""}, "", ["$failed A secret belongs in the first field, not in a name: remove it there."]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_typed_key_is_tried_and_saved(typed: Any, tried: str, told: list[str]) -> None:
    """Nothing is sent twice while it is being checked."""
    app = Noted()
    parts = Parts(**typed)
    window = adding(app, query_one=parts)
    window._tried = tried
    window.on_input_submitted()
    assert app.told == told
    assert parts.of["#secret"].done == ([] if typed["secret"] else ["focus"])
    if len(told) == 2:
        window.on_input_submitted()
        assert (app.told, window._trying) == (told, SECRET)


def test_a_secret_in_a_name_is_masked_and_another_one_is_tried_anew() -> None:
    """The keys of the window say what enter does."""
    app = Noted()
    line = Part()
    window = adding(app, query_one=lambda *_: line)
    name = SimpleNamespace(id="alias", password=False)
    window.on_input_changed(SimpleNamespace(input=name, value="gsk_1"))
    window.on_input_changed(SimpleNamespace(input=name, value="gsk_12"))
    assert (name.password, app.told) == (
        True,
        ["$failed That looks like a secret, and is masked: it belongs in the first field."],
    )
    secret = SimpleNamespace(id="secret", password=True)
    window._tried = SECRET
    for value, tried in ((f" {SECRET} ", SECRET), (SECRET + "b", ""), (SECRET, "")):
        window.on_input_changed(SimpleNamespace(input=secret, value=value))
        assert window._tried == tried
    assert (app.told[1:], line.content) == (["$quiet "], "enter:check and save tab:next esc:cancel")
    open_ = SimpleNamespace(id="secret", password=False)
    window.on_input_changed(SimpleNamespace(input=open_, value=SECRET))
    assert (open_.password, len(app.told)) == (False, 2)


@pytest.mark.parametrize(
    ("works", "gone", "told", "offered"),
    [(True, {}, ["saves main"], ""), (False, {}, ["$failed ✕ It is refused. It is not saved yet."], "enter:save it anyway tab:next esc:cancel"), (True, GONE, [], "")],
    ids=count(),
)  # fmt: skip
def test_a_key_that_works_is_saved_at_once(works: bool, gone: Any, told: list[str], offered: str) -> None:
    """One that does not is saved where its operator insists."""
    app = Noted()
    line = Part()
    window = adding(app, query_one=lambda *_: line, **gone)
    window._trying = SECRET
    window.told(NewKey("main", "", SECRET), SimpleNamespace(works=works, sentence="It is refused."))
    assert (app.told, line.content) == (told, offered)
    assert (window._trying, window._tried) == ((SECRET, "") if gone else ("", SECRET))
    window._trying = SECRET
    window.refuse("no")
    window.action_leave()
    assert (window._trying, app.told[-2:]) == ("", ["$failed no", "ends with None"])


def regrouping(app: Noted, known: Any = ("org_a", "org_b", "org_c"), **typed: str) -> tuple[Any, Parts]:
    """The window that regroups a key of org_b."""
    parts = Parts(**{"organization": "", **typed})
    app.notify = lambda text, **more: app.told.append(f"{more['severity']}: {text}")  # type: ignore[attr-defined]
    return made(Regroup, app, "main", "org_b", known, query_one=parts), parts


def test_known_organizations_are_walked_through() -> None:
    """From no one to the first or the last, and round."""
    app = Noted()
    window, parts = regrouping(app)
    window.on_mount()
    assert (
        toned(parts.of["#labels"].content) == "<bold $accent>  <$foreground>org_a<>\n<bold $accent>  <$foreground>org_c"
    )
    walked = []
    for step in (1, 1, 1, -1, -1):
        window.action_move(step)
        walked.append(window._chosen)
    assert walked == [0, 1, 0, 1, 0]
    assert (
        toned(parts.of["#labels"].content)
        == "<bold $accent>▸ <bold $bright>org_a<>\n<bold $accent>  <$foreground>org_c"
    )
    back, _ = regrouping(app)
    back.action_move(-1)
    assert back._chosen == 1
    back.on_input_changed(SimpleNamespace(value=""))
    assert back._chosen == 1
    back.on_input_changed(SimpleNamespace(value="x"))
    assert back._chosen == -1
    nobody, shown = regrouping(app, ("org_b",))
    nobody.action_move(1)
    nobody._draw()
    assert (nobody._chosen, shown.of["#labels"].shown) == (-1, "no other organization is known yet")
    many, _ = regrouping(app, [f"o{n}" for n in range(12)])
    assert many._known == [f"o{n}" for n in range(8)]
    long, shown = regrouping(app, [LONG])
    long._draw()
    assert shown.of["#labels"].shown == f"  {LONG[:49]}…"


@pytest.mark.parametrize(
    ("chosen", "typed", "told"),
    [
        (-1, " org_x ", "ends with 'org_x'"),
        (-1, " ", "warning: Name an organization, or choose a known one."),
        (0, "org_x", "ends with 'org_a'"),
        (1, "", "ends with 'org_c'"),
    ],
    ids=count(),
)
def test_an_organization_is_typed_or_chosen(chosen: int, typed: str, told: str) -> None:
    """The chosen one counts."""
    app = Noted()
    window, _ = regrouping(app, organization=typed)
    window._chosen = chosen
    window.action_save()
    assert app.told == [told]
    window.action_leave()
    assert app.told[1:] == ["ends with None"]


def test_the_window_that_regroups_a_key_says_which() -> None:
    """Names that are long are cut."""
    assert texts_of(made(Regroup, Noted(), LONG, LONG, ())) == [
        "<bold $bright>Which organization does kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk… belong to?",
        "<$quiet>now kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk… · its name here until a reply states it",
        "",
        "Another one",
        "[organization: ]",
        "<$quiet>A reply that names its organization overrides it.",
        "<bold $accent>↑↓<> choose a known one  <bold $accent>enter<> save  <bold $accent>esc<> cancel",
    ]


def test_a_key_is_asked_for_checked_and_saved() -> None:
    """For its server; what is left empty is chosen by the key store."""
    calls: list[Any] = []
    app = Noted()
    app.preferences = SimpleNamespace(keyring=True)  # type: ignore[attr-defined]
    trial = SimpleNamespace(works=True, sentence="")
    app.engine = SimpleNamespace(  # type: ignore[assignment]
        try_secret=lambda *given: calls.append(given) or trial,
        add_key=lambda *given, **named: calls.append((*given, *named.values())) or "a" * 50,
    )
    ask_for_key(app, "https://x.example")  # type: ignore[arg-type]
    window = app.windows[0][0]
    seen: list[Any] = []
    shown = SimpleNamespace(
        told=lambda *given: seen.append(given), refuse=None, dismiss=lambda _: seen.append("closed")
    )
    new = NewKey("", "", SECRET)
    window._try(new, shown)
    window._save(new, shown)
    assert calls == [
        (Path("run.db"), SECRET, "https://x.example"),
        (Path("run.db"), SECRET, None, None, True, "https://x.example"),
    ]
    assert (seen, app.told) == ([(new, trial), "closed"], ["AddKey", f"{'a' * 39}… is saved.", "hurry"])
    window._save(NewKey("main", "org_a", SECRET), shown)
    assert calls[2][2:4] == ("main", "org_a")


# -- the record of a key --------------------------------------------------------------------------------------------------

PAST = SimpleNamespace(history=SimpleNamespace(spent=SPENT, troubles=TROUBLES), today="2025-11-24", dollars=0.0123)


def recorded(key: Any = KEYS[0], **state: Any) -> tuple[Any, Parts]:
    """The record of a key in sixty cells."""
    parts = Parts(state.pop("width", 62))
    usual = {
        "_alias": key.alias, "_past": PAST, "_outcomes": {}, "_trouble": "", "_shown": (), "query_one": parts,
        "data": data(keys=(*KEYS, key), windows=WINDOWS), "selected_key": lambda: key,
    }  # fmt: skip
    return bare(KeyRecordScreen, Noted(), **{**usual, **state}), parts


def drawn(key: Any = KEYS[0], **state: Any) -> list[str]:
    """The record up to what was used."""
    screen, parts = recorded(key, **state)
    screen._draw()
    rows = toned_rows(parts.of["#past Static"].content.split("\n", allow_blank=True))
    return rows[: rows.index("<bold $accent>Used")]


@pytest.mark.parametrize(
    ("key", "state", "wanted"),
    [
        (KEYS[0], {}, ["<bold $bright>main<$quiet>  …main  of <$foreground>org_a", "<bold $running>● ready", "", "<bold $accent>Quotas of its organization", "<$quiet>  TPM  <$running> 70 %<$foreground>  5,600 of 8,000 tokens per minute · refills in 00:42", "<$quiet>  TPD  <$running> 27 %<$foreground>  54,000 of 200,000 tokens per day · refills in 6:28:48", ""]),
        (replace(KEYS[2], cooldown_s=40.2, pinned=True, alias="lab2"), {}, ["<bold $bright>lab2<$quiet>  …xlab  of <$foreground>org_b", "<bold $cooling>◌ cooling 00:41 TPM ↑ first<$quiet>  used first, the others take the rest", "<$quiet>429", "", "<bold $accent>Quotas of its organization", "<$quiet>  TPM  <$running> 99 %<$foreground>  7,950 of 8,000 tokens per minute · refills in 01:00", "<$quiet>  TPD  <$running> 56 %<$foreground>  112,000 of 200,000 tokens per day · refills in 13:26:25", ""]),
        (KEYS[3], {}, ["<bold $bright>old<$quiet>  …xold  of <$foreground>org_b", "<bold $failed>✕ invalid · the API refused it", "", "<bold $accent>Quotas of its organization", "<$quiet>  TPM  <$running> 99 %<$foreground>  7,950 of 8,000 tokens per minute · refills in 01:00", "<$quiet>  TPD  <$running> 56 %<$foreground>  112,000 of 200,000 tokens per day · refills in 13:26:25", ""]),
        (replace(KEYS[0], alias=LONG, last4="123456", organization="o" * 70, reason="word " * 30), {}, ["<bold $bright>kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk…<$quiet>  …123…  of <$foreground>ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo…", "<bold $running>● ready", "<$quiet>word word word word word word word word word word word word…", "", "<bold $accent>Quotas of its organization", "<$quiet>  no reply has stated a limit yet", ""]),
        (KEYS[0], {"width": 30, "data": data(windows=(replace(WINDOWS[0], full_in_s=0.9, available=9_000), replace(WINDOWS[1], full_in_s=1.0, source="s" * 50)))}, ["<bold $bright>main<$quiet>  …main  of <$foreground>org_a", "<bold $running>● ready", "", "<bold $accent>Quotas of its organization", "<$quiet>  TPM  <$running>  0 %<$foreground>  0 of 8,000 tokens per minute · full", "<$quiet>  TPD  <$running> 27 %<$foreground>  54,000 of 200,000 tokens per day · refills in 00:01 · sssssssssssssssssssssssssssssssssssssss…", ""]),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_is_told_with_the_quotas_of_its_organization(key: Any, state: Any, wanted: Any) -> None:
    """What it waits for, whether it is used first, and how much of each limit is spent."""
    assert drawn(key, **state) == wanted


def test_a_record_is_drawn_where_something_is_new_and_there() -> None:
    """Its use and refusals stand below; after another width it is drawn in any case."""
    screen, parts = recorded()
    screen._draw()
    shown = parts.of["#past Static"].shown
    assert [heading in shown for heading in ("Used", "Refusals and errors [2]", "Quotas of its organization")] == [
        True
    ] * 3
    parts.of["#past Static"].content = "as before"
    screen._draw()
    assert parts.of["#past Static"].shown == "as before"
    later: list[Any] = []
    screen.call_after_refresh = later.append
    screen.on_resize()
    assert (screen._shown, later) == ((), [screen._draw])
    for state in ({"selected_key": lambda: None}, {"data": None}, GONE):
        screen, parts = recorded(**state)
        screen._draw()
        assert parts.of == {}


def test_the_record_of_a_key_is_read_with_its_use_in_the_run() -> None:
    """Why it cannot be read is shown, and gone with the next reading."""
    app = Noted(key_past=PAST, view=SimpleNamespace(outcomes_of_key=lambda alias: {alias: 3}))
    drawn_: list[int] = []
    screen = bare(
        KeyRecordScreen, app, _alias="main", _trouble="before", _past=None, _outcomes={}, _draw=lambda: drawn_.append(1)
    )
    screen._read()
    assert (screen._past, screen._trouble, screen._outcomes, app.told, len(drawn_)) == (
        PAST,
        "",
        {"main": 3},
        ["key_past"],
        2,
    )
    app.run_path = None
    app.jobs = SimpleNamespace(send=lambda work, then, failed: failed("no file"))  # type: ignore[assignment]
    screen._outcomes = {}
    screen._read()
    assert (screen._past, screen._trouble, screen._outcomes, len(drawn_)) == (PAST, "no file", {}, 3)


def test_the_record_is_of_the_key_of_its_name() -> None:
    """Of one that is removed meanwhile there is none."""
    screen = bare(KeyRecordScreen, Noted(), _alias="lab", data=data())
    assert screen.selected() == KEYS[2]
    screen._alias = "gone"
    assert screen.selected() is None
    screen.data = None
    assert screen.selected() is None
    parts = Parts()
    opened = made(KeyRecordScreen, Noted(), "lab", query_one=parts)
    opened.on_mount()
    assert (opened.focused_by_test, opened._requests, opened._alias) == ([parts.of["#past"]], -1, "lab")
    assert [each.id for each in composed(opened)][2:3] == ["past"]


def test_a_record_is_drawn_with_each_reading() -> None:
    """Its history is read where it grew; before the first call of a key as well."""
    told: list[str] = []
    screen = bare(KeyRecordScreen, Noted(), _read_at=float("-inf"), _requests=-1, selected_key=lambda: replace(KEYS[0], requests=0), _read=lambda: told.append("reads"), _draw=lambda: told.append("draws"))  # fmt: skip
    screen.show(data())
    screen.show(data())
    assert (told, screen._requests, screen._read_at) == (["reads", "draws", "draws"], 0, NOW)


@pytest.mark.parametrize(("width", "reason"), [(30, 40), (42, 40), (62, 60), (102, 100)])
def test_a_record_of_a_key_is_forty_cells_wide_at_least(width: int, reason: int) -> None:
    """Two cells are left to padding and a scroll bar."""
    rows = drawn(replace(KEYS[0], reason="r" * 300), width=width)
    assert rows[2] == f"<$quiet>{'r' * (reason - 1)}…"


@pytest.mark.parametrize(("width", "cells"), [(30, 20), (62, 40), (102, 60)])
def test_the_state_of_a_key_has_what_is_left_of_its_line(width: int, cells: int) -> None:
    """Sixty cells at most."""
    key = replace(KEYS[3], reason="r" * (cells - len("✕ invalid · ")))
    assert key.reason in drawn(key, width=width)[1]
    assert "r" not in drawn(replace(key, reason=key.reason + "r"), width=width)[1]


def test_a_record_is_drawn_again_where_a_window_moved_by_a_whole_unit() -> None:
    """Not for a part of one."""
    screen, parts = recorded()
    drawn_ = []
    for available in (100.9, 100.1, 99.9):
        screen.data = data(windows=(replace(WINDOWS[0], available=available),))
        parts("#past Static").content = ""
        screen._draw()
        drawn_.append(parts.of["#past Static"].shown != "")
    assert drawn_ == [True, False, True]


@pytest.mark.parametrize(("width", "beside"), [(101, True), (100, False)])
def test_a_reason_stands_beside_its_key_where_it_fits_to_the_cell(width: int, beside: bool) -> None:
    """Its column takes what the others leave."""
    room = of_rows.widths_of(keys_list.COLUMNS, 101)[-1]
    (first, *below) = keys_list._key(replace(KEYS[0], reason="r" * room, since_at=None), width)
    assert (first.cells[-1][0] != "", below == []) == (beside, beside)


@pytest.mark.parametrize(("size", "secret"), [(32, False), (33, True)])
def test_a_long_name_is_a_secret_from_33_characters_on(size: int, secret: bool) -> None:
    """Unless it is an organization."""
    assert _seems_secret("n" * size) is secret
    assert not _seems_secret("org_" + "n" * size)


def test_organizations_are_drawn_anew_as_one_is_typed() -> None:
    """No known one is chosen then; of three the middle one is passed."""
    window, parts = regrouping(Noted(), ("a", "b", "c"))
    walked = []
    for step in (1, 1, 1, 1, -1, -1):
        window.action_move(step)
        walked.append(window._chosen)
    assert walked == [0, 1, 2, 0, 2, 1]
    window.on_input_changed(SimpleNamespace(value="x"))
    assert parts.of["#labels"].shown == "  a\n  b\n  c"
    still, _ = regrouping(Noted(), ("a", "b", "c"))
    still.action_move(0)
    assert still._chosen == 2


@pytest.mark.parametrize(("width", "cells"), [(60, 40), (40, 20), (30, 20)])
def test_what_a_server_said_is_wrapped_beside_its_time(width: int, cells: int) -> None:
    """Twenty cells at least."""
    rows = _trouble(replace(TROUBLES[0], text="w" * 90), width, NOW)
    assert len(rows[1].plain.strip()) == cells


def test_a_long_organization_is_cut_where_it_does_not_wait() -> None:
    """At forty characters."""
    key = replace(KEYS[0], organization="o" * 60)
    assert bench_blocked(Context(Scope.KEYS, None, key)) == f"{'o' * 39}… is not waiting: there is nothing to clear."
