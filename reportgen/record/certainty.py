"""How surely a figure of a record is known. Pure functions; docs/measuring.md has the reasoning."""

from __future__ import annotations

import math

from reportgen.record.record import Figure

# With fewer rounds than this no interval between two of them reaches 95 %: 2 · (1/2)⁵ is more than
# 5 %.
FEWEST_ROUNDS = 6

# By up to so much two processes of one program differ for as long as they live: their code and
# data lie elsewhere in memory (T. Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable
# Time", ISMM 2013). Of forty pairs of one small network the ratios lay up to 0.5 % from 1, and the
# rounds of each within 0.3 %. No number of rounds tells this from a difference of the programs. Two
# processes of each do not tell it either: both lie on the same side of the truth half of the time.
# But their mean is off by less, as that of n is: by one part in the square root of n.
BETWEEN_PROCESSES = 0.01

# Half of a median's 95 % interval: 1.96 standard errors of 1.2533 σ/√n, where σ is IQR/1.349.
_MEDIAN_WIDTH = 1.82
_STANDARD_ERRORS = 1.96


def between_processes(processes: int) -> float:
    """Return by what part the mean of so many processes of one program may be off."""
    return BETWEEN_PROCESSES / math.sqrt(processes)


def interval_of(figure: Figure) -> tuple[float, float] | None:
    """Return the 95 % interval of a time or speed-up; None where too few rounds tell of it."""
    if figure.value is None or (figure.samples or FEWEST_ROUNDS) < FEWEST_ROUNDS:
        return None
    if figure.interval is not None:
        return figure.interval
    if figure.spread is None or not figure.samples:
        return None
    width = _MEDIAN_WIDTH * figure.spread / math.sqrt(figure.samples)
    return figure.value - width, figure.value + width


def interval_of_share(figure: Figure) -> tuple[float, float] | None:
    """Return the 95 % interval of a percentage of so many examples, as if these were drawn anew."""
    if figure.value is None or not figure.total:
        return None
    share = min(max(figure.value / 100, 0.0), 1.0)
    width = 100 * _STANDARD_ERRORS * math.sqrt(share * (1 - share) / figure.total)
    return figure.value - width, figure.value + width
