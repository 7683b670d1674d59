"""Counts the work of a neural network: one forward pass, one ledger, every convention.

This package sees a module and an input, and nothing of where they come from. Its names are
imported on first use, so that :mod:`reportgen.counting.conventions` can be read without PyTorch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reportgen.counting.building import build_on_meta
    from reportgen.counting.counter import Size, count, count_anywhere, size
    from reportgen.counting.crosscheck import CrossCheck, Difference, Unknown
    from reportgen.counting.failures import CountingError
    from reportgen.counting.result import Count

__all__ = [
    "Count",
    "CountingError",
    "CrossCheck",
    "Difference",
    "Size",
    "Unknown",
    "build_on_meta",
    "count",
    "count_anywhere",
    "size",
]

_HOMES = {
    "Count": "result",
    "CountingError": "failures",
    "CrossCheck": "crosscheck",
    "Difference": "crosscheck",
    "Size": "counter",
    "Unknown": "crosscheck",
    "build_on_meta": "building",
    "count": "counter",
    "count_anywhere": "counter",
    "size": "counter",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
