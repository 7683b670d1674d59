"""Which figures of a column may be compared with each other, and which of those is the best.

Pure functions on figures. Two figures are comparable when they count by the same convention, are of
as many examples and, for times, were taken on the same machine; a column that holds others says so
in footnotes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isfinite

from reportgen.quantities import Quantity
from reportgen.record import Figure
from reportgen.report.figures import is_doubtful, is_own


def comparable(figures: Sequence[Figure | None], quantity: Quantity) -> list[bool]:
    """Say which figures belong to the column's largest group of comparable ones.

    Only figures of ours that are not stale can belong; of two groups of one size the first counts.
    """
    grounds = [
        _ground(figure, quantity) if is_own(figure) and not figure.stale else None
        for figure in figures
    ]
    counts = Counter(ground for ground in grounds if ground is not None)
    if not counts:
        return [False] * len(figures)
    common = max(counts, key=lambda ground: counts[ground])
    return [ground == common for ground in grounds]


def best(figures: Sequence[Figure | None], texts: Sequence[str], quantity: Quantity) -> list[bool]:
    """Say which figures are the best of their column: none unless one is better than another.

    Figures that read the same, or that lie in the 95 % interval of the best, share the mark: nobody
    could tell which is better. A figure that is not verified is never marked, and where it would be
    the best, no other is: its true value might be better or worse.
    """
    usual = comparable(figures, quantity)
    candidates = {
        row: figure
        for row, (figure, fits) in enumerate(zip(figures, usual, strict=True))
        if fits and figure is not None and figure.value is not None and isfinite(figure.value)
    }
    marked = [False] * len(figures)
    if quantity.better is None or len(candidates) < 2:
        return marked
    choose = min if quantity.better == "lower" else max
    winner = choose(candidates, key=lambda row: candidates[row].value or 0)
    if is_doubtful(candidates[winner]):
        return marked
    for row, figure in candidates.items():
        as_good = texts[row] == texts[winner] or _open(figure, candidates[winner])
        marked[row] = as_good and not is_doubtful(figure)
    return [False] * len(figures) if sum(marked) == len(candidates) else marked


def _ground(figure: Figure | None, quantity: Quantity) -> tuple[str, str, int | None] | None:
    if figure is None:
        return None
    machine = figure.environment if quantity.kind == "timing" else ""
    return figure.convention, machine, figure.total


def _open(figure: Figure, winner: Figure) -> bool:
    """Whether the winner's 95 % interval holds a figure: its own, if the winner is the baseline."""
    decides, value = (winner, figure.value) if winner.interval else (figure, winner.value)
    if decides.interval is None or value is None:
        return False
    return decides.interval[0] <= value <= decides.interval[1]
