"""What the metrics of quality compute: one factory each, by the number of classes.

A factory returns a torchmetrics.Metric, which is updated with logits B×classes and labels B.
Classes that neither occur nor are predicted are left out of a macro average.
"""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torchmetrics import MeanMetric
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from reportgen.common.errors import MeasureError

top_1 = partial(MulticlassAccuracy, average="micro", validate_args=False)
f1_macro = partial(MulticlassF1Score, average="macro", validate_args=False)
f1_weighted = partial(MulticlassF1Score, average="weighted", validate_args=False)
precision_macro = partial(MulticlassPrecision, average="macro", validate_args=False)
recall_macro = partial(MulticlassRecall, average="macro", validate_args=False)


def top_5(classes: int) -> MulticlassAccuracy:
    """Return the share of images whose class is among the first five."""
    if classes < 5:
        raise MeasureError(
            f"there is no top-5 of {classes} classes", "Leave 'top5' out of the metrics."
        )
    return MulticlassAccuracy(classes, top_k=5, average="micro", validate_args=False)


class ErrorRate(MulticlassAccuracy):
    """The share of images whose class is not ranked first."""

    def __init__(self, classes: int) -> None:
        super().__init__(classes, average="micro", validate_args=False)

    def compute(self) -> Tensor:
        """Return 1 minus the accuracy."""
        return 1 - super().compute()


class CrossEntropy(MeanMetric):
    """The mean cross-entropy, in nats, summed in double precision."""

    def __init__(self, classes: int) -> None:
        super().__init__(nan_strategy="disable")
        self.set_dtype(torch.float64)

    def update(self, logits: Tensor, labels: Tensor) -> None:  # type: ignore[override]
        """Add a batch."""
        super().update(F.cross_entropy(logits.double(), labels, reduction="none"))

    def compute(self) -> Any:
        """Return the mean; raise MeasureError where it is infinite."""
        loss = super().compute()
        if not math.isfinite(float(loss)):
            raise MeasureError(
                "the loss is infinite: the model excludes a right class altogether",
                "Leave 'loss' out of the metrics.",
            )
        return loss
