"""A table of a model's modules: what part each has in its figures, down to a chosen depth.

A row tells of a module with all that it holds. The rows of what lies directly in it add up to it:
what it does besides, between those, has a row of its own. Modules that have no part in any column
are left out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from reportgen import units
from reportgen.counting import readings
from reportgen.ledger import Ledger
from reportgen.quantities import quantity_of
from reportgen.record import Record
from reportgen.report.comparison import distinct_labels, ordered_builds
from reportgen.report.table import NOTHING, Cell, Table

TOTAL = "total"
ITSELF = "(itself)"


def module_tables(record: Record) -> list[Table]:
    """Return a table for each build that was counted, where the record asks for any."""
    depth, columns = record.report.module_depth, record.report.module_columns
    if depth is None or columns is None:
        return []
    builds = ordered_builds(record)
    return [
        _table(Ledger.from_json(build.ledger), columns, depth, label)
        for build, label in zip(builds, distinct_labels(builds), strict=True)
        if build.ledger
    ]


def _table(ledger: Ledger, columns: Sequence[str], depth: int, name: str) -> Table:
    own = [readings.reading(column).by_module(ledger) for column in columns]
    totals = [ledger.subtree_sums(values) for values in own]
    shared = next((i for i, column in enumerate(columns) if _is_work(column)), None)
    header, rows = _header(columns, shared), []
    for position, itself in _rows(ledger, own, depth):
        module = ledger.modules[position]
        values = [column[position] for column in (own if itself else totals)]
        if not any(values):
            continue
        label = " ".join(filter(None, (module.path, ITSELF if itself else "")))
        texts = [units.format_exact(value) for value in values]
        if shared is not None:
            texts.insert(shared + 1, _share(values[shared], totals[shared][0]))
        shape = None if itself else module.output_shape
        texts.append("×".join(map(str, shape)) if shape else NOTHING)
        rows.append(tuple(map(Cell, (label or TOTAL, *texts))))
    return Table(header, tuple(rows), (False, *(True,) * (len(header) - 2), False), name)


def _rows(ledger: Ledger, own: Sequence[Sequence[int]], depth: int) -> Iterator[tuple[int, bool]]:
    """Yield positions of modules, parents first, and whether the row is of the module by itself."""
    children: dict[int, list[int]] = defaultdict(list)
    for position, parent in enumerate(ledger.parents()):
        if parent is not None:
            children[parent].append(position)

    def below(position: int, level: int) -> Iterator[tuple[int, bool]]:
        yield position, False
        if level == depth or not children[position]:
            return
        if any(values[position] for values in own):
            yield position, True
        for child in children[position]:
            yield from below(child, level + 1)

    return below(0, 0)


def _header(columns: Sequence[str], shared: int | None) -> tuple[str, ...]:
    labels = [quantity_of(column).label for column in columns]
    if shared is not None:
        labels.insert(shared + 1, f"Share of {labels[shared]}")
    return ("Module", *labels, "Output")


def _is_work(column: str) -> bool:
    return column.partition(".")[0] in ("macs", "flops")


def _share(part: int, whole: int) -> str:
    return f"{units.format_decimals(100 * part / whole, 2)} %" if whole else NOTHING
