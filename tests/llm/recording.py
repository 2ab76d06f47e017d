"""A server on this machine that keeps what it was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from tests.llm.test_client import COMPLETION


@contextmanager
def recording(path: str | None = None) -> Iterator[tuple[str, list[bytes]]]:
    """Yield the server's address, and each request as it came: request line, headers and body.

    It answers with a completion at ``path``, or everywhere; at another path there is no page.
    """
    got: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            got.append(self.raw_requestline + bytes(self.headers) + body)
            answers = path in (None, self.path)
            content = json.dumps(COMPLETION).encode() if answers else b"no"
            self.send_response(200 if answers else 404)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
