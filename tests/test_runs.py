"""What making, checking and exporting a run counts and says."""

from __future__ import annotations

import sqlite3
from contextlib import closing, nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from core.commands.catalog import ChooseLane, Pause
from core.commands.review import WithdrawReview
from core.engine import Engine
from core.errors import UsageError
from core.model import Task
from core.quality.sampling import BATCH
from core.quota.forecast.plans import price_of
from core.quota.pacing.estimates import Estimator
from core.runs.find import find_run
from core.runs.listing import summarize
from core.runs.plan import Asking, Planned, Texts, asking_of, cost_of_call, plan_run
from core.runs.quality import read_gold
from core.runs.requests import _task_files
from core.runs.save import export_run
from core.settings import Settings
from core.sources.source import SourceOptions
from core.storage.writing.intake import LISTED_CHANGED
from tests.conftest import NOW, MakeRun
from tui import grammar
from tui.cli import main
from tui.commands import compact, console, info, running, sources, watch
from tui.commands.sources import source_options

BEYOND_NUMBERS = "What is not a number cannot be put right"


def test_tokens_that_count_leave_out_what_is_cached() -> None:
    """Of a call: 400 of the prompt, 100 of them cached, and 40 of the answer, in four calls."""
    assert Asking(4.0, (400.0, 100.0, 40.0), 0.0, 0.0, learned=True).counted == 85.0
    assert Asking(0.0, (0.0, 0.0, 0.0), 0.0, 0.0, learned=True).counted == 0.0


def test_task_files_that_are_hidden_or_cannot_be_shown_are_not_offered(tmp_path: Path) -> None:
    """An editor's leftovers, and names with control characters."""
    for name in ("good.toml", ".hidden.toml", "bad\x1b.toml", "notes.txt"):
        (tmp_path / name).write_text('name = "x"\nrubric = "y"\n[[labels]]\nvalue = "1"\nname = "one"\n', "utf-8")
    assert [path.name for path in _task_files(tmp_path)] == ["good.toml"]


def test_an_export_tells_how_many_rows_it_has_written(make_run: MakeRun, tmp_path: Path) -> None:
    """The last number is that of the rows; the one beside it, of their labels."""
    told: list[tuple[int, ...]] = []
    target = tmp_path / "labels.csv"
    assert export_run(make_run(["one", "two", "three"]), target, progress=lambda *done: told.append(done)) == 3
    assert told[-1] == (3, 0)


def test_an_answer_that_was_never_given_cannot_be_taken_back(settings: Settings, make_run: MakeRun) -> None:
    """It says so, and that nothing changed."""
    sent = Engine(settings).send(make_run(["one"]), WithdrawReview("ana"))
    assert sent.sentence.startswith("nothing to take back")
    assert not sent.changed


def test_a_check_tells_of_a_copy_only_where_rows_are_damaged(
    home: Path, make_run: MakeRun, capsys: pytest.CaptureFixture[str]
) -> None:
    """Numbers can be counted again; an email that is labeled without a label cannot."""
    path = make_run(["one", "two"])
    assert main(["check", str(path)]) == 0
    assert BEYOND_NUMBERS not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE total SET value = value + 1 WHERE name = 'state:pending'")
    assert main(["check", str(path)]) == 1
    assert BEYOND_NUMBERS not in capsys.readouterr().out
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("DELETE FROM body")
    assert main(["check", str(path)]) == 1
    assert BEYOND_NUMBERS in capsys.readouterr().out


@pytest.mark.parametrize(
    ("in_flight", "said"),
    [
        (0, "paused"),
        (1, "paused when the call in flight has finished"),
        (2, "paused when 2 calls in flight have finished"),
    ],
)
def test_a_pause_says_what_it_waits_for(in_flight: int, said: str) -> None:
    """The calls that are out end first; without any it is paused at once."""
    worker = SimpleNamespace(in_flight=in_flight, pause=lambda *_: None)
    found = Pause().apply(SimpleNamespace(worker=worker, by="ana"))  # type: ignore[arg-type]
    assert found.sentence == said


def test_a_run_is_as_large_as_its_file_and_log(settings: Settings, make_run: MakeRun) -> None:
    """In bytes; what is not there, or is an empty log, counts nothing."""
    path = make_run(["one"])
    log = path.with_name(path.name + "-wal")
    log.unlink(missing_ok=True)
    assert summarize(path, 0.0).size_bytes == path.stat().st_size
    log.touch()
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("UPDATE run SET name = name")
        assert summarize(path, 0.0).size_bytes == path.stat().st_size + log.stat().st_size


