"""Exceptions on spans and log records, redacted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.context import REQUEST_KEY, get_current
from spanloom.core.redaction import redaction_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom.core.redaction import Redaction

_error_status: Any = 2  # StatusCode.ERROR of the API


def adopt(error_status: Any) -> None:
    """Set the status that spans of the API understand as ERROR."""
    global _error_status  # noqa: PLW0603 one process has one API
    _error_status = error_status


def record_error(span: Any, error: BaseException) -> None:
    """Set the span's status to ERROR and record `error`; closing a generator early is no error."""
    if not span.is_recording() or isinstance(error, GeneratorExit):
        return
    mark_error(span, type_name(error))
    if isinstance(error, Exception):
        span.add_event("exception", exception_attributes(error))


def mark_error(span: Any, error_type: str) -> None:
    """Set the span's status to ERROR, without a description, and `error.type`."""
    span.set_status(_error_status)
    span.set_attribute("error.type", error_type)


def exception_attributes(error: BaseException, redaction: Redaction | None = None) -> dict[str, str]:
    """Return the attributes of an `exception` event (OpenTelemetry semantic conventions, "Exceptions"), redacted."""
    redacted = (redaction or redaction_for([error], current_request())).redact_error(error)
    return {
        "exception.type": type_name(error),
        "exception.message": redacted.message,
        "exception.stacktrace": redacted.stacktrace,
    }


def current_request() -> Mapping[str, Any]:
    """Return the ASGI scope or WSGI environment of the request that is handled; empty outside a request."""
    found = get_current().get(REQUEST_KEY)
    return found if isinstance(found, dict) else {}


def type_name(error: BaseException) -> str:
    """Return the qualified name of an error's class, without the module builtins (`error.type`)."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
