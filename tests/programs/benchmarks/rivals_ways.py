"""Two ways of asking that people write themselves, on the plain SDK.

Both ask with the same messages and settings as labeltui and re-ask twice with the whole question, which is kinder than
what is common. The SDK's own retries are off: they would only add refusals (it fires again within a second where a told
wait is longer than a minute).
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import cycle

from core.errors import CallError, RateLimitedError, RequestRefusedError, TooLargeError
from core.llm.client import ChatClient
from tests.programs.benchmarks.rivals_ground import Ground, Text
from tests.programs.virtual.harness import client_without_threads

ROTATE_AFTER_S = 10.0
GIVES_UP_AFTER = 6
AT_ONCE = 8
LONGEST_BACK_OFF_S = 60.0


async def article(ground: Ground) -> None:
    """One email after the other with one key until any error; then sleep ten seconds and go on with the next key.

    The email that failed is asked about again, whatever the error was: nothing is skipped.
    """
    clients = [client_without_threads(secret, ground.wire) for secret in ground.secrets]
    keys = cycle(clients)
    client = next(keys)
    while ground.line:
        email = ground.line[0]
        try:
            reply = await client.ask(ground.conversation(email), ground.task.model)
        except CallError:
            await asyncio.sleep(ROTATE_AFTER_S)
            client = next(keys)
            continue
        if ground.judge(email, reply.text):
            ground.line.popleft()


async def backing_off(ground: Ground) -> None:
    """Eight at once, keys in turn, exponential back-off with full jitter of at most a minute, six tries an email.

    The recipe that providers' cookbooks show: refusals, server errors and broken connections are tried again, anything
    else and the sixth failure drop the email.
    """
    await _with_back_off(ground, gives_up_after=GIVES_UP_AFTER)


async def backing_off_for_ever(ground: Ground) -> None:
    """The same without giving up: an email is dropped only for an error that no waiting mends."""
    await _with_back_off(ground, gives_up_after=None)


async def _with_back_off(ground: Ground, *, gives_up_after: int | None) -> None:
    clients = [client_without_threads(secret, ground.wire) for secret in ground.secrets]
    keys = cycle(clients)
    rng = random.Random(ground.scenario.seed)

    async def work() -> None:
        while ground.line:
            await _settle(ground, ground.line.popleft(), lambda: next(keys), rng, gives_up_after)

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))


async def _settle(
    ground: Ground, email: Text, client: Callable[[], ChatClient], rng: random.Random, gives_up_after: int | None
) -> None:
    tries = 0
    while True:
        try:
            reply = await client().ask(ground.conversation(email), ground.task.model)
        except (TooLargeError, RequestRefusedError):
            ground.dropped[email.number] = "too large"
            return
        except CallError as error:
            tries += 1
            if gives_up_after is not None and tries >= gives_up_after:
                ground.dropped[email.number] = f"gave up: {error.outcome.value}"
                return
            longest = min(LONGEST_BACK_OFF_S, 2.0 ** min(tries, 10))
            await asyncio.sleep(rng.uniform(0.0, longest) + (1.0 if isinstance(error, RateLimitedError) else 0.0))
            continue
        if ground.judge(email, reply.text):
            return
        tries = 0
