"""ResNet-50 as Keras 2.1 builds it, and its deeper relatives, which tables of 2018 are about.

He et al., "Deep Residual Learning for Image Recognition", 2015 (https://arxiv.org/abs/1512.03385).
What Keras does otherwise than torchvision, and what makes its figures differ: convolutions have
biases, a stage's stride is in the first 1×1 convolution of its first block, and the max-pool is not
padded, so that the second stage sees 55×55 pixels.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

__all__ = ["Addition", "Bottleneck", "KerasResNet", "keras_resnet50"]


class Addition(nn.Module):
    """The sum of two tensors of one shape; a module, so that its output can be tapped."""

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Add."""
        return torch.add(x, y)


class Bottleneck(nn.Module):
    """1×1 reduce (carries the stride), 3×3, 1×1 expand, added to the shortcut.

    Takes `(N, in_channels, H, W)`, returns `(N, 4·width, ceil(H / stride), ceil(W / stride))`. With
    `project` the shortcut is a convolution, otherwise the input itself.
    """

    expansion = 4

    def __init__(self, in_channels: int, width: int, *, stride: int, project: bool) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, stride=stride)
        self.bn1 = _norm(width)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(width, width, 3, padding=1)
        self.bn2 = _norm(width)
        self.relu2 = nn.ReLU()
        self.conv3 = nn.Conv2d(width, out_channels, 1)
        self.bn3 = _norm(out_channels)
        self.shortcut = nn.Sequential()
        if project:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride=stride), _norm(out_channels)
            )
        self.add = Addition()
        self.relu3 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        main = self.relu1(self.bn1(self.conv1(x)))
        main = self.relu2(self.bn2(self.conv2(main)))
        out: Tensor = self.relu3(self.add(self.bn3(self.conv3(main)), self.shortcut(x)))
        return out


class KerasResNet(nn.Sequential):
    """Stem, stages of bottlenecks, average pool, one linear layer; see :func:`keras_resnet50`."""

    def taps(self) -> Mapping[str, nn.Module]:
        """Return the residual additions, before their ReLU: `add_1`, `add_2` … as in Keras."""
        additions = (module for module in self.modules() if isinstance(module, Addition))
        return {f"add_{number}": module for number, module in enumerate(additions, 1)}


def keras_resnet50(
    num_classes: int,
    *,
    in_channels: int = 3,
    blocks: Sequence[int] = (3, 4, 6, 3),
    pool_padding: bool = False,
) -> KerasResNet:
    """Build the bottleneck ResNet with `blocks` blocks in its stages, ResNet-50 by default.

    Takes images `(N, in_channels, H, W)`, meant for 224×224, and returns the logits
    `(N, num_classes)`. ResNet-101 is `[3, 4, 23, 3]`, ResNet-152 `[3, 8, 36, 3]`. Stage `i` of the
    list, from 0, is called `stage{i + 2}`, as in the paper, and has width `64·2^i`.

    `pool_padding` pads the max-pool, as Keras does since 2.2: the second stage then sees 56×56
    pixels.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=nn.Conv2d(in_channels, 64, 7, stride=2, padding=3),
        bn1=_norm(64),
        relu=nn.ReLU(),
        maxpool=nn.MaxPool2d(3, stride=2, padding=int(pool_padding)),
    )
    channels = 64
    for index, count in enumerate(blocks):
        width = 64 * 2**index
        layers[f"stage{index + 2}"] = _stage(channels, width, count, stride=1 if index == 0 else 2)
        channels = Bottleneck.expansion * width
    layers["avgpool"] = nn.AdaptiveAvgPool2d(1)
    layers["flatten"] = nn.Flatten()
    layers["fc"] = nn.Linear(channels, num_classes)
    return KerasResNet(layers)


def _stage(in_channels: int, width: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = Bottleneck(in_channels, width, stride=stride, project=True)
    channels = Bottleneck.expansion * width
    rest = (Bottleneck(channels, width, stride=1, project=False) for _ in range(blocks - 1))
    return nn.Sequential(first, *rest)


def _norm(channels: int) -> nn.BatchNorm2d:
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)  # Keras's defaults
