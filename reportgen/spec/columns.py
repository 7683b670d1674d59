"""What may stand in a column: quantities, at a batch size, by a convention."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from reportgen import quantities
from reportgen.counting import readings
from reportgen.errors import did_you_mean
from reportgen.spec.base import problem


def _known_column(column: str) -> str:
    try:
        quantities.split_key(column)
    except KeyError:
        raise _unknown(column, quantities.QUANTITIES) from None
    if parts := quantities.split_convention(column):
        _check_convention(*parts)
    return column


def _additive_column(column: str) -> str:
    try:
        readings.reading(column)
    except KeyError:
        if parts := quantities.split_convention(column):
            _check_convention(*parts)
        if column in quantities.QUANTITIES:
            known = ", ".join(readings.PLAIN)
            raise problem(
                f"'{column}' cannot be told of a module",
                f"Known: {known}; and flops and params by a convention, such as flops.thop.",
            ) from None
        raise _unknown(column, readings.PLAIN) from None
    return column


def _check_convention(quantity: str, convention: str) -> None:
    conventions = readings.FAMILIES[quantity]
    if convention not in conventions:
        hint = did_you_mean(convention, conventions)
        raise problem(
            f"no convention '{convention}' counts {quantity}",
            f"{hint} `reportgen list conventions` lists all.".strip(),
        )


def _unknown(column: str, known: Mapping[str, object]) -> Exception:
    """Say what is wrong with a column that is no quantity's."""
    name, at, batch = column.partition("@")
    if name in known and at:
        return problem(
            f"'{batch}' is no batch size of '{name}'",
            "Write latency@256: a batch size goes with latency, throughput and speedup only.",
        )
    base, _, convention = name.partition(".")
    if base in known and convention in readings.FAMILIES["flops"]:
        return problem(
            f"'{base}' has no conventions",
            f"Write flops.{convention}: a convention goes with flops and params only.",
        )
    hint = did_you_mean(name, known)
    return problem(
        f"unknown quantity '{column}'", f"{hint} `reportgen list metrics` lists all.".strip()
    )


Column: TypeAlias = Annotated[str, AfterValidator(_known_column)]
"""A column of the comparison: `top1`, `latency@256`, `flops.thop`."""

ModuleColumn: TypeAlias = Annotated[str, AfterValidator(_additive_column)]
"""A column of a table of modules: what each has a part of, and the parts add up."""
