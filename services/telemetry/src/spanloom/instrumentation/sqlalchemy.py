"""One CLIENT span for every SQL statement that SQLAlchemy (and SQLModel) executes within a trace.

The events of SQLAlchemy's dialects are the hook, so what a pool does by itself (connecting, pre-pings, resets) is not
seen. What instrumentations of drivers would see of it is suppressed at the pool.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import dropwhile, islice
from operator import is_not
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spanloom.instrumentation.base import LazyInstrumentor
from spanloom.instrumentation.statements import silence, start_statement, statement_attributes, traced_context
from spanloom.tracing.context import attach
from spanloom.tracing.guard import leave
from spanloom.tracing.shared_attributes import AttributeSet

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.instrumentation.base import Options
    from spanloom.instrumentation.statements import StatementCall
    from spanloom.tracing.guard import Guard

SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite",
           "oracle": "oracle.db", "mssql": "microsoft.sql_server"}  # fmt: skip
EVENTS = ("do_execute", "do_executemany", "do_execute_no_params")


class SqlalchemyInstrumentor(LazyInstrumentor):
    """Hooks SQLAlchemy once it is imported."""

    name = "sqlalchemy"

    def hook(self, _: Options) -> None:
        """Wrap the dialects' events and the pools."""
        self._listeners = {name: _listener(name, self.guard) for name in EVENTS}
        self.on_import("sqlalchemy.engine", self._listen)
        quiet = silence(self.guard, is_coroutine=False)
        self.on_import("sqlalchemy.pool.base", lambda found: self.wrap(found.Pool, "connect", quiet))

    def _listen(self, module: Any) -> None:
        from sqlalchemy import event  # noqa: PLC0415 it has just been imported

        # The dialect's events: with a listener to the engine's own, every connection builds a dispatcher for each.
        for name, listener in self._listeners.items():
            event.listen(module.Engine, name, listener)

    def _uninstrument(self, **options: Any) -> None:
        super()._uninstrument(**options)
        from sqlalchemy import event  # noqa: PLC0415 only where it is installed
        from sqlalchemy.engine import Engine  # noqa: PLC0415

        for name, listener in self._listeners.items():
            event.remove(Engine, name, listener)


def _listener(name: str, guard: Guard) -> Callable[..., bool]:
    """Return a listener that executes in a span what SQLAlchemy was about to execute."""

    def listener(cursor: Any, statement: str, *rest: Any) -> bool:
        begun = guard.run(_begun, listener, name, statement, rest[-1])
        if begun is None:
            return False
        call, others, token = begun
        try:
            for other in others:
                if other(cursor, statement, *rest):
                    break
            else:
                getattr(rest[-1].dialect, name)(cursor, statement, *rest)
        except BaseException as error:
            leave(guard, token, call.failed, error)
            raise
        leave(guard, token, call.returned, None)
        return True

    return listener


def _begun(listener: Any, name: str, statement: str, context: Any) -> tuple[StatementCall, list[Any], Any] | None:
    """Start a statement's span; return its call, the listeners that come after ours, and the token of its context."""
    call = begin(statement, context, is_many=name == "do_executemany")
    return None if call is None else (call, _listeners_after(listener, context, name), attach(call.context))


def _listeners_after(listener: Any, context: Any, name: str) -> list[Callable[..., bool]]:
    """Return the listeners that SQLAlchemy would ask after ours: the first that returns True takes the statement."""
    found = dropwhile(partial(is_not, listener), getattr(context.dialect.dispatch, name))
    return list(islice(found, 1, None))


def begin(statement: str, context: Any, *, is_many: bool) -> StatementCall | None:
    """Start the span of a statement; None outside a trace, and for what the dialect asks of a new connection."""
    current = traced_context()
    # Without autobegin it is the dialect that inspects a connection, not the application; there is no other mark.
    if current is None or context is None or not getattr(context.root_connection, "_allow_autobegin", True):
        return None
    call = start_statement(_attributes(context, statement), current)
    if is_many:
        call.span.set_attribute("db.operation.batch.size", len(context.compiled_parameters or context.parameters))
    return call


_dialects: WeakKeyDictionary[Any, Callable[[str], AttributeSet]] = WeakKeyDictionary()


def _attributes(context: Any, statement: str) -> AttributeSet:
    """Return the attributes of a statement; cached as long as the dialect exists.

    An engine has one, and shares it with engines that differ in their options only. (Hashing its URL is slow.)
    """
    cached = _dialects.get(context.dialect)
    if cached is None:
        made = partial(_statement_on, _connection_attributes(context.engine.url))
        cached = _dialects[context.dialect] = lru_cache(maxsize=1024)(made)
    return cached(statement)


def _statement_on(connection: dict[str, str | int], statement: str) -> AttributeSet:
    return AttributeSet({**connection, **statement_attributes(statement)})


def _connection_attributes(url: Any) -> dict[str, str | int]:
    system = url.get_backend_name()
    found = {
        "db.system.name": SYSTEMS.get(system, system),
        "db.namespace": url.database,
        "server.address": url.host or url.query.get("host"),
        "server.port": url.port,
    }
    return {key: value for key, value in found.items() if value}
