"""What a spec says once for many: where it starts from, defaults, budgets."""

from __future__ import annotations

from typing import Annotated, Any, TypeAlias

from pydantic import Field, WithJsonSchema

from reportgen.spec.base import Name, Part
from reportgen.spec.columns import Column

Extends: TypeAlias = Name | Annotated[list[Name], Field(min_length=1)]
"""Specs that a spec starts from. They are laid below it before anything is checked."""

# What they hold is checked where it ends up; `reportgen.spec.schema` puts in what they may hold.
_Anything: TypeAlias = Annotated[dict[str, Any], WithJsonSchema({"type": "object"})]


class Defaults(Part):
    """Defaults for every model or data set."""

    model: _Anything = Field(default_factory=dict)
    """Keys of every model."""
    dataset: _Anything = Field(default_factory=dict)
    """Keys of every data set."""


Limit: TypeAlias = Annotated[str, Field(examples=["≤ 2 M", ">= 90 %", "< 20 ms"])]
Budgets: TypeAlias = dict[Column, Limit]
"""Limits by metric, for every model."""
ModelBudgets: TypeAlias = dict[Column, Limit | None]
"""Limits by metric, for one model; nothing takes away what is asked of all."""
