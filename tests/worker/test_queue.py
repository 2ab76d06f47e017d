"""The queue of emails: what may be asked about now, and that nothing is ever lost from it or out twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from core.model import PendingEmail
from core.worker.queue import FirstN, Queue


def email(number: int, text: str = "") -> PendingEmail:
    return PendingEmail(number, number - 1, f"mail-{number}", "", text or f"text {number}", text or f"text {number}")


class Pending:
    """A run file that holds only which emails are pending."""

    def __init__(self, emails: list[PendingEmail]) -> None:
        self.emails = {one.id: one for one in emails}

    def fetch(self, after: int, limit: int) -> list[PendingEmail]:
        return [one for one in self.emails.values() if one.position > after][:limit]


def queue_of(emails: list[PendingEmail], *, dedupe: bool = True, window: int = 8) -> tuple[Queue, Pending]:
    pending = Pending(emails)
    queue = Queue(pending.fetch, dedupe=dedupe, window=window)
    ids(queue)
    return queue, pending


def ids(queue: Queue, count: int = 10) -> list[int]:
    return [one.id for one in queue.front(count)]


def test_the_front_is_in_work_order_and_bounded() -> None:
    """As many as asked for, the first in queue first."""
    queue, _ = queue_of([email(n) for n in range(1, 6)])
    assert ids(queue, 3) == [1, 2, 3]


def test_what_is_in_flight_is_not_offered_again() -> None:
    """An email that a call is out for, and its twins, wait for that call."""
    queue, _ = queue_of([email(1, "same"), email(2, "same"), email(3)])
    queue.take(1)
    assert ids(queue) == [3]


def test_without_dedupe_twins_go_out_together() -> None:
    """Equal texts are asked about side by side where de-duplication is off."""
    queue, _ = queue_of([email(1, "same"), email(2, "same")], dedupe=False)
    queue.take(1)
    assert ids(queue) == [2]


def test_an_email_given_back_comes_before_new_ones() -> None:
    """A conversation that has begun is finished first, and counts its attempts."""
    queue, _ = queue_of([email(n) for n in range(1, 4)])
    taken = queue.take(2)
    queue.give_back(replace(taken, bad_answers=(("x", "not 0 or 1"),)))
    front = list(queue.front(10))
    assert [one.id for one in front] == [2, 1, 3]
    assert front[0].attempts == 1
    assert front[0].bad_answers == (("x", "not 0 or 1"),)


def test_settling_an_email_takes_its_twins_out_of_line() -> None:
    """They were settled in the same transaction."""
    queue, pending = queue_of([email(1, "same"), email(2, "same"), email(3)])
    taken = queue.take(1)
    del pending.emails[1], pending.emails[2]
    queue.settle(taken)
    assert ids(queue) == [3]
    assert not queue.exhausted


def test_the_line_refills_as_it_empties() -> None:
    """Every pending email comes to the front once, though the window is small."""
    queue, pending = queue_of([email(n) for n in range(1, 40)], window=4)
    seen = []
    while front := ids(queue, 1):
        seen.append(front[0])
        taken = queue.take(front[0])
        del pending.emails[front[0]]
        queue.settle(taken)
    assert seen == list(range(1, 40))
    assert queue.exhausted


def test_a_rescan_finds_what_was_put_back_and_keeps_what_is_out() -> None:
    """Requeued emails appear; an email in flight does not go out twice."""
    queue, pending = queue_of([email(1), email(2)])
    queue.take(1)
    queue.settle(queue.take(2))
    pending.emails[2] = email(2)
    pending.emails[3] = email(3)
    queue.rescan()
    assert ids(queue) == [2, 3]
    del pending.emails[3]
    queue.rescan()
    assert ids(queue) == [2], "what waits no longer is not offered"


def test_an_email_that_somebody_else_settled_is_dropped() -> None:
    """A person's label takes it out of queue."""
    queue, _ = queue_of([email(1), email(2)])
    ids(queue)
    queue.forget(1)
    assert ids(queue) == [2]


def test_a_rescan_offers_nothing_twice_without_dedupe() -> None:
    """An email in flight stays there, and one that was given back is in line once."""
    queue, _ = queue_of([email(n) for n in range(1, 4)], dedupe=False)
    queue.take(1)
    queue.give_back(queue.take(2))
    queue.rescan()
    assert sorted(ids(queue)) == [2, 3]


