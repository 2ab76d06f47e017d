"""Labels from files, comparisons and what is worth a look, function by function: small tables, and what is read of a run."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import UsageError
from core.quality.report import Example
from core.quality.student import Suspicion
from core.runs import quality as judging
from core.runs.quality import EdgeCases, GoldFile, Rule, compare_runs, compare_versions, read_batch, read_gold
from core.runs.send import send
from tests.conftest import MakeRun


def written(folder: Path, text: str, name: str = "labels.csv") -> Path:
    """A file with that text."""
    path = folder / name
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    return path


@pytest.mark.parametrize(
    ("name", "text", "rows"),
    [
        ("a.csv", "\ufeffid,label\n1,a\n2\n\n", [{"id": "1", "label": "a"}, {"id": "2", "label": ""}]), ("a.csv", "id,\n1,a\n", [{"id": "1"}]), ("a.csv", "id\n1,2,3\n", [{"id": "1"}]),
        ("a.csv", "", []), ("a.JSONL", '{"id": 7, "label": null}\n\n{"x": true}\n', [{"id": "7", "label": ""}, {"x": "True"}]), ("a.csv", f'id\n"{"x" * 200_000}"\n', [{"id": "x" * 200_000}]),
        ("a.jsonl", "[1]\n", "holds lines that are no JSON objects"), ("a.jsonl", "{\n", "is not JSON lines ("), ("a.csv", "id\n\udcff\n", "is not UTF-8 (byte 3)"),
    ],
    ids=range(9),
)  # fmt: skip
def test_rows_of_a_file_are_read_by_its_suffix(name: str, text: str, rows: Any, tmp_path: Path) -> None:
    """JSON lines, else CSV; what is missing is empty, and a cell may be long."""
    file = written(tmp_path, text, name)
    before = csv.field_size_limit()
    if isinstance(rows, str):
        with pytest.raises(UsageError) as caught:
            judging._rows(file)
        assert str(caught.value).startswith(f"{file} {rows}")
    else:
        assert judging._rows(file) == rows
    assert csv.field_size_limit() == before


def test_a_file_that_is_too_large_or_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the most that it may have."""
    assert judging.MOST_BYTES == 200_000_000
    with pytest.raises(UsageError, match=r"none.csv cannot be read \(No such file or directory\)"):
        judging._rows(tmp_path / "none.csv")
    monkeypatch.setattr(judging, "MOST_BYTES", 5_000_000)
    large = tmp_path / "large.csv"
    with large.open("wb") as file:
        file.truncate(5_000_000)
    judging._rows(large)
    with large.open("wb") as file:
        file.truncate(5_000_001)
    with pytest.raises(UsageError, match="is larger than 5 MB, which is no file of labels"):
        judging._rows(large)
    monkeypatch.setattr(judging, "MOST_BYTES", 50)
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: "id\n" + "x" * 60)
    with pytest.raises(UsageError, match=r"is no CSV \(field larger than field limit \(50\)\)"):
        judging._rows(written(tmp_path, "id\n"))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["a"], "'a'"), (["a", "a", "b"], "'a', 'b'"), (list("abcde"), "'a', 'b', 'c', 'd', 'e'"), (list("abcdef"), "'a', 'b', 'c', 'd', 'e' and 1 more"),
        (list("abcdefgg"), "'a', 'b', 'c', 'd', 'e' and 2 more"),
    ],
)  # fmt: skip
def test_five_of_many_values_are_named(values: list[str], said: str) -> None:
    """Each once; the others are counted."""
    assert judging._some(values) == said


