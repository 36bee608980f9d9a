"""Records of the standard library's logging as OTLP log records (opentelemetry/proto/logs/v1/logs.proto)."""

from __future__ import annotations

import logging
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.context import get_current, span_of
from spanloom.core.errors import current_request, exception_attributes
from spanloom.core.export.protobuf import SMALL, any_value, attribute_fields, field, fixed64, utf8, varint
from spanloom.core.redaction import redact_attributes, redaction_for
from spanloom.core.reports import report_dropped
from spanloom.core.spans.attributes import UNLIMITED, add_bounded
from spanloom.core.spans.encode import encode_scope
from spanloom.core.spans.span_context import identity_of
from spanloom.core.spans.tracer import Scope

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanloom.core.spans.span_context import CoreSpan, Identity

# Attributes that every record has; what else is in its dictionary came by `extra`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
SEVERITY_TEXTS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # of the logs data model, "Displaying Severity"
MAX_ATTRIBUTES = 128


class LogRecord(NamedTuple):
    """What is sent of a record; times are in nanoseconds since the epoch."""

    logger: str
    time: int
    observed: int
    severity: int
    level: str
    message: str
    attributes: dict[str, Any]
    dropped: int
    span: Identity | CoreSpan | None


def to_log_record(record: logging.LogRecord, *, has_code_attributes: bool, length: int = UNLIMITED) -> LogRecord:
    """Return what is sent of a record, redacted; `has_code_attributes` adds the place in the code (`code.*`)."""
    attributes: dict[str, Any] = {}
    dropped = add_bounded(
        attributes, _attributes(record, has_code_attributes=has_code_attributes), MAX_ATTRIBUTES, length
    )
    span = identity_of(span_of(get_current()))
    level = SEVERITY_TEXTS.get(record.levelname, record.levelname)
    times = int(record.created * 1e9), time_ns()
    return LogRecord(
        record.name, *times, severity(record.levelno), level, redacted_message(record), attributes, dropped, span
    )


def redacted_message(record: logging.LogRecord) -> str:
    """Return a record's message without what its exceptions and the current request's query quote."""
    errors = [value for value in (*_arguments(record), *(record.exc_info or ())) if isinstance(value, BaseException)]
    return redaction_for(errors, current_request()).redact_text(record.getMessage())


def _arguments(record: logging.LogRecord) -> Iterable[object]:
    return record.args if isinstance(record.args, tuple) else (record.args or {}).values()


def _attributes(record: logging.LogRecord, *, has_code_attributes: bool) -> dict[str, Any]:
    found = {key: value for key, value in vars(record).items() if key not in STANDARD and not key.startswith("otel")}
    if record.exc_info and record.exc_info[1] is not None:
        found.update(exception_attributes(record.exc_info[1]))
    if has_code_attributes:
        found["code.file.path"], found["code.line.number"] = record.pathname, record.lineno
        found["code.function.name"] = record.funcName
    return found


def severity(level: int) -> int:
    """Return the severity number of a level: 10 DEBUG is 5, 20 INFO 9, 30 WARNING 13, 40 ERROR 17, 50 CRITICAL 21."""
    if level < logging.DEBUG:
        return max(1, min(4, level // 3 + 1))
    base, rest = divmod(min(level, 59), 10)
    return base * 4 + 1 + min(rest, 3)


def encode_request(resource: bytes, records: Iterable[LogRecord]) -> bytes:
    """Return an `ExportLogsServiceRequest` with records grouped by logger."""
    by_logger: dict[str, list[bytes]] = {}
    for record in records:
        by_logger.setdefault(record.logger, []).append(_record_or_nothing(record))
    scopes = (field(b"\x12", encode_scope(Scope(name)) + b"".join(parts)) for name, parts in by_logger.items())
    return field(b"\x0a", resource + b"".join(scopes))


def _record_or_nothing(record: LogRecord) -> bytes:
    try:
        return field(b"\x12", _encode(record))
    except Exception as error:
        report_dropped("a log record", error)
        return b""


def _encode(record: LogRecord) -> bytes:
    parts = [b"\x09" + fixed64(record.time), b"\x10" + SMALL[record.severity], field(b"\x1a", utf8(record.level))]
    parts.append(field(b"\x2a", any_value(record.message)))
    parts += attribute_fields(b"\x32", redact_attributes(record.attributes))
    if record.dropped:
        parts.append(b"\x38" + varint(record.dropped))
    if record.span is not None:
        parts += (
            b"\x45" + record.span.flags.to_bytes(4, "little"),
            b"\x4a\x10",
            record.span.trace_id.to_bytes(16, "big"),
        )
        parts += (b"\x52\x08", record.span.span_id.to_bytes(8, "big"))
    parts.append(b"\x59" + fixed64(record.observed))
    return b"".join(parts)
