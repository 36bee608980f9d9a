"""Spans of SQL statements, seen through a real SQLAlchemy engine (PostgreSQL itself: tests/integration)."""

import gc
from collections.abc import Iterator
from unittest.mock import Mock
from weakref import ref

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import Engine, create_engine, event, text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.pool import StaticPool

from spanloom.instrumentation import sqlalchemy as instrumentation
from spanloom.instrumentation import statements
from spanloom.instrumentation.statements import operation_of
from spanloom.sdk.instrumentors import SqlalchemyInstrumentor

SECRET = "ann@example.org"


@pytest.fixture
def engine() -> Iterator[Engine]:
    SqlalchemyInstrumentor().instrument()
    made = create_engine("sqlite://", poolclass=StaticPool)
    with made.begin() as connection:
        connection.execute(text("CREATE TABLE users (name TEXT UNIQUE)"))
    yield made
    made.dispose()
    SqlalchemyInstrumentor().uninstrument()


def run(engine: Engine, statement: str, *rows: dict[str, object]) -> None:
    with trace.get_tracer("t").start_as_current_span("request"), engine.begin() as connection:
        connection.execute(text(statement), list(rows) or None)


def test_a_statement_is_one_client_span_below_its_request(engine: Engine, finished) -> None:
    """Name, operation, table and text are recorded; the parameters are not."""
    run(engine, "INSERT INTO users (name) VALUES (:name)", {"name": SECRET})
    span = finished.named("INSERT users")
    assert ("CLIENT", "request") == (span.kind, finished.parents()["INSERT users"])
    assert {
        "db.system.name": "sqlite",
        "db.operation.name": "INSERT",
        "db.collection.name": "users",
        "db.query.summary": "INSERT users",
        "db.query.text": "INSERT INTO users (name) VALUES (?)",
    } == span.attributes


def test_an_engine_is_not_kept(finished) -> None:
    """What is remembered of an engine's statements goes with it, and its connections are closed."""
    SqlalchemyInstrumentor().instrument()
    engine = create_engine("sqlite://")
    run(engine, "SELECT 1")
    weak = ref(engine)
    del engine
    gc.collect()
    SqlalchemyInstrumentor().uninstrument()
    assert (None, "SELECT") == (weak(), finished.named("SELECT").name)


def test_a_statement_is_taken_apart_once(engine: Engine, finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other options make another engine of SQLAlchemy's each time, but it is the same database."""
    parsed = Mock(wraps=operation_of)
    monkeypatch.setattr(statements, "operation_of", parsed)
    for _ in range(3):
        run(engine.execution_options(logging_token="t"), "SELECT 42 FROM users")
    assert 1 == parsed.call_count


def test_literals_do_not_leave(engine: Engine, finished) -> None:
    """A literal in the statement itself is redacted."""
    run(engine, f"SELECT * FROM users WHERE name = '{SECRET}' AND 42 = 42")
    assert "SELECT * FROM users WHERE name = ? AND ? = ?" == finished.named("SELECT users").attributes["db.query.text"]


def test_many_rows_are_one_span_with_their_number(engine: Engine, finished) -> None:
    """An executemany is one statement."""
    run(engine, "INSERT INTO users (name) VALUES (:name)", {"name": "a"}, {"name": "b"}, {"name": "c"})
    assert 3 == finished.named("INSERT users").attributes["db.operation.batch.size"]


def test_a_failed_statement_records_its_type_only(engine: Engine, finished) -> None:
    """The span has status ERROR and the error's type; the database's text, which quotes data, stays inside."""
    run(engine, "INSERT INTO users (name) VALUES (:name)", {"name": SECRET})
    with pytest.raises(IntegrityError):
        run(engine, "INSERT INTO users (name) VALUES (:name)", {"name": SECRET})
    failed = [span for span in finished.all() if span.status == "ERROR" and span.kind == "CLIENT"]
    assert ["sqlite3.IntegrityError"] == [span.attributes["error.type"] for span in failed]
    assert SECRET not in repr(finished.all())


def test_a_statement_without_parameters_is_one_span(engine: Engine, finished) -> None:
    """One that a driver is to take as it stands, percent signs included, is seen as any other."""
    with trace.get_tracer("t").start_as_current_span("request"), engine.begin() as connection:
        connection.execution_options(no_parameters=True).exec_driver_sql("DELETE FROM users")
    assert "CLIENT" == finished.named("DELETE users").kind


def test_other_listeners_are_asked(engine: Engine, finished) -> None:
    """What a dialect's other listeners do in place of a statement is done, inside its span."""
    asked: list[str] = []

    @event.listens_for(engine, "do_execute")
    def instead(_cursor: object, statement: str, *_rest: object) -> bool:
        asked.append(statement)
        return True

    run(engine, "DELETE FROM nothing")
    assert ["DELETE FROM nothing"] == asked
    assert "UNSET" == finished.named("DELETE nothing").status


def test_hooks_removed_meanwhile_fail_no_statement(engine: Engine, finished, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement during which another thread removes the instrumentation is executed, and has its span."""
    start = instrumentation.start_statement

    def removed(*args: object, **options: object) -> trace.Span:
        SqlalchemyInstrumentor().uninstrument()
        return start(*args, **options)

    monkeypatch.setattr(instrumentation, "start_statement", removed)
    run(engine, "SELECT 42 FROM users")
    assert "CLIENT" == finished.named("SELECT users").kind


def test_no_trace_begins_with_a_statement(engine: Engine, finished) -> None:
    """Without a request around it, a statement makes no span."""
    with engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert [] == finished.all()


def test_suppressed_means_silent(engine: Engine, finished) -> None:
    """Inside a health check nothing is traced."""
    with suppress_instrumentation(), engine.begin() as connection:
        connection.execute(text("SELECT 1"))
    assert [] == finished.all()


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("SELECT a FROM users WHERE b = 1", ("SELECT", "users")),
        ("insert into shop.users values (1)", ("INSERT", "shop.users")),
        ('DELETE FROM "users"', ("DELETE", "users")),
        ("UPDATE ONLY users SET a = 1", ("UPDATE", "users")),
        ("\n  SELECT 1", ("SELECT", "")),
        ("", ("SQL", "")),
    ],
)
def test_operation_and_table(statement: str, expected: tuple[str, str]) -> None:
    """A span is named by what a statement does and to what."""
    assert expected == operation_of(statement)


@given(st.text())
def test_any_text_has_an_operation(statement: str) -> None:
    """No statement, however odd, fails the request it belongs to."""
    assert operation_of(statement)[0]
