"""Where telemetry is read from: a file that the Collector's file exporter writes, or OTLP/HTTP for a while."""

from __future__ import annotations

import asyncio
import json
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import web
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
JSON = "application/json"
INVALID = (ValueError, TypeError, AttributeError, ParseError)
"""What content raises that is not a request of OTLP/JSON."""
MAX_BODY_BYTES = 64 * 2**20


class SourceError(Exception):
    """The source cannot be read; the message is one line."""


def from_file(name: str) -> Telemetry:
    """Return the telemetry of a file of OTLP/JSON, one request a line; `-` is standard input. SourceError."""
    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text()
    except (OSError, UnicodeError) as error:
        raise SourceError(f"{name}: {getattr(error, 'strerror', None) or 'not a text'}") from None
    telemetry = Telemetry()
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            _add_line(telemetry, line, f"{name}, line {number}")
    return telemetry


def _add_line(telemetry: Telemetry, line: str, place: str) -> None:
    try:
        signal = next(SIGNALS[key] for key in json.loads(line) if key in SIGNALS)
        kind, add = REQUESTS[signal]
        add(telemetry, _from_json(kind, line))
    except (*INVALID, StopIteration):
        expected = "expected a request of OTLP/JSON, as the Collector's file exporter writes"
        raise SourceError(f"{place}: {expected}") from None


def _from_json(kind: type[Message], text: str) -> Message:
    return ParseDict(json.loads(text, object_hook=_with_base64_ids), kind(), ignore_unknown_fields=True)


def _with_base64_ids(found: dict[str, Any]) -> dict[str, Any]:
    """OTLP/JSON writes ids in hexadecimal digits, and every other JSON form of protobuf in base64."""
    ids = {key: b64encode(bytes.fromhex(found[key])).decode() for key in IDS if isinstance(found.get(key), str)}
    return {**found, **ids}


def from_receiver(url: str, seconds: float) -> Telemetry:
    """Receive OTLP/HTTP at the address of a URL for some seconds and return what came. SourceError."""
    parts, telemetry = urlsplit(url), Telemetry()
    try:
        asyncio.run(_receive(telemetry, parts.hostname or "127.0.0.1", parts.port or 4318, seconds))
    except (OSError, ValueError) as error:
        raise SourceError(f"{url}: {getattr(error, 'strerror', None) or error}") from None
    return telemetry


async def _receive(telemetry: Telemetry, host: str, port: int, seconds: float) -> None:
    async def receive(request: web.Request) -> web.Response:
        kind, add = REQUESTS[request.match_info["signal"]]
        try:
            body = await request.read()
            add(telemetry, _from_json(kind, body.decode()) if request.content_type == JSON else kind.FromString(body))
        except (*INVALID, DecodeError):
            return web.Response(status=400)
        return web.Response()

    application = web.Application(client_max_size=MAX_BODY_BYTES)
    application.router.add_post(f"/v1/{{signal:{'|'.join(REQUESTS)}}}", receive)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port, shutdown_timeout=1).start()
        await asyncio.sleep(seconds)
    finally:
        await runner.cleanup()