@pytest.mark.parametrize(
    ("wanted", "dedupe", "room", "going_on", "over"),
    [
        (1, True, [1, 0, 0, 0], "trying 1 text, then pausing", "tried 1 text, as requested"),
        (2, True, [2, 1, 1, 0], "trying 2 texts, then pausing", "tried 2 texts, as requested"),
        (2, False, [2, 1, 0, 0], "trying 2 texts, then pausing", "tried 2 texts, as requested"),
        (1_000, True, [1_000, 999, 999, 998], "trying 1,000 texts, then pausing", "tried 1,000 texts, as requested"),
    ],
)
def test_a_first_n_counts_texts_or_emails(wanted: int, dedupe: bool, room: list[int], going_on: str, over: str) -> None:
    """Equal texts count once where they share an answer; what has begun goes on when it is full."""
    first_n = FirstN(wanted, dedupe=dedupe)
    emails = [email(1, "same"), email(2, "same"), email(3)]
    left, full = [first_n.room], [first_n.full]
    for each in emails:
        first_n.began(each)
        left.append(first_n.room)
        full.append(first_n.full)
    assert (left, full) == (room, [each == 0 for each in room])
    assert first_n.allows(emails[0])
    assert first_n.allows(email(9)) is (room[-1] > 0)
    assert (first_n.going_on, first_n.over) == (going_on, over)


def test_a_first_n_offers_what_has_begun_and_nothing_else() -> None:
    """A second call about the same text goes on; the next text waits."""
    queue, _ = queue_of([email(n) for n in range(1, 5)])
    queue.first_n = FirstN(2, dedupe=True)
    for number in (1, 2):
        queue.asked(queue.take(number))
    assert ids(queue) == []
    queue.give_back(email(2))
    assert ids(queue) == [2]
    queue.first_n = None
    queue.asked(queue.take(2))
    assert ids(queue) == [3, 4]


def test_those_that_are_to_come_last_come_behind_all_others_that_are_held() -> None:
    """Also where only they are left, and in no larger number than asked for."""
    queue, _ = queue_of([email(n) for n in range(1, 6)])
    queue.give_back(queue.take(4))
    odd = [one.id for one in queue.front(5, last=lambda number: number % 2 == 1)]
    assert odd == [4, 2, 1, 3, 5]
    assert [one.id for one in queue.front(3, last=lambda number: number % 2 == 1)] == [4, 2, 1]
    assert [one.id for one in queue.front(2, last=lambda number: number % 2 == 1)] == [4, 2]
    assert [one.id for one in queue.front(2, last=lambda _: True)] == [4, 1]


def test_an_email_that_no_call_was_made_about_is_where_it_was() -> None:
    """Before those that came back from a call; its calls are not counted, those of others are."""
    queue, pending = queue_of([email(n) for n in range(1, 5)])
    first, second = queue.take(3), queue.take(2)
    assert queue.in_flight == 2
    queue.give_back(first)
    queue.put_back(second)
    assert [(one.id, one.attempts) for one in queue.front(9)] == [(2, 0), (3, 1), (1, 0), (4, 0)]
    assert queue.in_flight == 0
    assert [queue.is_busy(email(n)) for n in (1, 2, 3)] == [False, True, True]
    gone = Queue(pending.fetch, dedupe=True, is_pending=lambda number: number != 1)
    ids(gone)
    gone.give_back(gone.take(1))
    assert ids(gone) == [2, 3, 4], "what was skipped meanwhile does not come back"


@pytest.mark.parametrize(("dedupe", "left"), [(True, [3]), (False, [2, 3])])
def test_a_text_that_is_asked_about_keeps_its_copies_busy(dedupe: bool, left: list[int]) -> None:
    """Until it has landed; where copies do not share the answer they are no copies."""
    queue, _ = queue_of([email(1, "same"), email(2, "same"), email(3)], dedupe=dedupe)
    taken = queue.take(1)
    assert queue.is_busy(email(2, "same")) is dedupe
    assert ids(queue) == left
    queue.settle(taken)
    assert ids(queue) == left
    assert not queue.is_busy(email(2, "same"))


@pytest.mark.parametrize(("window", "fetched"), [(2, [2, 2, 2, 2]), (4, [4, 4, 4]), (5, [5, 5, 5]), (8, [8, 8])])
def test_a_window_is_read_anew_when_it_is_half_empty(window: int, fetched: list[int]) -> None:
    """A page of its own size each time, until a page is empty."""
    pending = Pending([email(n) for n in range(1, 7)])
    asked: list[int] = []

    def fetch(after: int, limit: int) -> list[PendingEmail]:
        asked.append(limit)
        return pending.fetch(after, limit)

    queue = Queue(fetch, dedupe=True, window=window)
    seen = []
    while not queue.exhausted:
        for one in queue.front(1):
            seen.append(one.id)
            queue.settle(queue.take(one.id))
    assert (seen, asked) == ([1, 2, 3, 4, 5, 6], fetched)


def test_a_rescan_begins_with_the_first_email() -> None:
    """Which may have been requeued."""
    queue, pending = queue_of([email(1), email(2)])
    queue.settle(queue.take(1))
    del pending.emails[1]
    queue.rescan()
    assert ids(queue) == [2]
    pending.emails = {1: email(1), 2: email(2)}
    queue.rescan()
    assert ids(queue) == [1, 2]
