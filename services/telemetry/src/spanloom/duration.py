"""A histogram whose sets of attributes are looked up once.

For each measurement the SDK cleans the attributes, hashes them and walks through readers and views to the
aggregation they lead to. The sets are few (a method, a route, a status), so here the way is remembered, and only what
depends on the measurement is done: the exemplar filter and the aggregation, both the SDK's own. Where the SDK makes
new aggregations at each collection (delta temporality), every measurement goes the long way.
"""

from __future__ import annotations

from collections import deque
from time import time_ns
from typing import TYPE_CHECKING, Any, NamedTuple

from opentelemetry.sdk.metrics import Histogram, TraceBasedExemplarFilter
from opentelemetry.sdk.metrics._internal._view_instrument_match import _hash_attributes

from spanloom.current import is_sampled

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from opentelemetry import metrics
    from opentelemetry.context import Context

    Attributes = Mapping[str, str | int]
    Values = tuple[str | int | None, ...]

MOST_WAITING = 32
MOST_WAYS = 2000  # the SDK's own limit for the attribute sets of one instrument


class _Measurement(NamedTuple):
    """What aggregations and exemplar filters read of the SDK's Measurement."""

    value: float
    time_unix_nano: int
    attributes: Attributes
    context: Context


class _Way(NamedTuple):
    """Where measurements of one set of attributes go, as long as the SDK has these readers.

    `by_trace` says that the exemplar filter is the SDK's default, which looks at the trace and at nothing else.
    """

    consumer: Any
    readers: object
    attributes: Attributes
    aggregations: list[Any]
    by_trace: bool


class Durations:
    """A histogram of these attributes, and the ways through the SDK behind it.

    What is measured waits until there are MOST_WAITING, or for a collection, as code that runs many times in a row
    costs much less than between all that a request does. A collection asks observable instruments before it
    looks at any histogram, so one of those, which never observes anything, brings those that wait to their place.
    """

    def __init__(
        self, meter: metrics.Meter, name: str, about: str, buckets: Sequence[float], keys: tuple[str, ...]
    ) -> None:
        advice = {"explicit_bucket_boundaries_advisory": buckets}
        self._histogram = meter.create_histogram(name, unit="s", description=about, **advice)
        meter.create_observable_counter(f"{name}.waiting", [self._collected])
        self._keys = keys
        self._ways: dict[Values, _Way] = {}
        self._waiting: deque[tuple[_Way, float, int, Context]] = deque()

    def record(self, seconds: float, values: Values, context: Context) -> None:
        """Record a duration (0 or more, finite) with a value for each key; one that is empty is left out."""
        way = self._ways.get(values)
        if way is None or way.readers is not way.consumer._reader_storages:
            self._count()  # in the order in which they came
            self._find(seconds, values, context)
            return
        self._waiting.append((way, seconds, time_ns(), context))
        if len(self._waiting) >= MOST_WAITING:
            self._count()

    def _collected(self, _: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        self._count()
        return ()

    def _count(self) -> None:
        while self._waiting:
            try:
                way, seconds, now, context = self._waiting.popleft()
            except IndexError:
                return  # another thread counts, too
            measurement = _Measurement(seconds, now, way.attributes, context)
            if way.by_trace:
                sampled = is_sampled(context)
            else:
                sampled = way.consumer._sdk_config.exemplar_filter.should_sample(seconds, now, way.attributes, context)
            for aggregation in way.aggregations:
                aggregation.aggregate(measurement, sampled)

    def _find(self, seconds: float, values: Values, context: Context) -> None:
        """Let the SDK record, and remember the way it took; before there is one, the API's proxy has none behind it."""
        histogram: Any = getattr(self._histogram, "_real_instrument", self._histogram)
        attributes = {key: value for key, value in zip(self._keys, values, strict=True) if value}
        if not isinstance(histogram, Histogram):
            self._histogram.record(seconds, attributes, context)
            return
        consumer: Any = histogram._measurement_consumer
        readers = consumer._reader_storages
        histogram.record(seconds, attributes, context)
        aggregations = _aggregations(readers, histogram, attributes)
        if aggregations and len(self._ways) < MOST_WAYS:
            by_trace = type(consumer._sdk_config.exemplar_filter) is TraceBasedExemplarFilter
            self._ways[values] = _Way(consumer, readers, attributes, aggregations, by_trace)


def _aggregations(readers: Mapping[Any, Any], histogram: Histogram, attributes: Attributes) -> list[Any]:
    """Return the aggregations that count `attributes`, none when one of them is not to last."""
    found = []
    for storage in readers.values():
        for match in storage._get_or_init_view_instrument_match(histogram):
            kept = match._view._attribute_keys
            seen = {k: v for k, v in attributes.items() if kept is None or k in kept}
            aggregation = match._attributes_aggregation.get(_hash_attributes(seen))
            if aggregation is None or match._reset_on_collect:
                return []
            found.append(aggregation)
    return found
