"""Serve files and batches as Groq and OpenAI do: half the price, any order, some time later.

Everything is kept in memory. A batch is worked on evenly over ``seconds``; what became of its lines is decided when it
ends. Its faults are those that people met: a lost reply to a create, a listing that lags, ``{}`` for no error file,
batches that expire with a part of their lines done, or fail after they were taken.
"""

from __future__ import annotations

import contextlib
import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from core.simulator.conversation import BadRequestError, read_question
from core.simulator.replies import Reply, error_reply, ids, json_reply

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from core.simulator.config import BatchPlan

MOST_LINES: Final = 50_000
_OPEN: Final = frozenset({"validating", "in_progress", "cancelling"})
_JSONL: Final = ((b"content-type", b"application/jsonl"),)


@dataclass(slots=True)
class _File:
    id: str
    name: str
    organization: str
    created_at: float
    content: bytes
    purpose: str


@dataclass(slots=True)
class _Batch:
    id: str
    organization: str
    input_file_id: str
    created_at: float
    lines: list[dict[str, Any]]
    metadata: Mapping[str, Any] | None
    window: str
    fails: str = ""
    cancelled_at: float | None = None
    status: str = "validating"
    ended_at: float | None = None
    output_file_id: str | None = None
    error_file_id: str | None = None
    outcomes: dict[str, int] = field(default_factory=dict)


