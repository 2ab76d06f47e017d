"""The client of files and batches, over a transport without sockets: what it asks, and what it makes of each answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from core.errors import CallError, ConnectionFailedError, KeyRefusedError, ModelGoneError, ServerFailedError
from core.llm import batches
from core.llm.batches import BatchClient, BatchStatus

SECRET = "gsk_test_0123456789"
ROOT = "https://h.example/v1"
BATCH: dict[str, Any] = {
    "id": "batch_1",
    "status": "in_progress",
    "input_file_id": "file-1",
    "metadata": {"labeltui_parcel": "nonce"},
    "request_counts": {"total": 9, "completed": 5, "failed": 2},
    "output_file_id": "file-2",
    "error_file_id": {},
    "created_at": 1_000,
    "expires_at": 2_000.9,
    "errors": None,
}


def client_of(*answers: Any) -> tuple[BatchClient, list[httpx.Request]]:
    """A client of a server that gives these answers in turn (JSON, a response, or an error), and what it was asked."""
    asked: list[httpx.Request] = []
    left = list(answers)

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        now = left.pop(0)
        if isinstance(now, Exception):
            raise now
        return now if isinstance(now, httpx.Response) else httpx.Response(200, json=now)

    return BatchClient(SECRET, base_url=ROOT, transport=httpx.MockTransport(answer)), asked


def contents(folder: Path) -> list[bytes]:
    """The contents of all files in a folder."""
    return [each.read_bytes() for each in folder.iterdir()]


async def status_of(**changes: Any) -> BatchStatus:
    """What is read of a batch with some fields changed."""
    return await client_of({**BATCH, **changes})[0].batch("batch_1")


@pytest.mark.asyncio
async def test_a_batch_is_created_with_its_window_and_metadata() -> None:
    """The answer is read field by field; Groq's empty object for a file that is not there is none."""
    client, asked = client_of(BATCH)
    status = await client.create("file-1", window="24h", metadata={"labeltui_parcel": "nonce"})
    assert (asked[0].method, str(asked[0].url)) == ("POST", f"{ROOT}/batches")
    assert asked[0].headers["authorization"] == f"Bearer {SECRET}"
    assert asked[0].extensions["timeout"]["read"] == 60.0
    assert json.loads(asked[0].content) == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"labeltui_parcel": "nonce"},
    }
    assert status == BatchStatus(
        "batch_1", "in_progress", "file-1", "nonce", 9, 5, 2, "file-2", None, 1_000.0, 2_000.0, "", ""
    )
    assert repr(client) == "<BatchClient at h.example>"


@pytest.mark.asyncio
async def test_a_file_is_uploaded_with_ten_minutes_to_do_so() -> None:
    """As a form with its purpose; the id that comes back is the file's."""
    client, asked = client_of({"id": "file-7"})
    assert await client.upload("questions.jsonl", b'{"a": 1}\n') == "file-7"
    assert (asked[0].method, str(asked[0].url)) == ("POST", f"{ROOT}/files")
    assert asked[0].extensions["timeout"] == dict.fromkeys(("connect", "read", "write", "pool"), 600.0)
    form = asked[0].content
    assert b'name="purpose"\r\n\r\nbatch\r\n' in form
    assert b'name="file"; filename="questions.jsonl"\r\nContent-Type: application/jsonl\r\n\r\n{"a": 1}\n' in form


