"""A figure as a reader sees it: its text, and what stands in its footnotes."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeGuard

from reportgen.common import units
from reportgen.data.source import DATA_SOURCES
from reportgen.record.budgets import verdicts_of
from reportgen.record.certainty import interval_of, interval_of_share
from reportgen.record.metric import Metric
from reportgen.record.metrics import metric_of
from reportgen.record.record import BuildRecord, DatasetRecord, Figure
from reportgen.report.tables import ABOUT, MISSING, NOTHING, Cell, Mark, Note


def shown(build: BuildRecord, key: str) -> Figure | None:
    """Return the figure that stands for `key`: ours if we have one, else what somebody reported."""
    own = build.figures.get(key)
    if own is None or own.provenance == "unavailable":
        return build.reported.get(key, own)
    return own


def is_own(figure: Figure | None) -> TypeGuard[Figure]:
    """Whether the figure is one of ours: measured, or derived from what was."""
    return figure is not None and figure.is_good


def figure_cell(build: BuildRecord, key: str) -> Cell:
    """Write the figure of one build for one column, with the footnotes that it needs."""
    figure = shown(build, key)
    if figure is None:
        is_reference = build.baseline and metric_of(key).certainty == "ratio"
        return Cell("1×", 1, "×") if is_reference else MISSING
    notes = _notes(figure, build.figures.get(key), build.reported.get(key), key)
    return replace(cell_of(figure, key), notes=tuple(notes))


def cell_of(figure: Figure, key: str) -> Cell:
    """Write one figure, without footnotes."""
    metric = metric_of(key)
    low, high = _interval(figure, metric) or (None, None)
    return Cell(
        _plain_text(figure, key),
        figure.value,
        figure.unit or metric.unit,
        low,
        high,
        marks_of(figure, metric),
        figure=figure,
    )


def marks_of(figure: Figure, metric: Metric) -> frozenset[Mark]:
    """Return what is to be marked of a figure by itself."""
    found: dict[Mark, bool] = {
        "missing": figure.value is None and not figure.text,
        "quoted": figure.provenance == "reported",
        "about": _is_about_one(figure, metric),
        "unverified": is_doubtful(figure),
        "stale": bool(figure.stale),
    }
    return frozenset(mark for mark, holds in found.items() if holds)


def _interval(figure: Figure, metric: Metric) -> tuple[float, float] | None:
    if metric.of_machine:
        return interval_of(figure)
    return interval_of_share(figure) if metric.certainty == "share" else None


def is_doubtful(figure: Figure | None) -> bool:
    """Whether a count is not verified: the counters disagree, or none knows an operation."""
    return is_own(figure) and bool(figure.unverified or figure.check is not None)


def counting_notes(build: BuildRecord) -> list[str]:
    """Say what a reader of any of a build's counts should know: they come of one forward pass."""
    macs = build.figures.get("macs")
    notes = _notes(macs, macs, None, "macs") if macs else []
    return [note.text for note in notes if note.kind in ("stale", "unverified", "differs", "note")]


def part_of(figure: Figure | None, data: DatasetRecord | None, name: str) -> str:
    """Say that a figure of ours is not of all images of its data set; empty where it is.

    `name` is what the spec calls a data set that is not in the catalogue.
    """
    if data is None or not is_own(figure):
        return ""
    here, published = figure.total, data.count
    if here is None or published is None or here == published:
        return ""
    known = data.source in DATA_SOURCES and data.split in DATA_SOURCES[data.source].splits
    split = f"{DATA_SOURCES[data.source].title if known else name}'s {data.split} split"
    if here < published:
        return f"on {here:,} of the {published:,} images of {split}"
    return f"on {here:,} images, and {split} has {published:,}"


def mark_broken(build: BuildRecord, key: str, cell: Cell) -> Cell:
    """Mark a figure that breaks a budget, and say which."""
    for verdict in verdicts_of(build):
        if verdict.key == key and verdict.state == "broken":
            note = Note("budget", f"Breaks the budget {verdict.budget.text}.")
            return replace(cell, marks=cell.marks | {"broken"}, notes=(*cell.notes, note))
    return cell