@pytest.mark.parametrize(
    ("lines", "column", "said"),
    [
        ("id,kind\nmail-1,1\n", None, "has no column 'label'; it has id, kind. Name it by --column."),
        ("id,label\nmail-1,1\n", "truth", "has no column 'truth'; it has id, label."),
        ("name,label\nmail-1,1\n", None, "has neither a column id nor a column text"),
    ],
    ids=["no label", "no such column", "neither id nor text"],
)
def test_a_file_of_labels_without_their_columns_is_refused(
    lines: str, column: str | None, said: str, make_run: MakeRun, tmp_path: Path
) -> None:
    """It says which columns there are, and how to name another."""
    file = tmp_path / "gold.csv"
    file.write_text(lines, "utf-8")
    with pytest.raises(UsageError) as refused:
        read_gold(make_run(["one"]), file, column=column)
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("terminal", "shown"), [(False, ["10", "12", "14", "22"]), (True, ["10", "12", "13", "14", "22"])]
)
def test_progress_is_printed_every_two_seconds_or_in_place(
    terminal: bool, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A line is printed where it says something else; a terminal is drawn again at each change."""
    now, said = [0.0], list[str]()
    monkeypatch.setattr(running.time, "time", lambda: now[0])
    monkeypatch.setattr(running.sys, "stdout", SimpleNamespace(isatty=lambda: terminal))
    monkeypatch.setattr(running.words, "progress_line", lambda snapshot: f"{snapshot:.0f}")
    monkeypatch.setattr(running, "redraw", said.append)
    monkeypatch.setattr(running, "print", lambda line, **_: said.append(line), raising=False)
    show = running._progress(SimpleNamespace(snapshot=lambda at: at))  # type: ignore[arg-type]
    for now[0] in (10.0, 11.9, 12.0, 13.0, 14.1, 22.0):
        show()
    assert said == shown


def test_texts_that_changed_under_an_old_id_are_named(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The run keeps what it has; the first are listed, and how many more there are."""
    source = tmp_path / "mail.csv"

    def write(word: str, rows: int) -> None:
        source.write_text("id,text\n" + "".join(f"m{n},{word} {n}\n" for n in range(rows)), "utf-8")

    write("before", LISTED_CHANGED + 5)
    assert main(["new", str(source), "--name", "mail"]) == 0
    write("after", LISTED_CHANGED + 6)
    capsys.readouterr()
    assert main(["add", "mail", str(source)]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("mail: 1 text added, 0 were there already")
    assert said[1] == f"  {LISTED_CHANGED + 5} texts changed under an old id; the run keeps what it has:"
    assert said[2:4] == ["    m0", "    m1"]
    assert sum(line.startswith("    m") for line in said) == LISTED_CHANGED
    assert "    and 5 more" in said


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (ChooseLane("live"), "r asks with live calls"),
        (ChooseLane("batch", size=4_000), "r asks with batches at half the price, after the first texts, 4,000 questions a batch"),
        (ChooseLane("batch", size=4, most_open=2), "r asks with batches at half the price, after the first texts, 4 questions a batch, 2 open at once"),
    ],
    ids=["live", "size", "size and number"],
)  # fmt: skip
def test_a_lane_is_said_with_what_was_chosen_of_its_batches(command: ChooseLane, said: str) -> None:
    """In the answer, and with who chose it in the run's events."""
    events: list[str] = []
    store = SimpleNamespace(choose_lane=lambda _, sentence, **__: events.append(sentence))
    run = SimpleNamespace(name="r", by="ana", worker=None, store=store, now=0.0)
    assert command.apply(run).sentence == said  # type: ignore[arg-type]
    assert events == [f"{said} (by ana)"]


def test_a_plan_costs_what_its_tokens_are_priced_at(settings: Settings, task: Task) -> None:
    """By the table of prices; for a model that has none the money is unknown."""
    texts = Texts(emails=1_000, distinct=800, mean_chars=900.0)

    def planned(model: str) -> Planned:
        asked = replace(task, model=replace(task.model, model=model))
        return plan_run(settings, asked, texts, base_url=None, plan_name="developer", organizations=2, now=NOW)

    found = planned("openai/gpt-oss-20b")
    price = price_of("openai/gpt-oss-20b")
    assert price is not None
    assert found.money == pytest.approx(
        price.of(found.prompt_tokens, found.cached_tokens, found.completion_tokens), rel=1e-4
    )
    assert planned("nobody/knows").money is None


