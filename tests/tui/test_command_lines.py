"""What commands say of sources, quality and plans, word by word, on values that stand for a run."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import RunNotFoundError, UsageError
from core.llm.task import builtin_task
from core.model import Dimension, KeyState, KeyStatus, TaskVersion, WindowStatus
from core.quality.agreement import Agreement
from core.quality.estimates import Difference, Estimate, LabelFigures
from core.quota.forecast.plans import plan as plan_named
from core.runs import build, draft, find, plan, requests
from tui.commands import files, keys, quality, running, serve, sources, task

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
    ("its_keys", "windows", "organizations", "own", "said", "names"),
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
    its_keys: list[KeyStatus],
    windows: list[WindowStatus],
    organizations: int | None,
    own: tuple[str, ...],
    said: str,
    names: list[str],
) -> None:
    """What is known counts, the plan stands for the rest, and an operator's word that there is none for both."""
    ways, words = plan._ways(its_keys, windows, FREE, organizations, frozenset(own))
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


# -- keys and tasks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, "main         …0001  ready  1,200 calls, 3×429, 7 tokens"),
        (
            {"state": KeyState.IN_USE, "pinned": True},
            "main         …0001  used first, in use  1,200 calls, 3×429, 7 tokens",
        ),
        (
            {"state": KeyState.COOLING, "cooldown_s": 41.2, "reason": "waits for tokens"},
            "main         …0001  cooling for 00:42 (waits for tokens)  1,200 calls, 3×429, 7 tokens",
        ),
        (
            {"state": KeyState.DISABLED, "reason": "disabled by ana"},
            "main         …0001  disabled by ana  1,200 calls, 3×429, 7 tokens",
        ),
        ({"server": "api.groq.com"}, "main         …0001  ready  1,200 calls, 3×429, 7 tokens"),
        ({"server": "h.example"}, "main         …0001  h.example  ready  1,200 calls, 3×429, 7 tokens"),
    ],
)
def test_the_line_of_a_key(given: dict[str, Any], said: str) -> None:
    """Its server where it is another one, what it does and why, and what it did."""
    usual = {"state": KeyState.READY, "requests": 1_200, "errors_429": 3, "tokens": 7}
    assert keys._key(KeyStatus("main", "0001", "org", **{**usual, **given})) == said


@pytest.mark.parametrize(
    ("available", "full_in_s", "said"),
    [
        (6_000, 0.0, "TPM  0 of 6,000 tokens per minute used, untouched"),
        (4_500, 15.0, "TPM  1,500 of 6,000 tokens per minute used, whole again in 00:15"),
    ],
)
def test_the_line_of_a_window(available: float, full_in_s: float, said: str) -> None:
    """What is used, and when it is whole again."""
    assert keys._window(WindowStatus("org", "m", Dimension.TPM, 6_000, available, full_in_s)) == said


def test_keys_are_listed_by_organization_with_its_windows(capsys: pytest.CaptureFixture[str]) -> None:
    """And where an operator said that it has no limits."""
    listed = [
        KeyStatus(alias, "0001", organization, KeyState.READY)
        for alias, organization in (("a", "x"), ("b", "y"), ("c", "x"))
    ]
    windows = [WindowStatus(each, "m", Dimension.RPM, 30, 30, 0.0) for each in ("y", "x", "z")]
    keys._say_keys(listed, windows, {"y"})
    assert [line.split("…")[0].rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "x", "  RPM  0 of 30 requests per minute used, untouched", "  a", "  c",
        "y  (own plan: no limits)", "  RPM  0 of 30 requests per minute used, untouched", "  b",
    ]  # fmt: skip


NO_LIMIT = {"organization": "org", "plan": None, "rpm": None, "rpd": None, "tpm": None, "tpd": None, "dry_run": False}


