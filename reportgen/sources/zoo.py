"""The models that reportgen defines itself. To add one, add a row."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path

from typing_extensions import override

from reportgen.common.fingerprint import code_digest
from reportgen.sources.model_source import ModelEntry, ModelSource


@dataclass(frozen=True)
class ZooModel(ModelEntry):
    """A factory in `reportgen.zoo`."""

    @property
    @override
    def start(self) -> None:
        return None

    @override
    def identity(self, spec_dir: Path) -> str:
        return _shipped(self.target.partition(":")[0])


@functools.cache
def _shipped(module: str) -> str:
    """Digest a file of ours, which stays as it is while this runs."""
    return code_digest(Path(__file__).parents[2].joinpath(*module.split(".")).with_suffix(".py"))


def _zoo(target: str, summary: str, called: str = "", **args: object) -> ZooModel:
    name = called or target.rpartition(":")[2]
    return ZooModel(f"zoo/{name}", f"reportgen.zoo.{target}", summary, args)


_MODELS = (
    _zoo(
        "cifar_resnet50:cifar_resnet50",
        "bottleneck ResNet-50 with a 3×3 stem, for 32×32 images",
        in_channels=3,
        stem_pool=False,
    ),
    _zoo(
        "resnet_lite:resnet_lite",
        "six basic blocks of widths 32 to 256",
        in_channels=3,
        counted_add=False,
    ),
    *(
        _zoo(
            f"cifar_resnet:resnet{depth}",
            f"ResNet-{depth} for CIFAR, shortcuts without parameters",
            f"cifar_resnet{depth}",
            in_channels=3,
        )
        for depth in (20, 32, 44, 56, 110)
    ),
    _zoo("digits:digits_mlp", "perceptron for 8×8 digits", hidden=128),
    _zoo("digits:digits_cnn", "small convolutional net for digits", in_channels=1, width=16),
    _zoo("digits:digits_resnet", "small residual net for digits", in_channels=1, width=16),
    _zoo(
        "keras_resnet50:keras_resnet50",
        "ResNet-50 of Keras 2.1: biases, strides in 1×1 convolutions, unpadded pool",
        in_channels=3,
        blocks=(3, 4, 6, 3),
        pool_padding=False,
    ),
    _zoo(
        "keras_inception_v3:keras_inception_v3",
        "Inception-V3 of Keras: norms without scale, a linear layer on all pixels",
        in_channels=3,
        image_size=224,
    ),
    _zoo(
        "keras_mobilenet:keras_mobilenet",
        "MobileNet of Keras, alpha times as wide, a linear layer on all pixels",
        in_channels=3,
        alpha=1.0,
        image_size=224,
    ),
    _zoo(
        "conv:conv",
        "a single convolution, its output channels the classes",
        in_channels=3,
        kernel_size=3,
        stride=1,
        padding=0,
        bias=True,
    ),
    ZooModel(
        "zoo/decoder",
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

SOURCE = ModelSource(
    "zoo/NAME", "an architecture of reportgen's own", {entry.source: entry for entry in _MODELS}
)
