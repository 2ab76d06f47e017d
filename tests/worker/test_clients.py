"""The clients of a worker: one for each key and tier, what they know of a server, and the keys that batches are sent with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import QuotaFileError
from core.llm.task import builtin_task
from core.model import ChatMessage
from core.worker import clients
from core.worker.clients import BatchKeys, ClientPool, build_guard
from core.worker.lanes.batch import BatchKey
from core.worker.lanes.tiers import FlexClient

TASK = builtin_task()


class Client:
    """A client that keeps what it was made with."""

    def __init__(self, secret: str, **given: Any) -> None:
        self.secret, self.given, self.closed = secret, given, 0
        self.error: Exception | None = None

    async def aclose(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


class Memory:
    """What workers before learned of a server; ``broken``: the ledger cannot be read or written."""

    def __init__(self, *, broken: bool = False) -> None:
        self.broken, self.kept, self.asked = broken, list[tuple[str, str, str]](), list[str]()

    def refused_settings(self, model: str) -> dict[str, str]:
        self.asked.append(model)
        if self.broken:
            raise QuotaFileError("it cannot be read")
        return {"seed": "no seed"}

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        if self.broken:
            raise QuotaFileError("it cannot be written")
        self.kept.append((model, name, words))


@pytest.fixture(autouse=True)
def _no_sdk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.llm.client.ChatClient", Client)
    monkeypatch.setattr("core.llm.batches.BatchClient", Client)


def grant(alias: str = "main", secret: str = "s", lane: str = "live") -> Any:
    return SimpleNamespace(alias=alias, secret=SimpleNamespace(value=secret), lane=lane)


def test_a_key_has_one_client_for_each_tier_until_its_secret_changes() -> None:
    """All of them share what is known of the server."""
    pool = ClientPool("http://h/v1", TASK)
    first: Any = pool.of(grant())
    again: Any = pool.of(grant())
    assert again is first
    other: Any = pool.of(grant("spare"))
    changed: Any = pool.of(grant(secret="t"))
    flex: Any = pool.of(grant(lane="flex"))
    kept: list[Any] = [pool.of(grant(secret="t")), pool.of(grant(lane="flex"))]
    assert kept == [changed, flex]
    made: list[Any] = [first, other, changed, flex]
    assert len({id(each) for each in made}) == 4
    assert [each.secret for each in made] == ["s", "s", "t", "s"]
    assert [each.given["tier"] for each in made] == ["", "", "", "flex"]
    assert {id(each.given["dialect"]) for each in made} == {id(first.given["dialect"])}
    assert first.given["base_url"] == "http://h/v1"
    assert first.given["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"] == ["1", "0"]


@pytest.mark.parametrize(
    ("lane", "tiers", "wrapped"), [("flex", True, True), ("flex", False, False), ("live", True, False)]
)
def test_a_reply_in_the_second_tier_is_looked_at(lane: str, tiers: bool, wrapped: bool) -> None:
    """Where there are two tiers at all."""
    pool = ClientPool(None, TASK)
    pool.tiers = SimpleNamespace() if tiers else None  # type: ignore[assignment]
    assert isinstance(pool.of(grant(lane=lane)), FlexClient) is wrapped
    client: Any = object()
    assert (pool.in_tier(grant(lane=lane), client) is client) is not wrapped


def test_another_version_of_the_task_has_clients_of_its_own() -> None:
    """What was learned of the server holds for a model, and is recalled once for each."""
    memory = Memory()
    pool = ClientPool(None, TASK, memory=memory)
    first: Any = pool.of(grant())
    pool.renew(replace(TASK, rubric="Another one."))
    second: Any = pool.of(grant())
    assert second is not first
    assert second.given["dialect"] is first.given["dialect"]
    pool.renew(replace(TASK, model=replace(TASK.model, model="other")))
    third: Any = pool.of(grant())
    assert third.given["dialect"] is not first.given["dialect"]
    assert memory.asked == [TASK.model.model, "other"]
    assert pool.task.model.model == "other"


@pytest.mark.parametrize(
    ("make", "known", "kept"),
    [
        (Memory, {"seed": "no seed"}, [(TASK.model.model, "stop", "no stop")]),
        (lambda: Memory(broken=True), {}, []),
        (lambda: None, {}, []),
    ],
)
def test_what_a_server_refuses_is_recalled_and_remembered(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Memory | None], known: dict[str, str], kept: list[Any]
) -> None:
    """A ledger that cannot be used costs one more refusal, nothing else."""
    monkeypatch.setattr(clients, "Dialect", lambda **given: given)
    memory = make()
    pool = ClientPool("http://h/v1/chat/completions", TASK, print, memory)
    made: Any = pool.of(grant())
    dialect = made.given["dialect"]
    assert (dialect["plain"], dialect["noted"], dialect["known"]) == (True, print, known)
    dialect["learned"]("stop", "no stop")
    assert (memory.kept if memory is not None else []) == kept


@pytest.mark.parametrize(
    ("base_url", "plain"),
    [(None, False), ("https://api.groq.com/openai/v1", False), ("http://h/v1/chat/completions", True)],
)
def test_the_style_of_a_server_follows_from_its_address(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None, plain: bool
) -> None:
    """Without an address it is Groq's."""
    monkeypatch.setattr(clients, "Dialect", lambda **given: given)
    made: Any = ClientPool(base_url, TASK).of(grant())
    assert made.given["dialect"]["plain"] is plain


