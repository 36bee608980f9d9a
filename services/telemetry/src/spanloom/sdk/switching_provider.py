"""The core's TracerProvider, until a processor of the SDK is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanloom.api.provider import ApiTracerProvider, Resource
from spanloom.api.tracers import serve_api

if TYPE_CHECKING:
    from collections.abc import Callable

    from spanloom.core.telemetry import Telemetry


class SwitchingTracerProvider(ApiTracerProvider):
    """Serves tracers of the core, and those of the SDK from the moment on when a processor of the SDK is added.

    `new_sdk_provider` builds the SDK's provider.
    """

    def __init__(self, telemetry: Telemetry, resource: Resource, new_sdk_provider: Callable[[], Any]) -> None:
        super().__init__(telemetry, resource)
        self._new_sdk_provider = new_sdk_provider

    def add_span_processor(self, span_processor: Any) -> None:
        """Add a processor of the SDK: from now on the SDK makes and exports all spans."""
        if self.other is None:
            self.switch_to(self._new_sdk_provider())
            serve_api()
        self.other.add_span_processor(span_processor)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Send what is queued; False when that was not possible in time."""
        is_sent = super().force_flush(timeout_millis)
        return is_sent and (self.other is None or self.other.force_flush(timeout_millis) is not False)
