"""What commands say of sources, quality and plans, word by word, on values that stand for a run."""

from __future__ import annotations

import argparse
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.llm.task import builtin_task
from core.model import Dimension, KeyState, KeyStatus, WindowStatus
from core.quality.agreement import Agreement
from core.quality.estimates import Difference, Estimate, LabelFigures
from core.quota.forecast.plans import plan as plan_named
from core.runs import build, plan
from tui.commands import files, quality, sources

TASK = builtin_task()


def made(number: int, **given: Any) -> Any:
    usual = {"name": f"mail.{number}", "taken": 1, "skipped": {}, "skipped_places": (), "existed": False}
    return SimpleNamespace(**{**usual, "described": "comma-separated", "path": f"/runs/mail.{number}.db", **given})


@pytest.mark.parametrize(
    ("parts", "said"),
    [
        (
            [made(1, existed=True), made(2, existed=True)],
            ["The series mail was made from this source before. Nothing was changed."],
        ),
        (
            [made(1, existed=True), made(2)],
            [
                "mail: 2 emails taken in 2 parts, mail.1 to mail.2, comma-separated",
                "`labeltui start mail` works on one after another; `status` and `export` of mail mean all of them.",
            ],
        ),
        (
            [made(1, taken=1_000, skipped={"empty": 2}, skipped_places=("line 3", "line 9")), made(2)],
            [
                "mail: 1,001 emails taken in 2 parts, mail.1 to mail.2, comma-separated",
                "  skipped 2: empty",
                "    line 3",
                "    line 9",
                "`labeltui start mail` works on one after another; `status` and `export` of mail mean all of them.",
            ],
        ),
    ],
)
def test_a_series_says_what_it_took(capsys: pytest.CaptureFixture[str], parts: list[Any], said: list[str]) -> None:
    """Unless all of its parts were there."""
    assert sources._say_series(parts, TASK) == 0
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(
    ("base_url", "found", "keys", "said"),
    [
        (None, None, [], []),
        (
            "http://h/v1",
            None,
            ["k"],
            ["  server    http://h/v1 gets the texts", f"  model     {TASK.model.model}"],
        ),
        (
            "http://h/v1",
            SimpleNamespace(sentence="found at h"),
            [],
            ["  server    found at h", f"  model     {TASK.model.model}", "  key       no key: add one"],
        ),
    ],
)
def test_a_server_of_ones_own_is_named_before_it_gets_a_text(
    capsys: pytest.CaptureFixture[str], base_url: str | None, found: Any, keys: list[str], said: list[str]
) -> None:
    """With the model, and how it gets a key where it has none."""
    store = SimpleNamespace(secrets=lambda: keys, why_none=lambda: "no key: add one")
    engine = SimpleNamespace(key_store=lambda *_: contextlib.nullcontext(store))
    sources._say_server(engine, base_url, TASK, found)  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"taken": 0},
            ["mail: 0 texts added, 5 were there already, as CSV"],
        ),
        (
            {"taken": 1, "changed": 3, "changed_ids": ("a", "b")},
            [
                "mail: 1 text added, 5 were there already, as CSV",
                "  3 texts changed under an old id; the run keeps what it has:",
                "    a",
                "    b",
                "    and 1 more",
                "`labeltui start mail` goes on with them, behind all others.",
            ],
        ),
        (
            {"taken": 2, "changed": 1, "changed_ids": ("a",), "dry_run": True},
            [
                "mail: 2 texts would be added, 5 were there already, as CSV",
                "  1 text changed under an old id; the run keeps what it has:",
                "    a",
                sources.NOTHING_CHANGED,
            ],
        ),
    ],
)
def test_later_arrivals_are_said(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], said: list[str]
) -> None:
    """What is new, what was there, and what changed under an old id."""
    usual = {"known": 5, "changed": 0, "changed_ids": (), "skipped": {}, "skipped_places": (), "described": "as CSV"}
    added = SimpleNamespace(**{**usual, **given})
    engine = SimpleNamespace(
        find=lambda _: Path("/runs/mail.db"), add=lambda *_: added, dry_run_of_adding=lambda *_: added
    )
    monkeypatch.setattr(sources, "Engine", lambda *_, **__: engine)
    monkeypatch.setattr(sources, "source_options", lambda _: None)
    monkeypatch.setattr(sources, "counting", lambda *_: contextlib.nullcontext(None))
    words = argparse.Namespace(run="mail", source=[Path("x")], read_only=False, dry_run=given.get("dry_run", False))
    assert sources.add(words) == 0
    assert capsys.readouterr().out.splitlines() == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (
            {"taken": 0, "distinct": 0, "characters": 0},
            ["as CSV", "  taken     0 emails, 0 distinct texts", "  sent      0 characters, 0 each"],
        ),
        (
            {
                "taken": 3, "distinct": 1, "characters": 10_000, "columns": ("id", "text"), "shown": (("a", "Hello"),), "cut": 1,
                "unparsed": 2, "flagged": 1_000, "skipped": {"empty": 1}, "places": ("line 1", "line 2"),
            },
            [
                "as CSV", "  columns   id, text", "    a  Hello", "  taken     3 emails, 1 distinct text",
                "  sent      10,000 characters, 3,333 each", "  1 longer than 6,000 characters: the rest is not sent",
                "  2 could not be parsed whole: their text is kept as it came", "  1,000 marked as possible prompt injection",
                "  skipped 1: empty", "    line 1", "    line 2",
            ],
        ),
    ],
)  # fmt: skip
@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_of_a_source_says_what_would_be_taken(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    given: dict[str, Any],
    said: list[str],
    as_json: bool,
) -> None:
    """Agents see no beginning of a text."""
    usual = {
        "described": "as CSV",
        "columns": (),
        "shown": (),
        "cut": 0,
        "unparsed": 0,
        "flagged": 0,
        "skipped": {},
        "places": (),
    }
    found = SimpleNamespace(**{**usual, **given})
    monkeypatch.setattr(sources, "Engine", lambda *_: SimpleNamespace(preview_source=lambda *_, **__: found))
    words = argparse.Namespace(source=[Path("x")], json=as_json)
    assert sources._dry_run(words, TASK, None) == 0  # type: ignore[arg-type]
    shown = [line for line in said if not (as_json and line == "    a  Hello")]
    assert capsys.readouterr().out.splitlines() == [*shown, "Nothing was made: this was a dry run."]


