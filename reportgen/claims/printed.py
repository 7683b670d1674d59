"""A printed number, and the values that round to it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from reportgen.common.units import Number, read_in, step_in
from reportgen.record.metrics import metric_of


@dataclass(frozen=True)
class Printed:
    """A printed number; it stands for every value that rounds to it."""

    text: str
    value: Fraction
    step: Fraction
    """What one unit of its last digit is worth."""

    @property
    def digits(self) -> int:
        """How many significant digits it has; 0 for a zero."""
        written = abs(self.value) / self.step
        return len(str(int(written))) if written >= 1 else 0

    def near(self, value: float) -> bool:
        """Whether a value could fit: a quick test without false negatives."""
        return abs(value - self._value) <= self._room

    @cached_property
    def _value(self) -> float:
        return float(self.value)

    @cached_property
    def _room(self) -> float:
        return float(self.step) + 1e-9 * abs(self._value)

    def fits(self, value: Fraction, tolerance: Fraction = Fraction(0)) -> bool:
        """Whether a value rounds to it, or lies within a part `tolerance` of it."""
        room = max(self.step / 2, tolerance * abs(self.value))
        return abs(value - self.value) <= room


def printed(text: str, key: str = "macs") -> Printed:
    """Read a number printed for the metric `key`, in its unit; raise ValueError with a hint."""
    metric = metric_of(key)
    value, step = (exact(read(text, metric.unit, metric.counts)) for read in (read_in, step_in))
    return Printed(text, value, step)


def exact(value: Number) -> Fraction:
    """Return the decimal value of a number: 0.1 is a tenth."""
    return Fraction(str(value))


def part(text: str) -> Fraction:
    """Read `0.1%` as a thousandth; nothing is zero."""
    return Fraction(text.rstrip(" %")) / 100 if text else Fraction(0)
