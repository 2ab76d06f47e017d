"""Promises about quotas: continuous refill, stated waits, sizes that never fit."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.simulator.config import Limits, SimulatorError
from core.simulator.quota import DAY_S, Bucket, Quota
from core.simulator.replies import go_duration, rate_limit_text


def test_stated_wait_is_the_published_one() -> None:
    """97,050 of 100,000 tokens a day used and 3,619 requested wait 9m38.016s, as in a published 429."""
    quota = Quota(Limits(tpd=100_000), 0.0)
    assert quota.reserve(97_050, 0.0) is None
    refusal = quota.reserve(3_619, 0.0)
    assert refusal is not None
    text, kind = rate_limit_text(refusal, model="m", organization="org_1", tier="on_demand")
    assert text.startswith(
        "Rate limit reached for model `m` in organization `org_1` service tier `on_demand` on tokens per day (TPD): "
        "Limit 100000, Used 97050, Requested 3619. Please try again in 9m38.016s."
    )
    assert kind == "tokens"


def test_tpm_wait_is_the_published_one() -> None:
    """5,034 of 6,000 tokens a minute used and 1,443 requested wait 4.77s."""
    quota = Quota(Limits(tpm=6_000), 0.0)
    quota.reserve(5_034, 0.0)
    refusal = quota.reserve(1_443, 0.0)
    assert refusal is not None
    assert go_duration(refusal.wait_s) == "4.77s"


def test_a_quota_refills_continuously() -> None:
    """A day of 14,400 requests gives the next one after 6 seconds, not at midnight."""
    quota = Quota(Limits(rpd=14_400), 0.0)
    for _ in range(14_400):
        assert quota.reserve(1, 0.0) is None
    assert quota.reserve(1, 5.9) is not None
    assert quota.reserve(1, 6.0) is None
    assert quota.reserve(1, 6.0) is not None


def test_scale_shortens_periods_and_waits() -> None:
    """At scale 1,440 a day's quota is back after a real minute."""
    quota = Quota(Limits(rpd=100), 0.0, scale=1_440)
    for _ in range(100):
        quota.reserve(1, 0.0)
    refusal = quota.reserve(1, 0.0)
    assert refusal is not None
    assert refusal.wait_s == pytest.approx(DAY_S / 1_440 / 100)
    level = quota.level("rpd", 0.0)
    assert level is not None
    assert level.reset_s == pytest.approx(60)


def test_settling_gives_back_what_was_reserved_in_vain() -> None:
    """Only the tokens really used stay counted."""
    quota = Quota(Limits(tpm=1_000, tpd=10_000), 0.0)
    quota.reserve(900, 0.0)
    quota.settle(900, 300, 0.0)
    assert [level.used for level in quota.levels(0.0)] == [300, 300]


def test_a_request_above_the_limit_never_fits() -> None:
    """It is refused for its size even while another window is merely full, and takes nothing."""
    quota = Quota(Limits(rpm=1, tpm=100), 0.0)
    assert quota.reserve(10, 0.0) is None
    refusal = quota.reserve(101, 0.0)
    assert refusal is not None
    assert (refusal.window, refusal.never) == ("tpm", True)
    text, _ = rate_limit_text(refusal, model="m", organization="o", tier="on_demand")
    assert "Request too large for model `m`" in text
    assert "(TPM): Limit 100, Requested 101, please reduce your message size" in text


def test_a_refused_request_takes_nothing() -> None:
    """A call refused for its tokens leaves the request windows as they were."""
    quota = Quota(Limits(rpm=30, tpm=100), 0.0)
    quota.reserve(90, 0.0)
    quota.reserve(90, 0.0)
    assert [(level.window, level.used) for level in quota.levels(0.0)] == [("rpm", 1), ("tpm", 90)]


@given(
    limit=st.integers(1, 200_000),
    period_s=st.sampled_from([0.06, 1.0, 60.0, 86_400.0]),
    steps=st.lists(st.tuples(st.floats(0, 1_000), st.integers(1, 5_000)), min_size=1, max_size=30),
)
def test_whoever_waits_as_stated_is_let_in(limit: int, period_s: float, steps: list[tuple[float, int]]) -> None:
    """After exactly the stated wait the same request fits, whatever happened before."""
    bucket, now = Bucket(limit, period_s, 0.0), 0.0
    for pause_s, asked in steps:
        amount = min(asked, limit)
        now += pause_s
        if not bucket.has_room(amount, now):
            now += bucket.wait_s(amount, now)
            assert bucket.has_room(amount, now)
        bucket.add(amount, now)
        assert bucket.used(now) <= limit + 1e-5


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0s"),
        (0.0001, "1ms"),
        (0.644, "644ms"),
        (7.66, "7.66s"),
        (60, "1m0s"),
        (179.56, "2m59.56s"),
        (578.016, "9m38.016s"),
        (86_400, "24h0m0s"),
        (3_600.5, "1h0m0.5s"),
    ],
)
def test_durations_are_written_as_go_does(seconds: float, text: str) -> None:
    """Hours, minutes and seconds without spaces, fractions without trailing zeros, milliseconds below 1 s."""
    assert go_duration(seconds) == text


def test_a_limit_of_nothing_is_refused() -> None:
    """A limit below 1 would let nothing through."""
    with pytest.raises(SimulatorError, match="rpm must be at least 1"):
        Limits(rpm=0)
