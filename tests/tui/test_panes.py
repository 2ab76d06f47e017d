"""What each pane draws at the widths and heights where it says more or less, and in which color."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest

from core.model import CommandRecord, Dimension, Happening, KeyState, PacePoint, PlaceStatus, RunState
from tests.tui.conftest import toned, toned_rows
from tests.tui.fakes import KEYS, NOW, WINDOWS, key, running, window
from tui.actions import active  # noqa: F401 - it names the keys
from tui.text.clauses import Clause
from tui.view_state import Requested
from tui.widgets.panes import commands, follow_ups, keys, labels, places, progress, rate, recent, worker

pytestmark = pytest.mark.usefixtures("utc")


def drawn(pane: Any, facts: Any, width: int, height: int) -> list[str]:
    """What a pane draws of these facts."""
    return toned_rows(pane.body(SimpleNamespace(facts=facts), width, height))


def group(*held: Any, windows: Any = (), name: str = "org_a") -> keys.Organization:
    """An organization with these keys and windows."""
    return keys.Organization(name, held, windows)


def cooling(seconds: float, state: KeyState = KeyState.COOLING, **more: Any) -> Any:
    """A key that rests."""
    return key("lab", "org_b", state, cooldown_s=seconds, **more)


READY, IN_USE = key("main", "org_a"), key("spare", "org_a", KeyState.IN_USE, errors_429=0)
FULL = replace(WINDOWS[0], available=8_000.0, full_in_s=0.9)
SPENT = window("org_a", Dimension.TPD, 200_000, 199_960)
FOUR = (
    window("org_a", Dimension.TPM, 8_000, 7_000), window("org_a", Dimension.TPD, 200_000, 1_000),
    window("org_a", Dimension.RPD, 1_000, 900), window("org_a", Dimension.RPM, 30, 3),
)  # fmt: skip
TWO = labels.LabelFacts(
    (labels.LabelCount("1", "work", 30, 9), labels.LabelCount("0", "personal-and-more", 90, 31)),
    simulated=False,
    sample=True,
    pending=0,
)
PACE = tuple(
    PacePoint(NOW - 300 + 5 * n, 5.0, 0 if 20 <= n < 30 else n % 7, 0, 3, 5.0 if 20 <= n < 30 else 0.0)
    for n in range(60)
)
DONE = progress.ProgressFacts(
    settled=1_200, total=5_000, copies=30, human=2, failed=3, skipped=1, pending=3_800, cursor=1_210,
    ends=(Clause("ends 03:48"), Clause("limited by TPM", ("TPM",), rank=1)), calls=1_000_000, tokens=12_345_678,
)  # fmt: skip
FIRST = (
    CommandRecord("c1", "pause", "", NOW - 300, NOW - 299.6, "paused"),
    CommandRecord("c2", "start-and-more", "", NOW - 200, None, ""),
    CommandRecord("c3", "swap", "", NOW - 100, NOW - 101, "a long sentence that has no room beside it"),
)


def ages(facts: worker.WorkerFacts) -> tuple[float | None, float | None]:
    """Seconds since the last heartbeat, and since the start."""
    return facts.beat_s, facts.up_s


def event(kind: str, text: str = "a text", **more: Any) -> Happening:
    """Something that happened."""
    return Happening(NOW, kind, text, **more)


@pytest.mark.parametrize(
    ("held", "wanted"),
    [
        ((), 0.0),
        ((READY, cooling(9.0)), 0.0),
        ((IN_USE, cooling(9.0)), 0.0),
        ((cooling(9.0), cooling(4.0, KeyState.BENCHED)), 4.0),
        ((KEYS[3], cooling(7.0)), 7.0),
    ],
    ids=count(),
)  # fmt: skip
def test_an_organization_waits_for_the_first_of_its_keys(held: Any, wanted: Any) -> None:
    """Where none is free."""
    assert group(*held).wait_s == wanted


@pytest.mark.parametrize(
    ("limit", "available", "wanted"),
    [
        (100.0, 75.0, 0.25),
        (100.0, 120.0, 0.0),
        (100.0, -5.0, 1.0),
        (0.0, 0.0, 0.0),
        (1.0, 0.25, 0.75),
    ],
    ids=count(),
)  # fmt: skip
def test_a_window_is_used_as_far_as_it_is(limit: Any, available: Any, wanted: Any) -> None:
    """In 0 to 1; a limit of none is not used."""
    assert keys.used_share(replace(WINDOWS[0], limit=limit, available=available)) == wanted


@pytest.mark.parametrize(
    ("dimension", "used", "wanted"),
    [
        (Dimension.TPD, 81, "$waiting"),
        (Dimension.TPD, 80, "$running"),
        (Dimension.RPD, 81, "$waiting"),
        (Dimension.TPM, 81, "$running"),
        (Dimension.RPM, 99, "$running"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_day_that_is_nearly_used_has_the_color_of_waiting(dimension: Any, used: Any, wanted: Any) -> None:
    """A minute has not, and neither four fifths of a day."""
    assert keys.tone_of(window("org_a", dimension, 100, used)) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (14, []),
        (15, ["TPM"]),
        (29, ["TPM"]),
        (30, ["TPM", "RPD"]),
        (60, ["TPM", "TPD", "RPD", "RPM"]),
        (-3, []),
    ],
    ids=count(),
)  # fmt: skip
def test_windows_that_are_nearly_used_are_shown_first(width: Any, wanted: Any) -> None:
    """As many as fit, in their own order."""
    assert [part[0].strip() for part in keys.meters(FOUR, width)][::4] == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (30, "<bold>org…yz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% "),
        (37, "<bold>org…yz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>RPD <$waiting>▇▇▇▇▇<$faint>▁<$foreground> 90% "),
        (44, "<bold>org_01…gh7xyz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>RPD <$waiting>▇▇▇▇▇<$faint>▁<$foreground> 90% "),
        (45, "<bold>org_01j…gh7xyz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>RPD <$waiting>▇▇▇▇▇<$faint>▁<$foreground> 90% "),
        (60, "<bold>org_01j…gh7xyz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>TPD <$running><$faint>▁▁▁▁▁▁<$foreground> <1% <$quiet>RPD <$waiting>▇▇▇▇▇<$faint>▁<$foreground> 90% "),
        (75, "<bold>org_01j…gh7xyz<> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>TPD <$running><$faint>▁▁▁▁▁▁<$foreground> <1% <$quiet>RPD <$waiting>▇▇▇▇▇<$faint>▁<$foreground> 90% <$quiet>RPM <$running>▇<$faint>▁▁▁▁▁<$foreground> 10% "),
    ],
    ids=count(),
)  # fmt: skip
def test_the_head_of_an_organization_has_its_windows(width: Any, wanted: Any) -> None:
    """Its name takes six to fourteen cells."""
    assert toned(keys.header(group(READY, windows=FOUR, name="org_01jabcdefgh7xyz"), width)) == wanted


@pytest.mark.parametrize(
    ("which", "width", "wanted"),
    [
        (WINDOWS[0], 80, "<$quiet> TPM <$running>▇▇▇▇<$faint>▁▁<$foreground>  70%<$quiet>  5,600 of 8,000 · refills in 00:42                             "),
        (WINDOWS[0], 51, "<$quiet> TPM <$running>▇▇▇▇<$faint>▁▁<$foreground>  70%<$quiet>  5,600 of 8,000 · refills in 00:42"),
        (WINDOWS[0], 50, "<$quiet> TPM <$running>▇▇▇▇<$faint>▁▁<$foreground>  70%<$quiet>  5,600 of 8,000 · refills 00:42  "),
        (FULL, 80, "<$quiet> TPM <$running><$faint>▁▁▁▁▁▁<$foreground>   0%<$quiet>  0 of 8,000 · full                                             "),
        (FULL, 30, "<$quiet> TPM <$running><$faint>▁▁▁▁▁▁<$foreground>   0%<$quiet>  0 of 8,000 …"),
        (replace(FULL, full_in_s=1.0), 80, "<$quiet> TPM <$running><$faint>▁▁▁▁▁▁<$foreground>   0%<$quiet>  0 of 8,000 · refills in 00:01                                 "),
        (SPENT, 80, "<$quiet> TPD <$waiting>▇▇▇▇▇▇<$faint><$foreground>  99%<$quiet>  200k of 200k · refills in 23:59:43                            "),
        (SPENT, 51, "<$quiet> TPD <$waiting>▇▇▇▇▇▇<$faint><$foreground>  99%<$quiet>  200k of 200k · refills 1 d 00    "),
        (SPENT, 48, "<$quiet> TPD <$waiting>▇▇▇▇▇▇<$faint><$foreground>  99%<$quiet>  200k of 200k · refills 1 d 00 "),
        (SPENT, 40, "<$quiet> TPD <$waiting>▇▇▇▇▇▇<$faint><$foreground>  99%<$quiet>  200k of 200k · refill…"),
        (WINDOWS[0], 10, "<$quiet> TPM <$running>▇▇▇▇<$faint>▁▁<$foreground>  70%<$quiet>  "),
    ],
    ids=count(),
)  # fmt: skip
def test_a_window_says_how_much_is_spent_and_when_it_is_full(which: Any, width: Any, wanted: Any) -> None:
    """In few words where the pane is narrow."""
    assert toned(keys._window(which, width)) == wanted


@pytest.mark.parametrize(
    ("held", "width", "wanted"),
    [
        (READY, 45, "<$foreground> main   <$quiet> …main <$running>● ready                       "),
        (READY, 46, "<$foreground> main   <$quiet> …main <$running>● ready         <$quiet>  411 ok<$waiting>  1×429"),
        (READY, 59, "<$foreground> main   <$quiet> …main <$running>● ready                      <$quiet>  411 ok<$waiting>  1×429"),
        (READY, 60, "<$foreground> main       <$quiet> …main <$running>● ready                   <$quiet>  411 ok<$waiting>  1×429"),
        (replace(IN_USE, pinned=True), 60, "<$foreground>↑spare      <$quiet> …pare <$running>▶ in use ↑ first          <$quiet>  412 ok<$quiet>  0×429"),
        (cooling(41.0, limit="TPM"), 50, "<$foreground> lab    <$quiet> …xlab <$cooling>◌ cooling 00:41 TPM <$quiet>  411 ok<$waiting>  1×429"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_key_has_its_counts_where_there_is_room(held: Any, width: Any, wanted: Any) -> None:
    """From 46 cells on; its alias takes eight cells, and twelve from 60 on."""
    assert toned(keys._key(held, width)) == wanted


@pytest.mark.parametrize(
    ("held", "width", "wanted"),
    [
        ((READY,), 40, "<bold>org_a    <$running>●1 <>        <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% "),
        ((READY,), 20, "<bold>org_a  <$running>●1 <>          "),
        ((READY,), 60, "<bold>org_a        <$running>●1 <>      <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>TPD <$running><$faint>▁▁▁▁▁▁<$foreground> <1% "),
        ((replace(READY, pinned=True), IN_USE, READY), 60, "<bold>org_a        <$foreground>↑ <$running>▶1 <$running>●2 <> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>TPD <$running><$faint>▁▁▁▁▁▁<$foreground> <1% "),
        ((cooling(41.0),) * 12, 60, "<bold>org_a        <$cooling>◌12 <$cooling>00:41 <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% <$quiet>TPD <$running><$faint>▁▁▁▁▁▁<$foreground> <1% "),
        ((cooling(41.0), KEYS[3]), 38, "<bold>org_a  <$cooling>◌1 <$failed>✕1 <$cooling>00:41 <> <$quiet>TPM <$running>▇▇▇▇▇<$faint>▁<$foreground> 88% "),
    ],
    ids=count(),
)  # fmt: skip
def test_keys_of_an_organization_are_summed_up(held: Any, width: Any, wanted: Any) -> None:
    """By state, with an arrow for the first one, and the wait where all rest."""
    assert toned(keys._summary(group(*held, windows=FOUR[:2]), width)) == wanted


@pytest.mark.parametrize(
    ("height", "wanted"),
    [
        (1, ["2 more organizations · a lists all"]),
        (2, ["org_a", "org_b"]),
        (3, ["org_a", "org_b"]),
        (4, ["org_a", "main", "spare", "org_b"]),
        (5, ["org_a", "main", "spare", "org_b"]),
        (6, ["org_a", "main", "spare", "org_b", "lab", "old"]),
        (7, ["org_a", "main", "spare", "org_b", "lab", "old"]),
        (8, ["org_a", "TPM", "TPD", "main", "spare", "org_b", "lab", "old"]),
        (9, ["org_a", "TPM", "TPD", "main", "spare", "org_b", "lab", "old"]),
        (10, ["org_a", "TPM", "TPD", "main", "spare", "org_b", "TPM", "TPD", "lab", "old"]),
        (11, ["org_a", "TPM", "TPD", "main", "spare", "org_b", "TPM", "TPD", "lab", "old", "the API refused it"]),
        (12, ["org_a", "TPM", "TPD", "main", "spare", "org_b", "TPM", "TPD", "lab", "old", "the API refused it"]),
    ],
    ids=count(),
)  # fmt: skip
def test_keys_are_drawn_as_fully_as_they_fit(height: Any, wanted: Any) -> None:
    """Each organization in one row, with its keys, with its windows, with reasons."""
    assert [
        row.split("<")[1].split(">")[1].strip()
        for row in drawn(keys.KeysPane, keys.KeyFacts(KEYS, WINDOWS), 60, height)
    ] == wanted


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        (keys.KeyFacts((), ()), ("none", ["<$waiting>no key yet · a then a adds one"])),
        (keys.KeyFacts((), (), "keys.toml can be read by others"), ("none", ["<$failed>keys.toml can be read by others"])),
    ],
    ids=count(),
)  # fmt: skip
def test_without_keys_it_is_said_how_to_add_one(facts: Any, wanted: Any) -> None:
    """Or what is wrong with their file."""
    assert (keys.KeysPane.heading(SimpleNamespace(facts=facts)), drawn(keys.KeysPane, facts, 40, 3)) == wanted


@pytest.mark.parametrize(
    ("height", "wanted"),
    [
        (2, ["<$quiet>3 more organizations · a lists all"]),
        (3, ["<bold>org_1  <$running>●1 <>", "<$quiet>2 more organizations · a lists all"]),
        (4, ["<bold>org_1  <$running>●1 <>", "<bold>org_2  <$running>●1 <>", "<bold>org_3  <$running>●1 <>"]),
    ],
    ids=count(),
)  # fmt: skip
def test_organizations_without_room_are_counted(height: Any, wanted: Any) -> None:
    """The last row says how many."""
    assert (
        drawn(keys.KeysPane, keys.KeyFacts(tuple(key(f"k{n}", f"org_{n}") for n in range(4)), ()), 30, height)[1:]
        == wanted
    )


@pytest.mark.parametrize(
    ("facts", "width", "height", "wanted"),
    [
        (TWO, 43, 2, [
            "<$foreground>0 persona… <$share>████████▎  <$bright>     75 %<$waiting>  <$quiet>  62–88 %",
            "<$foreground>1 work     <$share>██▊        <$bright>     25 %<$waiting>  <$quiet>  12–38 %",
        ]),
        (TWO, 44, 3, [
            "<$foreground>0 personal-a… <$share>██████▊  <$bright>     75 %<$waiting>  <$quiet>  62–88 %",
            "<$foreground>1 work        <$share>██▎      <$bright>     25 %<$waiting>  <$quiet>  12–38 %",
        ]),
        (TWO, 43, 4, [
            "<bold $foreground>0 persona… <$share>█████████▊   <$bright>      90<bold $bright>     75 %",
            "<$quiet>  last 40  <$faint>██████████▏  <$quiet>      31<$quiet>  62–88 %<$waiting>",
            "<bold $foreground>1 work     <$share>███▎         <$bright>      30<bold $bright>     25 %",
            "<$quiet>  last 40  <$faint>██▉          <$quiet>       9<$quiet>  12–38 %<$waiting>",
        ]),
        (TWO, 44, 4, [
            "<bold $foreground>0 personal-a… <$share>██████▊  <$bright>        90<bold $bright>     75 %",
            "<$quiet>  last 40     <$faint>███████  <$quiet>        31<$quiet>  62–88 %<$waiting>",
            "<bold $foreground>1 work        <$share>██▎      <$bright>        30<bold $bright>     25 %",
            "<$quiet>  last 40     <$faint>██       <$quiet>         9<$quiet>  12–38 %<$waiting>",
        ]),
        (replace(TWO, sample=False, pending=20), 40, 3, [
            "<$foreground>0 persona… <$share>██████  <$bright>  72–78 %<$waiting>  <$quiet>  62–88 %",
            "<$foreground>1 work     <$share>██      <$bright>  22–28 %<$waiting>  <$quiet>  12–38 %",
            "<$quiet>in source order: not a random sample yet",
        ]),
        (replace(TWO, sample=False), 40, 2, [
            "<$foreground>0 persona… <$share>██████  <$bright>     75 %<$waiting>  <$quiet>  62–88 %",
            "<$foreground>1 work     <$share>██      <$bright>     25 %<$waiting>  <$quiet>  12–38 %",
        ]),
        (TWO, 40, 1, ["<$quiet>2 more · z shows them"]),
        (replace(TWO, labels=TWO.labels[:1]), 12, 1, [
            "<$foreground>1 work     <$share><$bright>    100 %<$waiting>  <$quiet> 70–100 %",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_labels_have_one_row_or_two(facts: Any, width: Any, height: Any, wanted: Any) -> None:
    """Two with counts where both fit; names have more room from 44 cells on."""
    assert drawn(labels.LabelsPane, facts, width, height) == wanted


@pytest.mark.parametrize(
    ("counts", "height", "wanted"),
    [
        (((0, 0), (0, 0)), 4, ["<$quiet>no label yet: 0 name-0 · 1 name-1"]),
        (((5, 0), (0, 0)), 4, [
            "<bold $foreground>0 name-0   <$share>██████████<$bright>       5<bold $bright>    100 %",
            "<$quiet>  last 0   <$faint>          <$quiet>       0<$quiet>        –<$waiting>",
            "<bold $foreground>1 name-1   <$share>          <$bright>       0<bold $bright>      0 %",
            "<$quiet>  last 0   <$faint>          <$quiet>       0<$quiet>        –<$waiting>",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_shares_of_labels_are_of_all_that_will_be(counts: Any, height: Any, wanted: Any) -> None:
    """Before the first label the names alone are shown."""
    assert (
        drawn(
            labels.LabelsPane,
            labels.LabelFacts(
                tuple(labels.LabelCount(str(n), f"name-{n}", each, recent) for n, (each, recent) in enumerate(counts)),
                simulated=True,
                sample=True,
            ),
            40,
            height,
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("simulated", "width", "wanted"),
    [
        (True, 44, "simulated · all 120 · last 40"),
        (True, 43, "all 120 · last 40"),
        (False, 44, "all 120 · last 40"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_head_of_labels_counts_them(simulated: Any, width: Any, wanted: Any) -> None:
    """Simulated ones are named so where there is room."""
    assert (
        labels.LabelsPane.heading(
            SimpleNamespace(facts=replace(TWO, simulated=simulated), size=SimpleNamespace(width=width))
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("width", "height", "wanted"),
    [
        (40, 2, [
            "<$quiet>first <$bright>90  <$quiet>1 more <$bright>8  <$quiet>2 or more <$bright>3",
            "<$quiet>wrong       <$quiet>no label <$waiting>12<>  <$quiet>empty <$waiting>3<>",
        ]),
        (40, 3, [
            "<$quiet>first answer  <$bright>      90<>  <$share>██████████████▎",
            "<$quiet>1 follow-up   <$bright>       8<>  <$share>█▎",
            "<$quiet>wrong       <$quiet>no label <$waiting>12<>  <$quiet>empty <$waiting>3<>",
        ]),
        (40, 4, [
            "<$quiet>first answer  <$bright>      90<>  <$share>██████████████▎",
            "<$quiet>1 follow-up   <$bright>       8<>  <$share>█▎",
            "<$quiet>2 or more     <$bright>       3<>  <$share>▌",
            "<$quiet>wrong       <$quiet>no label <$waiting>12<>  <$quiet>empty <$waiting>3<>",
            "<$quiet>lost calls  <$quiet>429 <$waiting>7<>  <$quiet>timeout <$waiting>2<>",
        ]),
        (24, 4, [
            "<$quiet>first answer  <$bright>      90<>  <$share>", "<$quiet>1 follow-up   <$bright>       8<>  <$share>",
            "<$quiet>2 or more     <$bright>       3<>  <$share>", "<$quiet>wrong       <$quiet>other <$waiting>15<>",
            "<$quiet>lost calls  <$quiet>other <$waiting>9<>",
        ]),
        (23, 6, [
            "<$quiet>first answer  <$bright>      90<>  <$share>", "<$quiet>1 follow-up   <$bright>       8<>  <$share>",
            "<$quiet>2 or more     <$bright>       3<>  <$share>", "<$quiet>wrong       <$quiet>other <$waiting>15<>",
            "<$quiet>lost calls  <$quiet>other <$waiting>9<>",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_follow_ups_are_drawn_as_far_as_there_is_room(width: Any, height: Any, wanted: Any) -> None:
    """In two rows without bars, in three with the first two, in more with all."""
    assert (
        drawn(
            follow_ups.FollowUpsPane,
            follow_ups.follow_up_facts(
                {3: 2, 0: 90, 1: 8, 2: 1}, {"invalid": 12, "empty": 3, "timeout": 2, "rate_limited": 7, "answered": 101}
            ),
            width,
            height,
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("reasks", "wanted"),
    [
        ({}, ("0 % needed one", ["<$quiet>first answer  <$bright>       0<>  <$share>", "<$quiet>1 follow-up   <$bright>       0<>  <$share>", "<$quiet>2 or more     <$bright>       0<>  <$share>", "<$quiet>no answer yet", "<$quiet>no lost call"])),
        ({0: 3}, ("0 % needed one", ["<$quiet>first answer  <$bright>       3<>  <$share>████████████████", "<$quiet>1 follow-up   <$bright>       0<>  <$share>", "<$quiet>2 or more     <$bright>       0<>  <$share>", "<$quiet>every answer was a label so far", "<$quiet>no lost call"])),
        ({0: 1, 2: 1}, ("50 % needed one", ["<$quiet>first answer  <$bright>       1<>  <$share>████████", "<$quiet>1 follow-up   <$bright>       0<>  <$share>", "<$quiet>2 or more     <$bright>       1<>  <$share>████████", "<$quiet>every answer was a label so far", "<$quiet>no lost call"])),
    ],
    ids=count(),
)  # fmt: skip
def test_without_follow_ups_it_is_said_so(reasks: Any, wanted: Any) -> None:
    """Before the first answer, and while every answer is a label."""
    assert (
        follow_ups.FollowUpsPane.heading(SimpleNamespace(facts=follow_ups.follow_up_facts(reasks, {}))),
        drawn(follow_ups.FollowUpsPane, follow_ups.follow_up_facts(reasks, {}), 40, 4),
    ) == wanted


@pytest.mark.parametrize(
    ("width", "wanted"),
    [
        (41, "<$quiet>lost calls  <$quiet>429 <$waiting>1,200<>  <$quiet>timeout <$waiting>3<>  <$quiet>other <$waiting>2<>  "),
        (40, "<$quiet>lost calls  <$quiet>429 <$waiting>1,200<>  <$quiet>other <$waiting>5<>  "),
        (39, "<$quiet>lost calls  <$quiet>429 <$waiting>1,200<>  <$quiet>other <$waiting>5<>  "),
        (31, "<$quiet>lost calls  <$quiet>429 <$waiting>1,200<>  <$quiet>other <$waiting>5<>  "),
        (30, "<$quiet>lost calls  <$quiet>429 <$waiting>1,200<>  <$quiet>other <$waiting>5<>  "),
        (20, "<$quiet>lost calls  <$quiet>other <$waiting>1,205<>  "),
    ],
    ids=count(),
)  # fmt: skip
def test_outcomes_without_room_are_summed_up(width: Any, wanted: Any) -> None:
    """The last count stands for all that are left."""
    assert toned(follow_ups._tally("lost calls", [("429", 1_200), ("timeout", 3), ("server", 2)], "", width)) == wanted


@pytest.mark.parametrize(
    ("facts", "width", "height", "wanted"),
    [
        (DONE, 40, 5, [
            "<$running>━━━━━━━╸<$faint>─────────────────────────<bold $bright>   24 %",
            "<$quiet>done       <$bright>  1,200<>  <$quiet>pending     <$bright>  3,800",
            "<$quiet>calls      <$bright>   1.0M<>  <$quiet>duplicates  <$bright>     30",
            "<$quiet>✕ failed   <$failed>      3<>  <$quiet>◆ manual    <$person>      2",
            "<$quiet>position   <$quiet>  1,210<>  <$quiet>skipped     <$quiet>      1",
        ]),
        (DONE, 40, 6, [
            "<$running>━━━━━━━╸<$faint>─────────────────────────<bold $bright>   24 %",
            "<$quiet>done       <$bright>  1,200<>  <$quiet>pending     <$bright>  3,800",
            "<$quiet>calls      <$bright>   1.0M<>  <$quiet>duplicates  <$bright>     30",
            "<$quiet>✕ failed   <$failed>      3<>  <$quiet>◆ manual    <$person>      2",
            "<$quiet>position   <$quiet>  1,210<>  <$quiet>skipped     <$quiet>      1",
            "<$foreground>ends 03:48 · limited by TPM",
        ]),
        (DONE, 60, 7, [
            "<$running>━━━━━━━━━━━━╸<$faint>────────────────────────────────────────<bold $bright>   24 %",
            "<$quiet>done                 <$bright>  1,200<>  <$quiet>pending               <$bright>  3,800",
            "<$quiet>calls                <$bright>   1.0M<>  <$quiet>duplicates            <$bright>     30",
            "<$quiet>✕ failed             <$failed>      3<>  <$quiet>◆ manual              <$person>      2",
            "<$quiet>position             <$quiet>  1,210<>  <$quiet>skipped               <$quiet>      1",
            "<$quiet>tokens               <$bright>  12.3M", "<$foreground>ends 03:48 · limited by TPM",
        ]),
        (DONE, 70, 8, [
            "<$running>━━━━━━━━━━━━━━━<$faint>────────────────────────────────────────────────<bold $bright>   24 %",
            "<$quiet>done                 <$bright>  1,200<>  <$quiet>pending               <$bright>  3,800",
            "<$quiet>calls                <$bright>   1.0M<>  <$quiet>duplicates            <$bright>     30",
            "<$quiet>✕ failed             <$failed>      3<>  <$quiet>◆ manual              <$person>      2",
            "<$quiet>position             <$quiet>  1,210<>  <$quiet>skipped               <$quiet>      1",
            "<$quiet>tokens               <$bright>  12.3M", "<$foreground>ends 03:48 · limited by TPM",
        ]),
        (DONE, 20, 8, [
            "<$running>━━━<$faint>──────────<bold $bright>   24 %",
            "<$quiet>d<$bright>  1,200<>  <$quiet>p…<$bright>  3,800",
            "<$quiet>c<$bright>   1.0M<>  <$quiet>d…<$bright>     30",
            "<$quiet>✕<$failed>      3<>  <$quiet>◆…<$person>      2",
            "<$quiet>p<$quiet>  1,210<>  <$quiet>s…<$quiet>      1", "<$quiet>t<$bright>  12.3M",
            "<$foreground>ends 03:48 · TPM",
        ]),
        (replace(DONE, failed=0, human=0, calls=999_999, total=0, settled=0, ends=()), 61, 9, [
            "<$running><$faint>──────────────────────────────────────────────────────<bold $bright>    0 %",
            "<$quiet>done                 <$bright>      0<>  <$quiet>pending               <$bright>  3,800",
            "<$quiet>calls                <$bright>999,999<>  <$quiet>duplicates            <$bright>     30",
            "<$quiet>✕ failed             <$quiet>      0<>  <$quiet>◆ manual              <$quiet>      0",
            "<$quiet>position             <$quiet>  1,210<>  <$quiet>skipped               <$quiet>      1",
            "<$quiet>tokens               <$bright>  12.3M",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_progress_is_told_in_pairs(facts: Any, width: Any, height: Any, wanted: Any) -> None:
    """Tokens and the end where rows are left; failures and manual labels have their color."""
    assert drawn(progress.ProgressPane, facts, width, height) == wanted


@pytest.mark.parametrize(
    ("state", "settled", "wanted"),
    [
        (RunState.RUNNING, 20, True),
        (RunState.WAITING, 20, True),
        (RunState.PAUSED, 20, False),
        (RunState.RUNNING, 40, False),
    ],
    ids=count(),
)  # fmt: skip
def test_a_run_that_makes_no_progress_has_no_end(state: Any, settled: Any, wanted: Any) -> None:
    """Only what is pending while it runs or waits has one."""
    assert (
        bool(
            progress.progress_facts(
                replace(
                    running(40, settled).snapshot(NOW), state=state, forecast=running(40, 20).snapshot(NOW).forecast
                ),
                NOW,
            ).ends
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [
        ("human", "<$quiet>16:00:00 <$person>◆  a text"),
        ("alarm", "<$quiet>16:00:00 <$failed>!  a text"),
        ("unknown", "<$quiet>16:00:00 <$quiet>·  a text"),
        ("skipped", "<$quiet>16:00:00 <$quiet>–  a text"),
    ],
    ids=count(),
)  # fmt: skip
def test_events_have_their_glyph_and_color(kind: Any, wanted: Any) -> None:
    """Others have a dot."""
    assert toned(recent._row(event(kind), 80, 1)) == wanted


@pytest.mark.parametrize(
    ("text", "width", "alias", "wanted"),
    [
        ("org_b waits", 40, "lab", "<$quiet>16:00:00 <$waiting>◌  org_b waits  <$quiet>lab      "),
        ("org_b waits", 39, "lab", "<$quiet>16:00:00 <$waiting>◌  org_b waits <$quiet>lab      "),
        ("org_b waits", 80, "", "<$quiet>16:00:00 <$waiting>◌  org_b waits"),
        ("x" * 80, 60, "lab", "<$quiet>16:00:00 <$waiting>◌  xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx…"),
    ],
    ids=count(),
)  # fmt: skip
def test_an_event_of_a_key_names_it_where_there_is_room(text: Any, width: Any, alias: Any, wanted: Any) -> None:
    """Its words come first."""
    assert toned(recent._row(event("waiting", text, key_alias=alias), width, 1)) == wanted


@pytest.mark.parametrize(
    ("given", "width", "wanted"),
    [
        ({"label": "1", "key_alias": "main", "latency_s": 0.62, "tokens": 1_412, "reasks": 2}, 80, "<$quiet>16:00:00 <bold $accent>1    <$foreground>a text                            <$quiet>main     <$quiet>  0.6 s<$quiet> 1,412 tok<$waiting> +2   "),
        ({"label": "a-label"}, 80, "<$quiet>16:00:00 <bold $accent>a-l… <$foreground>a text                            <$quiet>copy     <$quiet>       <$quiet>          <$waiting>      "),
        ({"text": "", "label": "1", "reasks": 1}, 40, "<$quiet>16:00:00 <bold $accent>1    <$foreground>(no subje… <$quiet>copy     <$waiting> +1   "),
        ({"label": "1"}, 20, "<$quiet>16:00:00 <bold $accent>1    <$foreground>a text <$quiet>copy     <$waiting>      "),
    ],
    ids=count(),
)  # fmt: skip
def test_a_label_has_its_columns(given: Any, width: Any, wanted: Any) -> None:
    """Latency, tokens and follow-ups where they are known; a copy has no key."""
    assert toned(recent._row(event("labeled", **given), width, 3)) == wanted


@pytest.mark.parametrize(
    ("given", "width", "wanted"),
    [
        ({"email_id": 1, "subject": "lunch", "key_alias": "main"}, 80, "<$quiet>16:00:00 <$failed>✕  <$foreground>lunch<$quiet> · <$failed>no valid label             <$quiet> main     "),
        ({"email_id": 1, "subject": "lunch", "key_alias": "main"}, 50, "<$quiet>16:00:00 <$failed>✕  <$foreground>lunch<$quiet> · <$failed>no valid label<$quiet> main     "),
        ({"email_id": 1, "subject": "", "key_alias": "main"}, 80, "<$quiet>16:00:00 <$failed>✕  <$foreground>(no subject)<$quiet> · <$failed>no valid label      <$quiet> main     "),
        ({"key_alias": "main", "subject": "x"}, 80, "<$quiet>16:00:00 <$failed>✕  <$foreground><$quiet><$failed>no valid label                     <$quiet> main     "),
        ({"email_id": 1, "subject": "lunch on friday with everybody", "key_alias": "main"}, 50, "<$quiet>16:00:00 <$failed>✕  <$foreground>lunch on friday with…<$quiet> · <$failed>no valid label"),
        ({"email_id": 1, "subject": "lunch", "key_alias": ""}, 80, "<$quiet>16:00:00 <$failed>✕  <$foreground>lunch<$quiet> · <$failed>no valid label                                              "),
        ({"email_id": 1, "subject": "lunch on friday with everybody", "text": "a reason that is so long that it has no room at all", "key_alias": ""}, 60, "<$quiet>16:00:00 <$failed>✕  <$foreground>lunch on frid…<$quiet> · <$failed>a reason that is so long that …"),
    ],
    ids=count(),
)  # fmt: skip
def test_a_failure_has_its_subject_and_reason(given: Any, width: Any, wanted: Any) -> None:
    """The reason last; the subject keeps fourteen cells, the key only its room where all three fit."""
    assert toned(recent._row(event("failed", **{"text": "no valid label", **given}), width, 1)) == wanted


@pytest.mark.parametrize(
    ("values", "wanted"),
    [
        ((), 1),
        (("1", "0"), 1),
        (("a", "longer"), 6),
        (("a", "much-longer-than-that"), 10),
    ],
    ids=count(),
)  # fmt: skip
def test_columns_of_recent_labels_follow_from_the_task(values: Any, wanted: Any) -> None:
    """Ten cells at most, and one at least."""
    assert (
        recent.recent_facts(
            SimpleNamespace(
                recent=(),
                run=SimpleNamespace(task=SimpleNamespace(labels=[SimpleNamespace(value=each) for each in values])),
            )
        ).label_width
        == wanted
    )


@pytest.mark.parametrize(
    ("asking", "width", "height", "wanted"),
    [
        (True, 66, 1, ["now    33  mean    29  peak    72 · waited 00:50"]),
        (True, 30, 2, ["   60    ▂▆▄▅▆▃▅···▅▆▃█▂▆▄▅▆▃", "now    33  mean    29  peak    72"]),
        (True, 66, 4, [
            "   72     ▄█     ▄█     ▄             ▄█     ▄█     ▄█     ▄█",
            "        ▄███   ▄███   ▄██           ▄███   ▄███   ▄███   ▄███   ▄",
            "    0 ▄█████ ▄█████ ▄████··········█████ ▄█████ ▄█████ ▄█████ ▄██",
            "now    33  mean    29  peak    72 · waited 00:50",
        ]),
        (False, 30, 5, [
            "   60     ▃  ▂      ▂ █ ▃  ▂", "          █▃▆█▂▆   ▆█▂█ █▃▆█▂", "    0    ▅██████···████▅█████",
            "      15:54              16:00", "now     0  mean    29  peak    72",
        ]),
        (True, 40, 6, [
            "   66      ▂   █  ▂      ▂   █  ▂   █", "           █▁ ▄█  █      █▁ ▄█  █▁ ▄█",
            "          ▇██▁██ ▇█     ▇██▁██ ▇██▁██ ▇", "    0    ▃██████▃██·····██████▃██████▃█",
            "      15:54          15:57           now", "now    33  mean    29  peak    72",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_the_rate_is_drawn_with_its_scale_and_axis(asking: Any, width: Any, height: Any, wanted: Any) -> None:
    """One row is the legend; the time axis has its row from five rows on."""
    assert [
        row.plain.rstrip()
        for row in rate.RatePane.body(SimpleNamespace(facts=rate.RateFacts(PACE, NOW, asking=asking)), width, height)
    ] == wanted


@pytest.mark.parametrize(
    ("pace", "asking", "width", "wanted"),
    [
        (PACE, True, 66, "labels/min, last 5 min"),
        (PACE, False, 36, "labels/min, 5 min"),
        ((), True, 66, "labels/min"),
        (PACE[-1:], True, 0, "labels/min, last 5.0 s"),
    ],
    ids=count(),
)  # fmt: skip
def test_the_head_of_the_rate_says_what_time_it_covers(pace: Any, asking: Any, width: Any, wanted: Any) -> None:
    """Nothing before the first slice."""
    assert (
        rate.RatePane.heading(
            SimpleNamespace(facts=rate.RateFacts(pace, NOW, asking=asking), size=SimpleNamespace(width=width))
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("width", "height", "wanted"),
    [
        (70, 9, [
            "<$quiet>15:59:58 <$foreground>lane   <$waiting> ◔ requested 2.0 s ago",
            "<$quiet>15:59:57 <$foreground>stop   <$waiting> ◔ requested 3.0 s ago",
            "<$quiet>15:58:20 <$foreground>swap   <$running> ✓ <$bright>+0.0 s  <$quiet>a long sentence that has no room beside it",
            "<$quiet>15:56:40 <$foreground>start-…<$waiting> ◔ requested 3 min ago",
            "<$quiet>15:55:00 <$foreground>pause  <$running> ✓ <$bright>+0.4 s  <$quiet>paused",
        ]),
        (69, 9, [
            "<$quiet>15:59:58 <$foreground>lane   <$waiting> ◔ requested 2.0 s ago",
            "<$quiet>15:59:57 <$foreground>stop   <$waiting> ◔ requested 3.0 s ago",
            "<$quiet>15:58:20 <$foreground>swap   <$running> ✓ <$bright>+0.0 s  <$quiet>",
            "<>  <$quiet>a long sentence that has no room beside it",
            "<$quiet>15:56:40 <$foreground>start-…<$waiting> ◔ requested 3 min ago",
            "<$quiet>15:55:00 <$foreground>pause  <$running> ✓ <$bright>+0.4 s  <$quiet>paused",
        ]),
        (40, 9, [
            "<$quiet>15:59:58 <$foreground>lane   <$waiting> ◔ requested 2.0 s ago",
            "<$quiet>15:59:57 <$foreground>stop   <$waiting> ◔ requested 3.0 s ago",
            "<$quiet>15:58:20 <$foreground>swap   <$running> ✓ <$bright>+0.0 s  <$quiet>",
            "<>  <$quiet>a long sentence that has no room", "<>  <$quiet>beside it",
            "<$quiet>15:56:40 <$foreground>start-…<$waiting> ◔ requested 3 min ago",
            "<$quiet>15:55:00 <$foreground>pause  <$running> ✓ <$bright>+0.4 s  <$quiet>paused",
        ]),
        (40, 3, [
            "<$quiet>15:59:58 <$foreground>lane   <$waiting> ◔ requested 2.0 s ago",
            "<$quiet>15:59:57 <$foreground>stop   <$waiting> ◔ requested 3.0 s ago",
            "<$quiet>15:58:20 <$foreground>swap   <$running> ✓ <$bright>+0.0 s  <$quiet>a long sent…",
        ]),
        (40, 2, [
            "<$quiet>15:59:58 <$foreground>lane   <$waiting> ◔ requested 2.0 s ago",
            "<$quiet>15:59:57 <$foreground>stop   <$waiting> ◔ requested 3.0 s ago",
        ]),
    ],
    ids=count(),
)  # fmt: skip
def test_commands_have_their_result_beside_or_below(width: Any, height: Any, wanted: Any) -> None:
    """Those that wait say since when; of this console's own the newest first."""
    assert (
        drawn(
            commands.CommandsPane,
            commands.command_facts(
                FIRST,
                (Requested("stop", NOW - 3, "c9"), Requested("pause", NOW - 300, "c1"), Requested("lane", NOW - 2)),
                NOW,
            ),
            width,
            height,
        )
        == wanted
    )


