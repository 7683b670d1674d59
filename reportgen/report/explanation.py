"""What each tool would say of a build, and why: every convention, taken apart into terms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from reportgen.common.units import format_exact
from reportgen.common.visible import one_line
from reportgen.counting.breakdown import breakdown, by_operation, summed
from reportgen.counting.conventions import PARAMS, WORK, Convention
from reportgen.record.ledger import Kind, Ledger
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.comparison import distinct_labels, ordered_builds
from reportgen.report.figures import stale_note, why_unverified
from reportgen.report.input_text import inputs_text
from reportgen.report.table import Cell, Table

_HEADER = ("Convention", "Says", "Adds up as", "Said by")


@dataclass(frozen=True)
class Explanation:
    """One build's figures under every convention, and what is to be known about them."""

    name: str
    input: str
    work: Table
    operations: Table
    """The same figures, split by kind of operation: a row for each convention."""
    size: Table
    notes: tuple[str, ...]


def explanations(record: Record) -> list[Explanation]:
    """Explain every build that has a ledger, in the order of the spec."""
    builds = ordered_builds(record)
    named = zip(distinct_labels(builds), builds, strict=True)
    found = (explain(record, build, label) for label, build in named)
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
        work=_table(WORK, ledger),
        operations=_by_operation(ledger),
        size=_table(PARAMS, ledger),
        notes=tuple(_notes(build, ledger)),
    )


def as_text(explanation: Explanation) -> str:
    """Write an explanation for a terminal, ending in a line break."""
    from tabulate import tabulate

    parts = [one_line(f"{explanation.name}, input {explanation.input}")]
    for title, table in (
        ("work", explanation.work),
        ("by operation", explanation.operations),
        ("parameters", explanation.size),
    ):
        parts.append(
            tabulate(
                [[one_line(cell.text) for cell in row] for row in table.rows],
                headers=[title, *map(str.lower, table.header[1:])],
                tablefmt="plain",
                disable_numparse=True,
                colalign=["right" if number else "left" for number in table.numbers],
            )
        )
    parts.append("\n".join(map(one_line, explanation.notes)))
    text = "\n\n".join(filter(None, parts))
    return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def _table(conventions: Mapping[str, Convention], ledger: Ledger) -> Table:
    rows = tuple(
        tuple(
            Cell(text)
            for text in (
                name,
                format_exact(convention.total(ledger)),
                summed(breakdown(convention, ledger)),
                ", ".join(convention.tools),
            )
        )
        for name, convention in conventions.items()
    )
    return Table(_HEADER, rows, (False, True, False, False))


def _by_operation(ledger: Ledger) -> Table:
    """Put the conventions side by side, operation by operation; those of nobody are left out."""
    splits = {name: by_operation(convention, ledger) for name, convention in WORK.items()}
    counted = set().union(*splits.values())
    columns = [name for name in (*map(str, Kind), "parameters") if name in counted]
    rows = tuple(
        tuple(map(Cell, (name, *(format_exact(split.get(column, 0)) for column in columns))))
        for name, split in splits.items()
    )
    header = ("Convention", *(column.capitalize() for column in columns))
    return Table(header, rows, (False, *(True for _ in columns)))


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
