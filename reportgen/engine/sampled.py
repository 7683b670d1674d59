"""Samples of times → the figures of a record."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.engine.rounding import significant
from reportgen.measures import statistics
from reportgen.measures.turns import Sample, means
from reportgen.record import Figure


def latencies(
    samples: Sequence[Sample], size: int, noun: str, environment: str
) -> dict[str, Figure]:
    """Turn samples of a batch's time into latency and throughput; `noun` says what it is of."""
    median = statistics.summary(means(samples)).median
    throughput = Figure(
        "derived", significant(size / median, 4), unit=f"{noun}/s", environment=environment
    )
    return {
        f"latency@{size}": milliseconds(samples, environment),
        f"throughput@{size}": throughput,
    }


def milliseconds(samples: Sequence[Sample], environment: str) -> Figure:
    """Turn samples of a time into their median and spread, and into the fastest call."""
    of = statistics.summary(means(samples))
    fastest = _fastest(samples)
    return Figure(
        "measured",
        significant(1e3 * of.median, 4),
        unit="ms",
        environment=environment,
        samples=of.count,
        spread=significant(1e3 * of.iqr, 2),
        fastest=significant(1e3 * fastest.value, 4),
        fastest_spread=significant(1e3 * fastest.spread, 2),
    )


def speedup(reference: Sequence[Sample], samples: Sequence[Sample], environment: str) -> Figure:
    """Compare with the baseline: round by round, and the fastest call with its fastest.

    How surely the latter's ratio is known is the sum of how surely either of them is.
    """
    ratio = statistics.paired_ratio(means(reference), means(samples))
    theirs, own = _fastest(reference), _fastest(samples)
    fastest = theirs.value / own.value
    unsure = theirs.spread / theirs.value + own.spread / own.value
    return Figure(
        "measured",
        significant(ratio.median, 4),
        unit="×",
        environment=environment,
        samples=ratio.count,
        interval=_rounded(ratio.interval),
        fastest=significant(fastest, 4),
        fastest_spread=significant(fastest * unsure, 2),
        note=ratio.doubt,
    )


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return interval and (significant(interval[0], 4), significant(interval[1], 4))


def _fastest(samples: Sequence[Sample]) -> statistics.Fastest:
    return statistics.fastest([sample.fastest for sample in samples])
