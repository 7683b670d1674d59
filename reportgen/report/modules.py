"""A table of a model's modules: what part each has in its figures, down to a chosen depth.

A row tells of a module with all that it holds. The rows of what lies directly in it add up to it:
what it does besides, between those, has a row of its own. Modules that have no part in any column
are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from reportgen.common import units
from reportgen.counting import readings
from reportgen.record.ledger import Ledger
from reportgen.record.metrics import metric_of
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.comparison import labelled_builds
from reportgen.report.figures import is_own, stale_note, why_unavailable
from reportgen.report.input_text import shape_text
from reportgen.report.tables import MISSING, Cell, Column, Mark, Note, Row, Table, headed, words
from reportgen.report.tree import children

TOTAL = "total"
ITSELF = "(itself)"

# An environment's keys that a share of the time depends on, and how a footnote says them.
_MACHINE = {"cpu": "{}", "threads": "{} threads", "torch": "torch {}"}


@dataclass(frozen=True)
class _Column:
    """What a column says: each module's own part, how it is written, what is to be said of all."""

    key: str
    own: Sequence[int]
    share: bool = False
    """Whether it is told in percent of the whole."""
    known: bool = True
    notes: tuple[Note, ...] = ()

    @property
    def header(self) -> Column:
        """The column of the table, without a direction: modules do not compete."""
        label = metric_of(self.key).label
        if not self.share or metric_of(self.key).by_module:
            return Column(self.key, label, "%" if self.share else "")
        return Column(f"{self.key} share", f"Share of {label}", "%")

    def cell(self, value: int, whole: int, *, noted: bool) -> Cell:
        """Write one figure; the first of the column has the column's notes and is marked."""
        if not self.known or (self.share and not whole):
            cell = MISSING
        elif self.share:
            percent = 100 * value / whole
            cell = Cell(f"{units.format_decimals(percent, 2)} %", percent, "%")
        else:
            cell = Cell(units.format_exact(value), value)
        if not noted:
            return cell
        stale: Iterator[Mark] = ("stale" for note in self.notes if note.kind == "stale")
        return replace(cell, marks=cell.marks.union(stale), notes=self.notes)


def module_tables(record: Record) -> list[Table]:
    """Return a table for each build that was counted, where the record asks for any."""
    depth, keys = record.report.module_depth, record.report.module_columns
    if depth is None or keys is None:
        return []
    tables = []
    for name, label, build in labelled_builds(record):
        if build.ledger:
            ledger = Ledger.from_json(build.ledger)
            columns = list(_columns(keys, ledger, build, record.environments))
            header = (*headed("Module"), *(column.header for column in columns), *headed("Output"))
            tables.append(Table(name, label, header, tuple(_rows(ledger, columns, depth))))
    return tables


def _columns(
    keys: Sequence[str],
    ledger: Ledger,
    build: BuildRecord,
    environments: Mapping[str, Mapping[str, str]],
) -> Iterator[_Column]:
    """Yield what is asked for; after the first that is work, each module's share of it."""
    macs = build.figures.get("macs")
    counted = (stale_note(macs),) if macs and macs.stale else ()
    shared = next((key for key in keys if _is_work(key)), None)
    for key in keys:
        if metric_of(key).by_module:
            yield _time(key, build.figures.get(key), ledger, environments)
            continue
        try:
            own = readings.reading(key).by_module(ledger)
        except KeyError:  # a record of another version, or of a plugin's convention
            why = (Note("unavailable", f"Nothing installed here tells '{key}' of modules."),)
            yield _Column(key, [0] * len(ledger.modules), known=False, notes=why)
            continue
        yield _Column(key, own, notes=counted)
        if key == shared:
            yield _Column(key, own, share=True, notes=counted)


def _time(
    key: str,
    figure: Figure | None,
    ledger: Ledger,
    environments: Mapping[str, Mapping[str, str]],
) -> _Column:
    """Tell of measured shares; why there are none, where there are none."""
    own = [0] * len(ledger.modules)
    if figure is None or figure.shares is None or not is_own(figure):
        why = (Note("unavailable", why_unavailable(figure)),) if figure else ()
        return _Column(key, own, share=True, known=False, notes=why)
    positions = {module.path: position for position, module in enumerate(ledger.modules)}
    for path, share in figure.shares.items():
        # An int8 model may hold modules that the float model, which was counted, has not.
        while path and path not in positions:
            path = path.rpartition(".")[0]
        own[positions[path]] += share
    machine = environments.get(figure.environment, {})
    where = ", ".join(text.format(machine[key]) for key, text in _MACHINE.items() if key in machine)
    said = (
        f"Median of {figure.samples} passes {figure.note}, timed with hooks on every module"
        f"{f' on {where}' if where else ''}; hooks cost time too, so the shares stand for no times."
    )
    stale = (stale_note(figure),) if figure.stale else ()
    return _Column(key, own, share=True, notes=(*stale, Note("shares", said)))


def _rows(ledger: Ledger, columns: Sequence[_Column], depth: int) -> Iterator[Row]:
    """Yield a row for each module that has a part in any column."""
    totals = [ledger.subtree_sums(column.own) for column in columns]
    first = True
    for position, itself in _positions(ledger, [column.own for column in columns], depth):
        module = ledger.modules[position]
        values = [
            column.own[position] if itself else total[position]
            for column, total in zip(columns, totals, strict=True)
        ]
        if any(values):
            label = " ".join(filter(None, (module.path, ITSELF if itself else ""))) or TOTAL
            cells = (
                column.cell(value, total[0], noted=first)
                for column, value, total in zip(columns, values, totals, strict=True)
            )
            shape = None if itself else module.output_shape
            output = words(shape_text(shape)) if shape else MISSING
            yield Row(label, (words(label), *cells, output))
            first = False


def _positions(
    ledger: Ledger, own: Sequence[Sequence[int]], depth: int
) -> Iterator[tuple[int, bool]]:
    """Yield positions of modules, parents first, and whether the row is of the module by itself."""
    inside = children(ledger)

    def below(position: int, level: int) -> Iterator[tuple[int, bool]]:
        yield position, False
        if level == depth or not inside[position]:
            return
        if any(values[position] for values in own):
            yield position, True
        for child in inside[position]:
            yield from below(child, level + 1)

    return below(0, 0)


def _is_work(column: str) -> bool:
    return column.partition(".")[0] in ("macs", "flops")
