"""Which figures of a column may be compared with each other, and which of those is the best.

Pure functions on figures. Two figures are comparable when they count by the same convention, are of
as many examples and, for times, were taken on the same machine; a column that holds others says so
in footnotes.

Two figures can be told apart where they differ by more than both are unsure of. What is known of
that today:

- counts and losses are exact on fixed models and data: they differ where they read differently;
- a latency or throughput has the interval of its median, wider by what two processes of one
  program differ by;
- speed-ups have intervals, which widen together when a round of the baseline is slow: that of the
  best decides, or the other's where the best is the baseline itself;
- a percentage of so many examples has the standard error of a share. The models saw the same
  examples, so their difference is mostly surer than that: the mark is shared too often, not too
  seldom;
- of a time from fewer than six rounds, or of a single run, nothing is known.

Where nothing is known of a figure, or something is held against it, it is never the best; and where
it reads better than the others, none of them can be called the best either.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import hypot, inf, isfinite

from reportgen.record.certainty import between_processes, interval_of, interval_of_share
from reportgen.record.metric import Metric
from reportgen.record.metrics import MetricKey, metric_of, parse_key
from reportgen.record.record import BuildRecord, Figure
from reportgen.report.figures import is_doubtful, is_own, shown

Bounds = tuple[float, float]


def comparable(figures: Sequence[Figure | None], metric: Metric) -> list[bool]:
    """Say which figures belong to the column's largest group of comparable ones.

    Only figures of ours that are not stale can belong; of two groups of one size the first counts.
    """
    grounds = [
        _ground(figure, metric) if is_own(figure) and not figure.stale else None
        for figure in figures
    ]
    counts = Counter(ground for ground in grounds if ground is not None)
    if not counts:
        return [False] * len(figures)
    common = max(counts, key=lambda ground: counts[ground])
    return [ground == common for ground in grounds]


def best(builds: Sequence[BuildRecord], texts: Sequence[str], key: str) -> list[bool]:
    """Say which figures are the best of their column: none unless one is better than another.

    Figures that read the same, or that cannot be told from the best, share the mark. One that is
    quoted, stale, disputed or not verified takes no part.
    """
    metric = metric_of(key)
    figures = [shown(build, key) for build in builds]
    values = {
        row: figure.value
        for row, (figure, fits) in enumerate(zip(figures, comparable(figures, metric), strict=True))
        if figure and (fits or figure.stale) and figure.value is not None
        if isfinite(figure.value)
    }
    known = {row: found for row in values if (found := bounds(builds[row], key))}
    marked = [False] * len(builds)
    if metric.better is None or len(known) < 2:
        return marked
    choose = min if metric.better == "lower" else max
    winner = choose(values, key=lambda row: values[row])
    if winner not in known:
        return marked
    for row in known:
        pair = values[row], values[winner]
        marked[row] = texts[row] == texts[winner] or not _apart(
            pair, (known[row], known[winner]), metric
        )
    return [False] * len(builds) if sum(marked) == len(values) else marked


def bounds(build: BuildRecord, key: str) -> Bounds | None:
    """Return what a figure of ours surely lies between; None where that is not known."""
    figure, metric = build.figures[key], metric_of(key)
    if figure.stale or is_doubtful(figure) or figure.value is None:
        return None
    exact = (figure.value, figure.value)
    if metric.certainty == "exact":
        return exact
    if metric.certainty == "share":
        return interval_of_share(figure) or exact
    if metric.certainty == "ratio":
        return exact if figure.provenance == "derived" else interval_of(figure)
    if metric.inverse_of:  # computed from the latency
        latency = build.figures.get(MetricKey(metric.inverse_of, parse_key(key).batch))
        parts = _parts(latency) if latency else None
        return parts and (figure.value / parts[1], figure.value / parts[0] if parts[0] else inf)
    parts = _parts(figure)
    return parts and (figure.value * parts[0], figure.value * parts[1])


def _parts(figure: Figure) -> Bounds | None:
    """Return the bounds of a time as parts of it."""
    interval = interval_of(figure)
    if interval is None or not figure.value:
        return None
    low, high = (end / figure.value for end in interval)
    wider = 1 + between_processes(figure.processes or 1)
    return max(low, 0) / wider, high * wider


def _apart(values: tuple[float, float], bounds: tuple[Bounds, Bounds], metric: Metric) -> bool:
    """Whether a figure and the best differ by more than both are unsure of, towards each other."""
    (one, best), (of_one, of_best) = values, bounds
    if metric.certainty == "ratio" and of_best[0] < of_best[1]:
        of_one = one, one
    if one > best:
        (one, best), (of_one, of_best) = (best, one), (of_best, of_one)
    return best - one > hypot(of_one[1] - one, best - of_best[0])


def _ground(figure: Figure | None, metric: Metric) -> tuple[str, str, int | None] | None:
    if figure is None:
        return None
    machine = figure.environment if metric.of_machine else ""
    return figure.convention, machine, figure.total
