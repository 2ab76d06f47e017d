"""A run in a few lines: what is shown in how much room, drawn in place, and how it ends."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import termios
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from rich.cells import cell_len

from core.errors import LabeltuiError
from core.model import Happening, KeyState, RunState, Snapshot, Wait, exits
from core.storage.writing.store import Store
from tests.conftest import MakeRun
from tests.programs.pty.terminal import Terminal
from tests.tui.fakes import KEYS, NOW, key, running
from tui.commands import compact, watch
from tui.commands.compact import LEAST, Inline, Line, compact_view
from tui.commands.watch import code_of

BUSY = running(5031, 2871).snapshot(NOW)


def texts(snapshot: Snapshot, width: int = 60, height: int = 20) -> list[str]:
    return [
        "".join(text for text, _ in line) for line in compact_view(snapshot, KEYS, width=width, height=height, now=NOW)
    ]


@pytest.mark.parametrize("width", [LEAST, 40, 60, 80, 200])
@pytest.mark.parametrize("state", list(RunState))
def test_every_line_has_the_width_of_its_room(width: int, state: RunState) -> None:
    """No line wraps, whatever the run does and however narrow the corner is."""
    shown = texts(replace(BUSY, state=state, reason="some long reason " * 20), width)
    assert {cell_len(line) for line in shown} == {width}


def test_what_matters_is_shown_in_thirty_columns() -> None:
    """State, rate, progress, end, binding limit, keys by organization, shares and failures."""
    whole = "\n".join(texts(BUSY, LEAST))
    for telling in (
        "▶ RUNNING",
        "/min",
        "57 %",
        "2,871/5,031",
        "ends ",
        "org_a",
        "●2",
        "◌1 ✕1 00:41 TPM",
        "work 89–91 %",
        "✕ 7 failed",
    ):
        assert telling in whole, telling


def test_in_few_rows_the_most_telling_lines_stay() -> None:
    """State and progress go last, keys and shares first."""
    assert [line.split()[0] for line in texts(BUSY, height=1)] == ["enron"]
    assert "57 %" in texts(BUSY, height=2)[1]
    four = texts(BUSY, height=4)
    assert four[2].startswith("ends ")
    assert four[3].startswith("✕ 7 failed")


def test_a_wait_is_counted_down_with_its_limit() -> None:
    """Until when and for what."""
    waiting = replace(BUSY, state=RunState.WAITING, wait=Wait(NOW + 41, "TPM", "org_b", "org_b waits"))
    assert "waits 00:41 for TPM of org_b" in "\n".join(texts(waiting))


def test_a_wait_and_a_cooldown_are_named_in_few_signs() -> None:
    """Twelve of a limit and twenty-four of an organization; four of a key's limit."""
    waiting = replace(BUSY, state=RunState.WAITING, wait=Wait(NOW + 41, "L" * 13, "o" * 25, "waits"))
    assert f"waits 00:41 for {'L' * 11}… of {'o' * 23}…" in "\n".join(texts(waiting, width=100))
    for cooldown_s, told in ((41.0, " 00:41 LIM…"), (1.0, " 00:01 LIM…"), (0.0, "")):
        keys = (key("k", "org", KeyState.COOLING, cooldown_s=cooldown_s, limit="LIMIT"),)
        lines = compact_view(BUSY, keys, width=60, height=20, now=NOW)
        shown = ["".join(text for text, _ in line) for line in lines]
        assert [each.rstrip() for each in shown if each.startswith("org")] == [f"org          ◌1{told}"]


