"""Export of the standard library's log records by the SDK, where it is not the core that sends them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from opentelemetry._logs import LogRecord, SeverityNumber, get_logger

from spanloom.core.context import get_current
from spanloom.core.logs.records import to_log_record

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable


def log_emitter(*, has_code_attributes: bool) -> Callable[[logging.LogRecord], None]:
    """Return a function that exports a record; `has_code_attributes` adds `code.*` attributes."""
    return partial(_emit, has_code_attributes)


def _emit(has_code_attributes: bool, record: logging.LogRecord) -> None:
    redacted = to_log_record(record, has_code_attributes=has_code_attributes)
    get_logger(redacted.logger).emit(
        LogRecord(
            timestamp=redacted.time,
            observed_timestamp=redacted.observed,
            context=cast("Any", get_current()),
            severity_text=redacted.level,
            severity_number=SeverityNumber(redacted.severity),
            body=redacted.message,
            attributes=redacted.attributes,
        )
    )
