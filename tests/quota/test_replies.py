"""What replies say: durations, retry-after, headers and refusals in every form seen."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.model import Dimension
from core.quota.keys.store import KeyStore
from core.quota.ledger.replies import (
    LONGEST_WAIT_S,
    RateLimitText,
    Reading,
    _iso_duration_s,
    _refills_in_minutes,
    go_duration_s,
    infer_dimension,
    rate_limit_text,
    readings,
    retry_after_s,
    told_level,
    told_rate,
    told_wait_s,
)
from core.server_address import server_of

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2m59.56s", 179.56),
        ("644ms", 0.644),
        ("9m38.016s", 578.016),
        ("24h0m0s", 86_400.0),
        ("7.66s", 7.66),
        ("1.5h", 5_400.0),
        ("1h2m3s", 3_723.0),
        ("250µs", 250e-6),
        ("250μs", 250e-6),
        ("250us", 250e-6),
        ("80ns", 80e-9),
        (".5s", 0.5),
        ("2.s", 2.0),
        ("+3s", 3.0),
        ("0s", 0.0),
        ("0", 0.0),
        (" 1s ", 1.0),
    ],
)
def test_go_durations_are_read(text: str, seconds: float) -> None:
    """Every form in which Go writes a duration becomes seconds."""
    assert go_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text", ["", "2", "-3s", "s", "1x", "1m2", "one second", "1s 2s", "9" * 80 + "s", "1d", "NaNs"]
)
def test_what_is_no_duration_is_none(text: str) -> None:
    """A number without unit, a negative or a malformed duration is not guessed at."""
    assert go_duration_s(text) is None


@given(st.text(max_size=80))
def test_no_text_breaks_the_duration_reader(text: str) -> None:
    """Whatever a server sends, the result is None or a finite, non-negative number."""
    seconds = go_duration_s(text)
    assert seconds is None or 0 <= seconds < float("inf")


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("1.5", 1.5),
        (" 7 ", 7.0),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30.0),
        ("2m3s", 123.0),
        ("PT1M30.5S", 90.5),
        ("pt5s", 5.0),
        ("12 seconds", 12.0),
        (str(NOW + 30), 30.0),
        (str(int((NOW + 30) * 1000)), 30.0),
        ("999999999", LONGEST_WAIT_S),
        (None, None),
        ("", None),
        ("-5", None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        ("Mon, 21 Sep 2026 14:13:10 GMT", None),
        ("Mon, 99 Foo 2026 14:13:10 GMT", None),
        ("5" * 100, None),
    ],
)
def test_retry_after_is_read_and_bounded(value: str | None, seconds: float | None) -> None:
    """Seconds, dates and durations count; junk, the past and negative values do not; nothing exceeds a day."""
    assert retry_after_s(value, NOW) == (None if seconds is None else pytest.approx(seconds))


def test_milliseconds_are_more_precise_than_seconds() -> None:
    """``retry-after-ms`` counts where both headers stand, and is bounded like the other."""
    assert told_wait_s({"retry-after": "2", "retry-after-ms": "1250"}, NOW) == 1.25
    assert told_wait_s({"retry-after": "2", "retry-after-ms": "soon"}, NOW) == 2.0
    assert told_wait_s({}, NOW) is None


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"ratelimit": "limit=100, remaining=0, reset=50"}, 50.0),
        ({"ratelimit": '"minute";r=0;t=50, "day";r=7;t=900'}, 50.0),
        ({"ratelimit": "limit=100, remaining=3, reset=50"}, None),
        ({"x-ratelimit-remaining-requests-day": "0", "x-ratelimit-reset-requests-day": "33011.4"}, 33_011.4),
        ({"x-retry-after": "8"}, 8.0),
    ],
)
def test_waits_in_less_usual_headers_are_read(told: dict[str, str], seconds: float | None) -> None:
    """The drafts of the RateLimit header, Cerebras' windows by name, and gateways' own names for retry-after."""
    assert told_wait_s(told, NOW) == seconds


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("Rate limited, please wait 30 seconds before retrying.", 30.0),
        ("Zu viele Anfragen. Bitte versuchen Sie es in 20 Sekunden erneut.", 20.0),
        ("Trop de requêtes, réessayez dans 2 minutes.", 120.0),
        ("请求过于频繁，请在20秒后重试", 20.0),
        ("Your limit resets at 2026-09-21T14:14:20Z.", 60.0),
        ("You sent more than 60 requests in 1 minute.", None),
        ("请求超过每60秒20次的限制", None),
    ],
)
def test_waits_in_sentences_of_other_forms_and_languages_are_read(message: str, seconds: float | None) -> None:
    """A moment counts too; the length of a window does not."""
    found = rate_limit_text(message, NOW)
    assert (found.try_again_s if found else None) == seconds


def headers(unit: str, limit: str | None, remaining: str | None, reset: str | None) -> dict[str, str]:
    made = {"limit": limit, "remaining": remaining, "reset": reset}
    return {f"x-ratelimit-{name}-{unit}": value for name, value in made.items() if value is not None}


@pytest.mark.parametrize(
    ("given_headers", "expected"),
    [
        (headers("requests", "14400", "14370", "2m59.56s"), Reading(Dimension.RPD, 14_400, 14_370)),
        (headers("tokens", "18000", "17997", "7.66s"), Reading(Dimension.TPM, 18_000, 17_997)),
        (headers("requests", "500", "499", "120ms"), Reading(Dimension.RPM, 500, 499)),
        (headers("requests", "1000", "0", "24h0m0s"), Reading(Dimension.RPD, 1_000, 0)),
        (headers("requests", "1000", "1000", "0s"), Reading(Dimension.RPD, 1_000, 1_000)),
        (headers("tokens", None, "12", None), Reading(Dimension.TPM, None, 12)),
        (headers("tokens", "6000", None, "junk"), Reading(Dimension.TPM, 6_000, None)),
        (headers("tokens", "6000", "5000.5", None), Reading(Dimension.TPM, 6_000, 5_000.5)),
    ],
)
def test_headers_become_readings(given_headers: dict[str, str], expected: Reading) -> None:
    """Requests are of a day unless their reset shows a minute; tokens are of a minute."""
    assert readings(given_headers) == (expected,)


@pytest.mark.parametrize(
    ("server", "reset", "dimension"),
    [
        ("https://api.groq.com", "2m59s", Dimension.RPD),
        ("https://api.openai.com/v1", "8m0s", Dimension.RPM),
        ("https://somewhere.example/v1", "8m0s", Dimension.RPD),
        ("https://somewhere.example/v1", "120ms", Dimension.RPM),
    ],
)
def test_what_requests_headers_count_is_stated_by_the_server(
    server: str, reset: str, dimension: Dimension, tmp_path: Path
) -> None:
    """A known server's headers count a day or a minute by the table of servers; another's by their reset time."""
    with KeyStore(tmp_path / "quota.db", tmp_path / "keys.toml", environment={}, server=server_of(server)) as keys:
        found = readings(headers("requests", "500", "499", reset), NOW, requests_per_day=keys.requests_per_day)
    assert [each.dimension for each in found] == [dimension]


def test_header_names_may_say_their_window() -> None:
    """Cerebras' names, with the reset in plain seconds; another server's reset is a moment."""
    given = headers("requests-day", "14400", "14399", "33011.38") | headers("tokens-minute", "60000", "59000", "11.4")
    assert readings(given) == (
        Reading(Dimension.RPD, 14_400, 14_399),
        Reading(Dimension.TPM, 60_000, 59_000),
    )
    moment = headers("tokens", "6000", "10", "2026-09-21T14:14:20Z")
    assert readings(moment, NOW) == (Reading(Dimension.TPM, 6_000, 10),)


@pytest.mark.parametrize(
    "given_headers",
    [
        {},
        headers("tokens", "0", "0", "0s"),
        headers("tokens", "-1", "-1", "0s"),
        headers("tokens", "6000", "6001", "0s"),
        headers("tokens", "1e300", None, "0s"),
        headers("tokens", "nan", "inf", "0s"),
        headers("tokens", "many", "few", "soon"),
        headers("requests", "9" * 100, "1", "1s"),
    ],
)
def test_absurd_headers_are_dropped(given_headers: dict[str, str]) -> None:
    """Values that cannot be true never reach the ledger."""
    assert readings(given_headers) == ()


FULL = (
    "Rate limit reached for model `openai/gpt-oss-20b` in organization `org_01ab` service tier `on_demand` on "
    "{where}: Limit {limit}, {used}Requested {requested}. Please try again in {wait}. Visit the console for more."
)


@pytest.mark.parametrize(
    ("where", "dimension"),
    [
        ("requests per minute (RPM)", Dimension.RPM),
        ("requests per day (RPD)", Dimension.RPD),
        ("tokens per minute (TPM)", Dimension.TPM),
        ("tokens per day (TPD)", Dimension.TPD),
        ("tokens per day", Dimension.TPD),
        ("requests per minute", Dimension.RPM),
        ("", None),
        ("input tokens per minute (ITPM)", None),
    ],
)
@pytest.mark.parametrize(("used", "expected_used"), [("Used 97050, ", 97_050), ("", None)])
@pytest.mark.parametrize(("requested", "expected"), [("3619", 3_619), ("~12903", 12_903)])
def test_refusals_are_read_in_every_form(
    where: str, dimension: Dimension | None, used: str, expected_used: int | None, requested: str, expected: int
) -> None:
    """Any dimension, named or not, with or without Used, with Requested exact or about."""
    text = FULL.format(where=where, limit=100_000, used=used, requested=requested, wait="9m38.016s")
    assert rate_limit_text(text) == RateLimitText(
        model="openai/gpt-oss-20b",
        organization="org_01ab",
        service_tier="on_demand",
        dimension=dimension,
        limit=100_000,
        used=expected_used,
        requested=expected,
        try_again_s=pytest.approx(578.016),
    )


def test_a_refusal_survives_what_the_client_puts_around_it() -> None:
    """The server's text is found inside a longer message, with thousands separators and without backticks too."""
    text = rate_limit_text(
        "api.example.org answered 429 rate_limit_exceeded: Rate limit reached for model `m` in organization org_9 on "
        "tokens per day (TPD): Limit 100,000, Used 97,050, Requested 3,619. Please try again in 644ms."
    )
    assert text is not None
    assert (text.organization, text.limit, text.used, text.requested) == ("org_9", 100_000, 97_050, 3_619)
    assert text.try_again_s == pytest.approx(0.644)


