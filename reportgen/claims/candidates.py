"""Explain a printed count: by a convention, batch size, pass, misreading or other build.

Each step away from the claimed count has a cost, in the tables below. The cheapest explanation that
gives the printed digits wins. The fewer digits, the cheaper it must be: a few digits fit by chance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import product

from reportgen.claims.counts import Counts, UnknownError, single_pass
from reportgen.claims.printed import Printed, exact
from reportgen.counting.conventions import PARAMS, WORK
from reportgen.counting.readings import reading

_COST = {"macs": 1, "flops": 1, "torch": 1, "all": 1, "thop": 2, "fvcore": 2, "keras": 2}
"""Cost of a convention where another one is claimed; 3 for the others."""

_DEAREST = {0: -1, 1: 1, 2: 2, 3: 4, 4: 5}
"""Digits → highest cost of an explanation; no limit with more digits."""


@dataclass(frozen=True)
class Step:
    """A factor between a number and a count, and the words for it around those of the count."""

    factor: Fraction
    cost: int
    before: str = ""
    after: str = ""

    @cached_property
    def times(self) -> float:
        """The factor, for quick comparisons."""
        return float(self.factor)


@dataclass(frozen=True)
class Candidate:
    """A count that a printed number might be, how it was misread, and the cost of that.

    `convention` is a name in `WORK`, or in `PARAMS` if `size` is set; `build` is another build.
    """

    convention: str
    size: bool
    count: Fraction
    cost: int
    steps: tuple[Step, ...] = ()
    misread: Step = Step(Fraction(1), 0)
    build: str = ""

    @property
    def value(self) -> Fraction:
        """What would be printed."""
        return self.count * self.misread.factor


_PREFIXES = (
    Step(Fraction(1000), 3, "a thousand times "),
    Step(Fraction(1, 1000), 3, "a thousandth of "),
    Step(Fraction(10), 4, "ten times "),
    Step(Fraction(1, 10), 4, "a tenth of "),
)
_READ_AS_BILLION = Step(Fraction(1, 10), 1, "a tenth of ", "; 亿 is 10⁸, a billion 10⁹")
_OF_WORK = (Step(Fraction(2), 2, "twice "), Step(Fraction(1, 2), 3, "half of "), *_PREFIXES)
_OF_SIZE = (
    Step(Fraction(4), 2, "", " in bytes, 4 each"),
    Step(Fraction(2), 3, "", " in bytes, 2 each"),
    Step(Fraction(4 * 1000**2, 1024**2), 3, "", " in MiB, 4 bytes each"),
    *_PREFIXES,
)
_BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)


def explanations(
    claim: Printed, counts: Counts, build: str, key: str = "", module: str = ""
) -> list[Candidate]:
    """Return what a printed number might be, the simplest first, each value once.

    Without a `key`, the number does not claim a metric.
    """
    dearest = _DEAREST.get(claim.digits, 99)
    every = (
        *_of_work(claim, counts, build, key, module),
        *_of_size(claim, counts, build, key, module),
        *(_elsewhere(counts, build, key) if key and not module else ()),
    )
    found: dict[Fraction, Candidate] = {}
    for candidate in sorted(every, key=lambda candidate: candidate.cost):
        if candidate.cost <= dearest and candidate.value > 0 and claim.fits(candidate.value):
            found.setdefault(candidate.value, candidate)
    return list(found.values())


def _of_work(
    claim: Printed, counts: Counts, build: str, key: str, module: str
) -> Iterator[Candidate]:
    base, both = single_pass(key)
    passes = (
        Step(Fraction(1), 2, after=" of the forward pass alone") if both else Step(Fraction(1), 0),
        Step(exact(counts.passes), 0 if both else 2, after=" of a forward and a backward pass"),
    )
    ways = tuple(product(_batches(counts.batch_size(build)), passes, _misread(claim, _OF_WORK)))
    for name, count in counts.totals(build, WORK, module).items():
        own = _own(base, name, size=False)
        for batch, way, misread in ways:
            # A quick test first: most are far off.
            if claim.near(count * batch.times * way.times * misread.times):
                value = count * batch.factor * way.factor
                cost = own + batch.cost + way.cost + misread.cost
                yield Candidate(name, False, value, cost, (batch, way), misread)


def _of_size(
    claim: Printed, counts: Counts, build: str, key: str, module: str
) -> Iterator[Candidate]:
    quantised = counts.record.builds[build].dtype != "float32"
    for name, count in counts.totals(build, PARAMS, module).items():
        own = _own(single_pass(key)[0], name, size=True)
        for misread in _misread(claim, _OF_SIZE):
            if claim.near(count * misread.times):
                cost = own + misread.cost
                of = "its float model" if quantised else ""
                yield Candidate(name, True, Fraction(count), cost, (), misread, of)


def _misread(claim: Printed, steps: tuple[Step, ...]) -> tuple[Step, ...]:
    billion = (_READ_AS_BILLION,) if "亿" in claim.text else ()
    return (Step(Fraction(1), 0), *billion, *steps)


def _elsewhere(counts: Counts, build: str, key: str) -> Iterator[Candidate]:
    """Yield the same figure of the other builds."""
    base = single_pass(key)[0]
    this = counts.record.builds[build]
    for name, other in counts.builds():
        if name != build:
            try:
                count = exact(counts.figure(name, key))
                convention = reading(base).name
            except (UnknownError, KeyError):
                continue
            size = reading(base) in PARAMS.values()
            cost = 1 if other.model == this.model else 2
            yield Candidate(convention, size, count, cost, build=name)


def _batches(here: int) -> Sequence[Step]:
    """List the batch sizes; the counted one costs nothing, and is not mentioned if it is 1."""
    return [
        Step(
            Fraction(batch, here),
            0 if batch == here else 1 if batch == 1 else 2 if batch == 4 else 3,
            after="" if batch == here == 1 else f" for a batch of {batch}",
        )
        for batch in sorted({here, *_BATCHES})
    ]


def _own(base: str, name: str, *, size: bool) -> int:
    """Return the cost of a convention, given the claimed metric."""
    table = PARAMS if size else WORK
    try:
        claimed = reading(base) if base else None
    except KeyError:
        claimed = None
    if claimed is table[name]:
        return 0
    foreign = claimed is not None and claimed not in table.values()
    return _COST.get(name, 3) + (3 if foreign else 0)