@pytest.mark.parametrize(
    ("given", "stated", "said"),
    [
        ({"rpm": 30}, {Dimension.RPM: 30.0}, "org, m: RPM 30. 2 workers told. What replies say wins over it."),
        ({"rpm": 0, "tpd": 2e5}, {Dimension.RPM: None, Dimension.TPD: 2e5}, "org, m: RPM removed, TPD 200,000. 2 workers told. What replies say wins over it."),
        (
            {"plan": "free", "tpm": 9},
            {**FREE.limits, Dimension.TPM: 9.0},
            "org, m: " + ", ".join(f"{each.value} {9 if each is Dimension.TPM else limit:,.0f}" for each, limit in FREE.limits.items()) + ". 2 workers told. What replies say wins over it.",
        ),
    ],
)  # fmt: skip
def test_limits_are_stated_one_by_one_or_by_a_plan(
    capsys: pytest.CaptureFixture[str], given: dict[str, Any], stated: dict[Dimension, float | None], said: str
) -> None:
    """0 removes one; what is named differs from the plan."""
    kept: list[Any] = []
    engine = SimpleNamespace(tell_workers_of_keys=lambda: 2)
    store = SimpleNamespace(set_limits=lambda *words: kept.append(words))
    assert keys._limits(argparse.Namespace(**{**NO_LIMIT, **given}), engine, store, "m") == 0  # type: ignore[arg-type]
    assert kept == [("org", "m", stated)]
    assert capsys.readouterr().out == f"{said}\n"


def test_limits_that_say_nothing_or_contradict_a_plan_are_refused() -> None:
    """None at all, or one beside the plan without any."""
    for given, words in (({}, "Name a limit"), ({"plan": "own", "tpd": 0}, "has no limits")):
        with pytest.raises(UsageError, match=words):
            keys._limits(argparse.Namespace(**{**NO_LIMIT, **given}), None, None, "m")  # type: ignore[arg-type]


@pytest.mark.parametrize(("told", "said"), [(0, ""), (1, " 1 worker told."), (2, " 2 workers told.")])
def test_workers_are_told_of_keys_and_counted(told: int, said: str) -> None:
    """A dry run tells none."""
    engine = SimpleNamespace(tell_workers_of_keys=lambda: told)
    assert keys._tell_workers(argparse.Namespace(dry_run=False), engine) == said  # type: ignore[arg-type]
    assert keys._tell_workers(argparse.Namespace(dry_run=True), None) == f" {sources.NOTHING_CHANGED}"  # type: ignore[arg-type]


def test_what_happened_to_a_key_is_listed(capsys: pytest.CaptureFixture[str], utc: None) -> None:
    """What it spent by day, and each trouble with what was waited for."""
    trouble = {"at": 1_790_000_000.0, "outcome": "rate_limited", "text": "slow down"}
    history = SimpleNamespace(
        spent=[SimpleNamespace(day="2026-09-21", requests=1_200, errors_429=3, prompt_tokens=5_000, completion_tokens=7, model="m")],
        troubles=[
            SimpleNamespace(**trouble, status=429, wait_s=3.0, limit="TPM"),
            SimpleNamespace(**trouble, status=None, wait_s=3.0, limit=""),
            SimpleNamespace(**trouble, status=500, wait_s=None, limit=""),
        ],
    )  # fmt: skip
    given = argparse.Namespace(alias="main")
    keys._history(given, None, SimpleNamespace(history=lambda _: history))  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == [
        "2026-09-21  1,200 calls, 3×429, 5,000 + 7 tokens with m",
        "2026-09-21 14:13:20  429  rate limited waits 00:03 for TPM  slow down",
        "2026-09-21 14:13:20  –    rate limited waits 00:03 for a limit  slow down",
        "2026-09-21 14:13:20  500  rate limited  slow down",
    ]
    keys._history(given, None, SimpleNamespace(history=lambda _: SimpleNamespace(spent=[], troubles=[])))  # type: ignore[arg-type]
    assert capsys.readouterr().out == "main has made no call yet.\n"


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"active": True, "by": ""}, "▶ 01234567  since 14:13, made with the run, 0 labels"),
        (
            {"labels": {"0": 1, "1": 3}, "failed": 2, "both": 4, "agreed": 3},
            "  01234567  since 14:13, by ana, 4 labels (work 75 %, personal 25 %), 2 failed, 75 % of 4 as the active one labeled them",
        ),
        ({"labels": {"1": 1}}, "  01234567  since 14:13, by ana, 1 label (work 100 %)"),
    ],
)
def test_the_line_of_a_version(utc: None, given: dict[str, Any], said: str) -> None:
    """Whether it is active, since when, by whom, what it labeled, what failed, how far it agrees."""
    usual = {
        "since_at": 1_790_000_000.0, "by": "ana", "active": False, "labels": {}, "by_people": 0, "calls": 0, "unusable": 0,
        "failed": 0, "both": 0, "agreed": 0,
    }  # fmt: skip
    version = TaskVersion(replace(TASK, version="0123456789"), **{**usual, **given})
    assert task._version_line(version, 1_790_000_100.0) == said


