"""Each row of the fault matrix, played: met once, met by one email always, met by everybody for an hour."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from core.model import KeyState, Outcome, RunState
from core.quality.alarms import FAILURES_IN_A_ROW
from core.worker.heartbeat import Tempo
from core.worker.loop import Worker
from core.worker.retries import ERRORS_MOST
from tests.programs.faults.matrix import (
    BAD_ANSWER,
    DECLINED,
    HARMLESS,
    KEY_OUT,
    ORGANIZATION_OUT,
    PAGE,
    PASSING,
    QUOTA,
    REFUSED,
    ROWS,
    RUN_STOPS,
    SETTING,
    TOO_LARGE,
    Kind,
    Row,
    of_kind,
    page,
    refuses,
)
from tests.programs.faults.world import Call, Seen, play

SLOW = Tempo(tick_s=15.0, beat_s=20.0)
ONE_KEY = {"one": "org_1"}
TWO_ORGANIZATIONS = {"one": "org_1", "two": "org_2"}
TWO_KEYS_OF_ONE = {"one": "org_1", "two": "org_1"}


def rows(*kinds: Kind) -> pytest.MarkDecorator:
    """The test once for each row of these kinds."""
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in of_kind(*kinds)])


def named(*names: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("row", [pytest.param(row, id=row.id) for row in ROWS if row.id in names])


RESUMED: dict[float, Callable[[Worker], None]] = dict.fromkeys(range(10, 6000, 10), Worker.resume)
"""An operator who resumes again and again: an alarm pauses a run of which more than one in a hundred emails fails."""


def once(call: Call, before: int) -> bool:
    return call.email == 1 and before == 0


def always(call: Call, before: int) -> bool:
    return call.email == 1


@rows(PASSING, QUOTA, TOO_LARGE, REFUSED, KEY_OUT, ORGANIZATION_OUT, RUN_STOPS, BAD_ANSWER, HARMLESS, DECLINED, SETTING)
def test_the_console_says_what_happens(row: Row, tmp_path: Path) -> None:
    """Where every call meets the fault, the state line names what is waited for, or why the run paused or ended."""
    closes_at_s = 900 if row.id in ("hang", "drip") else 100
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=30, keys=ONE_KEY, closes_at_s=closes_at_s)
    assert any(re.search(row.kind.screen, screen) for screen in (*seen.screens, seen.last_screen)), seen.screens[-3:]


def all_labeled(seen: Seen, but: Iterable[int] = ()) -> bool:
    return all(state == "labeled" for email, state in seen.states.items() if email not in but)


def test_the_page_says_what_the_rows_say() -> None:
    """``tests/programs/faults/faults.md`` is the matrix; ``python -m tests.programs.faults`` writes it anew."""
    assert PAGE.read_text("utf-8") == page()


# -- errors that pass -------------------------------------------------------------------------------------------------


@rows(PASSING)
def test_an_error_met_once_costs_one_call_and_a_moment(row: Row, tmp_path: Path) -> None:
    """The email is asked about again after half a second to three quarters, and is labeled."""
    seen = play(tmp_path, row.misbehave, once)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen)
    assert seen.outcomes[1] == [row.outcome, Outcome.ANSWERED]
    first, second = seen.server.times(1)
    failed_after_s = 60.0 if row.id in ("hang", "drip") else seen.server.latency_s
    assert 0.5 <= second - first - failed_after_s <= 0.75 + 0.3
    assert set(seen.keys.values()) == {KeyState.READY}


@rows(PASSING)
def test_an_email_that_always_meets_it_is_failed_and_the_run_goes_on(row: Row, tmp_path: Path) -> None:
    """Five errors while others are answered; the others are labeled, and no key is blamed."""
    seen = play(tmp_path, row.misbehave, always)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen, but=[1])
    assert seen.states[1] == "failed"
    assert set(seen.outcomes[1]) == {row.outcome}
    assert ERRORS_MOST <= len(seen.server.times(1)) <= 2 * ERRORS_MOST
    assert row.outcome.value.replace("_", " ") in seen.failures[1]
    assert set(seen.keys.values()) == {KeyState.READY}


@pytest.mark.parametrize("keys", [TWO_KEYS_OF_ONE, TWO_ORGANIZATIONS], ids=["one organization", "two organizations"])
@named("500", "reset", "hang", "400", "invalid", "empty")
def test_no_email_is_given_up_for_what_one_key_is(row: Row, keys: dict[str, str], tmp_path: Path) -> None:
    """What always fails is tried with a second key before it is failed."""
    seen = play(tmp_path, row.misbehave, always, keys=keys, emails=40)
    assert seen.states[1] == "failed"
    assert len(seen.server.keys(1)) == 2


@named("503", "refused", "hang", "498", "dns", "tls", "connect-timeout", "200-html", "200-reason")
def test_a_server_that_is_down_for_an_hour_fails_nobody(row: Row, tmp_path: Path) -> None:
    """It is probed ever more slowly, the screen says so, and a minute after it is back the work goes on."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.at_s < 3600, emails=60, tempo=SLOW)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen)
    assert seen.took_s < 3600 + 150
    assert seen.was_shown("waiting", "is tried again after errors")
    in_the_last_half_hour = [call for call in seen.server.calls if 1800 < call.at_s < 3600]
    assert len(in_the_last_half_hour) <= 2 * 30 * 1.5


