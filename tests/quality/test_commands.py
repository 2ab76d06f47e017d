"""The commands about quality: batches in files, labels from elsewhere, figures, comparisons and the report."""

from __future__ import annotations

import csv
import json
import random
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from core.model import AskKind, Attempt, Outcome, Settled, Task
from core.quality.audit import judge
from core.quality.report import most_confused, most_given
from core.storage.file.lock import RunLock
from core.storage.file.schema_version import FORMAT_WITH_LABEL_COUNTS
from core.storage.reading.reviews import label_counts, read_audit
from core.storage.writing.check import check_run
from core.storage.writing.settle import Answer
from core.storage.writing.store import Store
from tests.conftest import NOW, MakeRun
from tui.cli import main

TOTAL = 240
Lines = Callable[..., str]


def label_all(store: Store, label_of: Callable[[int], str]) -> None:
    answers = []
    for number in range(1, TOTAL + 1):
        label = label_of(number)
        attempt = Attempt(
            number, 1, AskKind.ASK, "key", "org", "model-a", store.task_version, NOW, 0.1, Outcome.ANSWERED, label
        )
        answers.append(Answer(attempt, Settled(number, 0, label)))
    store.commit(answers, now=NOW)


def truth(number: int) -> str:
    return "0" if number % 4 == 0 else "1"


def by_model(number: int) -> str:
    return "1" if number % 20 == 0 else truth(number)


@pytest.fixture
def run(home: Path, make_run: MakeRun) -> Path:
    """A run of 240 emails, all labeled, of which the model gets every twentieth wrong."""
    path = make_run([f"<b>text</b> of {number}" for number in range(1, TOTAL + 1)])
    with RunLock(path) as lock, Store.open(path, lock) as store:
        label_all(store, by_model)
    return path


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """Run a command line that must end well; returns what it printed."""

    def ran(*arguments: object, code: int = 0) -> str:
        assert main([str(argument) for argument in arguments]) == code
        return capsys.readouterr().out

    return ran


def fill_in(file: Path, label_of: Callable[[int], str]) -> None:
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    for row in rows:
        row["label"] = label_of(int(row["id"].removeprefix("mail-")))
    with file.open("w", encoding="utf-8", newline="") as opened:
        writer = csv.DictWriter(opened, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)


def test_a_batch_goes_out_blind_and_comes_back(run: Path, tmp_path: Path, lines: Lines) -> None:
    """The file has the fixed columns, an empty label and no model label; coming back, its answers are blind labels."""
    file = tmp_path / "batch.csv"
    lines("review", run, "--annotator", "anna", "--size", 40, "--export", file)
    text = file.read_text(encoding="utf-8")
    assert text.splitlines()[0] == "id,subject,text,label,note"
    with file.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    assert len(rows) == 40
    assert {row["label"] for row in rows} == {""}
    fill_in(file, truth)
    lines("review", run, "--annotator", "anna", "--import", file)
    found = judge(read_audit(run))
    assert found.audited == 40
    assert check_run(run).sound
    other = tmp_path / "again.csv"
    lines("review", run, "--annotator", "anna", "--size", 200, "--export", other)
    with other.open(encoding="utf-8", newline="") as opened:
        again = {row["id"] for row in csv.DictReader(opened)}
    assert again.isdisjoint(row["id"] for row in rows)


def test_a_batch_with_an_unknown_label_records_nothing(run: Path, tmp_path: Path, lines: Lines) -> None:
    """A label that the task does not know, or an id that the run does not have, refuses the file whole."""
    file = tmp_path / "batch.csv"
    lines("review", run, "--size", 5, "--export", file)
    fill_in(file, lambda _: "maybe")
    assert main(["review", str(run), "--import", str(file)]) != 0
    file.write_text("id,label\nmail-1,1\nnowhere,1\n", encoding="utf-8")
    assert main(["review", str(run), "--import", str(file)]) != 0
    assert judge(read_audit(run)).audited == 0
    file.write_text("id,label\nmail-1,\nmail-2,?\n", encoding="utf-8")
    assert "1 row has no label" in lines("review", run, "--import", file)


