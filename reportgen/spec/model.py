"""What a spec may say: the typed form of the YAML file. Frozen, strict, every unknown key an error.

The descriptions are what an editor shows beside each key, through the JSON Schema made from these
classes (`reportgen schema`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from reportgen import quantities
from reportgen.catalog import datasets, models
from reportgen.errors import did_you_mean
from reportgen.units import convert, parse_quantity

Scalar: TypeAlias = str | int | float | bool | None
Argument: TypeAlias = Scalar | list[Scalar]
PositiveInt = Annotated[int, Field(gt=0)]
Classes = Annotated[int, Field(gt=1)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


def problem(message: str, hint: str = "") -> PydanticCustomError:
    """Return an error whose text and hint reach the user as they are."""
    return PydanticCustomError("spec", "{message}", {"message": message, "hint": hint})


def _known_source(source: str) -> str:
    try:
        models.find(source)
    except models.UnknownModelError as error:
        raise problem(str(error), error.hint) from None
    return source


def _known_column(column: str) -> str:
    try:
        quantities.split_key(column)
    except KeyError:
        name, at, batch = column.partition("@")
        if name in quantities.QUANTITIES and at:
            hint = "Write latency@256: a batch size goes with latency, throughput and speedup only."
            raise problem(f"'{batch}' is no batch size of '{name}'", hint) from None
        hint = did_you_mean(name, quantities.QUANTITIES)
        raise problem(
            f"unknown quantity '{column}'", f"{hint} `reportgen list metrics` lists all.".strip()
        ) from None
    return column


Format = Literal["md", "txt"]
Column = Annotated[str, AfterValidator(_known_column)]


class _Model(BaseModel):
    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Normalization(_Model):
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
    if value not in datasets.NORMALIZATIONS:
        raise problem(
            f"unknown normalisation '{value}'", did_you_mean(value, datasets.NORMALIZATIONS)
        )
    mean, std = datasets.NORMALIZATIONS[value]
    return {"mean": list(mean), "std": list(std)}


_FIGURES = {"type": "array", "items": {"type": "number"}}
Normalize = Annotated[
    Normalization,
    BeforeValidator(_by_name),
    WithJsonSchema(
        {
            "anyOf": [
                {"enum": list(datasets.NORMALIZATIONS)},
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


class Dataset(_Model):
    """A data set: one of the catalogue's, a folder of images per class, or random images."""

    source: str | None = None
    """Catalogue name, `folder` or `synthetic`; the key above it where left out."""
    split: str = "test"
    """Which part to evaluate on: `test` or `train`, or the name of a sub-folder."""
    path: str | None = None
    """For `folder`: the folder or zip that holds SPLIT/CLASS/*.png, beside the spec or absolute."""
    shape: Annotated[list[PositiveInt], Field(min_length=3, max_length=3)] | None = None
    """Channels, height and width; needed for `folder` and `synthetic`."""
    classes: Classes | None = None
    """Number of classes; needed for `folder` and `synthetic`."""
    count: PositiveInt | None = None
    """For `synthetic`: how many images (1,000 where left out)."""
    resize: PositiveInt | None = None
    """Height and width to resize images to before they reach the model."""
    normalize: Normalize | None = None
    """`imagenet`, `cifar10`, … or mean and std; the catalogue's choice where left out."""

    @model_validator(mode="before")
    @classmethod
    def _read_names(cls, data: Any) -> Any:
        return {} if data is None else data


class Fit(_Model):
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


class Weights(_Model):
    """Where a build's weights come from: exactly one of file, url, torchvision or fit."""

    file: str | None = None
    """A checkpoint beside the spec, or absolute: safetensors, or a state dict of torch."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s]+$")] | None = None
    """Where to download a checkpoint; first looked for by name in the data directory."""
    torchvision: str | None = None
    """A member of the model's own weights enum, such as IMAGENET1K_V2 or DEFAULT."""
    fit: Fit | None = None
    """Train them here."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{8,64}$")] | None = None
    """SHA-256 of the checkpoint, or its first eight or more digits; checked before loading."""

    @model_validator(mode="after")
    def _one_origin(self) -> Weights:
        given = [name for name in ("file", "url", "torchvision", "fit") if getattr(self, name)]
        if len(given) != 1:
            what = " and ".join(f"'{name}'" for name in given) or "none"
            raise problem(
                f"weights come from one place, and here are {what}",
                "Write exactly one of file, url, torchvision or fit.",
            )
        if self.sha256 and not (self.file or self.url):
            raise problem("'sha256' pins a file or a url only", "Remove it.")
        if self.url and not self.sha256:
            raise problem(
                "a url needs 'sha256'", "Write the first 8 or more digits of the file's SHA-256."
            )
        return self


class Calibrate(_Model):
    """Images from which the ranges of activations are read."""

    split: str = "train"
    """Part of the data set."""
    samples: PositiveInt = 512
    """How many images, drawn evenly whatever the order on disk."""


class Quantize(_Model):
    """Post-training quantisation to 8-bit integers."""

    scheme: Literal["int8-static", "int8-dynamic"]
    """static: weights and activations, calibrated; dynamic: linear and recurrent layers only."""
    calibrate: Calibrate | None = None
    """For int8-static; the first 512 images of the training split where left out."""
    unfused: list[str] = Field(default_factory=list)
    """Patterns of batch norms (`*.shortcut.*`) to keep apart from their convolution."""

    @model_validator(mode="after")
    def _dynamic_needs_no_images(self) -> Quantize:
        if self.scheme == "int8-dynamic" and self.calibrate:
            raise problem("int8-dynamic reads no images", "Remove 'calibrate'.")
        return self


class Model(_Model):
    """One row of the table (or one for each data set and class count)."""

    source: Annotated[str, AfterValidator(_known_source)]
    """zoo/NAME, torchvision/NAME, python/PACKAGE.MODULE:FACTORY or PATH/TO/FILE.py:FACTORY."""
    args: dict[str, Argument] = Field(default_factory=dict)
    """Keyword arguments of the model's factory."""
    baseline: bool = False
    """Compare the others' speed with this model's."""
    weights: Weights | None = None
    """Where the weights come from; without them no accuracy is shown."""
    quantize: Quantize | None = None
    """Run it in 8-bit integers."""
    datasets: list[str] | None = None
    """Data sets to report it on; all of the spec's where left out."""
    classes: list[Classes] | None = None
    """Class counts, one build for each; the data set's where left out."""
    normalize: Normalize | None = None
    """How this model wants its images, where it differs from the data set's."""

    @model_validator(mode="after")
    def _known_args(self) -> Model:
        entry = models.find(self.source)
        if entry.args is not None:
            for name in self.args:
                if name not in entry.args:
                    known = did_you_mean(name, entry.args) or f"'{self.source}' takes none."
                    raise problem(f"'{self.source}' has no argument '{name}'", known)
        return self


