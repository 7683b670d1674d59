"""Statistics of repeated timings. Pure functions of numbers.

Medians and interquartile ranges, because timings have outliers on one side; ratios of neighbouring
rounds, because a machine's speed drifts. The interval of the median ratio is the one between two
order statistics (W. J. Conover, Practical Nonparametric Statistics, 3rd ed. 1999, section 3.2):
whatever the distribution, it holds the true median at least as often as it says. A percentile
bootstrap of the median does not with a dozen rounds: of 15, it holds it nine times in ten.

That is for rounds that know nothing of each other. On a shared machine those of the same second do,
so many rounds are first put together in blocks of neighbours, each with its median (batch means: A.
M. Law, Simulation Modeling and Analysis, 5th ed. 2015, section 9.5). Rounds of one process resemble
each other too, and no number of them makes up for another process: where there are several, the
interval spans what they differ by, and is widened by what so few of them cannot show.

What a time is where nothing disturbs is told by the fastest call: noise only ever adds to it
(J. Chen and J. Revels, "Robust Benchmarking in Noisy Environments", 2016, arXiv:1608.04295).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from reportgen.record.certainty import FEWEST_ROUNDS, between_processes

# A 95 % interval leaves out one in forty on either side.
_LEFT_OUT = 40

# Rounds are put together in so many blocks, or somewhat more, where there are twice as many.
BLOCKS = 20

# An interval that contains 1 and is wider than this, on either side, tells neither a difference
# that matters nor its absence.
TELLING = 0.05


@dataclass(frozen=True)
class Summary:
    """The median of some samples, their interquartile range, and how many there were."""

    median: float
    iqr: float
    count: int


@dataclass(frozen=True)
class Ratio:
    """The median of paired ratios, and the two of them that its 95 % interval lies between.

    The `count` pairs come from as many `processes` of either side. Of fewer pairs than
    `FEWEST_ROUNDS` these are the least and the largest, and no interval.
    """

    median: float
    low: float
    high: float
    count: int
    processes: int = 1

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval of the programs: wider by what so few processes of each may be off."""
        if self.count < FEWEST_ROUNDS:
            return None
        wider = 1 + between_processes(self.processes)
        return self.low / wider, self.high * wider

    @property
    def significant(self) -> bool:
        """Whether there are pairs enough, and the interval excludes 1."""
        return self.interval is not None and not self.interval[0] <= 1 <= self.interval[1]

    @property
    def precision(self) -> float:
        """How far that of the rounds reaches from the median on its wider side, as a part of it."""
        if self.count < FEWEST_ROUNDS:
            return math.inf
        return max(self.high - self.median, self.median - self.low) / self.median

    @property
    def doubt(self) -> str:
        """Why nothing can be told of a difference; empty where something can."""
        if self.count < FEWEST_ROUNDS:
            return f"too few rounds to tell: {FEWEST_ROUNDS} or more are needed"
        if not self.significant and self.precision > TELLING:
            return "too noisy to tell"
        return ""


@dataclass(frozen=True)
class Fastest:
    """The fastest of many calls, and how far above it the lower quartile of the rounds' lies.

    The closer that comes, the surer it is that no call would have been faster still.
    """

    value: float
    spread: float


def fastest(rounds: Sequence[float]) -> Fastest:
    """Find the fastest call of all, of the fastest of each round (one round or more)."""
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
    """Return how many times larger `numerator` is, round by round.

    Both hold one sample of each round, in the order of the rounds.
    """
    return ratio_of_processes([numerator], [denominator])


def ratio_of_processes(
    numerator: Sequence[Sequence[float]], denominator: Sequence[Sequence[float]]
) -> Ratio:
    """Return how many times larger `numerator` is, round by round of each process.

    Both hold the samples of each process, which ran beside one of the other side.
    """
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
    """Return the medians of so many neighbouring ratios each."""
    length = min(length, len(ratios))
    return [
        statistics.median(ratios[first : first + length])
        for first in range(0, len(ratios) - length + 1, length)
    ]


def _outside(count: int) -> int:
    """Return how many of so many sorted samples lie outside the interval, on either side.

    Each sample lies below the true median with a chance of one half, so the number that do is
    binomial: as many are left out as leave no more than half the error on either side.
    """
    ways, below, outside = 1, 1, 0
    while below * _LEFT_OUT <= 2**count:
        outside += 1
        ways = ways * (count - outside + 1) // outside
        below += ways
    return max(outside - 1, 0)