def test_work_of_another_process_is_shown_until_it_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look every half second; the exit code is that of how the worker left the run."""
    alive = [True, True, False]
    shown: list[object] = []
    monkeypatch.setattr(running.time, "sleep", shown.append)
    monkeypatch.setattr(running, "_progress", lambda _: lambda: shown.append("a line"))
    monkeypatch.setattr(watch, "code_of", lambda _: 7)

    def snapshot(_: float) -> SimpleNamespace:
        return SimpleNamespace(worker=SimpleNamespace(alive=alive.pop(0)))

    engine = SimpleNamespace(view=lambda _: nullcontext(SimpleNamespace(snapshot=snapshot)))
    assert running._follow(engine, Path("run.db")) == 7  # type: ignore[arg-type]
    assert shown == ["a line", 0.5, "a line", 0.5]


@pytest.mark.parametrize(("tokens", "cached"), [(127, 0.0), (128, 128.0), (300, 256.0), (384, 384.0)])
def test_before_any_call_whole_blocks_of_128_tokens_are_taken_for_cached(
    tokens: int, cached: float, task: Task
) -> None:
    """Of what all questions have in common, where the provider caches that model's questions; of others nothing."""
    estimator = Estimator(256)
    gpt_oss = replace(task.model, model="openai/gpt-oss-20b")
    assert cost_of_call(estimator, gpt_oss, tokens * 4 + 1, 1_000.0).cached == cached
    assert cost_of_call(estimator, replace(task.model, model="llama"), tokens * 4, 1_000.0).cached == 0.0


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ((), SourceOptions()),
        (("--text-column", "t", "--id-column", "i", "--gold-column", "g"), SourceOptions("t", "i", "g")),
        (("--fields", "a, b,,", "--format", "csv"), SourceOptions(fields=("a", "b"), format="csv")),
        (("--encoding", "cp1252", "--delimiter", "tab", "--table", "x"),
         SourceOptions(encoding="cp1252", delimiter="tab", table="x")),
    ],
    ids=["nothing", "columns", "fields", "form"],
)  # fmt: skip
def test_what_the_command_line_says_of_a_source_is_how_it_is_read(
    words: tuple[str, ...], wanted: SourceOptions
) -> None:
    """Each option by its own name, and nothing where none is given."""
    given = grammar.parser().parse_args(["new", "mail.csv", "--name", "mail", *words])
    assert source_options(given) == wanted


def test_a_word_that_is_none_of_the_choices_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    """With the words that there are."""
    with pytest.raises(SystemExit) as ended:
        grammar.parser().parse_args(["export", "mail", "labels.csv", "--only", "people"])
    assert ended.value.code == 2
    told = capsys.readouterr().err
    assert "'people'" in told
    assert all(word in told for word in ("human", "model", "agreed"))


def test_a_plan_counts_three_follow_up_questions_for_a_hundred_texts(task: Task) -> None:
    """Beside the canaries of a run that is large enough for them."""
    small = asking_of(replace(task, canaries=0), Texts(100, 100, 500.0), Estimator(256))
    assert (small.calls, small.canaries, small.controls) == (pytest.approx(103.0), 0.0, 0.0)
    large = asking_of(task, Texts(5_000, 5_000, 500.0), Estimator(256))
    assert large.calls == pytest.approx(5_150 + large.canaries)
    assert large.canaries > 200


