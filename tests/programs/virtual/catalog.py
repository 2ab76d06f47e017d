"""The scenarios that tests and the sweep play, each with the efficiency that it must reach."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from core.simulator.config import PLANS, FaultPlan, Limits, Outage, Revocation
from core.worker.heartbeat import Tempo
from tests.programs.virtual.scenario import FREE, Lengths, Org, OtherProgram, Scenario

POISONED = FaultPlan(invalid=0.02, length=0.004, poison=0.008, odd_429=0.2)
ROUGH = FaultPlan(
    invalid=0.03, length=0.004, capacity=0.003, error_500=0.002, error_503=0.003, timeout=0.0005, drop=0.002,
    poison=0.006, too_large=0.003, odd_429=0.2,
)  # fmt: skip

FEW_SECONDS = Tempo(tick_s=1.0, beat_s=60.0)
UNHURRIED = Tempo(tick_s=20.0, beat_s=120.0)


@dataclass(frozen=True, slots=True)
class Expected:
    """A scenario, the least efficiency, and the largest share of calls that may be refused by quotas."""

    scenario: Scenario
    least: float
    refused_share: float = 0.005


def founding(plan: str = "free") -> Scenario:
    """The founding case: 5,028 emails, ten keys, each of its own organization."""
    return Scenario(
        f"founding-{plan}",
        5_028,
        tuple(Org(f"org_{number}", PLANS[plan]) for number in range(1, 11)),
        faults=FaultPlan(invalid=0.01, length=0.002, poison=0.001, odd_429=0.1),
    )


# What binds, with one organization and with three unequal ones: their limits, and hours of virtual time.
_BINDING: dict[str, tuple[Limits, tuple[Limits, ...], float]] = {
    "rpm": (
        Limits(rpm=8, rpd=14_400, tpm=30_000),
        (Limits(rpm=4, tpm=30_000), Limits(rpm=6, tpm=30_000), Limits(rpm=2, tpm=30_000)),
        1.0,
    ),
    "tpm": (
        Limits(rpm=30, rpd=14_400, tpm=6_000),
        (Limits(rpm=30, tpm=6_000), Limits(rpm=30, tpm=4_500), Limits(rpm=30, tpm=3_600)),
        1.0,
    ),
    "rpd": (
        Limits(rpm=30, rpd=300, tpm=30_000),
        (Limits(rpm=30, rpd=200, tpm=30_000), Limits(rpm=30, rpd=100, tpm=30_000), Limits(rpm=30, rpd=50, tpm=30_000)),
        18.0,
    ),
    "tpd": (
        Limits(rpm=30, rpd=14_400, tpm=8_000, tpd=300_000),
        (
            Limits(rpm=30, tpm=8_000, tpd=200_000),
            Limits(rpm=30, tpm=8_000, tpd=120_000),
            Limits(rpm=30, tpm=8_000, tpd=80_000),
        ),
        18.0,
    ),
}
DIMENSIONS = tuple(_BINDING)
_PLENTY = 1_400
_MINUTES = Limits(rpm=30, rpd=14_400, tpm=6_000)


def _orgs(*limits: Limits) -> tuple[Org, ...]:
    return tuple(Org(f"org_{number}", each) for number, each in enumerate(limits, 1))


def binding(dimension: str, *, unequal: bool) -> Expected:
    """A run that one dimension binds, with poisoned emails, over one organization or three unequal ones."""
    one, three, hours = _BINDING[dimension]
    scenario = Scenario(
        f"{dimension}-{'three' if unequal else 'one'}",
        _PLENTY,
        _orgs(*three) if unequal else _orgs(one),
        hours=hours,
        faults=POISONED,
        tempo=UNHURRIED,
    )
    return Expected(scenario, 0.985)


def _unruly(name: str, least: float, refused_share: float = 0.005, **changes: Any) -> Expected:
    base = Scenario(name, _PLENTY, _orgs(_MINUTES, _MINUTES), hours=1.0, faults=POISONED)
    return Expected(replace(base, **changes), least, refused_share)


def unruly() -> dict[str, Expected]:
    """Servers, operators and neighbors that do not behave: nothing gets stuck, and no email fails for a quota."""
    day = Limits(rpm=30, tpm=8_000, tpd=500_000)
    one, three = _orgs(_MINUTES), _orgs(_MINUTES, _MINUTES, _MINUTES)
    together = (Org("org_1", _MINUTES, keys=3),)
    as_one = {"key-1": "org_1", "key-2": "org_1", "key-3": "org_1"}
    made = (
        _unruly("headers-missing", 0.97, headers="missing"),
        _unruly("headers-lying", 0.97, headers="lying"),
        _unruly("headers-missing-day", 0.97, 0.01, organizations=_orgs(FREE, FREE), hours=12.0, headers="missing"),
        _unruly("headers-lying-day", 0.97, 0.01, organizations=_orgs(FREE, FREE), hours=12.0, headers="lying"),
        _unruly("one-organization-unknown", 0.97, 0.01, organizations=together),
        _unruly("declared-apart", 0.97, 0.01, organizations=together,
                declared={"key-1": "org_7", "key-2": "org_8", "key-3": "org_9"}),
        # What the operator declared is wrong, or right, and headers help to see it, or do not.
        _unruly("declared-as-one", 0.95, organizations=three, declared=as_one),
        _unruly("declared-as-one-missing", 0.95, organizations=three, declared=as_one, headers="missing"),
        _unruly("declared-as-one-lying", 0.90, 0.01, organizations=three, declared=as_one, headers="lying"),
        _unruly("declared-as-one-unequal", 0.95, organizations=_orgs(_MINUTES, replace(_MINUTES, tpm=3_600), replace(_MINUTES, tpm=2_400)),
                declared=as_one),
        _unruly("declared-as-one-day", 0.95, organizations=_orgs(FREE, FREE, FREE), hours=12.0, declared=as_one),
        _unruly("declared-rightly", 0.97, organizations=together, declared=as_one),
        _unruly("declared-rightly-missing", 0.97, organizations=together, declared=as_one, headers="missing"),
        _unruly("declared-rightly-lying", 0.97, 0.01, organizations=together, declared=as_one, headers="lying"),
        _unruly("declared-rightly-day", 0.97, organizations=(Org("org_1", FREE, keys=3),), hours=12.0, declared=as_one),
        _unruly("shared-minute", 0.90, 0.05, organizations=one, others=(OtherProgram("org_1", 30.0, 1_000),)),
        _unruly("shared-day", 0.90, 0.05, organizations=_orgs(day), hours=18.0, tempo=UNHURRIED,
                others=(OtherProgram("org_1", 300.0, 700),)),
        _unruly("outage", 0.95, outages=(Outage(1_500.0, 600.0, "503"),)),
        _unruly("outage-dropped", 0.95, outages=(Outage(1_500.0, 600.0, "drop"),)),
        _unruly("revoked", 0.97, revoke={"key-2": Revocation(at_s=1_800.0)}),
        # The largest emails fill a minute's tokens to the brim.
        _unruly("tight", 0.95, 0.01, organizations=_orgs(Limits(rpm=30, tpm=3_000), Limits(rpm=30, tpm=2_400)),
                hours=2.0),
        _unruly("large", 0.95, organizations=_orgs(FREE, FREE), hours=3.0, truncate_at=24_000,
                lengths=Lengths(median=1_200, sigma=0.8, most=24_000, large=0.04, large_chars=22_000)),
        # Only one organization takes the large ones, and it is held by others that are overdue.
        _unruly("large-for-some", 0.95, organizations=_orgs(Limits(rpm=30, tpm=8_000), Limits(rpm=30, tpm=3_000)), hours=1.0,
                truncate_at=24_000, lengths=Lengths(median=1_200, sigma=0.8, most=8_000, large=0.04, large_chars=22_000)),
        _unruly("rough", 0.95, 0.01, faults=ROUGH, tempo=FEW_SECONDS),
    )  # fmt: skip
    return {each.scenario.name: each for each in made}


def everything() -> dict[str, Expected]:
    """All scenarios of the sweep, by name."""
    found = [binding(dimension, unequal=unequal) for dimension in DIMENSIONS for unequal in (False, True)]
    return {**{each.scenario.name: each for each in found}, **unruly()}
