"""Histogram of request durations, by OpenTelemetry's API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from opentelemetry import metrics
    from opentelemetry.context import Context

    Values = tuple[str | int | None, ...]


class DurationHistogram:
    """A histogram in seconds with a fixed set of attribute keys."""

    def __init__(
        self, meter: metrics.Meter, name: str, description: str, buckets: Sequence[float], keys: tuple[str, ...]
    ) -> None:
        self._histogram = meter.create_histogram(
            name, unit="s", description=description, explicit_bucket_boundaries_advisory=buckets
        )
        self._keys = keys

    def record(self, seconds: float, values: Values, context: Context) -> None:
        """Record a duration (finite, 0 or more) with one value per key; empty values are omitted."""
        self._histogram.record(seconds, self.attributes(values), context)

    def attributes(self, values: Values) -> dict[str, str | int]:
        """Return the attributes of one measurement."""
        return {key: value for key, value in zip(self._keys, values, strict=True) if value}
