"""A small OTLP/HTTP receiver (protobuf) that stores telemetry in memory and shows it on a page.

Protocol: https://opentelemetry.io/docs/specs/otlp/#otlphttp
"""

from __future__ import annotations

import re
import zlib
from threading import Thread
from time import time_ns
from typing import TYPE_CHECKING, Self

import uvicorn
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped] # googleapis-common-protos has no types
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.routing import Route

from spanloom.testing import from_otlp
from spanloom_local import page
from spanloom_local.duration_points import from_otlp_metrics
from spanloom_local.log_lines import from_otlp_logs
from spanloom_local.polling import poll_until
from spanloom_local.ports import listen
from spanloom_local.store import Store

if TYPE_CHECKING:
    import socket
    from collections.abc import Awaitable, Callable

    from google.protobuf.message import Message
    from starlette.requests import Request

PROTOBUF = "application/x-protobuf"
MAX_BODY_BYTES = 16 * 1024 * 1024
LOCAL_NAMES = ["127.0.0.1", "localhost", "[::1]"]  # against DNS rebinding by a page of another site
GZIP = 16 + zlib.MAX_WBITS
TRACE_ID, SPAN_ID = re.compile("[0-9a-f]{32}"), re.compile("[0-9a-f]{16}")


class Refused(Exception):  # noqa: N818 becomes a response, is no error of this program
    """A refused request: HTTP status code and reason."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def application(store: Store) -> Starlette:
    """Return the ASGI application: three OTLP endpoints, the page and its API."""

    def store_traces(body: bytes) -> Message:
        spans = from_otlp(body)
        for span in spans:
            if not (TRACE_ID.fullmatch(span.trace_id) and SPAN_ID.fullmatch(span.span_id)):
                raise Refused(400, f"expected ids of 16 and 8 bytes, got {span.trace_id!r} and {span.span_id!r}")
        store.add(spans)
        return ExportTraceServiceResponse()

    def store_metrics(body: bytes) -> Message:
        request = ExportMetricsServiceRequest.FromString(body)
        store.metrics.extend(request.resource_metrics)
        store.routes.add(from_otlp_metrics(request), time_ns())
        return ExportMetricsServiceResponse()

    def store_logs(body: bytes) -> Message:
        request = ExportLogsServiceRequest.FromString(body)
        store.logs.extend(request.resource_logs)
        store.add_lines(from_otlp_logs(request))
        return ExportLogsServiceResponse()

    otlp = [
        Route("/v1/traces", _endpoint(store_traces), methods=["POST"]),
        Route("/v1/metrics", _endpoint(store_metrics), methods=["POST"]),
        Route("/v1/logs", _endpoint(store_logs), methods=["POST"]),
    ]
    local = Middleware(TrustedHostMiddleware, allowed_hosts=LOCAL_NAMES)
    return Starlette(routes=otlp + page.routes(store), middleware=[local])


class Receiver:
    """The application on a port of 127.0.0.1, in a thread; it can be stopped and started again on that port.

    The context manager runs it inside the block. A stop keeps the received telemetry.
    """

    def __init__(self, listener: socket.socket | None = None, store: Store | None = None) -> None:
        self.store = store or Store()
        self._listener: socket.socket | None = listener or listen(0)
        self.port: int = self._listener.getsockname()[1]
        self._server: uvicorn.Server | None = None
        self._thread: Thread | None = None

    @property
    def url(self) -> str:
        """The page's address, and the OTEL_EXPORTER_OTLP_ENDPOINT of senders."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, and return when the server accepts requests."""
        listener = self._listener or listen(self.port)
        config = uvicorn.Config(application(self.store), log_config=None, access_log=False, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        self._thread = Thread(target=server.run, kwargs={"sockets": [listener]}, name="receiver", daemon=True)
        self._thread.start()
        poll_until(lambda: server.started, "the receiver listens")
        self._server, self._listener = server, None

    def stop(self) -> None:
        """Stop accepting connections; open requests get their responses."""
        if self._server and self._thread:
            self._server.should_exit = True
            self._thread.join()
        self._server = self._thread = None


def _endpoint(store_body: Callable[[bytes], Message]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            response = await run_in_threadpool(store_body, await _body(request))
        except Refused as refusal:
            return _response(Status(message=str(refusal)), refusal.status)
        except (DecodeError, IndexError) as error:
            return _response(Status(message=f"not an OTLP protobuf body: {error}"), 400)
        return _response(response, 200)

    return endpoint


def _response(message: Message, status: int) -> Response:
    return Response(message.SerializeToString(), status, media_type=PROTOBUF)


async def _body(request: Request) -> bytes:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != PROTOBUF:
        raise Refused(415, f"expected Content-Type {PROTOBUF}, got {content_type!r}")
    body = bytearray()
    try:
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                raise Refused(413, f"expected at most {MAX_BODY_BYTES} bytes")
    except ClientDisconnect:
        raise Refused(400, "the client closed the connection") from None
    return decoded(bytes(body), request.headers.get("content-encoding", "identity").lower())


def decoded(body: bytes, encoding: str) -> bytes:
    """Decode the Content-Encoding; Refused if it is unknown, damaged or larger than MAX_BODY_BYTES when decoded."""
    if encoding == "identity":
        return body
    if encoding != "gzip":
        raise Refused(415, f"expected Content-Encoding gzip or none, got {encoding!r}")
    stream = zlib.decompressobj(GZIP)
    try:
        json_safe = stream.decompress(body, MAX_BODY_BYTES + 1)
    except zlib.error as error:
        raise Refused(400, f"damaged gzip body: {error}") from error
    if len(json_safe) > MAX_BODY_BYTES:
        raise Refused(413, f"expected at most {MAX_BODY_BYTES} bytes")
    if not stream.eof:
        raise Refused(400, "damaged gzip body: it ends too early")
    return json_safe
