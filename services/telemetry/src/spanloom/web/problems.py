"""HTTP errors as `application/problem+json` (RFC 9457), each with the trace id of its request.

`install(app)` configures a FastAPI application; `responses(404, 503)` documents problems in OpenAPI. A problem has
`type` (`about:blank`), `title`, `status`, usually `detail`, `errors` for invalid input, and `trace_id` (32 hex digits)
if the request has a trace. Responses contain neither the message of an unhandled exception nor the input.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi_problem.error import Problem, StatusProblem
from fastapi_problem.handler import new_exception_handler
from starlette.exceptions import HTTPException as StarletteHTTPException

from spanloom.web.body_limit import BodyLimitMiddleware
from spanloom.web.problem_content import add_trace_id, from_http_exception, from_validation, printable
from spanloom.web.problem_schema import responses, with_problem_schema
from spanloom.web.status_problems import Failed, Invalid, NotFound, Unavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fastapi import FastAPI
    from fastapi_problem.handler import ExceptionHandler

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


def install(app: FastAPI, handled: Mapping[type[Exception], type[StatusProblem]] | None = None) -> None:
    """Convert every error of `app` to a problem, limit bodies (64 KiB, 10 s) and document both in OpenAPI.

    `handled` maps exceptions of the application to problems.
    """
    handled = handled or {}
    handler = new_exception_handler(
        handlers={kind: _always(problem) for kind, problem in handled.items()},
        unhandled_wrappers={"default": Failed},
        http_exception_handler=from_http_exception,
        request_validation_handler=from_validation,
        documentation_uri_template="about:blank",
        post_hooks=[add_trace_id],
    )
    for kind in (Exception, Problem, StarletteHTTPException, RequestValidationError, *handled):
        app.add_exception_handler(kind, handler)
    app.add_middleware(BodyLimitMiddleware)
    app.openapi = with_problem_schema(app.openapi)  # type: ignore[method-assign]  # documented by FastAPI


async def require_json(request: Request) -> None:
    """Refuse (415) a request body that is not declared as JSON; a dependency of routes with a body."""
    declared = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if declared != "application/json":
        raise HTTPException(415, "The body must be application/json.", {"Accept": "application/json"})


async def each_parameter_once(request: Request) -> None:
    """Refuse (422) repeated query parameters, of which only the last one would be used."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    if repeated := [name for name, count in counts.items() if count > 1]:
        raise Invalid([{"in": "query", "field": printable(name), "reason": "repeated"} for name in repeated])


def _always(problem: type[StatusProblem]) -> Callable[[ExceptionHandler, Request, Exception], Problem]:
    return lambda _handler, _request, _exc: problem()
