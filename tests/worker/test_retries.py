"""Errors of emails are counted while others are answered, and a refusal's fault is found by what else was answered."""

from __future__ import annotations

import sqlite3
from types import SimpleNamespace

import pytest

from core.quota.pacing.grants import Never
from core.worker.lanes.online import OnlineLane
from core.worker.retries import ALONE_MOST_S, ERRORS_MOST, Fault, Refusals, RetryPolicy


def test_errors_count_while_others_are_answered() -> None:
    """The fifth is one too many, and its number is reported."""
    retries = RetryPolicy()
    told = []
    for n in range(5):
        told.append(retries.worn_out(1, float(n), counts=True))
        retries.answered(2, "main", 0.0)
    assert told == [0, 0, 0, 0, 5]


def test_errors_say_nothing_while_nobody_is_answered() -> None:
    """Any number of them within two hours leaves the email in line; then it is given up."""
    retries = RetryPolicy()
    assert not any(retries.worn_out(1, float(at), counts=True) for at in range(0, int(ALONE_MOST_S), 60))
    assert retries.worn_out(1, ALONE_MOST_S, counts=True)


def test_an_outage_never_counts() -> None:
    """However long it lasts, and whoever is answered elsewhere."""
    retries = RetryPolicy()
    for at in range(0, 100_000, 1000):
        assert retries.worn_out(1, float(at), counts=False) == 0
        retries.answered(2, "main", 0.0)


def test_an_answer_wipes_the_slate() -> None:
    """An email that was answered, however badly, begins to count anew."""
    retries = RetryPolicy()
    for n in range(ERRORS_MOST - 1):
        retries.worn_out(1, float(n), counts=True)
        retries.answered(2, "main", 0.0)
    retries.answered(1, "main", 0.0)
    assert retries.worn_out(1, 9.0, counts=True) == 0


def test_an_email_is_stuck_until_somebody_is_answered() -> None:
    """After two errors, or one in an outage; an answer to anybody frees it."""
    retries = RetryPolicy()
    retries.worn_out(1, 0.0, counts=True)
    assert not retries.stuck(1)
    retries.worn_out(1, 1.0, counts=True)
    retries.worn_out(2, 1.0, counts=False)
    assert retries.stuck(1)
    assert retries.stuck(2)
    retries.answered(3, "main", 0.0)
    assert not retries.stuck(1)
    assert not retries.stuck(2)


def test_keys_that_were_tried_in_vain_are_kept_until_the_end() -> None:
    """For each email its own."""
    retries = RetryPolicy()
    retries.in_vain(1, "main")
    assert retries.was_in_vain(1, "main")
    assert not retries.was_in_vain(1, "spare")
    assert not retries.was_in_vain(2, "main")
    retries.settled(1)
    assert not retries.was_in_vain(1, "main")


class Play:
    """Calls that follow one another a second apart, each asked after the last one ended."""

    def __init__(self) -> None:
        self.refusals = Refusals()
        self.now = 0.0

    def answered(self, email: int, alias: str = "main") -> None:
        self.refusals.asked(email, alias, self.now)
        self.refusals.answered(email, alias, self.now)
        self.now += 1

    def refused(
        self, email: int, alias: str = "main", *, by_key: bool = True, status: int = 403, probe: bool = False
    ) -> Fault:
        self.refusals.asked(email, alias, self.now)
        fault = self.refusals.refused(email, alias, self.now + 0.5, by_key=by_key, status=status, probe=probe)
        self.now += 1
        return fault


@pytest.mark.parametrize("by_key", [True, False])
def test_an_email_that_alone_is_refused_is_at_fault(by_key: bool) -> None:
    """Refused, another answered, refused again: neither key nor run is at fault."""
    play = Play()
    assert play.refused(7, by_key=by_key) is Fault.OPEN
    assert play.refusals.undecided(7)
    play.answered(8)
    assert not play.refusals.undecided(7)
    assert play.refused(7, by_key=by_key) is Fault.EMAIL