def test_a_draft_is_tried_beside_the_labels_of_now(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, another, none of now, none of the draft; with what it costs and how many agree."""

    def result(number: int, now: str | None, told: str | None, human: str | None = None) -> Any:
        sampled = SimpleNamespace(
            label=now, source_id=f"mail-{number}", subject="s", human_label=human, model_label=now
        )
        return SimpleNamespace(email=sampled, label=told, why="no valid label")

    results = [
        result(1, "1", "1"),
        result(2, "1", "0"),
        result(3, None, "0"),
        result(4, "1", None),
        result(5, None, None),
    ]
    for money, cost in ((0.0123, ", $0.0123"), (None, "")):
        engine = SimpleNamespace(
            dry_run_cost=lambda *_, money=money: SimpleNamespace(emails=5, tokens=1_200, money=money),
            dry_run=lambda *_: SimpleNamespace(results=lambda: results),
        )
        assert task._try(engine, Path("x"), replace(TASK, version="0123456789"), 5) == 0  # type: ignore[arg-type]
        assert capsys.readouterr().out.splitlines()[:7] == [
            f"Trying 01234567 on 5 emails: about 1,200 tokens{cost}, counted against your quotas. No label is given or changed.",
            "  = now 1        draft 1        mail-1  s",
            "  ≠ now 1        draft 0        mail-2  s",
            "    now –        draft 0        mail-3  s",
            "    now 1        draft –        mail-4  s (no valid label)",
            "    now –        draft –        mail-5  s (no valid label)",
            "1 of 2 as labeled now; 2 without a label.",
        ]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ()),
        ({"labels": ()}, ("labels",)),
        ({"rubric": "x"}, ("rubric",)),
        ({"item": "review"}, ("item",)),
        ({"model": replace(TASK.model, model="m")}, ("model",)),
        ({"truncate_at": 5}, ("what is sent",)),
        ({"pack": 5}, ("packs",)),
        ({"max_reasks": 9}, ("settings",)),
        ({"judge": "tolerant"}, ("settings",)),
        ({"canaries": 1}, ("settings",)),
        ({"model": replace(TASK.model, seed=5)}, ("settings",)),
        ({"name": "x", "rubric": "x"}, ("rubric", "name")),
        ({"version": "other"}, ()),
    ],
)
def test_which_parts_of_a_task_differ(change: dict[str, Any], said: tuple[str, ...]) -> None:
    """Each by its name, the most important first."""
    assert draft.differences(TASK, replace(TASK, **change)) == said


@pytest.mark.parametrize(
    ("names", "wanted", "said"),
    [
        ([], "mail", "There are no runs yet: `labeltui new FILE` makes one."),
        (["mails"], "mail", "Did you mean mails?"),
        (["a", "b"], "mail", "Runs here: a, b."),
        ([*"abcdefgh"], "mail", "Runs here: a, b, c, d, e, f, g, h."),
        ([*"abcdefghi"], "mail", "Runs here: a, b, c, d, e, f, g, h, …."),
    ],
)
def test_a_run_that_is_not_there_is_answered_with_those_that_are(
    tmp_path: Path, names: list[str], wanted: str, said: str
) -> None:
    """The one that comes near, or the first eight."""
    settings = SimpleNamespace(runs_dir=tmp_path, demo_dir=tmp_path / "demo", archive_dir=tmp_path / "archive")
    for name in names:
        (tmp_path / f"{name}{find.SUFFIX}").write_bytes(b"x")
    with pytest.raises(RunNotFoundError) as caught:
        find.find_run(settings, wanted)  # type: ignore[arg-type]
    assert str(caught.value) == f"There is no run {wanted!r} in {tmp_path}. {said}"


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("https://labels.example.org", "https://labels.example.org"),
        ("http://box:8000/", "http://box:8000"),
        ("ftp://box", None),
        ("box:8000", None),
        ("http://box/path", None),
        ("http://box/?q=1", None),
        ("https://", None),
    ],
)
def test_the_address_of_a_served_console_is_one_without_a_path(url: str, found: str | None) -> None:
    """By http or https."""
    if found is None:
        with pytest.raises(UsageError, match="without a path"):
            serve._checked(url)
    else:
        assert serve._checked(url) == found


@pytest.mark.parametrize(
    ("host", "url"), [("box", "http://box:80"), ("::1", "http://[::1]:80"), ("[::1]", "http://[::1]:80"), ("127.0.0.1", "http://127.0.0.1:80")]
)  # fmt: skip
def test_an_address_of_version_six_stands_in_brackets(host: str, url: str) -> None:
    """Once."""
    assert serve._url(host, 80) == url
    assert serve.reachable(host) == [host]


@pytest.mark.parametrize(
    ("host", "families"), [("0.0.0.0", [socket.AF_INET]), ("::", [socket.AF_INET, socket.AF_INET6])]
)
def test_a_server_on_every_address_is_reached_by_the_names_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, host: str, families: list[int]
) -> None:
    """Of version 6 where it listens there; no packet is sent."""
    probed: list[int] = []

    def opened(family: int, _kind: int) -> Any:
        probed.append(family)
        probe = SimpleNamespace(
            connect=lambda _: None, getsockname=lambda: ("10.0.0.5" if family == socket.AF_INET else "fd::5", 1)
        )
        return contextlib.nullcontext(probe)

    monkeypatch.setattr(serve.socket, "socket", opened)
    monkeypatch.setattr(serve.socket, "gethostname", lambda: "Box")
    assert serve.reachable(host) == ["10.0.0.5", *["fd::5"] * (len(families) - 1), "box", "localhost"]
    assert probed == families


@pytest.mark.parametrize(
    ("seen", "settings", "texts", "expected"),
    [
        (0, {"model": "m", "reasoning_effort": "low"}, 1.0, (1_012.0, 0.0, 25.0)),
        (49, {"model": "m", "reasoning_effort": None}, 3.0, (1_012.0, 0.0, 9.0)),
        (0, {"model": "openai/gpt-oss-20b", "reasoning_effort": "odd"}, 1.0, (1_012.0, 640.0, 70.0)),
        (50, {"model": "m"}, 2.0, (700.0, 100.0, 80.0)),
    ],
)
def test_what_one_call_takes(
    seen: int, settings: dict[str, Any], texts: float, expected: tuple[float, float, float]
) -> None:
    """Four characters a token and twelve more, whole blocks cached where the model has that; as learned after 50 calls."""
    estimate = SimpleNamespace(prompt=700.0, cost=640.0)
    estimator = SimpleNamespace(seen=seen, completion=40.0, of=lambda chars: estimate if chars == 4_000 else None)
    found = plan.cost_of_call(estimator, replace(TASK.model, **settings), 3_000, 1_000, texts)  # type: ignore[arg-type]
    assert (found.prompt, found.cached, found.completion, found.learned) == (*expected, seen >= 50)


def test_a_folder_is_known_by_the_names_sizes_and_times_of_its_files(tmp_path: Path) -> None:
    """Links and folders count for nothing; a file by its content."""
    folder = tmp_path / "mails"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.eml", "deep/b.eml"):
        (folder / name).write_text("x", "utf-8")
        os.utime(folder / name, (5, 5))
    before = find.digest_of(folder)
    (folder / "link").symlink_to(folder / "a.eml")
    (folder / "empty").mkdir()
    assert find.digest_of(folder) == before
    seen = {before}
    for change in (
        lambda: os.utime(folder / "a.eml", (6, 6)),
        lambda: (folder / "deep/b.eml").write_text("xy", "utf-8"),
        lambda: (folder / "c.eml").write_text("x", "utf-8"),
    ):
        change()
        seen.add(find.digest_of(folder))
    assert len(seen) == 4
    one, two = tmp_path / "one.csv", tmp_path / "two.csv"
    one.write_text("x", "utf-8")
    two.write_text("x", "utf-8")
    assert find.digest_of(one) == find.digest_of(two) != find.digest_of(one, two)


@pytest.mark.parametrize(
    ("codes", "pending", "code", "worked"),
    [
        ([0], [1], 0, 1),
        ([0, 3, 0], [1, 1, 1], 3, 3),
        ([3, 6, 0], [1, 1, 1], 6, 2),
        ([0, 0], [0, 1], 0, 1),
        ([5], [0], 5, 1),
    ],
    ids=["one run", "failed emails go on", "a stop ends it", "a part that is done", "one run is always worked on"],
)
def test_a_series_is_worked_on_part_by_part(
    monkeypatch: pytest.MonkeyPatch, codes: list[int], pending: list[int], code: int, worked: int
) -> None:
    """Until one ends otherwise than done or with failed emails; the worst code is returned."""
    parts = [Path(f"/runs/mail.{n}.db") for n in range(len(codes))]
    left, did = dict(zip(parts, pending, strict=True)), []
    engine = SimpleNamespace(
        series=lambda _: parts, snapshot=lambda path: SimpleNamespace(pending=left[path]), find=lambda _: parts[0]
    )

    def labeled(_engine: Any, path: Path, _places: Any, *, quiet: bool) -> int:
        did.append(path)
        return codes[parts.index(path)]

    monkeypatch.setattr(running, "Engine", lambda *_, **__: engine)
    monkeypatch.setattr(running, "_work", labeled)
    monkeypatch.setattr(running, "say_status", lambda *_: None)
    given = argparse.Namespace(
        run="mail",
        read_only=False,
        json=False,
        ray=None,
        places=None,
        width=None,
        trust_network=False,
        concurrency=None,
    )
    assert running.work(given) == code
    assert len(did) == worked


def test_progress_without_a_terminal_is_a_line_every_two_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And none that says what the last one said."""
    said = iter(["a", "a", "b", "c"])
    now = [1_000.0]
    monkeypatch.setattr(running.time, "time", lambda: now[0])
    monkeypatch.setattr(running.words, "progress_line", lambda _: next(said))
    show = running._progress(SimpleNamespace(snapshot=lambda _: None))  # type: ignore[arg-type]
    shown = []
    for now[0] in (1_000.0, 1_001.9, 1_002.0, 1_002.1, 1_003.9, 1_004.1):
        show()
        shown.append(capsys.readouterr().out)
    assert shown == ["a\n", "", "", "b\n", "", "c\n"]


def test_a_new_run_gets_the_first_name_that_is_free(tmp_path: Path) -> None:
    """Its source's, else with a number; a name that is taken or unfit is refused with a sentence."""
    settings: Any = SimpleNamespace(runs_dir=tmp_path)
    names = []
    for _ in range(3):
        names.append(requests.name_for(settings, "/x/my mails.csv"))
        (tmp_path / f"{names[-1]}{find.SUFFIX}").write_bytes(b"")
    assert names == ["my-mails", "my-mails-2", "my-mails-3"]
    assert requests.name_trouble(settings, "free") == ""
    assert requests.name_trouble(settings, "my-mails") == "There is a run my-mails already: choose another name."
    assert "cannot be a run's name" in requests.name_trouble(settings, "-x")


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/x/mails.csv", "mails"),
        ("/x/mails.csv.gz", "mails"),
        ("/x/--.csv", "run"),
        ("/x/ä b.csv", "b"),
        (f"/x/{'n' * 70}.csv", "n" * 64),
    ],
)
def test_a_runs_name_is_made_of_its_sources(source: str, name: str) -> None:
    """Without what no file is called everywhere, 64 characters at most."""
    assert find.name_from_source(Path(source)) == name


