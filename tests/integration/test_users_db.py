"""users-db-service with a real PostgreSQL, over HTTP: responses, refusals, and recovery from faults."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from support.builders.bad_requests import BAD_REQUESTS, WRONG_METHODS, BadRequest
from support.http_client import Client, assert_problem, assert_unavailable
from support.processes.postgres import locked_users
from support.servers.asgi import serve
from support.servers.services import users_db_settings

from users_db.app import create_app

if TYPE_CHECKING:
    import aiohttp
    from support.processes.postgres import Postgres

# Far below the 2 s of the promise, so that a busy machine does not make a test fail.
QUICK = {"pool_size": 2, "pool_timeout_seconds": 0.3, "deadline_seconds": 0.4, "statement_timeout_seconds": 0.2}
# Every timeout except the one under test.
LONG_TIMEOUTS = {"pool_timeout_seconds": 60, "deadline_seconds": 60, "statement_timeout_seconds": 60}


@pytest.fixture
def users_db(http: aiohttp.ClientSession, users_db_url: str) -> Client:
    """Return a client of a users-db-service shared by the tests of this file."""
    return Client(http, users_db_url)


async def test_a_user_is_created_read_and_deleted(users_db: Client) -> None:
    """GET returns what POST returned, until DELETE; Location is the user's path."""
    made = await users_db("POST", "/users", json={"name": " Ada Lovelace "})
    place = made.headers["Location"]
    assert (201, "Ada Lovelace", f"/users/{UUID(made.json['id'])}") == (made.status, made.json["name"], place)
    assert made.json == (await users_db("GET", place)).json
    deleted = await users_db("DELETE", place)
    assert (deleted.status, deleted.text, deleted.headers.get("Content-Type")) == (204, "", None)
    assert_problem(404, await users_db("GET", place))


async def test_a_list_shows_every_user_once_in_order(http: aiohttp.ClientSession, database_url: str) -> None:
    """Following `next` returns every user once, oldest first, also users of the same instant and later ones."""
    with serve(create_app(users_db_settings(database_url))) as url, psycopg.connect(database_url) as connection:
        users_db = Client(http, url)
        # One statement, one now(): all seven have the same created_at.
        connection.execute("INSERT INTO users (id, name) SELECT gen_random_uuid(), 'x' FROM generate_series(1, 7)")
        connection.commit()
        page = (await users_db("GET", "/users?limit=3")).json
        late = (await users_db("POST", "/users", json={"name": "late"})).json
        pages = [page]
        while page["next"] is not None:
            page = (await users_db("GET", f"/users?limit=3&after={page['next']}")).json
            pages.append(page)
        rows = connection.execute("SELECT id FROM users ORDER BY created_at, id").fetchall()
        assert [len(page["items"]) for page in pages] == [3, 3, 2]
        assert [str(row[0]) for row in rows] == [user["id"] for page in pages for user in page["items"]]
        assert late == pages[-1]["items"][-1]


@pytest.mark.parametrize("bad", BAD_REQUESTS.values(), ids=BAD_REQUESTS)
async def test_invalid_input_changes_nothing(users_db: Client, bad: BadRequest) -> None:
    """Invalid input gets its status and a problem that names the fields, and changes nothing."""
    before = (await users_db("GET", "/users")).json
    data = bad.options.get("data")
    response = await users_db(bad.method, bad.path, **bad.options | ({"data": data()} if callable(data) else {}))
    assert_problem(bad.status, response)
    assert bad.fields == [error["field"] for error in response.json.get("errors", [])]
    assert before == (await users_db("GET", "/users")).json


@pytest.mark.parametrize(("method", "path", "allowed"), WRONG_METHODS)
async def test_a_wrong_method_gets_allow(users_db: Client, method: str, path: str, allowed: str) -> None:
    """405 lists every method of the path in Allow."""
    response = await users_db(method, path)
    assert (405, allowed) == (response.status, response.headers["Allow"])


