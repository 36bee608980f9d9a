"""The API's TracerProvider and Tracer on the core."""

from __future__ import annotations

import asyncio
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any

from opentelemetry import trace

from spanloom.core.tracer import Scope

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.telemetry import Telemetry


class ApiTracerProvider(trace.TracerProvider):
    """Serves tracers of the core."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        self._tracer = lru_cache(maxsize=256)(self._new_tracer)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        """Return the tracer of an instrumentation scope."""
        pairs = tuple((attributes or {}).items())
        version, url = instrumenting_library_version or "", schema_url or ""
        try:
            return self._tracer(Scope(instrumenting_module_name or "", version, url, pairs))
        except TypeError:  # an attribute that is no key of a cache
            return self._new_tracer(Scope(instrumenting_module_name or "", version, url, pairs))

    def _new_tracer(self, scope: Scope) -> ApiTracer:
        return ApiTracer(self.telemetry.tracer(scope).start_span)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False when that was not possible in time."""
        return self.telemetry.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued, and end the thread of the export."""
        self.force_flush()
        self.telemetry.stop()


class ApiTracer(trace.Tracer):
    """Starts spans by a function with the API's signature."""

    def __init__(self, start_span: Callable[..., Any]) -> None:
        self._start_span = start_span

    def start_span(self, name: str, *args: Any, **kwargs: Any) -> trace.Span:
        """Start a span."""
        span: trace.Span = self._start_span(name, *args, **kwargs)
        return span

    def start_as_current_span(  # type: ignore[override] # a context manager and a decorator, as the API says
        self, name: str, *args: Any, end_on_exit: bool = True, **kwargs: Any
    ) -> CurrentSpan:
        """Return a context manager, or decorator, within which a new span is the current one."""
        names = ("record_exception", "set_status_on_exception")
        use = {key: kwargs[key] for key in names if key in kwargs}
        return CurrentSpan(lambda: trace.use_span(self.start_span(name, *args, **kwargs), end_on_exit, **use))


class CurrentSpan:
    """A span that begins with a `with` block, or with each call of a decorated function."""

    def __init__(self, begin: Callable[[], Any]) -> None:
        self._begin = begin

    def __enter__(self) -> trace.Span:
        self._used = self._begin()
        span: trace.Span = self._used.__enter__()
        return span

    def __exit__(self, *error: Any) -> Any:
        return self._used.__exit__(*error)

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return `function` with a span of its own around each call."""
        if asyncio.iscoroutinefunction(function):

            @wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                with self._begin():
                    return await function(*args, **kwargs)

            return coroutine

        @wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._begin():
                return function(*args, **kwargs)

        return call
