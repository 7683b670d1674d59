"""ResNet-20, 32, 44, 56 and 110: the CIFAR networks of the ResNet paper.

He et al., "Deep Residual Learning for Image Recognition", 2015 (https://arxiv.org/abs/1512.03385),
section 4.2: three stages of `n` basic blocks of widths 16, 32 and 64, which makes `6·n + 2`
layers, with shortcuts that have no parameters (option A). Parameter names are those of the
checkpoints published at https://github.com/akamaster/pytorch_resnet_cifar10, which load strictly.

Each network takes images `(N, in_channels, H, W)`, meant for 32×32, and returns the logits
`(N, num_classes)`.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

__all__ = [
    "BasicBlock",
    "CifarResNet",
    "PadShortcut",
    "resnet20",
    "resnet32",
    "resnet44",
    "resnet56",
    "resnet110",
]


class PadShortcut(nn.Module):
    """Option A: every second pixel, and zeros for the channels that are missing.

    Takes `(N, C, H, W)` and returns `(N, C + 2·pad, ceil(H / 2), ceil(W / 2))`, the input's
    channels in the middle.
    """

    def __init__(self, pad: int) -> None:
        super().__init__()
        self.pad = pad

    def forward(self, x: Tensor) -> Tensor:
        """Subsample and pad."""
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))

    def extra_repr(self) -> str:
        """Show the padding where the module is printed."""
        return f"pad={self.pad}"


class BasicBlock(nn.Module):
    """Two 3×3 convolutions, the first with the stride, added to the shortcut.

    Takes `(N, in_channels, H, W)`, returns `(N, channels, ceil(H / stride), ceil(W / stride))`.
    """

    def __init__(self, in_channels: int, channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Sequential()
        if in_channels != channels:
            self.shortcut = PadShortcut((channels - in_channels) // 2)

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        main = F.relu(self.bn1(self.conv1(x)))
        main = self.bn2(self.conv2(main))
        main += self.shortcut(x)
        return F.relu(main)


class CifarResNet(nn.Module):
    """Three stages of `blocks` basic blocks each; see the factories below."""

    def __init__(self, blocks: int, *, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 16, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = _stage(16, 16, blocks, stride=1)
        self.layer2 = _stage(16, 32, blocks, stride=2)
        self.layer3 = _stage(32, 64, blocks, stride=2)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(64, num_classes)
        for module in self.modules():  # the initialisation of the paper; its depths need it
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits, `(N, num_classes)`, of images `(N, in_channels, H, W)`."""
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        logits: Tensor = self.linear(torch.flatten(self.avgpool(x), 1))
        return logits


def _stage(in_channels: int, channels: int, blocks: int, *, stride: int) -> nn.Sequential:
    first = BasicBlock(in_channels, channels, stride)
    return nn.Sequential(first, *(BasicBlock(channels, channels) for _ in range(blocks - 1)))


def resnet20(num_classes: int, *, in_channels: int = 3) -> CifarResNet:
    """Build ResNet-20: 269,722 parameters with 10 classes."""
    return CifarResNet(3, num_classes=num_classes, in_channels=in_channels)


def resnet32(num_classes: int, *, in_channels: int = 3) -> CifarResNet:
    """Build ResNet-32: 464,154 parameters with 10 classes."""
    return CifarResNet(5, num_classes=num_classes, in_channels=in_channels)


def resnet44(num_classes: int, *, in_channels: int = 3) -> CifarResNet:
    """Build ResNet-44: 658,586 parameters with 10 classes."""
    return CifarResNet(7, num_classes=num_classes, in_channels=in_channels)


def resnet56(num_classes: int, *, in_channels: int = 3) -> CifarResNet:
    """Build ResNet-56: 853,018 parameters with 10 classes."""
    return CifarResNet(9, num_classes=num_classes, in_channels=in_channels)


def resnet110(num_classes: int, *, in_channels: int = 3) -> CifarResNet:
    """Build ResNet-110: 1,727,962 parameters with 10 classes."""
    return CifarResNet(18, num_classes=num_classes, in_channels=in_channels)