@pytest.mark.parametrize(
    ("no_color", "colors", "told"),
    [(False, "truecolor", True), (True, "truecolor", False), (False, watch.NONE, False), (True, watch.NONE, False)],
)
def test_a_watched_run_has_colors_where_they_are_wanted(
    no_color: bool, colors: str, told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And where the terminal has them."""
    made: list[bool] = []

    def inline(_: object, *, colors: bool, ascii_only: bool) -> SimpleNamespace:
        made.extend((colors, ascii_only))
        return SimpleNamespace(draw=lambda *_: None)

    shows = SimpleNamespace(no_color=no_color, colors=colors, ascii_because="")
    monkeypatch.setattr(watch, "terminal", lambda *_: shows)
    monkeypatch.setattr(watch, "Inline", inline)
    monkeypatch.setattr(watch, "size_of", lambda _: (40, 6))
    monkeypatch.setattr(watch, "_to_stdout", lambda _: None)
    monkeypatch.setattr(watch, "listening", lambda: contextlib.nullcontext(lambda _: ""))
    monkeypatch.setattr(watch, "_keys", lambda *_: lambda *_: ())
    monkeypatch.setattr(watch.sys, "stdout", SimpleNamespace(fileno=lambda: 1))
    reader = SimpleNamespace(snapshot=lambda _: replace(BUSY, worker=replace(BUSY.worker, alive=False)))
    watch._live(None, Path("run.db"), reader, 1.0)  # type: ignore[arg-type]
    assert made == [told, False]


def test_foreign_names_do_nothing_to_a_corner() -> None:
    """A run's name, a reason, a label's name and a failure are text."""
    evil = "\x1b]0;x\x07\x9b31m\u202e"
    hostile = replace(
        BUSY,
        run=replace(BUSY.run, name=evil),
        state=RunState.STOPPED,
        reason=evil,
        recent=(Happening(NOW, "failed", evil),),
    )
    whole = "\n".join(texts(hostile))
    assert not set(whole) & {"\x1b", "\x07", "\x9b", "\u202e"}


def test_drawing_goes_back_to_its_own_first_row() -> None:
    """The lines before are overwritten, also where a narrower terminal has wrapped them, and nothing else is."""
    written: list[str] = []
    view = Inline(written.append, colors=False, ascii_only=True)
    three: list[Line] = [(("▶" * 40, ""),)] * 3
    view.draw(three, 80)
    assert written[0].startswith("\r>>>")
    view.draw(three, 80)
    assert written[1].startswith("\r\x1b[2A")
    view.draw(three, 30)
    assert written[2].startswith("\r\x1b[5A")
    view.forget()
    view.draw(three, 30)
    assert not re.search(r"\x1b\[\d+A", written[3])


def test_colors_are_used_where_the_terminal_has_them() -> None:
    """A tone becomes a color, and without colors a word stays a word."""
    written: list[str] = []
    Inline(written.append, colors=True, ascii_only=False).draw([(("✕ failed", "failed"),)], 80)
    assert "\x1b[31m✕ failed\x1b[0m" in written[0]


@pytest.mark.parametrize(
    ("state", "failed", "reason", "code"),
    [
        (RunState.DONE, 0, "", exits.DONE),
        (RunState.DONE, 2, "", exits.EMAILS_FAILED),
        (RunState.STOPPED, 0, "stopped by the operator", exits.STOPPED),
        (RunState.STOPPED, 0, "stopped by SIGTERM", exits.STOPPED),
        (RunState.STOPPED, 0, "api.example answered 400: no", exits.FAILED),
        (RunState.STOPPED, 0, "no key can be used (main …0001: disabled): enable one", exits.NO_KEY),
    ],
)
def test_the_exit_code_says_how_the_run_stands(state: RunState, failed: int, reason: str, code: int) -> None:
    """Done, failed emails, no usable key, or work that is left."""
    assert code_of(replace(BUSY, state=state, failed=failed, reason=reason)) == code


@pytest.mark.parametrize(
    ("leave", "code"),
    [
        (lambda terminal: terminal.write("q"), exits.DONE),
        (lambda terminal: terminal._process.send_signal(signal.SIGINT), exits.INTERRUPTED),
        (lambda terminal: terminal._process.send_signal(signal.SIGTERM), exits.INTERRUPTED),
    ],
)
def test_a_person_leaves_and_the_terminal_is_as_it_was(
    home: Path, make_run: MakeRun, opened: Callable[[Path], Store], leave: Callable[[Terminal], None], code: int
) -> None:
    """q, ctrl+c and a signal end the watching and not the worker; the cursor comes back."""
    path = make_run(["one", "two"])
    opened(path)
    environment = {"LABELTUI_HOME": str(home), "LANG": "C.UTF-8"}
    with Terminal(["-m", "tui", "watch", str(path), "--every", "0.1"], (30, 10), environment) as terminal:
        came = terminal.until_seen("nothing is labeled yet")
        leave(terminal)
        rest, ended = terminal.until_ended()
    assert ended == code
    assert "\x1b[?25l" in came
    assert (came + rest).rstrip().endswith("\x1b[?25h")


def test_keys_that_cannot_be_read_leave_the_run_to_be_watched() -> None:
    """None are shown then, whether they cannot be opened or cannot be read; otherwise those of the model are."""

    class Keys(contextlib.AbstractContextManager["Keys"]):
        def __exit__(self, *_: object) -> None:
            pass

        def statuses(self, model: str, now: float) -> tuple[str, float]:
            if model == "broken":
                raise LabeltuiError("keys.toml can be read by others.")
            return model, now

    def refuse(path: Path) -> Keys:
        raise LabeltuiError(f"{path} is gone.")

    with contextlib.ExitStack() as stack:
        read = watch._keys(stack, SimpleNamespace(keys=lambda _: Keys()), Path("run.db"))  # type: ignore[arg-type]
        assert read("m", 5.0) == ("m", 5.0)
        assert read("broken", 5.0) == ()
        assert watch._keys(stack, SimpleNamespace(keys=refuse), Path("run.db"))("m", 5.0) == ()  # type: ignore[arg-type]


def test_a_watched_run_keeps_a_row_and_a_column_free(monkeypatch: pytest.MonkeyPatch) -> None:
    """The last column would wrap and the last row would scroll; in a tiny terminal there is still one of each."""
    sizes, rooms = [(40, 6), (1, 1), (40, 6)], list[tuple[int, int]]()
    snapshots = [BUSY, BUSY, replace(BUSY, worker=replace(BUSY.worker, alive=False))]

    def view(*_: object, width: int, height: int, now: float) -> list[Line]:
        rooms.append((width, height))
        return []

    monkeypatch.setattr(watch, "size_of", lambda _: sizes.pop(0))
    monkeypatch.setattr(watch, "compact_view", view)
    monkeypatch.setattr(watch, "_to_stdout", lambda _: None)
    monkeypatch.setattr(watch, "listening", lambda: contextlib.nullcontext(lambda _: ""))
    monkeypatch.setattr(watch, "_keys", lambda *_: lambda *_: ())
    monkeypatch.setattr(watch.sys, "stdout", SimpleNamespace(fileno=lambda: 1))
    reader = SimpleNamespace(snapshot=lambda _: snapshots.pop(0))
    watch._live(None, Path("run.db"), reader, 1.0)  # type: ignore[arg-type]
    assert rooms == [(39, 5), (1, 1), (39, 5)]


def test_a_terminal_shows_no_cursor_and_no_key_while_a_run_is_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are read one by one and not echoed; afterwards both are as they were."""
    parent, child = os.openpty()
    written = io.StringIO()
    with os.fdopen(child, "rb", buffering=0) as keys, os.fdopen(parent, "rb", buffering=0):
        monkeypatch.setattr(compact.sys, "stdin", SimpleNamespace(isatty=lambda: True, fileno=keys.fileno))
        monkeypatch.setattr(compact.sys, "stdout", written)
        before = termios.tcgetattr(keys)
        restore, unseen = compact._terminal_modes()
        unseen()
        modes = termios.tcgetattr(keys)[3]
        assert not modes & (termios.ECHO | termios.ICANON)
        assert written.getvalue() == "\x1b[?25l"
        restore()
        assert termios.tcgetattr(keys) == before
        assert written.getvalue() == "\x1b[?25l\x1b[?25h"


SPOTS: dict[str, Snapshot] = {
    "at work": replace(BUSY, recent=()),
    "waits": replace(BUSY, state=RunState.WAITING, wait=Wait(NOW + 41, "TPM", "org_b", ""), failed=0),
    "waits without an end": replace(BUSY, state=RunState.WAITING, wait=Wait(None, "", "", ""), reason="calls are out"),
    "paused": replace(BUSY, state=RunState.PAUSED, reason="by ana", worker=replace(BUSY.worker, alive=False)),
    "done": replace(BUSY, pending=0, forecast=None),
    "new": replace(BUSY, labeled=0, failed=0, labels={}, total=0, state=RunState.NEW, worker=replace(BUSY.worker, alive=False)),
    "simulated": replace(BUSY, run=replace(BUSY.run, simulated=True)),
    "failed": replace(BUSY, recent=(Happening(NOW, "labeled", "x"), Happening(NOW, "failed", "no label"), Happening(NOW, "failed", "older"))),
}  # fmt: skip
THREE = (
    key("main", "org_a", pinned=True),
    key("spare", "org_a", KeyState.COOLING, cooldown_s=41.3, limit="TPM"),
    key("third", "org_a", KeyState.COOLING, cooldown_s=51.3, limit="RPM"),
    key("lab", "a very long organization name", KeyState.DISABLED),
)


@pytest.mark.parametrize(
    ("name", "width", "expected"),
    [
        ("at work", 60, [
            "enron   ▶ RUNNING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "ends 16:35–16:45 · TPM of org_b",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed",
        ]),
        ("at work", 34, [
            "enron   ▶ RUNNING           72/min",
            "━━━━━━━━━╸─────── 57 % 2,871/5,031",
            "ends 16:35–16:45 · TPM of org_b",
            "a ver… name –1",
            "org_a       ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed",
        ]),
        ("waits", 60, [
            "enron   ◌ WAITING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━─────────────────── 57 % 2,864/5,031",
            "waits 00:41 for TPM of org_b",
            "ends 16:35–16:45 · TPM of org_b",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
        ]),
        ("waits", 34, [
            "enron   ◌ WAITING           72/min",
            "━━━━━━━━━╸─────── 57 % 2,864/5,031",
            "waits 00:41 for TPM of org_b",
            "ends 16:35–16:45 · TPM of org_b",
            "a ver… name –1",
            "org_a       ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
        ]),
        ("waits without an end", 60, [
            "enron   ◌ WAITING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "calls are out",
            "ends 16:35–16:45 · TPM of org_b",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed · no valid label after 3 answers",
        ]),
        ("paused", 60, [
            "enron   ‖ PAUSED",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "by ana",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed · no valid label after 3 answers",
        ]),
        ("done", 60, [
            "enron   ▶ RUNNING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed · no valid label after 3 answers",
        ]),
        ("new", 60, [
            "enron   ○ NEW",
            "──────────────────────────────────────────────────── 0 % 0/0",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "nothing is labeled yet",
        ]),
        ("simulated", 60, [
            "enron   ▶ RUNNING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "ends 16:35–16:45 · TPM of org_b",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "simulated: work 89–91 % · personal 9–11 %",
            "✕ 7 failed · no valid label after 3 answers",
        ]),
        ("simulated", 34, [
            "enron   ▶ RUNNING           72/min",
            "━━━━━━━━━╸─────── 57 % 2,871/5,031",
            "ends 16:35–16:45 · TPM of org_b",
            "a ver… name –1",
            "org_a       ●1 ◌2 ↑main",
            "simulated: work 90 % · personal 1…",
            "✕ 7 failed · no valid label after…",
        ]),
        ("failed", 60, [
            "enron   ▶ RUNNING                                     72/min",
            "━━━━━━━━━━━━━━━━━━━━━━━━╸────────────────── 57 % 2,871/5,031",
            "ends 16:35–16:45 · TPM of org_b",
            "a very… name –1",
            "org_a        ●1 ◌2 ↑main",
            "work 89–91 % · personal 9–11 %",
            "✕ 7 failed · no label",
        ]),
    ],
)  # fmt: skip
def test_each_line_of_a_corner(utc: None, name: str, width: int, expected: list[str]) -> None:
    """Its words in order of place, each line as wide as the corner."""
    lines = compact_view(SPOTS[name], THREE, width=width, height=20, now=NOW)
    shown = ["".join(text for text, _ in line) for line in lines]
    assert {cell_len(each) for each in shown} == {width}
    assert [each.rstrip() for each in shown] == expected


@pytest.mark.parametrize(
    ("height", "kept"),
    [(0, [0]), (1, [0]), (2, [0, 1]), (3, [0, 1, 2]), (4, [0, 1, 2, 7]), (5, [0, 1, 2, 3, 7]), (6, [0, 1, 2, 3, 4, 7]), (7, [0, 1, 2, 3, 4, 6, 7]), (8, [0, 1, 2, 3, 4, 5, 6, 7]), (9, [0, 1, 2, 3, 4, 5, 6, 7])],
)  # fmt: skip
def test_the_order_in_which_lines_go(height: int, kept: list[int]) -> None:
    """The third organization goes before the labels, these before the second, then the first, the failures and the sentence."""
    keys = tuple(key(f"k{n}", f"org_{n}") for n in range(3))
    all_lines = compact_view(BUSY, keys, width=60, height=20, now=NOW)
    assert len(all_lines) == 8
    assert compact_view(BUSY, keys, width=60, height=height, now=NOW) == [all_lines[place] for place in kept]


@pytest.mark.parametrize(("count", "more"), [(4, None), (5, "1 more organizations"), (6, "2 more organizations")])
def test_four_organizations_are_listed(count: int, more: str | None) -> None:
    """The others are counted; without any key at all that is said of a run at work."""
    keys = tuple(key(f"k{n}", f"org_{n}") for n in range(count))
    shown = [
        "".join(text for text, _ in line).rstrip() for line in compact_view(BUSY, keys, width=60, height=20, now=NOW)
    ]
    assert len([each for each in shown if each.startswith("org_")]) == 4
    assert [each for each in shown if "more organizations" in each] == ([more] if more else [])
    none = ["".join(text for text, _ in line).rstrip() for line in compact_view(BUSY, (), width=60, height=20, now=NOW)]
    assert "no key is known here" in none