@pytest.fixture
def small(make_run: MakeRun) -> Path:
    """A run of four texts, of which the last two are the same, labeled by nobody; its labels are 1 and 0."""
    return make_run(["one", "two", "three", "three"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,value\n1,1\n", "has no columns id and label. `labeltui review RUN --export FILE` writes such a file."), ("label\n1\n", "has no columns id and label"),
        ("id,label\nx,1\nmail-1,1\ny,0\nz,\n", "small has no item 'x', 'y'. Nothing was recorded."), ("id,label\nmail-1,maybe\n", "'maybe' is no label of this task. Choose 1 or 0, or ? for cannot tell."),
        ("id,label\nmail-1,a\nmail-2,b\n", "'a', 'b' are no label of this task."),
    ],
)  # fmt: skip
def test_a_batch_that_does_not_fit_is_refused_whole(text: str, said: str, small: Path, tmp_path: Path) -> None:
    """With the ids or labels that are unknown."""
    with pytest.raises(UsageError) as caught:
        read_batch(small, written(tmp_path, text), annotator="anna")
    assert said in str(caught.value)


def test_answers_of_a_batch_are_numbered_after_the_own_ones(small: Path, tmp_path: Path) -> None:
    """A question mark stands for cannot tell, an empty label for no answer."""
    file = written(tmp_path, "id,label,note\nmail-1, 1 ,why\nmail-2,?,\nmail-3,,x\nnowhere,,\n")
    found, without = read_batch(small, file, annotator="anna")
    assert found is not None
    answers = [{key: answer[key] for key in ("email_id", "value", "batch", "note")} for answer in found.answers]
    assert answers == [
        {"email_id": 1, "value": "1", "batch": 1, "note": "why"}, {"email_id": 2, "value": None, "batch": 1, "note": ""},
    ]  # fmt: skip
    assert (without, {answer["annotator"] for answer in found.answers}) == (2, {"anna"})
    assert read_batch(small, written(tmp_path, "id,label\nmail-3,\n"), annotator="anna") == (None, 1)
    assert read_batch(small, written(tmp_path, ""), annotator="anna") == (None, 0)
    send(small, found)
    for annotator, batch in (("anna", 2), ("ben", 1)):
        again, _ = read_batch(small, written(tmp_path, "id,label\nmail-3,0\n"), annotator=annotator)
        assert again is not None
        assert [answer["batch"] for answer in again.answers] == [batch]


