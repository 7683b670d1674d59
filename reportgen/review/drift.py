"""Whether the model or the machine changed a time. Pure.

The whole machine may be slower, its fastest calls too. A speed-up is not affected, because model
and baseline take turns. So a latency changed only if the speed-up changed too; the baseline's only
if the speed-ups of all unchanged models did.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from reportgen.record.digests import differing
from reportgen.record.metrics import MetricKey, parse_key
from reportgen.review import significance
from reportgen.review.cells import CellChange, floor_of, has_reason

if TYPE_CHECKING:
    from reportgen.review.changes import BuildChange


def confirmed(cell: CellChange, row: BuildChange, table: Sequence[BuildChange]) -> CellChange:
    """Return a cell of `row`, as noise if the machine may have changed it.

    `table` are all rows that were timed in turn with this one.
    """
    timed = parse_key(cell.key)
    if cell.verdict != "changed" or timed.name not in ("latency", "throughput"):
        return cell
    assert row.old is not None, "a cell that changed has two sides"
    assert row.new is not None, "a cell that changed has two sides"
    key = MetricKey("speedup", timed.batch)
    if row.old.baseline and row.new.baseline:
        witnesses = [other for other in table if other is not row and _unchanged(other)]
        moves = [move for move in (_move(other, key) for other in witnesses) if move is not None]
        backed = bool(moves) and all(move == (-1 if cell.better else 1) for move in moves)
        return cell if backed else replace(cell, verdict="noise", why="perhaps the machine's drift")
    if not _same_baseline(row):
        why = "no speed-up against the same baseline excludes the machine's drift"
        return replace(cell, verdict="noise", why=why)
    if _move(row, key) != (1 if cell.better else -1):
        why = "the machine's drift: the speed-up did not change"
        return replace(cell, verdict="noise", why=why)
    return cell


def _move(row: BuildChange, key: str) -> int | None:
    """Return the direction of a speed-up: 1 up, -1 down, 0 none; None if it was not timed again."""
    if row.old is None or row.new is None:
        return None
    old, new = row.old.figures.get(key), row.new.figures.get(key)
    if old is None or new is None or old == new:
        return None
    prompted = has_reason("speedup", row.old, row.new, old, new)
    ratio = significance.ratio(old, new, floor_of(prompted))
    if ratio is None or not ratio.significant:
        return 0
    return 1 if ratio.log > 0 else -1


def _unchanged(row: BuildChange) -> bool:
    """Whether the dependencies of a model's times are unchanged."""
    if row.old is None or row.new is None:
        return False
    return not differing(*(build.dependencies.get("timing", {}) for build in (row.old, row.new)))


def _same_baseline(row: BuildChange) -> bool:
    sides = (build.dependencies.get("speedup", {}) if build else {} for build in (row.old, row.new))
    old, new = (dependencies.get("baseline") for dependencies in sides)
    return old is not None and old == new
