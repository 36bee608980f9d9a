"""The requests that Prometheus has counted, as the last step of `make up` reads them."""

from __future__ import annotations

import json

import pytest
from support.servers.scripted_server import response, scripted_server

from spanloom_local.cluster_metrics import wait_for_calls
from spanloom_local.journey import CREATE


def _result(*values: str) -> bytes:
    """Return Prometheus' response to an instant query with one series for each value."""
    series = [{"metric": {}, "value": [1, value]} for value in values]
    body = {"status": "success", "data": {"resultType": "vector", "result": series}}
    return response("200 OK", json.dumps(body))


def test_the_number_of_requests_is_awaited() -> None:
    """The number is returned once Prometheus has it; a query without a result, or a refused one, is repeated."""
    with scripted_server(_result(), response("503 Service Unavailable", ""), _result("3")) as server:
        found = wait_for_calls(server.url, CREATE, "users-api", 20)

    assert 3 == found
    assert "span_name%3D%22POST+%2Fusers%22" in server.requests[0]
    assert "service_name%3D%22users-api%22" in server.requests[0]


def test_no_request_is_an_error() -> None:
    """Without a result in time, the error names the request."""
    with scripted_server(_result()) as server, pytest.raises(TimeoutError, match="POST /users"):
        wait_for_calls(server.url, CREATE, "users-api", 1)
