"""Histogram that looks up the aggregations of each attribute set once.

For each measurement the SDK cleans the attributes, hashes them and resolves readers and views to their aggregations.
The attribute sets are few (method, route, status), so the aggregations are cached here; exemplar filter and
aggregation, both the SDK's own, run for every measurement. With delta temporality, where the SDK creates new
aggregations at each collection, or with an unexpected SDK, the SDK records every measurement itself.
"""

from __future__ import annotations

from collections import deque
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.metrics import Histogram, TraceBasedExemplarFilter

from spanloom.sdk.private import hash_attributes
from spanloom.tracing.context import is_sampled
from spanloom.tracing.duration_histogram import DurationHistogram
from spanloom.tracing.guard import Guard

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry import metrics
    from opentelemetry.context import Context

    from spanloom.tracing.duration_histogram import Values

    Attributes = Mapping[str, str | int]

MAX_PENDING = 32
MAX_ATTRIBUTE_SETS = 2000  # the SDK's own limit for one instrument


class _Measurement(NamedTuple):
    """The fields of the SDK's Measurement that aggregations and exemplar filters read."""

    value: float
    time_unix_nano: int
    attributes: Attributes
    context: Context


class _CachedAggregation(NamedTuple):
    """The aggregations of one attribute set, valid while the SDK has the same readers.

    `is_by_trace`: the exemplar filter is the SDK's default, which depends only on the trace.
    """

    consumer: Any
    readers: object
    attributes: Attributes
    aggregations: list[Any]
    is_by_trace: bool


class CachedDurationHistogram(DurationHistogram):
    """A DurationHistogram with cached aggregations.

    Measurements are queued until there are MAX_PENDING of them or until a collection: code that runs many times in a
    row costs much less than interleaved with request handling. A collection calls observable instruments before it
    reads histograms, so an observable counter without observations delivers the queued measurements.
    """

    def __init__(
        self, meter: metrics.Meter, name: str, description: str, buckets: Sequence[float], keys: tuple[str, ...]
    ) -> None:
        super().__init__(meter, name, description, buckets, keys)
        self._guard = Guard(f"cache of {name}")
        self._cached: dict[Values, _CachedAggregation] = {}
        self._pending: deque[tuple[_CachedAggregation, float, int, Context]] = deque()
        meter.create_observable_counter(f"{name}.pending", [self._collect])

    @property
    def is_slow(self) -> bool:
        """Whether the cache failed or is empty."""
        return self._guard.failures > 0 or not self._cached

    def record(self, seconds: float, values: Values, context: Context) -> None:
        """Record a duration (finite, 0 or more) with one value per key; empty values are omitted."""
        if not self._guard.run(self._append, seconds, values, context):
            super().record(seconds, values, context)
            self._guard.run(self._cache, values)

    def _append(self, seconds: float, values: Values, context: Context) -> bool:
        """Queue a measurement; False if the SDK has to record it."""
        cached = self._cached.get(values)
        if cached is None or cached.readers is not cached.consumer._reader_storages:
            self._deliver()  # earlier measurements come first
            return False
        self._pending.append((cached, seconds, time_ns(), context))
        if len(self._pending) >= MAX_PENDING:
            self._deliver()
        return True

    def _collect(self, _: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        self._guard.run(self._deliver)
        return ()

    def _deliver(self) -> None:
        while self._pending:
            try:
                cached, seconds, now, context = self._pending.popleft()
            except IndexError:
                return  # another thread delivers, too
            measurement = _Measurement(seconds, now, cached.attributes, context)
            if cached.is_by_trace:
                is_exemplar = is_sampled(context)
            else:
                exemplars = cached.consumer._sdk_config.exemplar_filter
                is_exemplar = exemplars.should_sample(seconds, now, cached.attributes, context)
            for aggregation in cached.aggregations:
                aggregation.aggregate(measurement, is_exemplar)

    def _cache(self, values: Values) -> None:
        """Cache the aggregations of an attribute set once the SDK has created them."""
        histogram: Any = getattr(self._histogram, "_real_instrument", self._histogram)
        if not isinstance(histogram, Histogram) or len(self._cached) >= MAX_ATTRIBUTE_SETS:
            return
        attributes = self.attributes(values)
        consumer: Any = histogram._measurement_consumer
        readers = consumer._reader_storages
        if aggregations := _aggregations(readers, histogram, attributes):
            is_by_trace = type(consumer._sdk_config.exemplar_filter) is TraceBasedExemplarFilter
            self._cached[values] = _CachedAggregation(consumer, readers, attributes, aggregations, is_by_trace)


def _aggregations(readers: Mapping[Any, Any], histogram: Histogram, attributes: Attributes) -> list[Any]:
    """Return the aggregations of `attributes`; none if they do not exist yet or are reset at each collection."""
    found = []
    for storage in readers.values():
        for match in storage._get_or_init_view_instrument_match(histogram):
            kept_keys = match._view._attribute_keys
            kept_attributes = {k: v for k, v in attributes.items() if kept_keys is None or k in kept_keys}
            aggregation = match._attributes_aggregation.get(hash_attributes(kept_attributes))
            if aggregation is None or getattr(match, "_reset_on_collect", False):  # since 1.45.2
                return []
            found.append(aggregation)
    return found
