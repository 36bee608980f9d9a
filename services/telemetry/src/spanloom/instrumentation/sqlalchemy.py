"""One CLIENT span and one measurement for every SQL statement that SQLAlchemy (and SQLModel) executes.

The hook uses the events of SQLAlchemy's dialects, so statements of the pool itself (connect, pre-ping, reset) get no
span. Spans of driver instrumentations for them are suppressed at the pool.
"""

from __future__ import annotations

from functools import lru_cache, partial
from itertools import dropwhile, islice
from operator import is_not
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from spanloom.core.context import attach
from spanloom.core.guard import finish_call
from spanloom.instrumentation.hooks import Hooks
from spanloom.instrumentation.sqlalchemy_pools import PoolHooks
from spanloom.instrumentation.statements import (
    measured_context,
    start_statement,
    statement_durations,
    to_statement,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.guard import Guard
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.instrumentation.hooks import Options
    from spanloom.instrumentation.statements import MeasuredCall, Statement

SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite",
           "oracle": "oracle.db", "mssql": "microsoft.sql_server"}  # fmt: skip
EVENTS = ("do_execute", "do_executemany", "do_execute_no_params")


class SqlalchemyHooks(Hooks):
    """Instruments SQLAlchemy when it is imported."""

    name = "sqlalchemy"

    def hook(self, _: Options) -> None:
        """Listen to the dialects' events and hook the pools."""
        self._listeners = {name: _listener(name, self.guard, statement_durations()) for name in EVENTS}
        self._engine_class: Any = None
        self.on_import("sqlalchemy.engine", self._listen)
        pools = PoolHooks(self, connection_attributes)
        self.on_import("sqlalchemy.engine.interfaces", pools.hook_dialect)
        self.on_import("sqlalchemy.pool.base", pools.hook_pools)
        self.on_import("sqlalchemy.pool.impl", pools.hook_queue_pool)

    def _listen(self, module: Any) -> None:
        from sqlalchemy import event  # noqa: PLC0415 it has just been imported

        # Dialect events: with a listener on engine events, every connection builds a dispatcher for each.
        self._engine_class = module.Engine
        for name, listener in self._listeners.items():
            event.listen(module.Engine, name, listener)

    def remove(self) -> None:
        """Remove the listeners, too."""
        super().remove()
        if self._engine_class is not None:
            from sqlalchemy import event  # noqa: PLC0415 only if it is imported already

            for name, listener in self._listeners.items():
                event.remove(self._engine_class, name, listener)


def _listener(name: str, guard: Guard, durations: Recorder) -> Callable[..., bool]:
    """Return a listener that executes the statement within a span."""

    def listener(cursor: Any, statement: str, *rest: Any) -> bool:
        started = guard.run(_start, durations, listener, name, statement, rest[-1])
        if started is None:
            return False
        call, other_listeners, token = started
        try:
            for other_listener in other_listeners:
                if other_listener(cursor, statement, *rest):
                    break
            else:
                getattr(rest[-1].dialect, name)(cursor, statement, *rest)
        except BaseException as error:
            finish_call(guard, token, call.on_error, error)
            raise
        finish_call(guard, token, call.on_return, None)
        return True

    return listener


def _start(
    durations: Recorder, listener: Any, name: str, statement: str, context: Any
) -> tuple[MeasuredCall, list[Any], Any] | None:
    """Start a statement; return its call, the listeners after this one, and the context token."""
    call = begin(durations, statement, context, is_many=name == "do_executemany")
    return None if call is None else (call, _listeners_after(listener, context, name), attach(call.context))


def _listeners_after(listener: Any, context: Any, name: str) -> list[Callable[..., bool]]:
    """Return the listeners that SQLAlchemy would call after this one.

    The first listener that returns True replaces the execution.
    """
    listeners = getattr(context.dialect.dispatch, name)
    if len(listeners) == 1:  # as nearly always
        return []
    return list(islice(dropwhile(partial(is_not, listener), listeners), 1, None))


def begin(durations: Recorder, statement: str, context: Any, *, is_many: bool) -> MeasuredCall | None:
    """Start a statement; None where it is suppressed, and for the dialect's queries on a new connection."""
    current = measured_context()
    # Without autobegin the dialect inspects a new connection; SQLAlchemy has no other mark for it.
    if current is None or context is None or not getattr(context.root_connection, "_allow_autobegin", True):
        return None
    call = start_statement(durations, _statement(context, statement), current)
    if is_many:
        call.set_batch_size(len(context.compiled_parameters or context.parameters))
    return call


_dialects: WeakKeyDictionary[Any, Callable[[str], Statement]] = WeakKeyDictionary()


def _statement(context: Any, text: str) -> Statement:
    """Return a statement; cached per dialect.

    Engines that differ only in their options share a dialect. (Hashing the engine's URL is slow.)
    """
    cached = _dialects.get(context.dialect)
    if cached is None:
        build = partial(to_statement, connection_attributes(context.engine.url))
        cached = _dialects[context.dialect] = lru_cache(maxsize=1024)(build)
    return cached(text)


def connection_attributes(url: Any) -> dict[str, str | int]:
    """Return what a URL says about the database, without credentials."""
    system = url.get_backend_name()
    listeners = {
        "db.system.name": SYSTEMS.get(system, system),
        "db.namespace": url.database,
        "server.address": url.host or url.query.get("host"),
        "server.port": url.port,
    }
    return {key: value for key, value in listeners.items() if value}
