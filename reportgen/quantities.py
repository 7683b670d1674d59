"""The quantities a report can show: one row each, with unit, direction and what measures it.

A quantity that depends on the batch size is written `latency@256`; `latency` alone stands for all
batch sizes the spec declares. To add a quantity, add a row here and let a measure produce it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["complexity", "timing", "accuracy"]
KINDS: tuple[Kind, ...] = ("complexity", "timing", "accuracy")


@dataclass(frozen=True)
class Quantity:
    """What a column shows.

    `better` says which direction is good (None: neither). `per_batch` marks quantities that exist
    once for each batch size. `meaning` is the sentence under the table.
    """

    name: str
    label: str
    unit: str
    kind: Kind
    better: Literal["lower", "higher"] | None
    meaning: str
    per_batch: bool = False


_ROWS: tuple[Quantity, ...] = (
    # What the work is. Exact integers.
    Quantity(
        "params",
        "Params",
        "",
        "complexity",
        "lower",
        "elements of all parameters; of an int8 model its packed weights, biases and norms",
    ),
    Quantity(
        "trainable_params",
        "Trainable",
        "",
        "complexity",
        None,
        "parameters that require a gradient; of an int8 model those of the float model",
    ),
    Quantity(
        "macs",
        "MACs",
        "",
        "complexity",
        "lower",
        "multiply-accumulates of convolutions, linear layers and matrix products in one forward "
        "pass",
    ),
    Quantity(
        "flops",
        "FLOPs",
        "",
        "complexity",
        "lower",
        "floating-point operations of one forward pass as DeepSpeed and calflops count them: "
        "2 MACs, plus norms, activations, pools, convolution biases and counted additions",
    ),
    Quantity(
        "macs_fwd_bwd",
        "Fwd+bwd MACs",
        "",
        "complexity",
        "lower",
        "MACs of a forward and a backward pass, the backward one taken as the factor given below",
    ),
    Quantity(
        "flops_fwd_bwd",
        "Fwd+bwd FLOPs",
        "",
        "complexity",
        "lower",
        "FLOPs of a forward and a backward pass, the backward one taken as the factor given below",
    ),
    # How long it takes. Noisy; belongs to a machine.
    Quantity(
        "latency",
        "Latency",
        "ms",
        "timing",
        "lower",
        "time of one forward pass over a batch, median of interleaved rounds",
        per_batch=True,
    ),
    Quantity(
        "throughput",
        "Throughput",
        "images/s",
        "timing",
        "higher",
        "batch size divided by the median latency",
        per_batch=True,
    ),
    Quantity(
        "speedup",
        "Speed-up",
        "×",
        "timing",
        "higher",
        "latency of the baseline divided by this model's, median over pairs of neighbouring "
        "rounds; ≈ where its 95 % interval contains 1",
        per_batch=True,
    ),
    Quantity(
        "time.total",
        "Total time",
        "s",
        "timing",
        "lower",
        "forward passes over the whole data set, data ready in memory",
    ),
    # How good it is. Exact on fixed weights and data.
    Quantity("top1", "Top-1", "%", "accuracy", "higher", "images whose class is ranked first"),
    Quantity(
        "top5", "Top-5", "%", "accuracy", "higher", "images whose class is among the first five"
    ),
    Quantity("error", "Error", "%", "accuracy", "lower", "100 % minus top-1"),
    Quantity(
        "f1_macro", "F1 (macro)", "%", "accuracy", "higher", "mean over classes of each one's F1"
    ),
    Quantity(
        "f1_weighted",
        "F1 (weighted)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's F1, weighted by the class's number of images",
    ),
    Quantity(
        "precision_macro",
        "Precision (macro)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's precision",
    ),
    Quantity(
        "recall_macro",
        "Recall (macro)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's recall",
    ),
    Quantity("loss", "Loss", "", "accuracy", "lower", "mean cross-entropy, in nats"),
)

QUANTITIES: dict[str, Quantity] = {row.name: row for row in _ROWS}
METRICS: tuple[str, ...] = tuple(row.name for row in _ROWS if row.kind == "accuracy")


def split_key(key: str) -> tuple[str, int | None]:
    """Split `latency@256` into (`latency`, 256), and `macs` into (`macs`, None).

    Raises KeyError for a name or a batch size that cannot be.
    """
    name, at, batch = key.partition("@")
    quantity = QUANTITIES.get(name)
    if quantity is None or (at and not (quantity.per_batch and batch.isdigit() and int(batch) > 0)):
        raise KeyError(key)
    return name, int(batch) if at else None


def quantity_of(key: str) -> Quantity:
    """Return the quantity of a figure's key, with or without its batch size."""
    return QUANTITIES[split_key(key)[0]]
