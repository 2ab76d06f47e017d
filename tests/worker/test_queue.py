"""The queue of emails: what may be asked about now, and that nothing is ever lost from it or out twice."""

from __future__ import annotations

from dataclasses import replace

from core.model import PendingEmail
from core.worker.queue import Queue


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
