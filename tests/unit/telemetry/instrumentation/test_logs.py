"""Log records with trace ids, as OTLP and as JSON, in a logging tree that belongs to the application."""

from __future__ import annotations

import io
import json
import logging
import logging.config
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from psycopg.errors import UniqueViolation

from spanloom.instrumentation.hooks import Options
from spanloom.sdk.instrumentors import LogsInstrumentor
from spanloom.sdk.json_logs import RedactingJsonFormatter
from spanloom.sdk.log_export import log_emitter
from spanloom.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "ann@example.org"
ERROR = UniqueViolation(f"Key (email)=({SECRET}) already exists.")


@pytest.fixture(autouse=True)
def tree() -> Iterator[None]:
    """Give the test a logging tree as a new process has it, and restore the other one."""
    root, manager = logging.root, logging.Logger.manager
    new = logging.RootLogger(logging.WARNING)
    logging.root = logging.Logger.root = new
    logging.Logger.manager = logging.Manager(new)
    yield
    logging.root = logging.Logger.root = root
    logging.Logger.manager = manager


@contextmanager
def instrumented(emit_log: Any = None, **environ: str) -> Iterator[io.StringIO]:
    """Instrument logging with these settings; yield what the JSON handler writes."""
    instrumentor, written = LogsInstrumentor(), io.StringIO()
    logging.root.handlers.clear()  # pytest's own, which a new process does not have
    instrumentor.instrument(options=Options(Settings.from_environ(environ), emit_log=emit_log, service_name="test"))
    if environ.get("SPANLOOM_LOG_FORMAT"):
        logging.lastResort.setStream(written)
    yield written
    instrumentor.uninstrument()


def application(**options: Any) -> io.StringIO:
    """Configure logging as applications do; return what they see."""
    seen = io.StringIO()
    logging.basicConfig(stream=seen, **options)
    return seen


def line(record: logging.LogRecord) -> dict[str, object]:
    text = RedactingJsonFormatter("test").format(record)
    assert "\n" not in text
    found: dict[str, object] = json.loads(text)
    return found


def record(*args: object, **options: Any) -> logging.LogRecord:
    return logging.getLogger("shop.cart").makeRecord("shop.cart", 30, "f.py", 1, "%s items\n", args, None, **options)


def test_a_line_says_when_who_and_where(finished) -> None:
    """Time, level, logger, message, service, extra fields, and the trace and span it was written in."""
    with trace.get_tracer("t").start_as_current_span("work") as span:
        found = line(record(3, extra={"cart": "c1"}))
    context = span.get_span_context()
    assert str(found.pop("timestamp")).endswith("+00:00")
    assert {
        "level": "WARNING",
        "logger": "shop.cart",
        "message": "3 items\n",
        "service.name": "test",
        "cart": "c1",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
    } == found


def test_outside_a_trace_there_is_no_trace_id() -> None:
    """A record outside of a request has no trace id."""
    assert not {"trace_id", "span_id"} & line(record(1)).keys()


def test_database_errors_do_not_leave_with_their_text(finished) -> None:
    """Neither as an argument of the message nor in the traceback; type and SQLSTATE stay."""
    with instrumented(SPANLOOM_LOG_FORMAT="json") as written:
        try:
            raise ERROR
        except UniqueViolation:
            logging.getLogger("shop").exception("could not save: %s", ERROR)
    assert SECRET not in written.getvalue()
    assert "psycopg.errors.UniqueViolation: REDACTED (SQLSTATE 23505)" in written.getvalue()


def test_json_is_for_loggers_without_a_handler_of_their_own() -> None:
    """What the application configures wins, and nothing is written twice."""
    with instrumented(SPANLOOM_LOG_FORMAT="json") as written:
        logging.getLogger("shop").info("before")
        seen = application(format="%(levelname)s %(message)s", level=logging.INFO)
        logging.getLogger("shop").info("after")
    assert ["before"] == [json.loads(text)["message"] for text in written.getvalue().splitlines()]
    assert "INFO after\n" == seen.getvalue()


