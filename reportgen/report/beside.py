"""A speed-up beside latencies: it is the median of ratios, not the ratio of their medians."""

from __future__ import annotations

from collections.abc import Sequence

from reportgen.common import units
from reportgen.record.certainty import interval_of
from reportgen.record.metrics import metric_of, parse_key
from reportgen.record.record import BuildRecord, Figure
from reportgen.report.figures import is_own
from reportgen.report.tables import Note

# By so much a speed-up and the latencies beside it may differ: without an interval, and with one.
_ROOM, _ROUNDING = 0.05, 0.01


def misfit(build: BuildRecord, others: Sequence[BuildRecord], key: str) -> Note | None:
    """Say why a speed-up is not what the latencies beside it give; None where it is.

    The baseline is among the `others`, with as many classes.
    """
    baseline = next((x for x in others if x.baseline and x.classes == build.classes), None)
    latency = parse_key("latency").at(parse_key(key).batch or 1)
    figure, own = build.figures.get(key), build.figures.get(latency)
    theirs = baseline.figures.get(latency) if baseline else None
    if not is_own(figure) or not is_own(own) or not is_own(theirs):
        return None
    if figure.provenance == "derived" or not (figure.value and own.value and theirs.value):
        return None
    given = theirs.value / own.value
    low, high = interval_of(figure) or (figure.value / (1 + _ROOM), figure.value * (1 + _ROOM))
    if low <= given <= high or abs(given / figure.value - 1) <= _ROUNDING:
        return None
    unit = metric_of(key).unit
    said = f"The latencies give {units.format_significant(given)}{unit}: "
    return Note("speedup", said + _why_unlike(figure, own, theirs))


def _why_unlike(figure: Figure, own: Figure, theirs: Figure) -> str:
    together = (figure, own, theirs)
    if len({one.environment for one in together}) > 1:
        return "they were not all timed on one machine with the same versions."
    if len({one.session for one in together}) > 1 or len({one.samples for one in together}) > 1:
        return "they were timed in another run than the speed-up, which compares round by round."
    if figure.session:
        return "the machine's speed changed in between, and the speed-up compares round by round."
    return "the machine's speed changed, or they are of another run than the speed-up."
