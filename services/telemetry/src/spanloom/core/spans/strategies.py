"""Sampling strategies as Jaeger serves them: by ratio, by rate, and by operation.

Jaeger, `model/proto/api_v2/sampling.proto`; its HTTP endpoint serves JSON with the type as a number.
"""

from __future__ import annotations

from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from spanloom.core.forks import after_fork
from spanloom.core.spans.sampling import TRACE_ID_BITS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

PROBABILISTIC, RATE_LIMITING = (0, "PROBABILISTIC"), (1, "RATE_LIMITING")
MAX_OPERATIONS = 2000  # with a lower bound of their own, as in Jaeger's clients
_lock = Lock()  # of all rates: few traces begin at once
after_fork(_lock._at_fork_reinit)  # type: ignore[attr-defined] # noqa: SLF001


class Strategy(Protocol):
    """Decides about a trace by its id and the name of its first span."""

    def allows(self, trace_id: int, name: str) -> bool:
        """Return whether the trace is sampled."""


class Ratio(NamedTuple):
    """Samples traces whose lower 64 bits of id are below `bound`."""

    bound: int

    def allows(self, trace_id: int, name: str) -> bool:
        """Return whether the trace is sampled."""
        return trace_id & TRACE_ID_BITS < self.bound


class Rate:
    """Samples a number of traces per second, at most those of one second at once; 0 samples none."""

    def __init__(self, per_second: float, clock: Callable[[], float] = monotonic) -> None:
        self._per_second, self._clock = per_second, clock
        self._most = self._balance = max(1.0, per_second) if per_second else 0.0
        self._at = clock()

    def allows(self, trace_id: int, name: str) -> bool:
        """Return whether the trace is sampled."""
        with _lock:
            now = self._clock()
            self._balance = min(self._most, self._balance + (now - self._at) * self._per_second)
            self._at = now
            if self._balance < 1.0:
                return False
            self._balance -= 1.0
            return True


class Guaranteed(NamedTuple):
    """Samples by a ratio, and at least a number of traces per second."""

    ratio: Ratio
    least: Rate

    def allows(self, trace_id: int, name: str) -> bool:
        """Return whether the trace is sampled; one that the ratio samples counts for the rate, too."""
        is_due = self.least.allows(trace_id, name)
        return self.ratio.allows(trace_id, name) or is_due


class ByOperation:
    """Samples each operation, that is the first span's name, by a ratio of its own or the default."""

    def __init__(self, default: Ratio, ratios: Mapping[str, Ratio], least_per_second: float) -> None:
        self._default, self._ratios, self._least_per_second = default, ratios, least_per_second
        self._others = self._guaranteed(default)
        self._strategies: dict[str, Strategy] = {}

    def allows(self, trace_id: int, name: str) -> bool:
        """Return whether the trace is sampled."""
        return (self._strategies.get(name) or self._add(name)).allows(trace_id, name)

    def _add(self, name: str) -> Strategy:
        if name not in self._ratios and len(self._strategies) >= MAX_OPERATIONS:
            return self._others
        return self._strategies.setdefault(name, self._guaranteed(self._ratios.get(name, self._default)))

    def _guaranteed(self, ratio: Ratio) -> Strategy:
        return Guaranteed(ratio, Rate(self._least_per_second)) if self._least_per_second else ratio


def to_ratio(rate: float) -> Ratio:
    """Return the strategy of a ratio; ValueError unless it is from 0 to 1."""
    if not 0 <= rate <= 1:
        raise ValueError(f"a sampling rate of {rate}, expected 0 to 1")
    return Ratio(round(rate * (TRACE_ID_BITS + 1)))


def to_strategy(document: Mapping[str, Any]) -> Strategy:
    """Return the strategy of a response; ValueError for anything else."""
    try:
        return _strategy(document)
    except (AttributeError, KeyError, OverflowError, TypeError) as error:
        raise ValueError("the response is no sampling strategy") from error


def _strategy(document: Mapping[str, Any]) -> Strategy:
    if document.get("operationSampling"):
        return _by_operation(document["operationSampling"])
    kind = document.get("strategyType", 0)
    if kind in PROBABILISTIC:
        return _ratio_of(document)
    if kind in RATE_LIMITING:
        return _rate_of(document["rateLimitingSampling"].get("maxTracesPerSecond", 0))
    raise ValueError(f"a strategy of type {kind!r}, expected PROBABILISTIC or RATE_LIMITING")


def _by_operation(document: Mapping[str, Any]) -> ByOperation:
    ratios = {found["operation"]: _ratio_of(found) for found in document.get("perOperationStrategies") or ()}
    least = float(document.get("defaultLowerBoundTracesPerSecond", 0))
    _rate_of(least)
    return ByOperation(to_ratio(float(document.get("defaultSamplingProbability", 0))), ratios, least)


def _ratio_of(document: Mapping[str, Any]) -> Ratio:
    return to_ratio(float(document["probabilisticSampling"].get("samplingRate", 0)))


def _rate_of(per_second: float) -> Rate:
    if not 0 <= float(per_second) < float("inf"):
        raise ValueError(f"{per_second} traces per second, expected 0 or more")
    return Rate(float(per_second))
