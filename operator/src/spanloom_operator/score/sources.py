"""Where telemetry is read from: a file that the Collector's file exporter writes, or OTLP/HTTP for a while."""

from __future__ import annotations

import json
import sys
import time
import zlib
from base64 import b64encode
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread
from typing import Any
from urllib.parse import urlsplit

from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanloom_operator.score.telemetry import Telemetry

REQUESTS: dict[str, tuple[type[Message], Any]] = {
    "traces": (ExportTraceServiceRequest, Telemetry.add_traces),
    "metrics": (ExportMetricsServiceRequest, Telemetry.add_metrics),
    "logs": (ExportLogsServiceRequest, Telemetry.add_logs),
}
SIGNALS = {"resourceSpans": "traces", "resourceMetrics": "metrics", "resourceLogs": "logs"}
IDS = ("traceId", "spanId", "parentSpanId")
GZIP = 16 + zlib.MAX_WBITS


class SourceError(Exception):
    """The source cannot be read; the message is one line."""


def from_file(name: str) -> Telemetry:
    """Return the telemetry of a file of OTLP/JSON, one request a line; `-` is standard input. SourceError."""
    try:
        lines = (sys.stdin.read() if name == "-" else Path(name).read_text()).splitlines()
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or 'not a text'}") from None
    telemetry = Telemetry()
    for number, line in enumerate(lines, 1):
        if line.strip():
            _add_line(telemetry, line, f"{name}, line {number}")
    return telemetry


def _add_line(telemetry: Telemetry, line: str, place: str) -> None:
    expected = f"{place}: expected a request of OTLP/JSON, as the Collector's file exporter writes"
    try:
        request = json.loads(line, object_hook=_with_base64_ids)
        signal = next(SIGNALS[key] for key in request if key in SIGNALS)
        kind, add = REQUESTS[signal]
        add(telemetry, ParseDict(request, kind(), ignore_unknown_fields=True))
    except (ValueError, TypeError, StopIteration, ParseError):
        raise SourceError(expected) from None


def _with_base64_ids(found: dict[str, Any]) -> dict[str, Any]:
    """OTLP/JSON writes ids in hexadecimal digits, and every other JSON form of protobuf in base64."""
    ids = {key: b64encode(bytes.fromhex(found[key])).decode() for key in IDS if isinstance(found.get(key), str)}
    return {**found, **ids}


def from_receiver(url: str, seconds: float) -> Telemetry:
    """Receive OTLP/HTTP at the address of a URL for some seconds and return what came. SourceError."""
    parts = urlsplit(url)
    telemetry = Telemetry()
    try:
        server = ThreadingHTTPServer((parts.hostname or "127.0.0.1", parts.port or 4318), _handler(telemetry))
    except (OSError, ValueError) as error:
        raise SourceError(f"{url}: {getattr(error, 'strerror', None) or error}") from None
    with server:
        Thread(target=server.serve_forever, daemon=True).start()
        time.sleep(seconds)
        server.shutdown()
    return telemetry


def _handler(telemetry: Telemetry) -> type[BaseHTTPRequestHandler]:
    lock = Lock()

    class Handler(BaseHTTPRequestHandler):
        """Receives the requests of OTLP/HTTP as protobuf."""

        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            """Add a request."""
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(_status(self.path, self.headers.get("Content-Encoding", ""), body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Write nothing."""

    def _status(path: str, encoding: str, body: bytes) -> HTTPStatus:
        signal = path.removeprefix("/v1/")
        if signal not in REQUESTS:
            return HTTPStatus.NOT_FOUND
        kind, add = REQUESTS[signal]
        try:
            request = kind.FromString(zlib.decompress(body, GZIP) if encoding == "gzip" else body)
        except (DecodeError, zlib.error):
            return HTTPStatus.BAD_REQUEST
        with lock:
            add(telemetry, request)
        return HTTPStatus.OK

    return Handler
