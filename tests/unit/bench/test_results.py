"""From measurements to figures."""

from __future__ import annotations

import pytest
from bench.arms import ARMS
from bench.content import Content
from bench.measure import BURST, Measured, merge
from bench.results import row, verdict

TRACED = next(arm for arm in ARMS if arm.name == "spanloom")
MILLISECOND = 1_000_000.0


def measured(cpu_ms: list[float], wall: list[float]) -> Measured:
    """Return the measurements of an arm with this many milliseconds of CPU time in each round."""
    return Measured(
        cpu=[value * MILLISECOND for value in cpu_ms],
        wall=wall,
        idle=[0.0],
        saturated=[100.0],
        latencies=[0.001, 0.002],
        start_seconds=[1.0],
        resident_bytes=[1 << 20],
        served=BURST * len(cpu_ms),
    )


def test_an_arm_is_compared_with_both_untraced_ones() -> None:
    """The base is the mean of the two identical arms."""
    found = {
        "untraced": measured([30, 30], [0.3, 0.3]),
        "untraced-again": measured([34, 34], [0.34, 0.34]),
        "spanloom": measured([64, 64], [0.4, 0.4]),
    }
    figures = row(TRACED, found, Content(requests=2 * BURST, spans=12 * BURST))
    assert figures.cpu_ratio.value == pytest.approx(0.5)
    assert figures.throughput_ratio.value == pytest.approx(0.8)
    assert figures.added_us.value == pytest.approx(1000)
    assert figures.added_per_span_us == pytest.approx(1000 / 6)
    assert figures.faults == ()


@pytest.mark.parametrize(
    ("cpu", "wall", "void"), [(30.0, 0.30, False), (30.8, 0.308, False), (32.0, 0.3, True), (30.0, 0.32, True)]
)
def test_a_run_checks_its_validity(cpu: float, wall: float, void: bool) -> None:
    """If the identical arms differ by more than 3 %, by CPU or by throughput, the run is invalid."""
    found = {"untraced": measured([30] * 4, [0.3] * 4), "untraced-again": measured([cpu] * 4, [wall] * 4)}
    assert verdict(found).void == void


def test_batches_are_one_measurement() -> None:
    """The rounds of all batches are concatenated, and served requests are summed."""
    whole = merge([{"untraced": measured([1], [0.1])}, {"untraced": measured([2], [0.2])}])["untraced"]
    assert (whole.cpu, whole.wall, whole.served) == ([MILLISECOND, 2 * MILLISECOND], [0.1, 0.2], 2 * BURST)
