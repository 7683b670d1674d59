"""The comparison: one table for each data set, a row for each build, a column for each metric."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from reportgen.common import units
from reportgen.common.errors import RecordError
from reportgen.record.certainty import interval_of
from reportgen.record.metric import Metric
from reportgen.record.metrics import MetricKey, metric_of, parse_key, rank
from reportgen.record.record import BuildRecord, Figure, Record
from reportgen.report.beside import misfit
from reportgen.report.best import best, comparable
from reportgen.report.figures import (
    cell_of,
    figure_cell,
    is_own,
    mark_broken,
    marks_of,
    part_of,
    sentence,
    shown,
)
from reportgen.report.input_text import inputs_text, same_shapes
from reportgen.report.tables import MISSING, NOTHING, Cell, Column, Note, Row, Table, headed, words

# Heads the table of builds that were run on inputs of their own, and on no data set.
OWN_INPUTS = "Given inputs"


def column_of(key: str) -> Column:
    """Return the column of a metric at one batch size: `Latency, batch 256`."""
    metric, batch = metric_of(key), parse_key(key).batch
    label = metric.label + (f", batch {batch}" if batch else "")
    return Column(key, label, metric.unit, metric.better)


def named_builds(record: Record) -> dict[str, BuildRecord]:
    """Return the builds in the order of the spec; any that it does not name come last."""
    names = dict.fromkeys((*record.report.order, *sorted(record.builds)))
    return {name: record.builds[name] for name in names if name in record.builds}


def labelled_builds(record: Record) -> list[tuple[str, str, BuildRecord]]:
    """Return the builds in order: name, a label that tells each from the others, and build."""
    builds = named_builds(record)
    return [*zip(builds, distinct_labels([*builds.values()]), builds.values(), strict=True)]


def build_label(build: BuildRecord, *more: str) -> str:
    """Name a build: its model, with the data type where that is not the usual one, and `more`."""
    dtype = build.metadata.get("dtype") or build.dtype
    details = [*([dtype] if dtype != "float32" else []), *more]
    return f"{build.model} ({', '.join(details)})" if details else build.model


def distinct_labels(builds: Sequence[BuildRecord]) -> list[str]:
    """Name builds where no table tells them apart: with data set and class count as needed."""
    several_datasets = len({build.dataset for build in builds}) > 1
    classes: dict[str, set[int]] = {}
    for build in builds:
        classes.setdefault(build.model, set()).add(build.classes)
    return [
        build_label(
            build,
            *([build.dataset] if several_datasets and build.dataset else []),
            *([f"{build.classes} classes"] if len(classes[build.model]) > 1 else []),
        )
        for build in builds
    ]


def columns(record: Record) -> list[Column]:
    """Return the columns asked for; of every metric that has a figure where none are."""
    found: dict[str, Column] = {}
    for key in record.report.columns or _metrics_present(record):
        try:
            asked = parse_key(key)
        except KeyError:
            raise RecordError(
                f"the record of {record.spec} asks for an unknown column: '{key}'"
            ) from None
        for size in (asked.batch,) if asked.batch else _sizes(record, asked.metric):
            full = MetricKey(asked.name, size, asked.convention)
            found[full] = column_of(full)
    return list(found.values())


def _sizes(record: Record, metric: Metric) -> Sequence[int | None]:
    """Return the batch sizes that a metric stands for where it is named alone."""
    if metric.kind != "other":
        return record.report.batch_sizes if metric.per_batch else (None,)
    keys = (parse_key(key) for build in record.builds.values() for key in build.figures)
    sizes = {key.batch for key in keys if key.column == metric.name}
    return sorted(sizes, key=lambda size: size or 0) or (None,)


def _metrics_present(record: Record) -> list[str]:
    keys = {
        key
        for build in record.builds.values()
        for figures in (build.figures, build.reported)
        for key in figures
        if not metric_of(key).by_module
    }
    return sorted(keys, key=rank)


def comparison_tables(record: Record) -> list[Table]:
    """Return one table for each data set, in the order in which the builds name them.

    Builds with inputs of their own have one together.
    """
    groups: dict[str, dict[str, BuildRecord]] = {}
    for name, build in named_builds(record).items():
        groups.setdefault(build.dataset, {})[name] = build
    wanted = columns(record)
    return [
        _table(
            dataset or OWN_INPUTS,
            record,
            builds,
            {column: _compared(record, column, [*builds.values()]) for column in wanted},
            mark_baseline=True,
        )
        for dataset, builds in groups.items()
    ]


def _reasons_once(row: Sequence[Cell]) -> Iterator[Cell]:
    """Keep a reason for what is missing at the first of a row's cells that it holds for."""
    told: set[Note] = set()
    for cell in row:
        missing = {note for note in cell.notes if note.kind == "unavailable"}
        notes = tuple(note for note in cell.notes if note not in missing & told)
        yield replace(cell, notes=notes) if notes != cell.notes else cell
        told |= missing


def exact_table(record: Record) -> Table | None:
    """Return our own counts to the last digit, which the comparison rounds; None without any."""
    return _own_figures(record, "Exact counts", "complexity", lambda figure, _: f"{figure.value:,}")


def spread_table(record: Record) -> Table | None:
    """Return how far apart the rounds of each time lay; None where no time has a spread."""
    return _own_figures(record, "Spread", "timing", _spread_text)


