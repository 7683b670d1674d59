"""Spec → Plan: every model, for every data set and class count it is to be built for.

Planning imports nothing that measures and reads no data; it knows names, and digests of the spec's
parts and of the code they name.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from reportgen.common.errors import UsageError
from reportgen.common.fingerprint import digest
from reportgen.common.units import read_in
from reportgen.data.source import DATA_SOURCES, DataRequest
from reportgen.plan.code import imports_digest
from reportgen.plan.dependencies import digests
from reportgen.plan.plan import NO_DATA, Build, Data, Plan
from reportgen.record import limits
from reportgen.record import record as records
from reportgen.record.digests import ADDED, of_metric
from reportgen.record.metric import Group
from reportgen.record.metrics import METRICS, MetricKey, is_known, metric_of, metrics, parse_key
from reportgen.record.record import Figure, ReportSettings
from reportgen.sources import catalog
from reportgen.sources.model_source import Wanted
from reportgen.spec.model import Dataset, Model, Normalization, Spec
from reportgen.spec.quoted import Claim, Quoted, Reported
from reportgen.spec.tensors import described
from reportgen.spec.variants import frozen_text, heads_text


def _of_baseline(dependencies: Mapping[str, str]) -> dict[str, str]:
    """Digest what a baseline depends on; what older records do not have, by itself."""
    known = {name: value for name, value in dependencies.items() if name not in ADDED}
    added = {f"baseline {name}": dependencies[name] for name in dependencies if name in ADDED}
    return {"baseline": digest(known), **added}


def plan(spec: Spec, *, name: str, spec_dir: Path) -> Plan:
    """Resolve a spec into builds.

    Raises UsageError if two builds would have the same name in the report.
    """
    data = {key: _data(key, dataset) for key, dataset in spec.datasets.items()}
    builds: dict[str, Build] = {}
    for build in _builds(spec, data, spec_dir):
        if build.id in builds:
            raise UsageError(f"{name}: two builds are called '{build.id}': rename a model.")
        builds[build.id] = build
    baselines = {(b.data.name, b.classes): b for b in builds.values() if b.baseline}
    for key, build in builds.items():
        baseline = baselines.get((build.data.name, build.classes))
        if baseline and "speedup" in build.dependencies:
            compared = dict(build.dependencies["speedup"])
            if "code" in baseline.dependencies["timing"]:  # else nobody knows what it is
                compared |= _of_baseline(baseline.dependencies["timing"])
            builds[key] = replace(build, dependencies={**build.dependencies, "speedup": compared})
    # Tables go by data set, and within one in the order of the models.
    tables = (*data, NO_DATA.name)
    order = tuple(b.id for key in tables for b in builds.values() if b.data.name == key)
    return Plan(
        name=name,
        title=spec.title,
        spec_dir=spec_dir,
        measure=spec.measure,
        settings=_settings(spec, order),
        templates=spec_dir / spec.report.templates if spec.report.templates else None,
        data=data,
        builds={key: builds[key] for key in order},
        baselines=baselines,
    )


def _data(name: str, dataset: Dataset) -> Data:
    source = dataset.source or name
    entry = DATA_SOURCES[source]
    shape = dataset.shape or entry.shape
    classes = dataset.classes or entry.classes
    assert shape is not None, "checked when the spec was loaded"
    assert classes is not None, "checked when the spec was loaded"
    channels, height, width = shape
    size = dataset.resize
    mean, std = entry.normalization
    normalization = dataset.normalize or Normalization(mean=[*mean], std=[*std])
    return Data(
        name=name,
        source=DataRequest(
            source=source,
            shape=(channels, size or height, size or width),
            classes=classes,
            name=name,
            path=dataset.path,
            count=dataset.count,
            resize=size,
        ),
        split=dataset.split,
        normalization=_for_channels(normalization, channels),
        count=entry.size(dataset.split, dataset.count),
    )


def _for_channels(normalization: Normalization, channels: int) -> Normalization:
    """Repeat a single mean and deviation for every channel."""
    if len(normalization.mean) == 1:
        return Normalization(mean=normalization.mean * channels, std=normalization.std * channels)
    return normalization


def _builds(spec: Spec, data: Mapping[str, Data], spec_dir: Path) -> Iterator[Build]:
    wanted = {own: _wanted(spec, own_inputs=own) for own in (False, True)}
    for name, model in spec.models.items():
        if model.inputs:
            sets: Mapping[str, Data] = {NO_DATA.name: NO_DATA}
        else:
            sets = {key: data[key] for key in model.datasets or spec.datasets}
        for key, on in sets.items():
            counts = model.classes or (not model.inputs and spec.classes) or [on.source.classes]
            own = counts[0] if model.inputs and len(counts) == 1 else on.source.classes
            for classes in counts:
                label = name if classes == own else f"{name} ({classes} classes)"
                yield _build(
                    spec,
                    model,
                    on,
                    identity=label if len(data) == 1 or not key else f"{label} @ {key}",
                    name=name,
                    classes=classes,
                    wanted=wanted[bool(model.inputs)],
                    spec_dir=spec_dir,
                )


def _build(
    spec: Spec,
    model: Model,
    data: Data,
    *,
    identity: str,
    name: str,
    classes: int,
    wanted: Mapping[Group, tuple[str, ...]],
    spec_dir: Path,
) -> Build:
    entry = catalog.find(model.source)
    inputs = described(model.inputs or {})
    shape: tuple[int, ...] = () if inputs else data.source.shape
    published = model.weights.published if model.weights else None
    wanted_by_weights = entry.wanted(published[1]) if published else Wanted()
    if wanted_by_weights.args:
        # The model that is counted and timed is the one that is evaluated.
        args = {**wanted_by_weights.args, **model.args}
        model = model.model_copy(update={"args": args})
    normalization = _normalization(spec, model, data, wanted_by_weights)
    dependencies = digests(spec.measure, model, entry, classes, shape, normalization, spec_dir)
    return Build(
        id=identity,
        data=data,
        entry=entry,
        options=model,
        normalization=normalization,
        model=name,
        dataset=data.name,
        classes=classes,
        source=entry.source,
        input_shape=shape,
        dtype="int8" if model.quantize else "float32",
        inputs=inputs,
        baseline=model.baseline,
        heads=heads_text(model.heads),
        frozen=frozen_text(model.freeze),
        batch_size=model.batch_size,
        wanted=wanted,
        dependencies={
            group: named | _of_packages(wanted[group])
            for group, named in dependencies.items()
            if group in wanted
        },
        reported=_reported(spec.reported, name, data.name, classes),
        budgets=_budgets(spec, model),
        claims=_claims(spec.claims, name, data.name, classes),
    )


def _of_packages(keys: Iterable[str]) -> dict[str, str]:
    """Digest the metrics among these that packages measure: their versions and their code."""
    names = {parse_key(key).name for key in keys}
    return {
        of_metric(name): digest([*METRICS.package(name), imports_digest(module, [*sys.path])])
        for name in sorted(names)
        if (module := METRICS.module(name))
    }


def _normalization(spec: Spec, model: Model, data: Data, weights: Wanted) -> Normalization:
    """Choose how a model's images are normalised: as the spec says, or as its weights want."""
    channels = data.source.shape[0]
    if model.normalize is not None:
        return _for_channels(model.normalize, channels)
    said = data.name in spec.datasets and spec.datasets[data.name].normalize is not None
    if weights.normalization is None or said:
        return data.normalization
    mean, std = weights.normalization
    # Images of other channels are refused by the model itself.
    return Normalization(mean=[*mean], std=[*std]) if channels == len(mean) else data.normalization


