"""Whether a noisy figure changed. Pure functions of two figures; see docs/review.md.

On a shared machine, other work shifts the median of a whole run. But noise only adds to a time, so
the fastest call is nearly the same in every run (J. Chen and J. Revels, "Robust Benchmarking in
Noisy Environments", 2016, arXiv:1608.04295): fastest calls are compared.

Their error follows from the rounds. If the density of n samples rises linearly from a lowest value,
the fastest is above it by 1.8/√n times the distance of the lower quartile, on average.

Two runs of one program also differ as a whole: by memory layout (Kalibera & Jones, "Rigorous
Benchmarking in Reasonable Time", ISMM 2013), or by a neighbour that uses cache and memory. In two
series of eleven runs of one network, the fastest calls were 6.5 % and 12.3 % apart. So a change is
at least `FLOOR`, and `UNPROMPTED` if no dependency changed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reportgen.record.record import Figure

FLOOR = 0.1
UNPROMPTED = 0.25
MIN_SAMPLES = 20
# A larger error of the fastest calls is reported.
TELLING = 0.15
# The 1.8 of above, rounded up.
_ERROR = 2.0


@dataclass(frozen=True)
class TimeRatio:
    """The logarithm of new to old, its error, and the smallest change that counts (relative)."""

    log: float
    error: float
    floor: float

    @property
    def width(self) -> float:
        """The larger of error and floor."""
        return max(self.error, math.log1p(self.floor))

    @property
    def significant(self) -> bool:
        """Whether there was a change."""
        return abs(self.log) > self.width


def ratio(old: Figure, new: Figure, floor: float = FLOOR) -> TimeRatio | None:
    """Compare two noisy figures; None if a fastest call is unknown, or there are too few rounds.

    A relative change below `floor` does not count.
    """
    errors = [relative_error(figure) for figure in (old, new)]
    if None in errors or not old.fastest or not new.fastest:
        return None
    error = sum(error for error in errors if error is not None)
    return TimeRatio(math.log(new.fastest) - math.log(old.fastest), error, floor)


def relative_error(figure: Figure) -> float | None:
    """Return the relative error of a fastest call, or None if it is unknown."""
    if not figure.fastest or figure.fastest_spread is None:
        return None
    if not figure.samples or figure.samples < MIN_SAMPLES:
        return None
    return _ERROR * figure.fastest_spread / figure.fastest / math.sqrt(figure.samples)


def why_untold(old: Figure, new: Figure) -> str:
    """Say why two noisy figures cannot be compared."""
    rounds = min(old.samples or 0, new.samples or 0)
    if rounds < 2:
        return "measured once: its spread is unknown"
    if rounds < MIN_SAMPLES:
        return f"{rounds} rounds are too few: {MIN_SAMPLES} are needed"
    return "its fastest calls are unknown: an older reportgen timed it"
