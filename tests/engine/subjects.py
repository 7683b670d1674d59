"""What tests put into workers."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reportgen.common.errors import MissingError
from tests.data.layouts import png


class Subject:
    """Does what a test asks for."""

    def __init__(self, name: str, tell: Callable[[str], None]) -> None:
        self.name = name
        self.tell = tell
        self.calls = 0

    def greet(self, other: str) -> str:
        self.calls += 1
        self.tell(f"call {self.calls}")
        return f"{self.name} greets {other}"

    def fail(self) -> None:
        raise ValueError("no good\nat all")

    def miss(self) -> None:
        raise MissingError("the weights are not here", "Put them there.")

    def crash(self) -> None:
        os.kill(os.getpid(), signal.SIGSEGV)

    def be_killed(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def leave(self) -> None:
        os._exit(3)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)

    def read(self, path: str) -> str:
        return Path(path).read_text(encoding="utf-8")

    def process(self) -> int:
        return os.getpid()

    def variable(self, name: str) -> str | None:
        return os.environ.get(name)

    def unsendable(self) -> object:
        return lambda: None


def net_of_two_classes() -> dict[str, Tensor]:
    """Return weights that tell dark 8×8 images from light ones: by the sign of their sum."""
    weight = torch.stack([torch.full((64,), -1.0), torch.full((64,), 1.0)])
    return {"1.weight": weight, "1.bias": torch.zeros(2)}


class Crashing:
    """Reads no data set, but crashes."""

    def __init__(self, *_: object) -> None:
        pass

    def fingerprint(self, *_: object) -> str:
        os.abort()


# The brightest channel is the class; with the identity as its kernel a net is always right.
NET = """\
from torch import nn


class Net(nn.Module):
    def __init__(self, num_classes=3):
        super().__init__()
        self.conv = nn.Conv2d(3, num_classes, 1, bias=False)

    def forward(self, x):
        return self.conv(x).mean((2, 3))
"""
RIGHT = {"conv.weight": torch.eye(3).reshape(3, 3, 1, 1)}


def pictures(split: str = "test", count: int = 4) -> dict[str, bytes]:
    """Images of a colour each, which the network tells apart."""
    random = np.random.default_rng(0)
    entries = {}
    for channel, label in enumerate(("a_red", "b_green", "c_blue")):
        for number in range(count):
            pixels = random.integers(0, 60, (8, 8, 3), np.uint8)
            pixels[..., channel] += 150
            entries[f"{split}/{label}/{number}.png"] = png(pixels)
    return entries
