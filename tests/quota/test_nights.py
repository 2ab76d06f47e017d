"""Nights in virtual time: nearly all that quotas allow becomes labels, and hardly a call is refused.

``LEARNING`` refusals are not counted: a limit that no header shows becomes known only by being met, once by every call
that is then in flight.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.simulator.config import Limits
from tests.quota.night import START, Night, Server

EFFICIENCY = 0.985
REFUSED = 0.005
LEARNING = 12  # a limit that no header tells refuses the calls that are out when it is met
FREE = Limits(30, 1_000, 8_000, 200_000)
DEVELOPER = Limits(1_000, 500_000, 250_000)
TPM = Limits(tpm=8_000)
ONE_KEY = {"main": "org_1"}

Play = Callable[..., Night]


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Play]:
    """A function that plays a night of so many hours and returns it."""
    nights: list[Night] = []

    def played(servers: list[Server], keys: dict[str, str], hours: float, **settings: object) -> Night:
        settings.setdefault("tick_s", 5.0 if hours < 8 else 30.0)
        night = Night(tmp_path, servers, keys, **settings)  # type: ignore[arg-type]
        nights.append(night)
        night.run(hours)
        return night

    yield played
    for night in nights:
        night.close()


def check(night: Night, hours: float, *, efficiency: float = EFFICIENCY, refused: float = REFUSED) -> None:
    labels = sum(tally.labels for tally in night.tallies)
    calls = sum(tally.calls for tally in night.tallies)
    limited = sum(tally.rate_limited for tally in night.tallies)
    assert labels >= efficiency * night.allowed(hours)
    assert limited <= LEARNING * len(night.servers) + refused * calls


BINDING = {
    "RPM": (Limits(rpm=30), 1), "TPM": (TPM, 2), "RPD": (Limits(rpd=1_000), 24), "TPD": (Limits(tpd=200_000), 24),
    "free": (FREE, 18), "developer": (DEVELOPER, 0.2),
}  # fmt: skip


def some(values: dict[str, tuple[object, ...]], quick: str) -> list[object]:
    """Return parameters by their ids; those that ``quick`` does not name are slow: they meet the same rules elsewhere."""
    return [
        pytest.param(*value, id=name, marks=() if name in quick.split() else pytest.mark.slow)
        for name, value in values.items()
    ]


@pytest.mark.parametrize(
    ("limits", "hours", "headers"),
    some(
        {f"{headers}-{name}": (*each, headers) for headers in ("true", "missing") for name, each in BINDING.items()},
        "true-RPM true-TPM true-RPD true-TPD true-free true-developer missing-RPD missing-free",
    ),
)
def test_the_binding_limit_is_used_up(play: Play, limits: Limits, hours: float, headers: str) -> None:
    """Whichever window binds, known from headers or only from refusals."""
    check(play([Server("org_1", limits, headers=headers)], ONE_KEY, hours), hours)


def test_headers_from_before_the_answer_do_no_harm(play: Play) -> None:
    """A server whose headers still count the whole reservation is understood as well."""
    check(play([Server("org_1", TPM, headers="before")], ONE_KEY, 2.5), 2.5)


@pytest.mark.parametrize(
    ("lie", "limits"),
    some(
        {
            f"{name}-{lie}": (lie, limits)
            for name, limits in (("TPM", TPM), ("free", FREE))
            for lie in ("full", "zero", "random")
        },
        "TPM-random free-full free-zero free-random",
    ),
)
def test_headers_that_lie_are_seen_through(play: Play, lie: str, limits: Limits) -> None:
    """Always everything left, always nothing, or anything at all."""
    hours = 3 if limits is TPM else 18
    check(play([Server("org_1", limits, headers=lie)], ONE_KEY, hours), hours)


@pytest.mark.parametrize("lie", some({lie: (lie,) for lie in ("full", "zero", "random")}, "random"))
def test_headers_that_lie_are_seen_through_within_minutes(play: Play, lie: str) -> None:
    """Also where a minute refills more than a true reading could be off by: nine tenths of the first quarter of an hour."""
    check(play([Server("org_1", DEVELOPER, headers=lie)], ONE_KEY, 0.25), 0.25, efficiency=0.9)


@pytest.mark.slow  # as in tests/virtual, which plays it with a whole worker
def test_three_unequal_organizations_are_all_used_up(play: Play) -> None:
    """Each at its own pace, none waiting for another."""
    servers = [Server("a", Limits(rpm=10, tpm=6_000)), Server("b", FREE), Server("c", Limits(tpm=30_000, tpd=500_000))]
    check(play(servers, {"x": "a", "y": "b", "z": "c"}, 3), 3)


@pytest.mark.parametrize("limits", some({"RPM": (Limits(rpm=30),), "TPM": (TPM,), "free": (FREE,)}, "free"))
def test_keys_that_share_a_quota_without_saying_so(play: Play, limits: Limits) -> None:
    """Three keys of one organization are found to be so, and then used as one."""
    night = play([Server("org_1", limits)], {"x": "org_1", "y": "org_1", "z": "org_1"}, 4)
    check(night, 4)


@pytest.mark.parametrize(
    ("limits", "foreign", "hours"),
    some({"TPM": (TPM, (20, 1_000), 6), "developer": (DEVELOPER, (0.5, 1_000), 0.18)}, "developer"),
)
def test_another_program_on_the_same_quota_is_given_way(
    play: Play, limits: Limits, foreign: tuple[float, int], hours: float
) -> None:
    """It takes two fifths of the tokens; what it leaves is used, with few refusals."""
    check(play([Server("org_1", limits, foreign=foreign)], ONE_KEY, hours), hours, refused=0.01)


def test_another_program_that_no_header_shows_costs_refusals_but_no_labels(play: Play) -> None:
    """Only refusals can show it, so there are some."""
    night = play([Server("org_1", TPM, foreign=(20, 1_000), headers="missing")], ONE_KEY, 4)
    check(night, 4, refused=0.05)


def test_stray_errors_cost_nothing_but_themselves(play: Play) -> None:
    """Three calls in a hundred fail: each counts against its email, none stops the others."""
    night = play([Server("org_1", TPM, error_rate=0.03)], ONE_KEY, 2.5)
    check(night, 2.5)
    assert night.tallies[0].counted_failures >= 0.9 * night.tallies[0].failed


@pytest.mark.slow  # as in tests/virtual, which plays it with a whole worker
def test_an_outage_is_probed_rarely_and_ends_quickly(play: Play) -> None:
    """Half an hour without an answer: some forty probes, hardly any counted failure, and then on as before."""
    night = play([Server("org_1", TPM, outages=((3_600, 5_400),))], ONE_KEY, 4)
    check(night, 4)
    assert 25 <= night.tallies[0].failed <= 60
    assert night.tallies[0].counted_failures <= 4
    assert night.tallies[0].longest_wait_s <= 90


@pytest.mark.parametrize(
    ("limits", "hours"),
    some({"RPM": (Limits(rpm=30), 0.4), "TPM": (TPM, 0.4), "developer": (DEVELOPER, 0.05)}, "TPM developer"),
)
def test_two_workers_share_fairly_and_do_not_storm(play: Play, limits: Limits, hours: float) -> None:
    """Together they reach what one would, neither is starved, and they do not trip over each other."""
    night = play([Server("org_1", limits)], ONE_KEY, hours, workers=2)
    check(night, hours, efficiency=0.98)
    shares = [tally.labels / sum(each.labels for each in night.tallies) for tally in night.tallies]
    assert min(shares) > 0.35


def test_a_server_in_fast_motion_is_followed(play: Play) -> None:
    """A training server whose quotas refill sixty times faster is used up as well."""
    check(play([Server("org_1", FREE, period_scale=60)], ONE_KEY, 0.3), 0.3, efficiency=0.97)


def test_without_limits_the_cap_is_reached(play: Play) -> None:
    """Nothing to wait for: calls in flight grow to the cap within a minute, one more for every sixteen answers."""
    night = play([Server("org_1", Limits())], ONE_KEY, 0.05, latency_s=0.5)
    ideal = 0.05 * 3_600 * 32 / (0.5 + 0.14)
    assert night.tallies[0].labels > 0.86 * ideal
    assert night.now == START + 180
