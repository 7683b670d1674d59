"""A figure: one number of a report, and where it came from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias

from annotated_types import Ge, Le
from pydantic import Strict, with_config

from reportgen.record.damage import DamageError, quoted
from reportgen.record.metric import Metric
from reportgen.record.metrics import metric_of
from reportgen.record.text import compact
from reportgen.record.values import KNOWN_KEYS, Amount, Count, Integer, Positive, Real, Text, Word

Provenance: TypeAlias = Literal["measured", "derived", "reported", "unavailable"]
Cause: TypeAlias = Literal[
    "undeclared",  # the spec gives nothing to measure it on (no weights, say): not a failure
    "missing",  # data or weights are not here and could not be fetched
    "failed",  # measuring raised
]
Share: TypeAlias = Annotated[int, Strict(), Ge(0), Le(10_000)]
"""A part of a whole, in hundredths of a percent."""


@with_config(KNOWN_KEYS)
@dataclass(frozen=True)
class Figure:
    """One number and where it came from.

    `value` is an exact integer if the metric is a count. `text` is a reported figure as its source
    prints it. `spread` is the interquartile range in the figure's unit, `interval` a 95 %
    confidence interval, over `samples` rounds. `fastest` is the fastest call of all rounds (for a
    speed-up the ratio of both models'); the lower quartile of the rounds' fastest calls is
    `fastest_spread` above it (for a speed-up: both models' relative spreads added). A percentage is
    `correct` of `total` images. `check` is what an independent counter gives, if it differs.
    `shares` are the modules' own parts of a whole, by path, in hundredths of a percent; a figure
    with shares has no value.

    `stale` says why a figure is kept although its dependencies changed: measuring it again failed.
    `unverified` names what a count may leave out. A time has `faults` page faults and `switches`
    involuntary context switches a call, and comes from `processes` processes. Times of one
    `session` were taken in turn, round by round, of `in_turn` models in all.
    """

    provenance: Provenance
    value: Real | None = None
    unit: Word = ""
    by: Word = ""
    convention: Word = ""
    text: Text = ""
    source: Text = ""
    environment: Word = ""
    samples: Positive | None = None
    spread: Amount | None = None
    interval: tuple[Real, Real] | None = None
    fastest: Amount | None = None
    fastest_spread: Amount | None = None
    faults: Amount | None = None
    switches: Amount | None = None
    processes: Positive | None = None
    session: Word = ""
    in_turn: Positive | None = None
    correct: Count | None = None
    total: Count | None = None
    check: Integer | None = None
    checked_by: Word = ""
    unverified: Text = ""
    shares: Mapping[Word, Share] | None = None
    cause: Cause | None = None
    reason: Text = ""
    hint: Text = ""
    note: Text = ""
    stale: Text = ""

    @property
    def is_good(self) -> bool:
        """Whether it was measured here, or derived from what was."""
        return self.provenance in ("measured", "derived") and (
            self.value is not None or self.shares is not None
        )

    def to_json(self) -> dict[str, Any]:
        """Return what differs from the defaults."""
        return compact(self)


def damages(figure: Figure, key: str, environments: Mapping[str, object]) -> Iterator[DamageError]:
    """Yield contradictions between valid fields of a figure; raise KeyError for an invalid key."""
    metric = metric_of(key)
    value = figure.value
    if value is None:
        if figure.provenance in ("measured", "derived") and figure.shares is None:
            yield DamageError((), f"a {figure.provenance} figure without a value")
    elif figure.provenance == "unavailable":
        yield DamageError(("value",), "an unavailable figure has no value")
    else:
        yield from _out_of_range(value, metric, counted=figure.provenance == "measured")
    if figure.interval is not None and figure.interval[0] > figure.interval[1]:
        yield DamageError(("interval",), "the interval ends before it begins")
    if figure.correct is not None and figure.total is not None and figure.correct > figure.total:
        yield DamageError(("correct",), f"{figure.correct:,} correct of {figure.total:,}")
    if figure.environment and figure.environment not in environments:
        yield DamageError(("environment",), f"there is no environment {quoted(figure.environment)}")


def _out_of_range(value: int | float, metric: Metric, *, counted: bool) -> Iterator[DamageError]:
    """Yield values that a metric cannot have. A plugin's metrics may have any value."""
    if value < 0 and not metric.signed:
        yield DamageError(("value",), f"{value:,} is less than 0")
    elif metric.unit == "%" and value > 100:
        yield DamageError(("value",), f"{value:,} % is more than 100 %")
    elif counted and metric.whole and not isinstance(value, int):
        yield DamageError(("value",), f"{value:,} is not an integer")
