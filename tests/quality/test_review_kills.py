"""A share of the program that kills reviewers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.programs.review_kills import kill_everywhere


def test_nothing_is_lost_or_shown_by_a_kill_in_a_review(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed among the answers of a batch and at the alarm, it loses, doubles and shows nothing."""
    monkeypatch.setenv("LABELTUI_HOME", str(tmp_path / "home"))
    assert kill_everywhere([655, 1_300], tmp_path) == (2, [])
