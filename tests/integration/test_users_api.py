"""users-api over HTTP, with the real users-db-service behind it or a failing one."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from support.builders.bad_requests import BAD_REQUESTS, UNKNOWN_USER, WRONG_METHODS, BadRequest
from support.http_client import Client, assert_problem, assert_unavailable
from support.servers.scripted_server import DROP, HANG, response, scripted_server
from support.servers.services import running_users_api

if TYPE_CHECKING:
    import aiohttp

ADA = f'{{"id": "{UUID(int=0)}", "name": "Ada", "created_at": "2026-11-02T09:30:00Z"}}'
MADE = response("201 Created", ADA)
READ = response("200 OK", ADA)
GONE = response("204 No Content", "")
NO_SUCH = response("404 Not Found", '{"detail": "secret"}')
BROKEN = response("500 Internal Server Error", "secret", kind="text/plain")
AWAY = response("503 Service Unavailable", "secret", "Retry-After: 60")
ELSEWHERE = response("302 Found", "", "Location: /secret")
# Every kind of failure of users-db-service, by its response.
FAILURES = {
    "fails": BROKEN,
    "is unavailable": AWAY,
    "refuses": response("422 Unprocessable Entity", '{"detail": "secret"}'),
    "redirects": ELSEWHERE,
    "responds with HTML": response("200 OK", "<h1>secret</h1>", kind="text/html"),
    "sends half a response": response("200 OK", ADA)[:-5],
    "responds with another schema": response("200 OK", '{"id": "secret"}'),
    "sends no HTTP": b"220 secret ESMTP\r\n",
    "closes the connection": DROP,
    "hangs": HANG,
}
FAILED_CALLS = [
    (method, path, failure)
    for method, path in [("POST", "/users"), ("GET", "/users"), ("GET", UNKNOWN_USER), ("DELETE", UNKNOWN_USER)]
    for failure in FAILURES
]


@pytest.fixture
def users_api(http: aiohttp.ClientSession, users_api_url: str) -> Client:
    """Return a client of a users-api shared by the tests of this file."""
    return Client(http, users_api_url)


async def test_a_user_is_created_read_listed_and_deleted(users_api: Client) -> None:
    """GET and the list return what POST returned, until DELETE."""
    made = await users_api("POST", "/users", json={"name": " Ada Lovelace "})
    place = made.headers["Location"]
    assert (201, "Ada Lovelace", f"/users/{UUID(made.json['id'])}") == (made.status, made.json["name"], place)
    assert made.json == (await users_api("GET", place)).json
    assert [made.json] == (await users_api("GET", "/users")).json["items"]
    deleted = await users_api("DELETE", place)
    assert (204, "", None) == (deleted.status, deleted.text, deleted.headers.get("Content-Type"))
    assert_problem(404, await users_api("GET", place))
    assert_problem(404, await users_api("DELETE", place))


async def test_a_list_is_paged(users_api: Client) -> None:
    """Following `next` returns every user once, in the order of creation."""
    made = [(await users_api("POST", "/users", json={"name": name})).json for name in "abcde"]
    page = (await users_api("GET", "/users?limit=2")).json
    listed = page["items"]
    while page["next"] is not None:
        page = (await users_api("GET", f"/users?limit=2&after={page['next']}")).json
        listed += page["items"]
    assert made == listed


@pytest.mark.parametrize("bad", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_invalid_input_changes_nothing(users_api: Client, bad: BadRequest) -> None:
    """Invalid input gets its status and a problem that names the fields, and changes nothing."""
    before = (await users_api("GET", "/users")).json
    data = bad.options.get("data")
    problem = await users_api(bad.method, bad.path, **bad.options | ({"data": data()} if callable(data) else {}))
    assert_problem(bad.status, problem)
    assert bad.fields == [error["field"] for error in problem.json.get("errors", [])]
    assert before == (await users_api("GET", "/users")).json


async def test_invalid_input_is_not_forwarded(http: aiohttp.ClientSession) -> None:
    """Input that users-api can refuse itself never reaches users-db-service."""
    with scripted_server(NO_SUCH) as upstream, running_users_api(http, upstream.url) as users_api:
        for bad in BAD_REQUESTS.values():
            data = bad.options.get("data")
            await users_api(bad.method, bad.path, **bad.options | ({"data": data()} if callable(data) else {}))
        # Only users-db-service knows that the user does not exist.
        assert {f"GET {UNKNOWN_USER} HTTP/1.1", f"DELETE {UNKNOWN_USER} HTTP/1.1"} == set(upstream.requests)


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG_METHODS)
async def test_a_wrong_method_gets_allow(users_api: Client, method: str, path: str, allowed: str) -> None:
    """405 lists every method of the path in Allow."""
    problem = await users_api(method, path)
    assert (405, allowed) == (problem.status, problem.headers["Allow"])


@pytest.mark.parametrize(("method", "path", "failure"), FAILED_CALLS)
async def test_a_failing_database_service_causes_503(
    http: aiohttp.ClientSession, method: str, path: str, failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Every failure of users-db-service causes 503 with Retry-After, without a word of its response."""
    deadline = 0.3 if failure == "hangs" else 60
    with scripted_server(FAILURES[failure]) as upstream, running_users_api(http, upstream.url, deadline) as users_api:
        body = {"json": {"name": "private"}} if method == "POST" else {}
        assert_unavailable(await users_api(method, path, **body))
    assert "secret" not in caplog.text
    assert "private" not in caplog.text


