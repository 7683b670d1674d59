"""What one part of a spec says of another: names that must exist, things that may be said once.

Works on the plain values, so that these problems are found beside those of type, and skips what
has no meaning yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from reportgen.common.errors import Problem, did_you_mean
from reportgen.common.registry import PluginError, UnknownNameError
from reportgen.common.units import read_in
from reportgen.common.visible import alike
from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.source import DATA_SOURCES, DataSource
from reportgen.record.metrics import is_known, metric_of
from reportgen.spec.filled import (
    budget_problems,
    column_problems,
    how_to_measure,
    measured,
    switch_problems,
)
from reportgen.spec.quoted import metric_key
from reportgen.spec.tensors import input_problems
from reportgen.spec.yaml_text import Path, Source, mapping, sequence


def reference_problems(parsed: Source) -> Iterator[Problem]:
    """Yield every problem of names and references."""
    spec = parsed.value
    sets, models = mapping(spec.get("datasets")), mapping(spec.get("models"))
    yield from _names(parsed, ("datasets",), sets)
    yield from _names(parsed, ("models",), models)
    yield from _datasets(parsed, sets)
    yield from _baselines(parsed, models)
    yield from _models(parsed, sets, models)
    yield from input_problems(parsed)
    for section in ("reported", "claims"):
        yield from _quoted(parsed, sets, models, section)
        yield from _values(parsed, section)
    yield from _claims(parsed)
    yield from switch_problems(parsed)
    yield from column_problems(parsed)
    yield from budget_problems(parsed)


def _names(parsed: Source, path: Path, named: dict[str, Any]) -> Iterator[Problem]:
    """Find names that nobody can tell apart."""
    known: dict[str, str] = {}
    for name in named:
        first = known.setdefault(alike(name), name)
        if first != name:
            yield parsed.problem(
                (*path, name),
                f"'{name}' and '{first}' differ by white space only, or not to the eye",
                "Rename one of them.",
                at_key=True,
            )


def _datasets(parsed: Source, sets: dict[str, Any]) -> Iterator[Problem]:
    for name, content in sets.items():
        options = mapping(content)
        source = options.get("source") or name
        if not isinstance(source, str):
            continue
        path = ("datasets", name)
        try:
            entry = DATA_SOURCES[source]
        except (UnknownNameError, PluginError) as error:
            at_key = not options.get("source")
            hint = error.hint if isinstance(error, UnknownNameError) else ""
            if at_key and hint:
                hint += " Or say what it is: `source: folder` or `source: synthetic`."
            place = path if at_key else (*path, "source")
            yield parsed.problem(place, str(error), hint, at_key=at_key)
            continue
        for key in ("shape", "classes", *entry.needs):
            if getattr(entry, key, None) is None and options.get(key) is None:
                yield parsed.problem(
                    path,
                    f"a data set from `{source}` needs '{key}'",
                    _ADD.get(key, f"Add `{key}`."),
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


_ADD = {
    "shape": "Add `shape: [channels, height, width]`.",
    "classes": "Add `classes: 10`, or how many there are.",
    "path": "Add `path: FILE_OR_FOLDER`.",
}


def _channels(
    parsed: Source, path: Path, options: dict[str, Any], entry: DataSource
) -> Iterator[Problem]:
    """Find a normalisation for another number of channels than the images have."""
    given, shape = options.get("normalize"), options.get("shape", entry.shape)
    if isinstance(given, str) and given in NORMALIZATIONS:
        count = len(NORMALIZATIONS[given][0])
    else:
        mean = mapping(given).get("mean")
        count = len(mean) if isinstance(mean, list) else 1
    channels = shape[0] if isinstance(shape, (list, tuple)) and shape else count
    if count not in (1, channels):
        yield parsed.problem(
            path,
            f"this normalisation is for {count} channels, and the images have {channels}",
            f"Give {channels} means and standard deviations, or one.",
        )


def _baselines(parsed: Source, models: dict[str, Any]) -> Iterator[Problem]:
    marked = [name for name, model in models.items() if mapping(model).get("baseline") is True]
    for name in marked[1:]:
        yield parsed.problem(
            ("models", name, "baseline"),
            f"two baselines: '{marked[0]}' and '{name}'",
            "Mark one model only.",
            at_key=True,
        )


def _models(parsed: Source, sets: dict[str, Any], models: dict[str, Any]) -> Iterator[Problem]:
    for name, model in models.items():
        wanted = mapping(model).get("datasets")
        for index, dataset in enumerate(sequence(wanted)):
            if isinstance(dataset, str) and dataset not in sets:
                yield parsed.problem(
                    ("models", name, "datasets", index),
                    f"no data set '{dataset}' in this spec",
                    did_you_mean(dataset, sets),
                )


def _quoted(
    parsed: Source, sets: dict[str, Any], models: dict[str, Any], section: str
) -> Iterator[Problem]:
    """Find figures quoted of what this spec does not have, or has several of."""
    for index, entry in enumerate(sequence(parsed.value.get(section))):
        of, dataset = mapping(entry).get("of"), mapping(entry).get("dataset")
        if isinstance(of, str) and of not in models:
            yield parsed.problem(
                (section, index, "of"), f"no model '{of}' in this spec", did_you_mean(of, models)
            )
        if isinstance(dataset, str) and dataset not in sets:
            yield parsed.problem(
                (section, index, "dataset"),
                f"no data set '{dataset}' in this spec",
                did_you_mean(dataset, sets),
            )
        elif isinstance(of, str) and mapping(models.get(of)).get("inputs") is not None:
            yield from _of_own_inputs(parsed, (section, index), models[of])
        elif dataset is None and isinstance(of, str) and of in models:
            on = sequence(mapping(models[of]).get("datasets")) or list(sets)
            if len(on) > 1:
                yield parsed.problem(
                    (section, index),
                    f"'{of}' is reported on {len(on)} data sets",
                    f"Add `dataset: {on[0]}`, or the one that is meant.",
                )
                continue
        if isinstance(of, str) and of in models:
            yield from _class_count(parsed, (section, index), _class_counts(parsed, of, dataset))


def _values(parsed: Source, section: str) -> Iterator[Problem]:
    """Find quoted figures that cannot be read, or whose unit does not fit their metric."""
    for index, entry in enumerate(sequence(parsed.value.get(section))):
        key, value = mapping(entry).get(metric_key(entry)), mapping(entry).get("value")
        if not isinstance(key, str) or not isinstance(value, (str, int, float)):
            continue
        try:
            metric = metric_of(key)
            read_in(value, metric.unit, metric.counts)
        except KeyError:
            continue  # an unknown metric is an error where types are checked
        except ValueError as error:
            message = f"'{key}' cannot be '{value}'"
            yield parsed.problem((section, index, "value"), message, str(error))


def _of_own_inputs(parsed: Source, path: Path, model: dict[str, Any]) -> Iterator[Problem]:
    """Find a quoted figure that names a data set or class count which its model does not have."""
    entry = parsed.value[path[0]][path[1]]
    for key, noun in (("dataset", "is run on no data set"), ("classes", "has no class count")):
        if entry.get(key) is not None and not (key == "classes" and model.get("classes")):
            message = f"'{entry['of']}' has inputs of its own, and {noun}"
            yield parsed.problem((*path, key), message, f"Remove '{key}'.", at_key=True)


def _class_counts(parsed: Source, model: str, dataset: str | None) -> list[int]:
    """List the class counts with which a model is built for a data set."""
    options = mapping(mapping(parsed.value.get("models")).get(model))
    counts = options.get("classes")
    if options.get("inputs") is not None:
        counts = counts or []
    elif not counts:
        counts = parsed.value.get("classes")
    if counts is None:
        sets = mapping(parsed.value.get("datasets"))
        name = dataset or next(iter(sequence(options.get("datasets")) or sets), "")
        own = mapping(sets.get(name)) if isinstance(name, str) else {}
        try:
            counts = [own.get("classes") or DATA_SOURCES[own.get("source") or name].classes]
        except (UnknownNameError, PluginError, TypeError):
            counts = []
    return [count for count in sequence(counts) if isinstance(count, int)]


def _class_count(parsed: Source, path: Path, counts: list[int]) -> Iterator[Problem]:
    """Find a quoted figure that is of none of a model's builds, or of more than one."""
    entry = parsed.value[path[0]][path[1]]
    of, classes = entry["of"], entry.get("classes")
    if classes is None and len(counts) > 1:
        yield parsed.problem(
            path,
            f"'{of}' is built with {len(counts)} class counts",
            f"Add `classes: {counts[0]}`, or the one that is meant.",
        )
    elif isinstance(classes, int) and counts and classes not in counts:
        yield parsed.problem(
            (*path, "classes"),
            f"'{of}' is not built with {classes} classes",
            f"It is built with {' and '.join(map(str, counts))}.",
        )


def _claims(parsed: Source) -> Iterator[Problem]:
    """Find claims of what is not measured."""
    measure = measured(parsed)
    if not isinstance(parsed.value.get("measure", {}), dict):
        return
    for index, entry in enumerate(sequence(parsed.value.get("claims"))):
        name = metric_key(entry)
        key = mapping(entry).get(name)
        if not isinstance(key, str) or not is_known(key):
            continue
        metric = metric_of(key)
        given = mapping(measure.get("accuracy")).get("metrics", ["top1"])
        if metric.kind not in measure:
            hint = f"{how_to_measure(parsed, metric.kind)}, or quote it under `reported`."
        elif metric.kind == "accuracy" and metric.name not in sequence(given):
            hint = f"Add '{metric.name}' to `measure: accuracy: metrics`."
        else:
            continue
        place = ("claims", index, name)
        yield parsed.problem(place, f"nothing here measures '{metric.name}'", hint)
