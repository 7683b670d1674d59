"""The table of claims: who says what of which model, what we have, and what became of it."""

from __future__ import annotations

from reportgen.claims import judge
from reportgen.claims.sentences import our_text
from reportgen.record.metrics import metric_of
from reportgen.record.record import Record
from reportgen.report.comparison import distinct_labels, ordered_builds
from reportgen.report.table import NOTHING, Cell, Table

_HEADER = ("Who says", "Of", "What", "Claimed", "Ours", "Verdict")


def claim_table(record: Record) -> Table | None:
    """Return a row for each claim; None without any."""
    labels = dict(_labels(record))
    rows = []
    for verdict in judge(record):
        claim = verdict.claim
        label = metric_of(claim.metric).label
        ours = NOTHING if verdict.ours is None else our_text(claim.metric, verdict.ours)
        rows.append(
            tuple(
                Cell(text)
                for text in (
                    claim.source,
                    labels[verdict.build],
                    f"{label} of {claim.module}" if claim.module else label,
                    claim.value,
                    ours,
                    verdict.verdict,
                )
            )
        )
    return Table(_HEADER, tuple(rows), (False, False, False, True, True, False)) if rows else None


def broken_lines(record: Record) -> list[str]:
    """Return a line for each claim that does not hold and should, or holds and should not."""
    labels = dict(_labels(record))
    return [
        f"claim broken: {labels[verdict.build]}: {verdict}"
        for verdict in judge(record)
        if verdict.broken
    ]


def _labels(record: Record) -> list[tuple[str, str]]:
    """Pair the names of builds in the record with those that tell them apart for a reader."""
    builds = ordered_builds(record)
    names = {id(build): name for name, build in record.builds.items()}
    labels = distinct_labels(builds)
    return [(names[id(build)], label) for build, label in zip(builds, labels, strict=True)]
