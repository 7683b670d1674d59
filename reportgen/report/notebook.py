"""Tables as a notebook shows them: HTML, or Markdown with footnotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from reportgen.report import markdown

if TYPE_CHECKING:
    from reportgen.report.tables import Cell, Note, Table


def as_markdown(tables: Iterable[Table]) -> str:
    """Write tables with their titles, and all footnotes after them."""
    tables = list(tables)
    parts = [f"**{markdown.escape(table.title)}**\n\n{markdown.table(table)}" for table in tables]
    notes = dict.fromkeys(note for table in tables for note in table.notes)
    parts.append("\n".join(f"[^{note.id}]: {markdown.escape(note.text)}" for note in notes))
    return "\n\n".join(filter(None, parts)) + "\n"


def as_html(tables: Iterable[Table]) -> str:
    """Write each table with its title and its footnotes."""
    return "\n".join(map(_html, tables))


def _html(table: Table) -> str:
    numbers = {note: number for number, note in enumerate(table.notes, start=1)}
    heads = "".join(f"<th>{markdown.html(column.header)}</th>" for column in table.columns)
    return "\n".join(
        [
            f"<table>\n<caption>{markdown.html(table.title)}</caption>",
            f"<tr>{heads}</tr>",
            *(
                f"<tr>{''.join(_cell(cell, numbers) for cell in row.cells)}</tr>"
                for row in table.rows
            ),
            "</table>",
            *(
                f"<sup>{number}</sup> {markdown.html(note.text)}<br>"
                for note, number in numbers.items()
            ),
        ]
    )


def _cell(cell: Cell, numbers: dict[Note, int]) -> str:
    text = markdown.html(cell.signed)
    for mark, tag in (("best", "b"), ("quoted", "i")):
        text = f"<{tag}>{text}</{tag}>" if mark in cell.marks else text
    return f"<td>{text}{''.join(f'<sup>{numbers[note]}</sup>' for note in cell.notes)}</td>"
