"""What a build is shown where its weights and the data do not matter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from reportgen.plan import Build

SEED = 0


def example(build: Build, batch_size: int) -> tuple[tuple[Any, ...], Mapping[str, Any]]:
    """Return the arguments, by position and by name, of one forward pass: random images.

    The same for the same shape and batch size, on every call and in every process.
    """
    generator = torch.Generator().manual_seed(SEED)
    return (torch.randn((batch_size, *build.input_shape), generator=generator),), {}
