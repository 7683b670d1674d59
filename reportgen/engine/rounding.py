"""How many digits of a measured figure are kept."""

from __future__ import annotations

import math


def significant(value: float, digits: int) -> float:
    """Round to `digits` significant digits: further ones would be noise."""
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, digits - 1 - math.floor(math.log10(abs(value))))
