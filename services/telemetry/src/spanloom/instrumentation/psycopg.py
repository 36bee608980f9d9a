"""One CLIENT span and one measurement for every SQL statement of psycopg 3, directly or through its pool.

Under SQLAlchemy, statements already have both. Transactions (BEGIN, COMMIT) are not statements of the application;
checkout and return of a pooled connection get no span.
"""

from __future__ import annotations

from collections.abc import Sized
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spanloom.core.guard import around, around_coroutine
from spanloom.instrumentation import pools
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.pools import PoolMetrics, Size
from spanloom.instrumentation.statements import (
    SuppressedCall,
    measured_context,
    start_statement,
    statement_durations,
    to_statement,
)

if TYPE_CHECKING:
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.instrumentation.hooks import Options
    from spanloom.instrumentation.pools import Use
    from spanloom.instrumentation.statements import MeasuredCall, Statement

CURSORS = {
    "Cursor": around,
    "ServerCursor": around,
    "AsyncCursor": around_coroutine,
    "AsyncServerCursor": around_coroutine,
}
METHODS = ("execute", "executemany")
POOLS = ("ConnectionPool", "NullConnectionPool", "AsyncConnectionPool", "AsyncNullConnectionPool")


class PsycopgHooks(Hooks):
    """Instruments psycopg and psycopg_pool when they are imported."""

    name = "psycopg"

    def hook(self, _: Options) -> None:
        """Wrap the cursors' statements and the pools."""
        self.on_import("psycopg", self._hook_cursors)
        self.on_import("psycopg_pool", self._hook_pools)

    def _hook_cursors(self, module: Any) -> None:
        durations = statement_durations()
        for name, wrapper in CURSORS.items():
            for method in METHODS:
                make = partial(wrapper, begin=partial(begin, durations, method == "executemany"), guard=self.guard)
                self.wrap(getattr(module, name), method, make)

    def _hook_pools(self, module: Any) -> None:
        metrics = PoolMetrics()
        for name in POOLS:
            wrapper = around_coroutine if name.startswith("Async") else around
            for method, begin_call in (("getconn", _begin_getconn), ("putconn", _begin_putconn)):
                make = partial(wrapper, begin=partial(begin_call, metrics), guard=self.guard)
                self.wrap(getattr(module, name), method, make)


def begin(durations: Recorder, is_many: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> MeasuredCall | None:
    """Start the statement of `cursor.execute(query, …)`; None where it is suppressed."""
    context = measured_context()
    if context is None:
        return None
    cursor, query = args[0], args[1] if len(args) > 1 else kwargs["query"]
    statement = _statement(cursor.connection, _text(query, cursor.connection))
    call = start_statement(durations, statement, context)
    parameters = args[2] if len(args) > 2 else kwargs.get("params_seq", ())
    if is_many and isinstance(parameters, Sized):
        call.set_batch_size(len(parameters))
    return call


def _text(query: Any, connection: Any) -> str:
    """Return the text of a query: str, bytes, or a composition of psycopg.sql."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query if isinstance(query, str) else str(query.as_string(connection))


_uses: WeakKeyDictionary[Any, Use] = WeakKeyDictionary()


def _begin_getconn(metrics: PoolMetrics, args: tuple[Any, ...], _kwargs: object) -> SuppressedCall | None:
    pool = args[0]
    known = pools.find(pool) or pools.register(pool, pool.name, _size)
    return metrics.check_out(known, _is_timeout, _uses.__setitem__)


def _begin_putconn(metrics: PoolMetrics, args: tuple[Any, ...], kwargs: dict[str, Any]) -> SuppressedCall | None:
    metrics.check_in(_uses.pop(args[1] if len(args) > 1 else kwargs["conn"], None))
    context = measured_context()
    return None if context is None else SuppressedCall(context)


def _size(pool: Any) -> Size:
    stats = pool.get_stats()
    size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
    return Size(size - idle, idle, pool.max_size or None)


def _is_timeout(error: BaseException) -> bool:
    return type(error).__name__ == "PoolTimeout"


_connections: WeakKeyDictionary[Any, dict[str, str | int]] = WeakKeyDictionary()


def _statement(connection: Any, text: str) -> Statement:
    attributes = _connections.get(connection)
    if attributes is None:
        attributes = _connections[connection] = _connection_attributes(connection.info)
    return _statement_on(tuple(attributes.items()), text)


@lru_cache(maxsize=1024)
def _statement_on(connection: tuple[tuple[str, str | int], ...], text: str) -> Statement:
    return to_statement(dict(connection), text)


def _connection_attributes(info: Any) -> dict[str, str | int]:
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": info.dbname,
        "server.address": info.host,
        "server.port": info.port,
    }
    return {key: value for key, value in attributes.items() if value}
