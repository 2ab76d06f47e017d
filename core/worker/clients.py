"""Hold the clients that a worker asks with, one a key, for live calls and batches, and the validation of answers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from core.errors import QuotaFileError
from core.llm.answers import schema_of
from core.llm.dialect import STREAM, Dialect, optional_fields
from core.model import ChatMessage, Task
from core.quota.keys.store import KeyStore
from core.quota.pacing.broker import Grant
from core.server_address import PathStyle, normalize_base_url
from core.worker.lanes.batch import BatchKey
from core.worker.lanes.tiers import FLEX, FlexClient, TieredPacer
from core.worker.settle import Asks

if TYPE_CHECKING:
    from core.llm.batches import BatchClient
    from core.llm.client import ChatClient
    from core.llm.validation import AnswerGuard


def build_guard(task: Task) -> AnswerGuard:
    """Return the validation of the task's answers; once loaded it takes 120 MB, so only a worker builds one."""
    from core.llm.task import pattern  # noqa: PLC0415
    from core.llm.validation import AnswerGuard  # noqa: PLC0415

    return AnswerGuard(
        [label.value for label in task.labels],
        pattern(task),
        schema=task.model.schema,
        tolerant=task.labels if task.judge == "tolerant" else (),
    )


class KeepsRefusedSettings(Protocol):
    """Describe what the pool of clients needs of the key store."""

    def refused_settings(self, model: str) -> dict[str, str]:
        """Return what the server refused for a model of late, with its words."""

    def refuse_setting(self, model: str, name: str, words: str) -> None:
        """Keep that the server refused a setting for a model."""


class ClientPool:
    """Keep one client for each key until the worker ends; ``noted`` is called with what the server refuses.

    What was learned of the server holds for one model: another version of the task may have another. ``memory`` keeps
    it for the workers to come.
    """

    def __init__(
        self,
        base_url: str | None,
        task: Task,
        noted: Callable[[str], None] = lambda _: None,
        memory: KeepsRefusedSettings | None = None,
    ) -> None:
        self._memory = memory
        self._base_url = base_url
        self._noted = noted
        self._clients: dict[str, tuple[str, ChatClient]] = {}
        self._dialects: dict[str, Dialect] = {}
        self.task = task
        self.tiers: TieredPacer | None = None

    def of(self, grant: Grant) -> Asks:
        """Return the client of the granted key for the granted tier; a new one where the key's secret changed."""
        from core.llm.client import ChatClient  # noqa: PLC0415 - brings the SDK, which takes its time

        secret = grant.secret.value
        tier = FLEX if grant.lane == FLEX else ""
        name = f"{grant.alias} {tier}"
        known = self._clients.get(name)
        if known is None or known[0] != secret:
            client = ChatClient(
                secret,
                base_url=self._base_url,
                dialect=self._dialect(),
                response_format=schema_of(self.task.labels),
                tier=tier,
            )
            self._clients[name] = known = (secret, client)
        return self.in_tier(grant, known[1])

    def in_tier(self, grant: Grant, client: Asks) -> Asks:
        """Return what asks in the granted tier with a client, and reads what its first reply says of the tier."""
        return FlexClient(client, self.tiers) if grant.lane == FLEX and self.tiers is not None else client

    def renew(self, task: Task) -> None:
        """Ask by another version of the task from now on; clients are made anew, calls in flight have ended."""
        self.task = task
        self._clients.clear()

    def _dialect(self) -> Dialect:
        model = self.task.model.model
        if model not in self._dialects:
            plain = normalize_base_url(self._base_url).path_style is PathStyle.PLAIN
            self._dialects[model] = Dialect(
                plain=plain, noted=self._noted, known=self._recalled(model), learned=partial(self._remember, model)
            )
        return self._dialects[model]

    def _recalled(self, model: str) -> dict[str, str]:
        with contextlib.suppress(QuotaFileError):  # then the server is asked once more
            return self._memory.refused_settings(model) if self._memory is not None else {}
        return {}

    def _remember(self, model: str, name: str, words: str) -> None:
        with contextlib.suppress(QuotaFileError):
            if self._memory is not None:
                self._memory.refuse_setting(model, name, words)

    def body(self, asked: Sequence[ChatMessage]) -> dict[str, Any]:
        """Return the body of a request by the active version, without what the server is known to refuse."""
        optional = optional_fields(self.task.model, schema_of(self.task.labels))
        fields = self._dialect().fields(optional)
        for name in (STREAM, "stream_options", "service_tier"):  # a batch has neither stream nor tier
            fields.pop(name, None)
        messages = [{"role": each.role, "content": each.content} for each in asked]
        return {"model": self.task.model.model, "messages": messages, **fields}

    async def aclose(self) -> None:
        """Close every pool."""
        for _, client in self._clients.values():
            with contextlib.suppress(Exception):
                await client.aclose()


class BatchKeys:
    """Hold the keys that batches can be sent with, and a client for each."""

    def __init__(self, keys: KeyStore, clients: ClientPool, base_url: str | None) -> None:
        self._keys = keys
        self._clients = clients
        self._base_url = base_url
        self._made: dict[str, tuple[str, BatchClient]] = {}

    def usable_keys(self) -> Sequence[BatchKey]:
        """Return the keys in use that the server does not refuse, one of each organization first."""
        records = self._keys.records()
        found = [
            BatchKey(secret.alias, records[secret.fingerprint].label)
            for secret in self._keys.secrets()
            if secret.fingerprint in records
            and records[secret.fingerprint].enabled
            and records[secret.fingerprint].invalid_reason is None
        ]
        firsts = {key.organization: key for key in reversed(found)}
        return [*firsts.values(), *(key for key in found if firsts[key.organization] != key)]

    def client(self, alias: str) -> BatchClient | None:
        """Return the client of a key, or None where that is gone."""
        secret = next((each.value for each in self._keys.secrets() if each.alias == alias), None)
        if secret is None:
            return None
        known = self._made.get(alias)
        if known is None or known[0] != secret:
            from core.llm.batches import BatchClient  # noqa: PLC0415 - brings the SDK, which takes its time

            self._made[alias] = known = (secret, BatchClient(secret, base_url=self._base_url))
        return known[1]

    def body(self, asked: Sequence[ChatMessage]) -> Mapping[str, Any]:
        """Return the body of a request, without what the server is known to refuse."""
        return self._clients.body(asked)
