"""Whether a noisy figure changed. Pure functions of two figures; docs/review.md has the reasoning.

A latency is the median of n rounds, and stands in the record with their interquartile range. The
standard error of a median is 1.2533 σ/√n, and σ is IQR/1.349, for noise that is roughly normal:
0.929 IQR/√n (McGill, Tukey & Larsen, "Variations of Box Plots", The American Statistician 32,
1978). A speed-up stands there with a 95 % interval, 1.96 standard errors to either side. Both
errors are known from a few rounds only: Student's t takes the place of the normal quantile, with
the degrees of freedom that an interquartile range is worth, 0.37 of a standard deviation's.

A record compares dozens of times at once, so that one in a thousand may be wrong, not one in
twenty. And two runs of one program differ by more than their rounds do (layout in memory, frequency
of the processor; Kalibera & Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013): no
change below `FLOOR` is called one. Where the rounds of a latency lie further apart than
`TOO_NOISY`, the model's or its baseline's, something else was at work on the machine, and may have
hit one model harder than another: then nothing is said at all, however many rounds there were.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from reportgen.measures.statistics import BLOCKS
from reportgen.record import Figure

CONFIDENCE = 0.999
FLOOR = 0.05
TOO_NOISY = 0.15
MIN_SAMPLES = 5
_MEDIAN_ERROR = 1.2533 / 1.349
_IQR_EFFICIENCY = 0.37


@dataclass(frozen=True)
class Ratio:
    """The logarithm of new to old, and how far to either side of it the truth may lie."""

    log: float
    width: float

    @property
    def significant(self) -> bool:
        """Whether no change at all lies outside of that."""
        return abs(self.log) > self.width


def ratio(old: Figure, new: Figure) -> Ratio | None:
    """Compare two noisy figures; None where their spread is unknown or of too few rounds."""
    errors = [relative_error(figure) for figure in (old, new)]
    samples = [figure.samples or 0 for figure in (old, new)]
    if None in errors or min(samples) < MIN_SAMPLES or not old.value or not new.value:
        return None
    error = math.hypot(*(value for value in errors if value is not None))
    # An interval knows of blocks of rounds only (`reportgen.measures.statistics.BLOCKS`).
    known = [min(count, BLOCKS) if old.interval else count for count in samples]
    freedom = _IQR_EFFICIENCY * (sum(known) - 2)
    width = max(t_quantile(CONFIDENCE, freedom) * error, math.log1p(FLOOR))
    return Ratio(math.log(new.value) - math.log(old.value), width)


def relative_error(figure: Figure) -> float | None:
    """Return the standard error of a figure, as a part of it; None where nothing tells."""
    if not figure.value or figure.value < 0 or not figure.samples:
        return None
    if figure.interval is not None:
        low, high = figure.interval
        return math.log(high / low) / (2 * 1.96) if 0 < low <= high else None
    if figure.spread is None:
        return None
    return _MEDIAN_ERROR * figure.spread / figure.value / math.sqrt(figure.samples)


def unrest(latency: Figure | None) -> float:
    """Return how far apart the rounds of a latency lay, as a part of it; 0 where unknown."""
    if latency is None or latency.spread is None or not latency.value:
        return 0.0
    return latency.spread / latency.value


def t_quantile(confidence: float, freedom: float) -> float:
    """Return the two-sided quantile of Student's t.

    Abramowitz & Stegun, 26.7.5: right to two per mille from four degrees of freedom upwards, and
    somewhat low below three.
    """
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
