"""Random and hostile messages: a share of what the program of that name reads."""

from __future__ import annotations

import random

import pytest

from tests.programs import random_mail
from tests.programs.random_mail import WITHIN_S, message, read, trouble_of


def test_random_messages_are_read_in_time_and_without_an_error() -> None:
    """Each has a view within a second; a source of them gives every one back or counts it."""
    wrong, counted, slowest = read(200, seed=3)
    assert wrong == []
    assert counted["messages"] == 200
    assert slowest < WITHIN_S


def test_a_seed_makes_the_same_messages() -> None:
    """What was found can be read again."""
    one, same, other = (message(random.Random(seed)) for seed in (7, 7, 8))
    assert one == same != other


def test_what_is_wrong_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error and a message that is slow are both told."""
    monkeypatch.setattr(random_mail, "WITHIN_S", -1.0)
    assert trouble_of(b"Subject: x\n\nhello")[0].startswith("took ")
    monkeypatch.setattr(random_mail, "text_of", lambda raw: 1 / len(raw[:0]))
    assert "ZeroDivisionError" in trouble_of(b"hello")[0]
