"""Tables as a pandas DataFrame."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from reportgen.common.errors import UsageError

if TYPE_CHECKING:
    from reportgen.report.tables import Table


def frame(tables: Iterable[Table]) -> Any:
    """Return a DataFrame with a line for each row of the tables; raise UsageError without pandas.

    `table` and `row` say which, the other columns hold values. `attrs["units"]` has their units.
    """
    try:
        import pandas
    except ImportError:
        raise UsageError("to_pandas needs pandas: pip install pandas") from None
    rows: list[dict[str, object]] = []
    units: dict[str, str] = {}
    for table in tables:
        figures = table.columns[1:]  # the first names the row
        units |= {column.key: column.unit for column in figures if column.unit}
        for row in table.rows:
            values = zip(figures, row.cells[1:], strict=True)
            named = {column.key: cell.value for column, cell in values}
            rows.append({"table": table.name, "row": row.name, **named})
    made = pandas.DataFrame(rows)
    made.attrs["units"] = units
    return made