@pytest.mark.parametrize("format_", ["", "json"])
@pytest.mark.parametrize(
    "configure",
    [
        lambda seen: logging.basicConfig(stream=seen, format="%(message)s", level="INFO"),
        lambda seen: logging.getLogger().addHandler(logging.StreamHandler(seen)) or logging.getLogger().setLevel(20),
        lambda seen: logging.config.dictConfig(
            {
                "version": 1,
                "handlers": {"h": {"class": "logging.StreamHandler", "stream": seen}},
                "root": {"handlers": ["h"], "level": "INFO"},
            }
        ),
    ],
    ids=["basicConfig", "handler", "dictConfig"],
)
def test_the_applications_configuration_wins(format_: str, configure: Any) -> None:
    """However an application configures logging, it sees its lines as without the distribution."""
    seen = io.StringIO()
    with instrumented(emit_log=lambda _: None, SPANLOOM_LOG_FORMAT=format_) as written:
        configure(seen)
        logging.getLogger("shop").info("hello")
        logging.getLogger("shop").debug("no")
    assert ("hello\n", "") == (seen.getvalue(), written.getvalue())


def test_without_a_format_logging_is_pythons() -> None:
    """Neither the root's level nor its handlers nor the handler of last resort are ours."""
    before = logging.lastResort
    with instrumented():
        found = logging.root.level, logging.root.handlers, logging.lastResort
    assert (logging.WARNING, [], before) == found


@pytest.mark.parametrize("environ", [{}, {"OTEL_PYTHON_LOG_CORRELATION": "true"}])
def test_formats_may_name_the_fields_of_the_trace(environ: dict[str, str], finished) -> None:
    """The names of opentelemetry-instrumentation-logging are there as soon as a format asks for one of them."""
    with instrumented(**environ):
        seen = application(format="%(otelTraceID)s %(otelSpanID)s %(otelServiceName)s %(otelTraceSampled)s %(message)s")
        with trace.get_tracer("t").start_as_current_span("work") as span:
            logging.getLogger("shop").warning("inside")
        logging.getLogger("shop").warning("outside")
    context = span.get_span_context()
    expected = [f"{context.trace_id:032x} {context.span_id:016x} test True inside", "0 0 test False outside"]
    assert expected == seen.getvalue().splitlines()


def test_records_of_an_own_factory_have_the_fields_too(finished) -> None:
    """An application that replaces the record factory without calling the former one keeps both."""
    factory = logging.getLogRecordFactory()

    class Own(logging.LogRecord):
        own = "mine"

    with instrumented():
        logging.setLogRecordFactory(Own)
        seen = application(format="%(otelTraceID)s %(message)s")
        logging.getLogger("shop").warning("hello")
    logging.setLogRecordFactory(factory)
    assert "0 hello\n" == seen.getvalue()


@pytest.mark.parametrize("format_", ["", "json"])
def test_records_reach_filters_and_handlers_unchanged(format_: str) -> None:
    """A filter sees the exception itself, and a handler the application's own text."""
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    with instrumented(emit_log=log_emitter(has_code_attributes=False), SPANLOOM_LOG_FORMAT=format_):
        logging.getLogger().addHandler(handler)
        try:
            raise ERROR
        except UniqueViolation:
            logging.getLogger("shop").exception("could not save: %s", ERROR)
    [found] = seen
    assert (ERROR, (ERROR,)) == (found.exc_info and found.exc_info[1], found.args)
    assert SECRET in found.getMessage()


def test_records_are_exported_whatever_handlers_there_are(finished) -> None:
    """One record, once, also of a logger that does not propagate; not those that a filter or a level drops."""
    exported: list[logging.LogRecord] = []
    with instrumented(emit_log=exported.append):
        logging.getLogger("shop").propagate = False
        logging.getLogger("shop").addFilter(lambda found: "drop" not in found.msg)
        for message in ("keep", "drop"):
            logging.getLogger("shop").warning(message)
        logging.getLogger("shop").info("below the level")
    assert ["keep"] == [found.msg for found in exported]


def test_the_exporters_own_records_are_not_exported() -> None:
    """A record about an export would cause the next export, without end."""
    exported: list[logging.LogRecord] = []
    with instrumented(emit_log=exported.append), suppress_instrumentation():
        logging.getLogger("urllib3").warning("retrying")
    assert [] == exported


def test_levels_of_the_filter_hold_for_json() -> None:
    """Directives hold for loggers as for function spans: by dotted name, the longest match first."""
    names = ["shop_a", "shop_a.cart", "shop_b"]
    with instrumented(SPANLOOM_LOG_FORMAT="json", SPANLOOM_FILTER="error,shop_a=debug,shop_a.cart=off"):
        levels = [logging.getLogger(name).getEffectiveLevel() for name in names]
    assert [logging.DEBUG, 60, logging.ERROR] == levels


def test_a_level_that_was_chosen_stays() -> None:
    """The root's level is the application's, if it has set one."""
    logging.getLogger().setLevel(logging.ERROR)
    with instrumented(SPANLOOM_LOG_FORMAT="json"):
        assert logging.ERROR == logging.getLogger().level
