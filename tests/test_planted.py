"""The program that plants faults: each changes one place, a seed draws the same, and only tests that run its line see it."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.programs.planted import __main__ as program
from tests.programs.planted import faults
from tests.programs.planted.__main__ import Sample, chosen, noticed
from tests.programs.planted.equivalent import EQUIVALENT
from tests.programs.planted.faults import Fault, drawn, faults_of, modules_of, probed

TEXT = "LIMIT = 3\n\ndef f(a: int) -> int:\n    if a < LIMIT:\n        print(a)\n    return a + 1\n"


def fault(kind: str, line: str) -> Fault:
    """The fault of that kind in that line of ``TEXT``."""
    return next(each for each in faults_of("m.py", TEXT) if (each.kind, each.line) == (kind, line))


def test_every_kind_of_fault_changes_one_place() -> None:
    """The text still parses and differs from what it was."""
    found = {each.kind: faults.planted(TEXT, each) for each in faults_of("m.py", TEXT) if each.line != "LIMIT = 3"}
    assert found["comparison"] == TEXT.replace("<", "<=")
    assert found["condition"] == TEXT.replace("a < LIMIT", "not a < LIMIT")
    assert found["arithmetic"] == TEXT.replace("+", "-")
    assert found["left out"] == TEXT.replace("print(a)", "pass")
    assert found["number"] == TEXT.replace("1", "2")


def test_a_seed_draws_the_same_faults() -> None:
    """A table can be made again; every module is in exactly one room; an equivalent names a line that is there."""
    assert drawn("quality", 12, 1) == drawn("quality", 12, 1)
    assert drawn("quality", 12, 1) != drawn("quality", 12, 2)
    modules = [module for room in faults.ROOMS for module in modules_of(room)]
    assert len(modules) == len(set(modules)) > 200
    for name in EQUIVALENT:
        module, kind, line = name.split(": ", 2)
        assert any(each.name == name for each in faults_of(module, (faults.ROOT / module).read_text("utf-8"))), (
            kind,
            line,
        )


def test_a_statement_reports_before_it_runs_and_a_constant_where_it_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """What reports is the fault's number, whenever a function comes to its statement."""
    seen: list[int] = []
    monkeypatch.setitem(__import__("sys").modules, "planted_probe", SimpleNamespace(run=seen.append))
    faults = {7: fault("left out", "print(a)"), 8: fault("arithmetic", "return a + 1"), 9: fault("number", "LIMIT = 3")}
    names: dict[str, object] = {}
    exec(probed(TEXT, faults), names)
    assert seen == []
    names["f"](5)  # type: ignore[operator]
    assert seen == [9, 8]
    names["f"](1)  # type: ignore[operator]
    assert seen == [9, 8, 9, 7, 8]


def test_a_default_reports_where_its_function_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether it is called with that parameter or not."""
    seen: list[int] = []
    monkeypatch.setitem(__import__("sys").modules, "planted_probe", SimpleNamespace(run=seen.append))
    text = "def f(a: int = 3) -> int:\n    return a\n"
    names: dict[str, object] = {}
    exec(probed(text, {7: next(faults_of("m.py", text))}), names)
    assert seen == []
    names["f"]()  # type: ignore[operator]
    assert seen == [7]


def test_a_fault_is_shown_to_the_tests_that_run_its_line() -> None:
    """The quickest first, a whole file for what its set-up alone runs, none that fails without it, and not too many."""
    took = {"a.py::slow": 2.0, "a.py::quick": 0.1, "b.py::one": 0.2, "b.py::two": 0.3, "c.py::x": 0.1}
    hits = ["a.py::slow (call)", "a.py::quick (setup)", "a.py::quick (call)", "a.py::broken (call)"]
    assert chosen(hits, took) == ["a.py::quick", "a.py::slow"]
    assert chosen(["b.py::one (setup)"], took) == ["b.py::one", "b.py::two"]
    assert chosen([], took) == []
    many = {f"d.py::{number}": 10.0 for number in range(100)}
    assert len(chosen([f"{name} (call)" for name in many], many)) == program.FEWEST_TESTS
    assert len(chosen([f"{name} (call)" for name in many], many, all_of_them=True)) == 100


@pytest.mark.parametrize("by", ["test_m.py::test_it", None])
def test_the_module_is_as_it_was_afterwards(by: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests see the fault, and only they."""
    (tmp_path / "m.py").write_text(TEXT, "utf-8")
    seen = []

    def look(tree: Path, *_: object) -> str | None:
        seen.append((tree / "m.py").read_text("utf-8"))
        return by

    monkeypatch.setattr(program, "fails", look)
    wrong = fault("comparison", "if a < LIMIT:")
    assert noticed(tmp_path, wrong, ["test_m.py::test_it"], {}) == by
    assert noticed(tmp_path, wrong, [], {}) is None  # no test runs its line
    assert seen == [TEXT.replace("<", "<=")]
    assert (tmp_path / "m.py").read_text("utf-8") == TEXT


def test_the_table_counts_each_room_and_names_survivors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Equivalents are left out of the share; below nine in ten the program fails."""
    faults = [
        ["llm", {"module": "m.py", "node": n, "kind": "number", "line": f"x = {n}", "number": n}] for n in range(11)
    ]
    (tmp_path / "faults.json").write_text(json.dumps(faults), "utf-8")
    lines = [json.dumps([n, "" if n in (3, 4) else "a.py::x"]) + "\n" for n in range(11)]
    (tmp_path / "found.jsonl").write_text("".join(lines), "utf-8")
    sample = Sample(tmp_path, 152, 1)
    assert sample.table() == 1
    monkeypatch.setitem(EQUIVALENT, "m.py: number: x = 3", "nobody sees it")
    assert sample.table() == 0
    out = capsys.readouterr().out
    assert "m.py:4: number: x = 4\n    no test notices it" in out
    assert out.splitlines()[-1].split() == ["llm", "11", "9", "1", "90%"]
