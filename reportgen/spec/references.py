"""What one part of a spec says of another: names that must exist, things that may be said once.

Works on the plain values, so that these problems are found beside those of type, and skips what
has no meaning yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reportgen import quantities
from reportgen.catalog import datasets
from reportgen.errors import Problem, did_you_mean
from reportgen.spec.source import Path, Source


def reference_problems(parsed: Source) -> Iterator[Problem]:
    """Yield every problem of names and references."""
    spec = parsed.value
    sets, models = _mapping(spec.get("datasets")), _mapping(spec.get("models"))
    yield from _datasets(parsed, sets)
    yield from _baselines(parsed, models)
    yield from _models(parsed, sets, models)
    yield from _reported(parsed, sets, models)
    yield from _columns(parsed)


def _datasets(parsed: Source, sets: dict[str, Any]) -> Iterator[Problem]:
    for name, content in sets.items():
        options = _mapping(content)
        source = options.get("source", name)
        if not isinstance(source, str):
            continue
        path = ("datasets", name)
        try:
            entry = datasets.find(source)
        except datasets.UnknownDatasetError as error:
            at_key = "source" not in options
            hint = error.hint
            if at_key:
                hint += " Or say what it is: `source: folder` or `source: synthetic`."
            place = path if at_key else (*path, "source")
            yield parsed.problem(place, str(error), hint, at_key=at_key)
            continue
        needed = [key for key in ("shape", "classes") if getattr(entry, key) is None]
        needed += ["path"] if source == "folder" else []
        for key in needed:
            if key not in options:
                yield parsed.problem(
                    path,
                    f"a data set from `{source}` needs '{key}'",
                    {
                        "shape": "Add `shape: [channels, height, width]`.",
                        "classes": "Add `classes: 10`, or how many there are.",
                        "path": "Add `path: FOLDER_OR_ZIP`.",
                    }[key],
                    at_key=True,
                )
        split = options.get("split")
        if entry.splits and isinstance(split, str) and split not in entry.splits:
            yield parsed.problem(
                (*path, "split"),
                f"'{source}' has no split '{split}'",
                did_you_mean(split, entry.splits),
            )
        yield from _channels(parsed, (*path, "normalize"), options, entry)
        for key in ("shape", "classes"):
            if getattr(entry, key) is not None and key in options:
                yield parsed.problem(
                    (*path, key), f"'{source}' has its own {key}", "Remove it.", at_key=True
                )


def _channels(
    parsed: Source, path: Path, options: dict[str, Any], entry: datasets.DatasetEntry
) -> Iterator[Problem]:
    """Find a normalisation for another number of channels than the images have."""
    given, shape = options.get("normalize"), options.get("shape", entry.shape)
    if isinstance(given, str) and given in datasets.NORMALIZATIONS:
        count = len(datasets.NORMALIZATIONS[given][0])
    else:
        mean = _mapping(given).get("mean")
        count = len(mean) if isinstance(mean, list) else 1
    channels = shape[0] if isinstance(shape, (list, tuple)) and shape else count
    if count not in (1, channels):
        yield parsed.problem(
            path,
            f"this normalisation is for {count} channels, and the images have {channels}",
            f"Give {channels} means and standard deviations, or one.",
        )


def _baselines(parsed: Source, models: dict[str, Any]) -> Iterator[Problem]:
    marked = [name for name, model in models.items() if _mapping(model).get("baseline") is True]
    for name in marked[1:]:
        yield parsed.problem(
            ("models", name, "baseline"),
            f"two baselines: '{marked[0]}' and '{name}'",
            "Mark one model only.",
            at_key=True,
        )


def _models(parsed: Source, sets: dict[str, Any], models: dict[str, Any]) -> Iterator[Problem]:
    for name, model in models.items():
        wanted = _mapping(model).get("datasets")
        for index, dataset in enumerate(wanted if isinstance(wanted, list) else ()):
            if isinstance(dataset, str) and dataset not in sets:
                yield parsed.problem(
                    ("models", name, "datasets", index),
                    f"no data set '{dataset}' in this spec",
                    did_you_mean(dataset, sets),
                )


def _reported(parsed: Source, sets: dict[str, Any], models: dict[str, Any]) -> Iterator[Problem]:
    entries = parsed.value.get("reported")
    for index, entry in enumerate(entries if isinstance(entries, list) else ()):
        of, dataset = _mapping(entry).get("of"), _mapping(entry).get("dataset")
        if isinstance(of, str) and of not in models:
            yield parsed.problem(
                ("reported", index, "of"), f"no model '{of}' in this spec", did_you_mean(of, models)
            )
        if isinstance(dataset, str) and dataset not in sets:
            yield parsed.problem(
                ("reported", index, "dataset"),
                f"no data set '{dataset}' in this spec",
                did_you_mean(dataset, sets),
            )
        elif dataset is None and isinstance(of, str) and of in models:
            on = _mapping(models[of]).get("datasets") or list(sets)
            if isinstance(on, list) and len(on) > 1:
                yield parsed.problem(
                    ("reported", index),
                    f"'{of}' is reported on {len(on)} data sets",
                    f"Add `dataset: {on[0]}`, or the one that is meant.",
                )


def _columns(parsed: Source) -> Iterator[Problem]:
    """Find columns that nothing would ever fill."""
    measure = parsed.value.get("measure", {"complexity": {}})
    columns = _mapping(parsed.value.get("report")).get("columns")
    if not isinstance(measure, dict) or not isinstance(columns, list):
        return
    entries = parsed.value.get("reported")
    quoted = {
        _mapping(entry).get("quantity") for entry in (entries if isinstance(entries, list) else ())
    }
    for index, column in enumerate(columns):
        try:
            quantity = quantities.quantity_of(column)
        except (KeyError, AttributeError):
            continue
        path = ("report", "columns", index)
        if columns.index(column) != index:
            yield parsed.problem(path, f"the column '{column}' is listed twice", "Remove one.")
        elif quantity.kind not in measure and column not in quoted:
            yield parsed.problem(
                path,
                f"nothing here gives the column '{column}'",
                f"Add `{quantity.kind}: {{}}` to `measure`, or remove the column.",
            )
        elif quantity.kind == "accuracy" and column not in quoted:
            metrics = _mapping(measure.get("accuracy")).get("metrics", ["top1"])
            if isinstance(metrics, list) and column not in metrics:
                yield parsed.problem(
                    path,
                    f"nothing here gives the column '{column}'",
                    f"Add it to `measure: accuracy: metrics`: [{', '.join([*metrics, column])}].",
                )
        elif quantity.per_batch and "@" in column:
            sizes = _mapping(measure.get("timing")).get("batch_sizes", [1])
            batch = quantities.split_key(column)[1]
            if isinstance(sizes, list) and batch not in sizes:
                yield parsed.problem(
                    path,
                    f"batch size {batch} is not timed",
                    f"Add it to `measure: timing: batch_sizes`, or choose one of {sizes}.",
                )


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
