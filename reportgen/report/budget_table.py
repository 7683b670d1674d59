"""The table of budgets: what each allows, what the figure is, and whether that keeps it."""

from __future__ import annotations

from dataclasses import replace

from reportgen.record.budgets import BudgetVerdict, amount, verdicts_of
from reportgen.record.record import Record
from reportgen.report.comparison import column_of, labelled_builds
from reportgen.report.figures import cell_of, figure_text, sentence
from reportgen.report.tables import BROKEN, Cell, Note, Row, Table, headed, words

_STATES = {"kept": "✓", "broken": BROKEN, "undecided": "not decided"}
_LABELS = ("Model", "Metric", "Budget", "Value", "Kept")
_COLUMNS = headed(*_LABELS, numbers=("Budget", "Value"))


def budget_table(record: Record) -> Table | None:
    """Return a row for each budget of each build; None without any."""
    rows = tuple(
        Row(name, _cells(label, verdict))
        for name, label, build in labelled_builds(record)
        for verdict in verdicts_of(build)
    )
    return Table("Budgets", "Budgets", _COLUMNS, rows) if rows else None


def _cells(label: str, verdict: BudgetVerdict) -> tuple[Cell, ...]:
    why = (Note("undecided", sentence(verdict.why)),) if verdict.state == "undecided" else ()
    return (
        words(label),
        words(column_of(verdict.key).label),
        words(verdict.budget.text),
        _value(verdict),
        Cell(_STATES[verdict.state], verdict.state, notes=why),
    )


def _value(verdict: BudgetVerdict) -> Cell:
    """Write the figure as exactly as the budget needs it; a quoted one as its source did."""
    figure, key = verdict.figure, verdict.key
    if figure is None:
        return words(amount(figure, key))
    cell = cell_of(figure, key)
    quoted = "quoted" in cell.marks
    text = figure_text(figure, key) if quoted else amount(figure, key)
    return replace(cell, text=text, marks=cell.marks & {"quoted"})
