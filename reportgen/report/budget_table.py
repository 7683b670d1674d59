"""The table of budgets: what each allows, what the figure is, and whether that keeps it."""

from __future__ import annotations

from reportgen.record.budgets import BudgetVerdict, amount, verdicts_of
from reportgen.record.metrics import metric_of, split_key
from reportgen.record.record import Record
from reportgen.report.comparison import distinct_labels, ordered_builds
from reportgen.report.figures import figure_text, sentence
from reportgen.report.table import BROKEN, Cell, Note, Table

_STATES = {"kept": "✓", "broken": BROKEN, "undecided": "not decided"}
_HEADER = ("Model", "Metric", "Budget", "Value", "Kept")


def budget_table(record: Record) -> Table | None:
    """Return a row for each budget of each build; None without any."""
    builds = ordered_builds(record)
    rows = tuple(
        _row(label, verdict)
        for label, build in zip(distinct_labels(builds), builds, strict=True)
        for verdict in verdicts_of(build)
    )
    return Table(_HEADER, rows, (False, False, True, True, False)) if rows else None


def _row(label: str, verdict: BudgetVerdict) -> tuple[Cell, ...]:
    _, batch = split_key(verdict.key)
    figure = verdict.figure
    quoted = figure is not None and figure.provenance == "reported"
    value = figure_text(figure, verdict.key) if figure and quoted else amount(figure, verdict.key)
    why = (Note("undecided", sentence(verdict.why)),) if verdict.state == "undecided" else ()
    return (
        Cell(label),
        Cell(metric_of(verdict.key).label + (f", batch {batch}" if batch else "")),
        Cell(verdict.budget.text),
        Cell(value, "quoted" if quoted else ""),
        Cell(_STATES[verdict.state], notes=why),
    )
