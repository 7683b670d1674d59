"""The digits networks: small, and good after seconds of training."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import fx, nn

from reportgen.zoo.digits import digits_cnn, digits_mlp, digits_resnet
from tests.zoo.digits import accuracy, fit


@pytest.mark.parametrize(
    ("factory", "params"),
    [
        # (64*128 + 128) + (128*128 + 128) + (128*10 + 10)
        (digits_mlp, 26_122),
        # (9*16 + 32) + (9*16*32 + 64) + (32*4*4*10 + 10)
        (digits_cnn, 9_978),
        # (9*16 + 32) + 4 * (9*16*16 + 32) + (16*4*4*10 + 10)
        (digits_resnet, 12_090),
    ],
)
def test_sizes(factory: Callable[..., nn.Module], params: int) -> None:
    model = factory(10)
    assert sum(parameter.numel() for parameter in model.parameters()) == params
    assert fx.symbolic_trace(factory(3).eval())(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize(
    ("factory", "epochs"), [(digits_mlp, 20), (digits_cnn, 5), (digits_resnet, 5)]
)
def test_accuracy_after_seconds(factory: Callable[..., nn.Module], epochs: int) -> None:
    torch.manual_seed(0)
    assert accuracy(fit(factory(10), epochs)) >= 0.95
