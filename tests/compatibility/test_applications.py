"""Applications that were not written for Spanloom: the same responses as without it, and whole traces."""

from __future__ import annotations

import json

import pytest

FAILING = ["/fails", "/handled", "/group", "/task-group", "/ok", "/nowhere"]


def test_exceptions_are_the_applications(bare, traced, arrived) -> None:
    """Handled ones stay handled, the others are logged with their traceback, whatever their chains look like."""
    with bare("failing") as expected:
        expected.send(*FAILING)
        expected.end()
    with traced("failing") as actual:
        actual.send(*FAILING)
        actual.end()
    assert expected.responses == actual.responses
    assert "ValueError: the price is negative" in actual.err
    assert expected.err.count("Traceback") == actual.err.count("Traceback")
    found = {span.attributes.get("http.route"): span for span in arrived.spans()}
    assert ("ERROR", "UNSET", "UNSET") == (found["/fails"].status, found["/handled"].status, found["/group"].status)
    [event] = found["/fails"].events
    assert ("ValueError", "the price is negative") == (event["exception.type"], event["exception.message"])
    assert len(FAILING) == len(arrived.traces())


@pytest.mark.parametrize("app", ["cycle", "decimals"])
def test_a_script_prints_what_it_prints(app: str, bare, traced) -> None:
    """Standard output, standard error and exit status are those of the script."""
    outcomes = []
    for run in (bare, traced):
        with run(app, ["python", f"{app}.py"]) as script:
            script.wait()
        outcomes.append((script.status, script.out, len(script.err.splitlines())))
    assert outcomes[0] == outcomes[1]


ROUTES = {
    "/api/v1/users/7": "/api/v1/users/{user_id}",
    "/api/v1/users/teams/secret/members/other": "/api/v1/users/teams/{team}/members/{member}",
    "/api/v2/orders/8": "/api/v2/orders/{order_id}",
    "/files/a/b/c": "/files/{path}",
    "/tenants/secret/leaves/other": "/tenants/{tenant}/leaves/{leaf}",
    "/tenants/secret/inner/other": "/tenants/{tenant}/inner/{leaf}",
    "/sub/more/9": "/sub/more/{order_id}",
    "/static/prefixes.py": "/static",
    "/nowhere": None,
}


def test_a_route_has_all_of_its_prefixes_and_no_words_of_the_caller(traced, arrived) -> None:
    """Prefixes, nested routers, mounts with parameters and static files are in it as the application wrote them."""
    with traced("prefixes") as app:
        app.send(*ROUTES)
        app.end()
    expected = sorted((str(route), f"GET {route}" if route else "GET") for route in ROUTES.values())
    assert expected == sorted((str(span.attributes.get("http.route")), span.name) for span in arrived.spans())
    assert "secret" not in repr(arrived.spans())


STATEMENT_DURATIONS = "db.client.operation.duration", "db.operation.name", "db.collection.name", "error.type"

POOL = "db.client.connection.pool.name"


def tree(route: str, *statements: str) -> str:
    return "\n".join([f"SERVER GET {route}", *(f"  CLIENT {statement}" for statement in statements)])


def test_psycopg_alone_has_one_span_a_statement(traced, arrived, dsn: str) -> None:
    """Whichever cursor and pool, and one measurement; connecting, checks, BEGIN and COMMIT make none."""
    with traced("pools", DSN=dsn, OTEL_METRICS_EXPORTER="otlp") as app:
        app.send("/async", "/sync", "/many", "/composed", "/fails")
        app.end()
    assert ["42", "43", "3", "3", '"InvalidTextRepresentation"'] == [body for _, _, body in app.responses]
    expected = [
        tree("/async", "SELECT"),
        tree("/composed", "SELECT generate_series"),
        tree("/fails", "SELECT"),
        tree("/many", "CREATE numbers", "INSERT numbers"),
        tree("/sync", "SELECT"),
    ]
    assert expected == arrived.shapes()
    failed = next(span for span in arrived.spans() if span.status == "ERROR")
    assert "22P02" == failed.attributes["db.response.status_code"]
    assert "CANARY42" not in repr(arrived.spans())
    expected_counts = {
        ("SELECT", None, None): 2, ("SELECT", None, "22P02"): 1, ("SELECT", "generate_series", None): 1,
        ("CREATE", "numbers", None): 1, ("INSERT", "numbers", None): 1,
    }  # fmt: skip
    assert expected_counts == arrived.measured(*STATEMENT_DURATIONS)
    for name in ("wait_time", "use_time"):
        assert {("pool-1",): 1, ("pool-2",): 3} == arrived.measured(f"db.client.connection.{name}", POOL), name
    assert {("pool-1",): 4, ("pool-2",): 4} == arrived.measured("db.client.connection.max", POOL)


