"""What may stand in a column: metrics, at a batch size, by a convention.

Conventions are imported where one is asked for: most specs name none.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from reportgen.common.errors import did_you_mean
from reportgen.common.registry import was_known
from reportgen.record.metrics import METRICS, is_known, is_possible, parse_key
from reportgen.spec.base import problem


def _known_column(column: str) -> str:
    if is_possible(column) and was_known(parse_key(column).name):
        return column
    if not is_known(column):
        raise _unknown(column, METRICS)
    key = parse_key(column)
    if key.metric.by_module:
        raise problem(
            f"'{column}' is available only in `report.modules`",
            f"Write `modules: {{columns: [params, macs, {column}]}}` under `report`.",
        )
    if key.convention:
        _check_convention(key.name, key.convention)
    return column


def _additive_column(column: str) -> str:
    from reportgen.counting import readings

    by_module = [name for name in METRICS if METRICS[name].by_module]
    if column in by_module:
        return column
    try:
        readings.reading(column)
    except KeyError:
        if is_possible(column) and (key := parse_key(column)).convention:
            _check_convention(key.name, key.convention)
        if column in METRICS:
            known = ", ".join((*readings.PLAIN, *by_module))
            raise problem(
                f"'{column}' is not available for modules",
                f"Known: {known}; and flops and params by a convention, such as flops.thop.",
            ) from None
        raise _unknown(column, [*readings.PLAIN, *by_module]) from None
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


def _unknown(column: str, known: Collection[str]) -> Exception:
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