def test_a_backup_says_its_size_in_megabytes(capsys: pytest.CaptureFixture[str]) -> None:
    """With what was copied."""
    engine = SimpleNamespace(backup=lambda *_: 12_345_678, check=lambda _: SimpleNamespace(emails=5_031, labels=7))
    assert files._backup(engine, Path("/runs/mail.db"), Path("/b.db")) == 0  # type: ignore[arg-type]
    assert capsys.readouterr().out == "mail copied to /b.db: 5,031 texts, 7 labels, 12.3 MB\n"


# -- quality --------------------------------------------------------------------------------------------------------------

WIDE = Estimate(0.5, 0.2, 0.8, 9, few=True, more=120)
SURE = Estimate(0.9, 0.85, 0.94, 400)


def figures(label: str, share: float, recall: Estimate | None) -> LabelFigures:
    return LabelFigures(label, share, SURE, SURE, recall, None, 9)


class Found(SimpleNamespace):
    """A run's quality in plain values."""

    def as_json(self) -> dict[str, Any]:
        return {"gold": self.gold}


def found(**given: Any) -> Found:
    watches = [
        {"name": "labels", "state": "alarm", "sentence": "no 0"},
        {"name": "canaries", "state": "steady", "sentence": "all the same"},
        {"name": "slow", "state": "off", "sentence": "too few"},
    ]
    audit = SimpleNamespace(
        run="mail", model="m", simulated=False, names={"1": "work", "0": "personal"}, watches=watches
    )
    usual = {
        "audit": audit, "labeled": 5_000, "audited": 400, "due": 0, "line": "checked 400 of 5,000", "cannot_tell": 0,
        "accuracy_with_unsure": None, "persons": (), "breakdowns": (), "splits": 0, "packs": None, "gold": {},
        "figures": SimpleNamespace(accuracy=SURE, labels=(figures("1", 0.9, SURE), figures("0", 0.1, WIDE))),
        "kappa": Agreement(None, None, None, 0.0, 0), "people": Agreement(None, None, None, 0.0, 0),
    }  # fmt: skip
    return Found(**{**usual, **given})


WATCHES = ["! labels: no 0", "✓ canaries: all the same", "· slow: too few"]
LABELS = [
    "1 work: model says 90.0 %, corrected 90.0 % (85.0–94.0), recall 90.0 % (85.0–94.0), precision 90.0 % (85.0–94.0)",
    "0 personal: model says 10.0 %, corrected 90.0 % (85.0–94.0), recall 50.0 % (20.0–80.0), precision 90.0 % (85.0–94.0)",
]
WIDE_RECALL = "recall of 0 is wide: about 120 more random ones bring it to ± 10"


