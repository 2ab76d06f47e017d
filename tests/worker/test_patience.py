"""How many errors an email may meet: decided by whether others are answered, never by the clock alone."""

from __future__ import annotations

from core.worker.retries import ALONE_MOST_S, ERRORS_MOST, RetryPolicy


def test_errors_count_while_others_are_answered() -> None:
    """The fifth is one too many, and its number is told."""
    patience = RetryPolicy()
    told = []
    for n in range(ERRORS_MOST):
        told.append(patience.worn_out(1, float(n), counts=True))
        patience.answered(2)
    assert told == [0] * (ERRORS_MOST - 1) + [ERRORS_MOST]


def test_errors_say_nothing_while_nobody_is_answered() -> None:
    """Any number of them within two hours leaves the email in line; then it is given up."""
    patience = RetryPolicy()
    assert not any(patience.worn_out(1, float(at), counts=True) for at in range(0, int(ALONE_MOST_S), 60))
    assert patience.worn_out(1, ALONE_MOST_S, counts=True)


def test_an_outage_never_counts() -> None:
    """However long it lasts, and whoever is answered elsewhere."""
    patience = RetryPolicy()
    for at in range(0, 100_000, 1000):
        assert patience.worn_out(1, float(at), counts=False) == 0
        patience.answered(2)


def test_an_answer_wipes_the_slate() -> None:
    """An email that was answered, however badly, begins to count anew."""
    patience = RetryPolicy()
    for n in range(ERRORS_MOST - 1):
        patience.worn_out(1, float(n), counts=True)
        patience.answered(2)
    patience.answered(1)
    assert patience.worn_out(1, 9.0, counts=True) == 0


def test_an_email_is_stuck_until_somebody_is_answered() -> None:
    """After two errors, or one in an outage; an answer to anybody frees it."""
    patience = RetryPolicy()
    patience.worn_out(1, 0.0, counts=True)
    assert not patience.stuck(1)
    patience.worn_out(1, 1.0, counts=True)
    patience.worn_out(2, 1.0, counts=False)
    assert patience.stuck(1)
    assert patience.stuck(2)
    patience.answered(3)
    assert not patience.stuck(1)
    assert not patience.stuck(2)


def test_a_refusal_settles_an_email_where_there_is_no_other_key() -> None:
    """With another key it is tried once more."""
    patience = RetryPolicy()
    assert patience.refused(1, another_key=False)
    assert not patience.refused(2, another_key=True)
    assert patience.refused(2, another_key=True)


def test_keys_that_were_tried_in_vain_are_remembered_until_the_end() -> None:
    """For each email its own."""
    patience = RetryPolicy()
    patience.in_vain(1, "main")
    assert patience.was_in_vain(1, "main")
    assert not patience.was_in_vain(1, "spare")
    assert not patience.was_in_vain(2, "main")
    patience.settled(1)
    assert not patience.was_in_vain(1, "main")
