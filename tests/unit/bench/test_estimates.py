"""Ratios, intervals and the A/A verdict."""

from __future__ import annotations

import pytest
from bench.estimates import Estimate, difference_of_means, differs, paired_ratio, percentile, ratio_of_sums, spread
from hypothesis import given
from hypothesis import strategies as st

SERIES = st.lists(st.floats(1, 1e9), min_size=2, max_size=12)


@given(SERIES)
def test_a_constant_factor_is_found_exactly(rounds: list[float]) -> None:
    """What a round suffered cancels out: when one arm costs twice the other in every round, the interval is a point."""
    doubled = [2 * value for value in rounds]
    assert tuple(ratio_of_sums(rounds, doubled)) == pytest.approx((0.5, 0.5, 0.5))
    assert tuple(paired_ratio(rounds, doubled)) == pytest.approx((0.5, 0.5, 0.5))


@given(SERIES)
def test_an_interval_holds_its_figure(rounds: list[float]) -> None:
    """The figure lies between the least and the largest value that any round alone would give."""
    found = ratio_of_sums(rounds, rounds[::-1])
    alone = [left / right for left, right in zip(rounds, rounds[::-1], strict=True)]
    assert min(alone) * 0.999 <= found.low <= found.high <= max(alone) * 1.001


def test_sums_charge_what_a_median_would_hide() -> None:
    """An export in one round of many counts in the ratio of sums, and does not in the median of pairs."""
    base, traced = [1.0] * 10, [1.0] * 9 + [11.0]
    assert ratio_of_sums(base, traced).value == pytest.approx(0.5)
    assert paired_ratio(base, traced).value == 1.0


def test_the_same_measurements_give_the_same_interval() -> None:
    """Reading a run twice gives the same figures."""
    rounds = [3.0, 1.0, 4.0, 1.0, 5.0]
    assert ratio_of_sums(rounds, rounds[::-1]) == ratio_of_sums(rounds, rounds[::-1])


def test_added_cost_is_the_difference_of_means() -> None:
    """Two units more in every round are two units more, with certainty."""
    assert difference_of_means([3.0, 5.0], [1.0, 3.0]) == Estimate(2.0, 2.0, 2.0)


def test_nothing_put_off_is_forgotten() -> None:
    """CPU time used after the last round is charged to the rounds, in equal parts."""
    assert spread([10.0, 20.0], 6.0) == [13.0, 23.0]


@pytest.mark.parametrize(
    ("value", "expected"), [(1.0, False), (1.03, False), (0.97, False), (1.031, True), (0.969, True)]
)
def test_a_run_is_void_beyond_three_per_cent(value: float, expected: bool) -> None:
    """Two arms that are the same may differ by 3 %, in either direction, and by no more."""
    assert differs(Estimate(value, 0.0, 2.0)) == expected


def test_percentiles_are_of_the_sample() -> None:
    """p50 and p99 lie between the values that were seen."""
    assert percentile([float(value) for value in range(101)], 50) == 50
    assert percentile([float(value) for value in range(101)], 99) == 99
