"""Small networks for scikit-learn's digits: 8×8 grey images of ten classes.

They are what a first report compares: three kinds of network, each fitted in seconds on a CPU to a
test accuracy of 97 % and more. No paper defines them; the residual block is that of He et al., 2015
(https://arxiv.org/abs/1512.03385).
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["DigitsResidual", "digits_cnn", "digits_mlp", "digits_resnet"]


def digits_mlp(num_classes: int, *, hidden: int = 128) -> nn.Sequential:
    """Build a perceptron with two hidden layers, `(N, 1, 8, 8)` → `(N, num_classes)`.

    26,122 parameters with 128 hidden units and 10 classes.
    """
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(8 * 8, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, num_classes),
    )


def digits_cnn(num_classes: int, *, in_channels: int = 1, width: int = 16) -> nn.Sequential:
    """Build a network of two convolutions and a pool, `(N, 1, 8, 8)` → `(N, num_classes)`.

    9,978 parameters with width 16 and 10 classes. Each of its layers has an int8 kernel, and each
    convolution can be fused with what follows it: a fair subject for quantisation.
    """
    return nn.Sequential(
        _conv_bn_relu(in_channels, width),
        _conv_bn_relu(width, 2 * width),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(2 * width * 4 * 4, num_classes),
    )


def digits_resnet(num_classes: int, *, in_channels: int = 1, width: int = 16) -> nn.Sequential:
    """Build a network of two residual blocks and a pool, `(N, 1, 8, 8)` → `(N, num_classes)`.

    12,090 parameters with width 16 and 10 classes.
    """
    return nn.Sequential(
        _conv_bn_relu(in_channels, width),
        DigitsResidual(width),
        nn.MaxPool2d(2),
        DigitsResidual(width),
        nn.Flatten(),
        nn.Linear(width * 4 * 4, num_classes),
    )


class DigitsResidual(nn.Module):
    """Two 3×3 convolutions added to their input; `(N, channels, H, W)` in and out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            _conv_bn_relu(channels, channels),
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Apply the block."""
        out: Tensor = self.relu(torch.add(self.body(x), x))
        return out


def _conv_bn_relu(in_channels: int, channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, channels, 3, padding=1, bias=False),
        nn.BatchNorm2d(channels),
        nn.ReLU(),
    )