def review_all(run: Path, tmp_path: Path, lines: Lines, label_of: Callable[[int], str] = truth) -> None:
    file = tmp_path / "all.csv"
    lines("review", run, "--annotator", "anna", "--size", 500, "--export", file)
    fill_in(file, label_of)
    lines("review", run, "--annotator", "anna", "--import", file)


def test_quality_prints_what_it_promises(run: Path, tmp_path: Path, lines: Lines) -> None:
    """The object has the fixed fields, null where nothing can be said, and counts the audited sample as it is."""
    before = json.loads(lines("quality", run, "--json"))
    assert before["accuracy"] is None
    assert before["labels"]["0"]["share"] is None
    assert before["labels"]["0"]["raw_share"] == pytest.approx(48 / TOTAL)
    assert re.search(r"goal: recall of 0 .* to ± 10 points takes about \d+ random items", lines("quality", run))
    review_all(run, tmp_path, lines)
    found = json.loads(lines("quality", run, "--json"))
    assert {
        "run", "task_version", "labeled", "audited", "due", "provisional", "accuracy", "kappa", "labels", "confusion",
        "annotators", "agreement", "gold", "watches",
    } <= found.keys()  # fmt: skip
    numbers = [m.email_id for m in read_audit(run).drawn]
    wrong = sum(by_model(number) != truth(number) for number in numbers)
    assert found["audited"] == len(numbers)
    assert (found["due"], found["provisional"]) == (0, False)
    assert found["confusion"]["1"]["0"] == wrong
    assert found["labels"]["0"]["recall"][0] < 1.0
    assert found["labels"]["0"]["precision"][0] == 1.0
    assert found["labels"]["0"]["share"][1] <= 0.25 <= found["labels"]["0"]["share"][2]
    for watch in found["watches"]:
        assert {"name", "state", "statistic", "limit", "false_alarms_per_100_runs"} <= watch.keys()
    people = lines("quality", run)
    assert "audited" in people
    assert "anna:" in people
    assert "goal:" not in people


def test_of_many_labels_those_given_most_are_listed(home: Path, tmp_path: Path, lines: Lines) -> None:
    """The others are counted, so that a task of thousands of labels fills no screen; a label is not named twice."""
    source, task = tmp_path / "notes.csv", tmp_path / "codes.toml"
    source.write_text("id,text\n" + "".join(f"{number},Note {number}\n" for number in range(TOTAL)), "utf-8")
    codes = "".join(f'[[labels]]\nvalue = "code {n}"\nmeaning = "{n}"\n' for n in range(48))
    task.write_text(f'rubric = "Which code?"\n{codes}', "utf-8")
    lines("new", source, "--task", task)
    path = home / "runs" / "notes.db"
    with RunLock(path) as lock, Store.open(path, lock) as store:
        label_all(store, lambda number: f"code {min(number % 60, 45)}")
    told = lines("quality", path)
    assert "code 45: model says" in told.splitlines()[2]
    assert "and 18 more labels, given less often" in told


def test_the_sample_grows_on_demand(run: Path, lines: Lines) -> None:
    """A larger goal draws all emails of a small run."""
    lines("quality", run, "--goal", 500)
    assert len(read_audit(run).drawn) == TOTAL
    lines("quality", run, "--top-up")


def test_gold_shows_what_did_not_fit(run: Path, tmp_path: Path, lines: Lines) -> None:
    """Unknown ids, unknown labels and conflicts are counted; what fits is compared, and audits nothing."""
    file = tmp_path / "gold.csv"
    file.write_text(
        "id,human\nmail-1,1\nmail-2,1\nmail-4,0\nmail-8,9\nmail-9,1\nmail-9,0\nnowhere,1\nmail-11,\n", encoding="utf-8"
    )
    assert main(["gold", str(run), str(file)]) != 0
    said = lines("gold", run, file, "--column", "human")
    for words in ("3 labels fit", "1 unknown id: nowhere", "1 conflict, which", "the label '9'", "1 row has no label"):
        assert words in said
    found = json.loads(lines("quality", run, "--json"))
    assert found["gold"]["gold.csv"] == {"emails": 3, "compared": 3, "agree": 1.0, "kappa": 1.0}
    assert found["audited"] == 0


