"""A single convolution: the smallest network there is something to count in."""

from __future__ import annotations

from torch import nn

__all__ = ["conv"]


def conv(
    num_classes: int,
    *,
    in_channels: int = 3,
    kernel_size: int = 3,
    stride: int = 1,
    padding: int = 0,
    bias: bool = True,
) -> nn.Conv2d:
    """Build one convolution, `(N, in_channels, H, W)` → `(N, num_classes, H′, W′)`.

    Its output channels are the classes.
    """
    return nn.Conv2d(in_channels, num_classes, kernel_size, stride, padding, bias=bias)
