"""db.client.operation.duration, through a real SQLAlchemy engine (PostgreSQL's drivers: tests/compatibility)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_instrumentation
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import StaticPool
from support.metrics import attributes_of

from spanloom.core.context import attach, detach, with_span
from spanloom.core.metrics import histogram
from spanloom.core.spans.span_context import DroppedSpan
from spanloom.instrumentation.statements import BUCKETS
from spanloom.sdk.instrumentors import SqlalchemyInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

DURATION = "db.client.operation.duration"


@pytest.fixture
def engine(core) -> Iterator[Engine]:
    SqlalchemyInstrumentor().instrument()
    made = create_engine("sqlite://", poolclass=StaticPool)
    yield made
    made.dispose()
    SqlalchemyInstrumentor().uninstrument()


def run(engine: Engine, *statements: str) -> None:
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))


def test_a_statement_is_measured_once_with_its_trace(engine: Engine, finished, measured) -> None:
    """System, operation and table are attributes; buckets are the conventions'; an exemplar names the span."""
    run(engine, "CREATE TABLE users (name TEXT)")
    with trace.get_tracer("t").start_as_current_span("request"):
        run(engine, "SELECT * FROM users WHERE name = 'ann'")
    [selected] = [point for point in measured.points(DURATION) if point.exemplars]
    assert {"db.system.name": "sqlite", "db.operation.name": "SELECT", "db.collection.name": "users"} == attributes_of(
        selected
    )
    assert (1, BUCKETS) == (selected.count, tuple(selected.explicit_bounds))
    assert [finished.named("SELECT users").span_id] == [exemplar.span_id.hex() for exemplar in selected.exemplars]
    assert 0 < selected.sum < 60


def test_statements_of_traces_that_are_not_sampled_are_measured(engine: Engine, finished, measured) -> None:
    """They have no span and no exemplar, as statements outside of a trace."""
    token = attach(with_span(DroppedSpan(7, 5, 0), {}))
    run(engine, "SELECT 1")
    detach(token)
    run(engine, "SELECT 1")
    [point] = measured.points(DURATION)
    assert (2, 0, []) == (point.count, len(point.exemplars), finished.all())


def test_an_error_is_an_attribute(engine: Engine, measured) -> None:
    """The type of the driver's exception, or the database's code."""
    with pytest.raises(OperationalError):
        run(engine, "SELECT * FROM nowhere")
    expected = {("SELECT", "nowhere", "sqlite3.OperationalError"): 1}
    assert expected == measured.counts(DURATION, "db.operation.name", "db.collection.name", "error.type")


def test_suppressed_statements_are_not_measured(engine: Engine, measured) -> None:
    """Those of a health check."""
    with suppress_instrumentation():
        run(engine, "SELECT 1")
    assert [] == measured.points(DURATION)


def test_any_number_of_tables_is_a_bounded_number_of_series(
    engine: Engine, measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What exceeds the limit of cardinality is counted under `otel.metric.overflow`."""
    monkeypatch.setattr(histogram, "MAX_ATTRIBUTE_SETS", 4)
    run(engine, *(f"CREATE TABLE tenant_{letter} (name TEXT)" for letter in "abcdefgh"))
    counts = measured.counts(DURATION, "db.collection.name", "otel.metric.overflow")
    expected = {(f"tenant_{letter}", None): 1 for letter in "abc"} | {(None, True): 5}
    assert expected == counts
