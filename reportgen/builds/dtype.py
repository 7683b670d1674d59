"""The types of a module's parameters, as a report says them."""

from __future__ import annotations

from collections import Counter

from torch import nn
from torch.nn.parameter import is_lazy


def unusual_dtypes(module: nn.Module) -> str:
    """Name the types of the parameters, that of most elements first; empty for float32 alone."""
    sizes: Counter[str] = Counter()
    for parameter in module.parameters():
        name = str(parameter.dtype).removeprefix("torch.")
        sizes[name] += 0 if is_lazy(parameter) else parameter.numel()
    return "" if sizes.keys() <= {"float32"} else ", ".join(name for name, _ in sizes.most_common())
