"""Serve the simulator as an ASGI app: reading, waiting and sending around the service.

    app = create_app(config)                                     # real time
    httpx.AsyncClient(transport=httpx.ASGITransport(app=app))    # no socket, also under virtual time

How transport faults look. Under uvicorn a `drop` sends half of the declared body and then closes the
connection; a `timeout` holds it until the client leaves, at most `hang_s`, and then answers 504. Under
`httpx.ASGITransport`, which has neither connections nor time-outs, a `drop` raises `drop_error()` out of the
transport (by default a ConnectionDroppedError, which the groq SDK reports as its APIConnectionError like any
other), and a `timeout` sleeps `hang_s` (virtual, if the loop is) and then raises `hang_error()` if one is
given: pass `lambda: httpx.ReadTimeout("…")` to see the SDK's APITimeoutError.

Chat calls go through a raw ASGI callable, because a request object would cost more than the answer.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Final

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from core.simulator.batches import BatchDesk, form_file
from core.simulator.dialects import ServerDialect, dialects
from core.simulator.replies import Reply, error_reply
from core.simulator.service import Service
from core.simulator.stats import CallLog

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from core.simulator.config import SimulatorConfig
    from core.simulator.stats import Call

logger = logging.getLogger(__name__)

PREFIXES: Final = ("/openai/v1", "/v1")
_LARGEST_BODY: Final = 8 << 20


class ConnectionDroppedError(ConnectionError):
    """Report that the simulated connection was cut in the middle of an answer."""


class Simulator:
    """Run one simulator: the service, its clock and its log. Found as `app.state.simulator`."""

    def __init__(
        self,
        config: SimulatorConfig,
        *,
        clock: Callable[[], float],
        drop_error: Callable[[], Exception],
        hang_error: Callable[[], Exception] | None,
    ) -> None:
        self.config = config
        self.clock = clock
        self._drop_error = drop_error
        self._hang_error = hang_error
        now = clock()
        epoch = time.time() - now
        self.service = Service(config, now, epoch)
        self._epoch = epoch
        self.dialect: ServerDialect | None = dialects()[config.dialect] if config.dialect else None
        self._log = CallLog(config.log_path, epoch)
        self.desk = BatchDesk(config.batches, self.service.answer_line, epoch, config.seed, self._log.write_batch)

    def close(self) -> None:
        """Close the log; calls after that are served without a line."""
        self._log.close()

    @property
    def idle_s(self) -> float:
        """Return seconds since the last chat call arrived, or since the start; 0 while one is in flight."""
        return self.service.stats.idle_s(self.clock())

    def report(self) -> dict[str, object]:
        """Return what `GET /simulator/stats` shows."""
        return {"pid": os.getpid(), **self.service.report(self.clock())}

    async def chat(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one chat call as a raw ASGI app."""
        call = self.service.open_call(self.clock())
        status = "left"
        failure: Exception | None = None
        try:
            raw = await _read_body(receive)
            if raw is None:
                return
            reply = _too_long() if len(raw) > _LARGEST_BODY else self._refused_field(raw)
            reply = reply or self.service.admit(call, _authorization(scope), raw, self.clock())
            if reply is None and not await self._let_time_pass(call, receive):
                return
            if reply is None and call.fault == "timeout" and self._hang_error is not None:
                status, failure = "hung", self._hang_error()
            else:
                reply = self._translated(call, reply or self.service.finish(call, self.clock()))
                status = "dropped" if reply.cut else str(reply.status)
                failure = self._drop_error() if reply.cut else None
                self._log.write(call, status, self.clock())
                await _send(reply, send)
        except Exception:
            status = "broken"
            logger.exception("the simulator itself failed in call %d", call.ordinal)
            raise
        finally:
            now = self.clock()
            self.service.abandon(call, now)
            if status in {"left", "hung", "broken"}:
                self._log.write(call, status, now)
            self.service.stats.end(call, status)
        if failure is not None:
            raise failure

    def _refused_field(self, raw: bytes) -> Reply | None:
        return self.dialect.refused_field(raw) if self.dialect is not None else None

    def _translated(self, call: Call, reply: Reply) -> Reply:
        if self.dialect is None:
            return reply
        model = call.question.model if call.question is not None else ""
        moderated = call.fault == "poison"
        return self.dialect.translated(reply, model=model, moderated=moderated, now_at=self._epoch + self.clock())

    async def models(self, request: Request) -> Response:
        """Serve the list of models, or one of them."""
        authorization = request.headers.get("authorization", "").encode("latin-1", "replace")
        name = request.path_params.get("name")
        reply = self.service.models(authorization, name, self.clock())
        return _response(reply)

    async def files(self, request: Request) -> Response:
        """Serve uploads and the list of files, one file's content, and its deletion."""
        organization, now = self._organization(request), self.clock()
        if isinstance(organization, Reply):
            return _response(organization)
        file_id = request.path_params.get("name", "")
        if request.method == "DELETE":
            return _response(self.desk.delete(organization, file_id))
        if file_id:
            return _response(self.desk.content(organization, file_id))
        if request.method == "GET":
            return _response(self.desk.files(organization, now, request.query_params))
        name, content = form_file(request.headers.get("content-type", ""), await request.body())
        if not name:
            return _response(error_reply(400, "the form has no file", param="file"))
        return _response(self.desk.upload(organization, name, content, now))

    async def batches(self, request: Request) -> Response:
        """Serve creation, lists, one batch, and its cancellation."""
        organization, now = self._organization(request), self.clock()
        if isinstance(organization, Reply):
            return _response(organization)
        name = request.path_params.get("name", "")
        if request.method == "POST" and name:
            return _response(self.desk.cancel(organization, name, now))
        if request.method == "POST":
            reply = self.desk.create(organization, await request.body(), now)
            if reply.cut:
                raise self._drop_error()
            return _response(reply)
        if name:
            return _response(self.desk.batch(organization, name, now))
        query = request.query_params
        return _response(self.desk.batches(organization, now, query, query.getlist("id")))

    def _organization(self, request: Request) -> str | Reply:
        authorization = request.headers.get("authorization", "").encode("latin-1", "replace")
        return self.service.organization_of(authorization, self.clock())

    async def _let_time_pass(self, call: Call, receive: Receive) -> bool:
        """Sleep through the latency, or hang; False if the client left meanwhile."""
        if call.fault == "timeout":
            return not await _left_within(receive, self.config.hang_s)
        latency_s = self.service.latency_s(call)
        if latency_s > 0:
            await asyncio.sleep(latency_s)
        return True


