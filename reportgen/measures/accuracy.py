"""Evaluate a module on a split: every metric from one pass, and the time of its forwards."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter
from typing import Any, cast

import torchmetrics
from torch import Tensor, nn
from torchmetrics import MetricCollection
from torchmetrics.classification import MulticlassStatScores

from reportgen.common.errors import MeasureError
from reportgen.common.registry import imported
from reportgen.data.batches import MeanAndDeviation, Reader
from reportgen.data.search import Progress
from reportgen.data.store import Split
from reportgen.measures.batch_layout import Pace
from reportgen.measures.timing import quiet
from reportgen.record.metric import Metric
from reportgen.record.metrics import metric_of

# Further digits are noise, for some thousand images and for the loss of a float32 network.
_DECIMALS = 4


@dataclass(frozen=True)
class Evaluation:
    """The result of one pass over a split.

    `figures` maps the metrics asked for to their values, to four decimals, `correct` some of them
    to the number of right answers, and `failed` those that have no value to the reason.
    `seconds_forward` is the time in forward passes alone, data ready; `way` says how they were run,
    and `unusual` that it was chosen, or not the layout that modules are made in.
    """

    figures: Mapping[str, float]
    correct: Mapping[str, int]
    failed: Mapping[str, Exception]
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

    Raises MeasureError for random images, and for logits that are no numbers or of another shape.
    What the module raises is passed on.
    """
    classes = len(split.class_names)
    if split.no_answers:
        raise MeasureError(split.no_answers, "Name another data set.")
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
    figures, correct = tally.results()
    return Evaluation(figures, correct, tally.failed, tally.images, seconds, way, unusual)


class _Tally:
    """The metrics of a pass, as far as it has come. One that fails costs no other."""

    def __init__(self, classes: int, metrics: Sequence[str]) -> None:
        self.images = 0
        self._wanted = [metric_of(name) for name in metrics]
        self.failed: dict[str, Exception] = {}
        made: dict[str, torchmetrics.Metric] = {}
        for metric in self._wanted:
            with self._costing(metric.name):
                made[metric.name] = _factory(metric)(classes)
        alike = [name for name in made if _counts_by_class(made[name])]
        groups = [*([alike] if alike else []), *([name] for name in made if name not in alike)]
        # Left to itself, torchmetrics lets metrics share their counts that agree after one batch,
        # which top-1 and top-5 do when all answers of that batch are right.
        self._groups = [
            (group, MetricCollection({name: made[name] for name in group}, compute_groups=[group]))
            for group in groups
        ]

    def update(self, logits: Tensor, labels: Tensor) -> None:
        """Add a batch: logits B×classes, labels B."""
        self.images += len(labels)
        for names, group in self._groups:
            if not self.failed.keys() & names:
                with self._costing(*names):
                    group.update(logits, labels)

    def results(self) -> tuple[dict[str, float], dict[str, int]]:
        """Return the metrics that were asked for, without those that failed, and right answers."""
        figures, correct = {}, {}
        shares = self._computed()
        for metric in (metric for metric in self._wanted if metric.name in shares):
            share = shares[metric.name]
            if metric.correct:
                # Single precision tells the count to the last of eight million images.
                correct[metric.name] = round(share * self.images)
                share = correct[metric.name] / self.images
            figures[metric.name] = round(share * (100 if metric.unit == "%" else 1), _DECIMALS)
        return figures, correct

    def _computed(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for names, group in self._groups:
            for name in (name for name in names if name not in self.failed):
                with self._costing(name):
                    found[name] = float(group[name].compute())
        return found

    @contextmanager
    def _costing(self, *names: str) -> Iterator[None]:
        """Note what fails as the reason why some metrics have no value."""
        try:
            yield
        except Exception as error:  # of a plugin's metric, or of torchmetrics
            self.failed |= dict.fromkeys(names, error)


def _factory(metric: Metric) -> Callable[[int], torchmetrics.Metric]:
    assert metric.measure is not None, "every metric of quality has one"
    return cast(Callable[[int], torchmetrics.Metric], imported(metric.measure))


def _counts_by_class(metric: torchmetrics.Metric) -> bool:
    """Whether a metric follows from the right and wrong answers of each class, as F1 does."""
    return (
        isinstance(metric, MulticlassStatScores)
        and getattr(metric, "average", "micro") in ("macro", "weighted")
        and getattr(metric, "top_k", 1) == 1
    )


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
