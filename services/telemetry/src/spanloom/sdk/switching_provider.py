"""The core's TracerProvider, until a processor of the SDK is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.api.provider import ApiTracerProvider, Resource
from spanloom.api.tracers import serve_api

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.spans.tracer import Scope
    from spanloom.core.telemetry import Telemetry


class SwitchingTracerProvider(ApiTracerProvider):
    """Serves tracers of the core, and those of the SDK from the moment on when a processor of the SDK is added.

    `new_sdk_provider` builds the SDK's provider.
    """

    def __init__(self, telemetry: Telemetry, resource: Resource, new_sdk_provider: Callable[[], Any]) -> None:
        super().__init__(telemetry, resource)
        self._new_sdk_provider = new_sdk_provider
        self._sdk_provider: Any = None

    def start_of(self, scope: Scope) -> Callable[..., Any]:
        """Return the function of the core or of the SDK that starts the spans of a scope."""
        if self._sdk_provider is None:
            return super().start_of(scope)
        name, version, url, attributes = scope
        start: Callable[..., Any] = self._sdk_provider.get_tracer(name, version, url, dict(attributes)).start_span
        return start

    def add_span_processor(self, span_processor: Any) -> None:
        """Add a processor of the SDK: from now on the SDK makes and exports all spans."""
        if self._sdk_provider is None:
            self._sdk_provider = self._new_sdk_provider()
            for tracer in self.tracers.values():
                tracer.begin = self.start_of(tracer.scope)
            serve_api()
        self._sdk_provider.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False when that was not possible in time."""
        is_sent = super().force_flush(timeout_millis)
        return is_sent and (self._sdk_provider is None or self._sdk_provider.force_flush(timeout_millis) is not False)
