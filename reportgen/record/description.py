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
    """A published number for a build, which `reportgen.claims` judges.

    `value` is the figure as printed, `module` a module's path (empty: the whole model). `tolerance`
    is the accepted error (`0.1%`; empty: half of the last digit). `reason` explains a claim that is
    known to be wrong.
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
    """An input of a build: its shape, without the batch axis, and its type.

    Integers are drawn `below` a number, unless `fill` sets every element. `batch` is false for a
    tensor without a batch axis.
    """

    name: Name
    shape: Shape
    dtype: TypeName = "float32"
    below: Integer | None = None
    fill: Flag | Real | None = None
    batch: Flag = True

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values; `batch` only if it is false."""
        data = {key: value for key, value in vars(self).items() if value is not None}
        if self.batch:
            del data["batch"]
        return {**data, "shape": list(self.shape)}


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Description:
    """A model, for a data set, with a class count; its reported figures, claims and budgets.

    A build with `inputs` runs on these tensors, by name, and on no data set: its `dataset` and
    `input_shape` are empty, and its `classes` are 0 if its factory gets no class count.

    `heads` and `frozen` say in words what the spec adds to the model or freezes; `batch_size` is
    that of its counted pass, if it differs from the report's. `budgets` are limits by metric
    (`reportgen.record.budgets`).
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
        """Copy the description of another build."""
        return cls(**{name: getattr(other, name) for name in Description.__dataclass_fields__})
