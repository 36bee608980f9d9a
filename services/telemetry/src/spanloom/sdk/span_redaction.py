"""Redaction of the SDK's own spans, created by the application and by other instrumentations."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan, Span
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.trace import Status

from spanloom.core.errors import current_request
from spanloom.core.guard import Guard
from spanloom.core.redaction import redact_attributes, redaction_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from opentelemetry.sdk.trace.export import SpanExportResult

    from spanloom.core.redaction import Redaction

guard = Guard("redaction in spans")


class RedactingExporter(SpanExporter):
    """Exports spans with query strings redacted in their attributes, those of other instrumentations included."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export redacted copies."""
        return self._exporter.export([guard.run(_redacted_copy, span) or span for span in spans])

    def shutdown(self) -> None:
        """Shut the exporter down."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Flush the exporter."""
        return self._exporter.force_flush(timeout_millis)


def _redacted_copy(span: ReadableSpan) -> ReadableSpan:
    """Return the span, or a redacted copy if it contains data to redact."""
    attributes = span.attributes or {}
    redacted = redact_attributes(attributes)
    return span if redacted is attributes else _RedactedSpan(span, redacted)


class _RedactedSpan(ReadableSpan):
    """A span with other attributes."""

    def __init__(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> None:
        self.__dict__.update(vars(span))
        self.redacted = attributes

    @property
    def attributes(self) -> Mapping[str, Any]:
        return self.redacted


def patch_span_errors() -> None:
    """Patch `record_exception` and `set_status` of the SDK's spans, once."""
    if hasattr(Span.record_exception, "__wrapped__"):
        return
    setattr(Span, "record_exception", _around_record_exception(Span.record_exception))  # noqa: B010 a method
    setattr(Span, "set_status", _around_set_status(Span.set_status))  # noqa: B010 a method


def _around_record_exception(record: Callable[..., None]) -> Callable[..., None]:
    @wraps(record)
    def record_exception(
        self: Any, exception: BaseException, attributes: Any = None, *args: Any, **kwargs: Any
    ) -> None:
        redacted = guard.run(_redacted_attributes, self, exception) or {}
        try:
            record(self, exception, {**redacted, **(attributes or {})}, *args, **kwargs)
        except (
            Exception
        ) as error:  # e.g. __str__ raises; use_span would raise it instead of the application's exception
            guard.record_failure(error)

    return record_exception


def _redacted_attributes(span: Any, error: BaseException) -> dict[str, str]:
    """Return the redacted attributes of an exception; keep the redaction for the span's status."""
    span.redaction = redaction = redaction_for([error], current_request())
    redacted = redaction.redact_error(error)
    return {"exception.message": redacted.message, "exception.stacktrace": redacted.stacktrace}


def _around_set_status(set_status: Callable[..., None]) -> Callable[..., None]:
    @wraps(set_status)
    def set_redacted_status(self: Any, status: Any, description: str | None = None) -> None:
        # use_span of the API records the exception first, then sets its message as the status description.
        set_status(self, *(guard.run(_redacted_status, self, status, description) or (status, description)))

    return set_redacted_status


def _redacted_status(span: Any, status: Any, description: str | None) -> tuple[Any, str | None]:
    redaction: Redaction = getattr(span, "redaction", None) or redaction_for((), current_request())
    if isinstance(status, Status) and status.description:
        status = Status(status.status_code, redaction.redact_text(status.description))
    return status, redaction.redact_text(description) if description else description
