"""What a call makes of servers that mean harm: all modes of the program of that name, by one client each."""

from __future__ import annotations

import pickle
import resource
import time
from contextlib import suppress

import pytest

from core.errors import CallError
from core.llm.client import MOST_BODY_BYTES, ChatClient
from core.llm.replies import MOST_ANSWER_CHARS, MOST_TOKENS
from core.model import ChatMessage, ModelSettings, Reply
from core.text import UNSAFE
from tests.programs.hostile_servers.modes import MODES, serving

KEY = "gsk_of_a_hostile_test_0123456789"
TIMEOUT_S = 0.3
MOST_MORE_BYTES = 200_000_000


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.asyncio
async def test_a_hostile_server_gets_a_bounded_outcome(mode: str) -> None:
    """A reply or an error of ours, in time, in memory, without the key, without a control character, asked nowhere else."""
    outcome: Reply | CallError | None = None
    async with serving() as server:
        server.mode = mode
        client = ChatClient(KEY, base_url=server.address)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started, used = time.monotonic(), time.process_time()
        with suppress(CallError):
            try:
                outcome = await client.ask([ChatMessage("user", "hello")], ModelSettings(timeout_s=TIMEOUT_S))
            except CallError as error:
                outcome = error
                raise
        took_s, used_s = time.monotonic() - started, time.process_time() - used
        more = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
        await client.aclose()
        assert server.strayed == []
    assert outcome is not None
    assert min(took_s - TIMEOUT_S, used_s) < 1.0
    assert more < MOST_MORE_BYTES
    assert KEY not in repr(outcome) + str(outcome)
    assert KEY.encode() not in pickle.dumps(getattr(outcome, "headers", {}))
    if isinstance(outcome, Reply):
        assert 0 <= outcome.usage.prompt_tokens <= MOST_TOKENS
        assert 0 <= outcome.usage.completion_tokens <= max(MOST_TOKENS, MOST_BODY_BYTES)
        assert len(outcome.text) <= MOST_ANSWER_CHARS
        outcome.text.encode()
        assert not UNSAFE.search(outcome.request_id + outcome.model + outcome.system_fingerprint + outcome.refusal)
    else:
        assert not UNSAFE.search(str(outcome))
        assert "\n" not in str(outcome)
        assert len(str(outcome)) < 2_000
