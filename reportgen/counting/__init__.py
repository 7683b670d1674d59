"""Counts the work of a neural network: one forward pass, one ledger, every convention.

This package sees a module and an input, and nothing of where they come from. Its names are
imported on first use, so that :mod:`reportgen.counting.conventions` can be read without PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from reportgen.common.lazy import lazily

if TYPE_CHECKING:
    from reportgen.counting.building import build_on_meta as build_on_meta
    from reportgen.counting.counter import Size as Size
    from reportgen.counting.counter import count as count
    from reportgen.counting.counter import count_anywhere as count_anywhere
    from reportgen.counting.counter import size as size
    from reportgen.counting.crosscheck import CrossCheck as CrossCheck
    from reportgen.counting.crosscheck import Difference as Difference
    from reportgen.counting.crosscheck import Unknown as Unknown
    from reportgen.counting.failures import CountingError as CountingError
    from reportgen.counting.result import Count as Count

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
__getattr__ = lazily(__name__, _HOMES)
