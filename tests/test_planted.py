"""The program that plants faults: each changes one place, a seed draws the same, and a survivor is told from a find."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs import planted
from tests.programs.planted import Fault, chosen, drawn, faults_of, noticed

TEXT = "def f(a: int) -> int:\n    if a < 3:\n        print(a)\n    return a + 1\n"


def test_every_kind_of_fault_changes_one_place() -> None:
    """The text still parses and differs from what it was."""
    found = {fault.kind: planted.planted(TEXT, fault)[0] for fault in faults_of("m.py", TEXT)}
    assert found["comparison"] == TEXT.replace("<", "<=")
    assert found["condition"] == TEXT.replace("a < 3", "not a < 3")
    assert found["arithmetic"] == TEXT.replace("+", "-")
    assert found["left out"] == TEXT.replace("print(a)", "pass")


def test_a_seed_draws_the_same_faults() -> None:
    """A table can be made again."""
    assert drawn("ledger", 12, 1) == drawn("ledger", 12, 1)
    assert drawn("ledger", 12, 1) != drawn("ledger", 12, 2)
    assert all((planted.ROOT / path).exists() for modules, tests in planted.ROOMS.values() for path in modules + tests)


@pytest.mark.parametrize("fails", [True, False])
def test_the_module_is_as_it_was_afterwards(fails: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests see the fault, and only they."""
    (tmp_path / "m.py").write_text(TEXT, "utf-8")
    seen = []

    def look(tree: Path, _: object) -> bool:
        seen.append((tree / "m.py").read_text("utf-8"))
        return fails

    monkeypatch.setattr(planted, "_fails", look)
    fault = next(fault for fault in faults_of("m.py", TEXT) if fault.kind == "comparison")
    assert isinstance(fault, Fault)
    assert noticed(tmp_path, fault, ("tests",)) is fails
    assert not noticed(tmp_path, fault, ())  # no test runs its line
    assert seen != [TEXT]
    assert (tmp_path / "m.py").read_text("utf-8") == TEXT


def test_a_fault_is_shown_to_the_tests_that_run_its_line() -> None:
    """The quickest first; none for what no test runs, all for what runs at import, and files where they are many."""
    text = "LIMIT = 3\n\n\ndef f(a):\n    if a < LIMIT:\n        return a + 1\n    return 0\n"
    faults = {(fault.kind, planted.planted(text, fault)[1]): fault for fault in faults_of("m.py", text)}
    lines = {"m.py": {"5": ["quick", "slow"], "6": ["slow"]}}
    room = ("tests/m",)
    assert chosen(text, faults["comparison", 5], room, lines) == ("quick", "slow")
    assert chosen(text, faults["arithmetic", 6], room, lines) == ("slow",)
    assert chosen(text, faults["number", 7], room, lines) == ()
    assert chosen(text, faults["number", 1], room, lines) == room
    many = {"m.py": {"6": [f"t{n}" for n in range(planted.MOST_TESTS + 1)]}}
    assert chosen(text, faults["arithmetic", 6], room, many) == room
