"""SQL statements as CLIENT spans, common to all database libraries.

Attributes: OpenTelemetry semantic conventions, "Database client spans", without parameters and error messages.
"""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from spanloom.core.context import get_current, suppressed, with_suppressed_drivers
from spanloom.core.errors import mark_error, type_name
from spanloom.core.guard import around, around_coroutine
from spanloom.core.redaction import sqlstate
from spanloom.core.spans.span import CLIENT
from spanloom.core.spans.span_context import is_in_trace, is_untraced
from spanloom.core.spans.tracers import get_tracer

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.context import Context
    from spanloom.core.guard import Guard
    from spanloom.core.spans.attributes import AttributeSet

LITERALS = re.compile(r"'(?:[^']|'')*'|(?<![\w$])\d+(?:\.\d+)?\b")
OPERATION = re.compile(r"\s*(\w+)")
COLLECTION = re.compile(
    r'\b(?:FROM|INTO|UPDATE|TABLE)\s+(?:ONLY\s+|IF\s+(?:NOT\s+)?EXISTS\s+)?([\w."]+)', re.IGNORECASE
)
MAX_STATEMENT_LENGTH = 2048

_tracer = get_tracer("spanloom.database")


class StatementCall:
    """One running statement; driver instrumentations below it are suppressed."""

    def __init__(self, span: Any, parent: Context) -> None:
        self.span, self.context = span, with_suppressed_drivers(span, parent)

    def on_return(self, _: object) -> None:
        """End the span."""
        self.span.end()

    def on_error(self, error: BaseException) -> None:
        """End the span with the type and code of the error."""
        try:
            state = sqlstate(error)
            if state:
                self.span.set_attribute("db.response.status_code", state)
            mark_error(self.span, state or type_name(error))
        finally:
            self.span.end()


class SuppressedCall:
    """An internal operation of a pool or driver, without spans."""

    def __init__(self, parent: Context) -> None:
        self.context = suppressed(parent)

    def on_return(self, _: object) -> None:
        """Ignore the result."""

    on_error = on_return


def traced_context() -> Context | None:
    """Return the current context if a statement gets a span in it: within a trace, not suppressed."""
    context = get_current()
    return None if is_untraced(context) or not is_in_trace(context) else context


def start_statement(attributes: AttributeSet, context: Context) -> StatementCall:
    """Start the span of a statement."""
    span = _tracer.start(attributes["db.query.summary"], CLIENT, context, attributes)
    return StatementCall(span, context)


def suppress_spans(guard: Guard, *, is_coroutine: bool) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that suppresses all spans below a function."""
    return partial(around_coroutine if is_coroutine else around, begin=_begin_suppressed, guard=guard)


def _begin_suppressed(_args: object, _kwargs: object) -> SuppressedCall | None:
    context = get_current()
    return None if is_untraced(context) else SuppressedCall(context)


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
