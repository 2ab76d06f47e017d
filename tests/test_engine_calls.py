"""What the engine hands on: whom it asks, with which settings, and what it refuses where nothing may change."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import pytest

from core import engine as module
from core.engine import Engine, KeyPast, KeyView
from core.errors import RunNotFoundError, UsageError
from core.model import KeyHistory, KeySpend, ModelSettings
from core.quota.keys.store import NO_KEY
from core.runs.find import archived_files
from core.settings import load_settings
from core.sources.source import SourceOptions
from tests.conftest import MakeRun
from tests.tui.fakes import TASK, running

PATH, OTHER = Path("/nowhere/a.db"), Path("/nowhere/b.db")


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    """An engine of an empty home, whose usual server is another one."""
    return Engine(load_settings({"LABELTUI_HOME": str(tmp_path), "GROQ_BASE_URL": "http://usual.example"}))


class Told:
    """Note each call, and answer with what was given for its name."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[Any] = []
        self.answers = answers

    def of(self, name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, *args, *([kwargs] if kwargs else [])))
            answer = self.answers.get(name, name)
            return answer(*args, **kwargs) if callable(answer) else answer

        return call


READING = SourceOptions("t", "i")
HANDED: list[tuple[str, tuple[Any, ...], dict[str, Any], str, tuple[Any, ...]]] = [
    ("look_into", (PATH,), {}, "core.sources.preview.look_into", (PATH,)),
    ("look_at", ("a.csv", "t", ""), {}, "core.sources.preview.look_at", (Path("a.csv"), SourceOptions("t", None))),
    ("look_at", ("a.csv", "", "i"), {}, "core.sources.preview.look_at", (Path("a.csv"), SourceOptions(None, "i"))),
    ("count", ("a.csv", "", "", len), {}, "core.sources.preview.count", (Path("a.csv"), SourceOptions(), {"wanted": len})),
    ("task_file", ("a.toml",), {}, "core.runs.requests.task_file", (Path("a.toml"),)),
    ("task_choices", ("a",), {}, "core.runs.requests.task_choices", ("SETTINGS", "a")),
    ("name_for", ("a",), {}, "core.runs.requests.name_for", ("SETTINGS", "a")),
    ("name_trouble", ("a",), {}, "core.runs.requests.name_trouble", ("SETTINGS", "a")),
    ("forecast", ("r",), {}, "core.runs.requests.forecast", ("SETTINGS", "r")),
    ("make", ("r", len), {}, "core.runs.requests.make", ("SETTINGS", "r", len)),
    ("copy_run", ("r", len), {}, "core.runs.requests.make_copy", ("r", len)),
    ("preview_source", (PATH, TASK, READING), {"show": 3}, "core.runs.plan.preview_source", (PATH, TASK, READING, {"show": 3})),
    ("archive", (PATH,), {"back": False}, "core.runs.archive.archive", (PATH,)),
    ("archive", (PATH,), {"back": True}, "core.runs.archive.bring_back", (PATH,)),
    ("dry_run_of_archiving", (PATH,), {"back": False}, "core.runs.archive.archive", (PATH, {"dry_run": True})),
    ("dry_run_of_archiving", (PATH,), {"back": True}, "core.runs.archive.bring_back", (PATH, {"dry_run": True})),
    ("what_goes", (PATH,), {}, "core.runs.archive.what_goes", (PATH,)),
    ("await_answer", (PATH, "sent"), {"timeout_s": 2.0}, "core.runs.send.await_answer", (PATH, "sent", {"timeout_s": 2.0})),
    ("send", (PATH, "c"), {}, "core.runs.send.send", (PATH, "c", "SETTINGS")),
    ("dry_run_of", (PATH, ["c"]), {}, "core.runs.send.dry_run", (PATH, ["c"], "SETTINGS")),
    ("start", (PATH, 3), {}, "core.runs.send.start", (PATH, "SETTINGS", {"only": 3, "places": None, "ahead": None})),
    ("kill", (PATH,), {}, "core.runs.send.kill", (PATH,)),
    ("audit", (PATH,), {}, "core.storage.reading.reviews.read_audit", (PATH,)),
    ("quality", (PATH,), {}, "core.runs.quality.quality_of", (PATH,)),
    ("emails_of_alarm", (PATH, "w"), {}, "core.storage.reading.reviews.emails_of_alarm", (PATH, "w")),
    ("review_emails", (PATH, [1]), {}, "core.storage.reading.reviews.review_emails", (PATH, [1])),
    ("export_batch", (PATH, OTHER), {"annotator": "a", "size": 2}, "core.runs.quality.export_batch", (PATH, OTHER, {"annotator": "a", "size": 2})),
    ("read_batch", (PATH, OTHER), {"annotator": "a"}, "core.runs.quality.read_batch", (PATH, OTHER, {"annotator": "a"})),
    ("read_gold", (PATH, OTHER, "c"), {}, "core.runs.quality.read_gold", (PATH, OTHER, {"column": "c"})),
    ("compare", (PATH, None), {}, "core.runs.quality.compare_versions", (PATH,)),
    ("compare", (PATH, OTHER), {}, "core.runs.quality.compare_runs", (PATH, OTHER)),
    ("next_generation", (PATH, "q"), {}, "core.runs.quality.next_generation_of", ("q", PATH)),
    ("edge_cases", (PATH, "q", [], OTHER), {}, "core.runs.quality.edge_cases", (PATH, "q", [], OTHER)),
    ("rule_behind_mistakes", (PATH, "q"), {}, "core.runs.quality.rule_behind_mistakes", ("q", PATH)),
    ("draft_path", (PATH,), {}, "core.runs.draft.draft_path", (PATH,)),
    ("draft", (PATH,), {}, "core.runs.draft.load_draft", (PATH,)),
    ("save_draft", (PATH, "t"), {}, "core.runs.draft.save_draft", (PATH, "t")),
    ("text_of", (TASK,), {}, "core.runs.draft.text_of", (TASK,)),
    ("toml_of", (TASK,), {}, "core.llm.task.task_to_toml", (TASK,)),
    ("dry_run_cost", (PATH, TASK, 3), {}, "core.runs.dry_run.cost", (PATH, "SETTINGS", TASK, 3)),
    ("dry_run", (PATH, TASK, 3), {}, "core.runs.dry_run.RunningDryRun", (PATH, "SETTINGS", TASK, 3)),
    ("save", (PATH, [1], OTHER), {}, "core.runs.save.save_emails", (PATH, [1], OTHER)),
    ("dry_run_of_export", (PATH, OTHER, "o"), {}, "core.runs.save.dry_run", (PATH, OTHER, "o")),
    ("export", (PATH, OTHER, "o"), {}, "core.runs.save.export_run", (PATH, OTHER, "o", {"progress": None})),
    ("damage", (PATH,), {}, "core.storage.file.shape.damage_of", (PATH,)),
    ("check", (PATH,), {}, "core.storage.writing.check.check_run", (PATH,)),
    ("price_of", ("m",), {}, "core.quota.forecast.plans.price_of", ("m", "PRICES")),
    ("worker_ahead", (), {}, "core.worker.supervisor.WorkerAhead", ("SETTINGS",)),
    ("notify_setup", (), {}, "core.notify.setup.read_setup", ("NOTIFY",)),
]  # fmt: skip
"""By method: what it is given, the function that it asks, and what that is given."""