def test_the_quality_of_labels_in_lines() -> None:
    """Figures with intervals, what is wide, and how the watches stand."""
    assert list(quality.lines(found())) == [
        "mail: 5,000 labeled by m; checked 400 of 5,000",
        *LABELS,
        "accuracy: 90.0 % (85.0–94.0) over 400 audited",
        WIDE_RECALL,
        *WATCHES,
    ]


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        ({"due": 1}, ["waiting: 1 of the sample waits for a person; figures are provisional"]),
        ({"due": 1_200}, ["waiting: 1,200 of the sample wait for a person; figures are provisional"]),
        (
            {"cannot_tell": 9, "accuracy_with_unsure": (0.8, 0.9)},
            ["cannot tell: 9 that nobody could tell are left out: accuracy is 80 % if the model is wrong on all of them, 90 % if right."],
        ),
        ({"splits": 3}, ["split: people differ on 3"]),
        ({"packs": SimpleNamespace(sentence="no difference")}, ["packs: no difference"]),
        (
            {"persons": (SimpleNamespace(name="ana", answers=1_200, cannot_tell=2, changed=1, second_looks=9),)},
            ["ana: 1,200 answers, 2 cannot tell, 1 of 9 second looks changed"],
        ),
        (
            {"breakdowns": (SimpleNamespace(by="half", name="first", audited=20, accuracy=WIDE),)},
            ["half, first: 20 checked, 50 % (20–80), too few: 120 more"],
        ),
        (
            {"gold": {"old": {"agree": None, "compared": 0}, "new": {"agree": 0.956, "compared": 1_200}}},
            ["labels of old: none compared", "labels of new: 95.6% of 1,200 agree"],
        ),
        (
            {"figures": SimpleNamespace(accuracy=WIDE, labels=())},
            ["accuracy: 50.0 % (20.0–80.0) over 400 audited; 120 more random ones bring it to ± 10"],
        ),
        ({"figures": SimpleNamespace(accuracy=Estimate(0.5, 0.2, 0.8, 9, few=True), labels=())}, ["accuracy: 50.0 % (20.0–80.0) over 400 audited"]),
        ({"figures": SimpleNamespace(accuracy=Estimate(0.5, 0.2, 0.8, 9, more=5), labels=())}, ["accuracy: 50.0 % (20.0–80.0) over 400 audited"]),
    ],
)  # fmt: skip
def test_each_line_that_quality_may_have(given: dict[str, Any], lines: list[str]) -> None:
    """In the singular and the plural, and only where it says something."""
    plain = set(quality.lines(found()))
    assert [each for each in quality.lines(found(**given)) if each not in plain] == lines


@pytest.mark.parametrize(
    ("recall", "said"),
    [(WIDE, True), (SURE, False), (None, False), (Estimate(0.5, 0.2, 0.8, 9, few=True), False), (Estimate(0.5, 0.2, 0.8, 9, more=5), False)],
)  # fmt: skip
def test_a_wide_recall_says_how_many_more_tell(recall: Estimate | None, said: bool) -> None:
    """Where it is wide, and so many are known to help."""
    told = list(quality.lines(found(figures=SimpleNamespace(accuracy=None, labels=(figures("1", 0.9, recall),)))))
    assert any(each.startswith("recall of 1 is wide") for each in told) is said


def test_before_anybody_has_checked_goals_are_told() -> None:
    """With the command that begins, and what they assume of the model."""
    told = list(quality.lines(found(audited=0)))
    assert (
        told[0] == "mail: 5,000 labeled by m; checked 400 of 5,000; `labeltui review mail` labels a random batch, blind"
    )
    goals = [each for each in told if each.startswith("goal")]
    assert [each.split(" ")[3] for each in goals[:2]] == ["0", "1"]
    assert goals[-1].startswith("goals: ")
    assert not [each for each in quality.lines(found(audited=0, labeled=0)) if each.startswith("goals: ")]


def side(run: str) -> Any:
    return SimpleNamespace(run=run, model="m", version="0123456789", figures=SimpleNamespace(accuracy=SURE))


@pytest.mark.parametrize(
    ("estimate", "lines"),
    [
        (None, ["people: nobody has labeled any of those that differ; only these tell which is better"]),
        (
            Estimate(0.012, -0.02, 0.044, 9),
            [
                "people: of 9 that differ, A is right on 6, B on 3 (McNemar p = 0.508)",
                "A is more accurate than B by +1.2 points (-2.0 to +4.4)",
            ],
        ),
    ],
)
def test_two_runs_are_compared_in_lines(estimate: Estimate | None, lines: list[str]) -> None:
    """The most frequent difference first, and who is right by people."""
    compared = SimpleNamespace(
        a=side("one"), b=side("two"), shared=1_200, flips={("1", "0"): 2, ("0", "1"): 30},
        difference=Difference(estimate, 0.5078, 32, 9, 6, 3),
    )  # fmt: skip
    assert list(quality.compared_lines(compared)) == [  # type: ignore[arg-type]
        "A: one (m, 01234567)",
        "B: two (m, 01234567)",
        "shared: 1,200; they differ on 32",
        "A says 0, B says 1: 30",
        "A says 1, B says 0: 2",
        "accuracy of A: 90.0 % (85.0–94.0)",
        "accuracy of B: 90.0 % (85.0–94.0)",
        *lines,
    ]