@pytest.mark.asyncio
async def test_names_in_an_address_are_quoted_and_each_call_has_its_method() -> None:
    """A file's or batch's id is the server's word; it changes no path."""
    client, asked = client_of(BATCH, {}, {})
    await client.batch("a/b?c")
    await client.cancel("a/b")
    await client.delete("a/b")
    assert [(each.method, each.url.raw_path) for each in asked] == [
        ("GET", b"/v1/batches/a%2Fb%3Fc"), ("POST", b"/v1/batches/a%2Fb/cancel"), ("DELETE", b"/v1/files/a%2Fb"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "seen"),
    [
        ({"request_counts": None}, {"total": 0, "completed": 0, "failed": 0}),
        ({"request_counts": {"total": True, "completed": "5", "failed": -1}}, {"total": 0, "completed": 0, "failed": 0}),
        ({"request_counts": {"total": 1, "completed": 1e15, "failed": 0.5}}, {"total": 1, "completed": 0, "failed": 0}),
        ({"request_counts": {"total": 999_999_999_999_999}}, {"total": 999_999_999_999_999}),
        ({"created_at": None, "expires_at": 0}, {"created_at": 0.0, "expires_at": None}),
        ({"metadata": []}, {"nonce": ""}), ({"metadata": {"other": "x"}}, {"nonce": ""}),
        ({"status": None, "input_file_id": None}, {"status": "", "input_file_id": ""}),
        ({"output_file_id": "", "error_file_id": "file-3"}, {"output_file_id": None, "error_file_id": "file-3"}),
        ({"errors": {"data": [{"code": "c", "message": "m"}, {"code": "d"}]}}, {"code": "c", "why": "m"}),
        ({"errors": {"data": [{"code": "c"}]}}, {"code": "c", "why": "c"}),
        ({"errors": {"data": [{"message": f"for {SECRET}\nno"}]}}, {"code": "", "why": "for (the key) no"}),
        ({"errors": {"data": []}}, {"code": "", "why": ""}), ({"errors": {"data": {"code": "c"}}}, {"code": "", "why": ""}),
        ({"errors": {"data": ["words"]}}, {"code": "", "why": ""}),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_what_a_server_says_of_a_batch_is_read_whatever_its_type(
    changes: dict[str, Any], seen: dict[str, Any]
) -> None:
    """Counts that cannot be true are none; of several errors the first is told, without the key."""
    status = await status_of(**changes)
    assert {name: getattr(status, name) for name in seen} == seen


@pytest.mark.parametrize(
    ("word", "ended"),
    [
        ("completed", True), ("expired", True), ("cancelled", True), ("failed", True), ("in_progress", False),
        ("validating", False), ("finalizing", False), ("cancelling", False), ("", False),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_batch_has_ended_in_four_states(word: str, ended: bool) -> None:
    """In any other one something may still come of it."""
    assert (await status_of(status=word)).ended is ended


def page(*ids: str, **more: Any) -> dict[str, Any]:
    """A page of a listing of files, each named like its id."""
    return {"data": [{"id": each, "filename": f"{each}.jsonl"} for each in ids], **more}


@pytest.mark.parametrize(
    ("pages", "queries", "found"),
    [
        ([page("a", "w")], ["limit=100"], "w"), ([page("a")], ["limit=100"], None), ([page()], ["limit=100"], None),
        ([{"data": None}], ["limit=100"], None), ([{}], ["limit=100"], None), ([{"data": [7, "w"]}], ["limit=100"], None),
        ([page("a", "b", has_more=True), page("w")], ["limit=100", "limit=100&after=b"], "w"),
        ([page("a", has_more=False)], ["limit=100"], None), ([page(has_more=True)], ["limit=100"], None),
        ([page("a", paging={"next_cursor": "c"}), page("w")], ["limit=100", "limit=100&cursor=c"], "w"),
        ([page("a", paging={"next_cursor": "c"}, has_more=True), page("w")], ["limit=100", "limit=100&cursor=c"], "w"),
        ([page("a", paging={"next_cursor": ""})], ["limit=100"], None), ([page("a", paging={"next_cursor": 7})], ["limit=100"], None),
        ([page("a", paging="c")], ["limit=100"], None),
        ([{"data": [{"filename": "w.jsonl", "id": 7}, {"filename": "w.jsonl", "id": "x"}]}], ["limit=100"], "x"),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_a_file_is_looked_for_on_all_pages(pages: list[Any], queries: list[str], found: str | None) -> None:
    """By Groq's cursor or OpenAI's last id, until a page has no next one; the search ends with the first of that name."""
    client, asked = client_of(*pages)
    assert await client.file_named("w.jsonl") == found
    assert [each.url.query.decode() for each in asked] == queries


@pytest.mark.asyncio
async def test_no_more_than_fifty_pages_are_read() -> None:
    """A server that never ends its listing does not hold up a run."""
    client, asked = client_of(*[page("a", has_more=True)] * 60)
    assert await client.file_named("w.jsonl") is None
    assert len(asked) == 50


@pytest.mark.parametrize(("ages", "seen"), [([30, 20, 19], [30, 20]), ([30, 0, 25], [30, 0, 25]), ([19, 30], [])])
@pytest.mark.asyncio
async def test_batches_are_listed_back_to_a_moment(ages: list[int], seen: list[int]) -> None:
    """Newest first; one without a time is not taken for older."""
    client, asked = client_of({"data": [{**BATCH, "created_at": at} for at in ages]})
    found: AsyncIterator[BatchStatus] = client.batches(20.0)
    assert [each.created_at async for each in found] == seen
    assert asked[0].url.path == "/v1/batches"


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        ({"id": ""}, ServerFailedError, "h.example answered without an id."),
        ({"id": 7}, ServerFailedError, "h.example answered without an id."),
        ([1], ServerFailedError, "h.example/files answered with no JSON object."),
        (httpx.Response(200, content=b"{"), ServerFailedError, "h.example/files answered with no JSON object."),
        (httpx.Response(200, content=b"[" * 100_000), ServerFailedError, "answered with no JSON object."),
        (httpx.Response(300, json={"id": "f"}), ModelGoneError, "h.example answered 300"),
        (httpx.Response(401, json={"error": {"message": f"bad {SECRET}"}}), KeyRefusedError, "h.example answered 401: bad (the key)"),
        (httpx.Response(503, content=b"<html>"), ServerFailedError, "h.example answered 503: no explanation was given"),
        (httpx.Response(503, content=b"[" * 100_000), ServerFailedError, "h.example answered 503: no explanation"),
        (httpx.ConnectError(f"refused {SECRET}"), ConnectionFailedError, "No connection to h.example, or it broke: ConnectError refused (the key)."),
        (OSError("gone"), ConnectionFailedError, "No connection to h.example, or it broke: OSError gone."),
    ],
)  # fmt: skip
@pytest.mark.asyncio
async def test_what_is_no_answer_is_an_error_with_its_words(answer: Any, error: type[CallError], words: str) -> None:
    """And without the key, whoever repeats it."""
    client, _ = client_of(answer)
    with pytest.raises(error) as caught:
        await client.upload("q.jsonl", b"")
    assert words in str(caught.value)
    came = answer.status_code if isinstance(answer, httpx.Response) else None if isinstance(answer, Exception) else 200
    assert caught.value.status == came
    assert SECRET not in str(caught.value) + repr(caught.value.headers)


@pytest.mark.parametrize(
    ("status", "named"), [(404, True), (405, True), (501, True), (400, False), (403, False), (500, False), (503, False)]
)
@pytest.mark.asyncio
async def test_the_address_is_told_where_it_may_be_wrong(status: int, named: bool) -> None:
    """A page that is not there, or not to be asked so."""
    client, _ = client_of(httpx.Response(status, json={}, headers={"x-echo": SECRET}))
    with pytest.raises(CallError) as caught:
        await client.delete("file-1")
    assert (f"Asked: {ROOT}/files/file-1" in str(caught.value)) is named
    assert caught.value.headers["x-echo"] == "(the key)"


@pytest.mark.parametrize(("status", "fine"), [(199, False), (200, True), (204, True), (299, True), (302, False)])
@pytest.mark.asyncio
async def test_any_status_of_success_is_one(status: int, fine: bool) -> None:
    """And no other one is."""
    client, _ = client_of(httpx.Response(status, json={"id": "file-1"}))
    if fine:
        assert await client.upload("q.jsonl", b"") == "file-1"
    else:
        with pytest.raises(CallError):
            await client.upload("q.jsonl", b"")


@pytest.mark.parametrize(("length", "fits"), [(50, True), (51, False)])
@pytest.mark.asyncio
async def test_bodies_are_bounded(length: int, fits: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A page of a listing and a file of results each by their own number of bytes; of a file too long nothing stays."""
    assert (batches.MOST_JSON_BYTES, batches.MOST_FILE_BYTES) == (8_000_000, 2_000_000_000)
    monkeypatch.setattr(batches, "MOST_JSON_BYTES", 50)
    monkeypatch.setattr(batches, "MOST_FILE_BYTES", 50)
    body = json.dumps({"id": "x" * (length - 10)}).encode()
    assert len(body) == length
    path = tmp_path / "results.jsonl"
    client, asked = client_of(*[httpx.Response(200, content=body)] * 2)
    calls: list[Callable[[], Any]] = [lambda: client.upload("q", b""), lambda: client.download("a/b", path)]
    for call in calls:
        if fits:
            await call()
        else:
            with pytest.raises(ServerFailedError, match="more than 50 bytes"):
                await call()
    assert asked[1].url.raw_path == b"/v1/files/a%2Fb/content"
    assert contents(tmp_path) == ([body] if fits else [])


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404, json={"error": {"message": "no such file"}}), ModelGoneError),
        (httpx.Response(201, content=b"x"), ServerFailedError),
        (httpx.ReadError("broke"), ConnectionFailedError),
    ],
)
@pytest.mark.asyncio
async def test_results_that_do_not_come_leave_no_file(answer: Any, error: type[CallError], tmp_path: Path) -> None:
    """Neither whole nor in part."""
    client, _ = client_of(answer)
    with pytest.raises(error):
        await client.download("file-1", tmp_path / "results.jsonl")
    assert contents(tmp_path) == []


@pytest.mark.asyncio
async def test_a_closed_client_asks_nothing_more() -> None:
    """Its connections are gone."""
    client, asked = client_of(BATCH)
    await client.aclose()
    with pytest.raises(RuntimeError):
        await client.batch("batch_1")
    assert asked == []
