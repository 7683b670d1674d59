"""What builds are shown: the same on every call, and of the types that the spec says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from reportgen.builds.example_inputs import example
from reportgen.plan.resolve import plan
from reportgen.spec import loads

SPEC = """\
reportgen: 1
title: T
models:
  M: {source: mine.py:make, inputs: INPUTS}
"""


def shown(inputs: str, batch_size: int = 2) -> dict[str, Tensor]:
    spec = loads(SPEC.replace("INPUTS", inputs))
    args, kwargs = example(plan(spec, name="t", spec_dir=Path()).builds["M"], batch_size)
    assert args == ()
    return dict(kwargs)


@pytest.mark.parametrize(
    ("written", "shape", "dtype"),
    [
        ("[3, 4]", (2, 3, 4), torch.float32),
        ("{shape: [3], dtype: float16}", (2, 3), torch.float16),
        ("{shape: [3], dtype: bfloat16}", (2, 3), torch.bfloat16),
        ("{shape: [3], dtype: float64}", (2, 3), torch.float64),
        ("{shape: [3], dtype: int64, below: 9}", (2, 3), torch.int64),
        ("{shape: [3], dtype: int32, below: 9}", (2, 3), torch.int32),
        ("{shape: [3], dtype: bool}", (2, 3), torch.bool),
        ("{shape: [3], batch: false}", (3,), torch.float32),
        ("{shape: [], dtype: int64, below: 9}", (2,), torch.int64),
        ("{shape: [], batch: false}", (), torch.float32),
    ],
)
def test_shapes_and_types(written: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    tensor = shown(f"{{x: {written}}}")["x"]
    assert (tuple(tensor.shape), tensor.dtype) == (shape, dtype)


def test_integers_are_drawn_from_the_whole_of_their_range() -> None:
    tokens = shown("{x: {shape: [500], dtype: int64, below: 7}}")["x"]
    assert sorted(set(tokens.flatten().tolist())) == [0, 1, 2, 3, 4, 5, 6]


def test_truths_are_of_both_kinds() -> None:
    assert set(shown("{x: {shape: [50], dtype: bool}}")["x"].flatten().tolist()) == {True, False}


@pytest.mark.parametrize(
    ("written", "element"),
    [
        ("{shape: [3], dtype: int64, fill: 1}", 1),
        ("{shape: [3], dtype: bool, fill: true}", True),
        ("{shape: [3], fill: 0.5}", 0.5),
    ],
)
def test_what_is_filled(written: str, element: Any) -> None:
    assert shown(f"{{x: {written}}}")["x"].tolist() == [[element] * 3] * 2


def test_values_are_the_same_every_time_whatever_stands_beside_them() -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    alone = shown("{x: [3]}")["x"]
    beside = shown("{y: [3], x: [3]}")
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.equal(alone, beside["x"])
    assert not torch.equal(beside["x"], beside["y"])
