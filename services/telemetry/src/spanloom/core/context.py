"""The current context: span, baggage and request of the work that runs now.

A context is a dictionary that is never changed, in a ContextVar. Where OpenTelemetry's API is present, its ContextVar
and its keys are adopted, so that spans made through either are each other's parents.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from spanloom.core.reports import report_once

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Context = Mapping[Any, Any]

REQUEST_KEY = "spanloom-request"  # the ASGI scope or WSGI environment of the request that is handled


class Keys(NamedTuple):
    """Keys of a context; `suppress` and `suppress_http` are those that switch instrumentation off."""

    span: object = "current-span"
    baggage: object = "baggage"
    suppress: tuple[object, ...] = ("suppress_instrumentation",)
    suppress_http: tuple[object, ...] = ("suppress_http_instrumentation",)


class Runtime(NamedTuple):
    """Where the current context is kept."""

    get: Callable[[], Context]
    set: Callable[[Context], Any]
    reset: Callable[[Any], None]


_EMPTY: Context = {}
_variable: ContextVar[Context] = ContextVar("spanloom_context", default=_EMPTY)
_runtime = _own = Runtime(_variable.get, _variable.set, _variable.reset)
_keys = Keys()
_suppressing: dict[object, bool] = dict.fromkeys(_keys.suppress, True)
_all_suppress = frozenset((*_keys.suppress, *_keys.suppress_http))


def adopt(runtime: Runtime, keys: Keys, *, is_late: bool) -> None:
    """Keep the current context elsewhere from now on, under other keys; `is_late` when work has already begun."""
    global _runtime, _keys, _suppressing, _all_suppress  # noqa: PLW0603 one process has one current context
    renamed = dict(zip(_keys[:2], keys[:2]))

    def get() -> Context:
        return runtime.get() or {renamed.get(key, key): value for key, value in _own.get().items()}

    _runtime, _keys = runtime._replace(get=get) if is_late else runtime, keys
    _suppressing = dict.fromkeys(keys.suppress, True)
    _all_suppress = frozenset((*keys.suppress, *keys.suppress_http))


def get_current() -> Context:
    """Return the current context."""
    return _runtime.get()


def attach(context: Context) -> Any:
    """Make a context the current one; return what `reset` needs to restore the one before."""
    return _runtime.set(context)


def reset(token: Any) -> None:
    """Restore the context from before `attach`; ValueError in another context than it was attached in."""
    _runtime.reset(token)


def detach(token: Any) -> None:
    """Restore the context from before `attach`, and never raise."""
    try:
        _runtime.reset(token)
    except Exception:
        report_once("a context was not detached where it was attached")


def span_of(context: Context) -> Any:
    """Return the span of a context; None when it has none."""
    return context.get(_keys.span)


def with_span(span: object, parent: Context) -> Context:
    """Return `parent` with another current span."""
    return {**parent, _keys.span: span}


def with_request(span: object, request: object, parent: Context) -> Context:
    """Return `parent` with the current span and request."""
    return {**parent, _keys.span: span, REQUEST_KEY: request}


def with_suppressed_drivers(span: object, parent: Context) -> Context:
    """Return `parent` with a span below which other instrumentations make none."""
    return {**parent, _keys.span: span, _keys.suppress[0]: True}


def with_suppressed_http(span: object, parent: Context) -> Context:
    """Return `parent` with a span below which HTTP clients make none."""
    return {**parent, _keys.span: span, **dict.fromkeys(_keys.suppress_http, True)}


def suppressed(parent: Context) -> Context:
    """Return `parent` with all instrumentation suppressed below it."""
    return {**parent, **_suppressing}


def baggage_of(context: Context) -> Mapping[str, str]:
    """Return the baggage of a context."""
    return context.get(_keys.baggage) or {}


def with_baggage(baggage: Mapping[str, str], parent: Context) -> Context:
    """Return `parent` with other baggage."""
    return {**parent, _keys.baggage: baggage}


def is_suppressed(context: Context) -> bool:
    """Return whether instrumentation is suppressed."""
    if _all_suppress.isdisjoint(context):  # as nearly always
        return False
    return any(context.get(key) for key in _keys.suppress)


def is_http_suppressed(context: Context) -> bool:
    """Return whether HTTP client spans are suppressed: a library with one of its own suppresses those below it."""
    if _all_suppress.isdisjoint(context):
        return False
    return any(context.get(key) for key in _keys.suppress + _keys.suppress_http)
