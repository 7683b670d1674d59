"""Evaluate a module on a split: every metric from one pass, and the time of its forwards."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics import MeanMetric, Metric, MetricCollection
from torchmetrics.classification import (
    MulticlassAccuracy,
    MulticlassF1Score,
    MulticlassPrecision,
    MulticlassRecall,
)

from reportgen.common.errors import MeasureError
from reportgen.data.batches import MeanAndDeviation, Reader
from reportgen.data.search import Progress
from reportgen.data.store import Split
from reportgen.measures.batch_layout import Pace
from reportgen.measures.timing import quiet

# Further digits are noise, for some thousand images and for the loss of a float32 network.
_DECIMALS = 4

# How many guesses each of these allows.
_GUESSES = {"top1": 1, "top5": 5}

# The other percentages, which share counts for each class. A macro average ignores classes that
# neither occur nor are predicted.
_RANKED: Mapping[str, Callable[..., Metric]] = {
    name: partial(MulticlassAccuracy, top_k=guesses, average="micro")
    for name, guesses in _GUESSES.items()
}
_BY_CLASS: Mapping[str, Callable[..., Metric]] = {
    "f1_macro": partial(MulticlassF1Score, average="macro"),
    "f1_weighted": partial(MulticlassF1Score, average="weighted"),
    "precision_macro": partial(MulticlassPrecision, average="macro"),
    "recall_macro": partial(MulticlassRecall, average="macro"),
}


@dataclass(frozen=True)
class Evaluation:
    """The result of one pass over a split.

    `figures` maps metrics to values (percentages, and the loss in nats), to four decimals.
    `correct` counts right answers, of all `images`, for top1 and top5. `seconds_forward` is the
    time of the forward passes alone. `way` says how they ran; `unusual` is true if it was chosen
    by measurement or is channels last.
    """

    figures: Mapping[str, float]
    correct: Mapping[str, int]
    images: int
    seconds_forward: float
    way: str
    unusual: bool


def evaluate(
    module: nn.Module,
    split: Split,
    *,
    normalization: MeanAndDeviation,
    metrics: Sequence[str],
    batch_size: int | None = None,
    channels_last: bool | None = False,
    movable: bool = True,
    threads: int | None = None,
    progress: Progress | None = None,
) -> Evaluation:
    """Run a module once over all images of a split, in eval mode.

    The module takes images B×C×H×W (float32, normalised) and returns logits B×classes. If
    `batch_size` or `channels_last` is None, it is chosen by measurement; `movable` says whether the
    module can be channels last. `threads` is torch's number of threads; None keeps it. It and the
    modes of the module are restored. `progress` gets the number of images done, and of all.

    Raises MeasureError for random images, for logits that are not finite or have a wrong shape, and
    for top-5 of fewer than five classes.
    """
    classes = len(split.class_names)
    if split.synthetic:
        raise MeasureError("random images have no right answer", "Name a real data set.")
    if "top5" in metrics and classes < _GUESSES["top5"]:
        raise MeasureError(
            f"there is no top-5 of {classes} classes", "Leave 'top5' out of the metrics."
        )
    tally = _Tally(classes, metrics)
    seconds = 0.0
    reader = Reader(split, normalization)
    with _evaluating(module), quiet(threads):
        pace = Pace(
            module, len(split), batch_size=batch_size, channels_last=channels_last, movable=movable
        )
        while tally.images < len(split):
            images, labels = reader.read(tally.images, tally.images + pace.way.batch_size)
            start = perf_counter()
            logits = module(images)
            taken = perf_counter() - start
            seconds += taken
            tally.update(_checked(logits, len(labels), classes), labels)
            pace.note(len(labels), taken)
            if progress:
                progress(tally.images, len(split))
    way = str(pace.way) + (", chosen by measurement" if pace.chosen else "")
    unusual = pace.chosen or pace.way.channels_last
    return Evaluation(tally.figures(), tally.correct(), tally.images, seconds, way, unusual)


class _Tally:
    """Metrics, updated batch by batch."""

    def __init__(self, classes: int, metrics: Sequence[str]) -> None:
        self.images = 0
        self._names = tuple(metrics)
        wanted = {"top1", *metrics} if "error" in metrics else {*metrics}
        rows: dict[str, Metric | MetricCollection] = {
            name: make(classes, validate_args=False)
            for name, make in (*_RANKED.items(), *_BY_CLASS.items())
            if name in wanted
        }
        # By default, torchmetrics lets metrics share counts that agree after one batch, as those of
        # top-1 and top-5 do if all answers of the batch are right.
        by_class = [name for name in rows if name in _BY_CLASS]
        groups = [[name] for name in rows if name in _RANKED] + ([by_class] if by_class else [])
        self._ranked = MetricCollection(rows, compute_groups=groups) if rows else None
        self._loss = None
        if "loss" in metrics:
            self._loss = MeanMetric(nan_strategy="disable").set_dtype(torch.float64)

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits B×classes, labels B."""
        self.images += len(labels)
        if self._ranked is not None:
            self._ranked.update(logits, labels)
        if self._loss is not None:
            self._loss.update(F.cross_entropy(logits.double(), labels, reduction="none"))

    def correct(self) -> dict[str, int]:
        """Count the images whose class is ranked first, or among the first five."""
        return {name: self._correct(name) for name in _GUESSES if name in self._names}

    def figures(self) -> dict[str, float]:
        """Return each metric that was asked for."""
        return {name: round(self._figure(name), _DECIMALS) for name in self._names}

    def _figure(self, name: str) -> float:
        if name == "loss":
            assert self._loss is not None
            loss = float(self._loss.compute())
            if not math.isfinite(loss):
                raise MeasureError(
                    "the loss is infinite: the model excludes a right class altogether",
                    "Leave 'loss' out of the metrics.",
                )
            return loss
        if name == "error":
            return 100 * (self.images - self._correct("top1")) / self.images
        if name in _GUESSES:
            return 100 * self._correct(name) / self.images
        return 100 * self._share(name)

    def _share(self, name: str) -> float:
        assert self._ranked is not None
        return float(self._ranked[name].compute())

    def _correct(self, name: str) -> int:
        # Single precision is exact enough for eight million images.
        return round(self._share(name) * self.images)


