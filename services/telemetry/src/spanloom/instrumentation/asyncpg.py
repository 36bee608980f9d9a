"""One CLIENT span for every SQL statement that asyncpg executes within a trace, by itself or through its pool.

Under SQLAlchemy, statements have their span already. Transactions (BEGIN, COMMIT) are not statements of the
application, and what a pool does when it hands out or takes back a connection makes no span.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any

from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.instrumentation.statements import silence, start_statement, statement_attributes, traced_context
from spanloom.tracing.guard import around_coroutine
from spanloom.tracing.shared_attributes import AttributeSet

QueryOf = Callable[[Any, tuple[Any, ...], dict[str, Any]], tuple[Any, str]]

if TYPE_CHECKING:
    from spanloom.instrumentation.base import Options
    from spanloom.instrumentation.statements import StatementCall

FETCHES = ("executemany", "fetch", "fetchval", "fetchrow", "fetchmany")
CURSOR_STARTS = ("_bind", "_bind_exec")  # a cursor executes its statement in one of these, once
SILENT: dict[str, tuple[str, tuple[str, ...]]] = {
    "asyncpg.connection": ("Connection", ("reset", "reload_schema_state")),
    "asyncpg.pool": ("Pool", ("_acquire", "release", "_initialize")),
    "asyncpg.transaction": ("Transaction", ("start", "_Transaction__commit", "_Transaction__rollback")),
}


class AsyncpgInstrumentor(LazyInstrumentor):
    """Hooks asyncpg once it is imported."""

    name = "asyncpg"

    def hook(self, _: Options) -> None:
        """Wrap connections, prepared statements and cursors, and what happens without the application."""
        for module, (owner, methods, query_of) in STATEMENTS.items():
            make = partial(around_coroutine, begin=partial(begin, query_of), guard=self.guard)
            self.on_import(module, partial(self._wrap_all, owner, methods, make))
        for module, (owner, methods) in SILENT.items():
            self.on_import(module, partial(self._wrap_all, owner, methods, silence(self.guard, is_coroutine=True)))

    def _wrap_all(self, owner: str, methods: tuple[str, ...], make: Callable[[Any], Any], module: Any) -> None:
        for method in methods:
            self.wrap(getattr(module, owner), method, make)


def begin(query_of: QueryOf, args: tuple[Any, ...], kwargs: dict[str, Any]) -> StatementCall | None:
    """Start the span of a statement; None outside a trace."""
    context = traced_context()
    if context is None:
        return None
    connection, query = query_of(args[0], args, kwargs)
    return start_statement(_attributes(*_address(connection), query), context)


def _query_argument(connection: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, str]:
    return connection, args[1] if len(args) > 1 else kwargs.get("query") or kwargs["command"]


def _query_prepared(statement: Any, _args: object, _kwargs: object) -> tuple[Any, str]:
    return statement._connection, statement.get_query()  # noqa: SLF001 it has no public one


def _query_of_cursor(cursor: Any, _args: object, _kwargs: object) -> tuple[Any, str]:
    return cursor._connection, cursor._query  # noqa: SLF001 it has no public one


def _address(connection: Any) -> tuple[str, str | None, int | None]:
    address = connection._addr  # noqa: SLF001 it has no public one
    database = connection._params.database  # noqa: SLF001 it has no public one
    return (database, address, None) if isinstance(address, str) else (database, address[0], address[1])


@lru_cache(maxsize=1024)
def _attributes(database: str, address: str | None, port: int | None, statement: str) -> AttributeSet:
    found = {
        "db.system.name": "postgresql",
        "db.namespace": database,
        "server.address": address,
        "server.port": port,
    }
    return AttributeSet({**{k: v for k, v in found.items() if v}, **statement_attributes(statement)})


STATEMENTS: dict[str, tuple[str, tuple[str, ...], QueryOf]] = {
    "asyncpg.connection": ("Connection", ("execute", *FETCHES), _query_argument),
    "asyncpg.prepared_stmt": ("PreparedStatement", FETCHES, _query_prepared),
    "asyncpg.cursor": ("BaseCursor", CURSOR_STARTS, _query_of_cursor),
}