@pytest.mark.parametrize(("name", "fits"), [("a", True), ("a" * 64, True), ("a" * 65, False), (".a", False), ("a b", False), ("", False), (f"a{find.SUFFIX}", False)])  # fmt: skip
def test_which_names_a_run_may_have(name: str, fits: bool) -> None:
    """Letters, digits, dot, dash and underscore, beginning with a letter or digit, at most 64 of them."""
    if fits:
        assert find.check_name(name) == name
    else:
        with pytest.raises(UsageError, match="cannot be a run's name"):
            find.check_name(name)


def finding(repairable: bool) -> Any:
    return SimpleNamespace(repairable=repairable, sentence="a total is wrong" if repairable else "a row is missing")


CHECKED = "mail: 5 texts, 6 calls, 7 labels"


@pytest.mark.parametrize(
    ("findings", "given", "after", "code", "said"),
    [
        ([], {}, None, 0, [CHECKED, "  sound: the file is whole, totals and position agree with the rows, and every row has what it refers to"]),
        ([True], {}, None, 1, [CHECKED, "  a total is wrong", "`labeltui check mail --repair` writes 1 number as the rows give them."]),
        ([True, True], {"repair": True, "dry_run": True}, None, 1, [CHECKED, "  a total is wrong", "  a total is wrong", "2 numbers would be put right.", sources.NOTHING_CHANGED]),
        (
            [True], {"repair": True}, [], 0,
            [CHECKED, "  a total is wrong", "1 number put right.", CHECKED, "  sound: the file is whole, totals and position agree with the rows, and every row has what it refers to"],
        ),
        (
            [True, False], {"repair": True}, [False], 1,
            [CHECKED, "  a total is wrong", "  a row is missing", "1 number put right.", CHECKED, "  a row is missing",
             "What is not a number cannot be put right from the rows: go back to a copy of the run, if there is one."],
        ),
    ],
    ids=["sound", "a number", "a dry run", "put right", "not all of it"],
)  # fmt: skip
def test_what_a_check_finds_and_puts_right(
    capsys: pytest.CaptureFixture[str], findings: list[bool], given: dict[str, bool],
    after: list[bool] | None, code: int, said: list[str],
) -> None:  # fmt: skip
    """Numbers alone; what is wrong still is said again, with what else helps."""
    results = [findings, after if after is not None else findings]

    def checked(_path: Path) -> Any:
        found = [finding(each) for each in results.pop(0)]
        return SimpleNamespace(emails=5, attempts=6, labels=7, notes=(), findings=found, sound=not found)

    engine = SimpleNamespace(check=checked, repair=lambda _: 1)
    usual = {"repair": False, "dry_run": False}
    assert files._check(engine, Path("/runs/mail.db"), argparse.Namespace(**{**usual, **given})) == code  # type: ignore[arg-type]
    assert capsys.readouterr().out.splitlines() == said
