"""Problems defined by their status code alone."""

from __future__ import annotations

from http import HTTPStatus

from fastapi_problem.error import StatusProblem

RETRY_AFTER_SECONDS = 1


class NotFound(StatusProblem):
    """404: the resource does not exist."""

    title, status = HTTPStatus.NOT_FOUND.phrase, 404


class Invalid(StatusProblem):
    """422: well-formed but invalid input; `errors` contains `{in, field, reason}` each."""

    title, status = HTTPStatus.UNPROCESSABLE_ENTITY.phrase, 422

    def __init__(self, errors: list[dict[str, str]]) -> None:
        super().__init__("The input is not valid.", errors=errors)


class Failed(StatusProblem):
    """500; the reason is logged, not part of the response."""

    title, status = HTTPStatus.INTERNAL_SERVER_ERROR.phrase, 500

    def __init__(self, _reason: str = "") -> None:
        super().__init__("The request failed because of an internal error.")


class Unavailable(StatusProblem):
    """503 with Retry-After: a dependency does not respond."""

    title, status = HTTPStatus.SERVICE_UNAVAILABLE.phrase, 503

    def __init__(self) -> None:
        super().__init__(
            "The service is temporarily unavailable; try again later.", {"Retry-After": str(RETRY_AFTER_SECONDS)}
        )