def test_an_email_that_is_answered_was_not_refused() -> None:
    """Its refusals count no longer; those of others do."""
    play = Play()
    play.refused(7)
    play.refused(8)
    play.answered(7)
    found = play.refusals
    assert (found.was_refused(7), found.was_refused(8), found.clean) == (False, True, False)
    play.answered(8)
    assert (found.was_refused(8), found.clean) == (False, True)


def test_three_refusals_in_a_row_are_the_key_or_the_run() -> None:
    """Of different emails, or of one where there is no other."""
    play = Play()
    assert [play.refused(n) for n in (1, 2, 3)] == [Fault.OPEN, Fault.OPEN, Fault.KEY]
    play = Play()
    assert [play.refused(n, by_key=False) for n in (1, 1, 1)] == [Fault.OPEN, Fault.OPEN, Fault.RUN]


def test_one_key_that_is_refused_says_nothing_about_emails_asked_with_another() -> None:
    """An email refused by a key that went out is not stuck for ever, and not failed at its next refusal."""
    play = Play()
    assert [play.refused(n, "old") for n in (1, 2, 3)][-1] is Fault.KEY
    assert not play.refusals.undecided(1)
    play.answered(4, "new")
    assert play.refused(1, "new") is Fault.OPEN


def test_a_stray_401_is_no_evidence() -> None:
    """Two of one email, with answers in between, are still taken for the server's slips; the third is not."""
    play = Play()
    for expected in (Fault.OPEN, Fault.OPEN, Fault.EMAIL):
        assert play.refused(7, status=401) is expected
        play.answered(8)


def test_an_answer_to_a_call_asked_before_the_refusal_is_no_evidence() -> None:
    """A key that is revoked while calls are in flight fails no email: they were let in before."""
    refusals = Refusals()
    refusals.asked(1, "main", 0.0)
    refusals.asked(2, "main", 0.0)
    assert refusals.refused(1, "main", 1.0, by_key=True, status=403, probe=False) is Fault.OPEN
    refusals.answered(2, "main", 0.0)
    refusals.asked(1, "main", 2.0)
    assert refusals.refused(1, "main", 3.0, by_key=True, status=403, probe=False) is Fault.OPEN


@pytest.mark.parametrize(("asked_at", "fault"), [(0.9, Fault.OPEN), (1.0, Fault.OPEN), (1.1, Fault.EMAIL)])
def test_an_answer_is_evidence_where_its_call_went_out_after_the_refusal(asked_at: float, fault: Fault) -> None:
    """A call that went out at the very moment may have been let in before."""
    refusals = Refusals()
    assert refusals.refused(1, "main", 1.0, by_key=True, status=403, probe=False) is Fault.OPEN
    refusals.answered(2, "main", asked_at)
    assert refusals.refused(1, "main", 3.0, by_key=True, status=403, probe=False) is fault


def test_no_verdict_while_calls_of_before_are_out() -> None:
    """Refusals come faster than answers: three of them wait for the calls that were in flight, and hold new ones."""
    refusals = Refusals()
    for email in (1, 2, 3, 4):
        refusals.asked(email, "main", 0.0)
    faults = [refusals.refused(n, "main", 0.1, by_key=False, status=400, probe=False) for n in (1, 2, 3)]
    assert faults == [Fault.OPEN] * 3
    assert refusals.holds
    refusals.answered(4, "main", 0.0)
    assert not refusals.holds


def test_calls_go_out_until_the_third_refusal_in_a_row() -> None:
    """However many are out; then they are held until those of before have ended."""
    refusals = Refusals()
    refusals.asked(9, "main", 0.0)
    held = [refusals.holds]
    for email in (1, 2, 3):
        refusals.refused(email, "main", 0.1, by_key=False, status=400, probe=False)
        held.append(refusals.holds)
    refusals.ended(9)
    assert [*held, refusals.holds] == [False, False, False, True, False]


@pytest.mark.parametrize(
    ("alias", "asked_at", "waits"), [("main", 5.0, True), ("main", 5.1, False), ("other", 0.0, False)]
)
def test_only_calls_of_the_same_key_that_went_out_before_are_waited_for(
    alias: str, asked_at: float, waits: bool
) -> None:
    """One that went out with the first refusal counts as before it."""
    refusals = Refusals()
    refusals.asked(9, alias, asked_at)
    faults = [refusals.refused(n, "main", 5.0, by_key=True, status=403, probe=False) for n in (1, 2, 3)]
    assert faults == [Fault.OPEN, Fault.OPEN, Fault.OPEN if waits else Fault.KEY]
    assert refusals.holds is waits


