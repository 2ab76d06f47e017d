"""Call the interface of files and batches that Groq and OpenAI share: upload, create, list, find again, cancel, read.

Nothing is retried here, and no reply is trusted to have arrived: a create whose reply is lost may have made a batch all
the same, which :meth:`BatchClient.batches` finds. There is no idempotency key on any server.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from core.errors import CallError, ConnectionFailedError, ServerFailedError
from core.files import written_whole
from core.llm.failures import clean, failure_of, read_refusal
from core.server_address import normalize_base_url

ENDED = frozenset({"completed", "expired", "cancelled", "failed"})
"""States in which a batch stays; whoever waits for *completed* alone waits for ever."""

TIMEOUT_S = 60.0
UPLOAD_TIMEOUT_S = 600.0
MOST_PAGES = 50
"""Pages of a listing that are read at most: batches and files of weeks."""
MOST_JSON_BYTES = 8_000_000
"""A page of a listing has 100 entries of some hundred bytes."""
MOST_FILE_BYTES = 2_000_000_000
"""Results of the most that a batch holds, 50,000 lines, with 40 kB each."""
_PAGE = 100


@dataclass(frozen=True, slots=True)
class BatchStatus:
    """Hold what a server says of a batch: ``nonce`` as we gave it, where the server keeps it; ``why`` in its words."""

    id: str
    status: str
    input_file_id: str
    nonce: str
    total: int
    completed: int
    failed: int
    output_file_id: str | None
    error_file_id: str | None
    created_at: float
    expires_at: float | None
    code: str
    why: str

    @property
    def ended(self) -> bool:
        """Return whether nothing more comes of it."""
        return self.status in ENDED


class BatchClient:
    """Ask one server with one key; close it with :meth:`aclose`. Every method raises a leaf of CallError."""

    def __init__(
        self, secret: str, *, base_url: str | None = None, transport: httpx.AsyncBaseTransport | None = None
    ) -> None:
        from core.llm.client import checked_secret  # noqa: PLC0415 - brings the SDK, for a worker alone

        self._secret = checked_secret(secret)
        address = normalize_base_url(base_url)
        self._host = address.host
        self._root = address.chat_url.partition("?")[0].removesuffix("/chat/completions")
        self._http = httpx.AsyncClient(
            transport=transport,
            headers={"authorization": f"Bearer {secret}"},
            timeout=TIMEOUT_S,
            follow_redirects=False,
        )

    def __repr__(self) -> str:
        return f"<BatchClient at {self._host}>"

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def upload(self, name: str, content: bytes) -> str:
        """Upload the questions of a batch under a name, and return the file's id."""
        body = await self._json(
            "POST",
            "/files",
            files={"file": (name, content, "application/jsonl")},
            data={"purpose": "batch"},
            timeout=UPLOAD_TIMEOUT_S,
        )
        return self._id(body)

    async def file_named(self, name: str) -> str | None:
        """Return the id of the newest uploaded file of that name, or None."""
        async for each in self._listed("/files"):
            if each.get("filename") == name and isinstance(each.get("id"), str):
                return str(each["id"])
        return None

    async def create(self, file_id: str, *, window: str, metadata: Mapping[str, str]) -> BatchStatus:
        """Have a batch made of an uploaded file, to be done within ``window`` (``24h``)."""
        wanted = {
            "input_file_id": file_id,
            "endpoint": "/v1/chat/completions",
            "completion_window": window,
            "metadata": dict(metadata),
        }
        return self._status(await self._json("POST", "/batches", json=wanted))

    async def batch(self, batch_id: str) -> BatchStatus:
        """Return how a batch is."""
        return self._status(await self._json("GET", f"/batches/{quote(batch_id, safe='')}"))

    async def batches(self, since_at: float) -> AsyncIterator[BatchStatus]:
        """Yield the batches that were made since then, newest first."""
        async for each in self._listed("/batches"):
            status = self._status(each)
            if status.created_at and status.created_at < since_at:
                return
            yield status

    async def cancel(self, batch_id: str) -> None:
        """Ask that a batch ends early; what it has done by then is kept, and paid."""
        await self._json("POST", f"/batches/{quote(batch_id, safe='')}/cancel")

    async def download(self, file_id: str, path: Path) -> None:
        """Write a file of results to ``path``, whole or not at all."""
        try:
            async with self._http.stream("GET", f"{self._root}/files/{quote(file_id, safe='')}/content") as response:
                if response.status_code != 200:
                    raise self._failed(response, await self._read(response))
                with written_whole(path) as part, part.open("wb") as file:
                    async for piece in response.aiter_bytes():
                        file.write(piece)
                        if file.tell() > MOST_FILE_BYTES:
                            raise ServerFailedError(
                                f"{self._host}: the results have more than {MOST_FILE_BYTES:,} bytes."
                            )
        except httpx.HTTPError as error:
            raise self._unreached(error) from None

    async def delete(self, file_id: str) -> None:
        """Have a file removed from the server."""
        await self._json("DELETE", f"/files/{quote(file_id, safe='')}")

    # -- inside ----------------------------------------------------------------------------------------------------

    async def _listed(self, path: str) -> AsyncIterator[dict[str, Any]]:
        """Yield the entries of a listing over all its pages, by OpenAI's ``after`` or Groq's cursor."""
        query = {"limit": str(_PAGE)}
        for _ in range(MOST_PAGES):
            body = await self._json("GET", path, params=query)
            data = [each for each in body.get("data") or () if isinstance(each, dict)]
            for each in data:
                yield each
            paging = body.get("paging")
            cursor = paging.get("next_cursor") if isinstance(paging, dict) else None
            if isinstance(cursor, str) and cursor:
                query = {"limit": str(_PAGE), "cursor": cursor}
            elif body.get("has_more") and data:
                query = {"limit": str(_PAGE), "after": str(data[-1].get("id"))}
            else:
                return

    async def _json(self, method: str, path: str, **given: Any) -> dict[str, Any]:
        try:
            async with self._http.stream(method, self._root + path, **given) as response:
                content = await self._read(response)
        except (httpx.HTTPError, OSError) as error:
            raise self._unreached(error) from None
        if not 200 <= response.status_code < 300:
            raise self._failed(response, content)
        try:
            body = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise ServerFailedError(f"{self._host}{path} answered with no JSON object.", status=response.status_code)
        return body

    async def _read(self, response: httpx.Response) -> bytes:
        """Return a body that is no file; raise ServerFailedError where it grows beyond what a listing can be."""
        content = bytearray()
        async for piece in response.aiter_bytes():
            content += piece
            if len(content) > MOST_JSON_BYTES:
                raise ServerFailedError(
                    f"{self._host} answered with more than {MOST_JSON_BYTES:,} bytes.", status=response.status_code
                )
        return bytes(content)

    def _failed(self, response: httpx.Response, content: bytes) -> CallError:
        try:
            body: object = json.loads(content)
        except (ValueError, RecursionError):
            body = None
        headers = {name: value.replace(self._secret, "(the key)") for name, value in response.headers.items()}
        return failure_of(
            response.status_code, read_refusal(body), host=self._host, headers=headers, secret=self._secret,
            url=str(response.request.url) if response.status_code in (404, 405, 501) else "",
        )  # fmt: skip

    def _unreached(self, error: Exception) -> ConnectionFailedError:
        words = clean(f"{type(error).__name__} {error}".strip(), self._secret)
        return ConnectionFailedError(f"No connection to {self._host}, or it broke: {words}.")

    def _id(self, body: Mapping[str, Any]) -> str:
        if not isinstance(body.get("id"), str) or not body["id"]:
            raise ServerFailedError(f"{self._host} answered without an id.", status=200)
        return str(body["id"])

    def _status(self, body: Mapping[str, Any]) -> BatchStatus:
        counts, errors, metadata = (_table(body.get(name)) for name in ("request_counts", "errors", "metadata"))
        data = errors.get("data")
        first = _table(data[0]) if isinstance(data, list) and data else {}
        return BatchStatus(
            id=self._id(body),
            status=str(body.get("status") or ""),
            input_file_id=str(body.get("input_file_id") or ""),
            nonce=str(metadata.get("labeltui_parcel") or ""),
            total=_count(counts.get("total")),
            completed=_count(counts.get("completed")),
            failed=_count(counts.get("failed")),
            output_file_id=_file_id(body.get("output_file_id")),
            error_file_id=_file_id(body.get("error_file_id")),
            created_at=float(_count(body.get("created_at"))),
            expires_at=float(_count(body.get("expires_at"))) or None,
            code=str(first.get("code") or ""),
            why=clean(str(first.get("message") or first.get("code") or ""), self._secret),
        )


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: object) -> int:
    return int(value) if isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e15 else 0


def _file_id(value: object) -> str | None:
    """Return the id of a file; Groq writes ``{}`` where there is none."""
    return value if isinstance(value, str) and value else None
