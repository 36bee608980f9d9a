"""Figures and their confidence: ratios of sums, medians of pairs, bootstrap intervals, the A/A verdict."""

from __future__ import annotations

from random import Random
from statistics import fmean, median, quantiles
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

RESAMPLES = 2_000
TOLERATED = 0.03
SEED = 6  # any: the same measurements give the same intervals


class Estimate(NamedTuple):
    """A figure with the bounds of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def bootstrap(rounds: int, figure: Callable[[Sequence[int]], float], resamples: int = RESAMPLES) -> Estimate:
    """Return `figure` of all rounds, with the percentile interval of resampled rounds (Efron 1979).

    `figure` is given indices of rounds, some of them repeatedly: values of one round stay together, so that what
    a round suffered cancels out of a ratio.
    """
    random = Random(SEED)
    drawn = sorted(figure(random.choices(range(rounds), k=rounds)) for _ in range(resamples))
    tail = resamples // 40
    return Estimate(figure(range(rounds)), drawn[tail], drawn[-tail - 1])


def ratio_of_sums(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Return sum(above) / sum(below), with one value per round each."""
    return bootstrap(len(above), lambda drawn: sum(above[i] for i in drawn) / sum(below[i] for i in drawn))


def difference_of_means(left: Sequence[float], right: Sequence[float]) -> Estimate:
    """Return mean(left) - mean(right), with one value per round each."""
    return bootstrap(len(left), lambda drawn: fmean([left[i] - right[i] for i in drawn]))


def mean(values: Sequence[float]) -> Estimate:
    """Return the mean, with one value per round."""
    return bootstrap(len(values), lambda drawn: fmean([values[i] for i in drawn]))


def paired_ratio(above: Sequence[float], below: Sequence[float]) -> Estimate:
    """Return the median of above / below, round by round."""
    pairs = [left / right for left, right in zip(above, below, strict=True)]
    return bootstrap(len(pairs), lambda drawn: median([pairs[i] for i in drawn]))


def percentile(values: Sequence[float], hundredths: int) -> float:
    """Return the value below which `hundredths` per cent of `values` lie."""
    return quantiles(values, n=100, method="inclusive")[hundredths - 1]


def spread(charged: Sequence[float], rest: float) -> list[float]:
    """Return `charged` with an equal part of `rest` added to each: work deferred until after the last round."""
    return [value + rest / len(charged) for value in charged]


def differs(again: Estimate) -> bool:
    """Return whether two identical arms differ by more than TOLERATED: the run is then invalid."""
    return not 1 - TOLERATED <= again.value <= 1 + TOLERATED
