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
class BuildChange:
    """One build before and after; None on one side if it was added or removed."""

    old: BuildRecord | None
    new: BuildRecord | None
    cells: tuple[CellChange, ...] = ()

    @property
    def build(self) -> BuildRecord:
        """The build as it is now, or was before it was removed."""
        build = self.new or self.old
        assert build is not None, "a row has a side"
        return build

    @property
    def status(self) -> Status:
        """What happened to the build; noise is no change.

        It is incomparable if figures differ, all of them in ways that cannot be compared.
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
    """What changed in one report; None on one side if it was added or removed."""

    name: str
    base: Record | None
    head: Record | None
    rows: tuple[BuildChange, ...]

    @property
    def record(self) -> Record:
        """The record as it is now, or was before it was removed."""
        record = self.head or self.base
        assert record is not None, "a comparison has a side"
        return record

    def with_status(self, *statuses: Status) -> list[BuildChange]:
        """Return the rows with one of these statuses."""
        return [row for row in self.rows if row.status in statuses]

    def cells(self, *verdicts: ChangeVerdict) -> list[tuple[BuildChange, CellChange]]:
        """Return the cells with one of these verdicts, each with its row."""
        return [(row, cell) for row in self.rows for cell in row.cells if cell.verdict in verdicts]

    @property
    def quiet(self) -> bool:
        """Whether there are only noise and equal figures, and the rows are the same."""
        return all(row.status == "same" for row in self.rows)


def compare_all(base: Mapping[str, Record], head: Mapping[str, Record]) -> list[Comparison]:
    """Compare records by name; if each side has one, these two are compared."""
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
        rows.append(BuildChange(old, new, cells))
    return Comparison(name, base, head, tuple(_against_drift(rows)))


_Pair = tuple[BuildRecord | None, BuildRecord | None]


def _pairs(base: Sequence[BuildRecord], head: Sequence[BuildRecord]) -> Iterator[_Pair]:
    """Pair builds by name, else by content, in head's order, then the removed ones.

    The keys of the record are no names: they change if a second data set is added.
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
    """Whether a build was renamed: it has the same dependencies, or the same figures."""
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
        if not metric_of(key).by_module:  # noisy, and without an interval
            yield measured_cell(key, before, after)
    for key in sorted({*old.reported, *new.reported}, key=rank):
        yield quoted_cell(key, old.reported.get(key), new.reported.get(key))


def _against_drift(rows: Sequence[BuildChange]) -> Iterator[BuildChange]:
    """Change verdicts on times to noise if the machine may have drifted."""
    tables: dict[tuple[str, int], list[BuildChange]] = {}
    for row in rows:
        if row.old is not None and row.new is not None:
            tables.setdefault((row.build.dataset, row.build.classes), []).append(row)
    for row in rows:
        table = tables.get((row.build.dataset, row.build.classes), [])
        yield replace(row, cells=tuple(confirmed(cell, row, table) for cell in row.cells))
