"""Metrics of connection pools, through real pools of SQLAlchemy (psycopg_pool: tests/compatibility)."""

from __future__ import annotations

import gc
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from weakref import ref

import pytest
from opentelemetry import trace
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import QueuePool
from support.polling import poll_until

from spanloom.sdk.instrumentors import SqlalchemyInstrumentor

if TYPE_CHECKING:
    from collections.abc import Iterator

NAME, STATE = "db.client.connection.pool.name", "db.client.connection.state"
COUNT, MAX, PENDING, TIMEOUTS, WAIT_TIME, USE_TIME = (
    f"db.client.connection.{name}" for name in ("count", "max", "pending_requests", "timeouts", "wait_time", "use_time")
)


@pytest.fixture(autouse=True)
def hooks(core) -> Iterator[None]:
    SqlalchemyInstrumentor().instrument()
    yield
    gc.collect()  # engines of this test
    SqlalchemyInstrumentor().uninstrument()


def new_engine(url: str = "sqlite:///:memory:", **options: object) -> Engine:
    return create_engine(
        url, **{"poolclass": QueuePool, "pool_size": 1, "max_overflow": 1, "pool_timeout": 0.01, **options}
    )


def test_connections_are_used_idle_or_none(measured) -> None:
    """Counts by state, and the limit: the pool's size and its overflow."""
    engine = new_engine()
    with engine.connect(), engine.connect():
        assert {("/:memory:", "used"): 2, ("/:memory:", "idle"): 0} == measured.counts(COUNT, NAME, STATE)
    assert {("/:memory:", "used"): 0, ("/:memory:", "idle"): 1} == measured.counts(COUNT, NAME, STATE)
    assert {("/:memory:",): 2} == measured.counts(MAX, NAME)


def test_options_of_engines_are_accepted(measured) -> None:
    """Every option of an engine works as without the hooks, and its pool is measured."""
    new_engine(hide_parameters=True, echo=False, logging_name="orders", execution_options={"yield_per": 10})
    assert {("/:memory:",): 2} == measured.counts(MAX, NAME)


@pytest.mark.parametrize("options", [{"max_overflow": -1}, {"pool_size": 0}], ids=["overflow", "size"])
def test_a_pool_without_a_limit_has_no_maximum(options: dict[str, int], measured) -> None:
    """Its other metrics are there, also where a pool without size keeps its overflow, as in SQLAlchemy 1.4."""
    engine = new_engine(**options)
    if not engine.pool.size():
        engine.pool._max_overflow = 10
    assert ([], {("used",): 0, ("idle",): 0}) == (measured.points(MAX), measured.counts(COUNT, STATE))
    engine.dispose()


def test_waiting_and_use_are_measured_with_their_trace(measured) -> None:
    """Once for each checkout; an exemplar names the span around it."""
    engine = new_engine()
    with trace.get_tracer("t").start_as_current_span("request"):
        for _ in range(3):
            engine.connect().close()
    assert {WAIT_TIME: [(3, True)], USE_TIME: [(3, True)]} == {
        name: [(point.count, bool(point.exemplars)) for point in points]
        for name, points in measured.all(WAIT_TIME, USE_TIME).items()
    }


def test_an_exhausted_pool_has_callers_that_wait_and_timeouts(measured) -> None:
    """A waiting caller is pending; one that gives up is a timeout, and no wait time."""
    engine = new_engine(pool_timeout=10)
    impatient = new_engine()
    with ThreadPoolExecutor() as threads, engine.connect(), engine.connect():
        third = threads.submit(engine.connect)
        assert poll_until(lambda: {("/:memory:",): 1} == measured.counts(PENDING, NAME), "a caller waits")
        with impatient.connect(), impatient.connect(), pytest.raises(PoolTimeoutError):
            impatient.connect()
    third.result().close()
    assert {("/:memory:",): 1} == measured.counts(TIMEOUTS, NAME)
    assert ({("/:memory:",): 0}, {("/:memory:",): 5}) == (
        measured.counts(PENDING, NAME),
        measured.counts(WAIT_TIME, NAME),
    )


@pytest.mark.parametrize(
    ("url", "options", "expected"),
    [
        ("postgresql+psycopg://ann:CANARY42@db.example:5433/shop", {}, "db.example:5433/shop"),
        ("postgresql+psycopg://ann:CANARY42@db.example/shop?password=CANARY42", {}, "db.example/shop"),
        ("postgresql+psycopg://ann:CANARY42@/shop?host=/var/run/postgresql", {}, "/var/run/postgresql/shop"),
        ("postgresql+psycopg://ann:CANARY42@db.example/shop", {"pool_logging_name": "orders"}, "orders"),
    ],
)
def test_a_pool_is_named_without_credentials(url: str, options: dict[str, str], expected: str, measured) -> None:
    """By the name that the application gave it, otherwise by address and database."""
    engine = new_engine(url, **options)
    assert {(expected,): 2} == measured.counts(MAX, NAME)
    engine.dispose()


def test_pools_of_one_database_are_one(measured) -> None:
    """Several engines with the same address are added up; those with another one are not."""
    engines = [new_engine(), new_engine(), new_engine(pool_logging_name="other")]
    with engines[0].connect(), engines[1].connect(), engines[2].connect():
        assert {("/:memory:", "used"): 2, ("other", "used"): 1} == {
            key: count for key, count in measured.counts(COUNT, NAME, STATE).items() if count
        }


def test_the_pool_after_a_dispose_has_the_name_of_the_one_before(measured) -> None:
    """SQLAlchemy makes another pool, which is observed in its place."""
    engine = new_engine()
    engine.dispose()
    gc.collect()
    with engine.connect():
        assert {("/:memory:", "used"): 1, ("/:memory:", "idle"): 0} == measured.counts(COUNT, NAME, STATE)
    assert [1] == [point.count for point in measured.points(USE_TIME)]


def test_a_pool_is_not_kept(measured) -> None:
    """It goes with its engine, and its series end."""
    engine = new_engine()
    engine.connect().close()
    weak = ref(engine.pool)
    del engine
    gc.collect()
    assert (None, []) == (weak(), measured.points(COUNT))


def test_a_connection_that_is_detached_has_no_use_time(measured) -> None:
    """It does not come back to the pool."""
    engine = new_engine()
    connection = engine.connect()
    connection.detach()
    connection.close()
    assert ([], 1) == (measured.points(USE_TIME), measured.points(WAIT_TIME)[0].count)


FORKING = """
import os
from spanloom.instrumentation import pools

class Exhausted:
    pass

pool = Exhausted()
pools.register(pool, "shop", lambda _: pools.Size(1, 0, 1)).waiting.add("a thread")
if not os.fork():
    os.write(1, str(pools.observe_pending()).encode())
    os._exit(0)
os.wait()
"""


def test_a_child_process_does_not_count_callers_of_its_parent() -> None:
    """A fork while a thread waits for a connection, which no thread of the child will ever get."""
    done = subprocess.run([sys.executable, "-c", FORKING], check=True, capture_output=True, text=True, timeout=60)
    assert "[(0, ('shop',))]" == done.stdout
