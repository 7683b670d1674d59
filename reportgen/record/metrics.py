"""The metrics, and the keys of their figures.

A figure's key is the name of its metric, with a batch size where it depends on that (`latency@256`)
or with a convention where tools count differently (`flops.thop`; `reportgen.counting.readings` has
the conventions). `latency` alone stands for all batch sizes of the spec. To add a metric, add an
entry here, or publish one in a package under the entry point group `reportgen.metrics`.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from functools import partial
from types import MappingProxyType

from reportgen.common.registry import Registry
from reportgen.record.metric import Metric

_MEASURES = "reportgen.measures.quality"

_work = partial(Metric, kind="complexity", better="lower", whole=True, counts=("MACs", "FLOPs"))
_size = partial(Metric, kind="complexity", whole=True, of_model=True, counts=("params",))
_time = partial(Metric, kind="timing", certainty="rounds", digits=3)
_quality = partial(Metric, kind="accuracy", unit="%", better="higher", certainty="share")

_ROWS: tuple[Metric, ...] = (
    # What the work is. Exact integers.
    _size(
        name="params",
        label="Params",
        meaning="elements of all parameters; of an int8 model its packed weights, biases and norms",
        better="lower",
        by_convention=True,
    ),
    _size(
        name="trainable_params",
        label="Trainable",
        meaning="parameters that require a gradient; of an int8 model those of the float model",
    ),
    _work(
        name="macs",
        label="MACs",
        meaning="multiply-accumulates of convolutions, linear layers and matrix products in one "
        "forward pass",
    ),
    _work(
        name="flops",
        label="FLOPs",
        meaning="floating-point operations of one forward pass as DeepSpeed and calflops count "
        "them: 2 MACs, plus norms, activations, pools, convolution biases and counted additions",
        by_convention=True,
    ),
    _work(
        name="activations",
        label="Activations",
        meaning="elements that convolutions, linear layers and matrix products put out in one "
        "forward pass",
        counts=(),
    ),
    _work(
        name="macs_fwd_bwd",
        label="Fwd+bwd MACs",
        meaning="MACs of a forward and a backward pass, the backward one taken as the factor given "
        "below",
    ),
    _work(
        name="flops_fwd_bwd",
        label="Fwd+bwd FLOPs",
        meaning="FLOPs of a forward and a backward pass, the backward one taken as the factor "
        "given below",
    ),
    # How long it takes. Noisy; belongs to a machine.
    _time(
        name="latency",
        per_batch=True,
        label="Latency",
        unit="ms",
        better="lower",
        meaning="time of one forward pass over a batch, median of rounds",
    ),
    _time(
        name="throughput",
        per_batch=True,
        label="Throughput",
        unit="images/s",
        better="higher",
        meaning="batch size divided by the median latency",
        inverse_of="latency",
    ),
    _time(
        name="speedup",
        per_batch=True,
        label="Speed-up",
        unit="×",
        better="higher",
        meaning="latency of the baseline divided by this model's, median over pairs of "
        "neighbouring rounds; ≈ where its 95 % interval contains 1",
        certainty="ratio",
        apart="speedup",
    ),
    _time(
        name="cold_start",
        label="Cold start",
        unit="ms",
        better="lower",
        meaning="first forward pass of a fresh process, over a batch of the smallest size, the "
        "module made and imports done, with the system's allocator; median of several processes",
        asked=True,
        apart="cold start",
    ),
    _time(
        name="memory",
        per_batch=True,
        label="Peak memory",
        unit="MiB",
        better="lower",
        meaning="by how much a fresh process grows at most while the module is made and one batch "
        "runs, with the system's allocator",
        asked=True,
        signed=True,
    ),
    _time(
        name="time.total",
        label="Total time",
        unit="s",
        better="lower",
        meaning="forward passes over the whole data set, data ready in memory",
        of_data=True,
    ),
    _time(
        name="time.share",
        label="CPU time",
        unit="%",
        meaning="each module's part of the time of a forward pass, in tables of modules only",
        asked=True,
        by_module=True,
        apart="module times",
    ),
    # How good it is. Exact on fixed weights and data.
    _quality(
        name="top1",
        label="Top-1",
        meaning="images whose class is ranked first",
        correct=True,
        measure=f"{_MEASURES}:top_1",
    ),
    _quality(
        name="top5",
        label="Top-5",
        meaning="images whose class is among the first five",
        correct=True,
        measure=f"{_MEASURES}:top_5",
    ),
    _quality(
        name="error",
        label="Error",
        meaning="100 % minus top-1",
        better="lower",
        measure=f"{_MEASURES}:ErrorRate",
    ),
    _quality(
        name="f1_macro",
        label="F1 (macro)",
        meaning="mean over classes of each one's F1",
        measure=f"{_MEASURES}:f1_macro",
    ),
    _quality(
        name="f1_weighted",
        label="F1 (weighted)",
        meaning="mean over classes of each one's F1, weighted by the class's number of images",
        measure=f"{_MEASURES}:f1_weighted",
    ),
    _quality(
        name="precision_macro",
        label="Precision (macro)",
        meaning="mean over classes of each one's precision",
        measure=f"{_MEASURES}:precision_macro",
    ),
    _quality(
        name="recall_macro",
        label="Recall (macro)",
        meaning="mean over classes of each one's recall",
        measure=f"{_MEASURES}:recall_macro",
    ),
    _quality(
        name="loss",
        label="Loss",
        meaning="mean cross-entropy, in nats",
        unit="",
        better="lower",
        certainty="exact",
        measure=f"{_MEASURES}:CrossEntropy",
    ),
)


def _complaint(name: str, metric: Metric) -> str:
    """Say why a package's metric cannot be used."""
    if metric.name != name:
        return f"its name is '{metric.name}'. Write the name of its entry point."
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "a name has small letters, digits and underscores."
    if metric.kind not in ("accuracy", "complexity"):
        return f"its kind is '{metric.kind}'. Packages measure 'accuracy' and 'complexity'."
    if metric.measure is None:
        return "nothing measures it. Give it `measure`."
    return ""


