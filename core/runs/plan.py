"""Plan what a run will take, before anything is sent: calls, tokens, time with an interval, money, what binds it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from core.llm.packs import first_size, pack_chars, texts_per_pack
from core.llm.task import fixed_chars
from core.model import BatchLimits, Forecast, KeyStatus, LaneChoice, ModelSettings, Task, WindowStatus, orders_among
from core.quality.canaries import expected_asks
from core.quality.packing import expected_controls
from core.quota.db.rows import learned_estimate
from core.quota.forecast.forecast import Capacity, Load, capacities, forecast, full_windows
from core.quota.forecast.lanes import LaneForecast, Tokens, lane_forecasts
from core.quota.forecast.plans import OWN_PLAN, Plan, plan, price_of
from core.quota.keys.store import KeyStore
from core.quota.pacing.estimates import Estimator
from core.server_address import normalize_base_url
from core.settings import Settings
from core.sources.source import SourceOptions
from core.storage.reading.reader import RunReader

_CACHE_BLOCK = 128
_CACHES_PROMPTS = ("openai/gpt-oss",)
_COMPLETION = {None: 3.0, "none": 3.0, "low": 25.0, "medium": 70.0, "high": 250.0}
"""Tokens of a completion by reasoning effort, until calls have reported what they take."""

_CHARS_PER_TOKEN = 4.0
_FRAMING = 12.0
"""The usual measure of English text, and what a chat adds around its messages; used until calls taught better."""

NO_LIMITS = "no limits, because none of this server are known"
_REASKS = 0.03
_UNUSABLE_IN_PACKS = 0.01
"""Share of texts without a usable answer in their pack, which are asked about alone."""
_DOUBT_LEARNED, _DOUBT_GUESSED = 0.06, 0.2
_LEARNED_FROM = 50
_CALLS_PER_S = 60.0
"""Calls a second that one organization's keys reach where no quota binds."""


