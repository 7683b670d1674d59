"""Networks whose times are known, or known to be equal."""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from reportgen.zoo.cifar_resnet import resnet32


class Spin(nn.Module):
    """Keeps the processor busy for so many seconds."""

    def __init__(self, seconds: float, num_classes: int) -> None:
        super().__init__()
        self.seconds = seconds
        self.answer = torch.zeros(1, num_classes)

    def forward(self, image: Tensor) -> Tensor:
        """Return the same for every image, when the time is up: making a tensor would take time."""
        end = time.perf_counter() + self.seconds
        while time.perf_counter() < end:
            pass
        return self.answer


def spin(num_classes: int, milliseconds: float = 10.0) -> nn.Module:
    """Return a module that takes so long."""
    return Spin(milliseconds / 1e3, num_classes)


class Slowed(nn.Module):
    """A network that takes a part longer than it would."""

    def __init__(self, network: nn.Module, by: float) -> None:
        super().__init__()
        self.network = network
        self.by = by

    def forward(self, image: Tensor) -> Tensor:
        """Run the network, and then spin for a part of what that took."""
        start = time.perf_counter()
        answer = self.network(image)
        now = time.perf_counter()
        end = now + self.by * (now - start)
        while time.perf_counter() < end:
            pass
        return answer


def slowed(num_classes: int, by: float) -> nn.Module:
    """Return a ResNet-32 that is slower by a part."""
    return Slowed(resnet32(num_classes=num_classes), by)


def network(num_classes: int) -> nn.Module:
    """Return a network of a millisecond or so."""
    return nn.Sequential(
        nn.Conv2d(3, 32, 3),
        nn.ReLU(),
        nn.Conv2d(32, 32, 3),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(32, num_classes),
    )


def wide(num_classes: int, millions: int = 1) -> nn.Module:
    """Return a network of so many million parameters, in a dozen layers."""
    width = round((millions * 1e6 / 10) ** 0.5)
    layers = [layer for _ in range(10) for layer in (nn.Linear(width, width), nn.ReLU())]
    return nn.Sequential(
        nn.Flatten(), nn.Linear(192, width), *layers, nn.Linear(width, num_classes)
    )