@pytest.mark.parametrize("left", [1, 2])
def test_an_hour_without_a_server_fails_nobody_at_the_end_of_a_run(left: int, tmp_path: Path) -> None:
    """Also where one or two emails are left, and nobody else could tell that the server is down."""
    [row] = [row for row in ROWS if row.id == "500"]

    def down(call: Call, _: int) -> bool:
        return call.at_s < 3600 and (call.email > 10 - left or call.at_s > 0.5)

    seen = play(tmp_path, row.misbehave, down, emails=10, tempo=SLOW, closes_at_s=6 * 3600)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen)
    assert seen.took_s < 3600 + 150


def test_emails_that_the_server_cannot_take_do_not_look_like_an_outage_for_ever(tmp_path: Path) -> None:
    """When only they are left, an email that was answered before separates the two, and they fail."""
    [row] = [row for row in ROWS if row.id == "500"]
    seen = play(tmp_path, row.misbehave, lambda call, _: call.email % 8 == 1, emails=40, tempo=SLOW, acts=RESUMED)
    assert seen.ending.state is RunState.DONE
    assert seen.took_s < 600
    assert [email for email, state in seen.states.items() if state == "failed"] == [1, 9, 17, 25, 33]
    assert all_labeled(seen, but=(1, 9, 17, 25, 33))


def test_a_run_that_begins_with_such_emails_reaches_the_others(tmp_path: Path) -> None:
    """Emails that meet nothing but errors do not stand in the way of those that were never asked about."""
    [row] = [row for row in ROWS if row.id == "500"]
    seen = play(tmp_path, row.misbehave, lambda call, _: call.email <= 12, emails=200, tempo=SLOW, acts=RESUMED)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen, but=range(1, 13))
    assert seen.server.times(200)[0] < 1800


def test_an_email_alone_that_is_never_answered_is_failed_in_the_end(tmp_path: Path) -> None:
    """Nothing was ever answered, so nothing can tell: it is given two hours, and then its end."""
    [row] = [row for row in ROWS if row.id == "500"]
    seen = play(tmp_path, row.misbehave, always, emails=1, tempo=SLOW, closes_at_s=6 * 3600)
    assert seen.states == {1: "failed"}
    assert 7200 <= seen.took_s < 7500


# -- quotas -----------------------------------------------------------------------------------------------------------

WAITS = {
    "429-zero": (0.0, 0.1),
    "429-header": (7.0, 7.5),
    "429-text": (129.6, 131),
    "200-429": (129.6, 131),
    "429-bare": (1.0, 1.5),
    "402-wait": (7.0, 7.5),
    "429-list": (7.0, 7.5),
    "429-prose": (7.0, 7.5),
    "429-reset": (7.0, 7.5),
}


@rows(QUOTA)
def test_a_spent_quota_is_waited_for_as_long_as_stated(row: Row, tmp_path: Path) -> None:
    """Not a moment less, hardly a moment more; the wait is shown with the organization's name."""
    seen = play(tmp_path, row.misbehave, once, emails=1, keys=ONE_KEY)
    assert all_labeled(seen)
    assert seen.outcomes[1] == [Outcome.RATE_LIMITED, Outcome.ANSWERED]
    least, most = WAITS.get(row.id, (1.0, 1.5))
    first, second = seen.server.times(1)
    assert least <= second - first - seen.server.latency_s <= most
    assert seen.was_shown("waiting", "org_1") or most < 1


@pytest.mark.parametrize("told", ["99999999", "Wed, 21 Oct 2099 07:28:00 GMT"])
def test_a_wait_of_years_is_one_of_a_day(told: str, tmp_path: Path) -> None:
    """Whatever a server says, it is asked again tomorrow."""
    slowly = Tempo(tick_s=600.0, beat_s=600.0)
    misbehave = refuses(("retry-after", told))
    seen = play(tmp_path, misbehave, once, emails=1, keys=ONE_KEY, tempo=slowly, closes_at_s=30 * 3600)
    assert all_labeled(seen)
    assert 86_000 < seen.server.times(1)[1] < 90_000


