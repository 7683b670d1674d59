"""What a build is shown where its weights and the data do not matter."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from reportgen.plan.plan import Build
from reportgen.record.record import InputTensor

SEED = 0


def example(build: Build, batch_size: int) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments, by position and by name, of one forward pass: random images or inputs.

    The same for the same shape and batch size, on every call and in every process.
    """
    if build.inputs:
        return (), {entry.name: _tensor(entry, batch_size) for entry in build.inputs}
    generator = torch.Generator().manual_seed(SEED)
    return (torch.randn((batch_size, *build.input_shape), generator=generator),), {}


def _tensor(entry: InputTensor, batch_size: int) -> Tensor:
    """Make one input; its values depend on its own description, and not on its neighbours."""
    shape = (batch_size, *entry.shape) if entry.batch else entry.shape
    dtype: torch.dtype = getattr(torch, entry.dtype)
    if entry.fill is not None:
        return torch.full(shape, entry.fill, dtype=dtype)
    generator = torch.Generator().manual_seed(SEED + zlib.crc32(entry.name.encode()))
    if entry.dtype == "bool":
        return torch.rand(shape, generator=generator) < 0.5
    if entry.below is not None:
        return torch.randint(entry.below, shape, generator=generator, dtype=dtype)
    return torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
