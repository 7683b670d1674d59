"""Importing this makes the first count of a process as quick as the next: it makes one.

DeepSpeed and the kernels of the ``meta`` device take seconds to import, and PyTorch puts off much
of that until they are used.
"""

from __future__ import annotations

import torch
from torch import nn

from reportgen import counting

_SMALL = nn.Sequential(
    nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(16, 2)
)

counting.count(_SMALL.to("meta"), [torch.zeros(1, 3, 4, 4, device="meta")])