def _wanted(spec: Spec, *, own_inputs: bool) -> dict[Group, tuple[str, ...]]:
    """List the figures of each group that a build is to have, with inputs of its own or images."""
    measure, timing = spec.measure, spec.measure.timing
    alike = [model for model in spec.models.values() if bool(model.inputs) == own_inputs]
    left_out = {
        *(["speedup"] if not any(model.baseline for model in alike) else []),
        *(["time.total"] if own_inputs or not (timing and timing.total) else []),
    }
    asked = _asked(spec)
    wanted: dict[Group, list[str]] = defaultdict(list)
    if measure.complexity:
        named = [key for key in asked if key.metric.kind == "complexity"]
        wanted["complexity"] = [*metrics("complexity"), *named]
    for name in metrics("timing") if timing else ():
        keys, metric = [name], name.metric
        if timing and metric.per_batch:
            keys = [keys[0].at(size) for size in timing.batch_sizes]
        if metric.asked:
            keys = [key for key in keys if key in asked or name in asked]
            keys += [key for key in asked if key.name == name and key.batch]
        if keys and name not in left_out:
            wanted[metric.group] += keys
    if measure.accuracy:
        wanted["accuracy"] = [name for name in measure.accuracy.metrics if name in METRICS]
    return {group: tuple(dict.fromkeys(keys)) for group, keys in wanted.items()}


