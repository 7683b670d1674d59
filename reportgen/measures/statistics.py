"""Statistics of repeated timings. Pure functions of numbers.

Medians and interquartile ranges, because timings have outliers on one side; ratios of neighbouring
rounds, because a machine's speed drifts; a percentile bootstrap (Efron & Tibshirani 1993, ch. 13)
of the median ratio, because nothing is known of its distribution.
"""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

RESAMPLES = 2_000
CONFIDENCE = 0.95


@dataclass(frozen=True)
class Summary:
    """The median of some samples, their interquartile range, and how many there were."""

    median: float
    iqr: float
    count: int


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, with its confidence interval."""

    median: float
    low: float
    high: float
    count: int

    @property
    def significant(self) -> bool:
        """Whether the interval excludes 1."""
        return not self.low <= 1 <= self.high


def summary(samples: Sequence[float]) -> Summary:
    """Summarise samples (one or more)."""
    if len(samples) < 2:
        return Summary(samples[0], 0.0, len(samples))
    quartiles = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(statistics.median(samples), quartiles[2] - quartiles[0], len(samples))


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Return how many times larger `numerator` is, round by round.

    Both hold one sample of each round, in the order of the rounds. The resampling has a fixed
    seed: the same samples give the same interval.
    """
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError(
            f"pairs are needed, and here are {len(numerator)} and {len(denominator)} samples"
        )
    ratios = [a / b for a, b in zip(numerator, denominator, strict=True)]
    generator = random.Random(0)
    medians = sorted(
        statistics.median(generator.choices(ratios, k=len(ratios))) for _ in range(RESAMPLES)
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = medians[int(tail * RESAMPLES)], medians[int((1 - tail) * RESAMPLES) - 1]
    return Ratio(statistics.median(ratios), low, high, len(ratios))
