"""One request to a server: SERVER span, duration measurement and access log record.

Attributes and metric: OpenTelemetry semantic conventions, "HTTP server" spans and `http.server.request.duration`.
"""

from __future__ import annotations

import logging
from functools import lru_cache
from time import perf_counter, time_ns
from typing import TYPE_CHECKING, Any

from spanloom.core.context import with_request
from spanloom.core.errors import mark_error, record_error
from spanloom.core.metrics.instruments import Definition, get_instrument
from spanloom.core.redaction import redact_path
from spanloom.core.spans.attributes import AttributeSet
from spanloom.core.spans.span import SERVER
from spanloom.core.spans.tracer import Scope
from spanloom.core.spans.tracers import defer_attributes, get_tracer
from spanloom.instrumentation.http import method_attributes, span_name, standard_method
from spanloom.instrumentation.routes import CALL

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import Recorder
    from spanloom.settings import Settings

MAX_HEADER_LENGTH = 256  # bytes; Host and User-Agent are the caller's choice
# Seconds, as recommended by the conventions for http.server.request.duration.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
DIMENSIONS = ("http.request.method", "url.scheme", "http.route", "http.response.status_code", "error.type")
DURATION = Definition(
    Scope("spanloom.server"), "http.server.request.duration", "s", "Duration of HTTP server requests.", DIMENSIONS,
    BUCKETS,
)  # fmt: skip

_tracer = get_tracer("spanloom.server")
_access = logging.getLogger("spanloom.access")


class ServerCall:
    """One running request; subclasses implement an interface (ASGI, WSGI).

    `request` is the ASGI scope or WSGI environment. `route` is the template of the matched route, None without a match;
    `status` is the status code of the response, None before it is sent.
    """

    is_measured = True

    def __init__(
        self,
        settings: Settings,
        durations: Recorder,
        request: MutableMapping[str, Any],
        method: str,
        parent: Context,
    ) -> None:
        self.settings, self.durations, self.request, self.method = settings, durations, request, method
        self.route: str | None = None
        self.mount_path = ""
        self.status: int | None = None
        self.response_end_ns: int | None = None
        self.duration_seconds: float | None = None
        self.start_seconds = perf_counter()
        self.span = _tracer.start(span_name(method), SERVER, parent)
        self.context = with_request(self.span, request, parent)

    def on_response_end(self) -> None:
        """Record the end of the response, and with it of span and duration; background tasks may continue."""
        self.response_end_ns, self.duration_seconds = time_ns(), perf_counter() - self.start_seconds

    def scheme(self) -> str | None:
        """Return the URL scheme."""
        raise NotImplementedError

    def request_details(self) -> tuple[Any, ...]:
        """Return the arguments of `request_attributes` from `path` on."""
        raise NotImplementedError

    def on_return(self, _: object) -> None:
        """Finish the call of an application that returned."""
        self._finish(str(self.status) if self.status is None or self.status >= 500 else None, None)

    def on_error(self, error: BaseException) -> None:
        """Finish the call of an application that raised."""
        self._finish(type(error).__qualname__, error)

    def _finish(self, error_type: str | None, error: BaseException | None) -> None:
        """Complete span, histogram and access log."""
        try:
            route = self.mount_path + self.route if self.route is not None else self.mount_path or None
            duration_seconds = (
                perf_counter() - self.start_seconds if self.duration_seconds is None else self.duration_seconds
            )
            if self.span.is_recording():
                self.span.update_name(span_name(self.method, route))
                self._set_attributes(route, error_type, error)
            self._measure(duration_seconds, route, error_type)
        finally:
            self.span.end(self.response_end_ns)
            self.request.pop(CALL, None)  # a reference cycle would keep all of the request until a garbage collection

    def _set_attributes(self, route: str | None, error_type: str | None, error: BaseException | None) -> None:
        scheme, status = self.scheme(), self.status
        defer_attributes(self.span, request_attributes, self.method, scheme, route, status, *self.request_details())
        if error is not None:
            record_error(self.span, error)
        elif error_type:
            mark_error(self.span, error_type)

    def _measure(self, duration_seconds: float, route: str | None, error_type: str | None) -> None:
        if not self.is_measured:
            return
        method = standard_method(self.method)
        self.durations.record(duration_seconds, (method, self.scheme(), route, self.status, error_type), self.context)
        if self.settings.log_format and _access.isEnabledFor(logging.INFO):
            extra = {"status": self.status, "duration_ms": round(duration_seconds * 1000, 3)}
            _access.info("%s %s", method, route or "(no route)", extra=extra)


def server_durations() -> Recorder:
    """Return the histogram of request durations."""
    return get_instrument(DURATION)


def parent_context(settings: Settings, host: str | None, extract: Any, *args: Any) -> Context:
    """Return `extract(*args)` if context from `host` is trusted, otherwise an empty context."""
    return extract(*args) if settings.trust.trusts(host) else {}


def request_attributes(
    method: str, scheme: str | None, route: str | None, status: int | None,
    path: str, version: str | None, host: bytes, agent: bytes,
    server: tuple[str, int | None] | None, client: str | None,
) -> tuple[AttributeSet, Mapping[str, str | int]]:  # fmt: skip
    """Return the attributes of a server span; no query, and no headers but Host and User-Agent."""
    address, port = _authority(host[:MAX_HEADER_LENGTH].decode("latin-1")) or server or (None, None)
    attributes: dict[str, str | int | None] = {
        **method_attributes(method),
        "url.path": redact_path(path, route),
        "server.address": address,
        "server.port": port,
        "client.address": client,
        "user_agent.original": agent[:MAX_HEADER_LENGTH].decode("latin-1"),
    }
    return _shared(scheme, route, status, version), {key: value for key, value in attributes.items() if value}


@lru_cache(maxsize=1024)
def _shared(scheme: str | None, route: str | None, status: int | None, version: str | None) -> AttributeSet:
    """Return the attributes that callers cannot choose freely; others could exceed any cache."""
    attributes = {
        "url.scheme": scheme,
        "http.route": route,
        "http.response.status_code": status,
        "network.protocol.version": version,
    }
    return AttributeSet({key: value for key, value in attributes.items() if value})


def _authority(host: str) -> tuple[str, int | None] | None:
    name, colon, port = host.rpartition(":")
    if not colon:
        return (host, None) if host else None
    return (name, int(port)) if port.isdecimal() and int(port) < 1 << 16 else None
