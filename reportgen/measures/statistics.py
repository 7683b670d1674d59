"""Statistics of repeated timings. Pure functions of numbers.

Medians and interquartile ranges, because timings have outliers on one side; ratios of neighbouring
rounds, because a machine's speed drifts. The interval of the median ratio lies between two order
statistics (W. J. Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2): its
coverage holds for any distribution. With 15 rounds, a percentile bootstrap covers only 90 %.

This assumes independent rounds. On a shared machine, neighbouring rounds are correlated, so they
are first combined in blocks, each with its median (batch means: A. M. Law, Simulation Modeling and
Analysis, 5th ed. 2015, section 9.5). Rounds of one process are correlated too: the interval is
widened for few processes.

The fastest call estimates the time without noise, which only ever adds to it (J. Chen and J.
Revels, "Robust Benchmarking in Noisy Environments", 2016, arXiv:1608.04295).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.record.certainty import FEWEST_ROUNDS, between_processes

# A 95 % interval excludes 1/40 on either side.
_LEFT_OUT = 40

# The least number of blocks, if there are at least twice as many rounds.
BLOCKS = 20

# An interval that contains 1 and is wider than this on either side is inconclusive.
TELLING = 0.05


@dataclass(frozen=True)
class Summary:
    """The median of some samples, their interquartile range, and how many there were."""

    median: float
    iqr: float
    count: int


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, and the bounds of its 95 % interval.

    The `count` pairs come from `processes` of each side. With fewer than `FEWEST_ROUNDS` pairs the
    bounds are the smallest and the largest ratio, and there is no interval.
    """

    median: float
    low: float
    high: float
    count: int
    processes: int = 1

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval, widened for the differences between processes of one program."""
        if self.count < FEWEST_ROUNDS:
            return None
        wider = 1 + between_processes(self.processes)
        return self.low / wider, self.high * wider

    @property
    def significant(self) -> bool:
        """Whether there are enough pairs, and the interval excludes 1."""
        return self.interval is not None and not self.interval[0] <= 1 <= self.interval[1]

    @property
    def precision(self) -> float:
        """The wider half of the rounds' interval, as a part of the median."""
        if self.count < FEWEST_ROUNDS:
            return math.inf
        return max(self.high - self.median, self.median - self.low) / self.median

    @property
    def doubt(self) -> str:
        """Why the comparison is inconclusive; empty if it is not."""
        if self.count < FEWEST_ROUNDS:
            return f"too few rounds to tell: {FEWEST_ROUNDS} or more are needed"
        if not self.significant and self.precision > TELLING:
            return "too noisy to tell"
        return ""


@dataclass(frozen=True)
class Fastest:
    """The fastest call, and how far above it the lower quartile of the rounds' fastest calls is."""

    value: float
    spread: float


def fastest(rounds: Sequence[float]) -> Fastest:
    """Find the fastest call, given the fastest of each round (one or more)."""
    value = min(rounds)
    if len(rounds) < 2:
        return Fastest(value, 0.0)
    return Fastest(value, statistics.quantiles(rounds, n=4, method="inclusive")[0] - value)


def summary(samples: Sequence[float]) -> Summary:
    """Summarise samples (one or more)."""
    if len(samples) < 2:
        return Summary(samples[0], 0.0, len(samples))
    quartiles = statistics.quantiles(samples, n=4, method="inclusive")
    return Summary(statistics.median(samples), quartiles[2] - quartiles[0], len(samples))


def paired_ratio(numerator: Sequence[float], denominator: Sequence[float]) -> Ratio:
    """Return the ratio of two series of samples, one of each round, in the order of the rounds."""
    return ratio_of_processes([numerator], [denominator])


def ratio_of_processes(
    numerator: Sequence[Sequence[float]], denominator: Sequence[Sequence[float]]
) -> Ratio:
    """Return the ratio of the samples of each process, which ran beside one of the other side."""
    parts = [_ratios(a, b) for a, b in zip(numerator, denominator, strict=True)]
    count = sum(map(len, parts))
    length = max(1, count // BLOCKS)
    blocks = sorted(block for ratios in parts for block in _blocks(ratios, length))
    left_out = _outside(len(blocks))
    median = statistics.median(blocks)
    return Ratio(median, blocks[left_out], blocks[-1 - left_out], count, len(parts))


def _ratios(numerator: Sequence[float], denominator: Sequence[float]) -> list[float]:
    if len(numerator) != len(denominator) or not numerator:
        raise ValueError(
            f"pairs are needed, and here are {len(numerator)} and {len(denominator)} samples"
        )
    return [a / b for a, b in zip(numerator, denominator, strict=True)]


def _blocks(ratios: Sequence[float], length: int) -> list[float]:
    """Return the medians of blocks of neighbouring ratios."""
    length = min(length, len(ratios))
    return [
        statistics.median(ratios[first : first + length])
        for first in range(0, len(ratios) - length + 1, length)
    ]


def _outside(count: int) -> int:
    """Return how many of `count` sorted samples lie outside the interval, on either side.

    The number of samples below the true median is binomial with p = 1/2.
    """
    ways, below, outside = 1, 1, 0
    while below * _LEFT_OUT <= 2**count:
        outside += 1
        ways = ways * (count - outside + 1) // outside
        below += ways
    return max(outside - 1, 0)
