"""Counters, and sums that are observed at each collection.

OpenTelemetry specification, "Metrics API", sections "Counter" and "Asynchronous UpDownCounter".
"""

from __future__ import annotations

from itertools import islice
from threading import Lock
from time import time_ns
from typing import TYPE_CHECKING, Any

from spanloom.core.metrics.histogram import MAX_ATTRIBUTE_SETS, OVERFLOW
from spanloom.core.reports import report_dropped

if TYPE_CHECKING:
    from collections.abc import Iterable

    from spanloom.core.context import Context
    from spanloom.core.metrics.instruments import Definition, Observe, Values


class Number:
    """The sum of one set of attributes since `start`, in nanoseconds since the epoch."""

    def __init__(self, attributes: dict[str, Any], start: int, value: float = 0) -> None:
        self.attributes, self.start, self.value = attributes, start, value


class Counter:
    """A sum that only grows, of measurements that are few: each takes a lock."""

    is_monotonic = True

    def __init__(self, definition: Definition, *, is_delta: bool) -> None:
        self.definition, self.is_delta = definition, is_delta
        self.version = 0
        self._numbers: dict[Values, Number] = {}
        self._lock = Lock()

    def record(self, value: float, values: Values, _: Context) -> None:
        """Add `value` (0 or more) with a value for each key; an empty one is left out."""
        with self._lock:
            number = self._numbers.get(values) or self._new_number(values)
            number.value += value
            self.version += 1

    def _new_number(self, values: Values) -> Number:
        if len(self._numbers) < MAX_ATTRIBUTE_SETS - 1:
            attributes = self.definition.attributes_of(values)
        else:
            values, attributes = (), OVERFLOW
        return self._numbers.setdefault(values, Number(attributes, time_ns()))

    def aggregate(self) -> None:
        """Do nothing: every measurement has been added."""

    def collect(self) -> list[Number]:
        """Return the sums that there are; those of a delta are given once."""
        with self._lock:
            numbers = list(self._numbers.values())
            if self.is_delta:
                self._numbers = {}
        return numbers

    def clear(self) -> None:
        """Forget everything: after a fork it belongs to the parent process."""
        self._lock = Lock()
        self._numbers, self.version = {}, 0


class ObservedSum:
    """A sum that grows and shrinks, whose values `observe` returns at each collection.

    It is cumulative whatever the preferred temporality; that it changed is no reason to export (`version`).
    """

    is_monotonic = is_delta = False
    version = 0

    def __init__(self, definition: Definition, observe: Observe) -> None:
        self.definition, self._observe = definition, observe
        self.clear()

    def record(self, value: float, values: Values, context: Context) -> None:
        """Do nothing: the values are observed."""

    def aggregate(self) -> None:
        """Do nothing: the values are observed."""

    def collect(self) -> list[Number]:
        """Return the observed values; what cannot be observed is dropped and reported."""
        try:
            observed: Iterable[tuple[float, Values]] = list(islice(self._observe(), MAX_ATTRIBUTE_SETS))
        except Exception as error:
            report_dropped(f"the values of {self.definition.name}", error)
            return []
        return [Number(self.definition.attributes_of(values), self._start, value) for value, values in observed]

    def clear(self) -> None:
        """Start again: after a fork what was observed belongs to the parent process."""
        self._start = time_ns()