@dataclass(frozen=True, slots=True)
class Texts:
    """Hold what there is to ask about: emails, different texts among them, and the mean length of those in characters.

    ``total`` emails are in the run, settled ones included; 0 where nothing is settled. ``asked`` texts were labeled by
    the model in the active version of the task, or failed.
    """

    emails: int
    distinct: int
    mean_chars: float
    total: int = 0
    asked: int = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """Hold the answer of ``labeltui plan``. Tokens are totals; ``counted_tokens`` leaves out what the provider caches.

    ``canaries`` of the ``calls`` ask labeled emails again (in packs they go with others), ``controls`` ask alone about
    texts that were packed. ``what_if`` pairs a sentence with the forecast under it;
    ``assumed`` says on which limits the times rest; ``server`` is the one that gets the texts; ``lanes`` has
    what each way of asking takes.
    """

    texts: Texts
    calls: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    forecast: Forecast
    organizations: int
    money: float | None
    assumed: str
    what_if: tuple[tuple[str, Forecast], ...]
    learned: bool
    server: str = ""
    canaries: int = 0
    controls: int = 0
    lanes: tuple[LaneForecast, ...] = ()

    @property
    def limits_known(self) -> bool:
        """Return whether the time rests on limits; before the first reply of a server none may be known."""
        return NO_LIMITS not in self.assumed

    @property
    def tokens(self) -> int:
        """Prompt and completion."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True, slots=True)
class Cost:
    """Hold mean tokens of one call, and whether they were learned from calls or are a guess."""

    prompt: float
    cached: float
    completion: float
    learned: bool

    @property
    def counted(self) -> float:
        """Return tokens that count against quotas."""
        return self.prompt - self.cached + self.completion


def texts_of_source(path: Path | Sequence[Path], task: Task, options: SourceOptions, *, dedupe: bool) -> Texts:
    """Read a source once, in constant memory but for a hash of each text."""
    from core.mail.message import view_by  # noqa: PLC0415 - the parsers are wanted for sources only
    from core.sources.registry import open_source  # noqa: PLC0415

    emails = 0
    lengths: dict[bytes, int] = {}
    total = 0
    for email in open_source(path, options):
        view = view_by(task, email.raw, email.read_as)
        emails += 1
        total += len(view.text)
        if dedupe:
            lengths[bytes.fromhex(view.content_hash)[:16]] = len(view.text)
    if not dedupe:
        return Texts(emails, emails, total / emails)
    return Texts(emails, len(lengths), sum(lengths.values()) / len(lengths))


def texts_of_run(path: Path) -> Texts:
    """Return what is left to ask about in a run."""
    with RunReader(path) as reader:
        emails = reader.count("pending")
        distinct, mean_chars = reader.pending_texts()
        return Texts(emails, distinct, mean_chars, reader.count(), reader.asked_in_version())


def cost_of_call(
    estimator: Estimator, settings: ModelSettings, shared_chars: int, mean_chars: float, texts: float = 1.0
) -> Cost:
    """Return what one call takes: as learned from earlier calls of the model, or by the length of its texts.

    ``shared_chars`` are those that every question has in common; ``mean_chars`` are all others, of so many ``texts``.
    """
    estimate = estimator.of(round(shared_chars + mean_chars))
    if estimator.seen >= _LEARNED_FROM:
        cached = estimate.prompt + estimator.completion - estimate.cost
        return Cost(estimate.prompt, cached, texts * estimator.completion, learned=True)
    completion = texts * _COMPLETION.get(settings.reasoning_effort, 70.0)
    blocks = math.floor(shared_chars / _CHARS_PER_TOKEN / _CACHE_BLOCK)
    cached = float(blocks * _CACHE_BLOCK) if settings.model.startswith(_CACHES_PROMPTS) else 0.0
    prompt = (shared_chars + mean_chars) / _CHARS_PER_TOKEN + _FRAMING
    return Cost(prompt, cached, completion, learned=False)


@dataclass(frozen=True, slots=True)
class Asking:
    """Hold what the asking takes: calls, their tokens (prompt, cached, completion), and which calls label nothing."""

    calls: float
    totals: tuple[float, float, float]
    canaries: float
    controls: float
    learned: bool

    @property
    def counted(self) -> float:
        """Return tokens of a call that count against quotas."""
        prompt, cached, completion = self.totals
        return (prompt - cached + completion) / max(1.0, self.calls)


def asking_of(task: Task, texts: Texts, estimator: Estimator) -> Asking:
    """Return what asking about these texts takes: alone, or in packs with their control sample.

    In packs canaries are asked along with others, and few texts need a question of their own.
    """
    total = max(texts.total, texts.distinct)
    canaries = expected_asks(texts.distinct, total=total, most=task.canaries)
    single = cost_of_call(estimator, task.model, fixed_chars(task), texts.mean_chars)
    size = first_size(task.pack)
    if size == 1:
        calls = texts.distinct * (1 + _REASKS) + canaries
        totals = (calls * single.prompt, calls * single.cached, calls * single.completion)
        return Asking(calls, totals, canaries, 0.0, single.learned)
    held = texts_per_pack(size, texts.mean_chars)
    shared = round(pack_chars(task, 0, 0))
    chars = pack_chars(task, held * texts.mean_chars, held) - shared
    pack = cost_of_call(estimator, task.model, shared, chars, held)
    packs = (texts.distinct + canaries) / held
    controls = expected_controls(total - texts.distinct, texts.distinct)
    alone = texts.distinct * _UNUSABLE_IN_PACKS + controls
    found = [
        packs * one + alone * other
        for one, other in (
            (pack.prompt, single.prompt),
            (pack.cached, single.cached),
            (pack.completion, single.completion),
        )
    ]
    return Asking(packs + alone, (found[0], found[1], found[2]), canaries, controls, single.learned)


def plan_run(
    settings: Settings,
    task: Task,
    texts: Texts,
    *,
    base_url: str | None,
    plan_name: str | None,
    organizations: int | None,
    now: float,
    batches_took_s: float | None = None,
    lane: LaneChoice | None = None,
) -> Planned:
    """Plan the asking of these texts with the keys that are here, or with ``organizations`` on a named plan.

    ``batches_took_s`` is how long batches of the run took so far, ``lane`` how it is to ask.

    Raises:
        UsageError: there is no such plan, or no such server.
    """
    server = normalize_base_url(base_url)
    model = task.model.model
    with KeyStore.from_settings(settings, base_url) as store:
        keys, windows, own = store.statuses(model, now), store.windows(model, now), store.own()
        estimator = Estimator(task.model.max_completion_tokens)
        estimator.recall(learned_estimate(store.database, model))
    asking = asking_of(task, texts, estimator)
    totals = asking.totals
    load = Load(asking.calls, asking.counted, _DOUBT_LEARNED if asking.learned else _DOUBT_GUESSED)
    assumed_plan = plan(plan_name or "free") if plan_name or not base_url else None
    ways, assumed = _ways(keys, windows, assumed_plan, organizations, own)
    price = price_of(model, settings.prices_path)
    return Planned(
        texts=texts,
        calls=round(asking.calls),
        prompt_tokens=round(totals[0]),
        completion_tokens=round(totals[2]),
        cached_tokens=round(totals[1]),
        forecast=forecast(load, ways),
        organizations=len(ways),
        money=price.of(*totals) if price is not None else None,
        assumed=assumed,
        what_if=_what_if(load, ways),
        learned=asking.learned,
        server=server.root,
        canaries=round(asking.canaries),
        controls=round(asking.controls),
        lanes=lane_forecasts(
            load,
            ways,
            Tokens(*totals),
            price,
            host=server.host,
            limits=(lane or LaneChoice()).limits(BatchLimits()),
            asked=texts.asked,
            observed_s=batches_took_s,
        ),
    )


def _ways(
    keys: Sequence[KeyStatus],
    windows: Sequence[WindowStatus],
    assumed: Plan | None,
    organizations: int | None,
    own: frozenset[str],
) -> tuple[tuple[Capacity, ...], str]:
    """Return the ways forward, and a sentence on what is assumed of them."""
    limits = dict(assumed.limits) if assumed is not None else {}
    words = assumed.words if assumed is not None else NO_LIMITS
    if organizations is not None or not keys:
        count = organizations or 1
        full = full_windows(limits)
        ways = tuple(Capacity(f"organization {n}", full, 0.0, _CALLS_PER_S) for n in range(1, count + 1))
        return ways, f"{count} organization{'s' if count != 1 else ''} on {words}"
    names = {key.organization for key in keys}
    speeds = dict.fromkeys(names, _CALLS_PER_S)
    ways = tuple(
        replace(each, windows={}) if each.organization in own and not _known(each, windows) else each
        for each in capacities(keys, windows, speeds=speeds, assumed=limits)
    )
    unknown = names - {window.organization for window in windows} - own
    if not unknown:
        no_limits = f" ({plan(OWN_PLAN).words})" if names & own else ""
        return ways, f"the limits that replies or you have named{no_limits}"
    known = ", the others as replies or you have named them" if len(unknown) < len(names) else ""
    return ways, f"{words} for {', '.join(sorted(unknown))}{known}"


def _known(capacity: Capacity, windows: Sequence[WindowStatus]) -> bool:
    return any(window.organization == capacity.organization for window in windows)


def _what_if(load: Load, ways: Sequence[Capacity]) -> tuple[tuple[str, Forecast], ...]:
    if not ways:
        return ()
    widest = max(ways, key=lambda way: sum(window.limit for window in way.windows.values()))
    fresh = replace(
        widest,
        organization="one more",
        windows=full_windows({dimension: window.limit for dimension, window in widest.windows.items()}),
        opens_in_s=0.0,
    )
    paid = plan("developer")
    full = full_windows(paid.limits)
    on_paid = [replace(way, windows=full, opens_in_s=0.0) for way in ways]
    found = [("with one more organization like these", forecast(load, [*ways, fresh]))]
    if any(way.windows for way in ways):
        found.append((f"on {paid.words}", forecast(load, on_paid)))
    return tuple(found)


@dataclass(frozen=True, slots=True)
class SourcePreview:
    """Hold what a source would give a run, read whole without writing anything.

    ``shown`` holds id and beginning of the first items, ``characters`` are those that would be sent, ``cut`` items are
    longer than the task allows, ``unparsed`` ones are kept as plain text, ``flagged`` ones look like prompt injection.
    ``skipped`` counts what is not taken by reason, ``places`` names some of it.
    """

    described: str
    columns: tuple[str, ...]
    shown: tuple[tuple[str, str], ...]
    taken: int
    distinct: int
    characters: int
    cut: int
    unparsed: int
    flagged: int
    skipped: dict[str, int]
    places: tuple[str, ...]


def preview_source(path: Path | Sequence[Path], task: Task, options: SourceOptions, *, show: int) -> SourcePreview:
    """Read a source once and return what it would give; nothing is kept or sent."""
    from core.runs.build import viewer  # noqa: PLC0415 - the parsers are wanted for sources only
    from core.sources.registry import open_source  # noqa: PLC0415

    source = open_source(path, options)
    view_of = viewer(task)
    texts: set[str] = set()
    shown: list[tuple[str, str]] = []
    characters = cut = unparsed = flagged = 0
    for email in source:
        view = view_of(email.raw, email.read_as)
        texts.add(view.content_hash)
        characters += len(view.text)
        cut += view.truncated
        unparsed += not view.parsed
        flagged += bool(orders_among(view.flags))
        if len(shown) < show:
            shown.append((email.source_id, view.subject or " ".join(view.text.split())))
    return SourcePreview(
        source.describe(), tuple(source.columns.names), tuple(shown), source.taken, len(texts), characters, cut,
        unparsed, flagged, dict(source.skipped.by_reason),
        tuple(f"{row.place}: {row.detail or row.reason}" for row in source.skipped.sample),
    )  # fmt: skip
