"""What does not leave the process."""

import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from psycopg.errors import UniqueViolation
from sqlalchemy.exc import IntegrityError

from spanloom.privacy import disclosable, safe_path, without_query

SECRET = "ann@example.org"


def violation() -> IntegrityError:
    """Return what SQLAlchemy raises for a duplicate key."""
    original = UniqueViolation(f"Key (email)=({SECRET}) already exists.")
    original.__class__.sqlstate = "23505"
    error = IntegrityError("INSERT INTO users VALUES (%s)", {"email": SECRET}, original)
    error.__cause__ = original
    return error


def raised(error: BaseException) -> BaseException:
    """Return `error` with a stack, as a program meets it."""
    try:
        raise error
    except BaseException as caught:
        return caught


def wrapped(error: BaseException) -> BaseException:
    """Return an application's own error that repeats the database's text."""
    try:
        try:
            raise error
        except Exception as inner:
            raise RuntimeError(f"could not save: {inner}") from inner
    except RuntimeError as caught:
        return caught


@pytest.mark.parametrize(
    "error",
    [raised(violation()), wrapped(violation()), raised(ExceptionGroup("two", [violation(), ValueError("fine")]))],
    ids=["itself", "repeated by another", "in a group"],
)
def test_database_errors_keep_type_and_code_but_not_text(error: BaseException) -> None:
    """The stack trace of a stand-in names class and SQLSTATE, and quotes no data."""
    text = "".join(traceback.format_exception(disclosable(error)))
    assert SECRET not in text
    assert "IntegrityError: text withheld, SQLSTATE 23505" in text


def test_other_errors_stay_as_they_are() -> None:
    """An error that quotes nothing is recorded itself."""
    error = raised(ValueError("plain"))
    assert error is disclosable(error)


def test_spans_of_anyone_record_the_stand_in(finished) -> None:
    """Also a span that application code starts through the API keeps the text of database errors to itself."""
    with pytest.raises(IntegrityError), trace.get_tracer("app").start_as_current_span("save"):
        raise violation()
    span = finished.one()
    assert ("ERROR", "") == (span.status, span.message)
    assert "sqlalchemy.exc.IntegrityError" == span.events[0]["exception.type"]
    assert SECRET not in repr(span)


def test_urls_of_other_instrumentations_lose_their_query(finished) -> None:
    """Whoever makes the span, query strings do not leave with it."""
    attributes = {"url.full": f"https://u:p@host/a?token={SECRET}", "url.query": SECRET, "http.target": f"/a?{SECRET}"}
    trace.get_tracer("other").start_span("GET", kind=SpanKind.CLIENT, attributes=attributes).end()
    expected = {"url.full": "https://host/a", "url.query": "REDACTED", "http.target": "/a"}
    assert expected == finished.one().attributes


@pytest.mark.parametrize(
    ("path", "route", "expected"),
    [
        ("/users", "/users", "/users"),
        ("/users/7", "/users/{id}", "/users/7"),
        (
            "/users/0af76519-16cd-43dd-8448-eb211c80319c",
            "/users/{id}",
            "/users/0af76519-16cd-43dd-8448-eb211c80319c",
        ),
        ("/users/ann@example.org", "/users/{id}", "/users/REDACTED"),
        ("/reset/s3cret", None, "/REDACTED/REDACTED"),
        ("/", None, "/"),
    ],
)
def test_paths_keep_what_the_route_says(path: str, route: str | None, expected: str) -> None:
    """Segments of the route, numbers and UUIDs stay; whatever else a caller wrote does not."""
    assert expected == safe_path(path, route)


@given(st.text())
def test_no_url_keeps_a_query(url: str) -> None:
    """Whatever the text, nothing behind a question mark survives, and nothing is raised."""
    assert "?" not in without_query(url)
