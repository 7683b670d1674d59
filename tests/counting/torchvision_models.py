"""Torchvision's classification models, each counted once however many tests ask."""

from __future__ import annotations

from functools import cache

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models import get_model_builder

from reportgen.counting import Count, build_on_meta, count
from tests.counting.peers import ARGUMENTS, SIZES

NAMES: list[str] = torchvision.models.list_models(module=torchvision.models)


def build(name: str, size: int = 224) -> nn.Module:
    """Build a model on meta; a vision transformer's position embedding is made for one size."""
    arguments = {"image_size": size} if name.startswith("vit_") else {}
    return build_on_meta(lambda: get_model_builder(name)(**ARGUMENTS.get(name, {}), **arguments))


def image(size: int) -> Tensor:
    return torch.empty(1, 3, size, size, device="meta")


def counted(name: str, size: int = 0) -> Count:
    """Count one image, of the size that the tools were given unless another is named."""
    return _counted(name, size or SIZES.get(name, 224))


@cache
def _counted(name: str, size: int) -> Count:
    return count(build(name, size), [image(size)])