def _asked(spec: Spec) -> list[MetricKey]:
    """List the keys that columns and budgets name."""
    named = [*(spec.report.columns or ()), *spec.budgets]
    named += [key for model in spec.models.values() for key in model.budgets]
    named += spec.report.modules.columns if spec.report.modules else ()
    return [parse_key(key) for key in dict.fromkeys(named) if is_known(key)]


def _reported(
    entries: Sequence[Reported], name: str, dataset: str, classes: int
) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for entry in entries:
        if not _is_of(entry, name, dataset, classes):
            continue
        metric = metric_of(entry.metric)
        figures[entry.metric] = Figure(
            provenance="reported",
            value=read_in(entry.value, metric.unit, metric.counts),
            unit=metric.unit,
            text=str(entry.value),
            source=entry.source,
        )
    return figures


def _claims(
    entries: Sequence[Claim], name: str, dataset: str, classes: int
) -> tuple[records.ClaimRecord, ...]:
    return tuple(
        records.ClaimRecord(
            metric=entry.metric,
            value=str(entry.value),
            source=entry.source,
            module=entry.module or "",
            tolerance=entry.tolerance or "",
            reason=entry.reason or "",
        )
        for entry in entries
        if _is_of(entry, name, dataset, classes)
    )


def _is_of(entry: Quoted, name: str, dataset: str, classes: int) -> bool:
    return (
        entry.of == name and entry.dataset in (None, dataset) and entry.classes in (None, classes)
    )


def _budgets(spec: Spec, model: Model) -> dict[str, str]:
    """Collect the limits of one model: its own before those of all."""
    given = {**spec.budgets, **model.budgets}
    return {key: limits.parse(key, text).text for key, text in given.items() if text}


def _settings(spec: Spec, order: tuple[str, ...]) -> ReportSettings:
    complexity, timing = spec.measure.complexity, spec.measure.timing
    modules = spec.report.modules
    return ReportSettings(
        columns=tuple(spec.report.columns or _default_columns(spec)),
        formats=tuple(spec.report.formats),
        order=order,
        tree=spec.report.tree,
        explain=spec.report.explain,
        module_depth=modules.depth if modules else None,
        module_columns=tuple(modules.columns) if modules else None,
        backward_factor=complexity.backward_factor if complexity else 2.0,
        batch_size=complexity.batch_size if complexity else 1,
        batch_sizes=tuple(timing.batch_sizes) if timing else (),
        rounds=timing.rounds if timing else 0,
        fewer_rounds=bool(timing and (timing.precision or timing.seconds)),
    )


def _default_columns(spec: Spec) -> Iterator[str]:
    """Choose columns: quality first, then time, then size."""
    measure = spec.measure
    if measure.accuracy:
        yield from measure.accuracy.metrics
    if measure.timing:
        if measure.timing.total and not all(model.inputs for model in spec.models.values()):
            yield "time.total"
        yield "latency"
        if any(model.baseline for model in spec.models.values()):
            yield "speedup"
    if measure.complexity:
        yield from ("flops", "macs", "params")