class _ChatEndpoint:
    """Serve chat calls as a raw ASGI callable, which starlette does not wrap in a request as it does functions."""

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._simulator.chat(scope, receive, send)


def create_app(
    config: SimulatorConfig,
    *,
    clock: Callable[[], float] = time.monotonic,
    drop_error: Callable[[], Exception] = lambda: ConnectionDroppedError("connection dropped in mid-body"),
    hang_error: Callable[[], Exception] | None = None,
) -> Starlette:
    """Build the app. `clock` gives seconds (pass the loop's `time` under virtual time).

    It has the chat, models, files and batches endpoints under `/openai/v1` and `/v1`, and `GET /simulator/stats`.

    Raises:
        SimulatorError: if the log cannot be written or the labels to replay cannot be used.

    """
    simulator = Simulator(config, clock=clock, drop_error=drop_error, hang_error=hang_error)
    chat = _ChatEndpoint(simulator)

    async def stats(_: Request) -> JSONResponse:
        return JSONResponse(simulator.report())

    routes = [Route(f"{prefix}/chat/completions", chat, methods=["POST"]) for prefix in PREFIXES]
    if simulator.dialect is not None and simulator.dialect.path not in [route.path for route in routes]:
        routes.append(Route(simulator.dialect.path, chat, methods=["POST"]))
    for prefix in PREFIXES:
        for path, methods, serve in (
            ("/files", ["POST", "GET"], simulator.files),
            ("/files/{name}/content", ["GET"], simulator.files),
            ("/files/{name}", ["DELETE"], simulator.files),
            ("/batches", ["POST", "GET"], simulator.batches),
            ("/batches/{name}", ["GET"], simulator.batches),
            ("/batches/{name}/cancel", ["POST"], simulator.batches),
        ):
            routes.append(Route(f"{prefix}{path}", serve, methods=methods))
        routes.append(Route(f"{prefix}/models", simulator.models, methods=["GET"]))
        routes.append(Route(f"{prefix}/models/{{name:path}}", simulator.models, methods=["GET"]))
    routes.append(Route("/simulator/stats", stats, methods=["GET"]))
    app = Starlette(routes=routes)
    app.state.simulator = simulator
    return app


async def _send(reply: Reply, send: Send) -> None:
    """Send a reply, or only the first half of one that is to be cut."""
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.all_headers()})
    body = reply.body[: len(reply.body) // 2] if reply.cut else reply.body
    await send({"type": "http.response.body", "body": body, "more_body": reply.cut})


def _response(reply: Reply) -> Response:
    response = Response(reply.body, status_code=reply.status)
    response.raw_headers = reply.all_headers()
    return response


def _too_long() -> Reply:
    return error_reply(413, "Request Entity Too Large", code="request_too_large")


def _authorization(scope: Scope) -> bytes:
    for name, value in scope["headers"]:
        if name == b"authorization":
            return bytes(value)
    return b""


async def _read_body(receive: Receive) -> bytes | None:
    """Return the whole body (or somewhat more than the largest allowed), or None if the client left."""
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += bytes(message.get("body", b""))
        if not message.get("more_body", False) or len(body) > _LARGEST_BODY:
            return body


async def _left_within(receive: Receive, seconds: float) -> bool:
    """Wait for the client to leave, at most so long; say whether it did."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return False
    return True
