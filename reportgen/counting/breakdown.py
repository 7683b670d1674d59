"""A convention's figure for one model, taken apart into terms that add up to it exactly.

The first term is the model's products, the MACs; the others say what the convention counts besides,
or leaves out, by kind of operation. Pure: a ledger in, terms out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reportgen.counting.conventions import Convention, Modules, Operations
from reportgen.record.ledger import Kind, Ledger, Operation

# What one of each figure of an operation is called, after the kind of the operation.
_NOUNS = {"in_elements": "elements", "out_elements": "outputs", "bias_elements": "biases"}
_MODULE_NOUNS = {
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "statistics": "running means and variances",
}


@dataclass(frozen=True)
class Term:
    """So many times so much of something: `2 × 11,113,984 batch-norm elements`."""

    times: int
    amount: int
    what: str

    @property
    def value(self) -> int:
        """What it adds to the figure; negative for what a convention leaves out."""
        return self.times * self.amount

    def __str__(self) -> str:
        times = f"{abs(self.times)} × " if abs(self.times) != 1 else ""
        return f"{times}{self.amount:,} {self.what}"


def breakdown(convention: Convention, ledger: Ledger) -> tuple[Term, ...]:
    """Take the figure of a convention apart: products first, then by size.

    `sum(term.value for term in breakdown(c, ledger)) == c.total(ledger)`, always.
    """
    products: Counter[Kind] = Counter()
    others: Counter[tuple[int, str]] = Counter()
    operations = [term for term in convention.terms if isinstance(term, Operations)]
    for row in ledger.operations:
        weights: Counter[str] = Counter()
        for term in operations:
            if term.admits(row, ledger.modules[row.module]):
                weights.update(term.weights)
        products[row.kind] += (weights["macs"] + 2 * weights["flops"]) * row.macs
        products[row.kind] += weights["torch_missed"] * row.torch_missed
        for times, amount, what in _besides(row, weights):
            others[times, what] += amount
    for extra in convention.terms:
        if isinstance(extra, Modules):
            for times, amount, what in _of_modules(extra, ledger):
                others[times, what] += amount
    rest = (Term(times, amount, what) for (times, what), amount in others.items())
    return (
        *(_products(products, ledger) if operations else ()),
        *sorted(
            (term for term in rest if term.value), key=lambda term: (-abs(term.value), term.what)
        ),
    )


def by_operation(convention: Convention, ledger: Ledger) -> dict[str, int]:
    """Split the figure of a convention by the kinds of operations that it counts, in their order.

    What it reads off modules, and not off what they run, stands under `parameters`.
    """
    kinds: Counter[Kind] = Counter()
    parameters = 0
    for term in convention.terms:
        if isinstance(term, Modules):
            parameters += sum(term.of(ledger))
            continue
        for row in ledger.operations:
            if term.admits(row, ledger.modules[row.module]):
                kinds[row.kind] += term.amount(row)
    split = {kind.value: kinds[kind] for kind in Kind if kinds[kind]}
    return split | ({"parameters": parameters} if parameters else {})


def summed(terms: Sequence[Term]) -> str:
    """Write terms as a sum: `4,089,184,256 MACs + 1,000 linear biases`."""
    text = " ".join(f"{'−' if term.times < 0 else '+'} {term}" for term in terms)
    return text.removeprefix("+ ") or "0"


def _products(counted: Counter[Kind], ledger: Ledger) -> Iterator[Term]:
    """Yield the products as so many times all of them, and the kinds counted more or less often."""
    present: Counter[Kind] = Counter()
    for row in ledger.operations:
        present[row.kind] += row.macs
    total = present.total()
    if not total:
        return
    usual = max(1, round(counted.total() / total))
    yield Term(usual, total, "MACs")
    for kind in sorted(present, key=lambda kind: (-present[kind], kind.value)):
        if difference := counted[kind] - usual * present[kind]:
            times, left = divmod(difference, present[kind])
            if left:
                times, amount = (1, difference) if difference > 0 else (-1, -difference)
            else:
                amount = present[kind]
            yield Term(times, amount, _name(kind, "products"))


def _besides(row: Operation, weights: Counter[str]) -> Iterator[tuple[int, int, str]]:
    """Yield what a row adds besides products: how often, how much, of what.

    DeepSpeed's FLOPs are taken apart too: two for each product and the rest, or so many for each
    element.
    """
    if extra := weights["flops"]:
        rest = row.flops - 2 * row.macs
        if row.macs:
            of = "biases" if rest == row.bias_elements else "further operations"
            yield extra, rest, _name(row.kind, of)
        elif row.in_elements and rest % row.in_elements == 0:
            weights["in_elements"] += extra * (rest // row.in_elements)
        elif row.out_elements and rest % row.out_elements == 0:
            weights["out_elements"] += extra * (rest // row.out_elements)
        else:
            yield extra, rest, _name(row.kind, "operations")
    for field, noun in _NOUNS.items():
        if weights[field]:
            yield weights[field], getattr(row, field), _name(row.kind, noun)


def _of_modules(term: Modules, ledger: Ledger) -> Iterator[tuple[int, int, str]]:
    for field, times in term.weights.items():
        own = replace(term, weights={field: 1}).of(ledger)
        for module, amount in zip(ledger.modules, own, strict=True):
            yield times, amount, _MODULE_NOUNS.get(field, f"{module.type} parameters")


def _name(kind: Kind, noun: str) -> str:
    return f"{kind.value.replace(' ', '-')} {noun}"
