"""What a build is, declared once: the plan and the record both hold it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, TypeAlias, TypeVar

from pydantic import Field, Strict, with_config
from typing_extensions import Self

from reportgen.record.figure import Figure
from reportgen.record.values import (
    KNOWN_KEYS,
    MOST_ENTRIES,
    Count,
    Flag,
    Integer,
    MetricKey,
    Name,
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
class Description:
    """A model, for a data set, with a class count; and what a spec quotes and demands of it.

    A build that has `inputs` is run on those tensors, by name, and on no data set; its `dataset`
    and `input_shape` are empty, and its `classes` are 0 where its factory is told of none.

    `heads` and `frozen` say in words what the spec adds to the model or freezes of it; `batch_size`
    is that of its counted pass, where it is not that of the others. `budgets` are limits
    (`reportgen.record.budgets`) by metric.
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
    reported: ByMetric[Figure] = field(default_factory=dict)
    claims: Several[ClaimRecord] = ()
    budgets: ByMetric[Word] = field(default_factory=dict)

    @classmethod
    def of(cls, other: Description) -> Self:
        """Return what describes another build, and nothing else of it."""
        return cls(**{name: getattr(other, name) for name in Description.__dataclass_fields__})
