"""Budgets: upper and lower limits of figures, and whether they hold. Pure functions of a record.

Only our own figures decide: not those that are reported, missing, stale or not verified, and no
noisy figure whose 95 % interval contains the limit.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from reportgen.common.errors import RecordError
from reportgen.common.units import Number
from reportgen.record.certainty import interval_of
from reportgen.record.limits import Budget, parse
from reportgen.record.metrics import metric_of, parse_key, rank
from reportgen.record.record import BuildRecord, Figure, Record


@dataclass(frozen=True)
class BudgetVerdict:
    """The verdict on a budget of the build `name`; `why` says why it is undecided."""

    name: str
    key: str
    budget: Budget
    figure: Figure | None
    state: Literal["kept", "broken", "undecided"]
    why: str = ""

    @property
    def message(self) -> str:
        """The sentence, without the build's name."""
        if self.state == "undecided":
            return f"{self.key}: budget {self.budget.text} not decided: {self.why}"
        verb = "breaks" if self.state == "broken" else "keeps"
        return f"{self.key}: {amount(self.figure, self.key)} {verb} the budget {self.budget.text}"

    def __str__(self) -> str:
        """Write it on one line."""
        return f"{self.name}: {self.message}"


def verdicts(record: Record) -> Iterator[BudgetVerdict]:
    """Judge every budget of a record, build by build in the order of the report."""
    for name in dict.fromkeys((*record.report.order, *sorted(record.builds))):
        if name in record.builds:
            yield from verdicts_of(record.builds[name], name)


def verdicts_of(build: BuildRecord, name: str = "") -> Iterator[BudgetVerdict]:
    """Judge the budgets of one build. Raises RecordError where one cannot be read."""
    try:
        budgets = [parse(key, text) for key, text in build.budgets.items()]
    except (ValueError, KeyError) as error:
        raise RecordError(f"{name or build.model}: not a budget: {error}") from None
    for budget in sorted(budgets, key=lambda budget: rank(budget.key)):
        for key in _figures(build, budget.key):
            yield _judge(build, budget, name, key)


def broken_budgets(record: Record) -> list[BudgetVerdict]:
    """Return the budgets that are broken."""
    return [verdict for verdict in verdicts(record) if verdict.state == "broken"]


def amount(figure: Figure | None, key: str) -> str:
    """Write a figure with enough digits to compare it with a limit."""
    if figure is None or figure.value is None:
        return "–"
    digits = f"{figure.value:,}" if isinstance(figure.value, int) else f"{figure.value:,.6g}"
    return f"{digits} {metric_of(key).unit or figure.unit}".rstrip()


def _figures(build: BuildRecord, key: str) -> list[str]:
    """List the figures of a budget: for `latency` those of every batch size."""
    if not metric_of(key).per_batch or "@" in key:
        return [key]
    own = [other for other in {**build.figures, **build.reported} if parse_key(other).column == key]
    return sorted(own, key=rank) or [key]


def _judge(build: BuildRecord, budget: Budget, name: str, key: str) -> BudgetVerdict:
    figure = build.figures.get(key)
    if figure is None or figure.value is None:
        if (quoted := build.reported.get(key)) is not None:
            why = f"the figure is only quoted, from {quoted.source}"
            return BudgetVerdict(name, key, budget, quoted, "undecided", why)
        why = (figure.reason if figure else "") or "not measured"
        return BudgetVerdict(name, key, budget, None, "undecided", why)
    if figure.stale:
        why = f"{amount(figure, key)} is stale: {figure.stale}"
        return BudgetVerdict(name, key, budget, figure, "undecided", why)
    if why := _doubt(budget, figure, figure.value, key):
        return BudgetVerdict(name, key, budget, figure, "undecided", why)
    state: Literal["kept", "broken"] = "kept" if budget.holds(figure.value) else "broken"
    return BudgetVerdict(name, key, budget, figure, state)


def _doubt(budget: Budget, figure: Figure, value: Number, key: str) -> str:
    """Say why a figure is undecided, or return an empty text.

    With too few rounds for an interval, the figure must differ from the limit by its spread.
    """
    if figure.unverified:
        return f"the figure is not verified: {figure.unverified}"
    if figure.check is not None and budget.holds(figure.check) != budget.holds(value):
        return f"two counters disagree: {value:,} and {figure.check:,}"
    rounds = f"{figure.samples} rounds"
    if (interval := interval_of(figure)) is not None:
        (low, high), what = interval, "95 % interval"
    elif figure.spread:
        (low, high), what = (value - figure.spread, value + figure.spread), f"spread of {rounds}"
    elif metric_of(key).name == "speedup" and figure.provenance == "measured":
        return f"{rounds} are too few to know how sure {amount(figure, key)} is"
    else:
        return ""
    if budget.holds(low) == budget.holds(high):
        return ""
    return f"the limit lies in the {what} of {amount(figure, key)}"
