"""`--fail-on`: how much a figure may change. Pure.

    METRIC[@BATCH] >+AMOUNT     fails where a figure rose by more than this
    METRIC[@BATCH] <-AMOUNT     fails where it fell by more than this

An amount in % is relative to the old figure; any other is in the metric's unit: `params>+5%`,
`macs>+1.5M`, `top1<-0.5` (points), `latency@1>+2ms`. Noisy figures fail only if the change is
significant, and their fastest calls changed as much.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from reportgen.common.errors import UsageError, did_you_mean
from reportgen.common.units import parse_amount, read_in
from reportgen.record.metrics import METRICS, is_known, metric_of, parse_key
from reportgen.review.cells import CellChange
from reportgen.review.changes import BuildChange, Comparison

_SHAPE = re.compile(
    r"\s*(?P<key>[\w.@-]+?)\s*(?P<side>[<>])\s*(?P<sign>[+-]?)\s*(?P<amount>.*?)\s*"
)
_EXAMPLES = "Write 'params>+5%', 'top1<-0.5' or 'latency@1>+2ms'."


@dataclass(frozen=True)
class Threshold:
    """A limit for changes of a metric; `amount` is positive."""

    text: str
    key: str
    rising: bool
    amount: float
    relative: bool

    def concerns(self, key: str) -> bool:
        """Whether it applies to the figure `key`: a metric stands for all its batch sizes."""
        return self.key in (key, parse_key(key).column)

    def broken(self, cell: CellChange) -> bool:
        """Whether a figure changed by more than allowed, or is lost."""
        if cell.verdict == "lost":
            return cell.new is not None and cell.old is not None
        if cell.verdict != "changed":
            return False
        changes = [cell.relative if self.relative else cell.delta]
        if cell.fastest is not None and cell.old is not None:  # which noise moves less
            scale = 1 if self.relative else cell.old.value
            changes.append(cell.fastest * (scale or 0))
        return all(
            change is not None and (change if self.rising else -change) > self.amount
            for change in changes
        )


@dataclass(frozen=True)
class Judged:
    """The verdict on a threshold: the figures that broke it, and how many it applies to."""

    threshold: Threshold
    broken: tuple[tuple[Comparison, BuildChange, CellChange], ...]
    held: int


def parse(text: str) -> Threshold:
    """Read a threshold; raise UsageError with a hint."""
    match = _SHAPE.fullmatch(text)
    if match is None:
        raise UsageError(f"--fail-on '{text}': not a limit for a change. {_EXAMPLES}")
    key, amount = match["key"], match["amount"]
    if not is_known(key):
        hint = did_you_mean(key, METRICS, show=0) or "See: reportgen list metrics."
        raise UsageError(f"--fail-on '{text}': unknown metric '{key}'. {hint}")
    rising = match["side"] == ">"
    if match["sign"] != ("+" if rising else "-"):
        ways = {True: f"'{key}>+{amount}' for a rise", False: f"'{key}<-{amount}' for a fall"}
        raise UsageError(
            f"--fail-on '{text}': write {ways[rising]} by more than {amount}, or "
            f"{ways[not rising]}. A limit for the figure itself is a budget in the spec."
        )
    metric = metric_of(key)
    try:
        value, unit = parse_amount(amount)
        relative = unit == "%"
        limit = value / 100 if relative else read_in(amount, metric.unit, metric.counts)
    except ValueError as error:
        raise UsageError(f"--fail-on '{text}': {error}") from None
    return Threshold(text.strip(), key, rising, limit, relative)


def judge(threshold: Threshold, comparisons: Iterable[Comparison]) -> Judged:
    """Apply a threshold to every figure that it concerns and that is on both sides."""
    held = [
        (comparison, row, cell)
        for comparison, row, cell in _cells(comparisons)
        if threshold.concerns(cell.key) and cell.old is not None
    ]
    broken = tuple(entry for entry in held if threshold.broken(entry[2]))
    return Judged(threshold, broken, len(held))


def _cells(
    comparisons: Iterable[Comparison],
) -> Iterator[tuple[Comparison, BuildChange, CellChange]]:
    for comparison in comparisons:
        for row in comparison.rows:
            yield from ((comparison, row, cell) for cell in row.cells if not cell.quoted)
