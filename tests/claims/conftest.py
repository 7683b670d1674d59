"""Real ledgers, each counted once."""

from __future__ import annotations

import pytest
import torchvision
from torch import nn

from reportgen.record.record import Record
from tests.claims.models import counted, record_of


@pytest.fixture(scope="session")
def resnets() -> Record:
    """Return ResNet-50 and ResNet-101 for one image of 224×224."""
    shape = (1, 3, 224, 224)
    return record_of(
        ResNet_50=counted(torchvision.models.resnet50, shape, model="ResNet-50"),
        ResNet_101=counted(torchvision.models.resnet101, shape, model="ResNet-101"),
    )


@pytest.fixture(scope="session")
def heads() -> Record:
    """Return a linear model with 10 and with 100 classes, and another one, for a batch of 2."""

    def linear(inputs: int, outputs: int) -> nn.Module:
        return nn.Linear(inputs, outputs)

    return record_of(
        Ten=counted(lambda: linear(640, 10), (2, 640), classes=10),
        Hundred=counted(lambda: linear(640, 100), (2, 640), classes=100),
        Other=counted(lambda: linear(123, 45), (2, 123), model="Other"),
    )
