"""Count any model of PyTorch: `reportgen.count`."""

from __future__ import annotations

from typing import Any

from torch import nn

from reportgen import counting
from reportgen.common.errors import UsageError


def count(model: nn.Module, *inputs: Any, **named: Any) -> counting.Count:
    """Count one forward pass ``model(*inputs, **named)`` in evaluation mode, without gradients.

    Model and inputs are on the same device; on ``meta`` nothing is computed. The model is
    afterwards as it was, except that lazy modules are initialised.

    Raises CountingError if it cannot be counted, and whatever the model itself raises.
    """
    if not isinstance(model, nn.Module):
        raise UsageError(
            "reportgen.count takes a torch.nn.Module and its inputs, and not a "
            f"{type(model).__name__}."
        )
    return counting.count(model, inputs, named)