def test_a_server_that_says_again_and_again_that_the_wait_is_over_is_not_run_down(tmp_path: Path) -> None:
    """The first stated wait is used; then the server is asked ever more rarely."""
    [row] = [row for row in ROWS if row.id == "429-zero"]
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=3, keys=ONE_KEY, closes_at_s=300)
    assert 3 < len(seen.server.calls) < 20


@rows(QUOTA)
def test_another_organization_goes_on_at_once(row: Row, tmp_path: Path) -> None:
    """What one organization may not ask, the other asks without a wait."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.key == "_one", emails=20)
    assert all_labeled(seen)
    assert seen.took_s < 5


@rows(QUOTA)
def test_a_quota_that_stays_spent_for_an_hour_fails_nobody(row: Row, tmp_path: Path) -> None:
    """However often it is refused: waiting never fails an email."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.at_s < 3600, emails=10, keys=ONE_KEY, tempo=SLOW)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen)
    assert seen.took_s < 3600 + 10 * 200  # where a daily limit was named, it refills that slowly


# -- what is wrong with one email -------------------------------------------------------------------------------------


@rows(TOO_LARGE)
def test_an_email_that_is_too_large_is_refused_once_by_each_organization(row: Row, tmp_path: Path) -> None:
    """Two calls for two organizations, then it is failed with the reason; the others go on."""
    seen = play(tmp_path, row.misbehave, always)
    assert all_labeled(seen, but=[1])
    of_the_model = row.id in ("400-context", "200-context")
    assert f"too long for the {'model' if of_the_model else 'quota'}" in seen.failures[1]
    assert seen.outcomes[1] == [Outcome.TOO_LARGE] * 2
    assert len(seen.server.keys(1)) == 2
    assert set(seen.keys.values()) == {KeyState.READY}


@rows(REFUSED)
def test_a_request_that_is_refused_is_tried_twice(row: Row, tmp_path: Path) -> None:
    """With others answered in between, and another key where there is one; then it fails with the server's words."""
    seen = play(tmp_path, row.misbehave, always)
    assert all_labeled(seen, but=[1])
    assert seen.failures[1].startswith("refused by the server: api.groq.com answered")
    assert seen.outcomes[1] == [Outcome.BAD_REQUEST] * 2
    assert len(seen.server.keys(1)) == 2
    alone = play(tmp_path / "alone", row.misbehave, always, keys=ONE_KEY)
    assert alone.outcomes[1] == [Outcome.BAD_REQUEST] * 2
    assert all_labeled(alone, but=[1])


@rows(REFUSED, RUN_STOPS)
def test_what_is_refused_for_every_email_stops_the_run(row: Row, tmp_path: Path) -> None:
    """After a few calls, with the server's words, and with nothing failed."""
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=200, keys=ONE_KEY)
    assert seen.ending.broken
    assert "api.groq.com answered" in seen.ending.reason
    assert set(seen.states.values()) == {"pending"}
    assert len(seen.server.calls) <= 40


@named("400", "403", "404-status", "405")
def test_an_email_that_alone_is_refused_is_failed_at_the_end_of_a_run_too(row: Row, tmp_path: Path) -> None:
    """Where it is the last one left, an email that was answered before tells whose fault it is."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.email == 6, keys=ONE_KEY)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen, but=[6])
    assert "answered" in seen.failures[6]
    assert seen.outcomes[6] == [row.outcome] * 2
    assert set(seen.keys.values()) == {KeyState.READY}


@named("401", "403")
@pytest.mark.parametrize("keys", [ONE_KEY, TWO_KEYS_OF_ONE], ids=["one key", "two keys"])
def test_an_email_that_alone_is_refused_takes_no_key_out(row: Row, keys: dict[str, str], tmp_path: Path) -> None:
    """Moderation answers 403 for one email: it fails with the server's words, and the run goes on to its end."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.email in (1, 17, 18), emails=40, keys=keys)
    assert seen.ending.state is RunState.DONE
    assert all_labeled(seen, but=[1, 17, 18])
    assert all("api.groq.com answered" in seen.failures[email] for email in (1, 17, 18))
    assert set(seen.keys.values()) == {KeyState.READY}


@named("401", "403")
def test_a_stray_refusal_costs_seconds(row: Row, tmp_path: Path) -> None:
    """One call among many is refused by mistake: its email is asked again, and the key stays."""
    seen = play(tmp_path, row.misbehave, once, keys=ONE_KEY)
    assert all_labeled(seen)
    assert seen.took_s < 10
    assert set(seen.keys.values()) == {KeyState.READY}


@rows(DECLINED)
def test_what_is_declined_is_not_asked_again(row: Row, tmp_path: Path) -> None:
    """One call, and the email is failed with the words that were given."""
    seen = play(tmp_path, row.misbehave, always)
    assert all_labeled(seen, but=[1])
    assert seen.outcomes[1] == [Outcome.REFUSED]
    assert seen.failures[1].startswith("refused by the")
    assert set(seen.keys.values()) == {KeyState.READY}


