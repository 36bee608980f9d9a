"""`SPANLOOM_LOG_FORMAT=json`: JSON lines on standard error for log records without another handler.

The JSON handler replaces logging's handler of last resort, which is used only for records without any other handler.
The application's configuration (basicConfig, dictConfig, own handlers) therefore takes precedence, and no record is
written twice.
"""

from __future__ import annotations

import copy
import logging
import sys
from datetime import UTC, datetime
from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from spanloom.settings.levels import LEVELS
from spanloom.tracing.errors import current_request
from spanloom.tracing.redaction import redaction_for

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.settings import Settings
    from spanloom.tracing.guard import Guard

UVICORN_LOGGERS = ("uvicorn", "uvicorn.access", "uvicorn.error", "uvicorn.asgi")


class JsonLogs:
    """The JSON handler of last resort, and logger levels from SPANLOOM_FILTER."""

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._filter, self._guard = settings.level_filter, guard
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(RedactingJsonFormatter())

    def install(self) -> None:
        """Install the handler; keep levels that are already set."""
        self._previous_handler = logging.lastResort
        logging.lastResort = self._handler
        logging.addLevelName(LEVELS["trace"], "TRACE")
        if logging.getLogger().level == logging.WARNING:  # Python's default
            logging.getLogger().setLevel(self._filter.default)
        for target, level in self._filter.targets.items():
            logging.getLogger(target).setLevel(level)

    def remove(self) -> None:
        """Restore the previous handler."""
        logging.lastResort = self._previous_handler

    def around_configure(self, configure: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return uvicorn's `Config.configure_logging`, extended to remove its default handlers.

        A logging configuration that the application chose or edited is not changed.
        """
        default = copy.deepcopy(sys.modules["uvicorn.config"].LOGGING_CONFIG)

        @wraps(configure)
        def configure_without_handlers(config: Any) -> None:
            is_default = config.log_config == default
            configure(config)
            if is_default and not logging.getLogger().handlers:
                self._guard.run(_propagate_uvicorn_records)

        return configure_without_handlers


def _propagate_uvicorn_records() -> None:
    """Propagate uvicorn's records to the root logger.

    Its access log, which contains query strings, is replaced by spanloom.access.
    """
    for name in UVICORN_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)
    logging.getLogger("uvicorn.error").addFilter(
        lambda record: '"WebSocket %s"' not in str(record.msg)
    )  # contains the path


class RedactingJsonFormatter(JsonFormatter):
    """Formats a record as one line of JSON.

    Fields: time (RFC 3339, UTC), level, logger, message, trace and span id, and the record's extra fields.
    """

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, "color_message", "otelTraceID", "otelSpanID", "otelTraceSampled",
                            "otelServiceName"],
        )  # fmt: skip

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; formats a copy of the record, as formatting stores the traceback in it."""
        return super().format(copy.copy(record))

    def formatException(self, exc_info: Any) -> str:  # noqa: N802 name of the base class
        """Return the redacted traceback."""
        return redaction_for([exc_info[1]], current_request()).redact_error(exc_info[1]).stacktrace.rstrip("\n")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Add the time as the first field, and the current trace and span id as the last ones."""
        log_data["timestamp"] = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        super().add_fields(log_data, record, message_dict)
        log_data["message"] = redacted_message(record)
        resource = getattr(trace.get_tracer_provider(), "resource", None)
        if resource is not None:
            log_data["service.name"] = resource.attributes.get("service.name")
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            log_data["trace_id"] = trace.format_trace_id(context.trace_id)
            log_data["span_id"] = trace.format_span_id(context.span_id)


def redacted_message(record: logging.LogRecord) -> str:
    """Return a record's message with data of exceptions and query strings redacted."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    errors = [argument for argument in arguments if isinstance(argument, BaseException)]
    if record.exc_info and record.exc_info[1] is not None:
        errors.append(record.exc_info[1])
    return redaction_for(errors, current_request()).redact_text(record.getMessage())
