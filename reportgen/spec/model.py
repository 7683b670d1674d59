"""What a spec may say: the typed form of the YAML file. Frozen, strict, every unknown key an error.

The descriptions are what an editor shows beside each key, through the JSON Schema made from these
classes (`reportgen schema`).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    WithJsonSchema,
    model_validator,
)

from reportgen.common.errors import did_you_mean
from reportgen.common.registry import was_known
from reportgen.data.normalizations import NORMALIZATIONS
from reportgen.record.metrics import METRICS, metrics
from reportgen.sources import catalog
from reportgen.sources.catalog import MODEL_SOURCES
from reportgen.sources.model_source import UnknownModelError
from reportgen.spec.base import Classes, Name, Part, PositiveInt, Seconds, Side, problem
from reportgen.spec.documents import Documents
from reportgen.spec.quoted import Claim, Reported
from reportgen.spec.shared import Budgets, Defaults, Extends, ModelBudgets
from reportgen.spec.tensors import Inputs
from reportgen.spec.variants import Freeze, Heads

Argument: TypeAlias = Annotated[
    JsonValue, WithJsonSchema({"description": "Any value: text, a number, a list, a mapping."})
]

FEWEST_MODULE_RUNS = 5
"""Runs of a model whose modules are timed: a median of fewer follows a single bad one."""


def _known_source(source: str) -> str:
    try:
        catalog.find(source)
    except UnknownModelError as error:
        raise problem(str(error), error.hint) from None
    return source


def _known_quality(name: str) -> str:
    if was_known(name) or (name in METRICS and METRICS[name].kind == "accuracy"):
        return name
    known = [name for name in METRICS if METRICS[name].kind == "accuracy"]
    hint = did_you_mean(name, known, show=len(known))
    if name in METRICS:
        raise problem(f"'{name}' is no metric of quality", f"Known: {', '.join(known)}.")
    raise problem(f"unknown metric '{name}'", hint)


QualityMetric: TypeAlias = Annotated[
    str,
    AfterValidator(_known_quality),
    WithJsonSchema(
        {"anyOf": [{"enum": [str(name) for name in metrics("accuracy")]}, {"type": "string"}]}
    ),
]


class Normalization(Part):
    """Per-channel mean and standard deviation of images scaled to 0 … 1."""

    mean: list[float]
    """One mean for each channel."""
    std: list[Annotated[float, Field(gt=0)]]
    """One standard deviation for each channel."""

    @model_validator(mode="after")
    def _as_many(self) -> Normalization:
        if len(self.mean) != len(self.std):
            raise problem(
                f"{len(self.mean)} means and {len(self.std)} standard deviations",
                "Give one of each for each channel.",
            )
        return self


def _by_name(value: Any) -> Any:
    """Replace the name of a normalisation by its figures."""
    if not isinstance(value, str):
        return value
    if value not in NORMALIZATIONS:
        raise problem(f"unknown normalisation '{value}'", did_you_mean(value, NORMALIZATIONS))
    mean, std = NORMALIZATIONS[value]
    return {"mean": list(mean), "std": list(std)}


_FIGURES = {"type": "array", "items": {"type": "number"}}
Normalize = Annotated[
    Normalization,
    BeforeValidator(_by_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(NORMALIZATIONS)},
                {
                    "type": "object",
                    "properties": {"mean": _FIGURES, "std": _FIGURES},
                    "required": ["mean", "std"],
                    "additionalProperties": False,
                },
            ]
        }
    ),
]


class Dataset(Part):
    """A data set: a known one, a folder of images per class, or random images."""

    source: str | None = None
    """A name that `reportgen list datasets` shows; default: the key above it."""
    split: str = "test"
    """Which part to evaluate on: `test` or `train`, or the name of a sub-folder."""
    path: str | None = None
    """Where it lies, beside the spec or absolute; for `folder`: what holds SPLIT/CLASS/*.png."""
    shape: Annotated[list[Side], Field(min_length=3, max_length=3)] | None = None
    """Channels, height and width; needed unless the data set is a known one."""
    classes: Classes | None = None
    """Number of classes; needed unless the data set is a known one."""
    count: PositiveInt | None = None
    """For `synthetic`: number of images; default: 1,000."""
    resize: PositiveInt | None = None
    """Height and width to resize images to before they reach the model."""
    normalize: Normalize | None = None
    """`imagenet`, `cifar10`, … or mean and std; default: that of the known data set."""

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, data: Any) -> Any:
        return {} if data is None else data


class Fit(Part):
    """Train the weights once, from a fixed seed; the checkpoint is cached."""

    epochs: PositiveInt
    """Passes over the training split."""
    optimizer: Literal["sgd", "adam", "adamw"] = "adamw"
    """Which torch.optim optimiser."""
    learning_rate: Annotated[float, Field(gt=0)] = 0.01
    """Peak learning rate, annealed to zero along a cosine."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Decoupled for adamw, L2 for the others."""
    batch_size: PositiveInt = 64
    """Images in each step."""
    split: str = "train"
    """Part of the data set to train on."""
    seed: int = 0
    """Seed of the initial weights and of the order of the images."""


def _published_weights(schema: dict[str, Any]) -> None:
    """Offer the keys of sources that ship with reportgen; packages may add others."""
    for name, source in MODEL_SOURCES.shipped().items():
        if source.weights:
            schema["properties"][name] = {
                "type": "string",
                "description": f"The name of weights that {name} publishes of the model.",
                "examples": [source.weights],
            }


class Weights(Part):
    """Where a build's weights come from: a file, a url, a fit, or the model's own source."""

    model_config = ConfigDict(extra="allow", json_schema_extra=_published_weights)
    __pydantic_extra__: dict[str, str] = Field(init=False)

    file: str | None = None
    """A checkpoint beside the spec, or absolute: safetensors, or a state dict of torch."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Where to download a checkpoint; first looked for by name in the data directory."""
    fit: Fit | None = None
    """Train them here."""
    key: Annotated[str, Field(min_length=1)] | None = None
    """Which state dict of a file or url to load: `state_dict_ema`, or `a.b` if nested."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] | None = None
    """SHA-256 of the checkpoint, or its first eight or more digits; checked before loading."""

    @property
    def published(self) -> tuple[str, str] | None:
        """The source that publishes them, and what it calls them."""
        return next(iter((self.model_extra or {}).items()), None)

    @classmethod
    def other_keys(cls) -> list[str]:
        """Return the sources that publish weights."""
        return [name for name in MODEL_SOURCES if catalog.publishes(name)]

    @model_validator(mode="after")
    def _known_sources(self) -> Weights:
        unknown = [name for name in self.model_extra or () if not catalog.publishes(name)]
        if unknown:
            raise ValidationError.from_exception_data(
                "Weights", [{"type": "extra_forbidden", "loc": (n,), "input": n} for n in unknown]
            )
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> Weights:
        given = [name for name in ("file", "url", "fit") if getattr(self, name)]
        given[2:2] = self.model_extra or {}
        if len(given) != 1:
            what = " and ".join(f"'{name}'" for name in given) or "none"
            raise problem(
                f"weights come from one place, and here are {what}",
                f"Write exactly one of file, url, {', '.join(self.other_keys())} or fit.",
            )
        if self.sha256 and not (self.file or self.url):
            raise problem("'sha256' pins a file or a url only", "Remove it.")
        if self.key and not (self.file or self.url):
            raise problem("'key' chooses in a file or a url only", "Remove it.")
        if self.url and not self.sha256:
            raise problem(
                "a url needs 'sha256'", "Write the first 8 or more digits of the file's SHA-256."
            )
        return self


class Calibrate(Part):
    """Images from which the ranges of activations are read."""

    split: str = "train"
    """Part of the data set."""
    samples: PositiveInt = 512
    """How many images, drawn evenly whatever the order on disk."""


class Quantize(Part):
    """Post-training quantisation to 8-bit integers."""

    scheme: Literal["int8-static", "int8-dynamic"]
    """static: weights and activations, calibrated; dynamic: linear and recurrent layers only."""
    calibrate: Calibrate | None = None
    """For int8-static; default: 512 images of the training split."""
    unfused: list[str] = Field(default_factory=list)
    """Patterns of batch norms (`*.shortcut.*`) to keep apart from their convolution."""

    @model_validator(mode="after")
    def _dynamic_needs_no_images(self) -> Quantize:
        if self.scheme == "int8-dynamic" and self.calibrate:
            raise problem("int8-dynamic reads no images", "Remove 'calibrate'.")
        return self


class Model(Part):
    """One row of the table (or one for each data set and class count)."""

    source: Annotated[str, AfterValidator(_known_source)]
    """SOURCE/NAME (`reportgen list model-sources`), or PATH/TO/FILE.py:FACTORY."""
    args: dict[str, Argument] = Field(default_factory=dict)
    """Keyword arguments of the model's factory: any values, lists and mappings in them too."""
    inputs: Inputs | None = None
    """Tensors by name, if `forward` takes no batch of images: `tokens: {shape: [128], …}`."""
    baseline: bool = False
    """Compare the others' speed with this model's."""
    weights: Weights | None = None
    """Where the weights come from; without them no accuracy is shown."""
    quantize: Quantize | None = None
    """Run it in 8-bit integers."""
    heads: Heads | None = None
    """Classifiers at its taps: `all`, `{from: 9, to: 16}`, or a list of names."""
    freeze: Freeze | None = None
    """Parameters that are not trained: `backbone`, or patterns of module paths (`!` unfreezes)."""
    batch_size: PositiveInt | None = None
    """Images in its counted forward pass; default: that of `measure: complexity`."""
    datasets: list[str] | None = None
    """Data sets to report it on; default: all of the spec's."""
    classes: list[Classes] | None = None
    """Class counts, one build for each; default: the data set's, and none with `inputs`."""
    normalize: Normalize | None = None
    """Normalisation of this model's images, if it differs from the data set's."""
    budgets: ModelBudgets = Field(default_factory=dict)
    """Limits for this model, `params: ≤ 2 M`; each replaces the one of all models."""

    @model_validator(mode="after")
    def _published_weights(self) -> Model:
        published = self.weights and self.weights.published
        if published and published[0] != catalog.source_of(self.source):
            raise problem(
                f"{published[0]} publishes no weights of '{self.source}'",
                f"Write `source: {published[0]}/NAME`, or weights from a file, a url or a fit.",
            )
        return self

    @model_validator(mode="after")
    def _known_args(self) -> Model:
        entry = catalog.find(self.source)
        if entry.args is not None:
            for name in self.args:
                if name not in entry.args:
                    known = did_you_mean(name, entry.args) or f"'{self.source}' takes none."
                    raise problem(f"'{self.source}' has no argument '{name}'", known)
        return self


class Complexity(Part):
    """Count parameters and operations."""

    batch_size: PositiveInt = 1
    """Images in the counted forward pass."""
    backward_factor: Annotated[float, Field(ge=0)] = 2.0
    """Work of a backward pass, as a multiple of a forward pass."""


class Timing(Part):
    """Time forward passes on the CPU, the models in turn."""

    batch_sizes: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        default_factory=lambda: [1]
    )
    """Batch sizes; one latency, throughput and speed-up for each."""
    threads: PositiveInt | None = None
    """Threads that torch may use; default: all cores."""
    rounds: Annotated[int, Field(ge=3)] = 20
    """Samples of each model, in turn with the others; `precision` or `seconds` may end it."""
    precision: Annotated[float, Field(gt=0)] | None = None
    """Stop when every speed-up's interval is this close to it: 0.02 for 2 %."""
    seconds: Seconds | None = None
    """Stop after this many seconds for each batch size."""
    warmup: Annotated[int, Field(ge=0)] = 2
    """Rounds before timing that are not kept; more are added while models still get faster."""
    total: bool = True
    """Time the whole data set too (`time.total`)."""
    together: PositiveInt = 12
    """Models in memory at a time: more are timed in groups, each beside the baseline."""
    allocator: Literal["steady", "system"] = "steady"
    """`steady` keeps freed memory in the process; `system` is what your own script uses."""
    processes: PositiveInt = 2
    """Processes of each model that share its rounds, one after the other."""

    @property
    def module_runs(self) -> int:
        """Passes in which a model's modules are timed, for `time.share`."""
        return max(FEWEST_MODULE_RUNS, self.rounds)


class Accuracy(Part):
    """Evaluate on the data set."""

    metrics: Annotated[list[QualityMetric], Field(min_length=1)] = Field(
        default_factory=lambda: ["top1"]
    )
    """Metrics of quality."""
    batch_size: PositiveInt | None = None
    """Batch size; default: 256, or for a large data set chosen by measurement."""
    channels_last: bool | None = None
    """Lay images out pixel by pixel; default: for a large data set whichever is faster."""


def _switched(value: Any) -> Any:
    """Read `false` as `null`: not measured."""
    return None if value is False else value


def _switch(part: Any) -> BeforeValidator:
    """Let `false` stand for `null` in front of a part of `measure`."""
    return BeforeValidator(_switched, json_schema_input_type=part | Literal[False] | None)


class Measure(Part):
    """What to measure; a part that is left out, or `null` or `false`, is not measured."""

    complexity: Annotated[Complexity | None, _switch(Complexity)] = None
    """Parameters, MACs, FLOPs; `{}` for the default settings."""
    timing: Annotated[Timing | None, _switch(Timing)] = None
    """Latency, throughput, speed-up, total time."""
    accuracy: Annotated[Accuracy | None, _switch(Accuracy)] = None
    """Top-1, F1, loss …"""
    time_limit: Seconds = 14_400
    """Time limit in seconds for counting, evaluating and timing a build, each."""


class Spec(Part):
    """A whole spec."""

    reportgen: Literal[1]
    """Version of the spec's language."""
    title: Name
    """Heading of the report."""
    extends: Extends | None = None
    """Specs to start from, beside this one: mappings are merged, everything else is replaced."""
    defaults: Defaults | None = None
    """Defaults for every model and data set."""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)] = Field(default_factory=dict)
    """Data sets by name; each has its table. None is needed if all models have `inputs`."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """Models by the name that the table shows."""
    classes: list[Classes] | None = None
    """Class counts to build every model with; default: the data set's."""
    measure: Measure = Field(default_factory=lambda: Measure(complexity=Complexity()))
    """What to measure."""
    reported: list[Reported] = Field(default_factory=list)
    """Published figures, shown as quoted."""
    claims: list[Claim] = Field(default_factory=list)
    """Published figures, compared with measured ones."""
    budgets: Budgets = Field(default_factory=dict)
    """Limits for all models, by metric: `{params: ≤ 2 M, top1: ≥ 90 %}`."""
    report: Documents = Field(default_factory=Documents)
    """Contents and formats of the documents."""
