"""Log records with trace and span ids, as OTLP or JSON; the application still configures logging.

The hook is `Logger.callHandlers`, which every enabled record passes: it needs no handler on the root logger
(`logging.basicConfig` has no effect once there is one), is unaffected by dictConfig, and changes neither records nor
levels.
"""

from __future__ import annotations

import logging
from functools import wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.context import get_current, is_suppressed, span_of
from spanloom.core.spans.span_context import SAMPLED, identity_of
from spanloom.instrumentation.hooks import Hooks

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.instrumentation.hooks import Options

# Field names of opentelemetry-instrumentation-logging, with otelSpanID, otelTraceSampled and otelServiceName.
TRACE_ID_FIELD = "otelTraceID"
# Loggers whose messages contain malformed baggage and tracestate of a caller.
REDACTED_LOGGERS = ("opentelemetry.baggage", "opentelemetry.baggage.propagation", "opentelemetry.trace.span")


class LogsHooks(Hooks):
    """Instruments the standard library's logging."""

    name = "logging"

    def hook(self, options: Options) -> None:
        """Wrap the functions that the settings need."""
        settings = options.settings
        self.emit_log, self.has_correlation = options.emit_log, settings.has_log_correlation
        self.service_name = options.service_name
        self.wrap(logging.Logger, "callHandlers", self._around_handlers)
        self.wrap(logging.Formatter, "__init__", self._around_formatter)
        for name in REDACTED_LOGGERS:
            logging.getLogger(name).addFilter(_remove_arguments)

    def remove(self) -> None:
        """Restore logging."""
        super().remove()
        for name in REDACTED_LOGGERS:
            logging.getLogger(name).removeFilter(_remove_arguments)

    def _around_handlers(self, call_handlers: Callable[..., None]) -> Callable[..., None]:
        @wraps(call_handlers)
        def call_handlers_with_context(logger: logging.Logger, record: logging.LogRecord) -> None:
            if self.has_correlation or self.emit_log is not None:
                self.guard.run(self._process, record)
            call_handlers(logger, record)

        return call_handlers_with_context

    def _process(self, record: logging.LogRecord) -> None:
        if self.has_correlation:
            correlate(record, self.service_name)
        # Records of an exporter would cause further exports.
        if self.emit_log is not None and not is_suppressed(get_current()):
            self.emit_log(record)

    def _around_formatter(self, init: Callable[..., None]) -> Callable[..., None]:
        """Detect formats that contain the trace fields: without them each record would fail."""

        @wraps(init)
        def init_and_detect(formatter: logging.Formatter, *args: Any, **kwargs: Any) -> None:
            init(formatter, *args, **kwargs)
            self.guard.run(self._detect_fields, formatter)

        return init_and_detect

    def _detect_fields(self, formatter: logging.Formatter) -> None:
        if "otel" in str(getattr(formatter, "_fmt", "")):
            self.has_correlation = True


def correlate(record: logging.LogRecord, service_name: str) -> None:
    """Set the trace fields on a record without them."""
    if hasattr(record, TRACE_ID_FIELD):
        return
    found = identity_of(span_of(get_current()))
    record.otelTraceID = f"{found.trace_id:032x}" if found else "0"
    record.otelSpanID = f"{found.span_id:016x}" if found else "0"
    record.otelTraceSampled = bool(found and found.flags & SAMPLED)
    record.otelServiceName = service_name


def _remove_arguments(record: logging.LogRecord) -> bool:
    record.args = None  # keeps the message with its placeholders
    return True
