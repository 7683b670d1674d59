"""The normalisations that a spec may name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

# Mean and standard deviation of each channel, of images scaled to 0 … 1.
MeanAndStd: TypeAlias = tuple[tuple[float, ...], tuple[float, ...]]

# imagenet: torchvision's; the others: of the training splits, to four places.
NORMALIZATIONS: Mapping[str, MeanAndStd] = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "fashion_mnist": ((0.2860,), (0.3530,)),
    "digits": ((0.3059,), (0.3763,)),
    "none": ((0.0,), (1.0,)),
}
