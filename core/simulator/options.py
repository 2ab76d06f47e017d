"""Parse the command line of a simulator: arguments in, configuration out.

Imports nothing heavy, so that the help of a larger command line stays quick; the server comes in when it runs.
"""

from __future__ import annotations

import argparse
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from core.simulator.config import (
    DECOMMISSIONED_MODELS,
    DEFAULT_MODELS,
    DIALECTS,
    FAULT_PRESETS,
    PLANS,
    BatchPlan,
    FaultPlan,
    FlexPlan,
    OrganizationConfig,
    Outage,
    Revocation,
    SimulatorConfig,
    SimulatorError,
    invent_keys,
)

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")
_WINDOWS: Final = ("rpm", "rpd", "tpm", "tpd")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add every option of a simulator to `parser`."""
    _add_server(parser.add_argument_group("server"))
    _add_keys(parser.add_argument_group("keys and quotas"))
    _add_answers(parser.add_argument_group("answers"))
    _add_faults(parser.add_argument_group("faults"))
    _add_batches(parser.add_argument_group("batches"))
    _add_flex(parser.add_argument_group("the flex tier, which has ten times the quotas"))


def config_from(namespace: argparse.Namespace) -> SimulatorConfig:
    """Build the configuration that the parsed arguments ask for.

    Raises:
        SimulatorError: if they contradict each other or name something unknown.

    """
    keys = dict(namespace.key) or invent_keys(namespace.keys, namespace.organizations, seed=namespace.seed)
    return SimulatorConfig(
        keys=keys,
        organizations=_organizations(namespace, list(dict.fromkeys(keys.values()))),
        models=tuple(dict.fromkeys((*DEFAULT_MODELS, *namespace.model))),
        decommissioned=tuple(name for name in DECOMMISSIONED_MODELS if name not in namespace.model),
        labels=tuple(namespace.labels.split(",")),
        seed=namespace.seed,
        scale=namespace.scale,
        latency_s=namespace.latency,
        latency_jitter=namespace.jitter,
        faults=namespace.faults,
        outages=tuple(namespace.outage),
        revoke=_revocations(namespace, list(keys)),
        hang_s=namespace.hang,
        headers=namespace.headers,
        dialect=namespace.dialect,
        prefix_cache=not namespace.no_prefix_cache,
        noise=namespace.noise,
        unsteady=namespace.unsteady,
        lean=namespace.lean,
        injectable=namespace.injectable,
        logprobs=namespace.logprobs,
        replay=namespace.replay,
        log_path=namespace.log,
        batches=BatchPlan(
            seconds=namespace.batch_seconds,
            expire=namespace.batch_expire,
            lose_reply=namespace.batch_lose_reply,
            list_lag_s=namespace.batch_list_lag,
            fail=namespace.batch_fail,
            plan_403=namespace.batch_plan_403,
            shuffle=namespace.batch_shuffle,
            empty_object=namespace.batch_empty_object,
            no_metadata=namespace.batch_no_metadata,
            stall=namespace.batch_stall,
            cancel_s=namespace.batch_cancel,
        ),
        flex=FlexPlan(offered=not namespace.flex_none, at_once=namespace.flex_at_once, full=namespace.flex_full),
    )


def run(namespace: argparse.Namespace) -> int:
    """Serve until told to stop, with the parsed arguments; return the exit code.

    Raises:
        SimulatorError: if the configuration is wrong or the port cannot be had.

    """
    from core.simulator.server import ServeOptions, serve  # noqa: PLC0415 - starlette and uvicorn, late

    config = config_from(namespace)
    options = ServeOptions(
        host=namespace.host,
        port=namespace.port,
        as_json=namespace.json,
        idle_exit_s=namespace.idle_exit,
        pid_file=namespace.pid_file,
        ready_file=namespace.ready_file,
        watch_parent=namespace.watch_parent,
        detach=namespace.detach,
    )
    return serve(config, options)


def parse_faults(text: str) -> FaultPlan:
    """Read a preset, KIND=RATE pairs, or a preset with pairs after it: `mild,invalid=0.2`.

    Raises:
        SimulatorError: for an unknown preset or kind, or a rate that is none.

    """
    plan = FaultPlan()
    kinds = [each.name for each in fields(FaultPlan)]
    rates: dict[str, float] = {}
    for index, part in enumerate(text.split(",")):
        name, equals, rate = part.strip().partition("=")
        kind = name.strip().replace("-", "_")
        if index == 0 and not equals and name in FAULT_PRESETS:
            plan = FAULT_PRESETS[name]
            continue
        if not equals or kind not in kinds:
            raise SimulatorError(
                f"{part.strip()!r} is no fault: begin with one of {', '.join(FAULT_PRESETS)}, "
                f"or give KIND=RATE with a kind of {', '.join(kinds)}"
            )
        rates[kind] = _number(rate, f"the rate of {kind}")
    return replace(plan, **rates)


def parse_outage(text: str) -> Outage:
    """Read `START:DURATION` in seconds after the start, with `:drop` to cut connections instead of 503.

    Raises:
        SimulatorError: if it reads otherwise.

    """
    parts = text.split(":")
    if len(parts) not in {2, 3} or parts[2:] not in ([], ["drop"], ["503"]):
        raise SimulatorError(f"{text!r} is no outage: write START:DURATION or START:DURATION:drop, in seconds")
    start_s, duration_s = (_number(part, "an outage's time") for part in parts[:2])
    return Outage(start_s, duration_s, "drop" if parts[2:] == ["drop"] else "503")


def _or_usage(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Let argparse show the parser's own sentence."""

    def parse_or_complain(text: str) -> T:
        try:
            return parse(text)
        except SimulatorError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return parse_or_complain


