"""ResNet-Lite: a basic-block residual network of six blocks for 32×32 images.

The blocks are those of He et al., "Deep Residual Learning for Image Recognition", 2015
(https://arxiv.org/abs/1512.03385), with projection shortcuts; widths and depths are those of the
CIFAR-10 demo that compares it with a bottleneck ResNet-50.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = ["BasicBlock", "ResNetLite", "resnet_lite"]


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, the first with the stride, added to the shortcut.

    Takes `(N, in_channels, H, W)`, returns `(N, channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(
        self, in_channels: int, channels: int, stride: int = 1, *, counted_add: bool = False
    ) -> None:
        super().__init__()
        self.counted_add = counted_add
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.shortcut = nn.Sequential()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, stride=stride, bias=False),
                nn.BatchNorm2d(channels),
            )

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        main = self.relu(self.bn1(self.conv1(x)))
        main = self.bn2(self.conv2(main))
        if self.counted_add:
            main = torch.add(main, self.shortcut(x))
        else:
            main += self.shortcut(x)
        out: Tensor = self.relu(main)
        return out


class ResNetLite(nn.Module):
    """Four stages of 1, 2, 2 and 1 basic blocks; see :func:`resnet_lite`."""

    def __init__(self, *, num_classes: int, in_channels: int, counted_add: bool) -> None:
        super().__init__()

        def stage(in_channels: int, channels: int, blocks: int, stride: int) -> nn.Sequential:
            first = BasicBlock(in_channels, channels, stride, counted_add=counted_add)
            rest = [
                BasicBlock(channels, channels, counted_add=counted_add) for _ in range(blocks - 1)
            ]
            return nn.Sequential(first, *rest)

        self.conv1 = nn.Conv2d(in_channels, 32, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.layer1 = stage(32, 32, blocks=1, stride=1)
        self.layer2 = stage(32, 64, blocks=2, stride=2)
        self.layer3 = stage(64, 128, blocks=2, stride=2)
        self.layer4 = stage(128, 256, blocks=1, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(256, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, `(N, num_classes)`, of images `(N, in_channels, H, W)`."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        logits: Tensor = self.fc(torch.flatten(self.avgpool(x), 1))
        return logits


def resnet_lite(num_classes: int, *, in_channels: int = 3, counted_add: bool = False) -> ResNetLite:
    """Build ResNet-Lite: basic blocks [1, 2, 2, 1] of widths 32, 64, 128 and 256, 3×3 stem.

    Takes images `(N, in_channels, H, W)`, meant for 32×32, and returns the logits
    `(N, num_classes)`. With 10 classes it has 1,598,378 parameters and needs 101,550,592
    multiply-accumulates for an image.

    `counted_add` writes the residual addition as `torch.add` instead of `+=`. The result is
    the same; DeepSpeed counts the elements of the one (203,863,040 FLOPs) and not of the other
    (203,777,024). Networks that are written to be quantised have the former.
    """
    return ResNetLite(num_classes=num_classes, in_channels=in_channels, counted_add=counted_add)