class BatchDesk:
    """Keep files and batches of one simulator. ``answer`` answers a line; ``epoch`` turns its clock into Unix time.

    ``noted`` is called for each batch that began or ended: which, with the digests of its texts, and when.
    """

    def __init__(
        self,
        plan: BatchPlan,
        answer: Callable[[bytes, str, float], Reply],
        epoch: float,
        seed: int,
        noted: Callable[[str, str, list[str], float], None] = lambda _event, _batch, _texts, _now: None,
    ) -> None:
        self._noted = noted
        self._plan = plan
        self._answer = answer
        self._epoch = epoch
        self._rng = random.Random(seed)
        self._files: dict[str, _File] = {}
        self._batches: dict[str, _Batch] = {}
        self._creates = 0
        self.processed: list[str] = []
        """``custom_id`` of every line that was answered, and so paid for, in order."""

    # -- files -----------------------------------------------------------------------------------------------------

    def upload(self, organization: str, name: str, content: bytes, now: float) -> Reply:
        """Keep a file."""
        if self._plan.plan_403:
            return self._not_available()
        made = self._keep(organization, name, content, now, "batch")
        return json_reply(200, self._file_json(made))

    def files(self, organization: str, now: float, query: Mapping[str, str]) -> Reply:
        """List the files visible by now, newest first."""
        return self._listed(
            [self._file_json(each) for each in self._visible(self._files.values(), organization, now)], query
        )

    def content(self, organization: str, file_id: str) -> Reply:
        """Return a file as it is."""
        known = self._files.get(file_id)
        if known is None or known.organization != organization:
            return _missing("file", file_id)
        return Reply(200, known.content, _JSONL)

    def delete(self, organization: str, file_id: str) -> Reply:
        """Forget a file."""
        known = self._files.get(file_id)
        if known is None or known.organization != organization:
            return _missing("file", file_id)
        del self._files[file_id]
        return json_reply(200, {"id": file_id, "object": "file", "deleted": True})

    # -- batches ---------------------------------------------------------------------------------------------------

    def create(self, organization: str, raw: bytes, now: float) -> Reply:
        """Take a batch; every so-manieth reply is lost on its way (a cut connection), the batch is not."""
        if self._plan.plan_403:
            return self._not_available()
        try:
            given = json.loads(raw)
            source = self._files[str(given["input_file_id"])]
            lines = [json.loads(line) for line in source.content.splitlines() if line.strip()]
        except (ValueError, KeyError, TypeError):
            return error_reply(400, "input_file_id names no file of requests", param="input_file_id")
        if source.organization != organization or not 0 < len(lines) <= MOST_LINES:
            return error_reply(400, f"a batch has 1 to {MOST_LINES} requests", param="input_file_id")
        self._creates += 1
        fails = self._plan.fail
        if fails == "token_limit" and not any(self._is_open(each, now) for each in self._batches.values()):
            fails = ""  # there is room once the others have ended
        batch = _Batch(
            id=f"batch_{len(self._batches) + 1:06d}",
            organization=organization,
            input_file_id=source.id,
            created_at=now,
            lines=lines,
            metadata=None if self._plan.no_metadata else given.get("metadata"),
            window=str(given.get("completion_window", "24h")),
            fails=fails,
        )
        self._batches[batch.id] = batch
        self._noted("began", batch.id, _texts(lines), now)
        reply = json_reply(200, self._json(batch, now))
        lost = self._plan.lose_reply and self._creates % self._plan.lose_reply == 0
        return Reply(reply.status, reply.body, reply.headers, cut=True) if lost else reply

    def batches(self, organization: str, now: float, query: Mapping[str, str], wanted: list[str]) -> Reply:
        """List the batches visible by now, newest first, or those with the ``wanted`` ids at once."""
        if wanted:
            found = [each for each in self._batches.values() if each.id in wanted and each.organization == organization]
        else:
            found = self._visible(self._batches.values(), organization, now)
        return self._listed([self._json(each, now) for each in found], query)

    def batch(self, organization: str, batch_id: str, now: float) -> Reply:
        """Show one batch."""
        known = self._batches.get(batch_id)
        if known is None or known.organization != organization:
            return _missing("batch", batch_id)
        return json_reply(200, self._json(known, now))

    def cancel(self, organization: str, batch_id: str, now: float) -> Reply:
        """End a batch early: what was answered by now is kept."""
        known = self._batches.get(batch_id)
        if known is None or known.organization != organization:
            return _missing("batch", batch_id)
        if self._is_open(known, now) and known.cancelled_at is None:
            known.cancelled_at = now
        return json_reply(200, self._json(known, now))

    # -- inside ----------------------------------------------------------------------------------------------------

    def _keep(self, organization: str, name: str, content: bytes, now: float, purpose: str) -> _File:
        made = _File(f"file_{len(self._files) + len(self._batches) + self._rng.getrandbits(40):012x}", name,
                     organization, now, content, purpose)  # fmt: skip
        self._files[made.id] = made
        return made

    def _is_open(self, batch: _Batch, now: float) -> bool:
        self._progress(batch, now)
        return batch.status in _OPEN

    def _progress(self, batch: _Batch, now: float) -> None:
        """Let a batch come to where it is at ``now``."""
        if batch.ended_at is not None:
            return
        if batch.fails:
            batch.status, batch.ended_at = "failed", now
            self._noted("ended", batch.id, _texts(batch.lines), now)
            return
        ends_at = batch.created_at + self._plan.seconds
        if self._plan.stall and int(batch.id[-6:]) % 2:
            ends_at = batch.created_at + self._plan.stall
        if batch.cancelled_at is not None:
            if now < batch.cancelled_at + self._plan.cancel_s:
                batch.status = "cancelling"
                return
            share = min(1.0, (batch.cancelled_at - batch.created_at) / max(self._plan.seconds, 1e-9))
            share = 0.0 if self._plan.stall and int(batch.id[-6:]) % 2 else share
            self._end(batch, now, int(share * len(batch.lines)), "cancelled", "batch_cancelled")
        elif now >= ends_at:
            done = len(batch.lines) - round(self._plan.expire * len(batch.lines))
            expired = done < len(batch.lines)
            self._end(batch, now, done, "expired" if expired else "completed", "batch_expired")
        else:
            batch.status = "in_progress" if now > batch.created_at else "validating"

    def _end(self, batch: _Batch, now: float, done: int, status: str, code: str) -> None:
        lines = list(batch.lines)
        self._rng.shuffle(lines)
        outputs: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for line in lines[:done]:
            custom_id = str(line.get("custom_id"))
            reply = self._answer(json.dumps(line.get("body", {})).encode(), batch.organization, now)
            self.processed.append(custom_id)
            body = json.loads(reply.body)
            row: dict[str, Any] = {"id": f"batch_req_{len(self.processed)}", "custom_id": custom_id, "error": None}
            row["response"] = {"status_code": reply.status, "request_id": f"req_{len(self.processed)}", "body": body}
            (outputs if reply.status == 200 else errors).append(row)
        for line in lines[done:]:
            error = {"code": code, "message": "This request could not be executed before the batch ended."}
            errors.append({"id": "", "custom_id": line.get("custom_id"), "response": None, "error": error})
        if not self._plan.shuffle:
            order = {str(line.get("custom_id")): number for number, line in enumerate(batch.lines)}
            for rows in (outputs, errors):
                rows.sort(key=lambda row: order[str(row["custom_id"])])
        if outputs:
            batch.output_file_id = self._result(batch, "output", outputs, now)
        if errors:
            batch.error_file_id = self._result(batch, "errors", errors, now)
        self._noted("ended", batch.id, _texts(batch.lines), now)
        batch.outcomes = {"completed": len(outputs), "failed": len(errors)}
        batch.status, batch.ended_at = status, now

    def _result(self, batch: _Batch, kind: str, rows: list[dict[str, Any]], now: float) -> str:
        content = b"".join(json.dumps(row).encode() + b"\n" for row in rows)
        return self._keep(batch.organization, f"{batch.id}_{kind}.jsonl", content, now, "batch_output").id

    def _visible(self, each: Any, organization: str, now: float) -> list[Any]:
        found = [it for it in each if it.organization == organization and now - it.created_at >= self._plan.list_lag_s]
        return sorted(found, key=lambda it: -it.created_at)

    def _listed(self, data: list[dict[str, Any]], query: Mapping[str, str]) -> Reply:
        """Return one page: by ``after`` (an id) and ``limit`` as OpenAI has it, with Groq's cursor beside it."""
        after = query.get("after") or query.get("cursor")
        start = next((n + 1 for n, each in enumerate(data) if each["id"] == after), 0)
        limit = min(100, int(query.get("limit", "20")))
        page = data[start : start + limit]
        more = len(data) > start + limit
        paging = {"next_cursor": page[-1]["id"] if more else None}
        return json_reply(200, {"object": "list", "data": page, "has_more": more, "paging": paging})

    def _file_json(self, each: _File) -> dict[str, Any]:
        return {
            "id": each.id,
            "object": "file",
            "bytes": len(each.content),
            "created_at": int(self._epoch + each.created_at),
            "filename": each.name,
            "purpose": each.purpose,
        }

    def _json(self, batch: _Batch, now: float) -> dict[str, Any]:
        self._progress(batch, now)
        total = len(batch.lines)
        done = batch.outcomes.get("completed", 0)
        if batch.ended_at is None and not (self._plan.stall and int(batch.id[-6:]) % 2):
            done = int(total * min(1.0, (now - batch.created_at) / max(self._plan.seconds, 1e-9)))
        none: Any = {} if self._plan.empty_object else None
        errors = None
        if batch.fails:
            code = "token_limit_exceeded" if batch.fails == "token_limit" else "invalid_json_line"
            errors = {"object": "list", "data": [{"code": code, "message": f"the batch was not taken: {code}"}]}
        return {
            "id": batch.id,
            "object": "batch",
            "endpoint": "/v1/chat/completions",
            "input_file_id": batch.input_file_id,
            "completion_window": batch.window,
            "status": batch.status,
            "output_file_id": batch.output_file_id,
            "error_file_id": batch.error_file_id or none,
            "created_at": int(self._epoch + batch.created_at),
            "expires_at": int(self._epoch + batch.created_at + 86_400),
            "request_counts": {"total": total, "completed": done, "failed": batch.outcomes.get("failed", 0)},
            "metadata": batch.metadata,
            "errors": errors,
        }

    def _not_available(self) -> Reply:
        return error_reply(403, "Batch processing is not available for your plan.", code="not_available_for_plan",
                           kind="permissions_error", headers=ids("req_batch"))  # fmt: skip


def _texts(lines: list[dict[str, Any]]) -> list[str]:
    """Return the digest of each line's text, as the log of live calls has it."""
    found = []
    for line in lines:
        with contextlib.suppress(BadRequestError):
            found.append(read_question(line.get("body")).email_key.hex())
    return found


def form_file(content_type: str, raw: bytes) -> tuple[str, bytes]:
    """Return name and content of the file in a multipart body; an empty name where there is none."""
    _, _, boundary = content_type.partition("boundary=")
    for part in _parts(raw, boundary.strip('" ').encode()):
        head, _, body = part.partition(b"\r\n\r\n")
        if b'name="file"' in head:
            _, _, rest = head.partition(b'filename="')
            return rest.partition(b'"')[0].decode("utf-8", "replace"), body.removesuffix(b"\r\n")
    return "", b""


def _parts(raw: bytes, boundary: bytes) -> Iterator[bytes]:
    if boundary:
        yield from raw.split(b"--" + boundary)


def _missing(what: str, name: str) -> Reply:
    return error_reply(404, f"No such {what}: {name}", code="not_found")
