"""Lines that commands print for people, whole: of keys, limits, task versions, a draft on trial, a comparison."""

from __future__ import annotations

import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import KeysError, UsageError
from core.model import Dimension, KeyState, WindowStatus
from tests.tui.fakes import NOW, TASK, key
from tui.commands import files, keys, quality, task


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is printed, line by line."""
    found: list[str] = []
    for module in (keys, task):
        monkeypatch.setattr(module, "say", found.append)
    monkeypatch.setattr(keys, "say_hung", found.append)
    return found


@pytest.mark.parametrize(
    ("shown", "line"),
    [
        (key("main", "o"), "main         …main  ready  412 calls, 1×429, 367,000 tokens"),
        (
            key("lab", "o", KeyState.COOLING, cooldown_s=41.0, reason="429"),
            "lab          …xlab  cooling for 00:41 (429)  412 calls, 1×429, 367,000 tokens",
        ),
        (
            key("old", "o", KeyState.INVALID, reason="invalid: no such key", pinned=True),
            "old          …xold  used first, invalid: no such key  412 calls, 1×429, 367,000 tokens",
        ),
        (
            key("a-long-alias-it-is", "o", KeyState.IN_USE, server="api.groq.com", requests=1_000, tokens=0),
            "a-long-alias-it-is …t-is  in use  1,000 calls, 1×429, 0 tokens",
        ),
        (
            key("far", "o", server="llm.example:8000", cooldown_s=0.5),
            "far          …xfar  llm.example:8000  ready for 00:01  412 calls, 1×429, 367,000 tokens",
        ),
        (
            key("far", "o", server="x" * 50, reason="y" * 200),
            f"far          …xfar  {'x' * 39}…  ready ({'y' * 99}…)  412 calls, 1×429, 367,000 tokens",
        ),
    ],
)
def test_the_line_of_a_key(shown: Any, line: str) -> None:
    """The usual server is not named; a reason that begins with the state stands for it."""
    assert keys._key(shown) == line


@pytest.mark.parametrize(
    ("window", "line"),
    [
        (
            WindowStatus("o", "m", Dimension.TPM, 8_000, 2_400, 42.0),
            "TPM  5,600 of 8,000 tokens per minute used, whole again in 00:42",
        ),
        (WindowStatus("o", "m", Dimension.RPD, 1_000, 1_000, 0.0), "RPD  0 of 1,000 requests per day used, untouched"),
        (
            WindowStatus("o", "m", Dimension.TPD, 10, 4, 0.5),
            "TPD  6 of 10 tokens per day used, whole again in 00:01",
        ),
    ],
)
def test_the_line_of_a_window(window: WindowStatus, line: str) -> None:
    """What is spent, and when nothing is."""
    assert keys._window(window) == line


def test_keys_stand_under_their_organizations(said: list[str]) -> None:
    """In the order in which these came; windows of others are not theirs."""
    windows = [WindowStatus(name, "m", Dimension.TPM, 10, 5, 0.0) for name in ("b", "a", "c")]
    keys._say_keys([key("k1", "b"), key("k2", "a"), key("k3", "b")], windows, {"a"})
    assert [line.split("  used")[0].split(" used")[0].split("  …")[0][:12] for line in said] == [
        "b", "  TPM  5 of ", "  k1        ", "  k3        ", "a  (own plan", "  TPM  5 of ", "  k2        ",
    ]  # fmt: skip
    assert said[4] == "a  (own plan: no limits)"


def test_the_past_of_a_key_is_told_by_days_and_troubles(said: list[str]) -> None:
    """Spending first; what a server said is cut."""
    spent = SimpleNamespace(
        day="2026-11-25", requests=1_200, errors_429=3, prompt_tokens=5_000, completion_tokens=70, model="m" * 50
    )
    at = time.mktime((2026, 11, 25, 10, 11, 12, 0, 0, -1))
    troubles = [
        SimpleNamespace(at=at, status=429, outcome="rate_limited", wait_s=41.0, limit="TPM", text="slow\ndown"),
        SimpleNamespace(at=at, status=None, outcome="timeout", wait_s=5.0, limit="", text="x" * 200),
        SimpleNamespace(at=at, status=500, outcome="server_error", wait_s=None, limit="TPM", text=""),
    ]
    store: Any = SimpleNamespace(history=lambda alias: SimpleNamespace(spent=(spent,), troubles=troubles))
    given: Any = SimpleNamespace(alias="a")
    assert keys._history(given, None, store) == 0  # type: ignore[arg-type]
    assert said == [
        f"2026-11-25  1,200 calls, 3×429, 5,000 + 70 tokens with {'m' * 39}…",
        "2026-11-25 10:11:12  429  rate limited waits 00:41 for TPM  slow down",
        f"2026-11-25 10:11:12  –    timeout waits 00:05 for a limit  {'x' * 159}…",
        "2026-11-25 10:11:12  500  server error  ",
    ]


@pytest.mark.parametrize(
    ("words", "stated", "told"),
    [
        ({"rpm": 30}, {Dimension.RPM: 30.0}, "RPM 30"),
        ({"rpm": 0, "tpd": 5_000}, {Dimension.RPM: None, Dimension.TPD: 5_000.0}, "RPM removed, TPD 5,000"),
        ({"plan": "groq-free", "tpm": 1}, None, "TPM 1"),
        ({}, None, None),
        ({"plan": "own"}, None, ""),
        ({"plan": "own", "rpd": 0}, None, None),
    ],
)
def test_limits_are_stated_one_by_one_or_by_plan(
    words: dict[str, Any], stated: Any, told: str | None, said: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Zero removes one; the own plan has none, and a limit beside it is refused."""
    asked: list[Any] = []
    monkeypatch.setattr(
        keys,
        "plan",
        lambda name: SimpleNamespace(limits={Dimension.TPM: 9.0, Dimension.RPD: 7.0} if name != "own" else {}),
    )
    store: Any = SimpleNamespace(
        set_limits=lambda *of: asked.append(of), set_own=asked.append, server="https://llm.example/v1"
    )
    engine: Any = SimpleNamespace(tell_workers_of_keys=lambda: 2)
    given: Any = SimpleNamespace(
        **{
            "organization": "org",
            "plan": None,
            "dry_run": False,
            "rpm": None,
            "rpd": None,
            "tpm": None,
            "tpd": None,
            **words,
        }
    )
    if told is None:
        with pytest.raises(UsageError, match="leave --rpm" if words else r"Name a limit .* 0 removes a limit\.$"):
            keys._limits(given, engine, store, "m")
        assert asked == said == []
        return
    assert keys._limits(given, engine, store, "m") == 0
    if words.get("plan") == "own":
        assert asked == ["org"]
        assert said[0].startswith("org at llm.example: no limits, for every model. 2 workers told. It is asked with")
        return
    assert asked == [("org", "m", stated or {Dimension.TPM: 1.0, Dimension.RPD: 7.0})]
    assert told in said[0]
    assert said[0].startswith("org, m: ")
    assert said[0].endswith(". 2 workers told. What replies say wins over it.")


