"""What a verdict says, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction

from reportgen.claims.candidates import Candidate
from reportgen.claims.printed import Printed, exact
from reportgen.common.units import Number, format_count, format_decimals, format_significant
from reportgen.record.metrics import metric_of, parse_key

_WORK = {
    "macs": "the MAC count",
    "flops": "the FLOP count",
    "torch": "twice the MAC count",
    "fvcore-train": "fvcore's count in training mode",
    "keras": "Keras's count",
    "ptflops-pytorch": "the count of ptflops's pytorch back end",
}
_SIZE = {
    "all": "the number of parameters",
    "trainable": "the number of trainable parameters",
    "keras": "Keras's number of parameters",
    "keras-non-trainable": "Keras's number of non-trainable parameters",
}
_COUNTERS = {
    "torch": "FlopCounterMode",
    "keras": "Keras",
    "keras-non-trainable": "Keras",
    "fvcore-train": "fvcore",
}
_NOUNS = {
    "params": "parameters",
    "trainable_params": "trainable parameters",
    "macs": "MACs",
    "flops": "FLOPs",
    "macs_fwd_bwd": "MACs forward and backward",
    "flops_fwd_bwd": "FLOPs forward and backward",
    "activations": "activations",
}


_CLOSE = Fraction(1, 10)
"""How far from a count a number may be to be compared with it."""

_SURE = {0: -1, 1: -1, 2: 1, 3: 3}
"""Digits → highest cost of an explanation that is stated as a fact. MACs are called FLOPs so often
that two digits are enough for that."""


def agrees(claim: Printed, key: str, ours: Number, tolerance: str) -> str:
    """Say that a claim holds: to its digits, or within its tolerance."""
    if claim.fits(exact(ours)):
        return f"Agrees: {our_text(key, ours)}."
    return f"Agrees within {tolerance}: {our_text(key, ours)}; {_how_far(claim, key, ours)}."


def differs(claim: Printed, key: str, ours: Number) -> str:
    """Say by how much a measured figure differs."""
    return f"{our_text(key, ours)} here; {_how_far(claim, key, ours)}."


def explained(
    claim: Printed, candidates: Sequence[Candidate], ours: Number | None = None, fact: str = ""
) -> str:
    """Say what a printed number is, or could be; `ours` is our figure, `fact` a sentence on it."""
    best = likely(claim, candidates)
    verb = "is" if sure(claim, candidates) else "could be"
    included = ours is None or any(entry.count == exact(ours) for entry in best)
    rest = "" if included else f"; {fact}"
    return f"{claim.text} {verb} {' or '.join(map(phrase, best))}{rest}."


def unexplained(claim: Printed, figures: Mapping[str, Number], fact: str) -> str:
    """Say that no convention gives a printed number.

    `figures` are ours by metric, the claimed one first, and `fact` a sentence with them.
    """
    close = {
        key: apart
        for key, ours in figures.items()
        if ours and (apart := abs(claim.value / exact(ours) - 1)) <= _CLOSE
    }
    key = min(close, key=lambda key: close[key], default=next(iter(figures)))
    far = _how_far(claim, key, figures[key])
    if key != next(iter(figures)):
        far = f"{far} for {_NOUNS[key]}"
    return f"No convention gives {claim.text}: {fact}; {far}."


def likely(claim: Printed, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Choose the explanations: the simplest, and the next one if there are few digits."""
    if sure(claim, candidates):
        return [candidates[0]]
    if claim.digits <= 2:
        return list(candidates[:2])
    return [entry for entry in candidates if entry.cost == candidates[0].cost][:2]


def sure(claim: Printed, candidates: Sequence[Candidate]) -> bool:
    """Whether one explanation is simpler than all others, and supported by enough digits."""
    alone = len(candidates) < 2 or candidates[1].cost > candidates[0].cost
    return alone and candidates[0].cost <= _SURE.get(claim.digits, 99)


def phrase(candidate: Candidate) -> str:
    """Write what a count is, its value, and how it was misread: `half of thop's count (…)`."""
    name = candidate.convention
    noun = _SIZE.get(name, name) if candidate.size else _WORK.get(name, f"{name}'s count")
    of = f" of {candidate.build}" if candidate.build else ""
    steps = "".join(step.after for step in candidate.steps)
    misread = candidate.misread
    return f"{misread.before}{noun}{of}{steps} ({_number(candidate.count)}){misread.after}"


def fact(figures: Mapping[str, Number], module: str = "", batch: int = 1) -> str:
    """Write what there is: `there are 4,089,184,256 MACs`, `thop counts 16,534,970,368`."""
    of = f" for a batch of {batch}" if batch != 1 else ""
    first = next(iter(figures))
    if by := parse_key(first).convention:
        who, part = _COUNTERS.get(by, by), f" for {module}" if module else ""
        return f"{who} counts {figures[first]:,}{part}{of}"
    what = " and ".join(f"{ours:,} {_NOUNS[key]}" for key, ours in figures.items())
    return f"{f'{module} has' if module else 'there are'} {what}{of}"


def our_text(key: str, ours: Number) -> str:
    """Write a figure of ours: counts to the last digit, others as the tables do."""
    metric = metric_of(key)
    if metric.kind == "complexity":
        return f"{ours:,}"
    if metric.unit == "%":
        return f"{format_decimals(ours, 2)} %"
    return f"{format_significant(ours, 4)} {metric.unit}".rstrip()


def _how_far(claim: Printed, key: str, ours: Number) -> str:
    difference = claim.value - exact(ours)
    way = "too high" if difference > 0 else "too low"
    if metric_of(key).unit == "%":
        return f"the claim is {float(abs(difference)):.3g} points {way}"
    if not ours:
        return "the claim is not"
    if claim.value >= 2 * exact(ours):
        return f"the claim is {float(claim.value / exact(ours)):.3g} times as much"
    return f"the claim is {float(100 * abs(difference) / exact(ours)):.3g} % {way}"


def _number(value: Fraction) -> str:
    return f"{int(value):,}" if value.denominator == 1 else format_count(float(value))