def _add_server(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--host", default="127.0.0.1", help="a loopback address (default 127.0.0.1)")
    group.add_argument("--port", type=int, default=0, help="0 takes any free port (default)")
    group.add_argument("--json", action="store_true", help="print one JSON line when ready, instead of text")
    group.add_argument("--log", type=Path, metavar="FILE", help="append one JSON line per call")
    group.add_argument("--idle-exit", type=float, metavar="SECONDS", help="end after so long without a call")
    group.add_argument("--pid-file", type=Path, metavar="FILE", help="write the process id there while running")
    group.add_argument("--ready-file", type=Path, metavar="FILE", help="write the JSON line there while running")
    group.add_argument("--watch-parent", action="store_true", help=argparse.SUPPRESS)
    group.add_argument("--detach", action="store_true", help=argparse.SUPPRESS)


def _add_keys(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--keys", type=int, default=1, metavar="N", help="how many keys to invent (default 1)")
    group.add_argument(
        "--organizations", type=int, default=1, metavar="N", help="organizations that share the keys (default 1)"
    )
    group.add_argument(
        "--key",
        action="append",
        default=[],
        type=_or_usage(_key),
        metavar="KEY=ORG",
        help="an invented key of your own, instead of --keys; repeatable",
    )
    group.add_argument(
        "--plan", choices=tuple(PLANS), default="unlimited", help="quotas of every organization (default unlimited)"
    )
    for window in _WINDOWS:
        group.add_argument(f"--{window}", type=int, metavar="N", help=f"the plan's {window}, 0 for unlimited")
    group.add_argument(
        "--limit",
        action="append",
        default=[],
        type=_or_usage(_limit),
        metavar="ORG:WINDOW=N",
        help="one organization's rpm, rpd, tpm or tpd; repeatable",
    )
    group.add_argument("--scale", type=float, default=1.0, help="quotas refill so many times faster (default 1)")
    group.add_argument("--no-prefix-cache", action="store_true", help="repeated system messages cost their tokens")


def _add_answers(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--labels", default="1,0", metavar="WORK,PERSONAL", help="the valid answers (default 1,0)")
    group.add_argument("--replay", type=Path, metavar="FILE", help="CSV with label and text (or sha256) columns")
    group.add_argument("--noise", type=float, default=0.0, metavar="SHARE", help="share of labels flipped")
    group.add_argument("--unsteady", type=float, default=0.0, metavar="SHARE", help="of answers that vary by call")
    group.add_argument("--lean", type=float, default=0.0, metavar="SHARE", help="of packs answered as the text before")
    group.add_argument("--injectable", action="store_true", help="texts of a pack may order the labels of the others")
    group.add_argument("--logprobs", action="store_true", help="send probabilities where asked; Groq refuses to")
    group.add_argument("--seed", type=int, default=0, help="of everything random (default 0)")
    group.add_argument("--model", action="append", default=[], metavar="NAME", help="one more model to know")
    group.add_argument("--latency", type=float, default=0.35, metavar="SECONDS", help="mean (default 0.35)")
    group.add_argument("--jitter", type=float, default=0.4, metavar="SHARE", help="of the latency (default 0.4)")


def _add_faults(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--faults",
        type=_or_usage(parse_faults),
        default=FAULT_PRESETS["none"],
        metavar="PLAN",
        help=f"{', '.join(FAULT_PRESETS)}, or KIND=RATE,… with kinds {', '.join(f.name for f in fields(FaultPlan))}",
    )
    group.add_argument(
        "--outage",
        action="append",
        default=[],
        type=_or_usage(parse_outage),
        metavar="START:DURATION[:drop]",
        help="seconds after the start in which every call fails; repeatable",
    )
    group.add_argument(
        "--revoke",
        action="append",
        default=[],
        metavar="NUMBER:CALLS|NUMBER:SECONDSs",
        help="the key of that number (from 1) stops working after so many calls or seconds; repeatable",
    )
    group.add_argument(
        "--restrict",
        action="append",
        default=[],
        metavar="ORG[:CALLS]",
        help="that organization is restricted, from the start or after so many calls; repeatable",
    )
    group.add_argument(
        "--dialect",
        choices=DIALECTS,
        default="",
        metavar="NAME",
        help=f"say no as that server does: {', '.join(DIALECTS)}; poison faults are refused by its moderation",
    )
    group.add_argument("--hang", type=float, default=120.0, metavar="SECONDS", help="longest hang (default 120)")
    group.add_argument(
        "--headers", choices=("true", "missing", "lying"), default="true", help="quota headers (default true)"
    )


def _add_batches(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--batch-seconds", type=float, default=60.0, metavar="S", help="how long a batch takes (default 60)"
    )
    group.add_argument("--batch-stall", type=float, default=0.0, metavar="S", help="every other batch takes so long")
    group.add_argument("--batch-expire", type=float, default=0.0, metavar="SHARE", help="of lines not done in time")
    group.add_argument(
        "--batch-lose-reply", type=int, default=0, metavar="N", help="every N-th reply to a new batch is lost"
    )
    group.add_argument("--batch-list-lag", type=float, default=0.0, metavar="S", help="listings are so old")
    group.add_argument(
        "--batch-fail", choices=("", "token_limit", "validation"), default="", help="batches fail after they were taken"
    )
    group.add_argument("--batch-plan-403", action="store_true", help="batches are not part of the plan")
    group.add_argument("--batch-shuffle", action="store_true", help="results come in any order")
    group.add_argument("--batch-empty-object", action="store_true", help="{} instead of null for no error file")
    group.add_argument("--batch-cancel", type=float, default=0.0, metavar="S", help="how long cancelling takes")
    group.add_argument("--batch-no-metadata", action="store_true", help="batches forget their metadata")


def _add_flex(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--flex-at-once", type=int, default=0, metavar="N", help="calls that fit into it; more get 498 (0: any number)"
    )
    group.add_argument("--flex-full", type=float, default=0.0, metavar="SHARE", help="of its calls that get 498 anyway")
    group.add_argument("--flex-none", action="store_true", help="the tier is not offered: 400")


def _organizations(namespace: argparse.Namespace, names: list[str]) -> tuple[OrganizationConfig, ...]:
    given = {window: getattr(namespace, window) for window in _WINDOWS}
    plan = replace(PLANS[namespace.plan], **{name: n or None for name, n in given.items() if n is not None})
    limits = dict.fromkeys(names, plan)
    for name, window, number in namespace.limit:
        _known(name, names)
        limits[name] = replace(limits[name], **{window: number})
    restricted: dict[str, int] = {}
    for text in namespace.restrict:
        name, _, after = text.partition(":")
        _known(name, names)
        restricted[name] = int(_number(after or "0", "the calls before a restriction"))
    return tuple(OrganizationConfig(name, limits[name], restricted_after=restricted.get(name)) for name in names)


def _revocations(namespace: argparse.Namespace, keys: list[str]) -> dict[str, Revocation]:
    made: dict[str, Revocation] = {}
    for text in namespace.revoke:
        number, _, after = text.partition(":")
        if not number.isdigit() or not 1 <= int(number) <= len(keys):
            raise SimulatorError(f"--revoke {text}: there is no key number {number!r}, only 1 to {len(keys)}")
        amount = _number(after.removesuffix("s") or "0", "the calls or seconds before a revocation")
        by_time = after.endswith("s")
        made[keys[int(number) - 1]] = Revocation(None if by_time else int(amount), amount if by_time else None)
    return made


def _known(name: str, names: list[str]) -> None:
    if name not in names:
        raise SimulatorError(f"there is no organization {name!r}, only {', '.join(names)}")


def _key(text: str) -> tuple[str, str]:
    key, equals, organization = text.partition("=")
    if not equals or not key or not organization:
        raise SimulatorError(f"{text!r} is not KEY=ORG")
    return key, organization


def _limit(text: str) -> tuple[str, str, int | None]:
    name, _, rest = text.rpartition(":")
    window, _, number = rest.partition("=")
    if not name or window not in _WINDOWS:
        raise SimulatorError(f"{text!r} is not ORG:WINDOW=N with a window of {', '.join(_WINDOWS)}")
    return name, window, int(_number(number, window)) or None


def _number(text: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SimulatorError(f"{what} must be a number, not {text!r}") from None
