"""Which convention stands behind each column that is read off a ledger.

`flops.thop` is read as thop counts work, `params.keras` as Keras counts parameters; `macs`,
`flops`, `params`, `trainable_params` and `activations` each have a convention of their own.
"""

from __future__ import annotations

from collections.abc import Mapping

from reportgen.counting.conventions import ACTIVATIONS, PARAMS, WORK, Convention, named
from reportgen.record.metrics import parse_key

FAMILIES: Mapping[str, Mapping[str, Convention]] = {
    "flops": named(WORK),
    "params": named(PARAMS),
}
"""Metric → the conventions that may follow it, by each of their names."""

PLAIN: Mapping[str, Convention] = {
    "params": PARAMS["all"],
    "trainable_params": PARAMS["trainable"],
    "macs": WORK["macs"],
    "flops": WORK["flops"],
    "activations": ACTIVATIONS,
}
"""Metric → its convention where it is written alone."""


def reading(key: str) -> Convention:
    """Return the convention of a column.

    Raises KeyError: the column is not read off a ledger, or there is no such convention.
    """
    if key in PLAIN:
        return PLAIN[key]
    parts = parse_key(key)
    return FAMILIES[parts.name][parts.convention]
