"""The comparison as aligned plain text, for the end of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reportgen.common.visible import one_line
from reportgen.report.tables import Cell, Note, Report, Table

_NAME_WIDTH = 40
_LEGEND = {
    "best": "* best of its column",
    "about": "≈ the 95 % interval contains 1",
    "missing": "– not available",
    "broken": "✗ breaks its budget",
    "stale": "† stale",
    "unverified": "? not verified",
}


def write(report: Report) -> str:
    """Return the comparison tables as text, each with its footnotes, ending in a line break."""
    tables = report.tables.values()
    return "\n".join(_lay_out(table, titled=len(tables) > 1) for table in tables)


def _lay_out(table: Table, *, titled: bool) -> str:
    numbers = {note: number for number, note in enumerate(table.notes, start=1)}
    cells = [[_cell(cell, numbers) for cell in row.cells] for row in table.rows]
    headers = (one_line(column.header).replace(", ", "\n") for column in table.columns)
    text = grid(table, cells, headers, "simple")
    legend = [text for mark, text in _LEGEND.items() if mark in table.marks]
    return "\n".join(
        [
            *([one_line(table.title)] if titled else []),
            text,
            *(["; ".join(legend)] if legend else []),
            *(f"[{number}] {one_line(note.text)}" for note, number in numbers.items()),
            "",
        ]
    )


def grid(table: Table, cells: Sequence[Sequence[str]], headers: Iterable[str], look: str) -> str:
    """Align the texts of a table's cells under headers."""
    from tabulate import tabulate

    sides = ["right" if column.number else "left" for column in table.columns]
    return tabulate(cells, [*headers], tablefmt=look, disable_numparse=True, colalign=sides)


def _cell(cell: Cell, numbers: dict[Note, int]) -> str:
    text = one_line(cell.signed)
    if len(text) > _NAME_WIDTH:
        text = text[: _NAME_WIDTH - 1] + "…"
    marks = "*" if "best" in cell.marks else ""
    return text + marks + "".join(f"[{numbers[note]}]" for note in cell.notes)
