"""How good a module is on a split: every metric from one pass, and the time its forwards took."""

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

# Further digits of a percentage of some thousand images, or of a float32 network's loss, are noise.
_DECIMALS = 4

# How many guesses each of these allows; both are counted in whole images.
_GUESSES = {"top1": 1, "top5": 5}

# The other percentages by their names in `reportgen.record.metrics`; all follow from the same
# counts for each class. Classes that neither occur nor are predicted are left out of a macro
# average.
_BY_CLASS: Mapping[str, Callable[..., Metric]] = {
    "f1_macro": partial(MulticlassF1Score, average="macro"),
    "f1_weighted": partial(MulticlassF1Score, average="weighted"),
    "precision_macro": partial(MulticlassPrecision, average="macro"),
    "recall_macro": partial(MulticlassRecall, average="macro"),
}


@dataclass(frozen=True)
class Evaluation:
    """What one pass over a split gave.

    `figures` maps the metrics asked for to their values (percentages, and the loss in nats), to
    four decimals. `correct` counts right answers, of all `images`, for those of top1 and top5 that
    were asked for. `seconds_forward` is the time in forward passes alone, data ready; `way` says
    how they were run, and `unusual` that it was chosen, or not the layout that modules are made in.
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

    The module takes images B×C×H×W (float32, normalised) and returns logits B×classes. Where
    `batch_size` or `channels_last` is None, it is chosen by measurement (see `pace`); `movable`
    says whether the module can be laid out otherwise. `threads` is how many torch may use, as many
    as now where left out; that, and the modes of the module, are put back. `progress` is told how
    many images are done, and of how many.

    Raises MeasureError for random images, for logits that are no numbers or of another shape, and
    for top-5 of fewer than five classes. What the module raises is passed on.
    """
    classes = len(split.class_names)
    if split.no_answers:
        raise MeasureError(split.no_answers, "Name another data set.")
    if "top5" in metrics and classes < _GUESSES["top5"]:
        raise MeasureError(
            f"there is no top-5 of {classes} classes", "Leave 'top5' out of the metrics."
        )
    tally = _Tally(classes, metrics)
    seconds = 0.0
    reader = Reader(split, normalization)
    with _evaluating(module), quiet(threads):
        pace = Pace(
            module,
            len(split),
            batch_size=batch_size,
            channels_last=channels_last,
            movable=movable,
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
    """The metrics of a pass, as far as it has come."""

    def __init__(self, classes: int, metrics: Sequence[str]) -> None:
        self.images = 0
        self._names = tuple(metrics)
        counted = [
            name for name in _GUESSES if name in metrics or (name == "top1" and "error" in metrics)
        ]
        by_class = [name for name in _BY_CLASS if name in metrics]
        rows: dict[str, Metric | MetricCollection] = {}
        for name in counted:
            rows[name] = MulticlassAccuracy(
                classes, top_k=_GUESSES[name], average="micro", validate_args=False
            )
        for name in by_class:
            rows[name] = _BY_CLASS[name](classes, validate_args=False)
        # Left to itself, torchmetrics lets metrics share their counts that agree after one batch,
        # which top-1 and top-5 do when all answers of that batch are right.
        groups = [[name] for name in counted] + ([by_class] if by_class else [])
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
        # A share in single precision tells the count to the last of eight million images.
        return round(self._share(name) * self.images)


def _checked(logits: Any, count: int, classes: int) -> Tensor:
    """Return a module's output if it is logits, `count` × `classes`; raise MeasureError if not."""
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
    # NaN where an image has one, ∞ where it has that, -∞ where no class is left to it.
    highest = logits.amax(1)
    if not highest.isfinite().all():
        what = "NaN" if highest.isnan().any() else "infinity"
        raise MeasureError(
            f"the model returns {what}", "Check the weights and the normalisation of the images."
        )
    return logits


def _shape(tensor: Tensor, count: int) -> str:
    """Write a shape for a report, which the size of the batch has no place in."""
    lengths = [str(length) for length in tensor.shape]
    if not lengths:
        return "a single number"
    return "×".join(["N" if tensor.shape[0] == count else lengths[0], *lengths[1:]])


def _kind(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


@contextmanager
def _evaluating(module: nn.Module) -> Iterator[None]:
    """Put a module into eval mode, and each of its parts back afterwards."""
    training = [part for part in module.modules() if part.training]
    if training:  # exported modules are in eval mode and refuse to be told
        module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True