@rows(SETTING)
def test_a_refused_setting_costs_a_few_refusals_and_fails_nothing(row: Row, tmp_path: Path) -> None:
    """It is left out of all later calls; only those that were out with it are made twice."""
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=40)
    assert all_labeled(seen)
    assert 40 < len(seen.server.calls) <= 40 + 16


@rows(BAD_ANSWER)
def test_bad_answers_are_asked_again_twice(row: Row, tmp_path: Path) -> None:
    """Once is mended by a re-ask; for ever is a failed email with three answers kept."""
    mended = play(tmp_path / "once", row.misbehave, once)
    assert all_labeled(mended)
    assert mended.outcomes[1] == [row.outcome, Outcome.ANSWERED]
    assert mended.snapshot.reasks == {0: 5, 1: 1}
    seen = play(tmp_path / "always", row.misbehave, always)
    assert all_labeled(seen, but=[1])
    assert seen.outcomes[1] == [row.outcome] * 3
    assert "after 3 answers" in seen.failures[1]


@named("invalid", "413")
def test_failures_in_a_row_pause_the_run(row: Row, tmp_path: Path) -> None:
    """Something is wrong with all of them: the run pauses itself, after 25, with the failure's words, and asks no more."""
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=80, closes_at_s=600.0)
    failed = [email for email, state in seen.states.items() if state == "failed"]
    assert FAILURES_IN_A_ROW <= len(failed) < 2 * FAILURES_IN_A_ROW
    assert seen.was_shown("paused", f"{FAILURES_IN_A_ROW} texts in a row failed, .* of them with: ")
    assert max(call.at_s for call in seen.server.calls) < 60


@named("400")
def test_failures_among_labels_are_not_failures_in_a_row(row: Row, tmp_path: Path) -> None:
    """Forty bad emails of eighty, each followed by a good one, are failed one by one; resumed, the run gets done."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.email % 2 == 0, emails=80, acts=RESUMED)
    assert seen.ending.state is RunState.DONE
    assert list(seen.states.values()).count("failed") == 40


# -- what is wrong with a key, an organization, the address -----------------------------------------------------------


@rows(KEY_OUT)
def test_a_refused_key_is_out_and_the_others_go_on(row: Row, tmp_path: Path) -> None:
    """No email pays for it, and the key is asked with no more than it was when it was refused."""
    seen = play(tmp_path, row.misbehave, lambda call, _: call.key == "_one", emails=40)
    assert all_labeled(seen)
    assert seen.keys == {"one": KeyState.INVALID, "two": KeyState.READY}
    alone = play(tmp_path / "alone", row.misbehave, lambda _, __: True, keys=ONE_KEY)
    assert alone.ending.no_key
    assert set(alone.states.values()) == {"pending"}


@rows(ORGANIZATION_OUT)
def test_a_restricted_organization_is_out_with_all_its_keys(row: Row, tmp_path: Path) -> None:
    """Its other key is not tried; another organization's goes on."""
    keys = {"one": "org_1", "two": "org_1", "three": "org_2"}
    seen = play(tmp_path, row.misbehave, lambda call, _: call.key in ("_one", "_two"), emails=40, keys=keys)
    assert all_labeled(seen)
    assert seen.keys == {"one": KeyState.INVALID, "two": KeyState.INVALID, "three": KeyState.READY}


@rows(RUN_STOPS)
def test_where_nobody_will_ever_answer_the_run_stops(row: Row, tmp_path: Path) -> None:
    """At once, with the server's words; every email stays pending."""
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=200)
    assert seen.ending.state is RunState.STOPPED
    assert seen.ending.broken
    advice = "nothing is sent there: give that address" if row.id == "302" else "Check the model's name"
    assert advice in seen.ending.reason
    assert set(seen.states.values()) == {"pending"}
    assert len(seen.server.calls) <= 64


@rows(HARMLESS)
def test_absurd_headers_hold_nothing_up(row: Row, tmp_path: Path) -> None:
    """An answer is an answer."""
    seen = play(tmp_path, row.misbehave, lambda _, __: True, emails=40)
    assert all_labeled(seen)
    assert seen.took_s < 5


def test_every_row_is_played_by_a_test() -> None:
    """No kind stands in the page that no test of this file takes up."""
    played = {PASSING, QUOTA, TOO_LARGE, REFUSED, BAD_ANSWER, KEY_OUT, ORGANIZATION_OUT, RUN_STOPS, HARMLESS}
    played |= {DECLINED, SETTING}
    assert {row.kind for row in ROWS} == played
