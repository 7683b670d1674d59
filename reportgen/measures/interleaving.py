"""Time subjects in turn, each once a round, every round in another order.

A slow phase of the machine then affects all subjects alike, and samples of one round make fair
pairs. Orders are random, with a fixed seed. Samplers may be in other processes.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reportgen.measures.statistics import paired_ratio

# Calls are repeated until a sample takes this long: clock and scheduler are too coarse for less.
MIN_SAMPLE_S = 0.1
MAX_CALLS = 1_000

# Warm-up goes on while a module takes less than STEADY of its previous time, up to PATIENCE times
# the warm-up rounds of the spec.
STEADY = 0.95
PATIENCE = 5

# The fewest rounds in a process, also if time is up.
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Sample:
    """One turn of a subject: the mean and the fastest time of its calls, in seconds.

    `faults` and `switches` are page faults and involuntary context switches a call, if known.
    """

    mean: float
    fastest: float
    faults: float | None = None
    switches: float | None = None


Sampler: TypeAlias = Callable[[int], Sample]
"""Makes the given number of calls in a row, one or more."""


def interleaved(
    samplers: Mapping[str, Sampler],
    *,
    rounds: int,
    warmup: int,
    seed: int = 0,
    enough: Callable[[Mapping[str, Sequence[Sample]]], bool] = lambda samples: False,
    drop: Callable[[str, Exception], None] | None = None,
) -> dict[str, list[Sample]]:
    """Time each subject once a round; return a sample for each round kept.

    `warmup` rounds run first and are not kept, and up to `PATIENCE` times as many while a subject
    still gets faster. `rounds` are kept, or fewer if `enough` returns true. If a sampler raises,
    `drop` gets the error, and the others go on; without `drop` the error is raised. `seed` sets the
    orders.
    """
    turns = _Interleaving(samplers, seed, drop)
    for _ in range(2):  # the first allocates, packs weights, chooses kernels
        before = turns.take()
    turns.lengthen(before)
    for number in range(1, PATIENCE * warmup + 1):
        now = turns.take()
        faster = any(sample.mean < STEADY * before[name].mean for name, sample in now.items())
        if number >= warmup and not faster:
            break
        before = now
    samples: dict[str, list[Sample]] = {name: [] for name in turns.order}
    for _ in range(rounds):
        for name, sample in turns.take().items():
            samples[name].append(sample)
        samples = {name: taken for name, taken in samples.items() if name in turns.order}
        if not samples or enough(samples):
            break
    return {name: samples[name] for name in samplers if name in samples}


class _Interleaving:
    """The subjects in the order of the next round, and the calls in a sample of each."""

    def __init__(
        self,
        samplers: Mapping[str, Sampler],
        seed: int,
        drop: Callable[[str, Exception], None] | None,
    ) -> None:
        self.order = list(samplers)
        self._samplers = samplers
        self._drop = drop
        self._calls = dict.fromkeys(samplers, 1)
        self._random = random.Random(seed)

    def take(self) -> dict[str, Sample]:
        """Time each once, and shuffle the next round."""
        taken = {}
        for name in list(self.order):
            try:
                taken[name] = self._samplers[name](self._calls[name])
            except Exception as error:
                if self._drop is None:
                    raise
                self.order.remove(name)
                self._drop(name, error)
        self._random.shuffle(self.order)
        return taken

    def lengthen(self, taken: Mapping[str, Sample]) -> None:
        """Set the number of calls in a sample, from the times of single calls."""
        for name, sample in taken.items():
            self._calls[name] = min(MAX_CALLS, max(1, math.ceil(MIN_SAMPLE_S / sample.mean)))


@dataclass(frozen=True)
class Enough:
    """Says when to stop: the ratios to a reference are precise enough, or time is up.

    `precision` limits half of each ratio's interval, as a part of its median; `until` is the latest
    end, by `clock`. The position of an interval does not matter, so stopping causes no bias.
    """

    reference: str | None
    precision: float | None = None
    until: float | None = None
    clock: Callable[[], float] = time.perf_counter

    def __call__(self, samples: Mapping[str, Sequence[Sample]]) -> bool:
        """Decide, after a round."""
        reference = samples.get(self.reference or "", ())
        rounds = max(map(len, samples.values()), default=0)
        if self.until is not None and rounds >= FEWEST_ROUNDS and self.clock() >= self.until:
            return True
        if self.precision is None or not reference or len(samples) == 1:
            return False
        return all(
            paired_ratio(means(reference), means(taken)).precision <= self.precision
            for name, taken in samples.items()
            if name != self.reference
        )


def means(samples: Sequence[Sample]) -> list[float]:
    """Return the mean of each sample."""
    return [sample.mean for sample in samples]