@pytest.mark.parametrize(("words", "size"), [((), BATCH), (("--size", "7"), 7)])
def test_the_review_of_the_command_line_opens_the_console_for_that_person(
    words: tuple[str, ...], size: int, settings: Settings, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the batch size that was named, else the usual one."""
    opened: list[object] = []
    monkeypatch.setattr("tui.commands.console.console", lambda _, **given: opened.append(given["review"]) or 0)
    assert main(["review", str(make_run(["one"])), "--annotator", "ana", *words]) == 0
    assert opened == [("ana", size)]


@pytest.mark.parametrize(
    ("effort", "completion"),
    [(None, 3.0), ("none", 3.0), ("low", 25.0), ("medium", 70.0), ("high", 250.0), ("some other", 70.0)],
)
def test_before_any_call_a_question_takes_what_its_text_and_its_effort_call_for(
    effort: str | None, completion: float, task: Task
) -> None:
    """Four characters a token, twelve tokens around a chat, and the usual length of an answer for each text."""
    settings = replace(task.model, model="llama", reasoning_effort=effort)
    found = cost_of_call(Estimator(256), settings, 400, 1_000.0, texts=2.0)
    assert (found.prompt, found.completion, found.learned) == (362.0, 2 * completion, False)


@pytest.mark.parametrize(("pending", "worked"), [([0], [0]), ([0, 4], [1]), ([3, 4], [0, 1]), ([0, 0, 2], [2])])
def test_parts_that_are_done_are_not_worked_again(
    pending: list[int], worked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run of one part always is, so that it says how it stands."""
    parts = [Path(f"big.{n}.db") for n in range(len(pending))]
    engine = SimpleNamespace(
        series=lambda _: parts, find=lambda _: parts[0],
        snapshot=lambda path: SimpleNamespace(pending=pending[parts.index(path)]),
    )  # fmt: skip
    seen: list[int] = []
    monkeypatch.setattr(running, "Engine", lambda *_, **__: engine)
    monkeypatch.setattr(running, "load_settings", lambda: None)
    monkeypatch.setattr(running, "_work", lambda _, path, *__, **___: seen.append(parts.index(path)) or 0)
    monkeypatch.setattr(running, "print_status", lambda *_: None)
    given = grammar.parser().parse_args(["work", "big", "--json"])
    assert running.work(given) == 0
    assert seen == worked


def test_a_name_with_a_dot_and_a_path_find_their_run(settings: Settings, make_run: MakeRun, tmp_path: Path) -> None:
    """By its name, by the path of its file from anywhere, and by its file's name where it lies in this folder."""
    path = make_run(["one"])
    named = settings.runs_dir / f"v1.2{path.suffix}"
    named.parent.mkdir(parents=True, exist_ok=True)
    path.rename(named)
    assert find_run(settings, "v1.2") == named
    assert find_run(settings, str(named)) == named.resolve()
    other = tmp_path / "elsewhere"
    other.mkdir()
    copied = other / "labels.sqlite"
    copied.write_bytes(named.read_bytes())
    assert find_run(settings, str(copied)) == copied.resolve()


@pytest.mark.parametrize(("size", "items"), [(None, BATCH), (7, 7)])
def test_a_review_opens_the_console_for_so_many_items(
    size: int | None, items: int, make_run: MakeRun, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    """Under the name that was given."""
    opened: list[object] = []
    monkeypatch.setattr(console, "console", lambda path, **given: opened.append((path.stem, given["review"])) or 0)
    path = make_run(["one"])
    words = ["review", str(path), "--annotator", "anna", *(["--size", str(size)] if size else [])]
    assert main(words) == 0
    assert opened == [(path.stem, ("anna", items))]


def test_a_source_that_was_read_before_changes_nothing_and_says_so(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same command again names the run and its texts."""
    source = tmp_path / "mails.csv"
    source.write_text("id,text\n1,hello\n2,there\n", "utf-8")
    words = ["new", str(source), "--name", "twice", "--base-url", "http://localhost:9/v1"]
    assert main(words) == 0
    assert "2 emails taken" in capsys.readouterr().out
    assert main(words) == 0
    assert capsys.readouterr().out.startswith("The run twice was made from this source before: 2 emails.")


@pytest.mark.parametrize(("bell", "rung"), [(True, "\a"), (False, "")], ids=["bell", "quiet"])
def test_a_trial_of_notifications_rings_and_tells_the_terminal(
    bell: bool, rung: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bell first, where it is on; then the sequence of the terminal's desktop."""
    written: list[str] = []
    screen = SimpleNamespace(isatty=lambda: True, write=written.append, flush=lambda: None)
    monkeypatch.setattr(info.sys, "stdout", screen)
    monkeypatch.setattr(info, "sequence", lambda *_: "<desktop>")
    setup = SimpleNamespace(bell=bell, desktop="9", urls=())
    assert info._test(SimpleNamespace(), setup) == 0  # type: ignore[arg-type]
    assert "".join(written) == f"{rung}<desktop>"


def test_a_wait_without_a_terminal_takes_its_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """In steps, so that a job that goes on again is seen; nothing is a key."""
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(round(seconds, 3))
        now[0] += seconds

    monkeypatch.setattr(compact, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep))
    monkeypatch.setattr(compact, "size_of", lambda _: (80, 24))
    monkeypatch.setattr(compact.sys, "stdin", SimpleNamespace(isatty=lambda: False))
    monkeypatch.setattr(
        compact.sys, "stdout", SimpleNamespace(fileno=lambda: 1, write=lambda _: None, flush=lambda: None)
    )
    with compact.listening() as wait:
        assert wait(0.5) == ""
    assert slept == [0.2, 0.2, 0.1]


def test_a_plan_until_a_time_counts_the_seconds_until_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on; without a time there are none."""
    asked: list[float | None] = []
    planned = SimpleNamespace(lanes=(1,), texts=SimpleNamespace(emails=3))
    engine = SimpleNamespace(names_run=lambda _: True, find=Path, plan_run=lambda *_, **__: (planned, None))
    monkeypatch.setattr(sources, "Engine", lambda *_, **__: engine)
    monkeypatch.setattr(sources, "choose_mix", lambda _, by_s, __: asked.append(by_s))
    monkeypatch.setattr(sources, "mix_lines", lambda *_: ())
    monkeypatch.setattr(sources, "load_settings", lambda: None)
    monkeypatch.setattr(sources, "plan_lines", lambda *_: ())
    monkeypatch.setattr(sources, "time", SimpleNamespace(time=lambda: 1_000.0))
    given = grammar.parser().parse_args(["plan", "small"])
    for by in (None, 1_600.0):
        given.by = by
        assert sources.plan(given) == 0
    assert asked == [None, 600.0]