@pytest.mark.parametrize(
    ("text", "column", "read"),
    [
        ("id,label\nmail-1,1\nmail-2, 0 \nmail-3,\n", None, ({1: "1", 2: "0"}, 3, 1, (), {}, ())), ("source_id,gold\nmail-1,1\nx,1\nx,0\n", None, ({1: "1"}, 3, 0, ("x", "x"), {}, ())),
        ("id,annotation,mine\nmail-1,1,0\n", "mine", ({1: "0"}, 1, 0, (), {}, ())), ("id,gold_label\nmail-1,a\nmail-2,a\nmail-3,b\n", None, ({}, 3, 0, (), {"a": 2, "b": 1}, ())),
        ("id,label\nmail-1,1\nmail-1,0\nmail-2,1\nmail-2,1\n", None, ({2: "1"}, 4, 0, (), {}, ("mail-1",))), ("text,label\nthree,1\none,0\nno,1\n", None, ({3: "1", 4: "1", 1: "0"}, 3, 0, ("no",), {}, ())),
        ("text,id,label\nthree,mail-1,1\n", None, ({1: "1"}, 1, 0, (), {}, ())), ("", None, ({}, 0, 0, (), {}, ())), ("id,gold,label\nmail-1,0,1\n", None, ({1: "1"}, 1, 0, (), {}, ())),
        ("id,value\nmail-1,1\n", None, "has no column 'label'; it has id, value. Name it by --column."), ("id,label\nmail-1,1\n", "x", "has no column 'x'; it has id, label."),
        ("name,label\nmail-1,1\n", None, "has neither a column id nor a column text to find the items by."),
    ],
    ids=range(12),
)  # fmt: skip
def test_labels_from_elsewhere_are_found_by_id_or_text(
    text: str, column: str | None, read: Any, small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what is empty, unknown or in conflict told apart."""
    monkeypatch.setattr(
        "core.mail.message.view_by", lambda _, each: SimpleNamespace(content_hash=f"hash of {each}")
    )  # as in the run of this test
    file = written(tmp_path, text)
    if isinstance(read, str):
        with pytest.raises(UsageError) as caught:
            read_gold(small, file, column=column)
        assert f"{file} {read}" in str(caught.value)
    else:
        labels, rows, empty, ids, unknown, conflicts = read
        assert read_gold(small, file, column=column) == GoldFile(
            "labels.csv", labels, rows, empty, ids, unknown, conflicts
        )


def test_labels_from_elsewhere_go_out_in_as_many_commands_as_they_need(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with as many as one can carry."""
    monkeypatch.setattr(judging, "MOST_GOLD", 2)
    gold = GoldFile("g", {1: "1", 2: "0", 3: "1"}, 3, 0, (), {}, ())
    assert [(each.name, list(each.labels)) for each in gold.commands()] == [
        ("g", [(1, "1"), (2, "0")]),
        ("g", [(3, "1")]),
    ]
    assert list(GoldFile("g", {}, 0, 0, (), {}, ()).commands()) == []


def audit(run: str, version: str = "v", people: dict[str, str | None] | None = None, versions: Any = ()) -> Any:
    """What is known of a run, as far as comparisons ask: people's labels by content; one whose label is None was split."""
    drawn = [SimpleNamespace(content=content, label=label, answers=(1,)) for content, label in (people or {}).items()]
    drawn.append(SimpleNamespace(content="unanswered", label="0", answers=()))
    return SimpleNamespace(run=run, version=version, model=f"model of {run}", labels=("1", "0"), drawn=drawn, versions=versions)  # fmt: skip


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two runs, A and B: by name what is known of each, and its labels as ((id, content), number, label)."""
    known: dict[str, Any] = {
        "a": audit("A", people={"c1": "1", "c2": "1", "c3": None, "c5": "2", "c9": "0"}),
        "b": audit("B", people={"c1": "0", "c4": "0"}),
        "a labels": [((f"m{n}", f"c{n}"), n, label) for n, label in enumerate("110110", 1)],
        "b labels": [((f"m{n}", f"c{n}"), n + 100, label) for n, label in enumerate("10101", 1)] + [(("m6", "other"), 9, "1")],
    }  # fmt: skip
    monkeypatch.setattr(
        judging, "read_audit", lambda path, version=None: known[f"{path}{' ' + version if version else ''}"]
    )
    monkeypatch.setattr(judging, "labels_of_versions", lambda path, version: known[f"{path} labels"])
    return known  # fmt: skip


def test_two_runs_are_compared_on_what_both_labeled(two: dict[str, Any]) -> None:
    """By id and content; what a person said of A goes before what was said of B."""
    found = compare_runs(Path("a"), Path("b"))
    assert (found.shared, found.flips) == (5, {("1", "0"): 2, ("0", "1"): 1})
    assert found.differing == ((2, "m2", "1", "0", "1"), (3, "m3", "0", "1", None), (4, "m4", "1", "0", "0"))
    assert (found.difference.differing, found.difference.audited) == (3, 2)
    assert (found.difference.a_right, found.difference.b_right) == (1, 1)
    assert [(side.run, side.version, side.model) for side in (found.a, found.b)] == [
        ("A", "v", "model of A"), ("B", "v", "model of B"),
    ]  # fmt: skip
    told = found.as_json()
    assert (told["shared"], told["differing"], told["audited_differing"]) == (5, 3, 2)
    assert told["flips"] == [{"a": "0", "b": "1", "count": 1}, {"a": "1", "b": "0", "count": 2}]
    assert (told["a_right"], told["b_right"], told["mcnemar_p"]) == (1, 1, 1.0)
    assert (told["a"]["run"], told["a"]["task_version"], told["a"]["model"]) == ("A", "v", "model of A")
    assert {label: each["raw_share"] for label, each in told["a"]["labels"].items()} == {"1": 0.8, "0": 0.2}
    assert {label: each["raw_share"] for label, each in told["b"]["labels"].items()} == {"1": 0.6, "0": 0.4}
    assert told["a"]["accuracy"] is not None
    assert told["accuracy_difference"] is not None
    two["b labels"] = two["b labels"][5:]
    with pytest.raises(UsageError, match="A and B share no labeled text, by id and text"):
        compare_runs(Path("a"), Path("b"))


def test_a_label_that_is_neither_side_s_speaks_for_none(two: dict[str, Any]) -> None:
    """It is checked all the same."""
    two["a"], two["b"] = audit("A", people={"c2": "2"}), audit("B")
    found = compare_runs(Path("a"), Path("b")).difference
    assert (found.audited, found.a_right, found.b_right) == (1, 0, 0)


def test_strata_of_a_comparison_hold_people_s_labels_by_the_model_s(
    two: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each side by its own labels, with how many have each."""
    asked: list[Any] = []
    figures = judging.figures
    monkeypatch.setattr(
        judging, "figures", lambda strata, labels: (asked.append((strata, labels)), figures(strata, labels))[1]
    )
    compare_runs(Path("a"), Path("b"))
    told = [{each.label: (each.size, dict(each.people)) for each in strata} for strata, _ in asked]
    assert told == [
        {"1": (4, {"1": 2, "0": 1, "2": 1}), "0": (1, {})},
        {"1": (3, {"1": 1, "2": 1}), "0": (2, {"1": 1, "0": 1})},
    ]
    assert [labels for _, labels in asked] == [("1", "0"), ("1", "0")]  # fmt: skip


def test_the_two_versions_that_labeled_last_are_compared(two: dict[str, Any]) -> None:
    """The older one is A; others where they are named; one alone has nothing beside it."""
    versions = (("new", "m", 5), ("old", "m", 5), ("oldest", "m", 5))
    two["a"] = audit("A", "new", versions=versions)
    for name in ("new", "old", "oldest"):
        two[f"a {name}"] = audit("A", name, people={"c2": "0"})
    two["a labels"] = [(("m1", "c1"), 1, "1"), (("m2", "c2"), 2, "0")]
    found = compare_versions(Path("a"))
    assert (found.a.version, found.b.version, found.shared, found.differing) == ("old", "new", 2, ())
    named = compare_versions(Path("a"), "oldest", "old")
    assert (named.a.version, named.b.version) == ("oldest", "old")
    two["a"] = audit("A", versions=versions[:1])
    with pytest.raises(UsageError, match="Only one version of the task labeled texts of a: there is nothing"):
        compare_versions(Path("a"))


def test_versions_are_compared_by_what_people_said_under_the_active_one(
    two: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever each labeled."""
    two["a"] = audit("A", people={"c1": "0"}, versions=(("new", "m", 1), ("old", "m", 1)))
    two["a new"], two["a old"] = audit("A", "new"), audit("A", "old")
    labels = {"new": [(("m1", "c1"), 1, "0"), (("m2", "c2"), 2, "1")], "old": [(("m1", "c1"), 1, "1")]}
    monkeypatch.setattr(judging, "labels_of_versions", lambda _, version: labels[version])
    assert compare_versions(Path("a")).differing == ((1, "m1", "1", "0", "0"),)


def test_items_worth_a_look_are_taken_in_turns() -> None:
    """One of each kind, each item once; why it is there is told with all kinds."""
    cases = EdgeCases((("first", (1, 2, 3)), ("second", (2,)), ("third", (4, 1))))
    assert cases.in_turns == (1, 2, 4, 3)
    assert [cases.why(number) for number in (1, 2, 3, 9)] == ["first; third", "first; second", "first", ""]
    assert EdgeCases(()).in_turns == ()


def test_what_people_labeled_is_not_worth_a_look(monkeypatch: pytest.MonkeyPatch, two: dict[str, Any]) -> None:
    """Nor what a small model finds likely; of each kind so many are taken, and the other run's name is told."""
    assert judging.MOST_DOUBTED == 200
    asked: list[int] = []

    def doubts(_path: Path, _version: str, *, most: int) -> Any:
        asked.append(most)
        return SimpleNamespace(by_people=frozenset({1, 2}), improbable=(7,), unsteady=(8, 9))

    monkeypatch.setattr(judging, "doubts", doubts)
    monkeypatch.setattr(judging, "MOST_DOUBTED", 2)
    judged: Any = SimpleNamespace(audit=SimpleNamespace(version="v"))
    suspicions = [Suspicion(n, "1", "0", margin) for n, margin in ((1, 0.5), (3, 0.0), (4, 0.1), (5, 0.1), (6, 0.2))]
    alone = judging.edge_cases(Path("a"), judged, suspicions)
    assert dict(alone.kinds) == {
        "a small model trained on all labels doubts it": (4, 5),
        "the model gave its label a low probability": (7,),
        "answered otherwise when asked again": (8, 9),
    }
    beside = judging.edge_cases(Path("a"), judged, [], Path("b"))
    assert beside.kinds[3] == ("B labels it otherwise", (3, 4))
    assert asked == [2, 2]


def rows_of(count: int, labels: str = "10") -> list[tuple[int, str, str, str]]:
    """Numbers, contents, texts and labels of so many texts whose words say their label."""
    chosen = [labels[n % len(labels)] for n in range(count)]
    return [(n, f"c{n}", f"word{label} and {n}", label) for n, label in enumerate(chosen)]


@pytest.mark.parametrize(
    ("rows", "trained"), [(rows_of(59), False), (rows_of(60), True), (rows_of(80, "1"), False), (rows_of(80), True)]
)
def test_a_small_model_is_trained_on_sixty_labels_of_two_kinds(
    rows: list[Any], trained: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of at most 20,000 texts; with fewer nothing is told."""
    assert (judging.FEWEST_TO_TRAIN, judging.MOST_TO_TRAIN, judging.MOST_EXAMPLES) == (60, 20_000, 50)
    limits: list[int] = []
    monkeypatch.setattr(judging, "texts_with_labels", lambda *_, limit: (limits.append(limit), iter(rows))[1])
    judged: Any = SimpleNamespace(audit=audit("A", people={"c0": "1", "c1": "0"}))
    found = judging.next_generation_of(judged, Path("a"))
    assert limits == [20_000]
    assert (found is not None) is trained


def test_a_rule_is_looked_for_behind_the_three_most_frequent_mistakes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first whose texts share something, else the most frequent; with few texts nothing is looked for."""
    texts = {number: f"text {number}" for number in range(100)}
    monkeypatch.setattr(judging, "_texts_of", lambda _, numbers: [texts[number] for number in numbers])
    compared: list[tuple[int, int]] = []

    def marks(misread: list[str], right: list[str]) -> tuple[str, ...]:
        compared.append((len(misread), len(right)))
        return ("mark",) if "text 50" in misread else ()

    monkeypatch.setattr(judging, "shared_marks", marks)
    enough = judging.FEWEST_FOR_A_RULE
    kinds = [
        ("1", "0", range(enough), range(90, 93)), ("2", "0", range(enough - 1), [1]), ("0", "1", range(50, 50 + enough), [2]),
        ("0", "2", range(50, 50 + enough), [3]),
    ]  # fmt: skip

    def rule_of(these: list[Any]) -> Rule | None:
        compared.clear()
        return judging.rule_behind_mistakes(SimpleNamespace(misread=lambda: these), Path("a"))  # type: ignore[arg-type]

    assert rule_of(kinds) == Rule("0", "1", enough, ("mark",))  # type: ignore[arg-type]
    assert compared == [(enough, 3), (enough, 1)]
    assert rule_of(kinds[:2]) == Rule("1", "0", enough, ())
    assert rule_of(kinds[1:2]) == Rule("2", "0", enough - 1, ())
    assert rule_of([kinds[0], kinds[0], kinds[0], kinds[2]]) == Rule("1", "0", enough, ())
    assert rule_of([]) is None


def test_each_text_is_compared_once_and_400_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    """In their order."""
    monkeypatch.setattr(
        judging, "review_emails", lambda _, numbers: [SimpleNamespace(text=f"t{number // 2}") for number in numbers]
    )
    assert judging._texts_of(Path("a"), [4, 5, 2, 3]) == ["t2", "t1"]
    assert len(judging._texts_of(Path("a"), range(0, 900, 2))) == 400
    assert (judging.MOST_COMPARED, judging.MOST_KINDS) == (400, 3)


def test_a_report_is_a_page_or_an_object(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its suffix; another is refused before anything is read, and so is a place that cannot be written."""
    monkeypatch.setattr(judging, "_examples", lambda *_: ("those",))
    judging.write_report(small, tmp_path / "a.JSON", examples=False)
    assert (tmp_path / "a.JSON").read_text("utf-8").startswith('{\n  "quality": {')
    judging.write_report(small, tmp_path / "b.json", examples=True)
    told = [json.loads((tmp_path / name).read_text("utf-8"))["facts"] for name in ("a.JSON", "b.json")]
    assert [each["examples"] for each in told] == [[], ["those"]]
    assert told[0]["settings"]["model"] == "openai/gpt-oss-20b"
    assert not {"", "None", "()"} & {*told[0]["settings"].values()}
    for name in ("a.html", "a.HTM"):
        judging.write_report(small, tmp_path / name, examples=False)
        assert "<html" in (tmp_path / name).read_text("utf-8")
    with pytest.raises(UsageError, match=r"A report is written as \.html or \.json, not as 'a.pdf'"):
        judging.write_report(tmp_path / "none.db", tmp_path / "a.pdf", examples=False)
    with pytest.raises(UsageError, match=r"a.json cannot be written \("):
        judging.write_report(small, tmp_path / "a.html" / "a.json", examples=False)


def test_examples_of_a_report_are_the_first_fifty_that_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the model's label and the person's."""
    differing = [
        SimpleNamespace(email_id=n, model_label="1" if n else None, label="0" if n else None) for n in range(60)
    ]
    monkeypatch.setattr(
        judging,
        "review_emails",
        lambda _, numbers: [SimpleNamespace(id=n, source_id=f"m{n}", text=f"t{n}") for n in numbers],
    )
    found = judging._examples(SimpleNamespace(disagreements=lambda: differing), Path("a"))  # type: ignore[arg-type]
    assert len(found) == 50
    assert found[:2] == (Example("m0", "t0", "", ""), Example("m1", "t1", "1", "0"))
    assert judging._moment(1_790_000_000.9) == "2026-09-21 14:13 UTC"


def test_a_batch_for_a_colleague_has_one_of_each_text(small: Path, tmp_path: Path) -> None:
    """In the order in which they are due, without a label, as many as were asked for."""
    file = tmp_path / "batch.csv"
    assert judging.export_batch(small, file, annotator="anna", size=10) == 3
    with file.open(newline="", encoding="utf-8") as opened:
        rows = list(csv.DictReader(opened))
    assert Counter(row["text"] for row in rows).most_common(1)[0][1] == 1
    assert [list(row) for row in rows] == [["id", "subject", "text", "label", "note"]] * 3
    assert {(row["label"], row["note"]) for row in rows} == {("", "")}
    assert judging.export_batch(small, file, annotator="anna", size=2) == 2
