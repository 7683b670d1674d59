"""What may stand in a column: metrics, at a batch size, by a convention.

Conventions are imported where one is asked for: most specs name none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from reportgen.common.errors import did_you_mean
from reportgen.record import metrics
from reportgen.spec.base import problem

_BY_MODULE = {name: row for name, row in metrics.METRICS.items() if row.by_module}


def _known_column(column: str) -> str:
    if not metrics.is_known(column):
        raise _unknown(column, metrics.METRICS)
    if metrics.metric_of(column).by_module:
        raise problem(
            f"'{column}' is told of modules only",
            f"Write `modules: {{columns: [params, macs, {column}]}}` under `report`.",
        )
    if parts := metrics.split_convention(column):
        _check_convention(*parts)
    return column


def _additive_column(column: str) -> str:
    from reportgen.counting import readings

    if column in _BY_MODULE:
        return column
    try:
        readings.reading(column)
    except KeyError:
        if parts := metrics.split_convention(column):
            _check_convention(*parts)
        if column in metrics.METRICS:
            known = ", ".join((*readings.PLAIN, *_BY_MODULE))
            raise problem(
                f"'{column}' cannot be told of a module",
                f"Known: {known}; and flops and params by a convention, such as flops.thop.",
            ) from None
        raise _unknown(column, {**readings.PLAIN, **_BY_MODULE}) from None
    return column


def _check_convention(metric: str, convention: str) -> None:
    from reportgen.counting import readings

    conventions = readings.FAMILIES[metric]
    if convention not in conventions:
        hint = did_you_mean(convention, conventions)
        raise problem(
            f"no convention '{convention}' counts {metric}",
            f"{hint} `reportgen list conventions` lists all.".strip(),
        )


def _unknown(column: str, known: Mapping[str, object]) -> Exception:
    """Say what is wrong with a column that is no metric's."""
    from reportgen.counting import readings

    name, at, batch = column.partition("@")
    if name in known and at:
        return problem(
            f"'{batch}' is no batch size of '{name}'",
            "Write latency@256: a batch size goes with latency, throughput, speedup and memory "
            "only.",
        )
    base, _, convention = name.partition(".")
    if base in known and convention in readings.FAMILIES["flops"]:
        return problem(
            f"'{base}' has no conventions",
            f"Write flops.{convention}: a convention goes with flops and params only.",
        )
    hint = did_you_mean(name, known)
    return problem(
        f"unknown metric '{column}'", f"{hint} `reportgen list metrics` lists all.".strip()
    )


Column: TypeAlias = Annotated[str, AfterValidator(_known_column)]
"""A column of the comparison: `top1`, `latency@256`, `flops.thop`."""

ModuleColumn: TypeAlias = Annotated[str, AfterValidator(_additive_column)]
"""A column of a table of modules: what each has a part of, and the parts add up."""
