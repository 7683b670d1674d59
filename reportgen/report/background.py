"""What stands behind the figures: machines, data sets, models, and what each column means."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from reportgen.record.metric import KINDS, Metric
from reportgen.record.metrics import metric_of, parse_key, rank
from reportgen.record.record import DatasetRecord, Record
from reportgen.report.comparison import columns, labelled_builds, named_builds
from reportgen.report.figures import counting_notes, is_own
from reportgen.report.input_text import inputs_text, shape_text
from reportgen.report.tables import Entry, Row, Table, headed, words

# The keys of an environment in the order of reading; others follow by name.
_ENVIRONMENT_KEYS = {
    "cpu": "CPU",
    "cores": "Cores",
    "threads": "Threads",
    "allocator": "Allocator",
    "system": "System",
    "python": "Python",
}
_DIGEST = re.compile(r"\b[0-9a-f]{16,}\b")
_DIGEST_DIGITS = 12


def environment_table(record: Record) -> Table | None:
    """Return a row for each machine that a figure was measured on, and what was measured there."""
    measured: dict[str, set[Metric]] = {}
    for build in record.builds.values():
        for key, figure in build.figures.items():
            if is_own(figure) and figure.environment in record.environments:
                measured.setdefault(figure.environment, set()).add(metric_of(key))
    if not measured:
        return None
    measured = _without_parts(measured, record.environments)
    used = {name: record.environments[name] for name in sorted(measured)}
    keys = {key for environment in used.values() for key in environment}
    ordered = [key for key in _ENVIRONMENT_KEYS if key in keys]
    ordered += sorted(keys - set(ordered))
    return _text_table(
        "Environments",
        ("Measured", *(_ENVIRONMENT_KEYS.get(key, key) for key in ordered)),
        {
            name: (
                ", ".join(_measured_there(measured[name], measured.values())),
                *(environment.get(key, "") for key in ordered),
            )
            for name, environment in used.items()
        },
    )


def _without_parts(
    measured: Mapping[str, set[Metric]], environments: Mapping[str, Mapping[str, str]]
) -> dict[str, set[Metric]]:
    """Join an environment to the one that says the same and more: the allocator, of times only."""
    joined = dict(measured)
    for name, metrics in measured.items():
        said = environments[name].items()
        fuller = [other for other in measured if said < environments[other].items()]
        if len(fuller) == 1 and not any(each.kind == "timing" for each in metrics):
            joined[fuller[0]] = joined[fuller[0]] | joined.pop(name)
    return joined


def _measured_there(metrics: set[Metric], all_of_them: Iterable[set[Metric]]) -> list[str]:
    """Name the kinds of metrics, or the metrics where others of the kind are of elsewhere."""
    names: list[str] = []
    for kind in (*KINDS, "other"):
        groups = [{each for each in some if each.kind == kind} for some in all_of_them]
        own = {each for each in metrics if each.kind == kind}
        if own and all(group == own for group in groups if group):
            names.append(kind)
        elif own:
            names += [each.label for each in sorted(own, key=lambda each: rank(each.name))]
    return names


def dataset_table(record: Record) -> Table | None:
    """Return a row for each data set: where it is from and what was in it."""
    if not record.datasets:
        return None
    # A record read from its file has its keys sorted; the documents do not depend on that.
    names = dict.fromkeys(build.dataset for build in named_builds(record).values())
    used = [
        name for name in (names | dict.fromkeys(sorted(record.datasets))) if name in record.datasets
    ]
    return _text_table(
        "Data sets",
        (
            *("Data set", "Source", "Split", "Images", "Left out", "Shape", "Classes"),
            *("Normalised", "Content hash"),
        ),
        {
            name: (
                name,
                data.source if data.source != name else "",
                data.split,
                _images(data, unread=_unread(record, name)),
                data.left_out,
                shape_text(data.shape),
                str(data.classes),
                data.normalize,
                data.fingerprint[:_DIGEST_DIGITS],
            )
            for name, data in ((name, record.datasets[name]) for name in used)
        },
    )


def _unread(record: Record, name: str) -> bool:
    """Whether accuracy on a data set was to be measured and could not be."""
    builds = (build for build in record.builds.values() if build.dataset == name)
    figures = [pair for build in builds for pair in build.figures.items()]
    quality = [figure for key, figure in figures if metric_of(key).kind == "accuracy"]
    failed = any(figure.cause in ("missing", "failed") for figure in quality)
    return failed and not any(map(is_own, quality))


def _images(data: DatasetRecord, *, unread: bool) -> str:
    """Say how many images were read, and of how many where that is known and another number."""
    if unread and data.read is None and data.count:
        return f"none of {data.count:,}"
    if data.read is None or data.count is None or data.read == data.count:
        number = data.count if data.read is None else data.read
        return "" if number is None else f"{number:,}"
    if data.read < data.count:
        return f"{data.read:,} of {data.count:,}"
    return f"{data.read:,} (published: {data.count:,})"


def models(record: Record) -> list[Entry]:
    """Return what is worth knowing of each build: where it is from, its input, its metadata.

    What is to be known of its counts stands here where no column of MACs has it as a footnote.
    """
    noted = any(column.key == "macs" for column in columns(record))
    return [
        Entry(
            label,
            (
                build.source,
                f"input{'s' * (len(build.inputs) > 1)} {inputs_text(build)}",
                *([f"heads: {build.heads}"] if build.heads else []),
                *([f"frozen: {build.frozen}"] if build.frozen else []),
                *(
                    f"{key.replace('_', ' ')}: {_shorten(build.metadata[key])}"
                    for key in sorted(build.metadata)
                ),
                *([] if noted else counting_notes(build)),
            ),
        )
        for _, label, build in labelled_builds(record)
    ]


_DONE = {"complexity": "counted", "timing": "timed", "accuracy": "computed", "other": "measured"}


def notation(record: Record) -> list[Entry]:
    """Return what each shown column means, and who counted it by which convention."""
    entries: dict[str, Entry] = {}
    for column in columns(record):
        metric = metric_of(column.key)
        if metric.label not in entries:
            texts = _convention_texts(metric) or (metric.meaning, *_counters(record, metric.name))
            entries[metric.label] = Entry(metric.label, texts)
    return list(entries.values())


def _convention_texts(metric: Metric) -> tuple[str, ...]:
    """Return what the convention of a column counts, who counts so, and where they do not."""
    if not parse_key(metric.name).convention:
        return ()
    from reportgen.counting import readings

    try:
        convention = readings.reading(metric.name)
    except KeyError:  # a record of another version
        return (metric.meaning,)
    tools = f"as in {', '.join(convention.tools)}" if convention.tools else ""
    but = f"except that {'; '.join(convention.but)}" if convention.but else ""
    return tuple(filter(None, (convention.counts, tools, but)))


def _counters(record: Record, name: str) -> list[str]:
    """Name who produced the figures of a metric, and by which conventions."""
    found: dict[str, set[str]] = {}
    for build in record.builds.values():
        for key, figure in build.figures.items():
            if figure.by and is_own(figure) and metric_of(key).name == name:
                found.setdefault(figure.by, set()).add(figure.convention)
    return [
        f"{_DONE[metric_of(name).kind]} by {by}"
        + (f" (convention: {' or '.join(sorted(names))})" if any(names) else "")
        for by, names in sorted(found.items())
    ]


def _text_table(title: str, header: Sequence[str], rows: Mapping[str, Sequence[str]]) -> Table:
    """Make a table of plain texts, without the columns that are empty in every row."""
    kept = [column for column in range(len(header)) if any(row[column] for row in rows.values())]
    lines = (
        Row(name, tuple(words(texts[column]) for column in kept)) for name, texts in rows.items()
    )
    return Table(title, title, headed(*(header[column] for column in kept)), tuple(lines))


def _shorten(text: str) -> str:
    return _DIGEST.sub(lambda match: match[0][:_DIGEST_DIGITS], text)
