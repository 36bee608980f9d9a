"""Log records as JSON lines on standard output, each with the trace and span it belongs to."""

from __future__ import annotations

import logging
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter
from wrapt import when_imported

from spanloom.filter import LEVELS
from spanloom.hooks import Hook
from spanloom.privacy import disclosable

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.filter import Filter
    from spanloom.settings import Settings


# Loggers that quote what a caller sent in malformed baggage and tracestate.
QUOTING = ("opentelemetry.baggage", "opentelemetry.baggage.propagation", "opentelemetry.trace.span")


class LogsInstrumentor(Hook):
    """Sets up the root logger and lets uvicorn's own loggers speak through it."""

    def _instrument(self, *, settings: Settings, **_: Any) -> None:
        self._factory = logging.getLogRecordFactory()
        logging.setLogRecordFactory(discreet(self._factory))
        self._handler = logging.StreamHandler(sys.stdout)
        resource = getattr(trace.get_tracer_provider(), "resource", None)
        self._handler.setFormatter(Formatter(resource.attributes.get("service.name") if resource else None))
        logging.getLogger().addHandler(self._handler)
        for name in QUOTING:
            logging.getLogger(name).addFilter(_withhold)
        apply(settings.filter)
        when_imported("uvicorn.config")(_yield_logging)

    def _uninstrument(self, **_: Any) -> None:
        logging.setLogRecordFactory(self._factory)
        logging.getLogger().removeHandler(self._handler)
        for name in QUOTING:
            logging.getLogger(name).removeFilter(_withhold)


def apply(chosen: Filter) -> None:
    """Set the levels of the logging tree to those of `chosen`; loggers inherit by dotted name as targets do."""
    logging.addLevelName(LEVELS["trace"], "TRACE")
    logging.getLogger().setLevel(chosen.default)
    for target, level in chosen.targets.items():
        logging.getLogger(target).setLevel(level)


def _withhold(record: logging.LogRecord) -> bool:
    record.args = None  # the message stays, with its places empty
    return True


def _yield_logging(module: Any) -> None:
    # uvicorn configures its loggers when it starts; ours take their records and spanloom.access its access log,
    # which would print query strings and paths as they came.
    module.LOGGING_CONFIG.clear()
    module.LOGGING_CONFIG.update(version=1, disable_existing_loggers=False)
    logging.getLogger("uvicorn.access").addFilter(lambda _: False)
    logging.getLogger("uvicorn.error").addFilter(lambda record: '"WebSocket %s"' not in str(record.msg))  # its path


def discreet(factory: Callable[..., logging.LogRecord]) -> Callable[..., logging.LogRecord]:
    """Return a record factory whose exceptions quote no data, in the message's arguments and in the traceback."""

    def make(*args: Any, **kwargs: Any) -> logging.LogRecord:
        record = factory(*args, **kwargs)
        if record.exc_info and record.exc_info[1] is not None:
            shown = disclosable(record.exc_info[1])
            record.exc_info = (type(shown), shown, record.exc_info[2])
        if isinstance(record.args, tuple) and any(isinstance(arg, BaseException) for arg in record.args):
            record.args = tuple(disclosable(a) if isinstance(a, BaseException) else a for a in record.args)
        return record

    return make


class Formatter(JsonFormatter):
    """One record as one line of JSON: time (RFC 3339, UTC), level, logger, message, trace, and what `extra` gave."""

    def __init__(self, service: str | None = None) -> None:
        super().__init__(
            ["levelname", "name", "message"],
            rename_fields={"levelname": "level", "name": "logger"},
            reserved_attrs=[*RESERVED_ATTRS, "color_message"],
            static_fields={"service.name": service} if service else None,
        )

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        """Put the time first and the current trace and span last."""
        log_data["timestamp"] = datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds")
        super().add_fields(log_data, record, message_dict)
        context = trace.get_current_span().get_span_context()
        if context.is_valid:
            log_data["trace_id"] = format(context.trace_id, "032x")
            log_data["span_id"] = format(context.span_id, "016x")
