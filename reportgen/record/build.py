"""A build in the record: a model, the data it was run on, and its figures."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import Field, Strict, with_config

from reportgen.common.units import read_in
from reportgen.record import figure as figures
from reportgen.record import ledger as ledgers
from reportgen.record import limits
from reportgen.record.damage import DamageError, quoted
from reportgen.record.figure import Figure
from reportgen.record.metrics import metric_of
from reportgen.record.text import Written, compact, pretty
from reportgen.record.values import (
    KNOWN_KEYS,
    MOST_ENTRIES,
    Count,
    Digest,
    Flag,
    Integer,
    MetricKey,
    Name,
    Named,
    Percent,
    Positive,
    Real,
    Several,
    Shape,
    Text,
    TypeName,
    Word,
)

V = TypeVar("V")
ByMetric: TypeAlias = Annotated[Mapping[MetricKey, V], Field(max_length=MOST_ENTRIES)]


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class ClaimRecord:
    """What somebody said of a build: `reportgen.claims` judges it.

    `value` is the figure as printed, `metric` what it is of, `module` the path of the part of the
    model that it is about (empty: all of it). `tolerance` is how far off it may be (`0.1%`; empty:
    half of its last digit). `reason` says why a claim that is known to be wrong is.
    """

    metric: MetricKey
    value: Annotated[str, Strict(), Field(max_length=100)]
    source: Text
    module: Word = ""
    tolerance: Percent = ""
    reason: Text = ""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class InputTensor:
    """A tensor that a build was run on: its shape, without the batch's axis, and its type.

    Integers are drawn `below` a number, where `fill` does not say what every element is. `batch` is
    false where no axis of the batch goes before the shape.
    """

    name: Name
    shape: Shape
    dtype: TypeName = "float32"
    below: Integer | None = None
    fill: Flag | Real | None = None
    batch: Flag = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; `batch` stands there where it is false."""
        data = {key: value for key, value in vars(self).items() if value is not None}
        if self.batch:
            del data["batch"]
        return {**data, "shape": list(self.shape)}


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class BuildRecord:
    """The figures of one build: a model, for a data set, with a class count.

    A build that has `takes` was run on those tensors, by name, and on no data set; its `dataset`
    and `input_shape` are empty, and its `classes` are 0 where its factory was told of none.

    `dependencies` holds, for each kind of measurement, the digests of what it was measured on
    (model, code, weights, data …): a figure is stale when one of them differs. `metadata` are
    things worth knowing that are not metrics (the checkpoint's hash, the int8 engine). `budgets`
    are limits (`reportgen.record.budgets`) by metric. `ledger` is the operation ledger in its
    compact form (`reportgen.record.ledger`). `heads` and `frozen` say in words what the spec adds
    to the model or freezes of it; `batch_size` is that of its counted pass, where it is not that of
    the others.
    """

    model: Name
    dataset: Word
    classes: Count
    source: Text
    input_shape: Shape
    dtype: TypeName = "float32"
    inputs: Several[InputTensor] = ()
    baseline: Flag = False
    heads: Text = ""
    frozen: Text = ""
    batch_size: Positive | None = None
    dependencies: Named[Named[Digest]] = field(default_factory=dict)
    figures: ByMetric[Figure] = field(default_factory=dict)
    reported: ByMetric[Figure] = field(default_factory=dict)
    claims: Several[ClaimRecord] = ()
    budgets: ByMetric[Word] = field(default_factory=dict)
    metadata: Named[Text] = field(default_factory=dict)
    ledger: ledgers.Written | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the build as JSON values."""
        data = compact(self)
        for name in ("figures", "reported"):
            if name in data:
                data[name] = {key: figure.to_json() for key, figure in data[name].items()}
        data["claims"] = [compact(claim) for claim in self.claims]
        data["inputs"] = [entry.to_json() for entry in self.inputs]
        for name in ("claims", "inputs"):
            if not data[name]:
                del data[name]
        return data

    @functools.cached_property
    def text(self) -> Written:
        """Its part of the record file. A run writes the file often, and changes one build."""
        return Written(pretty(self.to_json(), depth=2))


def damages(build: BuildRecord, environments: Mapping[str, object]) -> Iterator[DamageError]:
    """Yield what cannot be in a build, though each of its values could by itself."""
    for kind, found in (("figures", build.figures), ("reported", build.reported)):
        for key, figure in found.items():
            try:
                inside = list(figures.damages(figure, key, environments))
            except KeyError:
                yield DamageError((kind, key), f"{quoted(key)} is no metric")
                continue
            for damage in inside:
                yield damage.inside(kind, key)
    for damage in ledgers.damages(build.ledger) if build.ledger else ():
        yield damage.inside("ledger")
    for key, text in build.budgets.items():
        try:
            limits.parse(key, text)
        except (KeyError, ValueError):
            yield DamageError(("budgets", key), f"{quoted(text)} is not a budget of {quoted(key)}")
    for index, claim in enumerate(build.claims):
        try:
            metric = metric_of(claim.metric)
            read_in(claim.value, metric.unit, metric.counts)
        except (KeyError, ValueError):
            what = f"{quoted(claim.value)} is not a value of {quoted(claim.metric)}"
            yield DamageError(("claims", index), what)