def test_a_too_large_text_has_no_wait() -> None:
    """A 413 states the limit and what was requested, and nothing to wait for."""
    text = rate_limit_text(
        "Request too large for model `m` in organization `org_9` service tier `on_demand` on tokens per minute (TPM): "
        "Limit 6000, Requested 12903, please reduce your message size and try again."
    )
    assert text is not None
    assert (text.dimension, text.limit, text.requested, text.try_again_s) == (Dimension.TPM, 6_000, 12_903, None)


@pytest.mark.parametrize("message", ["", "Bad gateway", "Every key of that organization is out until its owner", "{}"])
def test_other_messages_say_nothing_about_quotas(message: str) -> None:
    """A message that names neither limit nor wait nor organization is not read as a refusal."""
    assert rate_limit_text(message) is None


@given(st.text(max_size=300))
def test_no_message_breaks_the_reader(message: str) -> None:
    """Any text gives a result or None, and numbers in it stay bounded."""
    text = rate_limit_text(message)
    assert text is None or text.limit is None or 0 < text.limit < 10**12


def refusal(**changes: object) -> RateLimitText:
    values: dict[str, object] = {
        "model": "m",
        "organization": "o",
        "service_tier": "",
        "dimension": None,
        "limit": None,
        "used": None,
        "requested": None,
        "try_again_s": None,
    }
    return RateLimitText(**{**values, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "limits", "expected"),
    [
        (refusal(dimension=Dimension.TPD, limit=5), {}, Dimension.TPD),
        (refusal(limit=8_000, used=8_000, requested=900), {Dimension.TPM: 8_000, Dimension.RPM: 30}, Dimension.TPM),
        (refusal(limit=30, used=30, requested=1, try_again_s=2.0), {}, Dimension.RPM),
        (refusal(limit=1_000, used=1_000, requested=1, try_again_s=86.4), {}, Dimension.RPD),
        (refusal(limit=8_000, used=7_500, requested=900, try_again_s=3.0), {}, Dimension.TPM),
        (refusal(limit=200_000, used=199_900, requested=900, try_again_s=345.6), {}, Dimension.TPD),
        (refusal(limit=200_000, requested=900, try_again_s=345.6), {}, None),
        (refusal(limit=30, used=29, requested=1, try_again_s=2.0), {}, None),
        (refusal(requested=900, try_again_s=345.6), {}, None),
        (refusal(limit=30, used=30, requested=2, try_again_s=4.0), {}, Dimension.TPM),
        (refusal(limit=30, used=30, requested=2), {}, None),
        (refusal(limit=30, requested=None, used=30, try_again_s=2.0), {}, None),
        (
            refusal(limit=30, used=30, requested=1, try_again_s=2.0),
            {Dimension.RPD: 30, Dimension.TPD: 30},
            Dimension.RPM,
        ),
        (refusal(limit=30, used=31, requested=1, try_again_s=2.0), {Dimension.RPD: 30}, Dimension.RPD),
        (refusal(limit=10, used=19, requested=1, try_again_s=2_276.0), {}, Dimension.RPM),
        (refusal(limit=10, used=19, requested=1, try_again_s=2_278.0), {}, Dimension.RPD),
    ],
)
def test_an_unnamed_window_is_found_by_its_numbers(
    text: RateLimitText, limits: dict[Dimension, float], expected: Dimension | None
) -> None:
    """A known limit, or the only period in which the stated wait adds up, names the window; else it stays unknown."""
    assert infer_dimension(text, limits) is expected


