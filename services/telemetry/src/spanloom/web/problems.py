"""Errors over HTTP: every one is `application/problem+json` (RFC 9457) and names its trace.

`install(app)` does it for a FastAPI application; `responses(404, 503)` says it in OpenAPI. A problem has
`type` (`about:blank`: the status says it all), `title`, `status`, mostly `detail`, for invalid input
`errors`, and `trace_id` (32 hex digits) whenever the request has a trace; without one the member is left out.
What an unforeseen exception says is never told, nor is the input repeated.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi_problem.error import Problem, StatusProblem
from fastapi_problem.handler import ExceptionHandler, new_exception_handler
from opentelemetry import trace
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.routing import Match

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI
    from starlette.responses import JSONResponse, Response
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

__all__ = [
    "Failed",
    "Invalid",
    "NotFound",
    "Problem",
    "Unavailable",
    "each_parameter_once",
    "install",
    "require_json",
    "responses",
]

MAX_BODY_BYTES = 64 * 1024
BODY_SECONDS = 10.0
RETRY_AFTER_SECONDS = 1
FIELD_NAME_CHARACTERS = 64
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SCHEMA = {
    "title": "Problem",
    "description": "A problem of RFC 9457.",
    "type": "object",
    "required": ["type", "title", "status"],
    "properties": {
        "type": {"type": "string", "const": "about:blank"},
        "title": {"type": "string", "description": "The phrase of the status."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is the matter, for people."},
        "trace_id": {"type": "string", "pattern": "^[0-9a-f]{32}$", "description": "The request's trace."},
        "errors": {
            "type": "array",
            "description": "What is wrong with the input.",
            "items": {
                "type": "object",
                "required": ["in", "field", "reason"],
                "properties": {
                    "in": {"type": "string", "enum": ["body", "path", "query", "header", "cookie"]},
                    "field": {"type": "string", "description": "Empty when it is the whole."},
                    "reason": {"type": "string"},
                },
            },
        },
    },
}


class NotFound(StatusProblem):
    """404: there is no such thing."""

    title, status = HTTPStatus.NOT_FOUND.phrase, 404


class Invalid(StatusProblem):
    """422: understood, but not acceptable; `errors` holds `{in, field, reason}` each."""

    title, status = HTTPStatus.UNPROCESSABLE_ENTITY.phrase, 422

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("The input is not valid.", errors=errors)


class Failed(StatusProblem):
    """500, whatever happened: the reason is for the logs, not for the caller."""

    title, status = HTTPStatus.INTERNAL_SERVER_ERROR.phrase, 500

    def __init__(self, _reason: str = "") -> None:
        super().__init__("The service failed to answer this request.")


class Unavailable(StatusProblem):
    """503 with Retry-After: what the service needs does not answer now."""

    title, status = HTTPStatus.SERVICE_UNAVAILABLE.phrase, 503

    def __init__(self) -> None:
        super().__init__("Not available now; try again later.", {"Retry-After": str(RETRY_AFTER_SECONDS)})


def install(app: FastAPI, known: Mapping[type[Exception], type[StatusProblem]] | None = None) -> None:
    """Answer every error of `app` as a problem, bound its bodies (64 KiB, 10 s) and describe both in OpenAPI.

    `known` names the problem that stands for an exception of the application.
    """
    known = known or {}
    handler = new_exception_handler(
        handlers={kind: _always(problem) for kind, problem in known.items()},
        unhandled_wrappers={"default": Failed},
        http_exception_handler=_from_http_exception,
        request_validation_handler=_from_validation,
        documentation_uri_template="about:blank",
        post_hooks=[_add_trace_id],
    )
    for kind in (Exception, Problem, StarletteHTTPException, RequestValidationError, *known):
        app.add_exception_handler(kind, handler)
    app.add_middleware(_BodyLimit, max_bytes=MAX_BODY_BYTES)
    app.openapi = _with_schema(app.openapi)  # type: ignore[method-assign]  # FastAPI's documented way


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return FastAPI's `responses` of a route for these error statuses, each with an example."""
    return {status: _response(HTTPStatus(status)) for status in statuses} | {
        "default": _response(HTTPStatus.INTERNAL_SERVER_ERROR, "Any other error")
    }


