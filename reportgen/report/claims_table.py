"""The table of claims: who says what of which model, what we have, and what became of it."""

from __future__ import annotations

from reportgen.claims import judge
from reportgen.claims.sentences import our_text
from reportgen.record.metrics import metric_of
from reportgen.record.record import Record
from reportgen.report.comparison import labelled_builds
from reportgen.report.tables import MISSING, Cell, Row, Table, headed, words

_LABELS = ("Who says", "Of", "What", "Claimed", "Ours", "Verdict")
_COLUMNS = headed(*_LABELS, numbers=("Claimed", "Ours"))


def claim_table(record: Record) -> Table | None:
    """Return a row for each claim; None without any."""
    labels = {name: label for name, label, _ in labelled_builds(record)}
    rows = []
    for verdict in judge(record):
        claim = verdict.claim
        label = metric_of(claim.metric).label
        ours = verdict.ours
        cells = (
            words(claim.source),
            words(labels[verdict.build]),
            words(f"{label} of {claim.module}" if claim.module else label),
            words(claim.value),
            MISSING if ours is None else Cell(our_text(claim.metric, ours), ours),
            Cell(verdict.verdict, verdict.status),
        )
        rows.append(Row(verdict.build, cells))
    return Table("Claims", "Claims", _COLUMNS, tuple(rows)) if rows else None


def broken_lines(record: Record) -> list[str]:
    """Return a line for each claim that does not hold and should, or holds and should not."""
    labels = {name: label for name, label, _ in labelled_builds(record)}
    return [
        f"claim broken: {labels[verdict.build]}: {verdict}"
        for verdict in judge(record)
        if verdict.broken
    ]