def test_a_probe_that_is_refused_speaks_against_the_key() -> None:
    """An email that was answered before is refused now: together with one refusal that is enough."""
    play = Play()
    play.answered(9)
    assert play.refused(7) is Fault.OPEN
    assert play.refused(9, probe=True) is Fault.KEY


@pytest.mark.parametrize("asked", ["a pack", "a probe", "a canary", "a control", "an email", "an email on a full disk"])
def test_a_question_that_no_key_can_ever_ask_fails_its_email_alone(asked: str) -> None:
    """A pack is made smaller, what was to be asked again is left out, and only a pending email fails, with the reason."""
    number = -1 if asked == "a pack" else 7
    own = SimpleNamespace(id=number, bad_answers=["x", "y"])
    dropped: list[str] = []
    said: list[object] = []

    def fail(email_id: int, reason: str, *, reasks: int, now: float) -> None:
        if "disk" in asked:
            raise sqlite3.OperationalError("disk is full")
        said.append((email_id, reason, reasks, now))

    lane = SimpleNamespace(
        _pack_chars=900, _probe=own if asked == "a probe" else None, _probes_end=False,
        _canary=(own if asked == "a canary" else SimpleNamespace(id=3), "1", 1),
        _control=(own if asked == "a control" else SimpleNamespace(id=4), "1"),
        _canaries=lambda: SimpleNamespace(drop=lambda email_id: dropped.append(f"canary {email_id}")),
        _packs=lambda: SimpleNamespace(drop=lambda email_id: dropped.append(f"control {email_id}")),
        _queue=SimpleNamespace(take=lambda _: own, settle=lambda email: said.append(email.id)),
        _store=SimpleNamespace(fail=fail), _clock=lambda: 5.0, _refused_by_disk=lambda email, _: said.append(email) or False,
        _listener=SimpleNamespace(failed=said.append),
    )  # fmt: skip
    goes_on = OnlineLane._fail_unasked(lane, Never(number, "too large for all"))  # type: ignore[arg-type]
    assert goes_on is (asked not in ("a probe", "an email on a full disk"))
    assert lane._pack_chars == (450 if asked == "a pack" else 900)
    assert (lane._probe, lane._probes_end) == (None, asked == "a probe")
    assert dropped == {"a canary": ["canary 7"], "a control": ["control 7"]}.get(asked, [])
    failed = [(7, "too large for all", 2, 5.0), 7, "too large for all"]
    assert said == {"an email": failed, "an email on a full disk": [own]}.get(asked, [])