def test_two_runs_are_compared_on_what_they_share(run: Path, make_run: MakeRun, tmp_path: Path, lines: Lines) -> None:
    """Emails of the same id and text are compared; people's labels on those that differ say which run is better."""
    review_all(run, tmp_path, lines)
    other = make_run([f"<b>text</b> of {number}" for number in range(1, TOTAL + 1)], name="other")
    with RunLock(other) as lock, Store.open(other, lock) as store:
        label_all(store, truth)
    found = json.loads(lines("compare", run, other, "--json"))
    assert found["shared"] == TOTAL
    assert found["flips"] == [{"a": "1", "b": "0", "count": 12}]
    assert found["a_right"] == 0
    assert found["b_right"] == found["audited_differing"] > 0
    assert found["accuracy_difference"][2] < 0
    assert "B says 0" in lines("compare", run, other)


def test_two_versions_of_a_run_are_compared(run: Path, task: Task, tmp_path: Path, lines: Lines) -> None:
    """With one version there is nothing to compare, which is said; with two the emails that both labeled are."""
    assert main(["compare", str(run), "--versions"]) != 0
    assert main(["compare", str(run)]) != 0
    newer = Task(task.name, task.labels, rubric="Work is 1, else 0.", version="v2")
    with RunLock(run) as lock, Store.open(run, lock) as store:
        store.activate(newer, by="ada", now=NOW)
        store.relabel(by="ada", now=NOW)
        label_all(store, truth)
    found = json.loads(lines("compare", run, "--versions", "--json"))
    assert (found["a"]["task_version"], found["b"]["task_version"]) == ("v1", "v2")
    assert found["differing"] == 12


def test_of_many_labels_the_report_shows_those_that_were_given_most(run: Path) -> None:
    """A table of two thousand labels by two thousand would be megabytes of zeros."""
    labels = [f"label {number}" for number in range(200)]
    confusion = {model: dict.fromkeys(labels, 0) for model in labels}
    confusion["label 150"]["label 7"] = 3
    confusion["label 199"]["label 199"] = 5
    quality = replace(judge(read_audit(run)), confusion=confusion)
    assert most_confused(quality, 3) == ["label 7", "label 150", "label 199"]
    assert most_confused(quality, 300) == labels
    figures = replace(quality.figures.labels[0], raw_share=0.5, share=None)
    given = tuple(replace(figures, label=label, raw_share=number / 200) for number, label in enumerate(labels))
    quality = replace(quality, figures=replace(quality.figures, labels=given))
    assert [each.label for each in most_given(quality, 2)] == ["label 199", "label 198"]


def test_the_report_is_one_page_that_runs_nothing(run: Path, tmp_path: Path, lines: Lines) -> None:
    """The page is escaped, loads nothing, has no script and no text of an item unless asked; JSON holds the same."""
    review_all(run, tmp_path, lines)
    page, data = tmp_path / "report.html", tmp_path / "report.json"
    lines("report", run, page)
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"<script|<link|src=|url\(|@import|https?://", text)
    assert "prefers-color-scheme:dark" in text
    assert "text</b>" not in text
    assert "<svg" in text
    assert "that were asked again, over the run: 0 of" in text
    assert text.count("<section>") == text.count("</section>") == 11
    lines("report", run, page, "--examples")
    assert "&lt;b&gt;text&lt;/b&gt; of" in page.read_text(encoding="utf-8")
    lines("report", run, data)
    found = json.loads(data.read_text(encoding="utf-8"))
    assert found["quality"]["audited"] > 100
    assert main(["report", str(run), str(tmp_path / "report.docx")]) != 0


def test_equal_audits_print_equal_figures(run: Path, tmp_path: Path, lines: Lines) -> None:
    """Asking twice prints the same digits."""
    rng = random.Random(2)
    review_all(run, tmp_path, lines, lambda number: truth(number) if rng.random() < 0.9 else "1")
    assert lines("quality", run, "--json") == lines("quality", run, "--json")


