"""OTLP request bodies of log records."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ResourceLogs, ScopeLogs
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

if TYPE_CHECKING:
    from collections.abc import Iterable


def logs_body(service: str, messages: Iterable[str]) -> bytes:
    """Return the body of `POST /v1/logs` with one record for each message, of now."""
    name = KeyValue(key="service.name", value=AnyValue(string_value=service))
    records = [LogRecord(time_unix_nano=time.time_ns(), body=AnyValue(string_value=text)) for text in messages]
    resource = ResourceLogs(resource=Resource(attributes=[name]), scope_logs=[ScopeLogs(log_records=records)])
    return ExportLogsServiceRequest(resource_logs=[resource]).SerializeToString()
