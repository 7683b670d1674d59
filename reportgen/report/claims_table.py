"""The table of claims: who says what of which model, what we have, and what became of it."""

from __future__ import annotations

from reportgen.claims import judge
from reportgen.claims.sentences import our_text
from reportgen.record.metrics import metric_of
from reportgen.record.record import Record
from reportgen.report.comparison import distinct_labels, named_builds
from reportgen.report.model import NOTHING, Column, Row, Table, words

_COLUMNS = tuple(
    Column(label, label, number=label in ("Claimed", "Ours"))
    for label in ("Who says", "Of", "What", "Claimed", "Ours", "Verdict")
)


def claim_table(record: Record) -> Table | None:
    """Return a row for each claim; None without any."""
    labels = _labels(record)
    rows = []
    for verdict in judge(record):
        claim = verdict.claim
        label = metric_of(claim.metric).label
        ours = NOTHING if verdict.ours is None else our_text(claim.metric, verdict.ours)
        texts = (
            claim.source,
            labels[verdict.build],
            f"{label} of {claim.module}" if claim.module else label,
            claim.value,
            ours,
            verdict.verdict,
        )
        rows.append(Row(verdict.build, tuple(map(words, texts))))
    return Table("Claims", "Claims", _COLUMNS, tuple(rows)) if rows else None


def broken_lines(record: Record) -> list[str]:
    """Return a line for each claim that does not hold and should, or holds and should not."""
    labels = _labels(record)
    return [
        f"claim broken: {labels[verdict.build]}: {verdict}"
        for verdict in judge(record)
        if verdict.broken
    ]


def _labels(record: Record) -> dict[str, str]:
    """Return for each build's name in the record the one that readers see."""
    builds = named_builds(record)
    return dict(zip(builds, distinct_labels([*builds.values()]), strict=True))
