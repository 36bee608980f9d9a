"""Exceptions on spans, with nothing in their texts that must not leave the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Status, StatusCode

from spanloom.tracing.context import REQUEST_KEY, get_current
from spanloom.tracing.redaction import redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span


def record_error(span: Span, error: BaseException) -> None:
    """Set the span's status to ERROR and record `error`; a generator that is closed early has not failed."""
    if not span.is_recording() or isinstance(error, GeneratorExit):
        return
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", type_name(error))
    if isinstance(error, Exception):
        span.add_event("exception", exception_attributes(error))


def exception_attributes(error: BaseException, request: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the attributes of an `exception` event (OpenTelemetry semantic conventions, "Exceptions"), redacted."""
    shown = redaction([error], request or current_request()).error(error)
    return {
        "exception.type": type_name(error),
        "exception.message": shown.message,
        "exception.stacktrace": shown.stacktrace,
    }


def current_request() -> Mapping[str, Any]:
    """Return the ASGI scope or WSGI environment of the request that is handled; empty outside a request."""
    found = get_current().get(REQUEST_KEY)
    return found if isinstance(found, dict) else {}


def type_name(error: BaseException) -> str:
    """Return the qualified name of an error's class, without the module builtins (`error.type`)."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
