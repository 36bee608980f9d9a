"""Histograms with explicit buckets and exemplars.

OpenTelemetry specification, "Metrics SDK", sections "Explicit Bucket Histogram Aggregation" and "Exemplar".
"""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from threading import Lock
from time import time_ns
from typing import TYPE_CHECKING, Any

from spanloom.core.context import span_of
from spanloom.core.spans.span_context import SAMPLED, identity_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import Definition, Values

    Exemplar = tuple[float, int, int, int]
    """A measurement, its time in nanoseconds since the epoch, and the ids of its trace and span."""

MAX_PENDING = 64
MAX_ATTRIBUTE_SETS = 2000  # specification, "Cardinality limits"
OVERFLOW: dict[str, Any] = {"otel.metric.overflow": True}


class Point:
    """The aggregated measurements of one set of attributes."""

    def __init__(self, attributes: dict[str, Any], buckets: int, start: int) -> None:
        self.attributes, self.start = attributes, start
        self.counts = [0] * buckets
        self.exemplars: list[Exemplar | None] = [None] * buckets
        self.sum, self.min, self.max = 0.0, float("inf"), float("-inf")

    def add(self, value: float, bucket: int) -> None:
        """Add a measurement."""
        self.counts[bucket] += 1
        self.sum += value
        if value < self.min:
            self.min = value
        if value > self.max:
            self.max = value


class Histogram:
    """A histogram.

    Measurements wait until there are MAX_PENDING of them or until a collection: code that runs many times in a row
    costs much less than interleaved with request handling. `is_delta`: each collection starts at zero. `on_first` is
    called when a measurement within a trace is the first one that waits.
    """

    def __init__(
        self, definition: Definition, *, is_delta: bool, has_exemplars: bool = True,
        on_first: Callable[[], object] = bool,
    ) -> None:  # fmt: skip
        self.definition, self.is_delta, self.has_exemplars = definition, is_delta, has_exemplars
        self._on_first = on_first
        self.version = 0
        self._points: dict[Values, Point] = {}
        self._pending: deque[tuple[Values, float, int, Any]] = deque()
        self._lock = Lock()

    def record(self, value: float, values: Values, context: Context) -> None:
        """Record a measurement (0 or more, finite) with a value for each key; an empty one is left out."""
        span = span_of(context)
        self._pending.append((values, value, time_ns(), span))
        waiting = len(self._pending)
        if waiting >= MAX_PENDING:
            self.aggregate()
        elif waiting == 1 and span is not None:
            self._on_first()

    def aggregate(self) -> None:
        """Aggregate what is pending; another thread that is at it is not waited for."""
        if not self._lock.acquire(blocking=False):
            return
        try:
            while self._pending:
                self._add(*self._pending.popleft())
        except IndexError:
            pass
        finally:
            self._lock.release()

    def _add(self, values: Values, value: float, time: int, span: Any) -> None:
        point = self._points.get(values) or self._new_point(values, time)
        bucket = bisect_left(self.definition.bounds, value)
        point.add(value, bucket)
        self.version += 1
        if self.has_exemplars:
            found = identity_of(span)
            if found is not None and found.flags & SAMPLED:
                point.exemplars[bucket] = value, time, found.trace_id, found.span_id

    def _new_point(self, values: Values, time: int) -> Point:
        if len(self._points) < MAX_ATTRIBUTE_SETS - 1:
            attributes = self.definition.attributes_of(values)
        else:
            values, attributes = (), OVERFLOW
        return self._points.setdefault(values, Point(attributes, len(self.definition.bounds) + 1, time))

    def collect(self) -> Iterator[Point]:
        """Yield the points that there are; exemplars, and the points of a delta, are given once."""
        self.aggregate()
        with self._lock:
            points = list(self._points.values())
            if self.is_delta:
                self._points = {}
        for point in points:
            yield point
            point.exemplars = [None] * len(point.exemplars)

    def clear(self) -> None:
        """Forget everything: after a fork it belongs to the parent process."""
        self._lock = Lock()
        self._points, self.version = {}, 0
        self._pending.clear()