async def require_json(request: Request) -> None:
    """Refuse (415) a request body that is not declared as JSON; a dependency of routes with a body."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        raise HTTPException(415, "The body must be application/json.", {"Accept": "application/json"})


async def each_parameter_once(request: Request) -> None:
    """Refuse (422) a query that repeats a parameter; otherwise the last one would win in silence."""
    times = Counter(name for name, _ in request.query_params.multi_items())
    if repeated := [name for name, count in times.items() if count > 1]:
        raise Invalid([{"in": "query", "field": _printable(name), "reason": "given twice"} for name in repeated])


class _BodyLimit:
    """Refuse (413) bodies over `max_bytes`, declared or not, and those that take longer than BODY_SECONDS (408).

    FastAPI's own `max_body_size` answers text/plain, whatever its exception handlers say.
    """

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        read, more = 0, True
        deadline = asyncio.get_running_loop().time() + BODY_SECONDS

        async def bounded() -> Message:
            nonlocal read, more
            try:
                async with asyncio.timeout_at(deadline if more else None):  # later, one waits for the caller to leave
                    message = await receive()
            except TimeoutError:
                raise HTTPException(408, f"The body must be here within {BODY_SECONDS:g} s.") from None
            more = bool(message.get("more_body"))
            read += len(message.get("body", b""))
            if read > self.max_bytes:
                raise HTTPException(413, f"The body must not exceed {self.max_bytes} bytes.")
            return message

        await self.app(scope, bounded, send)


def _always(problem: type[StatusProblem]) -> Callable[[ExceptionHandler, Request, Exception], Problem]:
    return lambda _handler, _request, _exc: problem()


def _from_http_exception(_handler: ExceptionHandler, request: Request, exc: HTTPException) -> Problem:
    phrase = HTTPStatus(exc.status_code).phrase
    detail = exc.detail if exc.detail != phrase else None
    headers = dict(exc.headers or {})
    if exc.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = _allowed(request)
    return Problem(phrase, detail=detail, status=exc.status_code, headers=headers)


def _allowed(request: Request) -> str:
    """Return every method of the path (RFC 9110, 15.5.6); the router names those of one of its routes only."""
    routes, scope = request.app.routes, request.scope
    return ", ".join(
        method
        for method in METHODS
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    )


def _from_validation(_handler: ExceptionHandler, _request: Request, exc: RequestValidationError) -> Problem:
    errors = exc.errors()
    if any(error["type"] == "json_invalid" for error in errors):
        return Problem(HTTPStatus.BAD_REQUEST.phrase, detail="The body is not valid JSON.", status=400)
    return Invalid([_told(error) for error in errors])


def _told(error: Mapping[str, Any]) -> dict[str, str]:
    place, *path = error["loc"]
    return {"in": place, "field": _printable(".".join(map(str, path))), "reason": _reason(error)}


def _printable(field: str) -> str:
    """Return the name of a field as safe text: an unknown field is named by the caller, lone surrogates and all."""
    return field.encode("ascii", "backslashreplace").decode()[:FIELD_NAME_CHARACTERS]


def _reason(error: Mapping[str, Any]) -> str:
    """Return pydantic's message without the part that may quote the input (`…, invalid character: found x`)."""
    if error["type"] == "string_pattern_mismatch":
        return "Characters or a form that is not allowed"
    told, quoted = str(error["msg"]).removeprefix("Value error, "), error.get("ctx", {}).get("error")
    return told.removesuffix(f", {quoted}") if isinstance(quoted, str) else told


def _add_trace_id(
    content: dict[str, Any], _request: Request, response: JSONResponse
) -> tuple[dict[str, Any], Response]:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        content = {**content, "trace_id": trace.format_trace_id(context.trace_id)}
        response.body = response.render(content)
    return content, response


def _response(status: HTTPStatus, description: str = "") -> dict[str, Any]:
    example: dict[str, Any] = {"type": "about:blank", "title": status.phrase, "status": status.value}
    example["trace_id"] = "0af7651916cd43dd8448eb211c80319c"
    if status is HTTPStatus.UNPROCESSABLE_ENTITY:
        example["errors"] = [{"in": "body", "field": "name", "reason": "Field required"}]
    content = {"schema": {"$ref": "#/components/schemas/Problem"}, "example": example}
    return {"description": description or status.phrase, "content": {"application/problem+json": content}}


def _with_schema(openapi: Callable[[], dict[str, Any]]) -> Callable[[], dict[str, Any]]:
    def described() -> dict[str, Any]:
        document = openapi()
        document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = SCHEMA
        return document

    return described