@pytest.mark.parametrize(("method", "args", "named", "function", "handed"), HANDED, ids=[f"{row[0]}-{at}" for at, row in enumerate(HANDED)])  # fmt: skip
def test_a_method_hands_its_arguments_on(
    method: str,
    args: tuple[Any, ...],
    named: dict[str, Any],
    function: str,
    handed: tuple[Any, ...],
    engine: Engine,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """With the settings of the run or of the operator where they are asked for, and returns what comes back."""
    told = Told()
    monkeypatch.setattr(function, told.of("asked"))
    assert getattr(engine, method)(*args, **named) == "asked"
    known = {"SETTINGS": engine.settings, "PRICES": engine.settings.prices_path, "NOTIFY": engine.settings.notify_path}
    assert told.calls == [("asked", *(known.get(each, each) if isinstance(each, str) else each for each in handed))]


def test_what_returns_nothing_is_handed_on_too(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report, a draft that goes, a run that is deleted."""
    told = Told()
    functions = (
        "core.runs.quality.write_report", "core.runs.draft.discard_draft", "core.runs.archive.delete", "core.runs.requests.check_copy",
    )  # fmt: skip
    for function in functions:
        monkeypatch.setattr(function, told.of(function))
    engine.write_report(PATH, OTHER, examples=True)
    engine.discard_draft(PATH)
    engine.delete_run(PATH, "a")
    engine.check_copy("request")  # type: ignore[arg-type]
    assert told.calls == [
        ("core.runs.quality.write_report", PATH, OTHER, {"examples": True}),
        ("core.runs.draft.discard_draft", PATH),
        ("core.runs.archive.delete", PATH, "a"),
        ("core.runs.requests.check_copy", "request"),
    ]


WRITING = {
    "write_task", "make", "create", "add", "make_demo", "prepare_demo", "copy_run", "archive", "delete_run", "copy_emails", "work", "send", "start",
    "worker_ahead", "kill", "save_draft", "discard_draft", "dry_run", "add_key", "remove_key", "set_enabled", "pin_key", "regroup_key", "clear_bench",
    "try_secret", "find_address", "try_key", "repair",
}  # fmt: skip


def test_a_read_only_engine_refuses_what_changes_or_spends(tmp_path: Path) -> None:
    """Each of these before it looks at anything; all others do not ask."""
    engine = Engine(load_settings({"LABELTUI_HOME": str(tmp_path)}), read_only=True)
    refused = set()
    for name, method in inspect.getmembers(Engine, inspect.isfunction):
        if hasattr(method, "__wrapped__"):
            with pytest.raises(UsageError) as caught:
                getattr(engine, name)()
            assert str(caught.value) == module.READ_ONLY
            refused.add(name)
    assert refused >= WRITING
    with pytest.raises(UsageError):
        engine.check_writable()
    Engine(engine.settings).check_writable()


def test_names_are_imported_when_they_are_asked_for() -> None:
    """Each that is offered, and no other."""
    for names in module._LATE.values():
        for name in names:
            assert getattr(module, name) is not None
    assert module.__getattr__("SentCommand").__name__ == "SentCommand"
    with pytest.raises(AttributeError, match=r"module 'core\.engine' has no attribute 'nothing'"):
        module.__getattr__("nothing")
    assert (module.FIRST_N, module.SAMPLED, module.MOST_SAMPLED) == (10, 10, 200)


class Store:
    """A key store in memory that notes what is asked of it."""

    def __init__(self, **given: Any) -> None:
        self.called: list[Any] = []
        self.given = given
        self.opened: list[Any] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.called.append("closed")

    def __getattr__(self, name: str) -> Any:
        if name == "server":
            return self.given["server"]

        def call(*args: Any, **kwargs: Any) -> Any:
            self.called.append((name, *args, *([kwargs] if kwargs else [])))
            return self.given.get(name)

        return call


@pytest.fixture
def keys(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The store that the engine opens."""
    store = Store(server="https://api.groq.com")

    def opened(settings: Any, base_url: str | None) -> Store:
        store.opened.append((settings == engine.settings, base_url))
        return store

    monkeypatch.setattr("core.quota.keys.store.KeyStore.from_settings", opened)
    return store


@contextmanager
def reader_of(task: Any, base_url: str | None) -> Iterator[Any]:
    """A run that is open."""
    yield SimpleNamespace(task=lambda: task, base_url=lambda: base_url)


def test_keys_are_changed_in_the_store_and_it_is_closed(engine: Engine, keys: Store) -> None:
    """Each change by its own word."""
    engine.remove_key(None, "a")
    engine.set_enabled(None, "a", enabled=False)
    engine.pin_key(None, None)
    engine.regroup_key(None, "a", "o")
    keys.given["clear_bench"] = ("TPM",)
    assert engine.clear_bench(None, "o") == ("TPM",)
    keys.given["add"] = "alias"
    assert engine.add_key(None, "s", "a", "o", keyring=True, server="http://x") == "alias"
    engine.add_key(None, "s", None, None)
    usual = ModelSettings().model
    expected = [
        ("remove", "a"), ("set_enabled", "a", {"enabled": False}), ("pin", None), ("set_organization", "a", "o"), ("clear_bench", "o", usual),
        ("add", "s", {"alias": "a", "organization": "o", "keyring": True, "server": "http://x"}),
        ("add", "s", {"alias": None, "organization": None, "keyring": False, "server": "http://usual.example"}),
    ]  # fmt: skip
    assert [each for each in keys.called if each != "closed"] == expected
    assert keys.called.count("closed") == 7
    assert keys.opened == [(True, None)] * 4 + [(True, "http://usual.example"), (True, "http://x"), (True, "http://usual.example")]  # fmt: skip


def test_the_demo_puts_no_key_into_the_keyring(engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its keys are none."""
    monkeypatch.setattr(engine, "view", lambda _: reader_of(TASK, None))
    engine.add_key(engine.settings.demo_dir / "runs" / "demo.db", "s", None, None, keyring=True)
    assert keys.called[0][2]["keyring"] is False
    assert keys.opened == [(False, "")]


@pytest.mark.parametrize(
    ("run_server", "served"), [("http://run.example", "http://run.example"), (None, "http://usual.example")]
)
def test_keys_are_meant_as_the_run_meets_them(
    run_server: str | None, served: str, engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its server, else at the usual one; without a run they are those of the usual server, and say where else."""
    monkeypatch.setattr(engine, "view", lambda _: reader_of(TASK, run_server))
    assert engine._model_and_server(PATH) == (TASK.model.model, served)
    assert engine._model_and_server(None) == (ModelSettings().model, "http://usual.example")
    assert engine.keys(PATH)._elsewhere is False
    assert engine.keys(None)._elsewhere is True
    engine.key_store(PATH)
    engine.key_store(None, "http://other")
    assert keys.opened == [(True, served), (True, None), (True, served), (True, "http://other")]


def test_a_view_of_keys_reads_again_what_was_changed() -> None:
    """And only then; it closes its store."""
    store = Store(changed=True, statuses=("k",), windows=("w",), models=("m",))
    with KeyView(store, elsewhere=True) as view:  # type: ignore[arg-type]
        assert (view.statuses("m", 5.0), view.windows("m", 5.0), view.models(5.0)) == (("k",), ("w",), ("m",))
    assert store.called == [
        ("changed",), ("reload",), ("statuses", "m", 5.0, {"elsewhere": True}), ("windows", "m", 5.0), ("models", 5.0), ("close",),
    ]  # fmt: skip
    store = Store(changed=False)
    KeyView(store).statuses("m", 5.0)  # type: ignore[arg-type]
    assert store.called == [("changed",), ("statuses", "m", 5.0, {"elsewhere": False})]


def test_what_a_key_spent_today_is_told_in_dollars(
    engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the price of each model that has one; other days do not count."""
    spent = (
        KeySpend("today", "a", 1, 0, 100, 10), KeySpend("today", "b", 1, 0, 200, 20), KeySpend("today", "none", 1, 0, 9, 9), KeySpend("before", "a", 1, 0, 400, 40),
    )  # fmt: skip
    history = KeyHistory((), spent)
    keys.given["history"] = history
    monkeypatch.setattr("core.quota.db.history.day_of", lambda _: "today")
    price = SimpleNamespace(of=lambda prompt, cached, completion: prompt + 1_000 * completion + 1e6 * cached)
    monkeypatch.setattr("core.quota.forecast.plans.price_of", lambda model, _: None if model == "none" else price)
    assert engine.key_past(None, "k") == KeyPast(history, "today", 100 + 10_000 + 200 + 20_000)


@pytest.mark.parametrize(
    ("known", "secrets", "asked_with"),
    [(None, ["NO_KEY", "s1", "s2"], "s1"), (None, ["NO_KEY"], ""), (SimpleNamespace(base_url=""), [], ""), (SimpleNamespace(base_url="x"), ["s1"], None)],
)  # fmt: skip
def test_an_address_is_looked_for_with_a_key_of_it(
    known: Any, secrets: list[str], asked_with: str | None, engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not that of a known server, which is in no doubt."""
    keys.given["secrets"] = [SimpleNamespace(value=NO_KEY if each == "NO_KEY" else each) for each in secrets]
    told = Told()
    monkeypatch.setattr("core.llm.key_check.find_address", told.of("found"))
    monkeypatch.setattr("core.server_address.preset_of", lambda _: known)
    assert engine.find_address("http://x", "m") == (None if asked_with is None else "found")
    assert told.calls == ([] if asked_with is None else [("found", "http://x", asked_with, "m")])


@pytest.mark.parametrize(
    ("given", "usual", "found_at", "kept", "looked"),
    [
        ("http://g", "http://u", "http://g/v1", "http://g/v1", "http://g"), ("http://g", "http://u", "http://g", "http://g", "http://g"), ("http://g", None, None, "http://g", "http://g"),
        (None, "http://u", "http://u/v1", "http://u/v1", "http://u"), (None, "http://u", "http://u", None, "http://u"), (None, "http://u", None, None, "http://u"),
        (None, None, None, None, None), ("", None, None, None, None),
    ],
)  # fmt: skip
def test_a_new_run_keeps_the_address_that_answers(
    given: str | None, usual: str | None, found_at: str | None, kept: str | None, looked: str | None, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    """The usual one only where another address of it answers; one that is made already asks nothing."""
    engine = Engine(replace(engine.settings, base_url=usual))
    asked: list[str] = []

    def find(base_url: str, _model: str) -> Any:
        asked.append(base_url)
        return SimpleNamespace(base_url=found_at) if found_at else None

    monkeypatch.setattr(engine, "find_address", find)
    address, found = engine.address_for(given, "m")
    assert (address, getattr(found, "base_url", None)) == (kept, found_at if looked else None)
    assert asked == ([looked] if looked else [])
    monkeypatch.setattr(engine, "_is_made", lambda *_: True)
    assert engine.address_for_new(PATH, None, given, "m") == (given, None)
    monkeypatch.setattr(engine, "_is_made", lambda *_: False)
    assert engine.address_for_new(PATH, None, given, "m")[0] == kept


@pytest.mark.parametrize(("belongs", "asked_at"), [(True, "http://usual.example"), (False, "https://of.the.key")])
def test_a_key_is_tried_at_its_own_server(
    belongs: bool, asked_at: str, engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the usual model, or another that is named; a secret at the usual server too."""
    keys.given["secret"] = SimpleNamespace(
        value="s", server="https://of.the.key", belongs_to=lambda here: belongs and here == "https://api.groq.com"
    )
    told = Told()
    monkeypatch.setattr("core.llm.key_check.check_key", told.of("checked"))
    assert engine.try_key(None, "a") == "checked"
    engine.try_secret(None, "t", model="other")
    usual = ModelSettings().model
    assert told.calls == [("checked", "s", usual, asked_at), ("checked", "t", "other", "http://usual.example")]  # fmt: skip


def test_a_key_of_a_run_s_server_is_tried_there(engine: Engine, keys: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the run's model; the usual server has no address of its own."""
    keys.given["secret"] = SimpleNamespace(value="s", server="https://of.the.key", belongs_to=lambda _: True)
    told = Told()
    monkeypatch.setattr(engine, "try_secret", told.of("tried"))
    for server, asked in (("https://of.the.run", "https://of.the.run"), (None, "")):
        monkeypatch.setattr(engine, "_model_and_server", lambda _, server=server: ("m", server))
        assert engine.try_key(PATH, "a") == "tried"
        assert told.calls.pop() == ("tried", PATH, "s", asked)


def test_workers_are_told_of_keys_where_there_are_any(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that took the command are counted."""
    files = [Path("/n/locked.db"), Path("/n/free.db"), Path("/n/unknown.db"), Path("/n/gone.db")]
    monkeypatch.setattr("core.runs.find.run_files", lambda _: files)
    monkeypatch.setattr(
        "core.storage.file.lock.is_locked", lambda path: {"locked": True, "gone": True, "free": False}.get(path.stem)
    )
    sent: list[Any] = []

    def send(path: Path, command: Any) -> Any:
        sent.append((path.stem, command.kind))
        return SimpleNamespace(at_once=path.stem == "gone")

    monkeypatch.setattr(engine, "send", send)
    assert engine.tell_workers_of_keys() == 1
    assert sent == [("locked", "keys"), ("gone", "keys")]
    assert [engine.has_worker(path) for path in files] == [True, False, True, True]  # fmt: skip


def test_runs_are_found_in_the_list_and_in_the_archive(engine: Engine, make_run: MakeRun) -> None:
    """The list goes before the archive, unless the archived one is asked for; a series by its name."""
    folder = engine.settings.runs_dir
    (folder / "archive").mkdir(parents=True)
    for name in ("both", "archive/both", "archive/away", "only", "part.001", "part.002"):
        make_run(["x"], name=Path(name).name + "-x").rename(folder / f"{name}.db")

    def shown(path: Path) -> str:
        return str(path.relative_to(folder).with_suffix(""))

    assert [shown(engine.find(name, archived=True)) for name in ("both", "away", "only")] == [
        "both",
        "archive/away",
        "only",
    ]
    assert [shown(engine.find_archived(name)) for name in ("both", "away", "only")] == [
        "archive/both",
        "archive/away",
        "only",
    ]
    with pytest.raises(RunNotFoundError):
        engine.find("away")
    assert [shown(path) for path in engine.series("part")] == ["part.001", "part.002"]
    assert [shown(path) for path in engine.series("both")] == ["both"]
    with pytest.raises(RunNotFoundError):
        engine.series("nothing")
    assert len(archived_files(engine.settings)) == 2
    made = [engine._is_made(Path("/n/x.csv"), name) for name in ("only", "part", "away", "none")]
    assert made == [True, True, False, False]
    assert [engine.names_run(text) for text in ("only", "x.db", "none", str(folder))] == [True, True, True, False]
    assert engine.snapshot_of_all("only", [folder / "only.db"]).run.name == "only-x"
    assert engine.snapshot_of_all("part", engine.series("part")).total == 2
    assert engine.runs(0.0) is not None
    first = engine._runs
    engine.runs(0.0)
    assert engine._runs is first  # fmt: skip


def test_what_labeling_takes_is_planned_for_runs_and_sources(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the server of the run, or the usual one; prices of old labels without canaries."""
    told = Told()
    monkeypatch.setattr("core.runs.plan.plan_run", told.of("planned"))
    monkeypatch.setattr("core.runs.plan.texts_of_source", told.of("texts"))
    monkeypatch.setattr("core.runs.plan.texts_of_run", told.of("rest"))
    monkeypatch.setattr(module.time, "time", lambda: 5.0)
    reader = SimpleNamespace(
        task=lambda: TASK, base_url=lambda: None, batches_took_s=lambda: 9.0, lane=lambda: "lane",
        older_texts=lambda: {"": SimpleNamespace(emails=3, texts=2, mean_chars=7.0)},
    )  # fmt: skip

    @contextmanager
    def view(_: Path) -> Iterator[Any]:
        yield reader

    monkeypatch.setattr(engine, "view", view)
    usual = {"base_url": "http://usual.example", "plan_name": None, "organizations": None, "now": 5.0}
    assert engine.plan_run(PATH, plan_name="p", organizations=2) == ("planned", TASK)
    assert told.calls[-1] == (
        "planned", engine.settings, TASK, "rest", {**usual, "plan_name": "p", "organizations": 2, "batches_took_s": 9.0, "lane": "lane"},
    )  # fmt: skip
    engine.plan_source(PATH, TASK, READING, dedupe=False, base_url=None, plan_name=None, organizations=None)
    assert told.calls[-2:] == [("texts", PATH, TASK, READING, {"dedupe": False}), ("planned", engine.settings, TASK, "texts", usual)]  # fmt: skip
    engine.plan_source(PATH, TASK, READING, dedupe=False, base_url="http://x", plan_name=None, organizations=None)
    assert told.calls[-1][-1]["base_url"] == "http://x"
    monkeypatch.setattr("core.storage.reading.reviews.read_window", lambda *_: (3, 2, 7.0))
    assert engine.window_price(PATH, "w") == "planned"
    priced = told.calls[-1]
    assert (priced[2].canaries, priced[3].emails, priced[3].distinct, priced[3].mean_chars) == (0, 3, 2, 7.0)
    assert priced[-1] == usual
    assert engine.older_prices(PATH)[""][1] == "planned"
    assert (told.calls[-1][3].emails, told.calls[-1][3].distinct, told.calls[-1][3].mean_chars) == (3, 2, 7.0)


@pytest.mark.parametrize("simulated", [True, False])
def test_work_starts_the_simulator_of_a_simulated_run_alone(
    simulated: bool, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And looks at the places before."""
    told = Told(work=3)
    shot = running(4, 2).snapshot(0.0)
    monkeypatch.setattr(engine, "snapshot", lambda _: replace(shot, run=replace(shot.run, simulated=simulated)))
    monkeypatch.setattr("core.worker.process.work", told.of("work"))
    monkeypatch.setattr("core.runs.demo.ensure_simulator", told.of("simulator"))
    monkeypatch.setattr("core.worker.places.bridge.check_places", told.of("places"))
    places: Any = object()
    assert engine.work(PATH, len, places) == 3
    assert [each[0] for each in told.calls] == ["places", *(["simulator"] if simulated else []), "work"]
    assert told.calls[-1] == ("work", PATH, engine.settings, {"watch": len, "places": places})
    told.calls.clear()
    engine.work(PATH, len)
    assert "places" not in [each[0] for each in told.calls]


def test_demo_copies_and_tasks_are_made_with_their_usual_numbers(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """400 emails; a task where no file lies."""
    told = Told(prepare=(PATH, True), copy=lambda *_, **__: "made")
    monkeypatch.setattr("core.runs.demo.prepare", told.of("prepare"))
    monkeypatch.setattr("core.runs.send.start", told.of("start"))
    monkeypatch.setattr("core.runs.copy.copy_emails", told.of("copy"))
    monkeypatch.setattr(module.time, "time", lambda: 5.0)
    assert engine.make_demo() == PATH
    assert engine.prepare_demo(None, fresh=True) == (PATH, True)
    engine.prepare_demo(7, fresh=False)
    assert told.calls == [
        ("prepare", engine.settings, 400, {"now": 5.0}), ("start", PATH, engine.settings),
        ("prepare", engine.settings, 400, {"fresh": True, "now": 5.0}), ("prepare", engine.settings, 7, {"fresh": False, "now": 5.0}),
    ]  # fmt: skip
    told.calls.clear()
    assert engine.copy_emails(PATH, "n", task=TASK, model="m", progress=None) == "made"
    assert engine.dry_run_of_copying(PATH, "n", task=None, model=None) == "made"
    assert told.calls == [
        ("copy", PATH, "n", {"task": TASK, "model": "m", "now": 5.0, "progress": None}),
        ("copy", PATH, "n", {"task": None, "model": None, "now": 5.0, "dry_run": True}),
    ]
    written = engine.write_task(TASK)
    assert written == engine.settings.config_path.parent / "tasks" / "work-or-personal.toml"
    assert engine.write_task(TASK, tmp_path / "t.toml") == tmp_path / "t.toml"
    engine.write_task(TASK, tmp_path / "t.toml", replace=True)