async def test_a_missing_database_service_leaves_users_api_ready(http: aiohttp.ClientSession) -> None:
    """Without users-db-service, users-api responds with 503 and stays alive and ready."""
    with running_users_api(http, "http://127.0.0.1:1") as users_api:
        assert_unavailable(await users_api("GET", "/users"))
        assert_unavailable(await users_api("POST", "/users", json={"name": "Ada"}))
        assert [200, 200] == [(await users_api("GET", probe)).status for probe in ("/healthz", "/readyz")]


@pytest.mark.parametrize(
    ("script", "method", "path", "status", "times"),
    [
        ([DROP, READ], "GET", UNKNOWN_USER, 200, 2),
        ([AWAY, BROKEN, READ], "GET", UNKNOWN_USER, 200, 3),
        ([AWAY, AWAY, AWAY, READ], "GET", UNKNOWN_USER, 503, 3),
        ([NO_SUCH], "GET", UNKNOWN_USER, 404, 1),
        ([DROP, MADE], "POST", "/users", 503, 1),
        ([AWAY, MADE], "POST", "/users", 503, 1),
        ([ELSEWHERE, MADE], "POST", "/users", 503, 1),
        ([DROP, GONE], "DELETE", UNKNOWN_USER, 204, 2),
        # The first attempt may have deleted the user before its response was lost.
        ([DROP, NO_SUCH], "DELETE", UNKNOWN_USER, 204, 2),
        ([NO_SUCH], "DELETE", UNKNOWN_USER, 404, 1),
    ],
)
async def test_only_idempotent_requests_are_retried(
    http: aiohttp.ClientSession, script: list[bytes], method: str, path: str, status: int, times: int
) -> None:
    """GET and DELETE are sent up to 3 times; POST once, because a retry could create a second user."""
    with scripted_server(*script) as upstream, running_users_api(http, upstream.url) as users_api:
        body = {"json": {"name": "Ada"}} if method == "POST" else {}
        assert status == (await users_api(method, path, **body)).status
        assert [f"{method} {path} HTTP/1.1"] * times == upstream.requests


async def test_the_deadline_covers_all_attempts(http: aiohttp.ClientSession, caplog: pytest.LogCaptureFixture) -> None:
    """A service that fails and then hangs is abandoned at one deadline, and the log records that."""
    with scripted_server(AWAY, HANG) as upstream, running_users_api(http, upstream.url, 0.5) as users_api:
        assert_unavailable(await users_api("GET", UNKNOWN_USER))
        assert len(upstream.requests) == 2
    assert "users-db-service is not available: no response before the deadline" in caplog.text


async def test_a_recovered_service_is_used(http: aiohttp.ClientSession) -> None:
    """After failures, the same process succeeds as soon as users-db-service does."""
    with scripted_server(DROP, READ) as upstream, running_users_api(http, upstream.url) as users_api:
        assert (await users_api("POST", "/users", json={"name": "Ada"})).status == 503
        assert (await users_api("GET", UNKNOWN_USER)).json["name"] == "Ada"


async def test_connections_are_reused(http: aiohttp.ClientSession) -> None:
    """One connection serves many requests."""
    kept = READ.replace(b"Connection: close\r\n", b"")
    with scripted_server(kept) as upstream, running_users_api(http, upstream.url) as users_api:
        for _ in range(5):
            assert (await users_api("GET", UNKNOWN_USER)).status == 200
        assert (5, 1) == (len(upstream.requests), upstream.connections)
