"""The scenarios that tests and the sweep play, each with the efficiency that it must reach."""

from __future__ import annotations

from dataclasses import dataclass, replace

from core.simulator.config import PLANS, FaultPlan, Limits, Outage, Revocation
from core.worker.loop import Tempo
from tests.virtual.scenario import FREE, Lengths, Org, OtherProgram, Scenario

MANY = 100_000
"""More emails than any of these runs gets to; made in no time only where a scenario really asks for them."""

POISONED = FaultPlan(invalid=0.02, length=0.004, poison=0.008, odd_429=0.2)
ROUGH = FaultPlan(
    invalid=0.03, length=0.004, capacity=0.003, error_500=0.002, error_503=0.003, timeout=0.0005, drop=0.002,
    poison=0.006, too_large=0.003, odd_429=0.2,
)  # fmt: skip

FEW_SECONDS = Tempo(tick_s=1.0, beat_s=60.0)
SHARED = Tempo(tick_s=0.2, beat_s=60.0)


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


# What binds, with one organization and with three unequal ones: (limits of the one, of the three, emails, hours).
_BINDING: dict[str, tuple[Limits, tuple[Limits, ...], float, float]] = {
    "rpm": (
        Limits(rpm=8, rpd=14_400, tpm=30_000),
        (Limits(rpm=4, tpm=30_000), Limits(rpm=8, tpm=30_000), Limits(rpm=1, tpm=30_000)),
        3.0,
        3.0,
    ),
    "tpm": (
        Limits(rpm=30, rpd=14_400, tpm=6_000),
        (Limits(rpm=30, tpm=6_000), Limits(rpm=30, tpm=3_000), Limits(rpm=30, tpm=2_400)),
        3.0,
        2.0,
    ),
    "rpd": (
        Limits(rpm=30, rpd=600, tpm=30_000),
        (Limits(rpm=30, rpd=300, tpm=30_000), Limits(rpm=30, rpd=150, tpm=30_000), Limits(rpm=30, rpd=60)),
        18.0,
        18.0,
    ),
    "tpd": (
        Limits(rpm=30, rpd=14_400, tpm=8_000, tpd=500_000),
        (
            Limits(rpm=30, tpm=8_000, tpd=300_000),
            Limits(rpm=30, tpm=8_000, tpd=150_000),
            Limits(rpm=30, tpm=8_000, tpd=100_000),
        ),
        18.0,
        18.0,
    ),
}
_PLENTY = 2_600


def binding(dimension: str, *, unequal: bool) -> Expected:
    """A run that one dimension binds, with poisoned emails, over one organization or three unequal ones."""
    one, three, hours_one, hours_three = _BINDING[dimension]
    limits = three if unequal else (one,)
    scenario = Scenario(
        f"{dimension}-{'three' if unequal else 'one'}",
        _PLENTY,
        tuple(Org(f"org_{number}", each) for number, each in enumerate(limits, 1)),
        hours=hours_three if unequal else hours_one,
        faults=POISONED,
    )
    return Expected(scenario, 0.985)


def awkward() -> dict[str, Expected]:
    """Servers, operators and neighbors that do not behave: at least 0.90, nothing stuck, nothing failed for quota."""
    two = (Org("org_1", FREE), Org("org_2", FREE))
    base = Scenario("", 1_500, two, hours=6.0, faults=POISONED)
    wrongly = {"key-1": "org_1", "key-2": "org_1", "key-3": "org_1"}
    hourly = Limits(rpm=30, rpd=14_400, tpm=6_000)
    return {
        "headers-missing": Expected(replace(base, name="headers-missing", headers="missing"), 0.90),
        "headers-lying": Expected(replace(base, name="headers-lying", headers="lying"), 0.90),
        "one-organization-unknown": Expected(
            replace(base, name="one-organization-unknown", organizations=(Org("org_1", hourly, keys=3),), hours=3.0), 0.90
        ),
        "declared-as-one": Expected(
            replace(
                base,
                name="declared-as-one",
                organizations=tuple(Org(f"org_{number}", hourly) for number in (1, 2, 3)),
                declared=wrongly,
                hours=1.0,
            ),
            0.90,
        ),
        "declared-apart": Expected(
            replace(
                base,
                name="declared-apart",
                organizations=(Org("org_1", hourly, keys=3),),
                declared={"key-1": "org_7", "key-2": "org_8", "key-3": "org_9"},
                hours=3.0,
            ),
            0.90,
        ),
        "shared-minute": Expected(
            replace(
                base,
                name="shared-minute",
                organizations=(Org("org_1", hourly),),
                hours=3.0,
                others=(OtherProgram("org_1", 30.0, 1_000),),
            ),
            0.90,
            refused_share=0.2,
        ),
        "shared-day": Expected(
            replace(
                base,
                name="shared-day",
                organizations=(Org("org_1", Limits(rpm=30, tpm=8_000, tpd=500_000)),),
                hours=18.0,
                others=(OtherProgram("org_1", 300.0, 700),),
            ),
            0.90,
            refused_share=0.2,
        ),
        "outage": Expected(
            replace(base, name="outage", outages=(Outage(3_600.0, 600.0, "503"),), organizations=(Org("org_1", hourly),
                    Org("org_2", hourly)), hours=2.0),
            0.90,
        ),
        "outage-dropped": Expected(
            replace(base, name="outage-dropped", outages=(Outage(3_600.0, 600.0, "drop"),),
                    organizations=(Org("org_1", hourly), Org("org_2", hourly)), hours=2.0),
            0.90,
        ),
        "revoked": Expected(
            replace(base, name="revoked", revoke={"key-2": Revocation(at_s=3_600.0)},
                    organizations=(Org("org_1", hourly), Org("org_2", hourly)), hours=2.0),
            0.95,
        ),
        "large": Expected(
            replace(
                base,
                name="large",
                lengths=Lengths(median=1_200, sigma=0.8, most=24_000, large=0.04, large_chars=22_000),
                truncate_at=24_000,
                hours=3.0,
            ),
            0.90,
        ),
        "rough": Expected(replace(base, name="rough", faults=ROUGH, tempo=FEW_SECONDS), 0.95),
    }  # fmt: skip


def everything() -> dict[str, Expected]:
    """All scenarios of the sweep, by name."""
    found = [binding(dimension, unequal=unequal) for dimension in _BINDING for unequal in (False, True)]
    return {each.scenario.name: each for each in (*found, *awkward().values())}