async def test_a_stopped_database_causes_503_until_it_is_back(
    http: aiohttp.ClientSession, postgres: Postgres, database_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Without PostgreSQL: 503 with Retry-After, alive but not ready; afterwards 200, without a restart."""
    with serve(create_app(users_db_settings(database_url, **QUICK))) as url:
        users_db = Client(http, url)
        assert (await users_db("POST", "/users", json={"name": "secret-name"})).status == 201
        postgres.stop()
        try:
            for method, path in [("GET", "/users"), ("POST", "/users"), ("GET", "/readyz"), ("GET", "/users")]:
                body = {"json": {"name": "secret-name"}} if method == "POST" else {}
                assert_unavailable(await users_db(method, path, **body))
            assert (await users_db("GET", "/healthz")).status == 200
        finally:
            postgres.start()
        assert (await users_db("POST", "/users", json={"name": "secret-name"})).status == 201
        assert (await users_db("GET", "/readyz")).status == 200
    messages = [record.getMessage() for record in caplog.records if record.name == "users_db.db"]
    assert messages == ["database unavailable: OperationalError"] * 4
    assert "secret-name" not in caplog.text
    assert "server" not in caplog.text.replace("users-db-service", "")


async def test_a_restart_between_requests_has_no_effect(
    http: aiohttp.ClientSession, postgres: Postgres, database_url: str
) -> None:
    """Idle connections that were closed are replaced before a request uses them."""
    with serve(create_app(users_db_settings(database_url))) as url:
        users_db = Client(http, url)
        assert (await users_db("GET", "/readyz")).status == 200
        postgres.stop()
        postgres.start()
        assert (await users_db("POST", "/users", json={"name": "Ada"})).status == 201


async def test_a_paused_database_causes_503_until_it_is_back(
    http: aiohttp.ClientSession, postgres: Postgres, database_url: str
) -> None:
    """When PostgreSQL keeps its connections but does not respond, every request ends with 503."""
    with serve(create_app(users_db_settings(database_url, **QUICK))) as url:
        users_db = Client(http, url)
        assert (await users_db("GET", "/users")).status == 200
        with postgres.paused():
            for _ in range(2):
                for response in await asyncio.gather(*(users_db("GET", "/users") for _ in range(5))):
                    assert_unavailable(response)
            assert (await users_db("GET", "/healthz")).status == 200
        responses = await asyncio.gather(*(users_db("GET", "/users") for _ in range(5)))
        assert [response.status for response in responses] == [200] * 5


@pytest.mark.parametrize("bound", ["statement_timeout_seconds", "deadline_seconds"])
async def test_a_blocked_statement_is_cancelled(http: aiohttp.ClientSession, database_url: str, bound: str) -> None:
    """Either timeout ends a statement that waits for a lock, and its connection serves the next request."""
    settings = users_db_settings(database_url, **{**LONG_TIMEOUTS, bound: 0.3, "pool_size": 1})
    with serve(create_app(settings)) as url:
        users_db = Client(http, url)
        with locked_users(database_url):
            assert_unavailable(await users_db("POST", "/users", json={"name": "Ada"}))
        assert (await users_db("GET", "/users")).json["items"] == []


async def test_an_exhausted_pool_causes_503(http: aiohttp.ClientSession, database_url: str) -> None:
    """When every connection is in use, the next request gets 503, and the request that uses it completes."""
    settings = users_db_settings(database_url, **{**LONG_TIMEOUTS, "pool_size": 1, "pool_timeout_seconds": 0.3})
    with serve(create_app(settings)) as url:
        users_db = Client(http, url)
        with locked_users(database_url):
            both = [asyncio.create_task(users_db("GET", "/users")) for _ in range(2)]
            done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert_unavailable(done.pop().result())
        assert (await waiting.pop()).status == 200


async def test_a_missing_migration_shows_no_database_error(
    http: aiohttp.ClientSession, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the table the service is alive and not ready; a response contains no text of the database."""
    with serve(create_app(users_db_settings(postgres.new_database()))) as url:
        users_db = Client(http, url)
        assert (await users_db("GET", "/healthz")).status == 200
        assert_unavailable(await users_db("GET", "/readyz"))
        response = await users_db("GET", "/users")
    assert_problem(500, response)
    assert response.json["detail"] == "The request failed because of an internal error."
    assert "relation" not in caplog.text
    assert "database error: UndefinedTable" in caplog.text
