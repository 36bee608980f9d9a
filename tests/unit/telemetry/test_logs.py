"""Log records as JSON lines."""

import json
import logging
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from psycopg.errors import UniqueViolation

from spanloom.filter import parse_filter
from spanloom.logs import Formatter, apply, discreet

SECRET = "ann@example.org"


@pytest.fixture
def factory() -> Iterator[None]:
    before = logging.getLogRecordFactory()
    logging.setLogRecordFactory(discreet(before))
    yield
    logging.setLogRecordFactory(before)


def line(caplog: pytest.LogCaptureFixture) -> dict[str, object]:
    """Return the one captured record as the JSON line it becomes."""
    [record] = caplog.records
    text = Formatter("shop").format(record)
    assert "\n" not in text
    found: dict[str, object] = json.loads(text)
    return found


def test_a_line_says_when_who_and_where(caplog: pytest.LogCaptureFixture, finished) -> None:
    """Time, level, logger, message, service, extra fields, and the trace and span it was written in."""
    with trace.get_tracer("t").start_as_current_span("work") as span:
        logging.getLogger("shop.cart").warning("%d items\n", 3, extra={"cart": "c1"})
        found = line(caplog)
    context = span.get_span_context()
    assert str(found.pop("timestamp")).endswith("+00:00")
    assert {
        "level": "WARNING",
        "logger": "shop.cart",
        "message": "3 items\n",
        "service.name": "shop",
        "cart": "c1",
        "trace_id": f"{context.trace_id:032x}",
        "span_id": f"{context.span_id:016x}",
    } == found


def test_outside_a_trace_there_is_no_trace_id(caplog: pytest.LogCaptureFixture) -> None:
    """A record of no request says nothing about a trace."""
    logging.getLogger("shop").warning("starting")
    assert not {"trace_id", "span_id"} & line(caplog).keys()


def test_database_errors_do_not_tell_their_text(caplog: pytest.LogCaptureFixture, factory) -> None:
    """Neither as an argument of the message nor in the traceback; type and SQLSTATE stay."""
    error = UniqueViolation(f"Key (email)=({SECRET}) already exists.")
    try:
        raise error
    except UniqueViolation:
        logging.getLogger("shop").exception("could not save: %s", error)
    shown = json.dumps(line(caplog))
    assert SECRET not in shown
    assert "psycopg.errors.UniqueViolation: text withheld, SQLSTATE 23505" in shown


def test_the_filter_sets_the_levels_of_the_logging_tree() -> None:
    """Directives hold for loggers as for function spans: by dotted name, the longest match first."""
    root, before = logging.getLogger(), logging.getLogger().level
    names = ["shop_a", "shop_a.cart", "shop_b"]
    try:
        apply(parse_filter("warn,shop_a=debug,shop_a.cart=off"))
        levels = [logging.getLogger(name).getEffectiveLevel() for name in names]
        assert [logging.DEBUG, 60, logging.WARNING] == levels
    finally:
        root.setLevel(before)
        for name in names:
            logging.getLogger(name).setLevel(logging.NOTSET)
