"""Log records with the ids of trace and span, as OTLP or as JSON; the application configures logging as ever.

The hook is `Logger.callHandlers`, through which every record passes that its logger lets pass: it needs no handler of
ours at the root logger (`logging.basicConfig` does nothing once there is one), survives every dictConfig, and changes
neither records nor levels.
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

FIELD = (
    "otelTraceID"  # with otelSpanID, otelTraceSampled and otelServiceName: the names of opentelemetry-instrumentation
)
# Loggers that quote what a caller sent in malformed baggage and tracestate.
QUOTING = ("opentelemetry.baggage", "opentelemetry.baggage.propagation", "opentelemetry.trace.span")


class LogsInstrumentor(LazyInstrumentor):
    """Hooks the standard library's logging."""

    name = "logging"

    def hook(self, options: Options) -> None:
        """Wrap what the settings ask for."""
        settings = options.settings
        self.emit_log, self.correlates = options.emit_log, settings.correlates_logs
        self.wrap(logging.Logger, "callHandlers", self._around_handlers)
        self.wrap(logging.Formatter, "__init__", self._around_formatter)
        for name in QUOTING:
            logging.getLogger(name).addFilter(_without_arguments)
        self.json = JsonLogs(settings, self.guard) if settings.log_format == "json" else None
        if self.json is not None:
            self.json.install()
            self.on_import("uvicorn.config", partial(self._wrap_uvicorn, self.json))

    def _wrap_uvicorn(self, json: JsonLogs, module: Any) -> None:
        self.wrap(module.Config, "configure_logging", json.around)

    def _uninstrument(self, **options: Any) -> None:
        super()._uninstrument(**options)
        for name in QUOTING:
            logging.getLogger(name).removeFilter(_without_arguments)
        if self.json is not None:
            self.json.remove()

    def _around_handlers(self, call_handlers: Callable[..., None]) -> Callable[..., None]:
        @wraps(call_handlers)
        def handled(logger: logging.Logger, record: logging.LogRecord) -> None:
            if self.correlates or self.emit_log is not None:
                self.guard.run(self._take, record)
            call_handlers(logger, record)

        return handled

    def _take(self, record: logging.LogRecord) -> None:
        context = get_current()
        if self.correlates:
            correlate(record)
        if self.emit_log is not None and not is_suppressed(context):  # not the exporter's own records, without end
            self.emit_log(record)

    def _around_formatter(self, init: Callable[..., None]) -> Callable[..., None]:
        """Notice a format that names our fields: without them, each of its records would be an error."""

        @wraps(init)
        def noticed(formatter: logging.Formatter, *args: Any, **kwargs: Any) -> None:
            init(formatter, *args, **kwargs)
            self.guard.run(self._notice, formatter)

        return noticed

    def _notice(self, formatter: logging.Formatter) -> None:
        if "otel" in str(getattr(formatter, "_fmt", "")):
            self.correlates = True


def correlate(record: logging.LogRecord) -> None:
    """Set the fields of trace and span on a record that has none yet."""
    if hasattr(record, FIELD):
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


def _without_arguments(record: logging.LogRecord) -> bool:
    record.args = None  # the message stays, with its places empty
    return True
