"""Log records of OTLP in memory, with their trace and span."""

from __future__ import annotations

import json
from collections import Counter, deque
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any

from spanloom.testing import otlp_attributes, otlp_value

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
    from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as OtlpLogRecord

KEPT_LINES = 5_000
TRACE_ID_BYTES, SPAN_ID_BYTES = 16, 8


@dataclass(frozen=True, slots=True)
class LogLine:
    """One log record.

    `time_ns` is in nanoseconds since the epoch; the ids are lower-case hexadecimal, or empty for a record outside of a
    span. `severity` is a name such as INFO, or empty.
    """

    time_ns: int
    severity: str
    service: str
    logger: str
    text: str
    trace_id: str
    span_id: str
    attributes: Mapping[str, Any]


class LogLines:
    """The newest log records in order of arrival; written by the receiver's thread, read by any thread."""

    def __init__(self, kept: int = KEPT_LINES) -> None:
        self._lines: deque[LogLine] = deque(maxlen=kept)
        self._lock = Lock()

    def add(self, lines: Iterable[LogLine]) -> None:
        """Store `lines`; the oldest ones are dropped above the limit."""
        with self._lock:
            self._lines.extend(lines)

    def newest(self, count: int) -> list[LogLine]:
        """Return the newest `count` lines by their own time, newest first."""
        return sorted(self._all(), key=_time, reverse=True)[:count]

    def of_trace(self, trace_id: str) -> list[LogLine]:
        """Return the lines of a trace by time."""
        return sorted((line for line in self._all() if line.trace_id == trace_id), key=_time)

    def counts(self) -> Counter[str]:
        """Return the number of lines of each trace."""
        return Counter(line.trace_id for line in self._all() if line.trace_id)

    def __len__(self) -> int:
        return len(self._lines)

    def _all(self) -> list[LogLine]:
        with self._lock:
            return list(self._lines)


def _time(line: LogLine) -> int:
    return line.time_ns


def from_otlp_logs(request: ExportLogsServiceRequest) -> Iterator[LogLine]:
    """Yield the log records of a request."""
    for resource in request.resource_logs:
        service = str(otlp_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_logs:
            for record in scope.log_records:
                yield _line(record, service, scope.scope.name)


def _line(record: OtlpLogRecord, service: str, logger: str) -> LogLine:
    return LogLine(
        time_ns=record.time_unix_nano or record.observed_time_unix_nano,
        severity=record.severity_text,
        service=service,
        logger=logger,
        text=_text(otlp_value(record.body)),
        trace_id=_id(record.trace_id, TRACE_ID_BYTES),
        span_id=_id(record.span_id, SPAN_ID_BYTES),
        attributes=otlp_attributes(record.attributes),
    )


def _text(body: Any) -> str:
    return body if isinstance(body, str) else json.dumps(body, default=repr)


def _id(value: bytes, size: int) -> str:
    """Return an id in hexadecimal; an invalid one counts as none (opentelemetry/proto/logs/v1/logs.proto)."""
    return value.hex() if len(value) == size and any(value) else ""
