"""What each tool would say of a build, and why: every convention, taken apart into terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from reportgen.common.units import format_exact
from reportgen.common.visible import one_line
from reportgen.counting.breakdown import breakdown, by_operation, summed
from reportgen.counting.conventions import PARAMS, WORK, Convention
from reportgen.record.ledger import Kind, Ledger
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.comparison import labelled_builds
from reportgen.report.figures import stale_note, why_unverified
from reportgen.report.input_text import inputs_text
from reportgen.report.tables import Cell, Column, Explanation, Row, Table, headed, words
from reportgen.report.terminal import grid

_COLUMNS = headed("Convention", "Says", "Adds up as", "Said by", numbers=["Says"])


def explanations(record: Record) -> list[Explanation]:
    """Explain every build that has a ledger, in the order of the spec."""
    found = (explain(record, build, label) for _, label, build in labelled_builds(record))
    return [explanation for explanation in found if explanation is not None]


def explain(record: Record, build: BuildRecord, name: str) -> Explanation | None:
    """Explain one build under a name of the reader's; None where it was not counted."""
    if build.ledger is None:
        return None
    ledger = Ledger.from_json(build.ledger)
    batch = build.batch_size or record.report.batch_size
    return Explanation(
        name=name,
        input=inputs_text(build, batch),
        work=_table("Work", WORK, ledger),
        operations=_by_operation(ledger),
        size=_table("Parameters", PARAMS, ledger),
        notes=tuple(_notes(build, ledger)),
    )


def as_text(explanation: Explanation) -> str:
    """Write an explanation for a terminal, ending in a line break."""
    parts = [one_line(f"{explanation.name}, input {explanation.input}")]
    for table in (explanation.work, explanation.operations, explanation.size):
        headers = (table.title, *(column.header for column in table.columns[1:]))
        cells = [[one_line(cell.signed) for cell in row.cells] for row in table.rows]
        parts.append(grid(table, cells, map(str.lower, headers), "plain"))
    parts.append("\n".join(map(one_line, explanation.notes)))
    text = "\n\n".join(filter(None, parts))
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _table(title: str, conventions: Mapping[str, Convention], ledger: Ledger) -> Table:
    rows = tuple(
        Row(
            name,
            (
                words(name),
                _count(convention.total(ledger)),
                words(summed(breakdown(convention, ledger))),
                words(", ".join(convention.tools)),
            ),
        )
        for name, convention in conventions.items()
    )
    return Table(title, title, _COLUMNS, rows)


def _count(value: int) -> Cell:
    return Cell(format_exact(value), value)


def _by_operation(ledger: Ledger) -> Table:
    """Put the conventions side by side, operation by operation; those of nobody are left out."""
    splits = {name: by_operation(convention, ledger) for name, convention in WORK.items()}
    counted = set().union(*splits.values())
    kinds = [name for name in (*map(str, Kind), "parameters") if name in counted]
    rows = tuple(
        Row(name, (words(name), *(_count(split.get(kind, 0)) for kind in kinds)))
        for name, split in splits.items()
    )
    columns = (_COLUMNS[0], *(Column(kind, kind.capitalize()) for kind in kinds))
    return Table("By operation", "By operation", columns, rows)


def _verdict(macs: Figure, ledger: Ledger) -> Iterator[str]:
    """Say how sure the products are."""
    alone = sum(row.macs for row in ledger.operations if row.was_dispatched)
    if macs.unverified:
        yield f"Not verified: {why_unverified(macs)}"
    if macs.check is not None:
        yield (
            f"Two counters disagree: {macs.checked_by or 'the other'} counts {macs.check:,} "
            "products."
        )
    elif alone:
        yield f"{alone:,} of the products were seen by PyTorch's counter alone."
    elif not macs.unverified:
        yield "Two counters agree on the products of every operation."


def _notes(build: BuildRecord, ledger: Ledger) -> Iterator[str]:
    """Yield what a reader of the conventions should know, a sentence each."""
    if build.dtype != "float32":
        yield f"Counted is the float model that the {build.dtype} one is made from."
    macs = build.figures.get("macs")
    if macs is not None and macs.stale:
        yield stale_note(macs).text
    if macs is not None and macs.value is not None:
        yield from _verdict(macs, ledger)
    calls: Counter[str] = Counter()
    elements: Counter[str] = Counter()
    for row in ledger.operations:
        if row.kind is Kind.UNCOUNTED:
            calls[row.function] += row.calls
            elements[row.function] += row.out_elements
    if calls:
        rows = (
            f"{name} ({calls[name]:,} calls, {elements[name]:,} elements)" for name in sorted(calls)
        )
        yield f"Counted by nobody: {', '.join(rows)}."
