"""Promises about the service through the real SDK: errors, quotas, headers, answers, counters."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import groq
import httpx
import pytest

from core.simulator.answers import write_replay
from core.simulator.config import (
    PLANS,
    Limits,
    OrganizationConfig,
    Revocation,
    SimulatorConfig,
    SimulatorError,
    invent_keys,
    simple_config,
)

pytestmark = pytest.mark.asyncio


async def test_sdk_gets_an_answer(build: Any, words: Any) -> None:
    """The groq SDK parses content, usage, ids and headers of an answer."""
    bench = build(simple_config(limits=PLANS["free"]))
    async with bench.sdk() as client:
        raw = await client.chat.completions.with_raw_response.create(**words.question("dinner with mom on sunday"))
        answer = await raw.parse()
    assert answer.choices[0].message.content == "0"
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert answer.x_groq.id == raw.headers["x-groq-request-id"] == raw.headers["x-request-id"]
    assert answer.id.startswith("chatcmpl-")


async def test_plain_openai_path(build: Any, words: Any) -> None:
    """Servers that merely speak the same protocol answer under `/v1`."""
    bench = build(simple_config())
    response = await bench.post(words.question("the contract"), path="/v1/chat/completions")
    assert response.json()["choices"][0]["message"]["content"] == "1"


async def test_models_are_listed(build: Any) -> None:
    """The models endpoint serves a valid key, and only that."""
    bench = build(simple_config())
    async with bench.sdk() as client:
        listed = await client.models.list()
        one = await client.models.retrieve("openai/gpt-oss-20b")
        with pytest.raises(groq.NotFoundError):
            await client.models.retrieve("gpt-9")
    assert listed.data[0].id == one.id == "openai/gpt-oss-20b"
    async with bench.sdk("gsk_wrong") as client:
        with pytest.raises(groq.AuthenticationError):
            await client.models.list()


@pytest.mark.parametrize(
    ("change", "key", "error", "code"),
    [
        ({}, "gsk_unknown", groq.AuthenticationError, "invalid_api_key"),
        ({"model": "gpt-9"}, None, groq.NotFoundError, "model_not_found"),
        ({"model": "llama3-70b-8192"}, None, groq.BadRequestError, "model_decommissioned"),
        ({"logprobs": True}, None, groq.BadRequestError, None),
        ({"logit_bias": {"1": 5}}, None, groq.BadRequestError, None),
        ({"n": 2}, None, groq.BadRequestError, None),
        ({"messages": []}, None, groq.BadRequestError, None),
        ({"max_completion_tokens": 0}, None, groq.BadRequestError, None),
        ({"reasoning_effort": "none"}, None, groq.BadRequestError, None),
        ({"max_completion_tokens": 200_000}, None, groq.BadRequestError, "context_length_exceeded"),
    ],
)
async def test_refusals(
    build: Any, words: Any, change: dict[str, Any], key: str | None, error: Any, code: str | None
) -> None:
    """Each refusal reaches the SDK as the exception and code that Groq's would."""
    bench = build(simple_config())
    async with bench.sdk(key) as client:
        with pytest.raises(error) as caught:
            await client.chat.completions.create(**{**words.question("x"), **change})
    assert caught.value.body["error"].get("code") == code
    assert caught.value.body["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("body", [b"{", b"[]", b"null", b"[" * 100_000, b"\xff"])
async def test_bad_json_is_a_400(build: Any, body: bytes) -> None:
    """A body that is no JSON object is refused, not a crash."""
    response = await build(simple_config()).post(body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_quota_belongs_to_the_organization(build: Any) -> None:
    """Keys of one organization share one quota; another organization has its own."""
    bench = build(simple_config(3, 2, limits=Limits(rpm=1)))
    first, other, same = bench.keys
    assert (await bench.ask(key=first)).status_code == 200
    refused = await bench.ask(key=same)
    assert refused.status_code == 429
    assert "in organization `org_sim_1`" in refused.json()["error"]["message"]
    assert refused.json()["error"]["type"] == "requests"
    assert (await bench.ask(key=other)).status_code == 200


async def test_quota_belongs_to_the_model(build: Any) -> None:
    """Another model of the same organization has its own quota."""
    bench = build(simple_config(limits=Limits(rpm=1)))
    assert (await bench.ask()).status_code == 200
    assert (await bench.ask()).status_code == 429
    assert (await bench.ask(model="openai/gpt-oss-120b")).status_code == 200


async def test_organizations_may_differ(build: Any) -> None:
    """Limits are per organization and, if asked for, per model."""
    keys = invent_keys(2, 2)
    small = OrganizationConfig("org_sim_1", Limits(rpm=1), {"openai/gpt-oss-120b": Limits(rpm=2)})
    config = SimulatorConfig(keys=keys, organizations=(small,), latency_s=0)
    bench = build(config)
    first, second = bench.keys
    assert [(await bench.ask(key=first)).status_code for _ in range(2)] == [200, 429]
    big = {"model": "openai/gpt-oss-120b"}
    assert [(await bench.ask(key=first, **big)).status_code for _ in range(3)] == [200, 200, 429]
    assert [(await bench.ask(key=second)).status_code for _ in range(5)] == [200] * 5


async def test_headers_show_the_day_of_requests_and_the_minute_of_tokens(build: Any) -> None:
    """No header shows RPM or TPD; resets are the time until the window is full again."""
    bench = build(simple_config(limits=Limits(rpm=30, rpd=14_400, tpm=18_000, tpd=500_000)))
    response = await bench.ask()
    headers = response.headers
    used = response.json()["usage"]["total_tokens"]
    assert headers["x-ratelimit-limit-requests"] == "14400"
    assert headers["x-ratelimit-remaining-requests"] == "14399"
    assert headers["x-ratelimit-reset-requests"] == "6s"
    assert headers["x-ratelimit-limit-tokens"] == "18000"
    assert headers["x-ratelimit-remaining-tokens"] == str(18_000 - used)
    assert headers["x-ratelimit-reset-tokens"] in {f"{round(used / 0.3)}ms", f"{-(-used * 10 // 3)}ms"}
    assert "retry-after" not in headers


async def test_retry_after_is_whole_seconds_rounded_up(build: Any) -> None:
    """The header rounds up what the text tells in milliseconds."""
    bench = build(simple_config(limits=Limits(rpm=40)))
    for _ in range(40):
        await bench.ask()
    refused = await bench.ask()
    assert "Please try again in 1.5s" in refused.json()["error"]["message"]
    assert refused.headers["retry-after"] == "2"


@pytest.mark.parametrize(("mode", "remaining", "wait"), [("missing", None, None), ("lying", "8000", "1")])
async def test_headers_may_be_missing_or_lie(build: Any, mode: Any, remaining: str | None, wait: str | None) -> None:
    """The switch takes the quota headers away or has them claim that nothing is used; the text stays true."""
    bench = build(replace(simple_config(limits=Limits(rpm=1, tpm=8_000, rpd=10)), headers=mode))
    answered, refused = await bench.ask(), await bench.ask()
    assert answered.headers.get("x-ratelimit-remaining-tokens") == remaining
    assert refused.headers.get("retry-after") == wait
    assert "Please try again in 1m0s" in refused.json()["error"]["message"]
    assert "x-request-id" in refused.headers


async def test_max_completion_tokens_are_reserved(build: Any, words: Any) -> None:
    """The reserve counts against TPM up front and is settled to what was used; none sent reserves a lot."""
    bench = build(replace(simple_config(limits=Limits(tpm=2_000)), latency_s=0.0))
    tiny = {"system": None}
    too_much = await bench.post(words.question("x", tokens=None, **tiny))
    assert too_much.status_code == 413
    assert re.search(r"Limit 2000, Requested 82\d\d, please reduce", too_much.json()["error"]["message"])
    assert (await bench.post(words.question("x", tokens=1_900, **tiny))).status_code == 200
    assert (await bench.post(words.question("x", tokens=1_900, **tiny))).status_code == 200
    assert (await bench.post(words.question("x", tokens=1_980, **tiny))).status_code == 429


async def test_413_reaches_the_sdk_as_a_bare_status_error(build: Any, words: Any) -> None:
    """A request larger than TPM is no RateLimitError, although its code says rate_limit_exceeded."""
    bench = build(simple_config(limits=Limits(tpm=500)))
    async with bench.sdk() as client:
        with pytest.raises(groq.APIStatusError) as caught:
            await client.chat.completions.create(**words.question("long " * 2_000))
    assert type(caught.value) is groq.APIStatusError
    assert (caught.value.status_code, caught.value.body["error"]["code"]) == (413, "rate_limit_exceeded")


async def test_repeated_system_messages_are_cached(build: Any) -> None:
    """Cached prompt tokens are reported in whole blocks of 128 and cost no quota."""
    bench = build(simple_config(limits=Limits(tpm=8_000)))
    first = (await bench.ask("one")).json()["usage"]
    second = (await bench.ask("two")).json()["usage"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    assert second["prompt_tokens_details"]["cached_tokens"] == 128
    [level] = bench.stats["quotas"]
    assert level["used"] == first["total_tokens"] + second["total_tokens"] - 128


async def test_the_prefix_cache_ends_and_can_be_off(build: Any) -> None:
    """A prefix is dropped after two hours, and never kept if switched off."""
    bench = build(simple_config())
    await bench.ask("one")
    bench.clock.pass_s(7_300)
    assert (await bench.ask("two")).json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
    bench = build(replace(simple_config(), prefix_cache=False))
    await bench.ask("one")
    assert (await bench.ask("two")).json()["usage"]["prompt_tokens_details"]["cached_tokens"] == 0


async def test_a_small_budget_is_eaten_by_reasoning(build: Any) -> None:
    """A reasoning model with too few tokens answers nothing, with finish_reason length."""
    bench = build(simple_config())
    body = (await bench.ask(max_completion_tokens=5)).json()
    assert body["choices"][0]["message"]["content"] == ""
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5


async def test_a_key_is_revoked_after_so_many_calls_or_seconds(build: Any) -> None:
    """Half-way through a run a key starts to get 401."""
    config = simple_config(2)
    by_calls, by_time = config.keys
    revoke = {by_calls: Revocation(after_calls=2), by_time: Revocation(at_s=30)}
    bench = build(replace(config, revoke=revoke))
    assert [(await bench.ask(key=by_calls)).status_code for _ in range(3)] == [200, 200, 401]
    assert (await bench.ask(key=by_time)).status_code == 200
    bench.clock.pass_s(30)
    assert (await bench.ask(key=by_time)).json()["error"]["code"] == "invalid_api_key"


async def test_an_organization_is_restricted(build: Any) -> None:
    """Every key of a restricted organization gets 400 organization_restricted."""
    keys = invent_keys(2, 1)
    restricted = OrganizationConfig("org_sim_1", restricted_after=1)
    bench = build(SimulatorConfig(keys=keys, organizations=(restricted,), latency_s=0))
    first, second = bench.keys
    assert (await bench.ask(key=first)).status_code == 200
    for key in (first, second):
        response = await bench.ask(key=key)
        assert (response.status_code, response.json()["error"]["code"]) == (400, "organization_restricted")


async def test_labels_are_replayed(build: Any, tmp_path: Path) -> None:
    """A known text gets its label from the file, an unknown one the word rule's, which is counted."""
    path = tmp_path / "labels.csv"
    write_replay(path, [("the contract", "0")])
    bench = build(replace(simple_config(), replay=path))
    answers = [(await bench.ask(text)).json()["choices"][0]["message"]["content"] for text in ("the contract", "deal")]
    assert answers == ["0", "1"]
    assert bench.stats["replay_misses"] == 1


async def test_noise_flips_the_same_emails_each_time(build: Any) -> None:
    """A noisy model is wrong about a share of the emails, always the same ones."""
    texts = [f"contract {number}" for number in range(200)]

    async def labels(share: float) -> list[str]:
        bench = build(replace(simple_config(), noise=share))
        return [(await bench.ask(text)).json()["choices"][0]["message"]["content"] for text in texts]

    assert 20 <= (await labels(0.2)).count("0") <= 60
    assert await labels(0.2) == await labels(0.2)
    assert set(await labels(0.0)) == {"1"}


async def test_re_asks_are_distinguished_from_blind_ones(build: Any, words: Any) -> None:
    """A re-ask without the email, or in the wording of a library that drops it, counts as blind."""
    bench = build(simple_config())
    await bench.ask("the contract")
    await bench.post(words.again("the contract", "Work"))
    assert (bench.stats["asks"], bench.stats["reasks"], bench.stats["blind_reasks"]) == (1, 1, 0)
    await bench.post(words.again("the contract", "Work", with_email=False))
    blind = (
        "This was a previous response you generated:\n\n======\nWork\n======\n\nGenerate a new response that corrects"
    )
    await bench.post({**words.question(blind, system="You are a helpful assistant.")})
    stats = bench.stats
    assert (stats["reasks"], stats["blind_reasks"], stats["reasks_without_rubric"]) == (3, 2, 1)
    assert stats["distinct_texts"] == 1


async def test_stats_over_http(build: Any) -> None:
    """The counters are served as JSON, by status, key (last four characters) and organization."""
    bench = build(simple_config(2, 2))
    await bench.ask("a")
    await bench.ask("a")
    await bench.ask("b", key=bench.keys[1])
    await bench.ask("c", key="gsk_unknown")
    async with bench.http() as client:
        stats = (await client.get("/simulator/stats")).json()
    assert (stats["calls"], stats["answered"], stats["distinct_texts"], stats["in_flight"]) == (4, 3, 2, 0)
    assert stats["by_status"] == {"200": 3, "401": 1}
    assert stats["by_key"] == {"0001": {"200": 2}, "0002": {"200": 1}}
    assert stats["by_organization"] == {"org_sim_1": {"200": 2}, "org_sim_2": {"200": 1}}


async def test_the_log_has_a_line_per_call_and_no_secret(build: Any, tmp_path: Path, words: Any) -> None:
    """Every call leaves a line with its answer at once; keys show four characters only."""
    path = tmp_path / "calls.jsonl"
    bench = build(replace(simple_config(limits=Limits(rpm=2)), log_path=path))
    await bench.ask("the contract")
    await bench.post(words.again("the contract", "Work"))
    await bench.ask("the contract")
    text = path.read_text()
    bench.app.state.simulator.close()
    lines = [json.loads(line) for line in text.splitlines()]
    assert [(line["ordinal"], line["status"], line["kind"], line["answer"]) for line in lines] == [
        (1, 200, "ask", "1"),
        (2, 200, "reask", "1"),
        (3, 429, "ask", None),
    ]
    assert lines[0]["key"] == "0001"
    assert lines[0]["sha256"] == lines[2]["sha256"]
    assert lines[0]["prompt_tokens"] > 0
    assert bench.keys[0] not in text
    assert "contract" not in text
    assert bench.keys[0] not in repr(bench.config)


async def test_too_long_bodies_are_refused(build: Any) -> None:
    """A body beyond 8 MiB is not read to its end."""
    response = await build(simple_config()).post(b" " * (9 << 20))
    assert response.status_code == 413


async def test_keys_are_invented_the_same_each_time() -> None:
    """A restarted simulator accepts the keys of the run it served; they are dealt evenly."""
    keys = invent_keys(5, 2, seed=3)
    assert keys == invent_keys(5, 2, seed=3)
    assert keys != invent_keys(5, 2, seed=4)
    assert list(keys.values()).count("org_sim_1") == 3
    assert len({key[-4:] for key in keys}) == 5
    with pytest.raises(SimulatorError, match="each needs at least one"):
        invent_keys(1, 2)


async def test_log_that_cannot_be_written(build: Any, tmp_path: Path) -> None:
    """An unwritable log stops the start, with a sentence."""
    with pytest.raises(SimulatorError, match="log cannot be written"):
        build(replace(simple_config(), log_path=tmp_path / "no" / "calls.jsonl"))


async def test_unknown_paths_are_404(build: Any) -> None:
    """A doubled path, the mark of a base URL that already ends in /openai/v1, is not found."""
    async with build(simple_config()).http() as client:
        response: httpx.Response = await client.post("/openai/v1/openai/v1/chat/completions", json={})
    assert response.status_code == 404
