"""Record × Record → what changed, row by row. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from reportgen.record.digests import differing
from reportgen.record.metrics import metric_of, rank
from reportgen.record.record import BuildRecord, Record
from reportgen.report.comparison import named_builds
from reportgen.review.cells import CellChange, ChangeVerdict, measured_cell, quoted_cell
from reportgen.review.drift import confirmed

Status = Literal["added", "removed", "renamed", "changed", "incomparable", "same"]
_CHANGED: frozenset[ChangeVerdict] = frozenset({"changed", "gained", "lost"})


@dataclass(frozen=True, eq=False)
class Row:
    """One build before and after. One side is None for a build that came or went."""

    old: BuildRecord | None
    new: BuildRecord | None
    cells: tuple[CellChange, ...] = ()

    @property
    def build(self) -> BuildRecord:
        """The build as it is now, or was before it went."""
        build = self.new or self.old
        assert build is not None, "a row has a side"
        return build

    @property
    def status(self) -> Status:
        """What happened to the build; noise alone is nothing.

        It is incomparable where figures differ, and none of them for a reason that is its own.
        """
        if self.old is None:
            return "added"
        if self.new is None:
            return "removed"
        if self.old.model != self.new.model:
            return "renamed"
        verdicts = {cell.verdict for cell in self.cells}
        if verdicts & _CHANGED:
            return "changed"
        return "incomparable" if "incomparable" in verdicts else "same"


@dataclass(frozen=True)
class Comparison:
    """What changed in the report of one spec. One side is None for one that came or went."""

    name: str
    base: Record | None
    head: Record | None
    rows: tuple[Row, ...]

    @property
    def record(self) -> Record:
        """The record as it is now, or was before it went."""
        record = self.head or self.base
        assert record is not None, "a comparison has a side"
        return record

    def with_status(self, *statuses: Status) -> list[Row]:
        """Return the rows that this happened to."""
        return [row for row in self.rows if row.status in statuses]

    def cells(self, *verdicts: ChangeVerdict) -> list[tuple[Row, CellChange]]:
        """Return the cells that are judged so, each with its row."""
        return [(row, cell) for row in self.rows for cell in row.cells if cell.verdict in verdicts]

    @property
    def quiet(self) -> bool:
        """Whether no figure changed by more than noise, and no row came, went or was renamed."""
        return all(row.status == "same" for row in self.rows)


def compare_all(base: Mapping[str, Record], head: Mapping[str, Record]) -> list[Comparison]:
    """Compare records by name; two that are alone on their sides belong together."""
    if len(base) == len(head) == 1:
        (name,) = head
        return [compare(name, *base.values(), *head.values())]
    return [compare(name, base.get(name), head.get(name)) for name in sorted({*base, *head})]


def compare(name: str, base: Record | None, head: Record | None) -> Comparison:
    """Compare two records of one spec."""
    rows = []
    sides = ([*named_builds(record).values()] if record else [] for record in (base, head))
    for old, new in _pairs(*sides):
        cells: tuple[CellChange, ...] = ()
        if old is not None and new is not None and base is not None and head is not None:
            cells = tuple(_cells((base, old), (head, new)))
        rows.append(Row(old, new, cells))
    return Comparison(name, base, head, tuple(_against_drift(rows)))


_Pair = tuple[BuildRecord | None, BuildRecord | None]


def _pairs(base: Sequence[BuildRecord], head: Sequence[BuildRecord]) -> Iterator[_Pair]:
    """Pair builds: by what they are called, else by what they are. Head's order, then what went.

    A build's key in the record is no name for it: it changes when a second data set is added.
    """
    before = {_name(build): build for build in base}
    named = {_name(build) for build in head}
    gone = [build for name, build in before.items() if name not in named]
    for new in head:
        old = before.get(_name(new))
        if old is None and (old := next((was for was in gone if _alike(was, new)), None)):
            gone.remove(old)
        yield old, new
    for old in gone:
        yield old, None


def _name(build: BuildRecord) -> tuple[str, str, int]:
    return build.model, build.dataset, build.classes


def _alike(old: BuildRecord, new: BuildRecord) -> bool:
    """Whether two builds are one under two names: same dependencies, or same figures."""
    if (old.dataset, old.classes) != (new.dataset, new.classes):
        return False
    if old.dependencies or new.dependencies:
        return old.dependencies.keys() == new.dependencies.keys() and not any(
            differing(old.dependencies[group], new.dependencies[group])
            for group in old.dependencies
        )
    return bool(old.figures) and old.figures == new.figures


def _cells(
    before: tuple[Record, BuildRecord], after: tuple[Record, BuildRecord]
) -> Iterator[CellChange]:
    (_, old), (_, new) = before, after
    for key in sorted({*old.figures, *new.figures}, key=rank):
        if not metric_of(key).by_module:  # noise, with nothing to tell a change from it
            yield measured_cell(key, before, after)
    for key in sorted({*old.reported, *new.reported}, key=rank):
        yield quoted_cell(key, old.reported.get(key), new.reported.get(key))


def _against_drift(rows: Sequence[Row]) -> Iterator[Row]:
    """Take a change of a time back where it may be the machine's."""
    tables: dict[tuple[str, int], list[Row]] = {}
    for row in rows:
        if row.old is not None and row.new is not None:
            tables.setdefault((row.build.dataset, row.build.classes), []).append(row)
    for row in rows:
        table = tables.get((row.build.dataset, row.build.classes), [])
        yield replace(row, cells=tuple(confirmed(cell, row, table) for cell in row.cells))
