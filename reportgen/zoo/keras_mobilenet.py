"""MobileNet as Keras builds it, with its width multiplier α, under a linear layer on all pixels.

Howard et al., "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications",
2017 (https://arxiv.org/abs/1704.04861).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

from torch import nn

__all__ = ["KerasMobileNet", "keras_mobilenet"]

# Channels of the pointwise convolution at α = 1 and stride of the depthwise one, block by block.
_BLOCKS = (
    (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2),
    *((512, 1),) * 5,
    (1024, 2), (1024, 1),
)  # fmt: skip


class KerasMobileNet(nn.Sequential):
    """Stem, 13 depthwise separable blocks, one linear layer; see :func:`keras_mobilenet`."""

    def taps(self) -> Mapping[str, nn.Module]:
        """Return the ReLU of each pointwise convolution: `conv_pw_1_relu` … as in Keras."""
        return {
            f"conv_pw_{number}_relu": self.get_submodule(f"block{number}.pw_relu")
            for number in range(1, len(_BLOCKS) + 1)
        }


def keras_mobilenet(
    num_classes: int, *, in_channels: int = 3, alpha: float = 1.0, image_size: int = 224
) -> KerasMobileNet:
    """Build MobileNet with `alpha` times the usual channels.

    Takes images `(N, in_channels, image_size, image_size)` and returns the logits
    `(N, num_classes)`, of a linear layer on all channels and pixels of the last block: 7·7·1024·α
    for 224×224. Convolutions have no biases.
    """
    channels, size = int(32 * alpha), _halved(image_size)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, channels, 3, stride=2, padding=1, bias=False),
        conv1_bn=_norm(channels),
        conv1_relu=nn.ReLU6(),
    )
    for number, (width, stride) in enumerate(_BLOCKS, 1):
        layers[f"block{number}"] = _separable(channels, int(width * alpha), stride)
        channels = int(width * alpha)
        size = _halved(size) if stride == 2 else size
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(size * size * channels, num_classes)
    return KerasMobileNet(layers)


def _separable(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Return a 3×3 convolution of each channel by itself, then a 1×1 convolution across them."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        dw=nn.Conv2d(
            in_channels, in_channels, 3, stride=stride, padding=1, groups=in_channels, bias=False
        ),
        dw_bn=_norm(in_channels),
        dw_relu=nn.ReLU6(),
        pw=nn.Conv2d(in_channels, out_channels, 1, bias=False),
        pw_bn=_norm(out_channels),
        pw_relu=nn.ReLU6(),
    )
    return nn.Sequential(layers)


def _halved(size: int) -> int:
    """Return the size after a padded 3×3 convolution of stride 2."""
    return -(-size // 2)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # Keras's defaults
