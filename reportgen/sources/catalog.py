"""The models a spec may name, and where their factories are. To add one, add a row.

A source is `zoo/NAME`, `torchvision/NAME`, `python/PACKAGE.MODULE:FACTORY`, `PATH.py:FACTORY`, or a
name that an installed package declares under the entry point group `reportgen.models`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from reportgen.common.errors import UsageError, did_you_mean
from reportgen.common.registry import was_known
from reportgen.sources.torchvision import INPUT_SIZES

ENTRY_POINTS = "reportgen.models"
Origin = Literal["zoo", "torchvision", "python", "file", "plugin"]


@dataclass(frozen=True)
class ModelEntry:
    """A factory of models, named but not imported.

    `target` is `module:attribute` (of a file: `path:attribute`). `args` are the keyword arguments a
    spec may give, with their defaults; None where only the factory knows. `classes_argument` is
    the keyword that takes the number of classes; empty where there is none. `example_inputs` shows
    a spec's `inputs` for a model that takes no images.
    """

    source: str
    origin: Origin
    target: str
    summary: str = ""
    input_shape: tuple[int, int, int] | None = None
    args: Mapping[str, object] | None = None
    classes_argument: str = "num_classes"
    example_inputs: str = ""

    @property
    def runs_foreign_code(self) -> bool:
        """Whether building it runs code that neither reportgen nor an installed package ships."""
        return self.origin in ("python", "file")


class UnknownModelError(UsageError, KeyError):
    """No model has this name; `hint` says which may be meant."""

    def __init__(self, source: str, hint: str) -> None:
        super().__init__(source)
        self.source = source
        self.hint = hint

    def __str__(self) -> str:
        return f"unknown model '{self.source}'"


def _zoo(
    name: str,
    target: str,
    summary: str,
    shape: tuple[int, int, int],
    args: Mapping[str, object] | None = None,
) -> ModelEntry:
    return ModelEntry(f"zoo/{name}", "zoo", f"reportgen.zoo.{target}", summary, shape, args or {})


_CIFAR, _DIGITS, _IMAGENET = (3, 32, 32), (1, 8, 8), (3, 224, 224)

ZOO: Mapping[str, ModelEntry] = {
    entry.source: entry
    for entry in (
        _zoo(
            "cifar_resnet50",
            "cifar_resnet50:cifar_resnet50",
            "bottleneck ResNet-50 with a 3×3 stem, for 32×32 images",
            _CIFAR,
            {"in_channels": 3, "stem_pool": False},
        ),
        _zoo(
            "resnet_lite",
            "resnet_lite:resnet_lite",
            "six basic blocks of widths 32 to 256",
            _CIFAR,
            {"in_channels": 3, "counted_add": False},
        ),
        *(
            _zoo(
                f"cifar_resnet{depth}",
                f"cifar_resnet:resnet{depth}",
                f"ResNet-{depth} for CIFAR, shortcuts without parameters",
                _CIFAR,
                {"in_channels": 3},
            )
            for depth in (20, 32, 44, 56, 110)
        ),
        _zoo(
            "digits_mlp",
            "digits:digits_mlp",
            "perceptron for 8×8 digits",
            _DIGITS,
            {"hidden": 128},
        ),
        _zoo(
            "digits_cnn",
            "digits:digits_cnn",
            "small convolutional net for digits",
            _DIGITS,
            {"in_channels": 1, "width": 16},
        ),
        _zoo(
            "digits_resnet",
            "digits:digits_resnet",
            "small residual net for digits",
            _DIGITS,
            {"in_channels": 1, "width": 16},
        ),
        _zoo(
            "keras_resnet50",
            "keras_resnet50:keras_resnet50",
            "ResNet-50 of Keras 2.1: biases, strides in 1×1 convolutions, unpadded pool",
            _IMAGENET,
            {"in_channels": 3, "blocks": (3, 4, 6, 3), "pool_padding": False},
        ),
        _zoo(
            "keras_inception_v3",
            "keras_inception_v3:keras_inception_v3",
            "Inception-V3 of Keras: norms without scale, a linear layer on all pixels",
            _IMAGENET,
            {"in_channels": 3, "image_size": 224},
        ),
        _zoo(
            "keras_mobilenet",
            "keras_mobilenet:keras_mobilenet",
            "MobileNet of Keras, alpha times as wide, a linear layer on all pixels",
            _IMAGENET,
            {"in_channels": 3, "alpha": 1.0, "image_size": 224},
        ),
        _zoo(
            "conv",
            "conv:conv",
            "a single convolution, its output channels the classes",
            (3, 64, 64),
            {"in_channels": 3, "kernel_size": 3, "stride": 1, "padding": 0, "bias": True},
        ),
        ModelEntry(
            "zoo/decoder",
            "zoo",
            "reportgen.zoo.decoder:decoder",
            "decoder of Llama's kind: grouped queries, rotary positions, gated linear units",
            args={
                "vocabulary": 32_000,
                "layers": 12,
                "width": 768,
                "heads": 12,
                "key_value_heads": 12,
                "hidden": 2_048,
                "tied": False,
                "rope_base": 10_000.0,
            },
            classes_argument="",
            example_inputs="{tokens: {shape: [128], dtype: int64, below: 32000}}",
        ),
    )
}

TORCHVISION: Mapping[str, ModelEntry] = {
    f"torchvision/{name}": ModelEntry(
        f"torchvision/{name}",
        "torchvision",
        f"torchvision.models:{name}",
        f"torchvision's {name}",
        (3, size, size),
    )
    for name, size in INPUT_SIZES.items()
}

MODELS: Mapping[str, ModelEntry] = {**ZOO, **TORCHVISION}


def find(source: str) -> ModelEntry:
    """Return what a spec's `source` names; raise UnknownModelError.

    Nothing is imported: whether a factory of somebody's own exists is known when it is built.
    """
    if entry := MODELS.get(source):
        return entry
    module, colon, factory = source.rpartition(":")
    if source.startswith("python/"):
        target = module.removeprefix("python/")
        if colon and factory.isidentifier() and all(p.isidentifier() for p in target.split(".")):
            return ModelEntry(source, "python", f"{target}:{factory}")
        raise UnknownModelError(source, "Write python/PACKAGE.MODULE:FACTORY.")
    if module.endswith(".py") or source.endswith(".py"):
        if colon and factory.isidentifier():
            return ModelEntry(source, "file", source)
        raise UnknownModelError(source, "Write PATH/TO/FILE.py:FACTORY.")
    if entry := _plugin(source):
        return entry
    if was_known(source):
        return ModelEntry(source, "plugin", "")
    # `resnet50` misses its family; `zoo/resnet18` looks for torchvision's.
    base = source.rpartition("/")[2]
    family = [name for name in MODELS if name.rpartition("/")[2] == base]
    hint = f"Did you mean '{family[0]}'?" if family else did_you_mean(source, MODELS)
    raise UnknownModelError(source, f"{hint} `reportgen list models` lists all.".strip())


def _plugin(source: str) -> ModelEntry | None:
    from importlib.metadata import entry_points

    for point in entry_points(group=ENTRY_POINTS, name=source):
        return ModelEntry(source, "plugin", point.value)
    return None
