"""users-db-service with a real PostgreSQL, over HTTP: responses, refusals, and recovery from faults."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine
from sqlmodel import SQLModel
from support.builders.bad_requests import BAD_REQUESTS, WRONG_METHODS, BadRequest
from support.http_client import Client, assert_problem, assert_unavailable
from support.polling import poll_until
from support.processes.commands import ended, free_port, listens, start
from support.servers.asgi import serve

from users_db.app import create_app
from users_db.migrate import migrate
from users_db.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    import aiohttp
    from support.processes.postgres import Postgres

# Far below the 2 s of the promise, so that a busy machine does not make a test fail.
QUICK = {"pool_size": 2, "pool_timeout_seconds": 0.3, "deadline_seconds": 0.4, "statement_timeout_seconds": 0.2}
SERVE = ["uvicorn", "--factory", "users_db.app:create_app", "--log-level", "warning"]
UP_TO_DATE = (0, "users-db-migrate: the schema is up to date\n")
# Every bound but the one under test.
PATIENT = {"pool_timeout_seconds": 60, "deadline_seconds": 60, "statement_timeout_seconds": 60}


@pytest.fixture
def users_db(http: aiohttp.ClientSession, users_db_url: str) -> Client:
    """Return a client of a users-db-service shared by the tests of this file."""
    return Client(http, users_db_url)


@pytest.fixture
def database_url(postgres: Postgres) -> str:
    """Return the URL of a migrated database of the test."""
    url = postgres.new_database()
    migrate(settings_of(url))
    return url


def settings_of(url: str, **more: float) -> Settings:
    """Return the settings for this database."""
    return Settings.from_environ(
        {"USERS_DB_DATABASE_URL": url, **{f"USERS_DB_{key.upper()}": str(value) for key, value in more.items()}}
    )


@contextmanager
def locked(database_url: str) -> Iterator[None]:
    """Lock the table of users against every other connection."""
    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE users IN ACCESS EXCLUSIVE MODE")
        yield
        connection.rollback()


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
    with serve(create_app(settings_of(database_url))) as url, psycopg.connect(database_url) as connection:
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
    with serve(create_app(settings_of(database_url, **QUICK))) as url:
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
    said = [record.getMessage() for record in caplog.records if record.name == "users_db.db"]
    assert said == ["database unavailable: OperationalError"] * 4
    assert "secret-name" not in caplog.text
    assert "server" not in caplog.text.replace("users-db-service", "")


async def test_a_restart_between_requests_has_no_effect(
    http: aiohttp.ClientSession, postgres: Postgres, database_url: str
) -> None:
    """Idle connections that were closed are replaced before a request uses them."""
    with serve(create_app(settings_of(database_url))) as url:
        users_db = Client(http, url)
        assert (await users_db("GET", "/readyz")).status == 200
        postgres.stop()
        postgres.start()
        assert (await users_db("POST", "/users", json={"name": "Ada"})).status == 201


async def test_a_paused_database_causes_503_until_it_is_back(
    http: aiohttp.ClientSession, postgres: Postgres, database_url: str
) -> None:
    """When PostgreSQL keeps its connections but does not respond, every request ends with 503."""
    with serve(create_app(settings_of(database_url, **QUICK))) as url:
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
    settings = settings_of(database_url, **{**PATIENT, bound: 0.3, "pool_size": 1})
    with serve(create_app(settings)) as url:
        users_db = Client(http, url)
        with locked(database_url):
            assert_unavailable(await users_db("POST", "/users", json={"name": "Ada"}))
        assert (await users_db("GET", "/users")).json["items"] == []


async def test_an_exhausted_pool_causes_503(http: aiohttp.ClientSession, database_url: str) -> None:
    """When every connection is in use, the next request gets 503, and the request that uses it completes."""
    settings = settings_of(database_url, **{**PATIENT, "pool_size": 1, "pool_timeout_seconds": 0.3})
    with serve(create_app(settings)) as url:
        users_db = Client(http, url)
        with locked(database_url):
            both = [asyncio.create_task(users_db("GET", "/users")) for _ in range(2)]
            done, waiting = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        assert_unavailable(done.pop().result())
        assert (await waiting.pop()).status == 200


async def test_a_missing_migration_shows_no_database_error(
    http: aiohttp.ClientSession, postgres: Postgres, caplog: pytest.LogCaptureFixture
) -> None:
    """Without the table the service is alive and not ready; a response contains no text of the database."""
    with serve(create_app(settings_of(postgres.new_database()))) as url:
        users_db = Client(http, url)
        assert (await users_db("GET", "/healthz")).status == 200
        assert_unavailable(await users_db("GET", "/readyz"))
        response = await users_db("GET", "/users")
    assert_problem(500, response)
    assert response.json["detail"] == "The request failed because of an internal error."
    assert "relation" not in caplog.text
    assert "database error: UndefinedTable" in caplog.text


def test_the_migration_matches_the_models(postgres: Postgres) -> None:
    """Alembic finds no difference between the migrated schema and the models."""
    url = postgres.new_database()
    migrate(settings_of(url))
    engine = create_engine(settings_of(url).url())
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        assert compare_metadata(context, SQLModel.metadata) == []
    engine.dispose()


def test_a_migration_waits_for_a_database_that_is_starting(postgres: Postgres) -> None:
    """A migration started before its database succeeds once the database has started."""
    url = postgres.new_database()
    postgres.stop()
    try:
        process = start("users-db-migrate", USERS_DB_DATABASE_URL=url)
        assert "waiting for the database" in (process.stderr.readline() if process.stderr else "")
    finally:
        postgres.start()
    assert ended(process) == UP_TO_DATE


@pytest.mark.parametrize(
    ("program", "environ", "status", "message"),
    [
        (
            ["users-db-migrate"],
            {"USERS_DB_DATABASE_URL": "postgresql://h@127.0.0.1:1/d", "USERS_DB_MIGRATE_TIMEOUT_SECONDS": "0.1"},
            1,
            "users-db-migrate: the database is not reachable: ",
        ),
        (
            ["users-db-migrate"],
            {},
            78,
            "users-db-migrate: USERS_DB_DATABASE_URL='' is not understood; expected a value\n",
        ),
        (SERVE, {}, 78, "users-db-service: USERS_DB_DATABASE_URL='' is not understood; expected a value\n"),
        (
            SERVE,
            {"USERS_DB_DATABASE_URL": "postgresql://h/d", "USERS_DB_POOL_SIZES": "1"},
            78,
            "users-db-service: USERS_DB_POOL_SIZES='1' is not understood; expected the name USERS_DB_POOL_SIZE\n",
        ),
    ],
)
def test_a_program_that_cannot_start_gives_the_reason(
    program: list[str], environ: dict[str, str], status: int, message: str
) -> None:
    """A program that cannot run ends with a status and a line with the reason, without a traceback."""
    actual, errors = ended(start(*program, **environ))
    assert (status, message) == (actual, errors.splitlines(keepends=True)[-1][: len(message)])
    assert "Traceback" not in errors


def test_a_failed_migration_changes_nothing(postgres: Postgres) -> None:
    """A conflicting schema is named in one line, and nothing is changed."""
    url = postgres.new_database()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE users ()")
        assert ended(start("users-db-migrate", USERS_DB_DATABASE_URL=url)) == (
            1,
            'users-db-migrate: the migration failed: relation "users" already exists\n',
        )
        assert connection.execute("SELECT to_regclass('alembic_version')").fetchone() == (None,)


async def test_sigterm_completes_open_requests(http: aiohttp.ClientSession, database_url: str) -> None:
    """After SIGTERM the open request gets its response, then the process ends."""
    port = free_port()
    bounds = {f"USERS_DB_{key.upper()}": str(value) for key, value in PATIENT.items()}
    process = start(*SERVE, "--port", str(port), USERS_DB_DATABASE_URL=database_url, **bounds)
    users_db = Client(http, f"http://127.0.0.1:{port}")
    poll_until(lambda: listens(port), "the service listens")
    with locked(database_url):
        asked = asyncio.create_task(users_db("POST", "/users", json={"name": "Ada"}))
        await asyncio.to_thread(
            poll_until, lambda: waiting_for_locks(database_url) == 1, "the request is in the database"
        )
        process.terminate()
        await asyncio.to_thread(poll_until, lambda: not listens(port), "the service has stopped listening")
    assert (await asked).status == 201
    assert (await asyncio.to_thread(ended, process))[0] in {0, -signal.SIGTERM}


def waiting_for_locks(database_url: str) -> int:
    """Return the number of statements that wait for locks in the database."""
    with psycopg.connect(database_url) as connection:
        waiting = (
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        )
        row = connection.execute(waiting).fetchone()
        return row[0] if row else 0
