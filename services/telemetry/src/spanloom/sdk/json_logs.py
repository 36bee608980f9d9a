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

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from spanloom.core.context import get_current, span_of
from spanloom.core.errors import current_request
from spanloom.core.logs.records import redacted_message
from spanloom.core.redaction import redaction_for
from spanloom.core.spans.span_context import identity_of
from spanloom.instrumentation.hooks import Hooks
from spanloom.settings.levels import LEVELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.instrumentation.hooks import Options

UVICORN_LOGGERS = ("uvicorn", "uvicorn.access", "uvicorn.error", "uvicorn.asgi")


class JsonLogsHooks(Hooks):
    """The JSON handler of last resort, and logger levels from SPANLOOM_FILTER."""

    name = "json-logs"

    def hook(self, options: Options) -> None:
        """Install the handler; keep levels that are already set."""
        self._previous_handler = logging.lastResort
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(RedactingJsonFormatter(options.service_name))
        logging.lastResort = handler
        logging.addLevelName(LEVELS["trace"], "TRACE")
        level_filter = options.settings.level_filter
        if logging.getLogger().level == logging.WARNING:  # Python's default
            logging.getLogger().setLevel(level_filter.default)
        for target, level in level_filter.targets.items():
            logging.getLogger(target).setLevel(level)
        self.on_import(
            "uvicorn.config", lambda module: self.wrap(module.Config, "configure_logging", self.around_configure)
        )

    def remove(self) -> None:
        """Restore the previous handler."""
        super().remove()
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
                self.guard.run(_propagate_uvicorn_records)

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

    def __init__(self, service_name: str) -> None:
        self._service_name = service_name
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
        log_data["service.name"] = self._service_name
        identity = identity_of(span_of(get_current()))
        if identity is not None:
            log_data["trace_id"] = f"{identity.trace_id:032x}"
            log_data["span_id"] = f"{identity.span_id:016x}"
