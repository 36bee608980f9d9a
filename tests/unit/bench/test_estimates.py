"""Ratios, intervals and the A/A verdict."""

from __future__ import annotations

import pytest
from bench.estimates import Estimate, difference_of_means, differs, paired_ratio, percentile, ratio_of_sums, spread
from hypothesis import given
from hypothesis import strategies as st

SERIES = st.lists(st.floats(1, 1e9), min_size=2, max_size=12)


@given(SERIES)
def test_a_constant_factor_is_found_exactly(rounds: list[float]) -> None:
    """Noise of a round cancels out: if one arm costs twice the other in every round, the interval is a point."""
    doubled = [2 * value for value in rounds]
    assert tuple(ratio_of_sums(rounds, doubled)) == pytest.approx((0.5, 0.5, 0.5))
    assert tuple(paired_ratio(rounds, doubled)) == pytest.approx((0.5, 0.5, 0.5))


@given(SERIES)
def test_an_interval_contains_its_figure(rounds: list[float]) -> None:
    """The figure is between the smallest and the largest value of a single round."""
    found = ratio_of_sums(rounds, rounds[::-1])
    alone = [left / right for left, right in zip(rounds, rounds[::-1], strict=True)]
    assert min(alone) * 0.999 <= found.low <= found.high <= max(alone) * 1.001


def test_sums_include_what_a_median_hides() -> None:
    """An export in one of many rounds counts in the ratio of sums, but not in the median of pairs."""
    base, traced = [1.0] * 10, [1.0] * 9 + [11.0]
    assert ratio_of_sums(base, traced).value == pytest.approx(0.5)
    assert paired_ratio(base, traced).value == 1.0


def test_the_same_measurements_give_the_same_interval() -> None:
    """Evaluating a run twice gives the same figures."""
    rounds = [3.0, 1.0, 4.0, 1.0, 5.0]
    assert ratio_of_sums(rounds, rounds[::-1]) == ratio_of_sums(rounds, rounds[::-1])


def test_added_cost_is_the_difference_of_means() -> None:
    """Two more units in every round are two more units, with certainty."""
    assert difference_of_means([3.0, 5.0], [1.0, 3.0]) == Estimate(2.0, 2.0, 2.0)


def test_deferred_work_is_included() -> None:
    """CPU time after the last round is distributed equally over the rounds."""
    assert spread([10.0, 20.0], 6.0) == [13.0, 23.0]


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, False), (1.03, False), (0.97, False), (1.031, True), (0.969, True)]
)
def test_a_run_is_invalid_beyond_three_per_cent(value: float, expected: bool) -> None:
    """Two identical arms may differ by 3 % in either direction, and by no more."""
    assert differs(Estimate(value, 0.0, 2.0)) == expected


def test_percentiles_are_of_the_sample() -> None:
    """p50 and p99 are between measured values."""
    assert percentile([float(value) for value in range(101)], 50) == 50
    assert percentile([float(value) for value in range(101)], 99) == 99
