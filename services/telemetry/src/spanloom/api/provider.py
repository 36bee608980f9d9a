"""The API's TracerProvider and Tracer on the core."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from functools import wraps
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry import trace

from spanloom.core.reports import report_dropped
from spanloom.core.spans.tracer import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom.core.telemetry import Telemetry


class Resource(NamedTuple):
    """The resource of this process, for code that reads it from the provider."""

    attributes: Mapping[str, Any]


class ApiTracerProvider(trace.TracerProvider):
    """Serves tracers of the core, and those of another provider after `switch_to`.

    `resource` has the attributes of this process.
    """

    def __init__(self, telemetry: Telemetry, resource: Resource) -> None:
        self.telemetry, self.resource = telemetry, resource
        self.other: Any = None
        self._tracers: dict[Any, ApiTracer] = {}

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Any = None,
    ) -> trace.Tracer:
        """Return the tracer of an instrumentation scope."""
        scope = Scope(
            instrumenting_module_name or "",
            instrumenting_library_version or "",
            schema_url or "",
            tuple((attributes or {}).items()),
        )
        try:
            return self._cached(scope)
        except Exception as error:
            report_dropped("the spans of a tracer", error)
            return trace.NoOpTracer()

    def _cached(self, scope: Scope) -> ApiTracer:
        key = repr(scope)
        return self._tracers.get(key) or self._tracers.setdefault(key, ApiTracer(scope, self._start_of(scope)))

    def _start_of(self, scope: Scope) -> Callable[..., Any]:
        if self.other is None:
            return self.telemetry.tracer(scope).start_span
        name, version, url, attributes = scope
        start: Callable[..., Any] = self.other.get_tracer(name, version, url, dict(attributes)).start_span
        return start

    def switch_to(self, provider: Any) -> None:
        """Have another provider make all spans from now on, also those of tracers that exist."""
        self.other = provider
        for tracer in self._tracers.values():
            tracer.begin = self._start_of(tracer.scope)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False when that was not possible in time."""
        return self.telemetry.flush(timeout_millis / 1000)

    def shutdown(self) -> None:
        """Send what is queued, and end the thread of the export."""
        self.force_flush()
        self.telemetry.stop()


class ApiTracer(trace.Tracer):
    """Starts spans by `begin`, a function with the signature of the API's `start_span`."""

    def __init__(self, scope: Scope, begin: Callable[..., Any]) -> None:
        self.scope, self.begin = scope, begin

    def start_span(self, name: str, *args: Any, **kwargs: Any) -> trace.Span:
        """Start a span."""
        try:
            span: trace.Span = self.begin(name, *args, **kwargs)
        except Exception as error:
            report_dropped("a span", error)
            return trace.INVALID_SPAN
        return span

    def start_as_current_span(  # type: ignore[override] # a context manager and a decorator, as the API says
        self, name: str, *args: Any, end_on_exit: bool = True, **kwargs: Any
    ) -> CurrentSpan:
        """Return a context manager, or decorator, within which a new span is the current one."""
        return CurrentSpan(self, (name, *args), end_on_exit, kwargs)


@dataclass
class CurrentSpan:
    """A span that begins with a `with` block, or with each call of a decorated function."""

    tracer: ApiTracer
    args: tuple[Any, ...]
    end_on_exit: bool
    options: dict[str, Any]

    def _begin(self) -> Any:
        span = self.tracer.start_span(*self.args, **self.options)
        record = self.options.get("record_exception", True)
        set_status = self.options.get("set_status_on_exception", True)
        return trace.use_span(span, self.end_on_exit, record_exception=record, set_status_on_exception=set_status)

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