@pytest.mark.parametrize(
    ("made", "asked", "wanted"),
    [
        (FIRST[:1], (), 0.0),
        (FIRST[:2], (), NOW),
        (FIRST[:1], (Requested("stop", NOW, "c9"),), NOW),
        (FIRST[:1], (Requested("pause", NOW, "c1"),), 0.0),
    ],
    ids=count(),
)  # fmt: skip
def test_the_clock_counts_while_a_command_is_not_done(made: Any, asked: Any, wanted: Any) -> None:
    """Else the pane stays as it is."""
    assert commands.command_facts(made, asked, NOW).now == wanted


@pytest.mark.parametrize(
    ("state", "node", "reason", "wanted"),
    [
        ("ready", "vm-a", "", "<$running>● <$foreground>place-1 on vm-a<$running> · ready 65 s<$foreground> · 8 in flight · 1,212/min<$quiet>"),
        ("starting", "", "", "<$quiet>◌ <$foreground>place-1<$quiet> · starting 65 s<$foreground><$quiet>"),
        ("refused", "vm-a", "no module", "<$failed>✗ <$foreground>place-1 on vm-a<$failed> · refused 65 s<$foreground><$quiet> · no module"),
        ("lost", "", "gone", "<$waiting>✗ <$foreground>place-1<$waiting> · lost 65 s<$foreground><$quiet> · gone"),
    ],
    ids=count(),
)  # fmt: skip
def test_places_say_how_they_are(state: Any, node: Any, reason: Any, wanted: Any) -> None:
    """Calls and their rate only while they make any."""
    assert toned(places._row(PlaceStatus("place-1", node, state, reason, 8, 1_212.4, 65.0))) == wanted


