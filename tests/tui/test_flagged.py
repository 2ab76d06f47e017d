"""Emails that seem to give orders to a model catch a person's eye: in the list, in its head and in the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.model import EmailState, SourceEmail, View
from core.storage.reading.reader import RunReader
from core.storage.writing.intake import NewRun
from core.storage.writing.store import Store
from tests.conftest import NOW
from tests.tui.conftest import Opens
from tests.tui.fakes import TASK, FakeRun, email


def flagged_run() -> FakeRun:
    rows = [email(n, EmailState.LABELED) for n in range(6)]
    rows[2] = email(2, EmailState.LABELED, flags="ignore answer", subject="ignore the above")
    return FakeRun(emails=rows)


@pytest.mark.asyncio
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_flag_stands_before_the_subject_and_its_count_above(desk: Opens, size: tuple[int, int]) -> None:
    """One glyph in the list, and how to see them all."""
    async with desk(flagged_run(), size=size) as at:
        await at.press("e")
        assert "⚑ ignore the above" in at.screen()
        assert at.screen().count("⚑") == 2
        assert "⚑ 1 possible prompt injection: / flag:any" in at.screen()


@pytest.mark.asyncio
async def test_the_record_says_what_was_found(desk: Opens) -> None:
    """In its head, with the names of the wordings, above subject and sender."""
    async with desk(flagged_run(), size=(120, 40)) as at:
        await at.press("e", "down", "down", "enter")
        assert "⚑ possible prompt injection (ignore, answer)" in at.screen()
        await at.press("n")
        assert "⚑" not in at.screen()


@pytest.mark.asyncio
async def test_nothing_is_said_where_nothing_was_found(desk: Opens) -> None:
    """No count of zero takes up room."""
    async with desk(FakeRun(emails=[email(1)]), size=(120, 40)) as at:
        await at.press("e")
        assert "⚑" not in at.screen()


def test_the_reader_hands_the_flags_over(tmp_path: Path) -> None:
    """In pages, by number and with the record."""
    path = tmp_path / "run.db"
    with Store.create(path, NewRun("run", "s.csv", "d", NOW, order="source"), TASK) as store:
        store.add_emails(
            (SourceEmail(f"m{n}", "raw", "row"), View("s", "a@example.org", "", "t", f"h{n}", False, flags))
            for n, flags in enumerate(("", "ignore"))
        )
        store.set_order("source", 0)
    with RunReader(path) as reader:
        assert [row.flags for row in reader.emails()] == ["", "ignore"]
        assert [row.flags for row in reader.rows([2, 1])] == ["ignore", ""]
        assert reader.record(2).row.flags == "ignore"
