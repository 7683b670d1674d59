"""Spec → Plan: which builds there are, which figures each wants, and what those depend on.

A build is a model, for a data set, with a class count. Planning imports nothing that measures and
reads no data; it knows names, and digests of the spec's parts and of the code they name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reportgen import budgets, quantities
from reportgen import record as records
from reportgen.catalog import datasets, models
from reportgen.catalog.models import ModelEntry
from reportgen.data.source import DataSource
from reportgen.errors import UsageError
from reportgen.fingerprint import digest
from reportgen.inputs import Group, digests
from reportgen.record import BuildRecord, DatasetRecord, Figure, Record, ReportSettings
from reportgen.spec.model import (
    Dataset,
    Measure,
    Model,
    Normalization,
    Quantize,
    Spec,
    Weights,
)
from reportgen.spec.quoted import Claim, Quoted, Reported
from reportgen.spec.variants import Freeze, Heads, frozen_text, heads_text
from reportgen.units import convert, parse_quantity

SYNTHETIC_COUNT = 1_000


@dataclass(frozen=True)
class Data:
    """A data set of the plan: what it is called here, where it comes from, how it is normalised."""

    name: str
    source: DataSource
    split: str
    normalization: Normalization
    count: int | None

    @property
    def synthetic(self) -> bool:
        """Whether its images are random, so that no accuracy can come of them."""
        return self.source.source == "synthetic"


@dataclass(frozen=True)
class Build:
    """One row of a table, with the figures it wants and what they depend on.

    `inputs` maps each group of figures to named digests; the digests of data and of weights files
    are added when those are found.
    """

    id: str
    model: str
    data: Data
    classes: int
    entry: ModelEntry
    args: Mapping[str, Any]
    weights: Weights | None
    quantize: Quantize | None
    heads: Heads | None
    freeze: Freeze | None
    batch_size: int | None
    normalization: Normalization
    baseline: bool
    input_shape: tuple[int, int, int]
    wanted: Mapping[Group, tuple[str, ...]]
    inputs: Mapping[Group, Mapping[str, str]]
    reported: Mapping[str, Figure]
    budgets: Mapping[str, str]
    claims: tuple[records.Claim, ...]

    @property
    def no_accuracy(self) -> str:
        """Why this build can have no measured accuracy; empty if it can."""
        if self.data.synthetic:
            return "random images have no right answer"
        if self.weights is None:
            return "the spec gives no weights"
        if (has := self.data.source.classes) != self.classes:
            return f"built for {self.classes} classes, and the data set has {has}"
        return ""


@dataclass(frozen=True)
class Plan:
    """All that a spec asks for, in the order of its tables."""

    name: str
    title: str
    spec_dir: Path
    measure: Measure
    settings: ReportSettings
    templates: Path | None
    data: Mapping[str, Data]
    builds: Mapping[str, Build]
    baselines: Mapping[tuple[str, int], Build]

    def baseline_of(self, build: Build) -> Build | None:
        """Return the build that `build` is compared with: same data set, same class count."""
        return self.baselines.get((build.data.name, build.classes))

    def empty_record(self) -> Record:
        """Return the record of this plan before anything is measured."""
        return Record(
            spec=self.name,
            title=self.title,
            report=self.settings,
            datasets={
                name: DatasetRecord(
                    source=data.source.source,
                    split=data.split,
                    classes=data.source.classes,
                    shape=data.source.shape,
                    count=data.count,
                    normalize=_label(data.normalization),
                )
                for name, data in self.data.items()
            },
            builds={
                build.id: BuildRecord(
                    model=build.model,
                    dataset=build.data.name,
                    classes=build.classes,
                    source=build.entry.source,
                    input_shape=build.input_shape,
                    dtype="int8" if build.quantize else "float32",
                    baseline=build.baseline,
                    heads=heads_text(build.heads),
                    frozen=frozen_text(build.freeze),
                    batch_size=build.batch_size,
                    reported=build.reported,
                    budgets=build.budgets,
                    claims=build.claims,
                )
                for build in self.builds.values()
            },
        )


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
        if baseline and "speedup" in build.inputs:
            compared = {**build.inputs["speedup"], "baseline": digest(baseline.inputs["timing"])}
            builds[key] = replace(build, inputs={**build.inputs, "speedup": compared})
    # Tables go by data set, and within one in the order of the models.
    order = tuple(build.id for key in data for build in builds.values() if build.data.name == key)
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
    entry = datasets.find(dataset.source or name)
    shape = dataset.shape or entry.shape
    classes = dataset.classes or entry.classes
    assert shape is not None, "checked when the spec was loaded"
    assert classes is not None, "checked when the spec was loaded"
    channels, height, width = shape
    size = dataset.resize
    count = entry.splits.get(dataset.split)
    if entry.name == "synthetic":
        count = dataset.count or SYNTHETIC_COUNT
    if dataset.normalize is not None:
        normalization = _for_channels(dataset.normalize, channels)
    else:
        mean, std = datasets.NORMALIZATIONS[entry.normalization]
        normalization = _for_channels(Normalization(mean=[*mean], std=[*std]), channels)
    return Data(
        name=name,
        source=DataSource(
            source=entry.name,
            shape=(channels, size or height, size or width),
            classes=classes,
            name=name,
            path=dataset.path,
            count=count if entry.name == "synthetic" else None,
            resize=size,
        ),
        split=dataset.split,
        normalization=normalization,
        count=count,
    )


def _for_channels(normalization: Normalization, channels: int) -> Normalization:
    """Repeat a single mean and deviation for every channel."""
    if len(normalization.mean) == 1:
        return Normalization(mean=normalization.mean * channels, std=normalization.std * channels)
    return normalization


def _label(normalization: Normalization) -> str:
    """Return the name of a normalisation, or its figures where it has none."""
    given = (tuple(normalization.mean), tuple(normalization.std))
    for name, (mean, std) in datasets.NORMALIZATIONS.items():
        times = len(given[0]) // len(mean)
        if (mean * times, std * times) == given:
            return name
    return f"mean {normalization.mean}, std {normalization.std}"


def _builds(spec: Spec, data: Mapping[str, Data], spec_dir: Path) -> Iterator[Build]:
    compared = any(model.baseline for model in spec.models.values())
    wanted = _wanted(spec, compared=compared)
    for name, model in spec.models.items():
        for key in model.datasets or spec.datasets:
            own = data[key].source.classes
            for classes in model.classes or spec.classes or [own]:
                label = name if classes == own else f"{name} ({classes} classes)"
                yield _build(
                    spec,
                    model,
                    data[key],
                    identity=label if len(data) == 1 else f"{label} @ {key}",
                    name=name,
                    classes=classes,
                    wanted=wanted,
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
    entry = models.find(model.source)
    normalization = (
        _for_channels(model.normalize, data.source.shape[0])
        if model.normalize is not None
        else data.normalization
    )
    return Build(
        id=identity,
        model=name,
        data=data,
        classes=classes,
        entry=entry,
        args=model.args,
        weights=model.weights,
        quantize=model.quantize,
        heads=model.heads,
        freeze=model.freeze,
        batch_size=model.batch_size,
        normalization=normalization,
        baseline=model.baseline,
        input_shape=data.source.shape,
        wanted=wanted,
        inputs=digests(
            spec.measure, model, entry, classes, data.source.shape, normalization, spec_dir
        ),
        reported=_reported(spec.reported, name, data.name, classes),
        budgets=_budgets(spec, model),
        claims=_claims(spec.claims, name, data.name, classes),
    )


def _wanted(spec: Spec, *, compared: bool) -> dict[Group, tuple[str, ...]]:
    """List the figures of each group that a build is to have."""
    measure = spec.measure
    wanted: dict[Group, tuple[str, ...]] = {}
    if measure.complexity:
        always = [name for name, row in quantities.QUANTITIES.items() if row.kind == "complexity"]
        named = [*(spec.report.columns or ()), *spec.budgets]
        named += [key for model in spec.models.values() for key in model.budgets]
        asked = [key for key in dict.fromkeys(named) if quantities.split_convention(key)]
        wanted["complexity"] = (*always, *asked)
    if timing := measure.timing:
        sizes = timing.batch_sizes
        latencies = [f"{name}@{size}" for size in sizes for name in ("latency", "throughput")]
        wanted["timing"] = (*latencies, *(["time.total"] if timing.total else []))
        if compared:
            wanted["speedup"] = tuple(f"speedup@{size}" for size in sizes)
    if measure.accuracy:
        wanted["accuracy"] = tuple(measure.accuracy.metrics)
    return wanted


def _reported(
    entries: Sequence[Reported], name: str, dataset: str, classes: int
) -> dict[str, Figure]:
    figures: dict[str, Figure] = {}
    for entry in entries:
        if not _is_of(entry, name, dataset, classes):
            continue
        unit = quantities.quantity_of(entry.quantity).unit
        figures[entry.quantity] = Figure(
            provenance="reported",
            value=convert(*parse_quantity(entry.value), unit),
            unit=unit,
            text=str(entry.value),
            source=entry.source,
        )
    return figures


def _claims(
    entries: Sequence[Claim], name: str, dataset: str, classes: int
) -> tuple[records.Claim, ...]:
    return tuple(
        records.Claim(
            quantity=entry.quantity,
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
    limits = {**spec.budgets, **model.budgets}
    return {key: budgets.parse(key, text).text for key, text in limits.items() if text}


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
        if measure.timing.total:
            yield "time.total"
        yield "latency"
        if any(model.baseline for model in spec.models.values()):
            yield "speedup"
    if measure.complexity:
        yield from ("flops", "macs", "params")