@pytest.mark.parametrize(
    ("size", "wanted"),
    [
        (0, 1),
        (1, 1),
        (6, 6),
        (7, 6),
    ],
    ids=count(),
)  # fmt: skip
def test_places_have_a_row_each(size: Any, wanted: Any) -> None:
    """Six at most."""
    assert places.PlacesPane.rows_wanted(SimpleNamespace(facts=places.PlaceFacts((None,) * size))) == wanted


@pytest.mark.parametrize(
    ("since_at", "rate_", "wanted"),
    [
        (NOW - 12.9, 3.6, [(12.0, 4.0)]),
        (NOW + 5, 3.4, [(0.0, 3.0)]),
    ],
    ids=count(),
)  # fmt: skip
def test_ages_of_places_are_whole_seconds(since_at: Any, rate_: Any, wanted: Any) -> None:
    """Never below zero."""
    assert [
        (each.since_at, each.rate_per_min)
        for each in places.place_facts((PlaceStatus("p", "", "ready", "", 0, rate_, since_at),), NOW).places
    ] == wanted


@pytest.mark.parametrize(
    ("beat_at", "started_at", "wanted"),
    [
        (NOW - 9.94, NOW - 61.9, (9.9, 61.0)),
        (NOW - 10.4, NOW + 3, (10.0, 0.0)),
        (NOW + 4, None, (0.0, None)),
        (None, NOW - 0.5, (None, 0.0)),
    ],
    ids=count(),
)  # fmt: skip
def test_the_age_of_a_heartbeat_is_rounded_as_it_is_shown(beat_at: Any, started_at: Any, wanted: Any) -> None:
    """To a tenth below ten seconds; never below zero."""
    assert (
        ages(
            worker.worker_facts(
                replace(running(40, 20).snapshot(NOW).worker, heartbeat_at=beat_at, started_at=started_at), None, NOW
            )
        )
        == wanted
    )
