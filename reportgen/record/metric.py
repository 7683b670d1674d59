"""What a metric is: everything about it that somebody needs to know, in one entry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

Kind: TypeAlias = Literal["complexity", "timing", "accuracy", "other"]
"""Which part of `measure` gives a metric; `other`: none that is installed here."""
KINDS: tuple[Kind, ...] = ("complexity", "timing", "accuracy")

Group: TypeAlias = Literal[
    "complexity", "timing", "speedup", "cold start", "module times", "accuracy", "other"
]
"""Figures that depend on the same things, and become stale together.

A speed-up depends on the baseline too, a cold start on the smallest batch size and on no round, and
the times of modules are measured separately: hooks would cost the other times. `other`: those of a
metric that is not installed here, which are kept as they are.
"""

Certainty: TypeAlias = Literal["exact", "share", "rounds", "ratio"]
"""How much is known of a figure, and so when two of them differ.

exact: as much as its digits say; share: a proportion of examples has a standard error; rounds: the
interval of a median, which two processes of one program widen; ratio: an interval of its own.
"""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One metric: what a column shows, who measures it, and how two figures compare.

    `better` is the good direction (None: neither). `meaning` is the sentence below a table. A
    metric `per_batch` has a figure for each batch size; one `by_convention` can be asked for as a
    tool counts it; one `by_module` exists for modules only, not for a whole model. `asked` metrics
    are measured only where a column or a budget names them; those `of_data` need a data set.

    `apart` is the group of figures that become stale together, if it is not that of the `kind`.
    `certainty` says when two figures differ, and `inverse_of` names the metric whose interval
    this one has, inverted. `digits` are the significant ones that a table shows, and `of_model`
    ones do not depend on the input's size. `signed` figures may be below zero, `whole` ones are
    integers; of `correct` ones the record keeps the number of right answers. `counts` are the
    names that a printed figure may have behind its number (papers call multiply-accumulates
    FLOPs).

    `measure` gives the value; it is imported only where something is measured (`module:object`):

    - of kind `accuracy`: called with the number of classes, it returns a torchmetrics.Metric, which
      is updated with logits B×classes and labels B; where `unit` is %, its result is a share;
    - of kind `complexity`: called with the operation ledger (reportgen.record.ledger.Ledger) of one
      forward pass, it returns a number.

    Times are measured together, by reportgen alone.
    """

    name: str
    label: str
    meaning: str
    kind: Kind
    unit: str = ""
    better: Literal["lower", "higher"] | None = None
    per_batch: bool = False
    by_convention: bool = False
    by_module: bool = False
    asked: bool = False
    of_data: bool = False
    apart: Group | None = None
    certainty: Certainty = "exact"
    inverse_of: str = ""
    digits: int = 4
    of_model: bool = False
    signed: bool = False
    whole: bool = False
    correct: bool = False
    counts: tuple[str, ...] = ()
    measure: str | Callable[[Any], Any] | None = None

    @property
    def of_machine(self) -> bool:
        """Whether a figure belongs to the machine that it was measured on."""
        return self.certainty in ("rounds", "ratio")

    @property
    def group(self) -> Group:
        """The figures that become stale together with those of this metric."""
        return self.apart or self.kind