def figure_text(figure: Figure, key: str) -> str:
    """Write a figure for a sentence, with a sign where a ratio leaves open which is larger."""
    return ABOUT * _is_about_one(figure, metric_of(key)) + _plain_text(figure, key)


def _plain_text(figure: Figure, key: str) -> str:
    """Write a figure: as its source printed it, or in its metric's format."""
    if figure.value is None:
        return figure.text or NOTHING
    metric = metric_of(key)
    if figure.text and not _is_bare(figure.text):
        return figure.text
    if figure.text and metric.unit:
        return f"{figure.text} {metric.unit}"
    if figure.unit not in ("", metric.unit):
        metric = replace(metric, unit=figure.unit)
    return _value_text(figure.value, metric)


def _is_bare(text: str) -> bool:
    """Whether the source printed a number alone, so that its unit must be added."""
    return not text.strip("0123456789.,eE+- ")


def sentence(text: str) -> str:
    """Return the text as a sentence: a capital first, a full stop last."""
    text = text.strip()
    if text and text[-1] not in ".!?":
        text += "."
    return text[:1].upper() + text[1:]


def why_unavailable(figure: Figure) -> str:
    """Say why a figure is not there and what to do about it."""
    return " ".join(filter(None, (sentence(figure.reason), sentence(figure.hint)))) or "Unknown."


def why_unverified(figure: Figure) -> str:
    """Say what a count may leave out."""
    return f"these cannot be counted for sure: {figure.unverified}."


def _is_about_one(figure: Figure, metric: Metric) -> bool:
    """Whether a ratio's 95 % interval leaves open which of the two is larger."""
    interval = interval_of(figure) if metric.certainty == "ratio" and not figure.text else None
    return interval is not None and interval[0] <= 1 <= interval[1]


def _notes(figure: Figure, own: Figure | None, reported: Figure | None, key: str) -> list[Note]:
    notes = [stale_note(figure)] if figure.stale else []
    if figure is reported:
        text = f"Quoted from {figure.source}, not measured here."
        if own is not None and own.cause != "undeclared":
            text += f" {why_unavailable(own)}"
        notes.append(Note("quoted", text))
    elif figure.provenance == "unavailable":
        notes.append(Note("unavailable", why_unavailable(figure)))
    elif reported is not None:
        notes.append(Note("quoted", f"{reported.source} says {figure_text(reported, key)}."))
    if figure.check is not None and isinstance(figure.value, int):
        notes.append(
            Note(
                "differs",
                f"Two counters disagree: {figure.by or 'ours'} counts "
                f"{units.format_exact(figure.value)}, {figure.checked_by or 'the other'} counts "
                f"{units.format_exact(figure.check)}.",
            )
        )
    if figure.unverified:
        notes.append(Note("unverified", f"Not verified: {why_unverified(figure)}"))
    if metric_of(key).kind == "other":
        text = f"The metric '{metric_of(key).name}' is not installed here: kept as it was."
        notes.append(Note("foreign", text))
    if figure.note:
        notes.append(Note("note", sentence(figure.note)))
    return notes


def stale_note(figure: Figure) -> Note:
    """Say why a figure was kept, though something that it was measured on has changed."""
    return Note("stale", f"Stale: {sentence(figure.stale)}")


def _value_text(value: units.Number, metric: Metric) -> str:
    if metric.whole:
        return units.format_count(value)
    if metric.kind == "other" and isinstance(value, int):
        return f"{units.format_exact(value)} {metric.unit}".rstrip()
    if metric.unit == "%":
        return f"{units.format_decimals(value, 2)} %"
    if metric.unit == "×":
        return f"{units.format_significant(value)}×"
    return f"{units.format_significant(value, metric.digits)} {metric.unit}".rstrip()
