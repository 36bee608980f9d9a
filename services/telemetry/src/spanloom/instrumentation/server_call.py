"""One request to a server: its SERVER span, its measurement and its access log line.

Attributes and metric: OpenTelemetry semantic conventions, "HTTP server" spans and `http.server.request.duration`.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanloom.instrumentation.http import known_method, method_attributes, span_name
from spanloom.tracing.context import REQUEST_KEY, SPAN_KEY, with_values
from spanloom.tracing.errors import record_error
from spanloom.tracing.redaction import safe_path
from spanloom.tracing.shared_attributes import AttributeSet, defer_attributes

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from spanloom.settings import Settings
    from spanloom.tracing.duration_histogram import DurationHistogram

MAX_HEADER_LENGTH = 256  # bytes of what a caller chooses freely: Host and User-Agent
# Seconds, as the conventions advise for http.server.request.duration.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
DIMENSIONS = ("http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type")

_tracer = trace.get_tracer("spanloom.server")
_access = logging.getLogger("spanloom.access")


class ServerCall:
    """A request while it is handled; subclasses know the interface it came by (ASGI, WSGI).

    `request` is what the interface calls the scope or environment. `route` is the template of the matched route, as
    far as it is known; `status` the response's status code, None before there is one.
    """

    is_measured = True

    def __init__(
        self,
        settings: Settings,
        durations: DurationHistogram,
        request: MutableMapping[str, Any],
        method: str,
        parent: Context,
    ) -> None:
        self.settings, self.durations, self.request, self.method = settings, durations, request, method
        self.route: str | None = None
        self.mounted = ""
        self.status: int | None = None
        self.responded_ns: int | None = None
        self.seconds: float | None = None
        self.started = perf_counter()
        self.span = _tracer.start_span(span_name(method), parent, SpanKind.SERVER)
        self.context = with_values(parent, {SPAN_KEY: self.span, REQUEST_KEY: request})

    def responded(self) -> None:
        """Take note that the response is whole: span and duration end here, background tasks may still run."""
        self.responded_ns, self.seconds = time_ns(), perf_counter() - self.started

    def scheme(self) -> str | None:
        """Return the scheme of the URL."""
        raise NotImplementedError

    def described(self) -> tuple[Any, ...]:
        """Return the arguments of `request_attributes` from `path` on."""
        raise NotImplementedError

    def returned(self, _: object) -> None:
        """Finish a request that was answered."""
        self._finish(str(self.status) if self.status is None or self.status >= 500 else None, None)

    def failed(self, error: BaseException) -> None:
        """Finish a request whose application raised."""
        self._finish(type(error).__qualname__, error)

    def _finish(self, error_type: str | None, error: BaseException | None) -> None:
        """Complete span, histogram and access log."""
        try:
            route = self.mounted + self.route if self.route is not None else self.mounted or None
            seconds = perf_counter() - self.started if self.seconds is None else self.seconds
            if self.span.is_recording():
                self.span.update_name(span_name(self.method, route))
                self._describe(route, error_type, error)
            self._measure(seconds, route, error_type)
        finally:
            self.span.end(self.responded_ns)

    def _describe(self, route: str | None, error_type: str | None, error: BaseException | None) -> None:
        scheme, status = self.scheme(), self.status
        defer_attributes(self.span, request_attributes, self.method, scheme, route, status, *self.described())
        if error is not None:
            record_error(self.span, error)
        elif error_type:
            self.span.set_attribute("error.type", error_type)
            self.span.set_status(Status(StatusCode.ERROR))

    def _measure(self, seconds: float, route: str | None, error_type: str | None) -> None:
        if not self.is_measured:
            return
        method = known_method(self.method)
        self.durations.record(seconds, (method, self.scheme(), route, self.status, error_type), self.context)
        if self.settings.log_format and _access.isEnabledFor(logging.INFO):
            extra = {"status": self.status, "duration_ms": round(seconds * 1000, 3)}
            _access.info("%s %s", method, route or "(no route)", extra=extra)


def server_durations(histogram: type[DurationHistogram]) -> DurationHistogram:
    """Return the histogram of requests (OpenTelemetry semantic conventions, `http.server.request.duration`)."""
    name, description = "http.server.request.duration", "Duration of HTTP server requests."
    return histogram(metrics.get_meter("spanloom.server"), name, description, BUCKETS, DIMENSIONS)


def parent_context(settings: Settings, host: str | None, extract: Any, *args: Any) -> Context:
    """Return `extract(*args)` if context from `host` is accepted, otherwise an empty one: a new trace begins."""
    return extract(*args) if settings.trust.trusts(host) else Context()


def request_attributes(
    method: str, scheme: str | None, route: str | None, status: int | None,
    path: str, version: str | None, host: bytes, agent: bytes,
    server: tuple[str, int | None] | None, client: str | None,
) -> tuple[AttributeSet, Mapping[str, str | int]]:  # fmt: skip
    """Return what the conventions ask of a server span; neither the query nor any header but Host and User-Agent."""
    address, port = _authority(host[:MAX_HEADER_LENGTH].decode("latin-1")) or server or (None, None)
    found: dict[str, str | int | None] = {
        **method_attributes(method),
        "url.path": safe_path(path, route),
        "server.address": address,
        "server.port": port,
        "client.address": client,
        "user_agent.original": agent[:MAX_HEADER_LENGTH].decode("latin-1"),
    }
    return _shared(scheme, route, status, version), {key: value for key, value in found.items() if value}


@lru_cache(maxsize=1024)
def _shared(scheme: str | None, route: str | None, status: int | None, version: str | None) -> AttributeSet:
    """Return what the caller does not choose freely; the rest could fill any cache."""
    found = {
        "url.scheme": scheme,
        "http.route": route,
        "http.response.status_code": status,
        "network.protocol.version": version,
    }
    return AttributeSet({key: value for key, value in found.items() if value})


def _authority(host: str) -> tuple[str, int | None] | None:
    name, colon, port = host.rpartition(":")
    if not colon:
        return (host, None) if host else None
    return (name, int(port)) if port.isdecimal() and int(port) < 1 << 16 else None