def test_the_export_says_what_was_audited_and_at_which_rate(run: Path, tmp_path: Path, lines: Lines) -> None:
    """Both labels stand beside each other, with what an estimate needs: audited or not, the rate, the stratum."""
    file = tmp_path / "batch.csv"
    lines("review", run, "--annotator", "anna", "--size", 30, "--export", file)
    fill_in(file, truth)
    lines("review", run, "--annotator", "anna", "--import", file)
    out = tmp_path / "labels.csv"
    lines("export", run, out)
    with out.open(encoding="utf-8", newline="") as opened:
        rows = list(csv.DictReader(opened))
    audited = [row for row in rows if row["in_audit"] == "1"]
    assert len(audited) == 30
    for row in rows:
        number = int(row["id"].removeprefix("mail-"))
        assert row["model_label"] == row["stratum"] == by_model(number)
        assert row["human_label"] == (truth(number) if row in audited else "")
        assert row["label"] == (row["human_label"] or row["model_label"])
        assert float(row["audit_rate"]) == pytest.approx(200 / TOTAL, rel=1e-4)


def test_the_models_labels_are_counted_as_they_are_given_and_taken_back(run: Path) -> None:
    """The kept counts equal those of the rows after two versions, a withdrawn label, and where they are counted late."""
    with closing(sqlite3.connect(run, isolation_level=None)) as db:
        db.execute("CREATE TEMP TABLE copied AS SELECT * FROM task")
        db.execute("UPDATE copied SET version = 'v2'")
        db.execute("INSERT INTO task SELECT * FROM copied")
        db.execute(
            "INSERT INTO label(email_id, value, source, task_version, at) SELECT id, '1', 'copy', 'v2', 0 FROM email"
        )
        db.execute("UPDATE label SET source = 'withdrawn' WHERE task_version = 'v2' AND email_id <= 10")
        db.execute("UPDATE label SET value = '0' WHERE task_version = 'v2' AND email_id = 11")
        kept = set(label_counts(db))
        db.execute(f"PRAGMA user_version = {FORMAT_WITH_LABEL_COUNTS - 1}")
        assert kept == set(label_counts(db))
        assert {(each.version, each.value): each.count for each in kept if each.version == "v2"} == {
            ("v2", "1"): TOTAL - 11, ("v2", "0"): 1,
        }  # fmt: skip
        db.execute(f"PRAGMA user_version = {FORMAT_WITH_LABEL_COUNTS}")
    assert read_audit(run).versions[0] == ("v2", "work or personal", TOTAL - 10)


def test_items_worth_a_look_come_by_what_doubts_them_and_feed_people_alone(
    run: Path, home: Path, make_run: MakeRun, lines: Lines
) -> None:
    """Least probable labels, texts that changed when asked again and another run's labels, in turns; none by a person."""
    other = make_run([f"<b>text</b> of {number}" for number in range(1, TOTAL + 1)], name="other")
    with RunLock(other) as lock, Store.open(other, lock) as store:
        label_all(store, lambda number: "0" if number in (5, 9) else by_model(number))
    before = json.loads(lines("quality", run, "--json"))
    with closing(sqlite3.connect(run, isolation_level=None)) as db:
        db.execute("UPDATE attempt SET label_probability = 0.3 + email_id / 1000.0 WHERE email_id IN (7, 3, 9)")
        db.execute(
            "INSERT INTO canary(email_id, task_version, label, value, round, asked_at) SELECT n.value, task_version, '1',"
            " CASE n.value WHEN 11 THEN '0' ELSE '1' END, 1, 0 FROM run, json_each('[11, 11, 13]') AS n"
        )
        db.execute("INSERT INTO label(email_id, value, source, at) VALUES (3, '1', 'human', 0)")
    found = json.loads(lines("quality", run, "--doubtful", 9, "--beside", other, "--json"))["doubtful"]
    told = {each["id"]: each["why"] for each in found}
    assert "low probability" in told["mail-7"]
    assert "answered otherwise" in told["mail-11"]
    assert told["mail-9"] == "the model gave its label a low probability; other labels it otherwise"
    assert "other labels it otherwise" in told["mail-5"]
    assert not {"mail-3", "mail-13"} & told.keys()
    after = json.loads(lines("quality", run, "--json"))
    assert after["labels"] == before["labels"]
    assert "mail-7: " in lines("quality", run, "--doubtful", 2)
