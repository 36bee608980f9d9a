"""Rate, errors and duration of each route, from the histogram `http.server.request.duration` of OTLP.

Requests are counted in slots of SLOT_SECONDS. A cumulative data point counts what it has more than the one before.
https://opentelemetry.io/docs/specs/semconv/http/http-metrics/
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanloom_local.duration_points import DurationPoint, Exemplar, Route

SLOT_SECONDS = 5
SLOTS = 36
WINDOW_SECONDS = SLOT_SECONDS * SLOTS
KEPT_ROUTES = 40
KEPT_SERIES = 2_000
NANOSECONDS = 1_000_000_000


@dataclass(slots=True)
class Slot:
    """The requests of some seconds: those in each bucket by its upper bound in seconds, and those that failed."""

    buckets: Counter[float] = field(default_factory=Counter)
    errors: int = 0

    @property
    def requests(self) -> int:
        """The number of requests."""
        return self.buckets.total()

    def add(self, other: Slot) -> None:
        """Add the requests of another slot."""
        self.buckets.update(other.buckets)
        self.errors += other.errors


class Red(NamedTuple):
    """A route with one slot for each SLOT_SECONDS of the window, oldest first, and the slowest exemplar of each."""

    route: Route
    slots: tuple[Slot, ...]
    exemplars: tuple[Exemplar, ...]

    @property
    def total(self) -> Slot:
        """All requests of the window."""
        total = Slot()
        for slot in self.slots:
            total.add(slot)
        return total


class _Measured:
    """What is stored of one route: slots by their number since the epoch."""

    def __init__(self) -> None:
        self.slots: dict[int, Slot] = {}
        self.exemplars: tuple[Exemplar, ...] = ()

    def add(self, number: int, requests: Slot, exemplars: Iterable[Exemplar]) -> None:
        self.slots.setdefault(number, Slot()).add(requests)
        self.slots = {each: slot for each, slot in self.slots.items() if each > number - SLOTS}
        self.exemplars = slowest((*self.exemplars, *exemplars), number)


class RouteMetrics:
    """The routes with requests in the window; written by the receiver's thread, read by any thread."""

    def __init__(self, kept_routes: int = KEPT_ROUTES, kept_series: int = KEPT_SERIES) -> None:
        self._kept_routes, self._kept_series = kept_routes, kept_series
        self._routes: OrderedDict[Route, _Measured] = OrderedDict()
        self._last: OrderedDict[str, DurationPoint] = OrderedDict()
        self._lock = Lock()

    def add(self, points: Iterable[DurationPoint], now_ns: int) -> None:
        """Count the requests of `points`; drop the series and routes that were not measured for longest."""
        with self._lock:
            for point in points:
                self._add(point, now_ns)
            _limit(self._routes, self._kept_routes)
            _limit(self._last, self._kept_series)

    def _add(self, point: DurationPoint, now_ns: int) -> None:
        buckets = increase(point, self._last.get(point.series), now_ns)
        if not point.is_delta:
            self._last[point.series] = point
            self._last.move_to_end(point.series)
        number = slot_number(min(point.time_ns, now_ns))
        if not buckets or number <= slot_number(now_ns) - SLOTS:
            return
        measured = self._routes.setdefault(point.route, _Measured())
        self._routes.move_to_end(point.route)
        measured.add(number, Slot(buckets, buckets.total() if point.is_error else 0), point.exemplars)

    def routes(self, now_ns: int) -> list[Red]:
        """Return every route with requests in the window that ends now, by service and route."""
        with self._lock:
            found = [_red(route, measured, slot_number(now_ns)) for route, measured in sorted(self._routes.items())]
        return [red for red in found if red.total.requests]

    def requests(self, now_ns: int) -> int:
        """Return the number of requests in the window that ends now."""
        return sum(red.total.requests for red in self.routes(now_ns))


def slot_number(time_ns: int) -> int:
    """Return the number of the slot of a time since the epoch."""
    return time_ns // (SLOT_SECONDS * NANOSECONDS)


def slowest(exemplars: Iterable[Exemplar], last: int) -> tuple[Exemplar, ...]:
    """Return the slowest exemplar of each slot of the window that ends with the slot `last`, by time."""
    by_slot: dict[int, Exemplar] = {}
    for exemplar in sorted(exemplars):
        by_slot[slot_number(exemplar.time_ns)] = exemplar
    return tuple(exemplar for number, exemplar in sorted(by_slot.items()) if last - SLOTS < number <= last)


def _red(route: Route, measured: _Measured, last: int) -> Red:
    slots = tuple(measured.slots.get(number, Slot()) for number in range(last - SLOTS + 1, last + 1))
    return Red(route, slots, slowest(measured.exemplars, last))


def _limit(entries: OrderedDict[Any, Any], kept: int) -> None:
    while len(entries) > kept:
        entries.popitem(last=False)


def increase(point: DurationPoint, before: DurationPoint | None, now_ns: int) -> Counter[float]:
    """Return the requests of a data point that were not counted before.

    A series that began before the window, and of which nothing is stored, has no known increase.
    """
    if point.is_delta or (before and is_reset(point, before)):
        return point.buckets
    if before:
        return point.buckets - before.buckets
    return point.buckets if point.start_ns > now_ns - WINDOW_SECONDS * NANOSECONDS else Counter()


def is_reset(point: DurationPoint, before: DurationPoint) -> bool:
    """Return whether the sender has started again at zero since `before`."""
    return point.start_ns != before.start_ns or point.buckets.total() < before.buckets.total()


def quantile(buckets: Counter[float], share: float) -> float | None:
    """Return the estimated quantile (`share` from 0 to 1) in seconds, None without requests.

    As Prometheus' histogram_quantile: linear in a bucket, the highest finite bound for the bucket without a limit.
    """
    rank, below, lower = share * buckets.total(), 0, 0.0
    if not rank:
        return None
    for upper, count in sorted(buckets.items()):
        if count and below + count >= rank:
            return lower if math.isinf(upper) else lower + (upper - lower) * (rank - below) / count
        below, lower = below + count, upper
    return lower
