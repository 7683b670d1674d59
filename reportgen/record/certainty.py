"""How surely a figure of a record is known. Pure functions; docs/measuring.md has the reasoning."""

from __future__ import annotations

import math

from reportgen.record.record import Figure

# With fewer rounds no interval between two of them reaches 95 %: 2 · (1/2)⁵ > 5 %.
FEWEST_ROUNDS = 6

# The largest difference between two processes of one program, which have other memory layouts (T.
# Kalibera and R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013). For forty pairs of
# one small network the ratios were up to 0.5 % from 1, with rounds within 0.3 %. More rounds do not
# help; with n processes, the error of the mean falls by the square root of n.
BETWEEN_PROCESSES = 0.01

# Half of a median's 95 % interval: 1.96 standard errors of 1.2533 σ/√n, where σ is IQR/1.349.
_MEDIAN_WIDTH = 1.82
_STANDARD_ERRORS = 1.96


def between_processes(processes: int) -> float:
    """Return the relative error of the mean of several processes of one program."""
    return BETWEEN_PROCESSES / math.sqrt(processes)


def interval_of(figure: Figure) -> tuple[float, float] | None:
    """Return the 95 % interval of a time or speed-up; None with too few rounds."""
    if figure.value is None or (figure.samples or FEWEST_ROUNDS) < FEWEST_ROUNDS:
        return None
    if figure.interval is not None:
        return figure.interval
    if figure.spread is None or not figure.samples:
        return None
    width = _MEDIAN_WIDTH * figure.spread / math.sqrt(figure.samples)
    return figure.value - width, figure.value + width


def interval_of_share(figure: Figure) -> tuple[float, float] | None:
    """Return the 95 % interval of a percentage, as if the examples were drawn again."""
    if figure.value is None or not figure.total:
        return None
    share = min(max(figure.value / 100, 0.0), 1.0)
    width = 100 * _STANDARD_ERRORS * math.sqrt(share * (1 - share) / figure.total)
    return figure.value - width, figure.value + width
