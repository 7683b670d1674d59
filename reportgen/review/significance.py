"""Whether a noisy figure changed. Pure functions of two figures; docs/review.md has the reasoning.

On a shared machine the rounds of one run lie closer together than two runs do: what else is at work
shifts a median, and may shift one model's and not another's. But noise only ever adds to a time, so
the fastest call of a run is nearly the same in the next one (J. Chen and J. Revels, "Robust
Benchmarking in Noisy Environments", 2016, arXiv:1608.04295). That is what is compared.

How surely it is known, the rounds tell: where a quarter of them had a call nearly as fast, none
would have been much faster. Of n samples whose density rises linearly from a lowest value, the
lowest lies above that by 1.8/√n times the lower quartile's distance, on average. Both figures have
such an error, to the same side.

Two runs of one program differ besides, from beginning to end: code and data lie elsewhere in memory
(Kalibera & Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013), or a neighbour on the
machine takes its share of cache and memory all the time. Twice eleven runs of one network had their
fastest calls 6.5 % and 12.3 % apart, each run sure of its own. So below `FLOOR` nothing is a
change; and where nothing that a figure was measured on is another, it takes `UNPROMPTED` for one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from reportgen.record.record import Figure

FLOOR = 0.1
UNPROMPTED = 0.25
MIN_SAMPLES = 20
# Where the fastest calls are known no better than this, there is more to say than "no change".
TELLING = 0.15
# The 1.8 of above, rounded up.
_ERROR = 2.0


@dataclass(frozen=True)
class TimeRatio:
    """The logarithm of new to old, how surely it is known, and what is no change (a part)."""

    log: float
    error: float
    floor: float

    @property
    def width(self) -> float:
        """How far to either side the truth may lie, or what is no change at all if that is more."""
        return max(self.error, math.log1p(self.floor))

    @property
    def significant(self) -> bool:
        """Whether there was a change."""
        return abs(self.log) > self.width


def ratio(old: Figure, new: Figure, floor: float = FLOOR) -> TimeRatio | None:
    """Compare two noisy figures; None where a fastest call is unknown, or one of too few rounds.

    A change by less than `floor`, a part, is none.
    """
    errors = [relative_error(figure) for figure in (old, new)]
    if None in errors or not old.fastest or not new.fastest:
        return None
    error = sum(error for error in errors if error is not None)
    return TimeRatio(math.log(new.fastest) - math.log(old.fastest), error, floor)


def relative_error(figure: Figure) -> float | None:
    """Return how far a fastest call may lie above what it could be; None where nothing tells."""
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
    return "its fastest calls are not known: it was timed by an older reportgen"
