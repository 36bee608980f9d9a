"""Exceptions on spans and log records, with nothing in their texts that must not leave the process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.core.context import REQUEST_KEY, get_current
from spanloom.core.redaction import redaction

if TYPE_CHECKING:
    from collections.abc import Mapping

    from spanloom.core.redaction import Redaction

ERROR = 2  # of the API's StatusCode


def record_error(span: Any, error: BaseException) -> None:
    """Set the span's status to ERROR and record `error`; a generator that is closed early has not failed."""
    if not span.is_recording() or isinstance(error, GeneratorExit):
        return
    mark_error(span, type_name(error))
    if isinstance(error, Exception):
        span.add_event("exception", exception_attributes(error))


def mark_error(span: Any, error_type: str) -> None:
    """Set the span's status to ERROR, without a description, and `error.type`."""
    span.set_status(ERROR)
    span.set_attribute("error.type", error_type)


def exception_attributes(error: BaseException, redacted: Redaction | None = None) -> dict[str, str]:
    """Return the attributes of an `exception` event (OpenTelemetry semantic conventions, "Exceptions"), redacted."""
    shown = (redacted or redaction([error], current_request())).error(error)
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