@pytest.mark.parametrize("schema", [True, False])
def test_a_request_of_a_batch_has_neither_stream_nor_tier(schema: bool) -> None:
    """Nor what the server is known to refuse; whatever else the task says is in it."""
    extra = '{"stream": true, "stream_options": {}, "service_tier": "flex", "top_p": 0.5}'
    task = replace(
        TASK, model=replace(TASK.model, schema=schema, seed=7, stop=("x",), temperature=0.0, extra_body=extra)
    )
    pool = ClientPool(None, task, memory=Memory())
    body = pool.body([ChatMessage("system", "rubric"), ChatMessage("user", "text")])
    assert body["model"] == task.model.model
    assert body["messages"] == [{"role": "system", "content": "rubric"}, {"role": "user", "content": "text"}]
    assert (body["temperature"], body["stop"], body["top_p"]) == (0.0, ["x"], 0.5)
    assert task.model.max_completion_tokens in body.values()
    assert not {"seed", "stream", "stream_options", "service_tier"} & set(body)
    assert ("response_format" in body) is schema


@pytest.mark.asyncio
async def test_every_client_is_closed_whatever_one_of_them_meets() -> None:
    """An error on the way is nobody's."""
    pool = ClientPool(None, TASK)
    made: list[Any] = [pool.of(grant(alias)) for alias in "ab"]
    made[0].error = ValueError()
    await pool.aclose()
    assert [each.closed for each in made] == [1, 1]


@pytest.mark.parametrize(("judge", "tolerant"), [("tolerant", TASK.labels), ("strict", ())])
def test_the_validation_of_a_task_knows_its_labels(monkeypatch: pytest.MonkeyPatch, judge: str, tolerant: Any) -> None:
    """The tolerant one reads around them."""
    monkeypatch.setattr("core.llm.validation.AnswerGuard", lambda *given, **named: (given, named))
    monkeypatch.setattr("core.llm.task.pattern", lambda task: f"pattern of {task.name}")
    guard: Any = build_guard(replace(TASK, judge=judge))
    assert guard == (
        (["1", "0"], f"pattern of {TASK.name}"), {"schema": TASK.model.schema, "tolerant": tolerant},
    )  # fmt: skip


def keys(*given: tuple[str, str, str, bool, str | None]) -> Any:
    """A key store: alias, fingerprint, organization, whether it is enabled, why it is invalid."""
    return SimpleNamespace(
        records=lambda: {
            print_: SimpleNamespace(label=label, enabled=enabled, invalid_reason=why)
            for _, print_, label, enabled, why in given
            if print_
        },
        secrets=lambda: [SimpleNamespace(alias=each[0], fingerprint=each[1], value=f"gsk_{each[0]}") for each in given],
    )


def test_batches_are_sent_with_keys_in_use_one_of_each_organization_first() -> None:
    """No key that is unknown, disabled or refused."""
    store = keys(
        ("a", "1", "org-1", True, None), ("b", "2", "org-1", True, None), ("c", "3", "org-2", True, None),
        ("d", "4", "org-3", False, None), ("e", "5", "org-4", True, "401"), ("f", "", "org-5", True, None),
        ("g", "7", "org-2", True, None),
    )  # fmt: skip
    found = BatchKeys(store, ClientPool(None, TASK), None).usable_keys()
    by_organization = [(each.alias, each.organization) for each in found]
    assert sorted(by_organization[:2]) == [("a", "org-1"), ("c", "org-2")]
    assert by_organization[2:] == [("b", "org-1"), ("g", "org-2")]
    assert found[2] == BatchKey("b", "org-1")


def test_a_key_has_one_client_for_batches_until_its_secret_changes() -> None:
    """None where the key is gone."""
    store = keys(("a", "1", "org-1", True, None))
    batch = BatchKeys(store, ClientPool(None, TASK), "http://h/v1")
    first: Any = batch.client("a")
    assert (first.secret, first.given) == ("gsk_a", {"base_url": "http://h/v1"})
    assert batch.client("a") is first
    assert batch.client("b") is None
    store.secrets = lambda: [SimpleNamespace(alias="a", value="gsk_new")]
    second: Any = batch.client("a")
    assert second is not first
    assert second.secret == "gsk_new"
    assert batch.client("a") is second
    assert batch.body([ChatMessage("user", "text")])["messages"] == [{"role": "user", "content": "text"}]