class Complexity(_Model):
    """Count parameters and operations."""

    batch_size: PositiveInt = 1
    """Images in the counted forward pass."""
    backward_factor: Annotated[float, Field(ge=0)] = 2.0
    """How many times the work of a forward pass a backward pass takes."""


class Timing(_Model):
    """Time forward passes on the CPU, the models in turn."""

    batch_sizes: Annotated[list[PositiveInt], Field(min_length=1)] = Field(
        default_factory=lambda: [1]
    )
    """Images in a batch; one latency, throughput and speed-up for each."""
    threads: PositiveInt | None = None
    """Threads torch may use; all cores where left out."""
    rounds: Annotated[int, Field(ge=3)] = 15
    """How often each model is timed, in turn with the others."""
    warmup: Annotated[int, Field(ge=0)] = 2
    """Rounds that are run first and not kept."""
    total: bool = True
    """Time the whole data set too (`time.total`)."""


class Accuracy(_Model):
    """Evaluate on the data set."""

    metrics: Annotated[list[Literal[quantities.METRICS]], Field(min_length=1)] = Field(  # type: ignore[valid-type]
        default_factory=lambda: ["top1"]
    )
    """Which figures of quality."""
    batch_size: PositiveInt = 256
    """Images in a batch."""


class Measure(_Model):
    """What to measure; a part that is left out is not measured."""

    complexity: Complexity | None = None
    """Parameters, MACs, FLOPs."""
    timing: Timing | None = None
    """Latency, throughput, speed-up, total time."""
    accuracy: Accuracy | None = None
    """Top-1, F1, loss …"""

    @model_validator(mode="before")
    @classmethod
    def _empty_means_defaults(cls, data: Any) -> Any:
        if isinstance(data, Mapping):
            return {key: {} if value is None else value for key, value in data.items()}
        return data


class Reported(_Model):
    """A figure somebody published, shown as quoted, with its source."""

    of: str
    """Name of the model."""
    quantity: Column
    """Which quantity: top1, time.total, flops …"""
    value: str | int | float
    """The figure as printed, with its unit: `87.79 %`, `2.6073 G`, `172.2883 s`."""
    source: Annotated[str, Field(alias="from", min_length=1)]
    """Who says so."""
    dataset: str | None = None
    """On which data set; needed where the model is reported on several."""
    classes: Classes | None = None
    """With how many classes; needed where the model is built with several counts."""

    @model_validator(mode="after")
    def _unit_fits(self) -> Reported:
        try:
            convert(*parse_quantity(self.value), quantities.quantity_of(self.quantity).unit)
        except ValueError as error:
            raise problem(f"'{self.quantity}' cannot be '{self.value}'", str(error)) from None
        return self


class Report(_Model):
    """How the documents look."""

    formats: list[Format] = Field(default_factory=lambda: [*get_args(Format)])
    """Documents to write beside the record."""
    columns: Annotated[list[Column], Field(min_length=1)] | None = None
    """Columns of the tables; everything measured where left out."""
    tree: bool = False
    """Add every module's share to the text document."""
    templates: str | None = None
    """A folder, beside the spec, of templates that replace the shipped ones of the same name."""


class Spec(_Model):
    """A whole spec."""

    reportgen: Literal[1]
    """Version of the spec's language."""
    title: Name
    """Heading of the report."""
    datasets: Annotated[dict[Name, Dataset], Field(min_length=1)]
    """Data sets by name; each has its table."""
    models: Annotated[dict[Name, Model], Field(min_length=1)]
    """Models by the name that the table shows."""
    classes: list[Classes] | None = None
    """Class counts to build every model with; the data set's where left out."""
    measure: Measure = Field(default_factory=lambda: Measure(complexity=Complexity()))
    """What to measure."""
    reported: list[Reported] = Field(default_factory=list)
    """What others published and is not measured here."""
    report: Report = Field(default_factory=Report)
    """How the documents look."""