def test_what_is_left_follows_from_either_number() -> None:
    """Used gives the level directly; without it the stated wait does."""
    assert told_level(refusal(limit=100_000, used=97_050, requested=3_619), Dimension.TPD) == 2_950
    level = told_level(refusal(limit=100_000, requested=3_619, try_again_s=578.016), Dimension.TPD)
    assert level == pytest.approx(2_950)
    assert told_level(refusal(limit=100_000), Dimension.TPD) is None


def test_a_stated_wait_implies_how_fast_the_bucket_refills() -> None:
    """What is over the limit, divided by the wait, is the refill rate."""
    rate = told_rate(refusal(limit=100_000, used=97_050, requested=3_619, try_again_s=578.016))
    assert rate == pytest.approx(100_000 / 86_400)
    assert told_rate(refusal(limit=100, used=10, requested=20, try_again_s=1.0)) is None
    assert told_rate(refusal(limit=100, used=100, requested=20)) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("1000000000", 30.0), ("999999999.9", LONGEST_WAIT_S), ("1000000000000", 30.0), ("999999999999", LONGEST_WAIT_S)],
)
def test_a_number_is_a_moment_where_no_span_of_time_is_so_long(value: str, seconds: float) -> None:
    """From 10^9 on in seconds since 1970, from 10^12 on in milliseconds."""
    assert retry_after_s(value, 1e9 - 30.0) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        ({"retry-after-ms": "0"}, 0.0),
        ({"retry-after-ms": "-1", "retry-after": "2"}, 2.0),
        ({"retry-after-ms": "1e9"}, LONGEST_WAIT_S),
        ({"retry-after-ms": "1" * 65, "retry-after": "2"}, LONGEST_WAIT_S),
        ({"retry-after": "soon", "x-retry-after": "3"}, 3.0),
        ({"retry-after": "0", "x-retry-after": "3"}, 0.0),
        ({"x-ratelimit-retry-after": "4"}, 4.0),
        ({"retry-after-seconds": "5"}, 5.0),
        ({"x-ratelimit-remaining": "0", "x-ratelimit-reset": "6"}, 6.0),
        ({"ratelimit-remaining": "1", "ratelimit-reset": "6"}, None),
        ({"ratelimit-remaining-tokens": "0", "ratelimit-reset-tokens": "7", "ratelimit": "r=0;t=9"}, 9.0),
        ({"ratelimit-remaining-tokens": "0", "ratelimit-reset-tokens": "7", "ratelimit": "r=0;t=5"}, 7.0),
        ({"anthropic-ratelimit-tokens-remaining": "0", "anthropic-ratelimit-tokens-reset": "8"}, 8.0),
        ({"ratelimit": "limit=1, remaining=0, reset=99999999"}, LONGEST_WAIT_S),
        ({"ratelimit": '"a";r=0;t=2, "b";r=0;t=3, "c";r=1;t=4'}, 3.0),
        ({"ratelimit": "remaining=0"}, None),
        ({"ratelimit": f"{'remaining=0,':492} reset=12"}, 1.0),
        ({"ratelimit": f"{'remaining=0,':491} reset=12"}, 12.0),
        ({"ratelimit": '"a";r=0;'.ljust(496) + " t=12"}, 1.0),
    ],
)
def test_the_wait_that_headers_state(told: dict[str, str], seconds: float | None) -> None:
    """Milliseconds first, then the first header that says one, then the longest reset of what is spent."""
    assert told_wait_s(told, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("PT1M30.5S", 90.5),
        ("P1DT1H", 86_400.0),
        ("PT1H1M1S", 3_661.0),
        ("P0D", 0.0),
        ("P", None),
        ("2 h", 7_200.0),
        ("1.5 seconds", 1.5),
        ("300 ms", 0.3),
        ("2026-09-21T14:13:50Z", 30.0),
        ("2026-09-21T14:13:50", 30.0),
        ("2m59.56s", 179.56),
        ("5.", 5.0),
        (f"{'5':64}", 5.0),
        (f"{'5':65}", None),
    ],
)
def test_spans_and_moments_of_a_header(value: str, seconds: float | None) -> None:
    """As Go, ISO 8601 and people write them; without a zone it is UTC."""
    assert retry_after_s(value, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("message", "seconds"),
    [
        ("try again in 9m38.016s", 578.016),
        ("retry after 12 seconds", 12.0),
        ("resets in 1 minute and 5 seconds", 65.0),
        ("wait 2 hours, 3 minutes", 7_380.0),
        ("wait about 5", 5.0),
        ("try again in 500us", 0.0005),
        ("try again in 1m30s2", 92.0),
        ("try again in 2m59.56s.", 179.56),
        ("wait 300 milliseconds", 0.3),
        ("wait 5m", 300.0),
        ("réessayez dans 1,5 minutes", 90.0),
        ("inténtalo en 3 segundos", 3.0),
        ("5分後に再試行", 300.0),
        ("30초 후", 30.0),
        ("try again in 3 days", LONGEST_WAIT_S),
    ],
)
def test_waits_of_sentences(message: str, seconds: float) -> None:
    """In seconds, at most a day."""
    found = rate_limit_text(message)
    assert found is not None
    assert found.try_again_s == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("limit", "remaining", "reset", "minutes"),
    [
        (1_000.0, 999.0, "149ms", True),
        (1_000.0, 999.0, "151ms", False),
        (1_000.0, 999.0, "500us", True),
        (1_000.0, 999.5, "10ms", False),
        (1_000.0, 998.0, "299ms", True),
        (1_000.0, 998.0, "301ms", False),
        (1_000.0, 999.0, "0", False),
        (1_000.0, 999.0, None, False),
        (1_000.0, 999.0, "soon", False),
        (1_000.0, 1_000.0, "10ms", False),
        (None, 999.0, "10ms", False),
        (1_000.0, None, "10ms", False),
    ],
)
def test_a_reset_that_fills_the_window_in_two_and_a_half_minutes_is_of_a_minute(
    limit: float | None, remaining: float | None, reset: str | None, minutes: bool
) -> None:
    """Where at least one unit is used and a time is shown."""
    assert _refills_in_minutes(limit, remaining, reset, NOW) is minutes


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (refusal(used=100, requested=20, try_again_s=1.0), None),
        (refusal(limit=100, requested=20, try_again_s=1.0), None),
        (refusal(limit=100, used=100, try_again_s=1.0), None),
        (refusal(limit=100, used=100, requested=20, try_again_s=0.0), None),
        (refusal(limit=100, used=80, requested=20, try_again_s=1.0), None),
        (refusal(limit=100, used=81, requested=20, try_again_s=4.0), 0.25),
    ],
)
def test_a_rate_follows_from_all_four_numbers(text: RateLimitText, expected: float | None) -> None:
    """Where something is over the limit and waited for."""
    assert told_rate(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (refusal(used=100, requested=20, try_again_s=1.0), None),
        (refusal(limit=100, used=130), -30.0),
        (refusal(limit=60, requested=20, try_again_s=5.0), 15.0),
        (refusal(limit=60, try_again_s=5.0), None),
        (refusal(limit=60, requested=20), None),
    ],
)
def test_a_level_follows_from_what_is_used_or_from_the_wait(text: RateLimitText, expected: float | None) -> None:
    """In a minute's window."""
    assert told_level(text, Dimension.TPM) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [("1", 1.0), ("0.9", None), ("1e12", 1e12), ("1.1e12", None), (f"{1:064}", 1.0), (f"{1:065}", None), ("nan", None)],
)
def test_a_limit_is_between_one_and_a_million_millions(value: str, expected: float | None) -> None:
    """In at most 64 characters."""
    found = readings({"x-ratelimit-limit-tokens": value}, NOW)
    assert [each.limit for each in found] == ([] if expected is None else [expected])


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"limit": "60", "remaining": "60"}, (60.0, 60.0)),
        ({"limit": "60", "remaining": "61"}, None),
        ({"limit": "60"}, (60.0, None)),
        ({"remaining": "0"}, (None, 0.0)),
        ({"remaining": "-1"}, None),
        ({"limit": "many", "remaining": "5"}, None),
        ({"reset": "5s"}, None),
    ],
)
def test_a_window_needs_one_of_two_numbers_that_agree(
    told: dict[str, str], expected: tuple[float | None, float | None] | None
) -> None:
    """No more remains than the limit, and a limit that cannot be read spoils the rest."""
    found = readings({f"x-ratelimit-{name}-tokens-day": each for name, each in told.items()}, NOW)
    assert [(each.limit, each.remaining) for each in found] == ([] if expected is None else [expected])