def _checked(logits: Any, count: int, classes: int) -> Tensor:
    """Return a module's output if it is logits, `count` × `classes`; else raise MeasureError."""
    wanted = f"logits of N×{classes}"
    if not isinstance(logits, Tensor) or not logits.is_floating_point():
        kind = f"a tensor of {logits.dtype}" if isinstance(logits, Tensor) else _kind(logits)
        raise MeasureError(
            f"the model returns {kind} and not {wanted}", "Wrap it in one that returns logits."
        )
    if logits.ndim == 2 and len(logits) == count and logits.shape[1] != classes:
        raise MeasureError(
            f"the model gives {logits.shape[1]:,} scores for {classes:,} classes",
            "Give it as many classes as the data set has.",
        )
    if logits.shape != (count, classes):
        raise MeasureError(
            f"the model returns {_shape(logits, count)} and not {wanted}",
            "Check its number of classes.",
        )
    highest = logits.amax(1)
    if not highest.isfinite().all():
        what = "NaN" if highest.isnan().any() else "infinity"
        raise MeasureError(
            f"the model returns {what}", "Check the weights and the normalisation of the images."
        )
    return logits


def _shape(tensor: Tensor, count: int) -> str:
    """Write a shape for a report, with N for the batch size."""
    lengths = [str(length) for length in tensor.shape]
    if not lengths:
        return "a single number"
    return "×".join(["N" if tensor.shape[0] == count else lengths[0], *lengths[1:]])


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, and restore the mode of each part."""
    training = [part for part in module.modules() if part.training]
    if training:  # exported modules are in eval mode and refuse `eval`
        module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
