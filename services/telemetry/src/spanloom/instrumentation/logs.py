"""Log records with trace and span ids, as OTLP or JSON; the application still configures logging.

The hook is `Logger.callHandlers`, which every enabled record passes: it needs no handler on the root logger
(`logging.basicConfig` has no effect once there is one), is unaffected by dictConfig, and changes neither records nor
levels.
"""

from __future__ import annotations

import logging
from functools import partial, wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.instrumentation.json_logs import JsonLogs
from spanloom.tracing.context import get_current, is_suppressed

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.instrumentation.base import Options

# Field names of opentelemetry-instrumentation-logging, with otelSpanID, otelTraceSampled and otelServiceName.
TRACE_ID_FIELD = "otelTraceID"
# Loggers whose messages contain malformed baggage and tracestate of a caller.
REDACTED_LOGGERS = ("opentelemetry.baggage", "opentelemetry.baggage.propagation", "opentelemetry.trace.span")


class LogsInstrumentor(LazyInstrumentor):
    """Instruments the standard library's logging."""

    name = "logging"

    def hook(self, options: Options) -> None:
        """Wrap the functions that the settings need."""
        settings = options.settings
        self.emit_log, self.has_correlation = options.emit_log, settings.has_log_correlation
        self.wrap(logging.Logger, "callHandlers", self._around_handlers)
        self.wrap(logging.Formatter, "__init__", self._around_formatter)
        for name in REDACTED_LOGGERS:
            logging.getLogger(name).addFilter(_remove_arguments)
        self.json = JsonLogs(settings, self.guard) if settings.log_format == "json" else None
        if self.json is not None:
            self.json.install()
            self.on_import("uvicorn.config", partial(self._wrap_uvicorn, self.json))

    def _wrap_uvicorn(self, json: JsonLogs, module: Any) -> None:
        self.wrap(module.Config, "configure_logging", json.around_configure)

    def _uninstrument(self, **options: Any) -> None:
        super()._uninstrument(**options)
        for name in REDACTED_LOGGERS:
            logging.getLogger(name).removeFilter(_remove_arguments)
        if self.json is not None:
            self.json.remove()

    def _around_handlers(self, call_handlers: Callable[..., None]) -> Callable[..., None]:
        @wraps(call_handlers)
        def call_handlers_with_context(logger: logging.Logger, record: logging.LogRecord) -> None:
            if self.has_correlation or self.emit_log is not None:
                self.guard.run(self._process, record)
            call_handlers(logger, record)

        return call_handlers_with_context

    def _process(self, record: logging.LogRecord) -> None:
        context = get_current()
        if self.has_correlation:
            correlate(record)
        if self.emit_log is not None and not is_suppressed(
            context
        ):  # skip the exporter's own records, which would recur
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


def correlate(record: logging.LogRecord) -> None:
    """Set the trace fields on a record without them."""
    if hasattr(record, TRACE_ID_FIELD):
        return
    context = trace.get_current_span().get_span_context()
    is_valid = context.is_valid
    record.otelTraceID = trace.format_trace_id(context.trace_id) if is_valid else "0"
    record.otelSpanID = trace.format_span_id(context.span_id) if is_valid else "0"
    record.otelTraceSampled = bool(context.trace_flags.sampled)
    record.otelServiceName = service_name()


def service_name() -> str:
    """Return `service.name` of the resource; empty without an SDK."""
    resource = getattr(trace.get_tracer_provider(), "resource", None)
    return str(resource.attributes.get("service.name", "")) if resource is not None else ""


def _remove_arguments(record: logging.LogRecord) -> bool:
    record.args = None  # keeps the message with its placeholders
    return True
