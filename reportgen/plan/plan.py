"""The Plan: which builds there are, which figures each wants, and what those depend on.

A build is a model, for a data set, with a class count; or one with inputs of its own, for no data
set. `reportgen.plan.resolve` makes a plan of a spec.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.data.source import DataRequest
from reportgen.record.description import Description
from reportgen.record.metric import Group
from reportgen.record.metrics import METRICS, parse_key
from reportgen.record.record import (
    BuildRecord,
    DatasetRecord,
    MetricRecord,
    Record,
    ReportSettings,
)
from reportgen.sources.model_source import ModelEntry
from reportgen.spec.model import Measure, Model, Normalization


@dataclass(frozen=True)
class Data:
    """A data set of the plan: what it is called here, where it comes from, how it is normalised."""

    name: str
    source: DataRequest
    split: str
    normalization: Normalization
    count: int | None


# Stands where there is no data set.
NO_DATA = Data(
    name="",
    source=DataRequest(source="none", shape=(0, 0, 0), classes=0),
    split="",
    normalization=Normalization(mean=[0.0], std=[1.0]),
    count=None,
)


@dataclass(frozen=True, kw_only=True)
class Build(Description):
    """One row of a table, with the figures that it wants and their dependencies.

    `options` is the model in the spec, with the arguments that its weights need; `data` is
    `NO_DATA` for a build with `inputs`. `dependencies` maps each group of figures to named digests;
    those of data and weights are added later.
    """

    id: str
    data: Data
    entry: ModelEntry
    options: Model
    normalization: Normalization
    wanted: Mapping[Group, tuple[str, ...]]
    dependencies: Mapping[Group, Mapping[str, str]]

    @property
    def no_accuracy(self) -> str:
        """Why this build can have no measured accuracy; empty if it can."""
        if self.inputs:
            return "the spec gives its inputs, and no right answers to them"
        if why := self.data.source.entry.no_answers:
            return why
        if self.options.weights is None:
            return "the spec gives no weights"
        if (has := self.data.source.classes) != self.classes:
            return f"built for {self.classes} classes, and the data set has {has}"
        return ""

    @property
    def noun(self) -> str:
        """What a batch is made of, in the plural: `images`, or `samples` where it takes others."""
        return "samples" if self.inputs else "images"


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

    @property
    def named(self) -> frozenset[str]:
        """What the spec names: columns, and metrics of quality."""
        quality = self.measure.accuracy.metrics if self.measure.accuracy else ()
        return frozenset({*self.settings.columns, *quality})

    def _wanted(self) -> Iterator[str]:
        for build in self.builds.values():
            for keys in build.wanted.values():
                yield from keys

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
            metrics={
                name: MetricRecord.of(METRICS[name])
                for name in sorted({parse_key(key).name for key in self._wanted()})
                if METRICS.module(name)
            },
            builds={build.id: BuildRecord.of(build) for build in self.builds.values()},
        )


def _label(normalization: Normalization) -> str:
    """Return the name of a normalisation, or its figures where it has none."""
    given = (tuple(normalization.mean), tuple(normalization.std))
    for name, (mean, std) in NORMALIZATIONS.items():
        times = len(given[0]) // len(mean)
        if (mean * times, std * times) == given:
            return name
    return f"mean {normalization.mean}, std {normalization.std}"
