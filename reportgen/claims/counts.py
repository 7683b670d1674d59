"""The counts of a record's builds under every convention, each worked out once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reportgen.common.errors import ReportgenError, did_you_mean
from reportgen.common.units import Number
from reportgen.counting.conventions import Convention
from reportgen.counting.readings import reading
from reportgen.record.ledger import Ledger
from reportgen.record.record import BuildRecord, Figure, Record

_BOTH_PASSES = "_fwd_bwd"


class UnknownError(ReportgenError):
    """There is no such figure; says why."""


class NoModuleError(UnknownError):
    """The build has no such module."""


class Counts:
    """Reads a record's figures and ledgers."""

    def __init__(self, record: Record) -> None:
        self.record = record
        self._ledgers: dict[str, Ledger | None] = {}
        self._totals: dict[tuple[str, str, str], int] = {}

    def builds(self) -> Iterator[tuple[str, BuildRecord]]:
        """Yield the builds in the order of the spec."""
        names = dict.fromkeys((*self.record.report.order, *sorted(self.record.builds)))
        return ((name, self.record.builds[name]) for name in names if name in self.record.builds)

    def ledger(self, build: str) -> Ledger | None:
        """Return a build's ledger; None if it was not counted."""
        if build not in self._ledgers:
            data = self.record.builds[build].ledger
            self._ledgers[build] = None if data is None else Ledger.from_json(data)
        return self._ledgers[build]

    def batch_size(self, build: str) -> int:
        """Return the number of images in a build's counted pass."""
        return self.record.builds[build].batch_size or self.record.report.batch_size

    def figure(self, build: str, key: str, module: str = "") -> Number:
        """Return our figure for a metric: the measured one, or one from the ledger.

        Raises UnknownError if there is none, NoModuleError if there is no such module.
        """
        figures = self.record.builds[build].figures
        own = figures.get(key)
        basis = own if own is not None and not module else figures.get("macs")
        if basis is not None and basis.stale:
            raise UnknownError(f"our figure is stale: {basis.stale}")
        if not module and own is not None and own.value is not None:
            return own.value
        base, both = single_pass(key)
        try:
            convention = reading(base)
        except KeyError:
            raise UnknownError(_why(own)) from None
        ledger = self.ledger(build)
        if ledger is None:
            raise UnknownError(_why(own))
        paths = [entry.path for entry in ledger.modules]
        if module and module not in paths:
            near = did_you_mean(module, paths)
            raise NoModuleError(f"It has no module '{module}'. {near}".strip())
        factor = self.passes if both else 1
        value = factor * self.total(build, convention, module)
        return int(value) if value == int(value) else value

    @property
    def passes(self) -> float:
        """The work of a forward and a backward pass, in forward passes."""
        return 1 + self.record.report.backward_factor

    def total(self, build: str, convention: Convention, module: str = "") -> int:
        """Count a build, or a module of it, by a convention."""
        key = (build, convention.counts, module)
        if key not in self._totals:
            ledger = self.ledger(build)
            self._totals[key] = 0 if ledger is None else _total(convention, ledger, module)
        return self._totals[key]

    def totals(
        self, build: str, table: Mapping[str, Convention], module: str = ""
    ) -> Mapping[str, int]:
        """Count a build by every convention of a table; empty without a ledger."""
        if self.ledger(build) is None:
            return {}
        return {name: self.total(build, entry, module) for name, entry in table.items()}


def single_pass(key: str) -> tuple[str, bool]:
    """Split `flops_fwd_bwd` into (`flops`, True): the forward metric, and whether it is of both."""
    return key.removesuffix(_BOTH_PASSES), key.endswith(_BOTH_PASSES)


def _total(convention: Convention, ledger: Ledger, module: str) -> int:
    own = convention.by_module(ledger)
    return sum(
        value
        for value, entry in zip(own, ledger.modules, strict=True)
        if not module or entry.path == module or entry.path.startswith(f"{module}.")
    )


def _why(figure: Figure | None) -> str:
    return figure.reason if figure is not None and figure.reason else "it was not measured"
