"""The types of a module's parameters."""

from __future__ import annotations

import torch
from torch import nn

from reportgen.builds.dtype import unusual_dtypes


def test_float32_alone_is_nothing_to_speak_of() -> None:
    assert unusual_dtypes(nn.Linear(2, 2)) == ""
    assert unusual_dtypes(nn.ReLU()) == ""


def test_the_type_of_most_elements_comes_first() -> None:
    half, double = nn.Linear(8, 8).to(torch.bfloat16), nn.Linear(2, 2).double()
    assert unusual_dtypes(half) == "bfloat16"
    assert unusual_dtypes(nn.Sequential(double, half, nn.Linear(4, 4))) == (
        "bfloat16, float32, float64"
    )
    assert unusual_dtypes(half.to("meta")) == "bfloat16"
    assert unusual_dtypes(nn.LazyLinear(3, dtype=torch.float16)) == "float16"
