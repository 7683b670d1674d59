"""The model as calflops prints it: every module with its share of parameters, MACs and FLOPs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from reportgen.common import units
from reportgen.common.visible import in_place, one_line
from reportgen.record.ledger import Ledger
from reportgen.report.plain import line

_DECIMALS = 2


def module_tree(ledger: Ledger) -> str:
    """Write the tree that calflops prints for a model, from its ledger.

    A module's figures include its children's; parameters are the trainable ones, as there.
    """
    own_params = [module.trainable_params for module in ledger.modules]
    sums = [ledger.subtree_sums(own) for own in (own_params, *_work(ledger))]
    below = children(ledger)

    def lines(position: int) -> list[str]:
        """Lay a module out as PyTorch does: on one line where it has no children."""
        module = ledger.modules[position]
        shares = _shares(*((each[position], each[0]) for each in sums))
        about = [shares, *filter(None, [module.detail])]
        first, *more = map(_seen, ", ".join(about).split("\n"))
        kind = line(module.type)
        if not below[position] and not more:
            return [f"{kind}({first})"]
        inner = [first, *more]
        for child in below[position]:
            opening, *rest = lines(child)
            inner += [f"({one_line(ledger.modules[child].name)}): {opening}", *rest]
        return [f"{kind}(", *(f"  {entry}" for entry in inner), ")"]

    return "\n".join(lines(0))


def children(ledger: Ledger) -> Mapping[int, Sequence[int]]:
    """Return the positions of each module's children."""
    found: dict[int, list[int]] = defaultdict(list)
    for position, parent in enumerate(ledger.parents()):
        if parent is not None:
            found[parent].append(position)
    return found


def _seen(detail: str) -> str:
    """Keep the indentation of a line of a module's own words."""
    words = detail.lstrip()
    return in_place(detail[: len(detail) - len(words)]) + line(words)


def _work(ledger: Ledger) -> tuple[list[int], list[int]]:
    """Return the MACs and FLOPs of each module itself, its children's left out."""
    macs = [0] * len(ledger.modules)
    flops = [0] * len(ledger.modules)
    for operation in ledger.operations:
        macs[operation.module] += operation.macs
        flops[operation.module] += operation.flops
    return macs, flops


def _shares(params: tuple[int, int], macs: tuple[int, int], flops: tuple[int, int]) -> str:
    written = (
        f"{units.calflops_params(params[0], _DECIMALS)} = {units.calflops_share(*params)} Params",
        f"{units.calflops_macs(macs[0], _DECIMALS)} = {units.calflops_share(*macs)} MACs",
        f"{units.calflops_flops(flops[0], _DECIMALS)} = {units.calflops_share(*flops)} FLOPs",
    )
    return ", ".join(written)
