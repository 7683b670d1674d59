"""Samples of times → the figures of a record. Samples are lists of rounds, one for each process."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain
from statistics import fmean, median
from typing import TypeAlias

from reportgen.engine.results import joined
from reportgen.engine.rounding import significant
from reportgen.measures import statistics
from reportgen.measures.interleaving import Sample, means
from reportgen.record.record import Figure

Processes: TypeAlias = Sequence[Sequence[Sample]]

# With the steady allocator a forward pass of a network needs no new page. More faults than this are
# not those of a stray page.
MANY_FAULTS = 100


@dataclass(frozen=True)
class Taken:
    """How times were taken: the name of the environment, the allocator, what else is to be said."""

    environment: str
    allocator: str = "system"
    remark: str = ""


def latencies(samples: Processes, size: int, noun: str, how: Taken) -> dict[str, Figure]:
    """Turn samples of a batch's time into latency and throughput; `noun` says what it is of."""
    latency = milliseconds(samples, how)
    seconds = statistics.summary(means(_flat(samples))).median
    throughput = Figure(
        "derived",
        significant(size / seconds, 4),
        unit=f"{noun}/s",
        environment=how.environment,
        note=latency.note,
    )
    return {f"latency@{size}": latency, f"throughput@{size}": throughput}


def milliseconds(samples: Processes, how: Taken) -> Figure:
    """Turn samples of a time into their median and spread, and into the fastest call."""
    every = _flat(samples)
    of = statistics.summary(means(every))
    fastest = _fastest(every)
    faults = _a_call(median, [sample.faults for sample in every])
    return Figure(
        "measured",
        significant(1e3 * of.median, 4),
        unit="ms",
        environment=how.environment,
        samples=of.count,
        spread=significant(1e3 * of.iqr, 2),
        fastest=significant(1e3 * fastest.value, 4),
        fastest_spread=significant(1e3 * fastest.spread, 2),
        faults=faults,
        switches=_a_call(fmean, [sample.switches for sample in every]),
        processes=len(samples),
        note=joined(how.remark, _many(faults or 0) if how.allocator == "steady" else ""),
    )


def speedup(reference: Processes, samples: Processes, how: Taken) -> Figure:
    """Compare with the baseline: round by round, and the fastest calls, whose errors add up."""
    ratio = statistics.ratio_of_processes(
        [means(process) for process in reference], [means(process) for process in samples]
    )
    theirs, own = _fastest(_flat(reference)), _fastest(_flat(samples))
    fastest = theirs.value / own.value
    unsure = theirs.spread / theirs.value + own.spread / own.value
    return Figure(
        "measured",
        significant(ratio.median, 4),
        unit="×",
        environment=how.environment,
        samples=ratio.count,
        interval=_rounded(ratio.interval),
        fastest=significant(fastest, 4),
        fastest_spread=significant(fastest * unsure, 2),
        processes=ratio.processes,
        note=joined(how.remark, ratio.doubt),
    )


def _flat(samples: Processes) -> list[Sample]:
    return list(chain.from_iterable(samples))


def _rounded(interval: tuple[float, float] | None) -> tuple[float, float] | None:
    return interval and (significant(interval[0], 4), significant(interval[1], 4))


def _fastest(samples: Sequence[Sample]) -> statistics.Fastest:
    return statistics.fastest([sample.fastest for sample in samples])


def _many(faults: float) -> str:
    """Say that a time pays for memory that the system hands out page by page."""
    if faults <= MANY_FAULTS:
        return ""
    return f"{faults:,.0f} page faults a call, in spite of the steady allocator"


def _a_call(middle: Callable[[list[float]], float], counts: Sequence[float | None]) -> float | None:
    """Combine the rounds' counts, rounded; None if the system does not count."""
    known = [count for count in counts if count is not None]
    return round(significant(middle(known), 2), 2) if known else None