def test_statements_are_traced_once_whatever_is_installed(traced, arrived, dsn: str) -> None:
    """SQLAlchemy beside asyncpg's own instrumentation: no second span or measurement, no ping, probe or literal."""
    with traced("heroes", DSN=dsn, OTEL_METRICS_EXPORTER="otlp") as app:
        app.send("POST /heroes?name=CANARY42", "/heroes", "/stream", "/alone")
        app.end()
    assert ["1", '["CANARY42"]', "[1,2,3,4,5]", "[42,3,1,2,3]"] == [body for _, _, body in app.responses]
    expected = [
        tree("/alone", "SELECT", "SELECT", "SELECT generate_series"),
        tree("/heroes", "SELECT hero"),
        tree("/stream", "SELECT generate_series"),
        "SERVER POST /heroes\n  CLIENT INSERT hero",
    ]
    assert expected == arrived.shapes()
    assert "CANARY42" not in repr(arrived.spans())
    expected_counts = {
        ("SELECT", "hero", None): 1, ("SELECT", "generate_series", None): 2, ("SELECT", None, None): 2,
        ("INSERT", "hero", None): 1,
        ("SELECT", "pg_catalog.pg_class", None): 1, ("CREATE", "hero", None): 1,  # at the start, outside of a trace
    }  # fmt: skip
    assert expected_counts == arrived.measured(*STATEMENT_DURATIONS)
    for name in ("wait_time", "use_time"):  # one of them at the start
        assert [4] == list(arrived.measured(f"db.client.connection.{name}", POOL).values()), name


def test_no_query_string_leaves_in_an_exceptions_text(bare, traced, arrived, receiver) -> None:
    """In exceptions of every library: HTTP clients name the URL; the application's own log is unchanged."""
    paths = ["/httpx", "/requests", "/refused", "/aiohttp", "/logged"]
    with bare("clients") as expected:
        expected.send(*paths)
        expected.end()
    with traced("clients", OTEL_LOGS_EXPORTER="otlp") as actual:
        actual.send(*paths)
        actual.end()
    assert [status for _, status, _ in expected.responses] == [status for _, status, _ in actual.responses]
    assert expected.err.count("CANARY42") == actual.err.count("CANARY42")
    failed = [span for span in arrived.spans() if span.kind == "SERVER" and span.status == "ERROR"]
    assert 4 == len(failed)
    assert all("/nowhere" in span.events[0]["exception.message"] for span in failed)
    assert "CANARY42" not in repr(arrived.spans())
    records = [
        record for resource in receiver.store.logs for scope in resource.scope_logs for record in scope.log_records
    ]
    assert any("the call failed: Client error '404 Not Found'" in record.body.string_value for record in records)
    assert "CANARY42" not in repr(records)


def test_uvicorns_logging_configuration_can_be_edited(traced, arrived) -> None:
    """The application's format is kept, and nothing is logged twice."""
    with traced("formatted", ["python", "formatted.py", "{port}"]) as app:
        app.send("/ok")
        app.end()
    assert 1 == app.out.count("MINE INFO")
    assert ["SERVER GET /ok"] == arrived.shapes()


def test_what_a_server_logs_is_logged_once(bare, traced) -> None:
    """The same lines as without telemetry."""
    with bare("failing") as expected:
        expected.send("/ok?token=CANARY42")
        expected.end()
    with traced("failing") as actual:
        actual.send("/ok?token=CANARY42")
        actual.end()
    assert expected.lines == actual.lines


@pytest.mark.parametrize("door", ["distribution"], indirect=True)
def test_json_lines_have_the_route_in_place_of_the_path(traced) -> None:
    """Where JSON is asked for, which the agent leaves to the application."""
    with traced("failing", SPANLOOM_LOG_FORMAT="json") as app:
        app.send("/ok?token=CANARY42")
        app.end()
    messages = [json.loads(line)["message"] for line in app.err.splitlines()]
    assert ("", 1, 1) == (app.out, messages.count("GET /ok"), messages.count("Application startup complete."))


def test_a_blocked_event_loop_is_measured(traced, arrived) -> None:
    """Its longest delay is what the handler blocked, less the interval of the measurement; so are collections."""
    with traced("blocking", OTEL_METRICS_EXPORTER="otlp") as app:
        app.send("/block", "/collect")
        app.end()
    assert [200, 200] == [status for _, status, _ in app.responses]
    [delay] = arrived.points("asyncio.eventloop.delay")
    assert delay.max > 1 - 0.5 - 0.002  # clocks of event loops count milliseconds
    assert arrived.measured("cpython.gc.duration", "cpython.gc.generation")[2,] >= 1


def test_metrics_of_the_runtime_are_switched_off_by_name(traced, arrived) -> None:
    """As every hook; requests are measured as before."""
    off = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "runtime"}
    with traced("blocking", OTEL_METRICS_EXPORTER="otlp", **off) as app:
        app.send("/block", "/collect")
        app.end()
    names = ("http.server.request.duration", "asyncio.eventloop.delay", "cpython.gc.duration")
    assert [2, 0, 0] == [len(arrived.points(name)) for name in names]
