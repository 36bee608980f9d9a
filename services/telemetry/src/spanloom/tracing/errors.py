"""Exceptions on spans, with redacted messages and stack traces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.trace import Status, StatusCode

from spanloom.tracing.context import REQUEST_KEY, get_current
from spanloom.tracing.redaction import redaction_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opentelemetry.trace import Span


def record_error(span: Span, error: BaseException) -> None:
    """Set the span's status to ERROR and record `error`; ignore GeneratorExit, which is not an error."""
    if not span.is_recording() or isinstance(error, GeneratorExit):
        return
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", type_name(error))
    if isinstance(error, Exception):
        span.add_event("exception", exception_attributes(error))


def exception_attributes(error: BaseException, request: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the redacted attributes of an `exception` event (semantic conventions, "Exceptions")."""
    redacted = redaction_for([error], request or current_request()).redact_error(error)
    return {
        "exception.type": type_name(error),
        "exception.message": redacted.message,
        "exception.stacktrace": redacted.stacktrace,
    }


def current_request() -> Mapping[str, Any]:
    """Return the ASGI scope or WSGI environment of the current request; empty outside a request."""
    request = get_current().get(REQUEST_KEY)
    return request if isinstance(request, dict) else {}


def type_name(error: BaseException) -> str:
    """Return the qualified class name of an error, without the module builtins (`error.type`)."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