@pytest.mark.parametrize(
    ("steps", "told"),
    [
        ("e e e e e", [0, 0, 0, 0, 0]),
        ("e a e a e a e a e", [0, 0, 0, 0, 5]),
        ("e a e a e a e a o e", [0, 0, 0, 0, 0, 0]),
        ("e a e a e a e a o a e", [0, 0, 0, 0, 0, 6]),
        ("o a o a o a o a o a e", [0, 0, 0, 0, 0, 0]),
        ("e@0 e@7199", [0, 0]),
        ("e@0 e@7200", [0, 2]),
        ("e@0 o@7200 e@7201", [0, 0, 3]),
        ("e@7200 e@9000 e@14399 e@14400", [0, 0, 0, 4]),
        ("e a e a E e a e a e a e", [0, 0, 0, 0, 0, 0]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_when_errors_are_too_many(steps: str, told: list[int]) -> None:
    """Errors (e), in an outage (o); answers to another email (a) or to this one (E). Five that count, or two hours."""
    retries, found = RetryPolicy(), []
    for number, step in enumerate(steps.split()):
        what, _, at = step.partition("@")
        if what in "eo":
            found.append(retries.worn_out(1, float(at or number), counts=what == "e"))
        else:
            retries.answered(2 if what == "a" else 1, "main", 0.0)
    assert found == told


@pytest.mark.parametrize(("most", "told"), [(1, [1, 2]), (2, [0, 2, 3]), (3, [0, 0, 3])])
def test_a_bound_on_tries_holds_in_an_outage_too(most: int, told: list[int]) -> None:
    """Each error counts against it, whatever else is answered."""
    retries = RetryPolicy(tries_most=most)
    assert [retries.worn_out(1, 0.0, counts=False) for _ in told] == told


def test_what_is_known_of_an_email_in_trouble() -> None:
    """Two errors or a refusal keep it out of packs; an answer to a pack clears each of its emails."""
    retries = RetryPolicy()
    assert (retries.clean, retries.troubled(1), retries.stuck(1)) == (True, False, False)
    retries.worn_out(1, 0.0, counts=True)
    assert (retries.clean, retries.troubled(1), retries.stuck(1)) == (False, False, False)
    retries.worn_out(1, 0.0, counts=True)
    assert (retries.troubled(1), retries.stuck(1), retries.troubled(2)) == (True, True, False)
    retries.worn_out(3, 0.0, counts=False)
    assert (retries.stuck(3), retries.troubled(3)) == (True, False)
    retries.answered(-1, "main", 0.0, packed=(1, 2))
    assert (retries.troubled(1), retries.stuck(1), retries.stuck(3)) == (False, False, False)
    retries.worn_out(3, 0.0, counts=True)
    assert not retries.stuck(4)
    retries.settled(3)
    assert retries.clean
    retries.refusals.refused(5, "main", 1.0, by_key=False, status=400, probe=False)
    assert (retries.clean, retries.troubled(5), retries.stuck(5)) == (False, True, True)
    retries.settled(5)
    assert (retries.clean, retries.troubled(5), retries.stuck(5)) == (True, False, False)


def test_refusals_of_one_key_leave_another_alone() -> None:
    """Each key has a streak of its own, and the run another; an answer ends that of its key and the run's."""
    play = Play()
    assert [play.refused(1, "a"), play.refused(2, "b"), play.refused(3, by_key=False)] == [Fault.OPEN] * 3
    assert [play.refused(4, "a"), play.refused(5, "b"), play.refused(6, by_key=False)] == [Fault.OPEN] * 3
    play.answered(9, "a")
    assert play.refused(7, "b") is Fault.KEY
    assert play.refused(8, "a") is Fault.OPEN
    assert play.refused(8, by_key=False) is Fault.OPEN


def test_probes_count_for_two_and_blame_no_email() -> None:
    """Alone one leaves it open; with any other refusal key or run is at fault."""
    play = Play()
    assert play.refused(9, probe=True, by_key=False) is Fault.OPEN
    assert not play.refusals.was_refused(9)
    assert play.refused(7, by_key=False) is Fault.RUN
    play = Play()
    play.refused(9)
    play.answered(8)
    assert play.refused(9, probe=True) is Fault.OPEN, "what was refused before is no email's own as a probe"


def test_nothing_is_counted_before_the_first_error_or_refusal() -> None:
    """Nor is an email stuck, or in trouble, before."""
    policy = RetryPolicy()
    assert policy.clean
    assert not policy.stuck(1)
    assert not policy.troubled(1)
    assert not policy.was_in_vain(1, "main")
    assert [policy.worn_out(1, at, counts=True) for at in (0.0, 1.0)] == [0, 0]
    assert policy.troubled(1)
    assert not policy.clean


@pytest.mark.parametrize("by_key", [True, False])
def test_an_email_at_fault_ends_the_streak_of_its_key(by_key: bool) -> None:
    """Refusals that come behind it are counted from the first again: three of them are needed."""
    play = Play()
    assert play.refused(7, by_key=by_key) is Fault.OPEN
    play.answered(8)
    assert play.refused(1, by_key=by_key) is Fault.OPEN
    assert play.refused(7, by_key=by_key) is Fault.EMAIL
    found = [play.refused(number, by_key=by_key) for number in (2, 3, 4)]
    assert found == [Fault.OPEN, Fault.OPEN, Fault.KEY if by_key else Fault.RUN]
