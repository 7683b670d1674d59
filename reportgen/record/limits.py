"""A budget: what a figure may be at most, or must be at least. As text, and read."""

from __future__ import annotations

import functools
import operator
import re
from dataclasses import dataclass

from reportgen.common.units import Number, read_in
from reportgen.record.metrics import metric_of

_RELATIONS = {"≤": operator.le, "≥": operator.ge, "<": operator.lt, ">": operator.gt}
_ASCII = {"<=": "≤", ">=": "≥"}
_BUDGET = re.compile(r"\s*(<=|>=|[≤≥<>])\s*(.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Budget:
    """A limit of one metric, in that metric's unit; `text` is how it is shown: `≤ 2 M`."""

    key: str
    relation: str
    limit: Number
    text: str

    def holds(self, value: Number) -> bool:
        """Whether a value is within the budget."""
        return bool(_RELATIONS[self.relation](value, self.limit))


@functools.lru_cache(maxsize=1_000)
def parse(key: str, text: str) -> Budget:
    """Read `≤ 2 M` or `<= 2 M` as a budget; raise ValueError with a hint, or KeyError."""
    match = _BUDGET.fullmatch(text)
    if match is None:
        raise ValueError(
            f"Begin with ≤ or ≥ (<=, >=, < and > do too): '≤ {text.strip() or '2 M'}'."
        )
    relation, amount = _ASCII.get(match[1], match[1]), match[2]
    metric = metric_of(key)
    limit = read_in(amount, metric.unit, metric.counts)
    return Budget(key, relation, limit, f"{relation} {amount}")
