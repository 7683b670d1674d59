"""What counting a model gives: a `Count`, read off the ledger. Needs no model and no PyTorch."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from reportgen.common.errors import UsageError
from reportgen.counting import conventions
from reportgen.counting.breakdown import by_operation
from reportgen.counting.conventions import ACTIVATIONS, PARAMS, WORK
from reportgen.record.ledger import Kind, Ledger, Operation

if TYPE_CHECKING:
    from reportgen.counting.crosscheck import CrossCheck


class ModuleCount(NamedTuple):
    """The figures of one module."""

    macs: int
    flops: int
    params: int
    activations: int


class OperationCount(NamedTuple):
    """The figures of one kind of operation."""

    calls: int
    macs: int
    flops: int
    activations: int


@dataclass(frozen=True, repr=False)
class Count:
    """One model's size and the work of one forward pass; `str` is a table."""

    ledger: Ledger
    """Every module and every operation that ran."""
    cross_check: CrossCheck
    counter: str
    """Who counted: ``"deepspeed 0.19.8"``."""
    device: str
    """Where the forward pass ran: ``"meta"`` (shapes only) or ``"cpu"``."""
    notes: tuple[str, ...] = ()
    """What a reader of the figures should know, a sentence each."""

    @property
    def params(self) -> int:
        """All parameters, shared ones once."""
        return self.ledger.params

    @property
    def trainable_params(self) -> int:
        """Those that training would change."""
        return self.ledger.trainable_params

    @property
    def macs(self) -> int:
        """Products, each with the addition that accumulates it."""
        return self.ledger.macs

    @property
    def flops(self) -> int:
        """Floating-point operations as DeepSpeed counts them."""
        return self.ledger.flops

    @property
    def activations(self) -> int:
        """Elements that convolutions, linear layers and matrix products put out."""
        return ACTIVATIONS.total(self.ledger)

    @property
    def verified(self) -> bool:
        """Whether two counters agree, and every operation that may multiply was counted."""
        return self.cross_check.verified

    @property
    def doubts(self) -> tuple[str, ...]:
        """The operations that keep the count from being verified, each with its module."""
        return self.cross_check.doubts

    @property
    def uncounted(self) -> tuple[Operation, ...]:
        """What ran and computed, and no counter has a formula for."""
        return tuple(op for op in self.ledger.operations if op.kind is Kind.UNCOUNTED)

    def by_module(self, *, own: bool = False) -> dict[str, ModuleCount]:
        """Split the figures by module: its path, ``""`` for the model itself → its figures.

        A module's figures include those of the modules inside it, so ``""`` has the totals. With
        `own` they do not, and all of them add up to the totals.
        """
        each = (WORK["macs"], WORK["flops"], PARAMS["all"], ACTIVATIONS)
        columns = [convention.by_module(self.ledger) for convention in each]
        if not own:
            columns = [self.ledger.subtree_sums(column) for column in columns]
        paths = (module.path for module in self.ledger.modules)
        return dict(zip(paths, map(ModuleCount._make, zip(*columns, strict=True)), strict=True))

    def by_operation(self) -> dict[str, OperationCount]:
        """Split the figures by kind of operation (``"convolution"``); they add up to the totals."""
        calls: Counter[str] = Counter()
        for row in self.ledger.operations:
            calls[row.kind.value] += row.calls
        each = (WORK["macs"], WORK["flops"], ACTIVATIONS)
        splits = [by_operation(convention, self.ledger) for convention in each]
        return {
            kind: OperationCount(calls[kind], *(split.get(kind, 0) for split in splits))
            for kind in map(str, Kind)
            if calls[kind]
        }

    def as_counted_by(self, convention: str, metric: str = "flops") -> int:
        """Return what another tool says: the FLOPs of ``"thop"``, the ``"params"`` of ``"keras"``.

        `reportgen list conventions` lists all. Raises UsageError where there is no such convention.
        """
        families = {"flops": conventions.work, "params": conventions.params}
        if metric not in families:
            raise UsageError(f"conventions are of 'flops' or 'params', not of {metric!r}.")
        return families[metric](convention).total(self.ledger)

    def __str__(self) -> str:
        from tabulate import tabulate

        rows = [(kind, *amounts) for kind, amounts in self.by_operation().items()]
        calls = sum(row[1] for row in rows)
        rows.append(("all", calls, self.macs, self.flops, self.activations))
        table = tabulate(
            [(kind, *(f"{amount:,}" for amount in amounts)) for kind, *amounts in rows],
            headers=("operation", "calls", "MACs", "FLOPs", "activations"),
            disable_numparse=True,
            tablefmt="plain",
            colalign=("left", *["right"] * 4),
        )
        return "\n".join([table, "", *self._sentences()])

    __repr__ = __str__

    def _sentences(self) -> Iterator[str]:
        yield f"Parameters: {self.params:,}, {self.trainable_params:,} of them trainable."
        if self.verified:
            yield f"Counted by {self.counter}. Verified."
        else:
            yield f"Counted by {self.counter}. Not verified: {', '.join(self.doubts)}."
        yield from self.notes