METRICS = Registry(
    "metric",
    "metrics",
    "reportgen.metrics",
    Metric,
    {metric.name: metric for metric in _ROWS},
    _complaint,
)
_DECLARED: ContextVar[Mapping[str, Metric]] = ContextVar("declared", default=MappingProxyType({}))
_RANKS = {metric.name: rank for rank, metric in enumerate(_ROWS)}

_CONVENTION = re.compile(r"[a-z][a-z0-9-]*")
KEY_PATTERN = r"^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_-]*)?(@[1-9][0-9]{0,29})?$"
"""How the key of a figure is written, also of a metric that is not installed here."""
_KEY = re.compile(KEY_PATTERN, re.ASCII)
_MOST_KEYS = 10_000  # a damaged record must not fill the memory with its keys


class MetricKey(str):
    """The key of a figure, taken apart once: a text, with its parts as attributes.

    `flops.thop` has the name `flops` and the convention `thop`, `latency@256` the name `latency`
    and the batch size 256. `column` is the key without its batch size.
    """

    __slots__ = ("batch", "convention", "name")

    name: str
    batch: int | None
    convention: str

    def __new__(cls, name: str, batch: int | None = None, convention: str = "") -> MetricKey:
        """Write the parts as a key."""
        after = f".{convention}" if convention else ""
        key = super().__new__(cls, f"{name}{after}" + (f"@{batch}" if batch else ""))
        key.name, key.batch, key.convention = name, batch, convention
        return key

    def __getnewargs__(self) -> tuple[str, int | None, str]:  # type: ignore[override]
        """Let a key be copied and sent to another process."""
        return self.name, self.batch, self.convention

    @property
    def column(self) -> str:
        """The key without its batch size."""
        return self.partition("@")[0]

    @property
    def metric(self) -> Metric:
        """The metric that a figure of this key is of."""
        return metric_of(self)

    def at(self, batch: int) -> MetricKey:
        """Return the key of the same metric at a batch size."""
        return MetricKey(self.name, batch, self.convention)


@functools.lru_cache(_MOST_KEYS)
def parse_key(key: str) -> MetricKey:
    """Return a key with its parts.

    A name that is not known here may be a plugin's. Raises KeyError for one that cannot be, and for
    a batch size or a convention that its metric does not have.
    """
    if isinstance(key, MetricKey):
        return key
    if not _KEY.fullmatch(key):
        raise KeyError(key)
    column, _, batch = key.partition("@")
    name, _, convention = column.partition(".")
    if column in METRICS or name not in METRICS:  # a dot may be part of a name
        name, convention = column, ""
    elif not METRICS[name].by_convention or not _CONVENTION.fullmatch(convention):
        raise KeyError(key)
    if batch and name in METRICS and not METRICS[name].per_batch:
        raise KeyError(key)
    return MetricKey(name, int(batch) if batch else None, convention)


def is_possible(key: str) -> bool:
    """Whether there can be a figure of this key, of a metric that is known here or not."""
    try:
        parse_key(key)
    except KeyError:
        return False
    return True


def is_known(key: str) -> bool:
    """Whether a key is that of a metric which is installed here."""
    return is_possible(key) and parse_key(key).name in METRICS


def metric_of(key: str) -> Metric:
    """Return the metric of a figure's key, with or without its batch size.

    One by a convention is a metric of its own, of which neither more nor less is better: it
    explains figures and is no contest. One that is not installed here is as the record says (see
    `declared`). Raises KeyError for a key that cannot be.
    """
    parts = parse_key(key)
    name = parts.column
    if parts.name in METRICS:
        return _by_convention(parts) if parts.convention else METRICS[name]
    meaning = f"the metric '{name}' is not installed here"
    unknown = Metric(name=name, label=name, meaning=meaning, kind="other", signed=True)
    return _DECLARED.get().get(name, unknown)


@contextmanager
def declared(metrics: Mapping[str, Metric]) -> Iterator[None]:
    """Let `metric_of` know metrics in the body that are not installed, as a record has them."""
    token = _DECLARED.set(metrics)
    try:
        yield
    finally:
        _DECLARED.reset(token)


@functools.lru_cache(_MOST_KEYS)
def _by_convention(key: MetricKey) -> Metric:
    metric = METRICS[key.name]
    return replace(
        metric,
        name=key.column,
        label=f"{metric.label} ({key.convention})",
        better=None,
        meaning=f"as the convention '{key.convention}' counts",
        by_convention=False,
    )


def metrics(kind: str) -> Iterator[MetricKey]:
    """Yield the metrics of a kind that ship with reportgen, in their order."""
    return (MetricKey(metric.name) for metric in _ROWS if metric.kind == kind)


def rank(key: str) -> tuple[int, str, int]:
    """Return what sorts keys in the order of the metrics, batch by batch; unknown ones last."""
    parts = parse_key(key)
    return _RANKS.get(parts.name, len(_RANKS)), parts.column, parts.batch or 0
