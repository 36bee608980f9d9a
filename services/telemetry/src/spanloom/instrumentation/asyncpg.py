"""One CLIENT span and one measurement for every SQL statement of asyncpg, directly or through its pool.

Under SQLAlchemy, statements already have both. Transactions (BEGIN, COMMIT) are not statements of the application;
checkout and return of a pooled connection get no span.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import around_coroutine
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.statements import (
    measured_context,
    start_statement,
    statement_durations,
    suppress_spans,
    to_statement,
)

QueryOf = Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[Any, str]]

if TYPE_CHECKING:
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.instrumentation.hooks import Options
    from spanloom.instrumentation.statements import MeasuredCall, Statement

FETCHES = ("executemany", "fetch", "fetchval", "fetchrow", "fetchmany")
CURSOR_STARTS = ("_bind", "_bind_exec")  # a cursor executes its statement in one of these methods, once
SUPPRESSED_METHODS: dict[str, tuple[str, tuple[str, ...]]] = {
    "asyncpg.connection": ("Connection", ("reset", "reload_schema_state")),
    "asyncpg.pool": ("Pool", ("_acquire", "release", "_initialize")),
    "asyncpg.transaction": ("Transaction", ("start", "_Transaction__commit", "_Transaction__rollback")),
}


class AsyncpgHooks(Hooks):
    """Instruments asyncpg when it is imported."""

    name = "asyncpg"

    def hook(self, _: Options) -> None:
        """Wrap connections, prepared statements and cursors; suppress spans of internal statements."""
        durations = statement_durations()
        for module, (owner, methods, query_of) in STATEMENTS.items():
            make = partial(around_coroutine, begin=partial(begin, durations, query_of), guard=self.guard)
            self.on_import(module, partial(self._wrap_all, owner, methods, make))
        for module, (owner, methods) in SUPPRESSED_METHODS.items():
            self.on_import(
                module, partial(self._wrap_all, owner, methods, suppress_spans(self.guard, is_coroutine=True))
            )

    def _wrap_all(self, owner: str, methods: tuple[str, ...], make: Callable[[Any], Any], module: Any) -> None:
        for method in methods:
            self.wrap(getattr(module, owner), method, make)


def begin(durations: Recorder, query_of: QueryOf, args: tuple[Any, ...], kwargs: dict[str, Any]) -> MeasuredCall | None:
    """Start a statement; None where it is suppressed."""
    context = measured_context()
    if context is None:
        return None
    connection, query = query_of(args[0], args, kwargs)
    return start_statement(durations, _statement(*_address(connection), query), context)


def _query_of_argument(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, str]:
    return connection, args[1] if len(args) > 1 else kwargs.get("query") or kwargs["command"]


def _query_of_prepared(statement: Any, _args: object, _kwargs: object) -> tuple[Any, str]:
    return statement._connection, statement.get_query()  # noqa: SLF001 no public equivalent


def _query_of_cursor(cursor: Any, _args: object, _kwargs: object) -> tuple[Any, str]:
    return cursor._connection, cursor._query  # noqa: SLF001 no public equivalent


def _address(connection: Any) -> tuple[str, str | None, int | None]:
    address = connection._addr  # noqa: SLF001 no public equivalent
    database = connection._params.database  # noqa: SLF001 no public equivalent
    return (database, address, None) if isinstance(address, str) else (database, address[0], address[1])


@lru_cache(maxsize=1024)
def _statement(database: str, address: str | None, port: int | None, text: str) -> Statement:
    attributes = {
        "db.system.name": "postgresql",
        "db.namespace": database,
        "server.address": address,
        "server.port": port,
    }
    return to_statement({key: value for key, value in attributes.items() if value}, text)


STATEMENTS: dict[str, tuple[str, tuple[str, ...], QueryOf]] = {
    "asyncpg.connection": ("Connection", ("execute", *FETCHES), _query_of_argument),
    "asyncpg.prepared_stmt": ("PreparedStatement", FETCHES, _query_of_prepared),
    "asyncpg.cursor": ("BaseCursor", CURSOR_STARTS, _query_of_cursor),
}
