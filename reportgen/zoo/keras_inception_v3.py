"""Inception-V3 as Keras builds it, under a linear layer on all pixels.

Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", 2015
(https://arxiv.org/abs/1512.00567). What Keras does otherwise than torchvision: its batch norms have
no scale, and there is no second classifier for training.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping

import torch
from torch import Tensor, nn

__all__ = ["Branches", "KerasInceptionV3", "keras_inception_v3"]

_LAST_CHANNELS = 2048


class Branches(nn.Module):
    """Several modules on one input, their outputs side by side as channels."""

    def __init__(self, **branches: nn.Module) -> None:
        super().__init__()
        for name, branch in branches.items():
            self.add_module(name, branch)

    def forward(self, x: Tensor) -> Tensor:
        """Apply each branch; the spatial sizes of their outputs must be the same."""
        return torch.cat([branch(x) for branch in self.children()], 1)


class KerasInceptionV3(nn.Sequential):
    """Stem, `mixed0` to `mixed10`, one linear layer; see :func:`keras_inception_v3`."""

    def taps(self) -> Mapping[str, nn.Module]:
        """Return the concatenations: `mixed0` … `mixed10` as in Keras."""
        return {name: child for name, child in self.named_children() if name.startswith("mixed")}


def keras_inception_v3(
    num_classes: int, *, in_channels: int = 3, image_size: int = 224
) -> KerasInceptionV3:
    """Build Inception-V3.

    Takes images `(N, in_channels, image_size, image_size)`, 75×75 or larger, and returns the logits
    `(N, num_classes)`, of a linear layer on all channels and pixels of `mixed10`: 5·5·2048 for
    224×224. Raises ValueError for smaller images.
    """
    size = _last_size(image_size)
    if size < 1:
        raise ValueError(f"images of {image_size}×{image_size} are too small: 75×75 is the least")
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=_conv(in_channels, 32, 3, stride=2),
        conv2=_conv(32, 32, 3),
        conv3=_conv(32, 64, 3, same=True),
        maxpool1=nn.MaxPool2d(3, stride=2),
        conv4=_conv(64, 80, 1),
        conv5=_conv(80, 192, 3),
        maxpool2=nn.MaxPool2d(3, stride=2),
        mixed0=_block_35(192, pooled=32),  # 256 channels
        mixed1=_block_35(256, pooled=64),  # 288
        mixed2=_block_35(288, pooled=64),
        mixed3=_reduction_to_17(288),  # 768
        mixed4=_block_17(128),
        mixed5=_block_17(160),
        mixed6=_block_17(160),
        mixed7=_block_17(192),
        mixed8=_reduction_to_8(),  # 1280
        mixed9=_block_8(1280),  # 2048
        mixed10=_block_8(_LAST_CHANNELS),
        flatten=nn.Flatten(),
        fc=nn.Linear(_LAST_CHANNELS * size * size, num_classes),
    )
    return KerasInceptionV3(layers)


def _last_size(size: int) -> int:
    """Return height and width of `mixed10`, behind seven unpadded 3×3 windows."""
    for stride in (2, 1, 2, 1, 2, 2, 2):  # conv1, conv2, maxpool1, conv5, maxpool2, mixed3, mixed8
        size = (size - 3) // stride + 1
    return size


# The names of the blocks are the sizes of their feature maps for 299×299 images.


def _block_35(channels: int, *, pooled: int) -> Branches:
    return Branches(
        branch1x1=_conv(channels, 64, 1),
        branch5x5=nn.Sequential(_conv(channels, 48, 1), _conv(48, 64, 5, same=True)),
        branch3x3dbl=nn.Sequential(
            _conv(channels, 64, 1), _conv(64, 96, 3, same=True), _conv(96, 96, 3, same=True)
        ),
        branch_pool=nn.Sequential(_average(), _conv(channels, pooled, 1)),
    )


def _reduction_to_17(channels: int) -> Branches:
    return Branches(
        branch3x3=_conv(channels, 384, 3, stride=2),
        branch3x3dbl=nn.Sequential(
            _conv(channels, 64, 1), _conv(64, 96, 3, same=True), _conv(96, 96, 3, stride=2)
        ),
        branch_pool=nn.MaxPool2d(3, stride=2),
    )


def _block_17(width: int) -> Branches:
    row, column = (1, 7), (7, 1)
    return Branches(
        branch1x1=_conv(768, 192, 1),
        branch7x7=nn.Sequential(
            _conv(768, width, 1),
            _conv(width, width, row, same=True),
            _conv(width, 192, column, same=True),
        ),
        branch7x7dbl=nn.Sequential(
            _conv(768, width, 1),
            _conv(width, width, column, same=True),
            _conv(width, width, row, same=True),
            _conv(width, width, column, same=True),
            _conv(width, 192, row, same=True),
        ),
        branch_pool=nn.Sequential(_average(), _conv(768, 192, 1)),
    )


def _reduction_to_8() -> Branches:
    return Branches(
        branch3x3=nn.Sequential(_conv(768, 192, 1), _conv(192, 320, 3, stride=2)),
        branch7x7x3=nn.Sequential(
            _conv(768, 192, 1),
            _conv(192, 192, (1, 7), same=True),
            _conv(192, 192, (7, 1), same=True),
            _conv(192, 192, 3, stride=2),
        ),
        branch_pool=nn.MaxPool2d(3, stride=2),
    )


def _block_8(channels: int) -> Branches:
    return Branches(
        branch1x1=_conv(channels, 320, 1),
        branch3x3=nn.Sequential(_conv(channels, 384, 1), _row_and_column()),
        branch3x3dbl=nn.Sequential(
            _conv(channels, 448, 1), _conv(448, 384, 3, same=True), _row_and_column()
        ),
        branch_pool=nn.Sequential(_average(), _conv(channels, 192, 1)),
    )


def _row_and_column() -> Branches:
    return Branches(
        row=_conv(384, 384, (1, 3), same=True), column=_conv(384, 384, (3, 1), same=True)
    )


def _average() -> nn.AvgPool2d:
    """Return a 3×3 average that keeps the size; what lies outside the image does not count."""
    return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)


def _conv(
    in_channels: int,
    out_channels: int,
    kernel: int | tuple[int, int],
    *,
    stride: int = 1,
    same: bool = False,
) -> nn.Sequential:
    """Return convolution, batch norm and ReLU; `same` pads so that the size stays."""
    height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
    norm = nn.BatchNorm2d(out_channels, eps=1e-3, momentum=0.01)
    norm.register_parameter("weight", None)  # Keras: scale=False
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv=nn.Conv2d(
            in_channels,
            out_channels,
            (height, width),
            stride=stride,
            padding=(height // 2, width // 2) if same else 0,
            bias=False,
        ),
        bn=norm,
        relu=nn.ReLU(),
    )
    return nn.Sequential(layers)
