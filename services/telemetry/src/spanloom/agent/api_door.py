"""OpenTelemetry's API in the application: its spans are the agent's, until the application configures an SDK.

Nothing is set in the API: two of its public functions are wrapped when it is imported.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from spanloom.core.guard import Guard
from spanloom.core.imports import when_imported

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from spanloom.agent.gate import Gate
    from spanloom.core.telemetry import Telemetry

MODULE = "opentelemetry.trace"


class ApiDoor:
    """Serves the agent's spans through OpenTelemetry's API."""

    def __init__(self, telemetry: Telemetry, resource: Mapping[str, Any], gate: Gate) -> None:
        self._telemetry, self._resource, self._gate = telemetry, resource, gate
        self._guard = Guard("opentelemetry-api")
        self._provider: Any = None
        self._original: Callable[[], Any] = bool
        gate.on_withdrawal = self._close

    def open(self) -> None:
        """Wait for the API."""
        when_imported(MODULE, lambda module: self._guard.run(self._hook, module))

    def _hook(self, module: Any) -> None:
        from spanloom.api.context import adopt_api  # noqa: PLC0415 the API has just been imported
        from spanloom.api.provider import ApiTracerProvider, Resource  # noqa: PLC0415

        adopt_api(is_late=True)
        self._provider = ApiTracerProvider(self._telemetry, Resource(self._resource))
        self._original, set_provider = module.get_tracer_provider, module.set_tracer_provider
        module.get_tracer_provider = self._around_get(module.get_tracer_provider)
        module.set_tracer_provider = self._around_set(set_provider)

    def _around_get(self, get: Callable[[], Any]) -> Callable[[], Any]:
        @wraps(get)
        def get_tracer_provider() -> Any:
            return get() if self._provider.other is not None else self._provider

        return get_tracer_provider

    def _around_set(self, set_provider: Callable[..., None]) -> Callable[..., None]:
        @wraps(set_provider)
        def set_tracer_provider(*args: Any, **kwargs: Any) -> None:
            set_provider(*args, **kwargs)
            if self._provider.other is None:
                provider = self._original()
                self._guard.run(self._gate.withdraw, f"{type(provider).__module__}.{type(provider).__name__}")

        return set_tracer_provider

    def _close(self) -> None:
        """Leave the API's spans, also of tracers that exist, to its own provider."""
        if self._provider is not None:
            self._provider.switch_to(self._original())
