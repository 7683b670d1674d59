"""Who is timed when: subjects in turn, each once a round, every round in another order.

Whatever slows the machine for a while slows all alike, and samples of one round make fair pairs.
In one order always, who comes first finds the machine otherwise than who comes last; there and back
again, whoever turns the round is timed twice in a row. So orders are drawn, the same on every run.

Nothing here runs a module, or imports what does: a sampler may well be in another process.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from reportgen.measures.statistics import paired_ratio

# A sample shorter than this is lost in the clock's and the scheduler's grain: calls are repeated.
MIN_SAMPLE_S = 0.1
MAX_CALLS = 1_000

# After a round of warm-up in which some module took less than this part of its time in the one
# before, another follows; up to so many times as many as were asked for.
STEADY = 0.95
PATIENCE = 5

# The fewest rounds in a process, however short the time is.
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Sample:
    """What one turn of a subject gave: the seconds of its calls, on average and of the fastest.

    `faults` are the page faults of its process and `switches` its involuntary context switches, a
    call; None where the system does not count them.
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

    `warmup` rounds are run first and not kept, and more of them, up to `PATIENCE` times as many,
    while some subject still gets faster. `rounds` are kept, or fewer where `enough`, which is asked
    after each, says so of the samples. A sample is as many calls as last `MIN_SAMPLE_S`, one at
    least. What a sampler raises is passed on, or told to `drop`: the others go on without it. Each
    `seed` has orders of its own.
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
    """Who is timed, in the order of the next round, and how many calls make a sample of each."""

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
        """Time each once, and draw the order of the next round."""
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
        """Repeat calls that took so long until they make a sample."""
        for name, sample in taken.items():
            self._calls[name] = min(MAX_CALLS, max(1, math.ceil(MIN_SAMPLE_S / sample.mean)))


@dataclass(frozen=True)
class Enough:
    """Says when to stop: the ratios to a reference are known closely enough, or time is up.

    `precision` is how far the interval of each ratio may reach from its median, as a part of it;
    `until` is when to stop at the latest, by `clock`. None: never for that reason. Stopping looks
    at how wide an interval is and never at where it lies, so it does not favour a difference.
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
