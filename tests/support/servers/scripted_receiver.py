"""A receiver of OTLP with scripted responses."""

from __future__ import annotations

import gzip
import threading
import zlib
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from spanloom.testing import from_otlp

if TYPE_CHECKING:
    from collections.abc import Iterator


class Receiver:
    """A receiver of OTLP whose next responses can be chosen; `None` closes the connection without one."""

    def __init__(self) -> None:
        self.responses: list[tuple[int, dict[str, str]] | None] = []
        self.requests: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def spans(self) -> list[str]:
        """Names of the spans of accepted requests."""
        return [span.name for path, _, body in self.requests if path == "/v1/traces" for span in from_otlp(body)]

    @contextmanager
    def serving(self) -> Iterator[str]:
        """Serve on a free port; yield the URL."""
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                response = receiver.responses.pop(0) if receiver.responses else (200, {})
                if response is None:
                    self.close_connection = True
                    return
                status, headers = response
                if status < 300:
                    decode = {"gzip": gzip.decompress, "deflate": zlib.decompress}.get(
                        self.headers.get("Content-Encoding", ""), bytes
                    )
                    receiver.requests.append((self.path, dict(self.headers), decode(body)))
                self.send_response(status)
                for name, value in {"Content-Length": "0", **headers}.items():
                    self.send_header(name, value)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Log nothing."""

        return Handler
