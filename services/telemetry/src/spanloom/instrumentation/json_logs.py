"""`SPANLOOM_LOG_FORMAT=json`: records as JSON lines on standard error, for loggers without a handler of their own.

The handler is logging's handler of last resort, which is used for records that find no other one. So whatever the
application configures, with basicConfig, dictConfig or handlers of its own, wins, and no record is written twice.
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
from spanloom.tracing.redaction import redaction

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.settings import Settings
    from spanloom.tracing.guard import Guard

UVICORN_LOGGERS = ("uvicorn", "uvicorn.access", "uvicorn.error", "uvicorn.asgi")


class JsonLogs:
    """The handler of last resort, and the levels of SPANLOOM_FILTER."""

    def __init__(self, settings: Settings, guard: Guard) -> None:
        self._filter, self._guard = settings.level_filter, guard
        self._handler = logging.StreamHandler(sys.stderr)
        self._handler.setFormatter(RedactingJsonFormatter())

    def install(self) -> None:
        """Install the handler; levels that were set before stay."""
        self._before = logging.lastResort
        logging.lastResort = self._handler
        logging.addLevelName(LEVELS["trace"], "TRACE")
        if logging.getLogger().level == logging.WARNING:  # Python's default
            logging.getLogger().setLevel(self._filter.default)
        for target, level in self._filter.targets.items():
            logging.getLogger(target).setLevel(level)

    def remove(self) -> None:
        """Remove the handler."""
        logging.lastResort = self._before

    def around(self, configure: Callable[[Any], None]) -> Callable[[Any], None]:
        """Return uvicorn's `Config.configure_logging`, after which its loggers have no handlers of their own.

        A logging configuration that the application chose or edited stays as it is.
        """
        default = copy.deepcopy(sys.modules["uvicorn.config"].LOGGING_CONFIG)

        @wraps(configure)
        def configured(config: Any) -> None:
            is_default = config.log_config == default
            configure(config)
            if is_default and not logging.getLogger().handlers:
                self._guard.run(_release_uvicorn)

        return configured


def _release_uvicorn() -> None:
    """Let uvicorn's records reach the root; its access log, which prints query strings, is spanloom.access instead."""
    for name in UVICORN_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(logging.NOTSET)
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)
    logging.getLogger("uvicorn.error").addFilter(lambda record: '"WebSocket %s"' not in str(record.msg))  # its path


class RedactingJsonFormatter(JsonFormatter):
    """One record as one line of JSON: time (RFC 3339, UTC), level, logger, message, trace, and the record's extras."""

    def __init__(self) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, "color_message", "otelTraceID", "otelSpanID", "otelTraceSampled",
                            "otelServiceName"],
        )  # fmt: skip

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; a copy of the record is formatted, as formatting keeps a traceback's text in it."""
        return super().format(copy.copy(record))

    def formatException(self, exc_info: Any) -> str:  # noqa: N802 the name of the standard library
        """Return a traceback without texts that quote data."""
        return redaction([exc_info[1]], current_request()).error(exc_info[1]).stacktrace.rstrip("\n")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put the time first and the current trace and span last."""
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
    """Return a record's message without texts of its exceptions that quote data, and without query strings."""
    arguments = record.args if isinstance(record.args, tuple) else ()
    errors = [argument for argument in arguments if isinstance(argument, BaseException)]
    if record.exc_info and record.exc_info[1] is not None:
        errors.append(record.exc_info[1])
    return redaction(errors, current_request()).text(record.getMessage())
