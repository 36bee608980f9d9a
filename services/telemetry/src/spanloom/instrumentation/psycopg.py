"""One CLIENT span for every SQL statement that psycopg 3 executes within a trace, directly or through its pool.

Under SQLAlchemy, statements already have a span. Transactions (BEGIN, COMMIT) are not statements of the application;
checkout and return of a pooled connection get no span.
"""

from __future__ import annotations

from collections.abc import Sized
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spanloom.core.guard import around, around_coroutine
from spanloom.core.spans.attributes import AttributeSet
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.statements import start_statement, statement_attributes, suppress_spans, traced_context

if TYPE_CHECKING:
    from spanloom.instrumentation.hooks import Options
    from spanloom.instrumentation.statements import StatementCall

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
        for name, wrapper in CURSORS.items():
            for method in METHODS:
                make = partial(wrapper, begin=partial(begin, method == "executemany"), guard=self.guard)
                self.wrap(getattr(module, name), method, make)

    def _hook_pools(self, module: Any) -> None:
        for name in POOLS:
            suppress = suppress_spans(self.guard, is_coroutine=name.startswith("Async"))
            for method in ("getconn", "putconn"):
                self.wrap(getattr(module, name), method, suppress)


def begin(is_many: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StatementCall | None:
    """Start the span of `cursor.execute(query, …)`; None outside of a trace."""
    context = traced_context()
    if context is None:
        return None
    cursor, query = args[0], args[1] if len(args) > 1 else kwargs["query"]
    call = start_statement(_attributes(cursor.connection, _text(query, cursor.connection)), context)
    parameters = args[2] if len(args) > 2 else kwargs.get("params_seq", ())
    if is_many and isinstance(parameters, Sized):
        call.span.set_attribute("db.operation.batch.size", len(parameters))
    return call


def _text(query: Any, connection: Any) -> str:
    """Return the text of a query: str, bytes, or a composition of psycopg.sql."""
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    return query if isinstance(query, str) else str(query.as_string(connection))


_connections: WeakKeyDictionary[Any, dict[str, str | int]] = WeakKeyDictionary()


def _attributes(connection: Any, statement: str) -> AttributeSet:
    attributes = _connections.get(connection)
    if attributes is None:
        attributes = _connections[connection] = _connection_attributes(connection.info)
    return _statement_on(tuple(attributes.items()), statement)


@lru_cache(maxsize=1024)
def _statement_on(connection: tuple[tuple[str, str | int], ...], statement: str) -> AttributeSet:
    return AttributeSet({**dict(connection), **statement_attributes(statement)})


def _connection_attributes(info: Any) -> dict[str, str | int]:
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": info.dbname,
        "server.address": info.host,
        "server.port": info.port,
    }
    return {key: value for key, value in attributes.items() if value}