# -- plans and builds -----------------------------------------------------------------------------------------------------


def key(organization: str) -> KeyStatus:
    return KeyStatus("k", "0000", organization, KeyState.READY)


KNOWN = WindowStatus("a", "m", Dimension.RPM, 30, 30, 0.0)
FREE = plan_named("free")


@pytest.mark.parametrize(
    ("keys", "windows", "organizations", "own", "said", "names"),
    [
        ([], [], None, (), f"1 organization on {FREE.words}", ["organization 1"]),
        ([key("a")], [], 2, (), f"2 organizations on {FREE.words}", ["organization 1", "organization 2"]),
        ([key("a")], [KNOWN], None, (), "the limits that replies or you have named", ["a"]),
        ([key("a")], [], None, ("a",), f"the limits that replies or you have named ({plan_named('own').words})", ["a"]),
        ([key("a")], [KNOWN], None, ("b",), "the limits that replies or you have named", ["a"]),
        ([key("b"), key("c")], [], None, (), f"{FREE.words} for b, c", ["b", "c"]),
        (
            [key("a"), key("c"), key("b")], [KNOWN], None, (),
            f"{FREE.words} for b, c, the others as replies or you have named them", ["a", "c", "b"],
        ),
    ],
)  # fmt: skip
def test_what_a_plan_assumes_of_quotas(
    keys: list[KeyStatus],
    windows: list[WindowStatus],
    organizations: int | None,
    own: tuple[str, ...],
    said: str,
    names: list[str],
) -> None:
    """What is known counts, the plan stands for the rest, and an operator's word that there is none for both."""
    ways, words = plan._ways(keys, windows, FREE, organizations, frozenset(own))
    assert words == said
    assert [each.organization for each in ways] == names
    for each in ways:
        known = each.organization == "a" and windows
        assert (not each.windows) is (each.organization in own)
        assert not known or each.windows[Dimension.RPM].limit == 30


@pytest.mark.parametrize(("dedupe", "expected"), [(True, (3, 2, 2.0)), (False, (3, 3, 5 / 3))])
def test_a_plan_counts_texts_once_where_they_share_an_answer(
    monkeypatch: pytest.MonkeyPatch, dedupe: bool, expected: tuple[int, int, float]
) -> None:
    """The mean is over those that are asked about."""
    texts = ["a", "aaa", "a"]
    views = {text: SimpleNamespace(text=text, content_hash=f"{len(text)}" + "0" * 63) for text in texts}
    monkeypatch.setattr("core.mail.message.view_by", lambda _task, raw, _read_as: views[raw])
    monkeypatch.setattr(
        "core.sources.registry.open_source", lambda *_: [SimpleNamespace(raw=text, read_as="") for text in texts]
    )
    found = plan.texts_of_source(Path("x"), TASK, None, dedupe=dedupe)  # type: ignore[arg-type]
    assert (found.emails, found.distinct, found.mean_chars) == (expected[0], expected[1], pytest.approx(expected[2]))


@pytest.fixture
def leftovers(tmp_path: Path) -> Iterator[Path]:
    """A folder with what imports left, of a day ago and of now."""
    for name, age_s in (
        (".old.import.part", 86_401), (".old.import.part-wal", 90_000), (".new.import.part", 86_400), (".mixed.import.part", 90_000),
        (".mixed.import.part-wal", 5), ("mail.db", 90_000), (".other", 90_000),
    ):  # fmt: skip
        (tmp_path / name).write_text("x", "utf-8")
        os.utime(tmp_path / name, (1_000_000 - age_s,) * 2)
    return tmp_path


def test_what_imports_left_a_day_ago_is_removed(leftovers: Path) -> None:
    """The newest of an import's files counts; nothing else in the folder is touched."""
    build._sweep(leftovers, 1_000_000.0)
    assert sorted(each.name for each in leftovers.iterdir()) == [
        ".mixed.import.part", ".mixed.import.part-wal", ".new.import.part", ".other", "mail.db",
    ]  # fmt: skip
