"""Compute what a call costs and what it is answered, without sockets or sleeping.

`admit` decides everything that is known on arrival; the caller then lets the latency pass and asks `finish`.
Time is passed in. Answers and faults do not depend on the order in which different emails arrive; only the
quotas do.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from core.simulator.answers import Answerer, colored, flipped, invalid_answer, load_replay, packed_content
from core.simulator.config import Limits, OrganizationConfig
from core.simulator.conversation import BadRequestError, Memory, Question, key_of, read_question, tokens_of
from core.simulator.faults import Faults, Rolls
from core.simulator.gate import Gate
from core.simulator.quota import MINUTE_S, Quota, Refusal
from core.simulator.replies import (
    Header,
    Reply,
    error_reply,
    html_reply,
    ids,
    json_reply,
    quota_headers,
    rate_limit_text,
    retry_after,
)
from core.simulator.stats import Call, Stats

if TYPE_CHECKING:
    from core.simulator.config import SimulatorConfig

_REASONING_TOKENS: Final = {"none": 0, "low": 20, "medium": 60, "default": 60, "high": 220}
_SERVER_ERRORS: Final = {
    "error_500": (500, "Internal Server Error", "internal_server_error"),
    "error_502": (502, "Bad Gateway", "internal_server_error"),
    "error_503": (503, "Service Unavailable", "service_unavailable"),
    "timeout": (504, "Gateway Timeout", "internal_server_error"),
}
_UNANSWERED: Final = frozenset({"rate_limit", "capacity", "html", *_SERVER_ERRORS})
_USUAL_RPM: Final = 30


class Service:
    """Hold keys, quotas, faults and answers of one simulator. `now` is the clock's time in seconds, everywhere."""

    def __init__(self, config: SimulatorConfig, now: float, epoch: float) -> None:
        """Start at `now`; `epoch` is added to clock times to give Unix time.

        Raises:
            SimulatorError: if the labels to replay cannot be used.

        """
        self.stats = Stats(now)
        self._config = config
        self._epoch = epoch
        self._gate = Gate(config, now)
        self._memory = Memory(scale=config.scale, prefix_cache=config.prefix_cache)
        self._organizations = {each.name: each for each in config.organizations}
        self._faults = Faults(config.faults, seed=config.seed, noise=config.noise)
        replay = load_replay(config.replay, config.labels) if config.replay is not None else None
        self._answerer = Answerer(config.labels, replay)
        self._quotas: dict[tuple[str, str], Quota] = {}
        self._flex_out = 0

    def open_call(self, now: float) -> Call:
        """Register a call that arrived."""
        self.stats.begin(now)
        return Call(self.stats.calls, now, self._request_id(self.stats.calls))

    def admit(self, call: Call, authorization: bytes, raw: bytes, now: float) -> Reply | None:
        """Refuse a call at once, or let it in (None) with its tokens reserved and its fault rolled."""
        refused = self._gate.outage(call, now) or self._gate.authenticate(call, authorization, now, counted=True)
        if refused is not None:
            return refused
        try:
            question = read_question(json.loads(raw), logprobs=self._config.logprobs)
        except BadRequestError as error:
            return error_reply(400, error.message, param=error.param, headers=ids(call.request_id))
        except (ValueError, RecursionError):
            return error_reply(400, "invalid JSON in the request body", headers=ids(call.request_id))
        call.question = question
        return self._gate.refuse_model(call, question) or self._reserve(call, question, now)

    def latency_s(self, call: Call) -> float:
        """Return how long an admitted call takes, in real seconds."""
        spread = self._config.latency_jitter * (2 * call.rolls.latency - 1) if call.rolls else 0.0
        return self._config.latency_s * (1 + spread)

    def finish(self, call: Call, now: float) -> Reply:
        """Answer an admitted call, with its fault if it has one, and settle its tokens."""
        question, quota, rolls = call.question, call.quota, call.rolls
        assert question is not None
        assert quota is not None
        assert rolls is not None
        if call.fault in _UNANSWERED:
            return self._fail(call, question, quota, now)
        content, reasoning_tokens = self._content(call, question, rolls)
        quota.settle(call.reserved, question.prompt_tokens - call.cached + call.completion_tokens, now)
        call.reserved = 0
        body = self._completion(call, question, content, reasoning_tokens, now)
        reply = json_reply(200, body, self._headers(call, quota, now))
        return replace(reply, cut=True) if call.fault == "drop" else reply

    def abandon(self, call: Call, now: float) -> None:
        """Give back the tokens of a call that is never answered; harmless for one that was."""
        if call.quota is not None and call.reserved:
            call.quota.settle(call.reserved, 0, now)
            call.reserved = 0
        self._flex_out -= call.in_flex
        call.in_flex = False

    def models(self, authorization: bytes, name: str | None, now: float) -> Reply:
        """List the models, or show one, for a valid key; counts as no call."""
        call = Call(0, now, self._request_id(0))
        refused = self._gate.outage(call, now) or self._gate.authenticate(call, authorization, now, counted=False)
        return refused or self._gate.models(call, name)

    def organization_of(self, authorization: bytes, now: float) -> str | Reply:
        """Return the organization of a valid key, or the refusal; counts as no call."""
        call = Call(0, now, self._request_id(0))
        refused = self._gate.outage(call, now) or self._gate.authenticate(call, authorization, now, counted=False)
        return refused or call.organization

    def answer_line(self, raw: bytes, organization: str, now: float) -> Reply:
        """Answer one line of a batch: no quota, no latency, and of the faults those of an answer alone."""
        self.stats.begin(now)
        call = Call(self.stats.calls, now, self._request_id(self.stats.calls), organization=organization)
        reply = self._line_reply(call, raw, now)
        self.stats.end(call, str(reply.status))
        return reply

    def _line_reply(self, call: Call, raw: bytes, now: float) -> Reply:
        try:
            question = read_question(json.loads(raw), logprobs=self._config.logprobs)
        except (BadRequestError, ValueError, RecursionError) as error:
            return error_reply(400, str(error))
        call.question = question
        refused = self._gate.refuse_model(call, question)
        if refused is not None:
            return refused
        if self._too_large(question):
            return error_reply(413, "Request Entity Too Large", code="request_too_large")
        rolls = self._count(call, question)
        call.fault = call.fault if call.fault in {"invalid", "length"} else None
        content, reasoning_tokens = self._content(call, question, rolls)
        return json_reply(200, self._completion(call, question, content, reasoning_tokens, now))

    def report(self, now: float) -> dict[str, Any]:
        """Return the counters and the level of every quota touched so far."""
        quotas = [
            {
                "organization": organization,
                "model": model,
                "window": level.window,
                "limit": level.limit,
                "used": level.used,
            }
            for (organization, model), quota in self._quotas.items()
            for level in quota.levels(now)
        ]
        misses = self._answerer.replay_misses
        return {**self.stats.as_json(now), "replay_misses": misses, "quotas": quotas}

    def _reserve(self, call: Call, question: Question, now: float) -> Reply | None:
        flex = self._config.flex
        if question.flex and not flex.offered:
            message = "service_tier `flex` is not available for this organization"
            return error_reply(400, message, param="service_tier", headers=ids(call.request_id))
        quota = self._quota(call.organization, question.model, now, flex=question.flex)
        call.cached = self._memory.cached_tokens(call.organization, question, now)
        budget = question.completion or self._config.default_completion_tokens
        tokens = question.prompt_tokens - call.cached + budget
        if self._too_large(question):
            call.fault = "too_large"
            level = quota.level("tpm", now)
            if level is None:  # no quota is too small for it, so it is the server's own bound, which it does not state
                headers = self._headers(call, quota, now)
                return error_reply(413, "Request Entity Too Large", code="request_too_large", headers=headers)
            refusal = Refusal("tpm", level.limit, 0, max(tokens, level.limit + 1), 0.0, never=True)
            return self._refuse(call, question, quota, refusal, now)
        if question.flex and 0 < flex.at_once <= self._flex_out:
            call.fault = "capacity"
            return self._fail(call, question, quota, now)
        refused = quota.reserve(tokens, now)
        if refused is not None:
            return self._refuse(call, question, quota, refused, now)
        call.quota, call.reserved = quota, tokens
        call.in_flex = question.flex
        self._flex_out += question.flex
        self._memory.warm(call.organization, question, now)
        rolls = self._count(call, question)
        if question.flex and rolls.reasoning < flex.full:
            call.fault = "capacity"
        return None

    def _count(self, call: Call, question: Question) -> Rolls:
        """Count a call that the quota let through, and draw its fault; returns what was drawn for it."""
        asked = self._memory.add(question)
        self.stats.count(question, asked)
        call.nth = asked.nth
        call.rolls = self._faults.rolls(question.email_key, call.nth)
        call.fault = self._faults.kind(call.rolls)
        return call.rolls

    def _refuse(self, call: Call, question: Question, quota: Quota, refusal: Refusal, now: float) -> Reply:
        message, kind = rate_limit_text(
            refusal,
            model=question.model,
            organization=call.organization,
            tier=self._config.service_tier,
            odd=self._faults.odd_text(question.email_key, call.ordinal),
        )
        headers = self._headers(call, quota, now)
        if not refusal.never:
            headers = (*headers, *retry_after(refusal.wait_s, self._config.headers))
        status = 413 if refusal.never else 429
        return error_reply(status, message, kind=kind, code="rate_limit_exceeded", headers=headers)

    def _fail(self, call: Call, question: Question, quota: Quota, now: float) -> Reply:
        self.abandon(call, now)
        headers = self._headers(call, quota, now)
        if call.fault == "rate_limit":
            quota.give_back_request(now)
            limit = self._limits(call.organization, question.model).rpm or _USUAL_RPM
            wait_s = MINUTE_S / self._config.scale / limit
            refusal = Refusal("rpm", limit, limit, 1, wait_s, never=False)
            return self._refuse(call, question, quota, refusal, now)
        if call.fault == "capacity":
            message = f"{question.model} is currently over capacity. Please try again and back off exponentially."
            return error_reply(498, message, kind="internal_server_error", code="capacity_exceeded", headers=headers)
        if call.fault == "html":
            return html_reply()
        status, message, kind = _SERVER_ERRORS[call.fault or ""]
        return error_reply(status, message, kind=kind, headers=headers)

    def _too_large(self, question: Question) -> bool:
        keys = [key_of(text) for text in question.pack] or [question.email_key]
        return any(self._faults.fate(key).too_large for key in keys)

    def _content(self, call: Call, question: Question, rolls: Rolls) -> tuple[str, int]:
        """Choose the answer and its reasoning tokens; names the fault that shaped it in the call."""
        budget = question.completion or self._config.default_completion_tokens
        if question.pack:
            return self._packed_content(call, question, rolls, budget)
        label, poison = self._label(question.email, question.email_key, call.nth)
        content = label
        if poison or call.fault == "invalid":
            call.fault = call.fault or "poison"
            content = invalid_answer(label, self._config.labels, rolls.answer)
        reasoning = self._reasoning_tokens(question, rolls)
        spoken = max(1, tokens_of(content))
        if call.fault == "length" or reasoning + spoken > budget:
            call.fault = call.fault or "length"
            content, reasoning, spoken = "", budget, 0
        call.answer, call.completion_tokens = content, reasoning + spoken
        return content, reasoning

    def _label(self, email: str, key: bytes, nth: int, salt: bytes = b"") -> tuple[str, bool]:
        """Return the label of an email in this call, and whether it is never answered validly."""
        fate = self._faults.fate(key)
        label = self._answerer.label(email, key.hex())
        if fate.noisy:
            label = flipped(label, self._config.labels)
        if self._config.unsteady and self._faults.rolls(key + salt, nth).answer < self._config.unsteady:
            label = flipped(label, self._config.labels)
        return label, fate.poison

    def _packed_content(self, call: Call, question: Question, rolls: Rolls, budget: int) -> tuple[str, int]:
        """Answer a pack, each email by its own rule; thinking takes tokens for each of them.

        The fault *invalid* makes one answer unusable, *length* cuts the answer off in its middle.
        """
        keys = [key_of(text) for text in question.pack]
        known = [
            self._label(text, key, call.nth, question.email_key) for text, key in zip(question.pack, keys, strict=True)
        ]
        leans = [self._faults.rolls(key + question.email_key, 1).reasoning < self._config.lean for key in keys]
        labels = colored(
            [label for label, _ in known],
            question.pack,
            leans,
            injectable=self._config.injectable,
            of=self._config.labels,
        )
        wrong = int(rolls.answer * len(labels)) if call.fault == "invalid" else None
        answers = []
        for at, label in enumerate(labels):
            poison = known[at][1]
            if poison:
                call.fault = call.fault or "poison"
            usable = not poison and at != wrong
            answers.append(label if usable else invalid_answer(label, self._config.labels, rolls.answer).strip())
        content = packed_content(answers, schema=question.schema)
        reasoning = sum(self._reasoning_tokens(question, self._faults.rolls(key, 1)) for key in keys)
        spoken = tokens_of(content)
        if call.fault == "length":
            content = content[: len(content) // 2]
            spoken, call.cut = tokens_of(content), True
        elif reasoning + spoken > budget:
            call.fault = call.fault or "length"
            content, reasoning, spoken = "", budget, 0
        call.answer, call.completion_tokens = content, reasoning + spoken
        return content, reasoning

    def _reasoning_tokens(self, question: Question, rolls: Rolls) -> int:
        if not self._config.reasoning or not ("gpt-oss" in question.model or "qwen" in question.model):
            return 0
        typical = _REASONING_TOKENS.get(question.effort or "medium", 60)
        return int(typical * (0.5 + rolls.reasoning))

    def _completion(
        self, call: Call, question: Question, content: str, reasoning_tokens: int, now: float
    ) -> dict[str, Any]:
        message = {"role": "assistant", "content": content}
        if reasoning_tokens and question.include_reasoning:
            message["reasoning"] = "The email is weighed against the rubric, and a label is chosen."
        choice = {
            "index": 0,
            "message": message,
            "logprobs": self._logprobs(call, question, content) if question.logprobs else None,
            "finish_reason": "stop" if content and not call.cut else "length",
        }
        took_s = max(0.0, now - call.started_at)
        return {
            "id": f"chatcmpl-{call.request_id[4:]}",
            "object": "chat.completion",
            "created": int(self._epoch + now),
            "model": question.model,
            "choices": [choice],
            "usage": {
                "queue_time": round(took_s * 0.1, 6),
                "prompt_tokens": question.prompt_tokens,
                "prompt_time": round(took_s * 0.3, 6),
                "completion_tokens": call.completion_tokens,
                "completion_time": round(took_s * 0.6, 6),
                "total_tokens": question.prompt_tokens + call.completion_tokens,
                "total_time": round(took_s * 0.9, 6),
                "prompt_tokens_details": {"cached_tokens": call.cached},
                "completion_tokens_details": {"reasoning_tokens": reasoning_tokens},
            },
            "system_fingerprint": "fp_simulator",
            "service_tier": "flex" if question.flex else self._config.service_tier,
            "x_groq": {"id": call.request_id},
        }

    def _logprobs(self, call: Call, question: Question, content: str) -> dict[str, Any]:
        """Return invented probabilities of an answer's characters, between 0.5 and 1: the same for the same text."""
        found = []
        for at, character in enumerate(content):
            roll = self._faults.rolls(question.email_key + at.to_bytes(4), call.nth).reasoning
            found.append(
                {
                    "token": character,
                    "logprob": round(math.log(1.0 - 0.5 * roll**4), 6),
                    "bytes": list(character.encode()),
                    "top_logprobs": [],
                }
            )
        return {"content": found}

    def _limits(self, organization: str, model: str) -> Limits:
        known = self._organizations.get(organization) or OrganizationConfig(organization)
        return known.by_model.get(model, known.limits)

    def _quota(self, organization: str, model: str, now: float, *, flex: bool = False) -> Quota:
        name = f"{model} (flex)" if flex else model
        quota = self._quotas.get((organization, name))
        if quota is None:
            limits = self._limits(organization, model)
            if flex:
                limits = Limits(
                    *(None if each is None else 10 * each for each in (limits.rpm, limits.rpd, limits.tpm, limits.tpd))
                )
            quota = Quota(limits, now, scale=self._config.scale)
            self._quotas[(organization, name)] = quota
        return quota

    def _headers(self, call: Call, quota: Quota, now: float) -> tuple[Header, ...]:
        levels = quota.level("rpd", now), quota.level("tpm", now)
        return (*ids(call.request_id), *quota_headers(*levels, self._config.headers))

    def _request_id(self, ordinal: int) -> str:
        digest = hashlib.blake2b(f"{self._config.seed}:{ordinal}".encode(), digest_size=13)
        return "req_" + digest.hexdigest()
