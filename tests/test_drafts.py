"""The draft of a run's task beside its file: kept as it was left, told apart from the task, and safe to show."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import UsageError
from core.llm.task import builtin_task
from core.runs import archive, draft

TASK = builtin_task()


def test_a_draft_is_kept_as_it_was_left(tmp_path: Path) -> None:
    """Whether it is a task or not; its owner alone reads it."""
    run = tmp_path / "mail.db"
    place = tmp_path / "mail.task-draft.toml"
    assert draft.draft_path(run) == place
    assert draft.load_draft(run) is None
    draft.discard_draft(run)
    text = draft.text_of(TASK)
    saved = draft.save_draft(run, text)
    assert saved.task is not None
    assert (saved.text, saved.error, saved.task.version) == (text, "", TASK.version)
    assert place.stat().st_mode & 0o777 == 0o600
    assert draft.load_draft(run) == saved
    broken = draft.save_draft(run, "name = ")
    assert (broken.text, broken.task) == ("name = ", None)
    assert "the draft" in broken.error
    place.write_bytes(b"# \xff")
    found = draft.load_draft(run)
    assert found is not None
    assert found.text == "# \ufffd"
    draft.discard_draft(run)
    assert not place.exists()
    place.mkdir()
    with pytest.raises(UsageError, match=r"mail\.task-draft\.toml cannot be read: Is a directory\.$"):
        draft.load_draft(run)
    with pytest.raises(UsageError, match=r"mail\.task-draft\.toml cannot be written: .*\. The draft was not saved\.$"):
        draft.save_draft(run, text)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n", "a\tb\n"), ("a\x1bb", "a\\u001bb"), ("ü語😀", "ü語😀"), ("\u202e", "\\u202e"), ("\r", "\\u000d"),
        ("\U000e0041", "\\U000e0041"), ("ü\x07", "ü\\u0007"), ("", ""), ("\x7f", "\\u007f"),
    ],
)  # fmt: skip
def test_what_a_terminal_could_act_on_is_escaped(text: str, shown: str) -> None:
    """As TOML writes it."""
    assert draft.escaped(text) == shown


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ()),
        ({"labels": TASK.labels[:1]}, ("labels",)),
        ({"rubric": "other"}, ("rubric",)),
        ({"item": "review"}, ("item",)),
        ({"model": replace(TASK.model, model="other")}, ("model",)),
        ({"model": replace(TASK.model, temperature=1.0)}, ("settings",)),
        ({"fields": ("body",)}, ("what is sent",)),
        ({"truncate_at": 7}, ("what is sent",)),
        ({"pack": 4}, ("packs",)),
        ({"max_reasks": 5}, ("settings",)),
        ({"judge": "tolerant"}, ("settings",)),
        ({"canaries": 5}, ("settings",)),
        ({"name": "other", "rubric": "other", "pack": 4}, ("rubric", "packs", "name")),
    ],
)
def test_parts_that_differ_are_named(change: dict[str, Any], words: tuple[str, ...]) -> None:
    """The most important first."""
    assert draft.differences(TASK, replace(TASK, **change)) == words


@pytest.mark.parametrize(("busy", "folded"), [(0, True), (3, True), (99, False)])
def test_a_log_is_folded_for_as_long_as_its_readers_may_take(
    busy: int, folded: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then it stays where it is."""
    clock = [100.0]
    answers = [1] * busy + [0] * 200
    slept: list[float] = []

    class Connection:
        def execute(self, statement: str) -> Any:
            assert statement == "PRAGMA wal_checkpoint(TRUNCATE)"
            return self

        def fetchone(self) -> tuple[int, int, int]:
            return answers.pop(0), 0, 0

        def close(self) -> None:
            slept.append(-1.0)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += archive._FOLDED_WITHIN_S / 8

    monkeypatch.setattr(archive, "open_writer", lambda _: Connection())
    monkeypatch.setattr(archive.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(archive.time, "sleep", sleep)
    assert archive._folded(Path("a.db")) is folded
    assert slept[-1] == -1.0
    assert len(slept) - 1 in ((busy,) if folded else (8, 9))
