"""Instruments of the hooks through OpenTelemetry's API, where something else than the core exports the metrics."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from opentelemetry import metrics
from opentelemetry.metrics import Observation

from spanloom.core.metrics import instruments
from spanloom.core.metrics.instruments import Nothing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import Definition, Observe, Recorder


def serve_api_metrics() -> None:
    """Have the hooks use the global MeterProvider of the API."""
    instruments.serve(new_api_instrument)


def new_api_instrument(definition: Definition, observe: Observe | None) -> Recorder:
    """Return an instrument of the API's global MeterProvider."""
    if observe is None:
        return ApiInstrument(definition)
    meter = metrics.get_meter(definition.scope.name)
    meter.create_observable_up_down_counter(
        definition.name, [partial(_observations, definition, observe)], definition.unit, definition.description
    )
    return Nothing()


class ApiInstrument:
    """A histogram or a counter."""

    def __init__(self, definition: Definition) -> None:
        self._definition = definition
        self._record = _record_of(definition)

    def record(self, value: float, values: tuple[Any, ...], context: Context) -> None:
        """Record a measurement with a value for each key; an empty one is left out."""
        self._record(value, self._definition.attributes_of(values), context)


def _record_of(definition: Definition) -> Any:
    meter = metrics.get_meter(definition.scope.name)
    _, name, unit, description, _, bounds, _ = definition
    if not bounds:
        return meter.create_counter(name, unit, description).add
    return meter.create_histogram(name, unit, description, explicit_bucket_boundaries_advisory=bounds).record


def _observations(definition: Definition, observe: Observe, _: object) -> Iterator[Observation]:
    for value, values in observe():
        yield Observation(value, definition.attributes_of(values))
