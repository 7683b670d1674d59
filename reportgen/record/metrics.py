"""The metrics a report can show: one row each, with unit, direction and what measures it.

A metric that depends on the batch size is written `latency@256`; `latency` alone stands for all
batch sizes the spec declares. One that tools count differently is written `flops.thop`: which
conventions there are, `reportgen.counting.readings` knows. To add a metric, add a row here and
let a measure produce it.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["complexity", "timing", "accuracy", "other"]
"""Which part of `measure` gives a metric; `other`: none that is installed here."""
KINDS: tuple[Kind, ...] = ("complexity", "timing", "accuracy")


@dataclass(frozen=True)
class Metric:
    """What a column shows.

    `better` says which direction is good (None: neither). `per_batch` marks metrics that exist
    once for each batch size, `by_convention` those that can be asked for as some tool counts them,
    `by_module` those that a model has none of as a whole: they are told of its modules alone.
    `meaning` is the sentence under the table.
    """

    name: str
    label: str
    unit: str
    kind: Kind
    better: Literal["lower", "higher"] | None
    meaning: str
    per_batch: bool = False
    by_convention: bool = False
    by_module: bool = False

    @property
    def counts(self) -> tuple[str, ...]:
        """What a printed figure of this metric may say that it counts.

        Work may be called either name: papers call multiply-accumulates FLOPs.
        """
        if "params" in self.name:
            return ("params",)
        return ("MACs", "FLOPs") if self.name.startswith(("macs", "flops")) else ()


_ROWS: tuple[Metric, ...] = (
    # What the work is. Exact integers.
    Metric(
        "params",
        "Params",
        "",
        "complexity",
        "lower",
        "elements of all parameters; of an int8 model its packed weights, biases and norms",
        by_convention=True,
    ),
    Metric(
        "trainable_params",
        "Trainable",
        "",
        "complexity",
        None,
        "parameters that require a gradient; of an int8 model those of the float model",
    ),
    Metric(
        "macs",
        "MACs",
        "",
        "complexity",
        "lower",
        "multiply-accumulates of convolutions, linear layers and matrix products in one forward "
        "pass",
    ),
    Metric(
        "flops",
        "FLOPs",
        "",
        "complexity",
        "lower",
        "floating-point operations of one forward pass as DeepSpeed and calflops count them: "
        "2 MACs, plus norms, activations, pools, convolution biases and counted additions",
        by_convention=True,
    ),
    Metric(
        "activations",
        "Activations",
        "",
        "complexity",
        "lower",
        "elements that convolutions, linear layers and matrix products put out in one forward pass",
    ),
    Metric(
        "macs_fwd_bwd",
        "Fwd+bwd MACs",
        "",
        "complexity",
        "lower",
        "MACs of a forward and a backward pass, the backward one taken as the factor given below",
    ),
    Metric(
        "flops_fwd_bwd",
        "Fwd+bwd FLOPs",
        "",
        "complexity",
        "lower",
        "FLOPs of a forward and a backward pass, the backward one taken as the factor given below",
    ),
    # How long it takes. Noisy; belongs to a machine.
    Metric(
        "latency",
        "Latency",
        "ms",
        "timing",
        "lower",
        "time of one forward pass over a batch, median of rounds",
        per_batch=True,
    ),
    Metric(
        "throughput",
        "Throughput",
        "images/s",
        "timing",
        "higher",
        "batch size divided by the median latency",
        per_batch=True,
    ),
    Metric(
        "speedup",
        "Speed-up",
        "×",
        "timing",
        "higher",
        "latency of the baseline divided by this model's, median over pairs of neighbouring "
        "rounds; ≈ where its 95 % interval contains 1",
        per_batch=True,
    ),
    Metric(
        "cold_start",
        "Cold start",
        "ms",
        "timing",
        "lower",
        "first forward pass of a fresh process, over a batch of the smallest size, the module made "
        "and imports done, with the system's allocator; median of several processes",
    ),
    Metric(
        "memory",
        "Peak memory",
        "MiB",
        "timing",
        "lower",
        "by how much a fresh process grows at most while the module is made and one batch runs, "
        "with the system's allocator",
        per_batch=True,
    ),
    Metric(
        "time.total",
        "Total time",
        "s",
        "timing",
        "lower",
        "forward passes over the whole data set, data ready in memory",
    ),
    Metric(
        "time.share",
        "CPU time",
        "%",
        "timing",
        None,
        "each module's part of the time of a forward pass, in tables of modules only",
        by_module=True,
    ),
    # How good it is. Exact on fixed weights and data.
    Metric("top1", "Top-1", "%", "accuracy", "higher", "images whose class is ranked first"),
    Metric(
        "top5", "Top-5", "%", "accuracy", "higher", "images whose class is among the first five"
    ),
    Metric("error", "Error", "%", "accuracy", "lower", "100 % minus top-1"),
    Metric(
        "f1_macro", "F1 (macro)", "%", "accuracy", "higher", "mean over classes of each one's F1"
    ),
    Metric(
        "f1_weighted",
        "F1 (weighted)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's F1, weighted by the class's number of images",
    ),
    Metric(
        "precision_macro",
        "Precision (macro)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's precision",
    ),
    Metric(
        "recall_macro",
        "Recall (macro)",
        "%",
        "accuracy",
        "higher",
        "mean over classes of each one's recall",
    ),
    Metric("loss", "Loss", "", "accuracy", "lower", "mean cross-entropy, in nats"),
)

METRICS: dict[str, Metric] = {row.name: row for row in _ROWS}
_RANKS = {name: rank for rank, name in enumerate(METRICS)}
QUALITY: tuple[str, ...] = tuple(row.name for row in _ROWS if row.kind == "accuracy")

_CONVENTION = re.compile(r"[a-z][a-z0-9-]*")
KEY_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)?(@[1-9][0-9]{0,29})?$"
"""How the key of a figure is written, also of a metric that is not installed here."""
_KEY = re.compile(KEY_PATTERN, re.ASCII)


@functools.cache
def split_key(key: str) -> tuple[str, int | None]:
    """Split `latency@256` into (`latency`, 256), `macs` into (`macs`, None).

    The name keeps its convention: `flops.thop` is (`flops.thop`, None). A name that is not known
    here may be a plugin's. Raises KeyError for a name or a batch size that cannot be.
    """
    name, at, batch = key.partition("@")
    metric = METRICS.get(name)
    known = METRICS.get(name.partition(".")[0], metric)  # with or without a convention
    impossible = known is not None and (
        (metric is None and split_convention(name) is None) or (at and not known.per_batch)
    )
    if impossible or not _KEY.fullmatch(key):
        raise KeyError(key)
    return name, int(batch) if at else None


def is_possible(key: str) -> bool:
    """Whether there can be a figure under this key, of a metric that is known here or not."""
    try:
        split_key(key)
    except KeyError:
        return False
    return True


def is_known(key: str) -> bool:
    """Whether a key is that of a metric which is installed here."""
    name = key.partition("@")[0]
    return is_possible(key) and (name in METRICS or split_convention(name) is not None)


def split_convention(key: str) -> tuple[str, str] | None:
    """Split `flops.thop` into (`flops`, `thop`); None for a key that names no convention."""
    name, _, convention = key.partition(".")
    metric = METRICS.get(name)
    if metric is None or not metric.by_convention or not _CONVENTION.fullmatch(convention):
        return None
    return name, convention


@functools.cache
def metric_of(key: str) -> Metric:
    """Return the metric of a figure's key, with or without its batch size.

    One by a convention is a metric of its own, of which neither more nor less is better: it
    explains figures and is no contest. So is one that is not known here. Raises KeyError for a key
    that cannot be.
    """
    name, _ = split_key(key)
    if name in METRICS:
        return METRICS[name]
    if split_convention(name) is None:
        return Metric(name, name, "", "other", None, f"the metric '{name}' is not installed here")
    base, _, convention = name.partition(".")
    metric = METRICS[base]
    return replace(
        metric,
        name=name,
        label=f"{metric.label} ({convention})",
        better=None,
        meaning=f"as the convention '{convention}' counts",
        by_convention=False,
    )


def rank(key: str) -> tuple[int, str, int]:
    """Return what puts the keys of figures into the order of the rows above, batch by batch.

    What is not known here comes last.
    """
    name, batch = split_key(key)
    row = name if name in METRICS else name.partition(".")[0]
    return _RANKS.get(row, len(_RANKS)), name, batch or 0
