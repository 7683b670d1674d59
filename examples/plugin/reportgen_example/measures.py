"""What the metric computes. Imported only where it is measured."""

from __future__ import annotations

from torchmetrics.classification import MulticlassAccuracy


def top_3(classes: int) -> MulticlassAccuracy:
    """Return the share of images whose class is among the first three."""
    return MulticlassAccuracy(classes, top_k=3, average="micro")
