"""One CLIENT span for every SQL statement that a request or a traced function causes.

The events of SQLAlchemy's dialects are the hook, so what a pool does by itself (connecting, pre-pings, resets) is not
seen, and a statement without a trace around it starts none. Attributes: OpenTelemetry semantic conventions,
"Database client spans"; the parameters never, the text of errors never.
"""

from __future__ import annotations

import re
from functools import lru_cache, partial
from itertools import dropwhile, islice
from operator import is_not
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode
from wrapt import when_imported

from spanloom.current import get_current, is_silent
from spanloom.hooks import Hook
from spanloom.instrument import type_name
from spanloom.known import Known
from spanloom.lean import parent_of
from spanloom.privacy import sqlstate

if TYPE_CHECKING:
    from collections.abc import Callable

SYSTEMS = {"postgresql": "postgresql", "mysql": "mysql", "mariadb": "mariadb", "sqlite": "sqlite",
           "oracle": "oracle.db", "mssql": "microsoft.sql_server"}  # fmt: skip
LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?\b")
OPERATION = re.compile(r"\s*(\w+)")
COLLECTION = re.compile(r'\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:ONLY\s+)?([\w."]+)', re.IGNORECASE)
LONGEST_STATEMENT = 2048


class DatabaseInstrumentor(Hook):
    """Hooks SQLAlchemy (and with it SQLModel) once it is imported."""

    def _instrument(self, **_: Any) -> None:
        when_imported("sqlalchemy.engine")(_listen)

    def _uninstrument(self, **_: Any) -> None:
        from sqlalchemy import event  # noqa: PLC0415 only where it is installed
        from sqlalchemy.engine import Engine  # noqa: PLC0415

        for name, listener in LISTENERS.items():
            event.remove(Engine, name, listener)


def _listen(module: Any) -> None:
    from sqlalchemy import event  # noqa: PLC0415 it has just been imported

    # The dialect's events: with a listener to the engine's own, every connection makes a dispatcher for each of them.
    for name, listener in LISTENERS.items():
        event.listen(module.Engine, name, listener)


def _listener(name: str) -> Callable[..., bool]:
    """Return a listener that executes in a span what SQLAlchemy was about to execute."""

    def listener(cursor: Any, statement: str, *rest: Any) -> bool:
        context = rest[-1]
        if not _is_wanted(context.root_connection):
            return False
        span = _start(statement, context, many=name == "do_executemany")
        try:
            others = dropwhile(partial(is_not, listener), getattr(context.dialect.dispatch, name))
            later = list(islice(others, 1, None))
            if not (later and any(one(cursor, statement, *rest) for one in later)):
                getattr(context.dialect, name)(cursor, statement, *rest)
        except BaseException as error:
            _fail(span, error)
            raise
        finally:
            span.end()
        return True

    return listener


def _is_wanted(connection: Any) -> bool:
    context = get_current()
    if is_silent(context) or parent_of(context) is None:
        return False
    # Without autobegin it is the dialect that looks at a new connection, not the application; there is no other mark.
    return bool(connection._allow_autobegin)  # noqa: SLF001


def _start(statement: str, context: Any, *, many: bool) -> trace.Span:
    known = _known(context, statement)
    span = _tracer.start_span(str(known["db.query.summary"]), kind=SpanKind.CLIENT, attributes=known)
    if many:
        span.set_attribute("db.operation.batch.size", len(context.compiled_parameters or context.parameters))
    return span


def _fail(span: trace.Span, error: BaseException) -> None:
    state = sqlstate(error)
    if state:
        span.set_attribute("db.response.status_code", state)
    span.set_attribute("error.type", state or type_name(error))
    span.set_status(Status(StatusCode.ERROR))


LISTENERS = {name: _listener(name) for name in ("do_execute", "do_executemany", "do_execute_no_params")}
_tracer = trace.get_tracer("spanloom.database")
_dialects: WeakKeyDictionary[Any, Callable[[str], Known]] = WeakKeyDictionary()


def _known(context: Any, statement: str) -> Known:
    """Return what is known of a statement; remembered as long as there is the dialect.

    An engine has one, and shares it with those that only have other options. (The hash of its URL is slow.)
    """
    known = _dialects.get(context.dialect)
    if known is None:
        told = partial(_told, _connection_attributes(context.engine.url))
        known = _dialects[context.dialect] = lru_cache(maxsize=1024)(told)
    return known(statement)


def _told(connection: dict[str, str | int], statement: str) -> Known:
    return Known({**connection, **_statement_attributes(statement)})


def _connection_attributes(url: Any) -> dict[str, str | int]:
    system = url.get_backend_name()
    found = {
        "db.system.name": SYSTEMS.get(system, system),
        "db.namespace": url.database,
        "server.address": url.host or url.query.get("host"),
        "server.port": url.port,
    }
    return {key: value for key, value in found.items() if value}


def _statement_attributes(statement: str) -> dict[str, str | int]:
    operation, collection = operation_of(statement)
    attributes: dict[str, str | int] = {
        "db.query.text": LITERALS.sub("?", statement)[:LONGEST_STATEMENT],
        "db.query.summary": f"{operation} {collection}".strip(),
        "db.operation.name": operation,
    }
    return {**attributes, "db.collection.name": collection} if collection else attributes


def operation_of(statement: str) -> tuple[str, str]:
    """Return what a statement does and to which table, `("INSERT", "users")`; the table may be empty."""
    operation = OPERATION.match(statement)
    collection = COLLECTION.search(statement)
    return (
        operation[1].upper() if operation else "SQL",
        collection[1].replace('"', "") if collection else "",
    )
