"""What the commands on sources ask of the engine, and what they say; on engines that stand for real ones."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.llm.task import builtin_task
from core.sources.source import SourceOptions
from tests.tui.test_command_answers import Fake, opened, out_of, words
from tui.commands import sources
from tui.commands.printing import NOTHING_CHANGED

TASK = builtin_task()


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fake]:
    """A function that makes the engine of these commands."""

    def make(**answers: Any) -> Fake:
        engine = Fake(**answers)
        monkeypatch.setattr(sources, "Engine", lambda *_, **__: engine)
        monkeypatch.setattr(sources, "load_settings", lambda: engine.settings)
        return engine

    return make


READ = {"fields": None, "text_column": "", "id_column": None, "gold_column": None, "format": None, "encoding": None, "delimiter": None, "table": None}  # fmt: skip


@pytest.mark.parametrize(("given", "fields"), [({}, ()), ({"fields": " a, b ,,"}, ("a", "b")), ({"fields": ""}, ())])
def test_how_a_source_is_read_is_what_the_line_says(given: dict[str, Any], fields: tuple[str, ...]) -> None:
    """Empty words mean nothing."""
    found = sources.source_options(words(**{**READ, **given, "table": "t", "delimiter": "tab", "gold_column": "g"}))
    assert found == sources.SourceOptions(None, None, "g", fields, None, None, "tab", "t")


def created(**given: Any) -> Any:
    """A run that was made."""
    usual = {"name": "mail", "taken": 3, "distinct": 2, "described": "as CSV", "skipped": {}, "skipped_places": (), "unparsed": 0, "existed": False, "path": "/runs/mail.db"}  # fmt: skip
    return SimpleNamespace(**{**usual, **given})


NEW = {**READ, "task": None, "model": None, "pack": None, "source": [Path("a.csv")], "name": None, "base_url": None, "order": "source", "seed": 5, "no_dedupe": True, "part": None}  # fmt: skip
NEXT = ["  /runs/mail.db", "`labeltui open mail` shows it, `labeltui start mail` starts it."]


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (created(), ["mail: 3 emails taken, 2 distinct texts, as CSV", *NEXT]), (created(existed=True, taken=1), ["The run mail was made from this source before: 1 email. Nothing was changed."]),
        (created(skipped={"empty": 2}, skipped_places=tuple("abcdef"), unparsed=1),
         ["mail: 3 emails taken, 2 distinct texts, as CSV", "  skipped 2: empty", *(f"    {place}" for place in "abcde"), "  `labeltui skipped mail` lists them",
          "  1 email could not be parsed whole: their text is kept as it came", *NEXT]),
    ],
)  # fmt: skip
def test_a_new_run_says_what_it_took(
    made: Any, said: list[str], fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """And what it did not."""
    engine = fake(address_for_new=("http://kept", None), create=[made])
    assert sources.new(words(**NEW)) == 0
    assert out_of(capsys) == said
    _, source, built, options, progress, part = engine.told("create")[0]
    assert (source, built, progress, part) == ([Path("a.csv")], TASK, None, None)
    assert (options.base_url, options.order, options.seed, options.dedupe, options.name) == (
        "http://kept",
        "source",
        5,
        False,
        None,
    )
    engine.answers["create"] = lambda *_: (_ for _ in ()).throw(KeyboardInterrupt)
    with pytest.raises(KeyboardInterrupt):
        sources.new(words(**NEW))
    assert "interrupted: the same command goes on where it was" in capsys.readouterr().err  # fmt: skip


@pytest.mark.parametrize(
    ("given", "dry", "said"),
    [
        ({}, False, ["mail: 2 texts added, 1 were there already, as CSV", "`labeltui start mail` goes on with them, behind all others."]), ({"taken": 0}, False, ["mail: 0 texts added, 1 were there already, as CSV"]),
        ({"taken": 1}, True, ["mail: 1 text would be added, 1 were there already, as CSV", NOTHING_CHANGED]),
        ({"changed": 3, "changed_ids": ("x", "y")}, False, ["mail: 2 texts added, 1 were there already, as CSV", "  3 texts changed under an old id; the run keeps what it has:", "    x", "    y", "    and 1 more",
                                                            "`labeltui start mail` goes on with them, behind all others."]),
        ({"taken": 0, "skipped": {"empty": 1_000, "long": 1}, "skipped_places": ("row 1\n: x",)}, False, ["mail: 0 texts added, 1 were there already, as CSV", "  skipped 1,000: empty", "  skipped 1: long", "    row 1 : x"]),
        ({"changed": 2, "changed_ids": ("x", "y"), "taken": 0}, False, ["mail: 0 texts added, 1 were there already, as CSV", "  2 texts changed under an old id; the run keeps what it has:", "    x", "    y"]),
    ],
)  # fmt: skip
def test_later_arrivals_are_added_or_would_be(
    given: dict[str, Any], dry: bool, said: list[str], fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """Changed ones are named, and left alone."""
    usual = {
        "taken": 2,
        "known": 1,
        "changed": 0,
        "changed_ids": (),
        "skipped": {},
        "skipped_places": (),
        "described": "as CSV",
    }
    found = SimpleNamespace(**{**usual, **given})
    engine = fake(add=found, dry_run_of_adding=found)
    assert sources.add(words(**{**READ, "source": [Path("a")], "dry_run": dry})) == 0
    assert out_of(capsys) == said
    assert bool(engine.told("add")) is not dry


def test_what_was_skipped_is_listed_page_by_page(fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]) -> None:
    """With its detail, or its reason where there is none; as one object too."""
    pages = {0: [(1, "row 1", "empty", ""), (2, "row 2", "long", "9 MB")], 2: [(7, "row 3", "empty", "")], 7: []}
    reasons = {"empty": 2, "long": 1}
    engine = fake(view=lambda _: opened(skipped_by_reason=lambda: reasons, skipped_rows=lambda after: pages[after]))
    assert sources.skipped(words()) == 0
    assert out_of(capsys) == ["2: empty", "1: long", "  row 1: empty", "  row 2: 9 MB", "  row 3: empty"]
    sources.skipped(words(json=True))
    told = json.loads(capsys.readouterr().out)
    assert (told["run"], told["skipped"], told["reasons"], len(told["rows"])) == ("mail", 3, reasons, 3)
    assert told["rows"][1] == {"place": "row 2", "reason": "long", "detail": "9 MB"}
    engine.answers["view"] = lambda _: opened(skipped_by_reason=dict, skipped_rows=lambda after: [])
    sources.skipped(words())
    assert out_of(capsys) == ["mail: everything that its source held was taken."]


def test_the_server_of_a_new_run_is_named_before_it_gets_a_text(
    fake: Callable[..., Fake], capsys: pytest.CaptureFixture[str]
) -> None:
    """With the way to a key where it has none."""
    store = Fake(secrets=(), why_none="there is none")
    engine: Any = fake(key_store=lambda *_: nullcontext(store))
    sources._say_server(engine, None, TASK, None)
    assert out_of(capsys) == []
    sources._say_server(engine, "http://x", TASK, None)
    assert out_of(capsys) == [
        "  server    http://x gets the texts",
        f"  model     {TASK.model.model}",
        "  key       there is none",
    ]
    store.answers["secrets"] = (1,)
    sources._say_server(engine, "http://x", TASK, SimpleNamespace(sentence="x answers"))  # type: ignore[arg-type]
    assert out_of(capsys) == ["  server    x answers", f"  model     {TASK.model.model}"]


@pytest.mark.parametrize("as_json", [False, True])
def test_a_dry_run_of_a_source_says_what_would_be_taken(
    as_json: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And shows the first texts to people alone."""
    found = SimpleNamespace(
        described="a.csv (CSV)", columns=("c" * 50, *(f"c{n}" for n in range(60))), shown=[("i" * 50, "b" * 100)],
        taken=2, distinct=1, characters=2_001, cut=1_000, unparsed=0, flagged=1, skipped={"empty": 3}, places=("row 1",),
    )  # fmt: skip
    engine = SimpleNamespace(preview_source=lambda *given, show: found)
    monkeypatch.setattr(sources, "Engine", lambda _: engine)
    task = replace(TASK, truncate_at=5_000)
    assert sources._dry_run(words(source=[Path("a")], json=as_json), task, SourceOptions()) == 0
    names = ", ".join(f"c{n}" for n in range(39))
    assert out_of(capsys) == [
        "a.csv (CSV)",
        f"  columns   {'c' * 39}…, {names}",
        *([] if as_json else [f"    {'i' * 39}…  {'b' * 89}…"]),
        "  taken     2 emails, 1 distinct text",
        "  sent      2,001 characters, 1,000 each",
        "  1,000 longer than 5,000 characters: the rest is not sent",
        "  1 marked as possible prompt injection",
        "  skipped 3: empty",
        "    row 1",
        "Nothing was made: this was a dry run.",
    ]
    found.columns, found.taken, found.characters, found.distinct = (), 0, 0, 0
    sources._dry_run(words(source=[Path("a")]), task, SourceOptions())
    assert out_of(capsys)[2:4] == ["  taken     0 emails, 0 distinct texts", "  sent      0 characters, 0 each"]
