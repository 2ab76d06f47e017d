"""The ground on which other ways of asking run: the same simulator, emails, network and clock as for labeltui."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from core.llm.task import messages, reask_messages
from core.model import ChatMessage, Task
from core.simulator.app import create_app
from core.simulator.conversation import read_question
from tests.programs.virtual.harness import run_virtually
from tests.programs.virtual.ideal import Supply, least_time_s, most_labels
from tests.programs.virtual.scenario import Scenario
from tests.programs.virtual.wire import Traffic, Wire

CACHE_BLOCK = 128
TYPICAL_COMPLETION = 21.0


@dataclass(slots=True)
class Text:
    """An email in somebody's line: ``bad_answers`` are unusable ones so far, as (answer, reason)."""

    number: int
    text: str
    bad_answers: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Ground:
    """What a way of asking is given, and where it says what came of it.

    ``secrets`` are the keys in the operator's order. ``labeled`` and ``dropped`` take an email's number; whatever is in
    neither when the time is over was never reached, or is stuck.
    """

    scenario: Scenario
    task: Task
    secrets: list[str]
    line: deque[Text]
    wire: Wire
    hashes: list[str]
    labeled: dict[int, float] = field(default_factory=dict)
    dropped: dict[int, str] = field(default_factory=dict)

    @property
    def now_s(self) -> float:
        """Seconds since the start."""
        return asyncio.get_running_loop().time()

    def conversation(self, email: Text) -> tuple[ChatMessage, ...]:
        """The question, or the question repeated after unusable answers: the same words for everybody."""
        if email.bad_answers:
            return reask_messages(self.task, email.text, email.bad_answers)
        return messages(self.task, email.text)

    def judge(self, email: Text, answer: str) -> bool:
        """Take a label, or drop an email after its third unusable answer. Whether the email is settled."""
        if answer.strip() in {label.value for label in self.task.labels}:
            self.labeled[email.number] = self.now_s
            return True
        email.bad_answers = (*email.bad_answers, (answer, "it is not one of the allowed answers"))
        if len(email.bad_answers) > self.task.max_reasks:
            self.dropped[email.number] = "unusable answers"
            return True
        return False


Way = Callable[[Ground], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Result:
    """A row of the table.

    ``lost`` emails could have had a label and were dropped; ``idle_s`` is the time without a label before the end;
    ``length`` is the mean length of the labeled emails over that of all: below 1, long ones were left out.
    """

    labels: int
    calls: int
    refused: int
    lost: int
    idle_s: float
    span_s: float
    length: float
    efficiency: float


@dataclass(frozen=True, slots=True)
class Prices:
    """What the label of each email takes if nothing goes wrong: one call, and so many tokens that count."""

    tokens: dict[str, float]
    lengths: dict[str, int]

    def mean_tokens(self, texts: set[str]) -> float:
        """The mean over these emails, given by their hashes."""
        return sum(self.tokens[text] for text in texts) / max(1, len(texts))

    def relative_length(self, texts: set[str]) -> float:
        """Their mean length over the mean length of all."""
        mean = sum(self.lengths.values()) / len(self.lengths)
        return sum(self.lengths[text] for text in texts) / max(1, len(texts)) / mean


def prices_of(scenario: Scenario, task: Task) -> Prices:
    """The price of every email: one call, the rubric cached."""
    tokens, lengths = {}, {}
    for _, view in scenario.texts():
        body = {
            "model": task.model.model,
            "messages": [{"role": each.role, "content": each.content} for each in messages(task, view.text)],
        }
        question = read_question(body)
        cached = question.system_tokens // CACHE_BLOCK * CACHE_BLOCK
        tokens[view.content_hash] = question.prompt_tokens - cached + TYPICAL_COMPLETION
        lengths[view.content_hash] = len(view.text)
    return Prices(tokens, lengths)


def efficiency(supplies: list[Supply], prices: Prices, labeled: set[str], *, span_s: float, through: bool) -> float:
    """Labels against the most that quotas allow in that time, or the least time for so many against the time taken."""
    tokens = prices.mean_tokens(labeled)
    if through:
        return least_time_s(supplies, len(labeled), 1.0, tokens) / span_s
    return len(labeled) / max(1.0, most_labels(supplies, span_s, 1.0, max(1.0, tokens)))


def play(scenario: Scenario, way: Way, supplies: list[Supply], prices: Prices) -> Result:
    """Let one way of asking work through the scenario until it is through or time is up."""
    ground, span_s = run_virtually(_play(scenario, scenario.task(), way))
    traffic: Traffic = ground.wire.traffic
    labeled = {ground.hashes[number] for number in ground.labeled}
    lost = sum(reason not in ("unusable answers", "too large") for reason in ground.dropped.values())
    # Whoever dropped emails is not through: the rest of the time was there for them.
    through = not lost and len(ground.labeled) + len(ground.dropped) == scenario.emails
    return Result(
        labels=len(labeled),
        calls=traffic.calls,
        refused=traffic.statuses["429"],
        lost=lost,
        idle_s=max(0.0, span_s - max(ground.labeled.values(), default=0.0)),
        span_s=span_s,
        length=prices.relative_length(labeled),
        efficiency=efficiency(
            supplies, prices, labeled, span_s=span_s if through else scenario.hours * 3600.0, through=through
        ),
    )


async def _play(scenario: Scenario, task: Task, way: Way) -> tuple[Ground, float]:
    loop = asyncio.get_running_loop()
    loop.run_in_executor = _inline  # type: ignore[assignment,method-assign]
    app = create_app(scenario.simulator(), clock=loop.time, hang_error=lambda: httpx.ReadTimeout("no answer in time"))
    wire = Wire(app, clock=loop.time, rng=random.Random(f"{scenario.seed}:wire"), way_s=scenario.way_s)
    views = [view for _, view in scenario.texts()]
    texts = [Text(number, view.text) for number, view in enumerate(views)]
    random.Random(scenario.seed).shuffle(texts)
    secrets = [secret for secret, _ in scenario.keys().values()]
    ground = Ground(scenario, task, secrets, deque(texts), wire, [view.content_hash for view in views])
    span_s = scenario.hours * 3600.0
    working = loop.create_task(_as_coroutine(way(ground)))
    await asyncio.wait([working], timeout=span_s)
    ended_s = min(loop.time(), span_s)
    working.cancel()
    results = await asyncio.gather(working, return_exceptions=True)
    await wire.hang_up()
    app.state.simulator.close()
    for each in results:
        if isinstance(each, Exception):
            raise each
    return ground, ended_s


async def _as_coroutine(awaitable: Awaitable[None]) -> None:
    await awaitable


def _inline(_executor: object, function: Callable[..., object], *arguments: object) -> asyncio.Future[object]:
    """What a library hands to a thread runs here and now: a thread would end at no particular virtual time."""
    done: asyncio.Future[object] = asyncio.get_running_loop().create_future()
    try:
        done.set_result(function(*arguments))
    except Exception as error:  # noqa: BLE001 - it belongs to whoever awaits
        done.set_exception(error)
    return done
