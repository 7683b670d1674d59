"""A format: tab-separated values, a line for each figure."""

from __future__ import annotations

from reportgen.report import Format, Report


def write(report: Report) -> str:
    """Write every figure of the comparison with its table, model, metric and unit."""
    lines = ["table\tmodel\tmetric\tvalue\tunit"]
    for table in report.tables.values():
        for row in table.rows:
            for column, cell in zip(table.columns, row.cells, strict=True):
                if cell.figure is not None and cell.value is not None:
                    fields = (table.name, row.name, column.key, str(cell.value), cell.unit)
                    lines.append("\t".join(" ".join(field.split()) for field in fields))
    return "\n".join(lines) + "\n"


FORMAT = Format("tsv", write, "tab-separated values, a line for each figure")