@pytest.mark.parametrize(("count", "words"), [(0, ""), (1, " 1 worker told."), (1_000, " 1,000 workers told.")])
def test_workers_are_told_of_keys(count: int, words: str) -> None:
    """Where there are any."""
    engine: Any = SimpleNamespace(tell_workers_of_keys=lambda: count)
    assert keys._tell_workers(SimpleNamespace(dry_run=False), engine) == words  # type: ignore[arg-type]


def test_a_key_that_would_be_added_is_shown_by_its_last_signs(said: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With an alias of its own where none is given."""
    monkeypatch.setattr(keys, "_secret", lambda _: "gsk_secret9876")
    store: Any = SimpleNamespace(check_new=lambda secret, _: secret)
    for alias, named in (("lab", "lab"), (None, "A key with an alias of its own")):
        keys._would_add(SimpleNamespace(alias=alias), store, "https://llm.example/v1")  # type: ignore[arg-type]
        assert said.pop().startswith(f"{named} (…9876) would be added and sent to llm.example alone. ")
    monkeypatch.undo()
    with pytest.raises(KeysError, match=r"^/nowhere/secret cannot be read as text: "):
        keys._secret(SimpleNamespace(file=Path("/nowhere/secret")))  # type: ignore[arg-type]


# -- tasks ----------------------------------------------------------------------------------------------------------------


def version(**change: Any) -> Any:
    """A version of the task."""
    known = {"task": TASK, "active": True, "since_at": NOW, "by": "", "labels": {}, "labeled": 0, "failed": 0, "both": 0, "agreed": 0}  # fmt: skip
    return SimpleNamespace(**{**known, **change})


def test_the_line_of_a_version() -> None:
    """Which is active, since when, by whom; its labels, the most frequent first, and how far it agrees."""
    when = task.moment(NOW, NOW)
    short = TASK.version[:8]
    assert task._version_line(version(), NOW) == f"▶ {short}  since {when}, made with the run, 0 labels"
    one, other = TASK.labels[0].value, TASK.labels[1].value
    line = task._version_line(
        version(
            active=False, by="x" * 30, labels={one: 10, other: 30}, labeled=40, failed=1_000, both=2_000, agreed=500
        ),
        NOW,
    )
    names = (TASK.name_of(other), TASK.name_of(one))
    assert line == (
        f"  {short}  since {when}, by {'x' * 23}…, 40 labels ({names[0]} 75 %, {names[1]} 25 %), 1,000 failed,"
        " 25 % of 2,000 as the active one labeled them"
    )


def test_a_draft_on_trial_is_compared_text_by_text(said: list[str]) -> None:
    """Only where both gave a label; what people said is scored."""

    def result(now: str | None, told: str | None, human: str | None = None, why: str = "") -> Any:
        email = SimpleNamespace(label=now, human_label=human, model_label=now, source_id="m" * 40, subject="s\nt")
        return SimpleNamespace(email=email, label=told, why=why)

    results = [
        result("1", "1", "1"), result("1", "0", "0"), result(None, "0"), result("1", None, "1", "timeout"),
        result(None, None, None, "w" * 200), result("a" * 30, "b" * 30),
    ]  # fmt: skip
    engine: Any = SimpleNamespace(
        dry_run_cost=lambda *_: SimpleNamespace(money=1.23456, tokens=5_000, emails=6),
        dry_run=lambda *_: SimpleNamespace(results=lambda: iter(results)),
    )
    assert task._try(engine, None, TASK, 6) == 0  # type: ignore[arg-type]
    assert said[0] == (
        f"Trying {TASK.version[:8]} on 6 {TASK.item}s: about 5,000 tokens, $1.2346, counted against your quotas."
        " No label is given or changed."
    )
    where = f" {'m' * 29}…  s t"
    assert said[1:7] == [
        f"  = now 1        draft 1       {where}",
        f"  ≠ now 1        draft 0       {where}",
        f"    now –        draft 0       {where}",
        f"    now 1        draft –       {where} (timeout)",
        f"    now –        draft –       {where} ({'w' * 119}…)",
        f"  ≠ now {'a' * 19}… draft {'b' * 19}…{where}",
    ]
    assert said[7] == "1 of 3 as labeled now; 2 without a label."
    assert said[8].startswith("against people: 2 of 2 right (100 %")
    assert "better on 1, worse on 0" in said[8]
    engine.dry_run_cost = lambda *_: SimpleNamespace(money=None, tokens=5_000, emails=1)
    engine.dry_run = lambda *_: SimpleNamespace(results=lambda: iter(()))
    del said[:]
    task._try(engine, None, TASK, 1)  # type: ignore[arg-type]
    assert said[0].startswith(f"Trying {TASK.version[:8]} on 1 {TASK.item}: about 5,000 tokens, counted against")
    assert said[1] == "0 of 0 as labeled now; 0 without a label."
    assert said[2].startswith("against people: none of these was reviewed")


def test_a_comparison_is_told_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds of difference, the most frequent first; points where people labeled some that differ."""
    monkeypatch.setattr(quality, "shown", str)
    side = [
        SimpleNamespace(run=name, model="m", version="0123456789", figures=SimpleNamespace(accuracy=f"acc {name}"))
        for name in ("one", "two")
    ]
    difference = SimpleNamespace(differing=1_200, estimate=None, audited=40, a_right=25, b_right=15, p_value=0.123456)
    found: Any = SimpleNamespace(
        a=side[0], b=side[1], difference=difference, shared=5_000, flips={("1", "0"): 200, ("0", "1"): 1_000}
    )
    begin = [
        "A: one (m, 01234567)", "B: two (m, 01234567)", "shared: 5,000; they differ on 1,200",
        "A says 0, B says 1: 1,000", "A says 1, B says 0: 200", "accuracy of A: acc one", "accuracy of B: acc two",
    ]  # fmt: skip
    assert list(quality.compared_lines(found)) == [
        *begin, "people: nobody has labeled any of those that differ; only these tell which is better"
    ]  # fmt: skip
    difference.estimate = SimpleNamespace(value=0.0123, low=-0.004, high=0.03)
    assert list(quality.compared_lines(found)) == [
        *begin,
        "people: of 40 that differ, A is right on 25, B on 15 (McNemar p = 0.123)",
        "A is more accurate than B by +1.2 points (-0.4 to +3.0)",
    ]


# -- checks ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "words", "told"),
    [
        (0, {}, ["found"]),
        (0, {"repair": True}, ["found"]),
        (2, {}, ["found", "`labeltui check mail --repair` writes 2 numbers as the rows give them."]),
        (1, {"repair": True}, ["found", "1 number put right.", "found"]),
        (1, {"repair": True, "dry_run": True}, ["found", "1 number would be put right."]),
        (2, {"dry_run": True}, ["found", "`labeltui check mail --repair` writes 2 numbers as the rows give them."]),
    ],
)
def test_a_check_tells_what_can_be_put_right(
    wrong: int, words: dict[str, bool], told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And puts it right where that is wanted, and not only tried."""
    said: list[str] = []
    monkeypatch.setattr(files, "say", said.append)
    monkeypatch.setattr(files, "_tell", lambda *_: said.append("found"))
    findings = [SimpleNamespace(repairable=number < wrong) for number in range(3)]
    repaired: list[Any] = []
    engine: Any = SimpleNamespace(
        check=lambda _: SimpleNamespace(findings=findings, sound=True, damaged=False, ok=True),
        repair=lambda path: repaired.append(path) or wrong,
    )
    given: Any = SimpleNamespace(**{"repair": False, "dry_run": False, "json": False, **words})
    files._check(engine, Path("/n/mail.db"), given)
    assert said[: len(told)] == told
    assert len(repaired) == any("put right." in line and "would" not in line for line in told)
