"""Export of the standard library's log records as OTLP log records."""

from __future__ import annotations

import logging
from time import time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

from spanloom.instrumentation.json_logs import redacted_message
from spanloom.tracing.context import get_current
from spanloom.tracing.errors import exception_attributes

if TYPE_CHECKING:
    from collections.abc import Callable

# Attributes of every record; others were set with `extra`.
STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "color_message"}
SEVERITY_TEXTS = {"WARNING": "WARN", "CRITICAL": "FATAL"}  # of the logs data model, "Displaying Severity"


def log_emitter(*, has_code_attributes: bool) -> Callable[[logging.LogRecord], None]:
    """Return a function that exports a record; `has_code_attributes` adds `code.*` attributes."""

    def emit(record: logging.LogRecord) -> None:
        get_logger(record.name).emit(
            LogRecord(
                timestamp=int(record.created * 1e9),
                observed_timestamp=time_ns(),
                context=get_current(),
                severity_text=SEVERITY_TEXTS.get(record.levelname, record.levelname),
                severity_number=_severity(record.levelno),
                body=redacted_message(record),
                attributes=_attributes(record, has_code_attributes=has_code_attributes),
            )
        )

    return emit


def _attributes(record: logging.LogRecord, *, has_code_attributes: bool) -> dict[str, Any]:
    found = {key: value for key, value in vars(record).items() if key not in STANDARD and not key.startswith("otel")}
    if record.exc_info and record.exc_info[1] is not None:
        found |= exception_attributes(record.exc_info[1])
    if has_code_attributes:
        found |= {
            "code.file.path": record.pathname,
            "code.function.name": record.funcName,
            "code.line.number": record.lineno,
        }
    return found


def _severity(level: int) -> SeverityNumber:
    """Return the severity number of a level: DEBUG is 5, INFO 9, WARNING 13, ERROR 17, CRITICAL 21."""
    if level < logging.DEBUG:
        return SeverityNumber(max(1, min(4, level // 3 + 1)))
    base, rest = divmod(min(level, 59), 10)
    return SeverityNumber(base * 4 + 1 + min(rest, 3))