def test_a_day_is_a_day_in_an_iso_duration() -> None:
    """Each part has its own length; a part that is missing counts nothing."""
    parts = ("P1D", "PT1H", "PT1M", "PT1S", "P2DT3H4M5.5S")
    assert [_iso_duration_s(each) for each in parts] == [86_400, 3_600, 60, 1, 183_845.5]


@pytest.mark.parametrize(("zeros", "seconds"), [(61, 12.0), (62, None)])
def test_a_duration_has_at_most_64_characters(zeros: int, seconds: float | None) -> None:
    """What is longer is none."""
    assert go_duration_s("0" * zeros + "12s") == seconds


def test_a_reset_is_counted_from_the_moment_that_is_given() -> None:
    """From the epoch where none is."""
    told = {"limit": "1000", "remaining": "999", "reset": "1970-01-01T00:00:00.100000Z"}
    shown = {f"x-ratelimit-{name}-requests": each for name, each in told.items()}
    found = [reading.dimension for given in ((), (0.0,), (1.0,)) for reading in readings(shown, *given)]
    assert found == [Dimension.RPM, Dimension.RPM, Dimension.RPD]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("999999999999", 999_999_999_999), ("999,999,999,999", 999_999_999_999), ("1000000000000", None), ("0", None)],
)
def test_a_limit_in_a_text_has_at_most_twelve_digits(limit: str, expected: int | None) -> None:
    """And is more than none."""
    found = rate_limit_text(f"in organization `o` on tokens per minute (TPM): Limit {limit}, Used 5.")
    assert found is not None
    assert (found.limit, found.used) == (expected, 5)


@pytest.mark.parametrize(("chars", "limit"), [(3_991, 30), (3_992, 3)])
def test_the_first_four_thousand_characters_of_a_text_are_read(chars: int, limit: int) -> None:
    """What stands behind them is not."""
    found = rate_limit_text(" " * chars + "Limit: 30")
    assert found is not None
    assert found.limit == limit
