"""Time forward passes on the CPU, the modules in turn: A B C, C B A, A B C …

Whatever slows the machine for a while slows all alike, and samples of one round make fair pairs.
Every other round goes backwards: who comes first finds the machine otherwise than who comes last,
and in the same order every time a network differs from itself by nearly a percent.
"""

from __future__ import annotations

import contextlib
import gc
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from reportgen.measures.statistics import paired_ratio

# A sample shorter than this is lost in the clock's and the scheduler's grain: calls are repeated.
MIN_SAMPLE_S = 0.02
MAX_CALLS = 1_000

# After a round of warm-up in which some module took less than this part of its time in the one
# before, another follows; up to so many times as many as were asked for.
STEADY = 0.95
PATIENCE = 5

# However short the time is, there are so many rounds.
FEWEST_ROUNDS = 3


@dataclass(frozen=True)
class Subject:
    """A module in eval mode, and what it is called with: by position and by name."""

    module: nn.Module
    args: Sequence[Any]
    kwargs: Mapping[str, Any] = field(default_factory=dict)

    def __call__(self) -> None:
        """Run one forward pass."""
        self.module(*self.args, **self.kwargs)


@contextlib.contextmanager
def quiet(threads: int | None) -> Iterator[None]:
    """Keep what disturbs a timing out: gradients, garbage collection, another thread count.

    Everything is put back at the end.
    """
    before, collecting = torch.get_num_threads(), gc.isenabled()
    gc.collect(1)  # what is older is no more garbage now than it was
    gc.disable()
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        torch.set_num_threads(before)
        if collecting:
            gc.enable()


def interleaved(
    subjects: Mapping[str, Callable[[], None]],
    *,
    rounds: int,
    warmup: int,
    enough: Callable[[Mapping[str, Sequence[float]]], bool] = lambda samples: False,
    clock: Callable[[], float] = time.perf_counter,
) -> dict[str, list[float]]:
    """Time each subject once a round; return seconds per call, one for each round kept.

    `warmup` rounds are run first and not kept, and more of them, up to `PATIENCE` times as many,
    while some subject still gets faster. `rounds` are kept, or fewer where `enough`, which is asked
    after each, says so of the samples. A sample is as many calls as last `MIN_SAMPLE_S`, one at
    least.
    """
    calls: dict[str, int] = {}
    before: dict[str, float] = {}
    for name, subject in subjects.items():
        subject()  # allocates, packs weights, chooses kernels: never a sample
        before[name] = _sample(subject, 1, clock)
        calls[name] = min(MAX_CALLS, max(1, math.ceil(MIN_SAMPLE_S / before[name])))

    order = list(subjects)

    def take_turns() -> dict[str, float]:
        taken = {name: _sample(subjects[name], calls[name], clock) for name in order}
        order.reverse()
        return taken

    for number in range(1, PATIENCE * warmup + 1):
        now = take_turns()
        faster = any(now[name] < STEADY * before[name] for name in subjects)
        if number >= warmup and not faster:
            break
        before = now
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    for _ in range(rounds):
        for name, seconds in take_turns().items():
            samples[name].append(seconds)
        if enough(samples):
            break
    return samples


def _sample(subject: Callable[[], None], calls: int, clock: Callable[[], float]) -> float:
    """Return the seconds of one call, the mean of several in a row."""
    start = clock()
    for _ in range(calls):
        subject()
    return max(clock() - start, 1e-9) / calls


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

    def __call__(self, samples: Mapping[str, Sequence[float]]) -> bool:
        """Decide, after a round."""
        reference = samples.get(self.reference or "", ())
        rounds = max(map(len, samples.values()), default=0)
        if self.until is not None and rounds >= FEWEST_ROUNDS and self.clock() >= self.until:
            return True
        if self.precision is None or not reference or len(samples) == 1:
            return False
        return all(
            paired_ratio(reference, seconds).precision <= self.precision
            for name, seconds in samples.items()
            if name != self.reference
        )


def total_seconds(
    module: nn.Module,
    *,
    image_shape: tuple[int, ...],
    count: int,
    batch_size: int,
    on_batch: Callable[[], None] = lambda: None,
) -> float:
    """Return the seconds of forward passes over `count` images, without reading any.

    Stands in for a data set that is not here: the time of a dense network depends on the shape of
    its input, and not on the pixels, which are random here.
    """
    generator = torch.Generator().manual_seed(0)
    batch = torch.randn((min(batch_size, count), *image_shape), generator=generator)
    module(batch)
    seconds = 0.0
    for first in range(0, count, batch_size):
        images = batch[: min(batch_size, count - first)]
        start = time.perf_counter()
        module(images)
        seconds += time.perf_counter() - start
        on_batch()
    return seconds