def _compared(record: Record, column: Column, builds: Sequence[BuildRecord]) -> list[Cell]:
    """Write a column: its figures, the best of them marked, strangers among them footnoted."""
    figures = [shown(build, column.key) for build in builds]
    cells = [
        _with_part(figure_cell(build, column.key), figure, build, record)
        for build, figure in zip(builds, figures, strict=True)
    ]
    metric = metric_of(column.key)
    usual = comparable(figures, metric)
    reference = next((figure for figure, fits in zip(figures, usual, strict=True) if fits), None)
    marked = best(builds, [cell.signed for cell in cells], column.key)
    if not (same_shapes(builds) or metric.of_model):
        marked = [False] * len(cells)  # less work for a smaller input is no merit
    for row, figure in enumerate(figures):
        if marked[row]:
            cells[row] = replace(cells[row], marks=cells[row].marks | {"best"})
        elif is_own(figure) and is_own(reference) and not (usual[row] or figure.stale):
            note = _stranger(figure, reference, record.environments)
            cells[row] = replace(cells[row], notes=(*cells[row].notes, note))
    if metric.certainty == "ratio":
        cells = _with_misfits(record, column, builds, cells)
    pairs = zip(builds, cells, strict=True)
    return [mark_broken(build, column.key, cell) for build, cell in pairs]


def _with_part(cell: Cell, figure: Figure | None, build: BuildRecord, record: Record) -> Cell:
    """Add a footnote where the figure is not of the whole data set."""
    said = part_of(figure, record.datasets.get(build.dataset), build.dataset)
    return replace(cell, notes=(*cell.notes, Note("part", sentence(said)))) if said else cell


def _with_misfits(
    record: Record, column: Column, builds: Sequence[BuildRecord], cells: Sequence[Cell]
) -> list[Cell]:
    """Add footnotes to speed-ups that do not fit the latencies that are shown beside them."""
    batch = parse_key(column.key).batch
    beside = {MetricKey(name, batch) for name in ("latency", "throughput")}
    if beside.isdisjoint(other.key for other in columns(record)):
        return [*cells]
    notes = (misfit(build, builds, column.key) for build in builds)
    return [
        replace(cell, notes=(*cell.notes, note)) if note else cell
        for cell, note in zip(cells, notes, strict=True)
    ]


def _stranger(
    figure: Figure, reference: Figure, environments: Mapping[str, Mapping[str, str]]
) -> Note:
    """Say why a figure cannot be compared with the others of its column."""
    if figure.convention != reference.convention:
        ours, theirs = figure.convention or "unnamed", reference.convention or "unnamed"
        return Note("convention", f"Counted by the convention '{ours}', the others by '{theirs}'.")
    if figure.total != reference.total:
        ours, theirs = (f"{total:,}" if total else "?" for total in (figure.total, reference.total))
        return Note("part", f"On {ours} images, the others on {theirs}.")
    here = environments.get(figure.environment, {})
    there = environments.get(reference.environment, {})
    differences = [f"{key} {here[key]}" for key in sorted(here) if here[key] != there.get(key)]
    where = ", ".join(differences) or figure.environment or "unknown"
    return Note("machine", f"Measured elsewhere than the others: {where}.")


def _own_figures(
    record: Record, title: str, kind: str, text: Callable[[Figure, Metric], str]
) -> Table | None:
    """Write the figures of one kind that are ours; leave out rows and columns without any."""
    builds = named_builds(record)
    found: dict[Column, list[Cell]] = {}
    for column in columns(record):
        if (metric := metric_of(column.key)).kind == kind:
            figures = (shown(build, column.key) for build in builds.values())
            cells = [_own_cell(figure, metric, text) for figure in figures]
            if any(cell is not MISSING for cell in cells):
                found[replace(column, better=None)] = cells
    if not found:
        return None
    full = _table(title, record, builds, found)
    empty = (MISSING,) * len(found)
    return replace(full, rows=tuple(row for row in full.rows if row.cells[-len(found) :] != empty))


def _own_cell(figure: Figure | None, metric: Metric, text: Callable[[Figure, Metric], str]) -> Cell:
    said = text(figure, metric) if is_own(figure) else ""
    if figure is None or not said:
        return MISSING
    marks = marks_of(figure, metric) & {"stale"}
    return replace(cell_of(figure, metric.name), text=said, marks=marks)


def _spread_text(figure: Figure, metric: Metric) -> str:
    if figure.interval is not None:
        if (interval := interval_of(figure)) is None:
            return ""
        low, high = (units.format_significant(end) for end in interval)
        return f"{low}{metric.unit} to {high}{metric.unit}"
    if figure.spread is None:
        return ""
    return f"{units.format_significant(figure.spread, 2)} {metric.unit}"


def _table(
    name: str,
    record: Record,
    builds: Mapping[str, BuildRecord],
    figures: Mapping[Column, Sequence[Cell]],
    *,
    mark_baseline: bool = False,
) -> Table:
    """Put the names of the builds before their figures, and what else tells them apart."""
    models = [
        build_label(build, *(["baseline"] if mark_baseline and build.baseline else []))
        for build in builds.values()
    ]
    stubs = {"Model": models} | {
        header: values
        for header, values in _circumstances(record, [*builds.values()]).items()
        if len(set(values)) > 1
    }
    rows = zip(*(map(words, values) for values in stubs.values()), *figures.values(), strict=True)
    return Table(
        name,
        name,
        (*headed(*stubs), *figures),
        tuple(Row(build, (*_reasons_once(row),)) for build, row in zip(builds, rows, strict=True)),
    )


def _circumstances(record: Record, builds: Sequence[BuildRecord]) -> dict[str, list[str]]:
    return {
        "Data set": [build.dataset or NOTHING for build in builds],
        "Input": [inputs_text(build) if build.inputs else NOTHING for build in builds],
        "Classes": [str(build.classes or NOTHING) for build in builds],
        "Batch": [str(build.batch_size or record.report.batch_size) for build in builds],
    }
