"""SQL statements as CLIENT spans and measurements, common to all database libraries.

Attributes: OpenTelemetry semantic conventions, "Database client spans", without parameters and error messages.
Every statement is measured that is not internal to a pool or driver: a span it has only within a recorded trace.
"""

from __future__ import annotations

import re
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.context import get_current, is_suppressed, span_of, suppressed, with_suppressed_drivers
from spanloom.core.errors import mark_error, type_name
from spanloom.core.guard import around, around_coroutine
from spanloom.core.metrics.instruments import Definition, get_instrument
from spanloom.core.redaction import sqlstate
from spanloom.core.spans.attributes import AttributeSet
from spanloom.core.spans.span import CLIENT
from spanloom.core.spans.span_context import DroppedSpan, is_in_trace
from spanloom.core.spans.tracer import Scope
from spanloom.core.spans.tracers import get_tracer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom.core.context import Context
    from spanloom.core.guard import Guard
    from spanloom.core.metrics.instruments import Recorder

LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?\b")
OPERATION = re.compile(r"\s*(\w+)")
COLLECTION = re.compile(
    r'\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)?([\w."]+)', re.IGNORECASE
)
MAX_STATEMENT_LENGTH = 2048

# Seconds, as recommended by the conventions for db.client.operation.duration.
BUCKETS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
DIMENSIONS = (
    "db.system.name", "db.namespace", "server.address", "server.port", "db.operation.name", "db.collection.name",
    "error.type",
)  # fmt: skip
DURATION = Definition(
    Scope("spanloom.database"), "db.client.operation.duration", "s", "Duration of database client operations.",
    DIMENSIONS, BUCKETS,
)  # fmt: skip

_tracer = get_tracer("spanloom.database")


class Statement(NamedTuple):
    """What spans and measurements of one statement have in common: `values` are those of DIMENSIONS without an error.

    Libraries cache it, so that a statement is parsed once.
    """

    attributes: AttributeSet
    values: tuple[Any, ...]


def to_statement(connection: Mapping[str, str | int], text: str) -> Statement:
    """Return a statement on a connection with these attributes."""
    attributes = AttributeSet({**connection, **statement_attributes(text)})
    return Statement(attributes, tuple(attributes.get(name) for name in DIMENSIONS))


def statement_durations() -> Recorder:
    """Return the histogram of statement durations."""
    return get_instrument(DURATION)


class MeasuredCall:
    """One running statement without a span; instrumentations of drivers below it are suppressed."""

    def __init__(self, durations: Recorder, statement: Statement, context: Context) -> None:
        self.durations, self.statement, self.context = durations, statement, context
        self.start_seconds = perf_counter()

    def on_return(self, _: object) -> None:
        """Record the duration."""
        self.durations.record(perf_counter() - self.start_seconds, self.statement.values, self.context)

    def on_error(self, error: BaseException) -> None:
        """Record the duration with the code or type of the error."""
        seconds = perf_counter() - self.start_seconds
        values = (*self.statement.values[:-1], sqlstate(error) or type_name(error))
        self.durations.record(seconds, values, self.context)

    def set_batch_size(self, size: int) -> None:
        """Ignore the size, which no measurement has."""


class StatementCall(MeasuredCall):
    """One running statement with a span."""

    def __init__(self, durations: Recorder, statement: Statement, parent: Context) -> None:
        attributes = statement.attributes
        self.span = _tracer.start(attributes["db.query.summary"], CLIENT, parent, attributes)
        super().__init__(durations, statement, with_suppressed_drivers(self.span, parent))

    def on_return(self, _: object) -> None:
        """Record the duration and end the span."""
        try:
            self.durations.record(perf_counter() - self.start_seconds, self.statement.values, self.context)
        finally:
            self.span.end()

    def on_error(self, error: BaseException) -> None:
        """Record the duration and end the span, with the type and code of the error."""
        try:
            super().on_error(error)
            state = sqlstate(error)
            if state:
                self.span.set_attribute("db.response.status_code", state)
            mark_error(self.span, state or type_name(error))
        finally:
            self.span.end()

    def set_batch_size(self, size: int) -> None:
        """Record the number of parameter sets of an executemany."""
        self.span.set_attribute("db.operation.batch.size", size)


class SuppressedCall:
    """An internal operation of a pool or driver, without spans."""

    def __init__(self, parent: Context) -> None:
        self.context = suppressed(parent)

    def on_return(self, _: object) -> None:
        """Ignore the result."""

    def on_error(self, _: BaseException) -> None:
        """Ignore the exception."""


def measured_context() -> Context | None:
    """Return the current context unless instrumentation is suppressed in it."""
    context = get_current()
    return None if is_suppressed(context) else context


def start_statement(durations: Recorder, statement: Statement, context: Context) -> MeasuredCall:
    """Start a statement, with a span unless no trace is recorded here."""
    if span_of(context).__class__ is DroppedSpan or not is_in_trace(context):
        return MeasuredCall(durations, statement, suppressed(context))
    return StatementCall(durations, statement, context)


def suppress_spans(guard: Guard, *, is_coroutine: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that suppresses all spans below a function."""
    return partial(around_coroutine if is_coroutine else around, begin=_begin_suppressed, guard=guard)


def _begin_suppressed(_args: object, _kwargs: object) -> SuppressedCall | None:
    context = measured_context()
    return None if context is None else SuppressedCall(context)


def statement_attributes(statement: str) -> dict[str, str | int]:
    """Return the attributes of a statement; literals are replaced by `?`."""
    operation, collection = operation_of(statement)
    attributes: dict[str, str | int] = {
        "db.query.text": LITERALS.sub("?", statement)[:MAX_STATEMENT_LENGTH],
        "db.query.summary": f"{operation} {collection}".strip(),
        "db.operation.name": operation,
    }
    return {**attributes, "db.collection.name": collection} if collection else attributes


def operation_of(statement: str) -> tuple[str, str]:
    """Return operation and table of a statement, `("INSERT", "users")`; the table may be empty."""
    operation = OPERATION.match(statement)
    collection = COLLECTION.search(statement)
    return (
        operation[1].upper() if operation else "SQL",
        collection[1].replace('"', "") if collection else "",
    )
