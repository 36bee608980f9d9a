"""An HTTP client of a service, and checks of its error responses."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from collections.abc import Mapping

# The promise of the services when their database or other service is down.
RESPONSE_TIMEOUT = aiohttp.ClientTimeout(total=2)


@dataclass(frozen=True)
class Response:
    """A complete HTTP response."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.text)


class Client:
    """An HTTP client of one service."""

    def __init__(self, session: aiohttp.ClientSession, base_url: str) -> None:
        self.session, self.base_url = session, base_url

    async def __call__(self, method: str, path: str, **options: Any) -> Response:
        """Send a request and read the response, without following redirects; TimeoutError after 2 s."""
        options = {"timeout": RESPONSE_TIMEOUT, "allow_redirects": False, **options}
        async with self.session.request(method, self.base_url + path, **options) as response:
            return Response(response.status, response.headers, await response.text())


def assert_problem(status: int, response: Response) -> None:
    """Assert that the response is a problem (RFC 9457) with this status."""
    members = response.json
    actual = (response.status, response.headers["Content-Type"], members["type"], members["title"], members["status"])
    assert (status, "application/problem+json", "about:blank", HTTPStatus(status).phrase, status) == actual


def assert_unavailable(response: Response) -> None:
    """Assert that the response is 503 with Retry-After: 1, without details."""
    assert_problem(503, response)
    assert response.headers["Retry-After"] == "1"
    assert response.json["detail"] == "The service is temporarily unavailable; try again later."
