"""What does not leave the process."""

import traceback
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry import trace
from opentelemetry.trace import SpanKind
from psycopg.errors import UniqueViolation
from pydantic import BaseModel, ValidationError
from sqlalchemy.exc import IntegrityError

from spanloom.core.redaction import redact_path, redact_urls, redaction_for, strip_query

SECRET = "ann@example.org"
CANARY = "CANARY42"


def violation() -> IntegrityError:
    """Return what SQLAlchemy raises for a duplicate key."""
    original = UniqueViolation(f'duplicate key value violates "users"\nDETAIL:  Key (email)=({SECRET}) already exists.')
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


def noted(error: BaseException) -> BaseException:
    error.add_note(f"while saving: {error}")
    return raised(error)


def cycle() -> BaseException:
    """Return an exception that is a member of the group that is its context (asyncio.TaskGroup makes such)."""
    member = violation()
    group = ExceptionGroup("several", [member, ValueError("fine")])
    member.__context__ = group
    return raised(member)


QUOTING: dict[str, Callable[[], BaseException]] = {
    "itself": lambda: raised(violation()),
    "repeated by another": lambda: wrapped(violation()),
    "in a group": lambda: raised(ExceptionGroup("two", [violation(), ValueError("fine")])),
    "in a group of groups": lambda: raised(ExceptionGroup("a", [ExceptionGroup("b", [wrapped(violation())])])),
    "in its own note": lambda: noted(violation()),
    "as context of a group that contains it": cycle,
}


@pytest.mark.parametrize("error", QUOTING.values(), ids=QUOTING)
def test_database_errors_keep_type_and_code_but_not_text(error: Callable[[], BaseException]) -> None:
    """The stack trace names class and SQLSTATE, and quotes no data, however many lines the text has."""
    found = error()
    shown = redaction_for([found]).redact_error(found)
    assert SECRET not in shown.message + shown.stacktrace
    assert "IntegrityError: REDACTED (SQLSTATE 23505)" in shown.stacktrace


class Account(BaseModel):
    age: int


def test_validation_errors_do_not_repeat_their_input() -> None:
    """Pydantic quotes what it was given; names of fields in the frames of the stack stay readable."""
    with pytest.raises(ValidationError) as caught:
        Account(age=CANARY)  # type: ignore[arg-type]
    shown = redaction_for([caught.value]).redact_error(caught.value)
    assert CANARY not in shown.message
    assert "Account(age=CANARY)" in shown.stacktrace
    assert [] == [line for line in shown.stacktrace.splitlines() if "input_value" in line]


def test_other_errors_stay_as_they_are() -> None:
    """An error that quotes nothing is recorded word for word."""
    error = wrapped(ValueError("plain: is it? yes, 1 of 2; see https://example.org/docs"))
    shown = redaction_for([error]).redact_error(error)
    assert ("".join(traceback.format_exception(error)), str(error)) == (shown.stacktrace, shown.message)


URLS = {
    "httpx": f"Client error '404 Not Found' for url 'http://host:8000/nope?token={CANARY}'\nFor more: https://h.dev/404",
    "requests": f"404 Client Error: Not Found for url: http://127.0.0.1:8000/nope?token={CANARY}",
    "urllib3": f"HTTPConnectionPool(host='h', port=1): Max retries with url: /nope?token={CANARY} (Caused by X)",
    "aiohttp": f"404, message='Not Found', url='http://127.0.0.1:8000/nope?token={CANARY}'",
    "yarl": f"404, message='Not Found', url=URL('http://127.0.0.1:8000/nope?a=1&token={CANARY}#x')",
    "without a name": f"cannot open http://host/nope?{CANARY}",
    "path without a name": f"GET /nope?{CANARY} failed",
    "fragment": f"cannot open http://host/nope#{CANARY}",
    "password": f"connection to postgresql://ann:{CANARY}@host/db failed",
}


@pytest.mark.parametrize("text", URLS.values(), ids=URLS)
def test_no_query_of_a_url_is_in_a_text(text: str) -> None:
    """In every text, the query, fragment and credentials of a URL in it are redacted; the path stays."""
    shown = redact_urls(text)
    assert CANARY not in shown
    assert "/nope" in shown or "@host/db" in shown


@pytest.mark.parametrize(
    "request_",
    [{"query_string": b"n=CANARY42&page=2"}, {"QUERY_STRING": "n=CANARY42"}, {"path_params": {"name": CANARY}}],
    ids=["ASGI query", "WSGI query", "path"],
)
def test_values_of_the_request_are_redacted_in_messages(request_: dict[str, object]) -> None:
    """An error about a parameter quotes what the caller sent; numbers and frames stay."""
    with pytest.raises(ValueError, match=CANARY) as caught:
        int(CANARY)
    shown = redaction_for([caught.value], request_).redact_error(caught.value)
    assert "invalid literal for int() with base 10: 'REDACTED'" == shown.message
    assert "int(CANARY)" in shown.stacktrace


def test_spans_of_anyone_record_no_quoted_text(finished) -> None:
    """Also a span that application code starts through the API keeps the text of database errors to itself."""
    with pytest.raises(IntegrityError), trace.get_tracer("app").start_as_current_span("save"):
        raise violation()
    span = finished.one()
    assert "ERROR" == span.status
    assert "sqlalchemy.exc.IntegrityError" == span.events[0]["exception.type"]
    assert SECRET not in repr(span)


class UnprintableError(Exception):
    def __str__(self) -> str:
        raise LookupError("no text")


@pytest.mark.parametrize("error", [UnprintableError(), cycle()], ids=["no text", "cycle"])
def test_recording_an_exception_never_raises(error: BaseException, finished) -> None:
    """The application's own exception is what leaves the block, whatever is wrong with it."""
    tracer = trace.get_tracer("app")  # the API itself writes the text of an exception into the status
    with pytest.raises(type(error)) as caught, tracer.start_as_current_span("save", set_status_on_exception=False):
        raise error
    assert caught.value is error
    assert "save" == finished.one().name


def test_urls_of_other_instrumentations_lose_their_query(finished) -> None:
    """Query strings are not exported, whichever library makes the span."""
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
    assert expected == redact_path(path, route)


@given(st.text())
def test_no_url_keeps_a_query(url: str) -> None:
    """Whatever the text, nothing behind a question mark survives, and nothing is raised."""
    assert "?" not in strip_query(url)


@given(st.text(), st.text())
def test_any_text_can_be_redacted(text: str, quoted: str) -> None:
    """No text and no error fails the request it belongs to."""
    assert isinstance(
        redaction_for([UniqueViolation(quoted)], {"query_string": quoted.encode()}).redact_text(text), str
    )
