"""Comparisons → values for the template `diff.md.j2`, and JSON. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from reportgen.common import units
from reportgen.record.metrics import metric_of
from reportgen.record.record import Figure, Record
from reportgen.report.comparison import column_of, columns, distinct_labels
from reportgen.report.figures import cell_of, shown
from reportgen.report.tables import MISSING, NOTHING, Cell, Column, Table, words
from reportgen.report.tables import Row as TableRow
from reportgen.review.cells import CellChange
from reportgen.review.changes import BuildChange, Comparison, Status
from reportgen.review.thresholds import Judged

# The words for statuses of models, in this order.
_SAID: dict[Status, str] = {
    "changed": "changed",
    "added": "added",
    "removed": "removed",
    "renamed": "renamed",
    "incomparable": "not comparable",
}


@dataclass(frozen=True)
class Line:
    """A figure before and after, as text."""

    model: str
    metric: str
    old: str
    new: str
    delta: str
    relative: str
    remark: str


@dataclass(frozen=True)
class Section:
    """What changed in one report, ready for the template, which omits what is empty.

    `changed` holds figures in columns of the report, `others` those that only the record has.
    `why_incomparable` is the common reason of all `incomparable`, if there is one.
    """

    name: str
    summary: str
    changed: tuple[Line, ...]
    others: tuple[Line, ...]
    renamed: tuple[tuple[str, str], ...]
    added: Table | None
    removed: Table | None
    incomparable: tuple[Line, ...]
    why_incomparable: str
    noise: tuple[Line, ...]
    same: tuple[str, ...]

    @property
    def silent(self) -> bool:
        """Whether there is nothing more than the summary."""
        figures = (self.changed, self.others, self.incomparable, self.noise)
        return not any((*figures, self.renamed, self.added, self.removed))


def section(comparison: Comparison) -> Section:
    """Put one comparison into words."""
    names = labels(comparison.rows)

    def lines(*cells: tuple[BuildChange, CellChange]) -> tuple[Line, ...]:
        return tuple(line(names[row], cell) for row, cell in cells)

    reasons = {cell.why for _, cell in comparison.cells("incomparable")}
    shared = reasons.pop() if len(reasons) == 1 else ""
    keys = {column.key for column in columns(comparison.record)}
    restless = comparison.cells("changed", "gained", "lost")
    was = distinct_labels([row.old or row.build for row in comparison.rows])
    return Section(
        comparison.name,
        summary(comparison),
        lines(*((row, cell) for row, cell in restless if cell.key in keys)),
        lines(*((row, cell) for row, cell in restless if cell.key not in keys)),
        tuple(
            (old, names[row])
            for old, row in zip(was, comparison.rows, strict=True)
            if row.status == "renamed"
        ),
        _rows(comparison, "added", comparison.head, names),
        _rows(comparison, "removed", comparison.base, names),
        tuple(
            replace(line(names[row], cell), remark="" if shared else cell.why)
            for row, cell in comparison.cells("incomparable")
        ),
        shared,
        lines(*comparison.cells("noise")),
        tuple(names[row] for row in comparison.with_status("same")),
    )


def summary(comparison: Comparison) -> str:
    """Summarise what happened to the models of a report."""
    if comparison.base is None:
        return "a new report"
    if comparison.head is None:
        return "the report is gone"
    counts = {said: len(comparison.with_status(status)) for status, said in _SAID.items()}
    said = [f"{count} {what}" for what, count in counts.items() if count]
    if not said:
        return "no figure changed"
    first = next(count for count in counts.values() if count)
    return f"{said[0].replace(' ', ' model ' if first == 1 else ' models ', 1)}" + "".join(
        f", {more}" for more in said[1:]
    )


def labels(rows: Sequence[BuildChange]) -> dict[BuildChange, str]:
    """Name the rows, with data set and class count if names would be ambiguous."""
    return dict(zip(rows, distinct_labels([row.build for row in rows]), strict=True))


def line(model: str, cell: CellChange) -> Line:
    """Put one figure before and after into words."""
    metric = column_of(cell.key).label
    old, new = _texts(cell)
    return Line(
        model,
        f"{metric} (quoted)" if cell.quoted else metric,
        old,
        new,
        _delta(cell),
        _relative(cell),
        _remark(cell),
    )


def to_json(comparisons: Sequence[Comparison], judged: Sequence[Judged]) -> dict[str, Any]:
    """Return all changes, noise included, as JSON values."""
    return {
        "reports": {found.name: _comparison_json(found) for found in comparisons},
        "limits": [
            {
                "limit": entry.threshold.text,
                "held_against": entry.held,
                "broken_by": [
                    {"report": found.name, "model": row.build.model, "metric": cell.key}
                    for found, row, cell in entry.broken
                ],
            }
            for entry in judged
        ],
    }


def _comparison_json(comparison: Comparison) -> dict[str, Any]:
    return {
        "summary": summary(comparison),
        "models": [
            {
                "model": row.build.model,
                "dataset": row.build.dataset,
                "classes": row.build.classes,
                "status": row.status,
                **({"was": row.old.model} if row.old and row.status == "renamed" else {}),
                "figures": [_cell_json(cell) for cell in row.cells if cell.verdict != "same"],
            }
            for row in comparison.rows
        ],
    }


def _cell_json(cell: CellChange) -> dict[str, Any]:
    values = {
        "old": cell.old.value if cell.old else None,
        "new": cell.new.value if cell.new else None,
        "delta": cell.delta,
        "relative": cell.relative,
        "fastest_relative": cell.fastest,
        "better": cell.better,
        "why": cell.why or None,
        "quoted": cell.quoted or None,
    }
    given = {name: value for name, value in values.items() if value is not None}
    return {"metric": cell.key, "verdict": cell.verdict, **given}


def _rows(
    comparison: Comparison, status: Status, record: Record | None, names: dict[BuildChange, str]
) -> Table | None:
    """Write added or removed rows as their report shows them."""
    rows = comparison.with_status(status)
    if not rows or record is None:
        return None
    wanted = [replace(column, better=None) for column in columns(record)]
    return Table(
        status,
        status.capitalize(),
        (Column("Model", "Model", number=False), *wanted),
        tuple(
            TableRow(
                names[row],
                (
                    words(names[row]),
                    *(_cell(shown(row.build, column.key), column.key) for column in wanted),
                ),
            )
            for row in rows
        ),
    )


def _cell(figure: Figure | None, key: str) -> Cell:
    if figure is None:
        return MISSING
    cell = cell_of(figure, key)
    return replace(cell, marks=cell.marks - {"quoted", "unverified"})


def _texts(cell: CellChange) -> tuple[str, str]:
    """Write both figures, with enough digits to show a difference."""
    figures = (cell.old, cell.new)
    values = [figure.value if figure else None for figure in figures]
    exact = all(isinstance(value, int) for value in values if value is not None)
    texts = [_cell(figure, cell.key).signed for figure in figures]
    if metric_of(cell.key).kind == "complexity" and exact and not cell.quoted:
        texts = [NOTHING if value is None else f"{value:,}" for value in values]
    elif texts[0] == texts[1] and None not in values:
        unit = _unit(cell)
        texts = [f"{value:,.8g} {unit}".rstrip() for value in values if value is not None]
    return texts[0], texts[1]


def _delta(cell: CellChange) -> str:
    delta, metric = cell.delta, metric_of(cell.key)
    if not delta or cell.quoted:
        return ""
    if metric.kind == "complexity":
        return f"{delta:+,}"
    text = _signed(delta, 3)
    if (unit := _unit(cell)) == "×":
        return f"{text}×"
    return f"{text} {'points' if unit == '%' else unit}".rstrip()


def _unit(cell: CellChange) -> str:
    """Return the unit of a figure; the record has those of metrics that are not installed."""
    metric, figure = metric_of(cell.key), cell.new or cell.old
    return figure.unit if metric.kind == "other" and figure else metric.unit


def _relative(cell: CellChange) -> str:
    relative = cell.relative
    if not relative or cell.quoted or _unit(cell) == "%":
        return ""
    percent = 100 * relative
    return f"{percent:+.1f} %" if abs(percent) >= 0.1 else f"{_signed(percent, 1)} %"


def _signed(value: float, digits: int) -> str:
    """Write a difference, without trailing zeros."""
    text = units.format_significant(abs(value), digits)
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{'+' if value > 0 else '-'}{text}"


def _remark(cell: CellChange) -> str:
    remarks = [cell.why]
    if not cell.why and cell.better is not None:
        remarks = ["better" if cell.better else "worse"]
    if cell.fastest is not None:
        remarks.append(f"fastest calls {100 * cell.fastest:+.1f} %")
    return ", ".join(filter(None, remarks))
