"""Conversion of exceptions to problem details."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi_problem.error import Problem
from opentelemetry import trace
from starlette.routing import Match

from spanloom.web.status_problems import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi import HTTPException, Request
    from fastapi.exceptions import RequestValidationError
    from fastapi_problem.handler import ExceptionHandler
    from starlette.responses import JSONResponse, Response

MAX_FIELD_NAME_LENGTH = 64
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


def from_http_exception(_handler: ExceptionHandler, request: Request, exc: HTTPException) -> Problem:
    """Return the problem of an HTTPException of the application or of FastAPI."""
    phrase = HTTPStatus(exc.status_code).phrase
    detail = exc.detail if exc.detail != phrase else None
    headers = dict(exc.headers or {})
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return Problem(phrase, detail=detail, status=exc.status_code, headers=headers)


def _allowed(request: Request) -> str:
    """Return every method of the path (RFC 9110, 15.5.6); the router knows only those of one route."""
    routes, scope = request.app.routes, request.scope
    return ", ".join(
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    )


def from_validation(_handler: ExceptionHandler, _request: Request, exc: RequestValidationError) -> Problem:
    """Return 400 for a body that is not JSON, otherwise 422 with all errors."""
    errors = exc.errors()
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(HTTPStatus.BAD_REQUEST.phrase, detail="The body is not valid JSON.", status=400)
    return Invalid([_error(error) for error in errors])


def _error(error: Mapping[str, Any]) -> dict[str, str]:
    location, *path = error["loc"]
    return {"in": location, "field": printable(".".join(map(str, path))), "reason": _reason(error)}


def printable(field: str) -> str:
    """Return a field name as ASCII: an unknown name is the caller's text and may contain lone surrogates."""
    return field.encode("ascii", "backslashreplace").decode()[:MAX_FIELD_NAME_LENGTH]


def _reason(error: Mapping[str, Any]) -> str:
    """Return pydantic's message without the part that may contain input (`…, invalid character: found x`)."""
    if error["type"] == "string_pattern_mismatch":
        return "Invalid characters or format"
    message, detail = str(error["msg"]).removeprefix("Value error, "), error.get("ctx", {}).get("error")
    return message.removesuffix(f", {detail}") if isinstance(detail, str) else message


def add_trace_id(content: dict[str, Any], _request: Request, response: JSONResponse) -> tuple[dict[str, Any], Response]:
    """Add the trace id of the request."""
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        content = {**content, "trace_id": trace.format_trace_id(context.trace_id)}
        response.body = response.render(content)
    return content, response
