"""From measurements to figures: one row for each arm, and the validity of the run."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean, median
from typing import TYPE_CHECKING

from bench.arms import BASES
from bench.content import faults
from bench.estimates import Estimate, difference_of_means, differs, mean, paired_ratio, percentile, ratio_of_sums
from bench.measure import BURST

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.arms import Arm
    from bench.content import Content
    from bench.measure import Measured

NANOSECONDS_PER_MICROSECOND = 1_000
MILLISECONDS_PER_SECOND = 1_000
BYTES_PER_MEBIBYTE = 1 << 20
NANOSECONDS_PER_MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Row:
    """The figures of one arm. Ratios are untraced over traced: 1 is no overhead, 0.5 is twice the cost.

    added_per_span_us is None if not every request is traced; units are in the names.
    """

    name: str
    title: str
    cpu_us: Estimate
    cpu_ratio: Estimate
    added_us: Estimate
    added_per_span_us: float | None
    throughput_ratio: Estimate
    saturated_per_second: float
    p50_ms: float
    p99_ms: float
    served: int
    spans_per_request: float
    lost: int
    orphans: int
    start_seconds: float
    resident_mib: float
    idle_ms_per_second: float
    faults: tuple[str, ...]


@dataclass(frozen=True)
class Verdict:
    """The difference between the two untraced arms; the run is invalid if it is too large."""

    cpu: Estimate
    throughput: Estimate

    @property
    def void(self) -> bool:
        """Whether the run is invalid."""
        return differs(self.cpu) or differs(self.throughput)


def verdict(found: Mapping[str, Measured]) -> Verdict:
    """Compare the two identical arms."""
    first, again = (found[base] for base in BASES)
    return Verdict(ratio_of_sums(first.cpu, again.cpu), paired_ratio(first.wall, again.wall))


def row(arm: Arm, found: Mapping[str, Measured], content: Content) -> Row:
    """Return the figures of one arm, compared with the mean of both untraced ones."""
    measured = found[arm.name]
    base_cpu, base_wall = _base([found[base].cpu for base in BASES]), _base([found[base].wall for base in BASES])
    unit = NANOSECONDS_PER_MICROSECOND * BURST
    cpu, base_us = [value / unit for value in measured.cpu], [value / unit for value in base_cpu]
    added = difference_of_means(cpu, base_us)
    spans = content.spans / measured.served
    return Row(
        name=arm.name,
        title=arm.title,
        cpu_us=mean(cpu),
        cpu_ratio=ratio_of_sums(base_us, cpu),
        added_us=added,
        added_per_span_us=added.value / spans if arm.share == 1 else None,
        throughput_ratio=paired_ratio(base_wall, measured.wall),
        saturated_per_second=median(measured.saturated),
        p50_ms=percentile(measured.latencies, 50) * MILLISECONDS_PER_SECOND,
        p99_ms=percentile(measured.latencies, 99) * MILLISECONDS_PER_SECOND,
        served=measured.served,
        spans_per_request=spans,
        lost=content.lost,
        orphans=content.orphans,
        start_seconds=median(measured.start_seconds),
        resident_mib=median(measured.resident_bytes) / BYTES_PER_MEBIBYTE,
        idle_ms_per_second=median(measured.idle) / NANOSECONDS_PER_MILLISECOND,
        faults=tuple(faults(content, measured.served, arm.share)),
    )


def _base(series: Sequence[Sequence[float]]) -> list[float]:
    return [fmean(values) for values in zip(*series, strict=True)]
